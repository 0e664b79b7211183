package execution

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/wire"
	"heddle/test/golden"
)

// coverage tells which stories show each event type and each error.
type coverage map[string][]string

func (c coverage) add(name string, s *story) {
	seen := map[string]bool{}
	for _, label := range s.names {
		r := s.labels[label]
		for _, e := range r.harnessRun.events {
			body := e.Body.(*Body)
			seen["event "+string(body.Type)] = true
			if body.Error != nil && strings.HasPrefix(body.Error.stored(), "States.") {
				seen["error "+body.Error.stored()] = true
			}
		}
		seen["status "+r.state.(*State).status] = true
	}
	for _, definition := range s.machines {
		m, _ := asl.Compile([]byte(definition), asl.Options{})
		for _, flow := range m.Flows {
			for _, st := range flow.States {
				seen[fmt.Sprintf("%s in %s", st.Type, [...]string{asl.JSONPath: "JSONPath", asl.JSONata: "JSONata"}[st.Language])] = true
				for _, r := range st.Retry {
					for _, name := range r.Errors {
						seen["retry of "+name] = true
					}
				}
				for _, c := range st.Catch {
					for _, name := range c.Errors {
						seen["catch of "+name] = true
					}
				}
			}
		}
	}
	for what := range seen {
		c[what] = append(c[what], name)
	}
}

// later are event types and errors that no story shows, and why.
var later = map[string]string{
	"event LambdaFunctionScheduleFailed":  "the execution itself schedules, without a quota of open tasks; that a function is not there, or may not be called, shows when it is",
	"event MapRunAborted":                 "the tests of package maprun show it",
	"event MapRunFailed":                  "the tests of package maprun show it",
	"event MapRunRedriven":                "the tests of package maprun show it",
	"event MapRunStarted":                 "the tests of package maprun show it",
	"event MapRunSucceeded":               "the tests of package maprun show it",
	"error States.ItemReaderFailed":       "the map run fails with it, in package maprun",
	"error States.ResultWriterFailed":     "the map run fails with it, in package maprun",
	"error States.Http.Socket":            "an HTTP task fails with it, in package httptask",
	"error States.BranchFailed":           "the service gives the error of what failed in the branch",
	"error States.HeartbeatTimeout":       "a late heartbeat is told as States.Timeout, as recorded; a Catcher may name either",
	"error States.ParameterPathFailure":   "a path in Parameters that finds nothing was recorded as States.Runtime",
	"error States.ALL":                    "a name for Retriers and Catchers alone",
	"error States.ResultPathMatchFailure": "the service calls it States.ReferencePathConflict",
}

// wanted lists every value that a history can show, and every state in each language.
func wanted() []string {
	var list []string
	for _, v := range wire.HistoryEventTypeValues {
		list = append(list, "event "+v)
	}
	for _, name := range []string{
		"ALL", "HeartbeatTimeout", "Timeout", "TaskFailed", "Permissions", "ResultPathMatchFailure", "ReferencePathConflict", "ParameterPathFailure",
		"BranchFailed", "NoChoiceMatched", "IntrinsicFailure", "ExceedToleratedFailureThreshold", "ItemReaderFailed", "ResultWriterFailed",
		"DataLimitExceeded", "QueryEvaluationError", "Runtime", "Http.Socket",
	} {
		list = append(list, "error States."+name)
	}
	for _, name := range []string{"ALL", "HeartbeatTimeout", "Timeout", "TaskFailed", "QueryEvaluationError", "Runtime"} {
		list = append(list, "retry of States."+name, "catch of States."+name)
	}
	for _, of := range []string{"Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"} {
		list = append(list, of+" in JSONPath", of+" in JSONata")
	}
	for _, status := range wire.ExecutionStatusValues {
		if status != "PENDING_REDRIVE" {
			list = append(list, "status "+status)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// check compares with testdata/coverage.md, the table of what the stories show.
func (c coverage) check(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What the stories show\nWritten by `go test -rewrite`. Each event type and error of the service, each state in each language, and the stories in which it occurs.\n\n| value | stories |\n|---|---|\n")
	left := maps.Clone(later)
	for _, v := range wanted() {
		stories, why := c[v], left[v]
		delete(left, v)
		switch {
		case len(stories) == 0 && why == "":
			t.Errorf("no story shows %q", v)
		case len(stories) > 0 && why != "":
			t.Errorf("%s shows %q, of which it is said: %s", stories[0], v, why)
		case why != "":
			fmt.Fprintf(&b, "| %s | none: %s |\n", v, why)
		default:
			slices.Sort(stories)
			fmt.Fprintf(&b, "| %s | %s |\n", v, strings.Join(stories[:min(len(stories), 5)], ", "))
		}
	}
	for v := range left {
		t.Errorf("%q is not a value of the service", v)
	}
	if !t.Failed() {
		golden.Compare(t, "testdata/coverage.md", b.String())
	}
}
