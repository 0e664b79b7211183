package execution

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/sfn/registry"
)

// hostile are machines and inputs that ask for as much as there is.
var hostile = map[string]struct {
	definition, input string
	status            string
	// activities: some tasks are polled, and succeed; then it is stopped.
	activities bool
	key        string // of the machine, and of its activities
	events     int    // how many there may be, if not 3000
}{
	"a map of 100,000 items": {
		definition: `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}`,
		input:      "[" + strings.Repeat("1,", 99_999) + "1]", status: Failed,
	},
	"a map of the largest iterations": {
		definition: `{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","MaxConcurrency":100000,"ItemSelector":{"all.$":"$.t","it.$":"$$.Map.Item.Value"},"ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}},"End":true}}}`,
		input:      `{"l":[` + strings.Repeat("1,", 99) + `1],"t":"` + strings.Repeat("x", 200_000) + `"}`, status: Failed,
	},
	"maps in maps in maps": {
		definition: nestedMaps(3, `{"Type":"Wait","Seconds":1,"End":true}`),
		input:      nestedLists(3, 20, `"`+strings.Repeat("x", 8)+`"`), status: Failed,
	},
	"branches with the largest input": {
		definition: branches(100, `{"StartAt":"W#","States":{"W#":{"Type":"Wait","Seconds":1,"Next":"P#"},"P#":{"Type":"Pass","Result":1,"End":true}}}`),
		input:      `"` + strings.Repeat("x", dataBytesMax-2) + `"`, status: Succeeded,
	},
	"branches that all give the largest output": {
		definition: branches(300, `{"StartAt":"P#","States":{"P#":{"Type":"Pass","End":true}}}`),
		input:      `"` + strings.Repeat("x", dataBytesMax-2) + `"`, status: Failed,
	},
	"branches of an activity with the largest input, all sealed": {
		definition: branches(100, `{"StartAt":"A#","States":{"A#":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}`),
		input:      `"` + strings.Repeat("x", dataBytesMax-2) + `"`, status: Failed, key: "alias/mine",
	},
	"deep nesting": {
		definition: nestedBranches(49, `{"Type":"Pass","End":true}`), input: `{"a":1}`, status: Succeeded,
	},
	"an endless loop": {
		definition: `{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"S"}],"Default":"P"},"S":{"Type":"Succeed"}}}`,
		input:      `{"a":"` + strings.Repeat(`\"`, 1_000) + `"}`, status: Failed,
	},
	"many large variables at a time": {
		definition: `{"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{` + many(40, func(i int) string { return fmt.Sprintf(`"v%d.$":"$"`, i) }) + `},"End":true}}}`,
		input:      `"` + strings.Repeat("x", 200_000) + `"`, status: Failed,
	},
	"more and more large variables": {
		definition: `{"StartAt":"P0","States":{` + many(60, func(i int) string {
			return fmt.Sprintf(`"P%d":{"Type":"Pass","Assign":{"v%d.$":"$"},"Next":"P%d"}`, i, i, i+1)
		}) + `,"P60":{"Type":"Succeed"}}}`,
		input: `"` + strings.Repeat("x", 250_000) + `"`, status: Failed,
	},
	"causes as large as can be": {
		definition: `{"StartAt":"X","States":{"X":{"Type":"Parallel","Branches":[{"StartAt":"F","States":{"F":{"Type":"Fail","ErrorPath":"$","CausePath":"$"}}}],"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"S"}],"Next":"S"},"S":{"Type":"Succeed"}}}`,
		input:      `"` + strings.Repeat("x", 250_000) + `"`, status: Failed,
	},
	"thousands of branches of which one fails": {
		definition: `{"StartAt":"X","States":{"X":{"Type":"Parallel","Branches":[` + many(12_500, func(i int) string {
			return numbered(`{"StartAt":"W#","States":{"W#":{"Type":"Wait","Seconds":900,"End":true}}}`, i)
		}) + `,{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"Next":"F"},"F":{"Type":"Fail"}}}],"End":true}}}`,
		input: `{}`, status: Failed, events: 40_000,
	},
	"a redrive of a thousand tasks and a wait": {
		definition: `{"StartAt":"X","States":{"X":{"Type":"Parallel","Branches":[` + many(1000, func(i int) string {
			return numbered(`{"StartAt":"A#","States":{"A#":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}`, i)
		}) + `,{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}],"End":true}}}`,
		input: `{}`, status: Aborted, activities: true, events: 9000,
	},
}

func many(n int, one func(int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = one(i)
	}
	return strings.Join(all, ",")
}

// numbered puts a number where names have a #: names of states are unique.
func numbered(text string, i int) string { return strings.ReplaceAll(text, "#", strconv.Itoa(i)) }

func branches(n int, branch string) string {
	return `{"StartAt":"X","States":{"X":{"Type":"Parallel","Branches":[` + many(n, func(i int) string { return numbered(branch, i) }) + `],"End":true}}}`
}

func nestedMaps(depth int, state string) string {
	for i := range depth {
		state = numbered(`{"Type":"Map","ItemProcessor":{"StartAt":"S#","States":{"S#":`, i) + state + `}},"End":true}`
	}
	return `{"StartAt":"S","States":{"S":` + state + `}}`
}

func nestedBranches(depth int, state string) string {
	for i := range depth {
		state = numbered(`{"Type":"Parallel","Branches":[{"StartAt":"S#","States":{"S#":`, i) + state + `}}],"End":true}`
	}
	return `{"StartAt":"S","States":{"S":` + state + `}}`
}

func nestedLists(depth, n int, leaf string) string {
	for range depth {
		leaf = "[" + many(n, func(int) string { return leaf }) + "]"
	}
	return leaf
}

// stateBytesMax bounds what one execution may take of memory as a snapshot, whatever its
// machine asks for.
const stateBytesMax = 32 << 20

// TestHostileMachinesStayBounded runs machines that ask for as much as there is: no turn is
// larger than turns may be, each wake gets on, the state stays small enough, and all of
// them end.
func TestHostileMachinesStayBounded(t *testing.T) {
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			limits := DefaultLimits()
			limits.EventsMax = cmp.Or(c.events, 3000)
			h := newHarness(t, limits)
			h.quick = true
			h.notify = engine.NotifyAll | engine.NotifyLogs | engine.NotifySpans
			h.kept = registry.Revision{Logging: registry.Logging{Level: logAll, Data: true, Destinations: []string{"arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}, Tracing: true}
			h.key = registry.Encryption{Key: c.key, ReuseSeconds: 300}
			largest := 0
			h.watch = func(r *harnessRun) {
				if h.turns%16 == 1 {
					largest = max(largest, len(h.rules.EncodeState(r.state)))
				}
			}
			r := h.begin("m", "e", c.definition, c.input, func(s *Start) {
				s.Activities = []Activity{{ARN: "arn:aws:states:us-east-1:123456789012:activity:a", Encryption: h.key}}
			})
			st := func() *State { return r.state.(*State) }
			if c.activities {
				if _, err := h.do(r, &Stop{}); err != nil {
					t.Fatal(err)
				}
				if _, err := h.do(r, &Redrive{}); err != nil {
					t.Fatal(err)
				}
				h.settle()
			}
			for n := 0; st().isOpen(); n++ {
				if c.activities && n == 20 {
					if _, err := h.do(r, &Stop{}); err != nil {
						t.Fatal(err)
					}
					break
				}
				if c.activities {
					id := r.record.Offers[0].ID
					for _, body := range []any{&StartTask{ScheduledEventID: id}, &Succeed{Ref: Ref{ScheduledEventID: id}, Output: "1"}} {
						if _, err := h.do(r, body); err != nil {
							t.Fatal(err)
						}
					}
					continue
				}
				if !h.tick() {
					t.Fatal("it waits for ever")
				}
			}
			t.Logf("%s after %d events and %d turns; a state of %d bytes", st().status, st().last, h.turns, largest)
			if st().status != c.status {
				t.Errorf("ended as %s: %s", st().status, r.events[len(r.events)-1].Public)
			}
			if largest > stateBytesMax {
				t.Errorf("a state of %d bytes", largest)
			}
			h.verify(r)
		})
	}
}
