package secretfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Folder is what CheckFolder found.
type Folder struct {
	Link     string // where a symbolic link leads; empty: it is none
	Narrowed bool   // it was empty and open to others, and no longer is
}

// linksMax is how many links one after the other a folder may be.
const linksMax = 32

// CheckFolder refuses a folder, or what a link leads to, that another user owns or that
// others may look into or write to, as PostgreSQL does: its mode is 0700, or 0750 for a
// group that may read. One that is empty is given the mode 0700. There need be none.
func CheckFolder(path string) (found Folder, err error) {
	link, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	for at, n := path, 0; link.Mode()&fs.ModeSymlink != 0; n++ { // what it leads to may be another
		if found.Link, err = filepath.EvalSymlinks(path); err != nil {
			return found, fmt.Errorf("the link %q leads nowhere: %w", path, err)
		}
		if owner, other := otherOwner(link, true); other {
			return found, fmt.Errorf("the link %q belongs to user %d, who could lead it elsewhere; make it anew as the user that runs this", at, owner)
		}
		to, err := os.Readlink(at)
		if err != nil {
			return found, err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(at), to)
		}
		if link, err = os.Lstat(to); err != nil {
			return found, err
		}
		if at = to; n == linksMax {
			return found, fmt.Errorf("the link %q leads to too many others", path)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return found, err
	}
	if !info.IsDir() {
		return found, fmt.Errorf("%q is no folder", path)
	}
	if owner, other := otherOwner(info, false); other {
		return found, fmt.Errorf("the folder %q belongs to user %d, and this runs as user %d; run it as its owner, or chown the folder", path, owner, os.Geteuid())
	}
	if mode := info.Mode().Perm(); mode&othersMask != 0 {
		if !isEmpty(path) {
			return found, fmt.Errorf("the folder %q has mode %04o, which lets others in; chmod it to 0700, or to 0750 for a group that may read", path, mode)
		}
		found.Narrowed = true
		return found, os.Chmod(path, 0o700)
	}
	return found, nil
}

// isEmpty tells whether a folder holds nothing but what a file system puts there.
func isEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && (len(entries) == 0 || len(entries) == 1 && entries[0].Name() == "lost+found")
}

// Tidy removes the files that writers have left in a folder which were killed: those for
// the file of this name, or for any if it is empty. Nobody may be writing there.
func Tidy(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		base, digits, ok := cutLast(e.Name())
		if !ok || strings.Trim(digits, "0123456789") != "" || digits == "" || !e.Type().IsRegular() {
			continue
		}
		if base, dotted := strings.CutPrefix(base, "."); dotted && base != "" && (name == "" || base == name) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// cutLast cuts the name of a temporary file at its last hyphen.
func cutLast(name string) (base, digits string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}
