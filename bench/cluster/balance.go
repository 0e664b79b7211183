package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// What a load balancer does that asks each node for /ready.
const (
	askEvery  = 250 * time.Millisecond
	askWithin = time.Second // else the node is silent
)

// sight is a node as a load balancer sees it: whether it is ready, and, for as long as it answers at all, a context.
type sight struct {
	mu      sync.Mutex // guards the fields below
	ready   bool
	answers context.Context
	silent  context.CancelFunc
}

// look gives what was seen last; at first that all is well.
func (s *sight) look() (ready bool, answers context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers == nil {
		s.ready = true
		s.answers, s.silent = context.WithCancel(context.Background())
	}
	return s.ready, s.answers
}

// saw notes what came of a question.
func (s *sight) saw(ready, answers bool) {
	s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = ready
	switch {
	case !answers:
		s.silent()
	case s.answers.Err() != nil:
		s.answers, s.silent = context.WithCancel(context.Background())
	}
}

// balance asks a node whether it is ready, until all ends.
func (c *cluster) balance(n *node) {
	asks := &http.Client{Timeout: askWithin, Transport: &http.Transport{DisableKeepAlives: true}}
	for ; !c.ending.Load(); time.Sleep(askEvery) {
		addr := n.address()
		if addr == "" {
			n.sight.saw(false, true)
			continue
		}
		answer, err := asks.Get("http://" + addr + "/ready")
		if err == nil {
			answer.Body.Close()
		}
		n.sight.saw(err == nil && answer.StatusCode == http.StatusOK, err == nil)
	}
}

// address is where a node is called; empty: it is down.
func (n *node) address() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server == nil {
		return ""
	}
	return n.server.Addr
}

// choose gives the node whose turn it is, or the next one that is ready, or, if none is, the next one that is not down; and where it is.
func (k *caller) choose() (n *node, addr string) {
	k.mu.Lock()
	all := k.nodes
	k.mu.Unlock()
	for _, whichever := range []bool{false, true} {
		for i := range all {
			n := all[(k.at+i)%len(all)]
			if ready, _ := n.sight.look(); !ready && !whichever {
				continue
			}
			if addr := n.address(); addr != "" {
				return n, addr
			}
		}
	}
	return nil, ""
}
