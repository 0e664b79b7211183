package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/secretfile"
)

// lines appends lines to a File, and gives them to the disk.
type lines struct {
	File
	file *os.File
	size int64 // what is on the disk for good; behind it there may be a part of a line
}

// write appends whole lines, and syncs them. After an error none counts: what there may be of
// them is cut off before the next.
func (l *lines) write(text []byte) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write to %q: %w", l.Path, err), l.close()) // it is opened anew
		}
	}()
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.size > 0 && l.size+int64(len(text)) > int64(l.Megabytes)<<20 {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteAt(text, l.size); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.size += int64(len(text))
	return nil
}

// open opens the file, and cuts off what a kill has left of a line.
func (l *lines) open() error {
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(l.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	l.file = f
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if l.size, err = wholeLines(f, info.Size()); err != nil {
		return err
	}
	if err := f.Truncate(l.size); err != nil {
		return err
	}
	return secretfile.SyncDir(filepath.Dir(l.Path))
}

// wholeLines tells how much of a file of a size is whole lines.
func wholeLines(f *os.File, size int64) (int64, error) {
	const part = 64 << 10
	room := make([]byte, part)
	for size > 0 {
		from := max(0, size-part)
		read := room[:size-from]
		if _, err := f.ReadAt(read, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(read, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		size = from
	}
	return 0, nil
}

// rotate begins a new file; the oldest of those that are full goes.
func (l *lines) rotate() error {
	if err := l.close(); err != nil {
		return err
	}
	numbered := func(n int) string {
		if n == 0 {
			return l.Path
		}
		return fmt.Sprintf("%s.%d", l.Path, n)
	}
	if l.Files == 1 {
		if err := os.Remove(l.Path); err != nil {
			return err
		}
	}
	for n := l.Files - 2; n >= 0; n-- {
		if err := os.Rename(numbered(n), numbered(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return l.open()
}

func (l *lines) close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// fileSink sends events to a file: of what is logged the records, and of spans, as a collector
// of OpenTelemetry writes them to files, what it would be sent.
type fileSink struct {
	lines
	types string
	text  []byte
}

func (s *fileSink) send(_ context.Context, events []event) error {
	s.text = s.text[:0]
	if s.types == typesSpans {
		body := appendSpans(nil, events)
		if body == nil {
			return nil
		}
		return s.write(append(body, '\n'))
	}
	for i := range events {
		line := events[i].body
		if s.types == typesLogs && sortOf(line) == typesLogs {
			line = eventbridge.Detail(line)
		}
		s.text = append(append(s.text, line...), '\n')
	}
	return s.write(s.text)
}
