package jsonpath

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf16"

	"heddle/jsonvalue"
)

// A condition of a filter: several joined by && or ||, one that is not to hold, or a
// comparison. Jayway's grammar:
//
//	or         = and { "||" and }
//	and        = operand { "&&" operand }
//	operand    = comparison | "(" or ")" | "!" operand
//	comparison = value [ operator value ]
type condition struct {
	join        byte // '|', '&', '!', or 0: a comparison
	parts       []*condition
	operator    string // "" asks whether there is such a value
	left, right operand
}

// operand is a side of a comparison, or an argument of a function.
type operand struct {
	path    *Path // if nil, value or pattern
	absent  bool  // written !@.a: there is to be no such value
	value   any
	pattern *pattern
}

type pattern struct {
	*regexp.Regexp
	instructions int
}

// Bounds of patterns: the time that one takes is the text's length times the instructions.
const (
	patternBytesMax        = 1000
	patternInstructionsMax = 10_000
)

func (c *condition) hasFunctions() bool {
	for _, part := range c.parts {
		if part.hasFunctions() {
			return true
		}
	}
	return c.left.path != nil && c.left.path.functions || c.right.path != nil && c.right.path.functions
}

// filter reads [?(...)]; its first parenthesis is at open.
func (p *parser) filter(open int) error {
	begin := p.at
	p.at = open
	accept, err := p.operand()
	if err != nil {
		return err
	}
	if p.space(); p.peek() != ']' {
		return fail("Could not parse token starting at position %d. Expected ?, ', 0-9, * ", begin)
	}
	p.at++
	p.add(step{kind: filter, accept: accept})
	return nil
}

func (p *parser) space() {
	for strings.IndexByte(" \t\r\n", p.peek()) >= 0 && p.at < len(p.text) {
		p.at++
	}
}

func (p *parser) or() (*condition, error) { return p.joined("||", (*parser).and) }

func (p *parser) and() (*condition, error) { return p.joined("&&", (*parser).operand) }

func (p *parser) joined(operator string, read func(*parser) (*condition, error)) (*condition, error) {
	var parts []*condition
	for {
		part, err := read(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if p.space(); !strings.HasPrefix(p.text[p.at:], operator) {
			break
		}
		p.at += len(operator)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return &condition{join: operator[0], parts: parts}, nil
}

func (p *parser) operand() (*condition, error) {
	if p.nesting++; p.nesting > nestingMax {
		return nil, fail("Filter is nested too deeply")
	}
	defer func() { p.nesting-- }()
	p.space()
	switch p.peek() {
	case '!':
		begin := p.at
		p.at++
		if p.space(); p.peek() == '$' || p.peek() == '@' {
			p.at = begin
			break
		}
		part, err := p.operand()
		if err != nil {
			return nil, err
		}
		return &condition{join: '!', parts: []*condition{part}}, nil
	case '(':
		p.at++
		part, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.space(); p.peek() != ')' {
			return nil, p.unexpected()
		}
		p.at++
		return part, nil
	}
	return p.comparison()
}

// unexpected is the error of what comes next in a filter.
func (p *parser) unexpected() error {
	c := "end of text"
	if p.at < len(p.text) {
		c = p.text[p.at : p.at+1]
	}
	return fail("Failed to parse filter: %s, error on position: %d, char: %s", p.text, p.at, c)
}

func (p *parser) comparison() (*condition, error) {
	c := new(condition)
	var err error
	if c.left, err = p.side(); err != nil {
		return nil, err
	}
	p.space()
	switch next := p.peek(); {
	case next == ')' || next == '&' || next == '|' || next == 0:
		if c.left.path == nil {
			return nil, fail("Expected path node")
		}
		return c, nil
	case strings.IndexByte("<>=~!", next) >= 0:
		begin := p.at
		for strings.IndexByte("<>=~!", p.peek()) >= 0 {
			p.at++
		}
		c.operator = p.text[begin:p.at]
		if n := len(c.operator); n > 1 && c.operator[n-1] == '!' { // belongs to what follows
			c.operator = c.operator[:n-1]
			p.at--
		}
	default:
		begin := p.at
		for p.at < len(p.text) && (p.text[p.at]|0x20 >= 'a' && p.text[p.at]|0x20 <= 'z') {
			p.at++
		}
		c.operator = strings.ToLower(p.text[begin:p.at])
	}
	if !operators[c.operator] {
		if c.operator == "" {
			return nil, p.unexpected()
		}
		return nil, fail("Filter operator %s is not supported!", c.operator)
	}
	if c.right, err = p.side(); err != nil {
		return nil, err
	}
	return c, nil
}

var operators = map[string]bool{
	"==": true, "===": true, "!=": true, "!==": true, "<": true, "<=": true, ">": true, ">=": true, "=~": true,
	"in": true, "nin": true, "contains": true, "all": true, "size": true, "empty": true, "type": true,
	"subsetof": true, "anyof": true, "noneof": true,
}

// side reads a path or a literal.
func (p *parser) side() (operand, error) {
	p.space()
	var o operand
	if p.peek() == '!' {
		o.absent = true
		p.at++
		p.space()
	}
	switch p.peek() {
	case '$', '@':
		path, err := p.subpath(false)
		o.path = path
		return o, err
	case '/':
		if !o.absent {
			pattern, err := p.pattern()
			o.pattern = pattern
			return o, err
		}
	}
	if o.absent {
		return o, fail("Unexpected character: !")
	}
	value, err := p.literal()
	o.value = value
	return o, err
}

// subpath reads a path within a filter, or as an argument: up to a blank or an operator,
// or up to a comma; brackets and parentheses are skipped.
func (p *parser) subpath(argument bool) (*Path, error) {
	begin, open := p.at, 0
	for p.at++; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		switch {
		case (c == '\'' || c == '"') && open > 0:
			_, end := quoted(p.text, p.at)
			if end < 0 {
				return nil, p.unexpected()
			}
			p.at = end - 1
			continue
		case c == '[' || c == '(':
			open++
			continue
		case (c == ']' || c == ')') && open > 0:
			open--
			continue
		case open > 0:
			continue
		case argument:
			if c != ',' && c != ')' {
				continue
			}
		case strings.IndexByte(" \t\r\n<>=~!)", c) >= 0,
			strings.HasPrefix(p.text[p.at:], "&&"), strings.HasPrefix(p.text[p.at:], "||"):
		default:
			continue
		}
		break
	}
	if open > 0 {
		return nil, fail("Square brackets does not match in filter %s", p.text)
	}
	return parse(p.text[begin:p.at], p.nesting+1)
}

func (p *parser) pattern() (*pattern, error) {
	begin := p.at + 1
	end := begin
	for ; end < len(p.text) && p.text[end] != '/'; end++ {
		if p.text[end] == '\\' {
			end++
		}
	}
	if end >= len(p.text) {
		return nil, fail("Pattern not closed. Expected / in %s", p.text)
	}
	text := p.text[begin:end]
	flags := ""
	for p.at = end + 1; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case 'i', 's', 'm':
			flags += string(c)
			continue
		case 'x':
			text = withoutComments(text)
			continue
		case 'd', 'u', 'U': // of lines and letters beyond ASCII: as always
			continue
		}
		break
	}
	return compile(text, flags)
}

func compile(text, flags string) (*pattern, error) {
	if len(text) > patternBytesMax {
		return nil, fail("Pattern is longer than %d bytes", patternBytesMax)
	}
	whole := `\A(?:` + strings.ReplaceAll(text, `\/`, `/`) + `)\z`
	if flags != "" {
		whole = `(?` + flags + `)` + whole
	}
	tree, err := syntax.Parse(whole, syntax.Perl)
	if err != nil {
		return nil, fail("Pattern /%s/ cannot be used: %v", text, err)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > patternInstructionsMax {
		return nil, fail("Pattern /%s/ is too large", text)
	}
	re, err := regexp.Compile(whole)
	if err != nil {
		return nil, fail("Pattern /%s/ cannot be used: %v", text, err)
	}
	return &pattern{re, len(program.Inst)}, nil
}

// withoutComments takes away blanks and comments, as the flag x asks.
func withoutComments(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			b.WriteString(text[i : i+2])
			i++
		case c == '#':
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
		case strings.IndexByte(" \t\r\n\f\v", c) < 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// literal reads a JSON value. As in Jayway texts may have single quotes, and within
// lists and objects none; as in its first versions a text that is one word needs none either.
func (p *parser) literal() (any, error) {
	if p.nesting++; p.nesting > nestingMax {
		return nil, fail("Filter is nested too deeply")
	}
	defer func() { p.nesting-- }()
	p.space()
	switch c := p.peek(); c {
	case '\'', '"':
		text, end := quoted(p.text, p.at)
		if end < 0 {
			return nil, fail("String literal does not have matching quotes. Expected %c in %s", c, p.text)
		}
		p.at = end
		return text, nil
	case '[':
		list := []any{}
		err := p.members(']', func() error {
			item, err := p.inner()
			list = append(list, item)
			return err
		})
		return list, err
	case '{':
		object := new(jsonvalue.Object)
		err := p.members('}', func() error {
			name, err := p.inner()
			if err != nil {
				return err
			}
			if p.space(); p.peek() != ':' {
				return p.unexpected()
			}
			p.at++
			value, err := p.inner()
			object.Set(JavaText(name), value)
			return err
		})
		return object, err
	}
	begin := p.at
	if c := p.peek(); c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' {
		for ; c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'; c = p.peek() {
			p.at++
		}
		return wordValue(p.text[begin:p.at]), nil
	}
	for c := p.peek(); c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c|0x20 == 'e'; c = p.peek() {
		p.at++
	}
	number, ok := numberOf(p.text[begin:p.at])
	if !ok {
		p.at = begin
		return nil, p.unexpected()
	}
	return number, nil
}

// numberOf reads a number as Java does: like JSON, but .5 and 5. are numbers, too.
func numberOf(text string) (any, bool) {
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return nil, false
	}
	if v, err := jsonvalue.ParseString(text); err == nil {
		return v, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// members reads items between commas up to the closing bracket.
func (p *parser) members(closing byte, read func() error) error {
	p.at++
	for {
		if p.space(); p.peek() == closing {
			p.at++
			return nil
		}
		if err := read(); err != nil {
			return err
		}
		switch p.space(); p.peek() {
		case ',':
			p.at++
		case closing:
		default:
			return p.unexpected()
		}
	}
}

// inner reads a literal within a list or an object, where words need no quotes.
func (p *parser) inner() (any, error) {
	p.space()
	if c := p.peek(); c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' {
		begin := p.at
		for p.at < len(p.text) && strings.IndexByte(",:]}", p.text[p.at]) < 0 {
			p.at++
		}
		return wordValue(strings.TrimRight(p.text[begin:p.at], " \t\r\n")), nil
	}
	return p.literal()
}

// wordValue is the value of a word without quotes: a text, unless it is one of JSON's words.
func wordValue(word string) any {
	switch word {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	return word
}

// undefined is what a path in a filter gives that finds nothing.
type undefined struct{}

// holds tells whether a filter accepts item. An error is that a comparison makes no
// sense, by which Jayway does not accept the item, or that the budget is used up.
func (e *evaluation) holds(c *condition, item any) (bool, error) {
	switch c.join {
	case '!':
		ok, err := e.holds(c.parts[0], item)
		return !ok, err
	case '&', '|':
		for _, part := range c.parts {
			ok, err := e.holds(part, item)
			if err != nil || ok == (c.join == '|') {
				return ok, err
			}
		}
		return c.join == '&', nil
	}
	if err := e.budget.step(1); err != nil {
		return false, err
	}
	if c.operator == "" {
		found, err := e.exists(c.left.path, item)
		return found != c.left.absent, err
	}
	left, err := e.sideValue(&c.left, item)
	if err != nil {
		return false, err
	}
	right, err := e.sideValue(&c.right, item)
	if err != nil {
		return false, err
	}
	return e.compare(c, left, right)
}

// accepts is holds, where a comparison without sense does not count.
func (e *evaluation) accepts(c *condition, item any) (bool, error) {
	ok, err := e.holds(c, item)
	if f, is := err.(*Error); is && f.Kind != TooCostly {
		return false, nil
	}
	return ok, err
}

func (e *evaluation) exists(p *Path, item any) (bool, error) {
	_, err := e.nested(p, item, true)
	if IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (e *evaluation) sideValue(o *operand, item any) (any, error) {
	if o.path == nil {
		return o.value, nil
	}
	v, err := e.nested(o.path, item, false)
	if IsNotFound(err) {
		return undefined{}, nil
	}
	return v, err
}

// unfit is the error of a comparison that makes no sense.
func unfit(message string) error { return &Error{Unfit, message} }

func (e *evaluation) compare(c *condition, left, right any) (bool, error) {
	if err := e.budget.step((textLength(left) + textLength(right)) / 16); err != nil {
		return false, err
	}
	switch c.operator {
	case "==":
		return e.equal(left, right)
	case "!=":
		ok, err := e.equal(left, right)
		return !ok, err
	case "===", "!==":
		ok := sameType(left, right)
		var err error
		if ok {
			ok, err = e.equal(left, right)
		}
		return ok == (c.operator == "==="), err
	case "<":
		order, ok := ordered(left, right)
		return ok && order < 0, nil
	case "<=":
		order, ok := ordered(left, right)
		return ok && order <= 0, nil
	case ">":
		order, ok := ordered(left, right)
		return ok && order > 0, nil
	case ">=":
		order, ok := ordered(left, right)
		return ok && order >= 0, nil
	case "=~":
		return e.matches(c, left, right)
	case "in", "nin":
		list, err := listOf(right)
		if err != nil {
			return false, err
		}
		ok, err := e.contains(list, left)
		return ok == (c.operator == "in"), err
	case "contains":
		if l, ok := left.(string); ok {
			r, ok := right.(string)
			return ok && strings.Contains(l, r), nil
		}
		list, ok := left.([]any)
		if !ok {
			return false, nil
		}
		return e.contains(list, right)
	case "size":
		n, ok := jsonvalue.Float(right)
		if !ok {
			return false, nil
		}
		switch l := left.(type) {
		case string:
			return lengthUTF16(l) == int(n), nil
		case []any:
			return len(l) == int(n), nil
		}
		return false, nil
	case "empty":
		want, ok := right.(bool)
		if !ok {
			return false, unfit("Expected boolean node")
		}
		switch l := left.(type) {
		case string:
			return (l == "") == want, nil
		case []any:
			return (len(l) == 0) == want, nil
		case *jsonvalue.Object:
			return (l.Len() == 0) == want, nil
		}
		return false, nil
	case "type":
		want, _ := right.(string)
		return want != "" && typeName(left) == strings.ToLower(want), nil
	}
	return e.compareLists(c.operator, left, right)
}

// textLength is the length of a text; of other values 0.
func textLength(v any) int {
	s, _ := v.(string)
	return len(s)
}

// compareLists compares two lists by what they contain. An object is a list of nothing
// here, and contains nothing.
func (e *evaluation) compareLists(operator string, left, right any) (bool, error) {
	l, ok := left.([]any)
	_, isObject := left.(*jsonvalue.Object)
	if !ok && (isObject || operator == "all") {
		return isObject && operator == "all", nil
	}
	r, err := listOf(right)
	if r == nil || !ok || err != nil {
		return false, err
	}
	if operator == "all" { // every one of the right is on the left
		l, r = r, l
	}
	for _, item := range l {
		found, err := e.contains(r, item)
		if err != nil {
			return false, err
		}
		if found != (operator == "subsetof" || operator == "all") {
			return operator == "anyof", nil
		}
	}
	return operator != "anyof", nil
}

// listOf is the list on the right of in and its like; nil of an object.
func listOf(v any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return v, nil
	case *jsonvalue.Object:
		return nil, nil
	}
	return nil, unfit("Expected value list node")
}

func (e *evaluation) contains(list []any, v any) (bool, error) {
	for _, item := range list {
		if ok, err := e.equal(v, item); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// equal compares as Jayway does: a text and a number by the type of the left one.
func (e *evaluation) equal(left, right any) (bool, error) {
	if err := e.budget.step(1); err != nil {
		return false, err
	}
	switch l := left.(type) {
	case undefined:
		return false, nil
	case string:
		switch r := right.(type) {
		case string:
			return l == r, nil
		case float64, jsonvalue.Number:
			return l == jsonvalue.Text(r), nil
		}
		return false, nil
	case float64, jsonvalue.Number:
		if r, ok := right.(string); ok {
			if err := e.budget.step(len(r) / 16); err != nil {
				return false, err
			}
			n, ok := numberOf(r)
			return ok && jsonvalue.Equal(l, n), nil
		}
		return jsonvalue.Equal(l, right), nil
	case []any, *jsonvalue.Object:
		return e.same(left, right)
	}
	if _, ok := right.(undefined); ok {
		return false, nil
	}
	return left == right, nil
}

// same compares lists and objects deeply; each value within costs a step.
func (e *evaluation) same(left, right any) (bool, error) {
	if err := e.deeper(); err != nil {
		return false, err
	}
	defer func() { e.depth-- }()
	switch l := left.(type) {
	case []any:
		r, ok := right.([]any)
		if !ok || len(l) != len(r) {
			return false, nil
		}
		for i := range l {
			if ok, err := e.same(l[i], r[i]); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case *jsonvalue.Object:
		r, ok := right.(*jsonvalue.Object)
		if !ok || l.Len() != r.Len() {
			return false, nil
		}
		for i := range l.Len() {
			name, v := l.At(i)
			w, ok := r.Get(name)
			if !ok {
				return false, nil
			}
			if ok, err := e.same(v, w); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	if _, ok := right.(undefined); ok {
		return false, nil
	}
	return jsonvalue.Equal(left, right), nil
}

func typeName(v any) string {
	if _, none := v.(undefined); none {
		return "undefined"
	}
	return jsonvalue.TypeName(v)
}

func sameType(a, b any) bool {
	x, y := typeName(a), typeName(b)
	if x == "array" || x == "object" { // one type in Jayway
		return y == "array" || y == "object"
	}
	return x == y
}

// ordered compares numbers, and texts; a text and a number as texts.
func ordered(left, right any) (int, bool) {
	l, lok := jsonvalue.Float(left)
	r, rok := jsonvalue.Float(right)
	if lok && rok {
		switch {
		case l < r:
			return -1, true
		case l > r:
			return 1, true
		}
		return 0, true
	}
	a, ok := textOf(left)
	if !ok {
		return 0, false
	}
	b, ok := textOf(right)
	if !ok {
		return 0, false
	}
	return CompareUTF16(a, b), true
}

// textOf is a text, or that of a number.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64, jsonvalue.Number:
		return jsonvalue.Text(v), true
	}
	return "", false
}

// CompareUTF16 orders texts as Java does: by their UTF-16 units.
func CompareUTF16(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) {
		return len(a) - len(b)
	}
	// Bytes order characters as UTF-16 does, but for those beyond U+FFFF, which begin
	// with a surrogate there and so come before U+E000 and above.
	x, y := a[i], b[i]
	if x >= 0xf0 && y >= 0xee && y < 0xf0 {
		return -1
	}
	if y >= 0xf0 && x >= 0xee && x < 0xf0 {
		return 1
	}
	return int(x) - int(y)
}

// lengthUTF16 is the length of a text in Java.
func lengthUTF16(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func (e *evaluation) matches(c *condition, left, right any) (bool, error) {
	pattern, v := c.right.pattern, left
	if c.left.pattern != nil {
		if pattern != nil {
			return false, nil
		}
		pattern, v = c.left.pattern, right
	}
	if pattern == nil {
		return false, nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		text, ok := textOf(item)
		if b, is := item.(bool); is {
			text, ok = strconv.FormatBool(b), true
		}
		if !ok {
			text = ""
		}
		if err := e.budget.step(1 + len(text)*pattern.instructions/32); err != nil {
			return false, err
		}
		if pattern.MatchString(text) {
			return true, nil
		}
	}
	return false, nil
}
