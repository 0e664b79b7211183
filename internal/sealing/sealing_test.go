package sealing

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/internal/audit"
	"heddle/internal/rootkey"
	"heddle/internal/store"
	"heddle/internal/store/pebblestore"
)

// folder is a data folder of which calls are recorded.
func folder(t *testing.T) Config {
	return Config{Data: t.TempDir(), Trail: true, Log: slog.New(slog.DiscardHandler)}
}

// life is one life of a server on a data folder.
type life struct {
	Protection
	t      *testing.T
	cfg    Config
	shards uint16
	trail  *audit.Trail // nil: nothing is recorded
}

func begin(t *testing.T, cfg Config) *life {
	t.Helper()
	l, err := tryToBegin(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func tryToBegin(t *testing.T, cfg Config) (*life, error) {
	t.Helper()
	s, err := OpenStore(cfg.Data, pebblestore.Options{Shards: 4, Logger: cfg.Log})
	if err != nil {
		return nil, err
	}
	l := &life{t: t, cfg: cfg, shards: s.Shards()}
	if l.Protection, err = Open(t.Context(), cfg, s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if cfg.Trail {
		l.trail, err = audit.Start(audit.Config{Within: context.WithTimeout,
			Files: audit.Files{Dir: TrailDir(cfg.Data), Key: l.TrailKey, BytesMax: 1 << 20, AgeMax: time.Hour, Keep: 10},
			Now:   time.Now, Random: func() [16]byte { return [16]byte{1} }, Log: cfg.Log,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return l, nil
}

func (l *life) end() {
	l.t.Helper()
	var err error
	if l.trail != nil {
		err = l.trail.Stop(l.t.Context())
	}
	if err = errors.Join(err, l.Store.Close()); err != nil {
		l.t.Fatal(err)
	}
}

// record records a call of an action.
func (l *life) record(action string) {
	l.trail.Record(&audit.Call{Time: time.Now(), Service: "swf", Action: action})
}

// plant writes values that begin with planted, some into each space.
func (l *life) plant() {
	l.t.Helper()
	if err := l.Store.Meta().CompareAndSet(l.t.Context(), "meta", nil, []byte("planted in meta")); err != nil {
		l.t.Fatal(err)
	}
	for shard := range l.shards {
		h, err := l.Store.Acquire(l.t.Context(), shard)
		if err != nil {
			l.t.Fatal(err)
		}
		section := store.Section{Shard: shard, Epoch: h.Epoch(), Seq: h.Seq() + 1}
		for i := range 3 {
			name := fmt.Sprintf("%d-%d", shard, i)
			section.Ops = append(section.Ops,
				store.Op{Space: store.ShardSpace, Key: []byte("row " + name), Value: []byte("planted as " + name)},
				store.Op{Space: store.IndexSpace, Key: []byte("entry " + name), Value: []byte("planted entry " + name)})
		}
		if err := l.Store.Commit(l.t.Context(), []store.Section{section})[0]; err != nil {
			l.t.Fatal(err)
		}
	}
}

// stopped is a stopped data folder with planted values and a trail of one record.
func stopped(t *testing.T, cfg Config) {
	t.Helper()
	l := begin(t, cfg)
	l.plant()
	l.record("StartWorkflowExecution")
	l.end()
}

// contents are all values of a stopped store.
func contents(t *testing.T, cfg Config) string {
	t.Helper()
	s, err := OpenReadOnly(t.Context(), cfg.Data, "", cfg.RootKeys, cfg.Log)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	show := func(key, value []byte) bool {
		fmt.Fprintf(&all, "%s: %s\n", key, value)
		return true
	}
	meta, err := s.Meta().Get(t.Context(), "meta")
	show([]byte("meta"), meta)
	for shard := range s.Shards {
		err = errors.Join(err, s.Scan(t.Context(), shard, store.Range{}, show))
	}
	if err = errors.Join(err, s.ScanIndex(t.Context(), store.Range{}, show), s.Close()); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// lies tells whether a text lies anywhere in the files of a data folder.
func lies(t *testing.T, data, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// readTrail reads the trail of a data folder, and wants nothing wrong with it.
func readTrail(t *testing.T, cfg Config) string {
	t.Helper()
	key, err := ReadTrailKey(t.Context(), cfg.Data, cfg.RootKeys, cfg.Log)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r := audit.Reader{Dir: TrailDir(cfg.Data), Key: key, Wrong: func(err error) { t.Error(err) }}
	if err := r.Read(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// trailFiles are the files of a trail with one of the suffixes.
func trailFiles(t *testing.T, data, suffix string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(TrailDir(data), "audit-*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func newRootKeys(t *testing.T) (text string, keys *rootkey.Keys) {
	t.Helper()
	text, err := rootkey.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err = rootkey.Parse(text); err != nil {
		t.Fatal(err)
	}
	return text, keys
}

func writeRootKeys(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestWhetherAFolderIsSealed is decided by its first start.
func TestWhetherAFolderIsSealed(t *testing.T) {
	for _, off := range []bool{false, true} {
		cfg := folder(t)
		cfg.Off = off
		stopped(t, cfg)
		if got := lies(t, cfg.Data, "planted"); got != off {
			t.Errorf("off %v: values lie in the clear: %v", off, got)
		}
		if got := lies(t, cfg.Data, "StartWorkflowExecution"); got != off {
			t.Errorf("off %v: the trail lies in the clear: %v", off, got)
		}
		if exists(RootKeyFile(cfg.Data)) == off || exists(trailKeyFile(TrailDir(cfg.Data))) == off {
			t.Errorf("off %v: there are keys: %v", off, !off)
		}
		other := cfg
		other.Off = !off
		if _, err := tryToBegin(t, other); err == nil || !strings.Contains(err.Error(), `open store "`+StoreDir(cfg.Data)+`": it is `) || !strings.Contains(err.Error(), "--sealing off") {
			t.Errorf("off %v, then the other: %v", off, err)
		}
		if got := strings.Count(contents(t, cfg), "planted"); got != 1+4*3*2 {
			t.Errorf("off %v: %d values", off, got)
		}
		if got := readTrail(t, cfg); strings.Count(got, "StartWorkflowExecution") != 1 {
			t.Errorf("off %v: the trail is %s", off, got)
		}
	}
}

// TestPlacesOfRootKeys: they are in one place, where they can be read.
func TestPlacesOfRootKeys(t *testing.T) {
	text, _ := newRootKeys(t)
	kms := rootkey.KMS{KeyIDs: []string{"id"}, Endpoint: "https://kms.example", Region: "eu-west-1", Access: rootkey.AccessKey{ID: "id", Secret: "secret"}}
	for _, c := range []struct {
		keys RootKeys
		want string // empty: they are good
	}{
		{RootKeys{}, ""},
		{RootKeys{File: "nowhere"}, ""},
		{RootKeys{Text: text}, ""},
		{RootKeys{KMS: kms}, ""},
		{RootKeys{Text: "no key"}, "read root key from the environment: line 1"},
		{RootKeys{File: "file", Text: text}, "more than one place"},
		{RootKeys{Text: text, KMS: kms}, "more than one place"},
		{RootKeys{KMS: rootkey.KMS{KeyIDs: kms.KeyIDs}}, "without an endpoint"},
		{RootKeys{KMS: rootkey.KMS{Endpoint: kms.Endpoint}}, "without a key id"},
	} {
		if err := c.keys.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.keys, err, c.want)
		}
	}
}

// TestRekeyKeepsAllRows seals a folder that lay in the clear, then puts it under
// another root key, and back into the clear.
func TestRekeyKeepsAllRows(t *testing.T) {
	cfg := folder(t)
	cfg.Off = true
	stopped(t, cfg)
	rows, trail := contents(t, cfg), readTrail(t, cfg)
	other := RootKeys{File: filepath.Join(t.TempDir(), "other.key")}
	for _, step := range []struct {
		name string
		how  RekeyConfig
		then RootKeys
	}{
		{"sealed", RekeyConfig{}, RootKeys{}},
		{"under another root key", RekeyConfig{Keys: other, Old: RootKeys{File: RootKeyFile(cfg.Data)}}, other},
		{"in the clear", RekeyConfig{Keys: other, Off: true}, other},
	} {
		step.how.Data, step.how.Log = cfg.Data, cfg.Log
		if n, err := Rekey(t.Context(), step.how); err != nil || n < 1+4*3*2 {
			t.Fatalf("%s: %d rows, %v", step.name, n, err)
		}
		cfg.RootKeys = step.then
		if got := contents(t, cfg); got != rows {
			t.Errorf("%s: the store holds\n%s\nwant\n%s", step.name, got, rows)
		}
		if got := readTrail(t, cfg); got != trail {
			t.Errorf("%s: read\n%s\nwant\n%s", step.name, got, trail)
		}
		for _, text := range []string{"planted", "StartWorkflowExecution"} {
			if lies(t, cfg.Data, text) != step.how.Off {
				t.Errorf("%s: %s lies in the clear: %v", step.name, text, !step.how.Off)
			}
		}
		wantNothingLeft(t, cfg.Data)
	}
}

// TestRekeyCancelled leaves the folder alone.
func TestRekeyCancelled(t *testing.T) {
	cfg := folder(t)
	stopped(t, cfg)
	rows := contents(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Rekey(ctx, RekeyConfig{Data: cfg.Data, Log: cfg.Log}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	wantNothingLeft(t, cfg.Data)
	if got := contents(t, cfg); got != rows {
		t.Errorf("the store holds\n%s\nwant\n%s", got, rows)
	}
}
