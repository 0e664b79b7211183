package flow

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

func TestGCMReplacesKeys(t *testing.T) {
	old, new := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 16)
	before, err := NewGCM("old", map[string][]byte{"old": old})
	if err != nil {
		t.Fatal(err)
	}
	both, err := NewGCM("new", map[string][]byte{"old": old, "new": new})
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := before.Seal(t.Context(), `{"card":"4111"}`)
	again, _ := before.Seal(t.Context(), `{"card":"4111"}`)
	if sealed == again || strings.Contains(sealed, "4111") || !strings.HasPrefix(sealed, "flow+gcm:old:") {
		t.Fatalf("sealed as %s and %s", sealed, again)
	}
	if clear, err := both.Open(t.Context(), sealed); err != nil || clear != `{"card":"4111"}` {
		t.Fatalf("got %q, %v", clear, err)
	}
	later, _ := both.Seal(t.Context(), "x")
	if _, err := before.Open(t.Context(), later); err == nil || !strings.Contains(err.Error(), `key "new"`) {
		t.Errorf("opened under a key it lacks: %v", err)
	}
	if clear, err := both.Open(t.Context(), `{"plain":1}`); err != nil || clear != `{"plain":1}` {
		t.Errorf("text without a mark became %q, %v", clear, err)
	}
	renamed := strings.Replace(sealed, ":old:", ":new:", 1)
	flipped := sealed[:40] + string(sealed[40]^1) + sealed[41:]
	for _, bad := range []string{renamed, flipped, sealed[:30], "flow+gcm:", "flow+gcm:old:", "flow+gcm:old:!"} {
		if clear, err := both.Open(t.Context(), bad); err == nil {
			t.Errorf("%s was opened as %q", bad, clear)
		}
	}
}

func TestGCMRefusesKeys(t *testing.T) {
	key := make([]byte, 32)
	for name, keys := range map[string]map[string][]byte{
		"a": {}, "b": {"a": key}, "c": {"c": key[:5]}, "d:e": {"d:e": key}, "": {"": key},
	} {
		if _, err := NewGCM(name, keys); err == nil {
			t.Errorf("NewGCM(%q) took keys %v", name, keys)
		}
	}
}

// What a client sends must be what it reads, and nothing of it may stand where others read.
func TestSealedPayloadsGoThroughAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	crypt, err := NewGCM("k", map[string][]byte{"k": make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	p := payloads{codec: jsonCodec{}, crypt: crypt, blobs: Folder(dir)}
	long := strings.Repeat("planted-ß ", 40_000)
	for _, clear := range []string{"", "planted", strings.Repeat("a", 24_000), strings.Repeat("a", MaxPayload), long} {
		sent, err := p.seal(t.Context(), clear)
		if err != nil {
			t.Fatal(err)
		}
		if len(sent) > MaxPayload || strings.Contains(sent, "planted") {
			t.Errorf("%d bytes went out as %.80s", len(clear), sent)
		}
		if claimed := strings.HasPrefix(sent, claimMark); claimed != (len(clear) > 24_500) {
			t.Errorf("%d bytes went out as %.80s", len(clear), sent)
		}
		if got, err := p.open(t.Context(), sent); err != nil || got != clear {
			t.Errorf("%d bytes came back as %d, %v", len(clear), len(got), err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	if len(files) != 2 {
		t.Fatalf("the folder has %v, want two blobs and nothing else", files)
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err != nil || bytes.Contains(text, []byte("planted")) {
			t.Errorf("%s is readable: %v", f, err)
		}
		if err := os.WriteFile(f, []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := filepath.Base(files[0])
	if _, err := p.open(t.Context(), claimMark+key+" 5"); err == nil || !strings.Contains(err.Error(), "other content") {
		t.Errorf("a changed blob was read: %v", err)
	}
	for _, key := range []string{"../../etc/passwd", "", strings.Repeat("0", 64)} {
		if _, err := Folder(dir).Get(t.Context(), key); err == nil {
			t.Errorf("the folder has a blob %q", key)
		}
	}
}

// What a panic says may be of a payload: where those are sealed, the log has its place without it.
func TestPanicsInTheLog(t *testing.T) {
	crypt, err := NewGCM("k", map[string][]byte{"k": make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	s := newTeller("breaks", "1")
	defer func() { s.c.run.End() }()
	s.task("", false, func() {})
	s.add(types.HistoryEvent{ActivityTaskCompletedEventAttributes: &types.ActivityTaskCompletedEventAttributes{ScheduledEventId: s.ids["Work-1"], Result: text("7")}}, types.EventTypeActivityTaskCompleted)
	started := s.add(types.HistoryEvent{DecisionTaskStartedEventAttributes: &types.DecisionTaskStartedEventAttributes{}}, types.EventTypeDecisionTaskStarted)
	why := s.c.run.Advance(s.events[s.prev:], started)
	if why == nil || !strings.Contains(why.Error(), "a bug") {
		t.Fatalf("the code ended with %v, want its panic", why)
	}
	for _, sealed := range []bool{false, true} {
		var logged bytes.Buffer
		c := &Client{}
		if sealed {
			c.Crypt = crypt
		}
		w := NewWorker(c, WorkerConfig{TaskList: "list", Log: slog.New(slog.NewTextHandler(&logged, nil))})
		w.park(t.Context(), RunInfo{}, why, s.events)
		if text := logged.String(); strings.Contains(text, "a bug") == sealed || !strings.Contains(text, "stories_test.go") {
			t.Errorf("sealed %v: the log has %s", sealed, text)
		}
	}
}
