// Package dir is a bucket.Store in a folder: each folder in it is a bucket, each file in
// that an object, as far as keys can be names of files (escape.go).
//
//	DIR/things/2026/data.csv            the object 2026/data.csv of the bucket things
//	DIR/things/%heddle/about/3f/3f90... what is known of an object beside its bytes
//	DIR/things/%heddle/drafts/new-...   what is being written; removed by the next process
//	DIR/things/%heddle/drafts/kept-...  the same, of a Put that saves its progress
//
// Buckets are made and removed by hand. So may files be: one that was put there otherwise
// is an object, of a name that escape.go would give, whose content type is not known. No
// name leads out of the folder, and no symbolic link is followed out of it or is an
// object.
//
// An object comes by a rename, when its bytes are synced and what is known of it is
// written, and is durable when the Put returns. What is known is bound to the size and the
// time of the file; while an object takes the place of another, that of both is there.
//
// One process writes to a folder. It must be on a file system that tells large from small
// letters, as those of Unix do.
package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"heddle/internal/bucket"
)

const (
	aboutDir   = own + "/about"
	draftsDir  = own + "/drafts"
	newDraft   = "new-"
	keptDraft  = "kept-"
	folderMode = 0o700
	fileMode   = 0o600
	// saveEvery is after how many bytes a Put saves its progress.
	saveEvery = 256 << 20
)

// Options is how to open a folder.
type Options struct {
	// Dir has the buckets. It must be there.
	Dir string
	// Now is the time that objects get.
	Now func() time.Time

	saveEvery int64 // for tests; 0 is saveEvery
}

// Store is a bucket.Store.
type Store struct {
	root      *os.Root
	now       func() time.Time
	saveEvery int64

	mu      sync.Mutex // guards folders
	folders map[string]*folder
}

var _ bucket.Store = (*Store)(nil)

// Open opens a folder.
func Open(o Options) (*Store, error) {
	if runtime.GOOS == "windows" {
		return nil, fmt.Errorf("buckets in %q: want a file system of Unix; keys have names that Windows does not know", o.Dir)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("buckets in %q: %w", o.Dir, err)
	}
	if o.saveEvery == 0 {
		o.saveEvery = saveEvery
	}
	return &Store{root: root, now: o.Now, saveEvery: o.saveEvery, folders: map[string]*folder{}}, nil
}

// Close frees what the store holds.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.root.Close()
	for _, f := range s.folders {
		err = errors.Join(err, f.root.Close())
	}
	s.folders = nil
	return err
}

// folder is a bucket.
type folder struct {
	root *os.Root
	info fs.FileInfo
	// names is held while names are looked up, and alone while they change.
	names sync.RWMutex
}

// call is one call of a Store.
type call struct {
	*folder
	operation, bucket, key string
}

// begin finds the bucket of a call.
func (s *Store) begin(ctx context.Context, operation, name, key string) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &call{operation: operation, bucket: name, key: key}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, bucket.NoSuchBucket(operation, name)
	}
	if err != nil {
		return nil, c.failed(err)
	}
	c.folder = s.folders[name]
	if c.folder != nil && os.SameFile(c.info, info) {
		return c, nil
	}
	if c.folder != nil { // another folder of the name; calls on the old one end by themselves
		delete(s.folders, name)
	}
	root, err := s.root.OpenRoot(name)
	if err != nil {
		return nil, c.failed(err)
	}
	c.folder = &folder{root: root, info: info}
	if err := c.clear(s.now()); err != nil {
		return nil, errors.Join(c.failed(err), root.Close())
	}
	s.folders[name] = c.folder
	return c, nil
}

// leftAfter is how long a draft was not written to that an earlier process has left. A younger one may be another
// process's, at work: nodes share a folder, and who reads an archive opens it too.
const leftAfter = time.Hour

// clear removes what an earlier process has left.
func (f *folder) clear(now time.Time) error {
	drafts, err := readDir(f.root, draftsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range drafts {
		if !strings.HasPrefix(d.Name(), newDraft) {
			continue
		}
		draft := draftsDir + "/" + d.Name()
		info, err := f.root.Lstat(draft)
		if err == nil && now.Sub(info.ModTime()) > leftAfter {
			err = f.root.Remove(draft)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it was removed meanwhile
			return err
		}
	}
	return nil
}

// failed makes of an error of the file system what bucket.Store promises.
func (c *call) failed(err error) error {
	if err == nil {
		return nil
	}
	e := &bucket.Error{Kind: bucket.ErrTemporary, Operation: c.operation, Bucket: c.bucket, Key: c.key, Status: 500, Code: "InternalError", Message: "We encountered an internal error. Please try again.", Cause: err}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EROFS) || strings.Contains(err.Error(), "path escapes") {
		e.Kind, e.Status, e.Code, e.Message = bucket.ErrDenied, 403, "AccessDenied", "Access Denied"
	}
	return e
}

// isAbsent tells whether an error says that there is no file of a name, or no such folder.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// locate finds the file of an object. The names are held.
func (c *call) locate() (name string, info fs.FileInfo, err error) {
	plain := escape(c.key)
	for _, name := range []string{plain + moved, plain} {
		info, err := c.root.Lstat(name)
		if err == nil && info.Mode().IsRegular() {
			return name, info, nil
		}
		if err != nil && !isAbsent(err) {
			return "", nil, c.failed(err)
		}
	}
	return "", nil, bucket.NoSuchKey(c.operation, c.bucket, c.key)
}

// record is what is known of an object beside its bytes.
type record struct {
	Size        int64     `json:"size"`
	Modified    time.Time `json:"modified"`
	ETag        string    `json:"etag"`
	ContentType string    `json:"contentType"`
	Encryption  string    `json:"encryption,omitempty"`
	KeyARN      string    `json:"kmsKeyArn,omitempty"`
	Upload      string    `json:"upload,omitempty"` // whose object it is
}

// about is what is stored of a key: of the object that is there, and of the one before
// while one takes the place of another.
type about struct {
	Key     string   `json:"key"`
	Objects []record `json:"objects"`
}

// aboutPath is where it is stored.
func aboutPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	digits := hex.EncodeToString(sum[:])
	return aboutDir + "/" + digits[:2] + "/" + digits
}

// recordOf finds what is known of a file of an object. Of one that came otherwise, or was
// changed, nothing is.
func (c *call) recordOf(info fs.FileInfo) record {
	var a about
	if text, err := c.root.ReadFile(aboutPath(c.key)); err == nil && json.Unmarshal(text, &a) == nil && a.Key == c.key {
		for _, r := range a.Objects {
			if r.Size == info.Size() && r.Modified.Equal(info.ModTime()) {
				return r
			}
		}
	}
	return record{
		Size: info.Size(), Modified: info.ModTime().UTC(), ContentType: bucket.DefaultContentType,
		ETag: noMD5(fmt.Sprint(info.Size(), info.ModTime().UnixNano())),
	}
}

// noMD5 makes an ETag of what is an object's own. It is of the form of those that are not
// the MD5 of an object, which would take as long as all the rest.
func noMD5(unique string) string {
	sum := sha256.Sum256([]byte(unique))
	return `"` + hex.EncodeToString(sum[:16]) + `-1"`
}

func (c *call) object(r record) bucket.Object {
	return bucket.Object{
		Key: c.key, Size: r.Size, ETag: r.ETag, LastModified: r.Modified.UTC(), ContentType: r.ContentType, StorageClass: "STANDARD",
		Encryption: bucket.Encryption{Type: r.Encryption, KeyARN: r.KeyARN},
	}
}

// Head is part of bucket.Store.
func (s *Store) Head(ctx context.Context, name, key string) (bucket.Object, error) {
	o, r, err := s.open(ctx, "HeadObject", name, key)
	if err != nil {
		return bucket.Object{}, err
	}
	return o, r.Close()
}

// open opens the file of an object.
func (s *Store) open(ctx context.Context, operation, name, key string) (bucket.Object, *os.File, error) {
	if err := bucket.CheckNames(operation, name, key); err != nil {
		return bucket.Object{}, nil, err
	}
	c, err := s.begin(ctx, operation, name, key)
	if err != nil {
		return bucket.Object{}, nil, err
	}
	c.names.RLock()
	defer c.names.RUnlock()
	file, _, err := c.locate()
	if err != nil {
		return bucket.Object{}, nil, err
	}
	f, err := c.root.Open(file)
	if err != nil {
		return bucket.Object{}, nil, c.failed(err)
	}
	info, err := f.Stat()
	if err != nil {
		return bucket.Object{}, nil, errors.Join(c.failed(err), f.Close())
	}
	return c.object(c.recordOf(info)), f, nil
}

// Get is part of bucket.Store. Whoever reads an object goes on when another takes its
// place.
func (s *Store) Get(ctx context.Context, name, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	const operation = "GetObject"
	o, f, err := s.open(ctx, operation, name, key)
	if err != nil {
		return bucket.Object{}, nil, err
	}
	if r.Version != "" && r.Version != bucket.VersionNull {
		return bucket.Object{}, nil, errors.Join(bucket.NoSuchVersion(operation, name, key), f.Close())
	}
	if r.IfMatch != "" && r.IfMatch != o.ETag {
		return bucket.Object{}, nil, errors.Join(bucket.Changed(operation, name, key), f.Close())
	}
	length := max(o.Size-r.Offset, 0)
	if r.Length > 0 {
		length = min(length, r.Length)
	}
	c := &call{operation: operation, bucket: name, key: key}
	return o, &reader{ctx: ctx, call: c, file: f, bytes: io.NewSectionReader(f, r.Offset, length), rest: length}, nil
}

// reader reads a range of a file.
type reader struct {
	ctx   context.Context // of Get
	call  *call
	file  *os.File
	bytes *io.SectionReader
	rest  int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.rest == 0 {
		return 0, io.EOF
	}
	n, err := r.bytes.Read(p)
	r.rest -= int64(n)
	switch {
	case err == nil || r.rest == 0:
		return n, nil
	case err == io.EOF: // somebody has cut the file
		return n, bucket.Changed(r.call.operation, r.call.bucket, r.call.key)
	}
	return n, r.call.failed(err)
}

func (r *reader) Close() error { return r.file.Close() }

// Delete is part of bucket.Store.
func (s *Store) Delete(ctx context.Context, name, key string) error {
	const operation = "DeleteObject"
	if err := bucket.CheckNames(operation, name, key); err != nil {
		return err
	}
	c, err := s.begin(ctx, operation, name, key)
	if err != nil {
		return err
	}
	c.names.Lock()
	defer c.names.Unlock()
	file, _, err := c.locate()
	if errors.Is(err, bucket.ErrNoSuchKey) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.root.Remove(file); err != nil {
		return c.failed(err)
	}
	if err := c.syncDir(path.Dir(file)); err != nil {
		return c.failed(err)
	}
	_ = c.root.Remove(aboutPath(key)) // it is bound to the file
	for above := path.Dir(file); above != "."; above = path.Dir(above) {
		if c.root.Remove(above) != nil { // another object is in it
			break
		}
	}
	return nil
}

// List is part of bucket.Store. It has the names of the folders that it is in in memory.
// Files of names that no key has are passed over.
func (s *Store) List(ctx context.Context, name, prefix, after string, visit func(bucket.Object) bool) error {
	const operation = "ListObjectsV2"
	if err := bucket.CheckBucket(operation, name); err != nil {
		return err
	}
	c, err := s.begin(ctx, operation, name, "")
	if err != nil {
		return err
	}
	l := &listing{call: c, ctx: ctx, prefix: prefix, after: after, visit: visit}
	_, err = l.walk(".", "")
	return err
}

type listing struct {
	*call
	ctx           context.Context
	prefix, after string
	visit         func(bucket.Object) bool
}

// entry is a file of an object, or a folder of more.
type entry struct {
	key string // of a folder: what keys in it begin with
	dir string // path of a folder; empty: a file
}

// walk visits what is in a folder, whose objects' keys begin with start. False: it was
// told to end.
func (l *listing) walk(dir, start string) (goesOn bool, err error) {
	if err := l.ctx.Err(); err != nil {
		return false, err
	}
	all, err := l.entries(nil, dir, start)
	if err != nil {
		return false, err
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	for i, e := range all {
		goesOn := true
		switch {
		case i > 0 && e == all[i-1]: // it was moved meanwhile
		case e.dir != "":
			if (strings.HasPrefix(e.key, l.prefix) || strings.HasPrefix(l.prefix, e.key)) && (e.key > l.after || strings.HasPrefix(l.after, e.key)) {
				goesOn, err = l.walk(e.dir, e.key)
			}
		case strings.HasPrefix(e.key, l.prefix) && e.key > l.after:
			goesOn, err = l.object(e.key)
		}
		if !goesOn || err != nil {
			return false, err
		}
	}
	return true, nil
}

// entries appends what is in a folder. The keys of two of them differ before a folder's
// slash; so all keys in a folder stand together.
func (l *listing) entries(all []entry, dir, start string) ([]entry, error) {
	l.names.RLock()
	files, err := readDir(l.root, dir)
	l.names.RUnlock()
	if isAbsent(err) {
		return all, nil // deleted meanwhile
	}
	if err != nil {
		return nil, l.failed(err)
	}
	for _, f := range files {
		name := f.Name()
		switch {
		case name == own:
		case f.IsDir():
			inside := path.Join(dir, name)
			text, on := unescapeName(name)
			if !on {
				all = append(all, entry{start + text + "/", inside})
			} else if all, err = l.entries(all, inside, start+text); err != nil {
				return nil, err
			}
		case f.Type().IsRegular():
			if key, ok := unescape(strings.TrimSuffix(path.Join(dir, name), moved)); ok {
				all = append(all, entry{key: key})
			}
		}
	}
	return all, nil
}

// object visits an object.
func (l *listing) object(key string) (goesOn bool, err error) {
	c := *l.call
	c.key = key
	c.names.RLock()
	_, info, err := c.locate()
	var o bucket.Object
	if err == nil {
		o = c.object(c.recordOf(info))
	}
	c.names.RUnlock()
	if errors.Is(err, bucket.ErrNoSuchKey) {
		return true, nil // deleted meanwhile
	}
	if err != nil {
		return false, err
	}
	o.ContentType, o.Encryption = "", bucket.Encryption{}
	return l.visit(o), nil
}

func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	all, err := f.ReadDir(-1)
	return all, errors.Join(err, f.Close())
}

// syncDir makes durable which files are in a folder.
func (f *folder) syncDir(dir string) error { return syncDir(f.root, dir) }

func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
