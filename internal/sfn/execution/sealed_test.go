package execution

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/test/golden"
)

// toyKeys are the keys of machines and activities, as executions see them: each data key
// seals so many payloads, and then there is another.
type toyKeys struct {
	t       testing.TB
	sealed  int
	refused map[string]error // by ARN of what is sealed
	asked   map[KeyUse]bool  // of a command
	broken  bool             // they open nothing
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
	if err != nil || string(blob) != k.blob || k.keys != nil && k.keys.broken {
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
			s := &story{harness: newHarness(t, DefaultLimits()), machines: map[string]string{}, labels: map[string]*toldRun{}}
			s.key.Key, s.key.ReuseSeconds = "alias/mine", 300
			got := golden.Blocks(text, s.tell)
			if strings.HasSuffix(file, "notifications.txt") { // which leave out what is sealed
				if strings.Contains(got, `"included":true`) {
					t.Error("a notification tells what is sealed")
				}
				got = text
			}
			if got != text {
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

// TestWhatAKeyManagementServiceSaysIsOnlyWords, whatever it says: it can't pass for something
// that is sealed, nor be too much for the history.
func TestWhatAKeyManagementServiceSaysIsOnlyWords(t *testing.T) {
	for name, c := range map[string]struct{ said, want string }{
		"what looks sealed":     {sealedMark + "nonsense", "nonsense"},
		"nothing but the mark":  {sealedMark + sealedMark, ""},
		"more than causes hold": {strings.Repeat("x", engine.TurnBytesMax), strings.Repeat("x", causeMax)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, DefaultLimits())
			h.key.Key, h.key.ReuseSeconds = "alias/mine", 300
			r := h.begin("m", "e", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}`, `{}`, nil)
			h.keys.refused[r.state.(*State).of] = &KeyError{Code: "KmsAccessDeniedException", Message: c.said}
			h.tick()
			last := r.events[len(r.events)-1]
			if body := last.Body.(*Body); body.Type != ExecutionFailed || body.Cause.Text() != c.want {
				t.Errorf("the last event is %.200s", last.Public)
			}
			h.view(&last)
			h.verify(r)
		})
	}
}

// TestWhatLooksSealedIsSealedAndShownAsItWasSaid: who says of a failure what begins as
// something that is sealed does, or something that was sealed before, gets it back as it is.
func TestWhatLooksSealedIsSealedAndShownAsItWasSaid(t *testing.T) {
	const activity = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","Catch":[{"ErrorEquals":["caught"],"Next":"W"}],"End":true},"W":{"Type":"Wait","Seconds":9,"End":true}}}`
	secret := Seal(&toyKey{&toyKeys{t: t}, "alias/mine of arn:aws:states:us-east-1:123456789012:stateMachine:m, the 0.", ""}, "nobody may read this")
	for _, said := range []string{sealedMark, sealedMark + "nonsense", secret} {
		for _, key := range []string{"", "alias/mine"} {
			h := newHarness(t, DefaultLimits())
			h.key.Key, h.key.ReuseSeconds = key, 300
			for name, body := range map[string]any{"stopped": &Stop{Error: &said, Cause: &said}, "failed": &Fail{Error: &said, Cause: &said}, "caught": &Fail{Error: text("caught"), Cause: &said}} {
				r := h.begin("m", name, activity, `{}`, func(s *Start) { s.Activities = []Activity{{ARN: "arn:aws:states:us-east-1:123456789012:activity:a"}} })
				if f, ok := body.(*Fail); ok {
					f.Ref = Ref{ScheduledEventID: r.record.Offers[0].ID}
				}
				if _, err := h.do(r, body); err != nil {
					t.Fatal(err)
				}
				h.settle()
				h.restart(true)
				if name == "caught" {
					h.tick()
				}
				h.verify(r)
				if key != "" {
					mustHide(t, r, nil)
				}
				reply, err := h.do(r, &Describe{})
				if err != nil {
					t.Fatal(err)
				}
				d := reply.(*Description)
				shown := []*string{d.Error, d.Cause}
				if name == "caught" {
					want, _ := json.Marshal(map[string]string{"Error": "caught", "Cause": said})
					if got, err := h.shown(d.Output); err != nil || !equalJSON(got, string(want)) {
						t.Errorf("%q with key %q, caught: %s, %v", said, key, got, err)
					}
					shown = nil
				}
				for _, words := range shown {
					if got, err := h.shown(*words); err != nil || got != said {
						t.Errorf("%q with key %q, %s: shown as %q, %v", said, key, name, got, err)
					}
				}
			}
		}
	}
}

// shown is a text as who shows it gives it.
func (h *harness) shown(stored string) (string, error) {
	if h.key.Key == "" || !Sealed(stored) {
		return stored, nil
	}
	return h.reveal(stored)
}

func equalJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// TestADataKeyThatOpensNothingIsARefusal, whatever it should open: who calls is told, and
// else the execution fails, until it is the right one again.
func TestADataKeyThatOpensNothingIsARefusal(t *testing.T) {
	for _, cached := range []bool{true, false} { // the compiled machine
		h := newHarness(t, DefaultLimits())
		h.key.Key, h.key.ReuseSeconds = "alias/mine", 300
		r := h.begin("m", "e", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}`, `{"a":1}`, nil)
		h.restart(true)
		if !cached {
			h.rules = New(DefaultLimits(), asl.NewCache(1<<20))
		}
		h.keys.broken = true
		if _, err := h.tryBegin("m", "other", `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, `{}`, nil); err == nil {
			t.Error("one starts whose definition can't be read")
		}
		if _, err := h.do(r, &Stop{}); err == nil {
			t.Error("it is stopped")
		}
		h.tick()
		if st := r.state.(*State); st.status != Failed {
			t.Errorf("it is %s", st.status)
		}
		h.keys.broken = false
		if _, err := h.do(r, &Redrive{}); err != nil {
			t.Error(err)
		}
		h.tick()
		if st := r.state.(*State); st.status != Succeeded {
			t.Errorf("it is %s", st.status)
		}
		h.verify(r)
	}
}

// TestNeededDataKeysAreRemembered: an execution that meets ever new data keys forgets those that nothing is sealed under
// any more, and can still open what it has from the first of them on.
func TestNeededDataKeysAreRemembered(t *testing.T) {
	h := newHarness(t, DefaultLimits())
	h.key.Key, h.key.ReuseSeconds = "alias/mine", 300
	r := h.begin("m", "e", `{"QueryLanguage":"JSONata","StartAt":"First","States":{
		"First":{"Type":"Pass","Assign":{"n":0,"first":"{% $states.input.first %}"},"Next":"Loop"},
		"Loop":{"Type":"Wait","Seconds":1,"Assign":{"n":"{% $n + 1 %}"},"Next":"More"},
		"More":{"Type":"Choice","Choices":[{"Condition":"{% $n < 100 %}","Next":"Loop"}],"Default":"End"},
		"End":{"Type":"Succeed","Output":"{% $first %}"}}}`, `{"first":"of all"}`, nil)
	most := 0
	for h.tick() {
		most = max(most, len(r.state.(*State).dataKeys))
		h.restart(true) // so that what it has must be opened
	}
	st := r.state.(*State)
	if st.status != Succeeded {
		t.Errorf("it is %s", st.status)
	}
	if output, err := h.reveal(st.output.sealed); err != nil || output != `"of all"` {
		t.Errorf("its output is %s, %v", output, err)
	}
	if used := h.keys.sealed / 7; used < dataKeysMin+4 || most > dataKeysMin {
		t.Errorf("of %d data keys it remembered %d", used, most)
	}
	h.verify(r)
}
