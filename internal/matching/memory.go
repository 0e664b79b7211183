package matching

import (
	"container/list"
	"sync"

	"heddle/internal/engine"

	"github.com/tidwall/btree"
)

// Poller is who polls. The zero value is the server itself, which nobody has to be told of.
type Poller struct {
	Identity  string // as it calls itself
	Principal string
	Address   string
	Account   string // whose memory it takes
}

const (
	// pollersMax is how many pollers of a list are remembered.
	pollersMax = 100
	// seenFor is how long it is remembered who polled a list, after the last poll.
	seenFor = engine.Time(15 * 60 * 1000)
	// accountBytesMax is how much memory the pollers of an account take, beside polls that
	// wait. Above it lists that were not polled for the longest time are forgotten, whatever
	// their age; of lists that are polled now, their pollers.
	accountBytesMax = 4 << 20

	listBytes   = 512 // that a list takes beside its name
	pollerBytes = 256 // that a poller takes beside its texts
)

// seen is who polled a list. Its stripe's lock guards it, and that of its account place and
// idleSince.
type seen struct {
	list    *taskList
	account *account
	pollers []*pollerSeen
	waiting int           // polls
	last    engine.Time   // when one last began or ended
	place   *list.Element // in account.idle; nil: somebody polls it

	idleSince engine.Time
}

// pollerSeen is what is remembered of a poller of a list.
type pollerSeen struct {
	who     Poller
	waiting int
	last    engine.Time
	task    Task // the last one that it was paired with
	taskAt  engine.Time
}

func (p *pollerSeen) bytes() int {
	return pollerBytes + len(p.who.Identity) + len(p.who.Principal) + len(p.who.Address)
}

// memory is what the accounts remember, and the names of all lists in order.
type memory struct {
	mu       sync.Mutex // guards the map alone
	accounts map[string]*account

	namesMu sync.RWMutex
	names   btree.Set[string]
}

// account is what is remembered for one account. Its lock is taken within those of stripes,
// and none within it.
type account struct {
	mu         sync.Mutex
	bytes      int
	idle       list.List // of *seen without polls, the one longest unpolled first
	identities map[string]*identity
}

// identity is a name that pollers go by.
type identity struct {
	pollers int // that are remembered by it
	waiting int // polls
	last    engine.Time
}

func newMemory() *memory { return &memory{accounts: map[string]*account{}} }

func (m *memory) of(name string) *account {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[name]
	if a == nil {
		a = &account{identities: map[string]*identity{}}
		m.accounts[name] = a
	}
	return a
}

// name keeps the name of a list, or lets it go.
func (m *memory) name(name string, there bool) {
	m.namesMu.Lock()
	defer m.namesMu.Unlock()
	if there {
		m.names.Insert(name)
	} else {
		m.names.Delete(name)
	}
}

// polled takes in that a poll has begun.
func (l *taskList) polled(p *poll, who Poller, now engine.Time) {
	l.unwatch()
	p.who = who
	if who == (Poller{}) {
		return
	}
	if l.seen == nil {
		l.seen = &seen{list: l, account: l.stripe.memory.of(who.Account)}
		l.seen.account.grow(listBytes + len(l.name))
	}
	s := l.seen
	s.last, p.seen = now, s.poller(who)
	p.seen.waiting++
	p.seen.last = now
	s.waiting++
	a := s.account
	a.mu.Lock()
	if s.place != nil {
		a.idle.Remove(s.place)
		s.place = nil
	}
	id := a.identities[who.Identity]
	id.waiting++
	id.last = now
	a.mu.Unlock()
}

// pollEnded takes in that a poll waits no more.
func (l *taskList) pollEnded(p *poll, now engine.Time) {
	if p.seen == nil {
		return
	}
	s := l.seen // which stays while somebody polls
	s.last, p.seen.last = now, now
	p.seen.waiting--
	s.waiting--
	a := s.account
	a.mu.Lock()
	id := a.identities[p.who.Identity]
	id.waiting--
	id.last = now
	if s.waiting == 0 {
		s.place, s.idleSince = a.idle.PushBack(s), now
	}
	a.mu.Unlock()
}

// poller finds what is remembered of a poller, or begins to remember it.
func (s *seen) poller(who Poller) *pollerSeen {
	for _, p := range s.pollers {
		if p.who == who {
			return p
		}
	}
	if len(s.pollers) >= pollersMax || s.account.full() {
		s.dropPoller()
	}
	p := &pollerSeen{who: who}
	s.pollers = append(s.pollers, p)
	s.account.remember(p)
	return p
}

// dropPoller forgets the poller that was not there for the longest time, if there is one
// that does not wait.
func (s *seen) dropPoller() {
	least := -1
	for i, p := range s.pollers {
		if p.waiting == 0 && (least < 0 || p.last < s.pollers[least].last) {
			least = i
		}
	}
	if least < 0 {
		return
	}
	s.account.dismiss(s.pollers[least])
	last := len(s.pollers) - 1
	s.pollers[least], s.pollers[last] = s.pollers[last], nil
	s.pollers = s.pollers[:last]
}

func (a *account) grow(bytes int) {
	a.mu.Lock()
	a.bytes += bytes
	a.mu.Unlock()
}

func (a *account) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes > accountBytesMax
}

func (a *account) remember(p *pollerSeen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes += p.bytes()
	id := a.identities[p.who.Identity]
	if id == nil {
		id = &identity{}
		a.identities[p.who.Identity] = id
	}
	id.pollers++
}

func (a *account) dismiss(p *pollerSeen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes -= p.bytes()
	id := a.identities[p.who.Identity]
	if id.pollers--; id.pollers == 0 {
		delete(a.identities, p.who.Identity)
	}
}

// excess takes what was seen of a list that nobody polls out of those, if it is to be
// forgotten; nil: nothing is.
func (a *account) excess(now engine.Time) *seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.idle.Front()
	if e == nil {
		return nil
	}
	s := e.Value.(*seen)
	if a.bytes <= accountBytesMax && now < s.idleSince+seenFor {
		return nil
	}
	a.idle.Remove(e)
	s.place = nil
	return s
}

func (a *account) isIdle(s *seen) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return s.place != nil
}

// forget forgets what an account remembers too much of, or for too long.
func (m *Matcher) forget(name string) {
	now := m.stripes[0].now()
	m.memory.mu.Lock()
	a := m.memory.accounts[name]
	m.memory.mu.Unlock()
	if a == nil {
		return
	}
	for gone := a.excess(now); gone != nil; gone = a.excess(now) {
		l := gone.list
		l.stripe.mu.Lock()
		if gone.waiting == 0 && !a.isIdle(gone) { // else somebody has polled it meanwhile
			for len(gone.pollers) > 0 {
				gone.dropPoller()
			}
			a.grow(-listBytes - len(l.name))
			l.seen = nil
			l.dropIfEmpty()
		}
		l.stripe.mu.Unlock()
	}
}

// ForgetOld forgets who polled lists that were not polled for a while. It is to be called
// now and then.
func (m *Matcher) ForgetOld() {
	m.memory.mu.Lock()
	names := make([]string, 0, len(m.memory.accounts))
	for name := range m.memory.accounts {
		names = append(names, name)
	}
	m.memory.mu.Unlock()
	for _, name := range names {
		m.forget(name)
	}
}

// old tells whether what was seen need not be remembered any more.
func (s *seen) old(now engine.Time) bool { return s.waiting == 0 && now >= s.last+seenFor }
