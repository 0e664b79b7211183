package pebblestore

import (
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Room tells how much the disk still takes.
type Room uint8

const (
	Enough Room = iota
	// Low: nothing should begin that stays for long.
	Low
	// Full: nothing should be written but what is under way. What is left is for the
	// store itself, to write what it holds in memory and to start again.
	Full
)

// Below these parts of a disk, within bounds, there is little room, or none.
const (
	lowPortion  = 50
	lowLeast    = 192 << 20
	lowMost     = 1 << 30
	fullPortion = 200
	fullLeast   = 96 << 20 // more than a memtable, which is yet to be written
	fullMost    = 256 << 20
)

// marks are how many bytes of a disk of this size must be free.
func marks(total uint64) (low, full uint64) {
	return min(max(total/lowPortion, lowLeast), lowMost), min(max(total/fullPortion, fullLeast), fullMost)
}

// room watches how much the disk of a store takes. Pebble ends the process when its log
// can't be written, and tries without a pause what else can't. So a write that finds the
// disk full gives up the ballast, and if that does not help waits until there is room.
type room struct {
	files   vfs.FS
	dir     string
	ballast *ballast // nil: there is none
	log     *slog.Logger
	stalled func()
	level   atomic.Uint32
	space   atomic.Pointer[vfs.DiskUsage] // as it was last seen; nil: nobody knows

	mu      sync.Mutex // guards those below
	looked  *sync.Cond // somebody has looked
	looks   uint64
	waiting int  // writes
	patient bool // writes wait; else they fail
	told    bool // that they wait, since the disk is full
}

func newRoom(o *Options) *room {
	r := &room{files: o.Files, dir: o.Dir, log: o.Logger, stalled: o.Stalled}
	if o.Ballast != "" {
		r.ballast = &ballast{path: o.Ballast}
	}
	r.looked = sync.NewCond(&r.mu)
	return r
}

// bePatient has writes wait for room, or fail.
func (r *room) bePatient(patient bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.patient = patient
	r.looked.Broadcast()
}

// insist tries a write until it does not fail for want of room.
func (r *room) insist(try func() error) error {
	for {
		err := try()
		if err == nil || !errors.Is(err, syscall.ENOSPC) || !r.wait() {
			return err
		}
	}
}

// wait returns when it is worth trying again; false: it is not.
func (r *room) wait() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.level.Store(uint32(Full))
	if r.ballast.release() {
		r.log.Error("store: the disk is full; the ballast was given up, and writes go on in its place", "ballast", r.ballast.path)
		return true
	}
	if !r.patient {
		return false
	}
	if !r.told {
		r.told = true
		r.stalled()
		r.log.Error("store: the disk is full; writes wait until there is room", "folder", r.dir)
	}
	r.waiting++
	for seen := r.looks; r.looks == seen && r.patient; {
		r.looked.Wait()
	}
	r.waiting--
	return r.patient
}

// look finds out how much room there is, and has the writes that wait try again. When there
// is plenty the ballast is made.
func (r *room) look() (now Room, free uint64) {
	usage, err := r.files.GetDiskUsage(r.dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks++
	before := Room(r.level.Load())
	if err == nil { // else only writes tell
		free = usage.AvailBytes
		r.space.Store(&usage)
		low, full := marks(usage.TotalBytes)
		if before >= Low {
			low += low / 4 // so that it does not come and go
		}
		if before >= Full {
			full += full / 4
		}
		switch {
		case free < full:
			now = Full
		case free < low:
			now = Low
		}
		if now == Enough {
			if err := r.ballast.make(usage.TotalBytes, free, 2*low); err != nil {
				r.log.Warn("store: the ballast could not be made; it is tried again", "ballast", r.ballast.path, "cause", err)
			}
		}
	}
	if r.waiting > 0 {
		now = Full
	}
	r.told = r.told && now == Full // writes that try again don't wait meanwhile
	r.looked.Broadcast()
	r.level.Store(uint32(now))
	return now, free
}

// Room is what is known of the disk since the last look.
func (s *Store) Room() Room { return Room(s.room.level.Load()) }

// Space is how many bytes the disk has, and how many of them are free, as the last look found;
// zero: it is not known.
func (s *Store) Space() (free, total uint64) {
	if seen := s.room.space.Load(); seen != nil {
		return seen.AvailBytes, seen.TotalBytes
	}
	return 0, 0
}

// Usage tells how many bytes the store has on the disk, and how long the syncs of its log
// took, as a histogram in nanoseconds; nil: the store is closed.
func (s *Store) Usage() (bytes uint64, syncs prometheus.Metric) {
	if s.enter() != nil {
		return 0, nil
	}
	defer s.users.Done()
	m := s.db.Metrics()
	return m.DiskSpaceUsage(), m.LogWriter.FsyncLatency
}

// Logs are the files of a store that hold what was written last.
type Logs struct {
	Live, Kept int64 // those that a start would read, and those that are kept to be written over
	LiveBytes  uint64
}

// Logs tells which there are; false: the store is closed.
func (s *Store) Logs() (Logs, bool) {
	if s.enter() != nil {
		return Logs{}, false
	}
	defer s.users.Done()
	m := s.db.Metrics()
	return Logs{Live: m.WAL.Files, Kept: m.WAL.ObsoleteFiles, LiveBytes: m.WAL.Size}, true
}

// LookAtRoom finds out how much room the disk has, and how many bytes are free, if that
// is known. Writes that wait for room try again: it should be called every second or so.
func (s *Store) LookAtRoom() (room Room, free uint64) { return s.room.look() }

// insisting are files whose writes wait for room.
type insisting struct {
	vfs.FS
	room *room
}

func (i insisting) file(open func() (vfs.File, error)) (f vfs.File, err error) {
	err = i.room.insist(func() error { f, err = open(); return err })
	if err != nil {
		return nil, err
	}
	return &insistingFile{File: f, room: i.room}, nil
}

func (i insisting) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return i.file(func() (vfs.File, error) { return i.FS.Create(name, category) })
}

func (i insisting) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return i.file(func() (vfs.File, error) { return i.FS.OpenReadWrite(name, category, options...) })
}

func (i insisting) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return i.file(func() (vfs.File, error) { return i.FS.ReuseForWrite(oldname, newname, category) })
}

func (i insisting) Link(oldname, newname string) error {
	return i.room.insist(func() error { return i.FS.Link(oldname, newname) })
}

func (i insisting) Rename(oldname, newname string) error {
	return i.room.insist(func() error { return i.FS.Rename(oldname, newname) })
}

func (i insisting) Remove(name string) error {
	return i.room.insist(func() error { return i.FS.Remove(name) })
}

func (i insisting) MkdirAll(dir string, mode fs.FileMode) error {
	return i.room.insist(func() error { return i.FS.MkdirAll(dir, mode) })
}

// insistingFile goes on where a write was cut short. A sync that fails is not tried again:
// nobody knows what it would then stand for.
//
// Pebble allocates a log ahead as large as a log may become, whatever will be written to it.
// Here it is allocated piece by piece, as it grows. One goroutine writes a log.
type insistingFile struct {
	vfs.File
	room      *room
	written   int64
	allocated int64 // as far as was asked for
	allowed   int64 // as far as Pebble would have it
}

// allocatedAhead is how much of a log is allocated before it is written.
const allocatedAhead = 4 << 20

// Preallocate is part of vfs.File.
func (f *insistingFile) Preallocate(offset, length int64) error {
	if offset != f.allowed {
		return f.File.Preallocate(offset, length)
	}
	f.allowed = offset + length
	return f.allocate()
}

// allocate sees to it that what is written next finds its place.
func (f *insistingFile) allocate() error {
	if f.allocated >= f.allowed || f.allocated-f.written >= allocatedAhead/2 {
		return nil
	}
	from := max(f.allocated, f.written)
	f.allocated = min(from+allocatedAhead, f.allowed)
	return f.File.Preallocate(from, f.allocated-from)
}

func (f *insistingFile) Write(b []byte) (done int, err error) {
	defer func() {
		f.written += int64(done)
		_ = f.allocate() // it is no more than a hint, as Pebble takes it
	}()
	err = f.room.insist(func() error {
		n, err := f.File.Write(b[done:])
		done += n
		return err
	})
	return done, err
}

func (f *insistingFile) WriteAt(b []byte, at int64) (done int, err error) {
	err = f.room.insist(func() error {
		n, err := f.File.WriteAt(b[done:], at+int64(done))
		done += n
		return err
	})
	return done, err
}
