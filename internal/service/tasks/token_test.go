package tasks

import (
	"bytes"
	"crypto/rand"
	"math"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/token"
)

const family token.Family = "test"

var (
	taskWorld = engine.World{Account: "123456789012", Region: "eu-west-1"}
	someTask  = Token{Run: engine.NewRunID(513, engine.Seed{9, 8, 7}), Owner: 1, Scheduled: 2, Started: 3, Attempt: 1}
)

func TestTokenRoundTrip(t *testing.T) {
	s := token.New([token.KeyBytes]byte{1}, rand.Reader)
	for _, want := range []Token{
		{}, someTask,
		{Run: engine.RunID(bytes.Repeat([]byte{255}, 16)), Owner: math.MaxUint32,
			Scheduled: math.MaxInt64, Started: math.MinInt64, Attempt: math.MaxUint32},
	} {
		text, err := want.Seal(s, family, taskWorld)
		if err != nil {
			t.Fatalf("seal %+v: %v", want, err)
		}
		got, err := OpenToken(s, family, taskWorld, text)
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		if len(text) > 110 {
			t.Errorf("a task token has %d characters", len(text))
		}
		if _, err := OpenToken(s, "another", taskWorld, text); err != token.ErrInvalid {
			t.Errorf("of another family: %v", err)
		}
	}
}

func TestOpenTokenRefusesOtherPayloads(t *testing.T) {
	s := token.New([token.KeyBytes]byte{1}, rand.Reader)
	for _, payload := range [][]byte{
		nil, make([]byte, 15), make([]byte, 19), make([]byte, 21),
		append(make([]byte, 16), 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0), // owner 2^32
		append(make([]byte, 16), 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10), // attempt 2^32
	} {
		text, err := s.Seal(family, taskWorld, payload)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := OpenToken(s, family, taskWorld, text); err != token.ErrInvalid {
			t.Errorf("payload %x: %+v, error %v, want ErrInvalid", payload, got, err)
		}
	}
	if _, err := OpenToken(s, family, taskWorld, "nonsense"); err != token.ErrInvalid {
		t.Errorf("error %v, want ErrInvalid", err)
	}
}

func BenchmarkToken(b *testing.B) {
	s := token.New([token.KeyBytes]byte{1}, rand.Reader)
	b.ReportAllocs()
	for b.Loop() {
		text, err := someTask.Seal(s, family, taskWorld)
		if err == nil {
			_, err = OpenToken(s, family, taskWorld, text)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
