package sfn

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
)

// shelf stands for the shards: it has one activity, which is replaced by each change.
type shelf struct {
	service.Runs // of which nothing else is asked
	now          engine.Time
	made         int
	reads        int
	meanwhile    func() // comes while a read is under way
}

func (s *shelf) thing() *registry.Activity {
	return &registry.Activity{Entry: registry.Entry{Name: "a", Created: engine.Time(s.made)}}
}

func (s *shelf) Do(_ context.Context, cmd engine.Command) (any, error) {
	if cmd.Name.Key != "a" {
		return nil, &engine.UnknownRunError{Name: cmd.Name}
	}
	if _, reads := cmd.Body.(registry.Describe); !reads {
		s.made++
		return s.thing(), nil
	}
	s.reads++
	found := s.thing()
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return found, nil
}

func newShelf() (*shelf, *actions) {
	s := &shelf{now: 1}
	return s, &actions{Kernel: &service.Kernel{Runs: s, Clock: func() engine.Time { return s.now }}}
}

var w = engine.World{Account: "1", Region: "r"}

func (s *shelf) want(t *testing.T, a *actions, made, reads int) {
	t.Helper()
	found, err := a.rememberActivity(t.Context(), w, "a")
	if err != nil || found.Created != engine.Time(made) || s.reads != reads {
		t.Errorf("found that of change %d after %d reads, error %v; want %d after %d", found.Created, s.reads, err, made, reads)
	}
}

func changeIt(t *testing.T, a *actions) {
	t.Helper()
	if _, err := a.change(t.Context(), registry.Command(w, registry.KindActivity, "a", registry.Delete{})); err != nil {
		t.Error(err)
	}
}

// TestCatalog: what was found is remembered for a while, what was changed is read again.
func TestCatalog(t *testing.T) {
	s, a := newShelf()
	s.want(t, a, 0, 1)
	s.want(t, a, 0, 1)
	s.now += catalogTTL - 1
	s.want(t, a, 0, 1)
	s.now++
	s.want(t, a, 0, 2)
	changeIt(t, a)
	s.want(t, a, 1, 3)
	s.want(t, a, 1, 3)

	// Of another world or kind nothing is known.
	for _, cmd := range []engine.Command{
		registry.Command(engine.World{Account: "2", Region: "r"}, registry.KindActivity, "a", registry.Describe{}),
		registry.Command(w, registry.KindMachine, "a", registry.Describe{}),
	} {
		if known, _ := a.catalog.get(cmd.Name, s.now); known != nil {
			t.Errorf("%+v is known: %v", cmd.Name, known)
		}
	}
	// That something is not there is not remembered.
	for range 2 {
		if _, err := a.rememberActivity(t.Context(), w, "b"); !errors.As(err, new(*engine.UnknownRunError)) {
			t.Errorf("found b: %v", err)
		}
	}
}

// elsewhere stands for another server's shards: it has one machine, which others change.
type elsewhere struct {
	service.Runs
	machine registry.Machine
	reads   int
}

func (e *elsewhere) Do(context.Context, engine.Command) (any, error) {
	e.reads++
	m := e.machine
	return &m, nil
}

// TestNewVersionsAndAliasesCountAtOnce, also those that another server has just made of a machine that is
// remembered. Those that are not there cost a question each, and what is there none.
func TestNewVersionsAndAliasesCountAtOnce(t *testing.T) {
	e := &elsewhere{machine: registry.Machine{Entry: registry.Entry{Name: "m"}}}
	a := &actions{Kernel: &service.Kernel{Runs: e, Clock: func() engine.Time { return 1 }, Random: repeat(0)}, options: &Options{}}
	want := func(qualifier string, version int64, reads int) {
		t.Helper()
		arn := name(w, resource.Machine, "m").String()
		if qualifier != "" {
			arn += ":" + qualifier
		}
		got := int64(-1) // it is not there
		switch found, err := a.target(t.Context(), w, arn); {
		case err == nil && found.Version != nil:
			got = found.Version.Number
		case err == nil:
			got = 0
		}
		if got != version || e.reads != reads {
			t.Errorf("%q is version %d after %d questions, want %d after %d", qualifier, got, e.reads, version, reads)
		}
	}
	want("", 0, 1)
	want("1", -1, 2)
	want("live", -1, 3)
	e.machine.Versions = []*registry.Version{{Number: 1}}
	want("1", 1, 4)
	want("1", 1, 4)
	want("live", -1, 5)
	e.machine.Aliases.Put(&registry.Alias{Name: "live", Routes: []registry.Route{{Version: 1, Weight: 100}}})
	want("live", 1, 6)
	want("live", 1, 6)
	want("", 0, 6)
}

// TestCatalogForgetsWhatWasReadBefore: an answer that is of before a change, and comes
// after it, is not kept.
func TestCatalogForgetsWhatWasReadBefore(t *testing.T) {
	s, a := newShelf()
	s.meanwhile = func() {
		s.meanwhile = nil
		changeIt(t, a)
	}
	s.want(t, a, 0, 1) // as it was asked before
	s.want(t, a, 1, 2)
}

func TestCatalogIsBounded(t *testing.T) {
	s, a := newShelf()
	entry := catalogEntry{until: 100, thing: s.thing()}
	_, changes := a.catalog.get(engine.Name{}, 1)
	for n := range 100 {
		a.catalog.put(engine.Name{Key: fmt.Sprint(n)}, entry, catalogBytesMax/10, changes)
		if a.catalog.bytes > catalogBytesMax || len(a.catalog.known) > 10 {
			t.Fatalf("after %d it has %d entries of %d bytes", n, len(a.catalog.known), a.catalog.bytes)
		}
		if known, _ := a.catalog.get(engine.Name{Key: fmt.Sprint(n)}, 1); known == nil {
			t.Fatalf("%d was not kept", n)
		}
	}
}

func TestUUIDs(t *testing.T) {
	got, err := newUUID(repeat(0xff))
	if err != nil || got != "ffffffff-ffff-4fff-bfff-ffffffffffff" {
		t.Errorf("got %s, error %v", got, err)
	}
	if got, _ := newUUID(repeat(0)); got != "00000000-0000-4000-8000-000000000000" {
		t.Errorf("got %s", got)
	}
}

// repeat is an endless source of one byte.
type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// TestPercentIsEven: all numbers from 0 to 99 come about as often.
func TestPercentIsEven(t *testing.T) {
	var seen [100]int
	for n := range 100_000 {
		b := [8]byte{byte(n * 7), byte(n >> 3), byte(n * 13 >> 5), 1, 2, byte(n >> 16), byte(n >> 8), byte(n)}
		seen[percent(b)]++
	}
	for n, times := range seen {
		if times < 500 || times > 2000 {
			t.Errorf("%d came %d times of 100,000", n, times)
		}
	}
}
