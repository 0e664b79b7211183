package registry

import (
	"encoding/json"
	"regexp"

	"heddle/internal/blob"
)

// definitions are those of stories: @A, or @A1 and @A2, which are the same text, sealed under
// two data keys.
var definitions = regexp.MustCompile(`"@[A-Z][0-9]?"`)

// definitionOf is the definition that a letter stands for, as JSON has it.
func definitionOf(letter string) string {
	d := Definition{ID: blob.ID{letter[2]}, Bytes: 8, Digest: [32]byte{letter[2]}}
	if len(letter) == 5 {
		d.ID[1], d.DataKey = letter[3], "data key "+letter[3:4]
	}
	b, _ := json.Marshal(d)
	return string(b)
}

func letterOf(id blob.ID) string {
	letter := "@" + string(rune(id[0]))
	if id[1] != 0 {
		letter += string(rune(id[1]))
	}
	return letter
}
