//go:build unix

package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCheckFolder tries every mode, of folders with something in them and without.
func TestCheckFolder(t *testing.T) {
	cases := 0
	for mode := fs.FileMode(0o700); mode <= 0o777; mode++ {
		for _, content := range []string{"", "lost+found", "file"} {
			for _, linked := range []bool{false, true} {
				dir := filepath.Join(t.TempDir(), "data")
				err := os.Mkdir(dir, 0o700)
				if content != "" {
					err = errors.Join(err, os.WriteFile(filepath.Join(dir, content), nil, 0o600))
				}
				path := dir
				if linked {
					path += "-link"
					err = errors.Join(err, os.Symlink(dir, path))
				}
				if err = errors.Join(err, os.Chmod(dir, mode)); err != nil {
					t.Fatal(err)
				}
				found, err := CheckFolder(path)
				open := mode&0o027 != 0
				if refused := err != nil; refused != (open && content == "file") {
					t.Errorf("mode %04o, with %q: %v", mode, content, err)
				}
				if (found.Link != "") != linked || found.Narrowed != (open && content != "file") {
					t.Errorf("mode %04o, with %q, linked %v: found %+v", mode, content, linked, found)
				}
				info, err := os.Stat(dir)
				if err != nil {
					t.Fatal(err)
				}
				want := mode
				if found.Narrowed {
					want = 0o700
				}
				if info.Mode().Perm() != want {
					t.Errorf("mode %04o became %04o", mode, info.Mode().Perm())
				}
				cases++
			}
		}
	}
	t.Logf("%d cases", cases)
}

// TestCheckFolderOwners, and what is no folder.
func TestCheckFolderOwners(t *testing.T) {
	base := t.TempDir()
	if found, err := CheckFolder(filepath.Join(base, "none")); err != nil || found != (Folder{}) {
		t.Errorf("none: %+v, %v", found, err)
	}
	file, nowhere := filepath.Join(base, "file"), filepath.Join(base, "nowhere")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink("gone", nowhere)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "no folder", nowhere: "leads nowhere"} {
		if _, err := CheckFolder(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give folders away")
	}
	dir, link, own := filepath.Join(base, "dir"), filepath.Join(base, "link"), filepath.Join(base, "own")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 1234, 1234), os.Mkdir(own, 0o700), os.Symlink(own, link), os.Lchown(link, 1234, 1234)); err != nil {
		t.Fatal(err)
	}
	over, under := filepath.Join(base, "over"), filepath.Join(base, "under") // an own link to one of another's
	if err := errors.Join(os.Symlink("link", over), os.Symlink(own, under)); err != nil {
		t.Fatal(err)
	}
	if found, err := CheckFolder(under); err != nil || found.Link != own {
		t.Errorf("a link of one's own: %+v, %v", found, err)
	}
	for path, want := range map[string]string{over: "belongs to user 1234, who could lead it elsewhere", dir: "belongs to user 1234, and this runs as user 0", link: "belongs to user 1234, who could lead it elsewhere"} {
		if _, err := CheckFolder(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// TestTidy removes what killed writers have left, and nothing else.
func TestTidy(t *testing.T) {
	left := []string{".root.key-123", ".a-b-0", ".root.key-99999999999"}
	stay := []string{"root.key", "-1", ".-1", ".root.key-", ".root.key-1x", "root.key-1", ".hidden", ".root.key-1-x"}
	dir := t.TempDir()
	for _, name := range slices.Concat(left, stay) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".folder-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	stay = append(stay, ".folder-1")
	if err := Tidy(dir, "root.key"); err != nil {
		t.Fatal(err)
	}
	want := append([]string{".a-b-0"}, stay...)
	if slices.Sort(want); !slices.Equal(names(t, dir), want) {
		t.Errorf("for one name %q are there, want %q", names(t, dir), want)
	}
	if err := errors.Join(Tidy(dir, ""), Tidy(filepath.Join(dir, "none"), "")); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(stay); !slices.Equal(names(t, dir), stay) {
		t.Errorf("%q are there, want %q", names(t, dir), stay)
	}
}
