package machines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// naive interprets definitions of the kind that Make makes, straight from their JSON: a
// state is a function from a value to what may come of it. It shares nothing
// with the rules.
type naive struct {
	machines map[string]object
	stops    bool // some child executions were stopped
	work     int  // how much was looked at
	cut      bool // there is more than that
}

// workMax is how many states and combinations a naive interpreter looks at; some machines have
// millions of ways.
const workMax = 20_000

// spent tells whether there is too much to look at.
func (n *naive) spent() bool {
	n.work++
	n.cut = n.cut || n.work > workMax
	return n.cut
}

// End is how something may end: with an output, or by an error.
type End struct {
	Error string // "": it succeeds
	Value string // the output, canonical
	cause any
	beat  bool // a task was not heard of
}

// RanOut stands for the error of an execution that had no time left.
const RanOut = "ran out of time"

// Among tells whether an end is one of a list, but for causes.
func (o End) Among(list []End) bool {
	return slices.ContainsFunc(list, func(other End) bool { return o.Error == other.Error && (o.Error != "" || o.Value == other.Value) })
}

// Ends tells how an execution of a machine with an input may end. Stops says that somebody
// has stopped executions which tasks ran. All is false if there are too many ways.
func (s *Set) Ends(machine, input string, stops bool) (ends []End, all bool) {
	n := &naive{machines: map[string]object{}, stops: stops}
	for name, definition := range s.Definitions {
		n.machines[name] = parsed(definition).(object)
	}
	if _, label, ok := strings.Cut(machine, "/"); ok { // of an item
		n.machines[machine] = s.States(machine)[label]["ItemProcessor"].(object)
	}
	ends = n.execution(machine, unknowing(parsed(input)))
	return ends, !n.cut
}

// Answer is how a worker answers to the input of a task: failing with a name, or with an
// output, or, if the task has little time, not at all. It is a function of the input, so that
// every attempt of an order of events gives the same.
func Answer(input string, little bool) (name, output string, hangs bool) {
	input = Canonical(input)
	h := uint32(2166136261)
	for i := range len(input) {
		h = (h ^ uint32(input[i])) * 16777619
	}
	switch h >> 8 % 7 {
	case 0:
		return "Bad", "", false
	case 1:
		return "Worse", "", false
	case 2:
		hangs = little
	}
	return "", fmt.Sprintf(`{"r":%d}`, h%5), hangs
}

// Little tells whether a timeout, in seconds, is one that may well be over.
func Little(timeout int64) bool { return timeout > 0 && timeout < 1000 }

// States gives all states of a machine, by their names, which are unique.
func (s *Set) States(machine string) map[string]map[string]any {
	all := map[string]object{}
	flatten(parsed(s.Definitions[Base(machine)]).(object), all)
	return all
}

// Base is a machine without the label of a Map state of it, of whose items the executions are those
// of MACHINE/LABEL.
func Base(machine string) string {
	base, _, _ := strings.Cut(machine, "/")
	return base
}

func flatten(flow object, states map[string]object) {
	for name, st := range flow["States"].(object) {
		st := st.(object)
		states[name] = st
		if p, ok := st["ItemProcessor"]; ok {
			flatten(p.(object), states)
		}
		for _, branch := range list(st["Branches"]) {
			flatten(branch, states)
		}
	}
}

// Timeout is how much time a machine has, in seconds; 0: any.
func (s *Set) Timeout(machine string) int64 {
	if machine != Base(machine) {
		return 0
	}
	seconds, _ := parsed(s.Definitions[machine]).(object)["TimeoutSeconds"].(float64)
	return int64(seconds)
}

// Canonical is a JSON text with its members in order, and without what nobody can know: the
// numbers of events, tokens, and what describes an execution that has failed.
func Canonical(text string) string {
	return eventNumbers.ReplaceAllString(jsonText(unknowing(parsed(text))), "entered at #")
}

func unknowing(v any) any {
	switch v := v.(type) {
	case string:
		if tokens.MatchString(v) {
			return someToken
		}
	case []any:
		for i := range v {
			v[i] = unknowing(v[i])
		}
	case object:
		if status, ok := v["Status"].(string); ok && v["ExecutionArn"] != nil && status != "SUCCEEDED" {
			return failedItem
		}
		for name := range v {
			if v[name] = unknowing(v[name]); name == "Cause" && strings.HasPrefix(fmt.Sprint(v[name]), "{") {
				v[name] = someCause
			}
		}
	}
	return v
}

// What canonical texts have for tokens and for descriptions of executions.
const someToken, someCause = "token", "described"

// failedItem is what they have for an item whose execution has failed, in the output of a Map
// state in distributed mode.
var failedItem = object{"failed": true}

var (
	eventNumbers = regexp.MustCompile(`entered at the event id #\d+`)
	tokens       = regexp.MustCompile(`^AQ[A-Za-z0-9+/]{42,50}={0,2}$`)
)

func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
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

func parsed(text string) (v any) {
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	return v
}

func (n *naive) execution(machine string, input any) []End {
	m := n.machines[machine]
	ends := n.flow(m, input, nil)
	if m["TimeoutSeconds"] != nil {
		ends = append(ends, End{Error: RanOut})
	}
	return ends
}

// child is how a task may end that starts an execution.
func (n *naive) child(resource string, parameters object) (ends []End) {
	arn := parameters["StateMachineArn"].(string)
	_, pattern, _ := strings.Cut(resource, ".")
	switch pattern {
	case "":
		return []End{{Value: `{"started":true}`}}
	case "waitForTaskToken":
		return answers(parameters["Input"], true)
	}
	for _, o := range n.execution(arn[strings.LastIndexByte(arn, ':')+1:], unknowing(parsed(jsonText(parameters["Input"])))) {
		result := object{"status": "SUCCEEDED"}
		if pattern == "sync:2" && o.Error == "" {
			result["output"] = parsed(o.Value)
		}
		if o.Error == "" {
			ends = append(ends, End{Value: jsonText(result)})
		} else {
			ends = append(ends, End{Error: "States.TaskFailed", cause: someCause})
		}
	}
	if n.stops {
		ends = append(ends, End{Error: "States.TaskFailed", cause: someCause})
	}
	return distinct(ends)
}

// answers is how a worker may answer to an input.
func answers(input any, little bool) []End {
	switch name, output, hangs := Answer(jsonText(input), little); {
	case hangs:
		return nil
	case name != "":
		return []End{{Error: name}}
	default:
		return []End{{Value: Canonical(output)}}
	}
}

// flow gives how a flow may end. One may end in several ways only by what runs at the same
// time in it.
func (n *naive) flow(def object, input any, outer *scope) []End {
	return n.from(def, def["StartAt"].(string), input, &scope{object{}, outer})
}

func (n *naive) from(flow object, name string, in any, sc *scope) []End {
	if n.spent() {
		return nil
	}
	st := flow["States"].(object)[name].(object)
	next := func(state any, out any, set object) []End {
		if state == nil {
			return []End{{Value: Canonical(jsonText(out))}}
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
		return []End{{Error: st["Error"].(string), cause: st["Cause"]}}
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
			return []End{{Error: "States.NoChoiceMatched", cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #0). "+
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
	var all []End
	for _, o := range n.tried(st, in, sc, make([]int, 9)) {
		if o.Error == "" {
			all = append(all, next(st["Next"], parsed(o.Value), nil)...)
			continue
		}
		caught := false
		for _, c := range list(st["Catch"]) {
			if means(c["ErrorEquals"], o, st["Type"] == "Task") {
				all = append(all, next(c["Next"], object{"Error": o.Error, "Cause": o.cause}, nil)...)
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
func (n *naive) tried(st object, in any, sc *scope, counts []int) []End {
	retried := 0
	for _, c := range counts {
		retried += c
	}
	var all []End
	for _, o := range n.once(st, in, sc, retried) {
		i := slices.IndexFunc(list(st["Retry"]), func(r object) bool { return o.Error != "" && means(r["ErrorEquals"], o, st["Type"] == "Task") })
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

func (n *naive) once(st object, in any, sc *scope, retried int) []End {
	context := object{"$$.State.RetryCount": float64(retried), "$$.Task.Token": someToken}
	effective := in
	if p, ok := st["Parameters"]; ok {
		effective = fill(p, in, sc, context)
	}
	var parts [][]End // of branches or iterations
	tolerated := 0
	switch st["Type"] {
	case "Task":
		var ends []End
		timeout, _ := st["TimeoutSeconds"].(float64)
		little := Little(int64(timeout))
		if resource := st["Resource"].(string); strings.Contains(resource, "startExecution") {
			ends = n.child(resource, effective.(object))
		} else {
			ends = answers(effective, little)
		}
		if little {
			ends = append(ends, End{Error: "States.Timeout", cause: ""})
		}
		if st["HeartbeatSeconds"] != nil {
			ends = append(ends, End{Error: "States.Timeout", cause: "", beat: true})
		}
		return ends
	case "Parallel":
		for _, branch := range st["Branches"].([]any) {
			parts = append(parts, n.flow(branch.(object), effective, sc))
		}
	case "Map":
		if st["ItemProcessor"].(object)["ProcessorConfig"] != nil {
			return n.distributed(st, in.([]any), sc)
		}
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
	return n.together(parts, tolerated)
}

// distributed is how a Map state in distributed mode may end: it fails once more of its items have
// than it tolerates, and else gives what the others gave, and what is told of those, in their order.
func (n *naive) distributed(st object, items []any, sc *scope) []End {
	batch := 0
	if b, ok := st["ItemBatcher"]; ok {
		batch = int(b.(object)["MaxItemsPerBatch"].(float64))
	}
	inputs, sizes := []any{}, []int{}
	for i, item := range items {
		item = fill(st["ItemSelector"], item, sc, object{"$$.Map.Item.Value": item, "$$.Map.Item.Index": float64(i)})
		switch last := len(inputs) - 1; {
		case batch == 0:
			inputs, sizes = append(inputs, item), append(sizes, 1)
		case last >= 0 && sizes[last] < batch:
			all := inputs[last].(object)
			all["Items"] = append(all["Items"].([]any), item)
			sizes[last]++
		default:
			inputs, sizes = append(inputs, object{"Items": []any{item}}), append(sizes, 1)
		}
	}
	tolerates := func(failed int) bool {
		count, ofCount := st["ToleratedFailureCount"].(float64)
		percent, ofAll := st["ToleratedFailurePercentage"].(float64)
		return failed == 0 || (ofCount || ofAll) && (!ofCount || float64(failed) <= count) && (!ofAll || float64(failed)*100 <= percent*float64(len(items)))
	}
	type partial struct {
		values []string
		failed int
	}
	ways, most := []partial{{}}, 0
	for i, input := range inputs {
		ends := n.flow(st["ItemProcessor"].(object), unknowing(parsed(jsonText(input))), nil)
		if n.stops {
			ends = append(ends, End{Error: "stopped"})
		}
		var longer []partial
		fails := false
		for _, o := range ends {
			for _, way := range ways {
				switch {
				case o.Error == "":
					longer = append(longer, partial{append(slices.Clone(way.values), o.Value), way.failed})
				case !fails && tolerates(way.failed+sizes[i]):
					longer = append(longer, partial{append(slices.Clone(way.values), jsonText(failedItem)), way.failed + sizes[i]})
				}
			}
			fails = fails || o.Error != ""
		}
		if fails {
			most += sizes[i]
		}
		if ways = longer; len(ways) > 200 {
			ways, n.cut = ways[:200], true
		}
	}
	var ends []End
	if !tolerates(most) {
		ends = append(ends, End{Error: "States.ExceedToleratedFailureThreshold", cause: "The specified tolerated failure threshold was exceeded"})
	}
	for _, way := range ways {
		ends = append(ends, End{Value: "[" + strings.Join(way.values, ",") + "]"})
	}
	return distinct(ends)
}

// together is how parts that run at the same time may end as one.
func (n *naive) together(parts [][]End, tolerated int) []End {
	type partial struct {
		values []string
		failed int
	}
	ways := []partial{{}}
	var ends []End
	for _, part := range parts {
		var longer []partial
		for _, way := range ways {
			for _, o := range part {
				switch {
				case o.Error == "":
					longer = append(longer, partial{append(slices.Clone(way.values), o.Value), way.failed})
				case way.failed < tolerated:
					longer = append(longer, partial{way.values, way.failed + 1})
				}
			}
		}
		for _, o := range part { // whichever is the first, if it is one too many
			switch {
			case o.Error == "":
			case tolerated == 0:
				ends = append(ends, o)
			case slices.ContainsFunc(ways, func(w partial) bool { return w.failed >= tolerated }):
				ends = append(ends, End{Error: "States.ExceedToleratedFailureThreshold", cause: "The specified tolerated failure threshold was exceeded"})
			}
		}
		if ways = longer; len(ways) > 200 {
			ways, n.cut = ways[:200], true
		}
	}
	for _, way := range ways {
		ends = append(ends, End{Value: "[" + strings.Join(way.values, ",") + "]"})
	}
	return distinct(ends)
}

func distinct(list []End) []End {
	var all []End
	for _, o := range list {
		if !slices.ContainsFunc(all, func(other End) bool {
			return o.Error == other.Error && o.Value == other.Value && o.beat == other.beat && jsonText(o.cause) == jsonText(other.cause)
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

func means(names any, o End, task bool) bool {
	for _, name := range names.([]any) {
		if name == o.Error || name == "States.ALL" || name == "States.TaskFailed" && task && o.Error != "States.Timeout" || name == "States.HeartbeatTimeout" && o.beat {
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
