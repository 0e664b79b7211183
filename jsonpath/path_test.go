package jsonpath

import (
	"strings"
	"testing"

	"heddle/jsonvalue"
)

const store = `{"store":{"book":[
{"category":"reference","author":"Nigel Rees","title":"Sayings of the Century","price":8.95},
{"category":"fiction","author":"Evelyn Waugh","title":"Sword of Honour","price":12.99},
{"category":"fiction","author":"Herman Melville","title":"Moby Dick","isbn":"0-553-21311-3","price":8.99},
{"category":"fiction","author":"J. R. R. Tolkien","title":"The Lord of the Rings","isbn":"0-395-19395-8","price":22.99}],
"bicycle":{"color":"red","price":19.95}},"expensive":10}`

const items = `{"list":[{"n":1,"s":"a","l":[1,2]},{"n":2,"s":"b","l":[]},{"n":3.0,"s":"c d","o":{"x":null}},{"s":"","t":true}],"limit":2,"names":["a","c d"]}`

func value(t testing.TB, text string) any {
	t.Helper()
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func get(t *testing.T, path, in string) (any, error) {
	t.Helper()
	p, err := Parse(path)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return nil, err
	}
	return p.Get(value(t, in))
}

func TestGet(t *testing.T) {
	for _, c := range []struct{ path, in, want string }{
		// Names, indexes, and what is not changed on the way.
		{"$", `{"a":1}`, `{"a":1}`},
		{"$", `null`, `null`},
		{"$.a.b", `{"a":{"b":[1.0,1e3,12345678901234567890]}}`, `[1.0,1e3,12345678901234567890]`},
		{"a.b", `{"a":{"b":1}}`, `1`},
		{"$['a']['b']", `{"a":{"b":1}}`, `1`},
		{`$["a"].b`, `{"a":{"b":1}}`, `1`},
		{"$.['a']", `{"a":1}`, `1`},
		{"$[ 'a' ]", `{"a":1}`, `1`},
		{"$.a-b.c_d", `{"a-b":{"c_d":1}}`, `1`},
		{"$.delivery-partner", `{"delivery-partner":1}`, `1`},
		{`$['a.b']['it\'s']["\u00e9\n"]`, `{"a.b":{"it's":{"é\n":1}}}`, `1`},
		{`$['\ud83d\ude00']`, `{"😀":1}`, `1`},
		{`$['\ud83d']`, `{"\ud83d":1}`, `1`},
		{"$.ü.日本", `{"ü":{"日本":1}}`, `1`},
		{"$['']", `{"":1}`, `1`},
		{"$.a", `{"a":null}`, `null`},
		{"$[1]", `[1,2]`, `2`},
		{"$[-1]", `[1,2]`, `2`},
		{"$.a[0].b[1]", `{"a":[{"b":[1,2]}]}`, `2`},
		{"$.length", `{"length":3}`, `3`},
		// Several at once.
		{"$['a','c']", `{"c":1,"b":2,"a":3}`, `{"a":3,"c":1}`},
		{"$['a','x']", `{"a":3}`, `{"a":3}`},
		{"$['a','b'].v", `{"a":{"v":1},"b":{"v":2},"c":{"v":3}}`, `[1,2]`},
		{"$['a','x'].v", `{"a":{"v":1}}`, `[1]`},
		{"$[0,2]", `[1,2,3]`, `[1,3]`},
		{"$[0, -1, 7]", `[1,2,3]`, `[1,3]`},
		{"$[0,0]", `[1]`, `[1,1]`},
		{"$.*", `{"b":1,"a":[2]}`, `[1,[2]]`},
		{"$[*]", `[1,[2]]`, `[1,[2]]`},
		{"$[*].a", `[{"a":1},{"b":2},3,{"a":4}]`, `[1,4]`},
		{"$.*", `1`, `[]`},
		// Slices.
		{"$[1:3]", `[0,1,2,3]`, `[1,2]`},
		{"$[2:]", `[0,1,2,3]`, `[2,3]`},
		{"$[-2:]", `[0,1,2,3]`, `[2,3]`},
		{"$[:-1]", `[0,1,2,3]`, `[0,1,2]`},
		{"$[:2]", `[0,1,2,3]`, `[0,1]`},
		{"$[1:9]", `[0,1]`, `[1]`},
		{"$[5:9]", `[0,1]`, `[]`},
		{"$[-9:]", `[0,1]`, `[0,1]`},
		{"$[-3:-1]", `[0,1,2,3]`, `[1,2]`},
		{"$[-2000000000:1]", `[0,1]`, `[0,1,0]`}, // Jayway's
		{"$[0:2].a", `[{"a":1},{}]`, `[1]`},
		// Nothing there, and no way there.
		{"$.a[*]", `{"a":[]}`, `[]`},
		{"$.a[*].b", `{}`, `[]`},
		{"$.a.b[1:].c", `{}`, `[]`},
		{"$.a[?(@.x)]", `{}`, `[]`},
		{"$.vals[3:]", `{"vals":null}`, `[]`},
		{"$[?(@.a[0] == 1 || @.b)].b", `[{"a":"x","b":2}]`, `[2]`},
		{"$..x", `{"a":1}`, `[]`},
		// At any depth.
		{"$.store.book[*].author", store, `["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]`},
		{"$..author", store, `["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]`},
		{"$.store..price", store, `[8.95,12.99,8.99,22.99,19.95]`},
		{"$..book[2].title", store, `["Moby Dick"]`},
		{"$..book[-2].title", store, `["Moby Dick"]`},
		{"$..book[0,1].title", store, `["Sayings of the Century","Sword of Honour"]`},
		{"$..book[:2].title", store, `["Sayings of the Century","Sword of Honour"]`},
		{"$..book[1:2].title", store, `["Sword of Honour"]`},
		{"$..book[-2:].title", store, `["Moby Dick","The Lord of the Rings"]`},
		{"$..book[?(@.isbn)].title", store, `["Moby Dick","The Lord of the Rings"]`},
		{"$..[?(@.color)].price", store, `[19.95]`},
		{"$..[0].a", `[[{"a":1},{"a":2}],{"b":[{"a":3}]}]`, `[1,3]`},
		{"$..*", `{"a":{"b":[1]}}`, `[{"b":[1]},[1],1]`},
		{"$..['a','b']", `[{"a":1,"b":2},{"a":3}]`, `[{"a":1,"b":2}]`},
		{"$..a.b", `{"a":{"b":1,"a":{"b":2}},"c":{"a":3}}`, `[1,2]`},
		{"$..a..b", `{"a":{"a":{"b":2}}}`, `[2,2]`},
		// Filters.
		{"$.store.book[?(@.price < 10)].title", store, `["Sayings of the Century","Moby Dick"]`},
		{"$..book[?(@.price <= $['expensive'])].title", store, `["Sayings of the Century","Moby Dick"]`},
		{"$..book[?(@.author =~ /.*REES/i)].title", store, `["Sayings of the Century"]`},
		{"$.list[?(@.n == 3)].s", items, `["c d"]`},
		{"$.list[?(@.n==3&&@.s=='c d')].n", items, `[3.0]`},
		{"$.list[?(@.n == '2')].s", items, `["b"]`},
		{"$.list[?('2' == @.n)].s", items, `["b"]`},
		{"$.list[?('3' == @.n)].s", items, `[]`}, // as a text 3.0 is another
		{"$.list[?(@.n === '2')].s", items, `[]`},
		{"$.list[?(@.n !== '2')].s", items, `["a","b","c d",""]`},
		{"$.list[?(@.n != 2)].s", items, `["a","c d",""]`},
		{"$.list[?(@.n > 1 && @.n < 3)].s", items, `["b"]`},
		{"$.list[?(@.n >= 3 || @.t == true)].s", items, `["c d",""]`},
		{"$.list[?(@.n == 1 || @.n == 2 && @.s == 'x')].s", items, `["a"]`},
		{"$.list[?((@.n == 1 || @.n == 2) && @.s == 'b')].s", items, `["b"]`},
		{"$.list[?(!(@.n == 1))].s", items, `["b","c d",""]`},
		{"$.list[?(!@.n)].s", items, `[""]`},
		{"$.list[?(!@.n || @.o)].s", items, `["c d",""]`},
		{"$.list[?(@.o.x)].s", items, `["c d"]`}, // null is there
		{"$.list[?(@.o.x == null)].s", items, `["c d"]`},
		{"$.list[?(@.l[0])].s", items, `["a"]`},
		{"$.list[?(@.l[*])].s", items, `["a","b"]`}, // an empty list is found, too
		{"$.list[?(@['n'] == 1)].s", items, `["a"]`},
		{`$.list[?(@.s == "a")].n`, items, `[1]`},
		{"$.list[?(@.s in ['a','b'])].n", items, `[1,2]`},
		{"$.list[?(@.s in [a, b])].n", items, `[1,2]`},
		{"$.list[?(@.s in $.names)].n", items, `[1,3.0]`},
		{"$.list[?(@.s NIN ['a','b'])].s", items, `["c d",""]`},
		{"$.list[?(@.s nin 5)].s", items, `[]`}, // makes no sense
		{"$.list[?(@.l contains 2)].n", items, `[1]`},
		{"$.list[?(@.s contains 'c')].n", items, `[3.0]`},
		{"$.list[?(@.l size 2)].n", items, `[1]`},
		{"$.list[?(@.s size 3)].n", items, `[3.0]`},
		{"$.list[?(@.l empty true)].n", items, `[2]`},
		{"$.list[?(@.s empty false)].s", items, `["a","b","c d"]`},
		{"$.list[?(@.l subsetof [1,2,3])].n", items, `[1,2]`},
		{"$.list[?(@.l anyof [2,3])].n", items, `[1]`},
		{"$.list[?(@.l noneof [2,3])].n", items, `[2]`},
		{"$.list[?(@.l all [1,2])].n", items, `[1]`},
		{"$.list[?(@.l == [1,2])].n", items, `[1]`},
		{"$.list[?(@.o == {'x':null})].n", items, `[3.0]`},
		{"$.list[?(@.t type 'boolean')].s", items, `[""]`},
		{"$.list[?(@.s > 'a')].s", items, `["b","c d"]`},
		{"$.list[?(@.n < $.limit)].s", items, `["a"]`},
		{"$.list[?(@.s =~ /[ab]/)].n", items, `[1,2]`},
		{"$.list[?(@.s =~ /c/)].n", items, `[]`}, // the whole text
		{"$.list[?(@.s =~ /C\\sD/i && @.n)].n", items, `[3.0]`},
		{"$[?(@ =~ /a\\/b/)]", `["a/b","ab"]`, `["a/b"]`},
		{"$[?(@.p =~ /x.*/)].n", `[{"n":1,"p":["y","xy"]},{"n":2,"p":["y"]}]`, `[1]`},
		{"$[?(/x/ =~ @)]", `["x","y"]`, `["x"]`},
		{"$[?(@ > 1)]", `[1,2,"3",null,[4]]`, `[2,"3"]`},
		{"$[?(@ == 1.0)]", `[1,2]`, `[1]`},
		{"$[?(@ == 1e1)]", `[10]`, `[10]`},
		{"$[?(@ == -.5)]", `[-0.5]`, `[-0.5]`},
		{"$[?(@ == false)]", `[false,null,0,""]`, `[false]`},
		{"$[?(@ == null)]", `[false,null,0,""]`, `[null]`},
		{"$[?(@.a == @.b)].a", `[{"a":1,"b":1},{"a":1,"b":2},{"a":[{"x":1,"y":2}],"b":[{"y":2,"x":1.0}]}]`, `[1,[{"x":1,"y":2}]]`},
		{"$[?(@.a == @.b)]", `[{}]`, `[]`}, // what is not there equals nothing
		{"$[?(@.a[?(@.b == 2)])]", `[{"a":[{"b":2}]}]`, `[{"a":[{"b":2}]}]`},
		{"$[?(@.a)].b", `{"a":1,"b":2}`, `[2]`}, // a filter on an object
		{"$[?(@['a)(b]'] == ')]')].n", `[{"n":1,"a)(b]":")]"}]`, `[1]`},
		{"$[?(@ == 'it\\'s')]", `["it's"]`, `["it's"]`},
		{"$[?(@.l==es)].t", `[{"l":"es","t":1},{"l":"fr","t":2},{"l":"es-MX","t":3}]`, `[1]`},
		{"$[?(@.l == es-MX || @.l== fr )].t", `[{"l":"es","t":1},{"l":"fr","t":2},{"l":"es-MX","t":3}]`, `[2,3]`},
		{"$[?(@.l == true || @.l == truex)].t", `[{"l":true,"t":1},{"l":"true","t":2},{"l":"truex","t":3}]`, `[1,3]`},
		{"$[?(@.a.length() > 1)].n", `[{"n":1,"a":[1,2]},{"n":2,"a":[1]}]`, `[1]`},
		{"$.users[?(@.status == 0)]", `{"users":[{"status":0},{"status":1}]}`, `[{"status":0}]`},
		// Functions.
		{"$.store.book.length()", store, `4`},
		{"$.store.bicycle.length()", store, `2`},
		{"$.expensive.length()", store, `null`},
		{"$..book.length()", store, `1`},
		{"$..price.sum()", `[{"price":1},{"a":{"price":2.5}}]`, `3.5`},
		{"$.a.min()", `{"a":[3,"x",1,2]}`, `1`},
		{"$.a.max()", `{"a":[3,"x",1,2]}`, `3`},
		{"$.a.avg()", `{"a":[3,"x",1,2]}`, `2`},
		{"$.a.sum()", `{"a":[3,"x",1,2]}`, `6`},
		{"$.a.stddev()", `{"a":[2,4,4,4,5,5,7,9]}`, `2`},
		{"$.sum($.a, 10, $.b.max())", `{"a":[1,2],"b":[3,4]}`, `17`},
		{"$.a.keys()", `{"a":{"x":1,"y":2}}`, `["x","y"]`},
		{"$.keys()", `[]`, `null`},
		{"$.a.concat()", `{"a":["x",1,"y"]}`, `"xy"`},
		{`$.concat($.a, "-", $.b)`, `{"a":"x","b":["y",2]}`, `"x-y2"`},
		{"$.a.append(3, $.a[0])", `{"a":[1,2]}`, `[1,2,3,1]`},
		{"$.a.first()", `{"a":[1,2]}`, `1`},
		{"$.a.last()", `{"a":[1,2]}`, `2`},
		{"$.a.last()", `{"a":[1]}`, `1`},
		{"$.a.index(-2)", `{"a":[1,2]}`, `1`},
		{"$.a.first().b", `{"a":[{"b":1},2]}`, `1`},
		{"$.a[*].length()", `{"a":[[1],[1,2]]}`, `[1,2]`},
	} {
		got, err := get(t, c.path, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if text := jsonvalue.Text(got); text != c.want {
			t.Errorf("%s on %s: got %s, want %s", c.path, c.in, text, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	const provider = " This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
	for _, c := range []struct {
		path, in string
		kind     Kind
		want     string
	}{
		{"$.a", `{}`, NotFound, "No results for path: $['a']"},
		{"$.no.such", `{}`, NotFound, "Missing property in path $['no']"},
		{"$.a.no.such", `{"a":{}}`, NotFound, "Missing property in path $['a']['no']"},
		{"$.a.b", `{"a":{}}`, NotFound, "No results for path: $['a']['b']"},
		{"$.a[3]", `{"a":[]}`, NotFound, "No results for path: $['a'][3]"},
		{"$.a[-1].b", `{"a":[]}`, NotFound, "No results for path: $['a'][-1]['b']"},
		{"$.a[-1].b.c", `{"a":[{}]}`, NotFound, "Missing property in path $['a'][-1]['b']"},
		{"$.a['b\\'c'].d.e", `{"a":{"b'c":{}}}`, NotFound, "Missing property in path $['a']['b'c']['d']"},
		{`$["it's"]`, `{}`, NotFound, `No results for path: $["it\'s"]`},
		{"$.a.b", `{"a":"x"}`, NotFound, "Expected to find an object with property ['b'] in path $['a'] but found 'java.lang.String'." + provider},
		{"$.a.b.c", `{"a":{"b":null}}`, NotFound, "Expected to find an object with property ['c'] in path $['a']['b'] but found 'null'." + provider},
		{"$.a", `[1]`, NotFound, "Expected to find an object with property ['a'] in path $ but found 'java.util.ArrayList'." + provider},
		{"$.a", `12345678901`, NotFound, "Expected to find an object with property ['a'] in path $ but found 'java.lang.Long'." + provider},
		{"$.a", `1.0`, NotFound, "Expected to find an object with property ['a'] in path $ but found 'java.lang.Double'." + provider},
		{"$.a[0]", `{"a":null}`, NotFound, "The path $['a'] is null"},
		{"$.a[0].b", `{"a":{"x":[1,"y"]}}`, Unfit, "Filter: [0]['b'] can only be applied to arrays. Current context is: {x=[1, y]}"},
		{"$.a[3:]", `{"a":1}`, Unfit, "Filter: [3:] can only be applied to arrays. Current context is: 1"},
		{"$.a[0]", `{"a":1}`, Unfit, "Filter: [0] can only be applied to arrays. Current context is: 1"},
		{"$.a[?(@.b)]", `{"a":1}`, Unfit, "Filter: [?] can not be applied to primitives. Current context is: 1"},
		{"$.a.max()", `{"a":[]}`, Unfit, "Aggregation function attempted to calculate value using empty array"},
		{"$.a.first()", `{"a":[]}`, Unfit, "Target index:0 larger than object count:0"},
		{"$.a.sum($.b)", `{"a":[]}`, NotFound, "No results for path: $['b']"},
		{"$.a.nope()", `{"a":[]}`, Unfit, "Function with name: nope does not exist."},
	} {
		_, err := get(t, c.path, c.in)
		e, ok := err.(*Error)
		if !ok || e.Message != c.want || e.Kind != c.kind || IsNotFound(err) != (c.kind == NotFound) {
			t.Errorf("%s: got %v, want %s", c.path, err, c.want)
		}
	}
}

func TestSyntax(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"", "json can not be null or empty"},
		{"$.", "Path must not end with a '.' or '..'"},
		{"$..", "Path must not end with a '.' or '..'"},
		{"$a", "Illegal character at position 1 expected '.' or '['"},
		{"$*", "Illegal character at position 1 expected '.' or '['"},
		{"$...a", "Character '.' on position 3 is not valid."},
		{"$.a b", "Use bracket notion ['my prop'] if your property contains blank characters. position: 2"},
		{"$. a", "Could not parse token starting at position 2"},
		{"$[", "Could not parse token starting at position 1. Expected ?, ', 0-9, * "},
		{"$[]", "Could not parse token starting at position 1. Expected ?, ', 0-9, * "},
		{"$[a]", "Could not parse token starting at position 1. Expected ?, ', 0-9, * "},
		{"$[1", "Could not parse token starting at position 1. Expected ?, ', 0-9, * "},
		{"$[1a]", "Could not parse token starting at position 1. Expected ?, ', 0-9, * "},
		{"$[1 2]", "Failed to parse token in ArrayIndexOperation: 1 2"},
		{"$[99999999999]", "Failed to parse token in ArrayIndexOperation: 99999999999"},
		{"$[:]", "Failed to parse SliceOperation: :"},
		{"$[1-:2]", "Failed to parse SliceOperation: 1-:2"},
		{"$[*", "Expected wildcard token to end with ']' on position 3"},
		{"$['a", "Property has not been closed - missing closing '"},
		{"$['a'", "Property has not been closed - missing closing ]"},
		{"$['a',]", "Found empty property at index 6"},
		{"$['a' 'b']", "Property must be separated by comma or Property must be terminated close square bracket at index 4"},
		{"$[?]", "Not enough predicates supplied for filter [?] at position 1"},
		{"$[?(@.a == 1]", "Failed to parse filter: $[?(@.a == 1], error on position: 12, char: ]"},
		{"$[?(@.a == 1)", "Could not parse token starting at position 1. Expected ?, ', 0-9, * "},
		{"$[?('a')]", "Expected path node"},
		{"$[?(@.a like 'b')]", "Filter operator like is not supported!"},
		{"$[?(@.a = 'b')]", "Filter operator = is not supported!"},
		{"$[?(@.a == 'b)]", "String literal does not have matching quotes. Expected ' in $[?(@.a == 'b)]"},
		{"$[?(@.a =~ /b)]", "Pattern not closed. Expected / in $[?(@.a =~ /b)]"},
		{"$[?(@.a =~ /(?=b)/)]", ""},
		{"$[?(@.a =~ /((a{100}){100}){100}/)]", ""},
		{"$[?(@.a =~ /(a{500}b{500}){9}/)]", ""},
		{"$[?(@.a == $v)]", "Illegal character at position 1 expected '.' or '['"},
		{"$.a.sum(1", "Arguments to function: 'sum' are not closed properly."},
		{"$[?" + strings.Repeat("(", 100) + "@.a" + strings.Repeat(")", 100) + "]", "Filter is nested too deeply"},
		{"$[?(" + strings.Repeat("!", 100) + "(@.a))]", "Filter is nested too deeply"},
		{"$" + strings.Repeat("[?(@", 100) + strings.Repeat(")]", 100), ""},
		{"$[?(@ in " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + ")]", "Filter is nested too deeply"},
		{"$" + strings.Repeat(".a", 1001), "Path has more than 1000 steps"},
	} {
		p, err := Parse(c.path)
		e, ok := err.(*Error)
		if !ok || p != nil || e.Kind != Syntax || c.want != "" && e.Message != c.want {
			t.Errorf("%.100s: got %v, want %s", c.path, err, c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		path                          string
		definite, reference, function bool
		text                          string
	}{
		{"$", true, true, false, "$"},
		{"$.a['b'][0]", true, true, false, "$['a']['b'][0]"},
		{"$.a[-1]", true, false, false, "$['a'][-1]"},
		{"@.a", true, false, false, "@['a']"},
		{"a", true, false, false, "$['a']"},
		{"$['a','b']", true, false, false, "$['a','b']"},
		{"$['a','b'].c", false, false, false, "$['a','b']['c']"},
		{"$[0,1]", false, false, false, "$[0,1]"},
		{"$[*]", false, false, false, "$[*]"},
		{"$.*", false, false, false, "$[*]"},
		{"$..a", false, false, false, "$..['a']"},
		{"$[1:]", false, false, false, "$[1:]"},
		{"$[?(@.a)].b", false, false, false, "$[?]['b']"},
		{"$.a.length()", true, false, true, "$['a'].length()"},
		{"$[?(@.a.sum() == 1)]", false, false, true, "$[?]"},
	} {
		p, err := Parse(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if p.Definite() != c.definite || p.IsReference() != c.reference || p.HasFunctions() != c.function || p.String() != c.text || p.Text() != c.path {
			t.Errorf("%s: definite %v, reference %v, functions %v, %s", c.path, p.Definite(), p.IsReference(), p.HasFunctions(), p)
		}
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct{ path, in, want string }{
		{"$", `{"a":1}`, `"new"`},
		{"$.a", `{"b":1.0,"a":2}`, `{"b":1.0,"a":"new"}`},
		{"$.a", `{}`, `{"a":"new"}`},
		{"$.a.b.c", `{"x":1}`, `{"x":1,"a":{"b":{"c":"new"}}}`},
		{"$.a.b", `{"a":{"c":1}}`, `{"a":{"c":1,"b":"new"}}`},
		{"$[1]", `[1,2,3]`, `[1,"new",3]`},
		{"$.a.b[0].c", `{"a":{"b":[{"d":1},2]}}`, `{"a":{"b":[{"d":1,"c":"new"},2]}}`},
		{"$.a.b[0].c.d", `{"a":{"b":[{}]}}`, `{"a":{"b":[{"c":{"d":"new"}}]}}`},
		{"$.a", `1`, "Unable to apply ReferencePath $.a to input 1"},
		{"$.a", `null`, "Unable to apply ReferencePath $.a to input null"},
		{"$.a.b", `{"a":[]}`, `Unable to apply ReferencePath $.a.b to input {"a":[]}`},
		{"$.a.b", `{"a":null}`, `Unable to apply ReferencePath $.a.b to input {"a":null}`},
		{"$[1]", `[1]`, "Unable to apply ReferencePath $[1] to input [1]"},
		{"$.a[0]", `{}`, "Unable to apply ReferencePath $.a[0] to input {}"},
		{"$.a[0]", `{"a":{}}`, `Unable to apply ReferencePath $.a[0] to input {"a":{}}`},
		{"$.a[*]", `{"a":[1]}`, "Path $.a[*] is not a reference path"},
	} {
		p, err := Parse(c.path)
		if err != nil {
			t.Fatal(err)
		}
		in := value(t, c.in)
		got, err := p.Set(in, "new")
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			text = jsonvalue.Text(got)
		}
		if text != c.want {
			t.Errorf("%s on %s: got %s, want %s", c.path, c.in, text, c.want)
		}
		if !jsonvalue.Equal(in, value(t, c.in)) {
			t.Errorf("%s changed %s to %s", c.path, c.in, jsonvalue.Text(in))
		}
	}
}

// deep is lists in each other.
func deep(depth int) any {
	v := any([]any{})
	for range depth {
		v = []any{v}
	}
	return v
}

func TestBudget(t *testing.T) {
	wide := make([]any, 5000)
	for i := range wide {
		o := new(jsonvalue.Object)
		o.Set("a", float64(i))
		wide[i] = o
	}
	long := new(jsonvalue.Object)
	long.Set("list", wide)
	long.Set("text", strings.Repeat("ab", 100_000))
	long.Set("digits", strings.Repeat("1", 200_000))
	for _, c := range []struct {
		path string
		in   any
		dear bool
	}{
		{"$..*..*..*..*..*", deep(900), true},
		{"$..[?(@..[?(@..a)])]", deep(900), true},
		{"$.list[?(@.a in $.list[*].x.y)]", long, true},
		{"$.list[?($.list[?(@.a == -1)] == 1)]", long, true},
		{"$.list[?($.list anyof $.list)]", long, false},
		{"$.list[?($.text =~ /(a|b|ab)*c/)]", long, true},
		{"$.list[?(@.a == $.digits)]", long, true},
		{"$.list[?($.text < $.text)]", long, true},
		{"$.list[?($.text size 3)]", long, true},
		{"$.list[?(@.a == $.list[*].a.sum())]", long, false},
		{"$" + strings.Repeat("[0,0]", 100), deep(100), true},
		{"$" + strings.Repeat("['a','a']", 100) + ".b", value(t, strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100)), true},
		{"$..a", deep(5100), true},
		{"$..*", deep(2000), true},
		{"$.list[?(@ == $)]", []any{deep(6000), deep(6000)}, false},
		{"$[?(@ == $[0])]", []any{deep(6000), deep(6000)}, true},
		{"$.list.append($" + strings.Repeat(",$", 9000) + ")", long, true},
		{"$.concat($" + strings.Repeat(",$.text", 9000) + ")", long, true},
	} {
		p, err := Parse(c.path)
		if err != nil {
			t.Errorf("%.50s: %v", c.path, err)
			continue
		}
		b := Budget{Steps: 500_000, Bytes: 2 << 20}
		_, err = p.GetWithin(&b, c.in)
		e, ok := err.(*Error)
		if dear := ok && e.Kind == TooCostly; dear != c.dear || err != nil && !dear {
			t.Errorf("%.50s: %v, with %v left", c.path, err, b)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	in := value(b, store)
	for _, path := range []string{"$.store.bicycle.color", "$.store.book[2].title", "$.store.book[*].price", "$..price", "$.store.book[?(@.price < 10)].title"} {
		p, err := Parse(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				budget := DefaultBudget()
				if _, err := p.GetWithin(&budget, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
