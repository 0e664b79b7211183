package link

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Bounds of connections that have not shown yet whose they are: each is read until it has
// sent strangerBytesMax, and takes four times as much at most.
const (
	strangersMax     = 256
	strangerBytesMax = 16 << 10
)

// strangers are those of one listener. When there are too many, the oldest goes of
// whichever address has most, so that one address crowds out itself alone.
type strangers struct {
	mu    sync.Mutex // guards the fields below
	came  uint64
	count int
	from  map[netip.Prefix][]*stranger // in the order in which they came
}

// stranger is a connection that can't send much.
type stranger struct {
	net.Conn
	left atomic.Int64 // bytes that may still be read
	from netip.Prefix
	came uint64
}

var errTalks = errors.New("it sends too much before it has said who it is")

// Read implements net.Conn.
func (s *stranger) Read(b []byte) (int, error) {
	left := s.left.Load()
	if left <= 0 {
		return 0, errTalks
	}
	n, err := s.Conn.Read(b[:min(int64(len(b)), left)])
	s.left.Add(-int64(n))
	return n, err
}

// known says that it is none any more.
func (s *stranger) known() { s.left.Store(math.MaxInt64) }

// greet takes a connection among the strangers, until goodbye.
func (s *strangers) greet(c net.Conn) *stranger {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came++
	s.count++
	one := &stranger{Conn: c, from: prefixOf(c.RemoteAddr()), came: s.came}
	one.left.Store(strangerBytesMax)
	if s.from == nil {
		s.from = map[netip.Prefix][]*stranger{}
	}
	s.from[one.from] = append(s.from[one.from], one)
	if s.count > strangersMax {
		var most []*stranger
		for _, all := range s.from {
			if len(all) > len(most) || len(all) == len(most) && all[0].came < most[0].came {
				most = all
			}
		}
		most[0].Close()
		s.remove(most[0])
	}
	return one
}

func (s *strangers) goodbye(one *stranger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(one)
}

func (s *strangers) remove(one *stranger) {
	all := s.from[one.from]
	for i := range all {
		if all[i] == one {
			s.count--
			if all = append(all[:i:i], all[i+1:]...); len(all) == 0 {
				delete(s.from, one.from)
			} else {
				s.from[one.from] = all
			}
			return
		}
	}
}

// prefixOf is whose an address is taken to be: a network of IPv6 has many.
func prefixOf(a net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if at.Addr().Unmap().Is6() {
		bits = 64
	}
	prefix, _ := at.Addr().Unmap().WithZone("").Prefix(bits)
	return prefix
}
