package registry

import (
	"encoding/json"
	"regexp"

	"heddle/internal/blob"
)

// definitions are the ids of blobs as stories write them: @A.
var definitions = regexp.MustCompile(`"@[A-Z]"`)

// idOf is the id that a letter stands for, as JSON has it.
func idOf(letter string) string {
	b, _ := json.Marshal(blob.ID{letter[2]})
	return string(b)
}

func letterOf(id blob.ID) string { return "@" + string(rune(id[0])) }
