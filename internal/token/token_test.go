package token

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"heddle/internal/engine"
)

var (
	world  = engine.World{Account: "123456789012", Region: "eu-west-1"}
	key    = [KeyBytes]byte{1, 2, 3}
	someID = engine.NewRunID(513, engine.Seed{9, 8, 7})
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

func TestTaskRoundTrip(t *testing.T) {
	for _, want := range []Task{
		{},
		{Run: someID, Domain: 1, Scheduled: 2, Started: 3, Attempt: 1},
		{Run: engine.RunID(bytes.Repeat([]byte{255}, 16)), Domain: math.MaxUint32,
			Scheduled: math.MaxInt64, Started: math.MinInt64, Attempt: math.MaxUint32},
	} {
		text, err := newSealer().SealTask("swf.activity", world, want)
		if err != nil {
			t.Fatalf("seal %+v: %v", want, err)
		}
		// Another Sealer of the same key: another node, or after a restart.
		got, err := newSealer().OpenTask("swf.activity", world, text)
		if err != nil {
			t.Fatalf("open %q: %v", text, err)
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if len(text) > 110 {
			t.Errorf("a task token has %d characters", len(text))
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

func TestOpenTaskRefusesOtherPayloads(t *testing.T) {
	s := newSealer()
	for _, payload := range [][]byte{
		nil, make([]byte, 15), make([]byte, 19), make([]byte, 21),
		append(make([]byte, 16), 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0), // domain 2^32
		append(make([]byte, 16), 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10), // attempt 2^32
	} {
		if got, err := s.OpenTask("f", world, mustSeal(t, s, "f", payload)); err != ErrInvalid {
			t.Errorf("payload %x: %+v, error %v, want ErrInvalid", payload, got, err)
		}
	}
	if _, err := s.OpenTask("f", world, "nonsense"); err != ErrInvalid {
		t.Errorf("error %v, want ErrInvalid", err)
	}
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
	task, err := s.SealTask("swf.activity", world, Task{Run: someID, Scheduled: 5, Started: 6, Attempt: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(task)
	f.Add("")
	f.Add("h")
	f.Add(strings.Repeat("hA", 100))
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.OpenTask("swf.activity", world, text); (err == nil) != (text == task) {
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

func BenchmarkSealTask(b *testing.B) {
	s := newSealer()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.SealTask("swf.activity", world, Task{Run: someID, Domain: 3, Scheduled: 50, Started: 51, Attempt: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenTask(b *testing.B) {
	s := newSealer()
	text, err := s.SealTask("swf.activity", world, Task{Run: someID, Domain: 3, Scheduled: 50, Started: 51, Attempt: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.OpenTask("swf.activity", world, text); err != nil {
			b.Fatal(err)
		}
	}
}
