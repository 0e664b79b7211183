// Package restjson is the protocol of AWS's REST services with JSON bodies (restJson1):
// methods and paths name operations; labels of paths, query strings, headers and the body
// hold the members of inputs and outputs; a member may be a whole body, also one that is
// read or written as a stream. It knows no service.
package restjson

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

// Name is what rows call the protocol.
const Name = "rest"

// Protocol implements operation.Protocol.
type Protocol struct{ routes routes }

// New is the protocol, without operations.
func New() *Protocol { return &Protocol{} }

// Name implements operation.Protocol.
func (*Protocol) Name() string { return Name }

// Mount implements operation.Protocol.
func (p *Protocol) Mount(m *operation.Mounted) {
	if !p.routes.add(m.Method, m.URI, m) {
		panic(fmt.Sprintf("restjson: two rows for %s %s", m.Method, m.URI))
	}
}

// Claims implements operation.Protocol: a path that has an operation, by whatever method,
// is in this protocol.
func (p *Protocol) Claims(r *http.Request) bool {
	_, _, known := p.routes.find(r.Method, r.URL.EscapedPath())
	return known
}

// Find implements operation.Protocol.
func (p *Protocol) Find(c *operation.Call) (*operation.Mounted, error) {
	r := c.Request
	m, labels, _ := p.routes.find(r.Method, r.URL.EscapedPath())
	if m == nil {
		return nil, &fault.Fault{Kind: fault.UnknownOperation, Status: http.StatusMethodNotAllowed, Message: "No operation is called by " + r.Method + " there"}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.Of(fault.Serialization, "The query string contains a syntax error")
	}
	c.Found = &Request{Labels: labels, Query: query, Header: r.Header}
	return m, nil
}

// Request is what the input of an operation is made of.
type Request struct {
	Labels []Label
	Query  url.Values
	Header http.Header
	Body   []byte    // whole; nil if the operation streams
	Stream io.Reader // the body of an operation that streams
}

// Label gives a label of the path.
func (r *Request) Label(name string) string {
	for _, l := range r.Labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Answer is what the output of an operation is written to.
type Answer = operation.Answer

// Input is what an operation takes.
type Input[In any] interface {
	*In
	DecodeREST(*Request) error
	Validate() error
}

// Output is what an operation answers with.
type Output[Out any] interface {
	*Out
	EncodeREST(*Answer)
}

// Operation is the row of an operation with an output, called by a method and a URI with
// labels, as the model has them. Subject tells what a call is about; a row without it
// does not compile.
func Operation[In, Out any, I Input[In], O Output[Out]](
	name, method, uri string,
	handler func(context.Context, *In) (*Out, error),
	subject func(context.Context, *In) (operation.Subject, error),
	options ...operation.Option,
) operation.Operation {
	op := row[In, I](name, method, uri, subject, options)
	op.Handle = operation.Handles(handler)
	op.Encode = func(out any, a *Answer) { O(out.(*Out)).EncodeREST(a) }
	return op
}

// WithoutOutput is the row of an operation whose answer has no body.
func WithoutOutput[In any, I Input[In]](
	name, method, uri string,
	handler func(context.Context, *In) error,
	subject func(context.Context, *In) (operation.Subject, error),
	options ...operation.Option,
) operation.Operation {
	op := row[In, I](name, method, uri, subject, options)
	op.Handle = operation.HandlesSilently(handler)
	return op
}

func row[In any, I Input[In]](name, method, uri string, subject func(context.Context, *In) (operation.Subject, error), options []operation.Option) operation.Operation {
	return operation.Operation{
		Name: name, Protocol: Name, Method: method, URI: uri, Options: operation.Apply(options),
		Decode:  decode[In, I],
		Subject: operation.IsAbout(subject),
	}
}

func decode[In any, I Input[In]](c *operation.Call) (any, error) {
	r := c.Found.(*Request)
	r.Body, r.Stream = c.Body, c.Stream
	in := new(In)
	if err := I(in).DecodeREST(r); err != nil {
		return nil, fault.Of(fault.Serialization, operation.Innermost(err).Error())
	}
	if err := I(in).Validate(); err != nil {
		return nil, fault.Invalid(err.Error())
	}
	return in, nil
}

// WriteAnswer implements operation.Protocol. The status is that of the output, or else
// 200, and 204 without one.
func (*Protocol) WriteAnswer(w http.ResponseWriter, c *operation.Call, a *Answer) error {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	for name, values := range a.Header {
		h[name] = values
	}
	status := a.Status
	switch {
	case status != 0:
	case a.NoOutput:
		status = http.StatusNoContent
	default:
		status = http.StatusOK
	}
	h["x-amzn-RequestId"] = []string{c.RequestID}
	if a.Stream == nil && status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	}
	w.WriteHeader(status)
	if len(a.Body) > 0 {
		if _, err := w.Write(a.Body); err != nil {
			return err
		}
	}
	if a.Stream == nil {
		return nil
	}
	defer a.Stream.Close() // it was read; what its end says comes too late
	_, err := io.Copy(w, a.Stream)
	return err
}

// spelling is what faults of every service are called on the wire.
var spelling = map[fault.Kind]struct {
	code   string
	status int
}{
	fault.Validation:          {"ValidationException", http.StatusBadRequest},
	fault.Serialization:       {"SerializationException", http.StatusBadRequest},
	fault.BrokenBody:          {"SerializationException", http.StatusBadRequest},
	fault.UnknownOperation:    {"UnknownOperationException", http.StatusNotFound},
	fault.MissingOperation:    {"UnknownOperationException", http.StatusNotFound},
	fault.Internal:            {"InternalServerException", http.StatusInternalServerError},
	fault.Throttling:          {"ThrottlingException", http.StatusTooManyRequests},
	fault.Unavailable:         {"ServiceUnavailableException", http.StatusServiceUnavailable},
	fault.TooLarge:            {"RequestEntityTooLargeException", http.StatusRequestEntityTooLarge},
	fault.AccessDenied:        {"AccessDeniedException", http.StatusForbidden},
	fault.Unsigned:            {"MissingAuthenticationTokenException", http.StatusForbidden},
	fault.IncompleteSignature: {"IncompleteSignatureException", http.StatusForbidden},
	fault.UnknownKey:          {"UnrecognizedClientException", http.StatusForbidden},
	fault.BadSignature:        {"InvalidSignatureException", http.StatusForbidden},
	fault.ExpiredToken:        {"ExpiredTokenException", http.StatusForbidden},
}

// Spell implements operation.Protocol.
func (*Protocol) Spell(f *fault.Fault) {
	s := spelling[f.Kind]
	f.Code = s.code
	if f.Status == 0 {
		f.Status = s.status
	}
}

// WriteFault implements operation.Protocol.
func (*Protocol) WriteFault(w http.ResponseWriter, c *operation.Call, f *fault.Fault) error {
	h := w.Header()
	for name, values := range f.Header {
		h[name] = values
	}
	member := "message"
	if c.Model != nil && c.Model.MessageMember != "" {
		member = c.Model.MessageMember
	}
	b := append(fault.AppendJSON([]byte{'{'}, member), ':')
	b = fault.AppendJSON(b, f.Message)
	for _, m := range f.Members {
		b = append(fault.AppendJSON(append(b, ','), m.Name), ':')
		b = fault.AppendJSON(b, m.Value)
	}
	b = append(b, '}')
	h["Content-Type"] = []string{"application/json"}
	h["X-Amzn-Errortype"] = []string{f.Name()}
	h["x-amzn-RequestId"] = []string{c.RequestID}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	status := f.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.WriteHeader(status)
	_, err := w.Write(b)
	return err
}
