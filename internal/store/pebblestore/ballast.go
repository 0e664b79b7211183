package pebblestore

import (
	"errors"
	"math/rand/v2"
	"os"
)

// Size of a ballast: a part of the disk, within bounds.
const (
	ballastPortion = 100
	ballastLeast   = 64 << 20
	ballastMost    = 256 << 20
)

// ballast is a file of no use but to be removed when the disk is full, so that a store
// can write what it must, and start again.
type ballast struct {
	path string
	made bool // by this process, or it was found
}

// release removes the ballast, and tells whether that made room.
func (b *ballast) release() bool {
	if b == nil {
		return false
	}
	b.made = false
	return os.Remove(b.path) == nil
}

// make makes the ballast if it is not there, on a disk of this size, if more than spare
// stays free.
func (b *ballast) make(total, free, spare uint64) error {
	size := min(max(total/ballastPortion, ballastLeast), ballastMost)
	if b == nil || b.made {
		return nil
	}
	if info, err := os.Stat(b.path); err == nil && uint64(info.Size()) >= ballastLeast {
		b.made = true
		return nil
	}
	if free < spare+size {
		return nil
	}
	err := b.write(int64(size))
	if err != nil {
		_ = os.Remove(b.path) // what is there of it is of no use
	}
	b.made = err == nil
	return err
}

func (b *ballast) write(size int64) error {
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = allocate(f, size)
	if errors.Is(err, errors.ErrUnsupported) {
		err = fillFile(f, size)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// fillFile writes what no file system makes smaller.
func fillFile(f *os.File, size int64) error {
	chunk := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	for ; size > 0; size -= int64(len(chunk)) {
		_, _ = random.Read(chunk) // it never fails
		if _, err := f.Write(chunk[:min(size, int64(len(chunk)))]); err != nil {
			return err
		}
	}
	return nil
}
