// Package awsjson is the AWS JSON protocol on HTTP, in its versions 1.0 and 1.1: which
// operation a request names, and how an answer or a fault is written. It knows no
// service.
package awsjson

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"

	"github.com/go-faster/jx"
)

// Name is what rows call the protocol.
const Name = "json"

// Protocol implements operation.Protocol.
type Protocol struct{ mounted map[target]*operation.Mounted }

type target struct{ prefix, operation string }

// New is the protocol, without operations.
func New() *Protocol { return &Protocol{map[target]*operation.Mounted{}} }

// Name implements operation.Protocol.
func (*Protocol) Name() string { return Name }

// Mount implements operation.Protocol.
func (p *Protocol) Mount(m *operation.Mounted) {
	t := target{m.API.Model.TargetPrefix, m.Name}
	if p.mounted[t] != nil {
		panic(fmt.Sprintf("awsjson: two rows for %q", m.Name))
	}
	p.mounted[t] = m
}

// Claims implements operation.Protocol: a request that names a target is in this
// protocol.
func (*Protocol) Claims(r *http.Request) bool { return r.Header.Get("X-Amz-Target") != "" }

// Find implements operation.Protocol. Old clients write a longer target, of which the
// last two dotted parts count.
func (p *Protocol) Find(c *operation.Call) (*operation.Mounted, error) {
	if c.Request.Method != http.MethodPost {
		return nil, &fault.Fault{Kind: fault.UnknownOperation, Status: http.StatusNotFound, Message: "Operations are called by POST"}
	}
	named := c.Request.Header.Get("X-Amz-Target")
	if named == "" {
		return nil, fault.Of(fault.UnknownOperation, "The header X-Amz-Target is missing")
	}
	prefix, name, dotted := cutLast(named)
	if !dotted || name == "" {
		return nil, unknown(named)
	}
	if _, last, dotted := cutLast(prefix); dotted {
		prefix = last
	}
	if m := p.mounted[target{prefix, name}]; m != nil {
		return m, nil
	}
	return nil, unknown(prefix + "." + name)
}

func unknown(target string) *fault.Fault {
	return fault.Of(fault.UnknownOperation, "Unknown operation: "+target)
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// WriteAnswer implements operation.Protocol. The body is empty when the operation has
// no output.
func (*Protocol) WriteAnswer(w http.ResponseWriter, c *operation.Call, a *operation.Answer) error {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	return Write(w, c.Request, c.RequestID, version(c.Model), http.StatusOK, a.Body)
}

// version is that of the protocol for a service; what belongs to no service is 1.0.
func version(m *operation.Model) string {
	if m == nil || m.JSONVersion == "" {
		return "1.0"
	}
	return m.JSONVersion
}

// Values of headers that are the same in many answers; nobody changes them.
var (
	typeAmzJSON = map[string][]string{"1.0": {"application/x-amz-json-1.0"}, "1.1": {"application/x-amz-json-1.1"}}
	typeJSON    = []string{"application/json"}
)

// Write writes an answer in a version of the protocol.
func Write(w http.ResponseWriter, r *http.Request, requestID, version string, status int, body []byte) error {
	h := w.Header()
	h["Content-Type"] = typeAmzJSON[version]
	// Clients of the first years say application/json and get it back.
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		h["Content-Type"] = typeJSON
	}
	values := []string{requestID, strconv.Itoa(len(body))} // of two headers, in one allocation
	h["x-amzn-RequestId"], h["Content-Length"] = values[:1:1], values[1:]
	w.WriteHeader(status)
	if len(body) == 0 {
		return nil
	}
	_, err := w.Write(body)
	return err
}

// decoders are for bodies.
var decoders = sync.Pool{New: func() any { return new(jx.Decoder) }}

// decode reads and validates a whole body.
func decode[In any, I Input[In]](c *operation.Call) (any, error) {
	d := decoders.Get().(*jx.Decoder)
	defer func() {
		d.ResetBytes(nil) // it must not keep the body
		decoders.Put(d)
	}()
	d.ResetBytes(c.Body)
	in := new(In)
	if err := I(in).Decode(d); err != nil {
		return nil, fault.Of(fault.Serialization, operation.Innermost(err).Error())
	}
	if err := d.Skip(); err != io.EOF {
		return nil, fault.Of(fault.Serialization, "unexpected data after the end of the request")
	}
	if err := I(in).Validate(); err != nil {
		c.Invalid = in
		return nil, fault.Invalid(err.Error())
	}
	return in, nil
}
