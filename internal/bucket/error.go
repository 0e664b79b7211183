package bucket

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Kinds of errors, for callers that go by them: errors.Is.
var (
	ErrNoSuchBucket = errors.New("no such bucket")
	ErrNoSuchKey    = errors.New("no such key")
	// ErrDenied: whose keys the store has may not do this.
	ErrDenied = errors.New("access denied")
	// ErrKeyRefused: the key that is to encrypt or decrypt can't be used.
	ErrKeyRefused = errors.New("encryption key refused")
	// ErrTemporary: the store is not reached, is overloaded or has failed. The same call
	// may succeed later.
	ErrTemporary = errors.New("temporarily unavailable")
	// ErrChanged: the object is not the one that was asked for.
	ErrChanged = errors.New("object changed")
	// ErrRefused: all other refusals.
	ErrRefused = errors.New("refused")
)

// Error is what S3 said, or what it would have said.
type Error struct {
	Kind      error  // one of the kinds above
	Operation string // of S3, such as GetObject
	Bucket    string
	Key       string // empty: it is about the bucket

	// Of the answer. An answer that did not come, or had no body, leaves them empty.
	Status     int
	Code       string
	Message    string
	RequestID  string
	ExtendedID string // x-amz-id-2

	Cause error // what else is known
}

// Error tells an operator.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q", e.Operation, e.Bucket+"/"+e.Key)
	switch {
	case e.Code != "":
		fmt.Fprintf(&b, ": %s: %s (status %d", e.Code, e.Message, e.Status)
		if e.RequestID != "" {
			fmt.Fprintf(&b, ", request %s", e.RequestID)
		}
		b.WriteByte(')')
	case e.Cause != nil:
		fmt.Fprintf(&b, ": %v: %v", e.Kind, e.Cause)
	default:
		fmt.Fprintf(&b, ": %v", e.Kind)
	}
	return b.String()
}

// Unwrap is for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// SDKText is the error as AWS's SDK for Java, version 2, tells it, which Step Functions
// shows to its users.
func (e *Error) SDKText() string {
	message := e.Message
	if message == "" {
		message = e.Kind.Error()
	}
	if e.ExtendedID == "" {
		return fmt.Sprintf("%s (Service: S3, Status Code: %d, Request ID: %s)", message, e.Status, cmp.Or(e.RequestID, "null"))
	}
	return fmt.Sprintf("%s (Service: S3, Status Code: %d, Request ID: %s, Extended Request ID: %s)", message, e.Status, cmp.Or(e.RequestID, "null"), e.ExtendedID)
}

// S3's own words for what a store that is not S3 refuses.

// NoSuchBucket is the error for a bucket that is not there.
func NoSuchBucket(operation, bucket string) *Error {
	return &Error{Kind: ErrNoSuchBucket, Operation: operation, Bucket: bucket, Status: http.StatusNotFound,
		Code: "NoSuchBucket", Message: "The specified bucket does not exist"}
}

// NoSuchKey is the error for an object that is not there.
func NoSuchKey(operation, bucket, key string) *Error {
	return &Error{Kind: ErrNoSuchKey, Operation: operation, Bucket: bucket, Key: key, Status: http.StatusNotFound,
		Code: "NoSuchKey", Message: "The specified key does not exist."}
}

// NoSuchVersion is the error for a version of an object that is not there.
func NoSuchVersion(operation, bucket, key string) *Error {
	return &Error{Kind: ErrNoSuchKey, Operation: operation, Bucket: bucket, Key: key, Status: http.StatusNotFound,
		Code: "NoSuchVersion", Message: "The specified version does not exist."}
}

// Changed is the error for an object that has not the ETag that was asked for.
func Changed(operation, bucket, key string) *Error {
	return &Error{Kind: ErrChanged, Operation: operation, Bucket: bucket, Key: key, Status: http.StatusPreconditionFailed,
		Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold"}
}

// WrongSize is the error for a source that has not the bytes that it was said to have.
func WrongSize(bucket, key string, size int64) *Error {
	return &Error{Kind: ErrRefused, Operation: "PutObject", Bucket: bucket, Key: key, Status: http.StatusBadRequest,
		Code: "IncompleteBody", Message: fmt.Sprintf("The source has not the %d bytes that it was said to have", size)}
}

// Denied is the error for what nobody may do.
func Denied(operation, bucket, key, why string) *Error {
	return &Error{Kind: ErrDenied, Operation: operation, Bucket: bucket, Key: key, Status: http.StatusForbidden, Code: "AccessDenied", Message: why}
}
