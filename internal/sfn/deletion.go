package sfn

import (
	"context"

	"heddle/internal/engine"
	"heddle/internal/service/tasks"
	"heddle/internal/sfn/registry"
)

// deletions takes state machines that are being deleted, and lets go those of which no
// execution runs any more.
type deletions struct{ *actions }

// deletionsMax is how many machines are looked at at a time. Each is a few commands for runs
// and a look into the index.
const deletionsMax = 4

func newDeletions(s *actions) *tasks.Performer {
	return &tasks.Performer{
		Kernel: s.Kernel, List: registry.DeletionsList, Places: deletionsMax, Perform: deletions{s}.look,
		Failed: "state machines that are being deleted stay for now",
	}
}

// look lets a machine go, or says that its executions still run.
func (d deletions) look(ctx context.Context, t tasks.Task) (handBack func(), err error) {
	runs, err := d.runningIn(ctx, t.Name.World, t.Name.Key)
	if err != nil {
		return nil, err
	}
	cmd := engine.Command{Name: t.Name, Run: t.Run, Body: registry.PutOff{}}
	if runs {
		_, err = d.Runs.Do(ctx, cmd)
	} else {
		cmd.Body = registry.Delete{}
		err = d.remove(ctx, cmd, machineEntry)
	}
	if isMissing(err) {
		return nil, nil
	}
	return nil, err
}
