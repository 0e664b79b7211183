package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"heddle/internal/listen"
)

// headOf is a request without its body, as it goes over the wire.
func (h *harness) headOf(k *knock) string {
	h.t.Helper()
	var b bytes.Buffer
	if err := h.request(k).Write(&b); err != nil {
		h.t.Fatal(err)
	}
	head, _, _ := strings.Cut(b.String(), "\r\n\r\n")
	return head + "\r\n\r\n"
}

// TestStrangersTakeNoPlaces has all the places of requests wanted by heads without bodies,
// signed or not: strangers are refused by the head alone, and those who name a key take no
// place until they have shown that they have it.
func TestStrangersTakeNoPlaces(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second, RequestsMax: 4}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	stranger := aws.Credentials{AccessKeyID: "AKIASTRANGER", SecretAccessKey: "x"}
	thief := aws.Credentials{AccessKeyID: h.root.AccessKeyID, SecretAccessKey: "x"}
	unsigned := func(k *knock) *knock {
		k.change = func(r *http.Request) { r.Header.Del("Authorization") }
		return k
	}
	old := func(k *knock) *knock {
		k.at = time.Now().Add(-time.Hour)
		return k
	}
	for _, c := range []struct {
		name string
		k    *knock
		want string // the answer to the head alone; empty: the body is waited for
	}{
		{"SWF, unsigned", unsigned(h.swf(h.root, "ListDomains", listDomains)), "MissingAuthenticationTokenException"},
		{"IAM, unsigned", unsigned(h.iam(h.root, "ListUsers")), "MissingAuthenticationToken"},
		{"SWF, unknown key", h.swf(stranger, "ListDomains", listDomains), "UnrecognizedClientException"},
		{"IAM, unknown key", h.iam(stranger, "ListUsers"), "InvalidClientTokenId"},
		{"SWF, old", old(h.swf(h.root, "ListDomains", listDomains)), "InvalidSignatureException"},
		{"IAM, old", old(h.iam(h.root, "ListUsers")), "SignatureDoesNotMatch"},
		{"no action", h.swf(h.root, "StealDomains", listDomains), "UnknownOperationException"},
		{"SWF, known key", h.swf(thief, "ListDomains", listDomains), ""},
		{"IAM, known key", h.iam(thief, "ListUsers"), ""},
	} {
		head := h.headOf(c.k)
		var crowd []net.Conn
		for i := range 20 {
			conn := dialFrom(t, []string{alice, bob}[i%2], s.Addr())
			put(t, conn, head)
			crowd = append(crowd, conn)
		}
		for range 5 {
			if got := h.must(h.swf(h.root, "ListDomains", listDomains)); got == "" {
				t.Errorf("%s: the owner got %s", c.name, got)
			}
			h.must(h.iam(h.root, "ListUsers"))
		}
		if n := s.requests.Taken(); n != 0 {
			t.Errorf("%s: %d places are taken", c.name, n)
		}
		if n := s.door.Counts().Coming; c.want == "" && n > cfg.RequestsMax*4 {
			t.Errorf("%s: %d are waited for", c.name, n)
		}
		for i, conn := range crowd {
			if c.want == "" {
				conn.Close()
				continue
			}
			if got := answerOn(t, conn); !strings.Contains(got, c.want) {
				t.Errorf("%s, connection %d: %s", c.name, i, got)
			}
			wantCut(t, conn)
		}
	}
}

// TestKeysThatGoWhileABodyComes: what a head was recognised by counts no more if it has
// gone by the time the body has come.
func TestKeysThatGoWhileABodyComes(t *testing.T) {
	h := newHarness(t)
	key := h.user("leaver", allow("swf:*", "*"))
	k := h.swf(key, "ListDomains", listDomains)
	conn := dialFrom(t, alice, h.Addr())
	put(t, conn, h.headOf(k)+k.body[:5])
	waitUntil(t, "the body is coming", func() bool { return h.door.Counts().Coming == 1 })
	h.must(h.iam(h.root, "UpdateAccessKey", "UserName", "leaver", "AccessKeyId", key.AccessKeyID, "Status", "Inactive"))
	put(t, conn, k.body[5:])
	if got := answerOn(t, conn); !strings.Contains(got, "UnrecognizedClientException") {
		t.Error(got)
	}
}

// TestOldSigners: signers of the first years send X-Amz-Content-Sha256 and do not sign it.
// The body counts, whatever the header says.
func TestOldSigners(t *testing.T) {
	h := newHarness(t)
	for _, said := range []string{"", "UNSIGNED-PAYLOAD", strings.Repeat("0", 64)} {
		k := h.swf(h.root, "ListDomains", listDomains)
		k.change = func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", said) }
		h.must(k)
		k.change = func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", said)
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(listDomains, "REGISTERED", "DEPRECATED", 1)))
		}
		h.refused("InvalidSignatureException", k)
	}
}

// TestWhatGivesWayIsToldToComeAgain: a request that had to give way to others is refused in
// words at which SDKs repeat it.
func TestWhatGivesWayIsToldToComeAgain(t *testing.T) {
	cfg := impatient(func(c *listen.Timeouts) { c.Spare = time.Millisecond })
	cfg.RequestsMax = 4 // two of one client
	s := start(t, cfg)
	var conns []net.Conn
	for i := range 6 {
		conn := dialFrom(t, alice, s.Addr())
		put(t, conn, wireRequest("ListDomains", listDomains, len(listDomains))) // the head alone: all are as slow
		conns = append(conns, conn)
		if i >= 2 { // the oldest gives way to it, and only then the next one comes
			if got := answerOn(t, conns[i-2]); got != throttled {
				t.Error(i-2, got)
			}
		}
		waitUntil(t, "it is waited for", func() bool { return s.door.Counts().Coming == min(i+1, 2) })
		came := time.Now()
		waitUntil(t, "it is old enough to be slow", func() bool { return time.Since(came) > 2*cfg.Timeouts.Spare })
	}
}

// TestStopsWithoutBodies: requests of which only the head has come do not keep a server.
func TestStopsWithoutBodies(t *testing.T) {
	for _, protocol := range protocols[:2] {
		s := startFor(t, protocol, impatient(func(c *listen.Timeouts) { c.Header, c.Body = time.Hour, time.Hour }))
		for i := range 10 {
			conn := dialFrom(t, fmt.Sprintf("127.0.0.%d", 2+i%3), s.Addr())
			put(t, conn, wireRequest("ListDomains", listDomains, len(listDomains)))
		}
		if protocol == protocols[0] {
			waitUntil(t, "they are there", func() bool { return s.door.Counts().Coming == 10 })
		}
		closeServer(t, s) // which would else take the hour
	}
}
