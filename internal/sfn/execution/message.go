package execution

import (
	"fmt"
	"time"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/jsonvalue"
)

// Messages are what executions tell each other. Each is handled exactly once, in the order
// of its sender; receivers may be gone.
type message interface{ code(*pack.Coder) }

// ChildBegun tells an execution that one runs for a task of it. It goes with the child's
// first event, so that a child of which its parent does not know, or not any more, is
// stopped, whatever became of who started it.
type ChildBegun struct {
	Scheduled int64 // the task
	Parent    engine.RunID
	Child     engine.RunID
	Name      engine.Name
	Started   engine.Time
}

// ChildClosed tells an execution that one which ran for a task of it has ended.
type ChildClosed struct {
	Scheduled                          int64 // the task
	ARN, Name, Machine, Version, Alias string
	Status, Input, Output              string // Output "": there is none
	Error, Cause                       *string
	Started, Stopped                   engine.Time
	Redrives                           int64
}

// StopChild stops an execution because the one that it runs for has ended.
type StopChild struct {
	Run       engine.RunID
	Scheduled int64
}

// ActivityFound answers a thread that wants to schedule a task of an activity.
type ActivityFound struct {
	Thread  int64
	Entered int64 // event id of the state that wants it
	ARN     string
	There   bool
	// Encryption is the activity's, which writes it behind the answer that it was given.
	Encryption registry.Encryption
}

func (m *ActivityFound) code(c *pack.Coder) {
	c.Int(&m.Thread)
	c.Int(&m.Entered)
	c.Text(&m.ARN)
	if c.Bool(&m.There); m.There && c.Reads() {
		m.Encryption.Code(c)
	}
}

func (m *ChildBegun) code(c *pack.Coder) {
	c.Int(&m.Scheduled)
	m.Parent.Code(c)
	m.Child.Code(c)
	codeName(c, &m.Name)
	m.Started.Code(c)
}

func (m *ChildClosed) code(c *pack.Coder) {
	c.Int(&m.Scheduled)
	for _, text := range []*string{&m.ARN, &m.Name, &m.Machine, &m.Version, &m.Alias, &m.Status, &m.Input, &m.Output} {
		c.Text(text)
	}
	c.Optional(&m.Error)
	c.Optional(&m.Cause)
	m.Started.Code(c)
	m.Stopped.Code(c)
	c.Int(&m.Redrives)
}

func (m *StopChild) code(c *pack.Coder) {
	m.Run.Code(c)
	c.Int(&m.Scheduled)
}

// messageFormat is the first byte of each message; its kind is the second.
const messageFormat = 1

var messageKinds = pack.NewTypes(map[byte]message{0: &ChildClosed{}, 1: &StopChild{}, 2: &ActivityFound{}, 3: &ChildBegun{},
	4: &BeginMapRun{}, 5: &StopMapRun{}, 6: &RedriveMapRun{}, 7: &ItemRefused{}, 8: &MapRunClosed{}, 9: &StartItem{}, 10: &RedriveItem{},
})

func encodeMessage(m message) []byte {
	c := pack.Writing(append(make([]byte, 0, 512), messageFormat, messageKinds.Mark(m)))
	m.code(c)
	return c.Written()
}

// DecodeMessage reads a message's body.
func (r *Rules) DecodeMessage(body []byte) (any, error) { return DecodeMessage(body) }

// DecodeMessage reads a message's body.
func DecodeMessage(body []byte) (any, error) {
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

// Refused stops a child whose parent is gone, and tells a map run of an item's execution that
// can't begin, or can't be redriven. Nobody else needs news of who is gone.
func (r *Rules) Refused(_ engine.Name, body any, why error) []engine.Message {
	switch c := body.(type) {
	case *ChildBegun:
		return []engine.Message{c.stop()}
	case *StartItem:
		return []engine.Message{c.refused(why)}
	case *RedriveItem:
		return []engine.Message{c.refused()}
	}
	return nil
}

// stop is what stops the child.
func (m *ChildBegun) stop() engine.Message {
	return engine.Message{To: m.Name, Run: m.Child, Body: encodeMessage(&StopChild{Run: m.Parent, Scheduled: m.Scheduled})}
}

// receive handles a message.
func (t *turn) receive(m message) {
	s := t.s
	if c, ok := m.(*ChildBegun); ok {
		t.childBegun(c)
	}
	if !s.isOpen() {
		return
	}
	switch c := m.(type) {
	case *ChildClosed:
		t.childClosed(c)
	case *ActivityFound:
		t.activityFound(c)
	case *MapRunClosed:
		t.mapRunClosed(c)
	case *StopChild:
		if p := s.settings.Parent; p.Run == c.Run && p.Scheduled == c.Scheduled {
			t.end(Aborted, nil, nil, 0)
		}
	}
}

// childBegun has a task wait for the execution that was begun for it. If the task is over,
// the execution is stopped.
func (t *turn) childBegun(c *ChildBegun) {
	th := t.s.working(c.Scheduled)
	if th == nil {
		t.send(c.stop())
		return
	}
	t.started(th)
	t.submitted(th, StartOutput(ARNOf(c.Name), c.Started, c.Scheduled), &childRef{c.Child, c.Name}, false)
}

// tellParent tells the execution that waits for this one that it has ended.
func (t *turn) tellParent() {
	s := t.s
	p := s.settings.Parent
	if !p.Waits {
		return
	}
	input := "null" // it can't be read
	if s.settings.Key.Key == "" || t.key != nil {
		input = s.input.Text()
	}
	t.send(engine.Message{To: p.Name, Run: p.Run, Body: encodeMessage(&ChildClosed{
		Scheduled: p.Scheduled, ARN: s.arn(), Name: s.name, Machine: s.of, Version: s.settings.Version, Alias: s.settings.Alias,
		Status: s.status, Input: input, Output: s.output.Text(), Error: s.err.words(), Cause: s.cause.words(),
		Started: s.started, Stopped: s.closed, Redrives: s.redrives,
	})})
}

// childClosed ends the task for which an execution ran.
func (t *turn) childClosed(c *ChildClosed) {
	th := t.s.working(c.Scheduled)
	if th == nil {
		return
	}
	out := c.output(asl.Pattern(th.work.pattern) == asl.Sync2)
	if c.Status == Succeeded {
		t.taskSucceeded(th, of(out))
	} else {
		t.taskFailed(th, failed, failure{name: text("States.TaskFailed"), cause: text(jsonvalue.Text(out)), task: true})
	}
	t.run()
}

// output is what AWS gives for an execution that was run for a task: what DescribeExecution
// says of it, with names as the SDK for Java has them.
func (c *ChildClosed) output(values bool) *jsonvalue.Object {
	o := jsonvalue.NewObject(16)
	payload := func(name, text string) {
		var v any = text
		if values {
			d := datum{text: text}
			v = d.Value()
		}
		included := jsonvalue.NewObject(1)
		included.Set("Included", true)
		o.Set(name, v)
		o.Set(name+"Details", included)
	}
	if c.Status != Succeeded && c.Cause != nil {
		o.Set("Cause", *c.Cause)
	}
	if c.Status != Succeeded && c.Error != nil {
		o.Set("Error", *c.Error)
	}
	o.Set("ExecutionArn", c.ARN)
	payload("Input", c.Input)
	o.Set("Name", c.Name)
	if c.Status == Succeeded {
		payload("Output", c.Output)
	}
	o.Set("RedriveCount", float64(c.Redrives))
	if c.Status == Succeeded {
		o.Set("RedriveStatus", "NOT_REDRIVABLE")
		o.Set("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven")
	} else {
		o.Set("RedriveStatus", "REDRIVABLE")
	}
	o.Set("StartDate", float64(c.Started))
	if c.Alias != "" {
		o.Set("StateMachineAliasArn", c.Alias)
	}
	o.Set("StateMachineArn", c.Machine)
	if c.Version != "" {
		o.Set("StateMachineVersionArn", c.Version)
	}
	o.Set("Status", c.Status)
	o.Set("StopDate", float64(c.Stopped))
	return o
}

// StartOutput is what states:startExecution gives, a JSON text.
func StartOutput(arn string, started engine.Time, request int64) string {
	o := jsonvalue.NewObject(4)
	o.Set("ExecutionArn", arn)
	id := fmt.Sprintf("00000000-0000-4000-8000-%012x", request)
	headers, texts := jsonvalue.NewObject(4), jsonvalue.NewObject(4)
	for _, h := range [][2]string{
		{"Content-Type", "application/x-amz-json-1.0"}, {"Date", time.UnixMilli(int64(started)).UTC().Format(time.RFC1123)}, {"x-amzn-RequestId", id},
	} {
		headers.Set(h[0], []any{h[1]})
		texts.Set(h[0], h[1])
	}
	http := jsonvalue.NewObject(3)
	http.Set("AllHttpHeaders", headers)
	http.Set("HttpHeaders", texts)
	http.Set("HttpStatusCode", 200.0)
	o.Set("SdkHttpMetadata", http)
	response := jsonvalue.NewObject(1)
	response.Set("RequestId", id)
	o.Set("SdkResponseMetadata", response)
	o.Set("StartDate", float64(started))
	return jsonvalue.Text(o)
}
