package pebblestore

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/store"
	"heddle/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		options := Options{Dir: t.TempDir(), Shards: storetest.Shards, Logger: quiet(t)}
		s := mustOpen(t, options)
		return storetest.Backend{
			Store:  s,
			Reopen: func(t *testing.T) store.Store { return mustOpen(t, options) },
			// The files as they are, without a close: what kill -9 leaves.
			Crash: func(t *testing.T) store.Store {
				copied := options
				copied.Dir = t.TempDir()
				if _, err := vfs.Clone(vfs.Default, vfs.Default, options.Dir, copied.Dir); err != nil {
					t.Fatal(err)
				}
				return mustOpen(t, copied)
			},
		}
	})
}

// TestStorePowerCut runs the suite on files that lose in a crash whatever was
// not synced.
func TestStorePowerCut(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		disk := vfs.NewCrashableMem()
		options := Options{Dir: "/store", Shards: storetest.Shards, Logger: quiet(t), Files: disk}
		s := mustOpen(t, options)
		return storetest.Backend{
			Store:  s,
			Reopen: func(t *testing.T) store.Store { return mustOpen(t, options) },
			Crash: func(t *testing.T) store.Store {
				after := options
				after.Files = disk.CrashClone(vfs.CrashCloneCfg{})
				return mustOpen(t, after)
			},
		}
	})
}

func mustOpen(t testing.TB, options Options) *Store {
	t.Helper()
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A test may have closed it already.
		if err := s.Close(); err != nil && err != store.ErrClosed {
			t.Error(err)
		}
	})
	return s
}

// quiet fails the test on an error in the log.
func quiet(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelError}))
}

type complaints struct{ t testing.TB }

func (c complaints) Write(text []byte) (int, error) {
	c.t.Errorf("logged: %s", text)
	return len(text), nil
}
