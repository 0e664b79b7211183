// Package machines makes state machines of Step Functions at random, and tells how their
// executions may end. What tells reads definitions alone: it knows neither events nor time,
// and shares nothing with the rules. Only tests import it.
package machines

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Options say what machines are made.
type Options struct {
	Depth  int    // of branches and iterations in each other
	Prefix string // of the names of machines
	// Rich machines run executions of others, and some of their tasks, and they themselves,
	// have little time.
	Rich bool
	// Hasty ones have little time for every task.
	Hasty bool
	// Distributed ones have Map states in distributed mode, whose labels are their names.
	Distributed bool
}

// Set is a machine, and those that its tasks run.
type Set struct {
	Root        string            // name of the machine that all begins with
	Input       string            // JSON text
	Definitions map[string]string // by name
	// Awaited are those of which an execution runs for a task that waits for its end.
	Awaited map[string]bool
}

// Activity is what all tasks are of that run no machine.
const Activity = "arn:aws:states:us-east-1:123456789012:activity:a"

// machineARN is a machine's.
func machineARN(name string) string {
	return "arn:aws:states:us-east-1:123456789012:stateMachine:" + name
}

// Make makes a set.
func Make(random *rand.Rand, o Options) *Set {
	g := &generator{rand: random, Options: o, machines: map[string]string{}, awaited: map[string]bool{}}
	root := jsonText(g.machine(o.Depth))
	g.machines[o.Prefix+"m"] = root
	return &Set{Root: o.Prefix + "m", Input: jsonText(g.value(2)), Definitions: g.machines, Awaited: g.awaited}
}

// object is one of JSON.
type object = map[string]any

// generator makes machines.
type generator struct {
	rand              *rand.Rand
	states, variables int
	scope             []string // variables that can be read
	Options
	awaited  map[string]bool
	machines map[string]string // definitions of those that tasks start
	nested   int               // in how many machines the present one is
}

// machine makes a whole machine, which may have little time.
func (g *generator) machine(depth int) object {
	m := g.flow(depth)
	if g.Rich && g.one(4) {
		m["TimeoutSeconds"] = 1 + g.rand.IntN(6)
	}
	return m
}

// child makes a task that runs another machine.
func (g *generator) child() object {
	name := fmt.Sprintf("%sc%d", g.Prefix, len(g.machines))
	g.machines[name] = "" // its name is taken
	outer := g.scope
	g.scope = nil
	g.nested++
	g.machines[name] = jsonText(g.machine(1))
	g.nested--
	g.scope = outer
	pattern := []string{"", ".sync", ".sync:2", ".waitForTaskToken"}[g.rand.IntN(4)]
	g.awaited[name] = strings.HasPrefix(pattern, ".sync")
	input := g.template(g.one(2))
	st := object{
		"Type": "Task", "Resource": "arn:aws:states:::states:startExecution" + pattern,
		"Parameters": object{"StateMachineArn": machineARN(name), "Input": input},
	}
	switch pattern {
	case "":
		st["ResultSelector"] = object{"started": true}
	case ".sync": // which gives the output as a text, with its members in any order
		st["ResultSelector"] = object{"status.$": "$.Status"}
	case ".sync:2":
		st["ResultSelector"] = object{"status.$": "$.Status", "output.$": "$.Output"}
	default:
		input["token.$"] = "$$.Task.Token"
		if g.one(2) {
			st["HeartbeatSeconds"] = 2
		}
		st["TimeoutSeconds"] = 9
	}
	if pattern != ".waitForTaskToken" && (g.one(3) || g.Hasty) {
		st["TimeoutSeconds"] = 5 + g.rand.IntN(9)
	}
	g.handlers(st)
	return st
}

func (g *generator) one(n int) bool { return g.rand.IntN(n) == 0 }

// value makes an input.
func (g *generator) value(depth int) any {
	switch n := g.rand.IntN(5); {
	case n == 0:
		return "text"
	case n == 1 && depth > 0:
		return []any{g.value(depth - 1), g.value(depth - 1)}
	case n == 2 && depth > 0:
		return object{"a": g.value(depth - 1), "b": 1}
	}
	return g.rand.IntN(10)
}

// flow makes states that follow each other. The first sets a variable, under a name that no
// flow around it has.
func (g *generator) flow(depth int) object {
	outer := g.scope
	states := []object{}
	if g.one(2) {
		name := fmt.Sprintf("v%d", g.variables)
		g.variables++
		set := object{name + ".$": "$"}
		if g.one(2) {
			set = object{name: g.value(1)}
		}
		states = append(states, object{"Type": "Pass", "Assign": set})
		defer func() { g.scope = outer }()
		g.scope = append(append([]string{}, outer...), name)
	}
	for range 1 + g.rand.IntN(4) {
		states = append(states, g.state(depth)...)
	}
	names := make([]string, len(states)+1)
	for i := range names {
		names[i] = fmt.Sprintf("S%d", g.states)
		g.states++
	}
	all := object{names[len(states)]: object{"Type": "Succeed"}}
	for i, st := range states {
		next := names[i+1]
		to := i + 1 + g.rand.IntN(len(states)-i)
		if to < len(states) && states[to]["Type"] == "Map" {
			to++ // it needs the list that the state before it gives
		}
		later := names[to]
		switch st["Type"] {
		case "Choice":
			for _, rule := range st["Choices"].([]any) {
				rule.(object)["Next"] = later
			}
			if !g.one(6) {
				st["Default"] = next
			}
		case "Fail":
			// never the first: what follows would not be reached
		default:
			st["Next"] = next
		}
		if catch, ok := st["Catch"]; ok {
			for _, c := range catch.([]any) {
				c.(object)["Next"] = later
			}
		}
		if st["ItemBatcher"] != nil || st["Type"] == "Map" && st["ItemProcessor"].(object)["ProcessorConfig"] != nil {
			st["Label"] = names[i]
		}
		all[names[i]] = st
	}
	reached := map[string]bool{names[0]: true} // all transitions lead on
	for _, name := range names {
		st := all[name].(object)
		if !reached[name] {
			delete(all, name)
			continue
		}
		for _, from := range append(append(list(st["Choices"]), list(st["Catch"])...), st) {
			for _, field := range []string{"Next", "Default"} {
				if to, ok := from[field].(string); ok {
					reached[to] = true
				}
			}
		}
	}
	return object{"StartAt": names[0], "States": all}
}

// state makes a state, and before it what it needs.
func (g *generator) state(depth int) []object {
	if g.Rich && g.nested < 2 && len(g.machines) < 4 && g.one(6) {
		return []object{g.child()}
	}
	if g.Distributed && depth > 0 && g.one(5) {
		return g.distributed(depth)
	}
	n := g.rand.IntN(12)
	if depth == 0 && n > 8 {
		n -= 4
	}
	switch {
	case n < 2:
		st := object{"Type": "Pass"}
		switch g.rand.IntN(3) {
		case 0:
			st["Result"] = g.value(1)
		case 1:
			st["Parameters"] = g.template(false)
		}
		return []object{st}
	case n < 3:
		return []object{{"Type": "Wait", "Seconds": g.rand.IntN(4)}}
	case n < 5:
		return []object{{"Type": "Choice", "Choices": []any{object{"Variable": "$", []string{"IsNumeric", "IsString", "IsNull"}[g.rand.IntN(3)]: true}}}}
	case n < 9:
		st := object{"Type": "Task", "Resource": Activity, "Parameters": g.template(g.one(2))}
		g.handlers(st)
		if g.one(3) || g.Hasty {
			st["TimeoutSeconds"] = 90_000_000
			if g.Rich {
				st["TimeoutSeconds"] = 3 + g.rand.IntN(5)
				if g.one(2) {
					st["HeartbeatSeconds"] = 2
				}
			}
		}
		return []object{st}
	case n < 10:
		st := object{"Type": "Parallel"}
		branches := []any{}
		for range 1 + g.rand.IntN(3) {
			branches = append(branches, g.flow(depth-1))
		}
		st["Branches"] = branches
		if g.one(2) {
			st["Parameters"] = g.template(false)
		}
		g.handlers(st)
		return []object{st}
	case n < 11:
		list := []any{}
		for range g.rand.IntN(4) {
			list = append(list, g.value(1))
		}
		st := object{"Type": "Map", "ItemProcessor": g.flow(depth - 1)}
		if g.one(2) {
			st["MaxConcurrency"] = g.rand.IntN(3)
		}
		if g.one(2) {
			st["ItemSelector"] = object{"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
		}
		if g.one(3) {
			st["ToleratedFailureCount"] = 1
		}
		g.handlers(st)
		return []object{{"Type": "Pass", "Result": list}, st}
	}
	// A state that only some get to.
	return []object{
		{"Type": "Choice", "Choices": []any{object{"Variable": "$", "IsNumeric": true}}},
		{"Type": "Fail", "Error": "F", "Cause": "fails"},
	}
}

// distributed makes a Map state in distributed mode: its items say which they are, and what is
// done with them sees no variables.
func (g *generator) distributed(depth int) []object {
	list := []any{}
	for range g.rand.IntN(7) {
		list = append(list, g.value(1))
	}
	outer := g.scope
	g.scope = nil
	flow := g.flow(depth - 1)
	g.scope = outer
	flow["ProcessorConfig"] = object{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
	selector := object{"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
	if len(g.scope) > 0 && g.one(2) {
		selector["o.$"] = "$" + g.scope[g.rand.IntN(len(g.scope))]
	}
	st := object{"Type": "Map", "ItemProcessor": flow, "ItemSelector": selector}
	if g.one(2) {
		st["MaxConcurrency"] = g.rand.IntN(4)
	}
	switch g.rand.IntN(4) {
	case 0:
		st["ToleratedFailureCount"] = 1 + g.rand.IntN(2)
	case 1:
		st["ToleratedFailurePercentage"] = 10 * (1 + g.rand.IntN(10))
	}
	if g.one(3) {
		st["ItemBatcher"] = object{"MaxItemsPerBatch": 2}
	}
	g.handlers(st)
	return []object{{"Type": "Pass", "Result": list}, st}
}

func (g *generator) template(counts bool) object {
	o := object{"in.$": "$", "k": g.rand.IntN(50)}
	if counts {
		o["n.$"] = "$$.State.RetryCount"
	}
	if len(g.scope) > 0 && g.one(2) {
		o["v.$"] = "$" + g.scope[g.rand.IntN(len(g.scope))]
	}
	return o
}

var errorLists = [][]any{
	{"Bad"}, {"Worse", "F"}, {"States.TaskFailed"}, {"States.ALL"}, {"States.NoChoiceMatched"}, {"States.ExceedToleratedFailureThreshold"}, {"States.Timeout"}, {"States.HeartbeatTimeout"},
}

// errors are a list of errors for a Retrier or a Catcher.
func (g *generator) errors() []any {
	n := len(errorLists)
	if !g.Rich {
		n-- // which makes the machines that stored bytes are known of
	}
	return errorLists[g.rand.IntN(n)]
}

func (g *generator) handlers(st object) {
	if g.one(2) {
		retry := []any{}
		for i := range 1 + g.rand.IntN(2) {
			errors := g.errors()
			if i == 0 && errors[0] == "States.ALL" {
				errors = errorLists[0]
			}
			retry = append(retry, object{"ErrorEquals": errors, "MaxAttempts": g.rand.IntN(3), "IntervalSeconds": 1 + g.rand.IntN(3), "JitterStrategy": []string{"NONE", "FULL"}[g.rand.IntN(2)]})
		}
		st["Retry"] = retry
	}
	if g.one(2) {
		st["Catch"] = []any{object{"ErrorEquals": g.errors()}}
	}
}
