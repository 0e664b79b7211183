package intrinsic

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf16"

	"heddle/jsonpath"
	"heddle/jsonvalue"
)

// function is an intrinsic function. What it does gets its arguments' values; its error
// is the end of the cause.
type function struct {
	name             string
	argsMin, argsMax int
	do               func(env *Env, args []any) (any, error)
}

const anyNumber = math.MaxInt

var functions = func() map[string]*function {
	m := map[string]*function{}
	for _, f := range []function{
		{"States.Array", 0, anyNumber, array},
		{"States.ArrayContains", 2, 2, arrayContains},
		{"States.ArrayGetItem", 2, 2, arrayGetItem},
		{"States.ArrayLength", 1, 1, arrayLength},
		{"States.ArrayPartition", 2, 2, arrayPartition},
		{"States.ArrayRange", 3, 3, arrayRange},
		{"States.ArrayUnique", 1, 1, arrayUnique},
		{"States.Base64Decode", 1, 1, base64Decode},
		{"States.Base64Encode", 1, 1, base64Encode},
		{"States.Format", 1, anyNumber, format},
		{"States.Hash", 2, 2, hash},
		{"States.JsonMerge", 3, 3, jsonMerge},
		{"States.JsonToString", 1, 1, jsonToString},
		{"States.MathAdd", 2, 2, mathAdd},
		{"States.MathRandom", 2, 3, mathRandom},
		{"States.StringSplit", 2, 2, stringSplit},
		{"States.StringToJson", 1, 1, stringToJSON},
		{"States.UUID", 0, 0, uuid},
	} {
		m[f.name] = &f
	}
	return m
}()

// Bounds of the Developer Guide.
const (
	rangeMax      = 1000   // items of ArrayRange
	charactersMax = 10_000 // of what Base64Encode, Base64Decode and Hash take
)

func fail(format string, args ...any) error {
	return &Failure{IntrinsicFailure, fmt.Sprintf(format, args...)}
}

func list(args []any, i int) ([]any, error) {
	v, ok := args[i].([]any)
	if !ok {
		return nil, fail("Argument %d must be an array but was: %s", i+1, shown(args[i]))
	}
	return v, nil
}

func text(args []any, i int) (string, error) {
	v, ok := args[i].(string)
	if !ok {
		return "", fail("Argument %d must be a string but was: %s", i+1, shown(args[i]))
	}
	return v, nil
}

// integer rounds a number half up, as the service does: -1.5 is -1.
func integer(args []any, i int) (int64, error) {
	f, ok := jsonvalue.Float(args[i])
	if !ok {
		return 0, fail("Argument %d must be a number but was: %s", i+1, shown(args[i]))
	}
	f = math.Floor(f + 0.5)
	if f < math.MinInt32 || f > math.MaxInt32 {
		return 0, fail("Argument %d must be between %d and %d but was: %s", i+1, math.MinInt32, math.MaxInt32, shown(args[i]))
	}
	return int64(f), nil
}

// shown is a value in a message; of a long one the begin.
func shown(v any) string {
	switch v := v.(type) {
	case []any:
		if len(v) > 100 {
			return "an array"
		}
	case *jsonvalue.Object:
		if v.Len() > 100 {
			return "an object"
		}
	}
	s := jsonvalue.Text(v)
	if len(s) > 1000 {
		return strings.ToValidUTF8(s[:1000], "") + "…"
	}
	return s
}

func array(_ *Env, args []any) (any, error) { return args, nil }

func arrayContains(env *Env, args []any) (any, error) {
	items, err := list(args, 0)
	if err == nil {
		err = env.chargeWork(items)
	}
	if err != nil {
		return nil, err
	}
	return slices.ContainsFunc(items, func(item any) bool { return jsonvalue.Equal(item, args[1]) }), nil
}

func arrayGetItem(_ *Env, args []any) (any, error) {
	items, err := list(args, 0)
	if err != nil {
		return nil, err
	}
	i, err := integer(args, 1)
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(items)) {
		return nil, fail("The index %d is out of bounds for an array of length %d", i, len(items))
	}
	return items[i], nil
}

func arrayLength(_ *Env, args []any) (any, error) {
	items, err := list(args, 0)
	return float64(len(items)), err
}

func arrayPartition(_ *Env, args []any) (any, error) {
	items, err := list(args, 0)
	if err != nil {
		return nil, err
	}
	size, err := integer(args, 1)
	if err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, fail("The chunk size must be a positive integer but was: %d", size)
	}
	parts := []any{}
	for part := range slices.Chunk(items, int(size)) {
		parts = append(parts, part)
	}
	return parts, nil
}

func arrayRange(_ *Env, args []any) (any, error) {
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = integer(args, i); err != nil {
			return nil, err
		}
	}
	from, to, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, fail("The increment must not be 0")
	}
	count := (to-from)/step + 1
	if (to-from)*step < 0 {
		count = 0
	}
	if count > rangeMax {
		return nil, fail("The array must not have more than %d items but would have %d", rangeMax, count)
	}
	items := make([]any, count)
	for i := range items {
		items[i] = float64(from + int64(i)*step)
	}
	return items, nil
}

func arrayUnique(env *Env, args []any) (any, error) {
	items, err := list(args, 0)
	if err == nil {
		err = env.chargeWork(items)
	}
	if err != nil {
		return nil, err
	}
	seen := map[string][]any{} // equal items have equal texts
	unique := []any{}
	var room []byte
	for _, item := range items {
		room = canonical(room[:0], item)
		same := seen[string(room)]
		if slices.ContainsFunc(same, func(v any) bool { return jsonvalue.Equal(v, item) }) {
			continue
		}
		seen[string(room)] = append(same, item)
		unique = append(unique, item)
	}
	return unique, nil
}

// canonical appends a text of v that all equal values have: members by name, numbers as
// float64.
func canonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case jsonvalue.Number:
		return jsonvalue.AppendNumber(b, v.Float())
	case []any:
		b = append(b, '[')
		for _, item := range v {
			b = append(canonical(b, item), ',')
		}
		return append(b, ']')
	case *jsonvalue.Object:
		names := make([]string, 0, v.Len())
		for name := range v.All() {
			names = append(names, name)
		}
		slices.Sort(names)
		b = append(b, '{')
		for _, name := range names {
			b = append(jsonvalue.AppendString(b, name), ':')
			member, _ := v.Get(name)
			b = append(canonical(b, member), ',')
		}
		return append(b, '}')
	}
	return jsonvalue.Append(b, v)
}

// limited checks the number of characters of a text, which Java counts in UTF-16.
func limited(s string) error {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	if n > charactersMax {
		return fail("The input must not have more than %d characters but has %d", charactersMax, n)
	}
	return nil
}

func base64Encode(_ *Env, args []any) (any, error) {
	s, err := text(args, 0)
	if err == nil {
		err = limited(s)
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), err
}

func base64Decode(_ *Env, args []any) (any, error) {
	s, err := text(args, 0)
	if err == nil {
		err = limited(s)
	}
	if err != nil {
		return nil, err
	}
	// Padding may be left out, as java.util.Base64 has it.
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, fail("The input is not valid Base64: %s", shown(s))
	}
	return strings.ToValidUTF8(string(data), "\ufffd"), nil
}

func hash(env *Env, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok { // of other values their text
		if err := env.chargeWork(args[0]); err != nil {
			return nil, err
		}
		s = jsonvalue.Text(args[0])
	}
	if err := limited(s); err != nil {
		return nil, err
	}
	algorithm, err := text(args, 1)
	if err != nil {
		return nil, err
	}
	data := []byte(s)
	var sum []byte
	switch algorithm {
	case "MD5":
		h := md5.Sum(data)
		sum = h[:]
	case "SHA-1":
		h := sha1.Sum(data)
		sum = h[:]
	case "SHA-256":
		h := sha256.Sum256(data)
		sum = h[:]
	case "SHA-384":
		h := sha512.Sum384(data)
		sum = h[:]
	case "SHA-512":
		h := sha512.Sum512(data)
		sum = h[:]
	default:
		return nil, fail("The algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512 but was: %s", shown(algorithm))
	}
	return hex.EncodeToString(sum), nil
}

func jsonMerge(_ *Env, args []any) (any, error) {
	var objects [2]*jsonvalue.Object
	for i := range objects {
		var ok bool
		if objects[i], ok = args[i].(*jsonvalue.Object); !ok {
			return nil, fail("Argument %d must be an object but was: %s", i+1, shown(args[i]))
		}
	}
	deep, ok := args[2].(bool)
	if !ok {
		return nil, fail("Argument 3 must be a boolean but was: %s", shown(args[2]))
	}
	if deep {
		return nil, fail("Deep merging is not supported, argument 3 must be false")
	}
	merged := objects[0].Clone()
	for name, v := range objects[1].All() {
		merged.Set(name, v)
	}
	return merged, nil
}

func jsonToString(env *Env, args []any) (any, error) {
	if err := env.chargeWork(args[0]); err != nil {
		return nil, err
	}
	return jsonvalue.Text(args[0]), nil
}

func stringToJSON(env *Env, args []any) (any, error) {
	s, err := text(args, 0)
	if err != nil {
		return nil, err
	}
	if strings.Trim(s, " \t\r\n") == "" {
		return nil, nil
	}
	if err := env.chargeWork(s); err != nil {
		return nil, err
	}
	v, err := jsonvalue.ParseString(s)
	if err != nil {
		return nil, fail("The string is not valid JSON: %v", err)
	}
	if strings.Contains(s, "-0") {
		v = withoutMinusZero(v)
	}
	return v, nil
}

// withoutMinusZero makes the integer -0 be 0, as it is in Java. What changes is made anew.
func withoutMinusZero(v any) any {
	switch v := v.(type) {
	case jsonvalue.Number:
		if v == "-0" {
			return 0.0
		}
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = withoutMinusZero(v[i])
		}
		return items
	case *jsonvalue.Object:
		o := jsonvalue.NewObject(v.Len())
		for name, member := range v.All() {
			o.Set(name, withoutMinusZero(member))
		}
		return o
	}
	return v
}

func mathAdd(_ *Env, args []any) (any, error) {
	a, err := integer(args, 0)
	if err != nil {
		return nil, err
	}
	b, err := integer(args, 1)
	return float64(a + b), err
}

// mathRandom gives an integer from the first number on and below the second. With a seed
// it is always the same one.
func mathRandom(env *Env, args []any) (any, error) {
	from, err := integer(args, 0)
	if err != nil {
		return nil, err
	}
	to, err := integer(args, 1)
	if err != nil {
		return nil, err
	}
	if from >= to {
		return nil, fail("The start number %d must be less than the end number %d", from, to)
	}
	below := uint64(to - from)
	if len(args) < 3 {
		return float64(from + int64(env.Random()%below)), nil
	}
	seed, ok := jsonvalue.Float(args[2])
	if !ok {
		return nil, fail("Argument 3 must be a number but was: %s", shown(args[2]))
	}
	if seed = math.Floor(seed + 0.5); math.Abs(seed) > 1<<53 {
		return nil, fail("Argument 3 is too large a number: %s", shown(args[2]))
	}
	return float64(from + int64(NewRandom(int64(seed)).below(below))), nil
}

// stringSplit splits at each of the characters of the second text; what is empty between
// them is left out.
func stringSplit(env *Env, args []any) (any, error) {
	s, err := text(args, 0)
	if err != nil {
		return nil, err
	}
	separators, err := text(args, 1)
	if err != nil {
		return nil, err
	}
	if err := env.chargeWork(s); err != nil {
		return nil, err
	}
	set := map[rune]bool{}
	for _, r := range separators {
		set[r] = true
	}
	items := []any{}
	for piece := range strings.FieldsFuncSeq(s, func(r rune) bool { return set[r] }) {
		items = append(items, piece)
	}
	return items, nil
}

func uuid(env *Env, _ []any) (any, error) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], env.Random())
	binary.BigEndian.PutUint64(b[8:], env.Random())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// format puts values in the place of each {} of a template. A backslash there takes the
// meaning of ' { } and \.
func format(env *Env, args []any) (any, error) {
	template, err := text(args, 0)
	if err != nil {
		return nil, err
	}
	values := args[1:]
	b := make([]byte, 0, len(template))
	used := 0
	for i := 0; i < len(template); i++ {
		c := template[i]
		switch {
		case c == '\\' && i+1 < len(template) && strings.IndexByte(`'{}\`, template[i+1]) >= 0:
			i++
			b = append(b, template[i])
		case c == '{' && i+1 < len(template) && template[i+1] == '}':
			i++
			if used == len(values) {
				return nil, fail("The template has more {} than there are arguments: %s", shown(template))
			}
			if err := env.chargeWork(values[used]); err != nil {
				return nil, err
			}
			b = jsonpath.AppendJavaText(b, values[used])
			used++
		case c == '{' || c == '}':
			return nil, fail("The template has a %c that is neither escaped nor part of {}: %s", c, shown(template))
		default:
			b = append(b, c)
		}
	}
	if used < len(values) {
		return nil, fail("The template has fewer {} than there are arguments: %s", shown(template))
	}
	return string(b), nil
}
