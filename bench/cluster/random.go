package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// lanes is how many random events there are at a time: each of another node, or of PostgreSQL.
const lanes = 3

// How long a lane rests after an event of a node, and of PostgreSQL, without which nothing goes on.
const (
	afterRandom  = time.Second
	afterOfStore = trouble
)

// lots draws random events, and what they happen to.
type lots struct {
	*cluster
	names []string

	mu   sync.Mutex   // guards the fields below
	busy map[any]bool // nodes, and PostgreSQL, to which something happens
	end  time.Time    // no event begins after it
	drew map[string]int
}

// ofStore tells whether an event is of PostgreSQL, and not of a node.
func ofStore(event string) bool {
	return slices.Contains([]string{"pgcrash", "pgpause", "failover"}, event)
}

// draw gives the next event; false: there is none.
func (l *lots) draw() (event string, n *node, what any, more bool) {
	for l.mu.Lock(); ; {
		if time.Now().After(l.end) {
			l.mu.Unlock()
			return "", nil, nil, false
		}
		event, n = l.names[rand.IntN(len(l.names))], l.nodes[rand.IntN(len(l.nodes))]
		if what = n; ofStore(event) {
			what = "PostgreSQL"
		}
		if !l.busy[what] {
			l.busy[what] = true
			l.drew[event]++
			l.mu.Unlock()
			return event, n, what, true
		}
	}
}

func (l *lots) over(what any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, what)
}

// several says whether several events happen at a time: then a long step is no single one's.
func (c *cluster) several(are bool) {
	c.manyAtOnce.Store(are)
	c.waits.tells.Store(!are)
}

// random has events happen for some time, several at once.
func (c *cluster) random(each time.Duration) error {
	l := &lots{cluster: c, busy: map[any]bool{}, end: time.Now().Add(each), drew: map[string]int{}}
	l.names = slices.DeleteFunc(slices.Sorted(maps.Keys(happenings)), func(event string) bool {
		switch event {
		case "join", "promote", "behind", "upgrade": // not again and again
			return true
		case "pgcrash", "pgpause":
			return c.managed != nil
		}
		return event == "failover" && c.managed == nil
	})
	c.several(true)
	defer c.several(false)
	errs := make([]error, lanes)
	var all sync.WaitGroup
	for i := range lanes {
		all.Go(func() {
			for {
				event, n, what, more := l.draw()
				if !more {
					return
				}
				rest := afterRandom
				if ofStore(event) {
					rest = afterOfStore
				}
				if errs[i] = happenings[event](c, n, rest); errs[i] != nil {
					l.mu.Lock()
					l.end = time.Time{}
					l.mu.Unlock()
					errs[i] = fmt.Errorf("%s: %w", event, errs[i])
					return
				}
				l.over(what)
			}
		})
	}
	all.Wait()
	sum, which := 0, []string(nil)
	for _, event := range slices.Sorted(maps.Keys(l.drew)) {
		sum += l.drew[event]
		which = append(which, fmt.Sprintf("%d %s", l.drew[event], event))
	}
	fmt.Printf("%d random events, %d at a time: %s\n", sum, lanes, strings.Join(which, ", "))
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
