package web

import (
	"fmt"
	"net/http"
	"strconv"

	"heddle/internal/aws/arn"
	"heddle/internal/console/past"
	"heddle/internal/console/view"
	"heddle/internal/sfn/wire"
)

// testPath is where states are tested, behind a region.
const testPath = "/-states/test"

// outcome is what a test of a state gave.
type outcome struct {
	Status, Says string
	Facts        []view.Setting
	Given        []*view.Given
}

// testState tests a state: of a definition that is given, or of a machine or an execution that
// the address names.
func (v *visit) testState() (*answer, error) {
	d := &doing{
		Frame: v.frame("Test a state"), Form: view.TestStateForm(), Button: "Test",
		Lead: "One state is run with what you give it, and what comes out is shown. Nothing is kept; but a task without a mock does what it does.",
		Back: view.Link{Text: "State machines", Href: pathOf(v.Region) + "/-states/machines"},
	}
	d.Set("inspectionLevel", "DEBUG")
	if v.Method == http.MethodGet {
		if err := v.testedState(d); err != nil {
			return nil, err
		}
	}
	d.Next = func(out any) string {
		d.Below = outcomeOf(out.(*wire.TestStateOutput))
		return ""
	}
	return v.do(d)
}

// testedState fills the form with a state of a machine, as an execution has it, and with what
// that state was given when an event entered it.
func (v *visit) testedState(d *doing) error {
	machine, execution := v.FormValue("machine"), v.FormValue("execution")
	d.Set("stateName", v.FormValue("state"))
	switch {
	case execution != "":
		of := arn.Of("states", v.Region, v.caller.Account, "execution:"+machine+":"+execution).String()
		about, err := call[wire.DescribeStateMachineForExecutionOutput](v, "states", "DescribeStateMachineForExecution", &wire.DescribeStateMachineForExecutionInput{ExecutionARN: of})
		if err != nil {
			return err
		}
		d.Set("definition", about.Definition)
		d.Set("roleArn", about.RoleARN)
		d.Back = view.Link{Text: execution, Href: view.MachinePath(v.Region, machine, execution) + "?" + view.Parameters("state", v.FormValue("state")) + "#state"}
		return v.enteredWith(d, of)
	case machine != "":
		of := arn.Of("states", v.Region, v.caller.Account, "stateMachine:"+machine).String()
		about, err := call[wire.DescribeStateMachineOutput](v, "states", "DescribeStateMachine", &wire.DescribeStateMachineInput{StateMachineARN: of})
		if err != nil {
			return err
		}
		d.Set("definition", about.Definition)
		d.Set("roleArn", about.RoleARN)
		d.Back = view.Link{Text: machine, Href: view.MachinePath(v.Region, machine)}
	}
	return nil
}

// enteredWith fills in the input with which an event of an execution entered the state.
func (v *visit) enteredWith(d *doing, execution string) error {
	id, err := strconv.ParseInt(v.FormValue("event"), 10, 64)
	if err != nil {
		return nil // none is asked for
	}
	events, err := past.Pages("GetExecutionHistory", true, func(token string) ([]byte, error) {
		in := &wire.GetExecutionHistoryInput{ExecutionARN: execution, MaxResults: &eventsAsked}
		if token != "" {
			in.NextToken = &token
		}
		return v.machineHistoryPage(in)
	})
	if refused(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if id < 1 || id > int64(len(events.Raw)) {
		return nil
	}
	if input, has := view.Text(events.Raw[id-1], "input"); has {
		d.Set("input", input)
	}
	return nil
}

// outcomeOf is what a test gave, in the order in which it came about.
func outcomeOf(out *wire.TestStateOutput) *outcome {
	o := &outcome{Status: text(out.Status), Says: statusWord(text(out.Status))}
	fact := func(name string, value any) {
		if s := fmt.Sprint(value); s != "" {
			o.Facts = append(o.Facts, view.Setting{Name: name, Text: s})
		}
	}
	given := func(name string, of *string) {
		if of != nil {
			o.Given = append(o.Given, view.Payload(name, *of))
		}
	}
	fact("Error", text(out.Error))
	fact("Cause", text(out.Cause))
	fact("Next state", text(out.NextState))
	given("Output", out.Output)
	in := out.InspectionData
	if in == nil {
		return o
	}
	if e := in.ErrorDetails; e != nil {
		for _, n := range []struct {
			name string
			of   *int64
		}{{"Catcher", e.CatchIndex}, {"Retrier", e.RetryIndex}, {"Seconds until the retry", e.RetryBackoffIntervalSeconds}} {
			if n.of != nil {
				fact(n.name, *n.of)
			}
		}
	}
	for _, n := range []struct {
		name string
		of   *int64
	}{{"Iterations at a time", in.MaxConcurrency}, {"Failures that are tolerated", in.ToleratedFailureCount}} {
		if n.of != nil {
			fact(n.name, *n.of)
		}
	}
	if in.ToleratedFailurePercentage != nil {
		fact("The same in percent", *in.ToleratedFailurePercentage)
	}
	for _, p := range []struct {
		name string
		of   *string
	}{
		{"Input", in.Input}, {"After InputPath", in.AfterInputPath}, {"After Parameters", in.AfterParameters}, {"After Arguments", in.AfterArguments},
		{"After ItemsPath", in.AfterItemsPath}, {"After ItemSelector", in.AfterItemSelector}, {"Result", in.Result},
		{"After ResultSelector", in.AfterResultSelector}, {"After ResultPath", in.AfterResultPath}, {"Variables", in.Variables},
	} {
		given(p.name, p.of)
	}
	return o
}
