package execution

import (
	"fmt"
	"slices"

	"heddle/internal/pack"
	"heddle/internal/sfn/asl"
	"heddle/jsonvalue"
)

// StateMock says how what a state does ends, in place of its doing it: of a Task state what it
// calls, of a Parallel or a Map state all that is within it. The first time that the execution
// invokes the state is number 0; each further one counts, whether it is a retry, another round,
// or of another iteration.
type StateMock struct {
	State   string
	Answers []Answer
}

// Answer is how some invocations of a state end.
type Answer struct {
	From, To     int64  // the first and the last of them
	Output       string // JSON text; of one that does not fail
	Failed       bool
	Error, Cause string // Cause "": it has none
}

func (m *StateMock) code(c *pack.Coder) {
	c.Text(&m.State)
	pack.List(c, &m.Answers, func(a *Answer, c *pack.Coder) {
		c.Int(&a.From)
		c.Int(&a.To)
		c.Text(&a.Output)
		c.Bool(&a.Failed)
		c.Text(&a.Error)
		c.Text(&a.Cause)
	})
}

// codeMocks writes the mocks, or reads them, at the end of what holds settings.
func (s *Settings) codeMocks(c *pack.Coder) {
	if c.Tail(len(s.Mocks) > 0) {
		pack.List(c, &s.Mocks, (*StateMock).code)
	}
}

// CodeMore writes what orders got later, or reads it, at the end of what holds one. It tells whether
// there is more of what holds it, too.
func (o *MapRunOrder) CodeMore(c *pack.Coder, more bool) bool {
	if !c.Tail(len(o.Settings.Mocks) > 0 || o.Transformation != "" || more || o.pointed() || o.Described) {
		return false
	}
	pack.List(c, &o.Settings.Mocks, (*StateMock).code)
	c.Text(&o.Transformation)
	return true
}

func (o *MapRunOrder) pointed() bool { return o.Reader != nil && o.Reader.Pointer != "" }

// CodeLast writes what orders got after that, or reads it: behind all of what has more, at its
// end. It tells whether there is more behind it, too.
func (o *MapRunOrder) CodeLast(c *pack.Coder, more bool) bool {
	if !c.Tail(o.pointed() || o.Described || more) {
		return false
	}
	if o.Reader != nil {
		c.Text(&o.Reader.Pointer)
	}
	if !c.Tail(o.Described || more) {
		return false
	}
	c.Bool(&o.Described)
	return true
}

// mocked is the index of a state's mock; -1: it has none.
func (s *Settings) mocked(state string) int {
	return slices.IndexFunc(s.Mocks, func(m StateMock) bool { return m.State == state })
}

// invoke counts an invocation of a thread's state, if it has a mock.
func (s *State) invoke(t *thread) {
	if i := s.settings.mocked(t.state); i >= 0 {
		s.invoked[i]++
	}
}

// mock is the answer for the state; nil: it does what it does. Without an answer for an
// invocation the state fails, and nothing catches that.
func (e *evaluation) mock() *Answer {
	s := e.t.s
	i := s.settings.mocked(e.st.Name)
	if i < 0 {
		if s.rehearsed != nil {
			e.unmocked()
		}
		return nil
	}
	n := s.invoked[i]
	for j := range s.settings.Mocks[i].Answers {
		if a := &s.settings.Mocks[i].Answers[j]; a.From <= n && n <= a.To {
			return a
		}
	}
	e.runtime(fmt.Sprintf("The mock of this state says nothing of invocation %d.", n))
	return nil
}

// unmocked fails a state of a rehearsal that would call, or read, something outside.
func (e *evaluation) unmocked() {
	switch st := e.st; {
	case st.Type == asl.Task:
		e.runtime("The state calls " + st.Resource.ARN + ", and the test case has no mock of it.")
	case st.Type == asl.Map && st.Distributed && (st.ItemReader != nil || st.ItemBatcher != nil || st.ResultWriter != nil):
		e.runtime("The Map state has an ItemReader, an ItemBatcher or a ResultWriter, and the test case has no mock of it.")
	}
}

// answerTask ends a task that was just scheduled.
func (e *evaluation) answerTask(a *Answer) {
	t, th := e.t, e.th
	t.started(th)
	if w := th.work; asl.Pattern(w.pattern) != asl.RequestResponse {
		t.submitted(th, "{}", nil, false)
	}
	if a.Failed {
		t.taskFailed(th, failed, a.failure(0))
		return
	}
	t.taskSucceeded(th, a.output())
}

// answerGroup ends a Parallel or a Map state, of which nothing is run. It has begun with b.
func (e *evaluation) answerGroup(a *Answer, b *begun) {
	t, th, of := e.t, e.th, e.st.Type.String()
	started := t.emit(th, &Body{Type: Type(of + "StateStarted"), Previous: th.previous, hidden: hidden{group: b}})
	if a.Failed {
		t.fail(th, e.st, a.failure(started))
		return
	}
	ended := t.emit(th, &Body{Type: Type(of + "StateSucceeded"), Previous: started})
	output := a.output()
	if len(output.Text()) > dataBytesMax {
		e.tooLarge(e.st.Name, ended)
		return
	}
	e.leave(output.Value(), ended, e.st.Name)
}

func (a *Answer) failure(at int64) failure {
	f := failure{name: cut(&a.Error, errorMax), at: at, task: at == 0}
	if a.Cause != "" {
		f.cause = cut(&a.Cause, causeMax)
	}
	return f
}

func (a *Answer) output() datum {
	v, err := jsonvalue.ParseString(a.Output)
	mustHold(err == nil, "a mock's output that is no JSON: %v", err)
	return of(v)
}
