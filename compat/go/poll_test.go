package sdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// TestEmptyPolls waits for nothing: the answer comes after the hold time and has
// no token.
func TestEmptyPolls(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	empty := map[string]string{
		"PollForDecisionTask": `{"previousStartedEventId":0,"startedEventId":0}`,
		"PollForActivityTask": `{"startedEventId":0}`,
	}
	for operation := range empty {
		began := time.Now()
		answer, err := h.server.Call(t.Context(), operation, map[string]any{"domain": domain, "taskList": map[string]any{"name": "empty"}})
		h.ok(err)
		if waited := time.Since(began); waited < hold || waited > hold+2*time.Second {
			t.Errorf("%s: waited %s, want %s", operation, waited, hold)
		}
		var members map[string]any
		h.ok(json.Unmarshal(answer.Body, &members))
		// Clients test the token for absence; numbers must be there.
		if _, present := members["taskToken"]; present || members["startedEventId"] != 0.0 {
			t.Errorf("%s: got %s", operation, answer.Body)
		}
		if want := empty[operation]; string(answer.Body) != want {
			t.Errorf("%s: got %s", operation, answer.Body)
		}
	}
}

// TestPollsWakeUp starts what waiting polls wait for.
func TestPollsWakeUp(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--poll-hold", "20s")
	const many = 20
	var waiting sync.WaitGroup
	got := make(chan string, many)
	for range many {
		waiting.Go(func() {
			task, err := h.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(decisions)}})
			if err != nil {
				t.Error(err)
				return
			}
			if task.WorkflowExecution != nil {
				got <- *task.WorkflowExecution.WorkflowId
			}
		})
	}
	began := time.Now()
	for i := range many {
		h.begin(string(rune('a' + i)))
	}
	waiting.Wait()
	close(got)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the polls took %s", took)
	}
	seen := map[string]bool{}
	for id := range got {
		if seen[id] {
			t.Errorf("the task of execution %s was handed out twice", id)
		}
		seen[id] = true
	}
	if len(seen) != many {
		t.Errorf("%d executions' tasks were handed out, want %d", len(seen), many)
	}
}

// TestThousandPolls: a list takes 1,000 polls and refuses one more.
func TestThousandPolls(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--poll-hold", "10s")
	crowd(t, 1000, func() error {
		_, err := h.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String("crowded")}})
		return err
	})
}

// TestTerminationEmptiesPolls: SIGTERM answers waiting polls empty, and the
// process ends well.
func TestTerminationEmptiesPolls(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--poll-hold", "60s")
	type answer struct {
		token *string
		err   error
	}
	answers := make(chan answer, 20)
	for i := range cap(answers) {
		go func() {
			if i%2 == 0 {
				out, err := h.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String("empty")}})
				if err != nil {
					out = &swf.PollForDecisionTaskOutput{}
				}
				answers <- answer{out.TaskToken, err}
				return
			}
			out, err := h.PollForActivityTask(t.Context(), &swf.PollForActivityTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String("empty")}})
			if err != nil {
				out = &swf.PollForActivityTaskOutput{}
			}
			answers <- answer{out.TaskToken, err}
		}()
	}
	time.Sleep(500 * time.Millisecond) // nothing tells from outside that a poll waits
	began := time.Now()
	h.ok(h.server.Terminate())
	for range cap(answers) {
		if a := <-answers; a.err != nil || a.token != nil {
			t.Errorf("a waiting poll got token %v and %v", a.token, a.err)
		}
	}
	if err := h.server.Wait(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %s", took)
	}
}

// socket is a poller's connection, opened and closed by hand.
type socket struct{ net.Conn }

// sends opens a connection and sends a poll.
func (h *house) sends(operation, list string) socket {
	h.t.Helper()
	body, err := json.Marshal(map[string]any{"domain": domain, "taskList": map[string]any{"name": list}, "identity": "vanishing"})
	h.ok(err)
	r, err := h.server.Request(context.Background(), operation, body)
	h.ok(err)
	var b bytes.Buffer
	h.ok(r.Write(&b))
	c, err := net.Dial("tcp", h.server.Addr)
	h.ok(err)
	_, err = c.Write(b.Bytes())
	h.ok(err)
	return socket{c}
}

// reset closes the connection so that the other side sees a reset.
func (s socket) reset(t *testing.T) {
	if err := s.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Error(err)
	}
	s.closes(t)
}

func (s socket) closes(t *testing.T) {
	if err := s.Conn.Close(); err != nil {
		t.Error(err)
	}
}

// TestVanishedPollers closes the connections of waiting polls before there is a
// task. The task must go to the next poller, at once and never started before.
func TestVanishedPollers(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--poll-hold", "20s")
	for name, leave := range map[string]func(socket, *testing.T){"closed": socket.closes, "reset": socket.reset} {
		t.Run(name, func(t *testing.T) {
			list := &types.TaskList{Name: aws.String(name)}
			vanish := func(operation string) {
				var gone []socket
				for range 5 {
					gone = append(gone, h.sends(operation, name))
				}
				time.Sleep(200 * time.Millisecond) // the polls wait
				for _, s := range gone {
					leave(s, t)
				}
				time.Sleep(100 * time.Millisecond) // the server's kernel has seen it
			}
			vanish("PollForDecisionTask")
			run := h.begin(name, func(in *swf.StartWorkflowExecutionInput) { in.TaskList = list })
			began := time.Now()
			task := h.decisionTask(name)
			if took := time.Since(began); took > 2*time.Second || task.StartedEventId != 3 {
				t.Errorf("the decision task came after %s, started with event %d", took, task.StartedEventId)
			}
			h.complete(task.TaskToken, scheduling("a", func(a *types.ScheduleActivityTaskDecisionAttributes) {
				a.TaskList = &types.TaskList{Name: aws.String(name + "-before")}
			}))
			first := h.activityTask(name + "-before")
			vanish("PollForActivityTask")
			_, err := h.RespondActivityTaskCompleted(t.Context(), &swf.RespondActivityTaskCompletedInput{TaskToken: first.TaskToken})
			h.ok(err)
			h.complete(h.decisionTask(name).TaskToken, scheduling("b", func(a *types.ScheduleActivityTaskDecisionAttributes) { a.TaskList = list }))
			began = time.Now()
			activity := h.activityTask(name)
			if took := time.Since(began); took > 2*time.Second || activity.StartedEventId != 12 {
				t.Errorf("the activity task came after %s, started with event %d", took, activity.StartedEventId)
			}
			events := h.tells(name, run, 1, "RunStarted DecisionScheduled DecisionStarted DecisionCompleted ActivityScheduled ActivityStarted "+
				"ActivityCompleted DecisionScheduled DecisionStarted DecisionCompleted ActivityScheduled ActivityStarted")
			for _, id := range []*string{events[2].DecisionTaskStartedEventAttributes.Identity, events[11].ActivityTaskStartedEventAttributes.Identity} {
				if aws.ToString(id) == "vanishing" {
					t.Error("a task was started for a poller that had gone")
				}
			}
		})
	}
}

// answered tells whether bytes of the answer have arrived, without reading them.
func (s socket) answered(t *testing.T) bool {
	raw, err := s.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) {
		n, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	if err != nil {
		t.Error(err)
	}
	return n > 0
}

// handOver starts an execution while its poller closes the connection after a
// delay, and gives what the next poller gets. Answered is whether the answer had
// reached the caller, unread, before he closed.
func (h *house) handOver(t *testing.T, id string, delay time.Duration, leave func(socket, *testing.T)) (task *swf.PollForDecisionTaskOutput, answered bool) {
	list := &types.TaskList{Name: aws.String(id)}
	s := h.sends("PollForDecisionTask", id)
	var both sync.WaitGroup
	both.Go(func() {
		time.Sleep(delay)
		answered = s.answered(t)
		leave(s, t)
	})
	h.begin(id, func(in *swf.StartWorkflowExecutionInput) { in.TaskList = list })
	both.Wait()
	for range 15 { // a machine may be slow to tell that he has gone; a task that was swallowed comes after all of these, by its timeout
		var err error
		task, err = h.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: list, Identity: aws.String("next")})
		h.ok(err)
		if task.TaskToken != nil || answered {
			break
		}
	}
	return task, answered
}

// TestPollersVanishAtHandOver closes the poller's connection at moments around
// the hand-over. The task must come again, with the same started event, as long
// as the answer had not reached the caller when he closed.
func TestPollersVanishAtHandOver(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--poll-hold", "2s")
	early, again, late, lost := 0, 0, 0, 0
	for round := range 60 {
		id := fmt.Sprint("round", round)
		leave := socket.closes
		if round%2 == 0 {
			leave = socket.reset
		}
		task, answered := h.handOver(t, id, time.Duration(round)*50*time.Microsecond, leave)
		switch {
		case answered:
			late++
		case task.TaskToken == nil:
			early++
			lost++
		default:
			early++
		}
		if task.TaskToken == nil {
			continue
		}
		events := h.tells(id, *task.WorkflowExecution.RunId, 1, "RunStarted DecisionScheduled DecisionStarted")
		if task.StartedEventId != 3 || len(events) != 3 {
			t.Errorf("round %d: started with event %d", round, task.StartedEventId)
		} else if aws.ToString(events[2].DecisionTaskStartedEventAttributes.Identity) == "vanishing" {
			again++
		}
		h.complete(task.TaskToken, closing(""))
	}
	t.Logf("%d closed before the answer: %d tasks lost; %d closed after it; %d tasks came again after they were started for the one who had gone", early, lost, late, again)
	if early < 5 {
		t.Errorf("only %d rounds closed before the answer", early)
	}
	// An answer may come in the moment between the look and the close.
	if lost*20 > early {
		t.Errorf("%d of %d tasks were swallowed by a poller that had closed before the answer", lost, early)
	}
}

// TestUnreadAnswers closes connections whose answer has arrived but was not
// read. The kernel tells the server by a reset, so the task can come again.
func TestUnreadAnswers(t *testing.T) {
	t.Parallel()
	if heddle.Several() {
		t.Skip("what is before the servers reads answers in the place of their callers")
	}
	h := openWithTypes(t, "--poll-hold", "2s")
	for name, leave := range map[string]func(socket, *testing.T){"closed": socket.closes, "reset": socket.reset} {
		t.Run(name, func(t *testing.T) {
			task, answered := h.handOver(t, name, 500*time.Millisecond, leave)
			if !answered {
				t.Fatal("the answer had not arrived after half a second")
			}
			if task.TaskToken == nil {
				t.Error("the task was swallowed by a poller that never read it")
			}
		})
	}
}

// TestReadAnswersStayDelivered closes each connection as soon as the answer was
// read, as clients do that keep no connections. Every task must be handed out
// just once.
func TestReadAnswersStayDelivered(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--poll-hold", "2s")
	const many, pollers = 300, 12
	for i := range many {
		h.begin(fmt.Sprint("task", i))
	}
	var mu sync.Mutex
	times := map[string]int{}
	var working sync.WaitGroup
	for range pollers {
		working.Go(func() {
			for {
				id, err := h.pollAndClose()
				if err != nil {
					t.Error(err)
				}
				if id == "" {
					return
				}
				mu.Lock()
				times[id]++
				mu.Unlock()
			}
		})
	}
	working.Wait()
	twice := 0
	for _, n := range times {
		if n > 1 {
			twice++
		}
	}
	if len(times) != many || twice > 0 {
		t.Errorf("%d of %d tasks were handed out, %d of them more than once", len(times), many, twice)
	}
}

// TestResetAfterHeartbeat resets the connection of a worker who has read his task
// and reported since: proxies do so with idle connections. He has the task, so
// nobody else may get it.
func TestResetAfterHeartbeat(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	h.begin("w")
	h.decide(scheduling("a"))
	s := h.sends("PollForActivityTask", work)
	body, err := s.read()
	h.ok(err)
	var task struct{ TaskToken string }
	h.ok(json.Unmarshal(body, &task))
	_, err = h.RecordActivityTaskHeartbeat(t.Context(), &swf.RecordActivityTaskHeartbeatInput{TaskToken: aws.String(task.TaskToken)})
	h.ok(err)
	s.reset(t)
	again, err := h.PollForActivityTask(t.Context(), &swf.PollForActivityTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(work)}})
	h.ok(err)
	if again.TaskToken != nil {
		t.Errorf("activity %s was handed out a second time", *again.ActivityId)
	}
	_, err = h.RespondActivityTaskCompleted(t.Context(), &swf.RespondActivityTaskCompletedInput{TaskToken: aws.String(task.TaskToken)})
	h.ok(err)
}

// read reads the body of one answer.
func (s socket) read() ([]byte, error) {
	response, err := http.ReadResponse(bufio.NewReader(s), nil)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(response.Body)
}

// pollAndClose polls for a decision task on a connection of its own, closes it
// as soon as all was read, and gives the workflowId; "" if there was no task.
func (h *house) pollAndClose() (workflowID string, err error) {
	s := h.sends("PollForDecisionTask", decisions)
	defer func() { err = errors.Join(err, s.Close()) }()
	body, err := s.read()
	if err != nil {
		return "", err
	}
	var task struct{ WorkflowExecution struct{ WorkflowID string } }
	err = json.Unmarshal(body, &task)
	return task.WorkflowExecution.WorkflowID, err
}
