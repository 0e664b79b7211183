// Package batch is the rules of batches: each has one thing done to every execution that a
// search finds. All batches of an account in a region are one execution of kind
// "heddle-batches", made of engine/collection, so that what was begun goes on after a crash
// from where it was: what a page of the search has found is kept before any of it is done,
// and what was done before more is.
//
// A batch that runs is an offer, of one page at a time; whoever takes it (package operator)
// looks for the page and does it, some executions at a time. So many batches go on in turns.
// Rules know neither how one searches nor what is done: an order is bytes to them.
package batch

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Kind is that of an account's batches in a region.
const Kind engine.Kind = "heddle-batches"

// List is where pages that are to be done are offered.
const List = "heddle-batches/pages"

const (
	// RunningMax is how many batches run at a time.
	RunningMax = 10
	// KeptMax is how many are kept, with those that have ended.
	KeptMax = 100
	// FailuresMax is how many executions are named that it could not be done to, and
	// CausesMax how many causes are told apart; the others are counted with the last.
	FailuresMax = 20
	CausesMax   = 10
	// MessageMax bounds what is kept of a message, in bytes.
	MessageMax = 512
)

// Name is the name of the batches of a world.
func Name(w engine.World) engine.Name { return engine.Name{World: w, Kind: Kind} }

// Status is how a batch is.
type Status byte

// What a batch may be.
const (
	Running   Status = 1
	Completed Status = 2 // all that was found was tried
	Stopped   Status = 3 // somebody has stopped it
	Failed    Status = 4 // it could not go on
)

// Order is what somebody wants done.
type Order struct {
	Domain  string // or the ARN of a state machine
	What    []byte // what is done to which, as its reader has it
	By      string // who wants it, for people
	Hold    string // in whose right, sealed
	Address string // from where it was asked for
	Secure  bool   // it was asked for over TLS
}

// Execution is one that a search has found.
type Execution struct{ WorkflowID, RunID string } // of a state machine: its ARN as workflowId

// Batch is a batch. It is never changed, but replaced.
type Batch struct {
	ID int64
	Order
	Began, Ended engine.Time
	Status       Status
	Why          string // why it failed, or who stopped it

	Page []Execution // that were found, and not yet tried
	Next string      // where the search goes on; empty: at its beginning, or it is over
	Over bool        // the search has found all
	Turn int64       // the event since which its next page is offered

	Looked, Done, Gone, Failed int64 // executions
	Causes                     []Cause
	Failures                   []Failure
}

// Batches are those of a domain, the newest first.
type Batches []*Batch

// Cause is why it could not be done, and how often.
type Cause struct {
	Code, Message string
	Executions    int64
}

// Failure is an execution to which it could not be done.
type Failure struct {
	Execution
	Code, Message string
}

// Outcome is what became of an execution of the page.
type Outcome struct {
	Execution
	Gone          bool   // it had closed meanwhile
	Code, Message string // empty: it was done
}

// SortKey orders batches as they began.
func (b *Batch) SortKey() Number { return Number(b.ID) }

// Number is the key of a batch.
type Number int64

// Compare orders numbers.
func (n Number) Compare(other Number) int { return cmp.Compare(n, other) }

func (e *Execution) code(c *pack.Coder) {
	c.Text(&e.WorkflowID)
	c.Text(&e.RunID)
}

func (o *Order) code(c *pack.Coder) {
	c.Text(&o.Domain)
	c.Bytes(&o.What)
	c.Text(&o.By)
	c.Text(&o.Hold)
	c.Text(&o.Address)
	c.Bool(&o.Secure)
}

func (k *Cause) code(c *pack.Coder) {
	c.Text(&k.Code)
	c.Text(&k.Message)
	c.Int(&k.Executions)
}

func (f *Failure) code(c *pack.Coder) {
	f.Execution.code(c)
	c.Text(&f.Code)
	c.Text(&f.Message)
}

func (o *Outcome) code(c *pack.Coder) {
	o.Execution.code(c)
	c.Bool(&o.Gone)
	c.Text(&o.Code)
	c.Text(&o.Message)
}

func (b *Batch) code(c *pack.Coder) {
	c.Int(&b.ID)
	b.Order.code(c)
	b.Began.Code(c)
	b.Ended.Code(c)
	c.Byte((*byte)(&b.Status))
	c.Text(&b.Why)
	pack.List(c, &b.Page, (*Execution).code)
	c.Text(&b.Next)
	c.Bool(&b.Over)
	for _, n := range []*int64{&b.Turn, &b.Looked, &b.Done, &b.Gone, &b.Failed} {
		c.Int(n)
	}
	pack.List(c, &b.Causes, (*Cause).code)
	pack.List(c, &b.Failures, (*Failure).code)
}

// batches is the state.
type batches struct {
	collection.Log
	all collection.Set[Number, *Batch]
}

func newBatches(engine.Identity) *batches { return &batches{} }

// Code says the fields that are stored.
func (s *batches) Code(c *pack.Coder) { collection.Code(c, &s.all, (*Batch).code) }

// change replaces a batch.
func (s *batches) change(id int64, with func(*Batch)) {
	old, ok := s.all.Find(Number(id))
	if !ok {
		return
	}
	b := *old
	with(&b)
	s.all.Put(&b)
}

// end ends a batch. What nobody needs any more goes.
func (b *Batch) end(at engine.Time, s Status, why string) {
	b.Status, b.Ended, b.Why = s, at, why
	b.Page, b.Next, b.Hold = nil, "", ""
}

// The events.
type (
	begun struct {
		Order
		dropped int64 // the batch that made room; zero: none
	}
	// found is a page of the search.
	found struct {
		batch, looked int64
		page          []Execution
		next          string
		over          bool
	}
	// tried is what became of executions of the page.
	tried struct {
		batch    int64
		outcomes []Outcome
	}
	ended struct {
		batch  int64
		status Status
		why    string
	}
)

// eventBody is something that became true.
type eventBody = collection.Event[*batches]

var events = map[byte]eventBody{1: &begun{}, 2: &found{}, 3: &tried{}, 4: &ended{}}

// Code implements collection.Event.
func (e *begun) Code(c *pack.Coder) {
	e.Order.code(c)
	c.Int(&e.dropped)
}

// Apply implements collection.Event.
func (e *begun) Apply(s *batches, at engine.Time) {
	s.all.Remove(Number(e.dropped))
	s.all.Put(&Batch{ID: s.LastEventID, Order: e.Order, Began: at, Status: Running, Turn: s.LastEventID})
}

// Code implements collection.Event.
func (e *found) Code(c *pack.Coder) {
	c.Int(&e.batch)
	c.Int(&e.looked)
	pack.List(c, &e.page, (*Execution).code)
	c.Text(&e.next)
	c.Bool(&e.over)
}

// Apply implements collection.Event.
func (e *found) Apply(s *batches, at engine.Time) {
	s.change(e.batch, func(b *Batch) {
		b.Page, b.Next, b.Over = e.page, e.next, e.over
		b.Looked += e.looked
		b.turned(s, at)
	})
}

// turned offers the next page when this one is done, unless there is none.
func (b *Batch) turned(s *batches, at engine.Time) {
	switch {
	case len(b.Page) > 0:
	case b.Over:
		b.end(at, Completed, "")
	default:
		b.Turn = s.LastEventID
	}
}

// Code implements collection.Event.
func (e *tried) Code(c *pack.Coder) {
	c.Int(&e.batch)
	pack.List(c, &e.outcomes, (*Outcome).code)
}

// Apply implements collection.Event.
func (e *tried) Apply(s *batches, at engine.Time) {
	s.change(e.batch, func(b *Batch) {
		b.Page, b.Causes, b.Failures = slices.Clone(b.Page), slices.Clone(b.Causes), slices.Clone(b.Failures)
		for i := range e.outcomes {
			b.count(&e.outcomes[i])
		}
		b.turned(s, at)
	})
}

// count counts what became of an execution of the page, once.
func (b *Batch) count(o *Outcome) {
	i := slices.Index(b.Page, o.Execution)
	if i < 0 {
		return
	}
	b.Page = slices.Delete(b.Page, i, i+1)
	switch {
	case o.Gone:
		b.Gone++
		return
	case o.Code == "":
		b.Done++
		return
	}
	b.Failed++
	if len(b.Failures) < FailuresMax {
		b.Failures = append(b.Failures, Failure{o.Execution, o.Code, o.Message})
	}
	i = slices.IndexFunc(b.Causes, func(k Cause) bool { return k.Code == o.Code })
	switch {
	case i >= 0:
	case len(b.Causes) == CausesMax:
		i = CausesMax - 1
	default:
		i = len(b.Causes)
		b.Causes = append(b.Causes, Cause{Code: o.Code, Message: o.Message})
	}
	b.Causes[i].Executions++
}

// Code implements collection.Event.
func (e *ended) Code(c *pack.Coder) {
	c.Int(&e.batch)
	c.Byte((*byte)(&e.status))
	c.Text(&e.why)
}

// Apply implements collection.Event.
func (e *ended) Apply(s *batches, at engine.Time) {
	s.change(e.batch, func(b *Batch) { b.end(at, e.status, e.why) })
}

// The bodies of commands. All but Begin and Of reply with the *Batch as it became; nil: there is
// no such batch, or none that runs.
type (
	// Begin begins a batch, and replies with it; or with the one that began so, if the same
	// principal has a batch whose What has the bytes of Once. Errors: ErrRunning.
	Begin struct {
		Order
		Once []byte // nil: whatever there is
	}
	// Found says what a page of the search of a batch has, that has none.
	Found struct {
		Batch  int64
		Page   []Execution
		Looked int64
		Next   string // where the search goes on; empty: it is over
	}
	// Tried says what became of executions of the page. It may be said again.
	Tried struct {
		Batch    int64
		Outcomes []Outcome
	}
	// End ends a batch: Stopped or Failed. One that has ended stays as it is.
	End struct {
		Batch  int64
		Status Status
		Why    string
	}
	// Find replies with a batch.
	Find struct{ Batch int64 }
	// Offered replies with the batch whose page was offered.
	Offered struct{ Turn int64 }
	// Of replies with the Batches of a domain, the newest first.
	Of struct{ Domain string }
)

// Error is a reason not to begin a batch.
type Error string

func (e Error) Error() string { return string(e) }

// ErrRunning says that enough batches run.
const ErrRunning Error = "too many batches run"

// Rules are the rules of Kind.
type Rules struct{ *collection.Rules[*batches] }

var _ engine.Rules = (*Rules)(nil)

var rules = collection.NewRules(collection.Config[*batches]{Package: "batch", New: newBatches, Version: 1, Events: events})

// NewRules makes the rules of Kind.
func NewRules() *Rules { return &Rules{rules} }

// Record offers a page of each batch that runs.
func (r *Rules) Record(s engine.State, up engine.Time) engine.Record {
	rec := r.Rules.Record(s, up)
	for _, b := range s.(*batches).all {
		if b.Status == Running {
			rec.Offers = append(rec.Offers, engine.Offer{List: List, ID: b.Turn, At: b.Began})
		}
	}
	return rec
}

// Handle decides a command.
func (r *Rules) Handle(s engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	all := s.(*batches)
	emit := func(e eventBody) { r.Emit(&t, all, in.Now, e) }
	running := func(id int64) *Batch {
		if b, ok := all.all.Find(Number(id)); ok && b.Status == Running {
			return b
		}
		return nil
	}
	became := func(id int64) {
		if b, ok := all.all.Find(Number(id)); ok {
			t.Reply = b
		}
	}
	switch c := body.(type) {
	case Begin:
		for _, b := range all.all {
			if c.Once != nil && b.By == c.By && bytes.Contains(b.What, c.Once) {
				t.Reply = b
				return t, nil
			}
		}
		dropped, err := all.room()
		if err != nil {
			return engine.Turn{}, err
		}
		emit(&begun{c.Order, dropped})
		became(all.LastEventID)
	case Found:
		if b := running(c.Batch); b != nil && len(b.Page) == 0 {
			emit(&found{c.Batch, c.Looked, c.Page, c.Next, c.Next == ""})
			became(c.Batch)
		}
	case Tried:
		if running(c.Batch) != nil && len(c.Outcomes) > 0 {
			emit(&tried{c.Batch, c.Outcomes})
			became(c.Batch)
		}
	case End:
		if running(c.Batch) != nil {
			emit(&ended{c.Batch, c.Status, c.Why})
		}
		became(c.Batch)
	case Find:
		became(c.Batch)
	case Offered:
		for _, b := range all.all {
			if b.Status == Running && b.Turn == c.Turn {
				t.Reply = b
			}
		}
	case Of:
		of := Batches{}
		for _, b := range slices.Backward(all.all) {
			if b.Domain == c.Domain {
				of = append(of, b)
			}
		}
		t.Reply = of
	default:
		panic(fmt.Sprintf("batch: no rule for command %T", body))
	}
	return t, nil
}

// room finds out which batch goes for another one: the oldest that has ended. Errors: ErrRunning.
func (s *batches) room() (dropped int64, err error) {
	running := 0
	for _, b := range slices.Backward(s.all) {
		if b.Status == Running {
			running++
		} else {
			dropped = b.ID
		}
	}
	if running >= RunningMax {
		return 0, ErrRunning
	}
	if len(s.all) < KeptMax {
		dropped = 0
	}
	return dropped, nil
}
