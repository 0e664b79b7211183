package intrinsic

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf16"

	"heddle/jsonpath"
	"heddle/jsonvalue"
)

// function is an intrinsic function. What it does gets its arguments' values, as many as it
// takes; an error is errArguments, or a *Failure with words of its own.
//
// What arguments do and what fails how were recorded of the service by others: the snapshots of
// github.com/gabrielmoreira/tiny-asl-machine, tests/conformance.
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
		{"States.UUID", 0, anyNumber, uuid}, // which ignores them
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

// errArguments is that a function can do nothing with its arguments. The service says no more.
var errArguments = errors.New("invalid arguments")

func list(args []any, i int) ([]any, error) {
	v, ok := args[i].([]any)
	if !ok {
		return nil, errArguments
	}
	return v, nil
}

func text(args []any, i int) (string, error) {
	v, ok := args[i].(string)
	if !ok {
		return "", errArguments
	}
	return v, nil
}

// rounded is a number rounded half up: -1.5 is -1.
func rounded(args []any, i int) (int64, error) {
	f, ok := jsonvalue.Float(args[i])
	return whole(math.Floor(f+0.5), ok)
}

// truncated is a number without its fraction: -1.5 is -1, 2.6 is 2.
func truncated(args []any, i int) (int64, error) {
	f, ok := jsonvalue.Float(args[i])
	return whole(math.Trunc(f), ok)
}

func whole(f float64, ok bool) (int64, error) {
	if !ok || f < math.MinInt32 || f > math.MaxInt32 {
		return 0, errArguments
	}
	return int64(f), nil
}

func array(_ *Env, args []any) (any, error) { return args, nil }

// arrayContains compares texts: true is among ["true"], and {"a":1,"b":2} is not {"b":2,"a":1}.
func arrayContains(env *Env, args []any) (any, error) {
	items, err := list(args, 0)
	if err == nil {
		err = env.chargeWork(args)
	}
	if err != nil {
		return nil, err
	}
	want := plain(args[1])
	return slices.ContainsFunc(items, func(item any) bool { return plain(item) == want }), nil
}

// plain is a text as it is, and another value as JSON.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return jsonvalue.Text(v)
}

func arrayGetItem(_ *Env, args []any) (any, error) {
	items, err := list(args, 0)
	if err != nil {
		return nil, err
	}
	i, err := truncated(args, 1)
	switch {
	case err != nil:
		return nil, err
	case len(items) == 0 && i >= 0:
		return nil, nil // of an empty array any item is null
	case i < 0 || i >= int64(len(items)):
		return nil, errArguments
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
	size, err := truncated(args, 1)
	if err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, errArguments
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
		if n[i], err = truncated(args, i); err != nil {
			return nil, err
		}
	}
	from, to, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, errArguments
	}
	count := (to-from)/step + 1
	if (to-from)*step < 0 {
		count = 0
	}
	if count > rangeMax {
		return nil, errArguments
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
	inHashSet(unique, len(items))
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
		return errArguments
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
	return strings.ToValidUTF8(string(lenient(s)), "\ufffd"), nil
}

// lenient decodes Base64 as Apache's commons-codec does: of either alphabet, up to a =; other
// characters are passed over, and bits that make no byte are dropped.
func lenient(s string) []byte {
	digits := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		}
		if c == '=' {
			break
		}
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			digits = append(digits, c)
		}
	}
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	data, _ := base64.RawStdEncoding.AppendDecode(nil, digits) // of digits alone it can't fail
	return data
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
		return nil, errArguments
	}
	return hex.EncodeToString(sum), nil
}

func jsonMerge(_ *Env, args []any) (any, error) {
	var objects [2]*jsonvalue.Object
	for i := range objects {
		var ok bool
		if objects[i], ok = args[i].(*jsonvalue.Object); !ok {
			return nil, errArguments
		}
	}
	if args[2] == true { // a deep merge there is not; what is no boolean is like false
		return nil, errArguments
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
	if wrong, ok := err.(*jsonvalue.SyntaxError); ok {
		const source = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
		why := wrong.Message
		if what, begin, ok := strings.Cut(why, "(start marker at "); ok {
			why = what + "(start marker at " + source + strings.TrimSuffix(begin, ")") + "])"
		}
		return nil, &Failure{IntrinsicFailure, fmt.Sprintf("Cannot convert String to Json in States.StringToJson, caused by: %s\n at %sline: %d, column: %d]",
			why, source, wrong.Line, wrong.Column)}
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
	a, err := rounded(args, 0)
	if err != nil {
		return nil, err
	}
	b, err := rounded(args, 1)
	if err != nil {
		return nil, err
	}
	sum, err := whole(float64(a+b), true)
	return float64(sum), err
}

// mathRandom gives an integer from the first number on and below the second. With a seed
// it is always the same one.
func mathRandom(env *Env, args []any) (any, error) {
	from, err := truncated(args, 0)
	if err != nil {
		return nil, err
	}
	to, err := truncated(args, 1)
	if err != nil {
		return nil, err
	}
	if from >= to {
		return nil, errArguments
	}
	below := uint64(to - from)
	if len(args) < 3 {
		return float64(from + int64(env.Random()%below)), nil
	}
	seed, ok := jsonvalue.Float(args[2])
	if seed = math.Floor(seed + 0.5); !ok || math.Abs(seed) > 1<<53 {
		return nil, errArguments
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
				return nil, errArguments
			}
			if err := env.chargeWork(values[used]); err != nil {
				return nil, err
			}
			b = jsonpath.AppendJavaText(b, values[used])
			used++
		case c == '{':
			return nil, unmatched('}', '{')
		case c == '}':
			return nil, unmatched('{', '}')
		default:
			b = append(b, c)
		}
	}
	if used < len(values) {
		return nil, errArguments
	}
	return string(b), nil
}

func unmatched(lacks, has byte) error {
	return &Failure{IntrinsicFailure, fmt.Sprintf("Invalid template in States.Format: matching '%c' not found for '%c'.", lacks, has)}
}
