package web

import (
	"errors"
	"fmt"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/fault"
	"heddle/internal/console/past"
	"heddle/internal/console/view"
	operator "heddle/internal/operator/wire"
	"heddle/internal/sfn/wire"
)

type machinesView struct {
	Frame
	Rows []wire.StateMachineListItem
	Next string
	Test button
}

// machines shows the state machines of a region.
func (v *visit) machines() (*answer, error) {
	size := int64(rowsPage)
	out, err := call[wire.ListStateMachinesOutput](v, "states", "ListStateMachines", &wire.ListStateMachinesInput{MaxResults: &size, NextToken: v.text("after")})
	if err != nil {
		return nil, err
	}
	page := &machinesView{Frame: v.frame("State machines"), Rows: out.StateMachines, Test: v.buttonOf(view.TestPath(v.Region), view.TestStateForm())}
	if out.NextToken != nil {
		page.Next = v.again("after", *out.NextToken)
	}
	return shows("machines", page), nil
}

type machineView struct {
	Frame
	Machine    string
	About      *wire.DescribeStateMachineOutput // nil: who may not see it
	Definition *view.Given
	Rows       []wire.ExecutionListItem
	Statuses   []statusLink
	Next       string
	Start      button
	Batch      button
	Batches    string // path
	Now        wire.Timestamp
	Graph      *view.Graph
	State      *view.StateCard
}

func (v *visit) machineARN() string {
	return arn.Of("states", v.Region, v.caller.Account, "stateMachine:"+v.PathValue("machine")).String()
}

func (v *visit) machineExecutionARN() string {
	return arn.Of("states", v.Region, v.caller.Account, "execution:"+v.PathValue("machine")+":"+v.PathValue("execution")).String()
}

// machine shows a state machine, and its executions, the newest first.
func (v *visit) machine() (*answer, error) {
	of, size := v.machineARN(), int64(rowsPage)
	about, err := call[wire.DescribeStateMachineOutput](v, "states", "DescribeStateMachine", &wire.DescribeStateMachineInput{StateMachineARN: of})
	if err != nil {
		return nil, err
	}
	page := &machineView{Frame: v.frame(about.Name), Machine: about.Name, About: about, Now: wire.Timestamp(v.Now().UnixMilli())}
	path := view.MachinePath(v.Region, about.Name)
	page.Definition = view.PayloadAt("Definition", about.Definition, path+"/-definition")
	page.Start = v.buttonOf(path+"/-start", view.StartMachineForm(of))
	page.Graph, page.State = view.NewMachineGraph(v.Region, about.Name, about.Definition, view.ReadQuery(v.URL.Query()))
	if page.IsExpress() { // no action lists or describes what it runs
		return shows("machine", page), nil
	}
	status := v.text("status")
	out, err := call[wire.ListExecutionsOutput](v, "states", "ListExecutions", &wire.ListExecutionsInput{
		StateMachineARN: &of, StatusFilter: status, MaxResults: &size, NextToken: v.text("after"),
	})
	if err != nil {
		return nil, err
	}
	page.Rows = out.Executions
	page.Statuses = []statusLink{{Name: "All", Path: path, Here: status == nil}}
	for _, s := range wire.ExecutionStatusValues {
		page.Statuses = append(page.Statuses, statusLink{Name: statusWord(s), Path: path + "?status=" + s, Here: status != nil && *status == s})
	}
	if out.NextToken != nil {
		page.Next = v.again("after", *out.NextToken)
	}
	page.Batch, page.Batches = v.newsBatch(""), v.batchPlace().List
	return shows("machine", page), nil
}

// IsExpress tells whether it is a machine whose executions only its log has.
func (x *machineView) IsExpress() bool { return x.About.Type == wire.StateMachineTypeExpress }

// Logs are the log groups that the machine's executions are logged to.
func (x *machineView) Logs() (groups []string) {
	if l := x.About.LoggingConfiguration; l != nil && text(l.Level) != wire.LogLevelOff {
		for _, d := range l.Destinations {
			if g := d.CloudWatchLogsLogGroup; g != nil {
				groups = append(groups, text(g.LogGroupARN))
			}
		}
	}
	return groups
}

// machineDefinition answers with the definition of a state machine, as text.
func (v *visit) machineDefinition() (*answer, error) {
	about, err := call[wire.DescribeStateMachineOutput](v, "states", "DescribeStateMachine", &wire.DescribeStateMachineInput{StateMachineARN: v.machineARN()})
	if err != nil {
		return nil, err
	}
	return &answer{kind: "text/plain; charset=utf-8", body: []byte(about.Definition)}, nil
}

// machineExecution shows an execution of a state machine.
func (v *visit) machineExecution() (*answer, error) {
	of := v.machineExecutionARN()
	if err := v.await(&operator.AwaitExecutionInput{ExecutionARN: &of}); err != nil {
		return nil, err
	}
	facts := &view.MachineFacts{}
	var err error
	if facts.Description, err = call[wire.DescribeExecutionOutput](v, "states", "DescribeExecution", &wire.DescribeExecutionInput{ExecutionARN: of}); err != nil {
		return nil, err
	}
	if facts.Inspection, err = call[operator.InspectExecutionOutput](v, "heddle", "InspectExecution", &operator.InspectExecutionInput{ExecutionARN: &of}); err != nil {
		return nil, err
	}
	events, err := v.machineHistory(of)
	if err != nil {
		return nil, err
	}
	facts.Raw = events.Raw
	if facts.Events, err = events.Machine(); err != nil {
		return nil, err
	}
	if err := v.machineFacts(of, facts); err != nil {
		return nil, err
	}
	x := &executionView{Frame: v.frame(v.PathValue("execution")), Execution: view.NewMachineExecution(v.Region, facts, view.ReadQuery(v.URL.Query()))}
	x.Back = view.Link{Text: x.Head.Type, Href: x.Head.TypeHref}
	if run := facts.Description.MapRunARN; run != nil {
		x.Back = view.Link{Text: "Map run of " + x.Head.Type, Href: view.MapRunPath(v.Region, *run)}
	}
	if x.Head.IsOpen {
		x.Live = v.liveOf(x.Execution)
		x.Actions = v.action(x.Execution, "stop", "Stop", view.StopForm(of), true)
	}
	if view.Redrivable(facts.Description) {
		x.Actions = append(x.Actions, v.action(x.Execution, "redrive", "Redrive", view.RedriveForm(of), false)...)
	}
	if facts.Description.MapRunARN == nil { // what a map run began nobody else begins
		again := v.action(x.Execution, "rerun", "Start again", view.StartMachineForm(facts.Description.StateMachineARN), false)
		x.Actions = append(x.Actions, again...)
	}
	x.CLI = []string{"heddle show " + view.Quoted(of), "aws stepfunctions get-execution-history --region " + v.Region + " --execution-arn " + view.Quoted(of)}
	return &answer{template: "execution", view: x, fragment: "live"}, nil
}

// mapRunsShown is how many map runs the page of an execution lists.
var mapRunsShown int64 = 20

// mapRunsCounted is of how many of the last ones it tells how far they are.
const mapRunsCounted = 5

// machineFacts adds what a page has if its visitor may see it: the definition, and map runs.
func (v *visit) machineFacts(of string, facts *view.MachineFacts) error {
	described, err := call[wire.DescribeStateMachineForExecutionOutput](v, "states", "DescribeStateMachineForExecution", &wire.DescribeStateMachineForExecutionInput{ExecutionARN: of})
	if err == nil {
		facts.Definition = described.Definition
	} else if !refused(err) {
		return err
	}
	facts.Items = map[string]wire.MapRunItemCounts{}
	for i := len(facts.Events) - 1; i >= 0 && len(facts.Items) < mapRunsCounted; i-- {
		run := facts.Events[i].MapRun
		if _, known := facts.Items[run]; known || run == "" {
			continue
		}
		about, err := call[wire.DescribeMapRunOutput](v, "states", "DescribeMapRun", &wire.DescribeMapRunInput{MapRunARN: run})
		if refused(err) {
			break
		}
		if err != nil {
			return err
		}
		facts.Items[run] = about.ItemCounts
	}
	for i := range facts.Events {
		if facts.Events[i].MapRun == "" {
			continue
		}
		runs, err := call[wire.ListMapRunsOutput](v, "states", "ListMapRuns", &wire.ListMapRunsInput{ExecutionARN: of, MaxResults: &mapRunsShown})
		if err == nil {
			facts.MapRuns = runs.MapRuns
		} else if !refused(err) {
			return err
		}
		break
	}
	return nil
}

// refused tells whether the server would not answer, of which a page that has the rest says nothing.
func refused(err error) bool {
	_, is := errors.AsType[*fault.Fault](err)
	return is
}

func (v *visit) machineHistory(of string) (*past.Events, error) {
	return past.Pages("GetExecutionHistory", true, func(token string) ([]byte, error) {
		in := &wire.GetExecutionHistoryInput{ExecutionARN: of, MaxResults: &eventsAsked}
		if token != "" {
			in.NextToken = &token
		}
		return v.machineHistoryPage(in)
	})
}

func (v *visit) machineHistoryPage(in *wire.GetExecutionHistoryInput) ([]byte, error) {
	return v.raw("states", "GetExecutionHistory", in, pageBytes)
}

// machineMember answers with a member of an event, as text.
func (v *visit) machineMember() (*answer, error) {
	events, err := v.machineHistory(v.machineExecutionARN())
	if err != nil {
		return nil, err
	}
	return memberOf(events, v.PathValue("event"), v.PathValue("member"))
}

// machineStart starts an execution of a state machine.
func (v *visit) machineStart() (*answer, error) {
	return v.startMachine(v.machineARN(), "Start an execution", nil)
}

// machineAgain starts an execution with the input of another one.
func (v *visit) machineAgain() (*answer, error) {
	about, err := call[wire.DescribeExecutionOutput](v, "states", "DescribeExecution", &wire.DescribeExecutionInput{ExecutionARN: v.machineExecutionARN()})
	if err != nil {
		return nil, err
	}
	return v.startMachine(about.StateMachineARN, "Start again", about.Input)
}

func (v *visit) startMachine(of, title string, input *string) (*answer, error) {
	d := &doing{Frame: v.frame(title), Form: view.StartMachineForm(of), Button: "Start", Tells: "started"}
	if input != nil {
		d.Form.Set("input", *input)
	}
	machine := of[strings.LastIndexByte(of, ':')+1:]
	d.Back = view.Link{Text: machine, Href: view.MachinePath(v.Region, machine)}
	d.Next = func(out any) string {
		if started, ok := out.(*wire.StartExecutionOutput); ok && !strings.Contains(started.ExecutionARN, ":express:") { // such a one has no page
			of, name := view.MachineOf(started.ExecutionARN)
			return view.MachinePath(v.Region, of, name)
		}
		return d.Back.Href
	}
	return v.do(d)
}

// machineDoing stops an execution of a state machine, or has it go on.
func (v *visit) machineDoing() (*answer, error) {
	of := v.machineExecutionARN()
	at := view.MachinePath(v.Region, v.PathValue("machine"), v.PathValue("execution"))
	d := &doing{Back: view.Link{Text: v.PathValue("execution"), Href: at}, Next: always(at)}
	switch v.PathValue("do") {
	case "stop":
		d.Frame, d.Form, d.Button, d.Tells, d.Danger = v.frame("Stop"), view.StopForm(of), "Stop", "stopped", true
		d.Lead = "It closes at once as aborted."
	case "redrive":
		d.Frame, d.Form, d.Button, d.Tells = v.frame("Redrive"), view.RedriveForm(of), "Redrive", "redriven"
		d.Lead = "It goes on from the states that failed; what succeeded is not done again."
	default:
		return nil, &fault.Fault{Code: "ResourceNotFoundException", Message: fmt.Sprintf("%q is nothing that can be done.", v.PathValue("do"))}
	}
	return v.do(d)
}
