package maprun

import (
	"testing"

	"heddle/internal/engine"
	"heddle/internal/sfn/execution"
)

// refuseAt steps until a message of a sort is on its way, refuses the key, and goes on until nothing
// more happens.
func (h *house) refuseAt(is func(any) bool) {
	h.t.Helper()
	for {
		for _, queue := range h.queues {
			for _, m := range queue {
				body, err := h.kinds[m.To.Kind].(engine.MessagedRules).DecodeMessage(m.Body)
				if err != nil {
					h.t.Fatal(err)
				}
				h.refused = h.refused || is(body)
			}
		}
		if h.refused {
			break
		}
		if !h.step() && !h.tick() {
			h.t.Fatal("there is no such message")
		}
	}
	h.settle()
}

func (h *house) statuses() (parent, mapRun string) {
	return h.describe(h.order[0]).Status, h.mapRuns()[0].state.(*State).describe().Status
}

// TestRefusedAtTheEnd: an execution of an item succeeds while the map run's key is refused. Nothing
// waits for it for ever, and after a redrive its output is there.
func TestRefusedAtTheEnd(t *testing.T) {
	for seed := range int64(20) {
		h := newHouse(t, seed)
		h.keyed = true
		root := h.start("m", definition(""), `{"items":[{"n":0,"do":"ok"},{"n":1,"do":"ok"}]}`)
		h.refuseAt(func(m any) bool { _, ok := m.(*execution.ChildClosed); return ok })
		if parent, mapRun := h.statuses(); parent != execution.Failed || mapRun != execution.Failed {
			t.Fatalf("seed %d: refused: %s and %s", seed, parent, mapRun)
		}
		h.refused = false
		if err := h.do(root, &execution.Redrive{}); err != nil {
			t.Fatal(err)
		}
		h.settle()
		if d := h.describe(root); d.Output != `[{"n":0,"do":"ok"},{"n":1,"do":"ok"}]` {
			t.Errorf("seed %d: %s with output %s", seed, d.Status, d.Output)
		}
	}
}

// TestRefusedAtARedrive: an execution of an item is to be redriven while its key is refused. Its map
// run hears of it, and can be redriven again.
func TestRefusedAtARedrive(t *testing.T) {
	for seed := range int64(20) {
		h := newHouse(t, seed)
		h.keyed = true
		root := h.start("m", definition(""), `{"items":[{"n":0,"do":"once"},{"n":1,"do":"ok"}]}`)
		h.settle()
		if parent, _ := h.statuses(); parent != execution.Failed {
			t.Fatalf("seed %d: %s", seed, parent)
		}
		if err := h.do(root, &execution.Redrive{}); err != nil {
			t.Fatal(err)
		}
		h.refuseAt(func(m any) bool { _, ok := m.(*execution.RedriveItem); return ok })
		if parent, mapRun := h.statuses(); parent != execution.Failed || mapRun != execution.Failed {
			t.Fatalf("seed %d: refused: %s and %s", seed, parent, mapRun)
		}
		h.refused = false
		if err := h.do(root, &execution.Redrive{}); err != nil {
			t.Fatal(err)
		}
		h.settle()
		if d := h.describe(root); d.Status != execution.Failed || *d.Error != "States.ExceedToleratedFailureThreshold" {
			t.Errorf("seed %d: %s %v", seed, d.Status, d.Error)
		}
	}
}
