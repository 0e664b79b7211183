package link

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// as connects with links as a member would, and says its hello, with no code of theirs.
func as(t *testing.T, member string, ca *Authority, to *Links, toMember string) *tls.Conn {
	t.Helper()
	c := shows(t, member, ca, to, toMember)
	says(t, c, `{"Name":"x","From":1,"To":3,"Later":[1]}`)
	return c
}

// says sends a frame.
func says(t *testing.T, c net.Conn, frame string) {
	t.Helper()
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)); err != nil {
		t.Fatal(err)
	}
}

// shows connects with links, with the certificate of a member, and says nothing.
func shows(t *testing.T, member string, ca *Authority, to *Links, toMember string) *tls.Conn {
	t.Helper()
	certificate, err := ca.issue(member, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", to.Addr().String(), &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, RootCAs: ca.pool, ServerName: toMember, NextProtos: []string{protocol},
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
		if err := b.Send("a", frame); err != nil {
			t.Fatal(err)
		}
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
	says(t, second, "new")
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

// TestHello: who speaks only levels that this side does not, or says none, has no link.
func TestHello(t *testing.T) {
	ca := authority(t)
	b, hears := open(t, "b", ca)
	for _, said := range []string{`{"Name":"x","From":2,"To":3}`, `{"Name":"x"}`, `[]`, "ping"} {
		c := shows(t, "a", ca, b, "b")
		says(t, c, said)
		ends(c)
	}
	ends(shows(t, "a", ca, b, "b")) // it says nothing for a while
	as(t, "a", ca, b, "b")
	hears.want(t, "up a")
}

// TestStrangersAreBounded: connections that never show who they are crowd out each other, of
// the address that has most of them, and a member is heard meanwhile.
func TestStrangersAreBounded(t *testing.T) {
	var s strangers
	at := func(address string) net.Conn { return &nowhere{address: address} }
	first := s.greet(at("10.0.0.1:1")) // alone of its address
	other := s.greet(at("[fd00::1]:1"))
	var crowd []*stranger
	for range strangersMax + 50 {
		crowd = append(crowd, s.greet(at("10.0.0.2:1")))
	}
	if s.count != strangersMax || gone(first) || gone(other) {
		t.Errorf("%d strangers, and others than the crowd are gone: %v, %v", s.count, gone(first), gone(other))
	}
	for i, one := range crowd {
		if gone(one) != (i < 52) {
			t.Fatalf("number %d of the crowd: gone is %v", i, gone(one))
		}
		s.goodbye(one)
	}
	s.goodbye(first)
	for i := range strangersMax { // of one network, as somebody has who has one address of IPv6
		s.greet(at(fmt.Sprintf("[fd00::%x]:1", i+1)))
	}
	if s.count != strangersMax || !gone(other) || len(s.from) != 1 {
		t.Errorf("%d strangers of %d addresses", s.count, len(s.from))
	}
	chatter := s.greet(at("10.0.0.3:1"))
	if n, err := io.Copy(io.Discard, chatter); n != strangerBytesMax || err != errTalks {
		t.Errorf("%d bytes of a stranger were read: %v", n, err)
	}
	chatter.known()
	if _, err := io.CopyN(io.Discard, chatter, 1<<20); err != nil {
		t.Error(err)
	}
}

// nowhere is a connection that says zeros.
type nowhere struct {
	net.Conn
	address string
	closed  bool
}

func gone(s *stranger) bool { return s.Conn.(*nowhere).closed }
func (n *nowhere) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(n.address))
}
func (n *nowhere) Read(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) Close() error               { n.closed = true; return nil }
