package rootkey

import (
	"fmt"

	"heddle/internal/secretfile"
)

// ReadFile reads the text of a file. It refuses one that others may read.
func ReadFile(path string) (string, error) {
	text, err := secretfile.Read(path)
	if err != nil {
		return "", fmt.Errorf("read root key %q: %w", path, err)
	}
	return string(text), nil
}

// CreateFile writes a new file, which never takes another's place: fs.ErrExist.
func CreateFile(path, text string) error {
	if err := secretfile.Create(path, []byte(text)); err != nil {
		return fmt.Errorf("make root key %q: %w", path, err)
	}
	return nil
}
