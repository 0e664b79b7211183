package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/archive"
	users "heddle/internal/bucket"
	places "heddle/internal/bucket/place"
	"heddle/internal/engine"
	"heddle/internal/metrics"
	"heddle/internal/store"
)

// forgetful is a store that does not write what it is told to remember.
type forgetful struct {
	store.Store
	fails *bool
}

func (f forgetful) Meta() store.Meta { return forgetfulMeta{f.Store.Meta(), f.fails} }

type forgetfulMeta struct {
	store.Meta
	fails *bool
}

func (m forgetfulMeta) CompareAndSet(ctx context.Context, key string, old, next []byte) error {
	if *m.fails {
		return errors.New("killed")
	}
	return m.Meta.CompareAndSet(ctx, key, old, next)
}

// archiveOf makes what archives a server to a place, as the server itself does.
func archiveOf(t *testing.T, s *Server, p *places.Place, change func(*archive.Config)) *archive.Archiver {
	t.Helper()
	c := archive.Config{
		Open:  func(context.Context) (*places.Place, error) { return p, nil },
		Store: s.store, Shards: s.shards, Barrier: s.barrier, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Moved: func(uint16) {},
		Name: func(v *engine.RunView) (archive.Execution, bool) {
			for _, one := range s.cfg.Services {
				if one.Archived != nil {
					if e, ok := one.Archived(v); ok {
						return e, true
					}
				}
			}
			return archive.Execution{}, false
		},
	}
	change(&c)
	a, err := archive.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// readArchiveOf gives what an archive has, by execution; each is there once.
func readArchiveOf(t *testing.T, p *places.Place, q archive.Query) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := archive.Read(t.Context(), p, q, func(l *archive.Line) (bool, error) {
		name := l.Service + " " + l.In + " " + l.ID
		if _, twice := all[name]; twice {
			t.Errorf("%s is read twice", name)
		}
		if l.Error != "" {
			t.Errorf("%s: %s", name, l.Error)
		}
		all[name] = l.Status + " " + string(l.Events)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestArchive writes the executions that have closed to an archive, with whatever goes wrong in
// between: the archive has each once when it is read, with the history that it had, and no shard
// is told to forget what is not there.
func TestArchive(t *testing.T) {
	s := start(t, memory())
	register(t, s)
	closed := map[string]string{}
	end := func(id string) {
		t.Helper()
		run := mustCall(t, s, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":%q,"workflowType":{"name":"order","version":"1"}}`, id)).RunID
		mustCall(t, s, "TerminateWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":%q}`, id))
		a := call(t.Context(), s, "GetWorkflowExecutionHistory", fmt.Sprintf(`{"domain":"shop","execution":{"workflowId":%q,"runId":%q}}`, id, run))
		closed["swf shop "+id] = "TERMINATED " + strings.TrimSuffix(strings.TrimPrefix(a.body, `{"events":`), "}")
	}
	for i := range 20 {
		end(fmt.Sprint("first/", i))
	}
	memory := new(users.Memory)
	memory.Make("kept")
	p := &places.Place{Store: memory, Bucket: "kept", Prefix: "a/"}
	now := s.clock.Now() + 400*24*60*60*1000 // the retention of all is over
	killed := false
	change := func(c *archive.Config) { c.Store = forgetful{s.store, &killed} }
	a := archiveOf(t, s, p, change)

	errDead := errors.New("the bucket is dead")
	memory.Fail = func(users.Step) error { return errDead }
	for range 2 {
		if _, err := a.Pass(t.Context(), now); !errors.Is(err, errDead) {
			t.Fatal(err)
		}
	}
	if st := a.Status(); st.Failures != 2 || st.Since != now || st.Oldest == 0 || st.Oldest >= now || !strings.Contains(st.Error, "dead") || st.Executions != 0 {
		t.Errorf("of a dead bucket: %+v", st)
	}
	memory.Fail = nil
	killed = true // after it has written, and before it remembers that
	for range 2 {
		if _, err := a.Pass(t.Context(), now); err == nil {
			t.Fatal("it remembers what it can't")
		}
	}
	for shard := range s.shards {
		if until := a.Until(shard); until > 0 {
			t.Fatalf("shard %d may forget up to %d", shard, until)
		}
	}
	if got := readArchiveOf(t, p, archive.Query{}); len(got) != len(closed) {
		t.Errorf("%d executions are there, want %d", len(got), len(closed))
	}
	killed = false
	if more, err := a.Pass(t.Context(), now); err != nil || more {
		t.Fatal(more, err)
	}
	for shard := range s.shards {
		if until := a.Until(shard); until != now-1 {
			t.Fatalf("shard %d may forget up to %d, want %d", shard, until, now-1)
		}
	}
	if st := a.Status(); st.Executions != 20 || st.Bytes == 0 || st.Since != 0 || st.Oldest != 0 || st.Error != "" {
		t.Errorf("%+v", st)
	}
	// Another process goes on where this one was, a few at a time, and writes nothing again.
	for i := range 10 {
		end(fmt.Sprint("second/", i))
	}
	now += 1000 // what closes later is due later
	a = archiveOf(t, s, p, func(c *archive.Config) { c.BytesMax = 1 })
	passes := 0
	for more := true; more; passes++ {
		var err error
		if more, err = a.Pass(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	// Their retention ends before what was archived up to: the clock of this test was ahead.
	if st := a.Status(); st.Executions != 0 || passes != 1 {
		t.Errorf("%+v after %d passes", st, passes)
	}
	a = archiveOf(t, s, p, func(c *archive.Config) {
		c.BytesMax = 1
		row, err := s.store.Meta().Get(t.Context(), "archive/shards")
		if err == nil {
			err = s.store.Meta().CompareAndSet(t.Context(), "archive/shards", row, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	for more := true; more; passes++ {
		var err error
		if more, err = a.Pass(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	if passes < 30 {
		t.Errorf("%d passes with room for one execution each", passes)
	}
	got := readArchiveOf(t, p, archive.Query{Service: "swf", In: "shop", From: time.UnixMilli(0), To: time.UnixMilli(int64(now)), Type: "order", Status: "TERMINATED"})
	for name, want := range closed {
		if got[name] != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, got[name], want)
		}
	}
	for _, q := range []archive.Query{{Service: "states"}, {In: "another"}, {From: time.UnixMilli(int64(now))}, {ID: "first"}, {Status: "COMPLETED"}, {Tag: "t"}, {Account: "111122223333"}, {Region: "eu-west-1"}} {
		if n := len(readArchiveOf(t, p, q)); n != 0 {
			t.Errorf("%+v finds %d", q, n)
		}
	}
	if n := len(readArchiveOf(t, p, archive.Query{ID: "second/3"})); n != 1 {
		t.Errorf("one id finds %d", n)
	}
}

// TestArchiveOfSeveralNodes has two archivers of one store, of which one writes and the other follows, until they
// change places, and once both write at a time: neither fails, and each may forget what either has written.
func TestArchiveOfSeveralNodes(t *testing.T) {
	s := start(t, memory())
	begun := 0
	// end has five executions of a domain close, and gives a moment at which their retention is over, and that of no
	// domain after it.
	end := func(days int) (over engine.Time) {
		t.Helper()
		domain := fmt.Sprint("kept-for-", days)
		mustCall(t, s, "RegisterDomain", fmt.Sprintf(`{"name":%q,"workflowExecutionRetentionPeriodInDays":"%d"}`, domain, days))
		mustCall(t, s, "RegisterWorkflowType", fmt.Sprintf(`{"domain":%q,"name":"order","version":"1","defaultTaskList":{"name":"orders"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60"}`, domain))
		for i := range 5 {
			mustCall(t, s, "StartWorkflowExecution", fmt.Sprintf(`{"domain":%q,"workflowId":"order%d","workflowType":{"name":"order","version":"1"}}`, domain, i))
			mustCall(t, s, "TerminateWorkflowExecution", fmt.Sprintf(`{"domain":%q,"workflowId":"order%d"}`, domain, i))
			begun++
		}
		return s.clock.Now() + engine.Time((time.Duration(days)*24*time.Hour + time.Hour).Milliseconds())
	}
	memory := new(users.Memory)
	memory.Make("kept")
	p := &places.Place{Store: memory, Bucket: "kept", Prefix: "a/"}
	meanwhile := func() {}
	one := archiveOf(t, s, p, func(c *archive.Config) {
		barrier := c.Barrier
		c.Barrier = func(ctx context.Context, shard uint16) error {
			then := meanwhile
			meanwhile = func() {}
			then()
			return barrier(ctx, shard)
		}
	})
	moved := 0
	other := archiveOf(t, s, p, func(c *archive.Config) { c.Moved = func(uint16) { moved++ } })
	pass := func(a *archive.Archiver, now engine.Time) {
		t.Helper()
		for more := true; more; {
			var err error
			if more, err = a.Pass(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	follow := func(a *archive.Archiver, now engine.Time) {
		t.Helper()
		if err := a.Follow(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		for shard := range s.shards {
			if until := a.Until(shard); until < now-1 {
				t.Fatalf("shard %d may forget up to %d on the other node, want %d", shard, until, now-1)
			}
		}
	}
	for days := range 2 { // the second time with the places changed
		at := end(days + 1)
		pass(one, at)
		follow(other, at)
		one, other = other, one
	}
	if moved == 0 {
		t.Error("no shard is told that it may forget what another node has written")
	}
	at := end(3)
	meanwhile = func() { pass(other, at) }
	pass(one, at)
	if st := one.Status(); st.Failures != 0 || st.Since != 0 {
		t.Errorf("of one that writes while another does: %+v", st)
	}
	if got := readArchiveOf(t, p, archive.Query{}); len(got) != begun {
		t.Errorf("%d executions are there, want %d", len(got), begun)
	}
}

// TestRetentionWaitsForTheArchive has an archive that can't be written: what has come to the end
// of its retention stays in the store, and it is told that it does. When it can be written all of
// it goes there, and from the store.
func TestRetentionWaitsForTheArchive(t *testing.T) {
	clocks := &sharedPieces{p: newPieces()}
	place := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(place, nil, 0o600); err != nil { // no folder
		t.Fatal(err)
	}
	log, told := new(written), filepath.Join(t.TempDir(), "told")
	s := start(t, Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), Auth: AuthNone, timepieces: clocks,
		Archive: archive.Options{To: place, Every: time.Second}, Log: slog.New(slog.NewTextHandler(log, nil)),
		EventsConfig: eventsConfig(t, `{"targets":[
			{"name":"all","types":"all","file":{"path":%q}},
			{"name":"archive","types":"all","pattern":{"source":["heddle.archive"]},"file":{"path":%q}},
			{"name":"usual","file":{"path":%q}}]}`, told, told+"-archive", told+"-usual"),
	})
	register(t, s)
	const each = 20
	for i := range each {
		mustCall(t, s, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"%d","workflowType":{"name":"order","version":"1"}}`, i))
		mustCall(t, s, "TerminateWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"%d"}`, i))
	}
	stored := func() (n int) {
		for shard := range s.shards {
			err := s.store.Scan(t.Context(), shard, store.Range{Start: []byte{'x'}, End: []byte{'y'}}, func(_, _ []byte) bool { n++; return true })
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	reading := func(name string) (value float64) {
		s.readArchive(func(r metrics.Reading) {
			if r.Name == name {
				value = r.Value
			}
		})
		return value
	}
	lag := func() float64 { return reading("heddle_archive_lag_seconds") }
	// It is found out before anything is to be written.
	waitUntil(t, "the archive fails", func() bool { return reading("heddle_archive_failing_seconds") > 0 })
	used, err := overview{s}.DiskUsage(t.Context())
	if a := used.Archive; err != nil || a == nil || a.Location != place || a.Since == 0 || a.Tried < a.Since || a.Oldest != 0 || !strings.Contains(a.Error, "not a directory") {
		t.Errorf("while nothing waits: %+v, %v", a, err)
	}
	if n := stored(); n != each {
		t.Fatalf("%d are to be forgotten, want %d", n, each)
	}
	clocks.mu.Lock()
	clocks.p.passed += 10 * 24 * time.Hour
	clocks.mu.Unlock()
	waitUntil(t, "what waits is late", func() bool { s.clock.Now(); s.node.Advance(); return lag() > 0 })
	for range 10 {
		s.node.Advance()
	}
	if n := stored(); n != each {
		t.Fatalf("%d are left, want all %d: none is in the archive", n, each)
	}
	if text := log.String(); !strings.Contains(text, "the archive can't be written") || !strings.Contains(text, "not a directory") {
		t.Errorf("the log says %s", text)
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "all are forgotten", func() bool { s.node.Advance(); return stored() == 0 })
	p, err := places.Open(t.Context(), place, places.Archive, places.Options{}, PlaceClock(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got := readArchiveOf(t, p, archive.Query{}); len(got) != each {
		t.Errorf("%d are in the archive, want %d", len(got), each)
	}
	waitUntil(t, "nothing is late, and nothing fails", func() bool { // the pass ends after the shards have gone on
		return lag() == 0 && reading("heddle_archive_failing_seconds") == 0
	})
	// Both are told once, however often it failed meanwhile, to those who want all there is.
	for _, file := range []string{told, told + "-archive"} {
		var mine []string
		waitUntil(t, "events in "+file, func() bool {
			mine = nil
			text, _ := os.ReadFile(file)
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, `"source":"heddle.archive"`) {
					mine = append(mine, line)
				}
			}
			return len(mine) >= 2
		})
		since := fmt.Sprintf(`"failingSince":%d,"error":`, used.Archive.Since)
		if len(mine) != 2 || !strings.Contains(mine[0], `"detail-type":"Heddle Archive Failing"`) || !strings.Contains(mine[0], since+`"`) || !strings.Contains(mine[0], "not a directory") ||
			!strings.Contains(mine[1], `"detail-type":"Heddle Archive Written Again"`) || !strings.Contains(mine[1], since+"null}") {
			t.Errorf("%s has %s", file, mine)
		}
	}
	if text, _ := os.ReadFile(told + "-usual"); strings.Contains(string(text), "heddle.archive") {
		t.Errorf("who wants what services tell by themselves gets %s", text)
	}
}

// written is a log that may be read while it is written.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
