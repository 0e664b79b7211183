package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// Messages are what executions ask and tell each other. Each is handled exactly
// once, in the order of its sender; receivers may be gone. What the sender needs
// to record the outcome travels with the request and back, so neither side keeps
// anything while it is on its way.
type message interface{ code(*coder) }

// StartChild begins a child execution, with Begin Always.
type StartChild struct {
	Start
	DecidedEventID int64 // the parent's DecisionTaskCompleted
	Control        *string
}

// ChildStarted tells a parent that his child runs.
type ChildStarted struct {
	InitiatedEventID int64
	WorkflowID       string
	Run              engine.RunID
	Type             wire.WorkflowType
}

// ChildFailed tells a parent that his child could not be started.
type ChildFailed struct {
	InitiatedEventID int64
	DecidedEventID   int64
	WorkflowID       string
	Type             wire.WorkflowType
	Control          *string
	Cause            string
}

// ChildClosed tells a parent how his child ended.
type ChildClosed struct {
	InitiatedEventID int64
	WorkflowID       string
	Run              engine.RunID
	Type             wire.WorkflowType
	Status           string
	Result           *string
	Reason           *string
	Details          *string
}

// TerminateChild applies the child policy TERMINATE.
type TerminateChild struct{ Link }

// CancelChild applies the child policy REQUEST_CANCEL.
type CancelChild struct{ Link }

// Link tells a child of a run from others that may have its name by now. It is short:
// a run that ends may have to tell a thousand.
type Link struct {
	Run              engine.RunID // the parent
	InitiatedEventID int64
}

func (s *State) isChildOf(l Link) bool {
	return s.parent.Run == l.Run && s.parent.InitiatedEventID == l.InitiatedEventID
}

// External is a decider's request to another execution.
type External struct {
	FromWorkflowID   string
	FromRun          engine.RunID
	InitiatedEventID int64
	DecidedEventID   int64
	WorkflowID       string
	RunID            *string // as the decision gave it
	Control          *string
}

// SignalExternal carries a signal from one execution to another.
type SignalExternal struct {
	External
	Name  string
	Input *string
}

// CancelExternal carries a cancel request from one execution to another.
type CancelExternal struct{ External }

// Reached is the good outcome of a request to another execution.
type Reached struct {
	InitiatedEventID int64
	WorkflowID       string
	Run              engine.RunID
}

// ExternalSignaled tells the sender of a signal that it arrived.
type ExternalSignaled struct{ Reached }

// ExternalCancelRequested tells the sender of a cancel request that it arrived.
type ExternalCancelRequested struct{ Reached }

// SignalExternalFailed tells the sender of a signal that nobody was there.
type SignalExternalFailed struct{ External }

// CancelExternalFailed tells the sender of a cancel request that nobody was there.
type CancelExternalFailed struct{ External }

// receive handles a message. A closed execution takes part in nothing more; who
// asked it for something is told so.
func (t *turn) receive(m message) {
	open := t.s.isOpen()
	switch c := m.(type) {
	case *SignalExternal:
		if !open {
			t.tell(c.FromWorkflowID, c.FromRun, &SignalExternalFailed{c.External})
			return
		}
		t.takeSignal(c)
		return
	case *CancelExternal:
		if !open {
			t.tell(c.FromWorkflowID, c.FromRun, &CancelExternalFailed{c.External})
			return
		}
		t.takeCancel(c)
		return
	}
	if !open {
		return
	}
	switch c := m.(type) {
	case *ChildStarted:
		t.childStarted(c)
	case *ChildFailed:
		t.childFailed(c)
	case *ChildClosed:
		t.childClosed(c)
	case *TerminateChild:
		t.terminateChild(c)
	case *CancelChild:
		t.cancelChild(c)
	case *ExternalSignaled:
		t.externalSignaled(c)
	case *ExternalCancelRequested:
		t.externalCancelRequested(c)
	case *SignalExternalFailed:
		t.signalExternalFailed(&c.External, wire.SignalExternalWorkflowExecutionFailedCauseUnknownExternalWorkflowExecution)
	case *CancelExternalFailed:
		t.cancelExternalFailed(&c.External, wire.RequestCancelExternalWorkflowExecutionFailedCauseUnknownExternalWorkflowExecution)
	default:
		panic(fmt.Sprintf("execution: no rule for message %T", m))
	}
}

// tell sends a message to an execution of the same domain; without a run, to the
// open one.
func (t *turn) tell(workflowID string, run engine.RunID, m message) {
	t.send(engine.Message{
		To: Name(t.s.id.Name.World, t.s.domain, workflowID), Run: run, Body: encodeMessage(m),
	})
}

// Refused answers for an execution that is not there, or that already is.
func (r *Rules) Refused(to engine.Name, body any, why error) []engine.Message {
	domain, workflowID := Split(to.Key)
	answer := func(fromWorkflowID string, from engine.RunID, m message) []engine.Message {
		return []engine.Message{{To: Name(to.World, domain, fromWorkflowID), Run: from, Body: encodeMessage(m)}}
	}
	switch c := body.(type) {
	case *StartChild:
		return answer(c.Parent.WorkflowID, c.Parent.Run,
			c.failed(workflowID, wire.StartChildWorkflowExecutionFailedCauseWorkflowAlreadyRunning))
	case *SignalExternal:
		return answer(c.FromWorkflowID, c.FromRun, &SignalExternalFailed{c.External})
	case *CancelExternal:
		return answer(c.FromWorkflowID, c.FromRun, &CancelExternalFailed{c.External})
	}
	return nil
}

// messageFormat is the first byte of each message; its kind is the second.
const messageFormat = 1

// messageKinds are the kinds of messages: its place here is what is stored of a kind, so
// new ones go to the end.
var messageKinds = []messageKind{
	kind[StartChild](),
	kind[ChildStarted](),
	kind[ChildFailed](),
	kind[ChildClosed](),
	kind[TerminateChild](),
	kind[CancelChild](),
	kind[SignalExternal](),
	kind[CancelExternal](),
	kind[ExternalSignaled](),
	kind[ExternalCancelRequested](),
	kind[SignalExternalFailed](),
	kind[CancelExternalFailed](),
}

type messageKind struct {
	has   func(message) bool
	empty func() message
}

func kind[M any, P interface {
	*M
	message
}]() messageKind {
	return messageKind{
		has:   func(m message) bool { _, ok := m.(P); return ok },
		empty: func() message { return P(new(M)) },
	}
}

func kindOf(m message) byte {
	for i := range messageKinds {
		if messageKinds[i].has(m) {
			return byte(i)
		}
	}
	panic(fmt.Sprintf("execution: %T is not a message", m))
}

func encodeMessage(m message) []byte {
	c := &coder{b: append(make([]byte, 0, 128), messageFormat, kindOf(m))}
	m.code(c)
	return c.b
}

// DecodeMessage reads a message's body.
func (r *Rules) DecodeMessage(body []byte) (any, error) {
	c := reading(body)
	if err := c.version(messageFormat); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	kind := c.r.Byte()
	if int(kind) >= len(messageKinds) {
		return nil, fmt.Errorf("message: kind %d is not known", kind)
	}
	m := messageKinds[kind].empty()
	m.code(c)
	if err := c.r.Done(); err != nil {
		return nil, fmt.Errorf("message %T: %w", m, err)
	}
	return m, nil
}

func (m *StartChild) code(c *coder) {
	m.Settings.code(c)
	c.optional(&m.Input)
	number := int64(m.DomainNumber)
	codeHeader(c, &number, &m.RetentionDays)
	m.DomainNumber = uint32(number)
	m.Parent.code(c)
	c.int(&m.DecidedEventID)
	c.optional(&m.Control)
}

func codeType(c *coder, t *wire.WorkflowType) {
	c.text(&t.Name)
	c.text(&t.Version)
}

func (m *ChildStarted) code(c *coder) {
	c.int(&m.InitiatedEventID)
	c.text(&m.WorkflowID)
	c.run(&m.Run)
	codeType(c, &m.Type)
}

func (m *ChildFailed) code(c *coder) {
	c.int(&m.InitiatedEventID)
	c.int(&m.DecidedEventID)
	c.text(&m.WorkflowID)
	codeType(c, &m.Type)
	c.optional(&m.Control)
	c.text(&m.Cause)
}

func (m *ChildClosed) code(c *coder) {
	c.int(&m.InitiatedEventID)
	c.text(&m.WorkflowID)
	c.run(&m.Run)
	codeType(c, &m.Type)
	c.text(&m.Status)
	c.optional(&m.Result)
	c.optional(&m.Reason)
	c.optional(&m.Details)
}

func (m *Link) code(c *coder) {
	c.run(&m.Run)
	c.int(&m.InitiatedEventID)
}

func (m *External) code(c *coder) {
	c.text(&m.FromWorkflowID)
	c.run(&m.FromRun)
	c.int(&m.InitiatedEventID)
	c.int(&m.DecidedEventID)
	c.text(&m.WorkflowID)
	c.optional(&m.RunID)
	c.optional(&m.Control)
}

func (m *SignalExternal) code(c *coder) {
	m.External.code(c)
	c.text(&m.Name)
	c.optional(&m.Input)
}

func (m *Reached) code(c *coder) {
	c.int(&m.InitiatedEventID)
	c.text(&m.WorkflowID)
	c.run(&m.Run)
}
