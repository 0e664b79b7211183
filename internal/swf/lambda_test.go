package swf_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/internal/lambda"
	"heddle/internal/server"
)

// function is a decision for one function.
func function(name string) types.ScheduleLambdaFunctionDecisionAttributes {
	return types.ScheduleLambdaFunctionDecisionAttributes{Name: &name}
}

// An answer of the endpoint, and what the decider then reads.
func TestOutcomes(t *testing.T) {
	said := func(status int, errorType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if errorType != "" {
				w.Header().Set("X-Amzn-Errortype", errorType)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	failed := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	largest := `"` + strings.Repeat("\u20ac", 32766) + `"` // in characters; three bytes each
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		sends  int64
		want   string
	}{
		{"result", said(200, "", `{"ok":true}`), 1, `LambdaFunctionCompleted {"ok":true}`},
		{"no result", said(200, "", ""), 1, "LambdaFunctionCompleted (absent)"},
		{"result not UTF-8", said(200, "", "\"\xff\""), 1, "LambdaFunctionCompleted \"\uFFFD\""},
		{"largest result", said(200, "", largest), 1, "LambdaFunctionCompleted (98300 bytes)"},
		{"result too large", said(200, "", largest+" "), 1, "LambdaFunctionFailed ResultTooLarge: the function's result has more than 32768 characters"},
		{"result without end", said(200, "", strings.Repeat("x", 1<<20)), 1, "LambdaFunctionFailed ResultTooLarge: the function's result has more than 32768 characters"},
		{"function error", failed("Unhandled", `{"errorMessage":"no stock","errorType":"StockError"}`), 1, `LambdaFunctionFailed StockError: {"errorMessage":"no stock","errorType":"StockError"}`},
		{"function error without type", failed("Handled", `"no stock"`), 1, `LambdaFunctionFailed Handled: "no stock"`},
		{"function error too large", failed("Unhandled", largest+" "), 1, "LambdaFunctionFailed Unhandled: (98300 bytes)"},
		{"unknown function", said(404, "ResourceNotFoundException", `{"Type":"User","message":"Function not found: f"}`), 1, "LambdaFunctionFailed ResourceNotFoundException: Function not found: f"},
		{"role refused", said(403, "AccessDeniedException", `{"message":"not authorized to perform lambda:InvokeFunction"}`), 1, "StartLambdaFunctionFailed ASSUME_ROLE_FAILED AccessDeniedException: not authorized to perform lambda:InvokeFunction"},
		{"refused by a proxy", said(403, "", "<html>"), 1, "StartLambdaFunctionFailed ASSUME_ROLE_FAILED AccessDeniedException: the Lambda endpoint answered 403"},
		{"long refusal", said(403, "AccessDeniedException", `{"message":"`+strings.Repeat("x", 4000)+`"}`), 1, "StartLambdaFunctionFailed ASSUME_ROLE_FAILED (1728 bytes)"},
		{"throttled", said(429, "TooManyRequestsException", `{"Reason":"ConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}`), 3, "LambdaFunctionFailed TooManyRequestsException: Rate Exceeded."},
		{"service error", said(500, "ServiceException", `{"message":"try later"}`), 1, "LambdaFunctionFailed ServiceException: try later"},
		{"gateway error", said(502, "", "<html>"), 1, "LambdaFunctionFailed EndpointFailed: the Lambda endpoint answered 502"},
		{"connection lost", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 1, "LambdaFunctionFailed EndpointFailed: no answer from the Lambda endpoint; the function may have run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sends atomic.Int64
			h := open(t, server.Config{Lambda: invoking(endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				sends.Add(1)
				c.answer(w, r)
			}))})
			h.begin("arn:aws:iam::123456789012:role/lambda")
			h.schedule(function("f"))
			if got, want := h.lambdaEvents(), []string{"LambdaFunctionStarted", c.want}; !slices.Equal(got, want) {
				t.Errorf("history has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if n := sends.Load(); n != c.sends {
				t.Errorf("%d requests were sent, want %d", n, c.sends)
			}
		})
	}
}

// A refusal for the moment is waited out.
func TestThrottledOnce(t *testing.T) {
	var sends atomic.Int64
	h := open(t, server.Config{Lambda: invoking(endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		if sends.Add(1) == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))})
	h.begin("role")
	h.schedule(function("f"))
	if got, want := h.lambdaEvents(), []string{"LambdaFunctionStarted", "LambdaFunctionCompleted (absent)"}; !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
}

func TestUnreachable(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	h := open(t, server.Config{Lambda: invoking(gone.URL)})
	h.begin("role")
	h.schedule(function("f"))
	want := []string{
		"LambdaFunctionStarted",
		"LambdaFunctionFailed EndpointUnreachable: no connection to the Lambda endpoint; the function did not run",
	}
	if got := h.lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
}

// What is sent: the execution's region, the operator's key or none, and nothing
// of the process's environment.
func TestRequest(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "environment")
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1")
	for _, c := range []struct {
		name   string
		key    lambda.Options
		fn     types.ScheduleLambdaFunctionDecisionAttributes
		path   string
		body   string
		signed string
	}{
		{
			name: "anonymous, no input", fn: function("f"),
			path: "/base/2015-03-31/functions/f/invocations", body: "{}",
		},
		{
			name: "key, input, ARN", key: lambda.Options{AccessKey: "operator", SecretKey: "secret"},
			fn: types.ScheduleLambdaFunctionDecisionAttributes{
				Name: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST"), Input: aws.String(`{"n":1}`),
			},
			path:   "/base/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af%3A%24LATEST/invocations",
			body:   `{"n":1}`,
			signed: "AWS4-HMAC-SHA256 Credential=operator/",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests := make(chan *http.Request, 1)
			bodies := make(chan string, 1)
			o := c.key
			o.Endpoint = endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				requests <- r
				bodies <- string(body)
			}) + "/base"
			h := open(t, server.Config{Lambda: o})
			h.begin("role")
			h.schedule(c.fn)
			h.lambdaEvents()
			r := <-requests
			if r.Method != "POST" || r.URL.EscapedPath() != c.path || r.URL.RawQuery != "" {
				t.Errorf("request is %s %s, want POST %s", r.Method, r.URL, c.path)
			}
			if body := <-bodies; body != c.body {
				t.Errorf("payload is %s, want %s", body, c.body)
			}
			signed := r.Header.Get("Authorization")
			if c.signed == "" && signed != "" || !strings.HasPrefix(signed, c.signed) {
				t.Errorf("Authorization is %q, want %q", signed, c.signed)
			}
			if c.signed != "" && !strings.Contains(signed, "/eu-west-1/lambda/aws4_request") {
				t.Errorf("Authorization is %q, want the execution's region", signed)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Bool
	elsewhere := endpoint(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	h := open(t, server.Config{Lambda: invoking(endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	}))})
	h.begin("role")
	h.schedule(function("f"))
	want := []string{"LambdaFunctionStarted", "LambdaFunctionFailed EndpointFailed: the Lambda endpoint answered 307"}
	if got := h.lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
	if followed.Load() {
		t.Error("the redirect was followed")
	}
}

// A name that means something in a URL goes nowhere.
func TestNamesFormNoPath(t *testing.T) {
	var sends atomic.Int64
	h := open(t, server.Config{Lambda: invoking(endpoint(t, func(http.ResponseWriter, *http.Request) { sends.Add(1) }))})
	h.begin("role")
	names := []string{"..", ".", "a/b", "a?b", "a#b", "a%2fb", "http://elsewhere", "a b", "\u00e9"}
	for _, name := range names {
		h.schedule(function(name))
	}
	h.schedule(function("fine"))
	got := strings.Join(h.lambdaEvents(), "\n")
	if n := strings.Count(got, "LambdaFunctionFailed ValidationException"); n != len(names) {
		t.Errorf("%d names were refused, want %d:\n%s", n, len(names), got)
	}
	if n := sends.Load(); n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
}

// Without a role nothing is sent.
func TestNoRole(t *testing.T) {
	var sends atomic.Int64
	h := open(t, server.Config{Lambda: invoking(endpoint(t, func(http.ResponseWriter, *http.Request) { sends.Add(1) }))})
	h.begin("")
	h.schedule(function("f"))
	want := []string{"StartLambdaFunctionFailed ASSUME_ROLE_FAILED the execution has no Lambda role"}
	if got := h.lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
	if sends.Load() != 0 {
		t.Error("a function was invoked")
	}
}

// The rules time a task out; the performer lets go of the call.
func TestTimeout(t *testing.T) {
	letGo := make(chan struct{})
	h := open(t, server.Config{Lambda: invoking(endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the caller has gone
		<-r.Context().Done()
		close(letGo)
	}))})
	h.begin("role")
	slow := function("slow")
	slow.StartToCloseTimeout = aws.String("1")
	h.schedule(slow)
	want := []string{"LambdaFunctionStarted", "LambdaFunctionTimedOut START_TO_CLOSE"}
	if got := h.lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
	<-letGo
}

// A server that stops in the middle of a call runs the function again.
func TestRestart(t *testing.T) {
	called := make(chan struct{}, 2)
	var calls atomic.Int64
	cfg := server.Config{Data: t.TempDir(), Lambda: invoking(endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		called <- struct{}{}
		if n == 1 {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, fmt.Sprintf(`"call %d"`, n))
	}))}
	h := open(t, cfg)
	h.begin("role")
	h.schedule(function("f"))
	<-called
	h.kill()

	h = start(t, cfg)
	want := []string{"LambdaFunctionStarted", `LambdaFunctionCompleted "call 2"`}
	if got := h.lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
}

// A task that was taken and had no place yet is offered again after a restart.
func TestRestartOfWhatWaits(t *testing.T) {
	called := make(chan struct{}, 3)
	var calls atomic.Int64
	o := invoking(endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		first := calls.Add(1) == 1
		_, _ = io.Copy(io.Discard, r.Body)
		called <- struct{}{}
		if first {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `"done"`)
	}))
	o.Concurrent = 4 // a function alone has a quarter
	cfg := server.Config{Data: t.TempDir(), Lambda: o}
	h := open(t, cfg)
	h.begin("role")
	h.schedule(function("f"), function("f"))
	<-called
	h.kill()

	h = start(t, cfg)
	for completed := 0; completed < 2; { // the decider may be asked after the first
		task := h.poll()
		completed = 0
		for _, e := range task.Events {
			if e.LambdaFunctionCompletedEventAttributes != nil {
				completed++
			}
		}
		must(h.client.RespondDecisionTaskCompleted(t.Context(), &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken}))(t)
	}
	if calls.Load() != 3 {
		t.Errorf("%d calls, want 3", calls.Load())
	}
}

// A server that is given time to stop waits for its calls.
func TestDrain(t *testing.T) {
	called, release := make(chan struct{}), make(chan struct{})
	cfg := server.Config{Data: t.TempDir(), Lambda: invoking(endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		close(called) // a second call would panic
		<-release
		_, _ = io.WriteString(w, `"done"`)
	}))}
	h := open(t, cfg)
	h.begin("role")
	h.schedule(function("f"))
	<-called
	closed := make(chan error)
	go func() { closed <- h.server.Close(context.Background()) }()
	for { // until the server has begun to close
		answer, err := http.Get(h.server.URL() + "/ready")
		if err != nil {
			break
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			break
		}
	}
	close(release)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	want := []string{"LambdaFunctionStarted", `LambdaFunctionCompleted "done"`}
	if got := start(t, cfg).lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
}
