package sfn

import (
	"context"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service/tasks"
	"heddle/internal/sfn/registry"
)

// deletions takes state machines that are being deleted, and lets go those of which no
// execution runs any more.
type deletions struct{ *actions }

func newDeletions(s *actions) *tasks.Performer {
	return &tasks.Performer{
		Kernel: s.Kernel, List: registry.DeletionsList, Workers: 1, Perform: deletions{s}.look,
		Failed: "state machines that are being deleted stay for now",
	}
}

// look lets a machine go, or says that its executions still run.
func (d deletions) look(ctx context.Context, claim *matching.Claim) (handBack func(), err error) {
	view, err := d.Runs.View(ctx, engine.Name{}, claim.Run)
	if isMissing(err) {
		claim.Accept()
		return nil, nil
	}
	if err != nil {
		return claim.Return, err
	}
	runs, err := d.runningIn(ctx, view.Name.World, view.Name.Key)
	if err != nil {
		return claim.Return, err
	}
	cmd := engine.Command{Name: view.Name, Run: claim.Run, Body: registry.PutOff{}}
	if runs {
		_, err = d.Runs.Do(ctx, cmd)
	} else {
		cmd.Body = registry.Delete{}
		err = d.remove(ctx, cmd, machineEntry)
	}
	if err != nil && !isMissing(err) {
		return claim.Return, err
	}
	claim.Accept()
	return nil, nil
}
