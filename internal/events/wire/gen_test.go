package wire

import (
	"testing"

	"heddle/internal/aws/gen/gentest"
)

func TestGeneratedFilesAreFresh(t *testing.T) { gentest.Fresh(t, ".") }
