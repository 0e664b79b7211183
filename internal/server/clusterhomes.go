package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"heddle/internal/store"
)

// A node's membership in the first home is what makes it a node; its id is that of its links. In
// each other home it is a member for that home's shards alone, under an id that begins with the
// node's: so a home that fails takes its own shards, and what a node had there before it was
// declared dead is fenced as ever.

// set says which membership makes this server a node now.
func (m *membership) set(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id = id
}

func (m *membership) get() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id
}

// inHome names a home in the log, if there are several.
func (m *membership) inHome(home int) []any {
	if name := m.database.name(home); name != "" {
		return []any{"home", name}
	}
	return nil
}

// nodeOf is the node of a member of a home.
func nodeOf(member string) string {
	node, _, _ := strings.Cut(member, "/")
	return node
}

// homeLoop is what the loop of another home than the first knows.
type homeLoop struct {
	*membership
	home    int
	as      string // the node's id when it joined; empty: it has not
	lost    bool   // the membership was not renewed in time
	renewed time.Time
	said    store.Renewal
	warned  bool // that it can't join
}

// runHome keeps the membership in another home than the first, for as long as there is one in that.
func (m *membership) runHome(ctx context.Context, home int) {
	l := &homeLoop{membership: m, home: home}
	ticker := time.NewTicker(clusterLookEvery)
	defer ticker.Stop()
	leaves := m.leaves
	for {
		l.turn(ctx, leaves == nil)
		wait := ticker.C
		if l.as == "" {
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

func (l *homeLoop) turn(ctx context.Context, leaving bool) {
	below := l.database.at(l.home)
	if below == nil {
		l.reopenHome(ctx, l.home)
		return
	}
	members, node := below.Members(), l.get()
	if l.as != "" && l.as != node { // the node is another one now, which has nothing here
		l.as = ""
		l.cluster.LostHome(l.home)
	}
	if node == "" {
		return
	}
	if l.as == "" && !l.join(ctx, members, node) {
		return
	}
	if hears := l.cluster.Hears(); time.Since(l.renewed) >= clusterRenewEvery || l.said.Leaving != leaving || l.said.Hears != hears {
		said := store.Renewal{Leaving: leaving || l.cluster.Unfit(), Hears: hears}
		switch _, err := members.Renew(ctx, said); {
		case errors.Is(err, store.ErrNotMember):
			l.cfg.Log.Error("this node was declared dead, and joins again", append(l.inHome(l.home), "cause", err)...)
			l.as = ""
			l.cluster.LostHome(l.home)
			return
		case err == nil:
			l.renewed, l.said = time.Now(), said
			l.lost = false
		}
	}
	if !l.lost && below.Current(0) != nil {
		l.cfg.Log.Error("the membership was not renewed in time: this node has no shards of the home until it is", l.inHome(l.home)...)
		l.lost = true
		l.cluster.LostHome(l.home)
	}
	if l.lost {
		return
	}
	seen, err := members.Look(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.cfg.Log.Warn("look at the members", append(l.inHome(l.home), "cause", err)...)
		}
		return
	}
	seen.Home = l.home
	for i := range seen.Members {
		seen.Members[i].ID = nodeOf(seen.Members[i].ID)
	}
	for i := range seen.Owners {
		seen.Owners[i].Member = nodeOf(seen.Owners[i].Member)
	}
	if l.get() == l.as {
		l.cluster.Looked(seen)
	}
}

// join becomes a member of the home, and tells whether it did.
func (l *homeLoop) join(ctx context.Context, members store.Members, node string) bool {
	c := &l.cfg.Cluster
	if _, err := members.Join(ctx, store.Member{ID: node, Name: c.Node, Address: c.address(), Level: l.levels.to}); err != nil {
		if !l.warned && ctx.Err() == nil {
			l.warned = true
			l.cfg.Log.Warn("the node can't join; it is tried again", append(l.inHome(l.home), "cause", err)...)
		}
		return false
	}
	l.cluster.JoinedHome(l.home)
	l.as, l.lost, l.warned, l.renewed, l.said = node, false, false, time.Now(), store.Renewal{}
	l.cfg.Log.Info("joined the cluster", append(l.inHome(l.home), "node", c.Node)...)
	return true
}
