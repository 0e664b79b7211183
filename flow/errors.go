package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow/internal/replay"
)

// None is the type of what is not there: an input or a result without content.
type None struct{}

// Code is an error that keeps its identity across the wire, however it is wrapped: errors.Is finds
// it in the workflow, in its parent and in the result.
type Code string

// Error implements error.
func (c Code) Error() string { return string(c) }

// Codes of this package. What SWF refuses has the code "swf." and its cause, as in
// swf.UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION.
const (
	ErrCanceled   Code = "Canceled"
	ErrTimeout    Code = "Timeout"
	ErrPanic      Code = "Panic"      // an activity's
	ErrTerminated Code = "Terminated" // an execution was
	ErrBadInput   Code = "BadInput"   // what was given can't be read
	ErrNoSuchType Code = "NoSuchType" // the worker has no such activity
	ErrStopping   Code = "Stopping"   // the worker ends
)

// Pending is what an activity returns if somebody else will answer: see [Activity.Complete].
const Pending Code = "Pending"

// RemoteError is an error that came over the wire.
type RemoteError struct {
	Code      Code // empty: it had none
	Message   string
	Permanent bool
	Data      json.RawMessage
	Stack     string // of a panic
}

func (e *RemoteError) Error() string {
	switch {
	case e.Message == "":
		return string(e.Code)
	case e.Code == "" || strings.Contains(e.Message, string(e.Code)):
		return e.Message
	}
	return string(e.Code) + ": " + e.Message
}

// Unwrap gives the code.
func (e *RemoteError) Unwrap() error {
	if e.Code == "" {
		return nil
	}
	return e.Code
}

// ActivityError is an activity, or a Lambda function, that did not succeed.
type ActivityError struct {
	Activity string // Charge@1
	ID       string
	Attempt  int
	Timeout  string // its type, if it timed out: START_TO_CLOSE and the like
	Err      error
}

func (e *ActivityError) Error() string {
	text := "activity " + e.ID
	if e.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", e.Attempt)
	}
	if e.Timeout != "" {
		return text + " timed out: " + e.Timeout
	}
	return text + ": " + e.Err.Error()
}

// Unwrap gives what it failed with.
func (e *ActivityError) Unwrap() error { return e.Err }

// WorkflowError is an execution that did not complete: a child, or that of a [Run].
type WorkflowError struct {
	WorkflowID string
	Err        error
}

func (e *WorkflowError) Error() string { return fmt.Sprintf("workflow %q: %v", e.WorkflowID, e.Err) }

// Unwrap gives what it failed with.
func (e *WorkflowError) Unwrap() error { return e.Err }

type permanent struct{ error }

func (e permanent) Unwrap() error { return e.error }

// Permanent marks an error of an activity as one that another attempt won't better.
func Permanent(err error) error { return permanent{err} }

type withData struct {
	error
	data any
}

func (e withData) Unwrap() error { return e.error }

// WithData gives an error something to carry, which [DataOf] reads.
func WithData(err error, data any) error { return withData{err, data} }

// DataOf reads what an error carries.
func DataOf[T any](err error) (data T, ok bool) {
	if w, found := errors.AsType[withData](err); found {
		data, ok = w.data.(T)
		return data, ok
	}
	if r, found := errors.AsType[*RemoteError](err); found && r.Data != nil {
		ok = json.Unmarshal(r.Data, &data) == nil
	}
	return data, ok
}

// wireError is what stands in details.
type wireError struct {
	Code      Code            `json:"code,omitempty"`
	Message   string          `json:"message"`
	Permanent bool            `json:"permanent,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Stack     string          `json:"stack,omitempty"`
}

// maxReason is how long a reason may be.
const maxReason = 256

// encodeError says what goes on the wire. With a secret, the reason has the code alone.
func encodeError(err error, stack string, secret bool) (reason, details string) {
	w := wireError{Message: err.Error(), Stack: stack}
	if c, ok := errors.AsType[Code](err); ok {
		w.Code = c
	}
	if r, ok := errors.AsType[*RemoteError](err); ok {
		w.Permanent, w.Data = r.Permanent, r.Data
	}
	if _, ok := errors.AsType[permanent](err); ok {
		w.Permanent = true
	}
	if d, ok := errors.AsType[withData](err); ok {
		w.Data, _ = json.Marshal(d.data)
	}
	reason = w.Message
	switch {
	case secret:
		reason = string(w.Code)
	case w.Code != "" && w.Message != string(w.Code):
		reason = string(w.Code) + ": " + w.Message
	}
	b, _ := json.Marshal(w)
	return cut(reason, maxReason), string(b)
}

// cut shortens text to n bytes, on a rune.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// decodeError reads what others say, too: their reason is the code.
func decodeError(reason, details string) *RemoteError {
	var w wireError
	if strings.HasPrefix(details, "{") && json.Unmarshal([]byte(details), &w) == nil && (w.Message != "" || w.Code != "") {
		return &RemoteError{w.Code, w.Message, w.Permanent, w.Data, w.Stack}
	}
	return &RemoteError{Code: Code(reason), Message: details}
}

// activityError is what the code gets.
func activityError(err error) error {
	f, ok := errors.AsType[*replay.Failure](err)
	if !ok {
		return err
	}
	e := &ActivityError{Activity: f.Name, ID: f.ID, Attempt: f.Attempt}
	switch f.Event {
	case types.EventTypeActivityTaskTimedOut, types.EventTypeLambdaFunctionTimedOut:
		e.Timeout, e.Err = f.Reason, ErrTimeout
	case types.EventTypeActivityTaskCanceled:
		e.Err = ErrCanceled
	case types.EventTypeActivityTaskFailed, types.EventTypeLambdaFunctionFailed:
		e.Err = decodeError(f.Reason, f.Details)
	default:
		e.Err = Code("swf." + f.Reason)
	}
	return e
}

// childError likewise.
func childError(id string, err error) error {
	f, ok := errors.AsType[*replay.Failure](err)
	if !ok {
		return err
	}
	e := &WorkflowError{WorkflowID: id}
	switch f.Event {
	case types.EventTypeChildWorkflowExecutionFailed:
		e.Err = decodeError(f.Reason, f.Details)
	case types.EventTypeChildWorkflowExecutionCanceled:
		e.Err = ErrCanceled
	case types.EventTypeChildWorkflowExecutionTimedOut:
		e.Err = ErrTimeout
	case types.EventTypeChildWorkflowExecutionTerminated:
		e.Err = ErrTerminated
	default:
		e.Err = Code("swf." + f.Reason)
	}
	return e
}

// AlreadyStarted says that an execution of that id is open.
type AlreadyStarted struct {
	WorkflowID string
	RunID      string // empty: it could not be found out
}

func (e *AlreadyStarted) Error() string {
	return fmt.Sprintf("workflow %q is open already (run %s)", e.WorkflowID, e.RunID)
}
