package batch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

var testID = engine.Identity{Name: Name(engine.World{Account: "123456789012", Region: "us-east-1"})}

// batchRun is a run of batches, of which each command is checked.
type batchRun struct {
	*enginetest.Run
	t   testing.TB
	now engine.Time
}

func newBatchRun(t testing.TB) *batchRun {
	return &batchRun{enginetest.NewRun(t, NewRules(), testID), t, 1000}
}

func (r *batchRun) do(body any) *Batch {
	r.t.Helper()
	r.now++
	turn, err := r.Handle(r.now, body)
	if err != nil {
		r.t.Fatalf("%T: %v", body, err)
	}
	b, _ := turn.Reply.(*Batch)
	return b
}

func (r *batchRun) begin(domain string) *Batch {
	return r.do(Begin{Order: Order{Domain: domain, What: []byte(`{}`), By: "arn", Hold: "sealed", Address: "192.0.2.1:1", Secure: true}})
}

func (r *batchRun) offers() (all []string) {
	for _, o := range r.Rules.Record(r.State, 0).Offers {
		all = append(all, fmt.Sprintf("%s %d", o.List, o.ID))
	}
	return all
}

func page(n int) (all []Execution) {
	for i := range n {
		all = append(all, Execution{fmt.Sprintf("w%d", i), "r"})
	}
	return all
}

// TestBatch: a page is offered, found, tried in parts, and only then the next one is offered;
// what is found twice or tried twice counts once.
func TestBatch(t *testing.T) {
	r := newBatchRun(t)
	b := r.begin("shop")
	first := r.offers()
	if len(first) != 1 || r.do(Offered{b.Turn}).ID != b.ID {
		t.Fatalf("offers %q of %+v", first, b)
	}
	b = r.do(Found{Batch: b.ID, Page: page(3), Looked: 7, Next: "next"})
	if again := r.do(Found{Batch: b.ID, Page: page(9), Looked: 7, Next: "other"}); again != nil {
		t.Errorf("a second page before the first was done: %+v", again)
	}
	b = r.do(Tried{b.ID, []Outcome{{Execution: Execution{"w1", "r"}}, {Execution: Execution{"w0", "r"}, Code: "No", Message: "no"}}})
	b = r.do(Tried{b.ID, []Outcome{{Execution: Execution{"w1", "r"}}}}) // said again
	if len(b.Page) != 1 || b.Done != 1 || b.Failed != 1 || fmt.Sprint(r.offers()) != fmt.Sprint(first) {
		t.Errorf("in the midst of a page: %+v, offers %q", b, r.offers())
	}
	b = r.do(Tried{b.ID, []Outcome{{Execution: Execution{"w2", "r"}, Gone: true}}})
	if second := r.offers(); len(second) != 1 || second[0] == first[0] || r.do(Offered{b.Turn}) == nil {
		t.Errorf("after a page: offers %q, before %q", second, first)
	}
	if r.do(Offered{1 << 40}) != nil {
		t.Error("an offer that nobody made")
	}
	b = r.do(Found{Batch: b.ID, Looked: 5})
	if b.Status != Completed || b.Ended != r.now || b.Looked != 12 || b.Done+b.Gone+b.Failed != 3 || b.Hold != "" || len(r.offers()) != 0 {
		t.Errorf("at its end: %+v, offers %q", b, r.offers())
	}
	if r.do(Tried{b.ID, []Outcome{{Execution: Execution{"w9", "r"}}}}) != nil || r.do(End{b.ID, Stopped, "late"}).Status != Completed {
		t.Error("a batch that has ended changed")
	}
}

// TestCauses: they are counted, and few are told apart and named.
func TestCauses(t *testing.T) {
	r := newBatchRun(t)
	b := r.begin("shop")
	r.do(Found{Batch: b.ID, Page: page(2 * FailuresMax), Next: "next"})
	for i, e := range page(2 * FailuresMax) {
		b = r.do(Tried{b.ID, []Outcome{{Execution: e, Code: fmt.Sprintf("Code%d", i/2)}}})
	}
	total := int64(0)
	for _, k := range b.Causes {
		total += k.Executions
	}
	if len(b.Failures) != FailuresMax || len(b.Causes) != CausesMax || total != 2*FailuresMax || b.Failed != total {
		t.Errorf("%d failures, %d causes of %d", len(b.Failures), len(b.Causes), total)
	}
}

// TestOnce: an order that says the same of itself is begun once, by each who orders it.
func TestOnce(t *testing.T) {
	r := newBatchRun(t)
	order := func(by, token string) int64 {
		return r.do(Begin{Order{Domain: "shop", What: []byte(`{"token":"` + token + `"}`), By: by}, []byte(`"token":"` + token + `"`)}).ID
	}
	first := order("ann", "a")
	if again := order("ann", "a"); again != first {
		t.Errorf("begun again: %d after %d", again, first)
	}
	if order("ann", "b") == first || order("bob", "a") == first || r.begin("shop").ID == first {
		t.Error("another token, principal or none is the same batch")
	}
	r.do(End{first, Stopped, "so"})
	if again := order("ann", "a"); again != first {
		t.Errorf("begun again when it had ended: %d", again)
	}
}

// TestRoom: so many run, and so many are kept, of which the oldest that has ended goes.
func TestRoom(t *testing.T) {
	r := newBatchRun(t)
	var running []*Batch
	for range RunningMax {
		running = append(running, r.begin("shop"))
	}
	if _, err := r.Handle(r.now, Begin{Order: Order{Domain: "shop"}}); !errors.Is(err, ErrRunning) {
		t.Errorf("one more: %v", err)
	}
	r.do(End{running[1].ID, Stopped, "by somebody"})
	last := running[1]
	for range 2 * KeptMax {
		last = r.begin("other")
		r.do(End{last.ID, Failed, "so"})
	}
	all := r.State.(*batches).all
	if len(all) != KeptMax || r.do(Find{running[0].ID}) == nil || r.do(Find{running[1].ID}) != nil || r.do(Find{last.ID}) == nil {
		t.Errorf("%d are kept", len(all))
	}
	turn, err := r.Handle(r.now, Of{"shop"})
	if of := turn.Reply.(Batches); err != nil || len(of) != RunningMax-1 || of[0].ID < of[1].ID {
		t.Errorf("those of a domain: %d, %v", len(of), err)
	}
}

// everything is a run with each event.
func everything(t testing.TB) *batchRun {
	r := newBatchRun(t)
	b := r.begin("shop")
	r.do(Found{Batch: b.ID, Page: page(3), Looked: 4, Next: "next"})
	r.do(Tried{b.ID, []Outcome{{Execution: Execution{"w1", "r"}}, {Execution: Execution{"w0", "r"}, Code: "No", Message: "no"}}})
	r.do(End{r.begin("other").ID, Stopped, "by somebody"})
	return r
}

// TestStored holds what is stored to what was: a change of it wants a new version.
func TestStored(t *testing.T) {
	r, told := everything(t), strings.Builder{}
	marks := map[byte]bool{}
	for _, e := range r.Log {
		fmt.Fprintf(&told, "event %x\n", e.Public)
		marks[e.Public[0]] = true
	}
	for mark := range events {
		if !marks[mark] {
			t.Errorf("there is no event of mark %d", mark)
		}
	}
	golden.Compare(t, "testdata/stored.hex", told.String()+fmt.Sprintf("state %x\n", r.Rules.EncodeState(r.State)))
}

// FuzzDecode reads bytes as a state and as an event. What can be read is written so that it
// reads the same.
func FuzzDecode(f *testing.F) {
	everything(f).AddSeeds(f)
	rules := NewRules()
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.StateReadsBack(t, rules, testID, b)
		enginetest.EventReadsBack(t, rules, 1, b, func(e engine.Event) []byte { return rules.Pack(e.Body.(eventBody)) })
	})
}
