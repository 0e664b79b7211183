package operation_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestGolden sends the request of each file in testdata over a connection and
// compares what comes back with the rest of the file. Line ends of the head are
// CRLF on the wire, and Content-Length is added.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	server := httptest.NewServer(newShop())
	defer server.Close()
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".http"), func(t *testing.T) {
			file, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			request, want, _ := bytes.Cut(file, []byte("\n----\n"))
			got := exchange(t, server.Listener.Addr().String(), request)
			if *rewrite {
				if err := os.WriteFile(name, slices.Concat(request, []byte("\n----\n"), got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
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
