package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"heddle/internal/engine"
	"heddle/internal/sealing"
	"heddle/internal/secretfile"
	"heddle/internal/shard"
	"heddle/internal/store"
)

// clockName is a row of the meta space that says what the clock showed.
const clockName = "server/clock"

// clockSaveEvery is how old that may be. While the wall clock is behind, this one is
// slower than the count by which the next start goes.
const clockSaveEvery = 10 * time.Minute

// savedClock is what a clock showed in one life, for the next.
type savedClock struct {
	Time   int64  `json:"time"`             // in milliseconds, as Uptime and Doubt
	Boot   string `json:"boot,omitempty"`   // of the machine
	Uptime int64  `json:"uptime,omitempty"` // in that boot
	Doubt  int64  `json:"doubt,omitempty"`  // of clock.doubt
}

// state is what to save, and whether that is new since the last time.
func (c *clock) state() (saved savedClock, changed bool) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.pieces.look()
	changed, c.changed = c.changed, false
	return savedClock{
		Time: int64(now), Boot: c.pieces.boot(), Uptime: r.uptime.Milliseconds(), Doubt: c.doubt.Milliseconds(),
	}, changed
}

// begin sets the clock when the server starts: seen is the latest time that the store
// has seen, zero if it is new; saved is what an earlier life has left, nil if there is
// none. It tells whether the wall clock has to prove itself first.
//
// Since when that life was, the machine's own count tells, if it has not been started anew
// meanwhile. Then the wall clock is weighed as always. Else nobody knows how long the server
// was down but the wall clock.
func (c *clock) begin(seen engine.Time, saved *savedClock) (waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.pieces.look()
	c.looked, c.agreed = r, r.count
	if seen == 0 && saved == nil {
		c.base, c.allowance = r.wall-r.count, stepMost
		return false
	}
	from, counted := time.Duration(seen)*time.Millisecond, false
	if saved != nil {
		c.doubt = time.Duration(saved.Doubt) * time.Millisecond
		since := r.uptime - time.Duration(saved.Uptime)*time.Millisecond
		if counted = saved.Boot != "" && saved.Boot == c.pieces.boot() && saved.Uptime > 0 && since >= 0; counted {
			from = max(from, time.Duration(saved.Time)*time.Millisecond+since)
			c.allowance = stepMost
		}
	}
	off := r.wall - from
	if off.Abs() <= stepAbove {
		from, c.allowance = max(r.wall, time.Duration(seen)*time.Millisecond), stepMost
	} else if off < 0 {
		c.log.Warn("the store was written at a later time; the server's clock begins there", "ahead_by", (-off).Round(time.Second))
		c.behind = true
	}
	c.base = from - r.count
	if off > stepAbove && !counted {
		c.log.Warn("nobody but the wall clock knows how long the server was down; it starts when that has proved steady",
			"last_written", at(from), "wall", at(r.wall), "for", steadyFor)
		c.weigh(r, off)
		return true
	}
	return false
}

// isAhead tells whether the wall clock is further ahead than is slewed.
func (c *clock) isAhead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow(c.pieces.look())
	return c.jump != nil
}

// openClock sets the clock by what the store has seen, and waits until it is known.
func (s *Server) openClock(ctx context.Context) error {
	seen, err := s.lastTime(ctx)
	if err != nil {
		return fmt.Errorf("read the store's time: %w", err)
	}
	if s.cfg.TimeSkip != SkipOff { // the store is ahead of all clocks, and nothing in it is real
		s.clock.skip(seen)
		return nil
	}
	if s.clockRow, err = s.store.Meta().Get(ctx, s.clockName()); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var saved *savedClock
	if s.clockRow != nil {
		if err := json.Unmarshal(s.clockRow, &saved); err != nil {
			return fmt.Errorf("read %q: %w", clockName, err)
		}
	}
	if s.clock.begin(seen, saved) {
		if err := s.awaitTime(ctx); err != nil {
			return err
		}
	}
	return s.saveClock(ctx)
}

// lastTime is the latest time that the store has seen.
func (s *Server) lastTime(ctx context.Context) (engine.Time, error) {
	if s.cfg.Cluster.on() {
		last, err := s.nodes.LastStamp(ctx)
		return engine.Time(last), err
	}
	return shard.LastTime(ctx, s.store, s.shards)
}

// clockName is the row of this server's clock: each node has one.
func (s *Server) clockName() string {
	if s.cfg.Cluster.on() {
		return clockName + "/" + s.cfg.Cluster.Node
	}
	return clockName
}

// awaitTime returns when the wall clock was read steadily, or the operator has spoken.
func (s *Server) awaitTime(ctx context.Context) error {
	for {
		if err := s.clock.pieces.wait(ctx, lookEvery); err != nil {
			return fmt.Errorf("wait for a steady wall clock: %w", err)
		}
		if !s.clock.isAhead() {
			return nil
		}
		s.hearWord()
	}
}

// saveClock writes down what the clock shows.
func (s *Server) saveClock(ctx context.Context) error {
	if s.cfg.TimeSkip != SkipOff {
		return nil
	}
	state, _ := s.clock.state()
	row, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := s.store.Meta().CompareAndSet(ctx, s.clockName(), s.clockRow, row); err != nil {
		return err
	}
	s.clockRow = row
	return nil
}

// runClock keeps the clock going when nobody asks for the time, hears the operator's word,
// and saves what the next life must know.
func (s *Server) runClock(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	saved := s.clock.pieces.count()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		s.clock.Now()
		s.hearWord()
		if now := s.clock.pieces.count(); s.clock.hasChanged() || now-saved >= clockSaveEvery {
			saved = now
			if err := s.saveClock(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Error("save the clock; it is tried again", "cause", err)
			}
		}
	}
}

func (c *clock) hasChanged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// WordFile is where a data folder has the operator's word about the time.
func WordFile(data string) string { return filepath.Join(data, "accepted-time") }

// hearWord takes the operator's word, if the clock asks for it and it was given. A word that
// it has no reason to ask for must not lie about until it has: it would be of another day.
func (s *Server) hearWord() {
	file := WordFile(s.cfg.Data)
	switch {
	case !s.clock.isAhead():
		if os.Remove(file) == nil {
			s.cfg.Log.Warn("an accepted time is dropped, since the wall clock is not ahead", "file", file)
		}
		return
	case !s.clock.asks():
		return
	}
	text, err := secretfile.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var word time.Time
	if err == nil {
		word, err = time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	}
	if err == nil {
		err = s.clock.accept(word)
	}
	if err != nil {
		s.cfg.Log.Error("the accepted time can't be taken; give it again", "file", file, "cause", err)
	}
	if err := os.Remove(file); err != nil { // it would be told again
		s.cfg.Log.Error("remove the accepted time", "file", file, "cause", err)
	}
}

// AcceptTime leaves the operator's word for the server of a data folder: it is no earlier
// than t.
func AcceptTime(data string, t time.Time) error {
	if off := time.Until(t); off.Abs() > stepMost {
		return fmt.Errorf("accept time %s: this machine's clock reads %s; set that first", t.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
	}
	if _, err := os.Stat(sealing.StoreDir(data)); err != nil {
		return fmt.Errorf("accept time: no data folder of a server: %w", err)
	}
	return secretfile.Replace(WordFile(data), []byte(t.UTC().Format(time.RFC3339)+"\n"))
}
