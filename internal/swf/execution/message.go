package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// Messages are what executions ask and tell each other. Each is handled exactly
// once, in the order of its sender; receivers may be gone. What the sender needs
// to record the outcome travels with the request and back, so neither side keeps
// anything while it is on its way.
type message interface{ code(*pack.Coder) }

// StartChild begins a child execution, with Begin Always.
type StartChild struct {
	Start
	DecidedEventID int64 // the parent's DecisionTaskCompleted
	Control        *string
}

// ChildStarted tells a parent that its child runs.
type ChildStarted struct {
	InitiatedEventID int64
	WorkflowID       string
	Run              engine.RunID
	Type             wire.WorkflowType
}

// ChildFailed tells a parent that its child could not be started.
type ChildFailed struct {
	InitiatedEventID int64
	DecidedEventID   int64
	WorkflowID       string
	Type             wire.WorkflowType
	Control          *string
	Cause            string
}

// ChildClosed tells a parent how its child ended.
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

// messageKinds are the kinds of messages.
var messageKinds = pack.NewTypes(map[byte]message{
	0:  &StartChild{},
	1:  &ChildStarted{},
	2:  &ChildFailed{},
	3:  &ChildClosed{},
	4:  &TerminateChild{},
	5:  &CancelChild{},
	6:  &SignalExternal{},
	7:  &CancelExternal{},
	8:  &ExternalSignaled{},
	9:  &ExternalCancelRequested{},
	10: &SignalExternalFailed{},
	11: &CancelExternalFailed{},
})

func encodeMessage(m message) []byte {
	c := pack.Writing(append(make([]byte, 0, 128), messageFormat, messageKinds.Mark(m)))
	m.code(c)
	return c.Written()
}

// DecodeMessage reads a message's body.
func (r *Rules) DecodeMessage(body []byte) (any, error) {
	c := pack.Reading(body)
	var kind byte
	c.Format(messageFormat)
	c.Byte(&kind)
	if c.Err() != nil {
		return nil, fmt.Errorf("message: %w", c.Err())
	}
	m, ok := messageKinds.New(kind)
	if !ok {
		return nil, fmt.Errorf("message: kind %d is not known", kind)
	}
	m.code(c)
	if err := c.Done(); err != nil {
		return nil, fmt.Errorf("message %T: %w", m, err)
	}
	return m, nil
}

func (m *StartChild) code(c *pack.Coder) {
	m.Settings.code(c)
	c.Optional(&m.Input)
	codeHeader(c, &m.DomainNumber, &m.RetentionDays)
	m.Parent.code(c)
	c.Int(&m.DecidedEventID)
	c.Optional(&m.Control)
	codeTrace(c, &m.Trace)
}

func codeType(c *pack.Coder, t *wire.WorkflowType) {
	c.Text(&t.Name)
	c.Text(&t.Version)
}

func (m *ChildStarted) code(c *pack.Coder) {
	c.Int(&m.InitiatedEventID)
	c.Text(&m.WorkflowID)
	m.Run.Code(c)
	codeType(c, &m.Type)
}

func (m *ChildFailed) code(c *pack.Coder) {
	c.Int(&m.InitiatedEventID)
	c.Int(&m.DecidedEventID)
	c.Text(&m.WorkflowID)
	codeType(c, &m.Type)
	c.Optional(&m.Control)
	c.Text(&m.Cause)
}

func (m *ChildClosed) code(c *pack.Coder) {
	c.Int(&m.InitiatedEventID)
	c.Text(&m.WorkflowID)
	m.Run.Code(c)
	codeType(c, &m.Type)
	c.Text(&m.Status)
	c.Optional(&m.Result)
	c.Optional(&m.Reason)
	c.Optional(&m.Details)
}

func (m *Link) code(c *pack.Coder) {
	m.Run.Code(c)
	c.Int(&m.InitiatedEventID)
}

func (m *External) code(c *pack.Coder) {
	c.Text(&m.FromWorkflowID)
	m.FromRun.Code(c)
	c.Int(&m.InitiatedEventID)
	c.Int(&m.DecidedEventID)
	c.Text(&m.WorkflowID)
	c.Optional(&m.RunID)
	c.Optional(&m.Control)
}

func (m *SignalExternal) code(c *pack.Coder) {
	m.External.code(c)
	c.Text(&m.Name)
	c.Optional(&m.Input)
}

func (m *Reached) code(c *pack.Coder) {
	c.Int(&m.InitiatedEventID)
	c.Text(&m.WorkflowID)
	m.Run.Code(c)
}
