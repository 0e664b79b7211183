package parquet

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"heddle/jsonvalue"
)

// node is a column, or a group of them.
type node struct {
	name               string
	optional, repeated bool
	rep, def           byte // levels that its own values have at most
	children           []*node
	from, to           int // its leaves
	shape              shape

	// Of a leaf:
	kind   format.Type
	length int // of a value, in bytes; 0: it varies
	show   func(b, v []byte) []byte
}

// shape is what a group is in JSON.
type shape byte

const (
	isObject shape = iota
	isList
	isMap
)

func (n *node) leaf() bool { return n.show != nil }

// readSchema makes the tree of columns, and gives those that have values.
func readSchema(elements []format.SchemaElement) (*node, []*node, error) {
	s := &schema{rest: elements}
	root, err := s.node(nil, 0)
	if err != nil {
		return nil, nil, err
	}
	if len(s.rest) > 0 || root.leaf() {
		return nil, nil, errSchema
	}
	return root, s.leaves, nil
}

var errSchema = wrong("The schema of the Parquet file can't be read.")

type schema struct {
	rest   []format.SchemaElement
	leaves []*node
}

func (s *schema) node(parent *node, depth int) (*node, error) {
	if len(s.rest) == 0 {
		return nil, errSchema
	}
	if depth > depthMax {
		return nil, wrong("Columns of the Parquet file are nested more than %d deep.", depthMax)
	}
	e := &s.rest[0]
	s.rest = s.rest[1:]
	n := &node{name: e.Name, from: len(s.leaves)}
	if parent != nil {
		n.rep, n.def = parent.rep, parent.def
		switch {
		case e.RepetitionType.Valid && e.RepetitionType.V == format.Optional:
			n.optional = true
			n.def++
		case e.RepetitionType.Valid && e.RepetitionType.V == format.Repeated:
			n.repeated = true
			n.rep++
			n.def++
		}
	}
	if e.Type.Valid {
		if err := n.read(e); err != nil {
			return nil, err
		}
		if s.leaves = append(s.leaves, n); len(s.leaves) > columnsMax {
			return nil, wrong("The Parquet file has more than %d columns.", columnsMax)
		}
		n.to = len(s.leaves)
		return n, nil
	}
	if e.NumChildren.V < 0 || int(e.NumChildren.V) > len(s.rest) {
		return nil, errSchema
	}
	names := map[string]bool{}
	for range e.NumChildren.V {
		child, err := s.node(n, depth+1)
		if err != nil {
			return nil, err
		}
		if names[child.name] {
			return nil, wrong("The Parquet file has two columns %q.", child.name)
		}
		names[child.name] = true
		n.children = append(n.children, child)
	}
	if n.to = len(s.leaves); n.to == n.from {
		return nil, wrong("The group %q of the Parquet file has no columns.", n.name)
	}
	n.readShape(e)
	return n, nil
}

// readShape finds out what a group is: LogicalTypes.md, "Nested Types", with what older writers
// did.
func (n *node) readShape(e *format.SchemaElement) {
	list, dictionary := false, false
	switch e.LogicalType.Value.(type) {
	case *format.ListType:
		list = true
	case *format.MapType:
		dictionary = true
	case nil:
		list = e.ConvertedType.Valid && e.ConvertedType.V == deprecated.List
		dictionary = e.ConvertedType.Valid && (e.ConvertedType.V == deprecated.Map || e.ConvertedType.V == deprecated.MapKeyValue)
	}
	if len(n.children) != 1 || !n.children[0].repeated {
		return
	}
	switch inner := n.children[0]; {
	case list:
		n.shape = isList
	case dictionary && len(inner.children) == 2 && inner.children[0].leaf():
		n.shape = isMap
	}
}

// element is what a list's repeated node has: itself, of older writers, or its only child.
func (n *node) element() *node {
	inner := n.children[0]
	if len(inner.children) == 1 && !inner.children[0].repeated && inner.name != "array" && inner.name != n.name+"_tuple" {
		return inner.children[0]
	}
	return inner
}

const typeLengthMax = 1 << 20

// read finds out what a leaf's values are.
func (n *node) read(e *format.SchemaElement) error {
	n.kind = e.Type.V
	switch n.kind {
	case format.Boolean:
		n.length, n.show = 1, showBoolean
	case format.Int32:
		n.length, n.show = 4, showInteger
	case format.Int64:
		n.length, n.show = 8, showInteger
	case format.Int96:
		n.length, n.show = 12, showInt96
	case format.Float:
		n.length, n.show = 4, showFloat
	case format.Double:
		n.length, n.show = 8, showDouble
	case format.ByteArray:
		n.show = showText
	case format.FixedLenByteArray:
		if n.length = int(e.TypeLength.V); n.length <= 0 || n.length > typeLengthMax {
			return wrong("The values of column %q of the Parquet file have no good length.", n.name)
		}
		n.show = showBytes
	default:
		return wrong("Column %q of the Parquet file is of a type that can't be read.", n.name)
	}
	integer := n.kind == format.Int32 || n.kind == format.Int64
	array := n.kind == format.ByteArray || n.kind == format.FixedLenByteArray
	switch of := e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		if array {
			n.show = showString
		}
	case *format.BsonType:
		n.show = showBytes
	case *format.UUIDType:
		if n.length == 16 {
			n.show = showUUID
		}
	case *format.DecimalType:
		n.decimal(of.Scale)
	case *format.DateType:
		if n.kind == format.Int32 {
			n.show = showDate
		}
	case *format.TimeType:
		if integer {
			n.show = showTime(unitOf(&of.Unit))
		}
	case *format.TimestampType:
		if integer {
			n.show = showTimestamp(unitOf(&of.Unit))
		}
	case *format.IntType:
		if integer && !of.IsSigned {
			n.show = showUnsigned
		}
	case *format.Float16Type:
		if n.length == 2 {
			n.show = showFloat16
		}
	case nil:
		n.readConverted(e, integer, array)
	}
	return nil
}

// readConverted does the same by how older writers say it.
func (n *node) readConverted(e *format.SchemaElement, integer, array bool) {
	if !e.ConvertedType.Valid {
		return
	}
	switch of := e.ConvertedType.V; {
	case array && (of == deprecated.UTF8 || of == deprecated.Enum || of == deprecated.Json):
		n.show = showString
	case array && of == deprecated.Bson:
		n.show = showBytes
	case of == deprecated.Decimal:
		n.decimal(e.Scale.V)
	case n.kind == format.Int32 && of == deprecated.Date:
		n.show = showDate
	case integer && of == deprecated.TimeMillis:
		n.show = showTime(time.Millisecond)
	case integer && of == deprecated.TimeMicros:
		n.show = showTime(time.Microsecond)
	case integer && of == deprecated.TimestampMillis:
		n.show = showTimestamp(time.Millisecond)
	case integer && of == deprecated.TimestampMicros:
		n.show = showTimestamp(time.Microsecond)
	case integer && (of == deprecated.Uint8 || of == deprecated.Uint16 || of == deprecated.Uint32 || of == deprecated.Uint64):
		n.show = showUnsigned
	}
}

func unitOf(u *format.TimeUnit) time.Duration {
	if u.Value == nil {
		return time.Millisecond
	}
	return u.Value.Duration()
}

// integer is a value of two's complement, the least byte first.
func integer(v []byte) int64 {
	if len(v) == 4 {
		return int64(int32(binary.LittleEndian.Uint32(v)))
	}
	return int64(binary.LittleEndian.Uint64(v))
}

func showBoolean(b, v []byte) []byte { return strconv.AppendBool(b, v[0] != 0) }

func showInteger(b, v []byte) []byte { return strconv.AppendInt(b, integer(v), 10) }

func showUnsigned(b, v []byte) []byte {
	if len(v) == 4 {
		return strconv.AppendUint(b, uint64(binary.LittleEndian.Uint32(v)), 10)
	}
	return strconv.AppendUint(b, binary.LittleEndian.Uint64(v), 10)
}

func showDouble(b, v []byte) []byte {
	return jsonvalue.Append(b, math.Float64frombits(binary.LittleEndian.Uint64(v)))
}

func showFloat(b, v []byte) []byte {
	return showSingle(b, math.Float32frombits(binary.LittleEndian.Uint32(v)))
}

// showSingle writes a number as it was meant: 0.1, not what a float64 of it is.
func showSingle(b []byte, f float32) []byte {
	meant, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return append(b, "null"...)
	}
	return jsonvalue.Append(b, meant)
}

func showFloat16(b, v []byte) []byte {
	bits := binary.LittleEndian.Uint16(v)
	fraction, exponent := float64(bits&0x3ff), int(bits>>10&0x1f)
	f := math.Ldexp(fraction/1024, -14)
	switch {
	case exponent == 31 && fraction != 0:
		f = math.NaN()
	case exponent == 31:
		f = math.Inf(1)
	case exponent > 0:
		f = math.Ldexp(1+fraction/1024, exponent-15)
	}
	if bits>>15 != 0 {
		f = -f
	}
	return showSingle(b, float32(f))
}

func showString(b, v []byte) []byte {
	return jsonvalue.AppendString(b, strings.ToValidUTF8(string(v), "\ufffd"))
}

// showText shows bytes that nothing is said of: most often they are text.
func showText(b, v []byte) []byte {
	if utf8.Valid(v) {
		return jsonvalue.AppendString(b, string(v))
	}
	return showBytes(b, v)
}

func showBytes(b, v []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, '"')
}

func showUUID(b, v []byte) []byte {
	text := hex.EncodeToString(v)
	return jsonvalue.AppendString(b, text[:8]+"-"+text[8:12]+"-"+text[12:16]+"-"+text[16:20]+"-"+text[20:])
}

func showDate(b, v []byte) []byte {
	return append(time.Unix(integer(v)*86400, 0).UTC().AppendFormat(append(b, '"'), time.DateOnly), '"')
}

func showTime(unit time.Duration) func(b, v []byte) []byte {
	return func(b, v []byte) []byte {
		n, of := integer(v), int64(24*time.Hour/unit)
		at := time.Unix(0, (n%of)*int64(unit)).UTC()
		return append(at.AppendFormat(append(b, '"'), "15:04:05.999999999"), '"')
	}
}

// showTimestamp shows milliseconds since 1970, with what is less than one behind the point.
func showTimestamp(unit time.Duration) func(b, v []byte) []byte {
	scale := 0
	for of := unit; of < time.Millisecond; of *= 10 {
		scale++
	}
	return func(b, v []byte) []byte { return appendPoint(b, big.NewInt(integer(v)), scale, true) }
}

// showInt96 shows a timestamp of older writers: nanoseconds of a day, and its Julian number.
func showInt96(b, v []byte) []byte {
	const unixEpoch = 2_440_588
	days := int64(binary.LittleEndian.Uint32(v[8:])) - unixEpoch
	nanos := new(big.Int).Mul(big.NewInt(days), big.NewInt(int64(24*time.Hour)))
	nanos.Add(nanos, big.NewInt(int64(binary.LittleEndian.Uint64(v))))
	return appendPoint(b, nanos, 6, true)
}

const (
	scaleMax        = 1000
	decimalBytesMax = 64
)

// decimal shows a leaf's values as numbers with so many digits behind the point.
func (n *node) decimal(scale int32) {
	if scale < 0 || scale > scaleMax {
		return
	}
	switch n.kind {
	case format.Int32, format.Int64:
		n.show = func(b, v []byte) []byte { return appendPoint(b, big.NewInt(integer(v)), int(scale), false) }
	case format.ByteArray, format.FixedLenByteArray:
		n.show = func(b, v []byte) []byte {
			if len(v) > decimalBytesMax {
				return showBytes(b, v)
			}
			unscaled := new(big.Int).SetBytes(v)
			if len(v) > 0 && v[0]&0x80 != 0 {
				unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
			}
			return appendPoint(b, unscaled, int(scale), false)
		}
	}
}

// appendPoint appends a number with its last digits behind the point; short: without zeros at
// its end.
func appendPoint(b []byte, n *big.Int, scale int, short bool) []byte {
	if scale == 0 {
		return n.Append(b, 10)
	}
	digits := new(big.Int).Abs(n).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, behind := digits[:len(digits)-scale], digits[len(digits)-scale:]
	if short {
		behind = strings.TrimRight(behind, "0")
	}
	if n.Sign() < 0 {
		b = append(b, '-')
	}
	if b = append(b, whole...); behind != "" {
		b = append(append(b, '.'), behind...)
	}
	return b
}
