package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
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
	// Account is whose records are wanted: those with this recipientAccountId; empty: all.
	Account string

	// Wrong is told of each place where records were changed, moved or are gone.
	// The reading goes on after it.
	Wrong func(error)
	// Wait waits until there may be more records; it tells whether to go on. Nil:
	// the reading ends where the trail ends.
	Wait func(context.Context) bool
}

// Read writes the records, a line of JSON for each: those of each kind of an account in the
// order in which they were written, among each other by their times.
func (r *Reader) Read(ctx context.Context, out io.Writer) error {
	w := bufio.NewWriter(out)
	err := r.follow(ctx, func(line []byte) error {
		if !r.wants(line) {
			return nil
		}
		_, err := w.Write(line)
		return err
	}, w.Flush)
	return errors.Join(err, w.Flush())
}

// follow gives lines to take, and calls pause where the trail ends for now.
func (r *Reader) follow(ctx context.Context, take func(line []byte) error, pause func() error) error {
	at := map[row]*position{}
	for {
		all, err := listFiles(r.Dir)
		if err != nil {
			return err
		}
		for _, n := range all {
			if at[n.row()] == nil {
				at[n.row()] = &position{}
			}
		}
		var streams []*stream
		for _, row := range slices.SortedFunc(maps.Keys(at), row.compare) {
			streams = append(streams, r.stream(ctx, at[row], in(all, row)))
		}
		if err := merge(streams, take); err != nil {
			return err
		}
		if err := pause(); err != nil || r.Wait == nil || !r.Wait(ctx) {
			return err
		}
	}
}

// compare is the order of what is of the same time.
func (r row) compare(s row) int {
	order := [...]int{unsorted: 0, Changes: 1, Refused: 2, Calls: 3}
	return cmp.Or(cmp.Compare(order[r.kind], order[s.kind]), cmp.Compare(r.account, s.account))
}

// stream are lines of one row, oldest first, and the first of them that was not taken.
type stream struct {
	next func() ([]byte, bool) // the next lines
	stop func()
	rest []byte // of the lines that came last
	line []byte // nil: there is none
	at   time.Time
	err  error
}

// stream reads files of a row from a position on.
func (r *Reader) stream(ctx context.Context, at *position, all []fileName) *stream {
	s := &stream{}
	s.next, s.stop = iter.Pull(func(yield func([]byte) bool) {
		for i, name := range all {
			if name.began.Before(at.name.began) {
				continue
			}
			if name != at.name {
				*at = position{name: name}
			}
			s.err = r.scan(ctx, at, i == len(all)-1, func(lines []byte) error {
				if !yield(lines) {
					return errStopped
				}
				return nil
			})
			if s.err != nil {
				return
			}
		}
	})
	return s
}

var errStopped = errors.New("nobody reads on")

// advance goes to the next line.
func (s *stream) advance() error {
	for len(s.rest) == 0 {
		var more bool
		if s.rest, more = s.next(); !more {
			s.line = nil
			return s.err
		}
	}
	end := bytes.IndexByte(s.rest, '\n') + 1
	if end == 0 {
		end = len(s.rest)
	}
	s.line, s.rest = s.rest[:end], s.rest[end:]
	// Lines stand as they were written, a call that took long after those that came
	// later than it: so the time goes on with the largest one.
	if at := timeOf(s.line); at.After(s.at) {
		s.at = at
	}
	return nil
}

// merge takes the lines of all streams, each time one of the earliest.
func merge(streams []*stream, take func(line []byte) error) error {
	for _, s := range streams {
		defer s.stop()
		if err := s.advance(); err != nil {
			return err
		}
	}
	for {
		var first *stream
		for _, s := range streams {
			if s.line != nil && (first == nil || s.at.Before(first.at)) {
				first = s
			}
		}
		if first == nil {
			return nil
		}
		if err := take(first.line); err != nil {
			return err
		}
		if err := first.advance(); err != nil {
			return err
		}
	}
}

// isNewest tells whether a file is the newest of its row.
func isNewest(all []fileName, i int) bool {
	return !slices.ContainsFunc(all[i+1:], func(n fileName) bool { return n.row() == all[i].row() })
}

// position is how far a file was read.
type position struct {
	name   fileName
	line   int   // lines that were read
	offset int64 // their bytes
	due    int64 // at which offset the next sealed line was written, if none is missing
}

// scan reads a file from a position to its end. Only the newest file of a row may end
// in the middle of a line: it is being written, or a crash cut it off.
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

// wants tells whether a record is of the account and the time that are asked for. One
// without a time, which is none of ours, is not kept back.
func (r *Reader) wants(line []byte) bool {
	if r.Account != "" && textOf(line, "recipientAccountId") != r.Account {
		return false
	}
	if r.Since.IsZero() && r.Until.IsZero() {
		return true
	}
	at := timeOf(line)
	return at.IsZero() || !at.Before(r.Since) && (r.Until.IsZero() || at.Before(r.Until))
}

// timeOf is the time of a record; zero: it has none.
func timeOf(line []byte) time.Time {
	at, err := time.Parse(time.RFC3339, textOf(line, "eventTime"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// textOf is a member of a record; empty: it has no such text.
func textOf(line []byte, member string) (text string) {
	err := jx.DecodeBytes(line).ObjBytes(func(d *jx.Decoder, key []byte) (err error) {
		if string(key) != member {
			return d.Skip()
		}
		if text, err = d.Str(); err == nil {
			err = errFound
		}
		return err
	})
	if !errors.Is(err, errFound) {
		return ""
	}
	return text
}

var errFound = errors.New("found")
