package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: commands, and indented beneath each what it gave.
func TestStories(t *testing.T) {
	golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string { return golden.Lines(text, newStory(t).do) })
}

// story is a world: its things by name, each a run until it is deleted, and its two lists.
type story struct {
	t      testing.TB
	now    engine.Time
	rules  map[engine.Kind]engine.Rules
	runs   map[engine.Name]*enginetest.Run
	begun  byte
	ended  []*enginetest.Run
	post   []engine.Message // that is yet to be delivered
	wanted map[engine.Name]map[blob.ID]bool
}

var world = engine.World{Account: "1", Region: "r"}

func newStory(t testing.TB) *story {
	l := Limits{ActivitiesMax: 10, MachinesMax: 10, VersionsMax: 3, AliasesMax: 2}
	return &story{
		t: t, now: 1000, runs: map[engine.Name]*enginetest.Run{}, wanted: map[engine.Name]map[blob.ID]bool{},
		rules: map[engine.Kind]engine.Rules{KindActivity: NewActivities(), KindMachine: NewMachines(l), KindNames: NewNames()},
	}
}

// commands are all there are, by what stories call them.
var commands = map[string]any{
	"create-activity": CreateActivity{}, "describe": Describe{}, "tag": Tag{}, "untag": Untag{}, "delete": Delete{},
	"enter": Enter{}, "strike": Strike{}, "list": ListNames{}, "count": CountNames{},
	"create": CreateMachine{}, "update": UpdateMachine{}, "publish": PublishVersion{}, "delete-version": DeleteVersion{},
	"create-alias": CreateAlias{}, "update-alias": UpdateAlias{}, "delete-alias": DeleteAlias{},
	"begin-delete": BeginDelete{}, "put-off": PutOff{}, "wake": engine.Wake{},
}

// do runs one line: a command, the thing's name and its fields as JSON; and tells what it
// gave. Definitions are written as one letter.
func (s *story) do(line string) []string {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "advance":
		var by engine.Time
		fmt.Sscan(rest, &by)
		s.now += by
		return []string{fmt.Sprintf("now %d", s.now)}
	case "post":
		return s.deliver()
	}
	key, fields, _ := strings.Cut(rest, " ")
	kind, key, _ := strings.Cut(key, "/")
	name := engine.Name{World: world, Kind: map[string]engine.Kind{"activity": KindActivity, "machine": KindMachine, "names": KindNames}[kind], Key: key}
	body := reflect.New(reflect.TypeOf(commands[verb]))
	if fields != "" {
		d := json.NewDecoder(strings.NewReader(definitions.ReplaceAllStringFunc(fields, definitionOf)))
		d.DisallowUnknownFields()
		if err := d.Decode(body.Interface()); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
	}
	return s.handle(name, body.Elem().Interface(), verb == "create" || verb == "create-activity" || verb == "enter")
}

func (s *story) handle(name engine.Name, body any, begins bool) (told []string) {
	run := s.runs[name]
	if run == nil {
		if !begins {
			return []string{"UnknownRunError"}
		}
		s.begun++
		run = enginetest.NewRun(s.t, s.rules[name.Kind], engine.Identity{Name: name, Run: engine.RunID{15: s.begun}})
	}
	turn, err := run.Handle(s.now, body)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", strings.TrimPrefix(reflect.TypeOf(err).String(), "*registry."), err)}
	}
	s.runs[name] = run
	for _, e := range turn.Events {
		told = append(told, strings.TrimSpace(fmt.Sprintf("event %d %s %s", e.ID, strings.TrimPrefix(reflect.TypeOf(e.Body).String(), "*registry."), show(reflect.ValueOf(e.Body).Elem()))))
	}
	for _, m := range turn.Messages {
		s.post = append(s.post, m)
		decoded, err := NewNames().DecodeMessage(m.Body)
		if err != nil || (m.Begin == engine.IfAbsent) != (reflect.TypeOf(decoded) == reflect.TypeFor[Enter]()) {
			s.t.Fatalf("message %+v: %+v, %v", m, decoded, err)
		}
		told = append(told, fmt.Sprintf("message to %s: %T %s", m.To.Key, decoded, show(reflect.ValueOf(decoded))))
	}
	told = append(told, s.checkBlobs(name, run, &turn)...)
	if turn.Reply != nil {
		told = append(told, "reply "+show(reflect.ValueOf(turn.Reply)))
	}
	rec := run.Rules.Record(run.State, 0)
	if rec.Wake != 0 || rec.Offers != nil {
		told = append(told, fmt.Sprintf("wake=%d offers=%v", rec.Wake, rec.Offers))
	}
	if rec.Status == engine.Closed {
		told = append(told, fmt.Sprintf("closed at %d, forgotten at %d", rec.Closed, rec.Forget))
		delete(s.runs, name)
		delete(s.wanted, name)
		s.ended = append(s.ended, run)
	}
	return told
}

// checkBlobs holds that the blobs which a machine's run keeps are those that it needs.
func (s *story) checkBlobs(name engine.Name, run *enginetest.Run, turn *engine.Turn) (told []string) {
	if s.wanted[name] == nil {
		s.wanted[name] = map[blob.ID]bool{}
	}
	kept := s.wanted[name]
	for _, id := range turn.Keep {
		told = append(told, "keep "+letterOf(id))
		kept[id] = true
	}
	for _, id := range turn.Drop {
		told = append(told, "drop "+letterOf(id))
		delete(kept, id)
	}
	if m, ok := run.State.(*machineState); ok {
		if need := m.machine.definitions(); !maps.Equal(need, kept) {
			s.t.Errorf("%s needs %v and keeps %v", name.Key, need, kept)
		}
	}
	return told
}

// deliver gives the messages to the lists, in order.
func (s *story) deliver() (told []string) {
	for _, m := range s.post {
		body, err := NewNames().DecodeMessage(m.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		told = append(told, s.handle(m.To, body, m.Begin == engine.IfAbsent)...)
	}
	s.post = nil
	return told
}

// show tells the fields that are not zero.
func show(v reflect.Value) string {
	if v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "-"
		}
		return show(v.Elem())
	}
	switch t := v.Type(); {
	case t == reflect.TypeFor[Definition]():
		return letterOf(blob.ID(bytesOf(v.Field(0))))
	case t == reflect.TypeFor[engine.RunID]():
		return fmt.Sprint(v.Index(15).Uint())
	case t.Kind() == reflect.Struct:
		var fields []string
		for i := range t.NumField() {
			if f := v.Field(i); !f.IsZero() {
				fields = append(fields, t.Field(i).Name+"="+show(f))
			}
		}
		return "{" + strings.Join(fields, " ") + "}"
	case t.Kind() == reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, show(v.Index(i)))
		}
		return "[" + strings.Join(items, " ") + "]"
	case t.Kind() == reflect.String:
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprint(v)
}

func bytesOf(v reflect.Value) (b [32]byte) {
	for i := range b {
		b[i] = byte(v.Index(i).Uint())
	}
	return b
}

// TestLimitsAreTold holds what is told of the quotas that a story does not reach.
func TestLimitsAreTold(t *testing.T) {
	if got := DefaultLimits(); got != (Limits{10000, 10000, 1000, 100}) {
		t.Errorf("default limits %+v", got)
	}
	var many []collection.Tag
	for n := range TagsMax {
		many = append(many, collection.Tag{Key: fmt.Sprint(n)})
	}
	all, err := withTags(nil, many)
	if err != nil || len(all) != TagsMax {
		t.Fatalf("%d tags, error %v", len(all), err)
	}
	if _, err := withTags(all, []collection.Tag{{Key: "1", Value: "again"}, {Key: "2"}}); err != nil {
		t.Errorf("tags that are there: %v", err)
	}
	if _, err := withTags(all, []collection.Tag{{Key: "more"}}); err == nil || err.Error() != "more than 50 tags" {
		t.Errorf("one tag too many: %v", err)
	}
	if _, err := withTags(nil, append(many, collection.Tag{Key: "more"})); err == nil {
		t.Error("51 tags at once are taken")
	}
}

func TestAliasesPickByWeight(t *testing.T) {
	for _, c := range []struct {
		routes []Route
		want   map[int64]int
	}{
		{[]Route{{1, 100}}, map[int64]int{1: 100}},
		{[]Route{{1, 30}, {2, 70}}, map[int64]int{1: 30, 2: 70}},
		{[]Route{{3, 0}, {2, 100}}, map[int64]int{2: 100}},
		{[]Route{{3, 100}, {2, 0}}, map[int64]int{3: 100}},
	} {
		got := map[int64]int{}
		for n := range int64(100) {
			got[(&Alias{Routes: c.routes}).Pick(n)]++
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%v: got %v", c.routes, got)
		}
	}
}

// TestLaterNamesCount: news of two things that had a name one after the other leave the
// later one in the list, in whatever order they come.
func TestLaterNamesCount(t *testing.T) {
	first, second := engine.RunID{1}, engine.RunID{2}
	news := []any{
		Enter{Entry{Name: "a", Run: first, Created: 1}}, Enter{Entry{Name: "a", Run: first, Created: 1}}, Strike{"a", first}, Strike{"a", first},
		Enter{Entry{Name: "a", Run: second, Created: 2}}, Enter{Entry{Name: "a", Run: second, Created: 2}},
	}
	for order := range permutations(6) {
		if slices.Index(order, 2) < min(slices.Index(order, 0), slices.Index(order, 1)) && slices.Index(order, 3) < max(slices.Index(order, 0), slices.Index(order, 1)) {
			continue // what a run sends comes in order, so its last word on itself is that it has gone
		}
		run := enginetest.NewRun(t, NewNames(), engine.Identity{})
		for _, i := range order {
			if _, err := run.Handle(1, news[i]); err != nil {
				t.Fatal(err)
			}
		}
		turn, _ := run.Handle(1, ListNames{})
		if page := turn.Reply.(NamePage); len(page.Entries) != 1 || page.Entries[0].Run != second {
			t.Errorf("%v: left are %+v", order, page.Entries)
		}
	}
}

func permutations(n int) func(func([]int) bool) {
	return func(yield func([]int) bool) {
		var grow func([]int) bool
		grow = func(p []int) bool {
			if len(p) == n {
				return yield(p)
			}
			for i := range n {
				if !slices.Contains(p, i) && !grow(append(slices.Clip(p), i)) {
					return false
				}
			}
			return true
		}
		grow(nil)
	}
}
