package cluster

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/shard"
)

// asked is a question to another member.
type asked struct {
	id     uint64
	member string
	answer chan Reply // has room for the one answer
}

// ask asks a member something; nil: there is no way to it. The mutex is held.
func (c *Cluster) ask(member string, frame func(id uint64) any) *asked {
	if !c.linked[member] {
		return nil
	}
	c.calls++
	a := &asked{c.calls, member, make(chan Reply, 1)}
	c.asked[a.id] = a
	if err := c.trySend(c.links, member, frame(a.id)); err != nil {
		delete(c.asked, a.id)
		a.answer <- Reply{Err: fmt.Errorf("nothing was done, since it can't be sent to the server that has the execution: %w", err)}
	}
	return a
}

// pause waits for news, or a while; false: ctx is over, or the node stops.
func (c *Cluster) pause(ctx context.Context, news <-chan struct{}) bool {
	again, cancel := c.Within(ctx, lookAgain)
	defer cancel()
	select {
	case <-news:
	case <-again.Done():
	case <-c.life.Done():
		return false
	}
	return ctx.Err() == nil
}

// Do gives a command to its run, wherever that is, and returns the reply once it is
// durable. Whoever owns the shard is looked for a while. If a link breaks, or ctx ends
// first, the command may still take effect.
func (c *Cluster) Do(ctx context.Context, cmd engine.Command) (any, error) {
	id := c.node.ShardOf(&cmd)
	if !c.has(id) {
		return nil, &engine.UnknownRunError{Name: cmd.Name, Run: cmd.Run}
	}
	var looks context.Context
	for {
		c.mu.Lock()
		news, p := c.news, c.shards[id]
		if p.state == owned {
			c.mu.Unlock()
			reply, err := c.node.Do(ctx, cmd)
			if !errors.Is(err, shard.ErrMoved) {
				return reply, err
			}
		} else {
			a := c.ask(p.owner, func(call uint64) any { return &Command{ID: call, Cmd: cmd} })
			c.mu.Unlock()
			if a != nil {
				if r := c.answer(ctx, a); !r.Moved {
					c.shown.keep(cmd.Run, &r)
					return r.Value, r.Err
				}
			}
		}
		if looks == nil {
			within, cancel := c.Within(ctx, lookFor)
			defer cancel()
			looks = within
		}
		if why := c.noneHere(id); why != "" && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %s %d", engine.ErrUnserved, why, id)
		}
		if !c.pause(looks, news) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%w: no node serves shard %d", engine.ErrUnserved, id)
		}
	}
}

// noneHere tells, up to its number, why nobody needs to look for the owner of a shard here: the home that has it, one of several, does
// not answer this node; or it has lost steps, and is shut; or this one is cut off, while others may reach the owner. Empty: there is no such reason.
func (c *Cluster) noneHere(id uint16) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch h := c.homeOf(id); {
	case len(c.homes) > 1 && !h.seen:
		return "no answer comes from the home of the store that has shard"
	case c.shards[id].shut:
		return "the database has lost acknowledged steps, and until 'heddle accept-loss' this is shut: shard"
	case c.isAlone(h) && c.shards[id].owner != c.me && !c.linked[c.shards[id].owner]:
		return "this node is cut off from the one that has shard"
	}
	return ""
}

func (c *Cluster) answer(ctx context.Context, a *asked) Reply {
	select {
	case r := <-a.answer:
		if errors.Is(r.Err, errLinkLost) {
			r.Err = fmt.Errorf("%w: %w", engine.ErrUnavailable, r.Err)
		}
		return r
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.asked[a.id] == a {
			delete(c.asked, a.id)
			c.send(c.links, a.member, &Cancel{a.id})
		}
		return Reply{Err: ctx.Err()}
	}
}

// Serves tells whether a node serves the shard of a run that can be reached from here: a command for it need not look.
func (c *Cluster) Serves(run engine.RunID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.has(run.Shard()) {
		return true // it is answered that there is no such run
	}
	p := &c.shards[run.Shard()]
	return p.state == owned || c.linked[p.owner]
}

// Cast gives a command to its run, if somebody serves it; nobody hears of the outcome.
func (c *Cluster) Cast(cmd engine.Command) {
	id := c.node.ShardOf(&cmd)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.has(id):
	case c.shards[id].state == owned || c.shards[id].state == giving: // which hears still what became of tasks
		c.node.CastFor("", cmd)
	default:
		c.sendTo(id, &Command{Cmd: cmd})
	}
}

// View gives what is known of a run, without its state.
func (c *Cluster) View(ctx context.Context, name engine.Name, run engine.RunID) (*engine.RunView, error) {
	reply, err := c.Do(ctx, engine.Command{Name: name, Run: run, Body: engine.Peek{}})
	if err != nil {
		return nil, err
	}
	return reply.(*engine.RunView), nil
}

// serveCommand does a command for another member. The mutex is held.
func (c *Cluster) serveCommand(member string, f *Command) {
	name, peer, links := serving{member, f.ID}, c.peer(member), c.links
	if f.ID == 0 {
		c.node.CastFor(peer, f.Cmd)
		return
	}
	run := f.Cmd.Run
	stop, err := c.node.Give(peer, f.Cmd, func(value any, err error) {
		r := &Reply{ID: name.id, Value: value, Err: err}
		if shows, ok := value.(engine.Showing); ok && err == nil {
			r.History, _ = c.node.RecentEvents(run, shows.ShowsUpTo())
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.peer(member) != peer { // nobody hears of it; it may have started a task
			c.offerAgain()
			return
		}
		delete(c.serving, name)
		c.reply(links, member, r)
	})
	if err != nil {
		c.reply(links, member, &Reply{ID: f.ID, Err: err})
		return
	}
	c.serving[name] = stop
}

// reply answers a command of another member.
func (c *Cluster) reply(links Links, member string, r *Reply) {
	if errors.Is(r.Err, shard.ErrMoved) {
		r.Moved, r.Err = true, nil
	}
	if err := c.trySend(links, member, r); err != nil {
		c.send(links, member, &Reply{ID: r.ID, Err: fmt.Errorf("%w: its answer can't be sent: %w", engine.ErrUnavailable, err)})
	}
}
