package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/flow"
	"heddle/flow/flowtest"
	"heddle/internal/server"
)

// Each scenario against a running server: what is shown of the history without
// the events of decision tasks and of starts.
func TestScenarios(t *testing.T) {
	data := t.TempDir()
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Store: server.StoreMemory, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	t.Setenv("AWS_ENDPOINT_URL", s.URL())
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", server.CredentialsFile(data))
	for _, c := range []struct {
		name string
		scenario
		want []string
	}{
		{"ships after its hold time", scenario{hold: 1}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskCompleted receipt of ORDER",
			"TimerStarted After-3 for 1 s", "TimerFired After-3",
			"ActivityTaskCompleted parcel of ORDER",
			"ActivityTaskCompleted recorded",
			"WorkflowExecutionCompleted shipped: parcel of ORDER",
		}},
		{"ships at once", scenario{signal: true, hold: 60}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskCompleted receipt of ORDER",
			"TimerStarted After-3 for 60 s", "WorkflowExecutionSignaled ShipNow", "TimerCanceled After-3",
			"ActivityTaskCompleted parcel of ORDER",
			"ActivityTaskCompleted recorded",
			"WorkflowExecutionCompleted shipped: parcel of ORDER",
		}},
		{"is canceled", scenario{cancel: true, hold: 60}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskCompleted receipt of ORDER",
			"TimerStarted After-3 for 60 s", "WorkflowExecutionCancelRequested", "TimerCanceled After-3",
			"ActivityTaskCompleted nothing is owed for ORDER",
			`WorkflowExecutionCanceled {"code":"Canceled","message":"Canceled"}`,
		}},
		{"is declined", scenario{decline: true, hold: 60}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskFailed CardDeclined: card of ORDER: CardDeclined",
			"ActivityTaskCompleted nothing is owed for ORDER",
			"WorkflowExecutionCompleted declined",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			client, err := newClient(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := run(t.Context(), client, c.scenario, io.MultiWriter(&out, t.Output())); err != nil {
				t.Fatal(err)
			}
			if got := shown(out.String()); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

var (
	eventLine = regexp.MustCompile(`(?m)^ *\d+ +[\d:.]+ +(\w+) *(.*)$`)
	orderID   = regexp.MustCompile(`order-[\d.-]+`)
)

func shown(table string) []string {
	var lines []string
	for _, m := range eventLine.FindAllStringSubmatch(table, -1) {
		event, about := m[1], strings.TrimSpace(orderID.ReplaceAllString(m[2], "ORDER"))
		switch {
		case strings.HasPrefix(event, "DecisionTask"), event == "WorkflowExecutionStarted",
			event == "ActivityTaskScheduled", event == "ActivityTaskStarted":
		default:
			lines = append(lines, strings.TrimSpace(event+" "+about))
		}
	}
	return lines
}

// The README says how long the workflow and the program are, beside what they were by hand.
func TestLinesAreAsTheReadmeSays(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	order, program := 0, 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(text), "\n")
		if name == "order.go" {
			order = n
		}
		if !strings.HasSuffix(name, "_test.go") {
			program += n
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(string(readme)), " ")
	if want := fmt.Sprintf("a decider of 225 lines, on the vendor's SDK alone, is %d, with its types, and the whole program of 683 lines %d", order, program); !strings.Contains(said, want) {
		t.Errorf("the README does not say %q", want)
	}
}

// The workflow in memory, where time is free.
func TestOrderOnHoldForAMonth(t *testing.T) {
	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
		began := time.Now()
		placed, err := customerOrder.Start(t.Context(), c, "o-1", order{ID: "o-1", Items: []string{"book"}, HoldSeconds: 30 * 24 * 3600})
		if err != nil {
			t.Fatal(err)
		}
		got, err := placed.Result(t.Context())
		if err != nil || got != "shipped: parcel of o-1" {
			t.Errorf("got %q, %v", got, err)
		}
		if took := time.Since(began); took < 30*24*time.Hour {
			t.Errorf("it took %s", took)
		}
		refused, err := customerOrder.Start(t.Context(), c, "o-2", order{ID: "o-2"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := refused.Result(t.Context()); err == nil || !strings.Contains(err.Error(), "has no items") {
			t.Errorf("got %v", err)
		}
	}, code()...)
}
