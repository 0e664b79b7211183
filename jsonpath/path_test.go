package jsonpath

import (
	"testing"

	"heddle/jsonvalue"
)

const store = `{"store":{"book":[
{"category":"reference","author":"Nigel Rees","title":"Sayings of the Century","price":8.95},
{"category":"fiction","author":"Evelyn Waugh","title":"Sword of Honour","price":12.99},
{"category":"fiction","author":"Herman Melville","title":"Moby Dick","isbn":"0-553-21311-3","price":8.99},
{"category":"fiction","author":"J. R. R. Tolkien","title":"The Lord of the Rings","isbn":"0-395-19395-8","price":22.99}],
"bicycle":{"color":"red","price":19.95}},"expensive":10}`

func value(t testing.TB, text string) any {
	t.Helper()
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGet(t *testing.T) {
	for _, c := range []struct{ path, in, want string }{
		{"$", `{"a":1}`, `{"a":1}`},
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
		{"$.store.book[?(@.price < 10)].title", store, `["Sayings of the Century","Moby Dick"]`},
		{"$..book[?(@.price <= $['expensive'])].title", store, `["Sayings of the Century","Moby Dick"]`},
		{"$..book[?(@.author =~ /.*REES/i)].title", store, `["Sayings of the Century"]`},
		{"$..book.length()", store, `1`},
		{"$.store.book.length()", store, `4`},
	} {
		p, err := Parse(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		got, err := p.Get(value(t, c.in))
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if text := jsonvalue.Text(got); text != c.want {
			t.Errorf("%s: got %s, want %s", c.path, text, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ path, in, want string }{
		{"$.a", `{}`, "No results for path: $['a']"},
		{"$.no.such", `{}`, "Missing property in path $['no']"},
		{"$.a.no.such", `{"a":{}}`, "Missing property in path $['a']['no']"},
		{"$.a[3]", `{"a":[]}`, "No results for path: $['a'][3]"},
	} {
		p, err := Parse(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		_, err = p.Get(value(t, c.in))
		if err == nil || err.Error() != c.want || !IsNotFound(err) {
			t.Errorf("%s: got %v, want %s", c.path, err, c.want)
		}
	}
}
