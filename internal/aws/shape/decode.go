package shape

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// depthMax is how deep members that no structure has may nest.
const depthMax = 64

// ElementsMax is how many elements a list or a map may have, so that a small body cannot
// ask for much memory.
const ElementsMax = 1 << 15

var (
	errDepth    = errors.New("nested too deeply")
	errElements = errors.New("list has too many elements")
	errEntries  = errors.New("map has too many entries")
	errNotUTF8  = errors.New("string is not valid UTF-8")
	errBlob     = errors.New("string is not valid base64")
)

// DecodeObject reads a structure, member by member.
func DecodeObject(d *jx.Decoder, member func(d *jx.Decoder, key []byte) error) error {
	if d.Next() != jx.Object {
		return mismatch(d, "Structure")
	}
	return d.ObjBytes(member)
}

// DecodeList reads a list, element by element.
func DecodeList(d *jx.Decoder, element func(d *jx.Decoder) error) error {
	if d.Next() != jx.Array {
		return mismatch(d, "List")
	}
	n := 0
	return d.Arr(func(d *jx.Decoder) error {
		if n++; n > ElementsMax {
			return errElements
		}
		return element(d)
	})
}

// SkipMember passes over a member that the structure does not have.
func SkipMember(d *jx.Decoder, _ []byte) error { return skip(d, depthMax) }

func skip(d *jx.Decoder, depth int) error {
	if depth == 0 {
		return errDepth
	}
	switch d.Next() {
	case jx.Object:
		return d.ObjBytes(func(d *jx.Decoder, _ []byte) error { return skip(d, depth-1) })
	case jx.Array:
		return d.Arr(func(d *jx.Decoder) error { return skip(d, depth-1) })
	default:
		return d.Skip()
	}
}

// The readers of values return ok false for a null and for an error.

// DecodeString reads a string, which must be UTF-8.
func DecodeString(d *jx.Decoder) (s string, ok bool, err error) {
	switch d.Next() {
	case jx.String:
		b, err := d.StrBytes()
		if err != nil {
			return "", false, err
		}
		if !utf8.Valid(b) {
			return "", false, errNotUTF8
		}
		return string(b), true, nil
	case jx.Null:
		return "", false, d.Null()
	default:
		return "", false, mismatch(d, "String")
	}
}

// DecodeStrings reads a list of strings; a null among them is [Null].
func DecodeStrings(d *jx.Decoder) ([]string, error) {
	list := []string{}
	err := DecodeList(d, func(d *jx.Decoder) error {
		s, ok, err := DecodeString(d)
		if !ok {
			s = Null
		}
		list = append(list, s)
		return err
	})
	return list, err
}

// DecodeElements reads a list by the reader of its elements, which may not be null.
func DecodeElements[T any](d *jx.Decoder, element func(*jx.Decoder) (T, bool, error)) (list []T, ok bool, err error) {
	if d.Next() == jx.Null {
		return nil, false, d.Null()
	}
	list = []T{}
	err = DecodeList(d, func(d *jx.Decoder) error {
		v, ok, err := element(d)
		if err == nil && !ok {
			return errNullElement
		}
		list = append(list, v)
		return err
	})
	return list, err == nil, err
}

// DecodeMap reads a map by the reader of its values. An entry with a null is none.
func DecodeMap[T any](d *jx.Decoder, value func(*jx.Decoder) (T, bool, error)) (m map[string]T, ok bool, err error) {
	switch d.Next() {
	case jx.Null:
		return nil, false, d.Null()
	case jx.Object:
	default:
		return nil, false, mismatch(d, "Map")
	}
	m = map[string]T{}
	n := 0
	err = d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if n++; n > ElementsMax {
			return errEntries
		}
		if !utf8.Valid(key) {
			return errNotUTF8
		}
		k := string(key)
		v, ok, err := value(d)
		if ok {
			m[k] = v
		}
		return err
	})
	return m, err == nil, err
}

// Decoder is a pointer to a structure that reads itself.
type Decoder[T any] interface {
	*T
	Decode(*jx.Decoder) error
}

// DecodeStructure reads a structure.
func DecodeStructure[T any, P Decoder[T]](d *jx.Decoder) (v T, ok bool, err error) {
	if d.Next() == jx.Null {
		return v, false, d.Null()
	}
	err = P(&v).Decode(d)
	return v, err == nil, err
}

// DecodeBody reads the members that a body has; no body has none.
func DecodeBody(body []byte, member func(d *jx.Decoder, key []byte) error) error {
	if len(body) == 0 {
		return nil
	}
	d := jx.DecodeBytes(body)
	if err := DecodeObject(d, member); err != nil {
		return err
	}
	return end(d)
}

// DecodePayload reads a structure that is the whole body; ok is false if there is none.
func DecodePayload[T any, P Decoder[T]](body []byte) (v T, ok bool, err error) {
	if len(body) == 0 {
		return v, false, nil
	}
	d := jx.DecodeBytes(body)
	if err := P(&v).Decode(d); err != nil {
		return v, false, err
	}
	err = end(d)
	return v, err == nil, err
}

// end is an error if more follows.
func end(d *jx.Decoder) error {
	if d.Next() != jx.Invalid {
		return errors.New("more follows the body's end")
	}
	if err := d.Skip(); err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	return nil
}

// DecodeBool reads a truth value.
func DecodeBool(d *jx.Decoder) (v, ok bool, err error) {
	switch d.Next() {
	case jx.Bool:
		v, err := d.Bool()
		return v, err == nil, err
	case jx.Null:
		return false, false, d.Null()
	default:
		return false, false, mismatch(d, "Boolean")
	}
}

// DecodeInteger reads a whole number.
func DecodeInteger(d *jx.Decoder) (n int64, ok bool, err error) {
	n, exact, ok, err := decodeNumber(d, "Long", 0)
	if ok && !exact {
		return 0, false, errors.New("NUMBER_VALUE with a fraction can not be converted to a Long")
	}
	return n, ok, err
}

// DecodeTimestamp reads seconds since the epoch.
func DecodeTimestamp(d *jx.Decoder) (t Timestamp, ok bool, err error) {
	n, _, ok, err := decodeNumber(d, "Timestamp", 3)
	return Timestamp(n), ok, err
}

// DecodeTime reads a timestamp that is a text, in the format of ISO 8601.
func DecodeTime(d *jx.Decoder) (t Timestamp, ok bool, err error) {
	s, ok, err := DecodeString(d)
	if !ok {
		return 0, false, err
	}
	t, err = parseTime(s)
	return t, err == nil, err
}

// DecodeFloat reads a number, or a text that names one which JSON cannot write.
func DecodeFloat(d *jx.Decoder) (f float64, ok bool, err error) {
	switch d.Next() {
	case jx.Number:
		f, err = d.Float64()
		return f, err == nil, err
	case jx.String:
		s, err := d.Str()
		if err != nil {
			return 0, false, err
		}
		if f, ok = notFinite[s]; !ok {
			return 0, false, errors.New("STRING_VALUE can not be converted to a Double")
		}
		return f, true, nil
	case jx.Null:
		return 0, false, d.Null()
	default:
		return 0, false, mismatch(d, "Double")
	}
}

// notFinite are the numbers that JSON has no signs for.
var notFinite = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

// DecodeBlob reads bytes that are written as base64.
func DecodeBlob(d *jx.Decoder) (b []byte, ok bool, err error) {
	switch d.Next() {
	case jx.String:
		s, err := d.StrBytes()
		if err != nil {
			return nil, false, err
		}
		b = make([]byte, base64.StdEncoding.DecodedLen(len(s)))
		n, err := base64.StdEncoding.Decode(b, s)
		if err != nil {
			return nil, false, errBlob
		}
		return b[:n], true, nil
	case jx.Null:
		return nil, false, d.Null()
	default:
		return nil, false, mismatch(d, "Blob")
	}
}

func decodeNumber(d *jx.Decoder, wanted string, scale int) (n int64, exact, ok bool, err error) {
	switch d.Next() {
	case jx.Number:
		num, err := d.Num()
		if err != nil {
			return 0, false, false, err
		}
		n, exact, ok = scaled(num, scale)
		if !ok {
			return 0, false, false, fmt.Errorf("NUMBER_VALUE is out of the range of a %s", wanted)
		}
		return n, exact, true, nil
	case jx.Null:
		return 0, false, false, d.Null()
	default:
		return 0, false, false, mismatch(d, wanted)
	}
}

// scaled is the JSON number times ten to the scale, cut to a whole number. It
// works on the digits, since a float cannot hold every millisecond.
func scaled(num []byte, scale int) (n int64, exact, ok bool) {
	negative := num[0] == '-'
	if negative {
		num = num[1:]
	}
	exponent := 0
	for i, c := range num {
		if c == 'e' || c == 'E' {
			exponent = parseExponent(num[i+1:])
			num = num[:i]
			break
		}
	}
	whole := len(num) // digits before the point
	for i, c := range num {
		if c == '.' {
			whole = i
			break
		}
	}
	keep := whole + exponent + scale // digits of the result
	exact = true
	digit := 0
	for _, c := range num {
		if c == '.' {
			continue
		}
		if digit >= keep {
			exact = exact && c == '0'
		} else if d := int64(c - '0'); n > (math.MaxInt64-d)/10 {
			return 0, false, false
		} else {
			n = n*10 + d
		}
		digit++
	}
	for ; digit < keep && n != 0; digit++ {
		if n > math.MaxInt64/10 {
			return 0, false, false
		}
		n *= 10
	}
	if negative {
		n = -n
	}
	return n, exact, true
}

func parseExponent(b []byte) int {
	sign, n := 1, 0
	for _, c := range b {
		switch {
		case c == '-':
			sign = -1
		case c == '+':
		case n < 1<<20: // beyond it, more digits change nothing
			n = n*10 + int(c-'0')
		}
	}
	return sign * n
}

// mismatch is the error for a value that is not of the wanted type.
func mismatch(d *jx.Decoder, wanted string) error {
	found := ""
	switch d.Next() {
	case jx.String:
		found = "STRING_VALUE"
	case jx.Number:
		found = "NUMBER_VALUE"
	case jx.Null:
		found = "NULL_VALUE"
	case jx.Bool:
		v, err := d.Bool()
		if err != nil {
			return err
		}
		found = "FALSE_VALUE"
		if v {
			found = "TRUE_VALUE"
		}
	case jx.Array:
		return errUnexpectedList
	case jx.Object:
		return errUnexpectedStructure
	default:
		if err := d.Skip(); err != nil && err != io.EOF {
			return err
		}
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%s can not be converted to a %s", found, wanted)
}

// The service's own words, which clients are told.
var (
	errNullElement = errors.New("NULL_VALUE can not be an element of a list")
	//lint:ignore ST1005 the text is the service's
	errUnexpectedList = errors.New("Start of list found where not expected")
	//lint:ignore ST1005 the text is the service's
	errUnexpectedStructure = errors.New("Start of structure or map found where not expected")
)
