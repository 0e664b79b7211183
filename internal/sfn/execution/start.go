package execution

import (
	"fmt"

	"heddle/internal/engine"
)

// start begins the execution.
func (t *turn) start(c *Start) error {
	if t.in.OpenInGroup >= t.rules.limits.OpenExecutionsMax {
		return &TooManyOpenError{t.rules.limits.OpenExecutionsMax}
	}
	s := t.s
	mustHold(s.last == 0, "start of %s, which has %d events", s.arn(), s.last)
	t.starts = true
	s.settings = &Settings{Definition: c.Definition} // so that the machine is found
	m := t.machine()
	settings := c.Settings
	settings.StartAt, settings.TimeoutSeconds, settings.RetentionDays = m.StartAt.Name, m.TimeoutSeconds, t.rules.limits.RetentionDays
	if c.Parent.ofItem() {
		settings.StartAt, settings.TimeoutSeconds = m.Flows[c.Parent.Flow].StartAt.Name, 0
	}
	body := &Body{
		Type: ExecutionStarted, Input: datum{text: c.Input}, Role: c.Role, Version: c.Version, Alias: c.Alias,
		hidden: hidden{settings: &settings},
	}
	if t.key != nil { // what is sealed can't be written in another way
		input := of(body.Input.Value())
		body.hidden.input = &input
	}
	t.emit(nil, body)
	if p := c.Parent; p.Waits && !p.ofItem() {
		t.send(engine.Message{To: p.Name, Run: p.Run, Body: encodeMessage(&ChildBegun{
			Scheduled: p.Scheduled, Parent: p.Run, Child: s.id.Run, Name: s.id.Name, Started: s.started,
		})})
	}
	t.reply = &Started{s.started, s.id.Run}
	t.run()
	return nil
}

// same tells who starts the execution again whether it is the one that they mean.
func (t *turn) same(c *Same) error {
	s := t.s
	if !s.isOpen() || s.input.Text() != c.Input || s.settings.Version != c.Version || s.settings.Alias != c.Alias {
		return &ExistsError{s.arn()}
	}
	t.reply = &Started{s.started, s.id.Run}
	return nil
}

// end closes the execution, which has not succeeded. What was under way is given up;
// previous is the event that failed.
func (t *turn) end(status string, err, cause *string, previous int64) {
	s := t.s
	kind := map[string]Type{Failed: ExecutionFailed, TimedOut: ExecutionTimedOut, Aborted: ExecutionAborted}[status]
	for _, th := range s.threads {
		t.giveUp(th)
	}
	t.unpace()
	t.emit(s.threads[0], &Body{Type: kind, Previous: previous, Error: said(err), Cause: said(cause)})
	t.tellParent()
}

// giveUp ends a thread's open task: its notes go, and an execution that runs for it is
// stopped.
func (t *turn) giveUp(th *thread) {
	t.stopMapRun(th)
	w := th.work
	if w == nil {
		return
	}
	gone := *w
	gone.Drop(func(n engine.Note) { t.notes = append(t.notes, n) })
	t.stopChild(w)
}

// stopChild stops the execution that runs for a task, if there is one.
func (t *turn) stopChild(w *work) {
	if !w.child.IsZero() {
		t.send(engine.Message{To: w.childName, Run: w.child, Body: encodeMessage(&StopChild{Run: t.s.id.Run, Scheduled: w.Scheduled})})
	}
}

// stop aborts the execution.
func (t *turn) stop(c *Stop) {
	s := t.s
	if !s.isOpen() {
		t.reply = &Stopped{s.closed}
		return
	}
	t.end(Aborted, c.Error, c.Cause, 0)
	t.reply = &Stopped{s.closed}
}

// Why an execution can't be redriven.
const redriveDays = 14

// notRedrivable tells why a closed execution can't be redriven; "": it can.
func (s *State) notRedrivable(limits *Limits) string {
	if s.settings.Parent.ofItem() {
		return "Execution is a child of a Map Run and can only be redriven with it"
	}
	return s.beyondRedrive(limits)
}

// beyondRedrive is notRedrivable for whoever may redrive it.
func (s *State) beyondRedrive(limits *Limits) string {
	switch {
	case s.status == Succeeded || s.isOpen():
		return fmt.Sprintf("Execution is %s and cannot be redriven", s.status)
	case s.last+1 >= int64(limits.EventsMax):
		return "Execution history event limit exceeded"
	}
	return ""
}

// redrive runs the execution on from where it failed.
func (t *turn) redrive(c *Redrive) error {
	s := t.s
	if c.ClientToken != "" && c.ClientToken == s.redriveBy && t.in.Now < s.redriven+engine.Seconds(15*60) {
		t.reply = &Redriven{s.redriven}
		return nil
	}
	why := s.notRedrivable(&t.rules.limits)
	switch {
	case why == "" && t.in.NameTaken:
		why = "Another execution has the same name"
	case why == "" && t.in.Now > s.closed+engine.Seconds(redriveDays*24*60*60):
		why = "Execution has exceeded the redrivable period of 14 days"
	}
	if why != "" {
		return &NotRedrivableError{why}
	}
	if t.in.OpenInGroup >= t.rules.limits.OpenExecutionsMax {
		return &TooManyOpenError{t.rules.limits.OpenExecutionsMax}
	}
	t.emit(s.threads[0], &Body{
		Type: ExecutionRedriven, Previous: s.last, RedriveCount: s.redrives + 1, hidden: hidden{client: c.ClientToken},
	})
	t.reply = &Redriven{s.redriven}
	t.run()
	return nil
}
