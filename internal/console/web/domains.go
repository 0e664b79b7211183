package web

import (
	"cmp"
	"slices"
	"time"

	operator "heddle/internal/operator/wire"
	"heddle/internal/swf/wire"
)

// domainsPage is how many domains a page shows: each costs some calls.
const domainsPage = 20

type domainsView struct {
	Frame
	Deprecated bool
	Rows       []domainRow
	Others     int // that the visitor may not see
	Next       string
	Barred     string // why there is no list
	Empty      bool
	Register   button
}

type domainRow struct {
	Name, Description string
	Open, Failed      tally
	Oldest, Now       *wire.Timestamp
	OldestList        string
	Started           []spark // one: executions started; nil: the visitor may not see it
}

// domains shows the domains of a region.
func (v *visit) domains() (*answer, error) {
	view := &domainsView{Frame: v.frame("Domains"), Deprecated: v.FormValue("status") == "deprecated"}
	if name := v.FormValue("domain"); name != "" {
		return goesTo(pathOf(v.Region, name), ""), nil
	}
	view.Register = v.registersDomain()
	status, size := wire.RegistrationStatusRegistered, int64(domainsPage)
	if view.Deprecated {
		status = wire.RegistrationStatusDeprecated
	}
	in := &wire.ListDomainsInput{RegistrationStatus: status, MaximumPageSize: &size, NextPageToken: v.text("after")}
	out, err := call[wire.DomainInfos](v, "swf", "ListDomains", in)
	if denied(err) {
		view.Barred = err.Error()
		return shows("domains", view), nil
	}
	if err != nil {
		return nil, err
	}
	for _, d := range out.DomainInfos {
		if v.barred("swf", "DescribeDomain", &wire.DescribeDomainInput{Name: d.Name}) != "" {
			view.Others++
			continue
		}
		row := domainRow{Name: d.Name, Description: text(d.Description)}
		v.count(&row.Open, d.Name, "", 0)
		day := wire.Timestamp(v.Now().Add(-24 * time.Hour).UnixMilli())
		var late tally
		v.count(&row.Failed, d.Name, wire.CloseStatusFailed, day)
		v.count(&late, d.Name, wire.CloseStatusTimedOut, day)
		row.Failed.N, row.Failed.More = row.Failed.N+late.N, row.Failed.More || late.More
		if lists, now, err := v.listsOf(d.Name); err == nil && len(lists) > 0 && lists[0].OldestTimestamp != nil {
			row.Oldest, row.Now, row.OldestList = lists[0].OldestTimestamp, now, lists[0].Name
		}
		sparks, err := v.sparks(d.Name)
		if err != nil {
			return nil, err
		}
		row.Started = sparks[:min(len(sparks), 1)]
		view.Rows = append(view.Rows, row)
	}
	if out.NextPageToken != nil {
		view.Next = v.again("after", *out.NextPageToken)
	}
	view.Empty = len(view.Rows) == 0 && view.Others == 0
	return shows("domains", view), nil
}

// count counts executions of a domain: those that are open, or those that closed since then
// with a status.
func (v *visit) count(t *tally, domain, closed string, since wire.Timestamp) {
	var out *wire.WorkflowExecutionCount
	var err error
	if closed == "" {
		out, err = call[wire.WorkflowExecutionCount](v, "swf", "CountOpenWorkflowExecutions", &wire.CountOpenWorkflowExecutionsInput{Domain: domain})
	} else {
		out, err = call[wire.WorkflowExecutionCount](v, "swf", "CountClosedWorkflowExecutions", &wire.CountClosedWorkflowExecutionsInput{
			Domain: domain, CloseTimeFilter: &wire.ExecutionTimeFilter{OldestDate: since}, CloseStatusFilter: &wire.CloseStatusFilter{Status: closed},
		})
	}
	if err != nil {
		t.Barred = true
		return
	}
	t.N, t.More = out.Count, out.Truncated != nil && *out.Truncated
}

// listsOf are the first task lists of a domain, that with the oldest task first.
func (v *visit) listsOf(domain string) ([]operator.TaskListSummary, *wire.Timestamp, error) {
	out, err := call[operator.ListTaskListsOutput](v, "heddle", "ListTaskLists", &operator.ListTaskListsInput{Service: "swf", Domain: &domain})
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(out.TaskLists, func(a, b operator.TaskListSummary) int {
		return cmp.Compare(oldestOf(&a), oldestOf(&b))
	})
	return out.TaskLists, &out.ServerTimestamp, nil
}

// oldestOf is when the oldest task of a list was scheduled; without one, later than any.
func oldestOf(l *operator.TaskListSummary) wire.Timestamp {
	if l.OldestTimestamp == nil {
		return 1 << 62
	}
	return *l.OldestTimestamp
}

type domainView struct {
	Frame
	Info      wire.DomainInfo
	Retention string
	Open      tally
	Closed    []statusCount
	Lists     []operator.TaskListSummary
	Barred    string // why no lists are shown
	Now       *wire.Timestamp
	Sparks    []spark
	Why       shares // what open executions wait for
	Failed    shares // why executions failed
	At        time.Time
	Start     button
	Change    button // deprecates it, or undeprecates it
	Changes   string
}

type statusCount struct {
	Status string
	Count  tally
}

// worstLists is how many task lists the page of a domain shows.
const worstLists = 5

// domain shows how a domain is.
func (v *visit) domain() (*answer, error) {
	d, err := call[wire.DomainDetail](v, "swf", "DescribeDomain", &wire.DescribeDomainInput{Name: v.Domain})
	if err != nil {
		return nil, err
	}
	view := &domainView{Frame: v.frame(v.Domain), Info: d.DomainInfo, Retention: d.Configuration.WorkflowExecutionRetentionPeriodInDays}
	view.Start = v.starts()
	view.Change, view.Changes = v.changesDomain(d.DomainInfo.Status)
	v.count(&view.Open, v.Domain, "", 0)
	day := wire.Timestamp(v.Now().Add(-24 * time.Hour).UnixMilli())
	for _, status := range wire.CloseStatusValues {
		c := statusCount{Status: status}
		v.count(&c.Count, v.Domain, status, day)
		view.Closed = append(view.Closed, c)
	}
	lists, now, err := v.listsOf(v.Domain)
	if err != nil {
		view.Barred = err.Error()
	}
	view.Lists, view.Now = lists[:min(len(lists), worstLists)], now
	if view.Sparks, err = v.sparks(v.Domain); err != nil {
		return nil, err
	}
	if isPartial(v.Request) { // the rest is of when the page was opened
		return refreshes("domain", view), nil
	}
	view.At = v.Console.Now()
	if view.Why, err = v.whyOpen(); err != nil {
		return nil, err
	}
	if view.Failed, err = v.whyFailed(day); err != nil {
		return nil, err
	}
	return refreshes("domain", view), nil
}

// text is a parameter of the request; nil: it has none.
func (v *visit) text(name string) *string {
	if s := v.FormValue(name); s != "" {
		return &s
	}
	return nil
}

// again is the page's own address with another value of a parameter; without one the
// parameter goes.
func (v *visit) again(name, value string) string {
	q := v.URL.Query()
	q.Del("done")
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	if len(q) == 0 {
		return v.URL.EscapedPath()
	}
	return v.URL.EscapedPath() + "?" + q.Encode()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
