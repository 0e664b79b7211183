package swf

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/service/tasks"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

// decisionTask answers PollForDecisionTask: the shape DecisionTask, with events
// as they were stored.
type decisionTask struct {
	tasks.Delivery
	task   *execution.DecisionTask // nil: no task
	token  string
	events history
}

// AppendJSON writes the answer. Without a task it has the numbers that a task has
// always, and no token: clients test for that.
func (t *decisionTask) AppendJSON(b []byte) []byte {
	if t.task == nil {
		return append(b, `{"previousStartedEventId":0,"startedEventId":0}`...)
	}
	b = append(b, `{"events":[`...)
	b = append(b, t.events.events...)
	b = append(b, ']')
	b = appendNextPage(b, t.events.next)
	b = append(b, `,"previousStartedEventId":`...)
	b = strconv.AppendInt(b, t.task.PreviousStartedEventID, 10)
	b = append(b, `,"startedEventId":`...)
	b = strconv.AppendInt(b, t.task.StartedEventID, 10)
	b = append(b, `,"taskToken":"`...)
	b = append(b, t.token...)
	b = append(b, `","workflowExecution":`...)
	b = (&wire.WorkflowExecution{RunID: t.task.RunID, WorkflowID: t.task.WorkflowID}).AppendJSON(b)
	b = append(b, `,"workflowType":`...)
	b = t.task.Type.AppendJSON(b)
	return append(b, '}')
}

// pollForDecisionTask serves PollForDecisionTask.
func (s *actions) pollForDecisionTask(ctx context.Context, in *wire.PollForDecisionTaskInput) (*decisionTask, error) {
	w := worldOf(ctx)
	if _, err := domainOf(ctx); err != nil {
		return nil, err
	}
	reverse := in.ReverseOrder != nil && *in.ReverseOrder
	query := queryHash("decision", in.Domain, in.TaskList.Name, fmt.Sprint(reverse))
	if next := text(in.NextPageToken); next != "" {
		return s.nextDecisionPage(ctx, w, query, next, reverse, pageSize(in.MaximumPageSize))
	}
	reply, run, err := s.poll(ctx, execution.DecisionList(w, in.Domain, in.TaskList.Name), in.Identity, func(id int64) any {
		return &execution.StartDecision{ScheduledEventID: id, Identity: in.Identity}
	})
	if err != nil {
		return nil, err
	}
	if reply == nil {
		return &decisionTask{}, nil
	}
	task := reply.(*execution.DecisionTask)
	t := &decisionTask{
		Delivery: tasks.Delivery{Runs: s.Runs, Run: run, Scheduled: task.ScheduledEventID, Attempt: task.Attempt, Trace: task.Trace},
		task:     task,
	}
	t.token, err = tasks.Token{
		Run: run, Owner: task.DomainNumber,
		Scheduled: task.ScheduledEventID, Started: task.StartedEventID, Attempt: uint32(task.Attempt),
	}.Seal(s.Tokens, familyDecisionTask, w)
	if err != nil {
		return nil, taskFault(t.NotMade(err))
	}
	pages := historyPages{run: run, first: 1, last: task.StartedEventID, reverse: reverse}
	if in.StartAtPreviousStartedEvent != nil && *in.StartAtPreviousStartedEvent {
		pages.first = max(1, task.PreviousStartedEventID)
	}
	if err := s.readDecisionPage(ctx, w, t, query, &pages, pageSize(in.MaximumPageSize)); err != nil {
		return &decisionTask{}, taskFault(t.NotMade(err))
	}
	return t, nil
}

func (s *actions) readDecisionPage(ctx context.Context, w engine.World, t *decisionTask, query [16]byte, pages *historyPages, size int) error {
	events, more, err := pages.read(ctx, s.Runs, size)
	if err != nil {
		return err
	}
	t.events.events = events
	if more {
		t.events.next, err = s.Tokens.SealPage(familyDecisionPage, w, query, appendDecisionPosition(nil, t, pages))
	}
	return err
}

// nextDecisionPage answers with more events of a task that was handed out.
func (s *actions) nextDecisionPage(ctx context.Context, w engine.World, query [16]byte, next string, reverse bool, size int) (*decisionTask, error) {
	position, err := s.Tokens.OpenPage(familyDecisionPage, w, query, next)
	if err != nil {
		return nil, errInvalidToken
	}
	t := &decisionTask{task: &execution.DecisionTask{}}
	pages := historyPages{reverse: reverse}
	if !readDecisionPosition(position, t, &pages) {
		return nil, errInvalidToken
	}
	view, err := s.Runs.View(ctx, engine.Name{}, pages.run)
	if err != nil {
		return nil, taskFault(err)
	}
	_, t.task.WorkflowID = execution.Split(view.Name.Key)
	t.task.RunID = execution.FormatRun(pages.run)
	listing, err := execution.DecodeListing(view.Listing)
	if err != nil {
		return nil, fmt.Errorf("page of decision task: %w", err)
	}
	t.task.Type = listing.Type
	if err := s.readDecisionPage(ctx, w, t, query, &pages, size); err != nil {
		return nil, taskFault(err)
	}
	return t, nil
}

// appendDecisionPosition writes what the next page needs: the task again, and
// where its events go on.
func appendDecisionPosition(b []byte, t *decisionTask, pages *historyPages) []byte {
	b = append(b, pages.run[:]...)
	b = pack.Int(b, t.task.PreviousStartedEventID)
	b = pack.Int(b, t.task.StartedEventID)
	b = pack.Text(b, t.token)
	return append(b, pages.position()...)
}

func readDecisionPosition(position []byte, t *decisionTask, pages *historyPages) bool {
	r := pack.Read(position)
	r.Fill(pages.run[:])
	t.task.PreviousStartedEventID = r.Int()
	t.task.StartedEventID = r.Int()
	t.token = r.Text()
	if r.Err() != nil {
		return false
	}
	return pages.resume(position[len(position)-r.Len():])
}

// respondDecisionTaskCompleted serves RespondDecisionTaskCompleted.
func (s *actions) respondDecisionTaskCompleted(ctx context.Context, in *wire.RespondDecisionTaskCompletedInput) error {
	task := &subjectOf(ctx).task
	facts, err := s.facts(ctx, task, in.Decisions)
	if err != nil {
		return err
	}
	cmd := &execution.CompleteDecision{
		ScheduledEventID:               task.Scheduled,
		StartedEventID:                 task.Started,
		ExecutionContext:               in.ExecutionContext,
		TaskListScheduleToStartTimeout: in.TaskListScheduleToStartTimeout,
		Decisions:                      in.Decisions,
		Facts:                          facts,
		LambdaAvailable:                s.Lambda.Available(),
	}
	if in.TaskList != nil {
		cmd.TaskList = in.TaskList.Name
	}
	return s.respond(ctx, task.Run, cmd)
}

// facts looks up what the rules must know of decisions: the types that they name,
// and whether the caller may make them.
func (s *actions) facts(ctx context.Context, task *tasks.Token, decisions []wire.Decision) ([]execution.Fact, error) {
	c, w := operation.CallerOf(ctx), worldOf(ctx)
	unlimited := c.Policies == nil
	scarce := s.Scarce != nil && s.Scarce()
	if unlimited && s.Throttle == nil && !scarce && !slices.ContainsFunc(decisions, namesType) {
		return nil, nil
	}
	domain, err := domainOf(ctx)
	if err != nil {
		return nil, err
	}
	facts := make([]execution.Fact, len(decisions))
	for i := range decisions {
		d, fact := &decisions[i], &facts[i]
		var version *string
		switch d.DecisionType {
		case wire.DecisionTypeScheduleActivityTask:
			*fact, err = s.activityFact(ctx, w, domain, d.ScheduleActivityTaskDecisionAttributes.ActivityType)
		case wire.DecisionTypeStartChildWorkflowExecution:
			*fact, err = s.childFact(ctx, w, domain, d.StartChildWorkflowExecutionDecisionAttributes.WorkflowType)
		case wire.DecisionTypeContinueAsNewWorkflowExecution:
			*fact, version, err = s.successorFact(ctx, w, domain, task.Run, d.ContinueAsNewWorkflowExecutionDecisionAttributes.WorkflowTypeVersion)
		}
		if err != nil {
			return nil, err
		}
		if !unlimited {
			verdict := mayDecide(c, domain, d, fact, version)
			if fact.Denied = !verdict.Allowed; verdict.TooDear {
				return nil, operation.Denied(ctx, fmt.Sprintf("%d decisions are too many for the caller's policies, which take too long to evaluate", len(decisions)))
			}
		}
		if !fact.Denied {
			passed, err := s.passes(ctx, permission.Decision(d).LambdaRole)
			if err != nil {
				return nil, err
			}
			fact.Denied = !passed
		}
		fact.Throttled = s.Throttle != nil && !fact.Denied && !s.Throttle(w, d.DecisionType) ||
			scarce && d.DecisionType == wire.DecisionTypeStartChildWorkflowExecution // its decider repeats it later
	}
	return facts, nil
}

func namesType(d wire.Decision) bool {
	switch d.DecisionType {
	case wire.DecisionTypeScheduleActivityTask, wire.DecisionTypeStartChildWorkflowExecution, wire.DecisionTypeContinueAsNewWorkflowExecution:
		return true
	}
	return false
}

func (s *actions) activityFact(ctx context.Context, w engine.World, d *registry.Domain, t wire.ActivityType) (execution.Fact, error) {
	found, err := s.activityType(ctx, w, d, t)
	if err != nil {
		return execution.Fact{}, err
	}
	return execution.Fact{Type: found.status, Activity: found.activity}, nil
}

// childFact looks up the type of a child. In a deprecated domain no type begins
// anything new, not even one that was undeprecated since.
func (s *actions) childFact(ctx context.Context, w engine.World, d *registry.Domain, t wire.WorkflowType) (execution.Fact, error) {
	fact, err := s.workflowFact(ctx, w, d, t)
	if d.Deprecated && fact.Type == execution.TypeRegistered {
		fact.Type = execution.TypeDeprecated
	}
	return fact, err
}

func (s *actions) workflowFact(ctx context.Context, w engine.World, d *registry.Domain, t wire.WorkflowType) (execution.Fact, error) {
	found, err := s.workflowType(ctx, w, d, t)
	if err != nil {
		return execution.Fact{}, err
	}
	return execution.Fact{Type: found.status, Workflow: found.workflow}, nil
}

// successorFact looks up the type that an execution continues as: its own name,
// and the given version or its own. It also returns that version.
func (s *actions) successorFact(ctx context.Context, w engine.World, d *registry.Domain, run engine.RunID, version *string) (execution.Fact, *string, error) {
	view, err := s.Runs.View(ctx, engine.Name{}, run)
	if err != nil {
		return execution.Fact{}, nil, taskFault(err)
	}
	listing, err := execution.DecodeListing(view.Listing)
	if err != nil {
		return execution.Fact{}, nil, fmt.Errorf("continue as new: %w", err)
	}
	t := listing.Type
	if version != nil {
		t.Version = *version
	}
	fact, err := s.workflowFact(ctx, w, d, t)
	return fact, &t.Version, err
}

// respond gives a worker's or decider's answer to the run.
func (s *actions) respond(ctx context.Context, run engine.RunID, body any) error {
	if _, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: body}); err != nil {
		return taskFault(err)
	}
	return nil
}
