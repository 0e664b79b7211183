package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server gives a decider the decision tasks of histories, and compares what it answers. It is
// an http.Handler that speaks SWF to one decider, which may have several polls at once.
type Server struct {
	// Key is the id of the access key that requests are signed with. It is made for the
	// replay and told to the decider alone, so who knows it is the decider.
	Key string
	// Wait waits so long, or until the context ends, with its error.
	Wait func(context.Context, time.Duration) error

	histories []*History

	mu      sync.Mutex // guards what follows
	at      int        // history
	task    int        // of it, that is given out next, or is out
	out     bool       // it is
	changed chan struct{}
	ended   bool
	result  error // nil: there is no difference

	done     chan struct{} // closed at the end
	progress chan struct{} // hears of each answer
}

// NewServer makes a Server of histories.
func NewServer(key string, wait func(context.Context, time.Duration) error, histories []*History) *Server {
	s := &Server{Key: key, Wait: wait, histories: histories, changed: make(chan struct{}), done: make(chan struct{}), progress: make(chan struct{}, 1)}
	s.mu.Lock()
	s.settle()
	s.mu.Unlock()
	return s
}

// Done is closed when all is answered, or something was answered otherwise.
func (s *Server) Done() <-chan struct{} { return s.done }

// Progress hears when something was answered.
func (s *Server) Progress() <-chan struct{} { return s.progress }

// Result tells, when Done is closed, what came of it: nil if all was decided as it had been; else
// a *Difference, or that an answer could not be read.
func (s *Server) Result() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result
}

// Waiting tells what the decider has not answered yet.
func (s *Server) Waiting() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == len(s.histories) {
		return "nothing"
	}
	h := s.histories[s.at]
	how := "was not polled for"
	if s.out {
		how = "was not answered"
	}
	return fmt.Sprintf("%s: the decision task that event %d completed %s", h.Name, h.tasks[s.task].completed, how)
}

// settle moves past histories that are done, and ends when there are no more. The caller has
// the lock.
func (s *Server) settle() {
	for s.at < len(s.histories) && s.task == len(s.histories[s.at].tasks) {
		s.at, s.task = s.at+1, 0
	}
	if s.at == len(s.histories) || s.result != nil {
		s.end()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) end() {
	if !s.ended {
		s.ended = true
		close(s.done)
	}
}

// refusal is a fault of SWF.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

const (
	requestMax = 8 << 20
	// pollHold is how long a poll waits: less than SWF's minute, which clients wait for.
	pollHold = 50 * time.Second
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !strings.Contains(r.Header.Get("Authorization"), "Credential="+s.Key+"/") {
		http.Error(w, "this is for the decider of a replay alone", http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, requestMax))
	var out any
	if err == nil {
		out, err = s.serve(r.Context(), action, body)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if err != nil {
		fault := &refusal{"ValidationException", err.Error()}
		_ = errors.As(err, &fault)
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": "com.amazonaws.swf.base.model#" + fault.code, "message": fault.message}
	}
	if out == nil {
		return // as actions answer that answer nothing
	}
	_ = json.NewEncoder(w).Encode(out) // the decider has gone otherwise
}

// request are the members of requests that are needed.
type request struct {
	MaximumPageSize int    `json:"maximumPageSize"`
	NextPageToken   string `json:"nextPageToken"`
	ReverseOrder    bool   `json:"reverseOrder"`
	FromPrevious    bool   `json:"startAtPreviousStartedEvent"`

	TaskToken string            `json:"taskToken"`
	Decisions []json.RawMessage `json:"decisions"`

	Execution struct {
		WorkflowID string `json:"workflowId"`
		RunID      string `json:"runId"`
	} `json:"execution"`
}

func (s *Server) serve(ctx context.Context, action string, body []byte) (any, error) {
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	switch action {
	case "PollForDecisionTask":
		return s.poll(ctx, &in)
	case "RespondDecisionTaskCompleted":
		return nil, s.respond(&in)
	case "GetWorkflowExecutionHistory":
		return s.history(&in)
	case "PollForActivityTask": // there never is one
		_ = s.Wait(ctx, pollHold)
		return map[string]any{"taskToken": "", "startedEventId": 0}, nil
	case "RegisterDomain", "RegisterWorkflowType", "RegisterActivityType": // what was recorded had them
		return nil, nil
	}
	return nil, &refusal{"OperationNotPermittedFault", action + " has no answer in a replay, in which there is nothing but decision tasks and histories."}
}

// taskToken names the task that is out.
func (s *Server) taskToken() string { return fmt.Sprintf("replay-%d-%d", s.at, s.task) }

// poll gives the next task out once the one before is answered.
func (s *Server) poll(ctx context.Context, in *request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.NextPageToken != "" {
		if !s.out {
			return nil, errors.New("the page token is of a task that is not out")
		}
		return s.page(in)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		if s.Wait(ctx, pollHold) == nil {
			end()
		}
	}()
	for s.out || s.ended {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-changed:
		}
		s.mu.Lock()
		if ctx.Err() != nil {
			return map[string]any{"taskToken": "", "startedEventId": 0, "previousStartedEventId": 0}, nil
		}
	}
	s.out = true
	return s.page(in)
}

// page is a page of the task that is out.
func (s *Server) page(in *request) (any, error) {
	h := s.histories[s.at]
	t := &h.tasks[s.task]
	from := int64(1)
	if in.FromPrevious {
		from = max(1, t.previous)
	}
	events, next, err := h.page(in, from, t.started)
	if err != nil {
		return nil, err
	}
	out := map[string]any{
		"taskToken": s.taskToken(), "startedEventId": t.started, "previousStartedEventId": t.previous, "events": events,
		"workflowExecution": map[string]string{"workflowId": h.WorkflowID, "runId": h.RunID}, "workflowType": h.kind,
	}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

const pageMax = 1000

// page gives the events from first to last that a request asks for.
func (h *History) page(in *request, first, last int64) (events []json.RawMessage, next string, err error) {
	all := h.events[first-1 : last]
	size, skip := in.MaximumPageSize, 0
	if size <= 0 || size > pageMax {
		size = pageMax
	}
	if in.NextPageToken != "" {
		if skip, err = strconv.Atoi(in.NextPageToken); err != nil || skip < 0 || skip > len(all) {
			return nil, "", errors.New("the page token is none of this history")
		}
	}
	end := min(skip+size, len(all))
	if end < len(all) {
		next = strconv.Itoa(end)
	}
	if !in.ReverseOrder {
		return times(all[skip:end]), next, nil
	}
	events = slices.Clone(all[len(all)-end : len(all)-skip])
	slices.Reverse(events)
	return times(events), next, nil
}

// history serves GetWorkflowExecutionHistory, as it was when the task that is out was started.
func (s *Server) history(in *request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.out || in.Execution.WorkflowID != s.histories[s.at].WorkflowID || in.Execution.RunID != s.histories[s.at].RunID {
		return nil, &refusal{"UnknownResourceFault", "In a replay there is no execution but that of the decision task."}
	}
	h := s.histories[s.at]
	events, next, err := h.page(in, 1, h.tasks[s.task].started)
	out := map[string]any{"events": events}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, err
}

// respond compares an answer.
func (s *Server) respond(in *request) error {
	answered, err := answer(in.Decisions)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.out || in.TaskToken != s.taskToken() {
		return &refusal{"UnknownResourceFault", "The task token is not that of the decision task that is out."}
	}
	h := s.histories[s.at]
	t := &h.tasks[s.task]
	if err != nil {
		s.result = fmt.Errorf("%s: the answer to the task that event %d completed can't be read: %w", h.Name, t.completed, err)
	} else if d := h.compare(t, answered); d != nil {
		s.result = d
	}
	s.out = false
	s.task++
	s.settle()
	select {
	case s.progress <- struct{}{}:
	default:
	}
	return err
}
