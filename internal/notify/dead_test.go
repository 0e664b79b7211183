package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// refuse has a sink refuse events for ever whose bodies begin so.
func refuse(prefix string) func([]event) error {
	return func(events []event) error {
		for _, e := range events {
			if strings.HasPrefix(bodyOf(e.body), prefix) {
				return &refusedError{"it says never"}
			}
		}
		return nil
	}
}

// folder are the files of a folder.
func folder(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// statusOf is how the first target is, in short.
func statusOf(t *testing.T, d *Deliverer) string {
	t.Helper()
	all, err := d.Statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := all[0]
	return fmt.Sprintf("backlog %d sent %d dead %d again %d error %q", s.Backlog, s.Sent, s.Dead, s.Again, s.Error)
}

// TestDeadAreSentAgain: those that were given up go out again when that is asked for, as what
// they were and beside what happens now; what is refused again is given up again at once.
func TestDeadAreSentAgain(t *testing.T) {
	dir := t.TempDir()
	deliver(t, []*Target{aTarget("x")}, func(c *Config) { c.Dir = dir }, func(r *toyRuns, sinks []*toySink) {
		sinks[0].set(refuse("bad"))
		r.add(0, "bad1", "bad2", "a")
		time.Sleep(time.Hour)
		want(t, "given up", statusOf(t, r.d), `backlog 0 sent 1 dead 2 again 0 error ""`)
		if n, ok := r.d.Redeliver("nobody"); ok || n != 0 {
			t.Errorf("of a target that is not there %d are sent again", n)
		}

		var again []event
		sinks[0].set(func(events []event) error {
			again = append(again, events...)
			return refuse("bad2")(events)
		})
		if n, ok := r.d.Redeliver("x"); !ok || n != 2 {
			t.Errorf("%d are sent again", n)
		}
		r.add(1, "b")
		synctest.Wait()
		want(t, "taken", sinks[0].taken(), "a b bad1")
		want(t, "refused again", statusOf(t, r.d), `backlog 0 sent 3 dead 1 again 0 error ""`)
		dead, err := r.d.Dead("x", 10, 1<<20)
		if err != nil || len(dead) != 1 || bodyOf(dead[0].Event) != "bad2" || time.Since(dead[0].At) != 0 {
			t.Errorf("dead are %v, %v", dead, err)
		}
		want(t, "files", folder(t, dir), "x.dead")
		if again[1].run != again[2].run || again[1].run != dead[0].Run {
			t.Errorf("they are sent as of runs %q and %q", again[1].run, again[2].run)
		}

		// While the target is down they wait, and what is asked for twice is sent once.
		var down atomic.Bool
		down.Store(true)
		sinks[0].set(func(events []event) error {
			if down.Load() {
				return errors.New("it is down")
			}
			return nil
		})
		r.d.Redeliver("x")
		synctest.Wait()
		r.d.Redeliver("x")
		time.Sleep(10 * time.Second)
		want(t, "down", statusOf(t, r.d), `backlog 0 sent 3 dead 0 again 1 error "it is down"`)
		down.Store(false)
		time.Sleep(time.Hour)
		want(t, "up", sinks[0].taken(), "a b bad1 bad2")
		want(t, "up", statusOf(t, r.d), `backlog 0 sent 4 dead 0 again 0 error ""`)
		want(t, "files", folder(t, dir), "")
	})
}

// TestDeadOutliveKills: what was to be sent again is, after a kill in the midst of it, all of
// the file; what can't be read is kept and holds up nobody; part of a line counts for nothing.
func TestDeadOutliveKills(t *testing.T) {
	dir := t.TempDir()
	key := func(c *Config) { c.Dir, c.Key = dir, [32]byte{7} }
	deliver(t, []*Target{aTarget("x")}, key, func(r *toyRuns, sinks []*toySink) {
		sinks[0].set(refuse("bad"))
		r.add(0, "bad1", "bad2", "bad3", "a")
		time.Sleep(time.Hour)
		down := errors.New("it is down")
		sinks[0].set(func(events []event) error {
			if bodyOf(events[0].body) == "bad2" {
				return down
			}
			return nil
		})
		r.d.Redeliver("x")
		synctest.Wait()
		want(t, "before the kill", sinks[0].taken(), "a bad1")
	})
	want(t, "files", folder(t, dir), "x.again.1")
	path := filepath.Join(dir, "x.again.1")
	parts := strings.SplitAfter(textOf(t, path), "\n")
	broken := parts[0] + strings.ToLower(parts[1]) + parts[2] + parts[1][:20]
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	deliver(t, []*Target{aTarget("x")}, key, func(r *toyRuns, sinks []*toySink) {
		time.Sleep(time.Hour)
		want(t, "after the kill", sinks[0].taken(), "bad1 bad3")
	})
	want(t, "files", folder(t, dir), "x.again.1.broken")

	// Letters of another store, or of another target, are none.
	if err := os.Rename(path+".broken", filepath.Join(dir, "y.dead")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "y"} {
		if err := os.WriteFile(filepath.Join(dir, name+".dead"), []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		key  byte
		read int
	}{{"x", 7, 2}, {"x", 8, 0}, {"y", 7, 0}} {
		d := New(Config{Targets: []*Target{aTarget(c.name)}, Shards: 1, Dir: dir, Key: [32]byte{c.key}})
		if all, err := d.Dead(c.name, 10, 1<<20); err != nil || len(all) != c.read {
			t.Errorf("of %s by key %d %d are read, %v", c.name, c.key, len(all), err)
		}
	}
}

// TestDeadAreBounded: the files are; so is what is shown of them.
func TestDeadAreBounded(t *testing.T) {
	d := newDeadLetters(t.TempDir(), "x", [32]byte{})
	d.Files = 3
	body := []byte(`"` + strings.Repeat("x", 300_000) + `"`)
	d.Megabytes = 1 // two events
	for i := range 9 {
		if err := d.add(DeadLetter{Error: fmt.Sprint(i), Event: body}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := d.oldest(100, 100<<20)
	if err != nil || len(all) != 5 || all[0].Error != "4" || all[4].Error != "8" || d.dead != 5 {
		t.Errorf("%d are kept, from %s on, and %d counted, %v", len(all), all[0].Error, d.dead, err)
	}
	for _, c := range []struct{ n, bytes, want int }{{3, 100 << 20, 3}, {100, 300_000, 1}, {100, 700_000, 3}} {
		if all, err := d.oldest(c.n, c.bytes); err != nil || len(all) != c.want || all[0].Error != "4" {
			t.Errorf("of %d and %d bytes %d are shown, %v", c.n, c.bytes, len(all), err)
		}
	}
	// All of them go out again, the oldest first; further ones follow those.
	d.ask()
	var sent []string
	for more := true; ; {
		l, err := d.next()
		if err != nil {
			t.Fatal(err)
		}
		if l == nil {
			break
		}
		sent = append(sent, l.Error)
		if more && len(sent) == 3 {
			more = false
			if err := d.add(DeadLetter{Error: "late", Event: body}); err != nil {
				t.Fatal(err)
			}
			d.ask()
		}
		if err := d.done(); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "sent again", strings.Join(sent, " "), "4 5 6 7 8 late")
	if d.dead != 0 || d.again != 0 {
		t.Errorf("%d are dead and %d sent again", d.dead, d.again)
	}
}

// TestStatusTellsTheBacklog: how much there is, since when, and what is wrong.
func TestStatusTellsTheBacklog(t *testing.T) {
	deliver(t, []*Target{aTarget("x")}, nil, func(r *toyRuns, sinks []*toySink) {
		sinks[0].set(func([]event) error { return errors.New("it is down") })
		began := now()
		r.add(0, "a", "b")
		time.Sleep(time.Minute)
		r.add(1, "c")
		synctest.Wait()
		s, ok, err := r.d.Status(t.Context(), "x")
		if err != nil || !ok || s.Backlog != 3 || s.BacklogBytes != 3*12 || s.Oldest != began || s.Since != began || s.ErrorAt < began+30_000 || s.Error != "it is down" || s.Kind != "file" {
			t.Errorf("it is %+v", s)
		}
		sinks[0].set(nil)
		time.Sleep(time.Hour)
		s, _, err = r.d.Status(t.Context(), "x")
		if err != nil || s.Backlog != 0 || s.BacklogBytes != 0 || s.Oldest != 0 || s.Error != "" || s.Sent != 3 || s.SentAt == 0 {
			t.Errorf("then it is %+v", s)
		}
	})
}
