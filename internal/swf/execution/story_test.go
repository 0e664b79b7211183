package execution

import (
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-faster/jx"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/swf/wire"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: a command, four dashes, what it gave.
func TestStories(t *testing.T) {
	cover, told := coverage{}, 0
	files := golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string {
		s := &story{harness: newHarness(t, DefaultLimits())}
		text = golden.Blocks(text, s.tell)
		cover.add(path.Base(t.Name()), s)
		told++
		return text
	})
	if !t.Failed() && told == files { // not if -run chose some
		cover.check(t)
	}
}

// story plays one file.
type story struct {
	*harness
	decided map[string]bool // decision types
	seeds   int
}

func (s *story) tell(command string) (said string, always bool) {
	s.do(strings.Split(command, "\n"))
	return s.said(), true
}

// args are the words of a command: a verb, a run's label, key=value.
type args struct {
	s      *story
	run    *harnessRun
	values map[string]string
}

func (a args) text(key string) *string {
	if v, ok := a.values[key]; ok {
		return &v
	}
	return nil
}

func (a args) or(key, otherwise string) string {
	if v, ok := a.values[key]; ok {
		return v
	}
	return otherwise
}

func (a args) int(key string, otherwise int64) int64 {
	v, ok := a.values[key]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		a.s.t.Fatal(err)
	}
	return n
}

// started gives the Started event of a task by its Scheduled event.
func (a args) started(scheduled int64) int64 {
	if n := a.int("started", 0); n != 0 {
		return n
	}
	for _, e := range a.run.events {
		switch b := e.Body.(type) {
		case *wire.DecisionTaskStartedEventAttributes:
			if b.ScheduledEventID == scheduled {
				return e.ID
			}
		case *wire.ActivityTaskStartedEventAttributes:
			if b.ScheduledEventID == scheduled {
				return e.ID
			}
		case *wire.LambdaFunctionStartedEventAttributes:
			if b.ScheduledEventID == scheduled {
				return e.ID
			}
		}
	}
	return 0
}

// offered gives the first task on offer of a list's kind.
func (a args) offered(kind string) int64 {
	if n := a.int("scheduled", 0); n != 0 {
		return n
	}
	for _, o := range a.run.record.Offers {
		if strings.HasPrefix(o.List, kind) {
			return o.ID
		}
	}
	return 0
}

func (a args) ref() ActivityRef {
	scheduled := a.int("scheduled", 0)
	return ActivityRef{ScheduledEventID: scheduled, StartedEventID: a.started(scheduled)}
}

func (s *story) do(lines []string) {
	words := strings.Fields(lines[0])
	verb := words[0]
	a := args{s: s, values: map[string]string{}}
	label := ""
	for _, w := range words[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			a.values[k] = v
		} else {
			label = w
		}
	}
	span := func() engine.Time {
		d, err := time.ParseDuration(label)
		if err != nil {
			s.t.Fatal(err)
		}
		return engine.Time(d.Milliseconds())
	}
	switch verb {
	case "limits":
		s.rules = New(s.limits(a))
		return
	case "notify":
		s.notify = map[string]engine.Notify{"public": engine.NotifyPublic, "all": engine.NotifyAll}[label]
		return
	case "advance":
		s.advance(span())
		return
	case "jump":
		s.jump(span())
		return
	case "restart":
		s.restart(span())
		return
	case "deliver":
		s.deliver()
		return
	case "start":
		s.sayReply(s.start(label, a))
		return
	}
	a.run = s.run(label)
	if verb == "erase" {
		a.run.erased = true
		a.run.record.Status = engine.Closed
		return
	}
	body := s.body(verb, a, lines[1:])
	s.sayReply(s.handle(a.run, body))
}

func (s *story) limits(a args) Limits {
	l := DefaultLimits()
	l.OpenActivitiesMax = int(a.int("activities", int64(l.OpenActivitiesMax)))
	l.OpenTimersMax = int(a.int("timers", int64(l.OpenTimersMax)))
	l.OpenChildrenMax = int(a.int("children", int64(l.OpenChildrenMax)))
	l.OpenLambdasMax = int(a.int("lambdas", int64(l.OpenLambdasMax)))
	l.EventsMax = int(a.int("events", int64(l.EventsMax)))
	l.OpenExecutionsMax = int(a.int("open", int64(l.OpenExecutionsMax)))
	l.ExecutionSecondsMax = a.int("seconds", l.ExecutionSecondsMax)
	return l
}

func (s *story) start(workflowID string, a args) (any, error) {
	s.seeds++
	sum := sha256.Sum256(fmt.Append(nil, workflowID, s.seeds))
	name, version, _ := strings.Cut(a.or("type", "order/1"), "/")
	c := &Start{
		Settings: Settings{
			Type:                         wire.WorkflowType{Name: name, Version: version},
			TaskList:                     a.or("list", "deciders"),
			TaskPriority:                 a.or("priority", ""),
			ExecutionStartToCloseTimeout: a.or("exec", "3600"),
			TaskStartToCloseTimeout:      a.or("task", "60"),
			ChildPolicy:                  a.or("policy", "TERMINATE"),
			LambdaRole:                   a.or("role", ""),
		},
		Input:         a.text("input"),
		DomainNumber:  5,
		RetentionDays: a.int("retention", 1),
	}
	if tags, ok := a.values["tags"]; ok {
		c.Tags = strings.Split(tags, ",")
	}
	return s.command(engine.Command{
		Name: Name(testWorld, testDomain, workflowID), Begin: engine.Always, Seed: engine.Seed(sum[:14]),
		Group: Group(testWorld, testDomain), Body: c,
	})
}

func (s *story) body(verb string, a args, lines []string) any {
	scheduled := a.int("scheduled", 0)
	switch verb {
	case "poll-decision":
		return &StartDecision{ScheduledEventID: a.offered("decision"), Identity: a.text("identity")}
	case "decide":
		return s.decision(a, lines)
	case "poll-activity":
		return &StartActivity{ScheduledEventID: a.offered("activity"), Identity: a.text("identity")}
	case "heartbeat":
		return &Heartbeat{ActivityRef: a.ref(), Details: a.text("details")}
	case "complete":
		return &CompleteActivity{ActivityRef: a.ref(), Result: a.text("result")}
	case "fail":
		return &FailActivity{ActivityRef: a.ref(), Reason: a.text("reason"), Details: a.text("details")}
	case "cancel":
		return &CancelActivity{ActivityRef: a.ref(), Details: a.text("details")}
	case "signal":
		return &Signal{Name: a.or("name", "hello"), Input: a.text("input")}
	case "request-cancel":
		return &RequestCancel{}
	case "terminate":
		return &Terminate{Reason: a.text("reason"), Details: a.text("details"), ChildPolicy: a.or("policy", "")}
	case "describe":
		return &Describe{}
	case "delivered":
		return &task.Delivered{ScheduledEventID: scheduled, Attempt: a.int("attempt", 1)}
	case "undelivered":
		return &task.Undelivered{ScheduledEventID: scheduled, Attempt: a.int("attempt", 1)}
	case "start-lambda":
		return &StartLambda{ScheduledEventID: a.offered("lambda")}
	case "complete-lambda":
		return &CompleteLambda{ScheduledEventID: scheduled, StartedEventID: a.started(scheduled), Result: a.text("result")}
	case "fail-lambda":
		return &FailLambda{
			ScheduledEventID: scheduled, StartedEventID: a.started(scheduled),
			Reason: a.text("reason"), Details: a.text("details"),
		}
	case "start-lambda-failed":
		return &StartLambdaFailed{ScheduledEventID: scheduled, Message: a.or("message", "no such role")}
	case "wake":
		return engine.Wake{}
	}
	s.t.Fatalf("no command %q", verb)
	return nil
}

// decision reads the lines under decide: [throttled] [denied] DecisionType {attributes}.
func (s *story) decision(a args, lines []string) any {
	scheduled := a.int("scheduled", 0)
	if scheduled == 0 {
		scheduled = a.run.state.(*State).decision.Scheduled
	}
	c := &CompleteDecision{
		ScheduledEventID: scheduled, StartedEventID: a.started(scheduled),
		ExecutionContext: a.text("context"), TaskList: a.or("list", ""),
		TaskListScheduleToStartTimeout: a.text("listTimeout"),
		LambdaAvailable:                a.or("lambda", "yes") == "yes",
	}
	var denied, throttled []int
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "throttled "); ok {
			throttled = append(throttled, i)
			line = rest
		}
		if rest, ok := strings.CutPrefix(line, "denied "); ok {
			denied = append(denied, i)
			line = rest
		}
		kind, block, ok := strings.Cut(line, " ")
		for _, r := range s.runs {
			block = strings.ReplaceAll(block, "<"+r.label+">", FormatRun(r.id.Run))
		}
		b := fmt.Appendf(nil, `{"decisionType":%q`, kind)
		if ok {
			b = fmt.Appendf(b, `,"%s%sDecisionAttributes":%s`, strings.ToLower(kind[:1]), kind[1:], block)
		}
		var d wire.Decision
		if err := d.Decode(jx.DecodeBytes(append(b, '}'))); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		c.Decisions = append(c.Decisions, d)
		if s.decided == nil {
			s.decided = map[string]bool{}
		}
		s.decided[kind] = true
	}
	c.Facts = decideFacts(c.Decisions)
	for i := range c.Facts {
		c.Facts[i].Denied = slices.Contains(denied, i)
		c.Facts[i].Throttled = slices.Contains(throttled, i)
	}
	return c
}
