// Package cluster has several nodes share the shards of one store, so that each of them
// answers for all.
//
// A shard has one owner, whose sections are fenced in the store, and nobody hears of what is
// not durable: that is shard's and store's. All that crosses nodes here is soft, and sent
// again: who owns which shard, commands and replies, messages between shards, offers of
// tasks to the node that has their list, and polls.
//
// What holds:
//   - Who owns a shard is known by its epoch, and replaced by what is of a later one alone. That
//     an epoch's owner has gone is final. What is its own a node knows from its own Acquire and
//     Release, never from a look at the store.
//   - What the store says is this membership's and is not served is taken first, whoever
//     should have it.
//   - A shard that is given is released before its next owner hears of it.
//   - A task list is where the shard of its name is. Each node keeps the offers of its own
//     shards, and sends all of a list's anew when the list has a new owner. Offers carry the
//     epoch of their run's shard: the list's owner ignores older ones, and forgets all of
//     that shard at the first newer one.
//   - A task meets a poll of its own node first, wherever its list is, unless older tasks wait there. One that meets
//     none is offered at once, and meets the next poll of its own node, unless tasks wait there that are much older.
//   - Tasks that were started for a node that has gone, and are not known to be delivered,
//     are offered again.
//   - A command whose link broke is not tried again: nobody knows its outcome.
//
// The events of a Cluster (Joined, Looked, Up, Frame and so on) know no time: the same order of
// events gives the same outcome. Calls that wait (Do, Poll) are their callers' goroutines. Of what
// other nodes ask, polls have one each and questions for people one together; nothing else that
// happens here starts any.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/shard"
	"heddle/internal/store"
)

// Node is the shards of this node; it is *shard.Node.
type Node interface {
	ShardOf(*engine.Command) uint16
	Do(ctx context.Context, cmd engine.Command) (any, error)
	Give(member string, cmd engine.Command, then func(reply any, err error)) (stop func(), err error)
	CastFor(member string, cmd engine.Command)
	Own(shard uint16)
	Disown(shard uint16, lost bool)
	Moved(shard uint16)
	Receive(shard.FarMessage)
	Acknowledged(shard.FarAck)
	Undelivered(isGone func(member string) bool, undelivered func(engine.RunID, int64))
	// RecentEvents are a run's events up to one, if they are in memory; see shard.Node.
	RecentEvents(run engine.RunID, last int64) ([]byte, bool)
	// Open tells of each quota group how many of its runs are open in the shards of this node.
	Open() map[string]int
}

// Links is how a member reaches the others. Its methods do not wait, and do not call the
// Cluster.
type Links interface {
	// Send sends a frame, which is lost if the link ends first. An error: it can't be
	// written, and nothing was sent.
	Send(member string, frame any) error
	// Peers says with whom to have links.
	Peers([]store.Member)
}

// Config is what a Cluster is given.
type Config struct {
	Name    string // of this node, which stays
	Shards  uint16
	Homes   int                      // of the store: shard n is in home n mod Homes; 0: it has one
	ListOf  func(list string) uint16 // the shard where a list is
	Matcher *matching.Matcher
	// Undelivered is a command that offers a task again which was started for a node that has
	// gone.
	Undelivered func(id int64) any
	// Answer answers what this node is asked by name, for people; see AskAll.
	Answer func(what string, given []byte) ([]byte, error)
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Log    *slog.Logger
	// Sequences and Heard are those of store.Members.
	Sequences func() []uint64
	Heard     func([]uint64)
}

// Times and bounds.
const (
	// lookFor is how long a command looks for the owner of its shard.
	lookFor = 5 * time.Second
	// lookAgain is when it does so without news.
	lookAgain = 100 * time.Millisecond
	// givesMax is how many shards are given up at a time, until their takers serve them: what
	// is asked of the others is answered meanwhile.
	givesMax = 8
)

// Cluster is this node's part of a cluster. It implements shard.Far and shard.Offers.
type Cluster struct {
	Config
	node Node // set before anything begins
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu        sync.Mutex // guards the fields below; held while node, matcher and links are told something
	me        string     // the id of this membership; empty: there is none
	links     Links      // of this membership
	leaving   bool
	drained   bool
	members   []store.Member // as they were seen last, in the first home: who is none there is no node
	homes     []home
	silent    map[string]int          // of those that have no link: for how many looks
	heard     map[string]bool         // who has said all of how it stands, in this membership and since the last doubt
	forgotten map[string]store.Member // who is linked, and no member any more: peers until they have said all
	unfit     bool                    // see SetFit
	linked    map[string]bool
	sessions  map[string]uint64 // how often a link to a member has ended
	shards    []place
	news      chan struct{} // closed when an owner or a link is new

	own    []map[task]*offered // by the list's shard: what shards here offer
	from   []uint64            // by the run's shard: the latest epoch of which offers have come
	passes []uint8             // by the list's shard; see passesMax

	calls    uint64 // the last id of a call
	asked    map[uint64]*asked
	polls    map[uint64]*farPoll
	lines    map[string]*line              // by list: what of this node waits elsewhere
	first    map[string]matching.Rank      // of lists elsewhere: the first task that waited there, when last heard of; none did, or nobody knows: it has none
	serving  map[serving]func()            // commands of other members: nobody waits for them any more
	served   map[serving]*served           // their polls
	awaiting map[uint16]map[*listPoll]bool // by the list's shard: polls at this node's matcher

	asks      []ask // of other members, that wait for an answer
	answering bool  // a goroutine answers them
	said      said
	standings map[string]map[string]int      // by member, as it said last: open runs by quota group
	shown     histories                      // that came with answers
	openAway  atomic.Pointer[map[string]int] // open runs of the other nodes by quota group: the sum of the standings
	alive     atomic.Int32                   // members
	owners    []atomic.Pointer[string]       // of the shards, as in shards; nil: there was none
	self      atomic.Pointer[string]         // me
}

// home is what was seen of one, in this membership.
type home struct {
	seen    bool           // something was, and this node is a member there
	members []store.Member // as they were seen last
	able    []store.Member // those of them who may own its shards
	looks   uint64         // that were taken in
	before  uint64         // how many were before this membership, or the last doubt
}

// homeOf is that of a shard.
func (c *Cluster) homeOf(id uint16) *home { return &c.homes[int(id)%len(c.homes)] }

// place is what is known of a shard.
type place struct {
	epoch uint64
	owner string // member of that epoch; empty: it has none, or no longer
	known uint64 // the first look that began after that was learned
	state state
	mine  uint64 // the latest epoch that was this node's
	given uint64 // the latest one of those that was released
	after uint64 // the first look that began after that
	taker string // the member it was given to, who has not said yet that it serves it; else empty
	shut  bool   // it lacks steps that were acknowledged, as the last look found
}

// state is how a shard stands with this node.
type state uint8

const (
	elsewhere state = iota
	taking
	owned
	giving
)

// task names an offer.
type task struct {
	list string
	run  engine.RunID
	id   int64
}

// New is a Cluster of a node that has not joined yet.
func New(c Config) *Cluster {
	if c.Sequences == nil { // nobody writes
		c.Sequences, c.Heard = func() []uint64 { return nil }, func([]uint64) {}
	}
	c.ListOf = keeping(c.ListOf)
	cl := &Cluster{
		Config: c, homes: make([]home, max(1, c.Homes)), linked: map[string]bool{}, heard: map[string]bool{}, forgotten: map[string]store.Member{}, sessions: map[string]uint64{}, shards: make([]place, c.Shards), owners: make([]atomic.Pointer[string], c.Shards), news: make(chan struct{}),
		own: make([]map[task]*offered, c.Shards), from: make([]uint64, c.Shards), passes: make([]uint8, c.Shards),
		asked: map[uint64]*asked{}, polls: map[uint64]*farPoll{}, lines: map[string]*line{}, first: map[string]matching.Rank{}, serving: map[serving]func(){}, served: map[serving]*served{},
		awaiting: map[uint16]map[*listPoll]bool{}, standings: map[string]map[string]int{},
	}
	cl.life, cl.end = context.WithCancel(context.Background())
	return cl
}

// SetNode gives the shards of this node; they are made after the Cluster.
func (c *Cluster) SetNode(n Node) { c.node = n }

// Stop ends what is done for other members.
func (c *Cluster) Stop() {
	c.end()
	c.work.Wait()
}

// Joined says that a membership has begun, and gives its links.
func (c *Cluster) Joined(id string, links Links) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.self.Store(&id)
	c.me, c.links, c.silent, c.heard, c.forgotten = id, links, nil, map[string]bool{}, map[string]store.Member{}
	for i := range c.homes {
		c.joined(i)
	}
}

// JoinedHome says that this node's membership in a home other than the first has begun.
func (c *Cluster) JoinedHome(home int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joined(home)
}

func (c *Cluster) joined(home int) {
	h := &c.homes[home]
	h.seen, h.members, h.before = false, nil, h.looks
}

// Lost says that others may have this node's shards. Links stay until the membership is
// over: commands still find their way to others.
func (c *Cluster) Lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.homes {
		c.lost(i)
	}
}

// LostHome says that others may have this node's shards of one home.
func (c *Cluster) LostHome(home int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost(home)
}

func (c *Cluster) lost(home int) {
	for id := home; id < len(c.shards); id += len(c.homes) {
		if c.shards[id].state != elsewhere {
			c.node.Disown(uint16(id), true)
		}
	}
	c.homes[home].seen = false
}

// Leave has all shards given up; see Left.
func (c *Cluster) Leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = true
	c.give()
}

// GiveUp has all shards given up, whether or not anybody can take them: the node ends. See Left.
func (c *Cluster) GiveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = true
	for id := range c.shards {
		if p := &c.shards[id]; p.state == owned {
			p.state = giving
			c.node.Disown(uint16(id), false)
		}
	}
}

// Left tells whether nothing is left that could be given up: there is no shard here, or
// nobody who could take it.
func (c *Cluster) Left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.shards {
		if p := &c.shards[id]; p.state != elsewhere {
			if p.state == giving || c.heir(uint16(id)) != nil {
				return false
			}
		}
	}
	return true
}

// Settled tells whether each shard has an owner who can be reached, but for those of homes that are
// away.
func (c *Cluster) Settled(away ...int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.shards {
		if slices.Contains(away, id%len(c.homes)) {
			continue
		}
		if p := &c.shards[id]; p.owner == "" || p.owner != c.me && !c.linked[p.owner] {
			return false
		}
	}
	return c.me != ""
}

// Looked takes in what the store says of members and shards.
func (c *Cluster) Looked(s store.Sight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.me == "" || len(s.Owners) != len(c.shards) {
		return
	}
	h := &c.homes[s.Home]
	h.seen, h.able = true, eligible(s.Members)
	h.looks++
	c.miss(h, s)
	if s.Home == 0 {
		c.meet(s.Members)
	}
	doubt := false
	for id := s.Home; id < len(s.Owners); id += len(c.homes) {
		p, o := &c.shards[id], s.Owners[id]
		if o.Member != c.me {
			c.learn(uint16(id), o.Epoch, o.Member)
		}
		isLost := o.Epoch < p.epoch && h.looks >= p.known // the store has lost that anybody owned it
		doubt = doubt || isLost && p.owner != ""
		switch {
		case p.state == owned && (isLost || o.Epoch > p.mine && o.Member != c.me): // or an operator has freed it
			c.node.Disown(uint16(id), true)
		case isLost && p.owner != c.me:
			c.learn(uint16(id), p.epoch, "")
		}
	}
	if doubt {
		c.doubt(h)
	}
	for id := s.Home; id < len(c.shards); id += len(c.homes) {
		c.shards[id].shut = slices.Contains(s.Lost, uint16(id))
		if p := &c.shards[id]; p.shut && p.state == owned { // and whoever takes it is refused
			c.node.Disown(uint16(id), true)
		}
	}
	if s.Home == 0 {
		c.listen(c.others())
	}
	for id := s.Home; id < len(s.Owners); id += len(c.homes) {
		p, o := &c.shards[id], s.Owners[id]
		if o.Member == c.me && p.state == elsewhere && (o.Epoch > p.given || h.looks >= p.after) && c.knows(uint16(id)) { // or it was released after they looked
			c.take(uint16(id))
		}
	}
	c.takeVacant()
	c.give()
	c.offerAgain() // also what was started since, by commands of links that have ended
}

// isOne tells whether a member is one of some.
func isOne(members []store.Member, id string) bool {
	return slices.ContainsFunc(members, func(m store.Member) bool { return m.ID == id })
}

// miss takes in who is no member of a home any more. Who has died has been silent for long by then. Who has not may
// have been forgotten by a home that was put back to its past, and knows of shards what it has not said: it is
// heard before somebody takes them, or may join again.
func (c *Cluster) miss(h *home, s store.Sight) {
	for _, m := range h.members {
		switch {
		case m.ID == c.me || m.Leaving || isOne(s.Members, m.ID):
		case c.linked[m.ID]:
			delete(c.heard, m.ID)
			if s.Home == 0 {
				c.forgotten[m.ID] = m
			}
			c.send(c.links, m.ID, &Standing{Asks: true})
		case c.silent[m.ID] == 0:
			h.before = h.looks
		}
	}
	h.members = s.Members
}

// meet takes in who the nodes are.
func (c *Cluster) meet(members []store.Member) {
	c.members = members
	c.alive.Store(int32(len(members)))
	is := func(id string) bool { return isOne(members, id) }
	c.forgetStandings(is)
	peers := c.others()
	for _, m := range c.forgotten {
		peers = append(peers, m)
	}
	c.links.Peers(peers)
	for member := range c.linked {
		if _, stays := c.forgotten[member]; !stays && !is(member) {
			c.unlink(member)
		}
	}
}

// others are the nodes without this one.
func (c *Cluster) others() (others []store.Member) {
	for _, m := range c.members {
		if m.ID != c.me {
			others = append(others, m)
		}
	}
	return others
}

// learn takes in who owns a shard; it may be of the past.
func (c *Cluster) learn(id uint16, epoch uint64, owner string) {
	p := &c.shards[id]
	if epoch < p.epoch || epoch == p.epoch && (p.owner == owner || p.owner == "") {
		return
	}
	p.known = c.homeOf(id).looks + 2 // the next one may have begun
	if p.epoch, p.owner = epoch, owner; owner != "" {
		p.taker = ""
	}
	c.owners[id].Store(&owner)
	c.tell()
}

// Near is what the Matcher asks: whether a run is at the member that a poll is from; "": at this one.
func (c *Cluster) Near(run engine.RunID, member string) bool {
	if !c.has(run.Shard()) {
		return false
	}
	if member == "" {
		if self := c.self.Load(); self != nil {
			member = *self
		}
	}
	owner := c.owners[run.Shard()].Load()
	return owner != nil && *owner == member && member != ""
}

// tell wakes who waits for news.
func (c *Cluster) tell() {
	close(c.news)
	c.news = make(chan struct{})
}

// rejoinLooks is with how manieth look of a membership others have joined again who were
// members before, and still live.
const rejoinLooks = 3

// knows tells whether this node may take a shard: it had it last, as far as anybody knows, or
// everybody who may know that the store has lost something of it has said so, or can't.
func (c *Cluster) knows(id uint16) bool {
	p, h := &c.shards[id], c.homeOf(id)
	if p.mine != 0 && p.mine == p.epoch {
		return true
	}
	if h.looks < h.before+rejoinLooks || len(c.forgotten) > 0 {
		return false
	}
	for _, m := range c.members {
		if m.ID != c.me && !c.heard[m.ID] && c.silent[m.ID] < unheardAfter {
			return false
		}
	}
	return true
}

// doubt is for a home that has been put back to its past: who lives, and does not know yet that the home has forgotten it,
// joins again, and each of the others knows of shards what it has not said yet. So all is heard again before
// a shard is taken that somebody else had last.
func (c *Cluster) doubt(h *home) {
	c.Log.Warn("the store has forgotten who owned shards; all nodes are asked what they know of them")
	h.before, c.heard = h.looks, map[string]bool{}
	for member := range c.linked {
		c.send(c.links, member, &Standing{Asks: true})
	}
}

func (c *Cluster) take(id uint16) {
	c.shards[id].state = taking
	c.node.Own(id)
}

// heir gives who should have a shard; nil: nobody can.
func (c *Cluster) heir(id uint16) *store.Member {
	var able []store.Member
	for _, m := range c.homeOf(id).able {
		if m.ID == c.me && !c.takesNone() || m.ID != c.me && c.linked[m.ID] {
			able = append(able, m)
		}
	}
	return wanted(able, id)
}

// takeVacant takes shards that nobody has and this node should. So does everybody with its
// own, whether or not there is a link to it.
func (c *Cluster) takeVacant() {
	for i, h := range c.homes {
		if !h.seen {
			continue
		}
		able := slices.DeleteFunc(slices.Clone(h.able), func(m store.Member) bool { return m.ID == c.me && c.takesNone() })
		for id := i; id < len(c.shards); id += len(c.homes) {
			if p := &c.shards[id]; p.state == elsewhere && p.owner == "" && c.knows(uint16(id)) {
				if w := wanted(able, uint16(id)); w != nil && w.ID == c.me {
					c.take(uint16(id))
				}
			}
		}
	}
}

// give gives shards up that others should have, some at a time.
func (c *Cluster) give() {
	gives := 0
	for id := range c.shards {
		if p := &c.shards[id]; p.state == giving || p.taker != "" {
			gives++
		}
	}
	for id := range c.shards {
		of := c.homeOf(uint16(id))
		if p := &c.shards[id]; p.state == owned && of.seen && gives < givesMax {
			if h := c.heir(uint16(id)); h != nil && h.ID != c.me || h == nil && c.isCutOff(of) {
				p.state = giving
				gives++
				c.node.Disown(uint16(id), false)
			}
		}
	}
}

// Epoch is part of shard.Far.
func (c *Cluster) Epoch(id uint16) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := &c.shards[id]; p.owner != c.me && c.linked[p.owner] {
		return p.epoch
	}
	return 0
}

// Owned is part of shard.Far.
func (c *Cluster) Owned(id uint16, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.shards[id]
	if p.state != giving {
		p.state = owned
	}
	p.mine = epoch
	c.learn(id, epoch, c.me)
	c.forgetOlder(id, epoch)
	for member := range c.linked {
		c.send(c.links, member, &Announce{id, epoch})
	}
	c.offerAll(id)
}

// Gone is part of shard.Far.
func (c *Cluster) Gone(id uint16, released bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.shards[id]
	p.state = elsewhere
	if released {
		p.given, p.after = p.mine, c.homeOf(id).looks+2 // the next one may have begun
	}
	if p.mine == p.epoch && p.owner != "" { // it was served
		c.learn(id, p.mine, "")
	}
	c.closeLists(id)
	if h := c.heir(id); released && h != nil && h.ID != c.me {
		p.taker = h.ID
		known := make([]uint64, len(c.shards)) // of this shard; of the others it has said before
		if all := c.Sequences(); int(id) < len(all) {
			known[id] = all[id]
		}
		c.send(c.links, h.ID, &Standing{Sequences: known})
		c.send(c.links, h.ID, &Given{id, p.mine})
	}
	c.give()
}

// Deliver is part of shard.Far.
func (c *Cluster) Deliver(m shard.FarMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendTo(m.To, &Message{m})
}

// Acknowledge is part of shard.Far.
func (c *Cluster) Acknowledge(a shard.FarAck) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendTo(a.To, &Ack{a})
}

// send sends a frame to a member.
func (c *Cluster) send(links Links, member string, frame any) { _ = c.trySend(links, member, frame) }

// trySend sends a frame to a member. What can't be written is told; it is a fault of ours.
func (c *Cluster) trySend(links Links, member string, frame any) error {
	err := links.Send(member, frame)
	if err != nil {
		c.Log.Error("what goes to another server can't be written", "what", fmt.Sprintf("%T", frame), "member", member, "cause", err)
	}
	return err
}

// sendTo sends a frame to the owner of a shard, if there is a way.
func (c *Cluster) sendTo(id uint16, frame any) {
	if owner := c.shards[id].owner; owner != c.me && c.linked[owner] {
		c.send(c.links, owner, frame)
	}
}

// Up says that there is a link to a member.
func (c *Cluster) Up(member string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.linked[member] {
		c.unlink(member)
	}
	c.linked[member] = true
	delete(c.silent, member)
	c.sayAll(member)
	for id := range c.shards {
		if p := &c.shards[id]; p.state == owned || p.state == giving {
			c.send(c.links, member, &Announce{uint16(id), p.mine})
		}
	}
	c.tell()
	c.give()
}

// Down says that a link has ended: what was on its way may be lost.
func (c *Cluster) Down(member string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, unheard := c.forgotten[member]; unheard { // it joins again, or has died
		delete(c.forgotten, member)
		c.homes[0].before = c.homes[0].looks
	}
	c.unlink(member)
}

func (c *Cluster) unlink(member string) {
	if !c.linked[member] {
		return
	}
	delete(c.linked, member)
	c.sessions[member]++
	for id, a := range c.asked {
		if a.member == member {
			delete(c.asked, id)
			a.answer <- Reply{Err: errLinkLost}
		}
	}
	for _, p := range c.polls {
		if p.member == member {
			c.over(p)
			p.answer <- &PollOver{}
		}
	}
	for s, stop := range c.serving {
		if s.member == member {
			delete(c.serving, s)
			stop()
		}
	}
	for s, p := range c.served {
		if s.member == member {
			delete(c.served, s)
			p.cancel(nil)
		}
	}
	for id := range c.shards {
		if p := &c.shards[id]; p.taker == member {
			p.taker = ""
		}
	}
	c.offerAgain()
	// What performers of that node have taken, and not started.
	for id := range c.own {
		c.offerAll(uint16(id))
	}
	c.tell()
}

// peer names a member for as long as the present link to it lasts: what was started for it then
// is lost with the link, whether or not there is another one.
func (c *Cluster) peer(member string) string { return fmt.Sprint(member, "#", c.sessions[member]) }

// offerAgain has tasks offered again that were started for peers who have gone.
func (c *Cluster) offerAgain() {
	here := map[string]bool{}
	for member := range c.linked {
		here[c.peer(member)] = true
	}
	c.node.Undelivered(func(peer string) bool { return !here[peer] }, func(run engine.RunID, id int64) {
		c.node.CastFor("", engine.Command{Run: run, Body: c.Undelivered(id)})
	})
}

// Frame takes in what has come from a member.
func (c *Cluster) Frame(member string, frame any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.linked[member] {
		return
	}
	switch f := frame.(type) {
	case *Announce:
		if c.has(f.Shard) {
			c.announced(member, f)
		}
	case *Given:
		if c.has(f.Shard) {
			c.learn(f.Shard, f.Epoch, "")
			if p := &c.shards[f.Shard]; p.state == elsewhere && p.epoch == f.Epoch && c.homeOf(f.Shard).seen && !c.takesNone() {
				c.take(f.Shard)
			}
		}
	case *Command:
		c.serveCommand(member, f)
	case *Cancel:
		if stop := c.serving[serving{member, f.ID}]; stop != nil {
			stop()
		}
	case *Reply:
		if a := c.asked[f.ID]; a != nil && a.member == member {
			delete(c.asked, f.ID)
			a.answer <- *f
		}
	case *Message:
		c.node.Receive(f.FarMessage)
	case *Ack:
		c.node.Acknowledged(f.FarAck)
	case *Offer:
		if c.fresh(f.Run.Shard(), f.Epoch) && c.hasList(f.Offer.List) {
			c.Matcher.Offer(f.Run, f.Offer)
		}
	case *Withdraw:
		if c.fresh(f.Run.Shard(), f.Epoch) {
			c.Matcher.Withdraw(f.List, f.Run, f.ID)
		}
	case *Taken:
		if c.fresh(f.Run.Shard(), f.Epoch) {
			c.Matcher.Taken(f.List, f.Run, f.ID, f.Who)
		}
	case *WithdrawShard:
		if c.fresh(f.Shard, f.Epoch) {
			c.Matcher.WithdrawShard(f.Shard)
		}
	case *Poll:
		c.servePoll(member, f)
	case *PollEnd:
		c.pollEnded(member, f)
	case *Claimed:
		if p := c.polls[f.ID]; p != nil && p.member == member {
			c.met(p, f)
			p.answer <- f
		} else {
			c.send(c.links, member, &PollEnd{ID: f.ID, How: matching.Returned})
		}
	case *PollOver:
		if p := c.polls[f.ID]; p != nil && p.member == member {
			delete(c.first, p.list)
			c.over(p)
			p.answer <- f
		}
	case *Count:
		r := &Reply{ID: f.ID, Moved: !c.hasList(f.List)}
		if !r.Moved {
			r.Value = int64(c.Matcher.Backlog(f.List))
		}
		c.send(c.links, member, r)
	case *Standing:
		c.stood(member, f)
	case *Ask:
		c.serveAsk(member, f)
	default:
		c.Log.Warn("a frame of an unknown kind", "from", member)
	}
}

// Unread takes in that a frame of a member could not be read, and what was read of it before
// that. Whoever waits for it hears so; an error: nobody could be told, and the link should end.
func (c *Cluster) Unread(member string, part any, cause error) error {
	c.Log.Error("a frame of another server can't be read", "what", fmt.Sprintf("%T", part), "member", member, "cause", cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := part.(type) {
	case *Command:
		if f.ID != 0 && c.linked[member] {
			return c.trySend(c.links, member, &Reply{ID: f.ID, Err: fmt.Errorf("nothing was done, since the server that has the execution can't read what was sent to it: %w", cause)})
		}
	case *Reply:
		if a := c.asked[f.ID]; a != nil && a.member == member {
			delete(c.asked, f.ID)
			a.answer <- Reply{Err: fmt.Errorf("%w: its answer can't be read: %w", engine.ErrUnavailable, cause)}
			return nil
		}
	}
	return cause
}

func (c *Cluster) has(id uint16) bool { return int(id) < len(c.shards) }

func (c *Cluster) announced(member string, a *Announce) {
	p := &c.shards[a.Shard]
	c.learn(a.Shard, a.Epoch, member)
	if p.epoch != a.Epoch || p.owner != member {
		return // it is of the past
	}
	c.node.Moved(a.Shard)
	c.offerAll(a.Shard)
	c.give()
}

var errLinkLost = errors.New("the link to the node that has the execution broke; the outcome is unknown")
