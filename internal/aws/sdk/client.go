package sdk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"heddle/jsonvalue"
)

// AnswerBytesMax bounds the body of an answer.
const AnswerBytesMax = 1 << 20

// Bounds of a connection.
const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = time.Minute
	headBytesMax     = 64 << 10
)

// A call is sent again only if it surely did not arrive, since no connection came about: as
// often, and after so long. All else is for those who asked for it, who know what may be done
// twice and how long is worth waiting.
const (
	sendsMax  = 3
	sendPause = 500 * time.Millisecond
)

// Client sends requests.
type Client struct {
	HTTP http.RoundTripper
	Now  func() time.Time // the real time, for signatures
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
}

// NewTransport gives a transport to endpoints: no proxy from the environment. The client
// follows no redirects.
func NewTransport(connectionsPerHost int) http.RoundTripper {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxIdleConnsPerHost:    connectionsPerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: headBytesMax,
		ForceAttemptHTTP2:      true,
	}
}

// CheckEndpoint refuses an endpoint that no client would take. It calls nobody.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("endpoint %q: want http or https, a host, and perhaps a port and a path", u.Redacted())
	}
	return nil
}

// Invocation is a call of an operation.
type Invocation struct {
	Operation  *Operation
	Naming     Naming
	Parameters *jsonvalue.Object
	Endpoint   string // URL
	Region     string // that it is signed for
	AccessKey  string
	SecretKey  string
	// Token is for parameters that tell a repeated call from a new one, and that are not given.
	Token string
	Trace string // of the X-Amzn-Trace-Id header; "": there is none
}

// Answer is what was answered.
type Answer struct {
	Status    int
	Header    http.Header
	RequestID string
	Result    *jsonvalue.Object
	Attempts  int
}

// ErrUnsent says that no connection to the endpoint came about: nothing was done.
var ErrUnsent = errors.New("no connection to the endpoint")

// ErrTooLarge says that an answer has more than AnswerBytesMax.
var ErrTooLarge = errors.New("the answer is too large")

// Do calls an operation. Errors: *ParameterError, *Fault, ErrUnsent, ErrTooLarge; others mean
// that nobody knows what was done.
func (c *Client) Do(ctx context.Context, i *Invocation) (*Answer, error) {
	service := i.Operation.service
	e := &encoder{o: i.Operation, s: service, naming: i.Naming, token: i.Token}
	r, err := e.encode(i.Parameters)
	if err != nil {
		return nil, err
	}
	e.checksum(r)
	var answer *http.Response
	for attempt := 1; ; attempt++ {
		if answer, err = c.send(ctx, i, service, r); err == nil || attempt == sendsMax || !errors.Is(err, ErrUnsent) {
			break
		}
		rest, cancel := c.Within(ctx, sendPause)
		<-rest.Done()
		cancel()
		if ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(answer.Body, AnswerBytesMax+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case len(body) > AnswerBytesMax:
		return nil, ErrTooLarge
	}
	d := &decoder{service, i.Naming}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, d.fault(i.Operation, answer.StatusCode, answer.Header, body)
	}
	a := &Answer{Status: answer.StatusCode, Header: answer.Header, RequestID: cmp.Or(answer.Header.Get("X-Amzn-Requestid"), answer.Header.Get("X-Amz-Request-Id"))}
	a.Result, err = d.decode(i.Operation, answer.Header, body)
	if a.RequestID == "" && (service.protocol == protocolQuery || service.protocol == protocolEC2) {
		if root, wrong := parseXML(body); wrong == nil {
			a.RequestID = root.textOf("requestId")
			if meta := root.child("ResponseMetadata"); meta != nil {
				a.RequestID = meta.textOf("RequestId")
			}
		}
	}
	return a, err
}

// checksum adds what some operations need of their body, as SDKs do.
func (e *encoder) checksum(r *request) {
	c := e.o.Checksum
	if c == nil || r.body == nil && !c.Required {
		return
	}
	for name := range r.header {
		if strings.HasPrefix(name, "X-Amz-Checksum-") || name == "Content-Md5" || name == "X-Amz-Sdk-Checksum-Algorithm" {
			return // it was given
		}
	}
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE(r.body))
	r.header.Set("X-Amz-Sdk-Checksum-Algorithm", "CRC32")
	r.header.Set("X-Amz-Checksum-Crc32", base64.StdEncoding.EncodeToString(sum[:]))
}

func (c *Client) send(ctx context.Context, i *Invocation, s *Service, r *request) (*http.Response, error) {
	target := strings.TrimSuffix(i.Endpoint, "/") + r.path
	if r.query != "" {
		target += "?" + r.query
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, wrong("the endpoint and %q make no URL", r.path)
	}
	q, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	q.URL = u
	for name, values := range r.header {
		q.Header[name] = values
	}
	if r.contentType != "" && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", r.contentType)
	}
	q.Header.Set("User-Agent", "heddle")
	if i.Trace != "" {
		q.Header.Set("X-Amzn-Trace-Id", i.Trace) // it is not signed, as those on the way change it
	}
	hash := sha256.Sum256(r.body)
	payload := hex.EncodeToString(hash[:])
	rest := s.protocol == protocolRestXML
	if rest {
		q.Header.Set("X-Amz-Content-Sha256", payload)
	}
	if i.AccessKey != "" {
		if err := sign(q, payload, rest, s.SigningName(), i.Region, i.AccessKey, i.SecretKey, c.Now()); err != nil {
			return nil, err
		}
	}
	answer, err := c.HTTP.RoundTrip(q)
	if op, dialled := errors.AsType[*net.OpError](err); dialled && op.Op == "dial" {
		return nil, fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	return answer, err
}

// Sign signs a request with a body for a service.
func Sign(q *http.Request, body []byte, service, region, accessKey, secretKey string, now time.Time) error {
	hash := sha256.Sum256(body)
	return sign(q, hex.EncodeToString(hash[:]), false, service, region, accessKey, secretKey, now)
}

// sign signs a request whose body has a hash. Plain: its path is signed as it is, not escaped
// once more.
func sign(q *http.Request, payload string, plain bool, service, region, accessKey, secretKey string, now time.Time) error {
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = plain })
	keys := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	if err := signer.SignHTTP(q.Context(), keys, q, payload, service, region, now); err != nil {
		return fmt.Errorf("sign the request: %w", err)
	}
	return nil
}

// ClusterToken makes a token by which a cluster of EKS knows who calls: a signed question to STS
// of who that is, which the cluster asks.
func ClusterToken(cluster, region, accessKey, secretKey string, now time.Time) (string, error) {
	end := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		end += ".cn"
	}
	q, err := http.NewRequest(http.MethodGet, "https://sts."+region+"."+end+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		return "", fmt.Errorf("make the token of a cluster: %w", err)
	}
	q.Header.Set("X-K8s-Aws-Id", cluster)
	hash := sha256.Sum256(nil)
	keys := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	signed, _, err := v4.NewSigner().PresignHTTP(q.Context(), keys, q, hex.EncodeToString(hash[:]), "sts", region, now)
	if err != nil {
		return "", fmt.Errorf("make the token of a cluster: %w", err)
	}
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(signed)), nil
}
