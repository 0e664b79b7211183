package operator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/iam/account"
	"heddle/internal/operator/batch"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

// batcher is that of the service whose executions are within something.
func (s *actions) batcher(within string) service.Batcher { return s.searcher(within).(service.Batcher) }

func deedOf(in *wire.StartBatchInput) *service.Deed {
	return &service.Deed{
		Action: in.Action, Reason: in.Reason, Details: in.Details, ChildPolicy: in.ChildPolicy, Signal: in.SignalName, Input: in.Input, Error: in.Error, Cause: in.Cause,
	}
}

// searchOf is the search of a batch: of executions that are open, or of those that have failed, if
// they are to go on.
func searchOf(in *wire.StartBatchInput) *wire.SearchExecutionsInput {
	b := &in.Search
	status, closed := wire.SearchStatusOpen, b.CloseStatus
	if in.Action == wire.BatchActionRedriveExecution {
		if status = wire.SearchStatusClosed; closed == nil {
			closed = present(wire.CloseStatusFailed)
		}
	}
	return &wire.SearchExecutionsInput{
		Domain: b.Domain, StateMachineARN: b.StateMachineARN, Status: status, CloseStatus: closed, WorkflowID: b.WorkflowID, WorkflowIdPrefix: b.WorkflowIdPrefix, WorkflowIdPart: b.WorkflowIdPart,
		TypeName: b.TypeName, TypeVersion: b.TypeVersion, Tag: b.Tag, StartedFrom: b.StartedFrom, StartedTo: b.StartedTo,
	}
}

// both are two subjects: all that either asks must be allowed.
type both struct {
	operation.Subject
	too operation.Subject
}

// Questions implements operation.Subject.
func (b both) Questions(ctx context.Context) ([]policy.Request, error) {
	all, err := b.Subject.Questions(ctx)
	if err != nil {
		return nil, err
	}
	more, err := b.too.Questions(ctx)
	return append(all, more...), err
}

// aboutNewBatch asks whether its caller may search so, and do it to an execution of the domain.
func (s *actions) aboutNewBatch(ctx context.Context, in *wire.StartBatchInput) (operation.Subject, error) {
	within, err := within(in.Search.Domain, in.Search.StateMachineARN)
	if err != nil {
		return nil, err
	}
	deed, err := s.batcher(within).DeedSubject(ctx, deedOf(in), within)
	if err != nil {
		return nil, err
	}
	search, err := s.aboutSearch(ctx, searchOf(in))
	if err != nil {
		return nil, err
	}
	return both{deed, search}, nil
}

// startBatch serves StartBatch. What starts from now on it leaves alone.
func (s *actions) startBatch(ctx context.Context, in *wire.StartBatchInput) (*wire.StartBatchOutput, error) {
	if in.ClientToken != nil && strings.Trim(*in.ClientToken, tokenCharacters) != "" {
		return nil, fault.Invalid("A clientToken is of letters, digits, - and _.")
	}
	w, order := worldOf(ctx), *in
	now := wire.Timestamp(s.Clock())
	if to := order.Search.StartedTo; to == nil || *to > now {
		order.Search.StartedTo = &now
	}
	// That there is such a domain, or state machine, is told now.
	of := text(in.Search.Domain) + text(in.Search.StateMachineARN)
	if _, err := s.batcher(of).Search(ctx, &service.Search{Within: of, Limit: 1, StartedTo: 1}); err != nil {
		return nil, asNotFound(err)
	}
	c := operation.CallerOf(ctx)
	o := batch.Order{
		Domain: of, What: order.AppendJSON(nil), By: c.Principal.ARN, Address: c.Request.RemoteAddr, Secure: c.Request.TLS != nil,
	}
	if c.Principal.Session != "" {
		o.By = c.Principal.Session
	}
	var err error
	if o.Hold, err = s.hold(w, c.Identity.(*account.Caller)); err != nil {
		return nil, err
	}
	reply, err := s.Runs.Do(ctx, collection.Command(batch.Name(w), batch.Begin{Order: o, Once: onceOf(in)}, true))
	if errors.Is(err, batch.ErrRunning) {
		return nil, &fault.Fault{
			Code:    wire.CodeLimitExceededException,
			Message: fmt.Sprintf("%d batches run, of all domains of the account in this region; wait until one is done, or stop one.", batch.RunningMax),
		}
	}
	if err != nil {
		return nil, err
	}
	b := reply.(*batch.Batch)
	if same, err := isSame(b, in); err != nil || !same {
		return nil, cmp.Or(err, error(fault.Invalid("The clientToken was given with another order, that of batch "+strconv.FormatInt(b.ID, 10)+".")))
	}
	return &wire.StartBatchOutput{BatchID: strconv.FormatInt(b.ID, 10)}, nil
}

const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// onceOf is what the order of a batch has of its client's token; nil: none.
func onceOf(in *wire.StartBatchInput) []byte {
	if in.ClientToken == nil {
		return nil
	}
	// No text of a client has quotes that stand so: those within its strings are escaped.
	return []byte(`"clientToken":"` + *in.ClientToken + `"`)
}

// isSame tells whether a batch is what somebody orders, but for the moment.
func isSame(b *batch.Batch, in *wire.StartBatchInput) (bool, error) {
	order, err := orderOf(b)
	if err != nil {
		return false, err
	}
	had, asked := *order, *in
	if to := asked.Search.StartedTo; to == nil || *to >= *had.Search.StartedTo {
		had.Search.StartedTo, asked.Search.StartedTo = nil, nil
	}
	return bytes.Equal(had.AppendJSON(nil), asked.AppendJSON(nil)), nil
}

// asNotFound has faults of the service whose executions are looked for in words of ours.
func asNotFound(err error) error {
	if f, ours := errors.AsType[*fault.Fault](err); ours && f.Kind == 0 {
		return &fault.Fault{Code: wire.CodeResourceNotFoundException, Message: f.Message}
	}
	return err
}

// listing is the subject of who sees the batches of a domain or a state machine: he may list its
// open executions.
func (s *actions) listing(ctx context.Context, domain, machine *string) (operation.Subject, error) {
	of, err := within(domain, machine)
	if err != nil {
		return nil, err
	}
	return s.searcher(of).SearchSubject(ctx, &service.Search{Within: of})
}

func (s *actions) aboutBatches(ctx context.Context, in *wire.ListBatchesInput) (operation.Subject, error) {
	return s.listing(ctx, in.Domain, in.StateMachineARN)
}

func (s *actions) aboutBatch(ctx context.Context, in *wire.DescribeBatchInput) (operation.Subject, error) {
	return s.listing(ctx, in.Domain, in.StateMachineARN)
}

// aboutStopping asks whether its caller may do himself what the batch does. What is not there
// is looked for in the right of who terminates.
func (s *actions) aboutStopping(ctx context.Context, in *wire.StopBatchInput) (operation.Subject, error) {
	of, err := within(in.Domain, in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	deed := &service.Deed{Action: wire.BatchActionTerminateWorkflowExecution}
	if in.StateMachineARN != nil {
		deed.Action = wire.BatchActionStopExecution
	}
	b, err := s.findBatch(ctx, of, in.BatchID)
	if err == nil {
		var order *wire.StartBatchInput
		if order, err = orderOf(b); err == nil {
			deed = deedOf(order)
		}
	}
	if err != nil && !errors.Is(err, errNoBatch) {
		return nil, err
	}
	return s.batcher(of).DeedSubject(ctx, deed, of)
}

var errNoBatch = &fault.Fault{Code: wire.CodeResourceNotFoundException, Message: "There is no batch of that id; of those that have ended the last hundred are kept."}

// findBatch gives a batch of a domain or a state machine. Errors: errNoBatch.
func (s *actions) findBatch(ctx context.Context, within, id string) (*batch.Batch, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, errNoBatch
	}
	b, err := s.askBatches(ctx, worldOf(ctx), batch.Find{Batch: n})
	if err == nil && (b == nil || b.Domain != within) {
		err = errNoBatch
	}
	return b, err
}

// askBatches gives a command to the batches of a world, and a batch that it replies with; nil:
// none.
func (s *actions) askBatches(ctx context.Context, w engine.World, body any) (*batch.Batch, error) {
	reply, err := s.Runs.Do(ctx, collection.Command(batch.Name(w), body, false))
	if _, none := errors.AsType[*engine.UnknownRunError](err); none {
		return nil, nil
	}
	b, _ := reply.(*batch.Batch)
	return b, err
}

func orderOf(b *batch.Batch) (*wire.StartBatchInput, error) {
	var order wire.StartBatchInput
	if err := order.Decode(jx.DecodeBytes(b.What)); err != nil {
		return nil, fmt.Errorf("read the order of batch %d: %w", b.ID, err)
	}
	return &order, nil
}

// describeBatch serves DescribeBatch.
func (s *actions) describeBatch(ctx context.Context, in *wire.DescribeBatchInput) (*wire.DescribeBatchOutput, error) {
	b, err := s.findBatch(ctx, text(in.Domain)+text(in.StateMachineARN), in.BatchID)
	if err != nil {
		return nil, err
	}
	shown, err := batchShown(b)
	return &wire.DescribeBatchOutput{Batch: shown, ServerTimestamp: wire.Timestamp(s.Clock())}, err
}

// stopBatch serves StopBatch: of a batch that has ended nothing changes.
func (s *actions) stopBatch(ctx context.Context, in *wire.StopBatchInput) (*wire.StopBatchOutput, error) {
	b, err := s.findBatch(ctx, text(in.Domain)+text(in.StateMachineARN), in.BatchID)
	if err != nil {
		return nil, err
	}
	c := operation.CallerOf(ctx)
	by := c.Principal.ARN
	if c.Principal.Session != "" {
		by = c.Principal.Session
	}
	b, err = s.askBatches(ctx, worldOf(ctx), batch.End{Batch: b.ID, Status: batch.Stopped, Why: "Stopped by " + by + "."})
	if err == nil && b == nil {
		err = errNoBatch
	}
	if err != nil {
		return nil, err
	}
	shown, err := batchShown(b)
	return &wire.StopBatchOutput{Batch: shown, ServerTimestamp: wire.Timestamp(s.Clock())}, err
}

// listBatches serves ListBatches: those of a domain, the newest first.
func (s *actions) listBatches(ctx context.Context, in *wire.ListBatchesInput) (*wire.ListBatchesOutput, error) {
	w := worldOf(ctx)
	out := &wire.ListBatchesOutput{Batches: []wire.Batch{}, ServerTimestamp: wire.Timestamp(s.Clock())}
	reply, err := s.Runs.Do(ctx, collection.Command(batch.Name(w), batch.Of{Domain: text(in.Domain) + text(in.StateMachineARN)}, false))
	if _, none := errors.AsType[*engine.UnknownRunError](err); none {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, b := range reply.(batch.Batches) {
		shown, err := batchShown(b)
		if err != nil {
			return nil, err
		}
		shown.Order.Input, shown.Order.Details, shown.Order.Cause, shown.Failures = nil, nil, nil, []wire.BatchFailure{} // DescribeBatch shows them
		out.Batches = append(out.Batches, shown)
	}
	return out, nil
}

// refWithin names an execution that a batch has found: those of state machines by their ARN alone.
func refWithin(b *batch.Batch, e batch.Execution) diagnose.Ref {
	if strings.HasPrefix(b.Domain, "arn:") {
		return diagnose.Ref{ARN: e.WorkflowID}
	}
	return diagnose.Ref{Domain: b.Domain, WorkflowID: e.WorkflowID, RunID: e.RunID}
}

var batchStatus = map[batch.Status]string{
	batch.Running: wire.BatchStatusRunning, batch.Completed: wire.BatchStatusCompleted, batch.Stopped: wire.BatchStatusStopped, batch.Failed: wire.BatchStatusFailed,
}

// batchShown is a batch as the wire has it.
func batchShown(b *batch.Batch) (wire.Batch, error) {
	order, err := orderOf(b)
	if err != nil {
		return wire.Batch{}, err
	}
	shown := wire.Batch{
		BatchID: strconv.FormatInt(b.ID, 10), Order: *order, Status: batchStatus[b.Status], Principal: b.By,
		StartTimestamp: wire.Timestamp(b.Began), EndTimestamp: moment(b.Ended), LookedAt: b.Looked, Done: b.Done, Gone: b.Gone, Failed: b.Failed,
		Causes: []wire.BatchCause{}, Failures: []wire.BatchFailure{}, Reason: present(b.Why),
	}
	for _, k := range b.Causes {
		shown.Causes = append(shown.Causes, wire.BatchCause{Code: k.Code, Message: k.Message, Executions: k.Executions})
	}
	for _, f := range b.Failures {
		shown.Failures = append(shown.Failures, wire.BatchFailure{
			Execution: refOf(refWithin(b, f.Execution)), Code: f.Code, Message: f.Message,
		})
	}
	return shown, nil
}
