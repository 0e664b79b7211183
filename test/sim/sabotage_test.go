package sim

import (
	"testing"

	"heddle/internal/engine"
	"heddle/internal/swf/execution"
)

// sabotage breaks the harness in one way, so that the judge can show that it sees
// it. Its zero value breaks nothing.
type sabotage struct {
	rules       func(engine.Rules) engine.Rules // in place of those of executions
	machines    *brokenMachines                 // the same of state machines
	loseOffers  int                             // each so manieth offer never reaches matching
	fakeCommits int                             // each so manieth commit is acknowledged and not written
	noBarrier   bool                            // index scans answer with what is not durable
	exchange    bool                            // it is shown by worlds of Data Exchange
	loseObjects int                             // each so manieth object is acknowledged and not kept

	offers, commits, objects int
}

// each counts, and is true each so manieth time.
func each(count *int, n int) bool {
	*count++
	return n > 0 && *count%n == 0
}

type brokenRules struct {
	*execution.Rules
	record  func(*engine.Record)
	entries func([]engine.Entry) []engine.Entry
	refused bool // no caller is told that it was refused
	clock   engine.Time
	notes   bool // notes are not stored
}

func (r *brokenRules) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	in.Now += r.clock
	t, err := r.Rules.Handle(s, body, in)
	if r.notes {
		t.Notes = nil
	}
	return t, err
}

func (r *brokenRules) Record(s engine.State, up engine.Time) engine.Record {
	rec := r.Rules.Record(s, up)
	if r.record != nil {
		r.record(&rec)
	}
	return rec
}

func (r *brokenRules) Entries(id engine.Identity, rec *engine.Record) []engine.Entry {
	entries := r.Rules.Entries(id, rec)
	if r.entries != nil {
		entries = r.entries(entries)
	}
	return entries
}

func (r *brokenRules) Refused(to engine.Name, body any, why error) []engine.Message {
	if r.refused {
		return nil
	}
	return r.Rules.Refused(to, body, why)
}

// TestTheJudgeSees breaks the harness in many ways, each of which some seed must
// show.
func TestTheJudgeSees(t *testing.T) {
	rules := func(b brokenRules) sabotage {
		return sabotage{rules: func(sound engine.Rules) engine.Rules {
			b.Rules = sound.(*execution.Rules)
			return &b
		}}
	}
	for _, c := range []struct {
		what string
		done sabotage
	}{
		{"an offer is lost", sabotage{loseOffers: 20}},
		{"a commit is acknowledged and not written", sabotage{fakeCommits: 60}},
		{"an index scan does not wait for its sync", sabotage{noBarrier: true}},
		{"nobody is woken", rules(brokenRules{record: func(r *engine.Record) { r.Wake = 0 }})},
		{"some are woken late", rules(brokenRules{record: func(r *engine.Record) {
			if r.Wake != 0 {
				r.Wake += 5000
			}
		}})},
		{"time is ahead of itself", rules(brokenRules{clock: -1 << 40})},
		{"what closed is kept too long", rules(brokenRules{record: func(r *engine.Record) {
			if r.Forget != 0 {
				r.Forget += 3600_000
			}
		}})},
		{"what closed is kept for ever", rules(brokenRules{record: func(r *engine.Record) { r.Forget = 0 }})},
		{"a task at work is counted twice", rules(brokenRules{record: func(r *engine.Record) { r.Offers = append(r.Offers, r.Offers...) }})},
		{"tags are not in the index", rules(brokenRules{entries: func(all []engine.Entry) []engine.Entry {
			var some []engine.Entry
			for _, e := range all {
				if e.Family&0x0f != execution.FilterTag {
					some = append(some, e)
				}
			}
			return some
		}})},
		{"a refusal is not told", rules(brokenRules{refused: true})},
		{"notes are not stored", rules(brokenRules{notes: true})},
		{"an offer of a machine is lost", sabotage{loseOffers: 20, machines: &brokenMachines{}}},
		{"a commit of a machine is acknowledged and not written", sabotage{fakeCommits: 60, machines: &brokenMachines{}}},
		{"no machine is woken", sabotage{machines: &brokenMachines{record: func(r *engine.Record) { r.Wake = 0 }}}},
		{"some machines are woken late", sabotage{machines: &brokenMachines{record: func(r *engine.Record) {
			if r.Wake > 1 {
				r.Wake += 5000
			}
		}}}},
		{"notes of machines are not stored", sabotage{machines: &brokenMachines{notes: true}}},
		{"no execution tells another", sabotage{machines: &brokenMachines{messages: true}}},
		{"an execution outlives who waits for it", sabotage{machines: &brokenMachines{runsOn: true}}},
		{"another input will do", sabotage{machines: &brokenMachines{same: true}}},
		{"an item is never begun", sabotage{machines: &brokenMachines{mapRuns: &brokenMapRuns{loses: true}}}},
		{"an item has another's output", sabotage{machines: &brokenMachines{mapRuns: &brokenMapRuns{mixes: true}}}},
		{"an object is acknowledged and not there", sabotage{loseObjects: 5, exchange: true}},
		{"an offer of a job is lost", sabotage{loseOffers: 5, exchange: true}},
		{"a commit of an exchange is acknowledged and not written", sabotage{fakeCommits: 60, exchange: true}},
	} {
		t.Run(c.what, func(t *testing.T) {
			for seed := uint64(1); seed <= 2000; seed++ {
				if p := (plan{seed: seed}); p.machines() != (c.done.machines != nil) || p.exchange() != c.done.exchange {
					continue
				}
				if v := simulate(plan{seed: seed, actions: 400, faults: allFaults, sabotage: c.done}, nil, newCoverage()); v.failure != "" {
					t.Logf("seed %d: %s", seed, v.failure)
					return
				}
			}
			t.Error("2000 seeds did not show it")
		})
	}
}
