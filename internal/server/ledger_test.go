package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ledger is what clients asked and were told, kept outside of the machine. Each
// attempt of each step carries a mark of its own into a history.
type ledger struct {
	mu    sync.Mutex
	sent  map[string]string // mark: the workflowId that it is for
	acked []string          // marks, in the order of their acknowledgement
	runs  map[string]string // mark of a start: the run that it was told
	count int
}

func newLedger() *ledger {
	return &ledger{sent: map[string]string{}, runs: map[string]string{}}
}

// mark makes the mark of an attempt.
func (l *ledger) mark(workflowID string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	mark := fmt.Sprintf("<%d>", l.count)
	l.sent[mark] = workflowID
	return mark
}

// ack notes that an attempt was acknowledged, unless the life that did it has
// ended meanwhile: its clients never read that.
func (l *ledger) ack(m *machine, mark, run string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !m.alive() {
		return
	}
	l.acked = append(l.acked, mark)
	if run != "" {
		l.runs[mark] = run
	}
}

// told is how many acknowledgements there were until now.
func (l *ledger) told() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// run is an execution as the server shows it.
type shownRun struct {
	workflowID, id string
	open           bool
	events         []shownEvent
	raw            []json.RawMessage
	text           string // of the history, as it came; of a machine's, what has marks
	machine        bool   // it is of a state machine, which workflowID names; id is its ARN
}

type shownEvent struct {
	ID   int64  `json:"eventId"`
	Type string `json:"eventType"`
}

// untold says that the server could not tell something: it said that it failed.
type untold struct{ what string }

func (e *untold) Error() string { return e.what }

// unsettled says that two answers differ. What a client asked who has hung up may still take
// effect between the two, so it counts if it stays.
type unsettled struct{ what string }

func (e *unsettled) Error() string { return e.what }

// read asks a server for all executions and their histories, page by page.
func (m *machine) read() (runs []*shownRun, err error) {
	for range 5 {
		runs, err = m.readOnce()
		if _, again := errors.AsType[*unsettled](err); !again {
			break
		}
	}
	return runs, err
}

func (m *machine) readOnce() (runs []*shownRun, err error) {
	if runs, err = m.list(); err != nil {
		return nil, err
	}
	for _, r := range runs {
		if err := m.readHistory(r); err != nil {
			return nil, err
		}
	}
	others, err := m.readMachines()
	return append(runs, others...), err
}

func (m *machine) list() (runs []*shownRun, err error) {
	for _, list := range []struct{ action, count, filter string }{
		{"ListOpenWorkflowExecutions", "CountOpenWorkflowExecutions", `"startTimeFilter":{"oldestDate":0}`},
		{"ListClosedWorkflowExecutions", "CountClosedWorkflowExecutions", `"startTimeFilter":{"oldestDate":0}`},
	} {
		listed := 0
		for token := ""; ; {
			body := `{"domain":"shop",` + list.filter
			if token != "" {
				body += `,"nextPageToken":"` + token + `"`
			}
			var page struct {
				ExecutionInfos []struct {
					Execution       struct{ WorkflowID, RunID string }
					ExecutionStatus string
				}
				NextPageToken string
			}
			if err := m.tell(list.action, body+`,"maximumPageSize":7}`, &page); err != nil {
				return nil, err
			}
			for _, e := range page.ExecutionInfos {
				listed++
				runs = append(runs, &shownRun{workflowID: e.Execution.WorkflowID, id: e.Execution.RunID, open: e.ExecutionStatus == "OPEN"})
			}
			if token = page.NextPageToken; token == "" {
				break
			}
		}
		var counted struct{ Count int }
		if err := m.tell(list.count, `{"domain":"shop",`+list.filter+`}`, &counted); err != nil {
			return nil, err
		}
		if counted.Count != listed {
			return nil, &unsettled{fmt.Sprintf("%s says %d, but %d are listed", list.count, counted.Count, listed)}
		}
	}
	return runs, nil
}

func (m *machine) readHistory(r *shownRun) error {
	body := `{"domain":"shop","execution":{"workflowId":"` + r.workflowID + `","runId":"` + r.id + `"}`
	for token := ""; ; {
		var page struct {
			Events        []json.RawMessage
			NextPageToken string
		}
		if err := m.tell("GetWorkflowExecutionHistory", body+token+`,"maximumPageSize":4}`, &page); err != nil {
			return err
		}
		r.raw = append(r.raw, page.Events...)
		for _, text := range page.Events {
			var e shownEvent
			if err := json.Unmarshal(text, &e); err != nil {
				return err
			}
			r.events = append(r.events, e)
			r.text += string(text)
		}
		if page.NextPageToken == "" {
			break
		}
		token = `,"nextPageToken":"` + page.NextPageToken + `"`
	}
	var described struct {
		ExecutionInfo struct{ ExecutionStatus string }
	}
	if err := m.tell("DescribeWorkflowExecution", body+"}", &described); err != nil {
		return err
	}
	if (described.ExecutionInfo.ExecutionStatus == "OPEN") != r.open {
		return &unsettled{fmt.Sprintf("run %s is listed as open: %v, and described as %s", r.id, r.open, described.ExecutionInfo.ExecutionStatus)}
	}
	return nil
}

// tell asks for something that changes nothing.
func (m *machine) tell(action, body string, v any) error {
	return m.tellWith(m.call, action, body, v)
}

func (m *machine) tellWith(call func(ctx context.Context, action, body string) heard, action, body string, v any) error {
	a := call(m.ended, action, body)
	if a.unknown() {
		return &untold{fmt.Sprintf("%s: %d %s", action, a.status, a.body)}
	}
	if err := a.into(v); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// compare holds what a server shows against the ledger: of what was acknowledged
// first, told attempts, each stands in its history once; of all others, each at
// most once; and nothing else.
func (l *ledger) compare(runs []*shownRun, told int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[string]*shownRun{} // by mark
	open := map[string]bool{}
	for _, r := range runs {
		if err := r.wellFormed(); err != nil {
			return fmt.Errorf("run %s of %q: %w\n%s", r.id, r.workflowID, err, r.text)
		}
		if r.open && open[r.workflowID] {
			return fmt.Errorf("%q has two open runs", r.workflowID)
		}
		open[r.workflowID] = open[r.workflowID] || r.open
		for rest := r.text; ; {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			number, after, _ := strings.Cut(after, ">")
			rest = after
			mark := "<" + number + ">"
			if found[mark] != nil {
				return fmt.Errorf("%s stands twice, in %q and %q", mark, found[mark].workflowID, r.workflowID)
			}
			if l.sent[mark] != r.workflowID {
				return fmt.Errorf("%s stands in %q, but was sent for %q", mark, r.workflowID, l.sent[mark])
			}
			found[mark] = r
		}
	}
	var missing []string
	for _, mark := range l.acked[:told] {
		r := found[mark]
		if r == nil {
			missing = append(missing, mark)
		} else if run := l.runs[mark]; run != "" && run != r.id {
			return fmt.Errorf("%s was acknowledged as run %s and stands in %s", mark, run, r.id)
		}
	}
	if missing != nil {
		return &lost{missing, told}
	}
	return nil
}

// lost says that acknowledged steps are gone.
type lost struct {
	marks []string
	told  int
}

func (e *lost) Error() string {
	return fmt.Sprintf("%d of %d acknowledged steps are missing: %s", len(e.marks), e.told, strings.Join(e.marks, " "))
}

// wellFormed checks what every history promises.
func (r *shownRun) wellFormed() error {
	if r.machine {
		return r.wellFormedMachine()
	}
	scheduled, started, completed := 0, 0, 0
	closed := false
	for i, e := range r.events {
		if e.ID != int64(i)+1 {
			return fmt.Errorf("event %d has the id %d", i+1, e.ID)
		}
		if closed {
			return fmt.Errorf("event %d follows the end", e.ID)
		}
		switch e.Type {
		case "WorkflowExecutionStarted":
			if i > 0 {
				return fmt.Errorf("event %d starts it again", e.ID)
			}
		case "DecisionTaskScheduled":
			scheduled++
		case "DecisionTaskStarted":
			started++
		case "DecisionTaskCompleted":
			completed++
		case "WorkflowExecutionCompleted", "WorkflowExecutionTerminated":
			closed = true
		}
		if completed > started || started > scheduled || scheduled > completed+2 {
			return fmt.Errorf("at event %d, %d decision tasks are scheduled, %d started, %d completed", e.ID, scheduled, started, completed)
		}
	}
	if len(r.events) == 0 || closed == r.open {
		return fmt.Errorf("listed as open: %v; events: %d, the end among them: %v", r.open, len(r.events), closed)
	}
	return nil
}

// show notes that readers have seen all that stands in runs, whether or not it
// was ever acknowledged.
func (l *ledger) show(runs []*shownRun) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range runs {
		for rest := r.text; ; {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			var number string
			number, rest, _ = strings.Cut(after, ">")
			if mark := "<" + number + ">"; !slices.Contains(l.acked, mark) {
				l.acked = append(l.acked, mark)
			}
		}
	}
}
