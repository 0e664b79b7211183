package execution

import (
	"strings"
	"testing"

	"heddle/internal/engine"
)

// express makes a run an execution of an express state machine, before it has begun.
func (h *harness) express(definition string) *harnessRun {
	h.t.Helper()
	return h.begin("m", "e:0b9e7c4a-1f5d-4a52-9a3a-6d7c1f3b2a10", definition, "{}", nil)
}

// TestExpress has executions of express state machines go on over restarts, for five minutes,
// with nothing to be listed or told of them, and nothing that stays.
func TestExpress(t *testing.T) {
	const wait = `{"StartAt":"W","TimeoutSeconds":99999,"States":{"W":{"Type":"Wait","Seconds":%,"Next":"P"},"P":{"Type":"Pass","Parameters":{"id.$":"$$.Execution.Id","name.$":"$$.Execution.Name","redrives.$":"$$.Execution.RedriveCount"},"End":true}}}`
	const arn = "arn:aws:states:us-east-1:123456789012:express:m:e:0b9e7c4a-1f5d-4a52-9a3a-6d7c1f3b2a10"
	for seconds, want := range map[string]string{
		"299": `SUCCEEDED {"id":"` + arn + `","name":"e","redrives":0}`,
		"301": "TIMED_OUT ",
	} {
		h := newHarness(t, DefaultLimits())
		h.notify = engine.NotifyAll
		r := h.express(strings.Replace(wait, "%", seconds, 1))
		if s := r.state.(*State); s.arn() != arn || ARNOf(r.id.Name) != arn {
			t.Fatalf("it is called %s", s.arn())
		}
		for i := 0; r.state.(*State).isOpen(); i++ {
			if h.restart(i%2 == 0); !h.tick() {
				t.Fatal("it waits for ever")
			}
		}
		s := r.state.(*State)
		got := s.status + " "
		if s.status == Succeeded {
			got += s.output.Text()
		}
		if got != want {
			t.Errorf("after %s s: %s, want %s", seconds, got, want)
		}
		if len(r.notifications) > 0 {
			t.Errorf("%d notifications", len(r.notifications))
		}
		if entries := h.rules.Entries(r.id, &r.record); len(entries) > 0 {
			t.Errorf("it is listed: %v", entries)
		}
		if r.record.Forget != 1 {
			t.Errorf("it is kept until %d", r.record.Forget)
		}
	}
}

// TestExpressHistory has no bound but time: a loop of express states goes on beyond the events
// that others may have.
func TestExpressHistory(t *testing.T) {
	limits := DefaultLimits()
	limits.EventsMax = 100
	h := newHarness(t, limits)
	h.quick = true
	r := h.express(`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"S"}],"Default":"W"},"S":{"Type":"Succeed"}}}`)
	for r.state.(*State).isOpen() && h.tick() {
	}
	if s := r.state.(*State); s.status != TimedOut || s.last < 1000 {
		t.Errorf("%s after %d events", s.status, s.last)
	}
}
