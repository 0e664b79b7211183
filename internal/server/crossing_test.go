package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/cluster"
	"heddle/internal/cluster/wire"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/test/golden"
)

func crossingTable(t testing.TB) *wire.Table {
	t.Helper()
	text, err := os.ReadFile("crossing.txt") // and not what was embedded: -rewrite has changed it
	if err != nil {
		t.Fatal(err)
	}
	table, err := wire.ParseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestCrossingTable: the table has all types and fields that go between servers, and says of
// those that are no more that they have gone. With -rewrite it is made to, at its highest
// level: numbers that are in it stay.
func TestCrossingTable(t *testing.T) {
	table := crossingTable(t)
	next, err := table.Complete(append(wire.Basic(), crossingOf(Services())...))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("crossing.txt")
	if err != nil {
		t.Fatal(err)
	}
	head := text[:strings.Index(string(text), "levels ")]
	golden.Compare(t, "crossing.txt", string(head)+string(next.Text()))
}

// TestLevelsStay: what a release of some level knows is what this one takes it to know. A
// level is closed by a line in levels.txt when a release with it is out; what comes then has
// the next level.
func TestLevelsStay(t *testing.T) {
	table := crossingTable(t)
	text, err := os.ReadFile("testdata/levels.txt")
	if err != nil {
		t.Fatal(err)
	}
	closed := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	for level := 1; level < table.To; level++ {
		if line := fmt.Sprintf("%d %x", level, sha256.Sum256(table.UpTo(level))); !slices.Contains(closed, line) {
			t.Errorf("levels.txt lacks %q: numbers of level %d were changed, taken away or added to, or the level was never closed", line, level)
		}
	}
	if len(closed) > table.To {
		t.Errorf("%d levels are closed, and the table has %d", len(closed), table.To)
	}
}

func crossingCodec(t testing.TB) *wire.Codec {
	t.Helper()
	c, err := newCodec(crossingTable(t), Services())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filler fills values of any type with what may be different from zero.
type filler struct {
	*rand.Rand
	types []reflect.Type // what may stand in an interface
}

func (f *filler) fill(v reflect.Value, depth int) {
	if !v.CanSet() { // a field that is not exported
		v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	}
	t := v.Type()
	n := f.IntN(3)
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(n == 0)
	case reflect.String:
		v.SetString([]string{"", "text", "\x00\xff and \u00e9"}[n])
	case reflect.Float32, reflect.Float64:
		v.SetFloat([]float64{0, -1.5, 1 << 20}[n])
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.Uint64()) >> (64 - t.Bits() + f.IntN(t.Bits())))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(f.Uint64() >> (64 - t.Bits() + f.IntN(t.Bits())))
	case reflect.Interface:
		if n == 0 || depth > 3 {
			return
		}
		for range 1000 {
			one := f.types[f.IntN(len(f.types))]
			at := reflect.New(one)
			if n == 1 && reflect.PointerTo(one).AssignableTo(t) {
				f.fill(at.Elem(), depth+1)
				v.Set(at)
				return
			}
			if one.AssignableTo(t) {
				f.fill(at.Elem(), depth+1)
				v.Set(at.Elem())
				return
			}
		}
	case reflect.Pointer:
		if n > 0 && depth < 6 {
			v.Set(reflect.New(t.Elem()))
			f.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if n > 0 && depth < 6 {
			v.Set(reflect.MakeSlice(t, n-1, n-1))
		}
		for i := range v.Len() {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		if n > 0 && depth < 6 {
			v.Set(reflect.MakeMap(t))
		}
		for i := 0; !v.IsNil() && i < n/2; i++ {
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			f.fill(key, depth+1)
			f.fill(value, depth+1)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(f.Int64N(1<<33), f.Int64N(1e9)).UTC()))
			return
		}
		for i := range v.NumField() {
			if t.Field(i).Tag.Get("wire") != "-" {
				f.fill(v.Field(i), depth+1)
			}
		}
	default:
		panic(fmt.Sprintf("nothing fills %v", t))
	}
}

// TestCrossingRoundTrips: whatever goes between servers comes as it went, each of its fields.
func TestCrossingRoundTrips(t *testing.T) {
	c := crossingCodec(t)
	all := c.Types()
	all = slices.DeleteFunc(all, func(of reflect.Type) bool { return of.Name() == "errorText" }) // how errors go that have no number
	f := &filler{rand.New(rand.NewPCG(17, 1)), all}
	for _, of := range all {
		if of.Kind() == reflect.Interface {
			continue // it has no number of its own
		}
		for range 20 {
			v := reflect.New(of)
			f.fill(v.Elem(), 0)
			for _, sent := range []any{v.Interface(), v.Elem().Interface()} {
				b, err := c.Encode(sent)
				if err != nil {
					t.Fatalf("%v: %v", of, err)
				}
				back, err := c.Decode(b)
				if err != nil {
					t.Fatalf("%v: %v", of, err)
				}
				if !reflect.DeepEqual(back, sent) {
					t.Fatalf("%v came back as another:\n%s\n%s", of, spew(sent), spew(back))
				}
			}
		}
	}
}

func spew(v any) string { return fmt.Sprintf("%#v", v) }

// TestCrossingErrors: errors are known at the other end as they are here, by errors.Is and
// errors.AsType, however deep they stand.
func TestCrossingErrors(t *testing.T) {
	c := crossingCodec(t)
	cross := func(err error) error {
		t.Helper()
		b, failed := c.Encode(&cluster.Reply{ID: 1, Err: err})
		if failed != nil {
			t.Fatal(failed)
		}
		back, failed := c.Decode(b)
		if failed != nil {
			t.Fatal(failed)
		}
		return back.(*cluster.Reply).Err
	}
	for _, sentinel := range sentinels {
		if back := cross(fmt.Errorf("a: %w", errors.Join(errors.New("b"), sentinel))); !errors.Is(back, sentinel) || back.Error() != "a: b\n"+sentinel.Error() {
			t.Errorf("%v came back as %v", sentinel, back)
		}
	}
	f := &filler{rand.New(rand.NewPCG(17, 2)), c.Types()}
	errorsSeen := 0
	for _, of := range c.Types() {
		for _, t2 := range []reflect.Type{of, reflect.PointerTo(of)} {
			if !t2.Implements(reflect.TypeFor[error]()) || of.Kind() == reflect.Interface {
				continue
			}
			errorsSeen++
			at := reflect.New(of)
			f.fill(at.Elem(), 0)
			err := at.Interface()
			if t2 == of {
				err = at.Elem().Interface()
			}
			back := cross(fmt.Errorf("call: %w", err.(error)))
			var found any
			for _, cause := range back.(interface{ Unwrap() []error }).Unwrap() {
				found = cause
			}
			if !reflect.DeepEqual(found, err) || back.Error() != "call: "+err.(error).Error() {
				t.Errorf("%#v came back as %#v", err, found)
			}
		}
	}
	if errorsSeen < 30 {
		t.Errorf("only %d kinds of errors", errorsSeen)
	}
}

// FuzzCrossing: no bytes of another node end the process, and what is read can be written.
func FuzzCrossing(f *testing.F) {
	c := crossingCodec(f)
	for _, frame := range crossingFrames() {
		b, err := c.Encode(frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := c.Decode(b)
		if err != nil {
			return
		}
		if _, err := c.Encode(v); err != nil {
			t.Fatalf("%#v was read, and can't be written: %v", v, err)
		}
	})
}

// crossed gives services whose commands and replies are written, all of them, as they are for
// another node: so each test of a server finds what can't be.
func crossed(t testing.TB, services []*service.Service) (of []*service.Service) {
	known := map[string]bool{}
	for _, s := range Services() {
		known[s.Name] = true
	}
	faults := &crossingFaults{}
	t.Cleanup(func() {
		for _, fault := range faults.all() {
			t.Error(fault)
		}
	})
	for _, s := range services {
		if one, open := *s, s.Open; known[s.Name] { // those of tests have types of their own
			one.Open = func(k *service.Kernel) (*service.Opened, error) {
				kernel := *k
				kernel.Runs = crossingRuns{k.Runs, faults}
				return open(&kernel)
			}
			s = &one
		}
		of = append(of, s)
	}
	return of
}

// crossingRuns are runs each of which might be another node's.
type crossingRuns struct {
	service.Runs
	*crossingFaults
}

func (r crossingRuns) Do(ctx context.Context, cmd engine.Command) (any, error) {
	r.cross("command", cmd.Body, cmd.Body)
	reply, err := r.Runs.Do(ctx, cmd)
	r.cross("reply", cmd.Body, reply)
	return reply, err
}

// crossingFaults are what could not be written, once each.
type crossingFaults struct {
	mu    sync.Mutex
	found map[string]bool
}

func (f *crossingFaults) cross(what string, body, sent any) {
	if _, err := sharedCodec().Encode(sent); err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.found == nil {
			f.found = map[string]bool{}
		}
		f.found[fmt.Sprintf("the %s of %T can't go to another node: %v", what, body, err)] = true
	}
}

func (f *crossingFaults) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.found))
}

var sharedCodec = sync.OnceValue(func() *wire.Codec {
	text, err := os.ReadFile("crossing.txt")
	if err != nil {
		panic(err)
	}
	table, err := wire.ParseTable(text)
	if err != nil {
		panic(err)
	}
	c, err := newCodec(table, Services())
	if err != nil {
		panic(err)
	}
	return c
})
