package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Rewrite writes all files of a trail, to which nobody writes, into another
// folder: sealed by a key, or in the clear. It ends at the first place where
// something is wrong.
func (r *Reader) Rewrite(ctx context.Context, dir string, key *Key) error {
	all, err := listFiles(r.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for i, name := range all {
		if err := r.rewriteFile(ctx, name, isNewest(all, i), Files{Dir: dir, Key: key}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) rewriteFile(ctx context.Context, name fileName, newest bool, to Files) (err error) {
	f := &files{Files: to}
	if err := f.open(fileName{name.kind, name.began, to.Key != nil, name.account}, os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	var wrong error
	from := Reader{Dir: r.Dir, Key: r.Key, Wrong: func(err error) {
		if wrong == nil {
			wrong = err
		}
	}}
	var chunk []byte
	err = from.scan(ctx, &position{name: name}, newest, func(lines []byte) error {
		if wrong != nil {
			return wrong
		}
		if chunk = append(chunk, lines...); len(chunk) < chunkMax {
			return nil
		}
		err := f.add(f.pack(chunk))
		chunk = chunk[:0]
		return err
	})
	if wrong != nil {
		return fmt.Errorf("%w; read what is left of it with 'heddle audit', then move the file away", wrong)
	}
	if err != nil || len(chunk) == 0 {
		return err
	}
	return f.add(f.pack(chunk))
}

// RemoveFiles deletes the sealed files of a folder, or the plain ones.
func RemoveFiles(dir string, sealed bool) error {
	return eachFile(dir, func(n fileName) error {
		if n.sealed != sealed {
			return nil
		}
		return os.Remove(filepath.Join(dir, n.String()))
	})
}

// MoveFiles puts the files of a folder into another, in the place of those that
// have their names.
func MoveFiles(from, to string) error {
	return eachFile(from, func(n fileName) error {
		return os.Rename(filepath.Join(from, n.String()), filepath.Join(to, n.String()))
	})
}

func eachFile(dir string, do func(fileName) error) error {
	all, err := listFiles(dir)
	for _, name := range all {
		err = errors.Join(err, do(name))
	}
	return err
}
