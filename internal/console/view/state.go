package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"heddle/internal/diagnose"
	machines "heddle/internal/sfn/history"
	"heddle/internal/sfn/outline"
)

// StateCard is one state of a machine, with what became of it in an execution.
type StateCard struct {
	Name, Type, Comment string
	Says, Tone          string // "": of no execution
	Definition          *Given
	Leads               []StateLead
	Entries             []StateEntry
	EntriesOf           string
	Input, Output       *Given
	Attempts            []StateAttempt
	Error, Cause        string
	MapRun              *Link
	Event               Link // that entered it
	Test                string
	Close               string // where it is not shown
}

// StateLead is where a state leads to, and why.
type StateLead struct {
	Link
	Why string
}

// StateEntry is one time that it was entered.
type StateEntry struct {
	Link
	At   *Moment
	Took string
	Says string
	Tone string
}

// StateAttempt is one try.
type StateAttempt struct {
	Number      int
	Event       Link
	At          *Moment
	Took        string
	Says, Tone  string
	Error, Text string
}

// entriesMax is how many entries and attempts a card lists.
const entriesMax = 20

// newStateCard tells of a state; of an execution also what became of it.
func (x *Execution) newStateCard(machine *outline.Flow, states map[string]*machines.State, raw []json.RawMessage, href func(Query) string) *StateCard {
	q := x.Query
	_, s := machine.Find(q.State)
	if s == nil {
		return nil
	}
	closed := q
	closed.State, closed.Event = "", 0
	c := &StateCard{Name: s.Name, Type: s.Type, Comment: s.Comment, Definition: Payload("Definition", s.Text), Close: href(closed) + "#graph"}
	if len(s.Text) > payloadMax {
		c.Definition = &Given{Name: "Definition", Text: diagnose.Short(s.Text, 200), Size: size(len(s.Text)), Long: true}
	}
	for _, l := range s.Leads[:min(len(s.Leads), 100)] {
		lead := StateLead{Link{Text: l.To, Href: href(stateQuery(q, l.To)) + "#state"}, diagnose.Short(l.Why, 500)}
		switch l.Kind {
		case outline.Default:
			lead.Why = "otherwise"
		case outline.Catch:
			lead.Why = "catches " + lead.Why
		}
		c.Leads = append(c.Leads, lead)
	}
	if states == nil {
		return c
	}
	of := states[s.Name]
	if of == nil {
		c.Says = "not entered"
		return c
	}
	c.Says, c.Tone, _ = outcomeOf(of)
	shown := of.Entries[len(of.Entries)-1]
	for _, e := range of.Entries {
		if e.Entered == q.Event {
			shown = e
		}
	}
	c.entries(of, shown, q, href)
	x.shows(c, shown, raw, q, href)
	return c
}

// entries lists the times that a state was entered: what is open first, then what went wrong,
// the last ones first.
func (c *StateCard) entries(of *machines.State, shown *machines.Entry, q Query, href func(Query) string) {
	rank := map[machines.Outcome]int{machines.Running: 0, machines.Retrying: 0, machines.Failed: 1, machines.TimedOut: 1, machines.Caught: 2, machines.Aborted: 3, machines.Succeeded: 4}
	all := slices.Clone(of.Entries)
	slices.SortStableFunc(all, func(a, b *machines.Entry) int {
		return cmp.Or(cmp.Compare(rank[a.Outcome], rank[b.Outcome]), cmp.Compare(b.Entered, a.Entered))
	})
	if len(all) < 2 {
		return
	}
	for _, e := range all[:min(len(all), entriesMax)] {
		row := StateEntry{At: moment(e.From), Took: took(e.From, e.To), Says: string(e.Outcome), Tone: outcomes[e.Outcome].tone}
		to := stateQuery(q, e.State)
		to.Event = e.Entered
		row.Link = Link{Text: fmt.Sprintf("event %d", e.Entered), Href: href(to) + "#state", Here: e == shown}
		c.Entries = append(c.Entries, row)
	}
	c.EntriesOf = fmt.Sprintf("entered %d times", len(all))
	if len(all) > entriesMax {
		c.EntriesOf += fmt.Sprintf("; here are %d: what is open first, then what went wrong, then the last ones", entriesMax)
	}
}

// shows shows one entry: input, output, attempts.
func (x *Execution) shows(c *StateCard, e *machines.Entry, raw []json.RawMessage, q Query, href func(Query) string) {
	given := func(title string, event int64, member string) *Given {
		if event < 1 || event > int64(len(raw)) {
			return nil
		}
		value, has := Text(raw[event-1], member)
		if !has {
			return nil
		}
		return payload(title, value, EventPayload(x.Base, event, member))
	}
	c.Input, c.Output = given("Input", e.Entered, "input"), given("Output", e.Left, "output")
	event := func(id int64) Link {
		return Link{Text: fmt.Sprintf("event %d", id), Href: href(q.at(id)) + eventMark(id)}
	}
	c.Event = event(e.Entered)
	c.Error, c.Cause = beginning(e.Error, 200), beginning(e.Cause, 1000)
	attempts := e.Attempts
	first := max(0, len(attempts)-entriesMax)
	for i, a := range attempts[first:] {
		row := StateAttempt{Number: first + i + 1, Event: event(a.Event), At: moment(a.From), Took: took(a.From, a.To), Says: string(a.Outcome), Tone: outcomes[a.Outcome].tone}
		row.Error, row.Text = beginning(a.Error, 200), beginning(a.Cause, 300)
		c.Attempts = append(c.Attempts, row)
	}
	if e.MapRun != "" {
		c.MapRun = &Link{Text: "Its map run", Href: x.mapRunPath(e.MapRun)}
	}
}
