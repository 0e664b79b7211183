package operation_test

import (
	"regexp"
	"testing"

	. "heddle/internal/aws/operation"
)

func TestRequestID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, random := range [][16]byte{{}, {0, 1, 2, 3, 4, 5, 0xff, 7, 0xff, 9, 10, 11, 12, 13, 14, 15}} {
		if id := RequestID(random); !form.MatchString(id) {
			t.Errorf("%x became %s", random, id)
		}
	}
}
