package operation_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/awsjson"
	. "heddle/internal/aws/operation"
)

// streams is a protocol with one operation, which tells how long its body was.
type streams struct {
	*awsjson.Protocol
	mounted *Mounted
}

func (*streams) Name() string                   { return "streams" }
func (s *streams) Mount(m *Mounted)             { s.mounted = m }
func (s *streams) Find(*Call) (*Mounted, error) { return s.mounted, nil }

// TestStreams reads bodies as they come: what is longer than may be, and what is not what
// was promised, ends in a fault.
func TestStreams(t *testing.T) {
	digest := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	for _, c := range []struct{ what, body, promised, want string }{
		{"as promised", "hello", digest("hello"), "200 5"},
		{"nothing promised", "hello", "UNSIGNED-PAYLOAD", "200 5"},
		{"something else", "hello", digest("hellO"), "400 InvalidSignatureException"},
		{"no digest", "hello", strings.Repeat("z", 64), "400 InvalidSignatureException"},
		{"too long", strings.Repeat("x", 11), "UNSIGNED-PAYLOAD", "413 RequestEntityTooLargeException"},
		{"broken", "", "", "400 SerializationException"},
	} {
		p := &streams{Protocol: awsjson.New()}
		h := New(Config{
			Authenticator: Anyone{Account: "1", Region: "r"}, Log: slog.New(slog.DiscardHandler),
			Random: func() [16]byte { return [16]byte{} }, Now: time.Now,
		}, p)
		h.Mount(&API{Operations: []Operation{{
			Name: "Put", Protocol: "streams", Options: Options{BodyMax: 10, Streams: true},
			Decode:  func(c *Call) (any, error) { return c.Stream, nil },
			Subject: func(context.Context, any) (Subject, error) { return Free{}, nil },
			Handle:  func(_ context.Context, in any) (any, error) { return io.Copy(io.Discard, in.(io.Reader)) },
			Encode:  func(out any, a *Answer) { a.Body = fmt.Append(a.Body, out) },
		}}})
		r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(c.body)))
		r.ContentLength = -1
		r.Header.Set("X-Amz-Content-Sha256", c.promised)
		if c.what == "broken" {
			r.Body = io.NopCloser(brokenReader{})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := fmt.Sprint(w.Code, " ", w.Body)
		if !strings.HasPrefix(c.want, "200") {
			code, _, _ := strings.Cut(w.Body.String(), `","`)
			got = fmt.Sprint(w.Code, " ", code[strings.LastIndexByte(code, '#')+1:])
		}
		if strings.Trim(got, `"}`) != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}
