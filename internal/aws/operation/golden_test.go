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
	"net/url"
	"slices"
	"strings"
	"testing"

	"heddle/test/golden"
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

// call serves one request without a connection.
func call(h http.Handler, operation, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(operation, strings.NewReader(body)))
	return w
}

// request is one of the shop.
func request(operation string, body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.Header.Set("X-Amz-Target", "ShopService."+operation)
	return r
}

// query serves one request of the query protocol.
func query(h http.Handler, action, domain, do string) *httptest.ResponseRecorder {
	form := url.Values{"Version": {"2020-02-02"}, "Action": {action}, "Domain": {domain}, "Do": {do}, "Text": {"tea"}}
	r := httptest.NewRequest("POST", "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
