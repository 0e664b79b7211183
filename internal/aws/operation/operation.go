// Package operation is one row per API action, and the one path that each request
// takes, whatever its protocol: find the row, recognise the sender by the head, read the
// bounded body, verify the sender, let it in, decode and validate, resolve what the call
// is about, authorise, throttle, handle, record, encode. A handler starts with a valid,
// permitted, typed input and returns a typed output or an error.
//
// A fault goes to the caller as it is. Any other error, and a panic, becomes an
// internal failure with a request id, and a line in the log under that id.
//
// Protocols are packages of their own: how a request names its operation, and how
// inputs, outputs and faults look. Each has functions that make rows: awsjson.Operation
// and the like.
package operation

import (
	"context"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/policy"
)

// Operation is the row of one action, and its handler. Packages of protocols make it.
type Operation struct {
	Name     string
	Protocol string // Protocol.Name of the one that it is called by
	// Method and URI are how protocols with routes find it; others leave them empty.
	Method, URI string
	Options

	// Decode reads and validates the input of a call.
	Decode func(c *Call) (in any, err error)
	// Subject resolves what a call is about, once for all who ask.
	Subject func(ctx context.Context, in any) (Subject, error)
	// Handle does what a call asks.
	Handle func(ctx context.Context, in any) (out any, err error)
	// Encode writes the output; nil: the answer has no body.
	Encode func(out any, a *Answer)
}

// Options are what a row may say besides.
type Options struct {
	BodyMax int64 // bytes of a request
	// Waits: it waits for something to happen, and ends when its caller hangs up. All
	// others go on to their end.
	Waits bool
	// FromInside: it waits for what it does itself, so it may be called from inside the server, too, where no
	// connection has the caller's share of what waits.
	FromInside bool
	// Streams: the handler reads the body itself, of BodyMax bytes at most.
	Streams bool
}

// BodyMax is how many bytes a request has at most, unless its row says otherwise.
const BodyMax = 64 << 10

// Option changes a row.
type Option func(*Options)

// WithBodyMax bounds the body to n bytes.
func WithBodyMax(n int64) Option {
	return func(o *Options) { o.BodyMax = n }
}

// Waits marks an action that waits; see Options.
func Waits(o *Options) { o.Waits = true }

// FromInside marks an action that waits, and may be called from inside; see Options.
func FromInside(o *Options) { o.FromInside = true }

// Streams marks an action whose handler reads the body itself; see Options.
func Streams(o *Options) { o.Streams = true }

// Apply gives the options of a row.
func Apply(options []Option) Options {
	o := Options{BodyMax: BodyMax}
	for _, option := range options {
		option(&o)
	}
	return o
}

// Subject is what a call is about. It is resolved once: permission, the handler, the
// audit record and the log ask the same value.
type Subject interface {
	// Questions are for the caller's policies: all must be allowed. It is not called
	// for a caller that may do anything.
	Questions(ctx context.Context) ([]policy.Request, error)
	// Resource is what the call touches, for records and logs. The context is a
	// handler's.
	Resource(ctx context.Context) Resource
}

// Governed is a Subject about which more than the caller's policies say who may, such as a
// policy of its own. Permit is asked in place of the caller's policies, for every caller,
// also for one that may do anything; an error refuses the call. The context is a handler's.
type Governed interface {
	Subject
	Permit(ctx context.Context) error
}

// Rated is a Subject that may have another rate than its action: Rate is its name in the service's
// rates, or empty. The context is a handler's.
type Rated interface {
	Subject
	Rate(ctx context.Context) string
}

// Resource is what a call touches, in the words of its service.
type Resource struct {
	Kind string // "domain"; empty when the call touches nothing by name
	Name string
	ARN  string
	Type string // "AWS::SWF::Domain"
	// Account is whose it is, where callers may have to do with what is another's; empty: the
	// caller's.
	Account string
	// Run is the id of the execution's run that the call is about, as the kernel has it;
	// zero: none is known.
	Run [16]byte
}

// Free is the Subject of calls that need no permission and touch nothing.
type Free struct{}

// Questions implements Subject.
func (Free) Questions(context.Context) ([]policy.Request, error) { return nil, nil }

// Resource implements Subject.
func (Free) Resource(context.Context) Resource { return Resource{} }

// Delivery may be implemented by an output. Delivered is called once the answer
// was written and flushed, with what went wrong on the way, or with nil. After
// nil it is called once more, with an error, if it turns out that the answer did
// not arrive.
type Delivery interface {
	Delivered(err error)
}

// API is a service as its callers see it.
type API struct {
	Service      string   // as policies have it: "swf"
	SigningNames []string // in the scopes of signatures
	Model        Model
	Operations   []Operation
	// Refuse gives what an action is answered that can't be done now, whoever asks, or nil;
	// nil: all can.
	Refuse func(action string) *fault.Fault
	// Changes tells whether an action changes what was set up; nil: none does. Room for the
	// record of such a call is taken first, and once it was done it is not refused.
	Changes func(action string) bool
	// Throttle tells whether an account may call an action in a region now, or what a Rated subject
	// names; nil: always.
	Throttle func(account, region, action string) bool
}

// Model is what a service's model says of all its operations. Each protocol reads what
// is its own.
type Model struct {
	TargetPrefix string // JSON: of X-Amz-Target
	JSONVersion  string // JSON: "1.0" or "1.1"
	Version      string // query: of the API
	Namespace    string // query: of the XML
	// MessageMember is what the message of a fault is called, in REST; empty: message.
	MessageMember string

	Faults map[string][]string // codes that each operation declares; nil: nobody says
	// NotPermitted is the service's own code for a caller that may not do something.
	// The operations that don't declare it answer with the common one.
	NotPermitted string
}
