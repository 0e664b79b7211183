package execution

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// naive interprets definitions of the kind that TestRandomMachines makes, straight from
// their JSON: a state is a function from a value to what may come of it. It shares nothing
// with the rules.
type naive struct {
	machines map[string]object
	stops    bool // some child executions were stopped
}

// outcome is how something may end: with an output, or by an error.
type outcome struct {
	err   string // "": it succeeds
	cause any
	value string // the output, canonical
	beat  bool   // a task was not heard of
}

// ranOut stands for the error of an execution that had no time left.
const ranOut = "ran out of time"

func (o outcome) among(list []outcome) bool {
	return slices.ContainsFunc(list, func(other outcome) bool { return o.err == other.err && (o.err != "" || o.value == other.value) })
}

// scope is variables, and the iteration that a flow is.
type scope struct {
	vars   object
	parent *scope
}

func (s *scope) find(name string) any {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	panic("no variable " + name)
}

func newNaive(definitions map[string]string, stops bool) *naive {
	n := &naive{map[string]object{}, stops}
	for name, definition := range definitions {
		n.machines[name] = parsed(definition).(object)
	}
	return n
}

func parsed(text string) (v any) {
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	return v
}

func (n *naive) outcomes(machine, input string) []outcome {
	return n.execution(machine, parsed(input))
}

func (n *naive) execution(machine string, input any) []outcome {
	m := n.machines[machine]
	ends := n.flow(m, input, nil)
	if m["TimeoutSeconds"] != nil {
		ends = append(ends, outcome{err: ranOut})
	}
	return ends
}

// child is how a task may end that starts an execution.
func (n *naive) child(resource string, parameters object) (ends []outcome) {
	arn := parameters["StateMachineArn"].(string)
	_, pattern, _ := strings.Cut(resource, ".")
	switch pattern {
	case "":
		return []outcome{{value: `{"started":true}`}}
	case "waitForTaskToken":
		return answers(parameters["Input"], true)
	}
	for _, o := range n.execution(arn[strings.LastIndexByte(arn, ':')+1:], unknowing(parsed(jsonText(parameters["Input"])))) {
		result := object{"status": "SUCCEEDED"}
		if pattern == "sync:2" && o.err == "" {
			result["output"] = parsed(o.value)
		}
		if o.err == "" {
			ends = append(ends, outcome{value: jsonText(result)})
		} else {
			ends = append(ends, outcome{err: "States.TaskFailed", cause: someCause})
		}
	}
	if n.stops {
		ends = append(ends, outcome{err: "States.TaskFailed", cause: someCause})
	}
	return distinct(ends)
}

// answers is how a worker may answer to an input.
func answers(input any, little bool) []outcome {
	switch name, output, hangs := answerOf(jsonText(input), little); {
	case hangs:
		return nil
	case name != "":
		return []outcome{{err: name}}
	default:
		return []outcome{{value: canonical(output)}}
	}
}

// flow gives how a flow may end. One may end in several ways only by what runs at the same
// time in it.
func (n *naive) flow(def object, input any, outer *scope) []outcome {
	return n.from(def, def["StartAt"].(string), input, &scope{object{}, outer})
}

func (n *naive) from(flow object, name string, in any, sc *scope) []outcome {
	st := flow["States"].(object)[name].(object)
	next := func(state any, out any, set object) []outcome {
		if state == nil {
			return []outcome{{value: canonical(jsonText(out))}}
		}
		inner := &scope{object{}, sc.parent}
		for k, v := range sc.vars {
			inner.vars[k] = v
		}
		for k, v := range set {
			inner.vars[k] = v
		}
		return n.from(flow, state.(string), out, inner)
	}
	switch st["Type"] {
	case "Succeed":
		return next(nil, in, nil)
	case "Fail":
		return []outcome{{err: st["Error"].(string), cause: st["Cause"]}}
	case "Wait":
		return next(st["Next"], in, nil)
	case "Choice":
		for _, rule := range st["Choices"].([]any) {
			r := rule.(object)
			_, number := in.(float64)
			_, text := in.(string)
			if r["IsNumeric"] == true && number || r["IsString"] == true && text || r["IsNull"] == true && in == nil {
				return next(r["Next"], in, nil)
			}
		}
		if st["Default"] == nil {
			return []outcome{{err: "States.NoChoiceMatched", cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #0). "+
				"Failed to transition out of the state. The state does not point to a next state.", name)}}
		}
		return next(st["Default"], in, nil)
	case "Pass":
		out := in
		if r, ok := st["Result"]; ok {
			out = r
		}
		if p, ok := st["Parameters"]; ok {
			out = fill(p, in, sc, object{})
		}
		set := object{}
		if a, ok := st["Assign"]; ok {
			set = fill(a, in, sc, object{}).(object)
		}
		return next(st["Next"], out, set)
	}
	var all []outcome
	for _, o := range n.tried(st, in, sc, make([]int, 9)) {
		if o.err == "" {
			all = append(all, next(st["Next"], parsed(o.value), nil)...)
			continue
		}
		caught := false
		for _, c := range list(st["Catch"]) {
			if means(c["ErrorEquals"], o, st["Type"] == "Task") {
				all = append(all, next(c["Next"], object{"Error": o.err, "Cause": o.cause}, nil)...)
				caught = true
				break
			}
		}
		if !caught {
			o.beat = false // which those around it do not see
			all = append(all, o)
		}
	}
	return distinct(all)
}

// tried does a state's work, again and again as its Retriers say; counts has their counts.
func (n *naive) tried(st object, in any, sc *scope, counts []int) []outcome {
	retried := 0
	for _, c := range counts {
		retried += c
	}
	var all []outcome
	for _, o := range n.once(st, in, sc, retried) {
		i := slices.IndexFunc(list(st["Retry"]), func(r object) bool { return o.err != "" && means(r["ErrorEquals"], o, st["Type"] == "Task") })
		if i < 0 || counts[i] >= int(list(st["Retry"])[i]["MaxAttempts"].(float64)) {
			all = append(all, o)
			continue
		}
		more := slices.Clone(counts)
		more[i]++
		all = append(all, n.tried(st, in, sc, more)...)
	}
	return distinct(all)
}

func (n *naive) once(st object, in any, sc *scope, retried int) []outcome {
	context := object{"$$.State.RetryCount": float64(retried), "$$.Task.Token": someToken}
	effective := in
	if p, ok := st["Parameters"]; ok {
		effective = fill(p, in, sc, context)
	}
	var parts [][]outcome // of branches or iterations
	tolerated := 0
	switch st["Type"] {
	case "Task":
		var ends []outcome
		timeout, _ := st["TimeoutSeconds"].(float64)
		little := timeout > 0 && timeout < 1000
		if resource := st["Resource"].(string); strings.Contains(resource, "startExecution") {
			ends = n.child(resource, effective.(object))
		} else {
			ends = answers(effective, little)
		}
		if little {
			ends = append(ends, outcome{err: "States.Timeout", cause: ""})
		}
		if st["HeartbeatSeconds"] != nil {
			ends = append(ends, outcome{err: "States.Timeout", cause: "", beat: true})
		}
		return ends
	case "Parallel":
		for _, branch := range st["Branches"].([]any) {
			parts = append(parts, n.flow(branch.(object), effective, sc))
		}
	case "Map":
		if t, ok := st["ToleratedFailureCount"]; ok {
			tolerated = int(t.(float64))
		}
		for i, item := range in.([]any) {
			if s, ok := st["ItemSelector"]; ok {
				item = fill(s, in, sc, object{"$$.Map.Item.Value": item, "$$.Map.Item.Index": float64(i)})
			}
			parts = append(parts, n.flow(st["ItemProcessor"].(object), item, sc))
		}
	}
	return together(parts, tolerated)
}

// together is how parts that run at the same time may end as one.
func together(parts [][]outcome, tolerated int) []outcome {
	type partial struct {
		values []string
		failed int
	}
	ways := []partial{{}}
	var ends []outcome
	for _, part := range parts {
		var longer []partial
		for _, way := range ways {
			for _, o := range part {
				switch {
				case o.err == "":
					longer = append(longer, partial{append(slices.Clone(way.values), o.value), way.failed})
				case way.failed < tolerated:
					longer = append(longer, partial{way.values, way.failed + 1})
				}
			}
		}
		for _, o := range part { // whichever is the first, if it is one too many
			switch {
			case o.err == "":
			case tolerated == 0:
				ends = append(ends, o)
			case slices.ContainsFunc(ways, func(w partial) bool { return w.failed >= tolerated }):
				ends = append(ends, outcome{err: "States.ExceedToleratedFailureThreshold", cause: "The specified tolerated failure threshold was exceeded"})
			}
		}
		if ways = longer; len(ways) > 200 {
			ways = ways[:200] // a seed that fails for this has too many
		}
	}
	for _, way := range ways {
		ends = append(ends, outcome{value: "[" + strings.Join(way.values, ",") + "]"})
	}
	return distinct(ends)
}

func distinct(list []outcome) []outcome {
	var all []outcome
	for _, o := range list {
		if !slices.ContainsFunc(all, func(other outcome) bool {
			return o.err == other.err && o.value == other.value && o.beat == other.beat && jsonText(o.cause) == jsonText(other.cause)
		}) {
			all = append(all, o)
		}
	}
	return all
}

func list(v any) (objects []object) {
	if v != nil {
		for _, o := range v.([]any) {
			objects = append(objects, o.(object))
		}
	}
	return objects
}

func means(names any, o outcome, task bool) bool {
	for _, name := range names.([]any) {
		if name == o.err || name == "States.ALL" || name == "States.TaskFailed" && task && o.err != "States.Timeout" || name == "States.HeartbeatTimeout" && o.beat {
			return true
		}
	}
	return false
}

// fill fills a payload template in.
func fill(template any, in any, sc *scope, context object) any {
	out := object{}
	for name, v := range template.(object) {
		key, isPath := strings.CutSuffix(name, ".$")
		switch path, _ := v.(string); {
		case !isPath:
			if inner, ok := v.(object); ok && name == "Input" {
				v = fill(inner, in, sc, context)
			}
			out[name] = v
		case path == "$":
			out[key] = in
		case strings.HasPrefix(path, "$$"):
			out[key] = context[path]
		default:
			out[key] = sc.find(path[1:])
		}
	}
	return out
}
