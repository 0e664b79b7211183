package server

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/service"
	"heddle/internal/store/pebblestore"
)

// diskEvery is how often the server looks how much room its disk has.
const diskEvery = time.Second

// BallastFile is where a data folder has its ballast.
func BallastFile(data string) string { return filepath.Join(data, "ballast") }

// room is how much the disk takes.
func (s *Server) room() pebblestore.Room {
	if s.disk == nil {
		return pebblestore.Enough
	}
	return s.disk.Room()
}

// scarce tells whether nothing should begin that stays.
func (s *Server) scarce() bool { return s.room() >= pebblestore.Low }

// refuses gives what answers calls of a service for which there is no room: when there is
// little those that begin something, so that what has begun can end, and when there is
// none all that change anything.
func (s *Server) refuses(of *service.Service) func(action string) *fault.Fault {
	if s.disk == nil {
		return nil
	}
	return func(action string) *fault.Fault {
		switch s.disk.Room() {
		case pebblestore.Low:
			if !slices.Contains(of.Begins, action) {
				return nil
			}
		case pebblestore.Full:
			if isReadOnly(of, action) {
				return nil
			}
		default:
			return nil
		}
		return fault.Later()
	}
}

// runDisk watches the disk.
func (s *Server) runDisk(ctx context.Context) {
	if s.disk == nil {
		return
	}
	every := diskEvery
	if s.cfg.diskEvery != nil {
		every = s.cfg.diskEvery()
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for known := pebblestore.Enough; ; {
		known = s.lookAtDisk(known)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// whatMayGo is for the operator of a full disk.
const whatMayGo = "old backups and copies, other programs' files, and the older files in DATA/audit; never anything in DATA/store, DATA/blobs or DATA/root.key"

// lookAtDisk does what the room on the disk asks for, and tells when that has changed.
func (s *Server) lookAtDisk(known pebblestore.Room) pebblestore.Room {
	now, free := s.disk.LookAtRoom()
	s.node.Hold(now == pebblestore.Full)
	if now == known {
		return now
	}
	switch log := s.cfg.Log.With("free_mb", free>>20, "data", s.cfg.Data); now {
	case pebblestore.Full:
		log.Error("the disk is full: calls that change something are refused, and no timeout is handled, until there is room", "may_go", whatMayGo)
	case pebblestore.Low:
		log.Error("the disk has little room: new executions and registrations are refused, what has begun goes on", "may_go", whatMayGo)
	default:
		log.Info("the disk has room again")
	}
	return now
}
