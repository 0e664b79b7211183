package notify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func textOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFileSink: events are lines; what a kill has left of one is cut off.
func TestFileSink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "events.jsonl")
	open := func() *fileSink { return &fileSink{lines: lines{File: File{Path: path, Megabytes: 1, Files: 3}}} }
	send := func(s *fileSink, bodies ...string) {
		t.Helper()
		var events []event
		for _, b := range bodies {
			events = append(events, event{id: "id", body: []byte(b)})
		}
		if err := s.send(context.Background(), events); err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	send(s, "one", "two")
	send(s, "three")
	if got := textOf(t, path); got != "one\ntwo\nthree\n" {
		t.Errorf("got %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, torn := range []string{"fo", strings.Repeat("x", 200_000), ""} {
		if err := os.WriteFile(path, []byte("one\ntwo\n"+torn), 0o600); err != nil {
			t.Fatal(err)
		}
		s = open()
		send(s, "four")
		if got := textOf(t, path); got != "one\ntwo\nfour\n" {
			t.Errorf("after a torn line of %d bytes: %.100q", len(torn), got)
		}
	}
	if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	send(open(), "only")
	if got := textOf(t, path); got != "only\n" {
		t.Errorf("got %q", got)
	}
}

// TestFilesRotate: there are no more than so many, and no line is cut in two.
func TestFilesRotate(t *testing.T) {
	for files := 1; files <= 3; files++ {
		dir := t.TempDir()
		s := &lines{File: File{Path: filepath.Join(dir, "e"), Megabytes: 1, Files: files}}
		for i := range 8 {
			if err := s.write([]byte(fmt.Sprint(i) + strings.Repeat("x", 600_000) + "\n")); err != nil {
				t.Fatal(err)
			}
		}
		found, err := os.ReadDir(dir)
		if err != nil || len(found) != files {
			t.Errorf("%d files, %v: want %d", len(found), err, files)
		}
		for i, f := range found {
			if text := textOf(t, filepath.Join(dir, f.Name())); text[0] != byte('7'-i) || len(text) != 600_002 {
				t.Errorf("%s begins with %.1s and has %d bytes", f.Name(), text, len(text))
			}
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFileFails: what could not be written does not count, and is written when that is
// possible again.
func TestFileFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "e")
	s := &lines{File: File{Path: path, Megabytes: 1, Files: 2}}
	if err := s.write([]byte("one\n")); err != nil {
		t.Fatal(err)
	}
	if err := s.file.Close(); err != nil { // the disk is gone
		t.Fatal(err)
	}
	if err := s.write([]byte("two\n")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if err := s.write([]byte("two\n")); err != nil {
		t.Error(err)
	}
	if got := textOf(t, path); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
	blocked := &lines{File: File{Path: filepath.Join(path, "below", "e"), Megabytes: 1, Files: 2}}
	if err := blocked.write([]byte("x\n")); err == nil {
		t.Error("a file was made below a file")
	}
}
