package sealing

import (
	"context"
	"log/slog"

	"heddle/internal/audit"
	"heddle/internal/store/sealed"
)

// Watch follows the file of the root keys, so that they can be changed while the
// server runs. One goroutine looks.
type Watch struct {
	file     string
	store    *sealed.Store
	trailDir string
	trailKey *audit.Key // nil: there is none
	log      *slog.Logger

	taken   string // the text whose keys are in force; looking alone changes it
	refused string // the last complaint, made once; likewise
}

// Look takes up the file if it has changed. A file that is of no use changes
// nothing: the keys that were read before stay in force.
func (w *Watch) Look(ctx context.Context) {
	keys, text, err := readRootKeys(w.file)
	if err == nil && text == w.taken {
		return
	}
	var rotated, rewrapped bool
	if err == nil && w.trailKey != nil {
		rewrapped, err = keepTrailKey(ctx, w.trailDir, w.trailKey, keys)
	}
	if err == nil {
		rotated, err = w.store.Rotate(ctx, keys)
	}
	switch {
	case err != nil && err.Error() != w.refused:
		w.refused = err.Error()
		w.log.Error("root keys changed, but can't be taken up; those before stay in force", "file", w.file, "cause", err)
	case err == nil:
		w.taken, w.refused = text, ""
	}
	if err == nil && (rotated || rewrapped) {
		w.log.Info("the store is sealed under a new root key; the others may go", "root_key", keys.Name())
	}
}
