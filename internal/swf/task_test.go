package swf

import (
	"bytes"
	"crypto/rand"
	"math"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/token"
)

var (
	taskWorld = engine.World{Account: "123456789012", Region: "eu-west-1"}
	someTask  = Task{Run: engine.NewRunID(513, engine.Seed{9, 8, 7}), Domain: 1, Scheduled: 2, Started: 3, Attempt: 1}
)

func TestTaskRoundTrip(t *testing.T) {
	s := token.New([token.KeyBytes]byte{1}, rand.Reader)
	for _, want := range []Task{
		{}, someTask,
		{Run: engine.RunID(bytes.Repeat([]byte{255}, 16)), Domain: math.MaxUint32,
			Scheduled: math.MaxInt64, Started: math.MinInt64, Attempt: math.MaxUint32},
	} {
		text, err := sealTask(s, familyActivityTask, taskWorld, want)
		if err != nil {
			t.Fatalf("seal %+v: %v", want, err)
		}
		got, err := OpenTask(s, familyActivityTask, taskWorld, text)
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		if len(text) > 110 {
			t.Errorf("a task token has %d characters", len(text))
		}
		if _, err := OpenTask(s, familyDecisionTask, taskWorld, text); err != token.ErrInvalid {
			t.Errorf("as a decision task: %v", err)
		}
	}
}

func TestOpenTaskRefusesOtherPayloads(t *testing.T) {
	s := token.New([token.KeyBytes]byte{1}, rand.Reader)
	for _, payload := range [][]byte{
		nil, make([]byte, 15), make([]byte, 19), make([]byte, 21),
		append(make([]byte, 16), 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0), // domain 2^32
		append(make([]byte, 16), 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10), // attempt 2^32
	} {
		text, err := s.Seal(familyActivityTask, taskWorld, payload)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := OpenTask(s, familyActivityTask, taskWorld, text); err != token.ErrInvalid {
			t.Errorf("payload %x: %+v, error %v, want ErrInvalid", payload, got, err)
		}
	}
	if _, err := OpenTask(s, familyActivityTask, taskWorld, "nonsense"); err != token.ErrInvalid {
		t.Errorf("error %v, want ErrInvalid", err)
	}
}

func BenchmarkTaskToken(b *testing.B) {
	s := token.New([token.KeyBytes]byte{1}, rand.Reader)
	b.ReportAllocs()
	for b.Loop() {
		text, err := sealTask(s, familyActivityTask, taskWorld, someTask)
		if err == nil {
			_, err = OpenTask(s, familyActivityTask, taskWorld, text)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
