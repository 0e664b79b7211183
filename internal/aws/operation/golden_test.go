package operation_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"heddle/internal/golden"
)

// TestGolden sends the request of each file in testdata over a connection and
// compares what comes back with the rest of the file. Line ends of the head are
// CRLF on the wire, and Content-Length is added.
func TestGolden(t *testing.T) {
	server := httptest.NewServer(newShop())
	defer server.Close()
	golden.Each(t, "testdata/*.http", func(t *testing.T, text string) string {
		const dashes = "\n----\n"
		request, _, _ := strings.Cut(text, dashes)
		return request + dashes + string(exchange(t, server.Listener.Addr().String(), []byte(request)))
	})
}

func exchange(t *testing.T, address string, request []byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head, body, _ := bytes.Cut(request, []byte("\n\n"))
	fmt.Fprintf(conn, "%s\r\nHost: shop\r\nContent-Length: %d\r\n\r\n%s", bytes.ReplaceAll(head, []byte("\n"), []byte("\r\n")), len(body), body)

	// The head is read by hand, to see the names of headers as they are written.
	r := bufio.NewReader(conn)
	var out bytes.Buffer
	status, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, strings.TrimSpace(status))
	headers := map[string]string{}
	length := -1
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			break
		}
		if name == "Content-Length" {
			fmt.Sscan(value, &length)
		}
		if name != "Date" {
			headers[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		fmt.Fprintf(&out, "%s: %s\n", name, headers[name])
	}
	fmt.Fprintln(&out)
	if _, err := io.CopyN(&out, r, int64(length)); err != nil {
		t.Fatalf("read %d bytes of body: %v", length, err)
	}
	fmt.Fprintln(&out)
	return out.Bytes()
}

// do serves one request without a connection.
func do(h http.Handler, operation, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "ShopService."+operation)
	h.ServeHTTP(w, r)
	return w
}
