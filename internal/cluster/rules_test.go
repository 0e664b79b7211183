package cluster

import (
	"encoding/json"
	"errors"
	"fmt"

	"heddle/internal/engine"
	tasks "heddle/internal/engine/task"
)

// Kinds of the test: a job has one task, and tells a tally when it is done; a tally has been
// told of jobs.
const (
	jobKind   engine.Kind = "job"
	tallyKind engine.Kind = "tally"
)

func nameOf(kind engine.Kind, key string) engine.Name {
	return engine.Name{World: engine.World{Account: "a", Region: "r"}, Kind: kind, Key: key}
}

// Commands.
type (
	beginJob    struct{ List, Tally string }
	startTask   struct{ ID int64 }
	completeJob struct{}
	readTally   struct{}
)

// event is the one body of events.
type event struct {
	What        string
	List, Tally string
	Job         string
}

type runState struct {
	ID      engine.Identity
	Last    int64
	Task    tasks.Task
	Tally   string
	Done    bool
	Started engine.Time
	Told    map[string]int
}

var (
	errOver = errors.New("the job is done, or another has its task")
)

type goneError struct{ error }

func (goneError) Gone() {}

type rules struct{ engine.Kind }

func (rules) New(id engine.Identity) engine.State { return &runState{ID: id, Told: map[string]int{}} }

func (r rules) Handle(s engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	st := s.(*runState)
	emit := func(e event) {
		public, _ := json.Marshal(e)
		ev := engine.Event{ID: st.Last + 1, At: in.Now, Body: e, Public: public}
		r.Apply(st, ev)
		t.Events = append(t.Events, ev)
	}
	note := func(n engine.Note) {
		r.Note(st, n)
		t.Notes = append(t.Notes, n)
	}
	switch b := body.(type) {
	case *beginJob:
		emit(event{What: "scheduled", List: b.List, Tally: b.Tally})
	case *startTask:
		if st.Done || !st.Task.Takeable(in.Up) {
			return t, goneError{errOver}
		}
		if st.Task.Started == 0 {
			emit(event{What: "started"})
		} else {
			st.Task.StartAgain(in.Now, note)
		}
		t.Reply = st.Task.Attempt
	case *tasks.Delivered:
		if !st.Done {
			st.Task.Reached(b.Attempt, note)
		}
	case *tasks.Undelivered:
		if !st.Done {
			st.Task.Missed(b.Attempt, note)
		}
	case *completeJob:
		if st.Done || st.Task.Started == 0 {
			return t, goneError{errOver}
		}
		emit(event{What: "done"})
		told, _ := json.Marshal(st.ID.Name.Key)
		t.Messages = append(t.Messages, engine.Message{
			To: nameOf(tallyKind, st.Tally), Begin: engine.IfAbsent, Seed: engine.NameSeed(nameOf(tallyKind, st.Tally)), Body: told,
		})
	case string:
		emit(event{What: "told", Job: b})
	case readTally:
		t.Reply = len(st.Told)
		for job, n := range st.Told {
			if n != 1 {
				t.Reply = fmt.Errorf("the tally was told %d times of %s", n, job)
			}
		}
	case engine.Wake:
	default:
		return t, fmt.Errorf("no command %T", body)
	}
	return t, nil
}

func (rules) Apply(s engine.State, e engine.Event) {
	st, b := s.(*runState), e.Body.(event)
	st.Last = e.ID
	if e.ID == 1 {
		st.Started = e.At
	}
	switch b.What {
	case "scheduled":
		st.Task = tasks.Task{Scheduled: e.ID, ScheduledAt: e.At, Full: b.List}
		st.Tally = b.Tally
	case "started":
		st.Task.Start(e.ID, e.At)
	case "done":
		st.Done = true
	case "told":
		st.Told[b.Job]++
	}
}

func (rules) Note(s engine.State, n engine.Note) {
	if len(n.Value) > 0 {
		s.(*runState).Task.Fold(n)
	} else if n.Kind == engine.NoteDelivered {
		s.(*runState).Task.Delivered = false
	}
}

func (rules) Record(s engine.State, up engine.Time) engine.Record {
	st := s.(*runState)
	r := engine.Record{Status: engine.Open, Started: st.Started}
	if st.Done {
		r.Status, r.Closed = engine.Closed, st.Started+1
	} else {
		r.Offers = st.Task.AppendOffer(nil, up)
	}
	return r
}

func (rules) DecodeEvent(id int64, at engine.Time, public, _ []byte) (engine.Event, error) {
	var b event
	err := json.Unmarshal(public, &b)
	return engine.Event{ID: id, At: at, Body: b, Public: public}, err
}

func (rules) EncodeState(s engine.State) []byte {
	kept := *s.(*runState)
	kept.Task.Delivered = false // a note says it
	b, err := json.Marshal(kept)
	if err != nil {
		panic(err)
	}
	return b
}

func (r rules) DecodeState(id engine.Identity, b []byte) (engine.State, error) {
	st := r.New(id).(*runState)
	return st, json.Unmarshal(b, st)
}

func (rules) DecodeMessage(body []byte) (any, error) {
	var job string
	err := json.Unmarshal(body, &job)
	return job, err
}

func (rules) Refused(engine.Name, any, error) []engine.Message { return nil }
