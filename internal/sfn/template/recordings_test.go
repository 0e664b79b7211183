package template

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"heddle/jsonvalue"
)

// pass runs one Pass state of the JSONPath language: enough of an interpreter to play
// recordings of data flow.
func pass(t *testing.T, state *jsonvalue.Object, env *Env, variables map[string]any) (any, error) {
	t.Helper()
	raw := env.Input
	effective := raw
	in := *env
	if text, ok := state.Get("InputPath"); ok {
		e, err := ParseExpr(text.(string), false)
		if err != nil {
			return nil, err
		}
		if effective, err = e.Evaluate(&in); err != nil {
			return nil, err
		}
	}
	in.Input = effective
	result := effective
	if parameters, ok := state.Get("Parameters"); ok {
		tmpl, err := Compile(parameters)
		if err != nil {
			return nil, err
		}
		if result, err = tmpl.Evaluate(&in); err != nil {
			return nil, err
		}
	}
	if v, ok := state.Get("Result"); ok {
		result = v
	}
	output := result
	if text, ok := state.Get("ResultPath"); ok {
		e, err := ParseExpr(text.(string), false)
		if err != nil {
			return nil, err
		}
		if output, err = e.Set(raw, result); err != nil {
			return nil, err
		}
	}
	assigned := map[string]any{}
	if assign, ok := state.Get("Assign"); ok {
		tmpl, err := Compile(assign)
		if err != nil {
			return nil, err
		}
		in.Input = result
		v, err := tmpl.Evaluate(&in)
		if err != nil {
			return nil, err
		}
		for name, member := range v.(*jsonvalue.Object).All() {
			assigned[name] = member
		}
	}
	if text, ok := state.Get("OutputPath"); ok {
		e, err := ParseExpr(text.(string), false)
		if err != nil {
			return nil, err
		}
		out := in
		out.Input = output
		if output, err = e.Evaluate(&out); err != nil {
			return nil, err
		}
	}
	for name, v := range assigned {
		variables[name] = v
	}
	return output, nil
}

// placeholder is one of what a server chooses; names with u are the player's.
var placeholder = regexp.MustCompile(`@\{([^u}][^}]*|uuid[^}]*)\}`)

// fits compares a recorded value with ours: where the recording has an object or a list
// our text is read as JSON, and what has a placeholder fits any text or number.
func fits(want, got any) bool {
	switch w := want.(type) {
	case string:
		if s, ok := got.(string); ok && placeholder.MatchString(w) {
			for _, part := range placeholder.Split(w, -1) {
				var found bool
				if _, s, found = strings.Cut(s, part); !found {
					return false
				}
			}
			return true
		}
	case []any:
		if s, ok := got.(string); ok {
			got, _ = jsonvalue.ParseString(s)
		}
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !fits(w[i], g[i]) {
				return false
			}
		}
		return true
	case *jsonvalue.Object:
		if s, ok := got.(string); ok {
			got, _ = jsonvalue.ParseString(s)
		}
		g, ok := got.(*jsonvalue.Object)
		if !ok || g.Len() != w.Len() {
			return false
		}
		for name, v := range w.All() {
			member, ok := g.Get(name)
			if !ok || !fits(v, member) {
				return false
			}
		}
		return true
	}
	return jsonvalue.Equal(want, got)
}

func get(v any, path ...string) any {
	for _, name := range path {
		o, ok := v.(*jsonvalue.Object)
		if !ok {
			return nil
		}
		v, _ = o.Get(name)
	}
	return v
}

// TestRecordings plays the recorded machines that have only Pass states of the JSONPath
// language, and compares what executions end with.
func TestRecordings(t *testing.T) {
	folder := os.Getenv("HEDDLE_RECORDINGS")
	if folder == "" {
		t.Skip("HEDDLE_RECORDINGS names no folder of recordings")
	}
	files, _ := filepath.Glob(filepath.Join(folder, "sfn", "*.json"))
	played := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := jsonvalue.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases.([]any) {
			t.Run(get(c, "id").(string), func(t *testing.T) { played += play(t, c) })
		}
	}
	if played < 80 {
		t.Errorf("only %d executions were played", played)
	}
}

// play runs the executions of a case, and gives how many they are.
func play(t *testing.T, c any) int {
	var machine, request any
	name := ""
	played := 0
	for _, step := range get(c, "steps").([]any) {
		switch get(step, "call") {
		case "CreateStateMachine":
			text, _ := get(step, "request", "definition").(string)
			machine, _ = jsonvalue.ParseString(text)
			name, _ = get(step, "request", "name").(string)
			if !onlyPass(machine) {
				return played
			}
			if message, ok := get(step, "error", "message").(string); ok && strings.Contains(message, "intrinsic function call") {
				_, err := Compile(get(machine, "States", "IntrinsicEscape", "Parameters"))
				if err == nil || !strings.Contains(message, err.Error()+" at /States/IntrinsicEscape/Parameters") {
					t.Errorf("got %v, want %s", err, message)
				}
			}
		case "UpdateStateMachine":
			return played
		case "StartExecution":
			request = get(step, "request")
		case "GetExecutionHistory":
			events, ok := get(step, "reply", "events").([]any)
			if machine == nil || request == nil || !ok {
				continue
			}
			end := events[len(events)-1]
			if get(end, "type") == "ExecutionStarted" {
				end = events[0] // in reverse order
			}
			input := any(new(jsonvalue.Object))
			if text, ok := get(request, "input").(string); ok {
				input, _ = jsonvalue.ParseString(text)
			}
			output, err := run(t, machine, name, input)
			played++
			switch get(end, "type") {
			case "ExecutionSucceeded":
				want := get(end, "executionSucceededEventDetails", "output")
				if err != nil || !fits(want, jsonvalue.Text(output)) && !fits(want, output) {
					t.Errorf("input %s: got %s, %v; want %s", jsonvalue.Text(input), jsonvalue.Text(output), err, jsonvalue.Text(want))
				}
			case "ExecutionFailed":
				cause, _ := get(end, "executionFailedEventDetails", "cause").(string)
				_, cause, _ = strings.Cut(cause, "). ")
				f, ok := err.(*Failure)
				cause = strings.ReplaceAll(cause, "@{jsoninput1}", jsonvalue.Text(input))
				if !ok || f.Name != get(end, "executionFailedEventDetails", "error") || f.Cause != cause {
					t.Errorf("got %v, want %s", err, cause)
				}
			default:
				t.Errorf("ends with %s", get(end, "type"))
			}
		}
	}
	return played
}

func onlyPass(machine any) bool {
	states, ok := get(machine, "States").(*jsonvalue.Object)
	if !ok || get(machine, "QueryLanguage") == "JSONata" {
		return false
	}
	for _, state := range states.All() {
		if get(state, "Type") != "Pass" || get(state, "QueryLanguage") == "JSONata" {
			return false
		}
	}
	return true
}

func run(t *testing.T, machine any, name string, input any) (any, error) {
	variables := map[string]any{}
	state := get(machine, "StartAt").(string)
	raw := input
	for {
		s := get(machine, "States", state).(*jsonvalue.Object)
		now := "2026-01-01T00:00:00.000Z"
		execution, _ := jsonvalue.ParseString(`{"Id":"arn:aws:states:r:1:execution:m:e","StartTime":"` + now + `","Name":"e","RoleArn":"arn:aws:iam::1:role/states","RedriveCount":0}`)
		execution.(*jsonvalue.Object).Set("Input", raw)
		execution.(*jsonvalue.Object).Set("Id", "arn:aws:states:r:1:execution:"+name+":e")
		context := new(jsonvalue.Object)
		context.Set("Execution", execution)
		where, _ := jsonvalue.ParseString(`{"Name":"` + state + `","EnteredTime":"` + now + `"}`)
		context.Set("State", where)
		of, _ := jsonvalue.ParseString(`{"Id":"arn:aws:states:r:1:stateMachine:` + name + `"}`)
		of.(*jsonvalue.Object).Set("Name", name)
		context.Set("StateMachine", of)
		output, err := pass(t, s, &Env{
			Input: input, Context: context,
			Variables: func(name string) (any, bool) { v, ok := variables[name]; return v, ok },
			Random:    func() uint64 { return 42 },
		}, variables)
		if err != nil {
			return nil, err
		}
		next, ok := s.Get("Next")
		if !ok {
			return output, nil
		}
		state, input = next.(string), output
	}
}
