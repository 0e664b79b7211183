package web

import (
	"fmt"
	"net/http"

	"heddle/internal/aws/arn"
	"heddle/internal/console/view"
	"heddle/internal/sfn/wire"
)

type mapRunView struct {
	Frame
	About    *wire.DescribeMapRunOutput
	Name     string
	Base     string
	Back     view.Link
	Items    []counter
	Children []counter
	Rows     []wire.ExecutionListItem
	Statuses []statusLink
	Next     string
	Update   button
	Redrive  button // of its execution; no path: there is nothing to redrive
	Now      wire.Timestamp
	Command  string
}

// counter is how many there are of a kind, and their part of a bar, in percent.
type counter struct {
	Name, Kind string
	N          int64
	X, Width   string
}

// countersOf are the counters of a map run; those of kinds that bars show are parts of the total.
func countersOf(c wire.MapRunExecutionCounts) []counter {
	all := []counter{
		{Name: "succeeded", Kind: "Succeeded", N: c.Succeeded}, {Name: "failed", Kind: "Failed", N: c.Failed}, {Name: "timed out", Kind: "TimedOut", N: c.TimedOut},
		{Name: "aborted", Kind: "Aborted", N: c.Aborted}, {Name: "running", Kind: "Running", N: c.Running}, {Name: "wait", N: c.Pending},
	}
	if c.PendingRedrive != nil && *c.PendingRedrive > 0 {
		all = append(all, counter{Name: "wait for a redrive", N: *c.PendingRedrive})
	}
	all = append(all, counter{Name: "in all", N: c.Total}, counter{Name: "results written", N: c.ResultsWritten})
	at := 0.0
	for i := range all {
		if s := &all[i]; s.Kind != "" && c.Total > 0 {
			part := 100 * float64(s.N) / float64(c.Total)
			s.X, s.Width = fmt.Sprintf("%.2f%%", at), fmt.Sprintf("%.2f%%", part)
			at += part
		}
	}
	return all
}

func (v *visit) mapRunARN() string {
	return arn.Of("states", v.Region, v.caller.Account, "mapRun:"+v.PathValue("machine")+":"+v.PathValue("run")).String()
}

// mapRun shows a map run: its counters, and the executions that it began.
func (v *visit) mapRun() (*answer, error) {
	of, size := v.mapRunARN(), int64(rowsPage)
	about, err := call[wire.DescribeMapRunOutput](v, "states", "DescribeMapRun", &wire.DescribeMapRunInput{MapRunARN: of})
	if err != nil {
		return nil, err
	}
	page := &mapRunView{
		Frame: v.frame("Map run " + v.PathValue("run")), About: about, Name: v.PathValue("run"), Base: view.MapRunPath(v.Region, of), Now: wire.Timestamp(v.Now().UnixMilli()),
		Items: countersOf(wire.MapRunExecutionCounts(about.ItemCounts)), Children: countersOf(about.ExecutionCounts),
		Command: "aws stepfunctions describe-map-run --region " + v.Region + " --map-run-arn " + view.Quoted(of),
	}
	machine, execution := view.MachineOf(about.ExecutionARN)
	page.Back = view.Link{Text: machine + " " + execution, Href: view.MachinePath(v.Region, machine, execution)}
	status := v.text("status")
	out, err := call[wire.ListExecutionsOutput](v, "states", "ListExecutions", &wire.ListExecutionsInput{
		MapRunARN: &of, StatusFilter: status, MaxResults: &size, NextToken: v.text("after"),
	})
	if err != nil && !denied(err) {
		return nil, err
	}
	if err == nil {
		page.Rows = out.Executions
		page.Statuses = []statusLink{{Name: "All", Path: page.Base, Here: status == nil}}
		for _, s := range wire.ExecutionStatusValues {
			page.Statuses = append(page.Statuses, statusLink{Name: statusWord(s), Path: page.Base + "?status=" + s, Here: status != nil && *status == s})
		}
		if out.NextToken != nil {
			page.Next = v.again("after", *out.NextToken)
		}
	}
	if about.StopDate == nil {
		page.Update = v.buttonOf(page.Base+"/update", view.UpdateMapRunForm(of))
		return refreshes("maprun", page), nil
	}
	parent, err := call[wire.DescribeExecutionOutput](v, "states", "DescribeExecution", &wire.DescribeExecutionInput{ExecutionARN: about.ExecutionARN})
	if err != nil && !refused(err) {
		return nil, err
	}
	if err == nil && view.Redrivable(parent) && about.Status != wire.MapRunStatusSucceeded {
		page.Redrive = v.buttonOf(page.Back.Href+"/redrive", view.RedriveForm(about.ExecutionARN))
	}
	return shows("maprun", page), nil
}

// mapRunUpdate changes what a map run may do at a time, and how much may fail.
func (v *visit) mapRunUpdate() (*answer, error) {
	of := v.mapRunARN()
	at := view.MapRunPath(v.Region, of)
	d := &doing{
		Frame: v.frame("Change the map run"), Form: view.UpdateMapRunForm(of), Button: "Change", Tells: "map-run-changed",
		Lead: "What is left empty stays as it is.", Back: view.Link{Text: "Map run " + v.PathValue("run"), Href: at}, Next: always(at),
	}
	if v.Method == http.MethodGet {
		about, err := call[wire.DescribeMapRunOutput](v, "states", "DescribeMapRun", &wire.DescribeMapRunInput{MapRunARN: of})
		if err != nil {
			return nil, err
		}
		d.Set("maxConcurrency", fmt.Sprint(about.MaxConcurrency))
		d.Set("toleratedFailureCount", fmt.Sprint(about.ToleratedFailureCount))
		d.Set("toleratedFailurePercentage", fmt.Sprint(about.ToleratedFailurePercentage))
	}
	return v.do(d)
}
