package sim

import (
	"context"
	"fmt"
	"io"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// verdict is what came of a simulation.
type verdict struct {
	plan
	failure string // "": all held
	at      int    // action that failed; 0: it was after the last one
	sum     uint64 // of the trace
}

// command repeats the simulation.
func (v *verdict) command() string {
	return fmt.Sprintf("go test ./test/sim -count=1 -v -run Seeds -seed %d -actions %d -faults %s -tell", v.seed, v.actions, v.faults)
}

// simulate runs a plan to its end, or to the first thing that must not be.
func simulate(p plan, trace io.Writer, c *coverage) verdict {
	w := newWorld(p, trace, c)
	v := verdict{plan: p}
	defer w.end()
	off := w.fate.off
	w.fate.off = true
	w.harness = w.open(0)
	furnished := false
	w.spawn("furnisher", func(t *thread) {
		switch {
		case w.machines != nil:
			(&client{w, t}).createAll()
		case w.exchange == nil:
			(&client{w, t}).registerAll()
		}
		furnished = true
	})
	for !furnished && w.judge.failure == "" {
		w.act()
	}
	w.fate.off = off
	w.startCallers()
	for n := 1; n <= p.actions && w.judge.failure == ""; n++ {
		for range w.pace() {
			w.act()
		}
		if w.judge.failure != "" {
			v.at = n
		}
	}
	if w.judge.failure == "" {
		w.drain()
	}
	c.worlds++
	c.steps += w.steps
	v.failure, v.sum = w.judge.failure, w.sum
	return v
}

// How long everything may take to close once faults stop, and to be forgotten
// after that.
const (
	closingMax = engine.Time(3600_000)
	actionsMax = 40_000
	forgetting = engine.Time(25 * 3600_000)
)

// drain stops the faults. Then every execution must close, and be forgotten.
func (w *world) drain() {
	w.tell("faults stop")
	w.fate.off, w.draining = true, true
	if w.harness != nil {
		w.harness.disk.dieIn = 0
	}
	if w.exchange != nil {
		w.drainExchange()
		return
	}
	if w.machines == nil {
		w.spawn("closer", func(t *thread) { (&client{w, t}).wake() })
	}
	for seen := -1; seen < len(w.judge.order) && w.judge.failure == ""; { // messages may still begin executions
		seen = len(w.judge.order)
		w.closeAll()
		w.forgetAll(&seen)
	}
	if w.judge.failure == "" {
		w.tell("all is closed and forgotten")
		w.kill()
	}
}

func (w *world) closeAll() {
	began, steps := w.now, w.steps
	for w.harness == nil || w.callers > 0 || len(w.judge.dirty) > 0 || w.stillOpen() != nil {
		if w.judge.failure != "" {
			return
		}
		if l := w.stillOpen(); l != nil && (w.now > began+closingMax || w.steps > steps+actionsMax) {
			w.judge.fail("run %s of %q is open %d s and %d steps after faults stopped: %s",
				l.Run, l.Name.Key, (w.now-began)/1000, w.steps-steps, strings.Join(l.log.kinds(), " "))
			return
		}
		w.act()
	}
}

// forgetAll lets retention pass. It stops if a run begins that was not seen.
func (w *world) forgetAll(seen *int) {
	*seen = len(w.judge.order)
	// When the first may go, the others may not yet: the judge looks at each that goes.
	if first := w.firstToGo(); first != 0 {
		w.now = max(w.now, first-w.harness.skew)
		w.harness.node.Advance()
		for range 30 {
			if w.act(); w.judge.failure != "" || len(w.judge.order) > *seen {
				return
			}
		}
	}
	w.now = max(w.now, w.latest-w.harness.skew) + forgetting
	w.harness.node.Advance()
	left := ""
	for range 2000 {
		if w.act(); w.judge.failure != "" || len(w.judge.order) > *seen {
			return
		}
		if left = w.left(); left == "" {
			return
		}
	}
	w.judge.fail("%d h after the last execution closed there is %s", forgetting/3600_000, left)
}

// firstToGo is when the first execution that is kept may be forgotten; 0: there is none.
func (w *world) firstToGo() (first engine.Time) {
	for _, l := range w.judge.order {
		if l.closed && !l.gone && l.view.Forget != 0 && (first == 0 || l.view.Forget < first) {
			first = l.view.Forget
		}
	}
	return first
}

func (w *world) stillOpen() *life {
	for _, l := range w.judge.order {
		if l.log != nil && !l.closed && !l.gone {
			return l
		}
	}
	return nil
}

// wake signals executions that wait for nothing, so that their deciders end them.
func (c *client) wake() {
	w := c.w
	for !w.ending {
		w.sleep(c.t, 2000)
		for _, l := range w.judge.order {
			if l.history == nil || l.closed || l.gone || len(l.history.decisions) > 0 || !l.history.quiet() {
				continue
			}
			c.call("SignalWorkflowExecution", &wire.SignalWorkflowExecutionInput{
				Domain: l.domain, WorkflowID: l.workflowID, RunID: ptr(execution.FormatRun(l.Run)), SignalName: "wake",
			}, nil)
		}
	}
}

// left tells of a row that nothing explains once all executions were forgotten.
func (w *world) left() (what string) {
	ctx := context.Background()
	if err := w.store.ScanIndex(ctx, store.Range{}, func(key, _ []byte) bool {
		if l := w.judge.lives[engine.RunID(key[len(key)-16:])]; l != nil && l.log == nil {
			return true // a blob of the registry
		}
		what = fmt.Sprintf("an index entry %x", key)
		return false
	}); err != nil || what != "" {
		return what
	}
	for shard := range w.store.Shards() {
		err := w.store.Scan(ctx, shard, store.Range{}, func(key, _ []byte) bool {
			switch key[0] {
			case keys.Sent, keys.Applied:
				return true
			case keys.OpenRun, keys.History, keys.Note, keys.Snapshot, keys.Blob:
				if l := w.judge.lives[keys.Run(key)]; l != nil && l.log == nil {
					return true // of the registry
				}
			}
			what = fmt.Sprintf("a row %q of shard %d", key, shard)
			return false
		})
		if err != nil || what != "" {
			return what
		}
	}
	return ""
}

// shrink looks for a smaller plan that fails too.
func shrink(v verdict) verdict {
	try := func(p plan) bool {
		if n := simulate(p, nil, newCoverage()); n.failure != "" {
			v = n
			return true
		}
		return false
	}
	shorter := func() {
		if v.at != 0 {
			p := v.plan
			p.actions = v.at
			try(p)
		}
		for step := v.actions / 2; step > 0; step /= 2 {
			for v.actions > step {
				p := v.plan
				p.actions -= step
				if !try(p) {
					break
				}
			}
		}
	}
	shorter()
	for f := range faultCount {
		if v.faults.has(f) {
			p := v.plan
			p.faults &^= 1 << f
			try(p)
		}
	}
	shorter()
	return v
}
