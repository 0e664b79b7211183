package execution

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/test/golden"
)

// toyKeys are the keys of machines and activities, as executions see them: each data key
// seals so many payloads, and then there is another.
type toyKeys struct {
	t       testing.TB
	sealed  int
	refused map[string]error // by ARN of what is sealed
	asked   map[KeyUse]bool  // of a command
}

// want takes in what a command wants.
func (k *toyKeys) want(uses []engine.KeyUse) {
	k.asked = map[KeyUse]bool{}
	for _, use := range uses {
		k.asked[use.(KeyUse)] = true
	}
}

func (k *toyKeys) find(use engine.KeyUse) (engine.DataKey, error) {
	u := use.(KeyUse)
	if !k.asked[u] {
		k.t.Fatalf("a data key that was not wanted: %+v", u)
	}
	if err := k.refused[u.Of]; err != nil {
		return nil, err
	}
	blob := u.Wrapped
	if blob == "" {
		blob = fmt.Sprintf("%s of %s, the %d.", u.Key, u.Of, k.sealed/7)
	}
	return &toyKey{k, blob, u.Of}, nil
}

type toyKey struct {
	keys     *toyKeys
	blob, of string
}

func (k *toyKey) Seal(payload []byte) []byte {
	k.keys.sealed++
	return append(append(engine.SealedHead([]byte(k.blob)), byte(k.keys.sealed)), turned(payload)...)
}

func (k *toyKey) Open(sealed []byte) ([]byte, error) {
	blob, rest, err := engine.ReadSealedHead(sealed)
	if err != nil || string(blob) != k.blob {
		return nil, errors.New("another data key")
	}
	return turned(rest[1:]), nil
}

// turned makes a text unreadable, or readable again.
func turned(b []byte) []byte {
	b = bytes.Clone(b)
	for i := range b {
		b[i] ^= 0x55
	}
	return b
}

// reveal opens a stored text, as who shows it does.
func (h *harness) reveal(stored string) (string, error) {
	b, err := Unseal(stored)
	if err != nil {
		return "", err
	}
	blob, _, err := engine.ReadSealedHead(b)
	if err != nil {
		return "", err
	}
	return open(&toyKey{blob: string(blob)}, stored)
}

// view is an event as it is shown.
func (h *harness) view(e *engine.Event) []byte {
	h.t.Helper()
	if h.key.Key == "" {
		return e.Public
	}
	public, err := ViewHistory(e.Public, h.reveal)
	if err != nil {
		h.t.Fatal(err)
	}
	return public
}

// TestSealed plays all stories with a machine that has a key: what is shown is the same to
// the last byte, over restarts too, and nothing of it is stored.
func TestSealed(t *testing.T) {
	for file, text := range golden.Files(t, "testdata/*.txt") {
		t.Run(strings.TrimSuffix(file, ".txt"), func(t *testing.T) {
			t.Parallel()
			s := &story{harness: newHarness(t, DefaultLimits()), machines: map[string]string{}, labels: map[string]*toldRun{}}
			s.key.Key, s.key.ReuseSeconds = "alias/mine", 300
			if got := golden.Blocks(text, s.tell); got != text {
				at := 0
				for at < len(got) && at < len(text) && got[at] == text[at] {
					at++
				}
				t.Errorf("sealed, the story goes differently:\n%.600s\nwant\n%.600s", got[max(0, at-100):], text[max(0, at-100):])
			}
			for _, r := range s.order {
				mustHide(t, r, s.rules.EncodeState(r.state))
			}
		})
	}
}

// mustHide fails the test if what is stored of a run has anything that its events show as
// data.
func mustHide(t *testing.T, r *harnessRun, snapshot []byte) {
	t.Helper()
	stored := bytes.Clone(snapshot)
	for _, e := range r.events {
		stored = append(append(stored, e.Public...), e.Private...)
	}
	for _, n := range r.notes {
		stored = append(stored, n...)
	}
	for _, e := range r.events {
		hide := func(d *datum) {
			text := d.Text()
			if len(text) < 6 { // it may be anywhere
				return
			}
			for _, form := range []string{text, strings.ReplaceAll(text, `"`, `\"`)} {
				if bytes.Contains(stored, []byte(form)) {
					t.Errorf("%s stores %.80q, of event %d, a %s, in clear", r, form, e.ID, e.Body.(*Body).Type)
				}
			}
		}
		body := e.Body.(*Body)
		body.eachPayload(hide)
		if body.Type != ExecutionFailed || body.Error == nil || !strings.HasPrefix(body.Error.Text(), "Kms") { // which nothing could be sealed with
			body.eachWord(hide)
		}
	}
}
