package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"heddle/internal/service"
)

// DiskUsage implements service.Overview.
func (o overview) DiskUsage(ctx context.Context) (service.DiskUsage, error) {
	used := service.DiskUsage{Archive: o.archive()}
	if o.disk == nil {
		return used, nil
	}
	c := &census{ctx: ctx, seen: map[fileID]bool{}}
	if err := c.count(o.cfg.Data); err != nil {
		return used, fmt.Errorf("find out what is on the disk: %w", err)
	}
	used.Free, used.Total = o.disk.Space()
	for _, t := range things {
		u := c.uses[t.name]
		u.Name, u.Explanation = t.name, t.explanation
		if logs, ok := o.disk.Logs(); ok && t.name == logsThing {
			u.Explanation = fmt.Sprintf("%d that a start would read, with %.1f MB of rows; %d kept to be written over", logs.Live, float64(logs.LiveBytes)/1e6, logs.Kept)
		}
		used.Uses = append(used.Uses, u)
	}
	return used, nil
}

// logsThing are the logs of the store.
const logsThing = "store, logs"

// things are what a data folder has, in the order in which they are told, and what each is.
var things = []struct{ name, explanation string }{
	{"store", "executions, histories, index"},
	{logsThing, "what was written last, and logs kept to be written over"},
	{"checkpoints", "what a backup or a check under way keeps from being deleted; what is in store, too, counts there"},
	{"blobs", "what is too large for histories"},
	{"blob-spool", "what is being sent to the bucket of the blobs"},
	{"audit", "who called what"},
	{"events", "events that their targets did not take"},
	{"ballast", "given up when the disk is full"},
	{"others", "keys, certificates, and what is not the server's"},
}

// census sums what is in a data folder. A file that has several names counts once.
type census struct {
	ctx  context.Context
	seen map[fileID]bool
	uses map[string]service.DiskUse
}

func (c *census) count(data string) error {
	c.uses = map[string]service.DiskUse{}
	for _, t := range things { // first those that have a name of their own, each of which may be a link
		if err := c.walk(filepath.Join(data, t.name), t.name); err != nil {
			return err
		}
	}
	others, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	for _, d := range others {
		if _, counted := c.uses[d.Name()]; counted {
			continue
		}
		if err := c.walk(filepath.Join(data, d.Name()), "others"); err != nil {
			return err
		}
	}
	return nil
}

func (c *census) walk(root, thing string) error {
	if to, err := filepath.EvalSymlinks(root); err == nil {
		root = to
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = c.ctx.Err()
		}
		var info fs.FileInfo
		if err == nil && !d.IsDir() {
			info, err = d.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has gone meanwhile, or there is none
		}
		if err != nil || info == nil {
			return err
		}
		bytes, id, shared := allocated(info)
		if shared && c.seen[id] {
			return nil
		}
		c.seen[id] = shared
		of := thing
		if thing == "store" && filepath.Ext(path) == ".log" {
			of = logsThing
		}
		u := c.uses[of]
		u.Bytes, u.Files = u.Bytes+bytes, u.Files+1
		c.uses[of] = u
		return nil
	})
}
