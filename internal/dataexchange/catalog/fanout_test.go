package catalog

import (
	"fmt"
	"strings"
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
		turn := do(&published{DataSet: id("A"), Revision: id(revision)})
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

// TestEachReceiverIsTold publishes two revisions of a data set that has many grants: each
// receiver hears of each, in turns that are small enough.
func TestEachReceiverIsTold(t *testing.T) {
	const many = 450
	run := enginetest.NewRun(t, NewDataSets(&Settings{Limits: DefaultLimits()}), engine.Identity{Name: engine.Name{World: world, Kind: KindDataSet, Key: KeyOf(seed("A"))}})
	do := func(body any) engine.Turn {
		t.Helper()
		turn, err := run.Handle(1000, body)
		if err != nil {
			t.Fatal(err)
		}
		return turn
	}
	do(&CreateDataSet{Name: "n", Description: "d"})
	want := map[string]bool{}
	for n := range many {
		var s engine.Seed
		s[12], s[13] = byte(n>>8), byte(n)
		do(&AddGrant{Seed: s, Create: CreateGrant{Terms: Terms{Receiver: "2"}}})
		for _, revision := range []string{"C", "D"} {
			want[entitledName(receiver, KeyOf(s)).Key+id(revision)] = true
		}
	}
	turns := []engine.Turn{do(&finalized{news{Revision: id("C")}}), do(&finalized{news{Revision: id("D")}})}
	for run.Rules.Record(run.State, 0).Wake != 0 {
		turns = append(turns, do(engine.Wake{}))
	}
	if len(turns) < 2*many/fanOutMax || len(turns) > 2*many/fanOutMax+2 {
		t.Errorf("%d turns", len(turns))
	}
	for _, turn := range turns {
		for _, m := range turn.Messages {
			body, err := posted{}.DecodeMessage(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			p, ok := body.(*publish)
			if !ok {
				continue
			}
			if key := m.To.Key + p.Revision; !want[key] || m.To.World != receiver || m.To.Kind != KindEntitled {
				t.Errorf("message %+v", m)
			} else {
				delete(want, key)
			}
		}
	}
	if len(want) != 0 {
		t.Errorf("%d were not told", len(want))
	}
}

// TestLongCommentsGoOn publishes a revision whose comment is as long as may be, and somebody
// wants to hear of it: each receiver and each job has it once, in turns that are small enough.
func TestLongCommentsGoOn(t *testing.T) {
	const many = 100
	comment := strings.Repeat("\U0001f9f5", 16384)
	settings := &Settings{Limits: DefaultLimits()}
	settings.EventActionsMax, settings.DataSetActionsMax = many, many
	sets := enginetest.NewRun(t, NewDataSets(settings), engine.Identity{Name: engine.Name{World: world, Kind: KindDataSet, Key: KeyOf(seed("A"))}})
	accounts := enginetest.NewRun(t, NewAccounts(settings), engine.Identity{Name: accountOf(receiver)})
	do := func(run *enginetest.Run, body any) engine.Turn {
		t.Helper()
		run.Notify = engine.NotifyPublic
		turn, err := run.Handle(1000, body)
		if err != nil {
			t.Fatal(err)
		}
		return turn
	}
	do(sets, &CreateDataSet{Name: "n"})
	for n := range many {
		var s engine.Seed
		s[13] = byte(n)
		do(sets, &AddGrant{Seed: s, Create: CreateGrant{Terms: Terms{Receiver: "2"}}})
		do(accounts, &CreateEventAction{ID: fmt.Sprintf("%032x", n), DataSet: id("B"), Action: Action{Bucket: "bucket"}})
	}
	for run, news := range map[*enginetest.Run]any{
		sets: &finalized{news{Revision: id("C"), Comment: comment}}, accounts: &published{id("B"), id("C"), captions{"n", comment}},
	} {
		told := map[string]bool{}
		for turn := do(run, news); ; turn = do(run, engine.Wake{}) {
			for _, m := range turn.Messages {
				body, err := posted{}.DecodeMessage(m.Body)
				if err != nil {
					t.Fatal(err)
				}
				had := ""
				switch c := body.(type) {
				case *publish:
					had = c.Comment
				case *createJob:
					had = c.Comment
				case *published:
					continue
				}
				if had != comment || told[m.To.Key] {
					t.Errorf("%T to %v has a comment of %d bytes; it was told before: %v", body, m.To, len(had), told[m.To.Key])
				}
				told[m.To.Key] = true
			}
			if run.Rules.Record(run.State, 0).Wake == 0 {
				break
			}
		}
		if len(told) != many {
			t.Errorf("%T: %d are told", news, len(told))
		}
	}
}

// TestEntitledIDs: the ids under which a grant shows things lead back to them, are others in
// each grant, and others than theirs; what is no id leads nowhere.
func TestEntitledIDs(t *testing.T) {
	one, two := &Grant{DataSet: id("D"), Terms: Terms{Source: id("A")}}, &Grant{DataSet: id("E"), Terms: Terms{Source: id("A")}}
	shown := one.Entitled(id("R"))
	if back, ok := one.SourceOf(shown); !ok || back != id("R") || shown == id("R") || shown == two.Entitled(id("R")) {
		t.Errorf("%s is shown as %s, which is %s; by another grant as %s", id("R"), shown, back, two.Entitled(id("R")))
	}
	if other, ok := two.SourceOf(shown); !ok || other == id("R") {
		t.Errorf("%s leads to %s by another grant", shown, other)
	}
	for _, none := range []string{"", "x", "0", id("R") + "00", "ABCDEFABCDEFABCDEFABCDEFABCDEFAB"} {
		if _, ok := one.SourceOf(none); ok {
			t.Errorf("%q leads somewhere", none)
		}
	}
}
