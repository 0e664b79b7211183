// Command gen writes the shapes of a service as Go code: types, what reads and writes
// them in the service's protocol, validators and the table of operations. It is run by
// "go generate" in the folder of a package that has model.json, the service's model,
// and gen.json, what the model does not say (see emit.Hints), or with such folders as
// arguments.
package main

import (
	"log"
	"os"
	"path/filepath"

	"heddle/internal/aws/gen/emit"
)

func main() {
	log.SetFlags(0)
	folders := os.Args[1:]
	if len(folders) == 0 {
		folders = []string{"."}
	}
	for _, dir := range folders {
		if err := write(dir); err != nil {
			log.Fatalf("gen: %s: %v", dir, err)
		}
	}
}

func write(dir string) error {
	files, err := emit.Folder(dir)
	if err != nil {
		return err
	}
	for name, src := range files {
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o644); err != nil {
			return err
		}
	}
	return nil
}
