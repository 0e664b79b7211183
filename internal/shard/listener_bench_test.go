package shard

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
)

// standing is a clock that stands.
type standing struct{}

func (standing) Now() engine.Time       { return 1000 }
func (standing) Confirmed() engine.Time { return 1000 }

type noOffers struct{}

func (noOffers) Offer(engine.RunID, engine.Offer)     {}
func (noOffers) Withdraw(string, engine.RunID, int64) {}
func (noOffers) WithdrawShard(uint16)                 {}

// counting counts all that it is told.
func counting(n *[6]atomic.Int64) *engine.Listener {
	return &engine.Listener{
		TurnDone:    func(t *engine.TurnDone) { n[0].Add(int64(len(t.Events))) },
		BatchDone:   func(b *engine.BatchDone) { n[1].Add(int64(b.Calls)); n[2].Add(int64(b.Wait + b.Commit)) },
		Quarantined: func(engine.Identity, error) { n[3].Add(1) },
		Dropped:     func(uint16, error) { n[4].Add(1) },
		TookOver:    func(uint16, int) { n[5].Add(1) },
	}
}

// BenchmarkListener is what listening adds to a command, on a store without a disk.
// Runs of both sorts should take turns: go test -bench Listener -count 10.
func BenchmarkListener(b *testing.B) {
	for _, callers := range []int{1, 64} {
		for _, listens := range []bool{false, true} {
			b.Run(fmt.Sprintf("callers=%d/listens=%v", callers, listens), func(b *testing.B) {
				began := time.Now()
				cfg := Config{
					Store: memstore.New(8), Shards: 8, Hash: &keys.Hash{7},
					Rules: map[engine.Kind]engine.Rules{toyKind: toyRules{traits: engine.Traits{ShowsHistory: true}}}, Offers: noOffers{},
					Log: slog.New(slog.DiscardHandler), CachedStates: 1000,
					Stopwatch: func() time.Duration { return time.Since(began) },
				}
				var counts [6]atomic.Int64
				if listens {
					cfg.Listener = counting(&counts)
				}
				n, err := OpenNode(context.Background(), cfg, standing{})
				if err != nil {
					b.Fatal(err)
				}
				b.SetParallelism(callers)
				var caller atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					first := caller.Add(1) * 1000
					for i := int64(0); pb.Next(); i++ {
						key := fmt.Sprint(first + i/20) // a run of 20 commands
						_, err := n.Do(context.Background(), engine.Command{
							Name: toyName(key), Begin: engine.IfAbsent, Group: "g", Body: toyAdd{},
							Seed: engine.DeriveSeed(1000, engine.RunID{}, first*1000+i),
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.StopTimer()
				if err := n.Stop(context.Background()); err != nil {
					b.Fatal(err)
				}
				if listens && counts[1].Load() < int64(b.N) {
					b.Errorf("told of %d calls of %d", counts[1].Load(), b.N)
				}
			})
		}
	}
}
