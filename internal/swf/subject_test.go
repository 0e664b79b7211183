package swf

import (
	"context"
	"crypto/rand"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/service/tasks"
	"heddle/internal/swf/registry"
	"heddle/internal/token"
)

// asked counts what calls ask of the registry, and does nothing else.
type asked struct {
	service.Runs
	domains, types int
}

func (a *asked) Do(_ context.Context, cmd engine.Command) (any, error) {
	switch cmd.Body.(type) {
	case registry.DescribeDomain, registry.FindDomain:
		a.domains++
		return registry.Domain{Name: "d", Number: 7, Tags: []registry.Tag{{Key: "k", Value: "v"}}}, nil
	case registry.DescribeType:
		a.types++
		return registry.Type{ID: registry.TypeID{Kind: registry.WorkflowType, Name: "n", Version: "1"}, Defaults: registry.Defaults{TaskList: "l"}}, nil
	}
	return nil, engine.ErrUnavailable
}

func (a *asked) View(context.Context, engine.Name, engine.RunID) (*engine.RunView, error) {
	return nil, engine.ErrUnavailable
}

type noTasks struct{ service.Tasks }

func (noTasks) Poll(context.Context, string, matching.Poller) (*matching.Claim, error) {
	return nil, nil
}
func (noTasks) Backlog(string) int { return 0 }

// limited is an IAM user that may do everything but name another's domain.
type limited struct{}

func (l limited) Recognise(*http.Request, []string) (operation.Sender, error) { return l, nil }

func (limited) Verify([]string, operation.Body) (operation.Caller, error) {
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	return operation.Caller{
		Account: taskWorld.Account, Region: taskWorld.Region, Policies: &policy.PolicySets{Identity: []policy.Attached{{Policy: p}}},
		Known: policy.Context{{Key: "aws:username", Value: "ann"}},
	}, err
}

// calls are valid calls of all actions. The tokens are put in for DECISION and ACTIVITY.
var validCalls = map[string]string{
	"RegisterDomain":    `{"name":"d","workflowExecutionRetentionPeriodInDays":"1"}`,
	"DescribeDomain":    `{"name":"d"}`,
	"ListDomains":       `{"registrationStatus":"REGISTERED"}`,
	"DeprecateDomain":   `{"name":"d"}`,
	"UndeprecateDomain": `{"name":"d"}`,

	"RegisterWorkflowType":    `{"domain":"d","name":"n","version":"1"}`,
	"DescribeWorkflowType":    `{"domain":"d","workflowType":{"name":"n","version":"1"}}`,
	"ListWorkflowTypes":       `{"domain":"d","registrationStatus":"REGISTERED"}`,
	"DeprecateWorkflowType":   `{"domain":"d","workflowType":{"name":"n","version":"1"}}`,
	"UndeprecateWorkflowType": `{"domain":"d","workflowType":{"name":"n","version":"1"}}`,
	"DeleteWorkflowType":      `{"domain":"d","workflowType":{"name":"n","version":"1"}}`,
	"RegisterActivityType":    `{"domain":"d","name":"n","version":"1"}`,
	"DescribeActivityType":    `{"domain":"d","activityType":{"name":"n","version":"1"}}`,
	"ListActivityTypes":       `{"domain":"d","registrationStatus":"REGISTERED"}`,
	"DeprecateActivityType":   `{"domain":"d","activityType":{"name":"n","version":"1"}}`,
	"UndeprecateActivityType": `{"domain":"d","activityType":{"name":"n","version":"1"}}`,
	"DeleteActivityType":      `{"domain":"d","activityType":{"name":"n","version":"1"}}`,

	"TagResource":         `{"resourceArn":"arn:aws:swf:eu-west-1:123456789012:/domain/d","tags":[{"key":"a","value":"b"}]}`,
	"UntagResource":       `{"resourceArn":"arn:aws:swf:eu-west-1:123456789012:/domain/d","tagKeys":["a"]}`,
	"ListTagsForResource": `{"resourceArn":"arn:aws:swf:eu-west-1:123456789012:/domain/d"}`,

	"StartWorkflowExecution":         `{"domain":"d","workflowId":"w","workflowType":{"name":"n","version":"1"},"childPolicy":"TERMINATE","executionStartToCloseTimeout":"9","taskStartToCloseTimeout":"9"}`,
	"SignalWorkflowExecution":        `{"domain":"d","workflowId":"w","signalName":"s"}`,
	"RequestCancelWorkflowExecution": `{"domain":"d","workflowId":"w"}`,
	"TerminateWorkflowExecution":     `{"domain":"d","workflowId":"w"}`,
	"DescribeWorkflowExecution":      `{"domain":"d","execution":{"workflowId":"w","runId":"r"}}`,
	"GetWorkflowExecutionHistory":    `{"domain":"d","execution":{"workflowId":"w","runId":"r"}}`,
	"ListOpenWorkflowExecutions":     `{"domain":"d","startTimeFilter":{"oldestDate":0},"tagFilter":{"tag":"t"},"typeFilter":{"name":"n"}}`, // refused, after the domain was looked up
	"ListClosedWorkflowExecutions":   `{"domain":"d","closeTimeFilter":{"oldestDate":0},"tagFilter":{"tag":"t"},"typeFilter":{"name":"n"}}`,
	"CountOpenWorkflowExecutions":    `{"domain":"d","startTimeFilter":{"oldestDate":0},"tagFilter":{"tag":"t"},"typeFilter":{"name":"n"}}`,
	"CountClosedWorkflowExecutions":  `{"domain":"d","closeTimeFilter":{"oldestDate":0},"tagFilter":{"tag":"t"},"typeFilter":{"name":"n"}}`,
	"CountPendingDecisionTasks":      `{"domain":"d","taskList":{"name":"l"}}`,
	"CountPendingActivityTasks":      `{"domain":"d","taskList":{"name":"l"}}`,

	"PollForDecisionTask":          `{"domain":"d","taskList":{"name":"l"}}`,
	"RespondDecisionTaskCompleted": `{"taskToken":"DECISION","decisions":[{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"a","activityType":{"name":"n","version":"1"}}},{"decisionType":"CancelTimer","cancelTimerDecisionAttributes":{"timerId":"t"}}]}`,
	"PollForActivityTask":          `{"domain":"d","taskList":{"name":"l"}}`,
	"RecordActivityTaskHeartbeat":  `{"taskToken":"ACTIVITY"}`,
	"RespondActivityTaskCompleted": `{"taskToken":"ACTIVITY"}`,
	"RespondActivityTaskFailed":    `{"taskToken":"ACTIVITY"}`,
	"RespondActivityTaskCanceled":  `{"taskToken":"ACTIVITY"}`,
}

var (
	taskWorld = engine.World{Account: "123456789012", Region: "eu-west-1"}
	someTask  = tasks.Token{Run: engine.NewRunID(513, engine.Seed{9, 8, 7}), Owner: 1, Scheduled: 2, Started: 3, Attempt: 1}
)

// TestDomainIsLookedUpOnce calls every action as an IAM user, with an audit trail: all
// who ask for the domain share one answer. Nothing is remembered between calls.
func TestDomainIsLookedUpOnce(t *testing.T) {
	runs, now := &asked{}, engine.Time(0)
	sealer := token.New([token.KeyBytes]byte{1}, rand.Reader)
	opened := open(&service.Kernel{
		Runs: runs, Tasks: noTasks{}, Tokens: sealer, Within: context.WithTimeout, Random: rand.Reader,
		RootSeed: func() engine.Seed { return engine.Seed{} }, Clock: func() engine.Time { return now },
	}, &Options{})
	var domain string
	h := operation.New(operation.Config{
		Authenticator: limited{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Random: func() [16]byte { return [16]byte{} },
		Audit:  func(a *operation.Answered) error { domain = a.Touched.Name; return nil },
	}, awsjson.New())
	h.Mount(&operation.API{Service: "swf", Model: opened.Model, Operations: opened.Operations})
	for _, op := range opened.Operations {
		body, ok := validCalls[op.Name]
		if !ok {
			t.Errorf("no call of %s", op.Name)
			continue
		}
		for word, family := range map[string]token.Family{"DECISION": familyDecisionTask, "ACTIVITY": familyActivityTask} {
			text, err := someTask.Seal(sealer, family, taskWorld)
			if err != nil {
				t.Fatal(err)
			}
			body = strings.ReplaceAll(body, word, text)
		}
		now += 10 * catalogTTL
		runs.domains, runs.types, domain = 0, 0, ""
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "SimpleWorkflowService."+op.Name)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		want, wantDomain := 1, "d"
		if op.Name == "ListDomains" {
			want, wantDomain = 0, ""
		}
		if strings.Contains(w.Body.String(), "validation error") || strings.Contains(w.Body.String(), "Serialization") {
			t.Errorf("%s: %s", op.Name, w.Body)
		}
		if runs.domains != want || runs.types > 1 || domain != wantDomain {
			t.Errorf("%s: the domain was looked up %d times, its types %d times; recorded as touched: %q; %s", op.Name, runs.domains, runs.types, domain, w.Body)
		}
	}
}

// TestTokenIsOpenedInOnePlace holds that handlers take the task of a token from the
// call's subject.
func TestTokenIsOpenedInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok {
					if s, ok := c.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "OpenToken" {
						places = append(places, d.(*ast.FuncDecl).Name.Name)
					}
				}
				return true
			})
		}
	}
	if len(places) != 1 || places[0] != "about" {
		t.Errorf("tokens of tasks are opened in %q, want about alone", places)
	}
}
