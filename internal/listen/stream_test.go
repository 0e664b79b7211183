package listen

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestStreams: of what streams nothing is held, however long it is, and each piece has a
// time of its own.
func TestStreams(t *testing.T) {
	const size = 5 << 20
	for _, streams := range []bool{true, false} {
		cfg := plain()
		cfg.Timeouts.Body, cfg.Timeouts.Answer = time.Hour, time.Hour
		var late atomic.Bool // from then on all new times are over
		cfg.Clock.Now = func() time.Time {
			if late.Load() {
				return clock.Now().Add(-2 * time.Hour)
			}
			return clock.Now()
		}
		var most atomic.Int64
		var s *serving
		s = startWith(t, cfg, func(w http.ResponseWriter, r *http.Request) {
			if streams {
				Streams(r.Context())
			}
			if r.Method == "GET" {
				_, _ = io.Copy(w, io.LimitReader(&repeated{"some text"}, 1<<10))
				late.Store(r.URL.Path == "/late")
				_, err := io.Copy(w, io.LimitReader(&repeated{"some text"}, size))
				late.Store(false)
				if (err != nil) != (streams && r.URL.Path == "/late") {
					t.Errorf("streams %v, %s: written, %v", streams, r.URL.Path, err)
				}
				return
			}
			late.Store(r.URL.Path == "/late")
			defer late.Store(false)
			b := make([]byte, 32<<10)
			n := int64(0)
			for {
				read, err := r.Body.Read(b)
				n += int64(read)
				most.Store(max(most.Load(), s.Counts().RequestBytes))
				if err != nil {
					late.Store(false)
					if err != io.EOF {
						w.WriteHeader(http.StatusTooManyRequests)
					}
					_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
					return
				}
			}
		})
		client := http.Client{Transport: &http.Transport{}}
		put := func(path string, size int64) (int, string) {
			r, err := http.NewRequest("PUT", s.URL()+path, io.LimitReader(&repeated{"some text"}, size))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(r)
			if err != nil {
				return 0, ""
			}
			defer answer.Body.Close()
			b, _ := io.ReadAll(answer.Body)
			return answer.StatusCode, string(b)
		}
		status, n := put("/", size)
		if ok := status == 200 && n == strconv.Itoa(size); ok != streams {
			t.Errorf("streams %v: %d, %s bytes were read", streams, status, n)
		}
		if streams && most.Load() > 1<<10 {
			t.Errorf("%d bytes were held", most.Load())
		}
		// A piece that comes renews the time; what does not stream has one.
		if status, n := put("/late", 512<<10); (status == 200 && n == strconv.Itoa(512<<10)) == streams {
			t.Errorf("streams %v, late: %d, %s bytes were read", streams, status, n)
		}
		for _, path := range []string{"/", "/late"} {
			answer, err := client.Get(s.URL() + path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if want := path == "/" || !streams; (err == nil && len(b) == 1<<10+size) != want || !strings.HasPrefix(string(b), "some text") {
				t.Errorf("streams %v, %s: %d bytes, %v", streams, path, len(b), err)
			}
		}
		client.CloseIdleConnections()
		s.stop()
	}
}

// TestAnsweredBeforeTheBody: whoever is answered before their body was read, small or large,
// loses the connection, and none of what they ask next is taken for given up.
func TestAnsweredBeforeTheBody(t *testing.T) {
	s := startWith(t, plain(), func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = r.Body.Read(make([]byte, 1))
			w.WriteHeader(http.StatusForbidden)
			return
		}
		time.Sleep(time.Millisecond) // what net/http reads beside us comes to its end
		if err := r.Context().Err(); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	client := http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	for _, size := range []int{2, 4 << 10, 80 << 10, 200 << 10, 1 << 20} {
		for range 20 {
			refused, err := client.Post(s.URL(), "text/plain", strings.NewReader(strings.Repeat("x", size)))
			if err != nil {
				continue // it broke off while it was sent
			}
			_ = refused.Body.Close()
			if refused.StatusCode != http.StatusForbidden || !refused.Close {
				t.Errorf("a body of %d: status %d, the connection ends: %v", size, refused.StatusCode, refused.Close)
			}
			next, err := client.Get(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			_ = next.Body.Close()
			if next.StatusCode != http.StatusOK {
				t.Errorf("after a body of %d: status %d", size, next.StatusCode)
			}
		}
	}
}
