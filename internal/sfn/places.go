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
// they came, as others end. What waits is an offer of its map run; here is only the line. One that
// can't be reached now keeps its turn, and those behind it go on. It is a lifecycle.Service and a
// service.Idler.
type places struct {
	*service.Kernel
	freed chan struct{} // has room for one word that a map run has ended, or another waits

	life  context.Context
	stop  context.CancelFunc
	works sync.WaitGroup
	lines map[engine.World][]engine.RunID // of give alone

	mu     sync.Mutex // guards what follows
	came   []engine.RunID
	offers map[engine.RunID]int // of all that wait: how often each was offered
	giving bool                 // places are being given, or soon will be
}

// placesPause is after how long it is looked whether map runs of other servers have ended.
const placesPause = time.Second

func newPlaces() *places {
	return &places{freed: make(chan struct{}, 1), lines: map[engine.World][]engine.RunID{}, offers: map[engine.RunID]int{}}
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
	if p.giving = len(p.offers) > 0; p.giving {
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

// take takes what waits. What is offered again, as after each change of who has its shard, has its
// place in line already.
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
		p.mu.Lock()
		if p.offers[claim.Run]++; p.offers[claim.Run] == 1 {
			p.came = append(p.came, claim.Run)
		}
		p.mu.Unlock()
		claim.Accept()
		p.look()
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
		away := map[uint16]bool{}
		p.lineUp(p.begin(), away)
		for w, line := range p.lines {
			if p.lines[w] = p.giveIn(line, away); len(p.lines[w]) == 0 {
				delete(p.lines, w)
			}
		}
		p.given()
	}
}

func (p *places) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.offers) > 0
}

// begin gives those that have come.
func (p *places) begin() (came []engine.RunID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giving = len(p.offers) > 0
	came, p.came = p.came, nil
	return came
}

// lineUp puts those that have come in the lines of their worlds.
func (p *places) lineUp(came []engine.RunID, away map[uint16]bool) {
	var wait []engine.RunID
	for _, run := range came {
		offers := p.offered(run)
		switch reply, reached := p.ask(run, engine.Peek{}, away); {
		case !reached:
			wait = append(wait, run)
		case reply == nil:
			p.leave(run, offers)
		default:
			w := reply.(*engine.RunView).Name.World
			p.lines[w] = append(p.lines[w], run)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.came = append(wait, p.came...)
}

// giveIn gives what places there are to those in a line, and gives the line of those that wait on.
func (p *places) giveIn(line []engine.RunID, away map[uint16]bool) (wait []engine.RunID) {
	for i, run := range line {
		offers := p.offered(run)
		reply, reached := p.ask(run, &maprun.TakePlace{}, away)
		place, ok := reply.(*maprun.Place)
		switch {
		case !reached:
			wait = append(wait, run)
		case ok && place.Full && wait == nil:
			return line[i:]
		case ok && place.Full:
			return append(wait, line[i:]...)
		default:
			p.leave(run, offers)
		}
	}
	return wait
}

// ask asks a map run; nil: it is over. Away are shards of which one can't be reached now: the others of
// theirs are asked next time.
func (p *places) ask(run engine.RunID, body any, away map[uint16]bool) (reply any, reached bool) {
	if away[run.Shard()] || p.Served != nil && !p.Served(run) || p.life.Err() != nil {
		return nil, false
	}
	reply, err := p.Runs.Do(p.life, engine.Command{Run: run, Body: body})
	if err == nil || over(err) {
		return reply, true
	}
	away[run.Shard()] = true
	if p.life.Err() == nil && !engine.IsAway(err) {
		p.Log.Error("a map run that waits for its place could not be asked; it is tried again", "run", run, "cause", err)
	}
	return nil, false
}

// offered is how often one that waits was offered.
func (p *places) offered(run engine.RunID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.offers[run]
}

// leave takes a run that was offered so often out of its line. Offered again while it was asked, it
// comes anew: it may have ended meanwhile, and wait for another place.
func (p *places) leave(run engine.RunID, offers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offers[run] == offers {
		delete(p.offers, run)
		return
	}
	p.offers[run] = 1
	p.came = append(p.came, run)
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
