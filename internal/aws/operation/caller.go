package operation

import (
	"context"
	"net/http"
	"strings"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/policy"
)

// Caller is who asks.
type Caller struct {
	Account   string
	Region    string
	AccessKey string // empty: the request was not signed

	Principal policy.Principal
	Policies  *policy.PolicySets // nil: may do anything
	Context   policy.Context     // what conditions may ask of the caller and the connection; no spare room
	Identity  any                // what the authenticator knows besides
}

// May asks the caller's policies.
func (c *Caller) May(r *policy.Request) policy.Decision {
	if c.Policies == nil {
		return policy.Decision{Allowed: true}
	}
	return policy.Evaluate(r, c.Policies)
}

// Authenticator finds out who asks. Its error goes to the caller if it is a
// fault.
type Authenticator interface {
	Authenticate(r *http.Request, body []byte) (Caller, error)
}

// Anyone trusts every request: it believes the access key and the region in the
// signature's credential and verifies nothing. All callers have one account.
type Anyone struct {
	Account string
	Region  string // of requests that are not signed
}

// Authenticate implements Authenticator.
func (a Anyone) Authenticate(r *http.Request, _ []byte) (Caller, error) {
	credential, signed := credential(r)
	if !signed {
		return Caller{Account: a.Account, Region: a.Region}, nil
	}
	// Access key / date / region / service / aws4_request.
	key, rest, _ := strings.Cut(credential, "/")
	_, rest, _ = strings.Cut(rest, "/")
	region, _, _ := strings.Cut(rest, "/")
	if key == "" || !IsRegion(region) {
		return Caller{}, &awsjson.Fault{
			Code:    awsjson.CodeIncompleteSignature,
			Message: "Credential must be of the form access-key/date/region/service/aws4_request",
		}
	}
	return Caller{Account: a.Account, Region: region, AccessKey: key}, nil
}

// credential is what the request says of its signer.
func credential(r *http.Request) (credential string, signed bool) {
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		_, rest, _ := strings.Cut(authorization, "Credential=")
		if end := strings.IndexAny(rest, ", "); end >= 0 {
			rest = rest[:end]
		}
		return rest, true
	}
	if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		return r.URL.Query().Get("X-Amz-Credential"), true
	}
	return "", false
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

// call is the context of one request; it also carries who asks.
type call struct {
	context.Context
	caller Caller
	id     string

	at         time.Time // when it came, and
	parameters []byte    // what may be recorded of it; zero: nobody audits it
}

type callKey struct{}

func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// CallerOf is who asks, for a handler's context.
func CallerOf(ctx context.Context) Caller {
	return ctx.Value(callKey{}).(*call).caller
}
