// Package gentest tests that generated files are what the generator writes. Only tests
// import it.
package gentest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"heddle/internal/aws/gen/emit"
)

// Fresh fails if the generated files of a folder are not those that its model and hints
// give, or if there are others.
func Fresh(t *testing.T, dir string) {
	t.Helper()
	files, err := emit.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; run make generate", name)
		}
	}
	for _, pattern := range []string{"*_gen.go", "*_gen_test.go"} {
		there, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range there {
			if files[filepath.Base(name)] == nil {
				t.Errorf("%s is not written by the generator any more", name)
			}
		}
	}
}
