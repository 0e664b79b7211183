//go:build unix

package server

import (
	"io/fs"
	"syscall"
)

// fileID tells files apart, whatever their names.
type fileID struct{ device, inode uint64 }

// allocated is what a file takes on the disk, and who it is if it may have several names.
func allocated(info fs.FileInfo) (bytes int64, id fileID, shared bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Size(), id, false
	}
	return s.Blocks * 512, fileID{uint64(s.Dev), uint64(s.Ino)}, s.Nlink > 1
}
