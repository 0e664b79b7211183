package operation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/fault"
	. "heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
)

// path is a handler with one operation, of which each step records that it was taken.
// One of them may fail.
type path struct {
	*awsjson.Protocol
	fails string // the step
	rate  string
	how   func() error
	steps []string
	told  []string
	log   bytes.Buffer
	now   time.Time
}

// step records a step.
func (p *path) step(name string) error {
	p.steps = append(p.steps, name)
	if name == p.fails {
		return p.how()
	}
	return nil
}

// Find implements Protocol.
func (p *path) Find(c *Call) (*Mounted, error) {
	if err := p.step("find"); err != nil {
		return nil, err
	}
	return p.Protocol.Find(c)
}

// Recognise implements Authenticator.
func (p *path) Recognise(_ *http.Request, services []string) (Sender, error) {
	if err := p.step("recognise"); err != nil {
		return nil, err
	}
	if !slices.Equal(services, []string{"path", "lane"}) {
		return nil, fmt.Errorf("signed for %q", services)
	}
	return p, nil
}

// Verify implements Sender.
func (p *path) Verify(services []string, body Body) (Caller, error) {
	if err := p.step("authenticate"); err != nil {
		return Caller{}, err
	}
	if !slices.Equal(services, []string{"path", "lane"}) || body.Digest() == [32]byte{} {
		return Caller{}, fmt.Errorf("signed for %q", services)
	}
	everything, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	return Caller{
		Account: "1", Region: "r", AccessKey: "AKID", Principal: policy.Principal{ARN: "arn:aws:iam::1:root"},
		Policies: &policy.PolicySets{Identity: []policy.Attached{{Source: "all", Policy: everything}}},
	}, err
}

// Read implements io.Reader, as the body of a request.
func (p *path) Read(b []byte) (int, error) {
	if err := p.step("read"); err != nil {
		return 0, err
	}
	return copy(b, "input"), io.EOF
}

// Questions implements Subject.
func (p *path) Questions(ctx context.Context) ([]policy.Request, error) {
	if SubjectOf(ctx) != Subject(p) || CallerOf(ctx).Account != "1" {
		return nil, errors.New("another subject, or another caller")
	}
	return []policy.Request{{Principal: CallerOf(ctx).Principal, Action: "path:Walk", Resource: "*"}}, p.step("permit")
}

// Rate implements Rated.
func (p *path) Rate(context.Context) string { return p.rate }

// Resource implements Subject.
func (p *path) Resource(context.Context) Resource { return Resource{Kind: "stone", Name: "s"} }

func (p *path) api() *API {
	return &API{
		Changes: func(action string) bool { return action == "Walk" },
		Service: "path", SigningNames: []string{"path", "lane"},
		Model: Model{TargetPrefix: "Path", Faults: map[string][]string{"Walk": {"Muddy"}}},
		Throttle: func(account, region, action string) bool {
			return p.step("throttle "+account+" "+region+" "+action) == nil
		},
		Operations: []Operation{{
			Name: "Walk", Protocol: awsjson.Name, Options: Apply(nil),
			Decode: func(c *Call) (any, error) {
				if err := p.step("decode"); err != nil {
					return nil, err
				}
				return "decoded " + string(c.Body), nil
			},
			Subject: func(ctx context.Context, in any) (Subject, error) {
				if err := p.step("subject"); err != nil {
					return nil, err
				}
				return p, nil
			},
			Handle: func(ctx context.Context, in any) (any, error) {
				if c := ctx.(*Call); SubjectOf(ctx) != Subject(p) || c.Body != nil || in != "decoded input" {
					return nil, fmt.Errorf("handles %v of %v with body %q", in, SubjectOf(ctx), c.Body)
				}
				return "output", p.step("handle")
			},
			Encode: func(out any, a *Answer) {
				a.Body = append(a.Body, out.(string)...)
				_ = p.step("encode")
			},
		}},
	}
}

// tells records what is told.
func (p *path) tells(a *Answered) string {
	line := fmt.Sprintf("%s %s by %q of %q at %d", a.Operation.Name, a.RequestID, a.AccessKey, a.Caller.Account, a.At.Sub(noon))
	if a.Input != nil {
		line += fmt.Sprintf(", %v", a.Input)
	}
	if a.Touched.Kind != "" {
		line += ", " + a.Touched.Kind + " " + a.Touched.Name
	}
	if a.Kept {
		line += ", kept"
	}
	if a.Answer != nil {
		line += ", " + string(a.Answer.Body)
	}
	if a.Fault != nil {
		line += fmt.Sprintf(", %s %d", a.Fault.Name(), a.Fault.Status)
	}
	return line
}

// recorder is a writer of answers.
type recorder struct {
	*httptest.ResponseRecorder
	path *path
}

// WriteHeader implements http.ResponseWriter.
func (r recorder) WriteHeader(status int) {
	_ = r.path.step("write")
	r.ResponseRecorder.WriteHeader(status)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// walk serves one call; the body, the clock and the rest are the path's.
func walk(fails string, how func() error) (*path, *httptest.ResponseRecorder) {
	return walkAt("", fails, how)
}

// walkAt is walk of a subject that has a rate.
func walkAt(rate, fails string, how func() error) (*path, *httptest.ResponseRecorder) {
	p := &path{Protocol: awsjson.New(), fails: fails, rate: rate, how: how, now: noon}
	h := New(Config{
		Authenticator: p,
		Log:           slog.New(slog.NewTextHandler(&p.log, nil)),
		Random:        func() [16]byte { return [16]byte{} },
		Now: func() time.Time {
			defer func() { p.now = p.now.Add(5) }()
			return p.now
		},
		Keep: func(c *Caller, _ Resource) error {
			if c.Account != "1" {
				return fmt.Errorf("keeps a call of %q", c.Account)
			}
			return p.step("keep")
		},
		Audit: func(a *Answered) error {
			p.told = append(p.told, "audit "+p.tells(a))
			return p.step("audit")
		},
		Observe: func(a *Answered, took time.Duration) {
			_ = p.step("observe")
			p.told = append(p.told, fmt.Sprintf("observe %s took %d", p.tells(a), took))
		},
	}, p)
	h.Mount(p.api())
	r := request("Walk", p)
	r.Header.Set("X-Amz-Target", "Path.Walk")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/d/r/path/aws4_request, Signature=0")
	w := recorder{httptest.NewRecorder(), p}
	h.ServeHTTP(w, r)
	return p, w.ResponseRecorder
}

// all are the steps of a call.
var all = []string{"find", "recognise", "read", "authenticate", "decode", "subject", "permit", "throttle 1 r Walk", "keep", "handle", "encode", "audit", "write", "observe"}

// told is what is told of a call: the same to both who listen.
func told(what string) []string { return []string{"audit " + what, "observe " + what + " took 5"} }

const (
	nobody   = `Walk 00000000-0000-4000-8000-000000000000 by "AKID" of "" at 0`
	somebody = `Walk 00000000-0000-4000-8000-000000000000 by "AKID" of "1" at 0`
)

// A call takes its steps in order. One that is refused at a step takes no more of them,
// and is told, written and observed with what was known by then.
func TestSteps(t *testing.T) {
	muddy := func() error { return &fault.Fault{Code: "Muddy"} }
	for _, c := range []struct {
		fails string
		how   func() error
		want  []string
	}{
		{"", nil, told(somebody + ", decoded input, stone s, kept, output")},
		{"find", func() error { return fault.Of(fault.UnknownOperation, "") }, nil},
		{"recognise", func() error { return fault.Of(fault.UnknownKey, "") }, told(nobody + ", UnrecognizedClientException 0")},
		{"read", func() error { return errors.New("reset") }, told(nobody + ", SerializationException 0")},
		{"authenticate", func() error { return fault.Of(fault.BadSignature, "") }, told(nobody + ", InvalidSignatureException 0")},
		{"decode", func() error { return fault.Invalid("") }, told(somebody + ", ValidationException 0")},
		{"subject", muddy, told(somebody + ", decoded input, Muddy 0")},
		{"permit", muddy, told(somebody + ", decoded input, stone s, Muddy 0")},
		{"throttle 1 r Walk", muddy, told(somebody + ", decoded input, stone s, ThrottlingException 0")},
		{"keep", func() error { return fault.Throttled() }, told(somebody + ", decoded input, stone s, ThrottlingException 0")},
		{"handle", muddy, told(somebody + ", decoded input, stone s, kept, Muddy 0")},
	} {
		p, w := walk(c.fails, c.how)
		want := all
		if c.fails != "" {
			want = slices.Clone(all[:slices.Index(all, c.fails)+1])
			if c.want != nil {
				want = append(want, "audit")
			}
			if want = append(want, "write"); c.want != nil {
				want = append(want, "observe")
			}
		}
		if !slices.Equal(p.steps, want) {
			t.Errorf("fails at %q: steps %q, want %q", c.fails, p.steps, want)
		}
		if !slices.Equal(p.told, c.want) {
			t.Errorf("fails at %q: told %q, want %q", c.fails, p.told, c.want)
		}
		if (w.Code == 200) != (c.fails == "") || c.fails == "" && w.Body.String() != "output" || p.log.Len() > 0 {
			t.Errorf("fails at %q: %d %s, logged %s", c.fails, w.Code, w.Body, p.log.String())
		}
	}
}

// Errors that are no faults, and panics, are internal failures: the caller learns the
// request id, and the log what happened.
func TestFailuresAtEachStep(t *testing.T) {
	stumble := func() error { return errors.New("stumbled") }
	burn := func() error { panic("burning") }
	for _, c := range []struct {
		fails string
		how   func() error
		want  string // told
	}{
		{"recognise", stumble, nobody},
		{"authenticate", stumble, nobody},
		{"decode", stumble, somebody},
		{"subject", stumble, somebody + ", decoded input"},
		{"permit", stumble, somebody + ", decoded input, stone s"},
		{"handle", stumble, somebody + ", decoded input, stone s, kept"},
		{"subject", burn, somebody + ", decoded input"},
		{"permit", burn, somebody + ", decoded input, stone s"},
		{"throttle 1 r Walk", burn, somebody + ", decoded input, stone s"},
		{"handle", burn, somebody + ", decoded input, stone s, kept"},
		{"encode", burn, somebody + ", decoded input, stone s, kept"},
	} {
		p, w := walk(c.fails, c.how)
		if want := append(slices.Clone(all[:slices.Index(all, c.fails)+1]), "audit", "write", "observe"); !slices.Equal(p.steps, want) {
			t.Errorf("fails at %q: steps %q, want %q", c.fails, p.steps, want)
		}
		if !slices.Equal(p.told, told(c.want+", InternalFailure 500")) {
			t.Errorf("fails at %q: told %q", c.fails, p.told)
		}
		if w.Code != 500 || w.Body.String() != `{"__type":"com.amazon.coral.service#InternalFailure"}` {
			t.Errorf("fails at %q: %d %s", c.fails, w.Code, w.Body)
		}
		logged := p.log.String()
		if strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "request=00000000-0000-4000-8000-000000000000") ||
			!strings.Contains(logged, "operation=Walk") || strings.Contains(logged, "stone=s") != strings.Contains(c.want, "stone s") ||
			!strings.Contains(logged, "stumbled") && !strings.Contains(logged, `"panic: burning"`) {
			t.Errorf("fails at %q: logged %s", c.fails, logged)
		}
	}
}

// A call that was done without a record that is known to be kept is not answered as if
// all were well.
func TestNoAnswerWithoutARecord(t *testing.T) {
	p, w := walk("audit", func() error { return errors.New("the disk is full") })
	if !slices.Equal(p.steps, all) {
		t.Errorf("steps %q", p.steps)
	}
	done := somebody + ", decoded input, stone s, kept, output"
	if want := []string{"audit " + done, "observe " + done + ", InternalFailure 500 took 5"}; !slices.Equal(p.told, want) {
		t.Errorf("told %q, want %q", p.told, want)
	}
	if w.Code != 500 || strings.Contains(w.Body.String(), "output") || !strings.Contains(p.log.String(), "the disk is full") {
		t.Errorf("%d %s, logged %s", w.Code, w.Body, p.log.String())
	}
}

// TestRated: a subject may have a rate of its own.
func TestRated(t *testing.T) {
	if p, _ := walkAt("Run", "", nil); !slices.Contains(p.steps, "throttle 1 r Run") || slices.Contains(p.steps, "throttle 1 r Walk") {
		t.Errorf("steps are %q", p.steps)
	}
}
