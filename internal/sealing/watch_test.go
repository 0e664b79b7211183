package sealing

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// TestRootKeysAreTakenUp changes the file of the root keys step by step.
func TestRootKeysAreTakenUp(t *testing.T) {
	var logged bytes.Buffer
	cfg := folder(t)
	cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
	file := RootKeyFile(cfg.Data)
	oldText, _ := newRootKeys(t)
	writeRootKeys(t, file, oldText)
	l := begin(t, cfg)
	l.record("RegisterDomain")
	logged.Reset()
	step := func(text, want string) {
		t.Helper()
		if text != "" {
			writeRootKeys(t, file, text)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time there is nothing new to say
			l.Watch.Look(t.Context())
		}
		got := logged.String()
		logged.Reset()
		if lines := strings.Count(got, "\n"); (want == "") != (lines == 0) || lines > 1 || !strings.Contains(got, want) {
			t.Errorf("logged %q, want one line with %q", got, want)
		}
	}
	newText, keys := newRootKeys(t)
	step(oldText, "")
	step("not a key", "can't be taken up")
	step("", "no such file")
	step(newText+oldText, keys.Name())
	step(newText, "")
	l.plant()
	l.record("RegisterWorkflowType")
	l.end()

	old := cfg
	old.RootKeys.Text = oldText
	if _, err := tryToBegin(t, old); err == nil || !strings.Contains(err.Error(), keys.Name()) {
		t.Errorf("under the old root key: %v", err)
	}
	l = begin(t, cfg)
	l.record("ListDomains")
	l.end()
	if got := strings.Count(contents(t, cfg), "planted"); got != 1+4*3*2 {
		t.Errorf("%d values", got)
	}
	if got := strings.Count(readTrail(t, cfg), "\n"); got != 3 {
		t.Errorf("%d records of all root keys' time", got)
	}
}

// TestNothingToWatch: root keys that are in no file are not watched, nor are those
// of a folder that lies in the clear.
func TestNothingToWatch(t *testing.T) {
	text, _ := newRootKeys(t)
	for name, cfg := range map[string]Config{"environment": {RootKeys: RootKeys{Text: text}}, "in the clear": {Off: true}} {
		cfg.Data, cfg.Log = t.TempDir(), slog.New(slog.DiscardHandler)
		l := begin(t, cfg)
		if l.Watch != nil {
			t.Errorf("%s: a file is watched", name)
		}
		if l.TrailKey != nil {
			t.Errorf("%s: a key was made for a trail that nobody writes", name)
		}
		l.end()
	}
}
