package tasks

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/matching"
	"heddle/internal/service"
)

// starting answers the commands that start tasks, with its errors in turn.
type starting struct {
	service.Runs
	errs    []error
	started []engine.RunID
}

func (s *starting) Do(_ context.Context, cmd engine.Command) (any, error) {
	s.started = append(s.started, cmd.Run)
	err := s.errs[0]
	s.errs = s.errs[1:]
	return cmd.Run, err
}

// closedTask is what rules say of a task that is over.
type closedTask struct{}

func (closedTask) Error() string { return "the task is closed" }
func (closedTask) Gone()         {}

// line is a connection whose caller may have gone.
type line struct {
	operation.Connection
	gone error
}

func (l line) Gone() error { return l.gone }

// TestPollsEnd has a poll meet two tasks, the starts of which end as they may.
func TestPollsEnd(t *testing.T) {
	first, second := engine.RunID{2: 1}, engine.RunID{2: 2}
	gone := errors.New("the caller has hung up")
	for _, c := range []struct {
		what    string
		gone    error
		errs    []error
		started []engine.RunID
		err     error
		left    int // tasks that still wait
	}{
		{"a task is started", nil, []error{nil}, []engine.RunID{first}, nil, 1},
		{"a task has closed: the poll takes the next", nil, []error{closedTask{}, nil}, []engine.RunID{first, second}, nil, 0},
		{"an execution has closed: the poll takes the next", nil, []error{&engine.UnknownRunError{}, nil}, []engine.RunID{first, second}, nil, 0},
		{"nobody knows whether it was started: it waits", nil, []error{engine.ErrUnavailable}, []engine.RunID{first}, engine.ErrUnavailable, 2},
		{"its execution can't be used: it must not stand before all others", nil, []error{engine.ErrUnusable}, []engine.RunID{first}, engine.ErrUnusable, 1},
		{"the caller has gone: nothing is started", gone, nil, nil, gone, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			tasks := matching.New(matching.Config{PollsPerListMax: 1})
			tasks.Offer(first, engine.Offer{List: "l", ID: 5, At: 1})
			tasks.Offer(second, engine.Offer{List: "l", ID: 5, At: 2})
			runs := &starting{errs: c.errs}
			kernel := &service.Kernel{Runs: runs, Tasks: tasks, PollHold: time.Minute, Within: context.WithTimeout}
			ctx := operation.WithConnection(t.Context(), line{gone: c.gone})
			reply, run, err := Poll(ctx, kernel, "l", nil, func(id int64) any { return id })
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if err == nil && (run != c.started[len(c.started)-1] || reply != run) {
				t.Errorf("the poll got %v of run %s", reply, run)
			}
			if len(runs.started) != len(c.started) || len(runs.errs) > 0 {
				t.Errorf("starts were tried of %v, want %v", runs.started, c.started)
			}
			if n := tasks.Totals(); n.Offers != c.left || n.Claims != 0 || n.Polls != 0 {
				t.Errorf("left is %+v, want %d offers and nothing else", n, c.left)
			}
		})
	}
}

// casting hears what is told of deliveries.
type casting struct {
	service.Runs
	told []engine.Command
}

func (c *casting) Cast(cmd engine.Command) { c.told = append(c.told, cmd) }

// TestDeliveries are told, and those that failed at once.
func TestDeliveries(t *testing.T) {
	run, lost := engine.RunID{2: 1}, errors.New("the caller has hung up")
	for _, c := range []struct {
		what    string
		do      func(*Delivery) error
		err     error
		told    any // nil: nothing
		patient bool
	}{
		{"written", func(d *Delivery) error { d.Delivered(nil); return nil }, nil, &task.Delivered{ScheduledEventID: 5, Attempt: 2}, true},
		{"not written", func(d *Delivery) error { d.Delivered(lost); return nil }, nil, &task.Undelivered{ScheduledEventID: 5, Attempt: 2}, false},
		{"not made", func(d *Delivery) error { return d.NotMade(lost) }, lost, &task.Undelivered{ScheduledEventID: 5, Attempt: 2}, false},
		{"not made, of a run that was kept for no time", func(d *Delivery) error { return d.NotMade(&engine.UnknownRunError{Run: run}) }, nil, nil, false},
		{"an empty answer", func(*Delivery) error { new(Delivery).Delivered(lost); return nil }, nil, nil, false},
	} {
		runs := &casting{}
		if err := c.do(&Delivery{Runs: runs, Run: run, Scheduled: 5, Attempt: 2}); err != c.err {
			t.Errorf("%s: error %v, want %v", c.what, err, c.err)
		}
		var want []engine.Command
		if c.told != nil {
			want = []engine.Command{{Run: run, Body: c.told, Patient: c.patient}}
		}
		if !reflect.DeepEqual(runs.told, want) {
			t.Errorf("%s: the run is told %+v, want %+v", c.what, runs.told, want)
		}
	}
}
