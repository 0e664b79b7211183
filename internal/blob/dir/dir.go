// Package dir is a blob.Shelf in a folder:
//
//	LOCK              held while the shelf is open
//	drafts/7          what is being written; removed by the next opening
//	a9/a9c4...        blobs: files named by the 64 digits of their IDs, in folders
//	                  named by the first two
//
// Files are for their owner's eyes only. The time of a file is that of its Put. A
// blob comes by a rename, when its bytes are synced, and its folder is synced before
// the Put returns. So after a power cut each file is whole that looks like a blob,
// and those are there whose Put has returned; one of them may have lost the time of
// its Put, and then is old.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/blob"
)

const (
	lockFile  = "LOCK"
	draftsDir = "drafts"
)

// Options is how to open a shelf.
type Options struct {
	// Dir is the shelf's own folder. It is made if it does not exist.
	Dir string
	// ReadOnly takes no lock and changes nothing; a folder that does not exist is an
	// empty shelf.
	ReadOnly bool
	// Files are for tests: another disk.
	Files Files
}

// Shelf is a blob.Shelf.
type Shelf struct {
	files    Files
	dir      string
	lock     io.Closer     // nil: only for reading
	drafts   atomic.Uint64 // how many were begun, for their names
	mu       sync.Mutex    // guards prepared
	prepared [256]bool     // by the first byte of an ID: its folder is there, and durable
}

var _ blob.Shelf = (*Shelf)(nil)

// Open opens a shelf, or makes it, and removes drafts that an earlier process has
// left. Errors: blob.ErrHeld if another one has it.
func Open(o Options) (*Shelf, error) {
	if o.Files == nil {
		o.Files = disk{}
	}
	s := &Shelf{files: o.Files, dir: o.Dir}
	if o.ReadOnly {
		return s, nil
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open blobs %q: %w", o.Dir, err)
	}
	return s, nil
}

func (s *Shelf) open() (err error) {
	if s.dir == "" {
		return errors.New("no folder given")
	}
	if err := s.makeDir(s.dir); err != nil {
		return err
	}
	if s.lock, err = s.files.Lock(filepath.Join(s.dir, lockFile)); err != nil {
		return err
	}
	if err = s.clear(); err != nil {
		return errors.Join(err, s.lock.Close())
	}
	return nil
}

// makeDir makes a folder and those above it, durably.
func (s *Shelf) makeDir(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := s.files.Stat(dir); err == nil || parent == dir {
		// The process that made it may have been killed before this. An error does not count: the
		// folder above may be another's, or on a disk that can't be written.
		_ = s.files.SyncDir(parent)
		return nil
	}
	if err := s.makeDir(parent); err != nil {
		return err
	}
	if err := s.files.Mkdir(dir); err != nil {
		return err
	}
	return s.files.SyncDir(parent)
}

// clear removes what was left by drafts.
func (s *Shelf) clear() error {
	drafts := filepath.Join(s.dir, draftsDir)
	if err := s.files.Mkdir(drafts); err != nil {
		return err
	}
	names, err := s.files.List(drafts)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.files.Remove(filepath.Join(drafts, name)); err != nil {
			return err
		}
	}
	return nil
}

// Close lets others in.
func (s *Shelf) Close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

var errReadOnly = errors.New("the shelf is open for reading only")

func (s *Shelf) folder(first byte) string {
	return filepath.Join(s.dir, blob.ID{first}.String()[:2])
}

func (s *Shelf) path(id blob.ID) string { return filepath.Join(s.folder(id[0]), id.String()) }

// prepare sees to it that a blob's folder is there, and durable. It does so once in
// a process, though the folder exists.
func (s *Shelf) prepare(first byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared[first] {
		return nil
	}
	err := s.files.Mkdir(s.folder(first))
	if err == nil {
		err = s.files.SyncDir(s.dir)
	}
	s.prepared[first] = err == nil
	return err
}

// Begin is part of blob.Shelf.
func (s *Shelf) Begin(ctx context.Context) (blob.Draft, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.lock == nil {
		return nil, errReadOnly
	}
	path := filepath.Join(s.dir, draftsDir, strconv.FormatUint(s.drafts.Add(1), 10))
	f, err := s.files.Create(path)
	if err != nil {
		return nil, err
	}
	return &draft{File: f, shelf: s, path: path}, nil
}

// draft is a file in the folder of drafts.
type draft struct {
	File
	shelf  *Shelf
	path   string // empty: there is no such file any more
	closed bool
}

// Keep is part of blob.Draft.
func (d *draft) Keep(ctx context.Context, id blob.ID, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	files := d.shelf.files
	if err := files.SetTime(d.path, at); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	d.closed = true
	if err := d.Close(); err != nil {
		return err
	}
	if err := d.shelf.prepare(id[0]); err != nil {
		return err
	}
	if err := files.Rename(d.path, d.shelf.path(id)); err != nil {
		return err
	}
	d.path = ""
	return files.SyncDir(d.shelf.folder(id[0]))
}

// Discard is part of blob.Draft.
func (d *draft) Discard() error {
	var errs []error
	if !d.closed {
		d.closed = true
		errs = append(errs, d.Close())
	}
	if d.path != "" {
		errs = append(errs, d.shelf.files.Remove(d.path))
		d.path = ""
	}
	return errors.Join(errs...)
}

// Open is part of blob.Shelf.
func (s *Shelf) Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := s.files.Open(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &reader{ctx: ctx, file: f, rest: io.NewSectionReader(f, offset, math.MaxInt64-offset)}, nil
}

// reader reads a file to its end. The file stays what it is when another takes its
// place or it is deleted.
type reader struct {
	ctx  context.Context // of Open
	file File
	rest *io.SectionReader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.rest.Read(p)
}

func (r *reader) Close() error { return r.file.Close() }

// Stat is part of blob.Shelf.
func (s *Shelf) Stat(ctx context.Context, id blob.ID) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, err
	}
	info, err := s.files.Stat(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return blob.Info{}, blob.ErrNotFound
	}
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{ID: id, Size: info.Size(), Put: info.ModTime()}, nil
}

// List is part of blob.Shelf. It has the names of one folder in memory, which is a
// 256th of all. Files with other names are passed over.
func (s *Shelf) List(ctx context.Context, after blob.ID, visit func(blob.Info) bool) error {
	for first := int(after[0]); first < 256; first++ {
		ids, err := s.ids(byte(first))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if id.Compare(after) <= 0 {
				continue
			}
			info, err := s.Stat(ctx, id)
			if errors.Is(err, blob.ErrNotFound) {
				continue // deleted meanwhile
			}
			if err != nil {
				return err
			}
			if !visit(info) {
				return nil
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// ids gives the blobs of one folder, in order.
func (s *Shelf) ids(first byte) ([]blob.ID, error) {
	names, err := s.files.List(s.folder(first))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []blob.ID
	for _, name := range names {
		if id, ok := blob.ParseID(name); ok && id[0] == first {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, blob.ID.Compare)
	return ids, nil
}

// Delete is part of blob.Shelf. The folder is not synced: a blob that a power cut
// brings back goes with a later sweep.
func (s *Shelf) Delete(ctx context.Context, id blob.ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.lock == nil {
		return errReadOnly
	}
	err := s.files.Remove(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
