package link

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted counts what is written to a connection.
type counted struct {
	net.Conn
	writes atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// TestFramesShareWrites: what is sent after a while of silence goes at once, what comes within gatherFor of a write goes together,
// and what can wait does so for others, for laterMost at most. All of it comes in order.
func TestFramesShareWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := authority(t)
		came := make(chan string, 10_000)
		side := func(member string, frame func(string, []byte) error) *Links {
			l, err := newLinks(Config{
				Self: Peer{Member: member, Name: member, LevelFrom: 1, Level: 1}, CA: ca, Now: time.Now, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
			}, Events{Up: func(Peer) {}, Down: func(string) {}, Frame: frame})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		a := side("a", nil)
		b := side("b", func(_ string, frame []byte) error {
			came <- string(frame)
			return nil
		})
		one, other := net.Pipe()
		way := &counted{Conn: one}
		config := a.tls.Clone()
		config.ServerName = "b"
		a.work.Go(func() { _ = a.serve(tls.Client(way, config), "b") })
		b.work.Go(func() { _ = b.serve(tls.Server(other, b.tls), "a") })
		time.Sleep(time.Second)
		synctest.Wait()

		sent := 0
		send := func(by func(string, []byte) error) {
			t.Helper()
			if err := by("b", fmt.Append(nil, sent)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		heard := 0
		all := func(what string) {
			t.Helper()
			for ; heard < sent; heard++ {
				select {
				case got := <-came:
					if got != fmt.Sprint(heard) {
						t.Fatalf("%s: frame %s comes in place of %d", what, got, heard)
					}
				default:
					t.Fatalf("%s: %d of %d frames have come", what, heard, sent)
				}
			}
		}

		send(a.Send)
		synctest.Wait()
		all("at once")

		const each, frames = 100 * time.Microsecond, 1000
		before := way.writes.Load()
		for range frames {
			send(a.Send)
			time.Sleep(each)
		}
		time.Sleep(gatherFor)
		synctest.Wait()
		all("within gatherFor")
		if writes, most := way.writes.Load()-before, int64(frames*each/gatherFor)+2; writes > most {
			t.Errorf("%d frames took %d writes, want %d at most", frames, writes, most)
		}

		before = way.writes.Load()
		for range 10 {
			send(a.SendLater)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if len(came) > 0 {
			t.Errorf("%d frames that can wait did not", len(came))
		}
		send(a.Send)
		synctest.Wait()
		all("with one that can't wait")
		send(a.SendLater)
		time.Sleep(laterMost)
		synctest.Wait()
		all("after laterMost")
		if writes := way.writes.Load() - before; writes > 3 { // a ping may be among them
			t.Errorf("12 frames that could wait took %d writes", writes)
		}

		// It is never silent for long.
		before = way.writes.Load()
		time.Sleep(10 * pingEvery)
		if writes := way.writes.Load() - before; writes < 9 || writes > 11 {
			t.Errorf("%d pings in %v", writes, 10*pingEvery)
		}
		a.end()
		b.end()
		a.work.Wait()
		b.work.Wait()
	})
}

// TestStrayLinksEnd: a link with whom a look at the members does not show ends, though that one began it. Whoever is a
// member after all connects again.
func TestStrayLinksEnd(t *testing.T) {
	ca := authority(t)
	a, hearsA := open(t, "a", ca)
	b, hearsB := open(t, "b", ca)
	a.Peers([]Peer{peer("b", b)})
	hearsA.want(t, "up b")
	hearsB.want(t, "up a")
	b.Peers(nil)
	hearsB.want(t, "down a")
	hearsA.want(t, "down b")
	hearsB.want(t, "up a")
	hearsA.want(t, "up b")
	b.Peers([]Peer{peer("a", a)})
	if err := a.Send("b", []byte("still there")); err != nil {
		t.Fatal(err)
	}
	hearsB.want(t, "frame a still there")
}
