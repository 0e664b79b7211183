package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heddle/internal/console/view"
	operator "heddle/internal/operator/wire"
	"heddle/internal/swf/wire"
)

const (
	rowsPage = 50
	// lookedMax is how many executions a request looks at, where a filter is of what no
	// index has; it is said how far that was.
	lookedMax = 10_000
	lookedAt  = 1000 // at a time
)

type executionsView struct {
	Frame
	Filter   filter
	Statuses []statusLink
	Types    []string
	Rows     []wire.WorkflowExecutionInfo
	Now      wire.Timestamp
	Looked   int64  // how many were looked at; zero: the index had all
	Next     string // where the list goes on
	First    bool   // it is the first page
	Filtered bool
	Wrong    string
	Start    button
	Verdicts map[string]*operator.FirstVerdict // of open rows, by their runs
	Exports  []view.Link
	Batch    button // leads to a batch of what the filter finds
	News     string // where to ask how many have begun since; empty: nobody can say
	New      *tally // how many; nil: that is not asked
}

// filter is what is looked for.
type filter struct {
	Status              string // open, closed, or how it closed
	ID, Tag             string
	Type, Version       string
	By                  string // which time a range is of: start or close
	From, To            string
	from, to            wire.Timestamp
	hasFrom, hasTo      bool
	byID, byTag, byType bool // what the index finds; the rest is compared
	byStatus            bool
}

type statusLink struct {
	Name, Path string
	Here       bool
	Count      *tally
}

// isOpen tells whether executions are looked for that are open.
func (f *filter) isOpen() bool { return f.Status == "open" }

// plan says what the index is asked for: it takes one thing, and that which few have.
func (f *filter) plan() {
	switch {
	case f.ID != "":
		f.byID = true
	case f.Tag != "":
		f.byTag = true
	case f.Type != "":
		f.byType = true
	case !f.isOpen() && f.Status != "closed":
		f.byStatus = true
	}
}

// isCompared tells whether something is left that records must be looked at for.
func (f *filter) isCompared() bool {
	return f.Tag != "" && !f.byTag || f.Type != "" && !f.byType || f.Version != "" && f.Type == "" ||
		!f.isOpen() && f.Status != "closed" && !f.byStatus
}

// fits compares what the index was not asked for.
func (f *filter) fits(e *wire.WorkflowExecutionInfo) bool {
	return (f.Tag == "" || slices.Contains(e.TagList, f.Tag)) &&
		(f.Type == "" || e.WorkflowType.Name == f.Type) && (f.Version == "" || e.WorkflowType.Version == f.Version) &&
		(f.isOpen() || f.Status == "closed" || text(e.CloseStatus) == f.Status)
}

// timeForms are how a time may be typed.
var timeForms = []string{"2006-01-02T15:04:05.999Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// parseTime reads a time: a date, with a time of day or not, or how long ago: 90m, 3h, 2d.
func parseTime(s string, now time.Time) (wire.Timestamp, bool) {
	if n, err := strconv.Atoi(strings.TrimRight(s, "smhd")); err == nil && n >= 0 && n < 1_000_000 && s != "" {
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
		if unit != 0 && len(s) == len(strconv.Itoa(n))+1 {
			return wire.Timestamp(now.Add(-time.Duration(n) * unit).UnixMilli()), true
		}
	}
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, s, time.UTC); err == nil && t.UnixMilli() >= 0 {
			return wire.Timestamp(t.UnixMilli()), true
		}
	}
	return 0, false
}

func (v *visit) readFilter() (f filter, wrong string) {
	value := func(name string) string { return strings.TrimSpace(v.FormValue(name)) }
	f = filter{Status: "open", ID: v.FormValue("id"), Tag: v.FormValue("tag"), Type: v.FormValue("type"), Version: v.FormValue("version"), By: "start", From: value("from"), To: value("to")}
	switch s := value("status"); {
	case s == "closed":
		f.Status = s
	case slices.Contains(wire.CloseStatusValues, strings.ToUpper(s)):
		f.Status = strings.ToUpper(s)
	}
	if value("by") == "close" && !f.isOpen() {
		f.By = "close"
	}
	if f.From != "" {
		if f.from, f.hasFrom = parseTime(f.From, v.Now()); !f.hasFrom {
			wrong = "From is no time: want 2026-01-31, 2026-01-31 08:00 or how long ago, such as 90m, 3h, 2d."
		}
	}
	if f.To != "" {
		if f.to, f.hasTo = parseTime(f.To, v.Now()); !f.hasTo {
			wrong = "To is no time: want 2026-01-31, 2026-01-31 08:00 or how long ago, such as 90m, 3h, 2d."
		}
	}
	if f.hasTo && f.hasFrom && f.to < f.from {
		wrong = "The time ends before it begins."
	}
	f.plan()
	return f, wrong
}

// range is the times of the filter, in a form that the API takes.
func (f *filter) times() wire.ExecutionTimeFilter {
	t := wire.ExecutionTimeFilter{OldestDate: f.from}
	if f.hasTo {
		t.LatestDate = &f.to
	}
	return t
}

// parts are what the index is asked for beside times.
func (f *filter) parts() (id *wire.WorkflowExecutionFilter, tag *wire.TagFilter, of *wire.WorkflowTypeFilter, closed *wire.CloseStatusFilter) {
	switch {
	case f.byID:
		id = &wire.WorkflowExecutionFilter{WorkflowID: f.ID}
	case f.byTag:
		tag = &wire.TagFilter{Tag: f.Tag}
	case f.byType:
		of = &wire.WorkflowTypeFilter{Name: f.Type}
		if f.Version != "" {
			of.Version = &f.Version
		}
	case f.byStatus:
		closed = &wire.CloseStatusFilter{Status: f.Status}
	}
	return id, tag, of, closed
}

// list asks for a page of what the index has, the newest first.
func (v *visit) listExecutions(f *filter, after *string, size int64) (*wire.WorkflowExecutionInfos, error) {
	id, tag, of, closed := f.parts()
	times := f.times()
	if f.isOpen() {
		return call[wire.WorkflowExecutionInfos](v, "swf", "ListOpenWorkflowExecutions", &wire.ListOpenWorkflowExecutionsInput{
			Domain: v.Domain, StartTimeFilter: times, ExecutionFilter: id, TagFilter: tag, TypeFilter: of, NextPageToken: after, MaximumPageSize: &size,
		})
	}
	in := &wire.ListClosedWorkflowExecutionsInput{
		Domain: v.Domain, ExecutionFilter: id, TagFilter: tag, TypeFilter: of, CloseStatusFilter: closed, NextPageToken: after, MaximumPageSize: &size,
	}
	if f.By == "close" {
		in.CloseTimeFilter = &times
	} else {
		in.StartTimeFilter = &times
	}
	return call[wire.WorkflowExecutionInfos](v, "swf", "ListClosedWorkflowExecutions", in)
}

// countExecutions counts what the filter finds, if the index knows.
func (v *visit) countExecutions(f *filter) *tally {
	if f.isCompared() {
		return nil
	}
	id, tag, of, closed := f.parts()
	times := f.times()
	var out *wire.WorkflowExecutionCount
	var err error
	if f.isOpen() {
		out, err = call[wire.WorkflowExecutionCount](v, "swf", "CountOpenWorkflowExecutions", &wire.CountOpenWorkflowExecutionsInput{
			Domain: v.Domain, StartTimeFilter: times, ExecutionFilter: id, TagFilter: tag, TypeFilter: of,
		})
	} else {
		in := &wire.CountClosedWorkflowExecutionsInput{Domain: v.Domain, ExecutionFilter: id, TagFilter: tag, TypeFilter: of, CloseStatusFilter: closed}
		if f.By == "close" {
			in.CloseTimeFilter = &times
		} else {
			in.StartTimeFilter = &times
		}
		out, err = call[wire.WorkflowExecutionCount](v, "swf", "CountClosedWorkflowExecutions", in)
	}
	if err != nil {
		return &tally{Barred: true}
	}
	return &tally{N: out.Count, More: out.Truncated != nil && *out.Truncated}
}

// executions shows the executions of a domain that a filter finds.
func (v *visit) executions() (*answer, error) {
	view := &executionsView{Frame: v.frame("Executions"), Now: wire.Timestamp(v.Now().UnixMilli())}
	view.Filter, view.Wrong = v.readFilter()
	view.Start = v.starts()
	if view.Filter.isOpen() {
		view.Batch = v.newsBatch(batchQuery(&view.Filter))
	}
	f := &view.Filter
	view.Filtered = f.ID != "" || f.Tag != "" || f.Type != "" || f.Version != "" || f.From != "" || f.To != ""
	after, skip := v.text("after"), 0
	if n, err := strconv.Atoi(v.FormValue("skip")); err == nil && n > 0 && n < lookedAt {
		skip = n
	}
	view.First = after == nil && skip == 0
	if since, err := strconv.ParseInt(v.FormValue("since"), 10, 64); err == nil && view.Wrong == "" && isPartial(v.Request) {
		return v.news(view, wire.Timestamp(max(since, 0))), nil
	}
	if as := v.FormValue("as"); view.Wrong == "" && (as == "csv" || as == "json") {
		return v.export(f, as)
	}
	view.Statuses = v.statusLinks(f)
	view.Exports = v.exports()
	if view.Wrong != "" {
		return &answer{template: "executions", view: view, status: 400}, nil
	}
	if view.First && f.isOpen() && !f.isCompared() && !f.hasTo {
		view.News = v.again("since", strconv.FormatInt(int64(view.Now), 10))
	}
	size := int64(rowsPage)
	if f.isCompared() {
		size = lookedAt
	}
	for more := true; more; {
		out, err := v.listExecutions(f, after, size)
		if err != nil {
			return nil, err
		}
		page := out.ExecutionInfos
		more = out.NextPageToken != nil
		for i := min(skip, len(page)); i < len(page); i++ {
			if len(view.Rows) == rowsPage { // the list goes on in the midst of the page
				view.Next = v.goesOn(f, after, i)
				more = false
				break
			}
			if f.isCompared() {
				view.Looked++
			}
			if f.fits(&page[i]) {
				view.Rows = append(view.Rows, page[i])
			}
		}
		if view.Next != "" || !more {
			break
		}
		after, skip = out.NextPageToken, 0
		if len(view.Rows) == rowsPage || view.Looked >= lookedMax || !f.isCompared() {
			view.Next = v.goesOn(f, after, 0)
			break
		}
	}
	if f.isOpen() {
		var err error
		if view.Verdicts, err = v.verdictsOf(view.Rows); err != nil {
			return nil, err
		}
	}
	return &answer{template: "executions", view: view, fragment: "list"}, nil
}

// exports lead to files of what the page's filter finds, from its beginning on.
func (v *visit) exports() []view.Link {
	q := v.URL.Query()
	for _, gone := range []string{"after", "skip", "done", "since"} {
		q.Del(gone)
	}
	var all []view.Link
	for _, as := range []view.Link{{Text: "CSV", Href: "csv"}, {Text: "JSON lines", Href: "json"}} {
		q.Set("as", as.Href)
		all = append(all, view.Link{Text: as.Text, Href: v.URL.EscapedPath() + "?" + q.Encode()})
	}
	return all
}

// batchQuery is what a batch is asked for with a filter.
func batchQuery(f *filter) string {
	q := url.Values{}
	for name, value := range map[string]string{"id": f.ID, "type": f.Type, "version": f.Version, "tag": f.Tag, "from": f.From, "to": f.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// news says how many executions have begun since a page was shown, that it would show now.
func (v *visit) news(view *executionsView, since wire.Timestamp) *answer {
	f := view.Filter
	f.from, f.hasFrom = max(f.from, since), true
	view.New = v.countExecutions(&f)
	view.News = v.again("since", "")
	return &answer{template: "executions", view: view, fragment: "news"}
}

// goesOn is where a list goes on: at a place within a page of the API's, and with the same
// times, even if they were given as how long ago.
func (v *visit) goesOn(f *filter, after *string, skip int) string {
	q := v.URL.Query()
	if f.hasFrom {
		q.Set("from", timeOf(f.from).Format(timeForms[0]))
	}
	if f.hasTo {
		q.Set("to", timeOf(f.to).Format(timeForms[0]))
	}
	q.Del("skip")
	q.Del("after")
	if after != nil {
		q.Set("after", *after)
	}
	if skip > 0 {
		q.Set("skip", strconv.Itoa(skip))
	}
	return v.URL.EscapedPath() + "?" + q.Encode()
}

func timeOf(t wire.Timestamp) time.Time { return time.UnixMilli(int64(t)).UTC() }

// statusLinks lead to the same filter with another status, each with its count.
func (v *visit) statusLinks(f *filter) []statusLink {
	var all []statusLink
	for _, status := range slices.Concat([]string{"open", "closed"}, wire.CloseStatusValues) {
		q := v.URL.Query()
		for _, gone := range []string{"after", "skip", "done", "since"} {
			q.Del(gone)
		}
		q.Set("status", strings.ToLower(status))
		l := statusLink{Name: statusWord(status), Path: v.URL.EscapedPath() + "?" + q.Encode(), Here: f.Status == status}
		of := *f
		of.Status, of.byID, of.byTag, of.byType, of.byStatus = status, false, false, false, false
		if of.isOpen() {
			of.By = "start"
		}
		of.plan()
		if l.Here || status == "open" || status == "closed" {
			l.Count = v.countExecutions(&of)
		}
		all = append(all, l)
	}
	return all
}

// pathOfExecution is the page of a run.
func pathOfExecution(region, domain, workflowID, runID string) string {
	return view.Place{Region: region, Domain: domain}.Execution(workflowID, runID)
}
