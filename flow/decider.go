package flow

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/aws/smithy-go"

	"heddle/flow/internal/replay"
)

// cached is a run at hand.
type cached struct {
	run *replay.Run
	env *environment
}

// codeOf runs a workflow's function for the core.
func codeOf(code *workflowCode, env *environment) func(r *replay.Run, root *replay.Scope, started *types.WorkflowExecutionStartedEventAttributes, input string) *replay.Close {
	return func(r *replay.Run, root *replay.Scope, started *types.WorkflowExecutionStartedEventAttributes, input string) *replay.Close {
		env.tags = started.TagList
		if started.TaskList != nil {
			env.taskList = aws.ToString(started.TaskList.Name)
		}
		out, err := code.run(Context{r, root, env}, input)
		if err == nil {
			return &replay.Close{Decision: types.Decision{
				DecisionType: types.DecisionTypeCompleteWorkflowExecution,
				CompleteWorkflowExecutionDecisionAttributes: &types.CompleteWorkflowExecutionDecisionAttributes{Result: text(out)},
			}}
		}
		if next, ok := errors.AsType[*continueAsNew](err); ok {
			return &replay.Close{
				Decision: types.Decision{DecisionType: types.DecisionTypeContinueAsNewWorkflowExecution},
				Carry: func(d *types.Decision, unread []replay.Signal) {
					attributes := next.d
					attributes.Input = text(replay.Carry(next.input, unread))
					d.ContinueAsNewWorkflowExecutionDecisionAttributes = &attributes
				},
			}
		}
		reason, details := encodeError(err, "", env.secret)
		if r.CancelRequested() && errors.Is(err, ErrCanceled) {
			return &replay.Close{Decision: types.Decision{
				DecisionType: types.DecisionTypeCancelWorkflowExecution,
				CancelWorkflowExecutionDecisionAttributes: &types.CancelWorkflowExecutionDecisionAttributes{Details: text(details)},
			}}
		}
		return &replay.Close{Decision: types.Decision{
			DecisionType:                            types.DecisionTypeFailWorkflowExecution,
			FailWorkflowExecutionDecisionAttributes: &types.FailWorkflowExecutionDecisionAttributes{Reason: text(reason), Details: text(details)},
		}}
	}
}

func (w *Worker) pollDecision(on string, slots chan struct{}) taker {
	return func(ctx context.Context) (func(giveUp func()), error) {
		in := &swf.PollForDecisionTaskInput{
			Domain: aws.String(w.c.Domain), TaskList: &types.TaskList{Name: aws.String(on)}, Identity: aws.String(w.identity),
			StartAtPreviousStartedEvent: true,
		}
		task, err := w.c.API.PollForDecisionTask(ctx, in)
		if err != nil {
			return nil, err
		}
		if aws.ToString(task.TaskToken) == "" {
			return nil, nil
		}
		return func(giveUp func()) {
			slots <- struct{}{}
			w.under(&w.deciding, 1, "decision", cap(slots))
			free := sync.OnceFunc(func() {
				<-slots
				w.under(&w.deciding, -1, "decision", cap(slots))
			})
			defer free()
			w.decide(w.stopping, in, task, func() { free(); giveUp() })
		}, nil
	}
}

// decide handles a decision task. giveUp is called if its code still runs when it has timed out.
func (w *Worker) decide(ctx context.Context, in *swf.PollForDecisionTaskInput, task *swf.PollForDecisionTaskOutput, giveUp func()) {
	began := time.Now()
	info := RunInfo{
		w.c.Domain, aws.ToString(task.WorkflowType.Name), aws.ToString(task.WorkflowType.Version),
		aws.ToString(task.WorkflowExecution.WorkflowId), aws.ToString(task.WorkflowExecution.RunId),
	}
	log := w.cfg.Log.With("workflow", info.WorkflowID, "run", info.RunID, "type", info.Workflow+"@"+info.Version)
	if task.PreviousStartedEventId < longHistory && task.StartedEventId >= longHistory {
		log.Warn("flow: the history is long; SWF ends an execution with 25,000 events: continue as new", "events", task.StartedEventId)
		if h := w.cfg.Hooks.Long; h != nil {
			h(ctx, info, task.StartedEventId)
		}
	}
	d := DecisionInfo{Run: info, Attempt: task.StartedEventId}
	c := w.take(info, task.PreviousStartedEventId)
	d.Replayed = c == nil
	events, err := w.events(ctx, in, task, c == nil)
	d.Events = len(events)
	if h := w.cfg.Hooks.DecisionStart; h != nil {
		ctx = h(ctx, d)
	}
	outcome := DecisionOutcome{}
	if err == nil {
		outcome, err = w.answer(ctx, task, info, c, events, giveUp)
	}
	if err != nil {
		outcome.Err = err
		log.Warn("flow: a decision task is left to its timeout", "err", err)
	}
	outcome.Took = time.Since(began)
	if h := w.cfg.Hooks.DecisionEnd; h != nil {
		h(ctx, d, outcome)
	}
}

// events reads all pages of a task, and the whole history if the run is not at hand.
func (w *Worker) events(ctx context.Context, in *swf.PollForDecisionTaskInput, task *swf.PollForDecisionTaskOutput, whole bool) ([]types.HistoryEvent, error) {
	if whole && (len(task.Events) == 0 || task.Events[0].EventId != 1) {
		var all []types.HistoryEvent
		ask := &swf.GetWorkflowExecutionHistoryInput{Domain: in.Domain, Execution: task.WorkflowExecution}
		for {
			page, err := w.c.API.GetWorkflowExecutionHistory(ctx, ask)
			if err != nil {
				return nil, fmt.Errorf("read the history: %w", err)
			}
			for _, e := range page.Events {
				if e.EventId <= task.StartedEventId {
					all = append(all, e)
				}
			}
			if aws.ToString(page.NextPageToken) == "" || len(all) > 0 && all[len(all)-1].EventId == task.StartedEventId {
				return all, nil
			}
			ask.NextPageToken = page.NextPageToken
		}
	}
	all := task.Events
	for token := task.NextPageToken; aws.ToString(token) != ""; {
		next := *in
		next.NextPageToken = token
		page, err := w.c.API.PollForDecisionTask(ctx, &next)
		if err != nil {
			return nil, fmt.Errorf("read the next page of the history: %w", err)
		}
		all = append(all, page.Events...)
		token = page.NextPageToken
	}
	return all, nil
}

// longHistory is how many events a history has when somebody should hear of it.
const longHistory = 15_000

// watchdogAfter is how long code may run without waiting before somebody hears of it.
const watchdogAfter = time.Second

// watch looks after code that runs: after a second the log has its stack; at the deadline of the decision task, which SWF then gives
// to another, giveUp is called. Nothing ends it. What is returned says that it has come to wait.
func (w *Worker) watch(info RunInfo, run *replay.Run, code *workflowCode, giveUp func()) (done func()) {
	log := w.cfg.Log.With("workflow", info.WorkflowID, "run", info.RunID, "type", info.Workflow+"@"+info.Version)
	deadline := cmp.Or(code.decision, decisionTimeout)
	var second *time.Timer
	var mu sync.Mutex
	ended := false
	first := time.AfterFunc(watchdogAfter, func() {
		log.Warn("flow: workflow code runs and does not wait", "for", watchdogAfter, "stack", run.Stack())
		mu.Lock()
		defer mu.Unlock()
		if !ended && deadline > 0 {
			second = time.AfterFunc(max(deadline-watchdogAfter, 0), func() {
				log.Error("flow: workflow code runs and does not wait until its decision task has timed out; others have its place", "for", deadline, "stack", run.Stack())
				giveUp()
			})
		}
	})
	return func() {
		first.Stop()
		mu.Lock()
		defer mu.Unlock()
		ended = true
		if second != nil {
			second.Stop()
		}
	}
}

// answer runs the code and sends what it decides.
func (w *Worker) answer(ctx context.Context, task *swf.PollForDecisionTaskOutput, info RunInfo, c *cached, events []types.HistoryEvent, giveUp func()) (o DecisionOutcome, err error) {
	p := w.c.payloads()
	code := w.workflows[typeName{info.Workflow, info.Version}]
	if c == nil {
		c = w.newRun(info, code)
	}
	var decisions []types.Decision
	opened, why := openEvents(ctx, p, events, replay.EventPayloads, w.cfg.Hooks)
	if why == nil {
		why = readable(opened)
	}
	if why == nil && code == nil {
		why = fmt.Errorf("%w: this worker has no code of workflow %s@%s, which event 1 says it is: keep that code in the worker as long as its runs are open", ErrNoSuchType, info.Workflow, info.Version)
	}
	if why == nil {
		done := w.watch(info, c.run, code, giveUp)
		why = c.run.Advance(opened, task.StartedEventId)
		done()
	}
	if why == nil {
		decisions, why = sealDecisions(ctx, p, c.run.Decisions(), w.cfg.Hooks)
	}
	answer := &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken}
	if why != nil {
		if ctx.Err() != nil {
			c.run.End()
			return o, why
		}
		o.Parked = why.Error()
		answer.Decisions = w.park(ctx, info, why, events)
		if len(answer.Decisions) == 0 {
			answer.ExecutionContext = aws.String(replay.ParkedContext)
		}
	} else {
		answer.Decisions = decisions
		if said, changed := c.run.Context(); changed {
			if said, err := p.context(ctx, said); err == nil {
				answer.ExecutionContext = text(said)
			} else {
				w.cfg.Log.Warn("flow: a run's status can't be sent", "workflow", info.WorkflowID, "run", info.RunID, "err", err)
			}
		}
		if w.own != "" {
			answer.TaskList = &types.TaskList{Name: aws.String(w.own)}
			answer.TaskListScheduleToStartTimeout = seconds(w.cfg.Sticky, 0)
		}
	}
	_, err = w.c.API.RespondDecisionTaskCompleted(ctx, answer)
	if invalid, ok := errors.AsType[smithy.APIError](err); ok && invalid.ErrorCode() == "ValidationException" && why == nil {
		why = fmt.Errorf("SWF refuses what the code decides: %w", err)
		o.Parked = why.Error()
		answer = &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken, Decisions: w.park(ctx, info, why, events)}
		_, err = w.c.API.RespondDecisionTaskCompleted(ctx, answer)
	}
	o.Decisions = len(answer.Decisions)
	switch {
	case err != nil:
		err = fmt.Errorf("answer the decision task: %w", err)
		c.run.End()
	case why != nil:
		c.run.End()
	case c.run.Returned() && closes(decisions):
		w.c.ended(info.RunID)
		unread := c.run.Unseen()
		if len(unread) > 0 && decisions[len(decisions)-1].DecisionType != types.DecisionTypeContinueAsNewWorkflowExecution {
			w.cfg.Log.Warn("flow: a run closed with signals that nobody has read", "workflow", info.WorkflowID, "run", info.RunID, "signals", unread)
		}
		if h := w.cfg.Hooks.Closed; h != nil {
			h(ctx, info, unread)
		}
		c.run.End() // if there was news meanwhile, it is replayed
	default:
		w.keep(info.RunID, c)
	}
	return o, err
}

// park tells people, and gives what is decided in place of what could not be.
func (w *Worker) park(ctx context.Context, info RunInfo, why error, events []types.HistoryEvent) []types.Decision {
	p := w.c.payloads()
	logged := why.Error()
	if panicked, ok := errors.AsType[*replay.Panic](why); ok && p.crypt != nil {
		logged = panicked.Sealed()
	}
	w.cfg.Log.Error("flow: a run is parked", "workflow", info.WorkflowID, "run", info.RunID, "type", info.Workflow+"@"+info.Version, "why", logged)
	if h := w.cfg.Hooks.Parked; h != nil {
		h(ctx, info, why.Error())
	}
	return parked(ctx, p, why.Error(), events)
}

func closes(decisions []types.Decision) bool {
	if len(decisions) == 0 {
		return false
	}
	switch decisions[len(decisions)-1].DecisionType {
	case types.DecisionTypeCompleteWorkflowExecution, types.DecisionTypeFailWorkflowExecution, types.DecisionTypeCancelWorkflowExecution, types.DecisionTypeContinueAsNewWorkflowExecution:
		return true
	}
	return false
}

func (w *Worker) newRun(info RunInfo, code *workflowCode) *cached {
	c := newRun(info, code, w.c.payloads(), w.cfg.Log.With("workflow", info.WorkflowID, "run", info.RunID, "type", info.Workflow+"@"+info.Version), w.cfg.Check, false)
	if h := w.cfg.Hooks.Effect; h != nil {
		c.env.effect = func(took time.Duration) { h(w.stopping, info, took) }
	}
	return c
}

func newRun(info RunInfo, code *workflowCode, p payloads, log logger, check, strict bool) *cached {
	env := &environment{info: info, codec: p.codec, secret: p.crypt != nil, log: log}
	cfg := replay.Config{RunID: info.RunID, Check: check, Strict: strict}
	if code != nil {
		cfg.Code, cfg.Line = codeOf(code, env), code.line
	}
	return &cached{replay.New(cfg, ErrCanceled), env}
}

// How long a parked run waits before it is tried again: doubling.
const (
	parkedFirst = 5 * time.Second
	parkedMost  = 30 * time.Minute
)

// parked says in the history why there is no decision, and comes back later.
func parked(ctx context.Context, p payloads, why string, events []types.HistoryEvent) (decisions []types.Decision) {
	details, err := p.seal(ctx, cut(why, MaxPayload/2))
	if err != nil {
		details = "the reason can't be sealed"
	}
	wait := min(parkedFirst<<min(replay.Parks(events), 20), parkedMost)
	last := events[len(events)-1].EventId // names the timer: others may be open
	marker, timer := replay.Park(events)
	if marker {
		decisions = append(decisions, types.Decision{DecisionType: types.DecisionTypeRecordMarker, RecordMarkerDecisionAttributes: &types.RecordMarkerDecisionAttributes{
			MarkerName: aws.String(replay.MarkerParked), Details: text(details),
		}})
	}
	if timer {
		decisions = append(decisions, replay.StartTimer(fmt.Sprintf("%s-%d", replay.TimerRetry, last), wait))
	}
	return decisions
}

// readable tells whether this version of the package can lead a run whose whole history it has: by the number in its first answer.
func readable(events []types.HistoryEvent) error {
	if len(events) == 0 || events[0].EventId != 1 {
		return nil
	}
	for _, e := range events {
		a := e.DecisionTaskCompletedEventAttributes
		if a == nil || a.ExecutionContext == nil {
			continue
		}
		if n := replay.FormatOf(*a.ExecutionContext); n > replay.Format {
			return fmt.Errorf("event %d says that the run is led by format %d of package flow, this worker knows %d: give it the newer package", e.EventId, n, replay.Format)
		}
		return nil
	}
	return nil
}

// openEvents gives events with those payloads clear that fields finds.
func openEvents(ctx context.Context, p payloads, events []types.HistoryEvent, fields func(e *types.HistoryEvent) []**string, h Hooks) ([]types.HistoryEvent, error) {
	for i := range events {
		e := &events[i]
		if m := e.MarkerRecordedEventAttributes; m != nil && aws.ToString(m.MarkerName) == replay.MarkerParked {
			continue // for people
		}
		for _, field := range fields(e) {
			if *field == nil {
				continue
			}
			clear, err := p.open(ctx, **field)
			if err != nil {
				return nil, fmt.Errorf("event %d, %s: %w", e.EventId, e.EventType, err)
			}
			if h.Payload != nil {
				h.Payload(ctx, "in", len(clear))
			}
			*field = &clear
		}
	}
	return events, nil
}

// sealDecisions gives decisions as they go on the wire.
func sealDecisions(ctx context.Context, p payloads, decisions []types.Decision, h Hooks) ([]types.Decision, error) {
	for i := range decisions {
		d := detached(decisions[i])
		for _, field := range replay.Payloads(&d) {
			if *field == nil {
				continue
			}
			if h.Payload != nil {
				h.Payload(ctx, "out", len(**field))
			}
			sealed, err := p.seal(ctx, **field)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.DecisionType, err)
			}
			*field = text(sealed)
		}
		decisions[i] = d
	}
	return decisions, nil
}

func copyOf[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

// detached is a decision whose payload may be changed.
func detached(d types.Decision) types.Decision {
	d.ScheduleActivityTaskDecisionAttributes = copyOf(d.ScheduleActivityTaskDecisionAttributes)
	d.StartChildWorkflowExecutionDecisionAttributes = copyOf(d.StartChildWorkflowExecutionDecisionAttributes)
	d.SignalExternalWorkflowExecutionDecisionAttributes = copyOf(d.SignalExternalWorkflowExecutionDecisionAttributes)
	d.RecordMarkerDecisionAttributes = copyOf(d.RecordMarkerDecisionAttributes)
	d.ScheduleLambdaFunctionDecisionAttributes = copyOf(d.ScheduleLambdaFunctionDecisionAttributes)
	d.CompleteWorkflowExecutionDecisionAttributes = copyOf(d.CompleteWorkflowExecutionDecisionAttributes)
	d.FailWorkflowExecutionDecisionAttributes = copyOf(d.FailWorkflowExecutionDecisionAttributes)
	d.CancelWorkflowExecutionDecisionAttributes = copyOf(d.CancelWorkflowExecutionDecisionAttributes)
	d.ContinueAsNewWorkflowExecutionDecisionAttributes = copyOf(d.ContinueAsNewWorkflowExecutionDecisionAttributes)
	return d
}

// take gives a run that is at hand and handled the task before last; it is not at hand meanwhile.
func (w *Worker) take(info RunInfo, previous int64) *cached {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.cache[info.RunID]
	if at == nil {
		return nil
	}
	k := at.Value.(kept)
	if previous == 0 || k.c.run.LastStarted() != previous {
		w.drop(at)
		return nil
	}
	w.used.Remove(at)
	delete(w.cache, info.RunID)
	return k.c
}

type kept struct {
	id string
	c  *cached
}

// keep has a run at hand for its next task.
func (w *Worker) keep(id string, c *cached) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cfg.Cached < 0 {
		c.run.End()
		return
	}
	if at := w.cache[id]; at != nil { // somebody else had a later task
		w.drop(at)
	}
	w.cache[id] = w.used.PushFront(kept{id, c})
	for w.used.Len() > w.cfg.Cached {
		w.drop(w.used.Back())
	}
}

// drop ends a run's code here.
func (w *Worker) drop(at *list.Element) {
	k := at.Value.(kept)
	w.used.Remove(at)
	delete(w.cache, k.id)
	k.c.run.End()
	if h := w.cfg.Hooks.Evicted; h != nil {
		h(context.Background(), k.c.env.info)
	}
}

// Replay runs workflow code over a history that was kept, as what get-workflow-execution-history
// prints has it, and tells where it does not fit. Strict compares inputs and durations, too.
func Replay(c *Client, runID string, events []types.HistoryEvent, strict bool, code ...Implementation) error {
	if len(events) == 0 || events[0].WorkflowExecutionStartedEventAttributes == nil {
		return errors.New("flow: a history begins with WorkflowExecutionStarted")
	}
	p := (&Client{}).payloads()
	if c != nil {
		p = c.payloads()
	}
	t := events[0].WorkflowExecutionStartedEventAttributes.WorkflowType
	info := RunInfo{Workflow: aws.ToString(t.Name), Version: aws.ToString(t.Version), RunID: runID}
	for _, i := range code {
		if w := i.workflow; w != nil && w.name == info.Workflow && w.version == info.Version {
			run := newRun(info, w, p, discard, true, strict)
			defer run.run.End()
			opened, err := openEvents(context.Background(), p, events, replay.EventPayloads, Hooks{})
			if err == nil && strict {
				opened, err = openEvents(context.Background(), p, opened, replay.DecidedPayloads, Hooks{})
			}
			if err == nil {
				err = readable(opened)
			}
			if err != nil {
				return err
			}
			return run.run.Advance(opened, 0)
		}
	}
	return fmt.Errorf("%w: no code of workflow %s@%s was given, which event 1 says it is: keep that code in the worker as long as its runs are open", ErrNoSuchType, info.Workflow, info.Version)
}
