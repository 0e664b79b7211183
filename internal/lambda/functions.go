package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"heddle/internal/tracing"
)

// PayloadBytesMax bounds what an endpoint may answer: what every service here can take,
// and most take less.
const PayloadBytesMax = 256 << 10

// A call is sent again only if it surely did not run the function: the endpoint
// could not be reached, or it turned us away for the moment. A short restart of
// the endpoint or a burst thus goes unnoticed. All else is for those who asked for it,
// who know whether their function may run twice and how long is worth waiting.
const (
	sendsMax   = 3
	backoffMax = time.Second
)

// Bounds of a connection.
const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = time.Minute
)

// functions invokes Lambda functions at one endpoint.
type functions struct {
	client *awslambda.Client
}

// newFunctions gives the client of an endpoint; nil: there is none.
func newFunctions(o *Options) *functions {
	if o.Endpoint == "" {
		return nil
	}
	var credentials aws.CredentialsProvider = aws.AnonymousCredentials{}
	if key := (aws.Credentials{AccessKeyID: o.AccessKey, SecretAccessKey: o.SecretKey}); key.HasKeys() {
		credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil })
	}
	// New, unlike NewFromConfig, looks for settings and credentials nowhere.
	return &functions{awslambda.New(awslambda.Options{
		BaseEndpoint: aws.String(o.Endpoint),
		Credentials:  credentials,
		HTTPClient:   newHTTPClient(o.Concurrent),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = sendsMax, backoffMax
			o.RateLimiter = ratelimit.None
			o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				return aws.BoolTernary(undialled(err) || statusOf(err) == http.StatusTooManyRequests)
			})}
		}),
	})}
}

// newHTTPClient talks to the endpoint and to nobody else: no proxy from the
// environment, no redirects.
func newHTTPClient(concurrent int) *http.Client {
	return &http.Client{
		Transport: wholeMessages{&http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout: handshakeTimeout,
			MaxIdleConnsPerHost: concurrent,
			IdleConnTimeout:     idleTimeout,
			ForceAttemptHTTP2:   true,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// wholeMessages sends each request in one piece. The client's own body would be
// sent after the headers, and then an answer that comes before it breaks the
// connection. Answers that nobody could take anyway are cut.
type wholeMessages struct{ http.RoundTripper }

func (w wholeMessages) RoundTrip(r *http.Request) (*http.Response, error) {
	whole := *r
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
		whole.Body = io.NopCloser(bytes.NewReader(body))
	}
	answer, err := w.RoundTripper.RoundTrip(&whole)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, PayloadBytesMax)
	}
	return answer, err
}

// Invocation is a call of a function, as the Invoke API has it. What is empty is left out.
type Invocation struct {
	Region        string
	Function      string // as Function.Sent has it
	Qualifier     string // a version or an alias
	Type          string // RequestResponse, if it is empty
	LogType       string
	ClientContext string // base64
	Payload       []byte
	Trace         string // header of X-Ray or of W3C, as whoever began the trace wrote it
}

// Outcome is how a call ended.
type Outcome struct {
	// The endpoint's answer; zero if none came.
	Status    int // of HTTP
	RequestID string
	Header    http.Header

	// Failure says why there is nothing of the function; NoFailure: here it is.
	Failure Failure
	Code    string // of the service's error, without a namespace, when it is Refused
	Message string // for those who asked for the call: it names no addresses

	// What the function gave. If it failed that is the FunctionError "Handled" or
	// "Unhandled", and of its Payload what it said.
	Payload         []byte // as the function wrote it
	FunctionError   string
	ExecutedVersion string
	LogResult       string // base64

	cause error // of a failure, for the operator
}

// Failure is why a call gave nothing of a function.
type Failure uint8

const (
	NoFailure   Failure = iota
	Refused             // the service answered with an error: Code
	Unexpected          // the endpoint answered with a Status that is no answer of the service
	Unreachable         // no connection to the endpoint: the function did not run
	Lost                // no answer came: the function may have run
	TooLarge            // the answer has more than PayloadBytesMax
	TooLong             // no answer came within CallMax
	NoEndpoint          // there is none to ask
)

var failures = [...]string{
	Refused: "refused", Unexpected: "unexpected", Unreachable: "unreachable", Lost: "lost", TooLarge: "too_large", TooLong: "too_long", NoEndpoint: "no_endpoint",
}

// Word says in a word how a call ended.
func (o *Outcome) Word() string {
	switch {
	case o.Failure != NoFailure:
		return failures[o.Failure]
	case o.FunctionError != "":
		return "function_error"
	}
	return "ok"
}

// invoke runs a function and waits for it.
func (f *functions) invoke(ctx context.Context, i *Invocation) *Outcome {
	if f == nil {
		return &Outcome{Failure: NoEndpoint, Message: "this server has no Lambda endpoint (--lambda-endpoint)"}
	}
	in := &awslambda.InvokeInput{
		FunctionName: &i.Function, Payload: i.Payload,
		InvocationType: types.InvocationType(i.Type), LogType: types.LogType(i.LogType),
		Qualifier: present(i.Qualifier), ClientContext: present(i.ClientContext),
	}
	out, err := f.client.Invoke(ctx, in, func(o *awslambda.Options) {
		o.Region = i.Region
		if c, ok := tracing.Read(i.Trace); ok { // else nothing can be said by it
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amzn-Trace-Id", c.XRay(c.Parent)), smithyhttp.SetHeaderValue("Traceparent", c.W3C(c.Parent)))
		}
	})
	if err != nil {
		return failed(err)
	}
	o := &Outcome{
		Status:  int(out.StatusCode),
		Payload: out.Payload, FunctionError: value(out.FunctionError),
		ExecutedVersion: value(out.ExecutedVersion), LogResult: value(out.LogResult),
	}
	o.RequestID, _ = awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	if raw, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok {
		o.Header = raw.Header
	}
	return o
}

func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// unknownCode is the client's code for an answer that names none.
const unknownCode = "UnknownError"

// failed tells what an error of the client means.
func failed(err error) *Outcome {
	o := &Outcome{Failure: Lost, Message: "no answer from the Lambda endpoint; the function may have run", cause: err}
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		o.Status, o.Header = answer.HTTPStatusCode(), answer.HTTPResponse().Header
	}
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		o.RequestID = answer.ServiceRequestID()
	}
	_, large := errors.AsType[*http.MaxBytesError](err)
	said, api := errors.AsType[smithy.APIError](err)
	switch {
	case large:
		o.Failure, o.Message = TooLarge, fmt.Sprintf("the function's result has more than %d bytes", PayloadBytesMax)
		o.cause = nil
	case api && said.ErrorCode() != unknownCode:
		o.Failure, o.Code, o.Message = Refused, said.ErrorCode(), said.ErrorMessage()
	case o.Status >= http.StatusMultipleChoices:
		o.Failure, o.Message = Unexpected, fmt.Sprintf("the Lambda endpoint answered %d", o.Status)
	case undialled(err):
		o.Failure, o.Message = Unreachable, "no connection to the Lambda endpoint; the function did not run"
	}
	return o
}

// statusOf is the status that the endpoint answered; 0: no answer came.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

// undialled tells whether a call failed because no connection came about.
func undialled(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// Cut shortens a text to so many characters, for events that hold no more.
func Cut(s string, charactersMax int) string {
	if len(s) <= charactersMax {
		return s
	}
	n := 0
	for i := range s {
		if n == charactersMax {
			return s[:i]
		}
		n++
	}
	return s
}
