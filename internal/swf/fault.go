package swf

import (
	"errors"
	"net/http"
	"strconv"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
	"heddle/internal/token"
)

// Faults in the words of the service.

func refusal(code, message string) error {
	return &fault.Fault{Code: code, Message: message}
}

func unknownResource(message string) error { return refusal(wire.CodeUnknownResourceFault, message) }

func unknownDomain(name string) error { return unknownResource("Unknown domain: " + name) }

func unknownRun(workflowID, runID string) error {
	return unknownResource("Unknown execution: WorkflowExecution=[workflowId=" + workflowID + ", runId=" + runID + "]")
}

func workflowTypeText(t wire.WorkflowType) string {
	return "WorkflowType=[name=" + t.Name + ", version=" + t.Version + "]"
}

var errInvalidToken = fault.Invalid("Invalid token")

// runFault is the fault for what a run, or the lack of it, said to a command
// that named it by workflowId and runId.
func runFault(err error, workflowID, runID string) error {
	var unknown *engine.UnknownRunError
	var closed *execution.UnknownExecutionError
	if !errors.As(err, &unknown) && !errors.As(err, &closed) {
		return taskFault(err)
	}
	if runID == "" {
		return unknownResource("Unknown execution, workflowId = " + workflowID)
	}
	return unknownRun(workflowID, runID)
}

// taskFault is the fault for what a run said to a command about one of its
// tasks.
func taskFault(err error) error {
	var (
		noRun    *engine.UnknownRunError
		open     *engine.AlreadyOpenError
		closed   *execution.UnknownExecutionError
		decision *execution.UnknownDecisionTaskError
		activity *execution.UnknownActivityError
		many     *execution.TooManyOpenError
		invalid  *execution.ValidationError
	)
	switch {
	case errors.As(err, &closed):
		return unknownRun(closed.WorkflowID, closed.RunID)
	case errors.As(err, &decision):
		return unknownResource("Unknown decision task, scheduledEventId = " + strconv.FormatInt(decision.ScheduledEventID, 10))
	case errors.As(err, &activity):
		return unknownResource("Unknown activity, scheduledEventId = " + strconv.FormatInt(activity.ScheduledEventID, 10))
	case errors.As(err, &noRun): // the run is gone with its retention
		return unknownResource("Unknown execution, runId = " + execution.FormatRun(noRun.Run))
	case errors.As(err, &open):
		return &fault.Fault{
			Code: wire.CodeWorkflowExecutionAlreadyStartedFault, Message: "Already Started",
			Header: http.Header{"X-Heddle-Open-Run-Id": {execution.FormatRun(open.Run)}},
		}
	case errors.As(err, &many):
		return refusal(wire.CodeLimitExceededFault, "Limit on open workflow executions per domain reached ("+strconv.Itoa(many.Limit)+")")
	case errors.As(err, &invalid):
		return fault.Invalid(invalid.Text)
	case errors.Is(err, token.ErrInvalid):
		return errInvalidToken
	}
	return err
}
