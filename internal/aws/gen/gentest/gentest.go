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

// Fresh fails if the generated files of the test's own folder are not those that their
// model and hints give, or if there are others.
func Fresh(t *testing.T) {
	t.Helper()
	files, err := emit.Folder(".")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; run make generate", name)
		}
	}
	for _, pattern := range []string{"*_gen.go", "*_gen_test.go"} {
		there, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range there {
			if files[name] == nil {
				t.Errorf("%s is not written by the generator any more", name)
			}
		}
	}
}
