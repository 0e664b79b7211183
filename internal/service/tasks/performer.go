package tasks

import (
	"context"
	"sync"
	"time"

	"heddle/internal/matching"
	"heddle/internal/service"
)

// Performer performs the tasks of a list that only the server itself polls: a
// lifecycle.Service.
type Performer struct {
	*service.Kernel
	List    string
	Workers int    // that perform tasks beside each other, if the list has room for their polls
	Failed  string // for the operator, of a task that could not be performed now
	// Perform performs the task of a claim. It accepts the claim, or gives what hands the task
	// back. An error is for the operator; then the task is handed back after a rest.
	Perform func(ctx context.Context, claim *matching.Claim) (handBack func(), err error)

	polls   context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
	aside   chan struct{} // has room for tasks that are handed back after a rest
}

const (
	// troublePause is how long a task rests that could not be performed.
	troublePause = time.Second
	// asideMax is how many tasks rest beside their workers.
	asideMax = 1000
)

// Start implements lifecycle.Service.
func (p *Performer) Start(context.Context) error {
	p.polls, p.stop = context.WithCancel(context.Background())
	p.aside = make(chan struct{}, asideMax)
	for range min(p.Workers, p.PollsPerListMax) {
		p.workers.Go(p.run)
	}
	return nil
}

// Stop implements lifecycle.Service. It ends the context of what is being performed, and
// waits for it. What was not done is offered again at the next start.
func (p *Performer) Stop(context.Context) error {
	p.stop()
	p.workers.Wait()
	return nil
}

func (p *Performer) run() {
	for p.polls.Err() == nil {
		claim, err := p.Performed.Poll(p.polls, p.List, matching.Poller{})
		if claim == nil && err == nil {
			return // there will be no more
		}
		handBack := func() {}
		if claim != nil {
			var back func()
			if back, err = p.Perform(p.polls, claim); back != nil {
				handBack = back
			}
		}
		switch {
		case err == nil || p.polls.Err() != nil:
			handBack()
		default:
			p.Log.Error(p.Failed+"; it is tried again", "cause", err)
			p.setAside(claim != nil, handBack)
		}
	}
}

// setAside hands a task back after a rest. Meanwhile its worker goes on, if there is room: a
// task that can't be performed now shall not stand before all others. Without a task it is
// the worker who rests.
func (p *Performer) setAside(task bool, handBack func()) {
	later := func() {
		pause, cancel := p.Within(p.polls, troublePause)
		<-pause.Done()
		cancel()
		handBack()
	}
	if task {
		select {
		case p.aside <- struct{}{}:
			p.workers.Go(func() {
				later()
				<-p.aside
			})
			return
		default:
		}
	}
	later()
}

// Take performs the task of a claim, for who polls himself.
func (p *Performer) Take(ctx context.Context, claim *matching.Claim) error {
	handBack, err := p.Perform(ctx, claim)
	if handBack != nil {
		handBack()
	}
	return err
}
