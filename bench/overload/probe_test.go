package overload

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/bench/client"
)

// probe is a well-behaved client: one workflow with one activity after the other,
// seven calls each, none of which may be refused.
type probe struct {
	conn   *client.Conn
	over   atomic.Bool
	exited chan error

	mu   sync.Mutex
	done []probed
}

// probed is one workflow of the probe.
type probed struct {
	began time.Time
	took  time.Duration
}

// probePause is between two workflows.
const probePause = 10 * time.Millisecond

func (s *stage) probe() *probe {
	p := &probe{conn: s.connect(prober), exited: make(chan error, 1)}
	go func() {
		var err error
		for n := 0; err == nil && !p.over.Load(); n++ {
			began := time.Now()
			if err = p.workflow(n); err == nil {
				p.mu.Lock()
				p.done = append(p.done, probed{began, time.Since(began)})
				p.mu.Unlock()
			}
			time.Sleep(probePause)
		}
		p.conn.Close()
		p.exited <- err
	}()
	return p
}

func (p *probe) workflow(n int) error {
	const poll = `{"domain":"probe","taskList":{"name":"probe"}}`
	if _, err := p.call("StartWorkflowExecution", fmt.Sprintf(`{"domain":"probe","workflowId":"probe-%d","workflowType":{"name":"order","version":"1"}}`, n)); err != nil {
		return err
	}
	for _, task := range []struct{ poll, respond, with string }{
		{"PollForDecisionTask", "RespondDecisionTaskCompleted", `"decisions":[{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityType":{"name":"work","version":"1"},"activityId":"1"}}]`},
		{"PollForActivityTask", "RespondActivityTaskCompleted", `"result":"done"`},
		{"PollForDecisionTask", "RespondDecisionTaskCompleted", `"decisions":[{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{}}]`},
	} {
		answer, err := p.call(task.poll, poll)
		if err != nil {
			return err
		}
		token := client.Text(answer, "taskToken")
		if token == nil {
			return fmt.Errorf("%s: no task in its whole time", task.poll)
		}
		if _, err := p.call(task.respond, fmt.Sprintf(`{"taskToken":%q,%s}`, token, task.with)); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) call(action, body string) ([]byte, error) {
	answer, err := p.conn.Call(action, []byte(body))
	if err != nil {
		return nil, fmt.Errorf("probe: %s: %w", action, err)
	}
	return answer, nil
}

// between are the times of workflows that began then and are done.
func (p *probe) between(from, until time.Time) (s spans) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.done {
		if w.began.After(from) && w.began.Before(until) {
			s = append(s, w.took)
		}
	}
	return s
}

// recovers waits until workflows that begin after a moment are quick: most of five
// in sequence. It gives when the first of them began, at most recoveryMax.
func (p *probe) recovers(from time.Time, quick time.Duration) time.Duration {
	const few = 5
	for look := from; time.Since(from) < recoveryMax && len(p.exited) == 0; time.Sleep(probePause) {
		s := p.between(look, time.Now())
		if len(s) < few {
			continue
		}
		if s[:few].median() <= quick {
			return look.Sub(from)
		}
		look = look.Add(probePause)
	}
	return recoveryMax
}

func (p *probe) stop(t *testing.T) {
	p.over.Store(true)
	if err := <-p.exited; err != nil {
		t.Error(err)
	}
}

// waiting are idle polls.
type waiting struct {
	*stage
	conns  []*client.Conn
	tasks  chan string // workflowIds of the tasks that they got
	failed chan error
	left   sync.WaitGroup
}

// pollsPerList wait on each list.
const pollsPerList = 5

// wait has so many polls wait for tasks.
func (s *stage) wait(polls int) *waiting {
	w := &waiting{stage: s, tasks: make(chan string, polls), failed: make(chan error, polls)}
	for i := range polls {
		conn := s.connect(idler)
		w.conns = append(w.conns, conn)
		poll := fmt.Appendf(nil, `{"domain":"probe","taskList":{"name":"idle-%d"}}`, i/pollsPerList)
		w.left.Go(func() {
			for {
				answer, err := conn.Call("PollForDecisionTask", poll)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil {
					w.failed <- err
					return
				}
				if id := client.Text(answer, "workflowId"); id != nil {
					w.tasks <- string(id)
				}
			}
		})
	}
	return w
}

// check gives some of the polls a task, and ends them all.
func (w *waiting) check(t *testing.T) {
	conn := w.connect(prober)
	defer conn.Close()
	lists := len(w.conns) / pollsPerList
	sent := map[string]bool{}
	for i := 0; i < lists; i += max(1, lists/100) {
		id := fmt.Sprintf("idle-%d", i)
		sent[id] = true
		if _, err := conn.Call("StartWorkflowExecution", fmt.Appendf(nil,
			`{"domain":"probe","workflowId":%q,"workflowType":{"name":"order","version":"1"},"taskList":{"name":%q}}`, id, id)); err != nil {
			t.Fatal(err)
		}
	}
	late := time.After(recoveryMax)
	for n := len(sent); len(sent) > 0; {
		select {
		case id := <-w.tasks:
			delete(sent, id)
		case <-late:
			t.Errorf("%d of %d tasks did not reach a poll that waits for them", len(sent), n)
			clear(sent)
		}
	}
	for _, conn := range w.conns {
		conn.Close()
	}
	w.left.Wait()
	close(w.failed)
	for err := range w.failed {
		t.Errorf("idle poll: %v", err)
	}
}
