// Package rehearsal runs test cases of a state machine in memory, without a server: each has an
// input, mocks for what the machine calls, and what is expected of how it goes and ends.
//
//	{"TestCases": {
//	   "Busy": {"Input": {"order": 7},
//	            "Mocks": {"Charge": "BusyOnce"},
//	            "Expect": {"Path": ["Charge", "Ship"], "Output": {"shipped": true}}}},
//	 "MockedResponses": {
//	   "BusyOnce": {"0": {"Throw": {"Error": "Busy", "Cause": "later"}}, "1": {"Return": {"ok": true}}}}}
//
// MockedResponses are as Step Functions Local has them (package mock); a case may also write a
// response in place of its name. Each Task state that is entered needs one. A Parallel or a Map
// state may have one, which then stands for all within it. Substitutions are what the definition has
// for ${Name}.
//
// All that is expected is compared: Status (by default SUCCEEDED, or FAILED if there is an Error
// or a Cause), Path, the names of all states in the order in which they are entered, Output,
// Error and Cause. What is not said is not compared. Each case gives the same whenever it is run:
// its time begins at Began and jumps over waits, and its random numbers are always the same.
package rehearsal

import (
	"fmt"
	"strings"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/mock"
	"heddle/internal/sfn/resource"
	"heddle/jsonvalue"
)

// Began is when each execution begins.
var Began = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// world is the account and the region that ARNs are of.
var world = engine.World{Account: "123456789012", Region: "us-east-1"}

// Case is a test case.
type Case struct {
	Name   string
	Input  any
	Mocks  []execution.StateMock
	Expect Expectation
}

// Expectation is what a case expects; a nil member is not compared.
type Expectation struct {
	Status       string
	Path         []string
	Output       any
	HasOutput    bool
	Error, Cause *string
}

// ReadCases reads the test cases of a file, in its order. A case may only have mocks of states
// that the machine has.
func ReadCases(text []byte, m *asl.Machine) ([]Case, error) {
	v, err := jsonvalue.ParseStrict(text)
	if err != nil {
		return nil, err
	}
	top, err := mock.Object(v, "the file")
	if err != nil {
		return nil, err
	}
	if err := mock.Known(top, "the file", "Comment", "Substitutions", "TestCases", "MockedResponses"); err != nil {
		return nil, err
	}
	responses, err := mock.ReadResponses(top)
	if err != nil {
		return nil, err
	}
	tests, err := mock.Member(top, "TestCases", "the file")
	if err != nil {
		return nil, err
	}
	var all []Case
	for name, v := range tests.All() {
		c, err := readCase(v, "TestCases."+name, responses)
		if err != nil {
			return nil, err
		}
		for i := range c.Mocks {
			if m.State(c.Mocks[i].State) == nil {
				return nil, fmt.Errorf("TestCases.%s.Mocks: the state machine has no state %s", name, c.Mocks[i].State)
			}
		}
		for _, state := range c.Expect.Path {
			if m.State(state) == nil {
				return nil, fmt.Errorf("TestCases.%s.Expect.Path: the state machine has no state %s", name, state)
			}
		}
		c.Name = name
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no test case in TestCases")
	}
	return all, nil
}

func readCase(v any, where string, responses mock.Responses) (c Case, err error) {
	o, err := mock.Object(v, where)
	if err != nil {
		return c, err
	}
	if err := mock.Known(o, where, "Comment", "Input", "Mocks", "Expect"); err != nil {
		return c, err
	}
	c.Input = jsonvalue.NewObject(0)
	if in, there := o.Get("Input"); there {
		c.Input = in
	}
	mocks, err := mock.Member(o, "Mocks", where)
	if err != nil {
		return c, err
	}
	if c.Mocks, err = responses.Case(mocks, where+".Mocks"); err != nil {
		return c, err
	}
	expect, err := mock.Member(o, "Expect", where)
	if err != nil {
		return c, err
	}
	c.Expect, err = readExpectation(expect, where+".Expect")
	return c, err
}

func readExpectation(o *jsonvalue.Object, where string) (e Expectation, err error) {
	if err := mock.Known(o, where, "Status", "Path", "Output", "Error", "Cause"); err != nil {
		return e, err
	}
	e.Output, e.HasOutput = o.Get("Output")
	var status *string
	for name, to := range map[string]**string{"Status": &status, "Error": &e.Error, "Cause": &e.Cause} {
		v, there := o.Get(name)
		text, isText := v.(string)
		switch {
		case there && !isText:
			return e, fmt.Errorf("%s.%s: want a text", where, name)
		case there:
			*to = &text
		}
	}
	switch {
	case status != nil:
		e.Status = *status
	case e.Error != nil || e.Cause != nil:
		e.Status = execution.Failed
	default:
		e.Status = execution.Succeeded
	}
	switch e.Status {
	case execution.Succeeded, execution.Failed, execution.TimedOut:
	default:
		return e, fmt.Errorf("%s.Status: want %s, %s or %s", where, execution.Succeeded, execution.Failed, execution.TimedOut)
	}
	path, there := o.Get("Path")
	if !there {
		return e, nil
	}
	states, isList := path.([]any)
	e.Path = make([]string, len(states))
	for i, v := range states {
		var isText bool
		e.Path[i], isText = v.(string)
		isList = isList && isText
	}
	if !isList {
		return e, fmt.Errorf("%s.Path: want a list of the names of states", where)
	}
	return e, nil
}

// Result is how a case went.
type Result struct {
	*execution.Rehearsal
	Differences []string // from what was expected, a line or more each; none: it is as expected
}

// nameOf makes a name of an execution of that of a test case.
func nameOf(test string) string {
	return strings.Map(func(r rune) rune {
		if resource.IsName(string(r)) {
			return r
		}
		return '-'
	}, test)
}

// Run runs a case of a machine, which goes by a name.
func Run(machine string, m *asl.Machine, c *Case) (*Result, error) {
	start := &execution.Start{
		Input:    jsonvalue.Text(c.Input),
		Settings: execution.Settings{Role: arn.Of("iam", "", world.Account, "role/test").String(), Mocks: c.Mocks},
	}
	done, err := execution.Rehearse(execution.Name(world, machine, nameOf(c.Name)), m, start, engine.Time(Began.UnixMilli()))
	if err != nil {
		return nil, err
	}
	return &Result{done, differences(&c.Expect, done)}, nil
}
