package lambda

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestInvocations has calls reach the endpoint whole.
func TestInvocations(t *testing.T) {
	said := base64.StdEncoding.EncodeToString([]byte(`{"custom":{}}`))
	for _, c := range []struct {
		what string
		key  string // its id
		call Invocation
		want string // path, what of the headers is Lambda's, body, who signed
	}{
		{"all by default", "", Invocation{Function: "f", Payload: []byte(`{"n": 1}`)}, `/2015-03-31/functions/f/invocations {"n": 1}`},
		{"no payload", "", Invocation{Function: "f", Type: "DryRun"}, `/2015-03-31/functions/f/invocations X-Amz-Invocation-Type=DryRun `},
		{
			"all there is", "",
			Invocation{Function: "f", Qualifier: "$LATEST", Type: "Event", LogType: "Tail", ClientContext: said, Payload: []byte("[]")},
			"/2015-03-31/functions/f/invocations?Qualifier=%24LATEST X-Amz-Client-Context=" + said + " X-Amz-Invocation-Type=Event X-Amz-Log-Type=Tail []",
		},
		{
			"of a trace", "", Invocation{Function: "f", Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
			"/2015-03-31/functions/f/invocations Traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 X-Amzn-Trace-Id=Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1 ",
		},
		{"of no trace", "", Invocation{Function: "f", Trace: "what\r\never"}, "/2015-03-31/functions/f/invocations "},
		{"signed", "operator", Invocation{Function: "f"}, "/2015-03-31/functions/f/invocations  operator in eu-west-1"},
	} {
		var got string
		e := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = r.URL.RequestURI()
			for _, name := range []string{"Traceparent", "X-Amz-Client-Context", "X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amzn-Trace-Id"} {
				if v := r.Header.Get(name); v != "" {
					got += " " + name + "=" + v
				}
			}
			got += " " + string(body)
			if signed := r.Header.Get("Authorization"); signed != "" {
				scope := strings.Split(strings.TrimPrefix(signed, "AWS4-HMAC-SHA256 Credential="), "/") // key, day, region, …
				got += " " + scope[0] + " in " + scope[2]
			}
		}))
		c.call.Region = "eu-west-1"
		if o := newFunctions(&Options{Endpoint: e.URL, AccessKey: c.key, SecretKey: c.key, Concurrent: 1}).invoke(t.Context(), &c.call); o.Failure != NoFailure {
			t.Errorf("%s: %+v", c.what, o)
		}
		if got != c.want {
			t.Errorf("%s: asked\n%s, want\n%s", c.what, got, c.want)
		}
		e.Close()
	}
}

// TestOutcomes has all that an endpoint says reach those who asked.
func TestOutcomes(t *testing.T) {
	answer := func(status int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-amzn-RequestId", "r-1")
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	shown := func(o *Outcome) string {
		payload := string(o.Payload)
		if len(payload) > 100 {
			payload = fmt.Sprintf("(%d bytes)", len(payload))
		}
		return strings.Join([]string{
			fmt.Sprint(o.Failure), fmt.Sprint(o.Status), o.RequestID, o.Code, o.Message, o.FunctionError, o.ExecutedVersion, o.LogResult, payload, o.Header.Get("X-Amzn-Trace-Id"),
		}, "|")
	}
	most := `"` + strings.Repeat("x", PayloadBytesMax-2) + `"`
	for _, c := range []struct {
		what   string
		answer http.HandlerFunc
		want   string // shown
		told   bool   // the operator
	}{
		{"a result", answer(200, `{ "a" : 1.0 }`, "X-Amz-Executed-Version", "$LATEST", "X-Amz-Log-Result", "bG9n", "X-Amzn-Trace-Id", "t"), `0|200|r-1||||$LATEST|bG9n|{ "a" : 1.0 }|t`, false},
		{"accepted", answer(202, ""), "0|202|r-1|||||||", false},
		{"nothing to say", answer(204, ""), "0|204|r-1|||||||", false},
		{"a failed function", answer(200, `{"errorType": "E"}`, "X-Amz-Function-Error", "Unhandled"), `0|200|r-1|||Unhandled|||{"errorType": "E"}|`, false},
		{"not UTF-8", answer(200, "\xff"), "0|200|r-1||||||\xff|", false},
		{"the largest", answer(200, most), "0|200|r-1||||||(262144 bytes)|", false},
		{"too large", answer(200, most+" "), "5|200|r-1||the function's result has more than 262144 bytes|||||", false},
		{"an error of the service", answer(404, `{"Type":"User","Message":"Function not found: f"}`, "X-Amzn-Errortype", "ResourceNotFoundException"), "1|404|r-1|ResourceNotFoundException|Function not found: f|||||", true},
		{"with a namespace", answer(400, `{"message":"no"}`, "X-Amzn-Errortype", "InvalidRequestContentException:http://internal.amazon.com/coral/com.amazonaws.awsgirapi/"), "1|400|r-1|InvalidRequestContentException|no|||||", true},
		{"an error that nobody knows", answer(418, `{"message":"short"}`, "X-Amzn-Errortype", "TeapotException"), "1|418|r-1|TeapotException|short|||||", true},
		{"an error without a name", answer(502, "<html>"), "2|502|r-1||the Lambda endpoint answered 502|||||", true},
		{"too many calls", answer(429, `{"Reason":"ConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}`, "X-Amzn-Errortype", "TooManyRequestsException"), "1|429|r-1|TooManyRequestsException|Rate Exceeded.|||||", true},
		{"a broken connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "4|0|||no answer from the Lambda endpoint; the function may have run|||||", true},
		{"nobody", nil, "3|0|||no connection to the Lambda endpoint; the function did not run|||||", true},
	} {
		var sends atomic.Int64
		e := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sends.Add(1)
			c.answer(w, r)
		}))
		if c.answer == nil {
			e.Close()
		}
		o := newFunctions(&Options{Endpoint: e.URL, Concurrent: 1}).invoke(t.Context(), &Invocation{Region: "eu-west-1", Function: "f"})
		if got := shown(o); got != c.want {
			t.Errorf("%s: got\n%s, want\n%s", c.what, got, c.want)
		}
		if want := map[bool]int64{true: 3, false: 1}[o.Status == 429]; c.answer != nil && sends.Load() != want {
			t.Errorf("%s: sent %d times, want %d", c.what, sends.Load(), want)
		}
		if (o.cause != nil) != c.told {
			t.Errorf("%s: the operator is told %v", c.what, o.cause)
		}
		e.Close()
	}
	if o := newFunctions(&Options{}).invoke(t.Context(), &Invocation{Function: "f"}); o.Failure != NoEndpoint || o.Message == "" {
		t.Errorf("without an endpoint: %+v", o)
	}
}
