package awsjson

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// What faults of every service are called on the wire.
const (
	CodeValidation            = "com.amazon.coral.validate#ValidationException"
	CodeSerialization         = "com.amazon.coral.service#SerializationException"
	CodeUnknownOperation      = "com.amazon.coral.service#UnknownOperationException"
	CodeInternalFailure       = "com.amazon.coral.service#InternalFailure"
	CodeIncompleteSignature   = "com.amazon.coral.service#IncompleteSignatureException"
	CodeAccessDenied          = "com.amazon.coral.service#AccessDeniedException"
	CodeThrottling            = "com.amazon.coral.availability#ThrottlingException"
	CodeRequestEntityTooLarge = "com.amazon.coral.service#RequestEntityTooLargeException"
)

// Fault is an error that the caller is told about, word for word.
type Fault struct {
	Code    string // with its namespace
	Status  int    // zero: 400
	Message string
	Header  http.Header // further headers of the answer; may be nil
}

func (f *Fault) Error() string {
	if f.Message == "" {
		return f.Name()
	}
	return f.Name() + ": " + f.Message
}

// Name is the code without its namespace.
func (f *Fault) Name() string {
	return f.Code[strings.LastIndexByte(f.Code, '#')+1:]
}

// Common tells whether any operation may answer with the fault, whatever its
// model declares.
func (f *Fault) Common() bool { return strings.HasPrefix(f.Code, "com.amazon.coral.") }

func (f *Fault) status() int {
	if f.Status == 0 {
		return http.StatusBadRequest
	}
	return f.Status
}

// Validation is the fault for a value that the service does not take.
func Validation(message string) *Fault {
	return &Fault{Code: CodeValidation, Message: message}
}

// Serialization is the fault for a body that is not the JSON that the operation
// takes.
func Serialization(message string) *Fault {
	return &Fault{Code: CodeSerialization, Message: message}
}

// InternalFailure is the fault that says nothing; what happened is in our log,
// under the request id.
func InternalFailure() *Fault {
	return &Fault{Code: CodeInternalFailure, Status: http.StatusInternalServerError}
}

// Throttling is the fault for a caller who asks too often.
func Throttling() *Fault {
	return &Fault{Code: CodeThrottling, Message: "Rate exceeded"}
}

// TooLarge is the fault for a body above the operation's bound.
func TooLarge() *Fault {
	return &Fault{
		Code:    CodeRequestEntityTooLarge,
		Status:  http.StatusRequestEntityTooLarge,
		Message: "Request size exceeded the maximum of the operation",
	}
}

// WriteFault answers with a fault.
func WriteFault(w http.ResponseWriter, r *http.Request, requestID string, f *Fault) error {
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	status := f.status()
	blame := ";Sender"
	if status >= 500 {
		blame = ";Receiver"
	}
	w.Header()["x-amzn-query-error"] = []string{f.Name() + blame}

	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}{f.Code, f.Message}); err != nil {
		return err
	}
	body.Truncate(body.Len() - 1) // the encoder's line feed
	return write(w, r, requestID, status, body.Bytes())
}
