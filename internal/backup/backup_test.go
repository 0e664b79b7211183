package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/blob/dir"
	"heddle/internal/bucket"
	"heddle/internal/bucket/place"
)

var errCut = errors.New("cut off")

// cutting is a bucket that fails after so many calls, for good.
type cutting struct {
	bucket.Store
	left atomic.Int64
}

func (c *cutting) step() error {
	if c.left.Add(-1) < 0 {
		return errCut
	}
	return nil
}

func (c *cutting) Put(ctx context.Context, p *bucket.Put) (bucket.Object, error) {
	if err := c.step(); err != nil {
		return bucket.Object{}, err
	}
	return c.Store.Put(ctx, p)
}

func (c *cutting) Get(ctx context.Context, name, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	if err := c.step(); err != nil {
		return bucket.Object{}, nil, err
	}
	return c.Store.Get(ctx, name, key, r)
}

func (c *cutting) Delete(ctx context.Context, name, key string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.Store.Delete(ctx, name, key)
}

// world is a data folder of a few files and blobs, and a place in memory.
type world struct {
	*testing.T
	memory *bucket.Memory
	data   string
	shelf  *dir.Shelf
	ids    []blob.ID
	day    int
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, memory: new(bucket.Memory), data: t.TempDir()}
	w.memory.Make("kept")
	shelf, err := dir.Open(dir.Options{Dir: filepath.Join(w.data, "blobs", "d1")})
	if err != nil {
		t.Fatal(err)
	}
	w.shelf = shelf
	t.Cleanup(func() { _ = shelf.Close() })
	w.write("store/1.sst", "one")
	w.write("store/2.sst", "two")
	w.write("audit/key", "key")
	w.blob(1)
	w.blob(2)
	return w
}

func (w *world) write(name, text string) {
	w.Helper()
	path := filepath.Join(w.data, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		w.Fatal(err)
	}
}

func (w *world) blob(n byte) {
	w.Helper()
	d, err := w.shelf.Begin(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	id := blob.ID{n}
	if _, err = fmt.Fprintf(d, "blob %d", n); err == nil {
		err = d.Keep(w.Context(), id, time.UnixMilli(1))
	}
	if err = errors.Join(err, d.Discard()); err != nil {
		w.Fatal(err)
	}
	w.ids = append(w.ids, id)
}

// place is the place as somebody sees it who is cut off after so many calls.
func (w *world) place(calls int) *place.Place {
	c := &cutting{Store: w.memory}
	c.left.Store(int64(calls))
	return &place.Place{Store: c, Bucket: "kept", Prefix: "here/", Location: "s3://kept/here"}
}

const allCalls = 1 << 20

func (w *world) source() Source {
	var s Source
	for _, name := range []string{"store/1.sst", "store/2.sst", "audit/key", "events/none"} {
		s.Files = append(s.Files, SourceFile{Name: name, Path: filepath.Join(w.data, name), MayGo: strings.HasPrefix(name, "events")})
	}
	s.Shelf = w.shelf
	s.Blobs = func(yield func(blob.ID, error) bool) {
		for _, id := range w.ids {
			for range 2 { // several runs refer to it
				if !yield(id, nil) {
					return
				}
			}
		}
	}
	return s
}

func (w *world) backUp(calls int) (*Backup, Sent, error) {
	w.day++
	about := Backup{Time: time.UnixMilli(int64(w.day) * 86_400_000).UTC(), Store: "s", Version: "0.1.0", Blobs: Blobs{Folder: "d1"}}
	return Make(w.Context(), w.place(calls), about, w.source())
}

func (w *world) restore(calls int, name, data string) error {
	b, err := Read(w.Context(), w.place(allCalls), name)
	if err != nil {
		w.Fatal(err)
	}
	return b.Restore(w.Context(), w.place(calls), To{
		Data: data, Now: time.UnixMilli(2), BlobDir: func(data string) string { return filepath.Join(data, "blobs") },
		OpenFolder: func(path string) (blob.Shelf, io.Closer, error) {
			s, err := dir.Open(dir.Options{Dir: path})
			return s, s, err
		},
	})
}

// contents are all files of a folder, but for locks and empty folders.
func contents(t *testing.T, data string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(data, path)
		all = append(all, rel+"="+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestCutOff cuts a backup off at each of its calls: the one before can be put back as it was,
// and the next one comes to its end, with no more sent than is missing. Then it cuts the putting
// back off at each of its calls: the folder is of no use, says so, and is whole after another.
func TestCutOff(t *testing.T) {
	w := newWorld(t)
	first, _, err := w.backUp(allCalls)
	if err != nil {
		t.Fatal(err)
	}
	before := contents(t, w.data)
	w.write("store/3.sst", "three")
	w.write("store/2.sst", "two, and more")
	w.blob(3)
	now := contents(t, w.data)
	cuts := 0
	for calls := 0; ; calls++ {
		made, _, err := w.backUp(calls)
		names, listErr := Names(t.Context(), w.place(allCalls))
		if listErr != nil {
			t.Fatal(listErr)
		}
		if err == nil {
			if len(names) != 2 || names[1] != made.Name() {
				t.Errorf("backups %v", names)
			}
			break
		}
		cuts++
		if !errors.Is(err, errCut) || len(names) != 1 {
			t.Fatalf("after %d calls: %v, backups %v", calls, err, names)
		}
		data := filepath.Join(t.TempDir(), "data")
		if err := w.restore(allCalls, first.Name(), data); err != nil || contents(t, data) != before {
			t.Fatalf("after %d calls: %v\n%s\nwant\n%s", calls, err, contents(t, data), before)
		}
	}
	if cuts < 3 {
		t.Errorf("cut off %d times", cuts)
	}
	last, sent, err := w.backUp(allCalls)
	if err != nil || sent.Files != 0 || sent.Blobs != 0 {
		t.Fatalf("sent %+v of what is there, %v", sent, err)
	}
	if last.Blobs.Count != 3 || last.Blobs.Bytes != int64(len("blob 1")*3) || last.Bytes() != last.Blobs.Bytes+int64(len("one"+"two, and more"+"key")) {
		t.Errorf("%+v", last)
	}
	// store/3.sst is not among the files of the source: it must not be there.
	now = strings.Replace(now, "\nstore/3.sst=three", "", 1)
	for calls := 0; ; calls++ {
		data := filepath.Join(t.TempDir(), "data")
		err := w.restore(calls, last.Name(), data)
		if err == nil {
			if contents(t, data) != now || CheckFinished(data) != nil {
				t.Errorf("%s\nwant\n%s", contents(t, data), now)
			}
			break
		}
		if !errors.Is(err, errCut) || !errors.Is(CheckFinished(data), ErrUnfinished) {
			t.Fatalf("after %d calls: %v, %v", calls, err, CheckFinished(data))
		}
		if err := w.restore(allCalls, last.Name(), data); err != nil || contents(t, data) != now {
			t.Fatalf("after %d calls: %v\n%s\nwant\n%s", calls, err, contents(t, data), now)
		}
		if err := w.restore(allCalls, last.Name(), data); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("over what is there: %v", err)
		}
	}
}

// TestDamage: what is not what was written is not put back.
func TestDamage(t *testing.T) {
	w := newWorld(t)
	made, _, err := w.backUp(allCalls)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append([]File{made.Blobs.IDs}, made.Files...) {
		p := w.place(allCalls)
		whole, err := p.ReadAll(t.Context(), f.key(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, damaged := range [][]byte{whole[:len(whole)-1], append([]byte{whole[0] ^ 1}, whole[1:]...)} {
			if err := p.Keep(t.Context(), f.key(), bucket.Bytes(damaged), int64(len(damaged))); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(t.TempDir(), "data")
			if err := w.restore(allCalls, made.Name(), data); err == nil || !strings.Contains(err.Error(), "damaged") || CheckFinished(data) == nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
		if err := p.Keep(t.Context(), f.key(), bucket.Bytes(whole), int64(len(whole))); err != nil {
			t.Fatal(err)
		}
	}
	text, err := w.place(allCalls).ReadAll(t.Context(), backupsPrefix+made.Name()+".json", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for old, want := range map[string]string{`"format": 1`: "it has format 2", `"store/1.sst"`: "which none has"} {
		forged := strings.Replace(strings.Replace(string(text), old, strings.NewReplacer("1,", "2,", ": 1", ": 2", "store/", "../").Replace(old), 1), "\x00", "", 1)
		if err := w.place(allCalls).Keep(t.Context(), backupsPrefix+"x.json", bucket.Bytes(forged), int64(len(forged))); err != nil {
			t.Fatal(err)
		}
		b, err := Read(t.Context(), w.place(allCalls), "x")
		if err == nil {
			err = b.Restore(t.Context(), w.place(allCalls), To{Data: t.TempDir(), BlobDir: filepath.Dir})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %s changed: %v, want %q", old, err, want)
		}
	}
}

// TestPrune deletes what no backup has that is kept, and nothing else, also when it is cut off.
func TestPrune(t *testing.T) {
	w := newWorld(t)
	var last *Backup
	for i := range 4 {
		w.write("store/2.sst", fmt.Sprint("version ", i))
		if i == 2 {
			w.ids = w.ids[1:] // the first blob is of the older backups alone
		}
		var err error
		if last, _, err = w.backUp(allCalls); err != nil {
			t.Fatal(err)
		}
	}
	for calls := 0; ; calls++ {
		_, err := Prune(t.Context(), w.place(calls), 2)
		names, listErr := Names(t.Context(), w.place(allCalls))
		if listErr != nil || len(names) < 2 {
			t.Fatalf("%v, %v", names, listErr)
		}
		for _, name := range names {
			if err := w.restore(allCalls, name, filepath.Join(t.TempDir(), "data")); err != nil {
				t.Fatalf("after %d calls: %v", calls, err)
			}
		}
		if err == nil {
			break
		}
	}
	left := map[string]bool{}
	if err := w.place(allCalls).Each(t.Context(), "", "", func(o bucket.Object) bool { left[o.Key] = true; return true }); err != nil {
		t.Fatal(err)
	}
	// Two backups; one.sst, key, two versions of two.sst, the list of blobs; a blob.
	if len(left) != 2+5+1 || left[blobKey("d1", blob.ID{1})] || !left[blobKey("d1", blob.ID{2})] || !left[backupsPrefix+last.Name()+".json"] {
		t.Errorf("left are %v", left)
	}
}

// TestRefused has what can't be a backup.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	made, _, err := w.backUp(allCalls)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Backup, *Source){
		"backups of another store":   func(b *Backup, _ *Source) { b.Store = "another" },
		"is not older than this one": func(b *Backup, _ *Source) { b.Time = made.Time },
		"keep blob":                  func(_ *Backup, s *Source) { s.Blobs = ids(blob.ID{9}) },
		"no such file":               func(_ *Backup, s *Source) { s.Files = append(s.Files, SourceFile{Name: "a", Path: "/nowhere/a"}) },
	} {
		about, from := Backup{Time: made.Time.Add(time.Hour), Store: "s", Blobs: Blobs{Folder: "d1"}}, w.source()
		change(&about, &from)
		if _, _, err := Make(t.Context(), w.place(allCalls), about, from); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if names, err := Names(t.Context(), w.place(allCalls)); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

func ids(all ...blob.ID) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		for _, id := range all {
			if !yield(id, nil) {
				return
			}
		}
	}
}
