package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heddle/test/golden"
)

// told is an event in a story of package execution.
var told = regexp.MustCompile(`^(\w+) (\d+) (\w+) <(\d+)(?: (\{.*\}))?$`)

// histories are those of all executions in the stories of package execution, by file and name.
func histories(t *testing.T) map[string][]Event {
	t.Helper()
	files, err := filepath.Glob("../execution/testdata/*.txt")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	all, abridged := map[string][]Event{}, map[string]bool{} // limits.txt does not tell all events of some
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			m := told.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			name := filepath.Base(file) + " " + m[1]
			id, _ := strconv.ParseInt(m[2], 10, 64)
			previous, _ := strconv.ParseInt(m[4], 10, 64)
			details := m[5]
			if details == "" {
				details = "{}"
			}
			var e Event
			if err := json.Unmarshal([]byte(fmt.Sprintf(`{"id":%d,"previousEventId":%d,"timestamp":1000,"type":%q,"someEventDetails":%s}`, id, previous, m[3], details)), &e); err != nil {
				t.Fatal(line, err)
			}
			if id == 1 {
				all[name] = nil
			}
			if id != int64(len(all[name])+1) {
				abridged[name] = true
			}
			all[name] = append(all[name], e)
		}
	}
	for name := range abridged {
		if !strings.HasPrefix(name, "limits.txt") {
			t.Fatalf("%s: events are missing", name)
		}
		delete(all, name)
	}
	return all
}

// TestStates writes of the executions of all stories what became of their states, which is read
// when it changes; and what holds whatever happens.
func TestStates(t *testing.T) {
	var b strings.Builder
	all := histories(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		events := all[name]
		states := States(events)
		last := events[len(events)-1].Type
		closed := strings.HasPrefix(last, "Execution") && last != "ExecutionStarted" && last != "ExecutionRedriven"
		fmt.Fprintf(&b, "%s, %d events, %s\n", name, len(events), last)
		entered := map[string]int{}
		for i := range events {
			if strings.HasSuffix(events[i].Type, "StateEntered") {
				entered[events[i].Name]++
			}
		}
		for _, state := range slices.Sorted(maps.Keys(states)) {
			s := states[state]
			fmt.Fprintf(&b, "  %s: %s", state, s.Outcome)
			if len(s.Entries) > 1 {
				fmt.Fprintf(&b, ", entered %d times %v", len(s.Entries), s.Counts)
			}
			if s.Retries > 0 {
				fmt.Fprintf(&b, ", retried %d times", s.Retries)
			}
			for _, x := range s.Entries {
				if x.Items.Total > 0 {
					fmt.Fprintf(&b, ", items %+v", x.Items)
				}
				if x.MapRun != "" {
					fmt.Fprintf(&b, ", a map run")
				}
				if x.Outcome.Open() == (closed || x.Left != 0) && closed {
					t.Errorf("%s: %s is %s of an execution that is closed", name, state, x.Outcome)
				}
				if x.Left != 0 && x.Outcome != Succeeded && x.Outcome != Caught {
					t.Errorf("%s: %s was left, and is %s", name, state, x.Outcome)
				}
				for _, a := range x.Attempts[:max(0, len(x.Attempts)-1)] {
					if a.Outcome == Running || a.To == 0 {
						t.Errorf("%s: %s has an attempt before the last one that goes on", name, state)
					}
				}
				n := x.Items
				if n.Started > n.Total && n.Total > 0 || n.Succeeded+n.Failed+n.Aborted > n.Started && x.Left != 0 {
					t.Errorf("%s: %s has iterations %+v", name, state, n)
				}
			}
			b.WriteString("\n")
			if len(s.Entries) != entered[state] {
				t.Errorf("%s: %s was entered %d times, not %d", name, state, entered[state], len(s.Entries))
			}
		}
		if len(states) != len(entered) {
			t.Errorf("%s: of %d states %d are told", name, len(entered), len(states))
		}
		ended := &events[len(events)-1] // by itself, if it had too many events
		if last == "ExecutionFailed" && len(states) > 0 && !strings.Contains(ended.Cause, "maximum number of history events") && !slices.ContainsFunc(slices.Collect(maps.Values(states)), func(s *State) bool { return s.Counts[Failed]+s.Counts[TimedOut] > 0 }) {
			t.Errorf("%s: it failed, and none of its states", name)
		}
	}
	golden.Compare(t, "testdata/states.txt", b.String())
}
