package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Cases of mocks were recorded of services. They are played a second time, with mocks that
// answer as those services did: nothing is called, and the history must be the same.

// mockedBy is behind the ids of those plays, and mockedCase what their test cases are called.
const (
	mockedBy   = " by mocks"
	mockedCase = "recorded"
)

// withMocks gives the cases, and those that can be played by mocks a second time.
func withMocks(all []*recording) []*recording {
	for _, r := range slices.Clone(all) {
		if r.Category != "local_mocking" || r.unread != nil {
			continue
		}
		if mocks := r.answers(); len(mocks) > 0 {
			again := *r
			again.ID, again.Needs, again.Lambda, again.mocks = r.ID+mockedBy, nil, nil, mocks
			all = append(all, &again)
		}
	}
	return all
}

// answers are what services answered in a recorded history, as a test case of mocks has them: by
// the states that called them. Of nested executions nothing is needed.
func (r *recording) answers() map[string]map[string]any {
	mocks := map[string]map[string]any{}
	for i := range r.Steps {
		var history struct {
			Events []struct {
				Type    string
				Entered *struct{ Name string }          `json:"stateEnteredEventDetails"`
				Given   *struct{ Output any }           `json:"taskSucceededEventDetails"`
				Failed  *struct{ Error, Cause *string } `json:"taskFailedEventDetails"`
			}
		}
		if r.Steps[i].Call != "GetExecutionHistory" || json.Unmarshal(r.Steps[i].Reply, &history) != nil {
			continue
		}
		state := ""
		add := func(kind string, what any) {
			if mocks[state] == nil {
				mocks[state] = map[string]any{}
			}
			mocks[state][number(len(mocks[state]))] = map[string]any{kind: what}
		}
		for _, e := range history.Events {
			switch {
			case e.Entered != nil:
				state = e.Entered.Name
			case e.Given != nil:
				add("Return", anything(e.Given.Output))
			case e.Failed != nil:
				add("Throw", map[string]any{"Error": e.Failed.Error, "Cause": e.Failed.Cause})
			}
		}
	}
	return mocks
}

func number(n int) string {
	b, _ := json.Marshal(n) // a number always can be
	return string(b)
}

// anything is a recorded output with something in the place of times, which are numbers.
func anything(v any) any {
	switch v := v.(type) {
	case string:
		var within any
		if v == "@{time}" {
			return 1
		}
		if json.Unmarshal([]byte(v), &within) == nil {
			if text, is := within.(string); is { // a JSON text in a text
				return text
			}
		}
	case []any:
		for i := range v {
			v[i] = anything(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = anything(v[name])
		}
	}
	return v
}

// mockFile is the file of all mocks, which the server reads for each execution.
type mockFile struct {
	path string

	mu       sync.Mutex
	machines map[string]any
}

// has has the file say how a state machine's states are answered.
func (f *mockFile) has(machine string, states map[string]map[string]any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.machines == nil {
		f.machines = map[string]any{}
	}
	responses := map[string]any{}
	if machine != "" {
		f.machines[machine] = states
	}
	machines := map[string]any{}
	for machine, states := range f.machines {
		names := map[string]string{}
		for state, response := range states.(map[string]map[string]any) {
			names[state] = machine + " " + state
			responses[names[state]] = response
		}
		machines[machine] = map[string]any{"TestCases": map[string]any{mockedCase: names}}
	}
	text, err := json.Marshal(map[string]any{"StateMachines": machines, "MockedResponses": responses})
	if err != nil {
		return err
	}
	whole := filepath.Join(filepath.Dir(f.path), "next")
	if err := os.WriteFile(whole, text, 0o600); err != nil {
		return err
	}
	return os.Rename(whole, f.path)
}

// invent binds what a service that is not there would have answered.
func (g *game) invent(s *step) error {
	var bind map[string]string
	if s.Bind == nil {
		return nil
	}
	if err := json.Unmarshal(s.Bind, &bind); err != nil {
		return err
	}
	for name, text := range bind {
		g.names.match(text, "https://mocked/"+name)
	}
	return nil
}

// mocked has a step that starts an execution start that of the mocks; the request is filled.
func (g *game) mocked(s *step, request any) error {
	in, _ := request.(map[string]any)
	arn, _ := in["stateMachineArn"].(string)
	if g.states == nil || s.Call != "StartExecution" {
		return nil
	}
	in["stateMachineArn"] = arn + "#" + mockedCase
	return g.mocks.has(arn[strings.LastIndexByte(arn, ':')+1:], g.states)
}
