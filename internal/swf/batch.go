package swf

import (
	"context"
	"errors"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/service"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
)

// call makes the call of a deed. Errors: faults.
func (inspector) call(d *service.Deed, of diagnose.Ref) (in interface{ Validate() error }, err error) {
	run := &of.RunID
	if of.RunID == "" {
		run = nil
	}
	terminates, signals := d.Reason != nil || d.Details != nil || d.ChildPolicy != nil, d.Signal != nil || d.Input != nil
	if d.Error != nil || d.Cause != nil {
		return nil, fault.Invalid("An error and a cause are of StopExecution.")
	}
	switch d.Action {
	case "TerminateWorkflowExecution":
		if signals {
			return nil, fault.Invalid("Who terminates sends no signal: signalName and input are of SignalWorkflowExecution.")
		}
		in = &wire.TerminateWorkflowExecutionInput{
			Domain: of.Domain, WorkflowID: of.WorkflowID, RunID: run, Reason: d.Reason, Details: d.Details, ChildPolicy: d.ChildPolicy,
		}
	case "RequestCancelWorkflowExecution":
		if signals || terminates {
			return nil, fault.Invalid("Who asks to cancel says nothing besides.")
		}
		in = &wire.RequestCancelWorkflowExecutionInput{Domain: of.Domain, WorkflowID: of.WorkflowID, RunID: run}
	case "SignalWorkflowExecution":
		if terminates || d.Signal == nil {
			return nil, fault.Invalid("A signal has a signalName, and perhaps an input; reason, details and childPolicy are of TerminateWorkflowExecution.")
		}
		in = &wire.SignalWorkflowExecutionInput{Domain: of.Domain, WorkflowID: of.WorkflowID, RunID: run, SignalName: *d.Signal, Input: d.Input}
	default:
		return nil, fault.Invalid("There are no batches of " + d.Action + ".")
	}
	if err := in.Validate(); err != nil {
		return nil, fault.Invalid(err.Error())
	}
	return in, nil
}

// Call implements service.Batcher.
func (i inspector) Call(d *service.Deed, of diagnose.Ref) (string, any, error) {
	in, err := i.call(d, of)
	return "swf", in, err
}

// DeedSubject implements service.Batcher.
func (i inspector) DeedSubject(ctx context.Context, d *service.Deed, within string) (operation.Subject, error) {
	in, err := i.call(d, diagnose.Ref{Domain: within, WorkflowID: "any"})
	if err != nil {
		return nil, err
	}
	return &subject{Need: permission.Call(d.Action, in), actions: i.actions, world: worldOf(ctx)}, nil
}

// IsGone implements service.Batcher.
func (inspector) IsGone(err error) bool {
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && f.Code == wire.CodeUnknownResourceFault
}
