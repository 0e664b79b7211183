package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

var testID = engine.Identity{Name: Name(engine.World{Account: "123456789012", Region: "us-east-1"})}

// ringRun is a ring, of which each command is checked.
type ringRun struct {
	*enginetest.Run
	t   testing.TB
	now engine.Time
}

func newRingRun(t testing.TB, l Limits) *ringRun {
	return &ringRun{enginetest.NewRun(t, NewRules(l), testID), t, 1000}
}

func (r *ringRun) do(body any) any {
	r.t.Helper()
	turn, err := r.Handle(r.now, body)
	if err != nil {
		r.t.Fatalf("%T: %v", body, err)
	}
	return turn.Reply
}

func (r *ringRun) refuse(code Code, body any) {
	r.t.Helper()
	_, err := r.Handle(r.now, body)
	if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Code != code {
		r.t.Errorf("%T: %v, want %s", body, err, code)
	}
}

func (r *ringRun) key(id string) *Key {
	r.t.Helper()
	return r.do(Find{Key: id}).(Found).Key
}

func (r *ringRun) record() engine.Record { return r.Rules.Record(r.State, 0) }

func material(n byte) NewMaterial {
	return NewMaterial{ID: MaterialID{n}, Sealed: bytes.Repeat([]byte{n}, 60)}
}

func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func (r *ringRun) create(n int) string {
	r.t.Helper()
	r.do(CreateKey{New: Key{ID: id(n), Policy: "{}"}, Material: material(byte(n))})
	return id(n)
}

// TestMaterialIsNoPartOfEventsAndState: it is in notes alone, which go with the key.
func TestMaterialIsNoPartOfEventsAndState(t *testing.T) {
	r := newRingRun(t, DefaultLimits())
	k := r.create(1)
	other := r.create(2)
	r.do(Rotate{Key: k, Material: material(3)})
	for i, want := range []byte{1, 3} {
		if got := r.key(k).Materials[i].Sealed; !bytes.Equal(got, material(want).Sealed) {
			t.Errorf("material %d is %x", i+1, got)
		}
	}
	for _, e := range r.Log {
		for _, n := range []byte{1, 2, 3} {
			if bytes.Contains(e.Public, material(n).Sealed) || bytes.Contains(e.Private, material(n).Sealed) {
				t.Errorf("event %d has material %d", e.ID, n)
			}
		}
	}
	if state := r.Rules.EncodeState(r.State); bytes.Contains(state, material(1).Sealed) {
		t.Errorf("the state has material: %x", state)
	}
	if len(r.Notes) != 3 {
		t.Errorf("%d notes, want 3", len(r.Notes))
	}
	r.do(ScheduleDeletion{Key: k, Days: 7})
	if wake := r.record().Wake; wake != r.now+days(7) {
		t.Errorf("the wake is at %d", wake)
	}
	r.now += days(7)
	r.do(engine.Wake{})
	if r.key(k) != nil || r.record().Wake != 0 {
		t.Errorf("the key is there: %+v, wake %d", r.key(k), r.record().Wake)
	}
	if len(r.Notes) != 1 || !bytes.Equal(r.key(other).Current().Sealed, material(2).Sealed) {
		t.Errorf("left are the notes %v", r.Notes)
	}
}

// TestManyDeletionsTakeSeveralTurns: a turn is bounded, whatever has come.
func TestManyDeletionsTakeSeveralTurns(t *testing.T) {
	r := newRingRun(t, DefaultLimits())
	const many = 3*removalsPerTurn - 1
	for n := range many {
		r.do(ScheduleDeletion{Key: r.create(n), Days: 7 + n%2})
	}
	r.now += days(8)
	for turns := 1; ; turns++ {
		if rec := r.record(); rec.Wake == 0 {
			if turns != 4 {
				t.Errorf("it took %d turns", turns-1)
			}
			break
		} else if rec.Wake > r.now {
			t.Fatalf("the wake is at %d, and now is %d", rec.Wake, r.now)
		}
		r.do(engine.Wake{})
	}
	if left := r.do(ListKeys{Limit: 10}).(Page[string]); len(left.Items) != 0 || len(r.Notes) != 0 {
		t.Errorf("left are %v, and %d notes", left.Items, len(r.Notes))
	}
}

// TestDoubtedTimeDeletesNothing: a deletion that has come by a time that is not confirmed
// waits, and comes again.
func TestDoubtedTimeDeletesNothing(t *testing.T) {
	r := newRingRun(t, DefaultLimits())
	k := r.create(1)
	r.do(ScheduleDeletion{Key: k, Days: 7})
	due := r.now + days(7)
	r.now = due + 5
	turn, err := r.Rules.Handle(r.State, engine.Wake{}, engine.Input{Now: r.now, Confirmed: due - 1})
	if err != nil || len(turn.Events) != 1 || len(turn.Notes) != 0 {
		t.Fatalf("%+v, %v", turn, err)
	}
	r.Log = append(r.Log, turn.Events...)
	if got := r.key(k); got == nil || got.Deletion.At != due || r.record().Wake != r.now+doubtPause {
		t.Fatalf("%+v, wake at %d", got, r.record().Wake)
	}
	r.do(CancelDeletion{Key: k})
	if r.record().Wake != 0 {
		t.Error("it is woken for a deletion that was cancelled")
	}
	r.do(ScheduleDeletion{Key: k, Days: 7})
	r.now += days(7)
	r.do(engine.Wake{})
	if r.key(k) != nil {
		t.Error("the key is there")
	}
}

// TestRotationsAreOfferedSomeAtATime: not all of a state's, however many come at a time; each
// until it was done.
func TestRotationsAreOfferedSomeAtATime(t *testing.T) {
	r := newRingRun(t, DefaultLimits())
	const many = rotationsAtOnce + 10
	for n := range many {
		r.do(SetRotation{Key: r.create(n), Days: 90})
	}
	r.now += days(90)
	done := 0
	for {
		rec := r.record()
		if rec.Wake != 0 && rec.Wake <= r.now {
			r.do(engine.Wake{})
			continue
		}
		if len(rec.Offers) == 0 {
			break
		}
		if len(rec.Offers) > rotationsAtOnce {
			t.Fatalf("%d offers", len(rec.Offers))
		}
		due := rec.Offers[0]
		k := r.do(FindDue{Due: due.ID}).(string)
		if due.List != RotationList || due.At != r.now {
			t.Errorf("offer %+v", due)
		}
		r.do(Rotate{Due: due.ID, Material: material(200)})
		if got := r.key(k); len(got.Materials) != 2 || got.NextRotation() != r.now+days(90) || got.Current().Sealed == nil {
			t.Fatalf("%+v", got)
		}
		if again := r.do(Rotate{Due: due.ID, Material: material(201)}); again != nil {
			t.Errorf("done twice: %+v", again)
		}
		done++
	}
	if done != many || r.record().Wake != r.now+days(90) {
		t.Errorf("%d rotations, the next at %d", done, r.record().Wake)
	}
}

// TestAKeyThatRestsIsNotRotated until it is enabled, though a rotation was due.
func TestAKeyThatRestsIsNotRotated(t *testing.T) {
	r := newRingRun(t, DefaultLimits())
	k := r.create(1)
	r.do(SetRotation{Key: k, Days: 90})
	r.now += days(90)
	r.do(engine.Wake{})
	due := r.record().Offers[0].ID
	r.do(SetEnabled{Key: k})
	if rec := r.record(); len(rec.Offers) != 0 || rec.Wake != 0 {
		t.Errorf("a key that rests: %+v", rec)
	}
	if r.do(Rotate{Due: due, Material: material(9)}) != nil {
		t.Error("it was rotated")
	}
	r.do(SetEnabled{Key: k, Enabled: true})
	if wake := r.record().Wake; wake == 0 || wake > r.now {
		t.Errorf("the wake is at %d", wake)
	}
	r.do(engine.Wake{})
	if len(r.record().Offers) != 1 {
		t.Error("it is not offered again")
	}
}

func TestQuotas(t *testing.T) {
	l := Limits{KeysMax: 3, AliasesPerKeyMax: 2, GrantsPerKeyMax: 2, GrantsMax: 3, TagsMax: 2, OnDemandMax: 2}
	r := newRingRun(t, l)
	a, b := r.create(1), r.create(2)
	r.create(3)
	r.refuse(LimitExceeded, CreateKey{New: Key{ID: id(4)}, Material: material(4)})
	r.refuse(AlreadyExists, CreateKey{New: Key{ID: a}, Material: material(4)})
	for _, name := range []string{"alias/1", "alias/2"} {
		r.do(PutAlias{Name: name, Key: a})
	}
	r.refuse(LimitExceeded, PutAlias{Name: "alias/3", Key: a})
	r.do(PutAlias{Name: "alias/3", Key: b})
	r.refuse(LimitExceeded, PutAlias{Name: "alias/3", Key: a, Move: true})
	for n, key := range []string{a, a, b} {
		r.do(CreateGrant{Key: key, New: Grant{ID: fmt.Sprint(n), Grantee: "AIDA1", Operations: []string{"Decrypt"}}})
	}
	r.refuse(LimitExceeded, CreateGrant{Key: a, New: Grant{ID: "4"}})
	r.refuse(LimitExceeded, CreateGrant{Key: b, New: Grant{ID: "4"}})
	r.do(DeleteGrant{Key: a, ID: "0"})
	r.do(CreateGrant{Key: b, New: Grant{ID: "4"}})
	r.do(TagKey{Key: a, Tags: []Tag{{Key: "a"}, {Key: "b"}}})
	r.refuse(LimitExceeded, TagKey{Key: a, Tags: []Tag{{Key: "c"}}})
	r.refuse(WrongTag, TagKey{Key: a, Tags: []Tag{{Key: "A"}}})
	for range l.OnDemandMax {
		r.do(Rotate{Key: a, Material: material(9)})
	}
	r.refuse(LimitExceeded, Rotate{Key: a, Material: material(9)})
	// What a deleted key had counts no more.
	r.do(ScheduleDeletion{Key: b, Days: 7})
	r.now += days(7)
	r.do(engine.Wake{})
	r.create(4)
	r.do(CreateGrant{Key: id(4), New: Grant{ID: "5"}})
	if f := r.do(Find{Alias: "alias/3"}).(Found); f.Key != nil || f.Alias != nil {
		t.Errorf("the alias of a deleted key: %+v", f)
	}
}

// TestLargestKeysWeighWhatTheySay fills a ring with keys as large as they may be.
func TestLargestKeysWeighWhatTheySay(t *testing.T) {
	rules := NewRules(DefaultLimits())
	s := rules.New(testID)
	var sizes enginetest.Sizes
	do := func(body any) {
		t.Helper()
		turn, err := rules.Handle(s, body, engine.Input{Now: 1000, Confirmed: 1000})
		if err != nil {
			t.Fatalf("%T: %v", body, err)
		}
		sizes.Add(t, &turn)
	}
	var pairs []Pair
	for n := range 8 {
		pairs = append(pairs, Pair{fmt.Sprint(n, strings.Repeat("k", 380)), strings.Repeat("v", 384)})
	}
	for n := range 40 {
		do(CreateKey{New: Key{ID: id(n), Description: strings.Repeat("\U0001F600", 8192), Policy: strings.Repeat("p", 32<<10)}, Material: material(byte(n))})
		for i := range 10 {
			do(CreateGrant{Key: id(n), New: Grant{ID: fmt.Sprintf("%064d", i), Grantee: "AIDA1", Operations: []string{"Decrypt", "Encrypt"}, Equals: pairs, Subset: pairs}})
			do(PutAlias{Name: fmt.Sprintf("alias/%d-%d%s", n, i, strings.Repeat("a", 240)), Key: id(n)})
			do(Rotate{Key: id(n), Material: material(7)})
		}
		do(SetRotation{Key: id(n), Days: 365})
	}
	sizes.AddState(rules, s)
	t.Logf("the largest turn has %d bytes, the record %d, the state %d", sizes.Turn, sizes.Record, sizes.State)
	enginetest.Weighed(t, rules, testID, s)

	small := NewRules(DefaultLimits())
	s = small.New(testID)
	for n := range 5000 {
		do(CreateKey{New: Key{ID: id(n), Policy: strings.Repeat("p", 300)}, Material: material(byte(n))})
		do(SetRotation{Key: id(n), Days: 365})
	}
	enginetest.Weighed(t, rules, testID, s)
}

// everything gives a ring an event of each mark.
func everything(t testing.TB) *ringRun {
	r := newRingRun(t, DefaultLimits())
	text := "what it is for"
	k := id(1)
	for _, body := range []any{
		CreateKey{New: Key{ID: k, Description: "d", Policy: "{}", Tags: []Tag{{Key: "b", Value: "2"}, {Key: "a"}}}, Material: material(1)},
		CreateKey{New: Key{ID: id(2), Policy: "{}"}, Material: material(2)},
		Update{Key: k, Description: &text}, Update{Key: k, Policy: &text},
		SetEnabled{Key: k}, SetEnabled{Key: k, Enabled: true},
		TagKey{Key: k, Tags: []Tag{{Key: "c", Value: "3"}}}, UntagKey{Key: k, Keys: []string{"a"}},
		PutAlias{Name: "alias/a", Key: k}, PutAlias{Name: "alias/b", Key: k}, PutAlias{Name: "alias/a", Key: id(2), Move: true}, DeleteAlias{Name: "alias/b"},
		CreateGrant{Key: k, New: Grant{ID: "g", Name: "n", Grantee: "AIDA1", Retiring: "AROA2:s", Operations: []string{"Decrypt"}, Equals: []Pair{{"a", "1"}}, Subset: []Pair{{"b", ""}}, Issuer: "123456789012"}},
		CreateGrant{Key: k, New: Grant{ID: "h", Grantee: "AIDA1"}}, DeleteGrant{Key: k, ID: "h"},
		SetRotation{Key: k, Days: 90}, Rotate{Key: k, Material: material(3)},
		ScheduleDeletion{Key: id(2), Days: 30},
	} {
		r.do(body)
	}
	r.now += days(90)
	r.do(engine.Wake{})
	r.do(ScheduleDeletion{Key: r.create(3), Days: 7})
	return r
}

// TestStoredBytesStay compares events and states with the bytes that stores have of them.
// The file may grow; what is in it is never changed.
func TestStoredBytesStay(t *testing.T) {
	r, told, marks := everything(t), "", map[byte]bool{}
	for _, e := range r.Log {
		told += fmt.Sprintf("event %x\n", e.Public)
		marks[e.Public[0]] = true
	}
	for mark := range events {
		if !marks[mark] {
			t.Errorf("there is no event of mark %d", mark)
		}
	}
	for _, n := range r.Notes {
		told += fmt.Sprintf("note about %d, kind %d: %x\n", n.Subject, n.Kind, n.Value)
	}
	golden.Compare(t, "testdata/stored.hex", told+fmt.Sprintf("state %x\n", r.Rules.EncodeState(r.State)))
}

// FuzzDecode reads bytes as the state of a ring and as an event. What can be read is
// written so that it reads the same.
func FuzzDecode(f *testing.F) {
	everything(f).AddSeeds(f)
	rules := NewRules(DefaultLimits())
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.StateReadsBack(t, rules, testID, b)
		enginetest.EventReadsBack(t, rules, 1, b, func(e engine.Event) []byte { return rules.Pack(e.Body.(eventBody)) })
	})
}
