// Package recordings finds the recorded traffic that the commands below it play
// against a running server: swf replays that of Amazon SWF, sfn that of AWS Step
// Functions. The recordings are no part of this repository.
package recordings

import (
	"fmt"
	"path/filepath"
)

// Variable of the environment that names a folder of recordings: one of a service
// (swf, sfn), or the folder that holds those.
const Variable = "HEDDLE_RECORDINGS"

// Files are the recordings of a service, given a folder as Variable names it.
func Files(folder, service string) ([]string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	// A folder of one service stands beside those of the others.
	candidates := []string{filepath.Join(folder, service), filepath.Join(filepath.Dir(folder), service)}
	for _, candidate := range candidates {
		files, err := filepath.Glob(filepath.Join(candidate, "*.json"))
		if err != nil || len(files) > 0 {
			return files, err
		}
	}
	return nil, fmt.Errorf("folder %q (%s): no recordings of %s in %q", folder, Variable, service, candidates)
}
