package wire

import (
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// missingSelf marks an element of a list that was null.
const missingSelf = 1 << 7

// depthMax is how deep members that no structure has may nest.
const depthMax = 64

// elementsMax is how many elements a list may have, so that a small body cannot
// ask for much memory.
const elementsMax = 1 << 15

var (
	errDepth    = errors.New("nested too deeply")
	errElements = errors.New("list has too many elements")
)

func decodeObject(d *jx.Decoder, member func(d *jx.Decoder, key []byte) error) error {
	if d.Next() != jx.Object {
		return mismatch(d, "Structure")
	}
	return d.ObjBytes(member)
}

func decodeList(d *jx.Decoder, element func(d *jx.Decoder) error) error {
	if d.Next() != jx.Array {
		return mismatch(d, "List")
	}
	n := 0
	return d.Arr(func(d *jx.Decoder) error {
		if n++; n > elementsMax {
			return errElements
		}
		return element(d)
	})
}

func skipMember(d *jx.Decoder, _ []byte) error { return skip(d, depthMax) }

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

// The readers of scalars return ok false for a null and for an error.

func decodeString(d *jx.Decoder) (s string, ok bool, err error) {
	switch d.Next() {
	case jx.String:
		b, err := d.StrBytes()
		if err != nil {
			return "", false, err
		}
		if !utf8.Valid(b) {
			return "", false, errors.New("string is not valid UTF-8")
		}
		return string(b), true, nil
	case jx.Null:
		return "", false, d.Null()
	default:
		return "", false, mismatch(d, "String")
	}
}

func decodeStrings(d *jx.Decoder) ([]string, error) {
	list := []string{}
	err := decodeList(d, func(d *jx.Decoder) error {
		s, ok, err := decodeString(d)
		if !ok {
			s = Null
		}
		list = append(list, s)
		return err
	})
	return list, err
}

func decodeBool(d *jx.Decoder) (v, ok bool, err error) {
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

func decodeInteger(d *jx.Decoder) (n int64, ok bool, err error) {
	n, exact, ok, err := decodeNumber(d, "Long", 0)
	if ok && !exact {
		return 0, false, errors.New("NUMBER_VALUE with a fraction can not be converted to a Long")
	}
	return n, ok, err
}

func decodeTimestamp(d *jx.Decoder) (t Timestamp, ok bool, err error) {
	n, _, ok, err := decodeNumber(d, "Timestamp", 3)
	return Timestamp(n), ok, err
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
	//lint:ignore ST1005 the text is the service's
	errUnexpectedList = errors.New("Start of list found where not expected")
	//lint:ignore ST1005 the text is the service's
	errUnexpectedStructure = errors.New("Start of structure or map found where not expected")
)
