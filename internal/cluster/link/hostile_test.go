package link

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// as connects with links as a member would, with no code of theirs.
func as(t *testing.T, member string, ca *Authority, to *Links, toMember string) *tls.Conn {
	t.Helper()
	certificate, err := ca.issue(member, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", to.Addr().String(), &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, RootCAs: ca.pool, ServerName: toMember,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ends reads until the other side has ended a connection.
func ends(c net.Conn) {
	buffer := make([]byte, 1<<10)
	for {
		if _, err := c.Read(buffer); err != nil {
			return
		}
	}
}

// TestLengths: a length that no frame has ends the link before memory is taken for it.
func TestLengths(t *testing.T) {
	ca := authority(t)
	b, hears := open(t, "b", ca)
	c := as(t, "a", ca, b, "b")
	hears.want(t, "up a")
	frame := append(binary.BigEndian.AppendUint32(nil, 4), "good"...)
	if _, err := c.Write(binary.BigEndian.AppendUint32(frame, 1<<32-1)); err != nil {
		t.Fatal(err)
	}
	hears.want(t, "frame a good")
	hears.want(t, "down a")
	ends(c)
}

// TestGarbage: who speaks no TLS, says nothing, or shows no certificate of the cluster is
// never a member, and members are heard meanwhile.
func TestGarbage(t *testing.T) {
	ca := authority(t)
	b, hears := open(t, "b", ca)
	var strangers []net.Conn
	for _, says := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "\x00\x00\x00\x04ping"} {
		c, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(says)); err != nil {
			t.Fatal(err)
		}
		strangers = append(strangers, c)
	}
	bare, err := tls.Dial("tcp", b.Addr().String(), &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: ca.pool, ServerName: "b"})
	if err == nil { // it hears of its refusal with the first bytes
		strangers = append(strangers, bare)
	}
	c := as(t, "a", ca, b, "b")
	hears.want(t, "up a")
	for _, s := range strangers {
		ends(s)
	}
	c.Close()
	hears.want(t, "down a")
	if len(hears) > 0 {
		t.Errorf("a stranger was heard: %s", <-hears)
	}
}

// TestSlowReader: who never reads ends its own link, and Send never waits for it.
func TestSlowReader(t *testing.T) {
	ca := authority(t)
	b, hears := open(t, "b", ca)
	as(t, "a", ca, b, "b")
	hears.want(t, "up a")
	frame := make([]byte, 1<<20)
	for range queueBytesMax>>20 + 80 { // more than the queue and the kernel hold
		b.Send("a", frame)
	}
	hears.want(t, "down a")
}

// TestConnectedAnew: a member that connects again has one link, and its old one ends first.
func TestConnectedAnew(t *testing.T) {
	ca := authority(t)
	b, hears := open(t, "b", ca)
	first := as(t, "a", ca, b, "b")
	hears.want(t, "up a")
	second := as(t, "a", ca, b, "b")
	hears.want(t, "down a")
	hears.want(t, "up a")
	ends(first)
	if _, err := second.Write(append(binary.BigEndian.AppendUint32(nil, 3), "new"...)); err != nil {
		t.Fatal(err)
	}
	hears.want(t, "frame a new")
}

// TestAddressChanges: a member that is said to be elsewhere is looked for there.
func TestAddressChanges(t *testing.T) {
	ca := authority(t)
	a, hears := open(t, "a", ca)
	b, _ := open(t, "b", ca)
	c, hearsC := open(t, "c", ca)
	a.Peers([]Peer{peer("c", b)}) // whoever answers there is not c
	a.Peers([]Peer{peer("c", c)})
	hearsC.want(t, "up a")
	hears.want(t, "up c")
	a.Peers([]Peer{peer("c", b)})
	hearsC.want(t, "down a")
	hears.want(t, "down c")
}
