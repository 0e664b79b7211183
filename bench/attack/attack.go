// Package attack has what hostile clients do to a server, for tests that hold a whole one
// against them: many raw connections, from as many addresses of the loopback as are
// wanted, that send heads without bodies, heads and bodies slowly, or read nothing of
// what they are answered.
package attack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Addresses are n addresses of the loopback, each of which is a client of its own.
func Addresses(n int) (all []net.IP) {
	for i := range n {
		all = append(all, net.IPv4(127, 0, 1+byte(i/250), 1+byte(i%250)))
	}
	return all
}

// Dial connects from an address. Sockets hold little of a narrow connection: neither what
// nobody reads, nor what nobody has acknowledged.
func Dial(ctx context.Context, from net.IP, to string, narrow bool) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	if narrow {
		d.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10)
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)
			})
		}
	}
	return d.DialContext(ctx, "tcp", to)
}

// Request is a call of SWF as it is sent.
type Request struct {
	Host, Action, Body string
	// KeyID signs with a signature that looks like one, and is none; Key with a true one.
	KeyID string
	Key   aws.Credentials
	Now   time.Time
	// Padding is how many bytes a header of no use has.
	Padding int
}

// Bytes are the head and the body.
func (r Request) Bytes() (head, body []byte) {
	q, err := http.NewRequest(http.MethodPost, "http://"+r.Host+"/", strings.NewReader(r.Body))
	if err != nil {
		panic(err) // of a host that is none
	}
	q.Header.Set("X-Amz-Target", "SimpleWorkflowService."+r.Action)
	q.Header.Set("Content-Type", "application/x-amz-json-1.0")
	now := r.Now.UTC()
	switch {
	case r.Key.AccessKeyID != "":
		digest := sha256.Sum256([]byte(r.Body))
		if err := v4.NewSigner().SignHTTP(context.Background(), r.Key, q, hex.EncodeToString(digest[:]), "swf", "us-east-1", now); err != nil {
			panic(err) // it needs nothing that could be missing
		}
	case r.KeyID != "":
		q.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
		q.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+r.KeyID+"/"+now.Format("20060102")+
			"/us-east-1/swf/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0", 64))
	}
	if r.Padding > 0 {
		q.Header.Set("Padding", strings.Repeat("x", r.Padding))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %s\r\n", r.Host, strconv.Itoa(len(r.Body)))
	_ = q.Header.Write(&b) // a buffer takes all
	b.WriteString("\r\n")
	return b.Bytes(), []byte(r.Body)
}

// Crowd are connections that stay until the server ends them.
type Crowd struct {
	ctx   context.Context
	leave context.CancelFunc
	work  sync.WaitGroup

	Opened, Ended, Failed atomic.Int64 // connections, those that the server ended, those that did not come about
	Answered              atomic.Int64 // those on which the server said something
}

// Member is what one connection of a crowd does.
type Member struct {
	Send   []byte        // at once
	Then   []byte        // a byte after each pause
	Pause  time.Duration // 0: nothing follows
	Deaf   bool          // reads nothing
	Narrow bool          // see Dial
}

// Gather has n connections come from some addresses in turn. It returns when all have
// been tried.
func Gather(ctx context.Context, to string, from []net.IP, n int, m Member) *Crowd {
	c := &Crowd{}
	c.ctx, c.leave = context.WithCancel(ctx)
	var tried sync.WaitGroup
	slots := make(chan struct{}, 100)
	for i := range n {
		slots <- struct{}{}
		tried.Add(1)
		c.work.Go(func() {
			conn, err := Dial(c.ctx, from[i%len(from)], to, m.Narrow)
			if err == nil {
				c.Opened.Add(1)
				_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
				_, _ = conn.Write(m.Send) // whoever is refused early may not get to the end
			} else {
				c.Failed.Add(1)
			}
			<-slots
			tried.Done()
			if conn != nil {
				c.stay(conn, m)
			}
		})
	}
	tried.Wait()
	return c
}

// stay keeps a connection until it ends, or the crowd leaves.
func (c *Crowd) stay(conn net.Conn, m Member) {
	defer conn.Close()
	stop := context.AfterFunc(c.ctx, func() { conn.Close() })
	defer stop()
	if m.Pause > 0 {
		c.work.Go(func() {
			ticks := time.NewTicker(m.Pause)
			defer ticks.Stop()
			for _, b := range m.Then {
				select {
				case <-ticks.C:
				case <-c.ctx.Done():
					return
				}
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
			}
		})
	}
	if m.Deaf {
		<-c.ctx.Done()
		return
	}
	n, _ := io.Copy(io.Discard, conn)
	if n > 0 {
		c.Answered.Add(1)
	}
	if c.ctx.Err() == nil {
		c.Ended.Add(1)
	}
}

// Leave ends what is left of the crowd.
func (c *Crowd) Leave() {
	c.leave()
	c.work.Wait()
}
