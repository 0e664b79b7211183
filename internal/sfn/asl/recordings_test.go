package asl

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRecordedDefinitions compiles the definitions that recordings of the service have, and
// sees that those are refused that the service refused, in its words.
func TestRecordedDefinitions(t *testing.T) {
	recordings := os.Getenv("HEDDLE_RECORDINGS")
	if recordings == "" {
		t.Skip("HEDDLE_RECORDINGS does not say where recordings of the service are")
	}
	files, err := filepath.Glob(filepath.Join(recordings, "sfn", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	accepted, refused := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []struct {
			ID    string
			Steps []struct {
				Call    string
				Request struct{ Definition, Type, StateName string }
				Reply   struct {
					VariableReferences map[string][]string
					Diagnostics        []Diagnostic
				}
				Error struct{ Code, Message string }
			}
		}
		if err := json.Unmarshal([]byte(fill(string(text))), &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			var m *Machine
			for _, s := range c.Steps {
				if want := s.Reply.VariableReferences; want != nil && m != nil {
					got, _ := json.Marshal(m.Reads)
					wanted, _ := json.Marshal(want)
					if string(got) != string(wanted) {
						t.Errorf("%s: reads %s, want %s", c.ID, got, wanted)
					}
				}
				definition := s.Request.Definition
				if definition == "" || strings.Contains(definition, "@{") {
					continue
				}
				var diagnostics []Diagnostic
				single := s.Call == "TestState" && s.Request.StateName == ""
				m, diagnostics = Compile([]byte(definition), Options{Express: s.Request.Type == "EXPRESS", Single: single})
				if (m == nil) != Failed(diagnostics) {
					t.Errorf("%s: a machine: %t, failed: %t", c.ID, m != nil, Failed(diagnostics))
				}
				if m != nil && s.Request.StateName != "" && s.Error.Message == "" && m.State(s.Request.StateName) == nil {
					t.Errorf("%s: no state %s", c.ID, s.Request.StateName)
				}
				switch {
				case s.Call == "ValidateStateMachineDefinition":
					got := append([]Diagnostic(nil), diagnostics...)
					if len(got) != len(s.Reply.Diagnostics) {
						t.Errorf("%s: diagnostics %+v, want %+v", c.ID, got, s.Reply.Diagnostics)
						continue
					}
					for i, want := range s.Reply.Diagnostics {
						if got[i] != want {
							t.Errorf("%s: diagnostic %+v, want %+v", c.ID, got[i], want)
						}
					}
				case s.Error.Code == "InvalidDefinition" && !strings.HasPrefix(s.Error.Message, "TestState API"):
					refused++
					if got := Message(definition, diagnostics); m != nil || got != s.Error.Message {
						t.Errorf("%s:\n got %s\nwant %s", c.ID, got, s.Error.Message)
					}
				default:
					accepted++
					if m == nil {
						t.Errorf("%s: refused: %s\n%s", c.ID, Message("", diagnostics), definition)
					}
				}
			}
		}
	}
	if accepted < 500 || refused < 50 {
		t.Errorf("%d definitions accepted, %d refused: recordings are missing", accepted, refused)
	}
	t.Logf("%d definitions accepted, %d refused", accepted, refused)
}

var placeholder = regexp.MustCompile(`@\{(\w+)\}`)

// fill puts something in the place of what the player of recordings fills in.
func fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		switch name := p[2 : len(p)-1]; {
		case name == "region":
			return "us-east-1"
		case name == "account":
			return "123456789012"
		case strings.HasPrefix(name, "now"):
			return "2026-11-28T22:51:07"
		default:
			return name
		}
	})
}
