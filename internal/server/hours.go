package server

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"heddle/internal/engine"
	"heddle/internal/series"
	"heddle/internal/service"
)

// hours remember an hour of what pages draw: of the server, and of each group of executions.
type hours struct {
	groups   *series.Hours
	server   *series.Hours
	requests atomic.Int64 // answered since the slot began
	handed   int64        // tasks that had been handed out when it began
	began    atomic.Int64 // when the slot that is under way began, in ms of the real time
}

// Series of groups, and of the server.
const (
	startedSeries = iota
	closedSeries
	failedSeries
	groupSeries // how many there are
)

const (
	requestsSeries = iota
	handedSeries
	waitingSeries
	pollsSeries
	commitSeries
	serverSeries // how many there are
)

var (
	groupNames  = [groupSeries]service.Series{{Name: "started", Unit: "executions", Adds: true}, {Name: "closed", Unit: "executions", Adds: true}, {Name: "failed", Unit: "executions", Adds: true}}
	serverNames = [serverSeries]service.Series{
		{Name: "requests", Unit: "requests", Adds: true}, {Name: "tasksHandedOut", Unit: "tasks", Adds: true}, {Name: "tasksWaiting", Unit: "tasks"}, {Name: "pollsWaiting", Unit: "polls"},
		{Name: "commitP99", Unit: "microseconds"},
	}
)

// groupsRemembered is of how many groups an hour is remembered: some 9 KiB each.
const groupsRemembered = 250

func newHours() *hours {
	h := &hours{groups: series.New(int(groupSeries), groupsRemembered), server: series.New(int(serverSeries), 1)}
	h.began.Store(time.Now().UnixMilli())
	return h
}

// turnDone counts what begins and ends in groups.
func (h *hours) turnDone(t *engine.TurnDone) {
	of := t.After.Group
	if of == "" {
		return
	}
	if t.Before.Status == 0 {
		h.groups.Add(of, startedSeries, 1)
	}
	if t.After.Status == engine.Closed && t.Before.Status != engine.Closed {
		h.groups.Add(of, closedSeries, 1)
		if slices.ContainsFunc(t.Measures, failed) {
			h.groups.Add(of, failedSeries, 1)
		}
	}
}

// failed tells whether a measure says that an execution ended badly.
func failed(m engine.Measure) bool {
	meter := &m.Meters.Meters[m.Meter]
	if len(meter.Labels) == 0 || meter.Labels[0] != "status" {
		return false
	}
	status := meter.Values[m.Values][0]
	return status == "failed" || status == "timed_out"
}

// runHours begins a slot each ten seconds.
func (s *Server) runHours(ctx context.Context) {
	ticker := time.NewTicker(series.Seconds * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.nextSlot()
		case <-ctx.Done():
			return
		}
	}
}

// nextSlot samples what is no count, and begins the next slot.
func (s *Server) nextSlot() {
	h, now := s.hours, overview{s}.Status()
	pairings := int64(now.Totals.Pairings)
	for series, n := range [serverSeries]int64{
		requestsSeries: h.requests.Swap(0), handedSeries: pairings - h.handed, waitingSeries: int64(now.Totals.Offers), pollsSeries: int64(now.Totals.Polls),
		commitSeries: now.CommitP99.Microseconds(),
	} {
		h.server.Add("", series, n)
	}
	h.handed = pairings
	h.groups.Next()
	h.server.Next()
	h.began.Store(time.Now().UnixMilli())
}

// Series implements service.Overview.
func (o overview) Series(w engine.World, within string) (all []service.Series, until time.Time) {
	h := o.hours
	if within == "" {
		all = slices.Clone(serverNames[:])
		for i, values := range h.server.Of(func(string) bool { return true }) {
			all[i].Values = values
		}
		return all, time.UnixMilli(h.began.Load())
	}
	all = slices.Clone(groupNames[:])
	for i, values := range h.groups.Of(func(group string) bool { return o.isGroup(group, w, within) }) {
		all[i].Values = values
	}
	return all, time.UnixMilli(h.began.Load())
}

// isGroup tells whether a group is that of something in a world.
func (o overview) isGroup(group string, w engine.World, within string) bool {
	for _, i := range o.inspectors {
		if of, ok := i.GroupOf(group); ok {
			return of.World == w && of.Within == within && of.Limit == service.OpenExecutions
		}
	}
	return false
}
