package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// newCodec knows all that crosses between nodes.
func newCodec(services []*service.Service) *wire.Codec {
	c := wire.New()
	c.Register(
		cluster.Announce{}, cluster.Given{}, cluster.Command{}, cluster.Cancel{}, cluster.Reply{}, cluster.Message{}, cluster.Ack{},
		cluster.Offer{}, cluster.Withdraw{}, cluster.WithdrawShard{}, cluster.Poll{}, cluster.Claimed{}, cluster.PollEnd{}, cluster.PollOver{}, cluster.Count{}, cluster.Standing{}, cluster.Ask{},
	)
	types := crossing
	for _, one := range services {
		types = append(types[:len(types):len(types)], one.Crossing...)
	}
	for _, t := range types {
		c.RegisterType(t)
	}
	c.Sentinels(engine.ErrUnavailable, engine.ErrUnusable, engine.ErrUnread, shard.ErrQuarantined, shard.ErrMoved, matching.ErrTooManyPolls,
		context.Canceled, context.DeadlineExceeded, store.ErrNotFound)
	return c
}

// clusterLinks are the links of a membership.
type clusterLinks struct {
	links *link.Links
	codec *wire.Codec
	log   *slog.Logger
}

// Send implements cluster.Links. What can't be written is told, and a reply says so.
func (l *clusterLinks) Send(member string, frame any) {
	b, err := l.codec.Encode(frame)
	if err != nil {
		l.log.Error("what goes to another node can't be written", "cause", err)
		r, isReply := frame.(*cluster.Reply)
		if !isReply {
			return
		}
		if b, err = l.codec.Encode(&cluster.Reply{ID: r.ID, Err: fmt.Errorf("%w: its answer can't be sent", engine.ErrUnavailable)}); err != nil {
			return
		}
	}
	l.links.Send(member, b)
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
	l := &clusterLinks{codec: m.codec, log: m.cfg.Log}
	l.links, err = link.Open(link.Config{
		Self:   link.Peer{Member: id, Name: c.Node, Address: c.address(), Level: int(m.codec.Fingerprint())},
		Listen: c.Listen, CA: authority, Now: time.Now, Within: context.WithTimeout, Log: m.cfg.Log,
	}, link.Events{
		Up:   func(p link.Peer) { m.cluster.Up(p.Member) },
		Down: func(member string) { m.cluster.Down(member) },
		Frame: func(member string, b []byte) {
			frame, err := l.codec.Decode(b)
			if err != nil {
				m.cfg.Log.Error("a frame of another node can't be read", "member", member, "cause", err)
				return
			}
			m.cluster.Frame(member, frame)
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
