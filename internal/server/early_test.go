package server

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"heddle/internal/swf/wire"
)

// TestRefusedEarly sends a body that is too large, of which the server reads little:
// the answer comes while it is being sent, and the rest can still be sent. So a
// client that reads no answer before it has sent all gets it, whatever it sends.
func TestRefusedEarly(t *testing.T) {
	const bodyLen = 16 << 20
	for _, protocol := range []string{"HTTP/1.1", "HTTP/1.1 with TLS"} {
		s := startFor(t, protocol, memory())
		for name, header := range map[string]string{
			"JSON":  "X-Amz-Target: " + wire.TargetPrefix + ".ListDomains\r\nContent-Type: application/x-amz-json-1.0",
			"query": "Content-Type: application/x-www-form-urlencoded",
		} {
			t.Run(protocol+", "+name, func(t *testing.T) {
				t.Parallel()
				conn, err := net.Dial("tcp", s.Addr())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if strings.HasSuffix(protocol, "TLS") {
					conn = tls.Client(conn, &tls.Config{RootCAs: trustOf(t, s), ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}})
				}
				if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n", s.Addr(), header, bodyLen)
				part := strings.Repeat("x", 1<<20)
				if _, err := io.WriteString(conn, head+"Action="+part[:64<<10]); err != nil {
					t.Fatal(err)
				}
				answers := bufio.NewReader(conn)
				if name == "query" { // is refused when its bound is passed
					go func() { _, _ = io.WriteString(conn, part) }()
				}
				w, err := http.ReadResponse(answers, nil)
				if err != nil || w.StatusCode != http.StatusRequestEntityTooLarge {
					t.Fatalf("%+v, %v", w, err)
				}
				if body, err := io.ReadAll(w.Body); err != nil || !strings.Contains(string(body), "RequestEntityTooLarge") {
					t.Errorf("%s, %v", body, err)
				}
				if n, err := answers.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
					t.Errorf("after the answer: %v, want an end", err)
				}
				for range 8 {
					if _, err := io.WriteString(conn, part); err != nil {
						t.Fatalf("the rest: %v", err)
					}
				}
			})
		}
	}
}
