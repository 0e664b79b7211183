package sfn

import (
	"context"
	"sync"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/sfn/registry"
)

// deletions takes state machines that are being deleted, and lets go those of which no
// execution runs any more.
type deletions struct {
	*actions
	polls  context.Context
	stop   context.CancelFunc
	worker sync.WaitGroup
}

func newDeletions(s *actions) *deletions { return &deletions{actions: s} }

// Start implements lifecycle.Service.
func (d *deletions) Start(context.Context) error {
	d.polls, d.stop = context.WithCancel(context.Background())
	d.worker.Go(d.run)
	return nil
}

// Stop implements lifecycle.Service.
func (d *deletions) Stop(context.Context) error {
	d.stop()
	d.worker.Wait()
	return nil
}

// troublePause is how long it is waited when the kernel fails.
const troublePause = time.Second

func (d *deletions) run() {
	for d.polls.Err() == nil {
		claim, err := d.Performed.Poll(d.polls, registry.DeletionsList)
		if claim == nil && err == nil {
			return // there will be no more
		}
		if claim != nil {
			err = d.look(claim)
		}
		if err != nil && d.polls.Err() == nil {
			d.Log.Error("state machines that are being deleted stay for now; it is tried again", "cause", err)
			pause, cancel := d.Within(d.polls, troublePause)
			<-pause.Done()
			cancel()
		}
	}
}

// look lets a machine go, or says that its executions still run.
func (d *deletions) look(claim *matching.Claim) error {
	defer claim.Return() // if it was not accepted
	view, err := d.Runs.View(d.polls, engine.Name{}, claim.Run)
	if isMissing(err) {
		claim.Accept()
		return nil
	}
	if err != nil {
		return err
	}
	runs, err := d.runningIn(d.polls, view.Name.World, view.Name.Key)
	if err != nil {
		return err
	}
	cmd := engine.Command{Name: view.Name, Run: claim.Run, Body: registry.PutOff{}}
	if runs {
		_, err = d.Runs.Do(d.polls, cmd)
	} else {
		cmd.Body = registry.Delete{}
		err = d.remove(d.polls, cmd, machineEntry)
	}
	if err != nil && !isMissing(err) {
		return err
	}
	claim.Accept()
	return nil
}
