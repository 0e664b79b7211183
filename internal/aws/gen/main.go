// Command gen writes the shapes of a service as Go code: types, what reads and writes
// them in the service's protocol, validators and the table of operations. It is run by
// "go generate" in the folder of a package that has model.json, the service's model,
// and gen.json, what the model does not say (see emit.Hints).
package main

import (
	"log"
	"os"

	"heddle/internal/aws/gen/emit"
)

func main() {
	log.SetFlags(0)
	files, err := emit.Folder(".")
	if err != nil {
		log.Fatalf("gen: %v", err)
	}
	for name, src := range files {
		if err := os.WriteFile(name, src, 0o644); err != nil {
			log.Fatalf("gen: %v", err)
		}
	}
}
