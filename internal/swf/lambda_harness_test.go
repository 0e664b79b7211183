package swf_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/internal/lambda"
	"heddle/internal/server"
)

const (
	domain = "shop"
	region = "eu-west-1"
)

// harness is a running server with a decider's client. Its Lambda endpoint is a
// handler of the test.
type harness struct {
	t      *testing.T
	server *server.Server
	client *swf.Client
}

// endpoint runs a Lambda endpoint.
func endpoint(t *testing.T, answer http.HandlerFunc) string {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

// open starts a server and registers a domain and a type.
func open(t *testing.T, cfg server.Config) *harness {
	t.Helper()
	h := start(t, cfg)
	must(h.client.RegisterDomain(t.Context(), &swf.RegisterDomainInput{
		Name: aws.String(domain), WorkflowExecutionRetentionPeriodInDays: aws.String("1"),
	}))(t)
	must(h.client.RegisterWorkflowType(t.Context(), &swf.RegisterWorkflowTypeInput{
		Domain: aws.String(domain), Name: aws.String("order"), Version: aws.String("1"),
		DefaultTaskList: &types.TaskList{Name: aws.String("deciders")}, DefaultChildPolicy: types.ChildPolicyTerminate,
		DefaultTaskStartToCloseTimeout: aws.String("60"), DefaultExecutionStartToCloseTimeout: aws.String("600"),
	}))(t)
	return h
}

// invoking is where functions are invoked.
func invoking(endpoint string) lambda.Options { return lambda.Options{Endpoint: endpoint} }

// start starts a server.
func start(t *testing.T, cfg server.Config) *harness {
	t.Helper()
	cfg.Listen, cfg.Auth = "127.0.0.1:0", server.AuthNone
	if cfg.Data == "" {
		cfg.Store = server.StoreMemory
	}
	s, err := server.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, server: s, client: swf.New(swf.Options{
		BaseEndpoint: aws.String(s.URL()), Region: region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})}
	t.Cleanup(h.kill)
	return h
}

// kill stops the server without waiting for Lambda calls.
func (h *harness) kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.server.Close(ctx) // it says that it had no time
}

// begin starts an execution with a role ("": none).
func (h *harness) begin(role string) {
	h.t.Helper()
	in := &swf.StartWorkflowExecutionInput{
		Domain: aws.String(domain), WorkflowId: aws.String("wf"),
		WorkflowType: &types.WorkflowType{Name: aws.String("order"), Version: aws.String("1")},
	}
	if role != "" {
		in.LambdaRole = &role
	}
	must(h.client.StartWorkflowExecution(h.t.Context(), in))(h.t)
}

// decide waits for a decision task and answers it.
func (h *harness) decide(decisions ...types.Decision) {
	h.t.Helper()
	task := h.poll()
	must(h.client.RespondDecisionTaskCompleted(h.t.Context(), &swf.RespondDecisionTaskCompletedInput{
		TaskToken: task.TaskToken, Decisions: decisions,
	}))(h.t)
}

// schedule schedules functions, with ids "1", "2" and so on.
func (h *harness) schedule(attributes ...types.ScheduleLambdaFunctionDecisionAttributes) {
	h.t.Helper()
	var decisions []types.Decision
	for i := range attributes {
		attributes[i].Id = aws.String(fmt.Sprint(i + 1))
		decisions = append(decisions, types.Decision{
			DecisionType: types.DecisionTypeScheduleLambdaFunction, ScheduleLambdaFunctionDecisionAttributes: &attributes[i],
		})
	}
	h.decide(decisions...)
}

func (h *harness) poll() *swf.PollForDecisionTaskOutput {
	h.t.Helper()
	task := must(h.client.PollForDecisionTask(h.t.Context(), &swf.PollForDecisionTaskInput{
		Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String("deciders")},
	}))(h.t)
	if task.TaskToken == nil || *task.TaskToken == "" {
		h.t.Fatal("no decision task came")
	}
	return task
}

// lambdaEvents waits for the next decision task and shows what became of Lambda
// tasks so far, from the first start on.
func (h *harness) lambdaEvents() []string {
	h.t.Helper()
	var lines []string
	for _, e := range h.poll().Events {
		line := string(e.EventType)
		switch {
		case !strings.Contains(line, "Lambda") || e.LambdaFunctionScheduledEventAttributes != nil:
			continue
		case e.LambdaFunctionCompletedEventAttributes != nil:
			line += " " + shown(e.LambdaFunctionCompletedEventAttributes.Result)
		case e.LambdaFunctionFailedEventAttributes != nil:
			a := e.LambdaFunctionFailedEventAttributes
			line += " " + shown(a.Reason) + ": " + shown(a.Details)
		case e.LambdaFunctionTimedOutEventAttributes != nil:
			line += " " + string(e.LambdaFunctionTimedOutEventAttributes.TimeoutType)
		case e.StartLambdaFunctionFailedEventAttributes != nil:
			a := e.StartLambdaFunctionFailedEventAttributes
			line += " " + string(a.Cause) + " " + shown(a.Message)
		}
		lines = append(lines, line)
	}
	return lines
}

func shown(s *string) string {
	switch {
	case s == nil:
		return "(absent)"
	case len(*s) > 200:
		return fmt.Sprintf("(%d bytes)", len(*s))
	}
	return *s
}

// must gives a value, or ends the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
