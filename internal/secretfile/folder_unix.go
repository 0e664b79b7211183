//go:build unix

package secretfile

import (
	"io/fs"
	"os"
	"syscall"
)

// othersMask are the permissions of a folder that nobody else may have.
const othersMask = 0o027

// otherOwner tells whether something belongs to another user than the one that runs this,
// or the system's.
func otherOwner(info fs.FileInfo, orRoot bool) (owner uint32, other bool) {
	owner, ok := ownerOf(info)
	return owner, ok && int(owner) != os.Geteuid() && !(orRoot && owner == 0)
}

// ownerOf is the user that something belongs to.
func ownerOf(info fs.FileInfo) (owner uint32, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}
