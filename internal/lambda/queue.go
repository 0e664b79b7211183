package lambda

import (
	"heddle/internal/engine"
	"heddle/internal/fair"
)

// Place is where a task belongs: to a function that runs of a group call. What a group is
// its Source says: what its users set up apart from each other.
type Place struct {
	World           engine.World
	Group, Function string
}

// owner names who a task of a source is of, at each level of the queue. Regions and sources have
// groups of their own.
func (p Place) owner(source Source) []string {
	return []string{p.World.Account, p.World.Region + "\x00" + source.List() + "\x00" + p.Group, p.Function}
}

// job is a task that waits.
type job struct {
	source Source
	run    engine.RunID
	id     int64 // of the event that scheduled it
}

// newQueue makes a queue of calls, which are shared among accounts, groups and functions: all
// alone an account takes three quarters of all places, a group a half, a function a quarter, and
// each that comes later finds its part of the rest.
func newQueue(places int, run func(j job, done func())) *fair.Queue[job] {
	return fair.New(places, run, 3, 2, 1)
}
