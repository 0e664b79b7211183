package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heddle/internal/backup"
	"heddle/internal/blob"
	"heddle/internal/blob/dir"
	"heddle/internal/blob/s3"
	places "heddle/internal/bucket/place"
	"heddle/internal/options"
	"heddle/internal/sealing"
	"heddle/internal/store"
)

// OpenCheckpoint opens a checkpoint of a running server's store, as OpenOffline does a stopped
// one. Who opens it has it kept meanwhile.
func OpenCheckpoint(ctx context.Context, data, name string, roots sealing.RootKeys, log *slog.Logger) (*Offline, error) {
	return openOffline(ctx, data, filepath.Join(CheckpointDir(data), name), roots, log)
}

// PlaceClock is the time that places get.
func PlaceClock() places.Clock { return places.Clock{Now: time.Now, Within: context.WithTimeout} }

// BackupConfig says what is backed up, and how.
type BackupConfig struct {
	At      time.Time // when the moment of the copy was asked for
	Version string    // of the program
	// Keys: what opens the store, and what callers sign with, are in the backup.
	Keys  bool
	Blobs Blobs
}

// Backup makes a backup of what was opened, with all that belongs to it in the data folder.
func (o *Offline) Backup(ctx context.Context, p *places.Place, cfg BackupConfig) (*backup.Backup, backup.Sent, error) {
	if err := errors.Join(options.Fill(&cfg.Blobs), cfg.Blobs.check(false)); err != nil {
		return nil, backup.Sent{}, fmt.Errorf("config: %w", err)
	}
	about := backup.Backup{Time: cfg.At.UTC().Truncate(time.Millisecond), Version: cfg.Version, StoreFormat: StoreFormat, Store: storeName(&o.hash), Keys: cfg.Keys}
	files, err := o.files(cfg.Keys)
	if err != nil {
		return nil, backup.Sent{}, fmt.Errorf("back up %q: %w", o.data, err)
	}
	from := backup.Source{Files: files}
	k, shelf, err := o.shelf(ctx, &cfg.Blobs)
	if err != nil {
		return nil, backup.Sent{}, fmt.Errorf("back up %q: %w", o.data, err)
	}
	if shelf != nil {
		about.Blobs.Folder = k.digits()
		from.Blobs, from.Shelf = references{o.view}.all(ctx), shelf
	}
	return backup.Make(ctx, p, about, from)
}

// files are those of the data folder that are backed up: first those of the store, then what
// is written after it, so that nothing is in the store that is not there too.
func (o *Offline) files(withKeys bool) ([]backup.SourceFile, error) {
	all, err := filesOf(o.dir, "store", false)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(f backup.SourceFile) bool { return f.Name == "store/LOCK" || f.Name == "store/HOLDER" })
	folders := []string{"audit", "events"}
	if withKeys {
		folders = append(folders, "tls")
	}
	for _, name := range folders {
		more, err := filesOf(filepath.Join(o.data, name), name, true)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		all = append(all, more...)
	}
	if !withKeys {
		return all, nil
	}
	if file := o.roots.InFile(o.data); file != "" {
		all = append(all, backup.SourceFile{Name: filepath.Base(sealing.RootKeyFile("")), Path: file, MayGo: true})
	}
	for _, name := range []string{filepath.Base(CredentialsFile("")), "metrics-token"} {
		all = append(all, backup.SourceFile{Name: name, Path: filepath.Join(o.data, name), MayGo: true})
	}
	return all, nil
}

// filesOf are the files of a folder and those below it, but for what somebody writes beside
// its place just now.
func filesOf(dir, name string, mayGo bool) (all []backup.SourceFile, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range entries {
		below, path := name+"/"+d.Name(), filepath.Join(dir, d.Name())
		switch {
		case strings.HasPrefix(d.Name(), "."):
		case d.IsDir():
			more, err := filesOf(path, below, mayGo)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		case d.Type().IsRegular():
			all = append(all, backup.SourceFile{Name: below, Path: path, MayGo: mayGo})
		}
	}
	return all, nil
}

// RestoreTo is how a backup is put back into a data folder. Blobs go to the bucket that is
// given, or to the folder.
func RestoreTo(data string, b Blobs, log *slog.Logger) (backup.To, error) {
	if err := errors.Join(options.Fill(&b), b.check(false)); err != nil {
		return backup.To{}, fmt.Errorf("config: %w", err)
	}
	to := backup.To{Data: data, Now: time.Now(), BlobDir: BlobDir, OpenFolder: func(path string) (blob.Shelf, io.Closer, error) {
		folder, err := dir.Open(dir.Options{Dir: path})
		return folder, folder, err
	}}
	if b.Bucket != "" {
		to.Shelf = func(ctx context.Context, digits string) (blob.Shelf, error) {
			return b.bucketOf(ctx, digits, log, s3.Options{Spool: filepath.Join(data, backup.UnfinishedName, filepath.Base(spoolDir("")))})
		}
	}
	return to, nil
}

// shelf opens where the store's blobs lie, for reading; nil: there never were any.
func (o *Offline) shelf(ctx context.Context, b *Blobs) (*blobKeys, blob.Shelf, error) {
	k := new(blobKeys)
	id, err := readKey(ctx, o.store.Meta(), blobIDKeyName)
	if k.id = id; err == nil {
		k.data, err = readKey(ctx, o.store.Meta(), blobDataKeyName)
	}
	var shelf blob.Shelf
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case b.Bucket != "":
		shelf, err = b.bucket(ctx, k, o.log, s3.Options{ReadOnly: true})
	case o.postgres != nil:
		shelf, err = o.inDatabase(ctx, k)
	default:
		shelf, err = dir.Open(dir.Options{Dir: k.folder(o.data), ReadOnly: true})
	}
	return k, shelf, err
}

// inDatabase is the shelf of a database, or the folder from which a server has yet to move the blobs there.
func (o *Offline) inDatabase(ctx context.Context, k *blobKeys) (blob.Shelf, error) {
	if _, err := os.Stat(k.folder(o.data)); err == nil {
		return dir.Open(dir.Options{Dir: k.folder(o.data), ReadOnly: true})
	}
	shelf, err := o.postgres.OpenShelf(ctx)
	if err != nil || shelf == nil {
		return new(blob.Memory), err // nobody has put any
	}
	return shelf, nil
}
