package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/cluster/link/linktest"
	"heddle/internal/store/memstore"
)

// fleet is servers that share a store in memory.
type fleet struct {
	t      *testing.T
	store  *memstore.Store // which no server has to itself
	blobs  blob.Memory
	random *rand.Rand // of commits, and of who is called

	events sync.Mutex // one at a time: some node is always there

	mu    sync.Mutex // guards the fields below, and random
	nodes []*fleetNode
}

// fleetNode is one of them, with its opening of the store and the way of others to it.
type fleetNode struct {
	*machine
	name  string
	store *memstore.Store
	way   *linktest.Way
}

// clock is the store's time: servers compare theirs with it.
func (f *fleet) clock() time.Duration { return time.Duration(time.Now().UnixNano()) }

// boot starts a server, which joins the others.
func (f *fleet) boot(name string) (*fleetNode, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	links := l.Addr().String()
	n := &fleetNode{name: name, store: f.store.Share(f.clock)}
	if n.way, err = linktest.NewWay(links); err != nil {
		return nil, err
	}
	cfg := memory()
	cfg.PollHold = 20 * time.Millisecond // a poll may take a hop
	cfg.Cluster = Cluster{Node: name, Listen: links, Address: n.way.Addr()}
	cfg.shared = &sharedMemory{n.store, &f.blobs}
	if err := l.Close(); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	n.machine = &machine{t: f.t, client: httpClient(), ended: life, end: end}
	if n.server, err = Start(f.t.Context(), cfg); err != nil {
		return nil, fmt.Errorf("boot %s: %w", name, err)
	}
	seed := f.number()
	n.store.BeforeCommit(harm(n.store, rand.New(rand.NewPCG(seed, 99))))
	f.t.Cleanup(func() {
		n.way.Close()
		_ = n.server.Close(life) // of one that was killed nothing is wanted
		end()
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = append(f.nodes, n)
	return n, nil
}

func (f *fleet) number() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.Uint64()
}

// any is a node that may be called.
func (f *fleet) any() *fleetNode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[f.random.IntN(len(f.nodes))]
}

// leave has a node called no more.
func (f *fleet) leave(n *fleetNode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, one := range f.nodes {
		if one == n {
			f.nodes = append(f.nodes[:i:i], f.nodes[i+1:]...)
		}
	}
}

// handOver stops a node in order, and starts it again.
func (f *fleet) handOver() error {
	n := f.any()
	f.leave(n)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := n.server.Close(ctx)
	_, failed := f.boot(n.name)
	return errors.Join(err, failed)
}

// kill takes from a node the store and its callers, which hear nothing any more, and starts another one.
func (f *fleet) kill() error {
	n := f.any()
	f.leave(n)
	err := n.store.Close()
	n.end()
	go n.server.Close(n.ended)
	_, failed := f.boot(n.name + "2")
	return errors.Join(err, failed)
}

// cut cuts all ways, or heals them.
func (f *fleet) cut(is bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.nodes {
		n.way.Set(is, is, 0)
	}
	return nil
}

// orNoRoom has a call that found no room on a node full of calls that wait count as one of unknown outcome: nothing was done, but
// nothing was refused either that the model knows of.
func orNoRoom(a heard) heard {
	if a.fault == "ThrottlingException" {
		return heard{}
	}
	return a
}

// TestClusterLinearizable has clients call two servers of one store, each call at either, while the store
// loses commits, writes some that it does not confirm, and takes shards away; links are cut, and a node
// stops and joins again, and one dies.
func TestClusterLinearizable(t *testing.T) {
	lacking := map[string]int{}
	var mu sync.Mutex
	t.Cleanup(func() { mustHavePlaces(t, lacking) })
	for seed := range uint64(max(1, *histories/10)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel() // for it waits, for leases and links, nearly all the time
			f := &fleet{t: t, store: memstore.New(memoryShards), random: rand.New(rand.NewPCG(seed, 98))}
			for _, name := range []string{"a", "b"} {
				if _, err := f.boot(name); err != nil {
					t.Fatal(err)
				}
			}
			m := f.nodes[0].machine
			for _, n := range f.nodes { // until all is set up
				n.store.BeforeCommit(nil)
			}
			// A machine with much else to do may renew a membership too late, and a call whose shard moves meanwhile
			// gets a 500: it is made again, as by any client. What is refused fails the test.
			eventually(t, "all is set up", func() bool {
				err := m.shop()
				if err == nil {
					err = m.crowded()
				}
				if err != nil && !errors.Is(err, errUnanswered) {
					t.Fatal(err)
				}
				return err == nil
			})
			for _, n := range f.nodes {
				n.store.BeforeCommit(harm(n.store, rand.New(rand.NewPCG(f.number(), 99))))
			}
			c := newCrowd(t, 0.05, m)
			c.call = func(ctx context.Context, action, body string) heard {
				return orNoRoom(f.any().call(ctx, action, body))
			}
			c.states = func(ctx context.Context, action, body string) heard {
				return orNoRoom(f.any().statesIn(ctx, action, body))
			}
			var events sync.WaitGroup
			c.happens = map[int64]func(){}
			for at, event := range map[int64]func() error{
				100: func() error { return f.cut(true) }, 160: func() error { return f.cut(false) }, 250: f.handOver, 400: f.kill, 550: f.handOver,
			} {
				c.happens[at] = func() {
					events.Go(func() {
						f.events.Lock()
						defer f.events.Unlock()
						if err := event(); err != nil {
							t.Error(err)
						}
					})
				}
			}
			c.work(seed, 6, 120)
			events.Wait()
			for _, n := range f.nodes {
				n.store.BeforeCommit(nil)
			}
			eventually(t, "each shard is served", func() bool {
				for _, n := range f.nodes {
					if !n.server.cluster.Settled() {
						return false
					}
				}
				return true
			})
			c.settle(f.any().machine)
			mu.Lock()
			defer mu.Unlock()
			c.judge(lacking)
		})
	}
}
