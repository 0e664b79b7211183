package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/engine"
	"heddle/internal/fair"
	"heddle/internal/matching"
	"heddle/internal/service"
)

// Performer performs the tasks of a list that only the server itself polls: a
// lifecycle.Service. All that is offered is taken, and waits for a place. Places are shared
// fairly among accounts: one has another as long as it has fewer than are free, so however
// many tasks it has, and though none of them ends, whoever comes later finds a place. What was
// taken and not performed when the server stops is offered again at the next start.
type Performer struct {
	*service.Kernel
	List   string
	Places int    // how many tasks are performed beside each other, of all accounts; two at least
	Failed string // for the operator, of a task that could not be performed now
	// Perform performs a task, or finds that it is over. An error is for the operator; then
	// the task is performed again after a rest. Where that is not enough, since its run
	// believes that somebody has the task, it gives what hands the task back instead.
	Perform func(ctx context.Context, t Task) (handBack func(), err error)

	taken   atomic.Int64 // tasks that are not yet performed or handed back
	queue   *fair.Queue[Task]
	life    context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
	aside   chan struct{} // has room for tasks that are performed again after a rest
}

// Task is a task of a run.
type Task struct {
	engine.Identity
	ID int64 // of its offer
}

const (
	// troublePause is how long a task rests that could not be performed.
	troublePause = time.Second
	// asideMax is how many tasks rest beside those that have a place.
	asideMax = 1000
	// takersMax is how many goroutines take what is offered.
	takersMax = 8
	// placesMin is how many places can be shared.
	placesMin = 2
	// part is how many times as many places as are free an account may have; see package
	// fair.
	part = 1
)

// Start implements lifecycle.Service.
func (p *Performer) Start(context.Context) error {
	if p.Places < placesMin {
		return fmt.Errorf("perform tasks of %q: %d places can't be shared among accounts, want %d", p.List, p.Places, placesMin)
	}
	p.life, p.stop = context.WithCancel(context.Background())
	p.aside = make(chan struct{}, asideMax)
	p.queue = fair.New(p.Places, func(t Task, done func()) {
		p.workers.Go(func() {
			defer done()
			p.perform(t)
		})
	}, part)
	for range min(takersMax, p.PollsPerListMax) {
		p.workers.Go(p.take)
	}
	return nil
}

// Stop implements lifecycle.Service. It ends the context of what is being performed, and
// waits for it.
func (p *Performer) Stop(context.Context) error {
	p.stop()
	p.queue.End()
	p.workers.Wait()
	return nil
}

func (p *Performer) take() {
	for p.life.Err() == nil {
		claim, err := p.Performed.Poll(p.life, p.List, matching.Poller{})
		switch {
		case errors.Is(err, matching.ErrCutOff): // operators hear of that otherwise
			p.rest()
		case err != nil:
			p.complain(err)
			p.rest()
		case claim == nil:
			return // there will be no more
		default:
			p.taken.Add(1)
			claim.Accept()
			p.admit(claim.Run, claim.ID)
		}
	}
}

// admit finds out whose a task is, and has it wait for a place.
func (p *Performer) admit(run engine.RunID, id int64) {
	t, err := p.find(p.life, run, id)
	switch {
	case err == nil:
		p.queue.Add(t, t.Name.World.Account)
	case isOver(err) || p.life.Err() != nil:
		p.taken.Add(-1)
	default:
		p.complain(err, "run", run)
		p.later(func() { p.admit(run, id) })
	}
}

func (p *Performer) find(ctx context.Context, run engine.RunID, id int64) (Task, error) {
	view, err := p.Runs.View(ctx, engine.Name{}, run)
	if err != nil {
		return Task{}, err
	}
	return Task{view.Identity, id}, nil
}

// isOver tells whether an error means that there is nothing to be performed any more.
func isOver(err error) bool { return engine.IsGone(err) || errors.Is(err, engine.ErrUnusable) }

func (p *Performer) perform(t Task) {
	given, err := p.Perform(p.life, t)
	handBack := func() {
		if given != nil {
			given()
			p.taken.Add(-1)
		} else {
			p.queue.Add(t, t.Name.World.Account)
		}
	}
	switch {
	case err == nil:
		p.taken.Add(-1)
	case p.life.Err() != nil:
		handBack()
	default:
		p.complain(err, "account", t.Name.World.Account, "run", t.Run)
		p.later(handBack)
	}
}

// Idle implements service.Idler.
func (p *Performer) Idle() bool { return p.taken.Load() == 0 }

// later does something after a rest. If there is room its caller goes on meanwhile: a task
// that can't be performed now shall not keep its place from others.
func (p *Performer) later(do func()) {
	select {
	case p.aside <- struct{}{}:
		p.workers.Go(func() {
			p.rest()
			do()
			<-p.aside
		})
	default:
		p.rest()
		do()
	}
}

func (p *Performer) rest() {
	pause, cancel := p.Within(p.life, troublePause)
	defer cancel()
	<-pause.Done()
}

func (p *Performer) complain(cause error, about ...any) {
	if engine.IsAway(cause) {
		return
	}
	p.Log.Error(p.Failed+"; it is tried again", append(about, "cause", cause)...)
}

// Take performs the task of a claim, for who polls himself.
func (p *Performer) Take(ctx context.Context, claim *matching.Claim) error {
	handBack := claim.Return
	t, err := p.find(ctx, claim.Run, claim.ID)
	if err == nil {
		var given func()
		if given, err = p.Perform(ctx, t); given != nil {
			handBack = given
		}
	} else if isOver(err) {
		err = nil
	}
	if err != nil {
		handBack()
	}
	claim.Accept()
	return err
}
