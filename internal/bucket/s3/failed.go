package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"heddle/internal/bucket"
)

// statusOf is the status of the answer that an error tells of; 0: there was none.
func statusOf(err error) int {
	if answer := (*awshttp.ResponseError)(nil); errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// codeOf is S3's code in an error; empty: it has none.
func codeOf(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// failed makes of a call's error what bucket.Store promises; nil of nil.
func failed(ctx context.Context, operation, name, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	e := &bucket.Error{Operation: operation, Bucket: name, Key: key, Status: statusOf(err)}
	if answer := (*awshttp.ResponseError)(nil); errors.As(err, &answer) {
		e.RequestID = answer.ServiceRequestID()
	}
	if host := (interface{ ServiceHostID() string })(nil); errors.As(err, &host) {
		e.ExtendedID = host.ServiceHostID()
	}
	if api := smithy.APIError(nil); errors.As(err, &api) {
		e.Code, e.Message = api.ErrorCode(), api.ErrorMessage()
	} else {
		e.Cause = err
	}
	e.Kind = kindOf(e)
	if e.Kind == bucket.ErrNoSuchKey && e.Message == "" { // answers to HEAD have no body
		e.Code, e.Message = "NoSuchKey", bucket.NoSuchKey("", "", "").Message
	}
	return e
}

// kindOf finds the kind of an error by what the answer says (Amazon S3 API Reference,
// Error responses; of KMS: AWS re:Post and the User Guide). Servers other than AWS's have
// codes of their own, so the status counts too.
func kindOf(e *bucket.Error) error {
	switch code := e.Code; {
	case e.Status == 0 && code == "", // no answer
		e.Status >= 500 && e.Status != http.StatusNotImplemented, e.Status == http.StatusTooManyRequests,
		code == "SlowDown", code == "InternalError", code == "RequestTimeout", code == "OperationAborted", code == "BandwidthLimitExceeded",
		strings.Contains(code, "Throttl"), strings.Contains(code, "Unavailable"),
		e.Status < 300 && code == "": // an answer that was cut off, or makes no sense
		return bucket.ErrTemporary
	case code == "NoSuchUpload": // the same Put begins anew
		return bucket.ErrTemporary
	case code == "NoSuchBucket", code == "InvalidBucketName":
		return bucket.ErrNoSuchBucket
	case code == "NoSuchKey", code == "NoSuchVersion", code == "NotFound", e.Status == http.StatusNotFound && code == "":
		return bucket.ErrNoSuchKey
	case strings.Contains(code, "KMS"), code == "AccessDenied" && strings.Contains(e.Message, "kms:"):
		return bucket.ErrKeyRefused
	case e.Status == http.StatusPreconditionFailed:
		return bucket.ErrChanged
	case code == "InvalidObjectState": // in an archive, though its status is 403
		return bucket.ErrRefused
	case e.Status == http.StatusForbidden, e.Status == http.StatusUnauthorized:
		return bucket.ErrDenied
	}
	return bucket.ErrRefused
}
