package integration

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/sdk"
	"heddle/jsonvalue"
)

// exchange is a request that a server of the services took, and its answer.
type exchange struct {
	Method, Path, Body string
	Sent               map[string]string
	Status             int
	Headers            map[string]string
	Answer             string
}

// replay is a transport that answers as was recorded, to who asks as was recorded.
type replay struct {
	t    *testing.T
	what string
	left []exchange
}

func bytesOf(text string) string {
	if b, is := strings.CutPrefix(text, "base64:"); is {
		plain, err := base64.StdEncoding.DecodeString(b)
		if err != nil {
			panic(err)
		}
		return string(plain)
	}
	return text
}

// RoundTrip implements http.RoundTripper.
func (r *replay) RoundTrip(got *http.Request) (*http.Response, error) {
	var body []byte
	if got.Body != nil {
		body, _ = io.ReadAll(got.Body)
	}
	if len(r.left) == 0 {
		r.t.Errorf("%s: another request: %s %s %s", r.what, got.Method, got.URL, body)
		return nil, errors.New("nothing was recorded")
	}
	want := r.left[0]
	r.left = r.left[1:]
	if got.Method != want.Method || got.URL.RequestURI() != want.Path {
		r.t.Errorf("%s: asked %s %s, want %s %s", r.what, got.Method, got.URL.RequestURI(), want.Method, want.Path)
	}
	for name, value := range want.Sent {
		if got.Header.Get(name) != value {
			r.t.Errorf("%s: header %s: %q, want %q", r.what, name, got.Header.Get(name), value)
		}
	}
	if g, w := said(string(body)), said(bytesOf(want.Body)); g != w {
		r.t.Errorf("%s: sent %s\nwant %s", r.what, g, w)
	}
	answer := &http.Response{StatusCode: want.Status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(bytesOf(want.Answer))), Request: got, ProtoMajor: 1, ProtoMinor: 1}
	for name, value := range want.Headers {
		answer.Header.Set(name, value)
	}
	if want.Method == http.MethodHead {
		answer.Body = http.NoBody
	} else {
		answer.Header.Set("Content-Length", strconv.Itoa(len(bytesOf(want.Answer))))
	}
	return answer, nil
}

// said is a body as what it says: the tokens that tell a repeated call from a new one are others each time.
func said(body string) string {
	var v any
	if json.Unmarshal([]byte(body), &v) == nil {
		if o, is := v.(map[string]any); is {
			for name := range o {
				if strings.Contains(strings.ToLower(name), "token") {
					o[name] = "token"
				}
			}
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	if form, err := url.ParseQuery(body); err == nil && strings.HasPrefix(body, "Action=") {
		return form.Encode()
	}
	return body
}

// TestRecorded plays what compat/run integrations has recorded of calls of all services against a server of
// them: each integration still asks what was taken, and still makes of the answer what it was.
func TestRecorded(t *testing.T) {
	text, err := os.ReadFile("testdata/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Resource, Error, Cause string
		Parameters, Output     json.RawMessage
		Exchanges              []exchange
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	models, seen := sdk.NewModels(nil), map[string]bool{}
	for _, c := range cases {
		rest := c.Resource
		if name, is := strings.CutPrefix(rest, "aws-sdk:"); is {
			rest = name
		}
		service, action, _ := strings.Cut(rest, ":")
		if rest != c.Resource {
			service = "aws-sdk:" + service
		}
		seen[service] = true
		of, ok := Of(service, action)
		model, err := models.Service(of.Service)
		if !ok || err != nil || model == nil {
			t.Errorf("%s: %v", c.Resource, err)
			continue
		}
		via := &replay{t, c.Resource, c.Exchanges}
		client := &sdk.Client{HTTP: via, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Within: context.WithTimeout}
		do := func(operation string, naming sdk.Naming, parameters *jsonvalue.Object) (*sdk.Answer, error) {
			return client.Do(t.Context(), &sdk.Invocation{
				Operation: model.Operation(operation), Naming: naming, Parameters: parameters, Endpoint: "http://localhost", Region: "us-east-1",
				AccessKey: "k", SecretKey: "s", Token: "token",
			})
		}
		given, err := jsonvalue.Parse(c.Parameters)
		if err != nil {
			t.Fatal(err)
		}
		parameters := of.Parameters(given.(*jsonvalue.Object))
		if l := of.Lookup; l != nil {
			page, err := do(l.Operation, of.Naming, l.Parameters(parameters))
			if err != nil {
				t.Errorf("%s: %v", c.Resource, err)
				continue
			}
			whole, _, found := l.Found(parameters, page.Result)
			if found != (c.Error == "") || !found && !strings.HasPrefix(c.Cause, l.Missing(parameters)) {
				t.Errorf("%s: found %t, want %s %s", c.Resource, found, c.Error, c.Cause)
			}
			if !found {
				continue
			}
			parameters = whole
		}
		answer, err := do(of.Operation, of.Naming, parameters)
		if refused, is := errors.AsType[*sdk.Fault](err); is {
			name, cause := of.Failure(model, refused)
			begin, _, _ := strings.Cut(c.Cause, "Request ID: ")
			if name != c.Error || !strings.HasPrefix(cause, begin) {
				t.Errorf("%s: %s %s, want %s %s", c.Resource, name, cause, c.Error, c.Cause)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Resource, err)
			continue
		}
		result := any(of.Result(answer.Result))
		if strings.HasSuffix(action, ".sync") {
			result = asked(t, c.Resource, JobOf(service, action), given.(*jsonvalue.Object), result.(*jsonvalue.Object), via, func(operation string, p *jsonvalue.Object) (*sdk.Answer, error) {
				return do(operation, of.Naming, p)
			})
		}
		want, err := jsonvalue.Parse(c.Output)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := plain(result), plain(want); !jsonvalue.Equal(got, want) {
			t.Errorf("%s: gives %s\nwant %s", c.Resource, jsonvalue.Text(got), jsonvalue.Text(want))
		}
		if len(via.left) > 0 {
			t.Errorf("%s: %d requests are missing", c.Resource, len(via.left))
		}
	}
	if len(seen) < 30 {
		t.Errorf("%d services were recorded", len(seen))
	}
}

// asked asks after a job until it is over, and gives what came of it.
func asked(t *testing.T, what string, job *Job, began, answer *jsonvalue.Object, via *replay, do func(string, *jsonvalue.Object) (*sdk.Answer, error)) any {
	t.Helper()
	for len(via.left) > 0 {
		parameters, ok := job.Parameters(began, answer)
		if !ok {
			t.Fatalf("%s: the answer does not say what has begun", what)
		}
		told, err := do(job.Describe, parameters)
		if refused, is := errors.AsType[*sdk.Fault](err); is && job.IsGone(refused) {
			return answer
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return nil
		}
		switch state, output := job.Ended(told.Result); {
		case state == Succeeded && job.Answer:
			return answer
		case state == Succeeded:
			return output
		case state == Failed:
			t.Errorf("%s: the job has failed", what)
			return nil
		}
	}
	t.Errorf("%s: it is never over", what)
	return nil
}

// plain is a result without what the server adds.
func plain(v any) any {
	o, is := v.(*jsonvalue.Object)
	if !is {
		return v
	}
	all := jsonvalue.NewObject(o.Len())
	for name, v := range o.All() {
		if !slices.Contains([]string{"SdkHttpMetadata", "SdkResponseMetadata"}, name) {
			all.Set(name, v)
		}
	}
	return all
}
