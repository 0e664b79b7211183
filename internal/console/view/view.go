// Package view makes pages of executions: from what the server's actions answer, a history and
// what the address asks for, to all that a page shows, in the order in which it does. It is
// pure: it calls nobody and knows no requests. Its templates (Templates) draw what it makes.
package view

import (
	"embed"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
)

// Place is a domain's pages.
type Place struct{ Region, Domain string }

// Of is the address of a page of the domain: the parts of its path are names as users gave
// them, or words.
func (p Place) Of(parts ...string) string {
	return Path(slices.Concat([]string{p.Region, p.Domain}, parts)...)
}

// Path is the path of a page from region, names and words. A name gets a sign before it that
// browsers would take for a step of the path, or that is like a word that begins with a sign.
func Path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/console")
	for _, p := range parts {
		if p == "." || p == ".." || strings.HasPrefix(p, "~") || strings.HasPrefix(p, "-") {
			p = "~" + p
		}
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// Name is the name that a part of a path, unescaped, stands for.
func Name(part string) string { return strings.TrimPrefix(part, "~") }

// Execution is the address of an execution's page.
func (p Place) Execution(workflowID, runID string) string {
	return p.Of("executions", workflowID, RunInPath(runID))
}

// List is the address of a task list's page.
func (p Place) List(kind, name string) string { return p.Of("lists", kind, name) }

var (
	toPath   = strings.NewReplacer("+", "-", "/", "_")
	fromPath = strings.NewReplacer("-", "+", "_", "/")
)

// RunInPath is a runId as paths have it.
func RunInPath(runID string) string { return toPath.Replace(runID) }

// RunOfPath is the runId that a part of a path stands for.
func RunOfPath(part string) string { return fromPath.Replace(part) }

// Query is what of an execution is shown.
type Query struct {
	Lanes     int // page of lanes, from 1; 0: the last
	From, To  engine.Time
	Straight  bool   // no gap is folded
	Filter    string // activities, timers, failures; "": all
	Decisions bool   // decision tasks are shown, too
	Newest    bool   // first
	Page      int    // of the history, from 1; 0: that of Event, or the first
	Event     int64  // shown with all it has
	State     string `json:",omitempty"` // of a state machine, likewise
}

// ReadQuery reads what an address asks for. What it does not understand it leaves out.
func ReadQuery(v url.Values) Query {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(v.Get(name), 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	q := Query{
		Lanes: int(min(number("lanes"), 1e6)), From: engine.Time(number("from")), To: engine.Time(number("to")), Straight: v.Get("scale") == "true",
		Decisions: v.Get("decisions") == "shown", Newest: v.Get("order") == "newest", Page: int(min(number("page"), 1e6)), Event: number("event"),
	}
	if name := v.Get("state"); utf8.ValidString(name) && utf8.RuneCountInString(name) <= stateNameMax {
		q.State = name
	}
	if f := v.Get("filter"); f == Activities || f == Timers || f == Failures {
		q.Filter = f
	}
	return q
}

// stateNameMax is how many characters the name of a state has at most.
const stateNameMax = 80

// Filters of histories.
const (
	Activities = "activities"
	Timers     = "timers"
	Failures   = "failures"
)

// String is the query as addresses have it, with its question mark; "": all is as usual.
func (q Query) String() string {
	var b strings.Builder
	add := func(name, value string) {
		b.WriteByte(map[bool]byte{true: '?', false: '&'}[b.Len() == 0])
		b.WriteString(name + "=" + value)
	}
	number := func(name string, n int64) {
		if n != 0 {
			add(name, strconv.FormatInt(n, 10))
		}
	}
	number("lanes", int64(q.Lanes))
	number("from", int64(q.From))
	number("to", int64(q.To))
	if q.Straight {
		add("scale", "true")
	}
	if q.Filter != "" {
		add("filter", q.Filter)
	}
	if q.Decisions {
		add("decisions", "shown")
	}
	if q.Newest {
		add("order", "newest")
	}
	number("page", int64(q.Page))
	number("event", q.Event)
	if q.State != "" {
		add("state", url.QueryEscape(q.State))
	}
	return b.String()
}

// at shows an event.
func (q Query) at(event int64) Query {
	q.Event, q.Page = event, 0
	return q
}

// Link is something to go to.
type Link struct {
	Text, Href string
	Here       bool // it is what is shown
}

// Moment is a time that pages show.
type Moment struct{ ISO, Text string }

func moment(t engine.Time) *Moment {
	if t == 0 {
		return nil
	}
	return &Moment{ISO: iso(t), Text: diagnose.Moment(t)}
}

// Parameters are those of an address, by their names and values.
func Parameters(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i] + "=" + url.QueryEscape(pairs[i+1]))
	}
	return b.String()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Templates are those of what this package makes: execution-head and execution draw an
// Execution, graph a Graph.
//
//go:embed templates/*.html
var Templates embed.FS
