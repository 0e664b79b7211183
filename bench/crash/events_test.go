package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const eventsSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// listeners are whom the server tells of its events: a file, a webhook that fails at random,
// to which all events go, and a webhook that nobody answers.
type listeners struct {
	config, file string
	hook         *httptest.Server
	verifies     *standardwebhooks.Webhook

	mu      sync.Mutex
	random  *rand.Rand
	heard   *heard
	posts   int
	failed  int
	healthy bool
	wrong   error
}

// told is an event as it was told.
type told struct {
	ID     string `json:"id"`
	Detail struct {
		EventID   int64  `json:"eventId"`
		EventType string `json:"eventType"`
		Execution struct {
			Info struct {
				Execution struct {
					Run string `json:"runId"`
				} `json:"execution"`
			} `json:"executionInfo"`
		} `json:"workflowExecutionDetail"`
	} `json:"detail"`
}

func newListeners(t *testing.T, random *rand.Rand) *listeners {
	dir := t.TempDir()
	l := &listeners{
		config: filepath.Join(dir, "events.json"), file: filepath.Join(dir, "told", "events.jsonl"),
		random: random, heard: newHeard(),
	}
	var err error
	if l.verifies, err = standardwebhooks.NewWebhook(eventsSecret); err != nil {
		t.Fatal(err)
	}
	l.hook = httptest.NewServer(l)
	t.Cleanup(l.hook.Close)
	nobody := httptest.NewServer(nil)
	nobody.Close()
	secret := filepath.Join(dir, "secret")
	config := fmt.Sprintf(`{"targets":[
		{"name":"file","file":{"path":%q}},
		{"name":"hook","types":"all","webhook":{"url":%q,"secrets":[%q],"events":20}},
		{"name":"dead","webhook":{"url":%q,"secrets":[%q]}}]}`, l.file, l.hook.URL, secret, nobody.URL, secret)
	if err := errors.Join(os.WriteFile(secret, []byte(eventsSecret), 0o600), os.WriteFile(l.config, []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	return l
}

// ServeHTTP takes a post, or fails: before it has read it, or after it has taken it.
func (l *listeners) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		return // the server was killed
	}
	l.posts++
	fails := 0
	if !l.healthy && l.random.IntN(4) == 0 {
		fails = 1 + l.random.IntN(4)
		l.failed++
	}
	switch fails {
	case 1:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case 2:
		panic(http.ErrAbortHandler)
	}
	if err := l.verifies.Verify(body, r.Header); err != nil {
		l.wrong = errors.Join(l.wrong, err)
	}
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil {
		l.wrong = errors.Join(l.wrong, err)
	}
	for _, e := range events {
		l.wrong = errors.Join(l.wrong, l.heard.hear(e))
	}
	switch fails {
	case 3:
		w.WriteHeader(http.StatusInternalServerError)
	case 4:
		panic(http.ErrAbortHandler)
	}
}

// heard is what a target was told, each event once.
type heard struct {
	bodies map[string]string           // by id
	runs   map[string]map[int64]string // types, by run and event
	last   map[string]int64            // of each run
	twice  int
}

func newHeard() *heard {
	return &heard{bodies: map[string]string{}, runs: map[string]map[int64]string{}, last: map[string]int64{}}
}

// hear holds that an event comes in order, or again as it was.
func (h *heard) hear(body []byte) error {
	var e told
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("%s: %w", body, err)
	}
	run := e.Detail.Execution.Info.Execution.Run
	if before, again := h.bodies[e.ID]; again {
		h.twice++
		if before != string(body) {
			return fmt.Errorf("the same id twice, for %s and %s", before, body)
		}
		return nil
	}
	h.bodies[e.ID] = string(body)
	if e.Detail.EventID <= h.last[run] {
		return fmt.Errorf("event %d of run %s comes after event %d", e.Detail.EventID, run, h.last[run])
	}
	h.last[run] = e.Detail.EventID
	if h.runs[run] == nil {
		h.runs[run] = map[int64]string{}
	}
	h.runs[run][e.Detail.EventID] = e.Detail.EventType
	return nil
}

// sent tells whether a type is one that SWF tells of by itself.
func sent(eventType string) bool {
	switch rest, ofExecution := strings.CutPrefix(eventType, "WorkflowExecution"); {
	case strings.HasSuffix(eventType, "Failed"), strings.HasSuffix(eventType, "TimedOut"), eventType == "ActivityTaskCanceled", eventType == "TimerCanceled":
		return true
	case ofExecution:
		return rest == "Started" || rest == "Completed" || rest == "Canceled" || rest == "Terminated" || rest == "ContinuedAsNew"
	}
	return false
}

// whole tells what is missing of a target that hears of all events: those of a run are dense,
// and the last one closes it.
func (h *heard) whole() error {
	for run, events := range h.runs {
		if n := int64(len(events)); n != h.last[run] {
			return fmt.Errorf("of run %s %d events are told, up to %d", run, n, h.last[run])
		}
		last := events[h.last[run]]
		if rest, ok := strings.CutPrefix(last, "WorkflowExecution"); !ok || !sent(last) || rest == "Started" {
			return fmt.Errorf("the last event of run %s that is told is %d, a %s", run, h.last[run], last)
		}
	}
	return nil
}

// equals compares what was told with the histories.
func (h *heard) equals(histories map[string]history, all bool) error {
	want := 0
	for run, events := range histories {
		for _, e := range events {
			if !all && !sent(e.Type) {
				continue
			}
			want++
			if got := h.runs[run][e.ID]; got != e.Type {
				return fmt.Errorf("event %d of run %s is a %s, and is told as %q", e.ID, run, e.Type, got)
			}
		}
	}
	if len(h.bodies) != want {
		return fmt.Errorf("%d events are told, and the histories have %d", len(h.bodies), want)
	}
	return nil
}

// settle waits until all has come, and compares it with the histories, by run; nil: they are
// gone.
func (l *listeners) settle(ctx context.Context, t *testing.T, histories map[string]history) error {
	l.mu.Lock()
	l.healthy = true
	l.mu.Unlock()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; {
		var file *heard
		if file, err = l.read(); err != nil {
			return err
		}
		l.mu.Lock()
		err = l.wrong
		if err == nil {
			err = l.heard.whole()
		}
		if err == nil && histories != nil {
			err = errors.Join(l.heard.equals(histories, true), file.equals(histories, false))
		}
		for run, events := range l.heard.runs {
			for id, eventType := range events {
				if err == nil && sent(eventType) && file.runs[run][id] != eventType {
					err = fmt.Errorf("the file has no event %d of run %s", id, run)
				}
			}
		}
		if err == nil {
			t.Logf("%d events told by %d posts, %d of which failed, %d events twice; %d in the file, %d twice",
				len(l.heard.bodies), l.posts, l.failed, l.heard.twice, len(file.bodies), file.twice)
			l.mu.Unlock()
			return nil
		}
		l.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// read reads the file.
func (l *listeners) read() (*heard, error) {
	h := newHeard()
	text, err := os.ReadFile(l.file)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := h.hear(lines.Bytes()); err != nil {
			return nil, err
		}
	}
	return h, lines.Err()
}
