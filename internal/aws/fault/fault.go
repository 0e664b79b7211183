// Package fault is what a caller is told went wrong, whatever its protocol. A fault
// is either one of a service's own, by its code, or one that any service has, by
// its kind: each protocol has its own words for those.
package fault

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// Fault is an error that the caller is told about, word for word.
type Fault struct {
	// Kind is zero for a service's own faults.
	Kind Kind
	// Code names a service's own fault as the wire does: in JSON protocols with its
	// namespace. Of other faults the protocol fills it in.
	Code    string
	Status  int // of the answer; zero: what the kind has, or 400
	Message string
	Header  http.Header // further headers of the answer; may be nil
	// Members are further members of the answer's body; nil: none.
	Members Members
}

// Members are the members of a fault besides its message, in the order of the wire.
type Members []Member

// Member is a member, whose value is a text, a number, a truth value or a list of them.
type Member struct {
	Name  string
	Value any
}

// AppendJSON appends what faults have, a code, a message or the value of a member, as
// JSON. HTML's signs stay as they are.
func AppendJSON(b []byte, v any) []byte {
	var t bytes.Buffer
	e := json.NewEncoder(&t)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // what faults have can always be encoded
	return append(b, bytes.TrimSuffix(t.Bytes(), []byte("\n"))...)
}

func (f *Fault) Error() string {
	name := f.Name()
	if name == "" {
		name = f.Kind.String()
	}
	if f.Message == "" {
		return name
	}
	return name + ": " + f.Message
}

// Name is the code without its namespace.
func (f *Fault) Name() string {
	for i := len(f.Code) - 1; i >= 0; i-- {
		if f.Code[i] == '#' {
			return f.Code[i+1:]
		}
	}
	return f.Code
}

// Kind is a fault that any service may answer with, whatever its model declares.
type Kind uint8

// The kinds.
const (
	// Validation: a value that the operation does not take.
	Validation Kind = iota + 1
	// Serialization: a body that is not what the protocol asks for.
	Serialization
	// UnknownOperation: a name that nothing serves.
	UnknownOperation
	// MissingOperation: a request that names no operation.
	MissingOperation
	// Internal: what happened is in our log, under the request id.
	Internal
	// Throttling: the caller asks too often.
	Throttling
	// Unavailable: the server can't do this now, and may later.
	Unavailable
	// TooLarge: a body above the operation's bound.
	TooLarge
	// BrokenBody: a body that ended before its end, or did not arrive in time.
	BrokenBody
	// AccessDenied: the caller may not do this.
	AccessDenied
	// Unsigned: the request has no signature.
	Unsigned
	// IncompleteSignature: the request has no whole signature.
	IncompleteSignature
	// UnknownKey: the access key, or the session token that goes with it.
	UnknownKey
	// BadSignature: not that of this request, or not of this time.
	BadSignature
	// ExpiredToken: the caller's session is over.
	ExpiredToken

	kinds = iota + 1
)

// Kinds are all kinds.
func Kinds() []Kind {
	all := make([]Kind, 0, kinds-1)
	for k := Kind(1); k < kinds; k++ {
		all = append(all, k)
	}
	return all
}

var names = [kinds]string{
	Validation: "validation", Serialization: "serialization", UnknownOperation: "unknown operation",
	MissingOperation: "missing operation", Internal: "internal failure", Throttling: "throttling", Unavailable: "unavailable", TooLarge: "too large",
	BrokenBody: "broken body", AccessDenied: "access denied", Unsigned: "unsigned", IncompleteSignature: "incomplete signature",
	UnknownKey: "unknown key", BadSignature: "bad signature", ExpiredToken: "expired token",
}

func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Of makes a fault of a kind.
func Of(k Kind, message string) *Fault { return &Fault{Kind: k, Message: message} }

// Invalid is the fault for a value that the operation does not take.
func Invalid(message string) *Fault { return Of(Validation, message) }

// Throttled is the fault for a caller that asks too often.
func Throttled() *Fault { return Of(Throttling, "Rate exceeded") }

// Later is the fault for what the server can't do now.
func Later() *Fault {
	return Of(Unavailable, "The request has failed due to a temporary failure of the server.")
}
