package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Bounds of what an event can hold, in characters.
const (
	dataMax    = 32768
	reasonMax  = 256
	messageMax = 1728
)

// answerBytesMax bounds the body of an answer: what fits an event, however its
// characters are written.
const answerBytesMax = dataMax * utf8.UTFMax

// A call is sent again only if it surely did not run the function: the endpoint
// could not be reached, or it turned us away for the moment. A short restart of
// the endpoint or a burst thus goes unnoticed. All else is for the decider, which
// knows whether its function may run twice and how long is worth waiting.
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

// Reasons of failures that are not the function's nor the service's own.
const (
	reasonUnreachable = "EndpointUnreachable" // the function did not run
	reasonEndpoint    = "EndpointFailed"      // nobody knows whether it ran
	reasonTooLarge    = "ResultTooLarge"
	reasonName        = "ValidationException" // the service's words
	reasonDenied      = "AccessDeniedException"
)

// Key signs requests to the endpoint.
type Key struct {
	ID     string
	Secret string
}

// functions invokes Lambda functions at one endpoint.
type functions struct {
	client *awslambda.Client
}

// CheckEndpoint refuses what can't be an endpoint.
func CheckEndpoint(endpoint string, key Key) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("lambda endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("lambda endpoint %q: want http or https, a host, and perhaps a port and a path", u.Redacted())
	}
	if (key.ID == "") != (key.Secret == "") {
		return errors.New("lambda endpoint: want an access key's id and its secret, or neither")
	}
	return nil
}

func newFunctions(endpoint string, key Key, concurrent int) (*functions, error) {
	if err := CheckEndpoint(endpoint, key); err != nil {
		return nil, err
	}
	var credentials aws.CredentialsProvider = aws.AnonymousCredentials{}
	if key != (Key{}) {
		credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil
		})
	}
	// New, unlike NewFromConfig, looks for settings and credentials nowhere.
	return &functions{awslambda.New(awslambda.Options{
		BaseEndpoint: &endpoint,
		Credentials:  credentials,
		HTTPClient:   newHTTPClient(concurrent),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = sendsMax, backoffMax
			o.RateLimiter = ratelimit.None
			o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				return aws.BoolTernary(undialled(err) || statusOf(err) == http.StatusTooManyRequests)
			})}
		}),
	})}, nil
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
// connection. Answers that could not be recorded anyway are cut.
type wholeMessages struct{ http.RoundTripper }

func (w wholeMessages) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	whole := *r
	whole.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := w.RoundTripper.RoundTrip(&whole)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, answerBytesMax)
	}
	return answer, err
}

// failure is why a call gave no result. Reason and details are for the decider,
// cause is for the operator.
type failure struct {
	reason  string
	details string
	denied  bool // the endpoint did not let us: the role could not be used
	cause   error
}

// invoke runs a function and waits for it.
func (f *functions) invoke(ctx context.Context, region, name, input string) (*string, *failure) {
	out, err := f.client.Invoke(ctx, &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(input)},
		func(o *awslambda.Options) { o.Region = region })
	if err != nil {
		return nil, failureOf(err)
	}
	payload := strings.ToValidUTF8(string(out.Payload), string(utf8.RuneError))
	if out.FunctionError != nil {
		return nil, functionFailure(*out.FunctionError, payload)
	}
	if utf8.RuneCountInString(payload) > dataMax {
		return nil, tooLarge()
	}
	if payload == "" {
		return nil, nil
	}
	return &payload, nil
}

// functionFailure is what a function's own error says of itself. kind is the
// service's word for it: Handled or Unhandled.
func functionFailure(kind, payload string) *failure {
	var said struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal([]byte(payload), &said) != nil || said.ErrorType == "" {
		said.ErrorType = kind
	}
	return &failure{reason: said.ErrorType, details: payload}
}

func tooLarge() *failure {
	return &failure{reason: reasonTooLarge, details: fmt.Sprintf("the function's result has more than %d characters", dataMax)}
}

// failureOf tells what an error of the client means. The details name no
// addresses: those are the operator's.
func failureOf(err error) *failure {
	var large *http.MaxBytesError
	var said smithy.APIError
	switch status := statusOf(err); {
	case errors.As(err, &large):
		return tooLarge()
	case errors.As(err, &said) && said.ErrorCode() != unknownCode:
		return &failure{
			reason: said.ErrorCode(), details: said.ErrorMessage(),
			denied: status == http.StatusForbidden, cause: err,
		}
	case status == http.StatusForbidden:
		return &failure{reason: "AccessDeniedException", details: "the Lambda endpoint answered 403", denied: true, cause: err}
	case status >= http.StatusMultipleChoices:
		return &failure{reason: reasonEndpoint, details: fmt.Sprintf("the Lambda endpoint answered %d", status), cause: err}
	case undialled(err):
		return &failure{reason: reasonUnreachable, details: "no connection to the Lambda endpoint; the function did not run", cause: err}
	default:
		return &failure{reason: reasonEndpoint, details: "no answer from the Lambda endpoint; the function may have run", cause: err}
	}
}

// unknownCode is the client's code for an answer that names none.
const unknownCode = "UnknownError"

// statusOf is the status that the endpoint answered; 0: no answer came.
func statusOf(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// undialled tells whether a call failed because no connection came about.
func undialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// cut shortens a text to so many characters.
func cut(s string, charactersMax int) string {
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
