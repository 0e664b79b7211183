package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func read(t *testing.T, text string) any {
	t.Helper()
	v, err := decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// TestCompare compares small values: which differences there are, by their paths.
func TestCompare(t *testing.T) {
	for _, c := range []struct{ recorded, got, want string }{
		{`1`, `1.0`, ``},
		{`100`, `1e2`, ``},
		{`1`, `2`, ` 1 2`},
		{`1`, `"1"`, ` 1 "1"`},
		{`9007199254740993`, `9007199254740992`, ` 9007199254740993 9007199254740992`},
		{`null`, `null`, ``},
		{`null`, `false`, ` null false`},
		{`true`, `true`, ``},
		{`true`, `"true"`, ` true "true"`},
		{`"a"`, `"a"`, ``},
		{`"a"`, `"b"`, ` "a" "b"`},
		{`"1"`, `1`, ` "1" 1`},
		{`"{}"`, `{}`, ` "{}" {}`},
		{`"@{time}"`, `1710673765.5`, ``},
		{`"@{time}"`, `"2024-03-17T11:09:25Z"`, ``},
		{`"@{time}"`, `null`, ` "@{time}" null`},
		{`"@{any}"`, `{"a":[]}`, ``},
		{`"@{x}"`, `7`, ` "@{x}" 7`},
		{`{"a":"@{any}"}`, `{}`, `a "@{any}" nothing`},

		// Members: no more, no fewer, in any order.
		{`{"a":1,"b":{"c":2}}`, `{"b":{"c":2},"a":1}`, ``},
		{`{"a":1}`, `{}`, `a 1 nothing`},
		{`{"a":null}`, `{}`, `a null nothing`},
		{`{}`, `{"a":1}`, `a nothing 1`},
		{`{"a":{"b":1}}`, `{"a":{"b":2}}`, `a.b 1 2`},
		{`{"a":1}`, `[1]`, ` {"a":1} [1]`},

		// A text where the recording has a structure is parsed.
		{`{"a":{"b":[1]}}`, `{"a":"{ \"b\" : [1.0] }"}`, ``},
		{`{"a":[1]}`, `{"a":"[2]"}`, `a[0] 1 2`},
		{`{"a":{}}`, `{"a":"{"}`, `a {} "{"`},
		{`{"a":{}}`, `{"a":"{}{}"}`, `a {} "{}{}"`},
		{`{"a":{"b":{"c":1}}}`, `{"a":"{\"b\":\"{\\\"c\\\":1}\"}"}`, ``},

		// Lists: in order.
		{`[1,2]`, `[1,2]`, ``},
		{`[1,2]`, `[2,1]`, `[0] 1 2, [1] 2 1`},
		{`[1,2]`, `[1]`, `[1] 2 nothing`},
		{`[1]`, `[1,2,3]`, `[1] nothing 2`},
		{`[]`, `{}`, ` [] {}`},

		{`{"@either":[5,4]}`, `5`, ``},
		{`{"@either":[5,4]}`, `4`, ``},
		{`{"@either":[5,4]}`, `3`, ` 4 3`},
		{`{"a":{"@either":["x",{"b":1}]}}`, `{"a":"{\"b\":1}"}`, ``},
		{`[{"@either":["@{a}!","@{a}?"]},"@{a}"]`, `["x?","x"]`, ``}, // binds by the one that fits

		{`{"@among":[1,3]}`, `[0,1,2,3,4]`, ``},
		{`{"@among":[1,3]}`, `[3,1]`, ` 3 "none of the list from there on: [3,1]"`},
		{`{"@among":["@{a}","@{a}"]}`, `["x","y","x"]`, ``},
		{`{"@among":[1]}`, `7`, ` {"@among":[1]} 7`},

		// A name means in all places what it meant in the first.
		{`{"a":"@{x}","b":"@{x}"}`, `{"a":"1","b":"1"}`, ``},
		{`{"a":"@{x}","b":"@{x}"}`, `{"a":"1","b":"2"}`, `b "1" "2"`},
	} {
		n := &comparer{names: testNames()}
		n.value("", read(t, c.recorded), read(t, c.got))
		list := ""
		for i, d := range n.differences {
			if i > 0 {
				list += ", "
			}
			list += fmt.Sprint(d.path, " ", d.want, " ", d.got)
		}
		if list != c.want {
			t.Errorf("%s and %s: got %s, want %s", c.recorded, c.got, list, c.want)
		}
	}
}

func TestLaterMembers(t *testing.T) {
	c := &comparer{names: testNames(), later: []string{"Redrive"}}
	c.value("", read(t, `{"a":{"b":1}}`), read(t, `{"Redrive":0,"a":"{\"b\":1,\"Redrive\":0,\"c\":2}"}`))
	if len(c.differences) != 1 || c.differences[0].path != "a.c" {
		t.Errorf("got %v", c.differences)
	}
}

// event writes an event of a history.
func event(id, previous int, kind, details string) string {
	ids := ""
	if id > 0 {
		ids = fmt.Sprintf(`"id":%d,"previousEventId":%d,`, id, previous)
	}
	if details != "" {
		details = `,"details":` + details
	}
	return fmt.Sprintf(`{%s"timestamp":%d,"type":%q%s}`, ids, 1700000000+id, kind, details)
}

func recordedEvent(kind, details string) string {
	return fmt.Sprintf(`{"timestamp":"@{time}","type":%q,"details":%s}`, kind, details)
}

func TestCompareHistories(t *testing.T) {
	recorded := fmt.Sprintf(`{"events":[
		{"id":1,"previousEventId":0,"timestamp":"@{time}","type":"Start"},
		{"@unordered":[%s,%s,%s]},
		{"@lost":["Lost","LostToo"]},
		{"id":7,"previousEventId":6,"timestamp":"@{time}","type":"End","details":{"x":1}}]}`,
		recordedEvent("In", `{"n":"@{a}"}`), recordedEvent("In", `{"n":"two"}`), recordedEvent("Out", `{"n":"@{a}"}`))
	history := func(changes map[int]string) any {
		events := []string{
			1: event(1, 0, "Start", ""),
			2: event(2, 1, "In", `{"n":"two"}`), // fits @{a} too, but then nothing fits the second
			3: event(3, 2, "In", `{"n":"one"}`),
			4: event(4, 3, "Out", `{"n":"one"}`),
			5: event(5, 4, "Lost", `{"what":"ever"}`),
			6: event(6, 1, "LostToo", ""),
			7: event(7, 6, "End", `{"x":1}`),
		}
		var list []any
		for i, text := range events[1:] {
			if change, changed := changes[i+1]; changed {
				text = change
			}
			if text != "" {
				list = append(list, read(t, text))
			}
		}
		return map[string]any{"events": list}
	}
	for _, c := range []struct {
		name    string
		changes map[int]string
		path    string
	}{
		{"same", nil, ""},
		{"other order", map[int]string{2: event(2, 1, "Out", `{"n":"one"}`), 4: event(4, 3, "In", `{"n":"two"}`)}, ""},
		{"detail in any order", map[int]string{4: event(4, 3, "Out", `{"n":"three"}`)}, "events[3] Out.details.n"},
		{"type in any order", map[int]string{4: event(4, 3, "Off", `{"n":"one"}`)}, "events[1..3] in any order"},
		{"id in any order", map[int]string{3: event(0, 0, "In", `{"n":"one"}`)}, "events[2] In.id"},
		{"lost type", map[int]string{6: event(6, 1, "Found", "")}, "events[5]"},
		{"detail", map[int]string{7: event(7, 6, "End", `{"x":2}`)}, "events[6] End.details.x"},
		{"previous", map[int]string{7: event(7, 5, "End", `{"x":1}`)}, "events[6] End.previousEventId"},
		{"type", map[int]string{1: event(1, 0, "Begin", "")}, "events[0]"},
		{"short", map[int]string{7: ""}, "events[6] End"},
		{"shorter", map[int]string{6: "", 7: ""}, "events[5]"},
		{"short of any order", map[int]string{4: "", 5: "", 6: "", 7: ""}, "events[3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &comparer{names: testNames()}
			n.value("", read(t, recorded), history(c.changes))
			switch {
			case c.path == "" && len(n.differences) == 0 && n.names.bound["a"] == "one":
			case c.path != "" && len(n.differences) > 0 && n.differences[0].path == c.path:
			default:
				t.Errorf("got %v and %v, want one at %q", n.differences, n.names.bound, c.path)
			}
		})
	}
}

// TestShowsDifferences: of long values what differs is shown, in whole characters.
func TestShowsDifferences(t *testing.T) {
	long := strings.Repeat("é", showMax)
	for _, c := range []struct{ want, got, shown string }{ // shown: how each begins and ends
		{"short 1", "short 2", `"short 2"`},
		{long + "1", long + "2", "…éé…2\""},
		{long + "1", "x" + long, "\"xéé… ("},
	} {
		n := &comparer{names: testNames()}
		n.differ("", c.want, c.got)
		d := n.differences[0]
		begin, end, _ := strings.Cut(c.shown[1:], "…")
		if !utf8.ValidString(d.want+d.got) || max(len(d.want), len(d.got)) > showMax+30 || !strings.HasPrefix(d.got, c.shown[:1]+begin) || !strings.Contains(d.got, end) {
			t.Errorf("got %s", d)
		}
	}
}
