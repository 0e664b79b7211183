package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"heddle/internal/swf"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/sealing"
	"heddle/internal/store"
	"heddle/internal/swf/wire"
	"heddle/internal/swf/wire/wiretest"
)

// reply is what came back of one request.
type reply struct {
	status int
	body   string
	err    error
}

func call(ctx context.Context, s *Server, action, body string) reply {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL(), strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	r.Header.Set("X-Amz-Target", wire.TargetPrefix+"."+action)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	return reply{w.StatusCode, string(b), err}
}

// mustCall decodes an answer that must be a success.
func mustCall(t *testing.T, s *Server, action, body string) (out struct {
	RunID          string
	TaskToken      string
	NextPageToken  string
	StartedEventID int64
	Events         []json.RawMessage
}) {
	t.Helper()
	a := call(t.Context(), s, action, body)
	if a.err != nil || a.status != http.StatusOK {
		t.Fatalf("%s: %d %s %v", action, a.status, a.body, a.err)
	}
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			t.Fatalf("%s: %v", action, err)
		}
	}
	return out
}

// register makes a domain and a workflow type.
func register(t *testing.T, s *Server) {
	t.Helper()
	mustCall(t, s, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	mustCall(t, s, "RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`)
}

const (
	startOrder   = `{"domain":"shop","workflowId":"a","workflowType":{"name":"order","version":"1"}}`
	pollDeciders = `{"domain":"shop","taskList":{"name":"deciders"}}`
)

func memory() Config {
	return Config{Listen: "127.0.0.1:0", Store: StoreMemory, Auth: AuthNone, PollHold: pollHoldMax}
}

// closeServer closes a server, which must not need the time that polls may wait.
func closeServer(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pollHoldMax/2)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestPolls has two polls on a list that takes one: one is refused at once, the
// other waits until the server closes, and is answered empty.
func TestPolls(t *testing.T) {
	for action, empty := range wiretest.EmptyPolls {
		t.Run(action, func(t *testing.T) {
			cfg := memory()
			cfg.PollsPerListMax = 1
			s := start(t, cfg)
			register(t, s)
			answers := make(chan reply)
			for range 2 {
				go func() { answers <- call(context.Background(), s, action, pollDeciders) }()
			}
			const refused = `{"__type":"com.amazonaws.swf.base.model#LimitExceededFault","message":"Limit on maximum concurrent poll requests per task list reached"}`
			if a := <-answers; a != (reply{http.StatusBadRequest, refused, nil}) {
				t.Errorf("the poll too many: %+v", a)
			}
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				closeServer(t, s)
			}()
			if a := <-answers; a != (reply{http.StatusOK, empty, nil}) {
				t.Errorf("the poll that waited: %+v", a)
			}
			<-closed
		})
	}
}

// TestPollGetsTask has a poll that waits before there is a task.
func TestPollGetsTask(t *testing.T) {
	s := start(t, memory())
	register(t, s)
	polled := make(chan reply)
	go func() { polled <- call(context.Background(), s, "PollForDecisionTask", pollDeciders) }()
	waitUntil(t, "the poll waits", func() bool { return s.tasks.polls.Taken() == 1 })
	run := mustCall(t, s, "StartWorkflowExecution", startOrder).RunID
	if a := <-polled; a.err != nil || !strings.Contains(a.body, run) {
		t.Errorf("the poll got %+v, not a task of run %s", a, run)
	}
}

// TestPollerGone has a poller that hangs up: it gets no task, the next one does.
func TestPollerGone(t *testing.T) {
	s := start(t, memory())
	register(t, s)
	ctx, hangUp := context.WithCancel(t.Context())
	polled := make(chan reply)
	go func() { polled <- call(ctx, s, "PollForDecisionTask", pollDeciders) }()
	waitUntil(t, "the poll waits", func() bool { return s.tasks.polls.Taken() == 1 })
	hangUp()
	if a := <-polled; !errors.Is(a.err, context.Canceled) {
		t.Errorf("the poller who hung up got %+v", a)
	}
	waitUntil(t, "the poll has gone", func() bool { return s.tasks.polls.Taken() == 0 })
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	if task := mustCall(t, s, "PollForDecisionTask", pollDeciders); task.StartedEventID != 3 {
		t.Errorf("startedEventId %d, want 3", task.StartedEventID)
	}
}

// TestHealth asks for health and readiness before and after closing.
func TestHealth(t *testing.T) {
	s := start(t, memory())
	for path, want := range map[string]string{"/health": "ok\n", "/ready": "ready\n"} {
		w, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(w.Body)
		w.Body.Close()
		if err != nil || w.StatusCode != http.StatusOK || string(b) != want {
			t.Errorf("%s: %d %q %v", path, w.StatusCode, b, err)
		}
	}
	closeServer(t, s)
	closeServer(t, s) // does nothing
	for path, want := range map[string]int{"/health": http.StatusOK, "/ready": http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		s.door.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s after closing: %d, want %d", path, w.Code, want)
		}
	}
}

// TestRefusedConfig starts servers that must not start.
func TestRefusedConfig(t *testing.T) {
	running := start(t, memory())
	for want, change := range map[string]func(*Config){
		"config: --poll-hold 1m1s: want 1ms to 1m0s":                 func(c *Config) { c.PollHold = 61 * time.Second },
		"config: --poll-hold -1s: want 1ms to 1m0s":                  func(c *Config) { c.PollHold = -time.Second },
		`config: --store "paper": want pebble or postgres or memory`: func(c *Config) { c.Store = "paper" },
		`config: --time-skip "some": want off or timers or all`:      func(c *Config) { c.TimeSkip = "some" },
		"has the port; end it, or give another by --listen, 0 for any that is free: listen tcp " + running.Addr() + ": bind: address already in use": func(c *Config) { c.Listen = running.Addr() },
	} {
		cfg := memory()
		change(&cfg)
		s, err := Start(t.Context(), cfg)
		if err == nil {
			closeServer(t, s)
		}
		if err == nil || !strings.HasSuffix(err.Error(), want) { // before it may stand who has it
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// TestSecondServer starts a server on the data of another, and reads that data
// while it is in use.
func TestSecondServer(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone}
	s := start(t, cfg)
	want := "held by another owner, process " + strconv.Itoa(os.Getpid()) + "; stop it, or give another --data"
	if _, err := Start(t.Context(), cfg); !errors.Is(err, store.ErrHeld) || !strings.Contains(err.Error(), want) {
		t.Errorf("second server: %v", err)
	}
	if _, err := OpenOffline(t.Context(), cfg.Data, sealing.RootKeys{}, slog.New(slog.DiscardHandler)); !errors.Is(err, store.ErrHeld) {
		t.Errorf("reading a store that is in use: %v", err)
	}
	register(t, s) // the first was not harmed
	closeServer(t, s)
	register(t, start(t, Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone}))
}

// TestRestart closes a server and starts another on what it left: executions,
// tokens and pages go on. Then the stopped store is checked and exported.
func TestRestart(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone}
	s := start(t, cfg)
	register(t, s)
	run := mustCall(t, s, "StartWorkflowExecution", startOrder).RunID
	task := mustCall(t, s, "PollForDecisionTask", pollDeciders)
	mustCall(t, s, "StartWorkflowExecution", strings.Replace(startOrder, `"a"`, `"b"`, 1))
	history := `{"domain":"shop","execution":{"workflowId":"a","runId":"` + run + `"}`
	page := mustCall(t, s, "GetWorkflowExecutionHistory", history+`,"maximumPageSize":2}`)
	closeServer(t, s)

	s = start(t, cfg)
	if next := mustCall(t, s, "GetWorkflowExecutionHistory", history+`,"nextPageToken":"`+page.NextPageToken+`"}`); len(next.Events) != 1 {
		t.Errorf("the page after the restart has %d events, want 1", len(next.Events))
	}
	mustCall(t, s, "RespondDecisionTaskCompleted", `{"taskToken":"`+task.TaskToken+`","decisions":[
		{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{}}]}`)
	events := mustCall(t, s, "GetWorkflowExecutionHistory", history+`}`).Events
	if len(events) != 5 {
		t.Errorf("the history has %d events, want 5", len(events))
	}
	// What nobody had taken is offered again.
	if waited := mustCall(t, s, "PollForDecisionTask", pollDeciders); waited.StartedEventID != 3 {
		t.Errorf("startedEventId %d, want 3", waited.StartedEventID)
	}
	closeServer(t, s)

	offline, err := OpenOffline(t.Context(), cfg.Data, sealing.RootKeys{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := offline.Close(); err != nil {
			t.Error(err)
		}
	}()
	found, err := offline.Check(t.Context())
	if err != nil || len(found.Wrong) > 0 || found.Open != 3 || found.Closed != 1 {
		t.Errorf("check: %+v %v", found, err)
	}
	var exported bytes.Buffer
	world := engine.World{Account: defaults.Account, Region: defaults.Region}
	if err := (&swf.Export{Account: world.Account, Region: world.Region, Domain: "shop", WorkflowID: "a"}).Run(t.Context(), offline.Stored(), &exported); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(exported.String()); got != string(want) {
		t.Errorf("export\n got %s\nwant %s", got, want)
	}
}
