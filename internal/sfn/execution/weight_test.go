package execution

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"heddle/internal/engine"
)

// TestStatesTellTheirWeight weighs executions that wait, with much under way and much to
// hold: as they are when all that they hold was parsed, they must not take more than they
// tell.
func TestStatesTellTheirWeight(t *testing.T) {
	const wait = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}`
	item := `{"name":"something","count":12,"tags":["a","b"],"more":{"x":1.5}}`
	items := func(n int) string { return "[" + many(n, func(int) string { return item }) + "]" }
	for name, c := range map[string]struct{ definition, input string }{
		"a wait":        {wait, `{}`},
		"a large input": {wait, items(1000)},
		"a map":         {`{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":` + wait + `,"End":true}}}`, items(500)},
		"branches":      {branches(100, `{"StartAt":"W#","States":{"W#":{"Type":"Wait","Seconds":9,"End":true}}}`), `"` + strings.Repeat("x", 50_000) + `"`},
		"many variables": {`{"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{` + many(50, func(i int) string { return fmt.Sprintf(`"v%d.$":"$"`, i) }) +
			`},"Next":"W"},"W":{"Type":"Wait","Seconds":9,"End":true}}}`, item},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, DefaultLimits())
			r := h.begin("m", "e", c.definition, c.input, nil)
			snapshot := h.rules.EncodeState(r.state)
			copies := make([]engine.State, 1+(1<<20)/(len(snapshot)+1000))
			before := heap()
			for i := range copies {
				var err error
				if copies[i], err = h.rules.DecodeState(r.id, snapshot); err != nil {
					t.Fatal(err)
				}
				parseAll(copies[i].(*State))
			}
			taken := (heap() - before) / len(copies)
			told := h.rules.Weigh(copies[0])
			runtime.KeepAlive(copies)
			t.Logf("a state of %d bytes in the store takes %d of memory; %d are told", len(snapshot), taken, told)
			if taken > told+told/10+1024 || told > 10*taken+4096 {
				t.Errorf("a state takes %d bytes, and says that it weighs %d", taken, told)
			}
		})
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// parseAll parses all that a state holds.
func parseAll(s *State) {
	s.input.Value()
	for _, th := range s.threads {
		th.input.Value()
		for i := range th.vars {
			th.vars[i].value.Value()
		}
		if g := th.group; g != nil && g.items != nil {
			g.items.Value()
		}
	}
}

// TestOpenedStatesTellTheirWeight: what is sealed is in memory twice once it was opened.
func TestOpenedStatesTellTheirWeight(t *testing.T) {
	h := newHarness(t, DefaultLimits())
	h.key.Key, h.key.ReuseSeconds = "alias/mine", 300
	input := `"` + strings.Repeat("x", 100_000) + `"`
	r := h.begin("m", "e", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}`, input, nil)
	h.restart(true)
	if _, err := h.do(r, &Same{Input: input}); err != nil {
		t.Fatal(err)
	}
	held := 0
	r.state.(*State).each(func(d *datum) { held += len(d.sealed) + len(d.text) })
	if told := h.rules.Weigh(r.state); told < held || held < 400_000 {
		t.Errorf("it holds %d bytes, and says that it weighs %d", held, told)
	}
}
