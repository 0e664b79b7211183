package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// heard is what one side was told, in order, each as "up b", "frame b text" or "down b".
type heard chan string

// want waits for the next thing that is told.
func (h heard) want(t *testing.T, want string) {
	t.Helper()
	if got := <-h; got != want {
		t.Fatalf("heard %q, want %q", got, want)
	}
}

func authority(t *testing.T) *Authority {
	t.Helper()
	kept, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenAuthority(kept, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// patiently is context.WithTimeout, but that what has been sent last may take as long as this machine needs.
func patiently(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == partMost {
		d = time.Minute
	}
	return context.WithTimeout(ctx, d)
}

func open(t *testing.T, member string, ca *Authority) (*Links, heard) {
	t.Helper()
	h := make(heard, 1000)
	l, err := Open(Config{
		Self: Peer{Member: member, Name: "node " + member, LevelFrom: 1, Level: 1}, Listen: "127.0.0.1:0", CA: ca, Now: time.Now, Within: patiently, Log: slog.New(slog.DiscardHandler),
	}, Events{
		Up:   func(p Peer) { h <- "up " + p.Member },
		Down: func(member string) { h <- "down " + member },
		Frame: func(member string, frame []byte) error {
			h <- fmt.Sprintf("frame %s %s", member, frame)
			if string(frame) == "unreadable" {
				return errors.New("it can't be read")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, h
}

func peer(member string, l *Links) Peer { return Peer{Member: member, Address: l.Addr().String()} }

func TestFramesGoBothWaysInOrder(t *testing.T) {
	ca := authority(t)
	a, hearsA := open(t, "a", ca)
	b, hearsB := open(t, "b", ca)
	a.Peers([]Peer{peer("b", b)})
	b.Peers([]Peer{peer("a", a)})
	hearsA.want(t, "up b")
	hearsB.want(t, "up a")
	send := func(from *Links, to, frame string) {
		t.Helper()
		if err := from.Send(to, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		send(a, "b", fmt.Sprint(i))
		send(b, "a", fmt.Sprint(-i))
	}
	large := strings.Repeat("x", 3<<20)
	send(a, "b", large)
	send(a, "c", "nobody")
	if err := a.Send("b", make([]byte, frameBytesMax+1)); err == nil {
		t.Error("a frame that nobody takes was sent")
	}
	for i := range 100 {
		hearsB.want(t, fmt.Sprintf("frame a %d", i))
		hearsA.want(t, fmt.Sprintf("frame b %d", -i))
	}
	hearsB.want(t, "frame a "+large)
	// One that can't be read ends the link, and there is another one.
	send(a, "b", "unreadable")
	hearsB.want(t, "frame a unreadable")
	hearsB.want(t, "down a")
	hearsA.want(t, "down b")
	hearsA.want(t, "up b")
	hearsB.want(t, "up a")
	a.Peers(nil)
	hearsA.want(t, "down b")
	hearsB.want(t, "down a")
	// They find each other again, and hear of the end.
	a.Peers([]Peer{peer("b", b)})
	hearsA.want(t, "up b")
	hearsB.want(t, "up a")
	b.Close()
	hearsB.want(t, "down a")
	hearsA.want(t, "down b")
}

// TestLastWords: what was sent before links are closed is heard before their end, also what could wait.
func TestLastWords(t *testing.T) {
	ca := authority(t)
	for range 20 {
		a, hearsA := open(t, "a", ca)
		b, hearsB := open(t, "b", ca)
		a.Peers([]Peer{peer("b", b)})
		hearsA.want(t, "up b")
		hearsB.want(t, "up a")
		var want []string
		for i := range 100 {
			frame := fmt.Sprint("word ", i)
			want = append(want, "frame a "+frame)
			send := a.Send
			if i%2 == 0 {
				send = a.SendLater
			}
			if err := send("b", []byte(frame)); err != nil {
				t.Fatal(err)
			}
		}
		a.Close()
		for _, w := range append(want, "down a") {
			hearsB.want(t, w)
		}
		b.Close()
	}
}

// TestSilence: who says nothing any more is taken for gone.
func TestSilence(t *testing.T) {
	ca := authority(t)
	a, hearsA := open(t, "a", ca)
	b, hearsB := open(t, "b", ca)
	// A wire between them that can be held.
	wire, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	go func() {
		in, err := wire.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			return
		}
		pass := func(to io.Writer, from io.Reader) {
			buffer := make([]byte, 1<<16)
			for {
				n, err := from.Read(buffer)
				select {
				case <-held:
					return
				default:
				}
				if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
					return
				}
			}
		}
		go pass(out, in)
		pass(in, out)
	}()
	t.Cleanup(func() { wire.Close() })
	a.Peers([]Peer{{Member: "b", Address: wire.Addr().String()}})
	hearsA.want(t, "up b")
	hearsB.want(t, "up a")
	close(held)
	hearsA.want(t, "down b")
	hearsB.want(t, "down a")
}

// TestStrangers: a certificate of another authority, or of another member, has no link.
func TestStrangers(t *testing.T) {
	ca := authority(t)
	a, hearsA := open(t, "a", ca)
	b, _ := open(t, "b", ca)
	other, hearsOther := open(t, "0", authority(t))
	other.Peers([]Peer{peer("a", a)})
	a.Peers([]Peer{{Member: "b", Address: other.Addr().String()}, {Member: "d", Address: b.Addr().String()}}) // they are not those
	c, hearsC := open(t, "c", ca)
	a.Peers([]Peer{peer("c", c)})
	hearsC.want(t, "up a")
	hearsA.want(t, "up c")
	if len(hearsOther) > 0 && <-hearsOther == "up a" {
		// TLS 1.3: it hears of its refusal with the first bytes.
		hearsOther.want(t, "down a")
	}
}
