package awsjson

import (
	"net/http"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

// spelling is what faults of every service are called on the wire.
var spelling = map[fault.Kind]struct {
	code   string
	status int // zero: 400
}{
	fault.Validation:          {"com.amazon.coral.validate#ValidationException", 0},
	fault.Serialization:       {"com.amazon.coral.service#SerializationException", 0},
	fault.BrokenBody:          {"com.amazon.coral.service#SerializationException", 0},
	fault.UnknownOperation:    {"com.amazon.coral.service#UnknownOperationException", 0},
	fault.MissingOperation:    {"com.amazon.coral.service#UnknownOperationException", 0},
	fault.Internal:            {"com.amazon.coral.service#InternalFailure", http.StatusInternalServerError},
	fault.Throttling:          {"com.amazon.coral.availability#ThrottlingException", 0},
	fault.Unavailable:         {"com.amazon.coral.service#ServiceUnavailableException", http.StatusServiceUnavailable},
	fault.TooLarge:            {"com.amazon.coral.service#RequestEntityTooLargeException", http.StatusRequestEntityTooLarge},
	fault.AccessDenied:        {"com.amazon.coral.service#AccessDeniedException", 0},
	fault.Unsigned:            {"com.amazon.coral.service#MissingAuthenticationTokenException", 0},
	fault.IncompleteSignature: {"com.amazon.coral.service#IncompleteSignatureException", 0},
	fault.UnknownKey:          {"com.amazon.coral.service#UnrecognizedClientException", 0},
	fault.BadSignature:        {"com.amazon.coral.service#InvalidSignatureException", 0},
	fault.ExpiredToken:        {"com.amazon.coral.service#ExpiredTokenException", 0},
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
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	status := f.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	blame := ";Sender"
	if status >= 500 {
		blame = ";Receiver"
	}
	w.Header()["x-amzn-query-error"] = []string{f.Name() + blame}
	return Write(w, c.Request, c.RequestID, version(c.Model), status, faultBody(f))
}

// faultBody is the JSON of a fault. A fault without a message has none.
func faultBody(f *fault.Fault) []byte {
	b := fault.AppendJSON([]byte(`{"__type":`), f.Code)
	if f.Message != "" {
		b = fault.AppendJSON(append(b, `,"message":`...), f.Message)
	}
	for _, m := range f.Members {
		b = append(fault.AppendJSON(append(b, ','), m.Name), ':')
		b = fault.AppendJSON(b, m.Value)
	}
	return append(b, '}')
}
