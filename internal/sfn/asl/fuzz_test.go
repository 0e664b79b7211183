package asl

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// FuzzCompile sees that no definition makes the compiler panic, and that a machine which
// it makes has all that a run of it relies on.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		one(`{"Type":"Pass","Result":1,"ResultPath":"$.a","Next":"End1"}`),
		one(`{"Type":"Wait","Timestamp":"2016-12-05T21:29:29Z","End":true}`),
		one(`{"Type":"Fail","ErrorPath":"States.Format('{}',$.e)","Cause":"c"}`),
		task(`"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["E"],"Next":"End1"}],"Assign":{"a.$":"$.b"}`),
		choice(`"And":[{"Variable":"$.a","NumericLessThan":1},{"Not":{"Variable":"$.b","StringMatches":"a*"}}]`),
		distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"MaxItemsPath":"$m"}},"Label":"l"`),
		one(`{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true}`),
		oneJSONata(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"{% $f %}"},"Output":["{% $states.result %}"],"End":true}`),
		oneJSONata(`{"Type":"Choice","Choices":[{"Condition":"{% $states.input.a > 1 %}","Output":{"b":"{% 1 %}"},"Next":"End1"}]}`),
	} {
		f.Add([]byte(seed), byte(0))
		f.Add([]byte(seed), byte(3))
	}
	if folder := os.Getenv("HEDDLE_RECORDINGS"); folder != "" {
		text, _ := os.ReadFile(filepath.Join(folder, "sfn", "test_state_api.json"))
		var cases []struct {
			Steps []struct{ Request struct{ Definition string } }
		}
		if err := json.Unmarshal([]byte(fill(string(text))), &cases); err != nil {
			f.Fatal(err)
		}
		for _, c := range cases {
			for _, s := range c.Steps {
				f.Add([]byte(s.Request.Definition), byte(2))
			}
		}
	}
	f.Fuzz(func(t *testing.T, definition []byte, options byte) {
		o := Options{Express: options&1 != 0, Single: options&2 != 0}
		m, diagnostics := Compile(definition, o)
		if Failed(diagnostics) != (m == nil) {
			t.Fatalf("a machine: %t, failed: %t", m != nil, Failed(diagnostics))
		}
		for _, d := range diagnostics {
			if d.Code == "" || d.Message == "" || d.Severity != Error && d.Severity != Warning {
				t.Fatalf("diagnostic %+v", d)
			}
		}
		if m == nil {
			Message(string(definition), diagnostics)
			return
		}
		sound(t, m, o)
	})
}

// sound sees that all that states name is there.
func sound(t *testing.T, m *Machine, o Options) {
	names := map[string]bool{}
	for i, f := range m.Flows {
		here := func(s *State, what string) {
			if s == nil || !(o.Single && i == 0) && (f.Find(s.Name) != s || s.Flow != f) {
				t.Fatalf("%s leads to no state of its flow", what)
			}
		}
		assigned := func(a *Assign) {
			if a == nil {
				return
			}
			for i, v := range a.Values {
				if v == nil || a.Names[i] == "" {
					t.Fatal("an assignment without a value")
				}
			}
		}
		if f.Number != i {
			t.Fatalf("flow %d has number %d", i, f.Number)
		}
		here(f.StartAt, "StartAt")
		for _, s := range f.States {
			if names[s.Name] {
				t.Fatalf("two states are %q", s.Name)
			}
			names[s.Name] = true
			assigned(s.Assign)
			switch s.Type {
			case Pass, Task, Wait, Parallel, Map:
				if s.End == (s.Next != nil) {
					t.Fatalf("%q has to end, or to lead on", s.Name)
				}
			case Choice:
				if len(s.Rules) == 0 {
					t.Fatal("no rules")
				}
			case Succeed, Fail:
			default:
				t.Fatalf("type %d", s.Type)
			}
			if s.Next != nil {
				here(s.Next, "Next")
			}
			if s.Default != nil {
				here(s.Default, "Default")
			}
			for _, r := range s.Rules {
				here(r.Next, "a rule")
				assigned(r.Assign)
				if r.Condition == nil {
					t.Fatal("a rule without a condition")
				}
			}
			for _, c := range s.Catch {
				here(c.Next, "a catcher")
				assigned(c.Assign)
				if len(c.Errors) == 0 {
					t.Fatal("a catcher of nothing")
				}
			}
			for _, r := range s.Retry {
				if len(r.Errors) == 0 || r.IntervalSeconds < 1 || r.BackoffRate < 1 || r.MaxAttempts < 0 {
					t.Fatalf("retrier %+v", r)
				}
			}
			inner := s.Branches
			if s.Type == Map {
				inner = []*Flow{s.Iterator}
			}
			for _, f := range inner {
				if f == nil || f.Owner != s || m.Flows[f.Number] != f {
					t.Fatalf("a flow of %q is not its own", s.Name)
				}
			}
			switch s.Type {
			case Task:
				if s.Resource == nil {
					t.Fatal("a task of nothing")
				}
			case Wait:
				if s.Seconds == nil && s.SecondsPath == nil && s.Timestamp == nil && s.TimestampPath == nil {
					t.Fatal("a wait for nothing")
				}
			case Parallel:
				if len(s.Branches) == 0 {
					t.Fatal("no branches")
				}
			}
		}
	}
}
