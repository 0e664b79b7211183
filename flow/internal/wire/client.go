// Package wire calls Amazon SWF for package flow: with the methods of the AWS SDK's client, its types and its errors, for
// a third of the processor time. Credentials, region, endpoint, signer, retries and the HTTP client are the SDK's; the
// JSON is read and written by generated code. What an [aws.Config] has besides (middleware, interceptors, tracing, logs
// of requests) has the SDK's own client make the calls.
package wire

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth"
	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/go-faster/jx"
)

// Client makes the calls.
type Client struct {
	sdk   *swf.Client
	plain *plain // nil: the SDK's client makes all of them
}

// plain is what calls need.
type plain struct {
	o       swf.Options
	retryer aws.RetryerV2
	send    func(*http.Request) (*http.Response, error)
	url     url.URL
	skew    atomic.Int64 // of the server's clock against ours, in ns
}

// idle is how many connections are kept for the next call: polls come and go together. The SDK keeps ten.
const idle = 512

// New makes a client of what the SDK's would be made of.
func New(cfg aws.Config) *Client {
	c := &Client{sdk: swf.NewFromConfig(cfg, func(o *swf.Options) {
		if b, ok := o.HTTPClient.(*awshttp.BuildableClient); ok { // changed, not replaced: it has AWS_CA_BUNDLE
			o.HTTPClient = b.WithTransportOptions(func(t *http.Transport) { t.MaxIdleConns, t.MaxIdleConnsPerHost = idle, idle })
		}
	})}
	o := c.sdk.Options()
	if o.Credentials == nil || aws.IsCredentialsProvider(o.Credentials, aws.AnonymousCredentials{}) || strange(&o) {
		return c
	}
	at, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), swf.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint, UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		UseFIPS: aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
	})
	if _, signsOtherwise := auth.GetAuthOptions(&at.Properties); err != nil || signsOtherwise || len(at.Headers) > 0 {
		return c // the SDK's client tells, or does, what we don't
	}
	if at.URI.Path == "" {
		at.URI.Path = "/"
	}
	c.plain = &plain{o: o, retryer: retryerOf(o.Retryer), send: sender(o.HTTPClient), url: at.URI}
	return c
}

// sender is how requests are sent: the SDK's own client does nothing but follow redirects, which SWF does not answer.
func sender(c aws.HTTPClient) func(*http.Request) (*http.Response, error) {
	if b, ok := c.(*awshttp.BuildableClient); ok && b.GetTimeout() == 0 {
		return b.GetTransport().RoundTrip
	}
	return c.Do
}

// strange tells whether options have what only the SDK's client does.
func strange(o *swf.Options) bool {
	interceptors := reflect.ValueOf(o.Interceptors)
	for i := range interceptors.NumField() {
		if interceptors.Field(i).Len() > 0 {
			return true
		}
	}
	_, tracer := o.TracerProvider.(*tracing.NopTracerProvider)
	_, meter := o.MeterProvider.(metrics.NopMeterProvider)
	//lint:ignore SA1019 who sets it still must not be passed over
	resolver := o.EndpointResolver
	return len(o.APIOptions) > 0 || resolver != nil || o.ClientLogMode != 0 || !tracer || !meter ||
		len(o.AuthSchemes) != 1 || o.AuthSchemes[0].SchemeID() != "aws.auth#sigv4"
}

// retryerOf is a retryer in its newer form.
func retryerOf(r aws.Retryer) aws.RetryerV2 {
	if v2, ok := r.(aws.RetryerV2); ok {
		return v2
	}
	return older{r}
}

type older struct{ aws.Retryer }

func (r older) GetAttemptToken(context.Context) (func(error) error, error) {
	return r.GetInitialToken(), nil
}

// buffers are kept for requests and answers.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// mostKept is how large a buffer may be that is kept, in bytes.
const mostKept = 1 << 20

func give(b *bytes.Buffer) {
	if b.Cap() <= mostKept {
		b.Reset()
		buffers.Put(b)
	}
}

// call makes a call, with as many attempts as the retryer gives it.
func call[Out, In any](ctx context.Context, c *Client, action string, in *In, write func(e *jx.Writer, v *In), read func(d *jx.Decoder, v *Out) error) (*Out, error) {
	if in == nil {
		in = new(In)
	}
	e := jx.GetWriter()
	write(e, in)
	body := bytes.Clone(e.Buf) // the transport may hold it longer than the call
	jx.PutWriter(e)
	out := new(Out)
	err := c.plain.attempts(ctx, action, body, func(answer []byte) error {
		if read == nil || len(answer) == 0 {
			return nil
		}
		*out = *new(Out)
		d := jx.GetDecoder()
		defer jx.PutDecoder(d)
		d.ResetBytes(answer)
		return read(d, out)
	})
	if err != nil {
		return nil, &smithy.OperationError{ServiceID: swf.ServiceID, OperationName: action, Err: err}
	}
	return out, nil
}

// attempts sends a request until it is answered, or the retryer gives up.
func (p *plain) attempts(ctx context.Context, action string, body []byte, read func(answer []byte) error) error {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	release := func(error) error { return nil } // of the retry's token
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return &aws.RequestCanceledError{Err: err}
		}
		done, err := p.retryer.GetAttemptToken(ctx)
		if err != nil {
			return fmt.Errorf("get a token to send: %w", err)
		}
		skewed, err := p.attempt(ctx, action, body, hash, n, read)
		releaseErr := release(err)
		if doneErr := done(err); err != nil && (releaseErr != nil || doneErr != nil) {
			return errors.Join(err, releaseErr, doneErr)
		}
		if err == nil || !skewed && !p.retryer.IsErrorRetryable(err) {
			return err
		}
		if most := p.retryer.MaxAttempts(); most > 0 && n >= most {
			return &tried{n, err}
		}
		token, tokenErr := p.retryer.GetRetryToken(ctx, err)
		wait, waitErr := p.retryer.RetryDelay(n, err)
		if waitErr != nil {
			return errors.Join(err, waitErr)
		}
		if tokenErr == nil {
			release = token
		} else if !strings.HasPrefix(action, "Poll") { // a poll that failed does not come back at once
			return errors.Join(err, tokenErr)
		}
		timer := time.NewTimer(asked(wait, err))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &aws.RequestCanceledError{Err: ctx.Err()}
		}
		if tokenErr != nil {
			return errors.Join(err, tokenErr)
		}
	}
}

// most is how much longer than the retryer an answer may have us wait.
const most = 5 * time.Second

// asked is how long to wait, if the answer has a word about it: the header that the SDK knows, in milliseconds.
func asked(wait time.Duration, err error) time.Duration {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		return wait
	}
	ms, err := strconv.ParseInt(answer.Response.Header.Get("X-Amz-Retry-After"), 10, 32)
	if err != nil {
		return wait
	}
	return min(max(wait, time.Duration(ms)*time.Millisecond), wait+most)
}

// tried is the SDK's word for what was tried often enough.
type tried struct {
	n   int
	err error
}

func (e *tried) Error() string {
	return fmt.Sprintf("exceeded maximum number of attempts, %d, %v", e.n, e.err)
}

// Unwrap gives the last error.
func (e *tried) Unwrap() error { return e.err }

// skewMost is by how much clocks may differ before a refused signature is put down to it.
const skewMost = 4 * time.Minute

// attempt sends a request once. skewed tells that it was refused because a clock is wrong, which is now known.
func (p *plain) attempt(ctx context.Context, action string, body []byte, hash string, n int, read func(answer []byte) error) (skewed bool, err error) {
	credentials, err := p.o.Credentials.Retrieve(ctx)
	if err != nil {
		return false, fmt.Errorf("get credentials: %w", err)
	}
	at := p.url
	r := (&http.Request{
		Method: http.MethodPost, URL: &at, Host: at.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		Header: http.Header{
			"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"SimpleWorkflowService." + action},
			"User-Agent": {agent}, "Amz-Sdk-Request": {"attempt=" + strconv.Itoa(n) + "; max=" + strconv.Itoa(p.retryer.MaxAttempts())},
		},
	}).WithContext(ctx)
	skew := time.Duration(p.skew.Load())
	if err := p.o.HTTPSignerV4.SignHTTP(ctx, credentials, r, hash, "swf", p.o.Region, time.Now().Add(skew).UTC()); err != nil {
		return false, fmt.Errorf("sign: %w", err)
	}
	answer, err := p.send(r)
	if err != nil {
		if ctx.Err() != nil {
			return false, &aws.RequestCanceledError{Err: err}
		}
		return false, &smithyhttp.RequestSendError{Err: err}
	}
	defer answer.Body.Close()
	text := buffers.Get().(*bytes.Buffer)
	defer give(text)
	if answer.ContentLength > 0 {
		text.Grow(int(min(answer.ContentLength, mostKept)) + bytes.MinRead)
	}
	_, err = text.ReadFrom(answer.Body)
	switch {
	case err != nil && ctx.Err() != nil:
		return false, &aws.RequestCanceledError{Err: err}
	case err != nil:
		err = &smithyhttp.RequestSendError{Err: fmt.Errorf("read the answer: %w", err)}
	case answer.StatusCode/100 != 2:
		err = fault(answer.Header, text.Bytes())
		skewed = p.skewed(answer.Header, err, skew)
	default:
		if err = read(text.Bytes()); err == nil {
			return false, nil
		}
		err = &smithy.DeserializationError{Err: err, Snapshot: bytes.Clone(text.Bytes()[:min(text.Len(), 1024)])}
	}
	return skewed, &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: answer}, Err: err}, RequestID: answer.Header.Get("X-Amzn-Requestid"),
	}
}

// skewed keeps how far the server's clock is from ours, if it refused a signature for that.
func (p *plain) skewed(h http.Header, err error, had time.Duration) bool {
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok || h.Get("Age") != "" {
		return false
	}
	switch refused.ErrorCode() {
	case "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure", "RequestTimeTooSkewed", "AccessDeniedException":
	default:
		return false
	}
	theirs, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return false
	}
	skew := time.Until(theirs)
	if math.Abs(float64(skew-had)) <= float64(skewMost) {
		return false
	}
	p.skew.Store(int64(skew))
	return true
}

// agent is what requests say they come from.
const agent = "heddle-flow aws-sdk-go-v2/" + aws.SDKVersion

// faults makes the SDK's errors of the model's.
var faults = map[string]func(message *string) error{
	"DefaultUndefinedFault":                func(m *string) error { return &types.DefaultUndefinedFault{Message: m} },
	"DomainAlreadyExistsFault":             func(m *string) error { return &types.DomainAlreadyExistsFault{Message: m} },
	"DomainDeprecatedFault":                func(m *string) error { return &types.DomainDeprecatedFault{Message: m} },
	"LimitExceededFault":                   func(m *string) error { return &types.LimitExceededFault{Message: m} },
	"OperationNotPermittedFault":           func(m *string) error { return &types.OperationNotPermittedFault{Message: m} },
	"TooManyTagsFault":                     func(m *string) error { return &types.TooManyTagsFault{Message: m} },
	"TypeAlreadyExistsFault":               func(m *string) error { return &types.TypeAlreadyExistsFault{Message: m} },
	"TypeDeprecatedFault":                  func(m *string) error { return &types.TypeDeprecatedFault{Message: m} },
	"TypeNotDeprecatedFault":               func(m *string) error { return &types.TypeNotDeprecatedFault{Message: m} },
	"UnknownResourceFault":                 func(m *string) error { return &types.UnknownResourceFault{Message: m} },
	"WorkflowExecutionAlreadyStartedFault": func(m *string) error { return &types.WorkflowExecutionAlreadyStartedFault{Message: m} },
}

// fault reads an answer that is none.
func fault(h http.Header, answer []byte) error {
	code, message := h.Get("X-Amzn-Errortype"), (*string)(nil)
	d := jx.DecodeBytes(answer)
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		var err error
		switch strings.ToLower(string(key)) {
		case "__type", "code":
			var said *string
			if err = text(d, &said); said != nil && code == "" {
				code = *said
			}
		case "message":
			err = text(d, &message)
		default:
			err = d.Skip()
		}
		return err
	})
	if err != nil && code == "" && len(answer) > 0 { // a proxy's page, perhaps
		return &smithy.DeserializationError{Err: fmt.Errorf("an error that is no JSON: %w", err), Snapshot: bytes.Clone(answer[:min(len(answer), 1024)])}
	}
	if i := strings.IndexByte(code, ':'); i >= 0 {
		code = code[:i]
	}
	code = code[strings.LastIndexByte(code, '#')+1:]
	if known := faults[code]; known != nil {
		return known(message)
	}
	return &smithy.GenericAPIError{Code: cmp.Or(code, "UnknownError"), Message: cmp.Or(aws.ToString(message), "UnknownError")}
}
