package lambda

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"heddle/internal/engine"
	"heddle/internal/swf/execution"
)

// silent is an endpoint that never answers.
type silent struct{}

func (silent) Do(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// closing is a kernel with one execution, which is closed at a moment.
type closing struct {
	Runs
	at      time.Time // zero: never
	gone    bool      // it was kept for no time
	reports []string
}

func (k *closing) Do(_ context.Context, cmd engine.Command) (any, error) {
	closed := !k.at.IsZero() && !time.Now().Before(k.at)
	if _, look := cmd.Body.(engine.Peek); !look {
		k.reports = append(k.reports, fmt.Sprintf("%T", cmd.Body))
		return nil, nil
	}
	view := &engine.RunView{}
	switch view.Status = engine.Open; {
	case closed && k.gone:
		return nil, &engine.UnknownRunError{}
	case closed:
		view.Status = engine.Closed
	}
	return view, nil
}

// A call without an answer ends with its task, with its execution or with the
// server, and never takes longer than a function may run.
func TestCallsEnd(t *testing.T) {
	for _, c := range []struct {
		name, timeout string
		closed, stop  time.Duration
		gone          bool
		took          time.Duration
		reports       []string
	}{
		{name: "the task times out", timeout: "10", took: 10 * time.Second},
		{name: "the longest timeout", timeout: "900", took: 900 * time.Second},
		{name: "a longer one", timeout: "901", took: 900 * time.Second, reports: []string{"*execution.FailLambda"}},
		{name: "no timeout", timeout: "NONE", took: 900 * time.Second, reports: []string{"*execution.FailLambda"}},
		{name: "the execution is closed", timeout: "600", closed: 12 * time.Second, took: 15 * time.Second},
		{name: "the execution is gone", timeout: "600", closed: 12 * time.Second, gone: true, took: 15 * time.Second},
		{name: "the server stops", timeout: "600", stop: 3 * time.Second, took: 3 * time.Second},
		{name: "the server stops, no timeout", timeout: "NONE", stop: 3 * time.Second, took: 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				runs := &closing{gone: c.gone}
				if c.closed != 0 {
					runs.at = began.Add(c.closed)
				}
				calls := t.Context()
				if c.stop != 0 {
					var cancel context.CancelFunc
					calls, cancel = context.WithTimeout(calls, c.stop)
					defer cancel()
				}
				p := &Performer{
					Config: Config{Runs: runs, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler)}, calls: calls,
					functions: &functions{awslambda.New(awslambda.Options{
						BaseEndpoint: aws.String("http://localhost"), Credentials: aws.AnonymousCredentials{}, HTTPClient: silent{},
					})},
				}
				p.perform(&task{LambdaTask: &execution.LambdaTask{Name: "f", StartToCloseTimeout: c.timeout}, region: "eu-west-1", function: function{"arn:aws:lambda:eu-west-1:123456789012:function:f", "f"}, input: "{}"})
				if took := time.Since(began); took != c.took || !slices.Equal(runs.reports, c.reports) {
					t.Errorf("the call took %s and reported %q, want %s and %q", took, runs.reports, c.took, c.reports)
				}
				p.workers.Wait()
			})
		})
	}
}
