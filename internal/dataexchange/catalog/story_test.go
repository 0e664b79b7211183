package catalog

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: commands, and indented beneath each what it gave.
func TestStories(t *testing.T) {
	golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string { return golden.Lines(text, newStory(t).do) })
}

// story is a world: its things by name, each a run until it is deleted.
type story struct {
	t      testing.TB
	now    engine.Time
	rules  map[engine.Kind]engine.Rules
	runs   map[engine.Name]*enginetest.Run
	keys   map[string]string // what a thing is called in the story, by its key
	ids    map[string]string // and by its id
	sent   func(body []byte) // is told of each message; may be nil
	post   []engine.Message  // that is yet to be delivered
	kept   map[engine.Name]map[blob.ID]bool
	posted bool
	notify engine.Notify
}

var (
	world    = engine.World{Account: "1", Region: "r"}
	receiver = engine.World{Account: "2", Region: "r"}
)

func newStory(t testing.TB) *story {
	settings := &Settings{Limits: Limits{
		DataSetsMax: 2, RevisionsMax: 3, AssetsMax: 3, AssetGigabytesMax: 1, EventActionsMax: 3, DataSetActionsMax: 2,
		ImportJobsMax: 1, ImportURLJobsMax: 1, ExportJobsMax: 1, ExportURLJobsMax: 1, ExportRevisionJobsMax: 1,
		GrantsMax: 3, PendingGrantsMax: 2,
	}, AutoExportRetry: time.Hour}
	return &story{
		t: t, now: 1000, runs: map[engine.Name]*enginetest.Run{}, keys: map[string]string{}, ids: map[string]string{}, kept: map[engine.Name]map[blob.ID]bool{},
		rules: map[engine.Kind]engine.Rules{
			KindAccount: NewAccounts(settings), KindDataSet: NewDataSets(settings), KindRevision: NewRevisions(settings), KindJob: NewJobs(settings),
			KindGrant: NewGrants(), KindEntitled: NewEntitlements(),
		},
	}
}

// commands are all there are, by what stories call them.
var commands = map[string]any{
	"describe": &Describe{}, "tag": &Tag{}, "untag": &Untag{}, "delete": &Delete{}, "wake": engine.Wake{},
	"add-data-set": &AddDataSet{}, "create-data-set": &CreateDataSet{}, "update-data-set": &UpdateDataSet{},
	"add-revision": &AddRevision{}, "create-revision": &CreateRevision{}, "update-revision": &UpdateRevision{}, "revoke": &Revoke{},
	"find-asset": &FindAsset{}, "rename-asset": &RenameAsset{}, "delete-asset": &DeleteAsset{}, "list-assets": &ListAssets{},
	"create-event-action": &CreateEventAction{}, "find-event-action": &FindEventAction{}, "update-event-action": &UpdateEventAction{},
	"delete-event-action": &DeleteEventAction{}, "list-event-actions": &ListEventActions{}, "admit": &Admit{}, "in-progress": &InProgress{},
	"tag-asset": &TagAsset{Change: &Tag{}}, "tag-event-action": &TagEventAction{Change: &Tag{}},
	"create-job": &CreateJob{}, "start": &Start{}, "cancel": &Cancel{}, "uploaded": &Uploaded{}, "took": &Took{}, "saved": &Saved{}, "did": &Did{},
	"finish": &Finish{}, "fail": &Fail{},
	"add-grant": &AddGrant{}, "create-grant": &CreateGrant{}, "accept": &Accept{}, "withdraw": &Withdraw{}, "accepted": &Accepted{}, "grant-over": &GrantOver{},
}

// places are the kinds in the world of the stories and in that of who receives a grant, by
// what stories call them.
var places = map[string]engine.Name{
	"account": {World: world, Kind: KindAccount}, "set": {World: world, Kind: KindDataSet}, "revision": {World: world, Kind: KindRevision},
	"job": {World: world, Kind: KindJob}, "grant": {World: world, Kind: KindGrant},
	"entitled": {World: receiver, Kind: KindEntitled}, "receiver": {World: receiver, Kind: KindAccount}, "their-job": {World: receiver, Kind: KindJob},
}

// seed is that of what a story calls by a letter.
func seed(letter string) (s engine.Seed) {
	s[13] = letter[0]
	return s
}

// id is the id of what a story calls by a letter.
func id(letter string) string { return engine.NewRunID(0, seed(letter)).String() }

// do runs one line: a command, the thing's name and its fields as JSON; and tells what it
// gave. A thing is called kind/letter, and its id $letter.
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
	case "notify":
		s.notify = engine.NotifyPublic
		return nil
	}
	thing, fields, _ := strings.Cut(rest, " ")
	kind, letter, _ := strings.Cut(thing, "/")
	name := places[kind]
	if letter != "" {
		if name.Key = s.key(letter); name.Key == "" {
			name.Key = KeyOf(seed(letter))
			s.call(letter, seed(letter))
		}
	}
	example, known := commands[verb]
	if !known {
		s.t.Fatalf("no command %q", verb)
	}
	if wake, ok := example.(engine.Wake); ok {
		return s.handle(name, wake, false, engine.Seed{})
	}
	body := reflect.New(reflect.TypeOf(example).Elem())
	switch c := body.Interface().(type) { // what JSON can't tell
	case *TagAsset:
		c.Change = &Tag{}
	case *TagEventAction:
		c.Change = &Tag{}
	}
	if fields != "" {
		for _, l := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
			if strings.Contains(fields, `"%`+string(l)+`"`) {
				s.call(string(l), seed(string(l)))
			}
			fields = strings.ReplaceAll(fields, `"$`+string(l)+`"`, `"`+s.id(string(l))+`"`)
			fields = strings.ReplaceAll(fields, `"@`+string(l)+`"`, jsonOf(blob.ID{byte(l)}))
			fields = strings.ReplaceAll(fields, `"%`+string(l)+`"`, jsonOf(seed(string(l))))
			fields = strings.ReplaceAll(fields, `"#`+string(l)+`"`, `"`+s.key(string(l))+`"`)
		}
		d := json.NewDecoder(strings.NewReader(fields))
		d.DisallowUnknownFields()
		if err := d.Decode(body.Interface()); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
	}
	return s.handle(name, body.Interface(), strings.HasPrefix(verb, "create-") && kind != "account" || verb == "add-data-set" || verb == "create-event-action", seed(letter+" "))
}

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// call gives a thing a letter.
func (s *story) call(letter string, of engine.Seed) {
	s.keys[KeyOf(of)], s.ids[engine.NewRunID(0, of).String()] = letter, letter
}

func (s *story) key(letter string) string {
	for key, l := range s.keys {
		if l == letter {
			return key
		}
	}
	return ""
}

func (s *story) id(letter string) string {
	for id, l := range s.ids {
		if l == letter {
			return id
		}
	}
	return id(letter)
}

func (s *story) handle(name engine.Name, body any, begins bool, of engine.Seed) (told []string) {
	run := s.runs[name]
	if run == nil {
		if !begins {
			return s.refused(name, body, &engine.UnknownRunError{Name: name})
		}
		run = enginetest.NewRun(s.t, s.rules[name.Kind], engine.Identity{Name: name, Run: engine.NewRunID(0, of)})
	}
	run.Notify = s.notify
	turn, err := run.Handle(s.now, body)
	if err != nil {
		return s.refused(name, body, err)
	}
	s.runs[name] = run
	for _, e := range turn.Events {
		told = append(told, s.tell(fmt.Sprintf("event %s %s", strings.TrimPrefix(reflect.TypeOf(e.Body).String(), "*catalog."), show(reflect.ValueOf(e.Body).Elem()))))
	}
	for _, m := range turn.Messages {
		s.send(m)
		if _, known := s.keys[m.To.Key]; !known && m.To.Key != "" {
			s.call(string('K'+rune(len(s.keys))), m.Seed)
		}
		decoded, err := posted{}.DecodeMessage(m.Body)
		if err != nil {
			s.t.Fatalf("message %+v: %v", m, err)
		}
		told = append(told, s.tell(fmt.Sprintf("message to %s: %s %s", called(m.To), strings.TrimPrefix(fmt.Sprintf("%T", decoded), "*catalog."), show(reflect.ValueOf(decoded)))))
	}
	for _, n := range turn.Notifications {
		told = append(told, s.tell(fmt.Sprintf("notification of %d %s", n.Event, n.Body)))
	}
	told = append(told, s.keep(name, &turn)...)
	if turn.Reply != nil && !s.posted {
		told = append(told, s.tell("reply "+show(reflect.ValueOf(turn.Reply))))
	}
	rec := run.Rules.Record(run.State, 0)
	if rec.Wake != 0 || rec.Offers != nil {
		told = append(told, fmt.Sprintf("wake=%d offers=%d", rec.Wake, len(rec.Offers)))
	}
	if rec.Status == engine.Closed && len(turn.Events) > 0 {
		told = append(told, fmt.Sprintf("closed at %d, forgotten at %d", rec.Closed, rec.Forget))
	}
	if listed, ok := s.rules[name.Kind].(engine.ListedRules); ok && len(turn.Events) > 0 {
		listed.Entries(engine.Identity{Name: name, Run: engine.RunID{}}, &rec)
	}
	return told
}

func (s *story) refused(name engine.Name, body any, why error) []string {
	told := []string{s.tell(fmt.Sprintf("%s: %v", strings.TrimPrefix(strings.TrimPrefix(reflect.TypeOf(why).String(), "*"), "catalog."), why))}
	if _, unknown := why.(*engine.UnknownRunError); unknown {
		told = []string{"UnknownRunError"}
	}
	if s.posted {
		for _, m := range s.rules[name.Kind].(engine.MessagedRules).Refused(name, body, why) {
			s.send(m)
			decoded, _ := posted{}.DecodeMessage(m.Body)
			told = append(told, s.tell(fmt.Sprintf("message to %s: %T %s", called(m.To), decoded, show(reflect.ValueOf(decoded)))))
		}
	}
	return told
}

func (s *story) send(m engine.Message) {
	if s.post = append(s.post, m); s.sent != nil {
		s.sent(m.Body)
	}
}

func called(n engine.Name) string {
	for word, place := range places {
		if place.Kind == n.Kind && place.World == n.World {
			return strings.TrimSuffix(word+"/"+n.Key, "/")
		}
	}
	return ""
}

// tell puts letters in the place of ids and keys.
func (s *story) tell(line string) string {
	for id, letter := range s.ids {
		line = strings.ReplaceAll(line, id, "$"+letter)
	}
	for key, letter := range s.keys {
		line = strings.ReplaceAll(line, key, letter)
	}
	return line
}

// keep holds that each blob is kept once, and that nobody drops what is not kept.
func (s *story) keep(name engine.Name, turn *engine.Turn) (told []string) {
	if s.kept[name] == nil {
		s.kept[name] = map[blob.ID]bool{}
	}
	for _, id := range turn.Keep {
		if s.kept[name][id] {
			s.t.Errorf("%v keeps %s twice", name, id)
		}
		s.kept[name][id] = true
		told = append(told, "keep "+string(rune(id[0])))
	}
	for _, id := range turn.Drop {
		if !s.kept[name][id] {
			s.t.Errorf("%v drops %s, which it does not keep", name, id)
		}
		delete(s.kept[name], id)
		told = append(told, "drop "+string(rune(id[0])))
	}
	return told
}

// deliver gives the messages to their runs, in order, until there are none.
func (s *story) deliver() (told []string) {
	s.posted = true
	defer func() { s.posted = false }()
	for len(s.post) > 0 {
		m := s.post[0]
		s.post = s.post[1:]
		body, err := posted{}.DecodeMessage(m.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		told = append(told, s.tell("to "+called(m.To)))
		if m.Begin == engine.Always && s.runs[m.To] != nil {
			told = append(told, "  it exists")
			continue
		}
		for _, line := range s.handle(m.To, body, m.Begin != engine.Never, m.Seed) {
			told = append(told, "  "+line)
		}
	}
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
	case t == reflect.TypeFor[blob.ID]():
		return string(rune(v.Index(0).Uint()))
	case t == reflect.TypeFor[engine.Seed]():
		return string(rune(v.Index(13).Uint()))
	case t.Kind() == reflect.Array:
		b := make([]byte, v.Len())
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		return hex.EncodeToString(b)
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
