package wire

import (
	"strings"
	"testing"
)

// Three releases of one type: b has more fields, and c has no Old any more.
type (
	orderA struct {
		Name string
		Old  int
	}
	orderB struct {
		Name  string
		Old   int
		Zone  string
		Hint  string
		Lines []lineB
		By    any
		Sizes map[string]float64
	}
	lineB  struct{ Price int }
	orderC struct {
		Name string
		Zone string
	}
)

const (
	tableA = `levels 1 to 1
100 order fields
	1 Name text
	2 Old int
`
	tableB = `levels 1 to 2
100 order fields
	1 Name text
	2 Old int
	3 Zone text @2
	4 Hint text @2?
	5 Lines []#101 @2
	6 By any @2
	7 Sizes map[text]float @2
101 internal/cluster/wire.lineB fields @2
	1 Price int
`
	tableC = `levels 1 to 3
100 order fields
	1 Name text
	-2 Old int
	3 Zone text @2
	-4 Hint text @2?
	-5 Lines []#101 @2
	-6 By any @2
	-7 Sizes map[text]float @2
-101 internal/cluster/wire.lineB fields @2
	1 Price int
`
)

// release is the codec of a release, in which a type is called "order".
func release(t *testing.T, table, name string, samples ...any) *Codec {
	t.Helper()
	table = strings.ReplaceAll(table, " order ", " internal/cluster/wire."+name+" ")
	_, basic, _ := strings.Cut(string(draft(t, "levels 1 to 1\n").Text()), "\n") // which all releases have
	table += basic
	c, err := New(draft(t, table, samples...), typesOf(samples...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReleases: a release reads what another one has written, fields that it does not know
// included; below their level they are not sent.
func TestReleases(t *testing.T) {
	a := release(t, tableA, "orderA", orderA{})
	b := release(t, tableB, "orderB", orderB{}, lineB{})
	c := release(t, tableC, "orderC", orderC{})
	send := func(from, to *Codec, v any) any {
		t.Helper()
		bytes, err := from.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := to.Decode(bytes)
		if err != nil {
			t.Fatal(err)
		}
		return back
	}
	if got := send(a, b, &orderA{"x", 7}).(*orderB); got.Name != "x" || got.Old != 7 || got.Zone != "" {
		t.Errorf("%+v", got)
	}
	if got := send(b, a, &orderB{Name: "x", Old: 7, Hint: "left out"}).(*orderA); *got != (orderA{"x", 7}) {
		t.Errorf("%+v", got)
	}
	for what, v := range map[string]any{
		"field Zone": &orderB{Zone: "z"}, "field Lines": []any{orderB{Lines: []lineB{{1}}}}, "lineB wants level 2": &lineB{1},
	} {
		if _, err := b.Encode(v); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "level 2") {
			t.Errorf("%s was written though not all can read it: %v", what, err)
		}
	}
	b.SetLevel(2)
	c.SetLevel(2)
	full := &orderB{Name: "x", Old: 7, Zone: "z", Hint: "h", Lines: []lineB{{1}, {}}, By: []any{"who", &lineB{2}, nil}, Sizes: map[string]float64{"a": 1.5}}
	if got := send(b, c, full).(*orderC); *got != (orderC{"x", "z"}) {
		t.Errorf("%+v", got)
	}
	if got := send(b, b, full).(*orderB); got.Hint != "h" || len(got.Lines) != 2 || got.By.([]any)[1].(*lineB).Price != 2 {
		t.Errorf("%+v", got)
	}
	if got := send(c, b, &orderC{"x", "z"}).(*orderB); got.Zone != "z" || got.Old != 0 {
		t.Errorf("%+v", got)
	}
}

// TestTableIsRead: what is written of a table is read as the same, and one with a number
// that was given twice is refused.
func TestTableIsRead(t *testing.T) {
	for _, text := range []string{tableA, tableB, tableC} {
		table, err := ParseTable([]byte("// a remark\n\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(table.Text()); got != text {
			t.Errorf("%s\nwas read as\n%s", text, got)
		}
	}
	for what, text := range map[string]string{
		"a number of two types":         "levels 1 to 1\n1 a text\n1 b text\n",
		"a number of one that went":     "levels 1 to 1\n-1 a text\n1 b text\n",
		"a name of two types":           "levels 1 to 1\n1 a text\n2 a text\n",
		"a number of two fields":        "levels 1 to 1\n1 a fields\n\t1 X int\n\t1 Y int\n",
		"a number of a field that went": "levels 1 to 1\n1 a fields\n\t-1 X int\n\t1 Y int\n",
		"a name of two fields":          "levels 1 to 1\n1 a fields\n\t1 X int\n\t2 X int\n",
		"a field of no struct":          "levels 1 to 1\n1 a text\n\t1 X int\n",
		"a field of nothing":            "levels 1 to 1\n\t1 X int\n",
		"no levels":                     "1 a text\n",
		"levels that fall":              "levels 2 to 1\n",
		"a level above all":             "levels 1 to 1\n1 a text @2\n",
		"no number":                     "levels 1 to 1\n0 a text\n",
		"nothing":                       "",
	} {
		if _, err := ParseTable([]byte(text)); err == nil {
			t.Errorf("%s was read", what)
		}
	}
}

// TestComplete: a table takes in what is new at its highest level, says what has gone, and
// changes no line that it has; a codec wants one that is complete.
func TestComplete(t *testing.T) {
	ours := func(table, name string) string {
		return strings.ReplaceAll(table, " order ", " internal/cluster/wire."+name+" ")
	}
	before, err := ParseTable([]byte(ours(tableA, "orderB")))
	if err != nil {
		t.Fatal(err)
	}
	before.To = 2
	if _, err := New(before, typesOf(orderB{})); err == nil {
		t.Error("a codec was made with a table that lacks types and fields")
	}
	after, err := before.Complete(append(Basic(), typesOf(orderB{})...))
	if err != nil {
		t.Fatal(err)
	}
	text := string(after.Text())
	if !strings.HasPrefix(text, strings.Replace(ours(tableA, "orderB"), "to 1", "to 2", 1)+"\t3 Zone text @2\n\t4 Hint text @2\n\t5 Lines []#") {
		t.Errorf("the table is now\n%s", text)
	}
	if string(after.UpTo(1)) != string(before.UpTo(1)) || string(after.UpTo(2)) == string(before.UpTo(2)) {
		t.Errorf("level 1 has changed, or level 2 has not:\n%s", after.UpTo(1))
	}
	gone, err := ParseTable([]byte(strings.Replace(ours(tableA, "orderA"), "Old int", "Old text", 1)))
	if err != nil {
		t.Fatal(err)
	}
	next, err := gone.Complete(append(Basic(), typesOf(orderA{})...))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(next.Text()); !strings.Contains(text, "\t-2 Old text\n\t3 Old int\n") {
		t.Errorf("a field that has another shape now:\n%s", text)
	}
	none, err := gone.Complete(Basic())
	if err != nil {
		t.Fatal(err)
	}
	if text := string(none.Text()); !strings.Contains(text, "-100 internal/cluster/wire.orderA fields\n\t1 Name text\n") {
		t.Errorf("a type that has gone:\n%s", text)
	}
	if again, err := none.Complete(append(Basic(), typesOf(orderA{})...)); err != nil || strings.Contains(string(again.Text()), "\n100 ") {
		t.Errorf("a number of what had gone was given again, %v:\n%s", err, again.Text())
	}
}
