package registry

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
)

var wide = Limits{DomainsMax: 100, TypesPerDomainMax: 10_000, TagsPerDomainMax: 50, RetentionDaysMax: 90}

// handle gives a command to rules that must accept it.
func handle(t testing.TB, rules engine.Rules, s engine.State, body any) any {
	t.Helper()
	turn, err := rules.Handle(s, body, engine.Input{Now: 1000})
	if err != nil {
		t.Fatalf("%T: %v", body, err)
	}
	return turn.Reply
}

func TestCommandsFindTheirRun(t *testing.T) {
	world := engine.World{Account: "1", Region: "r"}
	first := DomainsCommand(world, RegisterDomain{Name: "a"})
	want := engine.Name{World: world, Kind: KindDomains}
	if first.Name != want || first.Begin != engine.IfAbsent {
		t.Errorf("RegisterDomain goes to %+v, begin %d", first.Name, first.Begin)
	}
	if again := DomainsCommand(world, RegisterDomain{Name: "b"}); again.Seed != first.Seed {
		t.Error("two registrations would begin different runs")
	}
	if c := DomainsCommand(world, DescribeDomain{}); c.Begin != engine.Never {
		t.Error("a read begins a list of domains")
	}

	want = engine.Name{World: world, Kind: KindTypes, Key: "a"}
	types := TypesCommand(world, "a", RegisterType{})
	if types.Name != want || types.Begin != engine.IfAbsent {
		t.Errorf("RegisterType goes to %+v, begin %d", types.Name, types.Begin)
	}
	if c := TypesCommand(world, "a", ListTypes{}); c.Begin != engine.Never {
		t.Error("a read begins a list of types")
	}
	seeds := map[engine.Seed]bool{first.Seed: true, types.Seed: true}
	for _, c := range []engine.Command{
		TypesCommand(world, "b", RegisterType{}),
		TypesCommand(engine.World{Account: "1", Region: "s"}, "a", RegisterType{}),
		TypesCommand(engine.World{Account: "2", Region: "r"}, "a", RegisterType{}),
	} {
		seeds[c.Seed] = true
	}
	if len(seeds) != 5 {
		t.Errorf("%d seeds for 5 names", len(seeds))
	}
}

// TestPagesJoinToTheList walks lists page by page while other types come and go,
// in both directions, and compares with a sorted list.
func TestPagesJoinToTheList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	rules := NewTypes(wide)
	s := rules.New(engine.Identity{})
	want := map[TypeKind][]Type{}
	for n := range 300 {
		id := TypeID{TypeKind(1 + random.IntN(2)), fmt.Sprintf("n%d", random.IntN(40)), fmt.Sprint(n)}
		registered := handle(t, rules, s, RegisterType{ID: id}).(Type)
		if random.IntN(3) == 0 {
			handle(t, rules, s, DeprecateType{ID: id})
		} else {
			want[id.Kind] = append(want[id.Kind], registered)
		}
	}
	for kind, types := range want {
		slices.SortFunc(types, func(a, b Type) int { return a.ID.Compare(b.ID) })
		for _, reverse := range []bool{false, true} {
			for _, limit := range []int{1, 2, 7, 100, len(types), len(types) + 1} {
				list := ListTypes{Kind: kind, Reverse: reverse, Limit: limit}
				var got []Type
				for {
					p := handle(t, rules, s, list).(TypePage)
					got = append(got, p.Types...)
					if !p.More {
						break
					}
					if len(p.Types) != limit {
						t.Fatalf("a page of %d types, want %d", len(p.Types), limit)
					}
					last := p.Types[len(p.Types)-1].ID
					list.After = TypePosition{last.Name, last.Version}
				}
				if reverse {
					slices.Reverse(got)
				}
				if !slices.Equal(got, types) {
					t.Errorf("%s, reverse %v, limit %d: %d types, want %d", kind, reverse, limit, len(got), len(types))
				}
			}
		}
	}
}

func TestPagesAreBounded(t *testing.T) {
	rules := NewTypes(wide)
	s := rules.New(engine.Identity{})
	for n := range PageMax + 1 {
		handle(t, rules, s, RegisterType{ID: TypeID{ActivityType, "n", fmt.Sprint(n)}})
	}
	for _, limit := range []int{0, -1, PageMax, PageMax + 1} {
		p := handle(t, rules, s, ListTypes{Kind: ActivityType, Limit: limit}).(TypePage)
		if len(p.Types) != PageMax || !p.More {
			t.Errorf("limit %d: a page of %d types, more %v", limit, len(p.Types), p.More)
		}
	}
}

func TestTagBounds(t *testing.T) {
	key, value := strings.Repeat("ü", collection.TagKeyMax), strings.Repeat("ü", collection.TagValueMax)
	for _, c := range []struct {
		name string
		tags []Tag
		ok   bool
	}{
		{"longest", []Tag{{Key: key, Value: value}}, true},
		{"key too long", []Tag{{Key: key + "k", Value: ""}}, false},
		{"value too long", []Tag{{Key: "k", Value: value + "v"}}, false},
		{"empty key", []Tag{{Key: "", Value: "v"}}, false},
		{"short key", []Tag{{Key: "aws", Value: "v"}}, true},
		{"control character", []Tag{{Key: "k", Value: "\x00"}}, false},
		{"not UTF-8", []Tag{{Key: "k", Value: "\xff"}}, false},
		{"twice", []Tag{{Key: "k", Value: "1"}, {Key: "k", Value: "2"}}, false},
	} {
		tags, err := withTags(nil, c.tags, 50)
		if c.ok && (err != nil || !slices.Equal(tags, c.tags)) {
			t.Errorf("%s: %v, error %v", c.name, tags, err)
		}
		if _, refused := errors.AsType[*TagError](err); !c.ok && !refused {
			t.Errorf("%s: error %v, want a TagError", c.name, err)
		}
	}

	var fifty []Tag
	for n := range 50 {
		fifty = append(fifty, Tag{Key: fmt.Sprintf("k%02d", n)})
	}
	tags, err := withTags(fifty, []Tag{{Key: "k07", Value: "new"}}, 50)
	if err != nil || len(tags) != 50 || tags[7].Value != "new" {
		t.Errorf("replacing one of 50: %v, error %v", tags, err)
	}
	for _, more := range [][]Tag{{{Key: "k50", Value: ""}}, append(slices.Clone(fifty), Tag{Key: "k50", Value: ""})} {
		if _, err := withTags(fifty, more, 50); !isTooMany(err) {
			t.Errorf("%d more than 50: error %v, want TooManyTagsError", len(more), err)
		}
	}
}

func isTooMany(err error) bool {
	_, ok := errors.AsType[*TooManyTagsError](err)
	return ok
}

// TestStoredBytes cuts and changes what was stored: decoding must say so, not
// panic.
func TestStoredBytes(t *testing.T) {
	domains, types := NewDomains(wide), NewTypes(wide)
	id := TypeID{WorkflowType, "n", "1"}
	for _, c := range []struct {
		rules  engine.Rules
		bodies []any
	}{
		{domains, []any{
			RegisterDomain{Name: "a", Description: "d", Retention: "1", Tags: []Tag{{Key: "k", Value: "v"}}},
			DeprecateDomain{"a"}, UndeprecateDomain{"a"}, TagDomain{"a", []Tag{{Key: "k", Value: "w"}}},
		}},
		{types, []any{
			RegisterType{Sweep{}, id, "d", Defaults{TaskList: "l"}},
			DeprecateType{Sweep{}, id}, UndeprecateType{Sweep{}, id},
			DeprecateType{Sweep{}, id}, DeleteType{Sweep{}, id},
		}},
	} {
		s := c.rules.New(engine.Identity{})
		for _, body := range c.bodies {
			turn, err := c.rules.Handle(s, body, engine.Input{Now: 1000})
			if err != nil {
				t.Fatalf("%T: %v", body, err)
			}
			public := turn.Events[0].Public
			for n := range public {
				if e, err := c.rules.DecodeEvent(1, 1, public[:n], nil); err == nil {
					t.Errorf("%T: the first %d of %d bytes were decoded as %+v", body, n, len(public), e.Body)
				}
			}
			if _, err := c.rules.DecodeEvent(1, 1, append(slices.Clone(public), 0), nil); err == nil {
				t.Errorf("%T: a byte too many was decoded", body)
			}
			state := c.rules.EncodeState(s)
			for n := range state {
				if _, err := c.rules.DecodeState(engine.Identity{}, state[:n]); err == nil {
					t.Errorf("%T: a state of %d of %d bytes was decoded", body, n, len(state))
				}
			}
			state[0]++
			if _, err := c.rules.DecodeState(engine.Identity{}, state); err == nil {
				t.Errorf("%T: a state of another version was decoded", body)
			}
		}
		if _, err := c.rules.DecodeEvent(1, 1, []byte{200}, nil); err == nil {
			t.Error("an unknown event was decoded")
		}
	}
}

// TestBrokenLogsPanic shows logs that the rules can't have written.
func TestBrokenLogsPanic(t *testing.T) {
	domains, types := NewDomains(wide), NewTypes(wide)
	e := &entry{Type: Type{ID: TypeID{WorkflowType, "n", "1"}}}
	for name, broken := range map[string]func(){
		"a gap": func() { domains.Apply(&domainList{}, engine.Event{ID: 2, Body: &domainDeprecated{"a"}}) },
		"unknown domain": func() {
			domains.Apply(&domainList{}, engine.Event{ID: 1, Body: &domainDeprecated{"a"}})
		},
		"domain twice": func() {
			l := &domainList{}
			domains.Apply(l, engine.Event{ID: 1, Body: &domainRegistered{Domain{Name: "a"}}})
			domains.Apply(l, engine.Event{ID: 2, Body: &domainRegistered{Domain{Name: "a"}}})
		},
		"unknown type": func() { types.Apply(&typeList{}, engine.Event{ID: 1, Body: &typeDeleted{e.ID}}) },
		"type twice": func() {
			l := &typeList{}
			types.Apply(l, engine.Event{ID: 1, Body: &typeRegistered{*e}})
			types.Apply(l, engine.Event{ID: 2, Body: &typeRegistered{*e}})
		},
		"another kind's event": func() { domains.Apply(&domainList{}, engine.Event{ID: 1, Body: &typeRegistered{*e}}) },
		"another kind's event, types": func() {
			types.Apply(&typeList{}, engine.Event{ID: 1, Body: &domainDeprecated{"a"}})
		},
		"another kind's command": func() { domains.Handle(&domainList{}, ListTypes{}, engine.Input{}) },
		"another kind's command, types": func() {
			types.Handle(&typeList{}, ListDomains{}, engine.Input{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			broken()
		})
	}
}

// BenchmarkFullDomain is the dearest domain: 10,000 types.
func BenchmarkFullDomain(b *testing.B) {
	rules := NewTypes(wide)
	s := rules.New(engine.Identity{})
	for n := range wide.TypesPerDomainMax {
		handle(b, rules, s, RegisterType{
			ID:          TypeID{TypeKind(1 + n%2), fmt.Sprintf("com.example.type%d", n/10), fmt.Sprintf("1.%d", n%10)},
			Description: "does something useful for orders",
			Defaults:    Defaults{TaskList: "main", TaskStartToCloseTimeout: "60", ChildPolicy: "TERMINATE"},
		})
	}
	encoded := rules.EncodeState(s)
	b.Run("describe", func(b *testing.B) {
		for b.Loop() {
			handle(b, rules, s, DescribeType{ID: TypeID{WorkflowType, "com.example.type77", "1.4"}})
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			handle(b, rules, s, ListTypes{Kind: WorkflowType, Limit: 100})
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			rules.EncodeState(s)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			if _, err := rules.DecodeState(engine.Identity{}, encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}
