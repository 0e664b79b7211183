package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"heddle/internal/cluster"
	"heddle/internal/cluster/wire"
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/runlog"
	"heddle/internal/service"
	"heddle/internal/store"
)

// Cluster says how a server shares its database with others. The zero value: it does not.
type Cluster struct {
	Node    string `name:"node" env:"HEDDLE_NODE" placeholder:"NAME" help:"Name of this server among those that share a database; it stays."`
	Listen  string `name:"cluster-listen" env:"HEDDLE_CLUSTER_LISTEN" placeholder:"HOST:PORT" help:"Address on which the other servers of the database reach this one. With it several servers share one."`
	Address string `name:"cluster-address" env:"HEDDLE_CLUSTER_ADDRESS" placeholder:"HOST:PORT" help:"Where the others reach this server, if not at --cluster-listen."`
}

func (c *Cluster) on() bool { return c.Listen != "" }

func (c *Cluster) check(all *Config) error {
	switch {
	case !c.on() && (c.Node != "" || c.Address != ""):
		return errors.New("--node and --cluster-address: want --cluster-listen too")
	case !c.on():
		return nil
	case all.Store != StorePostgres && all.shared == nil:
		return errors.New("--cluster-listen: want --store postgres")
	case c.Node == "" || strings.ContainsAny(c.Node, " \t\r\n/"):
		return fmt.Errorf("--node %q: want a name without spaces and slashes, of this server alone", c.Node)
	case all.TimeSkip != SkipOff:
		return errors.New("--time-skip: want one server, and not --cluster-listen")
	}
	return nil
}

// address is where the others reach this server.
func (c *Cluster) address() string { return cmp.Or(c.Address, c.Listen) }

// Times of a membership in a cluster.
const (
	clusterRenewEvery = time.Second
	clusterLookEvery  = 500 * time.Millisecond
	// clusterSettleFor is how long a start waits until all shards are served, and leaveFor how
	// long an end waits until others have taken them.
	clusterSettleFor = 20 * time.Second
	clusterLeaveFor  = 10 * time.Second
)

// lists are task lists: those of the matcher, or of all nodes.
type lists interface {
	service.Tasks
	Drain()
}

// runs and lists are what services are given: of this process, or of the cluster.
func (s *Server) runs() service.Runs {
	if s.cluster != nil {
		return clusterRuns{s.cluster, s}
	}
	return s.node
}

func (s *Server) lists() lists {
	if s.cluster != nil {
		return s.cluster
	}
	return s.matcher
}

// clusterRuns are the runs of all nodes. Events are read from the store, which any node may;
// whoever asks has learned of them from their run, so they are durable.
type clusterRuns struct {
	*cluster.Cluster
	server *Server
}

func (r clusterRuns) AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool) ([]byte, error) {
	return r.server.node.AppendEvents(ctx, b, run, first, last, reverse)
}

func (r clusterRuns) AppendPage(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool, most int) ([]byte, int64, error) {
	if events := r.History(run, last); events != nil && first == 1 && !reverse && most >= len(events) {
		return append(b, events...), last, nil
	}
	return r.server.node.AppendPage(ctx, b, run, first, last, reverse, most)
}

// newCluster makes this node's part of a cluster.
func (s *Server) newCluster() *cluster.Cluster {
	return cluster.New(cluster.Config{
		Name: s.cfg.Cluster.Node, Shards: s.shards, Homes: s.homeCount(), Matcher: s.matcher,
		// In the first home, as all that tasks of others need.
		ListOf: func(list string) uint16 {
			return runlog.InFirst(s.held.hash.Shard(s.shards, "list", list), s.homeCount())
		},
		Undelivered: func(id int64) any { return &task.Undelivered{ScheduledEventID: id} },
		Sequences:   s.shardsOfAll.Sequences, Heard: s.shardsOfAll.Heard,
		Answer: s.answerNode,
		Within: context.WithTimeout, Log: s.cfg.Log,
	})
}

// membership is this server's place among the nodes; a lifecycle.Service.
type membership struct {
	*Server
	codec  *wire.Codec
	levels levels
	seen   []store.Member // when it looked last
	said   store.Renewal  // to them, last
	clock  clockCheck
	links  *clusterLinks // of the present membership; nil: there is none
	stop   context.CancelFunc
	done   chan struct{}
	leaves chan struct{}  // closed when the node is to leave
	others sync.WaitGroup // the loops of other homes than the first

	mu sync.Mutex // guards id
	id string     // of the present membership in the first home, which is the node's; empty: there is none
}

// Start joins, and returns when all shards are served somewhere.
func (m *membership) Start(ctx context.Context) error {
	table, err := wire.ParseTable(crossingText)
	if err != nil {
		return err
	}
	if m.codec, err = newCodec(table, m.cfg.Services); err != nil {
		return err
	}
	m.levels = levels{from: table.From, to: table.To, now: table.From}
	life, stop := context.WithCancel(context.Background())
	m.stop, m.done, m.leaves = stop, make(chan struct{}), make(chan struct{})
	settled := make(chan struct{})
	failed := make(chan error, 1)
	go m.run(life, settled, failed)
	for i := 1; i < m.homeCount(); i++ {
		m.others.Go(func() { m.runHome(life, i) })
	}
	within, cancel := context.WithTimeout(ctx, clusterSettleFor)
	defer cancel()
	select {
	case <-settled:
		return nil
	case err := <-failed:
		return errors.Join(err, m.Stop(ctx))
	case <-within.Done():
		if err := ctx.Err(); err != nil {
			return errors.Join(err, m.Stop(ctx))
		}
		m.cfg.Log.Warn("not all shards are served yet; calls for the others fail until they are")
		return nil
	}
}

// Stop ends the membership. HandOver came before, or else others wait until it is over. What nobody took is
// released first: a batch under way would else be fenced by who takes its shard when the membership is over.
func (m *membership) Stop(ctx context.Context) error {
	m.stop()
	<-m.done
	m.others.Wait()
	within, cancel := context.WithTimeout(ctx, clusterRenewEvery)
	defer cancel()
	m.cluster.GiveUp()
	m.awaitLeft(within)
	m.cluster.Lost()
	m.links.close()
	m.cluster.Stop()
	errs := []error{m.nodes.Leave(within)}
	for i := 1; i < m.homeCount(); i++ {
		if below := m.database.at(i); below != nil && m.database.away(i) == nil {
			errs = append(errs, below.Members().Leave(within))
		}
	}
	return errors.Join(errs...)
}

// handOver gives all shards to other nodes, if there are any. Calls go on, by way of them.
func (m *membership) handOver(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, clusterLeaveFor)
	defer cancel()
	close(m.leaves)
	m.cluster.Leave()
	m.awaitLeft(within)
}

// awaitLeft waits until nothing is left that could be given up.
func (m *membership) awaitLeft(within context.Context) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !m.cluster.Left() {
		select {
		case <-ticker.C:
		case <-within.Done():
			return
		}
	}
}

// run keeps the membership in the first home, by which it is a node, and looks at the others. It
// joins again when it was declared dead; the first time a failure is told.
func (m *membership) run(ctx context.Context, settled chan struct{}, failed chan error) {
	defer close(m.done)
	members := m.nodes
	joined, first, lost := false, true, false
	refused := "" // why it could not join, as it was told
	ticker := time.NewTicker(clusterLookEvery)
	defer ticker.Stop()
	renewed := time.Time{}
	leaves := m.leaves
	for {
		if !joined {
			err := m.join(ctx, members)
			switch {
			case err == nil:
				joined, lost, renewed, refused = true, false, time.Now(), ""
			case first && !errors.Is(err, store.ErrHeld):
				failed <- err
				return
			case refused != err.Error():
				refused = err.Error()
				m.cfg.Log.Warn("the node can't join; it is tried again", "cause", err)
			}
		}
		leaving, tells := leaves == nil, false
		if joined && (time.Since(renewed) >= clusterRenewEvery || leaving || m.said.Hears != m.cluster.Hears()) {
			err := m.renew(ctx, members, leaving)
			switch {
			case errors.Is(err, store.ErrNotMember):
				m.cfg.Log.Error("this node was declared dead, and joins again", "cause", err)
				joined = false
				m.lose()
				continue
			case err == nil:
				renewed = time.Now()
				m.cluster.Say()
				if lost {
					lost = false
					m.cfg.Log.Info("PostgreSQL answers again, and this node is still a member")
				}
			}
		}
		if joined && !lost && m.store.Current(0) != nil {
			m.cfg.Log.Error("the membership was not renewed in time: this node has no shards until it is", m.inHome(0)...)
			lost = true
			m.cluster.LostHome(0)
		}
		if joined && !lost {
			switch err := m.look(ctx, members); {
			case errors.Is(err, errLevel):
				m.cfg.Log.Error("this server leaves the others", "cause", err)
				joined = false
				m.lose()
				_ = members.Leave(ctx)
				continue
			case err != nil && ctx.Err() == nil:
				m.cfg.Log.Warn("look at the members", "cause", err)
			default:
				tells = m.said.Hears != m.cluster.Hears()
			}
			if first && m.cluster.Settled(m.database.allAway()...) {
				first = false
				close(settled)
			}
		}
		wait := ticker.C
		if first && joined || tells { // whom this node does not hear others are to know soon
			early := time.NewTimer(50 * time.Millisecond)
			wait = early.C
		}
		select {
		case <-wait:
		case <-leaves:
			leaves = nil
		case <-ctx.Done():
			return
		}
	}
}

// renew keeps the membership, and compares this machine's clock with the database's.
func (m *membership) renew(ctx context.Context, members store.Members, leaving bool) error {
	said := store.Renewal{Leaving: leaving || m.clock.wrong, Hears: m.cluster.Hears()}
	before := time.Now()
	now, err := members.Renew(ctx, said)
	if err != nil {
		return err
	}
	m.said = said
	m.clock.renewed(m.cfg.Log, before, now, time.Now())
	m.cluster.SetFit(!m.clock.wrong)
	return nil
}

// look has the cluster hear of members and shards, and goes along with the store's level.
func (m *membership) look(ctx context.Context, members store.Members) error {
	meta, level := m.store.Meta(), 0
	if m.levels.asks(m.seen) {
		var err error
		if level, err = readLevel(ctx, meta); err == nil {
			err = m.levels.refuses(level)
		}
		if err != nil {
			return err
		}
	}
	seen, err := members.Look(ctx)
	if err != nil {
		return err
	}
	m.seen = seen.Members
	before := m.levels.now
	rises := m.levels.looked(level, seen.Members)
	if m.levels.now != before {
		m.codec.SetLevel(m.levels.now)
		m.cfg.Log.Info("all servers can do more: the level rises", "from", before, "to", m.levels.now)
	}
	m.cluster.Looked(seen)
	if rises != 0 {
		return raiseLevel(ctx, meta, level, rises)
	}
	return nil
}

// runCallers has callers looked up again every second: other servers may have changed who
// they are. What callers may do in a second is divided among the servers that there are.
func (s *Server) runCallers(ctx context.Context) {
	ticker := time.NewTicker(clusterRenewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.directory.ForgetCallers()
			s.shareRates()
		case <-ctx.Done():
			return
		}
	}
}

// shareRates divides what callers may do in a second among the servers that there are.
func (s *Server) shareRates() {
	for _, l := range s.limiters {
		l.Among(s.cluster.Alive())
	}
}

// lose gives all up: others may have it.
func (m *membership) lose() {
	m.set("")
	m.cluster.Lost()
	m.links.close()
	m.links = nil
}

func (m *membership) join(ctx context.Context, members store.Members) error {
	c := &m.cfg.Cluster
	if _, err := m.levels.admit(ctx, m.store.Meta()); err != nil {
		return err
	}
	id, err := members.Join(ctx, store.Member{Name: c.Node, Address: c.address(), Level: m.levels.to})
	if err != nil {
		return err
	}
	_, err = m.levels.admit(ctx, m.store.Meta()) // others may have raised it meanwhile
	if err == nil {
		var seen store.Sight
		if seen, err = members.Look(ctx); err == nil {
			err = m.levels.speaks(seen.Members)
		}
	}
	if err != nil {
		return errors.Join(err, members.Leave(ctx))
	}
	links, err := m.openLinks(ctx, id)
	if err != nil {
		return fmt.Errorf("open links to other nodes: %w", err)
	}
	m.links = links
	m.cluster.Joined(id, links)
	m.set(id)
	m.cfg.Log.Info("joined the cluster", "node", c.Node, "member", id, "address", c.address())
	return nil
}
