package sfn

import (
	"context"
	"errors"
	"sync"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/sfn/maprun"
)

// places gives map runs that wait a place among those that may be open, in the order in which
// they came, as others end. What waits is an offer of its map run; here is only the line. It is a
// lifecycle.Service and a service.Idler.
type places struct {
	*service.Kernel
	freed chan struct{} // has room for one word that a map run has ended, or another waits

	life   context.Context
	stop   context.CancelFunc
	works  sync.WaitGroup
	mu     sync.Mutex // guards what follows
	lines  map[engine.World][]engine.RunID
	giving bool // places are being given, or soon will be
}

// placesPause is after how long it is looked whether map runs of other servers have ended.
const placesPause = time.Second

func newPlaces() *places {
	return &places{freed: make(chan struct{}, 1), lines: map[engine.World][]engine.RunID{}}
}

func (p *places) open(k *service.Kernel) { p.Kernel = k }

// turnDone hears of map runs that have ended.
func (p *places) turnDone(t *engine.TurnDone) {
	if t.Name.Kind == maprun.Kind && t.Before.Status == engine.Open && t.After.Status == engine.Closed {
		p.look()
	}
}

// look has the lines looked at.
func (p *places) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.giving = len(p.lines) > 0; p.giving {
		select {
		case p.freed <- struct{}{}:
		default: // it will be
		}
	}
}

// Start implements lifecycle.Service.
func (p *places) Start(context.Context) error {
	p.life, p.stop = context.WithCancel(context.Background())
	p.works.Go(p.take)
	p.works.Go(p.give)
	return nil
}

// Stop implements lifecycle.Service. What waits is offered again at the next start.
func (p *places) Stop(context.Context) error {
	p.stop()
	p.works.Wait()
	return nil
}

// Idle implements service.Idler.
func (p *places) Idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.giving
}

// take puts what waits in line.
func (p *places) take() {
	for p.life.Err() == nil {
		claim, err := p.Performed.Poll(p.life, maprun.PlacesList, matching.Poller{})
		if err != nil {
			p.trouble(err)
			continue
		}
		if claim == nil {
			return // there will be no more
		}
		view, err := p.Runs.View(p.life, engine.Name{}, claim.Run)
		switch {
		case err == nil:
			p.mu.Lock()
			w := view.Name.World
			p.lines[w] = append(p.lines[w], claim.Run)
			p.mu.Unlock()
			claim.Accept()
			p.look()
		case over(err):
			claim.Accept()
		default:
			p.trouble(err)
			claim.Return()
		}
	}
}

// give gives places, whenever some may have become free.
func (p *places) give() {
	for p.life.Err() == nil {
		pause, cancel := p.life, context.CancelFunc(func() {})
		if p.waits() {
			pause, cancel = p.Within(p.life, placesPause)
		}
		select {
		case <-pause.Done():
		case <-p.freed:
		}
		cancel()
		for _, w := range p.worlds() {
			p.giveIn(w)
		}
		p.given()
	}
}

func (p *places) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines) > 0
}

func (p *places) worlds() (all []engine.World) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giving = len(p.lines) > 0
	for w := range p.lines {
		all = append(all, w)
	}
	return all
}

// giveIn gives what places there are in a world.
func (p *places) giveIn(w engine.World) {
	for p.life.Err() == nil {
		p.mu.Lock()
		line := p.lines[w]
		p.mu.Unlock()
		if len(line) == 0 {
			break
		}
		reply, err := p.Runs.Do(p.life, engine.Command{Run: line[0], Body: &maprun.TakePlace{}})
		if err != nil && !over(err) {
			if !errors.Is(err, context.Canceled) {
				p.Log.Error("a map run that waits could not be given its place; it is tried again", "run", line[0], "cause", err)
			}
			break
		}
		if place, ok := reply.(*maprun.Place); ok && place.Full {
			break
		}
		p.mu.Lock()
		if p.lines[w] = p.lines[w][1:]; len(p.lines[w]) == 0 {
			delete(p.lines, w)
		}
		p.mu.Unlock()
	}
}

// given says that all have been given what there is.
func (p *places) given() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giving = len(p.freed) > 0
}

func (p *places) trouble(cause error) {
	if p.life.Err() != nil {
		return
	}
	if !errors.Is(cause, matching.ErrCutOff) { // operators hear of that otherwise
		p.Log.Error("map runs that wait could not be looked at; it is tried again", "cause", cause)
	}
	pause, cancel := p.Within(p.life, placesPause)
	defer cancel()
	<-pause.Done()
}
