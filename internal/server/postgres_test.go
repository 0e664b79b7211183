package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/blob/dir"
	"heddle/internal/sealing"
	"heddle/internal/store/pgstore/pgtest"
)

// TestPostgres: a server on PostgreSQL keeps what it was told over a restart, its store is
// checked while it runs, and its data folder and its database belong together.
func TestPostgres(t *testing.T) {
	database := pgtest.New(t)
	log := slog.New(slog.DiscardHandler)
	cfg := Config{Listen: "127.0.0.1:0", Store: StorePostgres, Postgres: database.DSN(), Data: t.TempDir(), Auth: AuthNone}
	refused := func(cfg Config, want string) {
		t.Helper()
		s, err := Start(t.Context(), cfg)
		if err == nil {
			closeServer(t, s)
			t.Errorf("it started, and should have refused: %s", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q in it", err, want)
		}
	}
	without := cfg
	without.Postgres = ""
	refused(without, "--postgres")
	without = cfg
	without.Store = StorePebble
	refused(without, "--postgres")

	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	offline, err := OpenOfflinePostgres(t.Context(), cfg.Data, cfg.Postgres, sealing.RootKeys{}, log)
	if err != nil {
		t.Fatal(err)
	}
	found, err := offline.Check(t.Context())
	if err != nil || found.Open < 2 || len(found.Wrong) > 0 {
		t.Errorf("check: %+v, %v", found, err)
	}
	if err := offline.Close(); err != nil {
		t.Error(err)
	}
	text, err := database.SQL("select string_agg(value::text, '') from heddle.rows")
	if err != nil || strings.Contains(text, hexOf("order")) {
		t.Errorf("values lie in the clear: %v", err)
	}
	closeServer(t, s)

	file := t.TempDir() + "/dsn"
	if err := os.WriteFile(file, []byte(cfg.Postgres+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Postgres = "@" + file
	again, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if task := mustCall(t, again, "PollForDecisionTask", pollDeciders); task.TaskToken == "" {
		t.Errorf("after a restart: %+v", task)
	}
	closeServer(t, again)

	// Neither folder nor database is taken for another one.
	plain := cfg
	plain.Store, plain.Postgres = StorePebble, ""
	refused(plain, "its store is in PostgreSQL")
	embedded := cfg
	embedded.Data = t.TempDir()
	plain.Data = embedded.Data
	if s, err = Start(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	refused(embedded, "heddle copy")
	if _, err := database.SQL("create database other"); err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Data, other.Postgres = t.TempDir(), database.DSNOf("other")
	if s, err = Start(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	other.Data = cfg.Data
	refused(other, "another Heddle's database")
}

// TestBlobsMoveToPostgres: those that a data folder has from before are in the database after a start,
// and so are those that come; the check of a running server finds them.
func TestBlobsMoveToPostgres(t *testing.T) {
	database := pgtest.New(t)
	cfg := Config{Listen: "127.0.0.1:0", Store: StorePostgres, Postgres: database.DSN(), Data: t.TempDir(), Auth: AuthNone}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := s.blobs.Put(t.Context(), strings.NewReader("put to the database"))
	if err != nil {
		t.Fatal(err)
	}
	var k blobKeys
	if k.id, err = readKey(t.Context(), s.store.Meta(), blobIDKeyName); err != nil {
		t.Fatal(err)
	}
	if k.data, err = readKey(t.Context(), s.store.Meta(), blobDataKeyName); err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	folder, err := dir.Open(dir.Options{Dir: k.folder(cfg.Data)})
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("put to the folder, ", 100_000)
	before := blob.New(blob.Options{Shelf: blob.Seal(folder, k.data), Key: k.id, Now: time.Now})
	old, err := before.Put(t.Context(), strings.NewReader(large))
	if err = errors.Join(err, folder.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	for id, want := range map[blob.ID]string{ref.ID: "put to the database", old.ID: large} {
		if got, err := s.blobs.Read(t.Context(), id); err != nil || string(got) != want {
			t.Errorf("blob %s: %d bytes, %v", id, len(got), err)
		}
	}
	if _, err := os.Stat(k.folder(cfg.Data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	offline, err := OpenOfflinePostgres(t.Context(), cfg.Data, cfg.Postgres, sealing.RootKeys{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	found, err := offline.CheckBlobs(t.Context(), Blobs{}, true, func(err error) { t.Error(err) })
	if err = errors.Join(err, offline.Close()); err != nil || found.Blobs != 2 {
		t.Errorf("check: %+v, %v", found, err)
	}
}

func hexOf(text string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(text) {
		b.WriteByte(digits[text[i]>>4])
		b.WriteByte(digits[text[i]&15])
	}
	return b.String()
}

// TestCopyToPostgres: what a folder had is in the database, and only once that is whole can
// it be served from; from then on the folder belongs to it.
func TestCopyToPostgres(t *testing.T) {
	database := pgtest.New(t)
	log := slog.New(slog.DiscardHandler)
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	started := mustCall(t, s, "StartWorkflowExecution", startOrder).RunID
	copied := func() (int, error) {
		return CopyToPostgres(t.Context(), cfg.Data, "", database.DSN(), sealing.RootKeys{}, log)
	}
	if _, err := copied(); err == nil {
		t.Error("the store of a running server was copied")
	}
	closeServer(t, s)
	before := contentOf(t, sealing.StoreDir(cfg.Data))

	rows, err := copied()
	if err != nil || rows < 5 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	for path, content := range contentOf(t, sealing.StoreDir(cfg.Data)) {
		if before[path] != content && !strings.HasSuffix(path, "/LOCK") && path != sealing.StoreDir(cfg.Data) {
			t.Errorf("file %q of the store was changed", path)
		}
	}
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "its store is in PostgreSQL") {
		t.Errorf("the folder's own store was started: %v", err)
	}
	if _, err := copied(); err == nil {
		t.Error("it was copied twice")
	}
	cfg.Store, cfg.Postgres = StorePostgres, database.DSN()
	moved, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if a := call(t.Context(), moved, "PollForDecisionTask", pollDeciders); !strings.Contains(a.body, started) {
		t.Errorf("the task is %+v, want one of %s", a, started)
	}
	closeServer(t, moved)
}

// TestLostDatabase: a server whose database another one has taken ends.
func TestLostDatabase(t *testing.T) {
	database := pgtest.New(t)
	var codes atomic.Int64
	ended := make(chan struct{})
	cfg := Config{Listen: "127.0.0.1:0", Store: StorePostgres, Postgres: database.DSN(), Data: t.TempDir(), Auth: AuthNone}
	cfg.exit = func(code int) {
		codes.Add(int64(code))
		close(ended)
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	up := func(want int) {
		t.Helper()
		w, err := http.Get(s.URL() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		text, err := io.ReadAll(w.Body)
		if line := fmt.Sprintf("heddle_home_up{home=\"\"} %d\n", want); err != nil || !strings.Contains(string(text), line) {
			t.Errorf("its metrics don't have %s", line)
		}
	}
	up(1)
	if _, err := database.SQL("delete from heddle.members"); err != nil {
		t.Fatal(err)
	}
	<-ended
	up(0)
	if codes.Load() != 1 {
		t.Errorf("it ended with %d", codes.Load())
	}
	if a := call(t.Context(), s, "ListDomains", `{"registrationStatus":"REGISTERED"}`); a.status != 500 {
		t.Errorf("it answers still: %+v", a)
	}
	_ = s.Close(t.Context())
}
