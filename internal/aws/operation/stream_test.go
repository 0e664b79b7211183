package operation_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/fault"
	. "heddle/internal/aws/operation"
)

// taker is a Handler whose one operation takes a stream, and what came of it.
type taker struct {
	*openShop
	n   int64
	err error
}

func newTaker(max int64) *taker {
	t := &taker{openShop: newShop()}
	api := &API{Service: "shop", Model: Model{TargetPrefix: "Stream"}, Operations: []Operation{{
		Name: "Take", Protocol: awsjson.Name, Options: Apply([]Option{WithBodyMax(max), func(o *Options) { o.Streams = true }}),
		Decode:  func(c *Call) (any, error) { return c.Stream, nil },
		Subject: func(context.Context, any) (Subject, error) { return Free{}, nil },
		Handle: func(_ context.Context, in any) (any, error) {
			t.n, t.err = io.Copy(io.Discard, in.(io.Reader))
			if _, again := in.(io.Reader).Read(make([]byte, 1)); t.err != nil && again != t.err {
				return nil, fmt.Errorf("then %w", again)
			}
			return nil, t.err
		},
	}}}
	t.Mount(api)
	return t
}

// take sends a body of which length is said, or -1.
func (t *taker) take(body io.Reader, length int64, promise string) *httptest.ResponseRecorder {
	r := request("", body)
	r.Header.Set("X-Amz-Target", "Stream.Take")
	if promise != "" {
		r.Header.Set("X-Amz-Content-Sha256", promise)
	}
	r.ContentLength = length
	w := httptest.NewRecorder()
	t.ServeHTTP(w, r)
	return w
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestStream(t *testing.T) {
	const max = 100
	text := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name    string
		body    io.Reader
		length  int64
		promise string
		n       int64 // bytes that the handler got
		kind    fault.Kind
		status  int
		closes  bool // the handler never heard of it
	}{
		{"no promise", strings.NewReader(text(100)), 100, "", 100, 0, 200, false},
		{"unsigned", strings.NewReader(text(100)), -1, "UNSIGNED-PAYLOAD", 100, 0, 200, false},
		{"kept promise", strings.NewReader(text(100)), 100, digest(text(100)), 100, 0, 200, false},
		{"nothing", strings.NewReader(""), 0, digest(""), 0, 0, 200, false},
		{"another body", strings.NewReader(text(99)), 99, digest(text(100)), 99, fault.BadSignature, 400, false},
		{"nothing of it", strings.NewReader(""), 0, digest(text(100)), 0, fault.BadSignature, 400, false},
		{"no digest", strings.NewReader(text(1)), 1, strings.Repeat("z", 64), 0, 0, 400, true},
		{"says that it is too long", strings.NewReader(text(101)), 101, "", 0, 0, 413, true},
		{"is too long", strings.NewReader(text(101)), -1, "", max, fault.TooLarge, 413, false},
		{"is far too long", bytes.NewReader(make([]byte, 1<<20)), -1, digest(text(100)), max, fault.TooLarge, 413, false},
		{"breaks", io.MultiReader(strings.NewReader(text(10)), brokenReader{}), 100, "", 10, fault.BrokenBody, 400, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			taker := newTaker(max)
			w := taker.take(c.body, c.length, c.promise)
			if w.Code != c.status || taker.n != c.n || taker.logged() != nil {
				t.Errorf("got %d %s after %d bytes, logged %v", w.Code, w.Body, taker.n, taker.logged())
			}
			f, _ := errors.AsType[*fault.Fault](taker.err)
			if (f == nil) != (c.kind == 0) || f != nil && f.Kind != c.kind {
				t.Errorf("the handler got %v", taker.err)
			}
			if closes := w.Header().Get("Connection") == "close"; closes != c.closes {
				t.Errorf("the connection closes: %t", closes)
			}
		})
	}
}

// endless are zeros.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestStreamIsNeverWholeInMemory(t *testing.T) {
	const size = 64 << 20
	h := sha256.New()
	_, _ = io.CopyN(h, endless{}, size)
	taker := newTaker(size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := taker.take(io.LimitReader(endless{}, size), size, hex.EncodeToString(h.Sum(nil)))
	runtime.ReadMemStats(&after)
	if w.Code != 200 || taker.n != size {
		t.Errorf("got %d %s after %d bytes", w.Code, w.Body, taker.n)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated for %d", n, size)
	}
}
