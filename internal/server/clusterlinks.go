package server

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"reflect"
	"time"

	"heddle/internal/cluster"
	"heddle/internal/cluster/link"
	"heddle/internal/cluster/wire"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/shard"
	"heddle/internal/store"
)

// clusterKeyName is the row of the key by which nodes trust each other.
const clusterKeyName = "cluster/key"

// crossingText gives numbers to all that goes between servers; see wire.Table. After a change
// of what does:
//
//	go test ./internal/server -run TestCrossingTable -rewrite
//
//go:embed crossing.txt
var crossingText []byte

// crossingOf are the types of all that goes between servers.
func crossingOf(services []*service.Service) (all []reflect.Type) {
	for _, v := range []any{
		cluster.Announce{}, cluster.Given{}, cluster.Command{}, cluster.Cancel{}, cluster.Reply{}, cluster.Message{}, cluster.Ack{},
		cluster.Offer{}, cluster.Withdraw{}, cluster.WithdrawShard{}, cluster.Taken{}, cluster.Poll{}, cluster.Claimed{}, cluster.PollEnd{}, cluster.PollOver{}, cluster.Count{},
		cluster.Standing{}, cluster.Ask{},
	} {
		all = append(all, reflect.TypeOf(v))
	}
	all = append(all, crossing...)
	for _, one := range services {
		all = append(all, one.Crossing...)
	}
	return all
}

// newCodec knows all that crosses between servers.
func newCodec(table *wire.Table, services []*service.Service) (*wire.Codec, error) {
	c, err := wire.New(table, crossingOf(services))
	if err != nil {
		return nil, fmt.Errorf("what crosses between servers: %w", err)
	}
	for number, err := range sentinels {
		c.Sentinel(number, err)
	}
	return c, nil
}

// sentinels are errors that are told apart at the other end by errors.Is. A number stands for
// its error for ever.
var sentinels = map[uint64]error{
	1: engine.ErrUnavailable, 2: engine.ErrUnusable, 3: engine.ErrUnread, 4: shard.ErrQuarantined, 5: shard.ErrMoved,
	6: matching.ErrTooManyPolls, 7: context.Canceled, 8: context.DeadlineExceeded, 9: store.ErrNotFound,
}

// clusterLinks are the links of a membership.
type clusterLinks struct {
	links *link.Links
	codec *wire.Codec
}

// Send implements cluster.Links.
func (l *clusterLinks) Send(member string, frame any) error {
	b, err := l.codec.Encode(frame)
	if err != nil {
		return err
	}
	if cluster.CanWait(frame) {
		return l.links.SendLater(member, b)
	}
	return l.links.Send(member, b)
}

// Peers implements cluster.Links.
func (l *clusterLinks) Peers(members []store.Member) {
	var peers []link.Peer
	for _, m := range members {
		peers = append(peers, link.Peer{Member: m.ID, Name: m.Name, Address: m.Address, Level: m.Level})
	}
	l.links.Peers(peers)
}

func (l *clusterLinks) close() {
	if l != nil {
		l.links.Close()
	}
}

// openLinks opens those of a membership.
func (m *membership) openLinks(ctx context.Context, id string) (*clusterLinks, error) {
	kept, err := m.clusterKey(ctx)
	if err != nil {
		return nil, err
	}
	authority, err := link.OpenAuthority(kept, time.Now())
	if err != nil {
		return nil, err
	}
	c := &m.cfg.Cluster
	from, to := m.codec.Levels()
	l := &clusterLinks{codec: m.codec}
	l.links, err = link.Open(link.Config{
		Self:   link.Peer{Member: id, Name: c.Node, Address: c.address(), LevelFrom: from, Level: to},
		Listen: c.Listen, CA: authority, Now: time.Now, Within: context.WithTimeout, Log: m.cfg.Log,
	}, link.Events{
		Up:   func(p link.Peer) { m.cluster.Up(p.Member) },
		Down: func(member string) { m.cluster.Down(member) },
		Frame: func(member string, b []byte) error {
			frame, err := l.codec.Decode(b)
			if err != nil {
				return m.cluster.Unread(member, frame, err)
			}
			m.cluster.Frame(member, frame)
			return nil
		},
	})
	return l, err
}

// clusterKey is the key that all nodes have; the first makes it.
func (m *membership) clusterKey(ctx context.Context) ([]byte, error) {
	meta := m.store.Meta()
	for {
		kept, err := meta.Get(ctx, clusterKeyName)
		if !errors.Is(err, store.ErrNotFound) {
			return kept, err
		}
		made, err := link.NewAuthority()
		if err != nil {
			return nil, err
		}
		if err := meta.CompareAndSet(ctx, clusterKeyName, nil, made); err == nil {
			return made, nil
		} else if !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}
