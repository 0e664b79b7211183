package asl

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"heddle/internal/sfn/intrinsic"
	"heddle/jsonata"
	"heddle/jsonvalue"
)

// library has the functions that expressions may call: JSONata's, but for $eval, and those
// that Step Functions adds (Developer Guide, Transforming data with JSONata).
var library = func() *jsonata.Library {
	l := jsonata.NewLibrary().Without("eval")
	for _, f := range []struct {
		name, signature string
		do              func(c jsonata.Call, args []any) (any, error)
	}{
		{"partition", "<an:a>", chunks},
		{"range", "<nnn:a>", numbersFromTo},
		{"hash", "<ss:s>", hash},
		{"random", "<n?:n>", random},
		{"uuid", "<:s>", uuid},
		{"parse", "<s:x>", parseText},
	} {
		do := func(c jsonata.Call, args []any) (any, error) {
			if f.name != "random" {
				for _, a := range args {
					if a == jsonata.Undefined {
						return jsonata.Undefined, nil
					}
				}
			}
			return f.do(c, args)
		}
		if err := l.Register(f.name, f.signature, do); err != nil {
			panic(err)
		}
	}
	return l
}()

// refusal is the error of a function that cannot take its arguments. JSONata has no code for it.
func refusal(message string) error { return jsonata.NewError("U1008", message, jsonata.Undefined) }

// chunks cuts a list into lists of so many items; the last may have fewer.
func chunks(c jsonata.Call, args []any) (any, error) {
	list := args[0].([]any)
	size, _ := jsonvalue.Float(args[1])
	if size < 1 || size != math.Trunc(size) {
		return nil, refusal("The size of the chunks must be a positive integer")
	}
	parts := []any{}
	for len(list) > 0 {
		n := int(min(size, float64(len(list))))
		if err := c.Charge(48); err != nil {
			return nil, err
		}
		parts = append(parts, list[:n:n])
		list = list[n:]
	}
	return parts, nil
}

// numbersFromTo lists the numbers from one to another, both included. A list of one is, as
// elsewhere in JSONata, its item, and one of none is nothing.
func numbersFromTo(c jsonata.Call, args []any) (any, error) {
	first, _ := jsonvalue.Float(args[0])
	last, _ := jsonvalue.Float(args[1])
	step, _ := jsonvalue.Float(args[2])
	if step == 0 {
		return nil, refusal("The step of a range must not be zero")
	}
	var list []any
	for i := 0; ; i++ {
		n := first + float64(i)*step
		if step > 0 && n > last || step < 0 && n < last {
			break
		}
		if err := c.Charge(32); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	switch len(list) {
	case 0:
		return jsonata.Undefined, nil
	case 1:
		return list[0], nil
	}
	return list, nil
}

// hash is the hash of a text, in hexadecimal digits.
func hash(c jsonata.Call, args []any) (any, error) {
	text, algorithm := []byte(args[0].(string)), args[1].(string)
	if err := c.Step(len(text) / 64); err != nil {
		return nil, err
	}
	switch algorithm {
	case "MD5":
		sum := md5.Sum(text)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-1":
		sum := sha1.Sum(text)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-256":
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-384":
		sum := sha512.Sum384(text)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-512":
		sum := sha512.Sum512(text)
		return hex.EncodeToString(sum[:]), nil
	}
	return nil, refusal("The hash algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512")
}

// random is a number of at least 0 and below 1; with a seed always the same one.
func random(c jsonata.Call, args []any) (any, error) {
	if len(args) == 0 || args[0] == jsonata.Undefined {
		return c.Random()
	}
	seed, _ := jsonvalue.Float(args[0])
	return intrinsic.NewRandom(int64(min(max(seed, -1<<63), 1<<63-1024))).Float(), nil
}

// uuid is a random UUID, version 4.
func uuid(c jsonata.Call, _ []any) (any, error) {
	var b [16]byte
	for i := 0; i < len(b); i += 4 {
		f, err := c.Random()
		if err != nil {
			return nil, err
		}
		binary.BigEndian.PutUint32(b[i:], uint32(f*(1<<32)))
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// parseText reads a JSON text. Whole numbers that a long of Java holds are read exactly, others
// as JavaScript does.
func parseText(c jsonata.Call, args []any) (any, error) {
	text := args[0].(string)
	if err := c.Charge(len(text)); err != nil {
		return nil, err
	}
	v, err := jsonvalue.ParseString(text)
	if err != nil {
		return nil, err
	}
	return floats(v), nil
}

// floats makes numbers of a value that was just read floats, but for whole ones that a long holds
// and a float may not.
func floats(v any) any {
	switch v := v.(type) {
	case jsonvalue.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && (n > 1<<53 || n < -1<<53) {
			return v
		}
		return v.Float()
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case *jsonvalue.Object:
		for name, item := range v.All() {
			v.Set(name, floats(item))
		}
	}
	return v
}
