package cluster

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/store"
)

// picky is the links and the shards of a node, where some things can't be written.
type picky struct {
	disowning
	refuses func(frame any) bool
	sent    chan any
	reply   any
	err     error
}

var errUnwritable = errors.New("it can't be written")

func (p *picky) Send(_ string, frame any) error {
	if p.refuses != nil && p.refuses(frame) {
		return errUnwritable
	}
	p.sent <- frame
	return nil
}

// Give gives its answer at once, from another goroutine.
func (p *picky) Give(_ string, _ engine.Command, then func(any, error)) (func(), error) {
	go then(p.reply, p.err)
	return func() {}, nil
}

// linked is a cluster of two, of which the other one has the only shard.
func linked(t *testing.T, p *picky) *Cluster {
	t.Helper()
	p.sent = make(chan any, 100)
	c := New(Config{
		Name: "a", Shards: 1, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 },
		Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(c.Stop)
	c.SetNode(p)
	c.Joined("A", p)
	c.Looked(store.Sight{Members: []store.Member{{ID: "A", Name: "a"}, {ID: "B", Name: "b"}}, Owners: []store.Owner{{Epoch: 1, Member: "B"}}})
	c.Up("B")
	if s, ok := (<-p.sent).(*Standing); !ok || !s.Whole {
		t.Errorf("a new link begins with %+v", s)
	}
	return c
}

// TestUnsent: a command that can't be written, or an answer, fails its caller at once, who
// hears whether anything was done.
func TestUnsent(t *testing.T) {
	p := &picky{refuses: func(frame any) bool { _, isCommand := frame.(*Command); return isCommand }}
	c := linked(t, p)
	if _, err := c.Do(t.Context(), engine.Command{}); !errors.Is(err, errUnwritable) || errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), "nothing was done") {
		t.Errorf("a command that can't be written: %v", err)
	}
	if len(c.asked) != 0 {
		t.Errorf("%d are waited for", len(c.asked))
	}
	// The other side: its answer can't be written.
	p.refuses = func(frame any) bool { r, isReply := frame.(*Reply); return isReply && r.Value != nil }
	p.reply = "an answer"
	c.Frame("B", &Command{ID: 7})
	if r, ok := (<-p.sent).(*Reply); !ok || r.ID != 7 || !errors.Is(r.Err, engine.ErrUnavailable) {
		t.Errorf("told %+v", r)
	}
}

// TestUnread: what can't be read is told whoever waits for it, and ends the link if nobody can be.
func TestUnread(t *testing.T) {
	p := &picky{}
	c := linked(t, p)
	cause := errors.New("cut off")
	answered := make(chan error)
	go func() {
		_, err := c.Do(t.Context(), engine.Command{})
		answered <- err
	}()
	asked := (<-p.sent).(*Command)
	if err := c.Unread("B", &Reply{ID: asked.ID}, cause); err != nil {
		t.Error(err)
	}
	if err := <-answered; !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, cause) {
		t.Errorf("an answer that can't be read: %v", err)
	}
	if err := c.Unread("B", &Command{ID: 8}, cause); err != nil {
		t.Error(err)
	}
	if r, ok := (<-p.sent).(*Reply); !ok || r.ID != 8 || !errors.Is(r.Err, cause) || !strings.Contains(r.Err.Error(), "nothing was done") {
		t.Errorf("told %+v", r)
	}
	for _, part := range []any{nil, &Command{}, &Reply{ID: asked.ID}, &Announce{}, &Message{}} {
		if err := c.Unread("B", part, cause); !errors.Is(err, cause) {
			t.Errorf("%T: the link goes on: %v", part, err)
		}
	}
}
