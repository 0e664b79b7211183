package httptask

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"heddle/jsonvalue"
)

// Bounds of a request.
const (
	Max              = time.Minute // how long it takes at most
	answerBytesMax   = 256 << 10
	headBytesMax     = 64 << 10
	tokenBytesMax    = 64 << 10
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = time.Minute
	// tokenMargin is how long before its end a token is no longer used; tokenUnsaid how long one
	// is used that does not say when it ends.
	tokenMargin = time.Minute
	tokenUnsaid = 5 * time.Minute
)

// Client sends requests.
type Client struct {
	options *Options
	now     func() time.Time
	secure  http.RoundTripper
	plain   http.RoundTripper

	mu     sync.Mutex // guards tokens
	tokens map[string]token
}

// token is a token of OAuth. It is of the connection as it was: one that was changed gets another.
type token struct {
	value string
	of    [sha256.Size]byte
	ends  time.Time
}

// NewClient makes a client. Options were checked. The TLS settings may be nil.
func NewClient(o *Options, now func() time.Time, t *tls.Config) *Client {
	networks, _ := o.networks() // they were checked
	transport := func(allowed func(netip.Addr) bool) *http.Transport {
		dialer := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !allowed(at.Addr().Unmap().WithZone("")) {
				return &refusedError{address}
			}
			return nil
		}}
		return &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: t, TLSHandshakeTimeout: handshakeTimeout, IdleConnTimeout: idleTimeout,
			MaxResponseHeaderBytes: headBytesMax, DisableCompression: true, ForceAttemptHTTP2: true,
		}
	}
	named := func(a netip.Addr) bool {
		return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return &Client{
		options: o, now: now, tokens: map[string]token{},
		secure: transport(func(a netip.Addr) bool { return isPublic(a) || named(a) }), plain: transport(named),
	}
}

// refusedError says that an address may not be reached.
type refusedError struct{ address string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s is not on a public network, or is to be reached without TLS; --http-private allows its network", e.address)
}

// special are networks beside those that netip knows which are nobody's public address (IANA's
// registries of special-purpose addresses), or that lead to an IPv4 address behind one.
var special = func() (all []netip.Prefix) {
	for _, p := range strings.Fields(`0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4
		::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fec0::/10`) {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}()

func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Do sends a request, as the region's, with what its connection adds, and gives the output of
// the task. Errors: *Error, for the user; beside it one for the operator, if there is more to tell.
func (c *Client) Do(ctx context.Context, r *Request, of *Connection, region string) (output *jsonvalue.Object, failed *Error, cause error) {
	if err := r.add(&of.AuthParameters.InvocationHttpParameters); err != nil {
		return nil, failure(err), nil
	}
	body, contentType, err := r.encoded()
	if err != nil {
		return nil, failure(err), nil
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, r.target(), bytes.NewReader(body))
	if err != nil {
		return nil, wrong("The ApiEndpoint and its parameters make no URL"), nil
	}
	if body == nil {
		q.Body, q.ContentLength = nil, 0
	}
	q.Header = r.headers
	if contentType != "" && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", contentType)
	}
	q.Header.Set("User-Agent", "Amazon|StepFunctions|HttpInvoke|"+region)
	q.Header.Set("Range", "bytes=0-262144")
	if err := c.authorize(ctx, q, of); err != nil {
		return nil, &Error{NotAuthorized, "The connection " + of.ConnectionArn + " could not be authorized"}, err
	}
	answer, err := c.send(q)
	if err != nil {
		return nil, &Error{Socket, socketCause(err)}, fmt.Errorf("call %s: %w", q.URL.Host, bare(err))
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax+1))
	switch {
	case err != nil:
		return nil, &Error{Socket, "The connection was closed before the answer was there"}, fmt.Errorf("read the answer of %s: %w", q.URL.Host, err)
	case len(text) > answerBytesMax:
		return nil, &Error{DataLimit, "The state/task 'http' returned a result with a size exceeding the maximum number of bytes service limit."}, nil
	}
	if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusProxyAuthRequired {
		c.forget(of)
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	family, _, _ := strings.Cut(kind, "/")
	if !utf8.Valid(text) || kind == "application/octet-stream" || family == "image" || family == "video" || family == "audio" {
		return nil, wrong("The answer has the content type '%s', or is no text", kind), nil
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, &Error{fmt.Sprintf("%s%d", StatusCode, answer.StatusCode), string(text)}, nil
	}
	return outputOf(answer, kind, text), nil, nil
}

func failure(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return wrong("%s", err)
	}
	return e
}

// outputOf is what the task gives.
func outputOf(answer *http.Response, kind string, text []byte) *jsonvalue.Object {
	headers := jsonvalue.NewObject(len(answer.Header))
	var names []string
	for name := range answer.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var values []any
		for _, v := range answer.Header[name] {
			values = append(values, v)
		}
		headers.Set(strings.ToLower(name), values)
	}
	var body any = string(text)
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if v, err := jsonvalue.Parse(text); err == nil {
			body = v
		}
	}
	status, _ := jsonvalue.ParseString(fmt.Sprint(answer.StatusCode)) // a number
	o := jsonvalue.NewObject(4)
	o.Set("Headers", headers)
	o.Set("ResponseBody", body)
	o.Set("StatusCode", status)
	o.Set("StatusText", http.StatusText(answer.StatusCode))
	return o
}

// send sends a request once. A redirect is an answer.
func (c *Client) send(q *http.Request) (*http.Response, error) {
	if q.URL.Scheme == "https" {
		return c.secure.RoundTrip(q)
	}
	return c.plain.RoundTrip(q)
}

func socketCause(err error) string {
	_, refused := errors.AsType[*refusedError](err)
	switch {
	case refused:
		return "The endpoint is not on a public network, or is to be reached without TLS; this server does not allow that"
	case errors.Is(err, context.DeadlineExceeded):
		return "No answer came within the time"
	}
	return "The endpoint could not be reached, or closed the connection"
}

// bare is an error without the URL, whose query may have secrets.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// authorize shows who calls.
func (c *Client) authorize(ctx context.Context, q *http.Request, of *Connection) error {
	p := &of.AuthParameters
	switch of.AuthorizationType {
	case apiKey:
		q.Header.Set(p.ApiKeyAuthParameters.ApiKeyName, p.ApiKeyAuthParameters.ApiKeyValue)
	case basic:
		q.SetBasicAuth(p.BasicAuthParameters.Username, p.BasicAuthParameters.Password)
	case oauth:
		t, err := c.token(ctx, of)
		if err != nil {
			return fmt.Errorf("get a token for connection %s: %w", of.ConnectionArn, err)
		}
		q.Header.Set("Authorization", "Bearer "+t)
	}
	return nil
}

func (c *Client) forget(of *Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, of.ConnectionArn)
}

// token gives a token of a connection, which is kept until it ends or is refused. There are
// no more of them than connections in the file.
func (c *Client) token(ctx context.Context, of *Connection) (string, error) {
	b, err := json.Marshal(of)
	if err != nil {
		return "", err
	}
	sum, now := sha256.Sum256(b), c.now()
	c.mu.Lock()
	t, has := c.tokens[of.ConnectionArn]
	c.mu.Unlock()
	if has && t.of == sum && now.Before(t.ends) {
		return t.value, nil
	}
	value, lasts, err := c.fetch(ctx, of)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[of.ConnectionArn] = token{value, sum, now.Add(lasts)}
	return value, nil
}

// fetch asks the authorization endpoint for a token (RFC 6749, sections 2.3.1 and 4.4).
func (c *Client) fetch(ctx context.Context, of *Connection) (value string, lasts time.Duration, err error) {
	o := of.AuthParameters.OAuthParameters
	u, err := url.Parse(o.AuthorizationEndpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", 0, errors.New("the AuthorizationEndpoint is no URL")
	}
	query, given := u.Query(), url.Values{}
	for _, p := range o.OAuthHttpParameters.QueryStringParameters {
		query.Set(p.Key, p.Value)
	}
	for _, p := range o.OAuthHttpParameters.BodyParameters {
		given.Set(p.Key, p.Value)
	}
	if !given.Has("grant_type") && !query.Has("grant_type") {
		given.Set("grant_type", "client_credentials")
	}
	var body io.Reader
	if o.HttpMethod == http.MethodGet {
		for name, values := range given {
			query[name] = values
		}
	} else {
		body = strings.NewReader(given.Encode())
	}
	u.RawQuery = query.Encode()
	q, err := http.NewRequestWithContext(ctx, o.HttpMethod, u.String(), body)
	if err != nil {
		return "", 0, errors.New("the AuthorizationEndpoint is no URL")
	}
	if body != nil {
		q.Header.Set("Content-Type", formType)
	}
	q.Header.Set("Accept", "application/json")
	q.SetBasicAuth(url.QueryEscape(o.ClientParameters.ClientID), url.QueryEscape(o.ClientParameters.ClientSecret))
	for _, p := range o.OAuthHttpParameters.HeaderParameters {
		q.Header.Set(p.Key, p.Value)
	}
	answer, err := c.send(q)
	if err != nil {
		return "", 0, bare(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	if answer.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("the endpoint answered %d", answer.StatusCode)
	}
	var got struct {
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, tokenBytesMax))
	if err != nil {
		return "", 0, err
	}
	if err := json.Unmarshal(text, &got); err != nil || got.AccessToken == "" {
		return "", 0, errors.New("the endpoint's answer has no access_token")
	}
	if !validValue(got.AccessToken) {
		return "", 0, errors.New("the endpoint's access_token has characters that headers can't have")
	}
	lasts = tokenUnsaid
	if seconds, err := got.ExpiresIn.Int64(); err == nil && got.ExpiresIn != "" {
		lasts = min(max(0, time.Duration(min(seconds, 86400))*time.Second-tokenMargin), 24*time.Hour)
	}
	return got.AccessToken, lasts, nil
}
