package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	machines "heddle/internal/sfn/history"
	"heddle/internal/swf/history"
)

const (
	rowsMax = 50
	// relatedMax is how many events are named that refer to one.
	relatedMax = 5
	shownMax   = 64 // characters of a payload in a row
)

// History is the table of events.
type History struct {
	Rows    []Row
	Filters []Link
	Orders  []Link
	Hidden  Link // decision tasks: show or hide them
	Pages   []Link
	Of      string
	Empty   bool // the filter leaves none
}

// Row is an event.
type Row struct {
	ID      int64
	At      *Moment
	Since   string // after the event before it in the history
	Type    string
	Tone    string
	Glyph   string
	What    string
	Refers  []Link // events that it refers to
	Related []Link // events that refer to it
	More    int    // how many more
	Href    string // shows or hides what it has
	Shown   bool
	Members []Member
}

// Member is an attribute of an event.
type Member struct {
	Name    string
	Text    string
	Href    string
	Payload *Given
}

// payloads are the members that hold what users gave.
var payloads = map[string]bool{"input": true, "result": true, "details": true, "reason": true, "control": true, "executionContext": true, "message": true, "output": true, "cause": true, "error": true, "parameters": true}

// entry is an event of either service.
type entry struct {
	ID     int64
	At     engine.Time
	Type   string
	refers [4]int64 // events; 0: none
}

// pastOf are the events of a history, with a function that tells what one is about.
type pastOf struct {
	entries []entry
	raw     []json.RawMessage
	what    func(i int) string
}

// workflowPast is that of a workflow.
func workflowPast(events []history.Event, raw []json.RawMessage) pastOf {
	all := make([]entry, len(events))
	for i := range events {
		e := &events[i]
		all[i] = entry{e.ID, e.At, e.Type, [4]int64{e.Scheduled, e.Started, e.Initiated, e.Decided}}
	}
	return pastOf{all, raw, func(i int) string { return strings.TrimSpace(origin(events, &events[i]) + " " + events[i].What()) }}
}

// machinePast is that of a state machine's execution: an event refers to the one before it.
func machinePast(events []machines.Event, raw []json.RawMessage) pastOf {
	all := make([]entry, len(events))
	for i := range events {
		e := &events[i]
		all[i] = entry{e.ID, e.At, e.Type, [4]int64{e.Previous}}
	}
	return pastOf{all, raw, func(i int) string { return events[i].What() }}
}

// isDecision tells of events of decision tasks.
func isDecision(of string) bool { return strings.HasPrefix(of, "DecisionTask") }

// passes tells whether an event is shown.
func (q Query) passes(e *entry) bool {
	switch q.Filter {
	case Activities:
		return strings.Contains(e.Type, "Activity") || strings.Contains(e.Type, "Lambda") || strings.HasPrefix(e.Type, "Task")
	case Timers:
		return strings.Contains(e.Type, "Timer") || strings.HasPrefix(e.Type, "WaitState")
	case Failures:
		return isFailure(e.Type)
	}
	return q.Decisions || !isDecision(e.Type)
}

func isFailure(of string) bool {
	return strings.HasSuffix(of, "Failed") || strings.HasSuffix(of, "TimedOut") || strings.HasSuffix(of, "Terminated") || strings.HasSuffix(of, "Aborted")
}

// newHistory is the page of the events that a query asks for.
func newHistory(p pastOf, q Query, href func(Query) string, base string) *History {
	h, events := &History{}, p.entries
	asked, known := index(events, q.Event)
	if known && !q.passes(&events[asked]) { // what is asked for is shown
		q.Filter, q.Decisions = "", true
	}
	var passed []int
	for i := range events {
		if q.passes(&events[i]) {
			passed = append(passed, i)
		}
	}
	if q.Newest {
		slices.Reverse(passed)
	}
	pages := max(1, (len(passed)+rowsMax-1)/rowsMax)
	page := min(max(1, q.Page), pages)
	if q.Page == 0 && known {
		if at := slices.Index(passed, asked); at >= 0 {
			page = at/rowsMax + 1
		}
	}
	rows := passed[min(len(passed), (page-1)*rowsMax):min(len(passed), page*rowsMax)]
	h.Empty = len(passed) == 0
	if !h.Empty {
		h.Of = fmt.Sprintf("%d to %d of %d", (page-1)*rowsMax+1, (page-1)*rowsMax+len(rows), len(passed))
	}
	to := func(change func(*Query)) string {
		next := q
		next.Page, next.Event = 0, 0
		change(&next)
		return href(next) + "#history"
	}
	h.Pages = pageLinks(page, pages, func(n int) string { return to(func(q *Query) { q.Page = n }) })
	for _, f := range []struct{ name, text string }{{"", "All"}, {Activities, "Activities"}, {Timers, "Timers"}, {Failures, "Failures"}} {
		h.Filters = append(h.Filters, Link{Text: f.text, Href: to(func(q *Query) { q.Filter = f.name }), Here: q.Filter == f.name})
	}
	h.Orders = []Link{
		{Text: "Oldest first", Href: to(func(q *Query) { q.Newest = false }), Here: !q.Newest},
		{Text: "Newest first", Href: to(func(q *Query) { q.Newest = true }), Here: q.Newest},
	}
	if q.Filter == "" && slices.ContainsFunc(events, func(e entry) bool { return isDecision(e.Type) }) {
		h.Hidden = Link{Text: "Decision tasks", Href: to(func(q *Query) { q.Decisions = !q.Decisions }), Here: q.Decisions}
	}
	related := relations(events, rows)
	for _, i := range rows {
		h.Rows = append(h.Rows, newRow(p, i, q, href, base, related[events[i].ID]))
	}
	return h
}

// index is where an event is.
func index(events []entry, id int64) (int, bool) {
	return slices.BinarySearchFunc(events, id, func(e entry, id int64) int { return cmp.Compare(e.ID, id) })
}

// relations are, of the events of rows, those that refer to them.
func relations(events []entry, rows []int) map[int64][]int64 {
	of := make(map[int64][]int64, len(rows))
	for _, i := range rows {
		of[events[i].ID] = nil
	}
	for i := range events {
		e := &events[i]
		for _, id := range e.refers {
			if all, shown := of[id]; shown && id != 0 {
				of[id] = append(all, e.ID)
			}
		}
	}
	return of
}

func newRow(p pastOf, i int, q Query, href func(Query) string, base string, related []int64) Row {
	events, e := p.entries, &p.entries[i]
	row := Row{ID: e.ID, At: moment(e.At), Type: e.Type, What: p.what(i), Shown: q.Event == e.ID}
	if i > 0 {
		row.Since = "+" + diagnose.Span(e.At-events[i-1].At)
	}
	row.Tone, row.Glyph = eventTone(e.Type)
	link := func(id int64) Link {
		return Link{Text: strconv.FormatInt(id, 10), Href: href(q.at(id)) + eventMark(id)}
	}
	for _, id := range e.refers {
		if id != 0 {
			row.Refers = append(row.Refers, link(id))
		}
	}
	for _, id := range related[:min(len(related), relatedMax)] {
		row.Related = append(row.Related, link(id))
	}
	row.More = max(0, len(related)-relatedMax)
	row.Href = href(q.at(e.ID)) + eventMark(e.ID)
	members := attributes(p.raw[i])
	if row.Shown {
		closed := q
		closed.Event = 0
		row.Href = href(closed) + eventMark(e.ID)
		for _, m := range members {
			member := Member{Name: m.name, Text: m.value}
			switch {
			case m.isText && payloads[m.name]:
				member.Text, member.Payload = "", payload(m.name, m.value, EventPayload(base, e.ID, m.name))
			case strings.HasSuffix(m.name, "EventId") && m.value != "0":
				if id, err := strconv.ParseInt(m.value, 10, 64); err == nil {
					member.Href = href(q.at(id)) + eventMark(id)
				}
			case !m.isText && strings.ContainsAny(m.value, "{["):
				member.Text, member.Payload = "", payload(m.name, m.value, EventPayload(base, e.ID, m.name))
			}
			row.Members = append(row.Members, member)
		}
		return row
	}
	for _, m := range members {
		if m.isText && payloads[m.name] && m.name != "reason" && m.name != "cause" && m.name != "error" && m.value != "" {
			row.What += " · " + m.name + " " + beginning(m.value, shownMax)
		}
	}
	row.What = strings.TrimPrefix(row.What, " · ")
	return row
}

// origin names what an event goes on with that another one began.
func origin(events []history.Event, e *history.Event) string {
	id := e.Scheduled + e.Initiated
	at, known := slices.BinarySearchFunc(events, id, func(e history.Event, id int64) int { return cmp.Compare(e.ID, id) })
	if !known || id >= e.ID || e.Scheduled != 0 && e.Initiated != 0 {
		return ""
	}
	switch o := &events[at]; {
	case o.ActivityID != "":
		return o.ActivityType.Name + " (" + o.ActivityID + ")"
	case o.WorkflowID != "":
		return o.WorkflowID
	default:
		return o.Name
	}
}

// EventPayload is the address of a member of an event, as text.
func EventPayload(base string, event int64, member string) string {
	if base == "" {
		return ""
	}
	return base + "/events/" + strconv.FormatInt(event, 10) + "/" + member
}

// Text gives a member of an event's attributes.
func Text(raw []byte, name string) (string, bool) { return member(attributes(raw), name) }

func member(of []attribute, name string) (string, bool) {
	for _, a := range of {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}

// attribute is one of an event.
type attribute struct {
	name, value string
	isText      bool
}

// attributes are all that an event has, in its order.
func attributes(raw []byte) (all []attribute) {
	_ = jx.DecodeBytes(raw).ObjBytes(func(d *jx.Decoder, key []byte) error { // it was read before
		if name := string(key); !strings.HasSuffix(name, "EventAttributes") && !strings.HasSuffix(name, "EventDetails") || d.Next() != jx.Object {
			return d.Skip()
		}
		return d.Obj(func(d *jx.Decoder, name string) error {
			if d.Next() == jx.String {
				value, err := d.Str()
				all = append(all, attribute{name, value, true})
				return err
			}
			value, err := d.Raw()
			all = append(all, attribute{name, string(value), false})
			return err
		})
	})
	return all
}

// eventTone is the colour and the sign of a type of events.
func eventTone(of string) (tone, glyph string) {
	switch {
	case strings.HasSuffix(of, "TimedOut"):
		return "saffron", "◷"
	case isFailure(of):
		return "madder", "✕"
	case strings.HasPrefix(of, "ChildWorkflow"), strings.HasPrefix(of, "StartChild"):
		return "murex", "⑂"
	case strings.HasPrefix(of, "WorkflowExecutionSignaled"), strings.Contains(of, "Signal"):
		return "cochineal", "◆"
	case strings.Contains(of, "Cancel"):
		return "iron", "⊘"
	case strings.HasSuffix(of, "Completed") && !isDecision(of), strings.HasSuffix(of, "Succeeded"):
		return "verdigris", "✓"
	case strings.HasPrefix(of, "Timer"):
		return "weld", "◔"
	case of == "MarkerRecorded":
		return "iron", "⚑"
	case isDecision(of):
		return "iron", "●"
	}
	return "indigo", "▸"
}

// since says how long something is since a moment.
func since(now, then engine.Time) string { return diagnose.Span(max(0, now-then)) }
