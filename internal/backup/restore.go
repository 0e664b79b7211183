package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"heddle/internal/blob"
	"heddle/internal/bucket/place"
	"heddle/internal/secretfile"
)

// UnfinishedName is the folder in a data folder in which a backup lies while it is put back. As
// long as it is there the data folder is of no use.
const UnfinishedName = "restoring"

// ErrUnfinished: a backup was not put back to its end.
var ErrUnfinished = errors.New("a backup was being put back and is not all there; run 'heddle restore' again")

// CheckFinished tells whether a data folder may be used. Errors: ErrUnfinished.
func CheckFinished(data string) error {
	_, err := os.Lstat(filepath.Join(data, UnfinishedName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("data folder %q: %w", data, ErrUnfinished)
}

// To says where a backup is put back.
type To struct {
	Data string
	// Shelf opens where its blobs go; nil: the folder that Folder says, by OpenFolder.
	Shelf func(ctx context.Context, folder string) (blob.Shelf, error)
	// OpenFolder opens a shelf in a folder.
	OpenFolder func(dir string) (blob.Shelf, io.Closer, error)
	// BlobDir is where a data folder has blobs.
	BlobDir func(data string) string
	Now     time.Time // that blobs get
}

// Restore puts a backup back into a data folder, which must not have any of it yet. All is read,
// compared with its hash and synced before anything is where a server looks for it. What was
// cut off begins anew. Blobs are compared with their names by who checks the store.
func (b *Backup) Restore(ctx context.Context, p *place.Place, to To) error {
	if err := b.restore(ctx, p, to); err != nil {
		return fmt.Errorf("put backup %s back into %q: %w", b.Name(), to.Data, err)
	}
	return nil
}

func (b *Backup) restore(ctx context.Context, p *place.Place, to To) error {
	parts, err := b.parts(to)
	if err != nil {
		return err
	}
	draft := filepath.Join(to.Data, UnfinishedName)
	_, err = os.Lstat(draft)
	again := err == nil
	for _, part := range parts {
		whole := filepath.Join(to.Data, part)
		if _, err := os.Lstat(whole); err == nil && !again {
			return fmt.Errorf("it has %q already; give a folder that has nothing of what the backup has: %s", part, strings.Join(parts, ", "))
		}
		if again { // of the attempt before, perhaps
			if err := os.RemoveAll(whole); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(os.RemoveAll(draft), os.MkdirAll(draft, 0o700)); err != nil {
		return err
	}
	for i := range b.Files {
		if err := putBack(ctx, p, &b.Files[i], draft); err != nil {
			return err
		}
	}
	if err := b.restoreBlobs(ctx, p, to, draft); err != nil {
		return err
	}
	if err := syncFolders(draft); err != nil {
		return err
	}
	for _, part := range parts {
		err := os.Rename(filepath.Join(draft, part), filepath.Join(to.Data, part))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // of blobs that went to a bucket
			return err
		}
	}
	if err := secretfile.SyncDir(to.Data); err != nil {
		return err
	}
	if err := os.Remove(draft); err != nil {
		return err
	}
	return secretfile.SyncDir(to.Data)
}

// parts are the files and folders of a data folder that the backup has.
func (b *Backup) parts(to To) (parts []string, err error) {
	seen := map[string]bool{}
	for _, f := range b.Files {
		if !fs.ValidPath(f.Name) || f.Name == "." || strings.Contains(f.Name, `\`) {
			return nil, fmt.Errorf("it has a file with the name %q, which none has", f.Name)
		}
		part, _, _ := strings.Cut(f.Name, "/")
		if !seen[part] {
			seen[part] = true
			parts = append(parts, part)
		}
	}
	if b.Blobs.Count > 0 && to.Shelf == nil {
		parts = append(parts, filepath.Base(to.BlobDir(to.Data)))
	}
	return parts, nil
}

// putBack writes a file of the backup, and syncs it.
func putBack(ctx context.Context, p *place.Place, f *File, dir string) (err error) {
	name := filepath.Join(dir, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = readFile(ctx, p, f, file)
	return errors.Join(err, file.Sync(), file.Close())
}

// readFile reads a file of a backup, and compares it with its hash.
func readFile(ctx context.Context, p *place.Place, f *File, to io.Writer) (err error) {
	r, err := p.Read(ctx, f.key())
	if err != nil {
		return fmt.Errorf("read %q: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, hash), &reader{ctx, r})
	if err != nil {
		return fmt.Errorf("read %q: %w", f.Name, err)
	}
	if n != f.Size || hex.EncodeToString(hash.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("read %q: what is kept as %s is damaged: it is not what was written there; try another backup", f.Name, path.Base(f.key()))
	}
	return nil
}

func (b *Backup) restoreBlobs(ctx context.Context, p *place.Place, to To, draft string) (err error) {
	if b.Blobs.Count == 0 {
		return nil
	}
	var shelf blob.Shelf
	if to.Shelf != nil {
		shelf, err = to.Shelf(ctx, b.Blobs.Folder)
	} else {
		var held io.Closer
		if shelf, held, err = to.OpenFolder(filepath.Join(to.BlobDir(draft), b.Blobs.Folder)); err == nil {
			defer func() { err = errors.Join(err, held.Close()) }()
		}
	}
	if err != nil {
		return err
	}
	var list bytes.Buffer
	if err := readFile(ctx, p, &b.Blobs.IDs, &list); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ids := make(chan blob.ID)
	var all sync.WaitGroup
	for range blobsAtOnce {
		all.Go(func() {
			for id := range ids {
				if err := restoreBlob(ctx, p, b.Blobs.Folder, id, shelf, to.Now); err != nil {
					stop(fmt.Errorf("put blob %s back: %w", id, err))
				}
			}
		})
	}
	for id := range blobIDs(list.Bytes()) {
		select {
		case ids <- id:
		case <-ctx.Done():
		}
	}
	close(ids)
	all.Wait()
	return context.Cause(ctx)
}

func restoreBlob(ctx context.Context, p *place.Place, folder string, id blob.ID, shelf blob.Shelf, now time.Time) (err error) {
	r, err := p.Read(ctx, blobKey(folder, id))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d, err := shelf.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if _, err := io.Copy(d, &reader{ctx, r}); err != nil {
		return err
	}
	return d.Keep(ctx, id, now)
}

// syncFolders makes durable which files are in a folder and those below it.
func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return secretfile.SyncDir(path)
	})
}
