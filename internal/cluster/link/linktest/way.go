// Package linktest has ways between processes, for tests and benchmarks: of a cluster's servers to each other, and to
// PostgreSQL.
package linktest

import (
	"net"
	"sync"
	"time"
)

// Way is a way to a server that can be cut, in one direction or both, and made slow. Who is cut
// off hears nothing: no connection is refused or closed.
type Way struct {
	listener net.Listener
	to       string

	mu       sync.Mutex // guards the fields below
	news     *sync.Cond
	cut      [2]bool           // what goes there; what comes back
	latency  time.Duration     // of each direction
	conns    map[net.Conn]bool // both ends of all
	isClosed bool
}

// Directions, from who connects.
const (
	There = iota
	Back
)

// NewWay makes one to an address; its own is of the loopback.
func NewWay(to string) (*Way, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Way{listener: l, to: to, conns: map[net.Conn]bool{}}
	p.news = sync.NewCond(&p.mu)
	go p.accept()
	return p, nil
}

// Addr is where it begins.
func (p *Way) Addr() string { return p.listener.Addr().String() }

func (p *Way) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			p.pass(There)
			out, err := net.Dial("tcp", p.to)
			if err != nil {
				in.Close()
				return
			}
			p.mu.Lock()
			if p.isClosed {
				in.Close()
				out.Close()
			}
			p.conns[in], p.conns[out] = true, true
			p.mu.Unlock()
			var both sync.WaitGroup
			both.Go(func() { p.copy(out, in, There) })
			both.Go(func() { p.copy(in, out, Back) })
			both.Wait()
			p.mu.Lock()
			delete(p.conns, in)
			delete(p.conns, out)
			p.mu.Unlock()
		}()
	}
}

// pass waits while a direction is cut.
func (p *Way) pass(way int) {
	p.mu.Lock()
	for p.cut[way] && !p.isClosed {
		p.news.Wait()
	}
	latency := p.latency
	p.mu.Unlock()
	time.Sleep(latency)
}

// copy passes on what comes, and then its end: that is not heard either while the way is cut.
func (p *Way) copy(to, from net.Conn, way int) {
	type piece struct {
		bytes []byte
		at    time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				pieces <- piece{b[:n], time.Now()}
			}
			if err != nil {
				return
			}
		}
	}()
	for one := range pieces {
		p.mu.Lock()
		for p.cut[way] && !p.isClosed {
			p.news.Wait()
		}
		latency := p.latency
		p.mu.Unlock()
		time.Sleep(time.Until(one.at.Add(latency)))
		if _, err := to.Write(one.bytes); err != nil {
			break
		}
	}
	p.pass(way)
	to.Close()
	from.Close()
	for range pieces { // until its reader has ended
	}
}

// Set cuts the two directions or joins them again, and says how long they take.
func (p *Way) Set(cutThere, cutBack bool, latency time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.latency = [2]bool{cutThere, cutBack}, latency
	p.news.Broadcast()
}

// Close ends all.
func (p *Way) Close() {
	p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isClosed = true
	p.news.Broadcast()
	for c := range p.conns {
		c.Close()
	}
}
