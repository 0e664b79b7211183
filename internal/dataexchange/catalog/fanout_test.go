package catalog

import (
	"fmt"
	"testing"

	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
)

// TestEachEventActionHasOneJob publishes two revisions to many event actions: each has one
// job for each revision, in turns that are small enough, and each job gets its turn.
func TestEachEventActionHasOneJob(t *testing.T) {
	const many = 220
	settings := &Settings{Limits: DefaultLimits()}
	settings.EventActionsMax, settings.DataSetActionsMax = many+1, many
	run := enginetest.NewRun(t, NewAccounts(settings), engine.Identity{Name: accountOf(world)})
	now := engine.Time(1000)
	do := func(body any) engine.Turn {
		t.Helper()
		turn, err := run.Handle(now, body)
		if err != nil {
			t.Fatal(err)
		}
		return turn
	}
	for n := range many + 1 {
		set := id("A")
		if n == many/2 {
			set = id("B")
		}
		do(&CreateEventAction{ID: fmt.Sprintf("%032x", n), DataSet: set, Action: Action{Bucket: "bucket"}})
	}
	jobs, started := map[string]int{}, 0
	for _, revision := range []string{"C", "D"} {
		turn := do(&published{id("A"), id(revision)})
		for turns := 1; ; turns++ {
			for _, m := range turn.Messages {
				jobs[m.To.Key]++
				body, err := posted{}.DecodeMessage(m.Body)
				if err != nil {
					t.Fatal(err)
				}
				if body.(*createJob).Start {
					started++
				}
				if m.To.Kind != KindJob || m.To.Key != KeyOf(m.Seed) || m.Begin != engine.Always {
					t.Fatalf("message %+v", m)
				}
			}
			if run.Rules.Record(run.State, 0).Wake == 0 {
				if turns < many/fanOutMax || turns > many/fanOutMax+1 {
					t.Errorf("%d turns", turns)
				}
				break
			}
			turn = do(engine.Wake{})
		}
	}
	if len(jobs) != 2*many || started != settings.ExportRevisionJobsMax {
		t.Errorf("%d jobs, of which %d began at once", len(jobs), started)
	}
	for key, n := range jobs {
		if n != 1 {
			t.Errorf("job %s was begun %d times", key, n)
		}
	}
	// Whenever a job ends the next in line begins, and in the end none is left.
	s := run.State.(*accountState)
	for n := 0; len(s.places) > 0; n++ {
		if got := s.inProgress(wire.TypeExportRevisionsToS3); got > settings.ExportRevisionJobsMax || n > 3*many {
			t.Fatalf("%d jobs are in progress, after %d", got, n)
		}
		do(&release{s.places[0].Key})
		s = run.State.(*accountState)
	}
	if len(s.line) != 0 {
		t.Errorf("%d jobs wait for ever", len(s.line))
	}
}
