package shard

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"heddle/internal/engine"
)

// countWeights adds up what the caches of a node hold.
func countWeights(t *testing.T, h *harness) (bytes, states int) {
	t.Helper()
	for _, s := range h.shards {
		own, n := 0, 0
		for r := s.cache.newest; r != nil; r = r.older {
			if r.state == nil {
				t.Fatalf("run %s has no state, and is cached", r.Run)
			}
			own += r.weight
			n++
		}
		if own != s.cache.bytes || n != s.cache.len {
			t.Fatalf("shard %d has %d states of %d bytes, and %d of %d are told", s.id, n, own, s.cache.len, s.cache.bytes)
		}
		cached := 0
		for _, r := range s.runs {
			if r.state != nil {
				cached++
			}
		}
		if cached != n && s.handle != nil {
			t.Fatalf("shard %d has %d states, and %d are weighed", s.id, cached, n)
		}
		for run, kept := range s.recent.runs {
			size := 0
			for _, e := range kept.public {
				size += len(e)
			}
			if r := s.runs[run]; size != kept.len || r != nil && r.state != nil && r.weight < size+stateBytes {
				t.Fatalf("run %s has %d bytes of events in memory, and weighs %d", run, size, r.weight)
			}
		}
		bytes, states = bytes+own, states+n
	}
	if all := h.shards[0].cached.Load(); int(all) != bytes {
		t.Fatalf("%d bytes are cached, and %d are told", bytes, all)
	}
	return bytes, states
}

// TestStatesAreWeighed begins, uses, closes and spoils runs at random, and loses the memory
// of shards: what is cached is weighed at each moment, and between batches it is not more
// than it may be, however many states there are.
func TestStatesAreWeighed(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		h := newHarness(t, uint16(1+random.IntN(3)))
		cfg := h.shards[0].Config
		cfg.CachedStates, cfg.CachedBytes = 1000, 20_000+random.IntN(100_000)
		most, largest := 0, 0
		for range 400 {
			name := fmt.Sprint(random.IntN(60))
			switch random.IntN(12) {
			case 0:
				_, _ = h.do(name, toyClose{Forget: h.now + 1000})
			case 1:
				h.store.FailNextCommit(random.IntN(2) == 0)
				_, _ = h.do(name, toyAdd{})
			case 2:
				h.now += engine.Time(random.IntN(500))
				h.settle()
			default:
				for range 1 + random.IntN(4) {
					_, _ = h.do(name, toyAdd{})
				}
			}
			bytes, states := countWeights(t, h)
			most = max(most, bytes)
			for _, s := range h.shards {
				for r := s.cache.newest; r != nil; r = r.older {
					largest = max(largest, r.weight)
				}
			}
			if bytes > 2*cfg.CachedBytes {
				t.Fatalf("%d states of %d bytes are cached, %d may be", states, bytes, cfg.CachedBytes)
			}
		}
		t.Logf("%d shards, %d bytes may be cached: %d were; the largest had %d", len(h.shards), cfg.CachedBytes, most, largest)
	}
}

// TestShardsAtWorkHaveRoom fills the caches of shards that then rest: one at work still
// keeps its share, and all shards together have twice what they may at most.
func TestShardsAtWorkHaveRoom(t *testing.T) {
	h := newHarness(t, 4)
	cfg := h.shards[0].Config
	cfg.CachedStates, cfg.CachedBytes = 1_000_000, 400_000
	for i := range 2000 {
		_, _ = h.do(fmt.Sprint(i), toyBegin{})
		if bytes, _ := countWeights(t, h); bytes > 2*cfg.CachedBytes {
			t.Fatalf("%d bytes are cached", bytes)
		}
	}
	for _, s := range h.shards {
		if s.cache.bytes < cfg.CachedBytes/len(h.shards)/2 {
			t.Errorf("shard %d has %d bytes", s.id, s.cache.bytes)
		}
	}
}

// askedWeight are rules that count how often they are asked what a state weighs.
type askedWeight struct {
	engine.Rules
	asked int
}

func (a *askedWeight) Weigh(engine.State) int { a.asked++; return 1 }

// TestWeighingDoesNotCostAStateEachTime: a state that grows to ten thousand times its size,
// and one that stays as it is, are looked at as a whole a few times only.
func TestWeighingDoesNotCostAStateEachTime(t *testing.T) {
	h := newHarness(t, 1)
	s := h.shards[0]
	rules := &askedWeight{Rules: toyRules{}}
	s.kinds[toyKind] = engine.NewRuleset(rules)
	r := &run{}
	r.Name.Kind = toyKind
	for r.TailLen = 100; r.TailLen < 1_000_000; r.TailLen += 100 {
		if w := s.weightOf(r); w < stateBytes+1 {
			t.Fatalf("it weighs %d", w)
		}
	}
	for range 10_000 {
		r.TailLen ^= 64 // a snapshot that is a little larger or smaller
		s.weightOf(r)
	}
	if rules.asked > 100 {
		t.Errorf("the state was looked at %d times", rules.asked)
	}
}
