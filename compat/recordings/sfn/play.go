package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"heddle/compat/heddle"
)

// Limits of playing a case.
const (
	caseTime  = 90 * time.Second
	waitTime  = 30 * time.Second // for an execution to close
	lookFirst = 5 * time.Millisecond
	lookMost  = 250 * time.Millisecond // looks come ever more rarely, up to that
	pagesMax  = 1000
)

// caller calls an operation and gives the answer, whatever it is.
type caller func(ctx context.Context, operation string, in any) (*heddle.Answer, error)

// player plays cases against one server.
type player struct {
	call      caller
	functions *functions
	buckets   buckets
	objects   *objects
	queues    *queues
	say       func(format string, arguments ...any) // what is called and answered
}

// play plays a case. The error tells why it could not be played to its end.
func (p *player) play(ctx context.Context, r *recording, names *names) (differences []difference, err error) {
	if r.unread != nil {
		return nil, fmt.Errorf("read the case: %w", r.unread)
	}
	ctx, cancel := context.WithTimeout(ctx, caseTime)
	g := &game{player: p, names: names}
	defer func() {
		cancel()
		g.workers.Wait()
		differences = g.differences
	}()
	for _, f := range r.Lambda {
		if err := p.functions.add(f, g.names); err != nil {
			return nil, err
		}
	}
	for i := range r.Steps {
		if err := g.play(ctx, i, &r.Steps[i]); err != nil {
			return nil, fmt.Errorf("step %d %s: %w", i, title(&r.Steps[i]), err)
		}
	}
	return nil, nil
}

// title says what a step does.
func title(s *step) string {
	switch {
	case s.Wait != "":
		return "wait " + s.Wait
	case s.Worker != nil:
		return "worker"
	case s.TokenWorker != nil:
		return "tokenWorker"
	}
	return s.Service + s.Call
}

// game is a case being played.
type game struct {
	*player
	names   *names
	workers sync.WaitGroup

	mu          sync.Mutex
	differences []difference
}

// note notes differences of a step.
func (g *game) note(i int, call string, list ...difference) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range list {
		d.step, d.call = i, call
		g.differences = append(g.differences, d)
		g.say("DIFFERENT %s", d)
	}
}

func (g *game) play(ctx context.Context, i int, s *step) error {
	switch {
	case s.Service == "s3":
		request, err := g.filled(s)
		if err != nil {
			return err
		}
		return g.buckets.do(g.objects, s.Call, request)
	case s.Service == "sqs":
		return g.callQueue(s)
	case s.TokenWorker != nil:
		return g.startTokenWorker(ctx, i, s.TokenWorker)
	case s.Service != "":
		return fmt.Errorf("it needs a service that this command has no stand-in for")
	case s.Worker != nil:
		return g.startWorker(ctx, i, s.Worker)
	case s.Wait != "":
		return g.wait(ctx, s)
	}
	return g.callAndCompare(ctx, i, s)
}

// callQueue does a call of SQS, and binds what it answers.
func (g *game) callQueue(s *step) error {
	request, err := g.filled(s)
	if err != nil {
		return err
	}
	got, err := g.queues.do(s.Call, request)
	if err != nil || s.Bind == nil {
		return err
	}
	recorded, err := decode(s.Bind)
	if err != nil {
		return err
	}
	c := &comparer{names: g.names}
	bind, _ := recorded.(map[string]any)
	for name, want := range bind {
		c.value("."+name, want, value(got, name))
	}
	if len(c.differences) > 0 {
		return fmt.Errorf("%s", c.differences[0])
	}
	return nil
}

// answer is what an operation answered.
type answer struct {
	status int
	body   map[string]any
	text   string // the body as it came
}

func (a *answer) String() string { return fmt.Sprintf("%d %s", a.status, cut(a.text)) }

// ask calls an operation.
func (g *game) ask(ctx context.Context, operation string, in any) (*answer, error) {
	g.say("%s %s", operation, show(in))
	got, err := g.call(ctx, operation, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	a := &answer{status: got.Status, text: string(got.Body), body: map[string]any{}}
	if len(got.Body) > 0 {
		v, err := decode(got.Body)
		if body, is := v.(map[string]any); is {
			a.body = body
		} else {
			return nil, fmt.Errorf("%s: the answer %s is no structure: %w", operation, a, err)
		}
	}
	g.say("\t%d %s", a.status, a.text)
	return a, nil
}

// must calls an operation that must succeed.
func (g *game) must(ctx context.Context, operation string, in any) (map[string]any, error) {
	a, err := g.ask(ctx, operation, in)
	if err == nil && a.status != 200 {
		err = fmt.Errorf("%s: %s", operation, a)
	}
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// filled is the request of a step, with names in it.
func (g *game) filled(s *step) (any, error) {
	if s.Request == nil {
		return map[string]any{}, nil
	}
	v, err := decode(s.Request)
	if err != nil {
		return nil, err
	}
	return g.names.fillAll(v)
}

func (g *game) callAndCompare(ctx context.Context, i int, s *step) error {
	request, err := g.filled(s)
	if err != nil {
		return err
	}
	got, err := g.ask(ctx, s.Call, request)
	if err != nil {
		return err
	}
	if s.Error != nil {
		g.note(i, s.Call, g.compareError(s, got)...)
		return nil
	}
	if got.status != 200 {
		g.note(i, s.Call, difference{path: "answer", want: "success", got: got.String()})
		return nil
	}
	expected := map[string]json.RawMessage{"reply": s.Reply, "bind": s.Bind, "output": s.Output}
	recorded := map[string]any{}
	for name, text := range expected {
		if text == nil {
			continue
		}
		if recorded[name], err = decode(text); err != nil {
			return err
		}
	}
	reply, _ := recorded["reply"].(map[string]any)
	_, paged := reply["nextToken"]
	if s.AllPages || s.Call == "GetExecutionHistory" && !paged {
		if err := g.joinPages(ctx, s.Call, request, got.body); err != nil {
			return err
		}
	}
	c := &comparer{names: g.names, later: s.Later}
	if s.Reply != nil {
		c.value("", recorded["reply"], got.body)
	}
	bind, _ := recorded["bind"].(map[string]any)
	for name, want := range bind {
		c.value("."+name, want, value(got.body, name))
	}
	if s.Output != nil {
		c.value("output", recorded["output"], outputOf(got.body))
	}
	g.note(i, s.Call, c.differences...)
	return nil
}

// compareError compares a refusal with a recorded one; of {} nothing but that it
// was one was recorded.
func (g *game) compareError(s *step, got *answer) []difference {
	if got.status == 200 {
		return []difference{{path: "answer", want: "error " + g.names.show(show(s.Error)), got: got.String()}}
	}
	if len(s.Error) == 0 {
		return nil
	}
	code, _ := got.body["__type"].(string)
	ours := map[string]any{"code": code[strings.LastIndexByte(code, '#')+1:], "status": json.Number(fmt.Sprint(got.status)), "members": maps.Clone(got.body)}
	delete(ours["members"].(map[string]any), "__type")
	delete(ours["members"].(map[string]any), "message")
	want := map[string]any{"status": json.Number("400"), "members": map[string]any{}}
	maps.Copy(want, s.Error)
	if _, recorded := want["message"]; recorded {
		ours["message"] = value(got.body, "message")
	}
	c := &comparer{names: g.names, later: s.Later}
	c.value("error", want, ours)
	return c.differences
}

// joinPages follows the nextToken of a reply and joins the lists of the further
// pages to the reply's.
func (g *game) joinPages(ctx context.Context, operation string, request any, reply map[string]any) error {
	for range pagesMax {
		token, more := reply["nextToken"]
		delete(reply, "nextToken")
		if !more {
			return nil
		}
		in := maps.Clone(request.(map[string]any))
		in["nextToken"] = token
		page, err := g.must(ctx, operation, in)
		if err != nil {
			return err
		}
		for name, member := range page {
			list, isList := reply[name].([]any)
			more, isToo := member.([]any)
			if isList && isToo {
				reply[name] = append(list, more...)
			} else {
				reply[name] = member
			}
		}
	}
	return fmt.Errorf("%s: no end after %d pages", operation, pagesMax)
}

// outputOf is the output of a history's ExecutionSucceeded event.
func outputOf(history map[string]any) any {
	events, _ := history["events"].([]any)
	for _, e := range events {
		event, _ := e.(map[string]any)
		if details, is := event["executionSucceededEventDetails"].(map[string]any); is {
			return value(details, "output")
		}
	}
	if len(events) > 0 {
		return fmt.Sprintf("no output; the last event: %s", cut(show(events[len(events)-1])))
	}
	return absent
}

// wait waits for an execution.
func (g *game) wait(ctx context.Context, s *step) error {
	execution, err := g.names.fill(s.Execution)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, waitTime, fmt.Errorf("not so after %s", waitTime))
	defer cancel()
	in := map[string]any{"executionArn": execution}
	last := "nothing"
	for pause := lookFirst; ; pause = min(lookMost, pause*5/4) {
		operation := "DescribeExecution"
		if s.Wait == "entered" {
			operation = "GetExecutionHistory"
		}
		got, err := g.ask(ctx, operation, in)
		if err != nil {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
		switch {
		case s.Wait == "started" && got.status == 200,
			s.Wait == "closed" && got.status == 200 && got.body["status"] != "RUNNING",
			s.Wait == "entered" && got.status == 200 && strings.Contains(got.text, `StateEntered"`):
			return nil
		case got.status != 200 && s.Wait == "closed":
			return fmt.Errorf("%s: %s", operation, got)
		case s.Wait != "closed" && s.Wait != "entered" && s.Wait != "started":
			return fmt.Errorf("nobody told this command how to wait for it")
		}
		last = got.String()
		if sleep(ctx, pause) != nil {
			return fmt.Errorf("%w: %s", context.Cause(ctx), g.lastEvent(in, last))
		}
	}
}

// lastEvent is where an execution stands, for people.
func (g *game) lastEvent(execution map[string]any, otherwise string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	in := maps.Clone(execution)
	in["reverseOrder"], in["maxResults"] = true, 1
	history, err := g.must(ctx, "GetExecutionHistory", in)
	if events, _ := history["events"].([]any); err == nil && len(events) > 0 {
		return "its last event is " + cut(show(events[0]))
	}
	return otherwise
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
