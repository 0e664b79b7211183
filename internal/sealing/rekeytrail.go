package sealing

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"heddle/internal/audit"
	"heddle/internal/secretfile"
)

// rewriteTrail writes the files of the audit trail anew, and their key, into a
// folder in theirs: so also where that is a volume of its own.
func rewriteTrail(ctx context.Context, cfg RekeyConfig) error {
	dir := TrailDir(cfg.Data)
	if !exists(dir) {
		return nil
	}
	old, err := ReadTrailKey(ctx, cfg.Data, *cfg.before(), cfg.Log)
	if err != nil {
		return err
	}
	rekeyed := filepath.Join(dir, rekeyedTrailName)
	var key *audit.Key
	if !cfg.Off {
		keys, err := cfg.Keys.load(cfg.Data, true, cfg.Log)
		if err != nil {
			return err
		}
		key = newTrailKey()
		if _, err := keepTrailKey(ctx, rekeyed, key, keys); err != nil {
			return err
		}
	}
	from := audit.Reader{Dir: dir, Key: old}
	if err := from.Rewrite(ctx, rekeyed, key); err != nil {
		return err
	}
	return errors.Join(secretfile.SyncDir(rekeyed), secretfile.SyncDir(dir))
}

// replaceTrail puts a rekeyed trail, which is whole, in the trail's place. It may
// be cut off anywhere and is then done again. Whether the new key is there tells
// to the end whether the trail is to be sealed.
func replaceTrail(dir string) error {
	rekeyed, moved := filepath.Join(dir, rekeyedTrailName), filepath.Join(dir, movedTrailName)
	if !exists(rekeyed) {
		return os.RemoveAll(moved)
	}
	key, err := os.ReadFile(trailKeyFile(rekeyed))
	sealed := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := audit.RemoveFiles(dir, !sealed); err != nil {
		return err
	}
	if err := audit.MoveFiles(rekeyed, dir); err != nil {
		return err
	}
	if sealed {
		err = secretfile.Replace(trailKeyFile(dir), key)
	} else if err = os.Remove(trailKeyFile(dir)); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	// At once, lest a folder without its key be met by another attempt.
	if err := errors.Join(os.RemoveAll(moved), os.Rename(rekeyed, moved), secretfile.SyncDir(dir)); err != nil {
		return err
	}
	return os.RemoveAll(moved)
}
