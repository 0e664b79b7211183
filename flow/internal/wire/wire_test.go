package wire_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"heddle/flow"
	"heddle/flow/internal/wire"
)

// The methods are those that package flow calls.
var _ flow.API = (*wire.Client)(nil)

// server answers requests in memory.
type server func(r *http.Request, body []byte) (status int, answer string)

func (s server) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, answer := s(r, body)
	if status == 0 {
		return nil, errors.New(answer)
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}, "X-Amzn-Requestid": {"r-1"}},
		Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)), Request: r,
	}, nil
}

func configOf(s aws.HTTPClient) aws.Config {
	return aws.Config{Region: "eu-west-1", HTTPClient: s, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "session"}, nil
	})}
}

// fill gives every member a value.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000 + r.Int64N(1e12)).UTC()))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" && r.IntN(8) > 0 {
				fill(r, v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.String:
		if values := v.MethodByName("Values"); values.IsValid() && r.IntN(4) > 0 {
			all := values.Call(nil)[0]
			v.Set(all.Index(r.IntN(all.Len())))
			return
		}
		v.SetString([]string{"", "x", `"quoted" \ <&>`, "ä 漢 \U0001F600 \u2028", "line\nand\ttab\x01", strings.Repeat("long ", 300)}[r.IntN(6)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int32:
		v.SetInt(r.Int64N(1 << 31))
	case reflect.Int64:
		v.SetInt(r.Int64N(1 << 53))
	default:
		panic(fmt.Sprintf("no rule for %s", v.Type()))
	}
}

// plain is a value as the service sends it.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if at, ok := v.Interface().(*time.Time); ok {
			return json.Number(fmt.Sprintf("%d.%03d", at.Unix(), at.UnixMilli()%1000))
		}
		return plain(v.Elem())
	case reflect.Struct:
		m := map[string]any{"aMemberOfLater": []any{1, map[string]any{"x": nil}}}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				m[strings.ToLower(f.Name[:1])+f.Name[1:]] = plain(v.Field(i))
			}
		}
		return m
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		all := make([]any, v.Len())
		for i := range all {
			all[i] = plain(v.Index(i))
		}
		return all
	}
	return v.Interface()
}

// Every action asks and is answered as by the SDK's client, whatever its members are.
func TestSpeaksAsTheSDK(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 83))
	var asked []*http.Request
	var bodies [][]byte
	var answer string
	cfg := configOf(server(func(r *http.Request, body []byte) (int, string) {
		asked, bodies = append(asked, r), append(bodies, body)
		return 200, answer
	}))
	compared := 0
	clients := []reflect.Value{reflect.ValueOf(swf.NewFromConfig(cfg)), reflect.ValueOf(wire.New(cfg))}
	for i := range clients[1].NumMethod() {
		name := clients[1].Type().Method(i).Name
		for n := range 30 {
			m := clients[0].MethodByName(name)
			in := reflect.New(m.Type().In(1).Elem())
			fill(r, in.Elem())
			out := reflect.New(m.Type().Out(0).Elem())
			fill(r, out.Elem())
			text, err := json.Marshal(plain(out))
			if err != nil {
				t.Fatal(err)
			}
			answer, asked, bodies = string(text), nil, nil
			if n == 0 && out.Elem().NumField() == 2 { // the metadata alone
				answer = ""
			}
			var got [2]any
			for i, c := range clients {
				gave := c.MethodByName(name).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
				if !gave[1].IsNil() {
					if i == 0 {
						in = reflect.Value{} // the SDK wants a member that is missing; the server says so, too
						break
					}
					t.Fatalf("%s: %v", name, gave[1])
				}
				gave[0].Elem().FieldByName("ResultMetadata").SetZero()
				got[i] = gave[0].Interface()
			}
			if !in.IsValid() {
				continue
			}
			compared++
			if !reflect.DeepEqual(got[0], got[1]) {
				a, _ := json.Marshal(got[0])
				b, _ := json.Marshal(got[1])
				t.Fatalf("%s is answered\n%s, by the SDK's client\n%s", name, b, a)
			}
			var sent [2]any
			for i, b := range bodies {
				if err := json.Unmarshal(b, &sent[i]); err != nil {
					t.Fatalf("%s: %v: %s", name, err, b)
				}
			}
			if !reflect.DeepEqual(sent[0], sent[1]) {
				t.Fatalf("%s sends\n%s, the SDK's client\n%s", name, bodies[1], bodies[0])
			}
			if a, b := asked[0], asked[1]; a.URL.String() != b.URL.String() || a.Method != b.Method || a.Header.Get("X-Amz-Target") != b.Header.Get("X-Amz-Target") ||
				a.Header.Get("Content-Type") != b.Header.Get("Content-Type") || b.Header.Get("X-Amz-Security-Token") != "session" || !strings.HasPrefix(b.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKID/") {
				t.Fatalf("%s asks %s %v, the SDK's client %s %v", name, b.URL, b.Header, a.URL, a.Header)
			}
		}
	}
	if compared < 100 {
		t.Errorf("%d calls were compared", compared)
	}
}

// Every error is the SDK's: of its type, with its code and message, after as many attempts.
func TestFailsAsTheSDK(t *testing.T) {
	model, err := os.ReadFile("../../../internal/swf/wire/model.json")
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Shapes map[string]struct{ Exception bool }
	}
	if err := json.Unmarshal(model, &said); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		status int
		text   string
	}
	answers := map[string]answer{
		"validation": {400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error"}`},
		"throttled":  {400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`},
		"internal":   {500, `{"__type":"InternalFailure"}`}, "unavailable": {503, `{}`}, "page": {502, "<html>"}, "nothing": {500, ""},
		"no connection": {0, "connection reset by peer"}, "no answer": {200, "<html>"}, "cut": {200, `{"taskToken":"x`},
		"unsigned": {403, `{"__type":"InvalidSignatureException","message":"no"}`}, "message": {400, `{"__type":"x#LimitExceededFault","Message":"large M"}`},
	}
	for name, shape := range said.Shapes {
		if shape.Exception {
			answers[name] = answer{400, fmt.Sprintf(`{"__type":"com.amazonaws.swf.base.model#%s","message":"of %s"}`, name, name)}
		}
	}
	if len(answers) < 20 {
		t.Fatalf("the model has %d errors", len(answers)-11)
	}
	for name, a := range answers {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			cfg := configOf(server(func(*http.Request, []byte) (int, string) { tries++; return a.status, a.text }))
			var errs [2]error
			var tried [2]int
			for i, c := range []flow.API{swf.NewFromConfig(cfg), wire.New(cfg)} {
				tries = 0
				_, errs[i] = c.PollForActivityTask(t.Context(), &swf.PollForActivityTaskInput{Domain: aws.String("d"), TaskList: &types.TaskList{Name: aws.String("l")}})
				tried[i] = tries
				if errs[i] == nil {
					t.Fatalf("%s: no error", name)
				}
				if said := "operation error SWF: PollForActivityTask, "; !strings.HasPrefix(errs[i].Error(), said) {
					t.Errorf("%s: %v, want %s…", name, errs[i], said)
				}
			}
			if tried[0] != tried[1] {
				t.Errorf("%s: %d attempts, the SDK's client has %d: %v", name, tried[1], tried[0], errs[1])
			}
			var api [2]smithy.APIError
			if is := [2]bool{errors.As(errs[0], &api[0]), errors.As(errs[1], &api[1])}; is[0] != is[1] {
				t.Errorf("%s: %v, by the SDK's client %v", name, errs[1], errs[0])
			} else if is[0] && (!sameFault(api[0], api[1])) {
				t.Errorf("%s: %#v, by the SDK's client %#v", name, api[1], api[0])
			}
		})
	}
}

// sameFault tells whether they are one; the SDK knows an action's own faults by their types, here each is known.
func sameFault(sdk, ours smithy.APIError) bool {
	_, generic := sdk.(*smithy.GenericAPIError)
	return sdk.ErrorCode() == ours.ErrorCode() && sdk.ErrorMessage() == ours.ErrorMessage() && (generic || reflect.TypeOf(sdk) == reflect.TypeOf(ours))
}

// A call ends with its context, before it is sent, while it waits and between attempts.
func TestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := wire.New(configOf(server(func(*http.Request, []byte) (int, string) { asked++; return 500, "{}" })))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := c.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{})
		if !errors.Is(err, context.DeadlineExceeded) || asked == 0 {
			t.Errorf("got %v after %d requests", err, asked)
		}
		asked = 0
		if _, err := c.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{}); !errors.Is(err, context.DeadlineExceeded) || asked > 0 {
			t.Errorf("got %v after %d requests", err, asked)
		}
	})
}

// A process whose clock is wrong learns it from the answer, and signs by the server's.
func TestSignsByTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := time.Hour
		asked := 0
		c := wire.New(configOf(transport(func(r *http.Request) (*http.Response, error) {
			asked++
			theirs := time.Now().Add(ahead)
			signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
			answer := httptest.NewRecorder()
			answer.Header().Set("Date", theirs.UTC().Format(http.TimeFormat))
			if err != nil || theirs.Sub(signed).Abs() > 5*time.Minute {
				answer.WriteHeader(403)
				answer.WriteString(`{"__type":"InvalidSignatureException"}`)
			}
			return answer.Result(), nil
		})))
		for _, want := range []int{2, 1} {
			asked = 0
			if _, err := c.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{}); err != nil || asked != want {
				t.Errorf("got %v after %d requests, want %d", err, asked, want)
			}
		}
		ahead, asked = 0, 0 // it is set right
		if _, err := c.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{}); err != nil || asked != 2 {
			t.Errorf("got %v after %d requests, want 2", err, asked)
		}
	})
}

type transport func(r *http.Request) (*http.Response, error)

func (f transport) Do(r *http.Request) (*http.Response, error) { return f(r) }

// What a configuration has besides is not passed over: middleware is called, and an adaptive retryer asked.
func TestWhatTheConfigurationSaysHolds(t *testing.T) {
	called := 0
	cfg := configOf(server(func(r *http.Request, _ []byte) (int, string) { return 200, "{}" }))
	cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error { called++; return nil })
	c := wire.New(cfg)
	if _, err := c.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String("d"), TaskList: &types.TaskList{Name: aws.String("l")}}); err != nil || called != 1 {
		t.Errorf("the middleware was called %d times, %v", called, err)
	}
	cfg.APIOptions = nil
	cfg.Retryer = func() aws.Retryer { return counting{retry.NewStandard(), &called} }
	if _, err := wire.New(cfg).PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{}); err != nil || called != 2 {
		t.Errorf("the retryer was called %d times, %v", called-1, err)
	}
	c = wire.New(configOf(server(func(*http.Request, []byte) (int, string) { return 500, "{}" })))
	changed := 0
	_, err := c.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String("d"), TaskList: &types.TaskList{Name: aws.String("l")}}, func(o *swf.Options) {
		o.Retryer = aws.NopRetryer{}
		changed++
	})
	if err == nil || changed != 1 {
		t.Errorf("options of a call: %v, asked %d times", err, changed)
	}
}

type counting struct {
	aws.RetryerV2
	n *int
}

func (c counting) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	*c.n++
	return c.RetryerV2.GetAttemptToken(ctx)
}

// AWS_CA_BUNDLE and AWS_ENDPOINT_URL_SWF hold, and connections are kept: as many as there were calls at once.
func TestSettingsOfTheEnvironment(t *testing.T) {
	const many = 40
	var connections, here atomic.Int64
	var all [3]chan struct{} // closed when a round's calls are all here
	for i := range all {
		all[i] = make(chan struct{})
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := here.Add(1) - 1
		if n%many == many-1 {
			close(all[n/many])
		}
		<-all[n/many]
		io.WriteString(w, "{}")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": bundle, "AWS_ENDPOINT_URL_SWF": s.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRetryMode(aws.RetryModeAdaptive))
	if err != nil {
		t.Fatal(err)
	}
	c := wire.New(cfg)
	for range all {
		var calls sync.WaitGroup
		for range many {
			calls.Go(func() {
				if _, err := c.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{}); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	if n := connections.Load(); n > many {
		t.Errorf("%d connections for %d calls at once", n, many)
	}
}
