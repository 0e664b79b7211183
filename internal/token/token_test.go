package token

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"

	"heddle/internal/engine"
)

var (
	world = engine.World{Account: "123456789012", Region: "eu-west-1"}
	key   = [KeyBytes]byte{1, 2, 3}
)

func newSealer() *Sealer { return New(key, rand.Reader) }

func mustSeal(t testing.TB, s *Sealer, f Family, payload []byte) string {
	t.Helper()
	text, err := s.Seal(f, world, payload)
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return text
}

func TestRoundTrip(t *testing.T) {
	for _, want := range [][]byte{nil, {0}, bytes.Repeat([]byte{255}, 40)} {
		text := mustSeal(t, newSealer(), "swf.activity", want)
		// Another Sealer of the same key: another node, or after a restart.
		got, err := newSealer().Open("swf.activity", world, text)
		if err != nil {
			t.Fatalf("open %q: %v", text, err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
		if c := text[0]; c < 'a' || c > 'z' {
			t.Errorf("token %q does not begin with a letter", text)
		}
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("token %q is not URL-safe", text)
		}
	}
}

func TestPageRoundTrip(t *testing.T) {
	s := newSealer()
	query, other := [16]byte{1}, [16]byte{2}
	for _, size := range []int{0, 1, 32, PayloadBytesMax - 16} {
		want := bytes.Repeat([]byte{7}, size)
		text, err := s.SealPage("swf.page", world, query, want)
		if err != nil {
			t.Fatalf("seal %d bytes: %v", size, err)
		}
		if len(text) > 2048 {
			t.Errorf("a token of %d bytes has %d characters", size, len(text))
		}
		got, err := s.OpenPage("swf.page", world, query, text)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("open: %v, %v; want %d bytes", got, err, size)
		}
		if _, err := s.OpenPage("swf.page", world, other, text); err != ErrInvalid {
			t.Errorf("opened for another query: error %v, want ErrInvalid", err)
		}
	}
	if _, err := s.SealPage("swf.page", world, query, make([]byte, PayloadBytesMax-15)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("sealed too much: error %v, want ErrTooLarge", err)
	}
}

func TestOpenRefusesWhatWasSealedForElsewhere(t *testing.T) {
	s := newSealer()
	text := mustSeal(t, s, "swf.activity", []byte("payload"))
	otherKey := key
	otherKey[31] ^= 1
	for _, c := range []struct {
		name   string
		sealer *Sealer
		family Family
		world  engine.World
	}{
		{"family", s, "swf.decision", world},
		{"account", s, "swf.activity", engine.World{Account: "123456789013", Region: world.Region}},
		{"region", s, "swf.activity", engine.World{Account: world.Account, Region: "eu-west-2"}},
		{"key", New(otherKey, rand.Reader), "swf.activity", world},
		// The same letters, cut elsewhere.
		{"shifted", s, "swf.activity1", engine.World{Account: "23456789012", Region: world.Region}},
		{"joined", s, "swf.activity", engine.World{Account: world.Account + "eu-west-1", Region: ""}},
	} {
		if _, err := c.sealer.Open(c.family, c.world, text); err != ErrInvalid {
			t.Errorf("other %s: error %v, want ErrInvalid", c.name, err)
		}
	}
}

func TestOpenRefusesTampering(t *testing.T) {
	s := newSealer()
	text := mustSeal(t, s, "f", []byte("payload!")) // 37 bytes: the last character has unused bits
	for i := range len(text) {
		for _, c := range []byte("Ahx-_9=+\n\x00") {
			if c == text[i] {
				continue
			}
			changed := text[:i] + string(c) + text[i+1:]
			if _, err := s.Open("f", world, changed); err != ErrInvalid {
				t.Errorf("character %d changed to %q: error %v, want ErrInvalid", i, c, err)
			}
		}
		if _, err := s.Open("f", world, text[:i]); err != ErrInvalid {
			t.Errorf("cut to %d characters: error %v, want ErrInvalid", i, err)
		}
	}
	last := text[:len(text)-1]
	for c := range 128 {
		if byte(c) == text[len(text)-1] {
			continue
		}
		if _, err := s.Open("f", world, last+string(rune(c))); err != ErrInvalid {
			t.Errorf("last character changed to %q: error %v, want ErrInvalid", rune(c), err)
		}
	}
	for _, changed := range []string{text + "A", text + "\n", " " + text, text + text, strings.Repeat("h", 1<<20)} {
		if _, err := s.Open("f", world, changed); err != ErrInvalid {
			t.Errorf("%d characters: error %v, want ErrInvalid", len(changed), err)
		}
	}
}

func TestOpenRefusesAnotherKeyID(t *testing.T) {
	s := newSealer()
	sealed, err := encoding.DecodeString(mustSeal(t, s, "f", nil)[1:])
	if err != nil {
		t.Fatal(err)
	}
	sealed[0]++
	if _, err := s.Open("f", world, "h"+encoding.EncodeToString(sealed)); err != ErrInvalid {
		t.Errorf("error %v, want ErrInvalid", err)
	}
}

func TestOpenPageRefusesOtherPayloads(t *testing.T) {
	s := newSealer()
	if _, err := s.OpenPage("f", world, [16]byte{}, mustSeal(t, s, "f", make([]byte, 15))); err != ErrInvalid {
		t.Errorf("short page: error %v, want ErrInvalid", err)
	}
	if _, err := s.OpenPage("f", world, [16]byte{}, "nonsense"); err != ErrInvalid {
		t.Errorf("error %v, want ErrInvalid", err)
	}
}

func TestSealsDiffer(t *testing.T) {
	s := newSealer()
	const sealers, each = 8, 500
	seen := map[string]bool{}
	var mu sync.Mutex
	var done sync.WaitGroup
	for range sealers {
		done.Go(func() {
			for range each {
				text, err := s.Seal("f", world, []byte("same"))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[text] = true
				mu.Unlock()
			}
		})
	}
	done.Wait()
	if len(seen) != sealers*each {
		t.Errorf("%d different tokens, want %d", len(seen), sealers*each)
	}
}

func TestEntropyThatEnds(t *testing.T) {
	s := New(key, bytes.NewReader(make([]byte, nonceBytes+1)))
	mustSeal(t, s, "f", nil)
	if text, err := s.Seal("f", world, nil); err == nil {
		t.Errorf("sealed %q without entropy", text)
	}
}

func FuzzOpen(f *testing.F) {
	s := New(key, bytes.NewReader(make([]byte, nonceBytes))) // fuzzing processes must agree on the token
	task := mustSeal(f, s, "swf.activity", []byte("task"))
	f.Add(task)
	f.Add("")
	f.Add("h")
	f.Add(strings.Repeat("hA", 100))
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.Open("swf.activity", world, text); (err == nil) != (text == task) {
			t.Fatalf("open %q: error %v", text, err)
		}
	})
}

func FuzzSeal(f *testing.F) {
	s := newSealer()
	f.Add("swf.page", "1", "r", []byte("position"))
	f.Fuzz(func(t *testing.T, family, account, region string, payload []byte) {
		if len(payload) > PayloadBytesMax {
			return
		}
		w := engine.World{Account: account, Region: region}
		text, err := s.Seal(Family(family), w, payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Open(Family(family), w, text)
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("got %x, %v; want %x", got, err, payload)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s, payload := newSealer(), make([]byte, 22)
	b.ReportAllocs()
	for b.Loop() {
		mustSeal(b, s, "swf.activity", payload)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := newSealer()
	text := mustSeal(b, s, "swf.activity", make([]byte, 22))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open("swf.activity", world, text); err != nil {
			b.Fatal(err)
		}
	}
}
