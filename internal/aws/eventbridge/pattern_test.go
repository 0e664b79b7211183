package eventbridge

import (
	"encoding/json"
	"fmt"
	"testing"

	"heddle/test/golden"
)

// TestPatterns runs testdata/*.txt: "pattern JSON" sets the pattern, or tells why it is
// refused; "event JSON" tells whether the pattern chooses it.
func TestPatterns(t *testing.T) {
	golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string {
		var p *Pattern
		return golden.Lines(text, func(line string) []string {
			var word, rest string
			fmt.Sscan(line, &word)
			rest = line[len(word)+1:]
			if word == "pattern" {
				var err error
				if p, err = ParsePattern([]byte(rest)); err != nil {
					return []string{err.Error()}
				}
				return nil
			}
			event, err := Read([]byte(rest))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return []string{map[bool]string{true: "yes", false: "no"}[p.Matches(event)]}
		})
	})
}

func TestNoPatternChoosesAll(t *testing.T) {
	if !(*Pattern)(nil).Matches(map[string]any{}) {
		t.Error("an event is left out")
	}
}

// FuzzPattern: neither reading a pattern nor matching by it panics, whatever they are; what
// a pattern chooses, it chooses again.
func FuzzPattern(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"prefix":"x"}],"$or":[{"b":[null]},{"c":{"d":[{"exists":false}]}}]}`), []byte(`{"a":["xy"],"b":null}`))
	f.Add([]byte(`{"a":[{"anything-but":{"wildcard":["*x*","\\*"]}},{"numeric":[">",0,"<=",5]}]}`), []byte(`{"a":[{"b":1},"*",7.5]}`))
	f.Fuzz(func(t *testing.T, pattern, event []byte) {
		p, err := ParsePattern(pattern)
		value, unread := Read(event)
		if err != nil || unread != nil {
			return
		}
		if first, again := p.Matches(value), p.Matches(value); first != again {
			t.Error("it says one thing, then another")
		}
	})
}

func TestEvent(t *testing.T) {
	e := Event{ID: ID([16]byte{1}, 2), Type: `a "type"`, Source: "s", Account: "1", At: 1588953459999, Region: "r", Resource: "x"}
	b := e.Append([]byte("before "), func(b []byte) []byte { return append(b, `{"d":1}`...) })
	const want = `before {"version":"0","id":"94d3a4c6-03d7-8237-ab4a-f3cd2adc5ed6","detail-type":"a \"type\"","source":"s","account":"1","time":"2020-05-08T15:57:39Z","region":"r","resources":["x"],"detail":{"d":1}}`
	if !json.Valid(b[7:]) || string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	if id := e.ID; id[14] != '8' || id != ID([16]byte{1}, 2) || id == ID([16]byte{1}, 3) || id == ID([16]byte{2}, 2) {
		t.Errorf("id %s", id)
	}
}
