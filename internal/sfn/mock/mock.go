// Package mock reads the file by which Step Functions Local is told what to answer in place of
// the services that state machines call:
//
//	{"StateMachines": {"Orders": {"TestCases": {"HappyPath": {"Charge": "Charged"}}}},
//	 "MockedResponses": {"Charged": {"0": {"Throw": {"Error": "Busy", "Cause": "later"}}, "1-2": {"Return": {"ok": true}}}}}
//
// A test case names a response for each of some states, by the states' names; those that it
// leaves out do what they do. A response says of invocations, by their numbers from 0 on, how
// they end. The file may have further members, for whoever runs the tests.
//
// Source: Step Functions Developer Guide, "Using mocked service integrations for testing in
// Step Functions Local". What that leaves open was observed of Step Functions Local 2.0.0 by
// others: there is one count for each state and execution, and a state fails with
// States.Runtime whose response says nothing of an invocation.
package mock

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
)

// CaseBytesMax is how large the responses of one test case may be, in bytes: an execution has
// them in its first event.
const CaseBytesMax = 1 << 20

// Config is what a file says.
type Config struct {
	cases map[string]map[string][]execution.StateMock // by state machine, and by test case
}

// Parse reads a file. An error says what is wrong, and where.
func Parse(text []byte) (*Config, error) {
	v, err := jsonvalue.ParseStrict(text)
	if err != nil {
		return nil, err
	}
	c := &Config{cases: map[string]map[string][]execution.StateMock{}}
	top, err := Object(v, "the file")
	if err != nil {
		return nil, err
	}
	if _, there := top.Get("StateMachines"); !there {
		return nil, fmt.Errorf("the file: want StateMachines") // what else it has may be for others
	}
	responses, err := ReadResponses(top)
	if err != nil {
		return nil, err
	}
	machines, err := Member(top, "StateMachines", "the file")
	if err != nil {
		return nil, err
	}
	for name, v := range machines.All() {
		where := fmt.Sprintf("StateMachines.%s", name)
		machine, err := Object(v, where)
		if err != nil {
			return nil, err
		}
		all, err := Member(machine, "TestCases", where)
		if err != nil {
			return nil, err
		}
		c.cases[name] = map[string][]execution.StateMock{}
		for test, v := range all.All() {
			if c.cases[name][test], err = responses.Case(v, fmt.Sprintf("%s.TestCases.%s", where, test)); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// Case gives the mocks of a test case. An error says what there is instead.
func (c *Config) Case(machine, test string) ([]execution.StateMock, error) {
	cases, known := c.cases[machine]
	if !known {
		return nil, fmt.Errorf("there are no test cases of state machine %s, but of %s", machine, list(c.cases))
	}
	mocks, known := cases[test]
	if !known {
		return nil, fmt.Errorf("state machine %s has no test case %s, but %s", machine, test, list(cases))
	}
	return mocks, nil
}

func list[V any](of map[string]V) string {
	if len(of) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}

// Responses are the mocked responses of a file, by name.
type Responses map[string][]execution.Answer

// ReadResponses reads the member MockedResponses of an object; without it there are none.
func ReadResponses(of *jsonvalue.Object) (Responses, error) {
	r := Responses{}
	all, err := Member(of, "MockedResponses", "the file")
	if err != nil {
		return nil, err
	}
	for name, v := range all.All() {
		if r[name], err = answers(v, "MockedResponses."+name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Case reads the mocks of a test case: an object with states and the names of their responses,
// or the responses themselves.
func (r Responses) Case(v any, where string) (mocks []execution.StateMock, err error) {
	states, err := Object(v, where)
	if err != nil {
		return nil, err
	}
	bytes := 0
	for state, v := range states.All() {
		m := execution.StateMock{State: state}
		at := where + "." + state
		if name, is := v.(string); is {
			known := false
			if m.Answers, known = r[name]; !known {
				return nil, fmt.Errorf("%s: there is no mocked response %s", at, name)
			}
		} else if m.Answers, err = answers(v, at); err != nil {
			return nil, err
		}
		bytes += len(state)
		for i := range m.Answers {
			a := &m.Answers[i]
			bytes += len(a.Output) + len(a.Error) + len(a.Cause)
		}
		mocks = append(mocks, m)
	}
	if bytes > CaseBytesMax {
		return nil, fmt.Errorf("%s: its responses have %d bytes, at most %d are allowed", where, bytes, CaseBytesMax)
	}
	return mocks, nil
}

// answers reads a response.
func answers(v any, where string) (all []execution.Answer, err error) {
	o, err := Object(v, where)
	if err != nil {
		return nil, err
	}
	for numbers, v := range o.All() {
		at := where + "." + numbers
		a, err := answer(v, at)
		if err != nil {
			return nil, err
		}
		first, last, isRange := strings.Cut(numbers, "-")
		if !isRange {
			last = first
		}
		var ok, also bool
		a.From, ok = number(first)
		if a.To, also = number(last); !ok || !also || a.To < a.From {
			return nil, fmt.Errorf("%s: want the number of an invocation, such as \"0\", or a range of them, such as \"1-2\"", at)
		}
		for _, other := range all {
			if a.From <= other.To && other.From <= a.To {
				return nil, fmt.Errorf("%s: another member has the same invocations", at)
			}
		}
		all = append(all, a)
	}
	return all, nil
}

// number reads the number of an invocation.
func number(text string) (int64, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int64(n), err == nil
}

// answer reads how an invocation ends.
func answer(v any, where string) (a execution.Answer, err error) {
	o, err := Object(v, where)
	if err != nil {
		return a, err
	}
	returned, returns := o.Get("Return")
	thrown, throws := o.Get("Throw")
	if returns == throws || o.Len() != 1 {
		return a, fmt.Errorf("%s: want either Return or Throw, and nothing else", where)
	}
	if returns {
		a.Output = jsonvalue.Text(returned)
		return a, nil
	}
	e, err := Object(thrown, where+".Throw")
	if err != nil {
		return a, err
	}
	a.Failed = true
	for name, to := range map[string]*string{"Error": &a.Error, "Cause": &a.Cause} {
		v, there := e.Get(name)
		text, isText := v.(string)
		if there && !isText {
			return a, fmt.Errorf("%s.Throw.%s: want a text", where, name)
		}
		*to = text
	}
	if a.Error == "" {
		return a, fmt.Errorf("%s.Throw: want an Error", where)
	}
	return a, Known(e, where+".Throw", "Error", "Cause")
}

// Known refuses an object with a member that has another name.
func Known(o *jsonvalue.Object, where string, names ...string) error {
	for name := range o.All() {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%s: member %s is not known; there are %s", where, name, strings.Join(names, ", "))
		}
	}
	return nil
}

// Member is a member of an object, which is an object; without it, an empty one.
func Member(o *jsonvalue.Object, name, where string) (*jsonvalue.Object, error) {
	v, there := o.Get(name)
	if !there {
		return jsonvalue.NewObject(0), nil
	}
	return Object(v, where+": "+name)
}

// Object takes a value for an object.
func Object(v any, where string) (*jsonvalue.Object, error) {
	o, is := v.(*jsonvalue.Object)
	if !is {
		return nil, fmt.Errorf("%s: want an object, not %s", where, jsonvalue.TypeName(v))
	}
	return o, nil
}
