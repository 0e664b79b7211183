package operation

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/policy"
)

// Caller is who asks.
type Caller struct {
	Account   string
	Region    string
	AccessKey string // empty: the request was not signed

	Principal policy.Principal
	Policies  *policy.PolicySets // nil: may do anything
	Identity  any                // what the authenticator knows besides

	Request *http.Request
	// Known is what conditions may ask of the caller and the connection, without spare
	// room. If it is nil, Ask tells it when somebody asks.
	Known policy.Context
	Ask   func(*Caller) policy.Context

	asked policy.Meter // what asking the policies has cost
}

// traceBytesMax is how long a header may be that names a trace.
const traceBytesMax = 256

// Trace is the header by which a call says of which trace it is, of W3C or of X-Ray; "": it
// says none.
func (c *Caller) Trace() string {
	if c.Request == nil {
		return ""
	}
	for _, name := range []string{"Traceparent", "X-Amzn-Trace-Id"} {
		if v := c.Request.Header[name]; len(v) == 1 && len(v[0]) <= traceBytesMax {
			return v[0]
		}
	}
	return ""
}

// Context is what conditions may ask of the caller and the connection; it has no spare
// room.
func (c *Caller) Context() policy.Context {
	if c.Known == nil && c.Ask != nil {
		c.Known = c.Ask(c)
	}
	return c.Known
}

// May asks the caller's policies. What all questions of a call cost together is bounded:
// then a decision is TooDear.
func (c *Caller) May(r *policy.Request) policy.Decision {
	if c.Policies == nil {
		return policy.Decision{Allowed: true}
	}
	return c.asked.Evaluate(r, c.Policies)
}

// Authenticator finds out who asks, in two steps: what its head alone shows to be
// nobody's is refused before its body is read. Errors go to the caller if they are
// faults.
type Authenticator interface {
	// Recognise tells whose a request is, if its body is what was signed. It must be for
	// one of services; nil: only the body tells which.
	Recognise(r *http.Request, services []string) (Sender, error)
}

// Sender is who a request is said to be from.
type Sender interface {
	// Verify takes a request that was signed for one of services.
	Verify(services []string, body Body) (Caller, error)
}

// Believe is a Sender of whom no proof is asked.
func Believe(c Caller) Sender { return (*believed)(&c) }

type believed Caller

// Verify implements Sender.
func (b *believed) Verify([]string, Body) (Caller, error) { return Caller(*b), nil }

// Body is what a signature covers of a body.
type Body interface{ Digest() [sha256.Size]byte }

// Anyone trusts every request: it believes the access key and the region in the
// signature's credential and verifies nothing. All callers have one account.
type Anyone struct {
	Account string
	Region  string // of requests that are not signed
}

// Recognise implements Authenticator.
func (a Anyone) Recognise(r *http.Request, _ []string) (Sender, error) {
	caller, err := a.Caller(r)
	return Believe(caller), err
}

// Caller is who a request says it is from.
func (a Anyone) Caller(r *http.Request) (Caller, error) {
	credential, signed := credential(r)
	if !signed {
		return Caller{Account: a.Account, Region: a.Region}, nil
	}
	// Access key / date / region / service / aws4_request.
	key, rest, _ := strings.Cut(credential, "/")
	_, rest, _ = strings.Cut(rest, "/")
	region, _, _ := strings.Cut(rest, "/")
	if key == "" || !IsRegion(region) {
		return Caller{}, fault.Of(fault.IncompleteSignature, "Credential must be of the form access-key/date/region/service/aws4_request")
	}
	return Caller{Account: a.Account, Region: region, AccessKey: key}, nil
}

// credential is what the request says of its signer, read as signatures are: of one that
// says it twice, nothing.
func credential(r *http.Request) (credential string, signed bool) {
	var query []string
	if r.URL.RawQuery != "" {
		query = r.URL.Query()["X-Amz-Credential"]
	}
	header := r.Header["Authorization"]
	switch {
	case len(header) == 0 && len(query) == 1:
		return query[0], true
	case len(header) == 0 && len(query) == 0:
		return "", false
	case len(header) != 1 || len(query) != 0:
		return "", true
	}
	_, parameters, _ := strings.Cut(strings.TrimSpace(header[0]), " ")
	for p := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if name != "Credential" {
			continue
		}
		if credential != "" {
			return "", true
		}
		credential = value
	}
	return credential, true
}

// claimed is the access key that a request names, whether it is its sender's or not;
// empty: none.
func claimed(r *http.Request) string {
	named, _ := credential(r)
	key, _, _ := strings.Cut(named, "/")
	return key
}

// IsRegion tells whether a text may name a region: it keeps odd ones out of keys.
func IsRegion(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// permit asks whether the caller may do what it asks.
func (c *Call) permit() error {
	if g, governed := c.subject.(Governed); governed {
		return g.Permit(c)
	}
	if c.caller.Policies == nil {
		return nil
	}
	questions, err := c.subject.Questions(c)
	if err != nil {
		return err
	}
	for i := range questions {
		if d := c.caller.May(&questions[i]); !d.Allowed {
			return c.Operation.denied(d.Explain(&questions[i]))
		}
	}
	return nil
}

// denied is the fault for a caller that may not call the operation.
func (m *Mounted) denied(message string) *fault.Fault {
	if m.notPermitted != "" {
		return &fault.Fault{Code: m.notPermitted, Message: message}
	}
	return fault.Of(fault.AccessDenied, message)
}

// Denied is the fault for a caller that may not do what it asks, for a handler's
// context.
func Denied(ctx context.Context, message string) *fault.Fault {
	return ctx.Value(callKey{}).(*Call).Operation.denied(message)
}

// BaseOf is how the caller of a handler's context has reached the server: the beginning of
// URLs, without a slash at its end.
func BaseOf(ctx context.Context) string {
	r := ctx.Value(callKey{}).(*Call).Request
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
