package rootkey

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzParse reads any text as a file of root keys. An error shows nothing of it;
// keys that were read open what they wrap.
func FuzzParse(f *testing.F) {
	text, err := New(bytes.NewReader(make([]byte, keyBytes)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text + "\r\n# old\r\n" + strings.Repeat("B", 43) + "=\n")
	f.Add(strings.Repeat("A", 42) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := Parse(text)
		if err != nil {
			for _, line := range strings.Fields(text) {
				if len(line) > 16 && strings.Contains(err.Error(), line) {
					t.Fatalf("%v shows %q", err, line)
				}
			}
			return
		}
		wrapped, err := keys.Wrap(t.Context(), []byte("plain"), []byte("place"))
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := keys.Unwrap(t.Context(), wrapped, []byte("place")); err != nil || string(opened) != "plain" {
			t.Fatalf("%q, %v", opened, err)
		}
		if _, err := keys.Unwrap(t.Context(), wrapped, []byte("elsewhere")); err == nil {
			t.Fatal("it opens elsewhere")
		}
	})
}

// FuzzUnwrap opens any bytes.
func FuzzUnwrap(f *testing.F) {
	keys, err := Parse(strings.Repeat("A", 43) + "=\n")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add(append([]byte{16}, keys.Name()...))
	f.Add(append(append([]byte{16}, keys.Name()...), 0xff, 0xff, 0xff, 0xff, 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		if opened, err := keys.Unwrap(t.Context(), b, []byte("place")); err == nil {
			t.Fatalf("%x opens as %q", b, opened)
		}
	})
}
