package sealing

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func wantNothingLeft(t *testing.T, data string) {
	t.Helper()
	for _, path := range []string{
		filepath.Join(data, rekeyedName), filepath.Join(data, replacedName),
		filepath.Join(TrailDir(data), rekeyedTrailName), filepath.Join(TrailDir(data), movedTrailName),
	} {
		if exists(path) {
			t.Errorf("left behind: %s", path)
		}
	}
}

// TestReplaceTrailCutOff stands after each step of putting a rekeyed trail in
// place.
func TestReplaceTrailCutOff(t *testing.T) {
	cfg := folder(t)
	stopped(t, cfg)
	trail := readTrail(t, cfg)
	dir := TrailDir(cfg.Data)
	rekeyed, moved := filepath.Join(dir, rekeyedTrailName), filepath.Join(dir, movedTrailName)
	for _, off := range []bool{false, true, true, false} {
		for step := range 6 {
			rekeying := RekeyConfig{Data: cfg.Data, Off: off, Log: cfg.Log}
			if err := rewriteTrail(t.Context(), rekeying); err != nil {
				t.Fatal(err)
			}
			if step == 0 { // not to be put in place
				if err := removeRekeyed(cfg.Data); err != nil {
					t.Fatal(err)
				}
			}
			if step >= 2 { // files of the other sort are gone
				for _, file := range trailFiles(t, cfg.Data, "") {
					if strings.HasSuffix(file, ".sealed") == off {
						if err := os.Remove(file); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if step >= 3 { // the new files are there
				files, err := filepath.Glob(filepath.Join(rekeyed, "audit-*"))
				if err != nil || len(files) != 3 {
					t.Fatal(files, err)
				}
				for _, file := range files {
					move(t, file, filepath.Join(dir, filepath.Base(file)))
				}
			}
			if step >= 4 { // and the key
				key, err := os.ReadFile(trailKeyFile(rekeyed))
				if err == nil {
					err = os.WriteFile(trailKeyFile(dir), key, 0o600)
				} else {
					_ = os.Remove(trailKeyFile(dir))
					err = nil
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if step >= 5 { // what is left is of no use
				move(t, rekeyed, moved)
				_ = os.Remove(trailKeyFile(moved))
			}
			if err := replaceTrail(dir); err != nil {
				t.Fatal(err)
			}
			if got := readTrail(t, cfg); got != trail {
				t.Fatalf("off %v, step %d: read\n%s\nwant\n%s", off, step, got, trail)
			}
			if step > 0 && exists(trailKeyFile(dir)) == off || len(trailFiles(t, cfg.Data, "")) != 3 {
				t.Fatalf("off %v, step %d: there is %v", off, step, trailFiles(t, cfg.Data, ""))
			}
			wantNothingLeft(t, cfg.Data)
		}
	}
}

// TestRekeyCutOffBeforeTheTrail: a rewritten trail counts if, and only if, the
// store that was rewritten with it does.
func TestRekeyCutOffBeforeTheTrail(t *testing.T) {
	cfg := folder(t)
	stopped(t, cfg)
	trail := readTrail(t, cfg)
	key := trailKeyFile(TrailDir(cfg.Data))
	rekeying := RekeyConfig{Data: cfg.Data, Log: cfg.Log}
	for name, open := range map[string]func(){
		"server": func() { begin(t, cfg).end() },
		"rekey": func() {
			if _, err := Rekey(t.Context(), rekeying); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, counts := range []bool{false, true} {
			before, err := os.ReadFile(key)
			if err != nil {
				t.Fatal(err)
			}
			if err := rewriteTrail(t.Context(), rekeying); err != nil {
				t.Fatal(err)
			}
			if counts {
				if err := os.Mkdir(filepath.Join(cfg.Data, replacedName), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			open()
			after, err := os.ReadFile(key)
			if err != nil || bytes.Equal(before, after) != (!counts && name == "server") {
				t.Errorf("%s, %v: the key is the one of before: %v, %v", name, counts, bytes.Equal(before, after), err)
			}
			if got := readTrail(t, cfg); got != trail {
				t.Errorf("%s, %v: read\n%s\nwant\n%s", name, counts, got, trail)
			}
			wantNothingLeft(t, cfg.Data)
		}
	}
}

// TestRekeyedTrailIsTriedAgain: while the rekeyed trail can't be put in place, the
// old store stays, since it says that the trail is to follow.
func TestRekeyedTrailIsTriedAgain(t *testing.T) {
	cfg := folder(t)
	stopped(t, cfg)
	trail := readTrail(t, cfg)
	moved := cfg
	moved.RootKeys.File = filepath.Join(t.TempDir(), "new.key")
	if err := rewriteTrail(t.Context(), RekeyConfig{Data: cfg.Data, Keys: moved.RootKeys, Old: RootKeys{File: RootKeyFile(cfg.Data)}, Log: cfg.Log}); err != nil {
		t.Fatal(err)
	}
	key := trailKeyFile(filepath.Join(TrailDir(cfg.Data), rekeyedTrailName))
	if err := errors.Join(os.Mkdir(filepath.Join(cfg.Data, replacedName), 0o700), os.Rename(key, key+".away"), os.Mkdir(key, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := tidyRekey(cfg.Data); err == nil {
		t.Fatal("a folder was taken for the key of the trail")
	}
	if err := errors.Join(os.Remove(key), os.Rename(key+".away", key), tidyRekey(cfg.Data)); err != nil {
		t.Fatal(err)
	}
	if got := readTrail(t, moved); got != trail {
		t.Errorf("read\n%s\nwant\n%s", got, trail)
	}
	wantNothingLeft(t, cfg.Data)
}
