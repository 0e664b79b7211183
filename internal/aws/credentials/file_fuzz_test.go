package credentials

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse reads any text as a credentials file. An error shows nothing of it,
// and a pair that was read is the pair that is read from the file written of it.
func FuzzParse(f *testing.F) {
	f.Add([]byte("[default]\naws_access_key_id=AKIA\naws_secret_access_key=a/b+c==\n"))
	f.Add([]byte("# c\r\n[other]\r\naws_access_key_id = NO\r\n[default]\r\n aws_secret_access_key = s \r\naws_access_key_id = AKIA"))
	f.Add([]byte("[default]\naws_secret_access_key = hush\n[default]\n=\n"))
	f.Add(append([]byte("[default]\naws_access_key_id="), bytes.Repeat([]byte("x"), 70_000)...))
	f.Fuzz(func(t *testing.T, text []byte) {
		pair, err := parse(text, defaultProfile)
		if err != nil {
			if pair != (KeyPair{}) {
				t.Fatal("an error came with a pair")
			}
			for _, line := range strings.Split(string(text), "\n") {
				if _, value, ok := strings.Cut(line, "="); ok && len(value) > 8 && strings.Contains(err.Error(), value) {
					t.Fatalf("%v shows %q", err, value)
				}
			}
			return
		}
		if pair.KeyID == "" || pair.Secret == "" {
			t.Fatalf("half a pair: %q %q", pair.KeyID, string(pair.Secret))
		}
		path := filepath.Join(t.TempDir(), "credentials")
		if err := WriteFile(path, pair); err != nil {
			t.Fatal(err)
		}
		if again, err := ReadFile(path); err != nil || again != pair {
			t.Fatalf("%q %q was written and read as %q %q, %v", pair.KeyID, string(pair.Secret), again.KeyID, string(again.Secret), err)
		}
	})
}
