package audit

import (
	"bytes"
	"testing"
)

// FuzzOpenLine: a line that was written once opens, what somebody else wrote does
// not, and breaks nothing.
func FuzzOpenLine(f *testing.F) {
	const file = "audit-20260301T120000.000Z.sealed"
	sealed := []byte("AkDm0gNol6urRRVdIkgzbwu4PO1Oo7FgmG3NNYE80LuWAAAAAAAAAHh+w2c1jnrbL01M0QqE5LUPFc6x1MY=")
	f.Add(sealed)
	f.Add([]byte("Ag=="))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, line []byte) {
		lines, offset, err := testKey.open(file, line)
		if bytes.Equal(line, sealed) {
			if string(lines) != "{}\n" || offset != 120 || err != nil {
				t.Errorf("%q, %d, %v", lines, offset, err)
			}
		} else if err == nil {
			t.Errorf("%q opens as %q", line, lines)
		}
	})
}
