package swf

import (
	"context"
	"errors"
	"testing"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/swf/execution"
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
		{"a task has closed: the poll takes the next", nil, []error{&execution.UnknownActivityError{}, nil}, []engine.RunID{first, second}, nil, 0},
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
			s := &actions{Kernel: &service.Kernel{Runs: runs, Tasks: tasks, PollHold: time.Minute, Within: context.WithTimeout}}
			ctx := operation.WithConnection(t.Context(), line{gone: c.gone})
			reply, run, err := s.poll(ctx, "l", func(id int64) any { return &execution.StartActivity{ScheduledEventID: id} })
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
