package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"heddle/bench/client"
)

// state is all runs and the tasks that wait.
type state struct {
	mu                    sync.Mutex
	runs                  map[string]*run // open ones, by workflowId
	decisions, activities list
}

// run is one execution of the workload. At any time one call has it, so that it
// needs no lock: the one that offers it, the one that took it from a list, or the
// one that answers for it.
type run struct {
	id       string
	history  []byte // events, as the wire carries them, with commas between
	event    int64
	previous int64 // last decision task that was started
}

// start makes a run.
func (s *state) start(body []byte) (*run, error) {
	id := string(client.Text(body, "workflowId"))
	if id == "" {
		return nil, fmt.Errorf("no workflowId")
	}
	r := &run{id: id, history: make([]byte, 0, 2<<10)}
	r.emit("WorkflowExecutionStarted", `"workflowExecutionStartedEventAttributes":{"childPolicy":"TERMINATE","executionStartToCloseTimeout":"86400","input":"{\"order\":4711,\"lines\":[1,2,3]}","parentInitiatedEventId":0,"tagList":["bench"],"taskList":{"name":"orders"},"taskStartToCloseTimeout":"300","workflowType":{"name":"order","version":"1"}}`)
	r.scheduleDecision()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[id] != nil {
		return nil, fmt.Errorf("workflow %q is open", id)
	}
	if s.runs == nil {
		s.runs = map[string]*run{}
	}
	s.runs[id] = r
	return r, nil
}

// decide takes the answer to a decision task. A closed run is forgotten.
func (s *state) decide(body []byte) (r *run, closed bool, err error) {
	closed = bytes.Contains(body, []byte(`"CompleteWorkflowExecution"`))
	if r, err = s.answered(body, closed); err != nil || closed {
		return r, closed, err
	}
	r.emit("DecisionTaskCompleted", `"decisionTaskCompletedEventAttributes":{"scheduledEventId":2,"startedEventId":3}`)
	r.emit("ActivityTaskScheduled", `"activityTaskScheduledEventAttributes":{"activityId":"charge-0","activityType":{"name":"charge","version":"1"},"decisionTaskCompletedEventId":4,"heartbeatTimeout":"NONE","input":"{\"order\":4711,\"cents\":1999}","scheduleToCloseTimeout":"600","scheduleToStartTimeout":"300","startToCloseTimeout":"300","taskList":{"name":"charges"}}`)
	return r, false, nil
}

// complete takes the answer to an activity task.
func (s *state) complete(body []byte) (*run, error) {
	r, err := s.answered(body, false)
	if err != nil {
		return nil, err
	}
	r.emit("ActivityTaskCompleted", `"activityTaskCompletedEventAttributes":{"result":"{\"receipt\":\"R-4711\"}","scheduledEventId":5,"startedEventId":6}`)
	r.scheduleDecision()
	return r, nil
}

// answered finds the run of a task token.
func (s *state) answered(body []byte, closed bool) (*run, error) {
	token := client.Text(body, "taskToken")
	id, _, _ := bytes.Cut(token, []byte("."))
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[string(id)]
	if r == nil {
		return nil, fmt.Errorf("no open run for token %q", token)
	}
	if closed {
		delete(s.runs, string(id))
	}
	return r, nil
}

func (r *run) emit(name, attributes string) {
	r.event++
	b := r.history
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = append(b, `{"eventId":`...)
	b = strconv.AppendInt(b, r.event, 10)
	b = append(b, `,"eventTimestamp":`...)
	now := time.Now().UnixMilli()
	b = strconv.AppendInt(b, now/1000, 10)
	b = append(b, '.', byte('0'+now/100%10), byte('0'+now/10%10), byte('0'+now%10))
	b = append(b, `,"eventType":"`...)
	b = append(b, name...)
	b = append(b, `",`...)
	b = append(b, attributes...)
	r.history = append(b, '}')
}

func (r *run) scheduleDecision() {
	r.emit("DecisionTaskScheduled", `"decisionTaskScheduledEventAttributes":{"scheduleToStartTimeout":"NONE","startToCloseTimeout":"300","taskList":{"name":"orders"}}`)
}

// runID stands in for all of them: nothing here asks for it.
const runID = `"22AAW6BqrF36o1mjN+YRdzYdi63dE4xKKFGSQ4CCofF5k="`

func (r *run) decisionTask() []byte {
	r.emit("DecisionTaskStarted", `"decisionTaskStartedEventAttributes":{"identity":"bench","scheduledEventId":`+strconv.FormatInt(r.event, 10)+`}`)
	b := append(make([]byte, 0, len(r.history)+400), `{"events":[`...)
	b = append(b, r.history...)
	b = append(b, `],"previousStartedEventId":`...)
	b = strconv.AppendInt(b, r.previous, 10)
	b = r.appendTask(b)
	r.previous = r.event
	return append(b, `,"workflowType":{"name":"order","version":"1"}}`...)
}

func (r *run) activityTask() []byte {
	r.emit("ActivityTaskStarted", `"activityTaskStartedEventAttributes":{"identity":"bench","scheduledEventId":5}`)
	b := append(make([]byte, 0, 400), `{"activityId":"charge-0","activityType":{"name":"charge","version":"1"},"input":"{\"order\":4711,\"cents\":1999}"`...)
	return append(r.appendTask(b), '}')
}

// tokenBytes is how long the real server's task tokens are.
const tokenBytes = 67

// appendTask appends what both kinds of task have.
func (r *run) appendTask(b []byte) []byte {
	b = append(b, `,"startedEventId":`...)
	b = strconv.AppendInt(b, r.event, 10)
	b = append(b, `,"taskToken":"`...)
	b = append(b, r.id...)
	for range max(1, tokenBytes-len(r.id)) {
		b = append(b, '.')
	}
	b = append(b, `","workflowExecution":{"runId":`+runID+`,"workflowId":"`...)
	b = append(b, r.id...)
	return append(b, `"}`...)
}

// holdPoll is how long a poll waits.
const holdPoll = 55 * time.Second

// list is a task list: tasks wait, or pollers do.
type list struct {
	mu      sync.Mutex
	tasks   []*run
	pollers []chan *run
}

func (l *list) offer(r *run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pollers) > 0 {
		l.pollers[0] <- r
		l.pollers = l.pollers[1:]
		return
	}
	l.tasks = append(l.tasks, r)
}

// take waits for a task; nil: there was none, or the poller has gone.
func (l *list) take(ctx context.Context) *run {
	l.mu.Lock()
	if len(l.tasks) > 0 {
		r := l.tasks[0]
		l.tasks = l.tasks[1:]
		l.mu.Unlock()
		return r
	}
	mine := make(chan *run, 1)
	l.pollers = append(l.pollers, mine)
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, holdPoll)
	defer cancel()
	select {
	case r := <-mine:
		return r
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range l.pollers {
		if p == mine {
			l.pollers = append(l.pollers[:i:i], l.pollers[i+1:]...)
			return nil
		}
	}
	return <-mine // it came meanwhile
}
