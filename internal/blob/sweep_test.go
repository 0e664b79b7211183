package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/blob/blobtest"
)

// referred is who refers to blobs.
type referred struct {
	mu     sync.Mutex
	ids    map[blob.ID]bool
	err    error
	before func(blob.ID) // called before each answer
}

func (r *referred) Referenced(_ context.Context, id blob.ID) (bool, error) {
	if r.before != nil {
		r.before(id)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id], r.err
}

func (r *referred) set(id blob.ID, is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[blob.ID]bool{}
	}
	r.ids[id] = is
}

// yard is a library with its sweeper.
type yard struct {
	t       *testing.T
	clock   *blobtest.Clock
	memory  *blob.Memory
	library *blob.Library
	refs    *referred
	sweeper *blob.Sweeper
}

func newYard(t *testing.T) *yard {
	y := &yard{t: t, clock: blobtest.NewClock(), memory: new(blob.Memory), refs: new(referred)}
	y.open()
	return y
}

// open is a start of the process.
func (y *yard) open() {
	y.library = library(y.memory, y.clock)
	y.sweeper = &blob.Sweeper{Library: y.library, References: y.refs}
}

func (y *yard) put(text string) blob.ID {
	y.t.Helper()
	ref, err := y.library.Put(y.t.Context(), bytes.NewReader([]byte(text)))
	if err != nil {
		y.t.Fatal(err)
	}
	return ref.ID
}

// sweep sweeps after a while, and wants so many blobs deleted and waiting.
func (y *yard) sweep(after time.Duration, deleted, waiting int64) {
	y.t.Helper()
	swept, err := y.sweeper.Sweep(y.t.Context(), y.clock.Advance(after))
	if err != nil || swept.Deleted != deleted || swept.Waiting != waiting || swept.Failures != 0 {
		y.t.Fatalf("sweep: %+v, %v; want %d deleted, %d waiting", swept, err, deleted, waiting)
	}
}

func (y *yard) wantThere(id blob.ID, there bool) {
	y.t.Helper()
	_, err := blob.ReadAll(y.t.Context(), y.library, id, 1<<20)
	if (err == nil) != there || err != nil && !errors.Is(err, blob.ErrNotFound) {
		y.t.Fatalf("blob %s: %v, want it there: %v", id, err, there)
	}
}

func TestSweep(t *testing.T) {
	y := newYard(t)
	kept, dropped := y.put("kept"), y.put("dropped")
	y.refs.set(kept, true)
	y.sweep(time.Minute, 0, 1)
	y.sweep(blob.GraceDefault-time.Millisecond, 0, 1) // not yet
	y.sweep(time.Millisecond, 1, 0)
	y.wantThere(kept, true)
	y.wantThere(dropped, false)
	y.refs.set(kept, false)
	y.sweep(10*blob.GraceDefault, 0, 1) // the first that finds it so
	y.sweep(blob.GraceDefault, 1, 0)
	y.wantThere(kept, false)
	y.sweep(blob.GraceDefault, 0, 0)
}

func TestSweepSpares(t *testing.T) {
	t.Run("what is put again", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		y.sweep(time.Minute, 0, 1)
		y.clock.Advance(30 * time.Minute)
		y.put("x")
		y.sweep(30*time.Minute, 0, 1) // begins anew
		y.sweep(59*time.Minute, 0, 1)
		y.wantThere(id, true)
		y.sweep(time.Minute, 1, 0)
	})
	t.Run("what is put again just before", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		y.sweep(time.Minute, 0, 1)
		y.clock.Advance(2 * time.Hour)
		y.put("x")
		y.sweep(0, 0, 1)
		y.wantThere(id, true)
	})
	t.Run("what is young at the first sweep", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		y.sweep(0, 0, 1) // put at the moment of the sweep, or after
		y.sweep(time.Hour, 0, 1)
		y.wantThere(id, true)
		y.sweep(time.Hour, 1, 0)
	})
	t.Run("what is put while the first sweep looks", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		began := y.clock.Advance(time.Minute)
		y.refs.before = func(blob.ID) {
			y.clock.Advance(30 * time.Minute)
			y.put("x")
		}
		if _, err := y.sweeper.Sweep(t.Context(), began); err != nil {
			t.Fatal(err)
		}
		y.refs.before = nil
		y.sweep(30*time.Minute, 0, 1)
		y.wantThere(id, true)
	})
	t.Run("what is referred to between", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		y.sweep(time.Minute, 0, 1)
		y.refs.set(id, true)
		y.sweep(time.Minute, 0, 0)
		y.refs.set(id, false)
		y.sweep(time.Hour, 0, 1)
		y.wantThere(id, true)
	})
	t.Run("what is referred to at last", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		y.sweep(time.Minute, 0, 1)
		y.refs.set(id, true)
		y.sweep(time.Hour, 0, 0)
		y.refs.set(id, false)
		y.sweep(time.Hour, 0, 1)
		y.sweep(time.Hour, 1, 0)
	})
	t.Run("all after a start", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		y.sweep(time.Minute, 0, 1)
		y.open()
		y.sweep(time.Hour, 0, 1)
		y.wantThere(id, true)
		y.sweep(time.Hour, 1, 0)
	})
	t.Run("what was deleted and put", func(t *testing.T) {
		y := newYard(t)
		id := y.put("x")
		y.sweep(time.Minute, 0, 1)
		if err := y.library.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		y.sweep(2*time.Hour, 0, 0)
		y.put("x")
		y.sweep(time.Minute, 0, 1)
		y.wantThere(id, true)
	})
}

// TestSweepWithAnotherClock has a shelf whose clock is two hours behind, as another
// machine's might be: what this process put is spared by what it remembers.
func TestSweepWithAnotherClock(t *testing.T) {
	y := newYard(t)
	late := func() time.Time { return y.clock.Now().Add(-2 * time.Hour) }
	y.library = blob.New(blob.Options{Shelf: y.memory, Key: blobtest.Key, Now: late})
	y.sweeper.Library = y.library
	id := y.put("x")
	y.sweep(time.Minute, 0, 1)
	y.clock.Advance(time.Hour)
	y.put("x")
	y.sweep(0, 0, 1)
	y.wantThere(id, true)
}

// TestSweepAgainstPut has the same bytes put in each moment of the sweep that would
// delete them. A Put that has returned is not undone.
func TestSweepAgainstPut(t *testing.T) {
	for _, moment := range []blob.Step{blob.StepList, blob.StepStat, blob.StepDelete, blob.StepDeleted} {
		t.Run(moment.String(), func(t *testing.T) {
			y := newYard(t)
			y.put("x")
			y.sweep(time.Minute, 0, 1)
			now := y.clock.Advance(2 * time.Hour)
			done := make(chan blob.ID, 1)
			var once sync.Once
			y.memory.Fail(func(s blob.Step) error {
				if s == moment {
					once.Do(func() {
						began := make(chan bool)
						go func() {
							ref, err := y.library.Put(context.Background(), &signalling{bytes.NewReader([]byte("x")), began})
							if err != nil {
								t.Error(err)
							}
							done <- ref.ID
						}()
						<-began
					})
				}
				return nil
			})
			if _, err := y.sweeper.Sweep(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			y.wantThere(<-done, true)
			y.sweep(time.Minute, 0, 1)
		})
	}
}

type signalling struct {
	io.Reader
	began chan bool
}

func (s *signalling) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && s.began != nil {
		close(s.began)
		s.began = nil
	}
	return n, err
}

// TestSweepRace has many put, refer and forget, each bytes of its own, under a sweeper
// without patience.
func TestSweepRace(t *testing.T) {
	y := newYard(t)
	y.sweeper.Grace = time.Nanosecond
	stop := make(chan bool)
	var sweeping, users sync.WaitGroup
	var deleted int64
	sweeping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			swept, err := y.sweeper.Sweep(context.Background(), y.clock.Advance(10*time.Second))
			if err != nil {
				t.Error(err)
			}
			deleted += swept.Deleted
		}
	})
	for u := range 4 {
		users.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(u)))
			for i := range 300 {
				text := fmt.Sprintf("%d", u*2+rng.IntN(2))
				ref, err := y.library.Put(context.Background(), bytes.NewReader([]byte(text)))
				if err != nil {
					t.Error(err)
					return
				}
				// With this Grace it may be gone before it is referred to. Put again, it
				// is there for as long as the reference is.
				y.refs.set(ref.ID, true)
				if i%2 == 0 {
					ref, err = y.library.Put(context.Background(), bytes.NewReader([]byte(text)))
					if err != nil {
						t.Error(err)
						return
					}
				}
				if _, err := blob.ReadAll(context.Background(), y.library, ref.ID, 10); i%2 == 0 && err != nil {
					t.Errorf("put, referred to and gone: %v", err)
					return
				}
				y.refs.set(ref.ID, false)
			}
		})
	}
	users.Wait()
	close(stop)
	sweeping.Wait()
	if deleted == 0 {
		t.Error("nothing was ever deleted")
	}
	y.sweeper.Grace = 0
	// The first may spare what was put while it was doomed; the next dooms it anew.
	for range 3 {
		if _, err := y.sweeper.Sweep(t.Context(), y.clock.Advance(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := y.library.List(t.Context(), blob.ID{}, func(i blob.Info) bool { t.Errorf("%v stays", i); return true }); err != nil {
		t.Fatal(err)
	}
}

func TestSweepFails(t *testing.T) {
	y := newYard(t)
	id := y.put("x")
	other := y.put("y")
	sweepFails := func(after time.Duration, failures int64) {
		t.Helper()
		swept, err := y.sweeper.Sweep(t.Context(), y.clock.Advance(after))
		if !errors.Is(err, errInjected) || swept.Failures != failures || swept.Deleted != 0 {
			t.Fatalf("sweep: %+v, %v", swept, err)
		}
		y.wantThere(id, true)
		y.wantThere(other, true)
	}
	y.refs.err = errInjected
	sweepFails(time.Hour, 2)
	y.refs.err = nil
	y.sweep(time.Hour, 0, 2)
	y.refs.err = errInjected
	sweepFails(time.Hour, 2)
	y.refs.err = nil
	for _, step := range []blob.Step{blob.StepStat, blob.StepDelete} {
		y.memory.Fail(func(s blob.Step) error {
			if s == step {
				return errInjected
			}
			return nil
		})
		swept, err := y.sweeper.Sweep(t.Context(), y.clock.Advance(time.Minute))
		if !errors.Is(err, errInjected) || swept.Failures != 2 || swept.Deleted != 0 {
			t.Fatalf("%s fails: %+v, %v", step, swept, err)
		}
	}
	lists := 0
	y.memory.Fail(func(s blob.Step) error {
		if s == blob.StepList {
			if lists++; lists > 1 {
				return errInjected
			}
		}
		return nil
	})
	y.refs.set(id, true)
	y.refs.set(other, true)
	if _, err := y.sweeper.Sweep(t.Context(), y.clock.Advance(time.Minute)); !errors.Is(err, errInjected) {
		t.Fatalf("the list ends by an error: %v", err)
	}
	y.memory.Fail(nil)
	y.refs.set(id, false)
	y.sweep(2*time.Hour, 0, 1)
	y.sweep(time.Hour, 1, 0)
	y.wantThere(id, false)
	y.wantThere(other, true)

	for i := range 200 { // it gives up in the end
		y.put(fmt.Sprint(i))
	}
	y.refs.err = errInjected
	if swept, err := y.sweeper.Sweep(t.Context(), y.clock.Now()); err == nil || swept.Failures != 100 {
		t.Errorf("%+v, %v", swept, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := y.sweeper.Sweep(over, y.clock.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("in a context that is over: %v", err)
	}
}

func TestSweepRemembersSoMany(t *testing.T) {
	y := newYard(t)
	y.sweeper.DoomedMax = 3
	for i := range 7 {
		y.put(fmt.Sprint(i))
	}
	y.sweep(time.Minute, 0, 7)
	y.sweep(time.Hour, 3, 4) // places become free as it goes
	y.sweep(time.Hour, 3, 1)
	y.sweep(time.Hour, 1, 0)
}

// TestSweepForgetsWhatIsGone has a blob deleted by who does not go by the library.
func TestSweepForgetsWhatIsGone(t *testing.T) {
	y := newYard(t)
	y.sweeper.DoomedMax = 1
	id := y.put("x")
	y.sweep(time.Minute, 0, 1)
	if err := y.memory.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	y.sweep(time.Minute, 0, 0)
	y.put("y")
	y.sweep(time.Minute, 0, 1)
	y.sweep(time.Hour, 1, 0)
}

// TestCrashes ends a life in each step of putting, referring and sweeping, whether
// the step was done or not, and wants the next to find what was acknowledged, and to
// sweep the rest.
func TestCrashes(t *testing.T) {
	for stop := 1; ; stop++ {
		y := newYard(t)
		steps := 0
		y.memory.Fail(func(blob.Step) error {
			if steps++; steps >= stop {
				return errInjected
			}
			return nil
		})
		ended := func() bool {
			for _, text := range []string{"a", "b", "c", "a"} {
				ref, err := y.library.Put(t.Context(), bytes.NewReader([]byte(text)))
				if err != nil {
					return true
				}
				y.refs.set(ref.ID, text == "a")
			}
			for range 3 {
				if _, err := y.sweeper.Sweep(t.Context(), y.clock.Advance(time.Hour)); err != nil {
					return true
				}
			}
			return false
		}()
		y.memory.Fail(nil)
		y.open()
		for id, is := range y.refs.ids {
			if is {
				y.wantThere(id, true)
			}
		}
		for range 2 {
			if _, err := y.sweeper.Sweep(t.Context(), y.clock.Advance(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if err := y.library.List(t.Context(), blob.ID{}, func(i blob.Info) bool {
			if !y.refs.ids[i.ID] {
				t.Errorf("stopped at step %d: %v stays", stop, i)
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if !ended {
			if stop < 20 {
				t.Errorf("only %d steps", stop)
			}
			return
		}
	}
}
