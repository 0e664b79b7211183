// Package backup keeps backups of a data folder in a place, and puts them back. A backup is a
// list of the files that the folder had at one moment, and of its blobs:
//
//	backups/20260301T120000.000Z.json   a backup; the last thing that is written of it
//	files/3f/3f90...                    a file of some backup, named by the SHA-256 of its bytes
//	blobs/DIGITS/4352...                a blob, as it lies beside the store
//
// What is there already is not sent again, so a backup costs what has changed since the one
// before. A backup that was cut off is none: what it left is used by the next one, or pruned.
//
// Whoever calls this says which files there are, and holds them still while they are read. One
// process writes to a place.
package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"heddle/internal/blob"
	"heddle/internal/bucket"
	"heddle/internal/bucket/place"
)

const (
	// format is of backups. Another one is refused.
	format = 1

	backupsPrefix = "backups/"
	filesPrefix   = "files/"
	blobsPrefix   = "blobs/"

	nameLayout = "20060102T150405.000Z"
	// listMax is how large the list of a backup may be, in bytes: 5 million files.
	listMax = 1 << 30
	// blobsAtOnce is how many blobs are sent at a time.
	blobsAtOnce = 8
)

// Backup says what a backup has.
type Backup struct {
	Format int `json:"format"`
	// Time is when the store was asked for a copy of the moment: all that was acknowledged
	// before is in it.
	Time        time.Time `json:"time"`
	Version     string    `json:"version"`     // of the program
	StoreFormat int       `json:"storeFormat"` // of the store
	Store       string    `json:"store"`       // whose backup it is; the same for all backups of a store
	Keys        bool      `json:"keys"`        // it has the keys that open it, and those of callers
	Files       []File    `json:"files"`
	Blobs       Blobs     `json:"blobs"`
}

// File is a file of a backup.
type File struct {
	Name   string `json:"name"` // below the data folder, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Blobs are those of a backup. Their ids are in a file of their own: 32 bytes each, in order.
type Blobs struct {
	Folder string `json:"folder,omitempty"` // digits of the store's own
	Count  int    `json:"count"`
	Bytes  int64  `json:"bytes"`
	IDs    File   `json:"ids"`
}

// Name is what the backup is called: its time.
func (b *Backup) Name() string { return b.Time.UTC().Format(nameLayout) }

// Bytes is how much there is to put back.
func (b *Backup) Bytes() int64 {
	sum := b.Blobs.Bytes
	for _, f := range b.Files {
		sum += f.Size
	}
	return sum
}

// Source is what is backed up.
type Source struct {
	Files []SourceFile
	// Blobs are the ids of all that the store refers to, in order, once each; nil: there are
	// none. Shelf has them.
	Blobs iter.Seq2[blob.ID, error]
	Shelf blob.Shelf
}

// SourceFile is a file that is backed up, as far as it goes when it is opened: it may grow
// meanwhile.
type SourceFile struct {
	Name string // as in File
	Path string // on this machine
	// MayGo: that it is not there any more is no error.
	MayGo bool
}

// Sent is what a backup cost.
type Sent struct {
	Files, Blobs int // that were not there yet
	Bytes        int64
	Pruned       int // objects that no backup has any more
}

// Make makes a backup of what is said by about, whose Files and Blobs it fills in.
func Make(ctx context.Context, p *place.Place, about Backup, from Source) (*Backup, Sent, error) {
	m := &maker{place: p}
	err := m.make(ctx, &about, from)
	if err != nil {
		return nil, m.sent, fmt.Errorf("back up to %q: %w", p.Location, err)
	}
	return &about, m.sent, nil
}

type maker struct {
	place *place.Place
	have  map[string]int64 // sizes of objects that are there, by key

	mu   sync.Mutex
	sent Sent
}

func (m *maker) make(ctx context.Context, b *Backup, from Source) error {
	b.Format = format
	last, err := m.look(ctx)
	if err != nil {
		return err
	}
	if last != nil && last.Store != b.Store {
		return fmt.Errorf("it has backups of another store; each wants a place of its own, such as %s/%s", m.place.Location, b.Store)
	}
	if last != nil && last.Name() >= b.Name() {
		return fmt.Errorf("its last backup, %s, is not older than this one; look at the clock", last.Name())
	}
	for _, f := range from.Files {
		kept, err := m.keepFile(ctx, f)
		if errors.Is(err, os.ErrNotExist) && f.MayGo {
			continue
		}
		if err != nil {
			return fmt.Errorf("keep %q: %w", f.Path, err)
		}
		b.Files = append(b.Files, kept)
	}
	if from.Blobs != nil {
		if err := m.keepBlobs(ctx, &b.Blobs, from); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return err
	}
	return m.place.Keep(ctx, backupsPrefix+b.Name()+".json", bucket.Bytes(text), int64(len(text)))
}

// look finds out what is there, and the last backup.
func (m *maker) look(ctx context.Context) (*Backup, error) {
	m.have = map[string]int64{}
	last := ""
	err := m.place.Each(ctx, "", "", func(o bucket.Object) bool {
		m.have[o.Key] = o.Size
		if name, ok := nameOf(o.Key); ok {
			last = name
		}
		return true
	})
	if err != nil || last == "" {
		return nil, err
	}
	return Read(ctx, m.place, last)
}

// keepFile keeps a file as it is now.
func (m *maker) keepFile(ctx context.Context, from SourceFile) (kept File, err error) {
	f, err := os.Open(from.Path)
	if err != nil {
		return kept, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return kept, err
	}
	return m.keep(ctx, from.Name, section{f, info.Size()}, info.Size())
}

// section is the beginning of a file, as a bucket.Source.
type section struct {
	file io.ReaderAt
	size int64
}

// Open is part of bucket.Source.
func (s section) Open(_ context.Context, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(s.file, offset, s.size-offset)), nil
}

func (m *maker) keep(ctx context.Context, name string, from bucket.Source, size int64) (File, error) {
	r, err := from.Open(ctx, 0)
	if err != nil {
		return File{}, err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, &reader{ctx, r}); err != nil {
		return File{}, err
	}
	f := File{Name: name, Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))}
	if at, there := m.have[f.key()]; there && at == size {
		return f, nil
	}
	if err := m.place.Keep(ctx, f.key(), from, size); err != nil {
		return File{}, err
	}
	m.have[f.key()] = size
	m.sent.Files++
	m.sent.Bytes += size
	return f, nil
}

func (f *File) key() string { return filesPrefix + f.SHA256[:2] + "/" + f.SHA256 }

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// blobKey is where a blob is.
func blobKey(folder string, id blob.ID) string { return blobsPrefix + folder + "/" + id.String() }

// keepBlobs keeps the blobs that are not there yet, a few at a time.
func (m *maker) keepBlobs(ctx context.Context, b *Blobs, from Source) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ids := make(chan blob.ID)
	var all sync.WaitGroup
	for range blobsAtOnce {
		all.Go(func() {
			for id := range ids {
				if err := m.keepBlob(ctx, b.Folder, id, from.Shelf); err != nil {
					stop(fmt.Errorf("keep blob %s: %w", id, err))
				}
			}
		})
	}
	var list []byte
	var listed error
	last := blob.ID{}
	for id, err := range from.Blobs {
		if err != nil {
			listed = err
			break
		}
		if id == last { // several runs refer to it
			continue
		}
		last = id
		select {
		case ids <- id:
			list = append(list, id[:]...)
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(ids)
	all.Wait()
	if err := errors.Join(listed, context.Cause(ctx)); err != nil {
		return err
	}
	for id := range blobIDs(list) {
		b.Count, b.Bytes = b.Count+1, b.Bytes+m.have[blobKey(b.Folder, id)]
	}
	var err error
	b.IDs, err = m.keep(ctx, "blobs.ids", bucket.Bytes(list), int64(len(list)))
	return err
}

// blobIDs are the ids of a list of them.
func blobIDs(list []byte) iter.Seq[blob.ID] {
	return func(yield func(blob.ID) bool) {
		for ; len(list) >= len(blob.ID{}); list = list[len(blob.ID{}):] {
			if !yield(blob.ID(list)) {
				return
			}
		}
	}
}

func (m *maker) keepBlob(ctx context.Context, folder string, id blob.ID, shelf blob.Shelf) error {
	key := blobKey(folder, id)
	info, err := shelf.Stat(ctx, id)
	if err != nil {
		return err
	}
	m.mu.Lock()
	at, there := m.have[key]
	m.mu.Unlock()
	if there && at == info.Size {
		return nil
	}
	if err := m.place.Keep(ctx, key, shelved{shelf, id}, info.Size); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.have[key] = info.Size
	m.sent.Blobs++
	m.sent.Bytes += info.Size
	return nil
}

// shelved is a blob on a shelf, as a bucket.Source.
type shelved struct {
	shelf blob.Shelf
	id    blob.ID
}

// Open is part of bucket.Source.
func (s shelved) Open(ctx context.Context, offset int64) (io.ReadCloser, error) {
	return s.shelf.Open(ctx, s.id, offset)
}

// nameOf is the name of the backup that an object is.
func nameOf(key string) (string, bool) {
	name, ok := strings.CutPrefix(key, backupsPrefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, ".json")
}

// Names are the names of the backups in a place, the oldest first.
func Names(ctx context.Context, p *place.Place) (names []string, err error) {
	err = p.Each(ctx, backupsPrefix, "", func(o bucket.Object) bool {
		if name, ok := nameOf(o.Key); ok {
			names = append(names, name)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the backups in %q: %w", p.Location, err)
	}
	return names, nil
}

// Read reads what a backup says that it has.
func Read(ctx context.Context, p *place.Place, name string) (*Backup, error) {
	text, err := p.ReadAll(ctx, backupsPrefix+name+".json", listMax)
	if err != nil {
		return nil, fmt.Errorf("read backup %s: %w", name, err)
	}
	b := new(Backup)
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("read backup %s: %w", name, err)
	}
	if b.Format != format {
		return nil, fmt.Errorf("read backup %s: it has format %d, and this release reads %d; use the release that made it, %s, or a newer one", name, b.Format, format, b.Version)
	}
	for _, f := range append([]File{b.Blobs.IDs}, b.Files...) {
		if len(f.SHA256) != 2*sha256.Size && (f != File{}) {
			return nil, fmt.Errorf("read backup %s: file %q has no hash", name, f.Name)
		}
	}
	return b, nil
}

// Prune deletes all backups but the last ones, and what none of those that are left has.
func Prune(ctx context.Context, p *place.Place, keep int) (pruned int, err error) {
	names, err := Names(ctx, p)
	if err != nil {
		return 0, err
	}
	gone := max(0, len(names)-keep)
	for _, name := range names[:gone] { // first: what is half there must not look like a backup
		if err := p.Remove(ctx, backupsPrefix+name+".json"); err != nil {
			return 0, fmt.Errorf("prune backup %s: %w", name, err)
		}
	}
	used := map[string]bool{}
	for _, name := range names[gone:] {
		b, err := Read(ctx, p, name)
		if err != nil {
			return 0, err
		}
		for _, f := range b.Files {
			used[f.key()] = true
		}
		if b.Blobs.IDs == (File{}) {
			continue
		}
		used[b.Blobs.IDs.key()] = true
		var list bytes.Buffer
		if err := readFile(ctx, p, &b.Blobs.IDs, &list); err != nil {
			return 0, err
		}
		for id := range blobIDs(list.Bytes()) {
			used[blobKey(b.Blobs.Folder, id)] = true
		}
	}
	var unused []string
	for _, prefix := range []string{filesPrefix, blobsPrefix} {
		err := p.Each(ctx, prefix, "", func(o bucket.Object) bool {
			if !used[o.Key] {
				unused = append(unused, o.Key)
			}
			return true
		})
		if err != nil {
			return 0, fmt.Errorf("prune backups: %w", err)
		}
	}
	for _, key := range slices.Compact(unused) {
		if err := p.Remove(ctx, key); err != nil {
			return pruned, fmt.Errorf("prune backups: %w", err)
		}
		pruned++
	}
	return pruned, nil
}
