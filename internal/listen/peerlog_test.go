package listen

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPeerLog counts what strangers make the server say.
func TestPeerLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newPeerLog(slog.New(slog.NewTextHandler(&out, nil)), time.Now)
		say := func(times int, text string) (said []string) {
			out.Reset()
			for i := range times {
				log.Printf(text, i)
			}
			for line := range strings.Lines(out.String()) {
				_, line, _ = strings.Cut(line, "msg=")
				said = append(said, strings.TrimSpace(line))
			}
			return said
		}
		want := func(got []string, want ...string) {
			t.Helper()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("said %q, want %q", got, want)
			}
		}
		const handshake, panics = "http: TLS handshake error from %d", "http: panic serving %d"
		want(say(100, handshake), `"http: TLS handshake error from 0"`)
		want(say(2, panics), `"http: panic serving 0"`) // another kind
		time.Sleep(complainEvery - 1)
		want(say(1, handshake))
		time.Sleep(time.Nanosecond)
		want(say(3, handshake), `"http: TLS handshake error from 0" left_out_before=100`)
		time.Sleep(complainEvery)
		want(say(1, panics), `"http: panic serving 0" left_out_before=1`)
		want(say(1, handshake), `"http: TLS handshake error from 0" left_out_before=2`)
		time.Sleep(complainEvery)
		want(say(1, handshake), `"http: TLS handshake error from 0"`)
	})
}

// TestStrangersAtTheDoor come without TLS, and the log says so once.
func TestStrangersAtTheDoor(t *testing.T) {
	var out bytes.Buffer
	cfg := secured(t)
	cfg.Log = slog.New(slog.NewTextHandler(&out, nil))
	s := start(t, cfg)
	for range 20 {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil { // until the server has closed it
			t.Log(err)
		}
		conn.Close()
	}
	if conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	s.stop()
	if n := strings.Count(out.String(), "TLS handshake error"); n != 1 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}
