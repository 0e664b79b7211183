package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"heddle/internal/archive"
	places "heddle/internal/bucket/place"
	"heddle/internal/engine"
	"heddle/internal/metrics"
	"heddle/internal/service"
	"heddle/internal/store/pebblestore"
)

// Waits between passes of the archive that fail.
const (
	archiveRetryLeast = time.Second
	archiveRetryMost  = 5 * time.Minute
)

// openArchive makes what writes closed executions to their archive, and gives up to which end of
// their retention a shard may delete some; nil: there is no archive.
func (s *Server) openArchive(ctx context.Context) (kept func(uint16) engine.Time, err error) {
	cfg := &s.cfg
	if cfg.Archive.To == "" {
		return nil, nil
	}
	s.archiver, err = archive.New(ctx, archive.Config{
		Open: func(ctx context.Context) (*places.Place, error) {
			return places.Open(ctx, cfg.Archive.To, places.Archive, cfg.Archive.S3, PlaceClock(), true)
		},
		Store: s.store, Shards: s.shards, Barrier: s.barrier, Random: rand.Reader, Log: cfg.Log,
		Name: func(v *engine.RunView) (archive.Execution, bool) {
			for _, one := range cfg.Services {
				if one.Archived != nil {
					if e, ok := one.Archived(v); ok {
						return e, true
					}
				}
			}
			return archive.Execution{}, false
		},
		Moved: func(shard uint16) { s.node.ForgetMore(shard) },
	})
	if err != nil {
		return nil, err
	}
	return s.archiver.Until, nil
}

// barrier returns when all is durable that a shard has done until now. What it does after that,
// it does later.
func (s *Server) barrier(ctx context.Context, shard uint16) error {
	run := engine.RunID{2: 0xff, 15: 0xff} // none: its time is in the year 10,889
	binary.BigEndian.PutUint16(run[:], shard)
	_, err := s.runs().View(ctx, engine.Name{}, run)
	if unknown := (*engine.UnknownRunError)(nil); errors.As(err, &unknown) {
		return nil
	}
	return err
}

// runArchive writes what has come to the end of its retention.
func (s *Server) runArchive(ctx context.Context) {
	defer func() {
		if err := s.archiver.Close(); err != nil {
			s.cfg.Log.Warn("close the archive", "cause", err)
		}
	}()
	every, retry := s.cfg.Archive.Every, archiveRetryLeast
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failing engine.Time // since when; zero: it does not
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if s.room() == pebblestore.Full { // nothing is deleted either
			timer.Reset(archiveRetryMost)
			continue
		}
		more, err := s.passArchive(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			status := s.archiver.Status()
			if failing == 0 {
				failing = status.Since
				s.tellArchive(failing, err)
			}
			s.cfg.Log.Error("the archive can't be written; no closed execution is deleted before it is there, so the store grows", "archive", s.cfg.Archive.To,
				"failing_since", moment(status.Since), "oldest", moment(status.Oldest), "retry_in", retry, "cause", err)
			timer.Reset(retry)
			retry = min(2*retry, archiveRetryMost)
			continue
		case failing != 0:
			s.tellArchive(failing, nil)
			failing = 0
			s.cfg.Log.Info("the archive can be written again", "archive", s.cfg.Archive.To)
		}
		retry = archiveRetryLeast
		if more {
			timer.Reset(0)
		} else {
			timer.Reset(every)
		}
	}
}

// passArchive writes what has come to the end of its retention; more: there is more. Of several nodes that
// which has the first shard does so for all.
func (s *Server) passArchive(ctx context.Context) (more bool, err error) {
	now := s.clock.Confirmed()
	switch {
	case s.cluster == nil:
		return s.archiver.Pass(ctx, now)
	case s.cluster.Has(0):
		return s.archiver.Pass(ctx, now-engine.Time(2*clockWrong/time.Millisecond)) // no node's clock is further behind
	}
	return false, s.archiver.Follow(ctx, now)
}

// tellArchive tells targets of events that the archive fails since a time, and why; or that it
// fails no more.
func (s *Server) tellArchive(since engine.Time, why error) {
	if s.events != nil {
		s.events.TellArchive(s.cfg.Archive.To, since, why)
	}
}

// moment is a time for the log; zero: none.
func moment(t engine.Time) string {
	if t == 0 {
		return "none"
	}
	return time.UnixMilli(int64(t)).UTC().Format(time.RFC3339)
}

// archive says how the archive is; nil: there is none.
func (s *Server) archive() *service.Archive {
	if s.archiver == nil {
		return nil
	}
	a := s.archiver.Status()
	return &service.Archive{Location: s.cfg.Archive.To, Executions: a.Executions, Bytes: a.Bytes, Tried: a.Tried, Since: a.Since, Oldest: a.Oldest, Error: a.Error}
}

// readArchive tells how the archive is.
func (s *Server) readArchive(yield func(metrics.Reading)) {
	if s.archiver == nil {
		return
	}
	status := s.archiver.Status()
	lag := engine.Time(0)
	if status.Oldest != 0 {
		lag = max(0, s.clock.Now()-status.Oldest)
	}
	failing := engine.Time(0)
	if status.Since != 0 {
		failing = max(1, s.clock.Now()-status.Since)
	}
	for _, r := range []metrics.Reading{
		{Name: "heddle_archive_failing_seconds", Help: "For how long no try to write to the archive has succeeded; 0: the last one did.", Value: float64(failing) / 1000},
		{Name: "heddle_archive_lag_seconds", Help: "For how long the oldest closed execution waits to be written to the archive, which it was not at the last try; 0: none.", Value: float64(lag) / 1000},
		{Name: "heddle_archive_executions_total", Help: "Executions that were written to the archive.", Value: float64(status.Executions), Counts: true},
		{Name: "heddle_archive_bytes_total", Help: "Bytes that were written to the archive, compressed.", Value: float64(status.Bytes), Counts: true},
		{Name: "heddle_archive_failures_total", Help: "Tries to write to the archive that failed.", Value: float64(status.Failures), Counts: true},
	} {
		yield(r)
	}
}
