package sfn

import (
	"context"
	"io"
	"sync"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/kms/datakey"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/wire"
)

// expressMax is how long an execution of an express state machine runs at most (Step
// Functions Developer Guide, Quotas).
const expressMax = 5 * 60 * time.Second

// startSyncExecution serves StartSyncExecution. The execution lives as long as its caller
// waits, in memory: it runs at most once.
func (s *actions) startSyncExecution(ctx context.Context, in *wire.StartSyncExecutionInput) (*wire.StartSyncExecutionOutput, error) {
	w := worldOf(ctx)
	t, err := s.target(ctx, w, in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	if !t.Machine.Express {
		return nil, notOfThisType()
	}
	id, err := newUUID(s.Random)
	if err != nil {
		return nil, err
	}
	name, input := id, "{}"
	if in.Name != nil {
		if name = *in.Name; checkName(name) != nil {
			return nil, checkName(name)
		}
	}
	if in.Input != nil {
		input = *in.Input
	}
	if err := checkInput(input); err != nil {
		return nil, err
	}
	if isFromTask(ctx) {
		leave, ok := s.nested.enter(w.Account)
		if !ok {
			return nil, fault.Throttled()
		}
		defer leave()
	}
	d, e := &t.Revision.Definition, t.Revision.Encryption
	m, err := s.machine(ctx, d.ID, e, func() (datakey.Sealer, error) {
		return s.callersKey(ctx, callerUse(ctx, e, execution.MachineARN(w, t.Machine.Name)), []byte(d.DataKey))
	})
	if err != nil {
		return nil, err
	}
	start := &execution.Start{Input: input, Settings: execution.Settings{
		Definition: d.ID, Role: t.Revision.Role, Trace: traceHeader(ctx, in.TraceHeader), Revision: t.Revision.Shown(updatedOf(t)), Mocks: t.Mocks,
	}}
	if _, err := io.ReadFull(s.Random, start.Secret[:]); err != nil {
		return nil, err
	}
	run := &expressRun{
		actions: s, execution: execution.NewEphemeral(execution.ExpressName(w, t.Machine.Name, name, id), m, s.options.Execution), ended: make(chan ending),
	}
	if s.Measured != nil {
		run.execution.Measured = func(all []engine.Measure) { s.Measured(w, all) }
	}
	if s.Events != nil {
		run.execution.Notify, run.execution.Notified = s.Events.Notify(), s.Events.Offer
	}
	ended, err := run.toItsEnd(ctx, start)
	if err != nil {
		return nil, err
	}
	return syncOutput(ended, text(in.IncludedData) != wire.IncludedDataMetadataOnly), nil
}

func notOfThisType() error {
	return refusal(wire.CodeStateMachineTypeNotSupported, "This operation is not supported by this type of state machine")
}

// syncOutput is what StartSyncExecution answers. A machine that fails is no failure of the call.
func syncOutput(d *execution.Description, data bool) *wire.StartSyncExecutionOutput {
	billed := int64(execution.Billed(d.Started, d.Closed))
	memory, included := int64(64), true
	out := &wire.StartSyncExecutionOutput{
		ExecutionARN: d.ARN, StateMachineARN: &d.Machine, Name: &d.Name, Status: d.Status, Error: d.Error, Cause: d.Cause,
		StartDate: timestamp(d.Started), StopDate: timestamp(d.Closed), TraceHeader: present(d.Settings.Trace),
		BillingDetails: &wire.BillingDetails{BilledDurationInMilliseconds: &billed, BilledMemoryUsedInMB: &memory},
	}
	if data {
		out.Input, out.Output = &d.Input, present(d.Output)
		out.InputDetails = &wire.CloudWatchEventsExecutionDataDetails{Included: &included}
		out.OutputDetails = &wire.CloudWatchEventsExecutionDataDetails{Included: &included}
	}
	return out
}

// expressRun is an execution in memory with what it has called.
type expressRun struct {
	*actions
	execution *execution.Ephemeral
	calls     sync.WaitGroup
	calling   int // calls that have not ended
	ended     chan ending
}

// ending is how a task ended.
type ending struct {
	scheduled int64
	body      any
	err       error
}

// toItsEnd runs the execution until it is closed.
func (r *expressRun) toItsEnd(ctx context.Context, start *execution.Start) (*execution.Description, error) {
	ctx, cancel := r.Within(ctx, expressMax+time.Minute)
	defer r.calls.Wait()
	defer cancel()
	r.awaited.began()
	defer r.awaited.ended()
	if _, err := r.execution.Do(r.Clock(), start); err != nil {
		return nil, err
	}
	for {
		d := r.execution.Describe(r.Clock())
		if !d.Open {
			return d, nil
		}
		tasks, wake, timer := r.execution.Next()
		for _, scheduled := range tasks {
			if err := r.call(ctx, scheduled); err != nil {
				return nil, err
			}
		}
		if err := r.wait(ctx, wake, timer); err != nil {
			return nil, err
		}
	}
}

type nestedKey struct{}

// isNested tells whether an execution in memory has made the call.
func isNested(ctx context.Context) bool { return ctx.Value(nestedKey{}) != nil }

// call does what a task asks for, beside the others.
func (r *expressRun) call(ctx context.Context, scheduled int64) error {
	reply, err := r.execution.Do(r.Clock(), &execution.StartTask{ScheduledEventID: scheduled})
	if engine.IsGone(err) {
		return nil // it has ended, since it had no place for the start
	}
	if err != nil {
		return err
	}
	task := reply.(*execution.Task)
	r.calling++
	r.calls.Go(func() {
		body, err := r.callTask(context.WithValue(ctx, nestedKey{}, true), task, nil)
		select {
		case r.ended <- ending{scheduled, body, err}:
		case <-ctx.Done():
		}
	})
	return nil
}

// wait waits for the end of a task, or for the moment at which the execution is woken.
func (r *expressRun) wait(ctx context.Context, wake, timer engine.Time) error {
	s := sleep{wake: wake, timer: timer, calls: r.calling, waited: true, nested: isNested(ctx)}
	if r.calling == 0 && r.AsPoll != nil && !isFromTask(ctx) {
		if end, err := r.AsPoll(ctx); err == nil { // else it goes on being a request
			defer end()
			s.waited = false
		}
	}
	r.awaited.sleeps(r, s)
	defer r.awaited.rises(r)
	skipped := r.awaited.untilSkipped()
	alarm, cancel := r.Within(ctx, time.Duration(max(0, wake-r.Clock()))*time.Millisecond)
	defer cancel()
	select {
	case <-skipped: // it is looked anew how long to wait
		return nil
	case e := <-r.ended:
		r.calling--
		if e.err != nil {
			return e.err
		}
		// A task that has timed out meanwhile is over.
		if _, err := r.execution.Do(r.Clock(), e.body); err != nil && !engine.IsGone(err) {
			return err
		}
		return nil
	case <-alarm.Done():
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, err := r.execution.Do(r.Clock(), engine.Wake{})
		return err
	}
}
