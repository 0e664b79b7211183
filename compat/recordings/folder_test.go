package recordings

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFiles(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{"both/swf/a.json", "both/sfn/b.json", "both/sfn/README.md", "half/swf/d.json"} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ folder, service, want string }{
		{"both", "swf", "both/swf/a.json"},
		{"both", "sfn", "both/sfn/b.json"},
		{"both/swf", "swf", "both/swf/a.json"},
		{"both/swf", "sfn", "both/sfn/b.json"},
		{"both/sfn", "swf", "both/swf/a.json"},
		{"half/swf", "sfn", ""},
		{"nowhere", "sfn", ""},
	} {
		files, err := Files(filepath.Join(root, c.folder), c.service)
		switch {
		case c.want == "" && err != nil:
		case c.want != "" && err == nil && len(files) == 1 && files[0] == filepath.Join(root, c.want):
		default:
			t.Errorf("%s of %s: got %v, %v, want %q", c.service, c.folder, files, err, c.want)
		}
	}
}
