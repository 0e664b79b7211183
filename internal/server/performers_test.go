package server

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/service/tasks"
	sfnexecution "heddle/internal/sfn/execution"
	"heddle/internal/sfn/maprun"
	swfexecution "heddle/internal/swf/execution"
)

// strangers are runs that nobody has begun, of the account that their first byte says.
type strangers struct{ service.Runs }

func (s strangers) View(_ context.Context, _ engine.Name, run engine.RunID) (*engine.RunView, error) {
	name := engine.Name{World: engine.World{Account: map[byte]string{'A': "111111111111", 'B': "222222222222"}[run[2]]}}
	return &engine.RunView{Identity: engine.Identity{Name: name, Run: run}}, nil
}

// TestNoAccountKeepsThePerformers finds all lists that the server itself polls. Those that
// performers poll are flooded by an account whose tasks never end: another's task is
// performed nevertheless. Those of Lambda tasks have promises of their own (package lambda).
func TestNoAccountKeepsThePerformers(t *testing.T) {
	type performer struct {
		*tasks.Performer
		stalled, done atomic.Int64
	}
	found := map[string]*performer{} // by list
	cfg := memory()
	cfg.Lambda = defaults.Lambda
	cfg.Lambda.Endpoint = "http://127.0.0.1:1"
	cfg.Services = Services()
	for _, s := range cfg.Services {
		open := s.Open
		s.Open = func(k *service.Kernel) (*service.Opened, error) {
			opened, err := open(k)
			if err != nil {
				return nil, err
			}
			for _, part := range opened.Parts {
				p, ok := part.Service.(*tasks.Performer)
				if !ok {
					continue
				}
				f := &performer{Performer: p}
				found[p.List] = f
				kernel := *p.Kernel
				kernel.Runs = strangers{}
				p.Kernel = &kernel
				p.Perform = func(ctx context.Context, task tasks.Task) (func(), error) {
					if task.Run[2] == 'B' {
						f.done.Add(1)
						return nil, nil
					}
					f.stalled.Add(1)
					<-ctx.Done()
					return nil, ctx.Err()
				}
			}
			return opened, nil
		}
	}
	s := start(t, cfg)
	polled := func() (lists []string) {
		all, _ := s.matcher.Lists("", "", 1000)
		for _, l := range all {
			if l.Polls > 0 {
				lists = append(lists, l.List)
			}
		}
		return lists
	}
	known := append(slices.Collect(maps.Keys(found)), swfexecution.LambdaList, sfnexecution.LambdaList, sfnexecution.CallList,
		maprun.PlacesList) // of which each account has a line of its own, and nobody is called
	slices.Sort(known)
	waitUntil(t, "all poll", func() bool { return len(polled()) >= len(known) })
	if lists := polled(); !slices.Equal(lists, known) {
		t.Errorf("the server itself polls %q; shared among accounts are %q", lists, known)
	}
	if len(found) < 4 {
		t.Errorf("%d performers were found", len(found))
	}
	waitUntil(t, "the performers count as idle, who have nothing to do", s.isStill)
	for list, f := range found {
		for id := range int64(2000) {
			s.matcher.Offer(engine.RunID{2: 'A'}, engine.Offer{List: list, ID: id + 1})
		}
		waitUntil(t, "tasks stall", func() bool { return f.stalled.Load() > 0 && s.matcher.Backlog(list) == 0 })
		s.matcher.Offer(engine.RunID{2: 'B'}, engine.Offer{List: list, ID: 1})
		waitUntil(t, "the task of another account on "+list+" is done", func() bool { return f.done.Load() == 1 })
	}
	if s.isStill() {
		t.Error("time may be skipped while tasks are being performed")
	}
	for list, f := range found {
		if f.Idle() {
			t.Errorf("the performer of %s counts as idle", list)
		}
	}
}
