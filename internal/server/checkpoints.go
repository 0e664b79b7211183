package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"heddle/internal/backup"
	"heddle/internal/lifecycle"
	"heddle/internal/service"
	"heddle/internal/store/pebblestore"
)

const (
	// checkpointLease is how long a checkpoint stays of which nobody says that it is wanted.
	checkpointLease = 5 * time.Minute
	// checkpointLook is how often it is looked whether one is to go.
	checkpointLook = 5 * time.Second
)

// CheckpointDir is where a data folder has its checkpoints. They share files with the store as
// far as both are on one disk.
func CheckpointDir(data string) string { return filepath.Join(data, "checkpoints") }

// checkpoints are copies of a running store: a service.Checkpoints. As long as there is one no
// blob is swept.
type checkpoints struct {
	dir   string
	disk  *pebblestore.Store
	log   *slog.Logger
	now   func() time.Time
	since func() time.Duration // by a clock that never steps

	making sync.Mutex // held while one is made or deleted
	mu     sync.Mutex // guards those below
	name   string     // of the one that there is; empty: none
	until  time.Duration
}

var _ service.Checkpoints = (*checkpoints)(nil)

// checkpointsOf are for services.
func (s *Server) checkpointsOf() service.Checkpoints {
	if s.checkpoints == nil {
		return nil
	}
	return s.checkpoints
}

// held tells whether somebody has a checkpoint.
func (c *checkpoints) held() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name != ""
}

// Create implements service.Checkpoints.
func (c *checkpoints) Create(ctx context.Context) (service.Checkpoint, error) {
	busy := fmt.Errorf("%w: somebody backs the store up, or checks it; if that was cut off, what it had is given up within %v", service.ErrNoCheckpoint, checkpointLease)
	if !c.making.TryLock() {
		return service.Checkpoint{}, busy
	}
	defer c.making.Unlock()
	if c.held() {
		return service.Checkpoint{}, busy
	}
	if c.disk.Room() != pebblestore.Enough {
		return service.Checkpoint{}, fmt.Errorf("%w: the disk has little room, and a checkpoint keeps files from being deleted; make room first", service.ErrNoCheckpoint)
	}
	at := c.now()
	name := at.UTC().Format("20060102T150405.000Z")
	c.mu.Lock()
	c.name, c.until = name, c.since()+checkpointLease // from now on nothing is swept
	c.mu.Unlock()
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		c.drop()
		return service.Checkpoint{}, err
	}
	if err := c.disk.Checkpoint(filepath.Join(c.dir, name)); err != nil {
		c.drop()
		return service.Checkpoint{}, err
	}
	c.log.Info("made a checkpoint of the store, for a backup or a check", "name", name)
	kept, _ := c.Keep(name)
	kept.At = at
	return kept, nil
}

// Keep implements service.Checkpoints.
func (c *checkpoints) Keep(name string) (service.Checkpoint, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == "" || name != c.name {
		return service.Checkpoint{}, false
	}
	c.until = c.since() + checkpointLease
	return service.Checkpoint{Name: name, Until: c.now().Add(checkpointLease)}, true
}

// Delete implements service.Checkpoints.
func (c *checkpoints) Delete(name string) bool {
	c.making.Lock()
	defer c.making.Unlock()
	if _, ok := c.Keep(name); !ok {
		return false
	}
	c.drop()
	return true
}

// drop deletes what there is. It is being made, or deleted.
func (c *checkpoints) drop() {
	if err := os.RemoveAll(c.dir); err != nil {
		c.log.Error("a checkpoint can't be deleted; it keeps files of the store that nobody needs", "folder", c.dir, "cause", err)
	}
	c.mu.Lock()
	c.name = ""
	c.mu.Unlock()
}

// look deletes what nobody wants any more, or what the disk has no room for.
func (c *checkpoints) look() {
	full := c.disk.Room() == pebblestore.Full
	c.mu.Lock()
	name, late := c.name, c.since() >= c.until
	c.mu.Unlock()
	if name == "" || !late && !full || !c.making.TryLock() {
		return
	}
	defer c.making.Unlock()
	c.log.Warn("a checkpoint of the store is given up: who had it has not said for a while that it is wanted, or the disk is full", "name", name, "disk_is_full", full)
	c.drop()
}

// checkpointsPart keeps and ends them.
type checkpointsPart struct {
	server *Server
	loop   lifecycle.Service
}

// Start implements lifecycle.Service: what a killed process has left goes.
func (p *checkpointsPart) Start(ctx context.Context) error {
	s := p.server
	if s.disk == nil {
		return nil
	}
	c := &checkpoints{
		dir: CheckpointDir(s.cfg.Data), disk: s.disk, log: s.cfg.Log, now: time.Now, since: func() time.Duration { return time.Since(s.began) },
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("delete old checkpoints: %w", err)
	}
	s.checkpoints = c
	p.loop = lifecycle.NewLoop(func(ctx context.Context) {
		ticker := time.NewTicker(checkpointLook)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				c.look()
			case <-ctx.Done():
				return
			}
		}
	})
	return p.loop.Start(ctx)
}

// Stop implements lifecycle.Service.
func (p *checkpointsPart) Stop(ctx context.Context) error {
	if p.loop == nil {
		return nil
	}
	err := p.loop.Stop(ctx)
	p.server.checkpoints.making.Lock()
	defer p.server.checkpoints.making.Unlock()
	p.server.checkpoints.drop()
	return err
}

// checkRestored refuses a data folder into which a backup is being put back.
func (c *Config) checkRestored() error {
	if c.Store == StoreMemory {
		return nil
	}
	return backup.CheckFinished(c.Data)
}
