package connection

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of a request.
const (
	headBytesMax     = 64 << 10
	tokenBytesMax    = 64 << 10
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = time.Minute
	// tokenMargin is how long before its end a token is no longer used; tokenUnsaid how long one
	// is used that does not say when it ends.
	tokenMargin = time.Minute
	tokenUnsaid = 5 * time.Minute
	// tokensMax is how many tokens are kept.
	tokensMax = 10_000
)

// Client is a Sender.
type Client struct {
	now    func() time.Time
	secure http.RoundTripper
	plain  http.RoundTripper

	mu     sync.Mutex // guards tokens
	tokens map[string]token
}

// token is a token of OAuth. It is of the connection as it was: one that was changed gets another.
type token struct {
	value string
	of    int64 // version
	ends  time.Time
}

// NewClient makes a client. Options were checked. The TLS settings may be nil.
func NewClient(o *Options, now func() time.Time, t *tls.Config) *Client {
	networks, _ := o.networks() // they were checked
	transport := func(allowed func(netip.Addr) bool) *http.Transport {
		dialer := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !allowed(at.Addr().Unmap().WithZone("")) {
				return &ForbiddenError{address}
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
		now: now, tokens: map[string]token{},
		secure: transport(func(a netip.Addr) bool { return isPublic(a) || named(a) }), plain: transport(named),
	}
}

// ForbiddenError says that an address may not be reached.
type ForbiddenError struct{ Address string }

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s is not on a public network, or is to be reached without TLS; --http-private allows its network", e.Address)
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

// Send implements Sender.
func (c *Client) Send(q *http.Request) (*http.Response, error) {
	if q.URL.Scheme == "https" {
		return c.secure.RoundTrip(q)
	}
	return c.plain.RoundTrip(q)
}

// TokenError says why an authorization endpoint that was reached gave no token.
type TokenError struct{ Why string }

func (e *TokenError) Error() string { return e.Why }

// Bare is an error without the URL, whose query may have secrets.
func Bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// Authorize implements Sender.
func (c *Client) Authorize(ctx context.Context, q *http.Request, of *Connection) error {
	p := of.Parameters
	if p == nil {
		return fmt.Errorf("connection %s has no parameters: it was deauthorized", of.ARN)
	}
	switch of.Type {
	case TypeAPIKey:
		q.Header.Set(p.ApiKeyAuthParameters.ApiKeyName, p.ApiKeyAuthParameters.ApiKeyValue)
	case TypeBasic:
		q.SetBasicAuth(p.BasicAuthParameters.Username, p.BasicAuthParameters.Password)
	case TypeOAuth:
		t, err := c.token(ctx, of)
		if err != nil {
			return fmt.Errorf("get a token for connection %s: %w", of.ARN, err)
		}
		q.Header.Set("Authorization", "Bearer "+t)
	}
	return nil
}

// Refused implements Sender: a token counts no longer.
func (c *Client) Refused(of *Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, of.ARN)
}

// token gives a token of a connection, which is kept until it ends or is refused.
func (c *Client) token(ctx context.Context, of *Connection) (string, error) {
	now := c.now()
	c.mu.Lock()
	t, has := c.tokens[of.ARN]
	c.mu.Unlock()
	if has && t.of == of.Version && now.Before(t.ends) {
		return t.value, nil
	}
	value, lasts, err := c.fetch(ctx, of)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, has := c.tokens[of.ARN]; !has && len(c.tokens) >= tokensMax {
		clear(c.tokens)
	}
	c.tokens[of.ARN] = token{value, of.Version, now.Add(lasts)}
	return value, nil
}

// endpoint is where a token is asked for.
func endpoint(o *OAuth) (*url.URL, error) {
	u, err := url.Parse(o.AuthorizationEndpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("the AuthorizationEndpoint is no URL")
	}
	return u, nil
}

// fetch asks the authorization endpoint for a token (RFC 6749, sections 2.3.1 and 4.4).
func (c *Client) fetch(ctx context.Context, of *Connection) (value string, lasts time.Duration, err error) {
	o := of.OAuthParameters
	u, err := endpoint(o)
	if err != nil {
		return "", 0, err
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
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	q.Header.Set("Accept", "application/json")
	q.SetBasicAuth(url.QueryEscape(o.ClientParameters.ClientID), url.QueryEscape(o.ClientParameters.ClientSecret))
	for _, p := range o.OAuthHttpParameters.HeaderParameters {
		q.Header.Set(p.Key, p.Value)
	}
	answer, err := c.Send(q)
	if err != nil {
		return "", 0, Bare(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	if answer.StatusCode != http.StatusOK {
		return "", 0, &TokenError{fmt.Sprintf("it answered %d", answer.StatusCode)}
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
		return "", 0, &TokenError{"its answer has no access_token"}
	}
	if strings.ContainsFunc(got.AccessToken, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return "", 0, &TokenError{"its access_token has characters that headers can't have"}
	}
	lasts = tokenUnsaid
	if seconds, err := got.ExpiresIn.Int64(); err == nil && got.ExpiresIn != "" {
		lasts = min(max(0, time.Duration(min(seconds, 86400))*time.Second-tokenMargin), 24*time.Hour)
	}
	return got.AccessToken, lasts, nil
}
