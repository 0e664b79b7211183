package heddletest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// host stands in URLs; without authentication a server answers to names of this machine alone.
const host = "localhost"

// transport takes requests to a handler.
type transport struct {
	handler http.Handler
	calls   sync.WaitGroup
}

// RoundTrip implements http.RoundTripper. When the request's context ends before the answer was
// flushed, the handler learns that nobody took it.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Hostname() != host {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("heddletest: this client reaches %s alone, not %s", host, r.URL.Host)
	}
	ctx, cancel := context.WithCancel(r.Context())
	a := &answer{header: http.Header{}, done: make(chan struct{}), cancel: cancel}
	t.calls.Go(func() {
		defer close(a.done)
		defer cancel()
		defer func() {
			if why := recover(); why != nil {
				a.failed = fmt.Errorf("heddletest: the server gave up on a request: %v", why)
			}
		}()
		t.handler.ServeHTTP(a, arrived(r.WithContext(ctx)))
	})
	select {
	case <-a.done:
	case <-r.Context().Done():
		if a.abandon() {
			return nil, r.Context().Err()
		}
		<-a.done
	}
	if a.failed != nil {
		return nil, a.failed
	}
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.sent,
		Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// wait returns when no call is under way.
func (t *transport) wait() { t.calls.Wait() }

// arrived is a client's request as a server sees it.
func arrived(r *http.Request) *http.Request {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if u, err := url.ParseRequestURI(in.RequestURI); err == nil {
		in.URL = u
	}
	in.Host = cmp.Or(r.Host, r.URL.Host)
	in.RemoteAddr = "127.0.0.1:0"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if r.ContentLength > 0 {
		in.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	return in
}

// answer is what a handler writes.
type answer struct {
	header, sent http.Header
	status       int // zero: none was written
	body         bytes.Buffer
	done         chan struct{} // closed when the handler has ended
	failed       error         // read after done
	cancel       context.CancelFunc

	mu        sync.Mutex // guards what follows
	taken     bool       // the caller will have it
	abandoned bool       // the caller has gone
}

var errGone = errors.New("the caller has gone")

// abandon ends the wait for an answer, unless it was flushed.
func (a *answer) abandon() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.abandoned = !a.taken
	return a.abandoned
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.sent = status, http.Header{}
		for name, values := range a.header { // as the wire has them
			a.sent[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// FlushError is what http.ResponseController calls: from here on the caller has the answer, or
// the handler knows that it has not.
func (a *answer) FlushError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.abandoned {
		return errGone
	}
	a.taken = true
	return nil
}

// withoutPrefix keeps the SDK from calling another host for synchronous executions, sync-HOST.
func withoutPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("HeddleOneHost", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.After)
}
