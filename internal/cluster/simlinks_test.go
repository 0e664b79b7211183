package cluster

import (
	"slices"
	"sync"
	"time"

	"heddle/internal/store"
)

// network is the links of the world, as package link has them: frames of a link come in order,
// what is silent for silentFor ends, the two ends hear of an end each for themselves, and who
// connects anew ends what the other one still has.
type network struct {
	*world

	mu    sync.Mutex         // guards the fields below
	ends  map[[2]string]*end // by member here, and member there: those that are up
	cut   map[[2]string]bool // by name from, and name to: nothing gets there
	slow  map[[2]string]int  // likewise: how long a frame takes at most, in ms
	fatal map[[2]string]int  // likewise: with how manieth news from now on the link ends
}

const (
	silentFor = 1500 * time.Millisecond
	partMost  = 250 * time.Millisecond // how long the last that a member has sent may take
)

// end is one side of a connection.
type end struct {
	net      *network
	house    *house
	from, to string // members: there, and here
	fromName string
	other    *end
	over     chan struct{} // closed when the connection has ended, on this side
	heard    chan struct{} // closed when the house has heard so
	came     chan struct{}
	queue    []any // under the network's mu
	last     bool  // likewise: when that is heard it ends
	ended    bool  // likewise
}

func newNetwork(w *world) *network {
	return &network{world: w, ends: map[[2]string]*end{}, cut: map[[2]string]bool{}, slow: map[[2]string]int{}, fatal: map[[2]string]int{}}
}

// links is the Links of a member.
type links struct {
	*network
	house  *house
	member string
}

// Send implements Links.
func (l links) Send(to string, frame any) error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	here := l.ends[[2]string{l.member, to}]
	if here == nil || here.ended {
		return nil
	}
	way := [2]string{l.house.name, here.fromName}
	if left := l.fatal[way]; left > 0 && isNews(frame) {
		if l.fatal[way] = left - 1; left == 1 {
			here.hangUp(0)
			return nil
		}
	}
	if there := here.other; !there.ended {
		there.queue = append(there.queue, frame)
		there.wake()
	}
	return nil
}

// isNews tells what a node does not ask for, and would miss.
func isNews(frame any) bool {
	switch frame.(type) {
	case *Announce, *Given, *Offer, *Withdraw, *WithdrawShard, *Message, *Ack:
		return true
	}
	return false
}

func (e *end) wake() {
	select {
	case e.came <- struct{}{}:
	default:
	}
}

// hangUp ends this side after a time, and the other one when it finds out. The network's mu
// is held.
func (e *end) hangUp(after time.Duration) {
	if after > 0 {
		go func() {
			time.Sleep(after)
			e.net.mu.Lock()
			defer e.net.mu.Unlock()
			e.hangUp(0)
		}()
		return
	}
	if e.ended {
		return
	}
	e.ended = true
	close(e.over)
	finds := time.Duration(1 + e.net.random(3000))
	if e.net.cut[[2]string{e.house.name, e.fromName}] {
		finds = time.Duration(silentFor / time.Microsecond)
	}
	e.other.hangUp(finds * time.Microsecond)
}

// part has the others end what a member has, when they have heard what it has sent; who does not in partMost is left.
func (n *network) part(member string) {
	var others []*end
	n.mu.Lock()
	for _, ways := range sortedWays(n.ends) {
		if e := n.ends[ways]; ways[0] == member && !e.ended {
			e.other.last = true
			e.other.wake()
			others = append(others, e.other)
		}
	}
	n.mu.Unlock()
	most := time.After(partMost)
	for _, e := range others {
		select {
		case <-e.over:
		case <-most:
			return
		}
	}
}

// hangUpAll ends all sides that a member has.
func (n *network) hangUpAll(member string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, ways := range sortedWays(n.ends) {
		if ways[0] == member {
			n.ends[ways].hangUp(0)
		}
	}
}

func sortedWays[V any](of map[[2]string]V) (all [][2]string) {
	for way := range of {
		all = append(all, way)
	}
	slices.SortFunc(all, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return all
}

// Peers implements Links.
func (l links) Peers(members []store.Member) {
	l.network.mu.Lock()
	for _, way := range sortedWays(l.ends) {
		if way[0] == l.member && !slices.ContainsFunc(members, func(m store.Member) bool { return m.ID == way[1] }) {
			l.ends[way].hangUp(0)
		}
	}
	l.network.mu.Unlock()
	for _, m := range members {
		if m.ID > l.member {
			l.connect(l.house, l.member, m)
		}
	}
}

// connect connects a house with a member, if there is a way and no connection.
func (n *network) connect(from *house, member string, to store.Member) {
	n.world.mu.Lock()
	other := n.joined[to.ID]
	lives := n.joined[member] == from
	n.world.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.ends[[2]string{member, to.ID}]
	if other == nil || !lives || before != nil && !before.ended || n.cut[[2]string{from.name, other.name}] || n.cut[[2]string{other.name, from.name}] {
		return
	}
	here := &end{net: n, house: from, from: to.ID, to: member, fromName: other.name}
	there := &end{net: n, house: other, from: member, to: to.ID, fromName: from.name}
	here.other, there.other = there, here
	for _, e := range []*end{here, there} {
		e.over, e.heard, e.came = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
		go e.serve()
	}
}

// serve has a house hear what comes.
func (e *end) serve() {
	n, key := e.net, [2]string{e.to, e.from}
	pause := func() { time.Sleep(time.Duration(n.random(3000)) * time.Microsecond) }
	pause()
	for {
		n.world.mu.Lock()
		closed := n.joined[e.to] != e.house
		n.world.mu.Unlock()
		n.mu.Lock()
		before := n.ends[key]
		if closed && before == nil {
			e.hangUp(0)
			n.mu.Unlock()
			return
		}
		if before == nil {
			n.ends[key] = e
			n.mu.Unlock()
			break
		}
		before.hangUp(0)
		n.mu.Unlock()
		<-before.heard
	}
	defer func() {
		e.house.runs()
		pause()
		n.mu.Lock()
		e.hangUp(0)
		delete(n.ends, key)
		n.mu.Unlock()
		e.house.Down(e.from)
		close(e.heard)
	}()
	e.house.runs()
	e.house.Up(e.from)
	way := [2]string{e.fromName, e.house.name}
	for {
		select {
		case <-e.came:
		case <-e.over:
			return
		}
		pause()
		e.house.runs()
		n.mu.Lock()
		queue := e.queue
		e.queue = nil
		slow := n.slow[way]
		n.mu.Unlock()
		for _, f := range queue {
			if slow > 0 {
				time.Sleep(time.Duration(n.random(slow)) * time.Millisecond)
			}
			for {
				n.mu.Lock()
				cut := n.cut[way]
				n.mu.Unlock()
				if !cut {
					break
				}
				select {
				case <-e.over: // it was silent for too long
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
			e.house.runs()
			e.house.Frame(e.from, f)
		}
		n.mu.Lock()
		through := e.last && len(e.queue) == 0
		n.mu.Unlock()
		if through {
			return
		}
	}
}

// cutOff has nothing get from one house to another for a while.
func (n *network) cutOff(from, to string, d time.Duration) {
	way := [2]string{from, to}
	n.mu.Lock()
	n.cut[way] = true
	for _, key := range sortedWays(n.ends) {
		if e := n.ends[key]; e.fromName == from && e.house.name == to && d > silentFor {
			e.hangUp(silentFor) // it hears no pings
		}
	}
	n.mu.Unlock()
	time.Sleep(d)
	n.mu.Lock()
	delete(n.cut, way)
	n.mu.Unlock()
}
