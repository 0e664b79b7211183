package sfn

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/sfn/execution"
)

// oneRun are runs of which there is one, or it can't be read.
type oneRun struct {
	service.Runs
	run                engine.RunID
	parent             execution.Parent
	unseen, unanswered error
}

func (r *oneRun) View(context.Context, engine.Name, engine.RunID) (*engine.RunView, error) {
	if r.unseen != nil {
		return nil, r.unseen
	}
	return &engine.RunView{Identity: engine.Identity{Run: r.run}, Record: engine.Record{Started: 7}}, nil
}

func (r *oneRun) Do(_ context.Context, cmd engine.Command) (any, error) {
	if cmd.Run != r.run {
		return nil, fmt.Errorf("asked of run %s", cmd.Run)
	}
	d := &execution.Description{}
	d.Settings.Parent = r.parent
	return d, r.unanswered
}

// TestEarlierExecutionsOfATask: an execution whose name is taken is the task's own if its
// parent is; what can't be read now is neither the task's nor another's.
func TestEarlierExecutionsOfATask(t *testing.T) {
	taken, away := errors.New("the name is taken"), engine.ErrUnavailable
	mine := execution.Parent{Run: engine.RunID{1}, Scheduled: 5}
	for name, c := range map[string]struct {
		runs oneRun
		want error // nil: it is found
	}{
		"the task's own":      {oneRun{parent: mine}, nil},
		"of another run":      {oneRun{parent: execution.Parent{Run: engine.RunID{2}, Scheduled: 5}}, taken},
		"of another task":     {oneRun{parent: execution.Parent{Run: engine.RunID{1}, Scheduled: 6}}, taken},
		"a user's":            {oneRun{}, taken},
		"gone":                {oneRun{unseen: &engine.UnknownRunError{}}, taken},
		"not to be seen now":  {oneRun{unseen: away, parent: mine}, away},
		"it does not answer":  {oneRun{unanswered: away, parent: mine}, away},
		"another, unanswered": {oneRun{unanswered: away}, away},
		"not to be read":      {oneRun{unanswered: engine.ErrUnread, parent: mine}, engine.ErrUnread},
	} {
		c.runs.run = engine.RunID{9}
		i := integrations{&actions{Kernel: &service.Kernel{Runs: &c.runs}}}
		found, err := i.earlier(t.Context(), &started{ARN: "arn"}, mine, taken)
		switch {
		case !errors.Is(err, c.want):
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		case c.want == nil && (found == nil || found.ARN != "arn" || found.Run != c.runs.run || found.At != 7):
			t.Errorf("%s: got %+v", name, found)
		}
	}
}
