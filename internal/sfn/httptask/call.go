package httptask

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"heddle/internal/events/connection"
	"heddle/jsonvalue"
)

// Bounds of a request.
const (
	Max            = time.Minute // how long it takes at most
	answerBytesMax = 256 << 10
)

// Do sends a request, as the region's, with what its connection adds, and gives the output of
// the task. What goes to and fro is told to saw, if it is not nil. Errors: *Error, for the user;
// beside it one for the operator, if there is more to tell.
func Do(ctx context.Context, by connection.Sender, r *Request, of *connection.Connection, region string, saw *Exchange) (output *jsonvalue.Object, failed *Error, cause error) {
	if saw != nil && !saw.Secrets {
		own := *r
		own.headers = r.headers.Clone()
		if q, body, err := own.made(ctx, region); err == nil {
			saw.asks(q, body)
		}
	}
	if err := r.add(&of.InvocationHttpParameters); err != nil {
		return nil, failure(err), nil
	}
	q, body, err := r.made(ctx, region)
	if err != nil {
		return nil, failure(err), nil
	}
	if err := by.Authorize(ctx, q, of); err != nil {
		return nil, &Error{NotAuthorized, "The connection " + of.ARN + " could not be authorized"}, err
	}
	if saw != nil && saw.Secrets {
		saw.asks(q, body)
	}
	answer, err := by.Send(q)
	if err != nil {
		return nil, &Error{Socket, socketCause(err)}, fmt.Errorf("call %s: %w", q.URL.Host, connection.Bare(err))
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax+1))
	if saw != nil && err == nil && len(text) <= answerBytesMax {
		saw.hears(answer, text)
	}
	switch {
	case err != nil:
		return nil, &Error{Socket, "The connection was closed before the answer was there"}, fmt.Errorf("read the answer of %s: %w", q.URL.Host, err)
	case len(text) > answerBytesMax:
		return nil, &Error{DataLimit, "The state/task 'http' returned a result with a size exceeding the maximum number of bytes service limit."}, nil
	}
	if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusProxyAuthRequired {
		by.Refused(of)
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	family, _, _ := strings.Cut(kind, "/")
	if !utf8.Valid(text) || kind == "application/octet-stream" || family == "image" || family == "video" || family == "audio" {
		return nil, wrong("The answer has the content type '%s', or is no text", kind), nil
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, &Error{fmt.Sprintf("%s%d", StatusCode, answer.StatusCode), string(text)}, nil
	}
	return outputOf(answer, kind, text, strings.ToLower), nil, nil
}

// made is the request, but for its authorization, and its body.
func (r *Request) made(ctx context.Context, region string) (*http.Request, []byte, error) {
	body, contentType, err := r.encoded()
	if err != nil {
		return nil, nil, err
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, r.target(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, wrong("The ApiEndpoint and its parameters make no URL")
	}
	if body == nil {
		q.Body, q.ContentLength = nil, 0
	}
	q.Header = r.headers
	if contentType != "" && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", contentType)
	}
	q.Header.Set("User-Agent", "Amazon|StepFunctions|HttpInvoke|"+region)
	q.Header.Set("Range", "bytes=0-262144")
	return q, body, nil
}

func failure(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return wrong("%s", err)
	}
	return e
}

// outputOf is what the task gives. Named gives the names of headers.
func outputOf(answer *http.Response, kind string, text []byte, named func(string) string) *jsonvalue.Object {
	headers := jsonvalue.NewObject(len(answer.Header))
	var names []string
	for name := range answer.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var values []any
		for _, v := range answer.Header[name] {
			values = append(values, v)
		}
		headers.Set(named(name), values)
	}
	var body any = string(text)
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if v, err := jsonvalue.Parse(text); err == nil {
			body = v
		}
	}
	status, _ := jsonvalue.ParseString(fmt.Sprint(answer.StatusCode)) // a number
	o := jsonvalue.NewObject(4)
	o.Set("Headers", headers)
	o.Set("ResponseBody", body)
	o.Set("StatusCode", status)
	o.Set("StatusText", http.StatusText(answer.StatusCode))
	return o
}

func socketCause(err error) string {
	_, refused := errors.AsType[*connection.ForbiddenError](err)
	switch {
	case refused:
		return "The endpoint is not on a public network, or is to be reached without TLS; this server does not allow that"
	case errors.Is(err, context.DeadlineExceeded):
		return "No answer came within the time"
	}
	return "The endpoint could not be reached, or closed the connection"
}
