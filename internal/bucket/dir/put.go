package dir

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"heddle/internal/bucket"
	"heddle/internal/pack"
)

// copyBytes are read of a source at a time.
const copyBytes = 256 << 10

// progress is what a Put saves: which draft has how many bytes, and the state of their MD5.
type progress struct {
	draft string
	size  int64 // of the object
	bytes int64
	sum   []byte
}

func (g *progress) code(c *pack.Coder) {
	c.Format(1)
	c.Text(&g.draft)
	c.Int(&g.size)
	c.Int(&g.bytes)
	c.Bytes(&g.sum)
}

func parseProgress(b []byte) (g progress, ok bool) {
	c := pack.Reading(b)
	g.code(c)
	return g, c.Done() == nil && g.draft != "" && !strings.ContainsAny(g.draft, "/\x00") && g.bytes <= g.size
}

// draft is a file that is being written.
type draft struct {
	*call
	put  *bucket.Put
	name string // without what it begins with
	kept bool   // its progress was saved, and it outlasts this process
	file *os.File
	at   int64 // bytes that are in it
	sum  hash.Hash
}

func (d *draft) path() string {
	if d.kept {
		return draftsDir + "/" + keptDraft + d.name
	}
	return draftsDir + "/" + newDraft + d.name
}

// Put is part of bucket.Store.
func (s *Store) Put(ctx context.Context, p *bucket.Put) (o bucket.Object, err error) {
	if err := p.Check(); err != nil {
		return bucket.Object{}, err
	}
	c, err := s.begin(ctx, "PutObject", p.Bucket, p.Key)
	if err != nil {
		return bucket.Object{}, err
	}
	d, made, err := c.draft(p)
	if err != nil {
		return bucket.Object{}, c.failed(err)
	}
	if d == nil {
		return made, nil
	}
	defer func() {
		err = errors.Join(err, d.file.Close())
		if err != nil && (!d.kept || p.Save == nil) {
			err = errors.Join(err, d.root.Remove(d.path()))
		}
	}()
	if err := d.write(ctx, s.saveEvery); err != nil {
		return bucket.Object{}, err
	}
	if err := ctx.Err(); err != nil {
		return bucket.Object{}, err
	}
	now := s.now()
	if err := d.root.Chtimes(d.path(), now, now); err != nil {
		return bucket.Object{}, d.failed(err)
	}
	if err := d.file.Sync(); err != nil {
		return bucket.Object{}, d.failed(err)
	}
	o, err = d.keep()
	return o, d.failed(err)
}

// draft begins a draft, or goes on with one. If the Put had succeeded there is none, but
// its object.
func (c *call) draft(p *bucket.Put) (*draft, bucket.Object, error) {
	d := &draft{call: c, put: p, sum: md5.New()}
	g, ok := parseProgress(p.Progress)
	if ok && g.size == p.Size {
		if o, made := c.made(g.draft); made {
			return nil, o, nil
		}
		if d.resume(&g) {
			return d, bucket.Object{}, nil
		}
	} else if ok { // of another source
		if err := c.forget(g.draft); err != nil {
			return nil, bucket.Object{}, err
		}
	}
	for _, dir := range []string{own, draftsDir} {
		if err := c.mkdir(c.root, dir); err != nil {
			return nil, bucket.Object{}, err
		}
	}
	d.name, d.sum = rand.Text(), md5.New()
	var err error
	d.file, err = c.root.OpenFile(d.path(), os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	return d, bucket.Object{}, err
}

// made gives the object if the draft of a name has become it.
func (c *call) made(draft string) (bucket.Object, bool) {
	c.names.RLock()
	defer c.names.RUnlock()
	_, info, err := c.locate()
	if err != nil {
		return bucket.Object{}, false
	}
	r := c.recordOf(info)
	return c.object(r), r.Upload == draft
}

// resume goes on with a draft of an earlier process, if it is there and has what was said.
func (d *draft) resume(g *progress) bool {
	d.name, d.kept = g.draft, true
	state, ok := d.sum.(encoding.BinaryUnmarshaler)
	if !ok || state.UnmarshalBinary(g.sum) != nil {
		return false
	}
	f, err := d.root.OpenFile(d.path(), os.O_RDWR, 0)
	if err != nil {
		d.kept = false
		return false
	}
	info, err := f.Stat()
	if err == nil && info.Size() < g.bytes {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Truncate(g.bytes)
	}
	if err == nil {
		_, err = f.Seek(g.bytes, io.SeekStart)
	}
	if err != nil {
		d.kept = false
		_ = f.Close()
		_ = d.root.Remove(draftsDir + "/" + keptDraft + g.draft)
		return false
	}
	d.file, d.at = f, g.bytes
	if d.put.Sent != nil {
		d.put.Sent(g.bytes)
	}
	return true
}

// write copies the source.
func (d *draft) write(ctx context.Context, saveEvery int64) (err error) {
	p := d.put
	source := bucket.NewSourceReader(p)
	defer func() { err = errors.Join(err, source.Close()) }()
	room := make([]byte, min(copyBytes, max(p.Size-d.at, 1)))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(int64(len(room)), p.Size-d.at, saveEvery-d.at%saveEvery)
		if err := source.ReadAt(ctx, room[:n], d.at); err != nil {
			return err
		}
		if _, err := d.file.Write(room[:n]); err != nil {
			return d.failed(err)
		}
		d.sum.Write(room[:n])
		if d.at += n; p.Sent != nil && n > 0 {
			p.Sent(n)
		}
		if d.at == p.Size {
			return nil
		}
		if d.at%saveEvery == 0 && p.Save != nil {
			if err := d.save(ctx); err != nil {
				return err
			}
		}
	}
}

// save makes what was written outlast this process.
func (d *draft) save(ctx context.Context) error {
	if err := d.file.Sync(); err != nil {
		return d.failed(err)
	}
	was := d.kept
	if !d.kept {
		from := d.path()
		d.kept = true
		if err := d.root.Rename(from, d.path()); err != nil {
			d.kept = false
			return d.failed(err)
		}
		if err := d.syncDir(draftsDir); err != nil {
			return d.failed(err)
		}
	}
	state, err := d.sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return err
	}
	c := pack.Writing(nil)
	(&progress{d.name, d.put.Size, d.at, state}).code(c)
	if err := d.put.Save(ctx, c.Written()); err != nil {
		if !was { // nobody knows of it
			err = errors.Join(err, d.root.Remove(d.path()))
		}
		return fmt.Errorf("save how far %q has come: %w", d.key, err)
	}
	return nil
}

// keep makes the draft the object.
func (d *draft) keep() (bucket.Object, error) {
	info, err := d.file.Stat()
	if err != nil {
		return bucket.Object{}, err
	}
	d.names.Lock()
	defer d.names.Unlock()
	target, err := d.makeWay()
	if err != nil {
		return bucket.Object{}, err
	}
	r := record{
		Size: d.at, Modified: info.ModTime(), ETag: fmt.Sprintf(`"%x"`, d.sum.Sum(nil)), ContentType: d.put.ContentType,
		Encryption: d.put.Encryption.Type, KeyARN: d.put.Encryption.KeyARN,
	}
	if r.ContentType == "" {
		r.ContentType = bucket.DefaultContentType
	}
	if d.kept {
		r.Upload = d.name
	}
	if err := d.describe(target, r); err != nil {
		return bucket.Object{}, err
	}
	if err := d.root.Rename(d.path(), target); err != nil {
		return bucket.Object{}, err
	}
	return d.object(r), d.syncDir(path.Dir(target))
}

// makeWay makes the folders above an object, moves objects that are in their places, and
// gives the path that the object gets.
func (d *draft) makeWay() (string, error) {
	plain := escape(d.key)
	names := strings.Split(plain, "/")
	at, err := d.root.OpenRoot(".")
	if err != nil {
		return "", err
	}
	defer func() { _ = at.Close() }()
	for _, name := range names[:len(names)-1] {
		info, err := at.Lstat(name)
		if err == nil && info.Mode().IsRegular() {
			if _, err := at.Lstat(name + moved); !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("%q and %q are both there; remove one", name, name+moved)
			}
			if err := at.Rename(name, name+moved); err != nil {
				return "", err
			}
		}
		if err := d.mkdir(at, name); err != nil {
			return "", err
		}
		below, err := at.OpenRoot(name)
		if err != nil {
			return "", err
		}
		_ = at.Close()
		at = below
	}
	last := names[len(names)-1]
	if info, err := at.Lstat(last + moved); err == nil && info.Mode().IsRegular() {
		return plain + moved, nil
	}
	if info, err := at.Lstat(last); err == nil && info.IsDir() {
		return plain + moved, nil
	}
	return plain, nil
}

// mkdir makes a folder durably, if there is none.
func (c *call) mkdir(root *os.Root, dir string) error {
	err := root.Mkdir(dir, folderMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(root, path.Dir(dir))
}

// describe writes what is known of the object that is to come, beside that of the one that
// is there.
func (d *draft) describe(target string, r record) error {
	a := about{Key: d.key, Objects: []record{r}}
	if info, err := d.root.Lstat(target); err == nil && info.Mode().IsRegular() {
		a.Objects = append(a.Objects, d.recordOf(info))
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	to := aboutPath(d.key)
	for _, dir := range []string{aboutDir, path.Dir(to)} {
		if err := d.mkdir(d.root, dir); err != nil {
			return err
		}
	}
	from := draftsDir + "/" + newDraft + rand.Text()
	f, err := d.root.OpenFile(from, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = d.root.Rename(from, to)
	}
	if err != nil {
		return errors.Join(err, d.root.Remove(from))
	}
	return d.syncDir(path.Dir(to))
}

// forget removes a draft that nobody goes on with.
func (c *call) forget(draft string) error {
	err := c.root.Remove(draftsDir + "/" + keptDraft + draft)
	if isAbsent(err) {
		return nil
	}
	return err
}

// Abort is part of bucket.Store.
func (s *Store) Abort(ctx context.Context, name, key string, progress []byte) error {
	const operation = "AbortMultipartUpload"
	if err := bucket.CheckNames(operation, name, key); err != nil {
		return err
	}
	c, err := s.begin(ctx, operation, name, key)
	if err != nil {
		return err
	}
	g, ok := parseProgress(progress)
	if !ok {
		return nil
	}
	return c.failed(c.forget(g.draft))
}
