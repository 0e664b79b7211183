package restjson

import (
	"fmt"
	"net/http"
	"testing"
)

func TestHeaderList(t *testing.T) {
	for line, want := range map[string]string{
		`a`:               `["a"]`,
		`a, b ,c`:         `["a" "b" "c"]`,
		`"a, b", c`:       `["a, b" "c"]`,
		`"a\"b\\", "c"`:   `["a\"b\\" "c"]`,
		`"never ends`:     `["never ends"]`,
		`"never ends\`:    `["never ends"]`,
		`a,,b`:            `["a" "" "b"]`,
		``:                `[]`,
		"\"tab\"\t,\tb\t": `["tab" "b"]`,
	} {
		r := &Request{Header: http.Header{"X-List": {line}}}
		if got := fmt.Sprintf("%q", r.HeaderList("x-list")); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// What AddHeader writes is what HeaderList reads.
func TestHeaderListRoundTrip(t *testing.T) {
	want := []string{"plain", "a,b", `say "x"`, `back\slash`, `\,"`, "last"}
	var a Answer
	for _, v := range want {
		AddHeader(&a, "X-List", v)
	}
	r := &Request{Header: a.Header}
	if got := r.HeaderList("X-List"); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%q, want %q, by %q", got, want, a.Header)
	}
}
