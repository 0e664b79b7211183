package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/aws/operation"
	operator "heddle/internal/operator/wire"
	"heddle/internal/swf/wire"
)

// shelf is Calls that list as many executions as there are.
type shelf struct {
	all    int
	listed int // of how many it has told
}

func (s *shelf) Permits(context.Context, *operation.Caller, string, string, any) error { return nil }

func (s *shelf) Call(_ context.Context, _ *operation.Caller, _, name string, in any) (any, error) {
	switch in := in.(type) {
	case *wire.ListOpenWorkflowExecutionsInput:
		from, _ := strconv.Atoi(text(in.NextPageToken))
		out := &wire.WorkflowExecutionInfos{}
		for i := from; i < min(from+int(*in.MaximumPageSize), s.all); i++ {
			out.ExecutionInfos = append(out.ExecutionInfos, wire.WorkflowExecutionInfo{Execution: wire.WorkflowExecution{WorkflowID: strconv.Itoa(i)}, WorkflowType: wire.WorkflowType{Name: "t", Version: "1"}})
		}
		s.listed += len(out.ExecutionInfos)
		if next := from + len(out.ExecutionInfos); next < s.all {
			token := strconv.Itoa(next)
			out.NextPageToken = &token
		}
		return out, nil
	case *operator.ListVerdictsInput:
		return &operator.ListVerdictsOutput{}, nil
	case *wire.CountOpenWorkflowExecutionsInput, *wire.CountClosedWorkflowExecutionsInput:
		return &wire.WorkflowExecutionCount{Count: int64(s.all)}, nil
	}
	return nil, fmt.Errorf("no %s here", name)
}

// TestHowFarAPageLooks: a filter that no index has looks at 10,000 executions, says so and goes on
// from there; one page after the other finds each once.
func TestHowFarAPageLooks(t *testing.T) {
	for _, c := range []struct {
		query         string
		found, looked []int // of each page
	}{
		{"?version=2", []int{0, 0, 0}, []int{10_000, 10_000, 5_000}},
		{"?version=1", []int{50, 50}, []int{50, 50}},
		{"", []int{50, 50}, []int{0, 0}},
	} {
		s := &shelf{all: 25_000}
		d := newDesk(ring{})
		d.Calls = s
		path := "/console/us-east-1/shop/executions" + c.query
		for i := range c.found {
			s.listed = 0
			r := httptest.NewRequest(http.MethodGet, path, nil)
			a, err := (&visit{Console: d.Console, Request: r, who: holder("AKIA1", "s"), Region: "us-east-1", Domain: "shop"}).executions()
			if err != nil {
				t.Fatal(err)
			}
			view := a.view.(*executionsView)
			if len(view.Rows) != c.found[i] || int(view.Looked) != c.looked[i] {
				t.Errorf("%q, page %d: %d found of %d, want %d of %d", c.query, i, len(view.Rows), view.Looked, c.found[i], c.looked[i])
			}
			if s.listed > lookedMax+lookedAt {
				t.Errorf("%q: %d were read", c.query, s.listed)
			}
			if len(view.Rows) > 0 && view.Rows[0].Execution.WorkflowID != strconv.Itoa(50*i) {
				t.Errorf("%q, page %d begins at %s", c.query, i, view.Rows[0].Execution.WorkflowID)
			}
			if path = view.Next; path == "" && i < len(c.found)-1 {
				t.Fatalf("%q ends after page %d", c.query, i)
			}
		}
	}
}

// TestExports: a file has all that the filter finds among the first 10,000 executions, and its
// name tells when there are more; a spreadsheet finds no formula in it.
func TestExports(t *testing.T) {
	for _, c := range []struct {
		all         int
		query, name string
		lines       int
	}{
		{120, "?as=csv", "executions.csv", 121},
		{120, "?as=json", "executions.jsonl", 120},
		{25_000, "?as=json&version=1", "executions-among-the-first-10000.jsonl", 10_000},
		{25_000, "?as=csv&version=2", "executions-among-the-first-10000.csv", 1},
	} {
		d := newDesk(ring{})
		d.Calls = &shelf{all: c.all}
		r := httptest.NewRequest(http.MethodGet, "/console/us-east-1/shop/executions"+c.query, nil)
		a, err := (&visit{Console: d.Console, Request: r, who: holder("AKIA1", "s"), Region: "us-east-1", Domain: "shop"}).executions()
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(a.body), "\n"); a.name != c.name || n != c.lines {
			t.Errorf("%d, %s: %s of %d lines", c.all, c.query, a.name, n)
		}
	}
	var b bytes.Buffer
	evil := wire.WorkflowExecutionInfo{
		Execution: wire.WorkflowExecution{WorkflowID: `=HYPERLINK("x")`, RunID: "r"}, WorkflowType: wire.WorkflowType{Name: "@a", Version: "+1"}, ExecutionStatus: "OPEN", TagList: []string{"a,b", "\"c"},
	}
	want := "status,workflowId,runId,type,version,started,closed,cancelRequested,tags\nOPEN,\"'=HYPERLINK(\"\"x\"\")\",r,'@a,'+1,1970-01-01T00:00:00Z,,false,\"a,b \"\"c\"\n"
	if got := string(table(&b, []wire.WorkflowExecutionInfo{evil})); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
