package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	"heddle/internal/swf/history"
	swf "heddle/internal/swf/wire"
)

// Execution is the page of an execution.
type Execution struct {
	Place
	WorkflowID, RunID string
	Base              string // its address
	Query             Query
	Events            int64 // how many it has: the page is as of the last one

	Head     Head
	Verdicts []Verdict
	Open     []Open
	OpenMore string
	Graph    *Graph     `json:",omitempty"` // of a state machine
	State    *StateCard `json:",omitempty"` // of its states the one that is asked for
	MapRuns  []MapRun   `json:",omitempty"`
	Timeline *Timeline
	History  *History
	Payloads []*Given // input, result or failure, latest context
	Settings []Setting
	Links    []Setting // to its relations
	Actions  []Action
}

// Head is what an execution is.
type Head struct {
	Type, Version   string
	TypeHref        string
	Status, Tone    string
	Closing         string // its status in words
	IsOpen          bool
	CancelRequested bool
	Started, Closed *Moment
	Took            string
	Tags            []Link
	Events          string
}

// Verdict is why it does not move.
type Verdict struct {
	Code, Text, Do string
	Severe         bool
	Links          []Link
}

// Open is something that has not ended.
type Open struct {
	Kind, What, Where, WhereHref string
	State, Tone, Deadline        string
	Href                         string // of its event
	Beat                         string
}

// Setting is a fact with its name.
type Setting struct{ Name, Text, Href string }

// Action is something to be done.
type Action struct {
	Name, Text, Href string
	Permission       string // that the caller lacks; "": he may
	Danger           bool
}

// Facts are what a page is made of.
type Facts struct {
	Inspection  *wire.InspectExecutionOutput // nil: of a file
	Description *swf.WorkflowExecutionDetail // nil: likewise
	Events      []history.Event
	Raw         []json.RawMessage
}

// NewExecution is the page of an execution of SWF.
func NewExecution(place Place, f *Facts, q Query) *Execution {
	in := f.Inspection
	x := &Execution{
		Place: place, WorkflowID: text(in.Execution.WorkflowID), RunID: text(in.Execution.RunID), Query: q, Events: in.Events,
	}
	x.Base = place.Execution(x.WorkflowID, x.RunID)
	href := func(q Query) string { return x.Base + q.String() }
	now := engine.Time(in.ServerTimestamp)
	x.head(f)
	lists := noWorker(in)
	for i := range in.Verdicts {
		x.Verdicts = append(x.Verdicts, x.verdict(in, &in.Verdicts[i], href))
	}
	x.open(in, now, lists, href)
	end, lanes := now, history.Lanes(f.Events)
	if in.CloseTimestamp != nil {
		end = engine.Time(*in.CloseTimestamp)
		timeline.Close(lanes, end)
	} else {
		timeline.End(lanes, end)
	}
	x.Timeline = newTimeline(lanes, q, href, lists, end)
	x.History = newHistory(workflowPast(f.Events, f.Raw), q, href, x.Base)
	x.facts(f)
	x.codeWaits(f)
	return x
}

// NewFile is the page of a history from a file, of which href makes the addresses.
func NewFile(f *Facts, q Query, href func(Query) string) *Execution {
	x := &Execution{Query: q, Events: int64(len(f.Events))}
	if len(f.Events) == 0 {
		return x
	}
	first, last := &f.Events[0], &f.Events[len(f.Events)-1]
	x.Head = Head{Type: first.WorkflowType.Name, Version: first.WorkflowType.Version, Started: moment(first.At), Events: plural(len(f.Events), "event", "events")}
	x.Head.Status, x.Head.Tone, x.Head.IsOpen = closing(last.Type)
	x.Head.Closing = words(x.Head.Status)
	if !x.Head.IsOpen {
		x.Head.Closed = moment(last.At)
	}
	x.Head.Took = diagnose.Span(last.At - first.At)
	lanes := history.Lanes(f.Events)
	if x.Head.IsOpen {
		timeline.End(lanes, last.At)
	} else {
		timeline.Close(lanes, last.At)
	}
	x.Timeline = newTimeline(lanes, q, href, nil, last.At)
	x.History = newHistory(workflowPast(f.Events, f.Raw), q, href, "")
	x.facts(f)
	return x
}

// closing is the status that a last event tells.
func closing(of string) (status, tone string, open bool) {
	status, is := strings.CutPrefix(of, "WorkflowExecution")
	if tone := statusTones[statusOf(status)]; is && tone != "" {
		return statusOf(status), tone, false
	}
	return "OPEN", "indigo", true
}

func statusOf(event string) string {
	switch event {
	case "TimedOut":
		return "TIMED_OUT"
	case "ContinuedAsNew":
		return "CONTINUED_AS_NEW"
	}
	return strings.ToUpper(event)
}

var statusTones = map[string]string{
	"COMPLETED": "verdigris", "FAILED": "madder", "CANCELED": "iron", "TERMINATED": "madder", "CONTINUED_AS_NEW": "murex", "TIMED_OUT": "saffron",
	"SUCCEEDED": "verdigris", "ABORTED": "iron", "PENDING_REDRIVE": "saffron",
}

// words are a status as people say it.
func words(status string) string {
	if status == "" {
		return ""
	}
	return status[:1] + strings.ReplaceAll(strings.ToLower(status[1:]), "_", " ")
}

func (x *Execution) head(f *Facts) {
	in := f.Inspection
	name, version, _ := strings.Cut(in.Type, " ")
	if i := strings.LastIndexByte(in.Type, ' '); i >= 0 {
		name, version = in.Type[:i], in.Type[i+1:]
	}
	if len(f.Events) > 0 && f.Events[0].WorkflowType.Name != "" {
		name, version = f.Events[0].WorkflowType.Name, f.Events[0].WorkflowType.Version
	}
	x.Head = Head{
		Type: name, Version: version, TypeHref: x.Of("types", "workflow", name, version), Status: in.Status, Tone: "indigo", IsOpen: in.CloseTimestamp == nil,
		CancelRequested: in.CancelRequested != nil && *in.CancelRequested, Started: moment(engine.Time(in.StartTimestamp)),
		Events: plural(int(in.Events), "event", "events"),
	}
	if in.CloseTimestamp != nil {
		x.Head.Tone = statusTones[in.Status]
		x.Head.Closed = moment(engine.Time(*in.CloseTimestamp))
		x.Head.Took = "took " + diagnose.Span(engine.Time(*in.CloseTimestamp-in.StartTimestamp))
	} else {
		x.Head.Took = "open for " + diagnose.Span(engine.Time(in.ServerTimestamp-in.StartTimestamp))
	}
	x.Head.Closing = words(in.Status)
	if f.Description != nil {
		for _, tag := range f.Description.ExecutionInfo.TagList {
			x.Head.Tags = append(x.Head.Tags, Link{Text: tag, Href: x.Of("executions") + "?" + Parameters("tag", tag)})
		}
	}
}

// noWorker are the lists of which verdicts say that nobody polls them.
func noWorker(in *wire.InspectExecutionOutput) map[string]bool {
	lists := map[string]bool{}
	for i := range in.Verdicts {
		if v := &in.Verdicts[i]; v.Code == string(diagnose.NoWorker) && v.TaskList != nil {
			lists[*v.TaskList] = true
		}
	}
	return lists
}

func (x *Execution) verdict(in *wire.InspectExecutionOutput, v *wire.Verdict, href func(Query) string) Verdict {
	out := Verdict{Code: v.Code, Text: v.Text, Do: text(v.Advice), Severe: v.Severe}
	if v.More != nil {
		out.Text += fmt.Sprintf(" (And %d more like it.)", *v.More)
	}
	if v.EventID != nil && *v.EventID > 0 {
		out.Links = append(out.Links, Link{Text: fmt.Sprintf("Event %d", *v.EventID), Href: href(x.Query.at(*v.EventID)) + eventMark(*v.EventID)})
	}
	if v.TaskList != nil && x.Domain != "" {
		out.Links = append(out.Links, Link{Text: "Task list " + *v.TaskList, Href: x.List(kindOf(in, *v.TaskList), *v.TaskList)})
	}
	if v.Child != nil {
		out.Links = append(out.Links, x.linkTo("Child ", v.Child))
	}
	return out
}

// kindOf is the kind of an open task's list.
func kindOf(in *wire.InspectExecutionOutput, list string) string {
	for i := range in.Tasks {
		if k := &in.Tasks[i]; text(k.TaskList) == list && k.Kind == string(diagnose.Decision) {
			return "decision"
		}
	}
	return "activity"
}

func (x *Execution) linkTo(what string, ref *wire.ExecutionRef) Link {
	if ref.ExecutionARN != nil && strings.Contains(*ref.ExecutionARN, ":mapRun:") {
		_, name := MachineOf(*ref.ExecutionARN)
		return Link{Text: what + name, Href: MapRunPath(x.Region, *ref.ExecutionARN)}
	}
	if ref.ExecutionARN != nil {
		machine, name := MachineOf(*ref.ExecutionARN)
		return Link{Text: what + name, Href: MachinePath(x.Region, machine, name)}
	}
	place := x.Place
	if ref.Domain != nil {
		place.Domain = *ref.Domain
	}
	id := text(ref.WorkflowID)
	l := Link{Text: what + id}
	if run := text(ref.RunID); run != "" {
		l.Href = place.Execution(id, run)
	} else {
		l.Href = place.Of("executions", id) // which leads to its run
	}
	return l
}

// openMax is how many open things are listed.
const openMax = 50

func (x *Execution) open(in *wire.InspectExecutionOutput, now engine.Time, noWorker map[string]bool, href func(Query) string) {
	event := func(id int64) string { return href(x.Query.at(id)) + eventMark(id) }
	for i := range in.Tasks {
		k := &in.Tasks[i]
		o := Open{Kind: k.Kind, What: strings.TrimSpace(text(k.Name) + " " + text(k.ID)), Tone: "indigo", Href: event(k.ScheduledEventID), Deadline: "none"}
		if k.Kind == string(diagnose.Decision) {
			o.What = "decision task"
		}
		if list := text(k.TaskList); list != "" {
			o.Where = list
			if x.Domain != "" {
				o.WhereHref = x.List(kindOf(in, list), list)
			}
		}
		from := engine.Time(k.ScheduledTimestamp)
		switch {
		case k.State != "waits":
			o.State = "held"
			if k.Holder != nil {
				o.State += " by " + diagnose.Short(*k.Holder, 100)
			}
			if k.StartedTimestamp != nil {
				from = engine.Time(*k.StartedTimestamp)
			}
		case noWorker[text(k.TaskList)]:
			o.State, o.Tone = "no worker", "madder"
		default:
			o.State, o.Tone = "waits", "saffron"
		}
		o.State += " for " + since(now, from)
		if k.Attempt != nil && *k.Attempt > 1 {
			o.State += fmt.Sprintf(", attempt %d", *k.Attempt)
		}
		if k.CancelRequested != nil && *k.CancelRequested {
			o.State += ", asked to cancel"
		}
		if k.HeartbeatTimestamp != nil {
			o.Beat = "last heartbeat " + since(now, engine.Time(*k.HeartbeatTimestamp)) + " ago"
			if details := text(k.HeartbeatDetails); details != "" {
				o.Beat += ": " + beginning(details, shownMax)
			}
		}
		if len(k.Deadlines) > 0 {
			o.Deadline = k.Deadlines[0].Timeout + " in " + diagnose.Span(engine.Time(k.Deadlines[0].At)-now)
		}
		x.Open = append(x.Open, o)
	}
	for _, g := range in.Groups {
		x.Open = append(x.Open, Open{Kind: "state", What: g.State, State: fmt.Sprintf("%d of %d done, %d running", g.Done, g.Total, g.Running), Tone: "indigo", Href: event(g.EventID), Deadline: "none"})
	}
	for _, w := range in.Waits {
		kind := map[bool]string{true: "timer", false: "wait"}[in.Service == "swf"]
		if w.Retry != nil {
			kind = fmt.Sprintf("retry %d", *w.Retry)
		}
		x.Open = append(x.Open, Open{Kind: kind, What: w.Name, State: "runs", Tone: "weld", Href: event(w.EventID), Deadline: "fires in " + diagnose.Span(engine.Time(w.Until)-now)})
	}
	for i := range in.Children {
		c := &in.Children[i]
		l := x.linkTo("", &c.Execution)
		o := Open{Kind: "child", What: l.Text, State: "starting", Tone: "murex", Href: event(c.EventID), Deadline: "its own"}
		if c.Started != nil && *c.Started {
			o.State = "runs"
		}
		o.Where, o.WhereHref = "its page", l.Href
		x.Open = append(x.Open, o)
	}
	all := int(in.OpenCounts.Tasks + in.OpenCounts.Waits + in.OpenCounts.Children)
	x.Open = x.Open[:min(len(x.Open), openMax)]
	if more := all - len(x.Open); more > 0 {
		x.OpenMore = fmt.Sprintf("and %d more", more)
	}
}

// settings are those that an execution has, or had when it started.
func settings(f *Facts, first []attribute) *swf.WorkflowExecutionConfiguration {
	if f.Description != nil {
		return &f.Description.ExecutionConfiguration
	}
	get := func(name string) string {
		value, _ := member(first, name)
		return value
	}
	c := &swf.WorkflowExecutionConfiguration{
		ChildPolicy: get("childPolicy"), ExecutionStartToCloseTimeout: get("executionStartToCloseTimeout"), TaskStartToCloseTimeout: get("taskStartToCloseTimeout"),
	}
	c.TaskList.Name = f.Events[0].TaskList.Name
	if role, has := member(first, "lambdaRole"); has {
		c.LambdaRole = &role
	}
	if priority, has := member(first, "taskPriority"); has {
		c.TaskPriority = &priority
	}
	return c
}

func (x *Execution) facts(f *Facts) {
	if len(f.Raw) == 0 {
		return
	}
	first, last := attributes(f.Raw[0]), attributes(f.Raw[len(f.Raw)-1])
	add := func(title string, of []attribute, name string, event int64) {
		if value, has := member(of, name); has {
			x.Payloads = append(x.Payloads, payload(title, value, EventPayload(x.Base, event, name)))
		}
	}
	add("Input", first, "input", 1)
	closed := &f.Events[len(f.Events)-1]
	if !x.Head.IsOpen {
		for _, name := range []string{"result", "reason", "details"} {
			add(strings.ToUpper(name[:1])+name[1:], last, name, closed.ID)
		}
	}
	if f.Description != nil && f.Description.LatestExecutionContext != nil {
		x.Payloads = append(x.Payloads, payload("Latest context", *f.Description.LatestExecutionContext, ""))
	}
	c := settings(f, first)
	list := Setting{Name: "Task list", Text: c.TaskList.Name}
	if x.Domain != "" {
		list.Href = x.List("decision", list.Text)
	}
	x.Settings = []Setting{
		list, {Name: "Task priority", Text: text(c.TaskPriority)}, {Name: "Execution timeout", Text: seconds(c.ExecutionStartToCloseTimeout)},
		{Name: "Decision task timeout", Text: seconds(c.TaskStartToCloseTimeout)}, {Name: "Child policy", Text: c.ChildPolicy}, {Name: "Lambda role", Text: text(c.LambdaRole)},
	}
	x.Settings = slices.DeleteFunc(x.Settings, func(s Setting) bool { return s.Text == "" })
	x.relations(f, first, last)
}

// seconds says how long a timeout is.
func seconds(of string) string {
	var n int64
	if _, err := fmt.Sscanf(of, "%d", &n); err != nil {
		return of // NONE
	}
	return fmt.Sprintf("%s (%d s)", diagnose.Span(engine.Time(n*1000)), n)
}

// childrenMax is how many children are linked.
const childrenMax = 20

func (x *Execution) relations(f *Facts, first, last []attribute) {
	add := func(name, workflowID, runID string) {
		s := Setting{Name: name, Text: workflowID}
		if x.Domain != "" && runID != "" {
			s.Href = x.Execution(workflowID, runID)
		}
		x.Links = append(x.Links, s)
	}
	if raw, has := member(first, "parentWorkflowExecution"); has {
		var parent struct{ WorkflowID, RunID string }
		if json.Unmarshal([]byte(raw), &parent) == nil && parent.WorkflowID != "" {
			add("Parent", parent.WorkflowID, parent.RunID)
		}
	}
	if run, has := member(first, "continuedExecutionRunId"); has && run != "" {
		add("Continued from", x.WorkflowID, run)
	}
	if run, has := member(last, "newExecutionRunId"); has {
		add("Continued as", x.WorkflowID, run)
	}
	children := 0
	for i := range f.Events {
		if e := &f.Events[i]; e.Type == "ChildWorkflowExecutionStarted" {
			if children++; children <= childrenMax {
				add("Child", e.Execution.WorkflowID, e.Execution.RunID)
			}
		}
	}
	if children > childrenMax {
		x.Links = append(x.Links, Setting{Name: "Children", Text: fmt.Sprintf("and %d more: see the timeline", children-childrenMax)})
	}
}
