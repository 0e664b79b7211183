package linear

import (
	"testing"
	"time"
)

// told makes a history in which calls follow each other.
func told(t *testing.T, steps ...any) *History {
	t.Helper()
	h := &History{}
	for i := 0; i < len(steps); i += 2 {
		h.Begin(0, steps[i].(Call))(steps[i+1].(Outcome))
	}
	return h
}

// TestJudge holds the judge to histories that are right and to some that are not.
func TestJudge(t *testing.T) {
	start := Call{Action: Start, WorkflowID: "a", Mark: "1"}
	read := Call{Action: Read, WorkflowID: "a", Run: "1"}
	signal := Call{Action: Signal, WorkflowID: "a", Mark: "2"}
	poll := Call{Action: Poll, WorkflowID: "a"}
	respond := Call{Action: Respond, WorkflowID: "a", Run: "1", Mark: "3", Started: 3, Close: true}
	countOpen, countClosed := Call{Action: CountOpen, WorkflowID: "a"}, Call{Action: CountClosed, WorkflowID: "a"}
	terminate := Call{Action: Terminate, WorkflowID: "a", Mark: "4"}
	describe := Call{Action: Describe, WorkflowID: "a", Run: "1"}
	ok, refused, unknown := Outcome{}, Outcome{Refused: true}, Outcome{Unknown: true}
	events := func(s string) Outcome { return Outcome{Events: s} }
	of := func(c Call) Call {
		c.Machine = true
		return c
	}
	begin, other, stop, redrive := of(start), of(Call{Action: Start, WorkflowID: "a", Mark: "5"}), of(terminate), of(Call{Action: Redrive, WorkflowID: "a"})
	see, take, open := of(Call{Action: Read, WorkflowID: "a"}), of(poll), of(countOpen)
	answer := func(mark string, task int, fails bool) Call {
		return of(Call{Action: Respond, WorkflowID: "a", Mark: mark, Started: task, Close: fails})
	}
	got := func(task int) Outcome { return Outcome{Count: task} }
	for name, c := range map[string]struct {
		want  Verdict
		steps []any
	}{
		"a machine": {Linearizable, []any{
			see, refused, redrive, refused, begin, ok, begin, ok, other, refused, take, got(3), take, got(3), answer("6", 3, false), ok, answer("7", 3, false), refused,
			see, events("S1 e d t c6 x e d "), open, got(1), take, got(8), answer("8", 8, true), ok, begin, refused, open, ok, redrive, ok, stop, ok, stop, ok,
			see, events("S1 e d t c6 x e d t f8 F R d X4 "), redrive, ok, redrive, refused,
		}},
		"a start with another input":             {NotLinearizable, []any{begin, ok, other, ok}},
		"a closed name begins again":             {NotLinearizable, []any{begin, ok, stop, ok, begin, ok}},
		"a machine's task ends twice":            {NotLinearizable, []any{begin, ok, take, got(3), answer("6", 3, false), ok, answer("7", 3, false), ok}},
		"a success of a machine is lost":         {NotLinearizable, []any{begin, ok, take, got(3), answer("6", 3, false), ok, see, events("S1 e d t ")}},
		"an unknown redrive that did not happen": {Linearizable, []any{begin, ok, stop, ok, redrive, unknown, open, ok}},
		"an unknown redrive that did":            {Linearizable, []any{begin, ok, stop, ok, redrive, unknown, open, got(1)}},
		"a redrive comes and goes":               {NotLinearizable, []any{begin, ok, stop, ok, redrive, unknown, open, got(1), open, ok}},
		"a life": {Linearizable, []any{
			countOpen, ok, start, ok, start, refused, countOpen, Outcome{Count: 1}, poll, events("S1 d t "), poll, events("S1 d t "),
			signal, ok, describe, Outcome{Open: true, Count: 1}, respond, ok, read, events("S1 d t s2 d c3 f "),
			respond, refused, poll, events("S1 d t s2 d c3 f t "), terminate, ok, terminate, refused, signal, refused,
			describe, ok, countClosed, Outcome{Count: 1}, countOpen, ok, poll, ok,
		}},
		"the end by a decision":              {Linearizable, []any{start, ok, poll, events("S1 d t "), respond, ok, read, events("S1 d t c3 E "), countClosed, Outcome{Count: 1}}},
		"an unknown start that happened":     {Linearizable, []any{start, unknown, countOpen, Outcome{Count: 1}}},
		"an unknown start that did not":      {Linearizable, []any{start, unknown, countOpen, ok}},
		"an unknown start, late":             {Linearizable, []any{start, unknown, countOpen, ok, countOpen, Outcome{Count: 1}}},
		"a start that came and went":         {NotLinearizable, []any{start, unknown, countOpen, Outcome{Count: 1}, countOpen, ok}},
		"an acknowledged start is hidden":    {NotLinearizable, []any{start, ok, countOpen, ok}},
		"two open runs":                      {NotLinearizable, []any{start, ok, Call{Action: Start, WorkflowID: "a", Mark: "5"}, ok}},
		"a signal is lost":                   {NotLinearizable, []any{start, ok, signal, ok, read, events("S1 d ")}},
		"a signal comes twice":               {NotLinearizable, []any{start, ok, signal, ok, read, events("S1 d s2 s2 ")}},
		"a refused signal is there":          {NotLinearizable, []any{start, ok, signal, refused, read, events("S1 d s2 ")}},
		"a task goes out under another id":   {NotLinearizable, []any{start, ok, poll, events("S1 d t "), poll, events("S1 d t t ")}},
		"a task is closed twice":             {NotLinearizable, []any{start, ok, poll, events("S1 d t "), respond, ok, respond, ok}},
		"something after the end":            {NotLinearizable, []any{start, ok, terminate, ok, signal, ok}},
		"a run that is both open and closed": {NotLinearizable, []any{start, ok, terminate, ok, describe, Outcome{Open: true}}},
	} {
		if got, page := told(t, c.steps...).Judge(time.Minute); got != c.want || (page != "") != (got == NotLinearizable) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestOverlap has calls that run at the same time: either order will do, but all
// who come later must see the same one.
func TestOverlap(t *testing.T) {
	for want, seen := range map[Verdict][2]string{
		Linearizable:    {"S1 d s3 s2 ", "S1 d s3 s2 "},
		NotLinearizable: {"S1 d s3 s2 ", "S1 d s2 s3 "},
	} {
		h := &History{}
		h.Begin(0, Call{Action: Start, WorkflowID: "a", Mark: "1"})(Outcome{})
		one := h.Begin(0, Call{Action: Signal, WorkflowID: "a", Mark: "2"})
		h.Begin(1, Call{Action: Signal, WorkflowID: "a", Mark: "3"})(Outcome{})
		one(Outcome{})
		for _, events := range seen {
			h.Begin(2, Call{Action: Read, WorkflowID: "a", Run: "1"})(Outcome{Events: events})
		}
		if got, _ := h.Judge(time.Minute); got != want {
			t.Errorf("%q: %s, want %s", seen, got, want)
		}
	}
}

// TestAlike has two clients start an execution with the same input at the same time. One of them
// may be refused, if it was stopped meanwhile; nobody can tell who of them began it.
func TestAlike(t *testing.T) {
	for want, refused := range map[Verdict][2]bool{Linearizable: {true, false}, NotLinearizable: {true, true}} {
		h := &History{}
		of := func(client int, action Action, mark string) func(Outcome) {
			return h.Begin(client, Call{Action: action, WorkflowID: "a", Mark: mark, Machine: true})
		}
		one, other := of(0, Start, "1"), of(1, Start, "1")
		other(Outcome{Refused: refused[1]})
		of(1, Terminate, "2")(Outcome{})
		one(Outcome{Refused: refused[0]})
		of(1, Read, "")(Outcome{Events: "S1 e d X2 "})
		if got, _ := h.Judge(time.Minute); got != want {
			t.Errorf("refused: %v: %s, want %s", refused, got, want)
		}
	}
}

// TestSettled has calls of unknown outcome, and knows the end.
func TestSettled(t *testing.T) {
	for want, second := range map[Verdict]string{Linearizable: "S1 d t s4 d ", NotLinearizable: "S1 d s4 "} {
		h := &History{}
		h.Begin(0, Call{Action: Start, WorkflowID: "a", Mark: "1"}) // it happened
		h.Begin(0, Call{Action: Start, WorkflowID: "a", Mark: "2"}) // it did not
		h.Begin(0, Call{Action: Poll, WorkflowID: "a"})             // one of these
		h.Begin(0, Call{Action: Poll, WorkflowID: "a"})
		h.Begin(0, Call{Action: Read, WorkflowID: "a", Run: "1"})
		h.Begin(0, Call{Action: Signal, WorkflowID: "a", Mark: "4"})(Outcome{})
		h.Begin(0, Call{Action: Read, WorkflowID: "a", Run: "1"})(Outcome{Events: second})
		h.Settle([]Run{{WorkflowID: "a", Events: "S1 d t s4 d "}})
		if got, _ := h.Judge(time.Minute); got != want {
			t.Errorf("%q: %s, want %s", second, got, want)
		}
	}
}

func TestUnknownEvent(t *testing.T) {
	if _, err := Event("TimerFired", ""); err == nil {
		t.Error("the model took an event that it does not know")
	}
}

// TestLost has far more calls of unknown outcome than there are events to show for them:
// which of them did something nobody can tell, and the judge need not try every choice.
func TestLost(t *testing.T) {
	for want, running := range map[Verdict]int{Linearizable: 1, NotLinearizable: 0} {
		h := &History{}
		of := func(action Action, mark string) Call {
			return Call{Action: action, WorkflowID: "a", Mark: mark, Machine: true}
		}
		lose := func() {
			for range 30 {
				h.Begin(1, of(Poll, ""))
				h.Begin(1, of(Redrive, ""))
				h.Begin(1, of(Start, "1"))
				h.Begin(1, of(Start, "2"))
			}
		}
		lose()
		h.Begin(0, of(Describe, ""))(Outcome{Open: true})
		lose()
		h.Begin(0, of(Terminate, "3"))(Outcome{})
		lose()
		h.Begin(0, of(Terminate, "4"))(Outcome{})
		h.Begin(0, of(Read, ""))(Outcome{Events: "S1 e d t X3 R d t X4 "})
		lose()
		h.Begin(1, Call{Action: Respond, WorkflowID: "a", Mark: "5", Machine: true, Started: 11})
		h.Settle([]Run{{WorkflowID: "a", Machine: true, Events: "S1 e d t X3 R d t X4 R d t c5 x e d "}})
		h.Begin(0, of(CountOpen, ""))(Outcome{Count: running})
		if got, _ := h.Judge(time.Minute); got != want {
			t.Errorf("%d are running: %s, want %s", running, got, want)
		}
	}
}
