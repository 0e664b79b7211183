package shard

import (
	"context"
	"testing"

	"heddle/internal/engine"
)

// TestKickOutlivesASealedBatch: a kick that comes while a sealed batch waits for its
// committer counts when the batch is through. What it was for, a fetch that has come back
// as an example, is nobody's word but the kick's.
func TestKickOutlivesASealedBatch(t *testing.T) {
	h := newHarness(t, 1)
	n, err := OpenNode(context.Background(), *h.cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	s, c := n.shards[0], n.committers[0]
	c.mu.Lock()
	c.running = true // it is busy with a group of others
	c.mu.Unlock()
	s.mu.Lock()
	s.committing = true
	s.stage.kicked, s.stage.stepping = true, true
	s.mu.Unlock()
	n.step(s)
	s.mu.Lock()
	kicked, stepping := s.stage.kicked, s.stage.stepping
	s.committing = false
	s.mu.Unlock()
	if !kicked || stepping {
		t.Errorf("kicked %v, stepping %v; want the kick kept, and nobody at it", kicked, stepping)
	}
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
	n.kick(s)
	if _, err := n.Do(t.Context(), engine.Command{Name: toyName("a"), Begin: engine.IfAbsent, Group: "g", Seed: h.seed(), Body: toyAdd{}}); err != nil {
		t.Error(err)
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
