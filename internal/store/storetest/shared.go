package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"heddle/internal/store"
)

func join(t *testing.T, s Shared, name string) (id string) {
	t.Helper()
	id, err := s.Members().Join(t.Context(), store.Member{Name: name, Address: name + ":1", Level: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Current(); err != nil {
		t.Fatalf("a new member: %v", err)
	}
	return id
}

func wantHeld(t *testing.T, s Shared, shard uint16) {
	t.Helper()
	if _, err := s.Acquire(t.Context(), shard); !errors.Is(err, store.ErrHeld) {
		t.Fatalf("acquire shard %d of another member: %v, want ErrHeld", shard, err)
	}
}

func look(t *testing.T, s Shared) store.Sight {
	t.Helper()
	seen, err := s.Members().Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.Owners) != Shards {
		t.Fatalf("a look saw %d shards", len(seen.Owners))
	}
	return seen
}

func ownShards(t *testing.T, one, two Shared, _ func(time.Duration)) {
	a, b := join(t, one, "a"), join(t, two, "b")
	first, second := acquire(t, one, 1), acquire(t, two, 2)
	wantHeld(t, two, 1)
	wantHeld(t, one, 2)
	first.commit(put("key", "1"), indexed(put("one", "")))
	second.commit(put("key", "2"))
	again := acquire(t, one, 1) // its own may be taken again
	again.commit(put("key", "again"))
	if got := string(get(t, two, inShard(1, "key"))[0]); got != "again" {
		t.Fatalf("the other opening reads %q", got)
	}
	seen := look(t, two)
	want := []store.Member{{ID: a, Name: "a", Address: "a:1", Level: 3}, {ID: b, Name: "b", Address: "b:1", Level: 3}}
	if !slices.Equal(seen.Members, want) {
		t.Fatalf("members %+v, want %+v", seen.Members, want)
	}
	if seen.Owners[0].Member != "" || seen.Owners[1] != (store.Owner{Epoch: again.handle.Epoch(), Member: a}) || seen.Owners[2] != (store.Owner{Epoch: second.handle.Epoch(), Member: b}) {
		t.Fatalf("owners %+v", seen.Owners)
	}
	// A section of the other's shard, with its epoch.
	forged := first.section(put("key", "forged"))
	forged.Epoch = seen.Owners[1].Epoch
	forged.Seq = 3
	wantCommit(t, two, []store.Section{forged}, store.ErrFenced)
	if err := two.Members().Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	acquire(t, one, 2)
	wantCommit(t, two, []store.Section{second.section(put("key", "late"))}, store.ErrFenced)
}

func releasedShard(t *testing.T, one, two Shared, _ func(time.Duration)) {
	join(t, one, "a")
	join(t, two, "b")
	o := acquire(t, one, 1)
	o.commit(put("key", "1"))
	wantHeld(t, two, 1)
	if err := o.handle.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if owner := look(t, two).Owners[1]; owner.Member != "" {
		t.Fatalf("a released shard has the owner %+v", owner)
	}
	next := acquire(t, two, 1)
	if next.seq != 1 {
		t.Fatalf("sequence %d after one section", next.seq)
	}
	next.commit(put("key", "2"))
	wantCommit(t, one, []store.Section{o.section(put("key", "late"))}, store.ErrFenced)
	wantHeld(t, one, 1)
}

func lateMember(t *testing.T, one, two Shared, pass func(time.Duration)) {
	join(t, one, "a")
	join(t, two, "b")
	o := acquire(t, one, 1)
	pass(store.MemberTTL - store.MemberMargin/2)
	if _, err := two.Members().Renew(t.Context(), store.Renewal{Leaving: true, Hears: "all but x"}); err != nil {
		t.Fatal(err)
	}
	if one.Current() == nil {
		t.Fatal("a member takes itself for one until its time is over for others")
	}
	if seen := look(t, two); len(seen.Members) != 2 || !seen.Members[1].Leaving || seen.Members[1].Hears != "all but x" {
		t.Fatalf("a member was declared dead early, or nobody leaves: %+v", seen.Members)
	}
	pass(store.MemberMargin)
	wantHeld(t, two, 1) // nobody has declared it dead
	if seen := look(t, two); len(seen.Members) != 1 || seen.Owners[1].Member != "" {
		t.Fatalf("a member that is late is still there: %+v", seen)
	}
	acquire(t, two, 1).commit(put("key", "2"))
	if _, err := one.Members().Renew(t.Context(), store.Renewal{}); !errors.Is(err, store.ErrNotMember) {
		t.Fatalf("a member that was declared dead renews: %v", err)
	}
	if one.Current() == nil {
		t.Fatal("a member that was declared dead takes itself for one")
	}
	wantCommit(t, one, []store.Section{o.section(put("key", "late"))}, store.ErrFenced)
	if _, err := one.Acquire(t.Context(), 3); !errors.Is(err, store.ErrHeld) {
		t.Fatalf("a member that was declared dead acquires a shard: %v", err)
	}
}

func joinAgain(t *testing.T, one, two Shared, _ func(time.Duration)) {
	first := join(t, one, "a")
	join(t, two, "b")
	o := acquire(t, one, 1)
	if again := join(t, one, "a"); again == first {
		t.Fatal("a second membership has the id of the first")
	}
	wantCommit(t, one, []store.Section{o.section(put("key", "late"))}, store.ErrFenced)
	if owner := look(t, one).Owners[1]; owner.Member != "" {
		t.Fatalf("the shard of an earlier membership has the owner %+v", owner)
	}
	acquire(t, one, 1).commit(put("key", "1"))
	wantHeld(t, two, 1)
}

func memberNames(t *testing.T, one, two Shared, pass func(time.Duration)) {
	join(t, one, "a")
	if _, err := two.Members().Join(t.Context(), store.Member{Name: "a"}); !errors.Is(err, store.ErrHeld) {
		t.Fatalf("a second member of a name: %v, want ErrHeld", err)
	}
	pass(store.MemberTTL + time.Millisecond)
	join(t, two, "a")
	if _, err := one.Members().Renew(t.Context(), store.Renewal{}); !errors.Is(err, store.ErrNotMember) {
		t.Fatalf("the earlier member of a name renews: %v", err)
	}
}

// heardSequences: a shard that has less than was acknowledged is refused, to whoever was told so.
func heardSequences(t *testing.T, one, two Shared, _ func(time.Duration)) {
	join(t, one, "a")
	join(t, two, "b")
	o := acquire(t, one, 1)
	o.commit(put("key", "1"))
	o.commit(put("key", "2"))
	if got := one.Members().Sequences()[1]; got != 2 {
		t.Fatalf("two sections were acknowledged, it knows of %d", got)
	}
	two.Members().Heard(one.Members().Sequences())
	if err := o.handle.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if acquire(t, two, 1).seq != 2 {
		t.Fatal("all that was heard of is there")
	}
	said := two.Members().Sequences()
	said[1], said[2] = 1, 7
	two.Members().Heard(said)
	if got := two.Members().Sequences(); got[1] != 2 || got[2] != 7 {
		t.Fatalf("it knows of %v", got)
	}
	if _, err := two.Acquire(t.Context(), 2); !errors.Is(err, store.ErrRegressed) {
		t.Fatalf("acquire a shard that lacks what was acknowledged: %v, want ErrRegressed", err)
	}
	acquire(t, one, 3).commit(put("key", "1"))
}

// acceptedLosses: a loss that one opening has found keeps others from the shard, until it is accepted as it is;
// what is there then is served, and goes on above what was acknowledged.
func acceptedLosses(t *testing.T, one, two Shared, _ func(time.Duration)) {
	join(t, one, "a")
	join(t, two, "b")
	want := func(s Shared, want ...store.Loss) {
		t.Helper()
		if got, err := s.Members().Losses(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Fatalf("losses %+v, %v, want %+v", got, err, want)
		}
	}
	refused := func(s Shared, shard uint16) {
		t.Helper()
		if _, err := s.Acquire(t.Context(), shard); !errors.Is(err, store.ErrRegressed) {
			t.Fatalf("acquire shard %d, which lacks what was acknowledged: %v, want ErrRegressed", shard, err)
		}
	}
	o := acquire(t, one, 1)
	o.commit(put("key", "1"))
	if err := o.handle.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := two.Members().Sequences()
	said[1], said[4] = 7, 2
	two.Members().Heard(said)
	want(one)
	refused(two, 1)
	refused(two, 4)
	said[5] = 1
	two.Members().Heard(said)
	look(t, two)
	first, second, third := store.Loss{Shard: 1, Has: 1, Acknowledged: 7}, store.Loss{Shard: 4, Has: 0, Acknowledged: 2}, store.Loss{Shard: 5, Has: 0, Acknowledged: 1}
	want(one, first, second, third)
	if err := two.Members().Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(one, 1) // it never heard of it
	for _, wrong := range []store.Loss{{Shard: 1, Has: 0, Acknowledged: 7}, {Shard: 1, Has: 1, Acknowledged: 6}, {Shard: 2, Has: 0, Acknowledged: 0}, {Shard: Shards, Has: 0, Acknowledged: 1}} {
		if err := one.Members().AcceptLoss(t.Context(), []store.Loss{second, wrong}); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("accept %+v: %v, want ErrConflict", wrong, err)
		}
		want(one, first, second, third)
	}
	if err := one.Members().AcceptLoss(t.Context(), []store.Loss{first}); err != nil {
		t.Fatal(err)
	}
	want(two, second, third)
	wantCommit(t, one, []store.Section{o.section(put("key", "late"))}, store.ErrFenced)
	o = acquire(t, one, 1)
	if o.seq != 7 || o.handle.Lost() != 7 || acquire(t, one, 2).handle.Lost() != 0 {
		t.Fatalf("a shard goes on at %d after a loss up to 7", o.seq)
	}
	o.want("key", "1")
	o.commit(put("key", "8"))
	refused(one, 4)
	if err := one.Members().AcceptLoss(t.Context(), []store.Loss{first}); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("accept what was accepted: %v, want ErrConflict", err)
	}
}
