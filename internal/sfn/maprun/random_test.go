package maprun

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/registry"
	"heddle/jsonvalue"
)

var (
	seeds = flag.Int("mapruns", 600, "how many random map runs TestRandomMapRuns runs")
	seed  = flag.Int64("maprun", -1, "the one seed that TestRandomMapRuns runs, which it tells of")
)

var world = engine.World{Account: "123456789012", Region: "us-east-1"}

// house has executions and map runs, as the kernel has them: messages of one run to another
// stay in order, all others come in any; and now and then everything is read anew, from
// snapshots or from logs.
type house struct {
	t          testing.TB
	rand       *rand.Rand
	kinds      map[engine.Kind]engine.Rules
	now        engine.Time
	blobs      map[blob.ID][]byte
	runs       map[engine.Name]*run
	order      []*run
	queues     map[[2]engine.Name][]engine.Message
	full       bool // no further execution may be open
	turns      int
	open       int               // executions of items at a time, at most
	source     []string          // the items that readers read
	files      map[string]string // that writers wrote
	unwritable bool              // nothing can be written
	keyed      bool              // the machine has a key of its user's
	refused    bool              // which is refused
	sealed     int
	prefix     string // of what is written
	scarce     bool   // there is not always a place for a map run
	waits      int    // map runs that had to wait for one, and tries in vain
}

// dataKey finds a data key: each seals a few texts, and then there is another.
func (h *house) dataKey(wanted []engine.KeyUse, use engine.KeyUse) (engine.DataKey, error) {
	if !slices.Contains(wanted, use) {
		h.t.Fatalf("a data key that was not wanted: %+v", use)
	}
	u := use.(execution.KeyUse)
	if h.refused {
		return nil, execution.KeyRefusal{KeyError: &execution.KeyError{Code: "KmsInvalidStateException", Message: "disabled"}}
	}
	if u.Of != execution.MachineARN(world, "m") || u.Machine != u.Of {
		h.t.Fatalf("a data key of %s for %s", u.Of, u.Machine)
	}
	if u.Wrapped == "" {
		u.Wrapped = fmt.Sprint("key ", h.sealed/20)
	}
	return toyKey{h, u.Wrapped}, nil
}

// toyKey makes a text unreadable, or readable again.
type toyKey struct {
	house   *house
	wrapped string
}

func (k toyKey) Seal(payload []byte) []byte {
	k.house.sealed++
	return append(engine.SealedHead([]byte(k.wrapped)), turned(payload)...)
}

func (k toyKey) Open(sealed []byte) ([]byte, error) {
	wrapped, rest, err := engine.ReadSealedHead(sealed)
	if err != nil || string(wrapped) != k.wrapped {
		return nil, fmt.Errorf("sealed under %q, opened with %q", wrapped, k.wrapped)
	}
	return turned(rest), nil
}

func turned(b []byte) []byte {
	b = bytes.Clone(b)
	for i := range b {
		b[i] ^= 0x55
	}
	return b
}

// nothingClear holds that nothing that users gave stands in what a map run stores.
func (h *house) nothingClear(r *run, stored ...[]byte) {
	if !h.keyed || r.id.Name.Kind != Kind {
		return
	}
	for _, b := range stored {
		for _, planted := range []string{"do\"", "seen", "Bucket", "StartDate"} {
			if bytes.Contains(b, []byte(planted)) {
				h.t.Fatalf("%s stands in clear: %.300q", planted, b)
			}
		}
	}
}

type noteKey struct {
	subject int64
	kind    engine.NoteKind
}

type run struct {
	id     engine.Identity
	state  engine.State
	events []engine.Event
	notes  map[noteKey][]byte
	record engine.Record
}

func newHouse(t testing.TB, seed int64) *house {
	h := &house{
		t: t, rand: rand.New(rand.NewPCG(uint64(seed), 5)), now: 1_700_000_000_000, blobs: map[blob.ID][]byte{}, runs: map[engine.Name]*run{},
		queues: map[[2]engine.Name][]engine.Message{}, files: map[string]string{},
	}
	h.forget()
	for _, rules := range h.kinds {
		enginetest.CheckParts(t, rules)
	}
	return h
}

// forget has the rules forget all that they have compiled, as after a restart.
func (h *house) forget() {
	cache := asl.NewCache(1 << 20)
	h.kinds = map[engine.Kind]engine.Rules{execution.Kind: execution.New(execution.DefaultLimits(), cache), Kind: New(execution.DefaultLimits(), cache)}
}

func (h *house) begin(name engine.Name, seed engine.Seed) *run {
	id := engine.Identity{Name: name, Run: engine.NewRunID(3, seed)}
	r := &run{id: id, state: h.kinds[name.Kind].New(id), notes: map[noteKey][]byte{}}
	h.runs[name] = r
	h.order = append(h.order, r)
	return r
}

// start begins an execution of a definition.
func (h *house) start(machine, definition, input string) *run {
	h.t.Helper()
	id := blob.ID(sha256.Sum256([]byte(definition)))
	h.blobs[id] = []byte(definition)
	settings := execution.Settings{Definition: id, Role: "arn:aws:iam::1:role/r", Secret: [16]byte{7}}
	if h.keyed {
		h.blobs[id] = toyKey{h, "of the definition"}.Seal([]byte(definition))
		settings.Key, settings.DefinitionKey = registry.Encryption{Key: "k", ReuseSeconds: 60}, "of the definition"
	}
	name := execution.Name(world, machine, "e")
	r := h.begin(name, engine.NameSeed(name))
	if err := h.do(r, &execution.Start{Input: input, Settings: settings}); err != nil {
		h.t.Fatal(err)
	}
	return r
}

// do gives a command to a run.
func (h *house) do(r *run, body any) error {
	h.t.Helper()
	if h.rand.IntN(5) == 0 {
		h.forget()
	}
	rules := engine.NewRuleset(h.kinds[r.id.Name.Kind])
	var want engine.Want
	if wants, ok := h.kinds[r.id.Name.Kind].(engine.WantingRules); ok {
		want = wants.Wants(r.state, body)
	}
	in := engine.Input{Now: h.now, Up: 1, Blob: func(id blob.ID) []byte {
		if !slices.Contains(want.Blobs, id) {
			return nil // it was not fetched
		}
		return h.blobs[id]
	}, DataKey: func(use engine.KeyUse) (engine.DataKey, error) { return h.dataKey(want.DataKeys, use) }}
	if h.full {
		in.OpenInGroup = execution.DefaultLimits().OpenExecutionsMax
	}
	if h.scarce {
		in.OpenIn = func(string) int { return h.rand.IntN(2) * execution.DefaultLimits().OpenMapRunsMax }
	}
	before := rules.EncodeState(r.state)
	turn, err := rules.Handle(r.state, body, in)
	if err != nil {
		return err
	}
	enginetest.CheckTurn(h.t, &turn)
	r.events = append(r.events, turn.Events...)
	for _, n := range turn.Notes {
		key := noteKey{n.Subject, n.Kind}
		if delete(r.notes, key); len(n.Value) > 0 {
			r.notes[key] = n.Value
		}
	}
	for _, m := range turn.Messages {
		pair := [2]engine.Name{r.id.Name, m.To}
		h.queues[pair] = append(h.queues[pair], m)
	}
	for _, e := range turn.Events {
		h.nothingClear(r, e.Public, e.Private)
	}
	r.record = rules.Record(r.state, 1)
	if _, woken := body.(engine.Wake); woken {
		enginetest.CheckProgress(h.t, h.kinds[r.id.Name.Kind], before, r.state, in)
	}
	if h.turns++; h.turns%7 == 0 {
		want := rules.EncodeState(r.state)
		h.nothingClear(r, want)
		for what, s := range map[string]engine.State{"a replay": h.folded(r), "a snapshot": h.decoded(r)} {
			if got := rules.EncodeState(s); !bytes.Equal(got, want) {
				h.t.Fatalf("%s of %q gives another state", what, r.id.Name.Key)
			}
		}
	}
	if s, is := r.state.(*State); is {
		h.open = max(h.open, len(s.open))
	}
	return nil
}

// ask gives a map run a command that changes nothing.
func (h *house) ask(r *run, body any) (engine.Turn, error) {
	want := h.kinds[Kind].(engine.WantingRules).Wants(r.state, body)
	return h.kinds[Kind].Handle(r.state, body, engine.Input{Now: h.now, DataKey: func(use engine.KeyUse) (engine.DataKey, error) { return h.dataKey(want.DataKeys, use) }})
}

// write writes results of a map run; or can't.
func (h *house) write(r *run, id int64) {
	h.t.Helper()
	turn, err := h.ask(r, &Write{id})
	if err != nil {
		h.t.Fatal(err)
	}
	w := turn.Reply.(*Writing)
	_, h.prefix = w.Order.Writer.Place(r.id.Name)
	for _, f := range w.Files {
		h.files[f.Name] = f.Text
	}
	if h.rand.IntN(10) == 0 {
		return // the server is killed before it is told
	}
	var body any = &Wrote{Write: id, Results: w.Results, Files: w.Files, Listed: w.Listed}
	if w.Listed {
		body = &Wrote{Write: id, Listed: true}
	}
	if h.unwritable {
		body = &WriteFailed{id, WriterFailed, "why"}
	}
	for range 2 {
		if err := h.do(r, body); err != nil && !engine.IsGone(err) {
			h.t.Fatal(err)
		}
	}
}

// written checks what a ResultWriter has written.
func (h *house) written(m *State, d *execution.Description) error {
	var list struct {
		ResultFiles map[string][]struct {
			Key  string
			Size int
		}
	}
	if err := json.Unmarshal([]byte(h.files[Manifest]), &list); err != nil {
		return err
	}
	got := map[string]int{}
	for kind, files := range list.ResultFiles {
		for i, f := range files {
			name := strings.TrimPrefix(f.Key, h.prefix)
			text := h.files[name]
			var results []struct{ Name, Status, Input, StartDate string }
			if err := json.Unmarshal([]byte(text), &results); err != nil || len(text) != f.Size {
				return fmt.Errorf("file %s: %w", f.Key, err)
			}
			var n int // those of what was redriven since are left out
			if _, err := fmt.Sscanf(name, kind+"_%d.json", &n); err != nil || n < i || kind == "SUCCEEDED" && n != i {
				return fmt.Errorf("file %d is %s: %w", i, f.Key, err)
			}
			for _, r := range results {
				if kind == "PENDING" {
					if r.Status != kind || r.StartDate != "" {
						return fmt.Errorf("%+v in %s", r, f.Key)
					}
					continue
				}
				if got[kind+r.Name]++; (kind == "SUCCEEDED") != (r.Status == execution.Succeeded) || !strings.HasPrefix(r.StartDate, "2023-11-1") {
					return fmt.Errorf("%+v in %s", r, f.Key)
				}
			}
		}
	}
	left := len(m.todo) + len(m.back) + len(m.window)
	if int(m.pended) != left || left > 0 && len(list.ResultFiles["PENDING"]) == 0 {
		return fmt.Errorf("%d of %d that have not begun are written", m.pended, left)
	}
	for _, r := range h.order {
		if r.id.Name.Kind != execution.Kind || strings.HasPrefix(r.id.Name.Key, "m\x00") {
			continue
		}
		of := h.describe(r)
		want := 0
		if of.Status == execution.Succeeded {
			want = 1
		}
		if got["FAILED"+of.Name] > 1-want {
			return fmt.Errorf("%s is %s, and %d times among what failed", of.Name, of.Status, got["FAILED"+of.Name])
		}
		if got["SUCCEEDED"+of.Name] != want {
			return fmt.Errorf("%s is %s, and %d times in the results", of.Name, of.Status, got["SUCCEEDED"+of.Name])
		}
	}
	if d.Status == execution.Succeeded && d.Output != fmt.Sprintf(
		`{"MapRunArn":%q,"ResultWriterDetails":{"Bucket":"b","Key":%q}}`, execution.MapRunARN(m.id.Name), h.prefix+Manifest) {
		return fmt.Errorf("output %s", d.Output)
	}
	return nil
}

// read reads items for a map run; or tries to, though it was done.
func (h *house) read(r *run) {
	h.t.Helper()
	o := r.record.Offers[h.rand.IntN(len(r.record.Offers))]
	id := o.ID
	if h.refused { // the map run fails
		var ask any = &Read{Read: id}
		switch o.List {
		case WritersList:
			ask = &Write{id}
		case PlacesList:
			ask = &TakePlace{}
		}
		if err := h.do(r, ask); err != nil {
			h.t.Fatal(err)
		}
		return
	}
	if o.List == PlacesList {
		h.waits++
		err := h.do(r, &TakePlace{})
		if err != nil {
			h.t.Fatal(err)
		}
		m := r.state.(*State)
		if items, executions := m.describe().Items.Total, m.executions.ended(); m.place == waiting && m.redrives == 0 && (items != 0 || executions != 0 || m.reads != 0) {
			h.t.Fatalf("a map run that waits has %d items, %d executions, and was read %d times", items, executions, m.reads)
		}
		if m.place == placed && !engine.IsGone(h.do(r, &TakePlace{})) {
			h.t.Fatal("a map run takes a place twice")
		}
		return
	}
	if o.List == WritersList {
		h.write(r, id)
		return
	}
	turn, err := h.ask(r, &Read{Read: id})
	if err != nil {
		h.t.Fatal(err)
	}
	from := len(turn.Reply.(*Reading).Position)
	to := min(from+1+h.rand.IntN(12), len(h.source))
	took := &Took{Read: id, Items: h.source[from:to], Position: make([]byte, to), Done: to == len(h.source)}
	if err := h.do(r, took); err != nil {
		h.t.Fatal(err)
	}
	if err := h.do(r, took); !engine.IsGone(err) {
		h.t.Fatalf("items come twice: %v", err)
	}
}

func (h *house) renote(r *run, s engine.State) engine.State {
	for _, key := range slices.SortedFunc(maps.Keys(r.notes), func(a, b noteKey) int { return cmp.Compare(a.subject, b.subject) }) {
		h.kinds[r.id.Name.Kind].(engine.NotingRules).Note(s, engine.Note{Subject: key.subject, Kind: key.kind, Value: r.notes[key]})
	}
	return s
}

func (h *house) folded(r *run) engine.State {
	rules := h.kinds[r.id.Name.Kind]
	s := rules.New(r.id)
	for _, e := range r.events {
		enginetest.ApplyStored(h.t, rules, s, e)
	}
	return h.renote(r, s)
}

func (h *house) decoded(r *run) engine.State {
	rules := h.kinds[r.id.Name.Kind]
	s, err := rules.DecodeState(r.id, rules.EncodeState(r.state))
	if err != nil {
		h.t.Fatal(err)
	}
	return h.renote(r, s)
}

// step delivers a message, or wakes a run that wants it; false: all is quiet.
func (h *house) step() bool {
	h.t.Helper()
	if h.rand.IntN(50) == 0 { // the server was killed, and is there again
		for _, r := range h.order {
			if r.state = h.decoded(r); h.rand.IntN(2) == 0 {
				r.state = h.folded(r)
			}
			r.record = h.kinds[r.id.Name.Kind].Record(r.state, 1)
		}
	}
	pairs := slices.SortedFunc(maps.Keys(h.queues), func(a, b [2]engine.Name) int {
		return cmp.Or(strings.Compare(a[0].Key, b[0].Key), strings.Compare(a[1].Key, b[1].Key), strings.Compare(string(a[1].Kind), string(b[1].Kind)))
	})
	due := slices.DeleteFunc(slices.Clone(h.order), func(r *run) bool { return r.record.Wake == 0 || r.record.Wake > h.now })
	wanting := slices.DeleteFunc(slices.Clone(h.order), func(r *run) bool { return len(r.record.Offers) == 0 })
	n := len(pairs) + len(due)
	if n+len(wanting) == 0 {
		return false
	}
	i := h.rand.IntN(n + len(wanting))
	if i >= n {
		h.read(wanting[i-n])
		return true
	}
	if i >= len(pairs) {
		if err := h.do(due[i-len(pairs)], engine.Wake{}); err != nil {
			h.t.Fatal(err)
		}
		return true
	}
	pair := pairs[i]
	m := h.queues[pair][0]
	if h.queues[pair] = h.queues[pair][1:]; len(h.queues[pair]) == 0 {
		delete(h.queues, pair)
	}
	rules := h.kinds[m.To.Kind].(engine.MessagedRules)
	body, err := rules.DecodeMessage(m.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	to := h.runs[m.To]
	refuse := func(why error) {
		for _, back := range rules.Refused(m.To, body, why) {
			pair := [2]engine.Name{m.To, back.To}
			h.queues[pair] = append(h.queues[pair], back)
		}
	}
	switch {
	case m.Begin == engine.Always:
		if to != nil {
			h.t.Fatalf("%q is begun twice", m.To.Key)
		}
		to = h.begin(m.To, m.Seed)
	case to == nil || !m.Run.IsZero() && to.id.Run != m.Run:
		refuse(&engine.UnknownRunError{})
		return true
	}
	if err := h.do(to, body); err != nil {
		if len(to.events) == 0 {
			delete(h.runs, m.To)
			h.order = slices.DeleteFunc(h.order, func(r *run) bool { return r == to })
		}
		refuse(err)
	}
	return true
}

// tick goes to the next moment at which something is due; false: nothing ever is.
func (h *house) tick() bool {
	var next engine.Time
	for _, r := range h.order {
		if w := r.record.Wake; w != 0 && w < h.now+365*24*60*60*1000/2 && (next == 0 || w < next) {
			next = w
		}
	}
	h.now = max(h.now, next)
	return next != 0
}

func (h *house) settle() {
	for range 1_000_000 {
		if !h.step() && !h.tick() {
			return
		}
	}
	h.t.Fatal("it never gets quiet")
}

func (r *run) closed() bool { return r.record.Status == engine.Closed }

func (h *house) describe(r *run) *execution.Description {
	turn, err := h.kinds[r.id.Name.Kind].Handle(r.state, &execution.Describe{}, engine.Input{Now: h.now})
	if err != nil {
		h.t.Fatal(err)
	}
	d := turn.Reply.(*execution.Description)
	for _, text := range []*string{&d.Input, &d.Output, d.Error, d.Cause} {
		if text != nil && execution.Sealed(*text) {
			b, err := execution.Unseal(*text)
			if err == nil {
				b, err = toyKey{h, execution.Wrapped(*text)}.Open(b)
			}
			if err != nil {
				h.t.Fatal(err)
			}
			*text = string(b)
		}
	}
	return d
}

func (h *house) mapRuns() (all []*run) {
	for _, r := range h.order {
		if r.id.Name.Kind == Kind {
			all = append(all, r)
		}
	}
	return all
}

// item is an item of the random map runs.
type item struct {
	N  int    `json:"n"`
	Do string `json:"do"` // ok, fail, wait, or once: fails until it is redriven
}

// keyOf is the name of an item that is a member of an object.
func keyOf(it item) string { return fmt.Sprintf("k%d", it.N) }

// definition is that of the machines. What an execution gives is its input.
func definition(of string) string {
	return `{"StartAt":"V","States":{"V":{"Type":"Pass","Assign":{"v":"seen"},"Next":"M"},
"M":{"Type":"Map",` + of + `"ItemsPath":"$.items","End":true,
"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C","States":{
"C":{"Type":"Choice","Choices":[{"Variable":"$..do","StringEquals":"none","Next":"P"},
 {"And":[{"Variable":"$.do","IsPresent":true},{"Variable":"$.do","StringEquals":"fail"}],"Next":"F"},
 {"And":[{"Variable":"$.do","IsPresent":true},{"Variable":"$.do","StringEquals":"wait"}],"Next":"W"},
 {"And":[{"Variable":"$.do","IsPresent":true},{"Variable":"$.do","StringEquals":"once"},{"Variable":"$$.Execution.RedriveCount","NumericEquals":0}],"Next":"F"}],"Default":"P"},
"F":{"Type":"Pass","Next":"G"},
"G":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.do","StringEquals":"once"},{"Variable":"$$.Execution.RedriveCount","NumericGreaterThan":0}],"Next":"P"}],"Default":"E"},
"E":{"Type":"Fail","Error":"E"},
"W":{"Type":"Wait","Seconds":3,"Next":"P"},
"P":{"Type":"Pass","End":true}}}}}}`
}

// TestRandomMapRuns runs map runs made at random under schedules made at random, with servers
// that are killed, stops and redrives. What comes out is judged by what the definition says.
func TestRandomMapRuns(t *testing.T) {
	from, to := int64(0), int64(*seeds)
	if testing.Short() {
		to = min(to, 100)
	}
	if *seed >= 0 {
		from, to = *seed, *seed+1
	}
	seen := map[string]int{}
	for n := from; n < to && !t.Failed(); n++ {
		live(t, n, seen)
	}
	t.Log(seen)
	for _, what := range []string{"SUCCEEDED", "FAILED", "ABORTED", "redriven", "batched", "read", "written", "unwritable", "refused", "tolerated", "failures told", "members", "updated", "key refused", "waits for a place", "failed by KmsInvalidStateException", "event MapRunRedriven", "event MapRunFailed", "event MapRunStarted", "event MapRunSucceeded"} {
		if *seed < 0 && seen[what] < int(to)/100 {
			t.Errorf("%d of %d map runs: %s; they are not mixed enough to show anything", seen[what], to, what)
		}
	}
}

// TestRedrivesAreBounded: a map run is redriven a thousand times; then its state fails with what
// nothing catches, and the map run stays as it was.
func TestRedrivesAreBounded(t *testing.T) {
	h := newHouse(t, 1)
	parent := h.start("m", `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"F","States":{"F":{"Type":"Fail"}}},"End":true,
		"Catch":[{"ErrorEquals":["States.Runtime"],"Next":"C"}]},"C":{"Type":"Pass","End":true}}}`, "[1]")
	h.settle()
	of := h.order[slices.IndexFunc(h.order, func(r *run) bool { return r.id.Name.Kind == Kind })]
	m := of.state.(*State)
	redrive := func(redrives int64) *execution.MapRunClosed {
		t.Helper()
		before := len(of.events)
		if err := h.do(of, &execution.RedriveMapRun{Redrives: redrives}); err != nil {
			t.Fatal(err)
		}
		if redrives > 1000 && len(of.events) != before {
			t.Errorf("redrive %d is done", redrives)
		}
		for pair, queue := range h.queues {
			if pair == [2]engine.Name{of.id.Name, parent.id.Name} && len(queue) > 0 {
				told, err := execution.DecodeMessage(queue[len(queue)-1].Body)
				if err != nil {
					t.Fatal(err)
				}
				return told.(*execution.MapRunClosed)
			}
		}
		return nil
	}
	if told := redrive(1000); told != nil || m.status != execution.Running {
		t.Fatalf("the redrive 1000 leaves it %s and tells %+v", m.status, told)
	}
	h.settle()
	told := redrive(1001)
	if told == nil || told.Succeeded || *told.Error != "States.Runtime" {
		t.Errorf("the redrive 1001 tells %+v", told)
	}
}

func live(t *testing.T, seed int64, seen map[string]int) {
	h := newHouse(t, seed)
	h.keyed, h.scarce = seed%3 == 0, seed%4 == 0
	defer func() { seen["waits for a place"] += min(1, h.waits) }()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("seed %d: %s\ngo test ./internal/sfn/maprun -run RandomMapRuns -maprun %d", seed, fmt.Sprintf(format, args...), seed)
	}
	list := make([]item, h.rand.IntN(40))
	bad := 0
	for i := range list {
		list[i] = item{i, "ok"}
		if h.rand.IntN(4) == 0 {
			list[i].Do = []string{"fail", "wait", "once", "wait", "once"}[h.rand.IntN(5)]
		}
		if list[i].Do == "fail" || list[i].Do == "once" {
			bad++
		}
	}
	of, concurrency, tolerated, size := "", 0, 0, 0
	if h.rand.IntN(2) == 0 {
		concurrency = 1 + h.rand.IntN(5)
		of += fmt.Sprintf(`"MaxConcurrency":%d,`, concurrency)
	}
	switch h.rand.IntN(3) {
	case 0:
		tolerated = h.rand.IntN(12)
		of += fmt.Sprintf(`"ToleratedFailureCount":%d,`, tolerated)
	case 1:
		percent := h.rand.IntN(50)
		tolerated = percent * len(list) / 100
		of += fmt.Sprintf(`"ToleratedFailurePercentage":%d,`, percent)
	}
	selects, members := h.rand.IntN(2) == 0, false
	if selects {
		key := ""
		if members = h.rand.IntN(2) == 0; members {
			key = `"k.$":"$$.Map.Item.Key",`
			seen["members"]++
		}
		of += `"ItemSelector":{"n.$":"$$.Map.Item.Value.n","do.$":"$$.Map.Item.Value.do","v.$":"$v",` + key + `"s.$":"$$.Map.Item.Source","i.$":"$$.Map.Item.Index","x.$":"$.x","e.$":"$$.Execution.Name"},`
	} else if h.rand.IntN(3) == 0 {
		size = 1 + h.rand.IntN(7)
		of += fmt.Sprintf(`"ItemBatcher":{"MaxItemsPerBatch":%d,"BatchInput":{"b.$":"$.x"}},`, size)
		seen["batched"]++
	}
	writes := h.rand.IntN(4) == 0
	if writes {
		of += `"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"p"}},`
		h.unwritable = h.rand.IntN(8) == 0
		seen["written"]++
	} else if h.rand.IntN(4) == 0 { // outputs are no lists
		of += fmt.Sprintf(`"ResultWriter":{"WriterConfig":{"Transformation":%q,"OutputType":"JSON"}},`, []string{"COMPACT", "FLATTEN"}[h.rand.IntN(2)])
		seen["transformed"]++
	}
	in := map[string]any{"items": list, "x": seed}
	if members {
		object := jsonvalue.NewObject(len(list))
		for _, it := range list {
			value := jsonvalue.NewObject(2)
			value.Set("n", float64(it.N))
			value.Set("do", it.Do)
			object.Set(keyOf(it), value)
		}
		in["items"] = json.RawMessage(jsonvalue.Text(object))
	}
	source := "STATE_DATA"
	if h.rand.IntN(3) == 0 {
		of += `"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"b","Key":"k"}},`
		for _, it := range list {
			text, key := fmt.Sprintf(`{"n":%d,"do":%q}`, it.N, it.Do), keyOf(it)
			switch {
			case members:
				text = execution.DescribedItem(&key, text, "S3://b/object")
			case selects:
				text = execution.DescribedItem(nil, text, "S3://b/object")
			}
			h.source = append(h.source, text)
		}
		in["items"], source = 1, "S3://b/object"
		seen["read"]++
	}
	input, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	inputOf := func(its []item) string {
		var texts []string
		for _, it := range its {
			key := ""
			if members {
				key = fmt.Sprintf(`"k":%q,`, keyOf(it))
			}
			if selects {
				texts = append(texts, fmt.Sprintf(`{"n":%d,"do":%q,"v":"seen",%s"s":%q,"i":%d,"x":%d,"e":"e"}`, it.N, it.Do, key, source, it.N, seed))
			} else {
				texts = append(texts, fmt.Sprintf(`{"n":%d,"do":%q}`, it.N, it.Do))
			}
		}
		if size > 0 {
			return fmt.Sprintf(`{"BatchInput":{"b":%d},"Items":[%s]}`, seed, strings.Join(texts, ","))
		}
		return texts[0]
	}
	h.full = false
	root := h.start("m", definition(of), string(input))
	stopAt, redrives, most := -1, 0, concurrency
	if h.rand.IntN(5) == 0 {
		stopAt = h.rand.IntN(60)
	}
	fickle := seed%6 == 0 // now and then the key is refused
	for n := 0; n < 200_000; n++ {
		if fickle && n > 20 && h.rand.IntN(60) == 0 {
			if h.refused = !h.refused; h.refused {
				seen["key refused"]++
			}
		}
		if n == stopAt && !root.closed() && !h.refused {
			if err := h.do(root, &execution.Stop{}); err != nil {
				fail("stop: %v", err)
			}
		}
		if runs := h.mapRuns(); concurrency > 0 && len(runs) == 1 && h.rand.IntN(40) == 0 {
			to := int64(1 + h.rand.IntN(8))
			if err := h.do(runs[0], &Update{Concurrency: &to}); err == nil {
				if runs[0].state.(*State).describe().Order.Concurrency != to {
					fail("its concurrency is not %d", to)
				}
				most = max(most, int(to))
				seen["updated"]++
			} else if !engine.IsGone(err) {
				fail("update: %v", err)
			}
		}
		if h.full = h.full != (h.rand.IntN(20) == 0) && len(h.order) > 1; h.full {
			seen["refused"]++
		}
		if root.closed() && !h.refused && h.rand.IntN(20) == 0 && redrives < 2 && root.record.Status == engine.Closed && h.describe(root).Status != execution.Succeeded {
			h.full = false
			if err := h.do(root, &execution.Redrive{}); err != nil {
				fail("redrive: %v", err)
			}
			redrives++
			seen["redriven"]++
		}
		if h.step() {
			continue
		}
		h.full = false
		if !h.tick() {
			break
		}
	}
	h.full, h.refused = false, false
	h.settle()

	d := h.describe(root)
	seen[d.Status]++
	for _, e := range root.events {
		seen["event "+string(e.Body.(*execution.Body).Type)]++
	}
	for _, r := range h.order {
		if !r.closed() {
			fail("%s %q is open", r.id.Name.Kind, r.id.Name.Key)
		}
	}
	if fickle {
		if e := d.Error; d.Status == execution.Failed && e != nil {
			seen["failed by "+*e]++
		}
		return // which of its executions the key let begin nobody knows
	}
	if concurrency > 0 && h.open > most {
		fail("%d executions at a time, want %d at most", h.open, most)
	}
	if len(h.mapRuns()) != 1 {
		if stopAt < 0 {
			fail("%d map runs, want 1", len(h.mapRuns()))
		}
		return
	}
	m := h.mapRuns()[0].state.(*State)
	seenItems := map[int]bool{}
	failed, children := 0, int64(0)
	for _, r := range h.order {
		if r.id.Name.Kind != execution.Kind || r == root {
			continue
		}
		children++
		d := h.describe(r)
		if d.Settings.MapRun() != execution.MapRunARN(h.mapRuns()[0].id.Name) {
			fail("%s is not of the map run", d.ARN)
		}
		var one item
		var many struct{ Items []item }
		if err := json.Unmarshal([]byte(d.Input), &one); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(d.Input), &many); err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			many.Items = []item{one}
		}
		for _, it := range many.Items {
			if seenItems[it.N] {
				fail("item %d has two executions", it.N)
			}
			seenItems[it.N] = true
		}
		ends := 0 // of the last state: what has succeeded is not run once more
		for _, e := range r.events {
			if e.Body.(*execution.Body).Type == execution.ExecutionSucceeded {
				ends++
			}
		}
		if ends > 1 || ends == 1 != (d.Status == execution.Succeeded) {
			fail("%s succeeded %d times, and is %s", d.ARN, ends, d.Status)
		}
		if d.Status == execution.Failed {
			failed++
		}
	}
	shown := m.describe()
	if n := m.items.ended() + int64(len(m.window)) + items(m.todo) + backItems(m); shown.Items.Total != n || n != int64(len(list)) && (m.read || d.Status == execution.Succeeded) {
		fail("%d items of %d: %+v", n, len(list), shown.Items)
	}
	if ended := m.executions.ended() + int64(len(m.todo)); ended != children { // those were to be redriven
		fail("%d executions have ended, and there are %d", ended, children)
	}
	if d.Status == execution.Succeeded {
		if int(m.items.unsuccessful()) > tolerated {
			fail("%d items failed, and %d were tolerated", m.items.unsuccessful(), tolerated)
		}
		if failed > 0 {
			seen["tolerated"]++
		}
		if err := h.gives(d, m, list, size, inputOf, seen); err != nil && !writes {
			fail("output %s: %v", d.Output, err)
		}
	}
	if writes && !h.unwritable {
		if err := h.written(m, d); err != nil {
			fail("results: %v", err)
		}
	}
	if h.unwritable {
		seen["unwritable"]++
		if d.Status == execution.Succeeded || stopAt < 0 && bad == 0 && (d.Error == nil || *d.Error != WriterFailed) {
			fail("%s %v, though nothing can be written", d.Status, d.Error)
		}
		return
	}
	if stopAt < 0 && redrives == 0 && size == 0 {
		want := execution.Succeeded
		if bad > tolerated {
			want = execution.Failed
		}
		if d.Status != want {
			fail("%s with %d bad items of %d, of which %d are tolerated; want %s", d.Status, bad, len(list), tolerated, want)
		}
		if want == execution.Failed && (d.Error == nil || *d.Error != "States.ExceedToleratedFailureThreshold") {
			fail("error %v", d.Error)
		}
	}
}

func backItems(s *State) (n int64) {
	for i := range s.back {
		n += s.back[i].items
	}
	return n
}

// gives tells whether the map gives what it was given, of all that did not fail, and in its place
// what is told of those that did: unless their key was refused, or they are gone.
func (h *house) gives(d *execution.Description, m *State, list []item, size int, shown func([]item) string, seen map[string]int) error {
	lost := map[int64]string{}
	for _, its := range m.undone {
		lost[its.first] = its.status
	}
	var outputs []json.RawMessage
	if err := json.Unmarshal([]byte(d.Output), &outputs); err != nil {
		return err
	}
	step := max(1, size)
	for at := 0; at < len(list); at += step {
		want := shown(list[at:min(at+step, len(list))])
		status, failed := lost[int64(at)]
		if len(outputs) > 0 && failed {
			var told struct{ ExecutionArn, Input, Status string }
			if err := json.Unmarshal(outputs[0], &told); err != nil {
				return err
			}
			if told.ExecutionArn == "" || told.Input != want {
				continue
			}
			if told.Status != status {
				return fmt.Errorf("item %d is %s, want %s", at, told.Status, status)
			}
			seen["failures told"]++
			outputs = outputs[1:]
			continue
		}
		if failed {
			continue
		}
		if len(outputs) == 0 || string(outputs[0]) != want {
			return fmt.Errorf("want %s of item %d", want, at)
		}
		outputs = outputs[1:]
	}
	if len(outputs) > 0 {
		return fmt.Errorf("%d are too many", len(outputs))
	}
	return nil
}
