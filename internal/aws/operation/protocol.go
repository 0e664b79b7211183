package operation

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"heddle/internal/aws/fault"
)

// Protocol is how requests name operations, and how answers look.
type Protocol interface {
	// Name is what rows call it.
	Name() string
	// Mount adds an operation, before anything is served. One that could not be told
	// apart from another panics.
	Mount(*Mounted)
	// Claims tells, by the head of a request, whether it is in this protocol.
	Claims(r *http.Request) bool
	// Find finds the operation that a call names. A protocol that must read the body to
	// find it does so by Call.ReadBody. If there is none, it may set Call.Model for
	// WriteFault.
	Find(c *Call) (*Mounted, error)
	// Spell gives a fault of a common kind its code and, if it has none, its status.
	Spell(f *fault.Fault)
	// WriteAnswer writes an answer. The error says that it was not taken.
	WriteAnswer(w http.ResponseWriter, c *Call, a *Answer) error
	// WriteFault writes a fault that was spelled. Call.Model is nil if no operation was
	// found.
	WriteFault(w http.ResponseWriter, c *Call, f *fault.Fault) error
}

// Mounted is an operation that is served.
type Mounted struct {
	Operation
	API          *API
	faults       []string // codes that the model declares
	notPermitted string   // code of the fault for a caller that may not do it; empty: the common one
	changes      bool     // see API.Changes
}

// Call is one request on its way, and the context of its handler.
type Call struct {
	context.Context
	Request   *http.Request
	RequestID string
	Operation *Mounted // nil until it was found
	Model     *Model   // of its service; nil until that is known

	// Body is what ReadBody read. It is not kept while the operation is handled: a poll
	// may wait for a minute.
	Body []byte
	// Stream is the body of an operation that streams. Reading gives an error at the
	// end if it is not what was signed.
	Stream io.Reader
	// Invalid is an input that was decoded and is not valid, of which it may be wanted
	// which run it is about; nil: there is none.
	Invalid any
	// Found is what the protocol has read to find the operation.
	Found any

	body    *buffer
	whole   bool   // the body was read to its end
	entered bool   // the gate has given it a place
	gate    Gate   // that has
	turn    func() // ends the turn that it has; nil: it has none
	inside  bool   // no connection waits for its answer
	ask     Authenticator
	sender  Sender // nil until the head was looked at
	caller  Caller
	at      time.Time // when it came
	subject Subject   // nil until it was resolved
	kept    bool      // Config.Keep took room for its record
}

// Answer is what an operation answers with. Status and Stream are for REST: the other
// protocols have one status for all answers, and whole bodies.
type Answer struct {
	Status int         // zero: 200
	Header http.Header // further headers; may be nil
	// Body is the output without a frame that the protocol puts around it.
	Body     []byte
	NoOutput bool
	Stream   io.ReadCloser // what follows Body; nil: nothing
}

type callKey struct{}

// Value implements context.Context.
func (c *Call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// CallerOf is who asks, for a handler's context.
func CallerOf(ctx context.Context) *Caller {
	return &ctx.Value(callKey{}).(*Call).caller
}

// AccountOf is the caller's account; empty: the context is no handler's.
func AccountOf(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c.caller.Account
	}
	return ""
}

// SenderOf is the ARN of who asks, a session's if there is one, and where from; empty: the
// context is no handler's.
func SenderOf(ctx context.Context) (principal, address string) {
	c, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		return "", ""
	}
	if address, _, _ = net.SplitHostPort(c.Request.RemoteAddr); address == "" {
		address = c.Request.RemoteAddr
	}
	return cmp.Or(c.caller.Principal.Session, c.caller.Principal.ARN), address
}

// SubjectOf is what the call is about, for a handler's context.
func SubjectOf(ctx context.Context) Subject {
	return ctx.Value(callKey{}).(*Call).subject
}
