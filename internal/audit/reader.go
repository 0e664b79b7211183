package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-faster/jx"
)

// Reader reads the files of a trail, sealed ones and plain ones, while a Trail
// writes them or not.
type Reader struct {
	Dir   string
	Key   *Key      // nil: no file is sealed
	Since time.Time // only records with this eventTime or a later one
	Until time.Time // only records with an earlier one; zero: all

	// Wrong is told of each place where records were changed, moved or are gone.
	// The reading goes on after it.
	Wrong func(error)
	// Wait waits until there may be more records; it tells whether to go on. Nil:
	// the reading ends where the trail ends.
	Wait func(context.Context) bool
}

// Read writes the records, a line of JSON for each.
func (r *Reader) Read(ctx context.Context, out io.Writer) error {
	w := bufio.NewWriter(out)
	err := r.follow(ctx, func(lines []byte) error {
		for line := range bytes.Lines(lines) {
			if r.wants(line) {
				if _, err := w.Write(line); err != nil {
					return err
				}
			}
		}
		return nil
	}, w.Flush)
	return errors.Join(err, w.Flush())
}

// follow gives lines to take, and calls pause where the trail ends for now.
func (r *Reader) follow(ctx context.Context, take func(lines []byte) error, pause func() error) error {
	var p position
	for {
		all, err := listFiles(r.Dir)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(n fileName) bool { return n.began.Before(p.name.began) })
		for i, name := range all {
			if name != p.name {
				p = position{name: name}
			}
			if err := r.scan(ctx, &p, i == len(all)-1, take); err != nil {
				return err
			}
		}
		if err := pause(); err != nil || r.Wait == nil || !r.Wait(ctx) {
			return err
		}
	}
}

// position is how far a file was read.
type position struct {
	name   fileName
	line   int   // lines that were read
	offset int64 // their bytes
	due    int64 // at which offset the next sealed line was written, if none is missing
}

// scan reads a file from a position to its end. Only the newest file may end in
// the middle of a line: it is being written, or a crash cut it off.
func (r *Reader) scan(ctx context.Context, p *position, newest bool, take func(lines []byte) error) error {
	if p.name.sealed && r.Key == nil {
		return fmt.Errorf("%q is sealed, and the key of the trail is not there", p.name)
	}
	file, err := os.Open(filepath.Join(r.Dir, p.name.String()))
	if errors.Is(err, fs.ErrNotExist) { // it was the oldest, and one too many
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(p.offset, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(file, 64<<10)
	for ctx.Err() == nil {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			if len(line) > 0 && !newest {
				r.wrong(p.name, p.line+1, errors.New("it is cut off"))
			}
			return nil
		}
		if err != nil {
			return err
		}
		p.line++
		p.offset += int64(len(line))
		if lines := r.open(p, line); len(lines) > 0 {
			if err := take(lines); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// open gives the records of a line, with which the position has just been moved
// on.
func (r *Reader) open(p *position, line []byte) []byte {
	if !p.name.sealed {
		if !jx.Valid(line) {
			r.wrong(p.name, p.line, errors.New("it is no record"))
			return nil
		}
		return line
	}
	lines, offset, err := r.Key.open(p.name.String(), line[:len(line)-1])
	switch {
	case err != nil:
		offset = p.due // as if it were right
		r.wrong(p.name, p.line, err)
	case offset != p.due:
		r.wrong(p.name, p.line, fmt.Errorf("it was written at byte %d, where byte %d should follow: lines before it were removed, added or moved", offset, p.due))
	}
	p.due = offset + int64(len(line))
	return lines
}

func (r *Reader) wrong(name fileName, line int, err error) {
	r.Wrong(fmt.Errorf("%q, line %d: %w", name, line, err))
}

// wants tells whether a record is of the time that is asked for. One without a
// time, which is none of ours, is not kept back.
func (r *Reader) wants(line []byte) bool {
	if r.Since.IsZero() && r.Until.IsZero() {
		return true
	}
	var at time.Time
	err := jx.DecodeBytes(line).ObjBytes(func(d *jx.Decoder, key []byte) error {
		if string(key) != "eventTime" {
			return d.Skip()
		}
		text, err := d.Str()
		if err == nil {
			at, err = time.Parse(time.RFC3339, text)
		}
		return err
	})
	if err != nil || at.IsZero() {
		return true
	}
	return !at.Before(r.Since) && (r.Until.IsZero() || at.Before(r.Until))
}
