package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes expressions and inputs at random.
type generator struct {
	*rand.Rand
	vars []string
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0x6a736f6e617461))}
}

func (g *generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) name() string {
	if g.IntN(30) == 0 {
		return g.one("`a b`", "zz", "and", "`x.y`", "null", "\"a\"")
	}
	return g.one("a", "b", "c", "d", "e")
}

var texts = []string{
	"", "a", "b", "abc", "Hello World", "hello", "x,y,z", "12", "-3.5", "  pad  me ", "ab12cd34", "été", "😀x", "2018-05-01T10:00:00.123Z", "true", "0x1f",
}

func (g *generator) text() string { return texts[g.IntN(len(texts))] }

func (g *generator) num() string {
	switch g.IntN(8) {
	case 0:
		return g.one("0.5", "2.5", "3.14159", "1e3", "1.5e-7", "0.1", "12345.678", "-7.5")
	case 1:
		return strconv.Itoa(g.IntN(2000))
	default:
		return strconv.Itoa(g.IntN(6))
	}
}

// data makes a JSON text.
func (g *generator) data(depth int) string {
	k := g.IntN(10)
	if depth <= 0 && k > 5 {
		k = g.IntN(6)
	}
	switch {
	case k < 2:
		return g.one("0", "1", "2", "3", "-1", "2.5", "10")
	case k < 4:
		return strconv.Quote(g.text())
	case k == 4:
		return g.one("true", "false", "null")
	case k == 5:
		return g.one("[]", "{}", "[1,2,3]", `["x","y"]`, `{"a":1}`, "[[1],[2,3]]", `[{"a":1},{"a":2}]`)
	case k < 8:
		var parts []string
		for range g.IntN(4) {
			parts = append(parts, g.data(depth-1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	default:
		var parts []string
		for _, name := range g.Perm(5)[:g.IntN(5)] {
			parts = append(parts, fmt.Sprintf("%q:%s", "abcde"[name:name+1], g.data(depth-1)))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
}

func (g *generator) variable() string {
	if len(g.vars) > 0 && g.IntN(3) > 0 {
		return "$" + g.vars[g.IntN(len(g.vars))]
	}
	return g.one("$", "$", "$$", "$x", "$y", "$v", "$i")
}

// input makes the input. It is not an empty list, into which jsonata-js puts things.
func (g *generator) input() string {
	if s := g.data(4); s != "[]" {
		return s
	}
	return "{}"
}

// step makes a part of a path.
func (g *generator) step(depth int) string {
	s := ""
	switch g.IntN(16) {
	case 0:
		s = "*"
	case 1:
		s = "**"
	case 2:
		s = "%"
	case 3:
		s = "$"
	case 4:
		s = "(" + g.expr(depth-1) + ")"
	case 5:
		s = "[" + g.expr(depth-1) + "]"
	case 6:
		s = "{" + g.member(depth-1) + "}"
	case 7:
		s = g.call(depth - 1)
	default:
		s = g.name()
	}
	if g.IntN(12) == 0 {
		s += "@$" + g.one("v", "w")
	}
	if g.IntN(12) == 0 {
		s += "#$" + g.one("i", "j")
	}
	for g.IntN(4) == 0 {
		switch g.IntN(6) {
		case 0:
			s += "[]"
		case 1:
			s += "[" + g.one("0", "1", "-1", "[0,1]", "[1..2]", "$i", "$i=0") + "]"
		default:
			s += "[" + g.expr(depth-1) + "]"
		}
	}
	if g.IntN(20) == 0 {
		s += "#$" + g.one("i", "j")
	}
	return s
}

func (g *generator) path(depth int) string {
	var steps []string
	for range 1 + g.IntN(4) {
		steps = append(steps, g.step(depth))
	}
	s := strings.Join(steps, ".")
	switch g.IntN(10) {
	case 0:
		s += "^(" + g.one("", "<", ">") + g.expr(depth-1) + ")"
		if g.IntN(2) == 0 {
			s += g.one("[0]", ".a", ".$", "#$i.{\"i\":$i}", "[]")
		}
	case 1:
		s += "{" + g.member(depth-1) + "}"
	}
	return s
}

func (g *generator) member(depth int) string {
	name := g.one(`"k"`, `"k"`, "a", "$string(a)", `"l"`, "b")
	s := name + ":" + g.expr(depth)
	if g.IntN(3) == 0 {
		s += `,"m":` + g.expr(depth)
	}
	return s
}

func (g *generator) lambda(depth, params int) string {
	names := []string{"x", "y", "z"}[:params]
	before := g.vars
	g.vars = append(append([]string(nil), before...), names...)
	body := g.expr(depth)
	g.vars = before
	sig := ""
	if g.IntN(12) == 0 {
		sig = g.one("<n:n>", "<s-:s>", "<x?:x>", "<a<n>:n>", "<j-n?:x>", "<(ns):x>", "<o+:x>")
	}
	return g.one("function", "λ") + "($" + strings.Join(names, ",$") + ")" + sig + "{" + body + "}"
}

// functions say what arguments functions take: s string, n number, a list, o object,
// x anything, f a function of so many (f1, f2, f3), p and q pictures, r regular expression.
var functions = []string{
	"sum a", "count a", "max a", "min a", "average a", "string x", "string x b", "substring s n", "substring s n n", "substringBefore s s",
	"substringAfter s s", "lowercase s", "uppercase s", "length s", "trim s", "pad s n", "pad s n s", "match s r", "match s r n", "contains s r", "contains s s",
	"replace s s s", "replace s r s", "replace s r f1", "replace s s s n", "split s s", "split s r", "split s s n", "join a", "join a s", "formatNumber n p",
	"formatBase n", "formatBase n n", "formatInteger n q", "parseInteger s q", "number x", "floor n", "ceil n", "round n", "round n n", "abs n", "sqrt n",
	"power n n", "boolean x", "not x", "map a f1", "map a f2", "map a f3", "zip a a", "zip a", "filter a f1", "filter a f2", "single a f1", "single a",
	"reduce a f2", "reduce a f2 x", "sift o f1", "sift o f2", "keys x", "lookup x s", "append x x", "exists x", "spread x", "merge a", "reverse a", "each o f1",
	"each o f2", "error s", "assert x s", "type x", "sort a", "sort a f2", "distinct x", "base64encode s", "base64decode s", "encodeUrlComponent s",
	"encodeUrl s", "decodeUrlComponent s", "decodeUrl s", "eval s", "toMillis s", "fromMillis n", "fromMillis n t", "fromMillis n t w", "clone x", "toMillis s t",
}

func (g *generator) call(depth int) string {
	fields := strings.Fields(functions[g.IntN(len(functions))])
	var args []string
	for _, kind := range fields[1:] {
		if g.IntN(25) == 0 {
			continue // one too few
		}
		args = append(args, g.argument(kind, depth))
	}
	s := "$" + fields[0] + "(" + strings.Join(args, ", ") + ")"
	if len(args) > 0 && g.IntN(8) == 0 {
		s = args[0] + " ~> $" + fields[0] + "(" + strings.Join(args[1:], ", ") + ")"
		if g.IntN(2) == 0 {
			s = "(" + s + ")"
		}
	}
	return s
}

func (g *generator) argument(kind string, depth int) string {
	if g.IntN(12) == 0 {
		return g.expr(depth)
	}
	switch kind {
	case "s":
		if g.IntN(3) == 0 {
			return g.path(depth - 1)
		}
		return strconv.Quote(g.text())
	case "n":
		if g.IntN(4) == 0 {
			return "-" + g.num()
		}
		return g.num()
	case "b":
		return g.one("true", "false")
	case "a":
		switch g.IntN(5) {
		case 0:
			return "[" + g.num() + "," + g.num() + "," + g.num() + "]"
		case 1:
			return "[" + strconv.Quote(g.text()) + "," + strconv.Quote(g.text()) + "]"
		case 2:
			return "[" + g.expr(depth-1) + "," + g.expr(depth-1) + "]"
		case 3:
			return "[1.." + g.num() + "]"
		}
		return g.path(depth - 1)
	case "o":
		if g.IntN(2) == 0 {
			return "{" + g.member(depth-1) + "}"
		}
		return g.one("$", "a", "b", "$$")
	case "f1", "f2", "f3":
		if g.IntN(8) == 0 {
			return "$" + g.one("string", "sum", "count", "not", "boolean", "exists", "type", "keys", "append", "round")
		}
		return g.lambda(depth-1, int(kind[1]-'0'))
	case "p":
		return strconv.Quote(g.one("0", "#", "#,##0.00", "000.0##", "0%", "0.0e0", "00.000e00", "#0;(0)", "x0y", "0,0.0,0", "#.#", "0.", ".0", "#0.0#;-0"))
	case "q":
		return strconv.Quote(g.one("0", "000", "#,##0", "0;o", "w", "W", "Ww", "w;o", "Ww;o", "I", "i", "a", "A", "0,000", "#0.00", "١"))
	case "r":
		return "/" + g.one("a", "b+", "[a-z]+", "(a)(b)?", "\\\\d+", "\\\\w+\\\\s", "(\\\\w)(\\\\w)", "l|o", "^h", "o$", ".", "x*", "[^a]", "(?:ab)+", "(?=l)l", "H", "e(?!l)", "(.)\\\\1") + "/" + g.one("", "", "i", "m")
	case "t":
		return strconv.Quote(g.one(
			"[Y]-[M]-[D]", "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]", "[D1o] [MNn] [Y]", "[FNn,3-3], [D] [MNn,3-3]", "[h]:[m01] [P]",
			"[H01]:[m] [z]", "[Y,2-2] [d] [W] [w]", "[X]-W[W01]-[F1]", "[YI] [Ww] [xNn]", "[Dwo]", "[M#1]", "[[[Y]]]", "[PN]", "[F]", "[Y9,999]", "[f,3]", "[Z0]", "[C] [E]",
		))
	case "w":
		return strconv.Quote(g.one("+0100", "-0500", "+0530", "0000", "+1400"))
	}
	return g.expr(depth - 1)
}

// expr makes an expression.
func (g *generator) expr(depth int) string {
	if depth <= 0 {
		switch g.IntN(6) {
		case 0:
			return g.num()
		case 1:
			return strconv.Quote(g.text())
		case 2:
			return g.variable()
		case 3:
			return g.one("true", "false", "null", "nothing")
		}
		return g.name()
	}
	sub := func() string { return g.expr(depth - 1) }
	switch g.IntN(28) {
	case 0, 1, 2, 3, 4, 5, 6:
		return g.path(depth - 1)
	case 7, 8, 9, 10, 11:
		return g.call(depth - 1)
	case 12:
		return sub() + g.one(" + ", " - ", " * ", " / ", " % ") + sub()
	case 13:
		return sub() + g.one(" = ", " != ", " < ", " <= ", " > ", " >= ", " in ") + sub()
	case 14:
		return sub() + g.one(" and ", " or ", " & ") + sub()
	case 15:
		return sub() + g.one(" ?: ", " ?? ") + sub()
	case 16:
		return sub() + " ? " + sub() + " : " + sub()
	case 17:
		return "[" + sub() + g.one(", ", "..") + sub() + "]"
	case 18:
		return "[" + sub() + "]" + g.one("", "[]", "[0]", ".a")
	case 19:
		return "{" + g.member(depth-1) + "}" + g.one("", ".k", "[0]", ".*")
	case 20:
		v := g.one("x", "y", "v")
		before := g.vars
		value := sub()
		g.vars = append(append([]string(nil), before...), v)
		s := "($" + v + " := " + value + "; " + sub() + ")"
		g.vars = before
		return s
	case 21:
		return "-" + sub()
	case 22:
		return "(" + g.lambda(depth-1, 1) + ")(" + sub() + ")"
	case 23:
		return sub() + " ~> |" + g.path(depth-2) + "|{" + g.member(depth-2) + "}" + g.one("", ",\"a\"", ",[\"a\",\"b\"]") + "|"
	case 24:
		return "($f := " + g.lambda(depth-1, 2) + "; $f(" + sub() + g.one("", ", ?", ", "+sub()) + ")" + g.one("", "(1)") + ")"
	case 25:
		return g.one("$substring(?, 1)(\"hello\")", "$append(?, "+sub()+")("+sub()+")", "$map(?, "+g.lambda(depth-1, 1)+")([1,2])", "$power(?, 2)(3)", "$append("+sub()+", ?)", "$sum(?)([1,2])", "$f(?)", "sum(?)")
	case 26:
		return "(" + sub() + ")" + g.one("[0]", "[]", "{"+g.member(1)+"}", "^($)", ".$", "[-1]")
	}
	return g.num()
}

// function makes a call of one of the functions whose pictures and numbers have rules of
// their own, with more of these than other expressions have.
func (g *generator) function() string {
	number := func() string {
		switch g.IntN(6) {
		case 0:
			return g.one("0", "1", "11", "19", "20", "21", "99", "100", "101", "112", "999", "1000", "1001", "1999", "2024", "1000000", "1234567", "1e9", "1e12", "1e15")
		case 1:
			return strconv.Itoa(g.IntN(100_000_000) - 50_000_000)
		case 2:
			return strconv.FormatFloat(g.NormFloat64()*1000, 'f', g.IntN(5), 64)
		case 3:
			return strconv.FormatFloat(g.NormFloat64(), 'f', g.IntN(9), 64)
		}
		return strconv.Itoa(g.IntN(4000) - 500)
	}
	join := func(n int, sep string, of ...string) string {
		var parts []string
		for range n {
			parts = append(parts, g.one(of...))
		}
		return strings.Join(parts, sep)
	}
	millis := func() string { return strconv.FormatInt(g.Int64N(4_000_000_000_000)-1_000_000_000_000, 10) }
	date := func() string {
		return join(1+g.IntN(5), g.one("-", " ", "/", ", "),
			"[Y]", "[Y0001]", "[Y,2-2]", "[YI]", "[Yi]", "[Yw]", "[M]", "[M01]", "[MNn]", "[MNn,3-3]", "[MN]", "[Mn]", "[D]", "[D01]", "[D1o]", "[Dwo]", "[Dw]", "[d]", "[d001]",
			"[F]", "[FNn]", "[FN,3-3]", "[F1]", "[W]", "[W01]", "[w]", "[X0001]", "[x]", "[xNn]", "[H]", "[H01]", "[h]", "[h01]", "[P]", "[PN]", "[m]", "[m01]", "[s]", "[s01]", "[f]", "[f001]",
			"[Z]", "[z]", "[Z0]", "[Z0001]", "[Z01:01t]", "[MA]", "[Da]", "[DW]", "[DWw]", "[Y9,999,*]", "[Y##01]")
	}
	decimal := func() string {
		return g.one("", "$", "-", "x") + g.one("#", "", "#,##", "##", "#,##0,") + g.one("0", "00", "#", "000", "") + g.one("", ".", ".0", ".00", ".0#", ".##", ".00#,0", ".#") + g.one("", "", "", "e0", "e00", "%", "‰") + g.one("", "", "x", ";(0)", ";0.00-")
	}
	integer := func() string {
		return g.one("0", "00", "0000", "#,##0", "#,##0", "##0", "0,000", "#0.000", "w", "W", "Ww", "I", "i", "A", "a", "١", "٠٠٠", "#-##0") + g.one("", "", ";o", ";c")
	}
	q := strconv.Quote
	switch g.IntN(12) {
	case 0, 1:
		return "$formatInteger(" + number() + ", " + q(integer()) + ")"
	case 2:
		picture := q(integer())
		return "$parseInteger($formatInteger(" + number() + ", " + picture + "), " + picture + ")"
	case 3, 4:
		return "$formatNumber(" + number() + ", " + q(decimal()) + ")"
	case 5, 6:
		return "$fromMillis(" + millis() + ", " + q(date()) + g.one("", `, "+0100"`, `, "-0800"`, `, "+0530"`) + ")"
	case 7:
		picture := q("[Y0001]" + date())
		return "$toMillis($fromMillis(" + millis() + ", " + picture + "), " + picture + ")"
	case 8:
		return "$toMillis($fromMillis(" + millis() + g.one("", `, "[Y0001]-[M01]-[D01]"`, `, "[Y0001]-[M01]"`, `, "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01][Z]", "+0200"`) + "))"
	case 9:
		return "$round(" + number() + ", " + strconv.Itoa(g.IntN(8)-3) + ")"
	case 10:
		return "$formatBase(" + number() + ", " + strconv.Itoa(g.IntN(38)) + ")"
	}
	return "$string(" + number() + g.one(" / 3", " * 1e10", " / 1e10", " * 1e17", "") + ")"
}
