package web

import (
	"fmt"
	"strconv"

	"heddle/internal/aws/fault"
	"heddle/internal/console/past"
	"heddle/internal/console/view"
	operator "heddle/internal/operator/wire"
	"heddle/internal/swf/wire"
)

type executionView struct {
	Frame
	*view.Execution
	Back view.Link
	Live string // where its script asks whether something has happened
	CLI  []string
}

func (v *visit) place() view.Place { return view.Place{Region: v.Region, Domain: v.Domain} }

// executionOf is the execution that the path names.
func (v *visit) executionOf() wire.WorkflowExecution {
	return wire.WorkflowExecution{WorkflowID: v.named("workflow"), RunID: view.RunOfPath(v.named("run"))}
}

// run leads to the run of a workflowId that is open, or that was the last.
func (v *visit) run() (*answer, error) {
	id := v.named("workflow")
	filter, size := &wire.WorkflowExecutionFilter{WorkflowID: id}, int64(1)
	open, err := call[wire.WorkflowExecutionInfos](v, "swf", "ListOpenWorkflowExecutions", &wire.ListOpenWorkflowExecutionsInput{
		Domain: v.Domain, ExecutionFilter: filter, MaximumPageSize: &size,
	})
	if err != nil {
		return nil, err
	}
	all := open.ExecutionInfos
	if len(all) == 0 {
		closed, err := call[wire.WorkflowExecutionInfos](v, "swf", "ListClosedWorkflowExecutions", &wire.ListClosedWorkflowExecutionsInput{
			Domain: v.Domain, ExecutionFilter: filter, StartTimeFilter: &wire.ExecutionTimeFilter{}, MaximumPageSize: &size,
		})
		if err != nil {
			return nil, err
		}
		all = closed.ExecutionInfos
	}
	if len(all) == 0 {
		return nil, &fault.Fault{Code: "UnknownResourceFault", Message: fmt.Sprintf("No execution of the domain has the workflowId %q, or it is kept no more.", id)}
	}
	return goesTo(v.place().Execution(id, all[0].Execution.RunID), ""), nil
}

// How old what an open page says may be, in seconds: verdicts change with time alone, and how
// far map runs are with what no event of their execution tells.
const (
	staleAfter       = 30
	staleWithMapRuns = 10
)

// execution shows an execution. Its script asks for it again, and gets it when something has
// happened, or as time passes.
func (v *visit) execution() (*answer, error) {
	of := v.executionOf()
	if err := v.await(&operator.AwaitExecutionInput{Domain: &v.Domain, WorkflowID: &of.WorkflowID, RunID: &of.RunID}); err != nil {
		return nil, err
	}
	inspection, err := call[operator.InspectExecutionOutput](v, "heddle", "InspectExecution", &operator.InspectExecutionInput{
		Domain: &v.Domain, WorkflowID: &of.WorkflowID, RunID: &of.RunID,
	})
	if err != nil {
		return nil, err
	}
	description, err := call[wire.WorkflowExecutionDetail](v, "swf", "DescribeWorkflowExecution", &wire.DescribeWorkflowExecutionInput{Domain: v.Domain, Execution: of})
	if err != nil {
		return nil, err
	}
	events, err := v.history(of)
	if err != nil {
		return nil, err
	}
	facts := &view.Facts{Inspection: inspection, Description: description, Raw: events.Raw}
	if facts.Events, err = events.Workflow(); err != nil {
		return nil, err
	}
	x := &executionView{Frame: v.frame(of.WorkflowID), Execution: view.NewExecution(v.place(), facts, view.ReadQuery(v.URL.Query()))}
	x.Back = view.Link{Text: "Executions", Href: v.place().Of("executions")}
	if x.Head.IsOpen {
		x.Live = v.liveOf(x.Execution)
	}
	v.actions(x.Execution)
	x.CLI = []string{
		fmt.Sprintf("heddle show %s --domain %s --run-id %s", view.Quoted(of.WorkflowID), view.Quoted(v.Domain), view.Quoted(of.RunID)),
		(&view.Form{Service: "swf", Action: "GetWorkflowExecutionHistory", Fields: []view.Field{
			{Name: "domain", Value: v.Domain}, {Name: "execution.workflowId", Value: of.WorkflowID}, {Name: "execution.runId", Value: of.RunID},
		}}).CLI(v.Region),
	}
	return &answer{template: "execution", view: x, fragment: "live"}, nil
}

// await waits for a script that asks for what it has already, until that is no longer all, or too
// old. Who asks has to stand then, too. Errors: errEnded, that of the request's context, and
// those of calls.
func (v *visit) await(in *operator.AwaitExecutionInput) error {
	seen, err := strconv.ParseInt(v.FormValue("seen"), 10, 64)
	if err != nil || !isPartial(v.Request) {
		return nil
	}
	wait, err := strconv.ParseInt(v.FormValue("wait"), 10, 64)
	if err != nil {
		wait = 0
	}
	in.Events, in.WaitTimeSeconds = seen, &wait
	if _, err = call[operator.AwaitExecutionOutput](v, "heddle", "AwaitExecution", in); err != nil {
		return err
	}
	if err = v.Context().Err(); err != nil { // the page is not looked at any more
		return err
	}
	return v.stands()
}

// liveOf is where an open page asks for what comes next.
func (v *visit) liveOf(x *view.Execution) string {
	q, wait := x.Query.String(), staleAfter
	if len(x.MapRuns) > 0 {
		wait = staleWithMapRuns
	}
	return x.Base + q + map[bool]string{true: "?", false: "&"}[q == ""] + fmt.Sprintf("seen=%d&wait=%d", x.Events, wait)
}

// eventsAsked is how many events are asked for at a time, and pageBytes what such have often.
var eventsAsked int64 = 1000

const pageBytes = 320 << 10

// history reads all of a history.
func (v *visit) history(of wire.WorkflowExecution) (*past.Events, error) {
	return past.Pages("GetWorkflowExecutionHistory", false, func(token string) ([]byte, error) {
		in := &wire.GetWorkflowExecutionHistoryInput{Domain: v.Domain, Execution: of, MaximumPageSize: &eventsAsked}
		if token != "" {
			in.NextPageToken = &token
		}
		return v.historyPage(in)
	})
}

// historyPage is a page of a history, as it is answered to the API's callers.
func (v *visit) historyPage(in *wire.GetWorkflowExecutionHistoryInput) ([]byte, error) {
	return v.raw("swf", "GetWorkflowExecutionHistory", in, pageBytes)
}

// raw calls an action, and gives the answer as the API's callers have it. It begins with room
// for so many bytes.
func (v *visit) raw(service, action string, in any, room int) ([]byte, error) {
	out, err := v.Calls.Call(v.Context(), &v.caller, service, action, in)
	if err != nil {
		return nil, err
	}
	page, ok := out.(interface{ AppendJSON([]byte) []byte })
	if !ok {
		return nil, fmt.Errorf("call %s: the answer is a %T", action, out)
	}
	return page.AppendJSON(make([]byte, 0, room)), nil
}

// member answers with a member of an event, as text.
func (v *visit) member() (*answer, error) {
	events, err := v.history(v.executionOf())
	if err != nil {
		return nil, err
	}
	return memberOf(events, v.PathValue("event"), v.PathValue("member"))
}

func memberOf(events *past.Events, event, member string) (*answer, error) {
	missing := &fault.Fault{Code: "UnknownResourceFault", Message: "No event of the execution has such a member."}
	id, err := strconv.ParseInt(event, 10, 64)
	if err != nil || id < 1 || id > int64(len(events.Raw)) {
		return nil, missing
	}
	text, has := view.Text(events.Raw[id-1], member)
	if !has {
		return nil, missing
	}
	return &answer{kind: "text/plain; charset=utf-8", body: []byte(text)}, nil
}

// actions are what may be done with an execution.
func (v *visit) actions(x *view.Execution) {
	add := func(name, text string, form *view.Form, danger bool) {
		x.Actions = append(x.Actions, v.action(x, name, text, form, danger)...)
	}
	if x.Head.IsOpen {
		add("signal", "Signal", view.SignalForm(x.Domain, x.WorkflowID, x.RunID), false)
		add("cancel", "Try to cancel", view.CancelForm(x.Domain, x.WorkflowID, x.RunID), false)
		add("terminate", "Terminate", view.TerminateForm(x.Domain, x.WorkflowID, x.RunID), true)
	}
	start := view.StartForm(x.Domain)
	start.Set("workflowId", x.WorkflowID)
	start.Set("workflowType.name", x.Head.Type)
	start.Set("workflowType.version", x.Head.Version)
	add("rerun", "Re-run", start, false)
}

// action is one that may be done with an execution, by the form at its name.
func (v *visit) action(x *view.Execution, name, text string, form *view.Form, danger bool) []view.Action {
	b := v.buttonOf(x.Base+"/"+name, form)
	return []view.Action{{Name: name, Text: text, Href: b.Path, Permission: b.Barred, Danger: danger}}
}
