// Package policy decides whether somebody may do something to a resource: it reads
// policies in AWS's policy language and evaluates requests against them.
//
// Nothing is allowed unless a statement allows it, and a statement that denies
// wins over all that allow. The policies of a user or role and of its groups add
// up; a permissions boundary and the policies of a session only limit. A trust
// policy says who may assume a role.
//
// Policies are compiled when they are read, so an evaluation is a walk over
// statements that allocates nothing. The package keeps no policies, knows no
// service and has no clock: what a condition may ask about is in the request.
package policy

// Request is what somebody asks to do.
type Request struct {
	Principal Principal
	Action    string // service:Operation
	Resource  string // an ARN; "*" when the action is about nothing in particular
	Alias     string // another name of the resource, by which statements may call it; "": none
	Context   Context
	// Called is what a refusal calls the resource, if that is not what it is: in words of
	// the request alone, so that nobody learns what is there.
	Called string
}

// Principal is who asks. Of a role, ARN and ID are the role's, however long its path
// is, and Session and SessionID those under sts; a service has only Service.
type Principal struct {
	ARN       string
	ID        string // of a user or role, and of no other ever; a root user has none
	Session   string
	SessionID string // ID, a colon and the session's name
	Account   string
	Service   string // such as swf.amazonaws.com
}

// Name is what a refusal calls the principal.
func (p *Principal) Name() string {
	switch {
	case p.Session != "":
		return p.Session
	case p.Service != "":
		return p.Service
	}
	return p.ARN
}

// Context is what is known of a request. A key with several values stands there
// several times; the order does not matter. Dates are as in RFC 3339 or seconds
// since 1970, booleans true or false, binary values in standard base64.
type Context []Value

// Value is one value of a condition key. The case of the key does not matter.
type Value struct{ Key, Value string }

// single gives the value of a key that has exactly one.
func (q *query) single(key string) (value string, ok bool) {
	for i := range q.Context {
		v := &q.Context[i]
		if q.steps += stepsOfKeys(v.Key, key); !sameKey(v.Key, key) {
			continue
		}
		if ok {
			return "", false
		}
		value, ok = v.Value, true
	}
	return value, ok
}

// stepsOfKeys is what comparing keys costs.
func stepsOfKeys(a, b string) int {
	if len(a) != len(b) {
		return 1
	}
	return 1 + len(a)
}

// sameKey compares names of condition keys.
func sameKey(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
