package audit

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// bubble is a house whose time is the bubble's.
func bubble(t *testing.T, c Config) *house {
	c.Now = time.Now
	return newHouse(t, c)
}

func user(name string) Identity {
	return Identity{Type: "IAMUser", ARN: "arn:aws:iam::123456789012:user/" + name}
}

// change is a call that changed something.
func change(by Identity, id string) *Call {
	return &Call{Kind: Changes, Kept: true, Time: time.Now(), Service: "iam", Action: "CreateUser", Identity: by, RequestID: id}
}

// fickle is a sink that sometimes takes nothing.
type fickle struct {
	sink
	fails *atomic.Bool
}

func (f *fickle) write(ctx context.Context, lines []byte) (int, error) {
	if f.fails.Load() {
		return 0, errFull
	}
	return f.sink.write(ctx, lines)
}

// linesOf reads a trail that must be right.
func linesOf(t *testing.T, r Reader) []string {
	t.Helper()
	var out bytes.Buffer
	r.Wrong = func(err error) { t.Error(err) }
	if err := r.Read(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(out.String()))
}

// TestAcknowledgedChangesStay mixes callers of all kinds at random, with small budgets, a disk that
// fails now and then, and an end at any moment. A change that was acknowledged has its record
// until it is old enough, whatever the others do; and no kind has more room than its
// own.
func TestAcknowledgedChangesStay(t *testing.T) {
	acknowledged, refusedChanges, deleted, unsure := 0, int64(0), int64(0), 0
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			dir := t.TempDir()
			c := Files{
				Dir: dir, BytesMax: 2000 + random.Int64N(8000), AgeMax: time.Hour, Keep: 1 + random.IntN(4),
				ChangesAge: 10 * time.Hour, ChangesRoom: 400_000,
			}
			if random.IntN(2) == 0 {
				c.Key = testKey
			}
			h := bubble(t, Config{Files: c})
			var fails atomic.Bool
			for _, d := range h.files {
				d.sink = &fickle{d.sink, &fails}
			}
			var mu sync.Mutex
			kept := map[string]time.Time{} // that are acknowledged, by their ids
			doubtful := 0
			var callers sync.WaitGroup
			const rounds = 120
			for i := range 4 + random.IntN(8) {
				random := rand.New(rand.NewPCG(seed, uint64(i)+100))
				mood := random.IntN(4) // 0 changes, 1 reads, 2 is refused, 3 is nobody
				callers.Go(func() {
					by := user(fmt.Sprint("u", i))
					root := i == 0
					for round := range rounds {
						if random.IntN(8) == 0 {
							time.Sleep(time.Duration(random.Int64N(int64(30 * time.Minute))))
						}
						id := fmt.Sprint(i, "-", round)
						call := &Call{Time: time.Now(), Service: "swf", Action: fmt.Sprint("Do", random.IntN(30)), Identity: by, RequestID: id}
						switch mood {
						case 0:
							if err := h.Keep(&by, root); err != nil {
								call.Kind, call.ErrorCode = Refused, "Throttling"
								break
							}
							time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond) // it is done
							call.Kept = true
							if random.IntN(4) > 0 {
								call.Kind = Changes
							}
						case 1:
							call.Request = Shown(`"` + strings.Repeat("x", random.IntN(500)) + `"`)
						case 2:
							call.Kind, call.ErrorCode = Refused, "AccessDenied"
						case 3:
							call.Kind, call.Identity, call.SourceIP = Refused, Identity{Type: "Unknown"}, fmt.Sprintf("10.0.%d.%d", random.IntN(9), random.IntN(99))
						}
						err := h.Record(call)
						mu.Lock()
						switch {
						case err == nil && call.Kind == Changes:
							kept[id] = time.Now()
						case call.Kind == Changes:
							doubtful++
						case err != nil:
							t.Errorf("%s: %v", call.Kind, err)
						}
						mu.Unlock()
					}
				})
			}
			// stop ends the trail, perhaps while the disk takes nothing and changes are on
			// their way.
			stop := func() {
				if random.IntN(2) == 0 {
					fails.Store(true)
				}
				for i := range 5 {
					id := fmt.Sprint("last-", i)
					if h.Keep(&Identity{ARN: "root"}, true) != nil {
						continue
					}
					callers.Go(func() {
						if h.Record(change(Identity{Type: "Root", ARN: "root"}, id)) == nil {
							mu.Lock()
							kept[id] = time.Now()
							mu.Unlock()
						}
					})
				}
				time.Sleep(time.Duration(random.IntN(3)) * time.Second)
				h.stop()
			}
			ended := make(chan struct{})
			var trouble sync.WaitGroup
			trouble.Go(func() { // of the disk
				random := rand.New(rand.NewPCG(seed, 4))
				for {
					select {
					case <-ended:
						return
					case <-time.After(time.Duration(random.Int64N(int64(time.Hour)))):
						fails.Store(true)
					}
					time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
					fails.Store(random.IntN(20) == 0)
				}
			})
			if random.IntN(3) == 0 { // the end comes in the middle
				time.Sleep(time.Duration(random.Int64N(int64(5 * time.Hour))))
				stop()
			}
			callers.Wait()
			close(ended)
			trouble.Wait()
			stop()
			callers.Wait()

			seen := map[string]int{}
			for _, line := range linesOf(t, Reader{Dir: dir, Key: c.Key}) {
				seen[recordOf(t, line).RequestID]++
			}
			for id, at := range kept {
				if old := time.Since(at) >= c.ChangesAge; seen[id] != 1 && !(old && seen[id] == 0) {
					t.Errorf("seed %d: change %s of %s ago was acknowledged, and is %d times in the trail", seed, id, time.Since(at), seen[id])
				}
			}
			all, err := listFiles(dir)
			if err != nil {
				t.Fatal(err)
			}
			for kind := range Kind(kinds) {
				own := in(all, row{"", kind})
				var bytes int64
				for _, name := range own {
					info, err := os.Stat(filepath.Join(dir, name.String()))
					if err != nil {
						t.Fatal(err)
					}
					bytes += info.Size()
				}
				most := int64(c.Keep) * (c.BytesMax + chunkMax)
				if kind == Changes {
					most = h.changes.files.changesRoom() + 12*placeBytes
				} else if len(own) > c.Keep {
					t.Errorf("seed %d: %d files of %s, want %d", seed, len(own), kind, c.Keep)
				}
				if bytes > most {
					t.Errorf("seed %d: %d bytes of %s, want %d", seed, bytes, kind, most)
				}
			}
			acknowledged += len(kept)
			unsure += doubtful
			refusedChanges += h.Counts().ChangesOver
			for kind := range kinds {
				deleted += h.files[kind].sink.(*fickle).sink.(*files).deleted.Load()
			}
		})
		if t.Failed() {
			return
		}
	}
	if acknowledged < 500 || refusedChanges < 100 || deleted < 100 {
		t.Errorf("%d changes were acknowledged, %d refused, %d left in doubt, %d files deleted", acknowledged, refusedChanges, unsure, deleted)
	}
	t.Logf("%d changes were acknowledged, %d refused, %d left in doubt, %d files deleted", acknowledged, refusedChanges, unsure, deleted)
}
