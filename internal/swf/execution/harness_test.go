package execution

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/engine/task"
	"heddle/internal/swf/wire"
)

const testDomain = "shop"

var testWorld = engine.World{Account: "111122223333", Region: "local-1"}

// harness runs executions as the kernel does, one command at a time, and says what
// each did. After every command it folds the log anew and compares.
type harness struct {
	t      testing.TB
	rules  *Rules
	now    engine.Time
	up     engine.Time
	runs   []*harnessRun
	queue  []engine.Message
	out    strings.Builder
	quiet  bool
	quick  bool // verify only now and then
	notify engine.Notify
	turns  int
	events map[string]bool // types that were written
	causes map[string]bool // "EventType CAUSE" and "EventType timeoutType"
}

type noteKey struct {
	subject int64
	kind    engine.NoteKind
}

// harnessRun is one run with its log.
type harnessRun struct {
	id     engine.Identity
	label  string
	state  engine.State
	events []engine.Event
	notes  map[noteKey][]byte
	record engine.Record
	erased bool

	notifications []engine.Notification

	snapshot []byte // an earlier state
	at       int    // events that it has
	verified int
}

func (r *harnessRun) open() bool { return r.record.Status == engine.Open }

const houseStart = engine.Time(1_500_000_000_000)

func newHarness(t testing.TB, limits Limits) *harness {
	enginetest.CheckParts(t, New(limits))
	return &harness{
		t: t, rules: New(limits), now: houseStart, up: houseStart,
		events: map[string]bool{}, causes: map[string]bool{},
	}
}

func (h *harness) printf(format string, args ...any) {
	if !h.quiet {
		fmt.Fprintf(&h.out, format+"\n", args...)
	}
}

// run finds a run by its label, "id/2", or the latest by its workflowId.
func (h *harness) run(label string) *harnessRun {
	label, first := strings.CutSuffix(label, "/1")
	for _, r := range slices.Backward(h.runs) {
		if first && r.label != label {
			continue
		}
		if r.label == label || strings.HasPrefix(r.label, label+"/") {
			return r
		}
	}
	h.t.Fatalf("no run %q", label)
	return nil
}

func (h *harness) openRun(name engine.Name) *harnessRun {
	for _, r := range h.runs {
		if r.id.Name == name && r.open() {
			return r
		}
	}
	return nil
}

// command gives a command to a run that is there, or begins one.
func (h *harness) command(c engine.Command) (any, error) {
	var r *harnessRun
	if !c.Run.IsZero() {
		for _, known := range h.runs {
			if known.id.Run == c.Run && known.id.Name == c.Name && !known.erased {
				r = known
			}
		}
	} else {
		r = h.openRun(c.Name)
	}
	switch {
	case r != nil && c.Begin == engine.Always:
		return nil, &engine.AlreadyOpenError{Name: c.Name, Run: r.id.Run}
	case r == nil && c.Begin == engine.Never:
		return nil, &engine.UnknownRunError{Name: c.Name, Run: c.Run}
	case r == nil:
		return h.begin(c)
	}
	return h.handle(r, c.Body)
}

func (h *harness) begin(c engine.Command) (any, error) {
	id := engine.Identity{Name: c.Name, Run: engine.NewRunID(7, c.Seed)}
	_, workflowID := Split(c.Name.Key)
	n := 1
	for _, r := range h.runs {
		if r.id.Name == c.Name {
			n++
		}
	}
	r := &harnessRun{
		id: id, label: fmt.Sprintf("%s/%d", workflowID, n),
		state: h.rules.New(id), notes: map[noteKey][]byte{},
	}
	if n == 1 {
		r.label = workflowID
	}
	in := engine.Input{Now: h.now, Up: h.up, OpenInGroup: h.countOpen(c.Group), Notify: h.notify, Measure: true}
	turn, err := h.rules.Handle(r.state, c.Body, in)
	if err != nil {
		return nil, err
	}
	if len(turn.Events) == 0 {
		h.send(turn.Messages)
		return turn.Reply, nil
	}
	h.runs = append(h.runs, r)
	h.take(r, turn)
	if r.record.Group != c.Group {
		h.t.Errorf("%s: group %q, begun in %q", r.label, r.record.Group, c.Group)
	}
	return turn.Reply, nil
}

func (h *harness) countOpen(group string) int {
	n := 0
	for _, r := range h.runs {
		if r.open() && r.record.Group == group {
			n++
		}
	}
	return n
}

func (h *harness) handle(r *harnessRun, body any) (any, error) {
	before := h.rules.EncodeState(r.state)
	in := engine.Input{Now: h.now, Up: h.up, Notify: h.notify, Measure: true}
	turn, err := h.rules.Handle(r.state, body, in)
	if _, woken := body.(engine.Wake); woken {
		enginetest.CheckProgress(h.t, h.rules, before, r.state, in)
	}
	if err != nil {
		if !bytes.Equal(before, h.rules.EncodeState(r.state)) {
			h.t.Errorf("%s: %T changed the state though it was refused: %v", r.label, body, err)
		}
		return nil, err
	}
	h.take(r, turn)
	return turn.Reply, nil
}

// take stores a turn, says what it did and checks it.
func (h *harness) take(r *harnessRun, turn engine.Turn) {
	enginetest.CheckTurn(h.t, &turn)
	h.checkMeasures(r, &turn)
	for _, e := range turn.Events {
		e.Public, e.Private = bytes.Clone(e.Public), bytes.Clone(e.Private)
		r.events = append(r.events, e)
		h.sayEvent(r, e)
	}
	for _, n := range turn.Notes {
		key := noteKey{n.Subject, n.Kind}
		if len(n.Value) == 0 {
			if r.notes[key] == nil {
				h.t.Errorf("%s: takes away note %v, which is not there", r.label, key)
			}
			delete(r.notes, key)
		} else {
			r.notes[key] = n.Value
		}
		h.sayNote(r, n)
	}
	for _, n := range turn.Notifications {
		h.printf("  notification of %d %s", n.Event, n.Body)
	}
	r.notifications = append(r.notifications, turn.Notifications...)
	h.send(turn.Messages)
	before := r.record
	r.record = h.rules.Record(r.state, h.up)
	h.sayRecord(r, before)
	h.turns++
	if !h.quick || h.turns%50 == 0 {
		h.verify(r)
	}
	if turn.Successor != nil {
		if r.open() {
			h.t.Errorf("%s: has a successor and is open", r.label)
		}
		if _, err := h.command(*turn.Successor); err != nil {
			h.t.Errorf("%s: successor: %v", r.label, err)
		}
	}
}

func (h *harness) send(messages []engine.Message) {
	for _, m := range messages {
		body, err := h.rules.DecodeMessage(m.Body)
		if err != nil {
			h.t.Fatalf("message: %v", err)
		}
		if again := encodeMessage(body.(message)); !bytes.Equal(again, m.Body) {
			h.t.Errorf("message %T does not survive: %x, then %x", body, m.Body, again)
		}
		_, to := Split(m.To.Key)
		if !m.Run.IsZero() {
			to = "run " + FormatRun(m.Run)
		}
		h.printf("  message to %s: %s", to, strings.TrimPrefix(fmt.Sprintf("%T", body), "*execution."))
	}
	h.queue = append(h.queue, messages...)
}

// deliver hands out all messages, and those that they cause.
func (h *harness) deliver() {
	for len(h.queue) > 0 {
		m := h.queue[0]
		h.queue = h.queue[1:]
		body, err := h.rules.DecodeMessage(m.Body)
		if err != nil {
			h.t.Fatal(err)
		}
		_, err = h.command(engine.Command{Name: m.To, Run: m.Run, Begin: m.Begin, Seed: m.Seed, Group: m.Group, Body: body})
		if err == nil {
			continue
		}
		_, to := Split(m.To.Key)
		h.printf("  %s refused %s", to, strings.TrimPrefix(fmt.Sprintf("%T", body), "*execution."))
		h.send(h.rules.Refused(m.To, body, err))
	}
}

// wakeOne fires the earliest wake that is due by a moment; before says the latest.
func (h *harness) wakeOne(by engine.Time, now func(engine.Time) engine.Time) bool {
	var first *harnessRun
	for _, r := range h.runs {
		if r.open() && r.record.Wake != 0 && r.record.Wake <= by && (first == nil || r.record.Wake < first.record.Wake) {
			first = r
		}
	}
	if first == nil {
		return false
	}
	h.now = max(h.now, now(first.record.Wake))
	last := len(first.events)
	wake := first.record.Wake
	if _, err := h.handle(first, engine.Wake{}); err != nil {
		h.t.Fatalf("wake: %v", err)
	}
	if len(first.events) == last && first.record.Wake == wake {
		h.t.Fatalf("%s: wake at %s did nothing", first.label, h.when(wake))
	}
	return true
}

// advance lets time pass; what is due fires at its moment.
func (h *harness) advance(span engine.Time) {
	end := h.now + span
	for h.wakeOne(end, func(wake engine.Time) engine.Time { return wake }) {
	}
	h.now = end
}

// jump lets time pass without anybody looking; then all that is due fires.
func (h *harness) jump(span engine.Time) {
	h.now += span
	for h.wakeOne(h.now, func(engine.Time) engine.Time { return h.now }) {
	}
}

// restart stops the server for a while: states are folded anew, and tasks that
// were on their way are offered again.
func (h *harness) restart(span engine.Time) {
	h.now += span
	h.up = h.now
	for _, r := range h.runs {
		r.state = h.fold(r)
		before := r.record
		r.record = h.rules.Record(r.state, h.up)
		if r.open() {
			h.sayRecord(r, before)
		}
	}
	for h.wakeOne(h.now, func(engine.Time) engine.Time { return h.now }) {
	}
}

// fold makes a run's state from its log alone.
func (h *harness) fold(r *harnessRun) engine.State { return h.foldOn(h.rules.New(r.id), r, 0) }

// foldOn brings a state that has so many events up to now, as a shard does.
func (h *harness) foldOn(s engine.State, r *harnessRun, has int) engine.State {
	for _, e := range r.events[has:] {
		if read := enginetest.ApplyStored(h.t, h.rules, s, e); !reflect.DeepEqual(read.Body, e.Body) {
			h.t.Errorf("%s: event %d reads back as %+v, was %+v", r.label, e.ID, read.Body, e.Body)
		}
	}
	keys := slices.SortedFunc(maps.Keys(r.notes), func(a, b noteKey) int {
		if a.subject != b.subject {
			return int(a.subject - b.subject)
		}
		return int(a.kind) - int(b.kind)
	})
	for _, k := range keys {
		h.rules.Note(s, engine.Note{Subject: k.subject, Kind: k.kind, Value: r.notes[k]})
	}
	return s
}

// decode makes a run's state from a snapshot that has so many events.
func (h *harness) decode(r *harnessRun, snapshot []byte, has int) engine.State {
	h.t.Helper()
	s, err := h.rules.DecodeState(r.id, snapshot)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.foldOn(s, r, has)
}

// verify compares the state that lived with the one that is folded from the log,
// and with one that went through a snapshot.
func (h *harness) verify(r *harnessRun) {
	h.t.Helper()
	lived := h.rules.EncodeState(r.state)
	folded := h.fold(r)
	if b := h.rules.EncodeState(folded); !bytes.Equal(lived, b) {
		h.t.Fatalf("%s: the folded state differs\nlived  %x\nfolded %x\n%+v\n%+v", r.label, lived, b, r.state, folded)
	}
	snap := h.decode(r, lived, len(r.events))
	if r.snapshot != nil { // notes may have come, changed and gone since it was taken
		if b := h.rules.EncodeState(h.decode(r, r.snapshot, r.at)); !bytes.Equal(lived, b) {
			h.t.Fatalf("%s: an earlier snapshot gives another state\nlived %x\nsnap  %x", r.label, lived, b)
		}
	}
	if r.verified++; r.verified%4 == 0 {
		r.snapshot, r.at = lived, len(r.events)
	}
	if b := h.rules.EncodeState(snap); !bytes.Equal(lived, b) {
		h.t.Fatalf("%s: the snapshot's state differs\nlived %x\nsnap  %x", r.label, lived, b)
	}
	for what, s := range map[string]engine.State{"folded": folded, "snapshot's": snap} {
		if rec := h.rules.Record(s, h.up); !reflect.DeepEqual(rec, r.record) {
			h.t.Fatalf("%s: the %s record differs\nlived %+v\nnow   %+v", r.label, what, r.record, rec)
		}
	}
	ids := map[int64]bool{}
	for i, o := range r.record.Offers {
		if i > 0 && r.record.Offers[i-1].ID >= o.ID || ids[o.ID] {
			h.t.Errorf("%s: offers are not in order: %+v", r.label, r.record.Offers)
		}
		ids[o.ID] = true
	}
	h.rules.Entries(r.id, &r.record)
}

func (h *harness) when(at engine.Time) string {
	ms := int64(at - houseStart)
	if ms%1000 == 0 {
		return fmt.Sprintf("+%ds", ms/1000)
	}
	return fmt.Sprintf("+%d.%03ds", ms/1000, ms%1000)
}

func (h *harness) sayEvent(r *harnessRun, e engine.Event) {
	kind := e.Body.(wire.EventBody).EventType()
	h.events[kind] = true
	body := reflect.ValueOf(e.Body).Elem()
	for _, field := range []string{"Cause", "TimeoutType"} {
		if f := body.FieldByName(field); f.IsValid() {
			if f.Kind() == reflect.Pointer && !f.IsNil() {
				f = f.Elem()
			}
			if f.Kind() == reflect.String {
				h.causes[kind+" "+f.String()] = true
			}
		}
	}
	if h.quiet {
		return
	}
	var public map[string]json.RawMessage
	if err := json.Unmarshal(e.Public, &public); err != nil {
		h.t.Fatalf("%s: event %d is not JSON: %v\n%s", r.label, e.ID, err, e.Public)
	}
	if len(public) != 4 || string(public["eventId"]) != fmt.Sprint(e.ID) || string(public["eventType"]) != `"`+kind+`"` {
		h.t.Errorf("%s: event %d has a wrong envelope: %s", r.label, e.ID, e.Public)
	}
	h.printf("%s %d %s %s", r.label, e.ID, kind, public[strings.ToLower(kind[:1])+kind[1:]+"EventAttributes"])
}

func (h *harness) sayNote(r *harnessRun, n engine.Note) {
	what := map[engine.NoteKind]string{
		engine.NoteDelivered: "delivered", task.NoteAttempt: "attempt", task.NoteHeartbeat: "heartbeat",
	}[n.Kind]
	switch {
	case len(n.Value) == 0:
		what += " gone"
	case n.Kind == task.NoteAttempt:
		k := r.state.(*State).openTask(n.Subject)
		what = fmt.Sprintf("attempt %d since %s", k.Attempt, h.when(k.Since))
		if k.Back {
			what += ", back"
		}
	case n.Kind == task.NoteHeartbeat:
		a := r.state.(*State).activity(n.Subject)
		what = fmt.Sprintf("heartbeat at %s %q", h.when(a.Beat.At), value(a.Beat.Details))
	}
	h.printf("  note %d %s", n.Subject, what)
}

func (h *harness) sayRecord(r *harnessRun, before engine.Record) {
	rec := r.record
	if offers := h.offers(rec); offers != h.offers(before) {
		h.printf("  offers %s", offers)
	}
	if rec.Wake != before.Wake && rec.Wake != 0 {
		h.printf("  wake %s", h.when(rec.Wake))
	}
	if rec.Status == engine.Closed && before.Status != engine.Closed {
		forget := "never"
		if rec.Forget != 0 {
			forget = h.when(rec.Forget)
		}
		l, err := DecodeListing(rec.Listing)
		if err != nil {
			h.t.Fatal(err)
		}
		h.printf("  closed %s, forget %s", l.CloseStatus, forget)
	}
}

func (h *harness) offers(rec engine.Record) string {
	if len(rec.Offers) == 0 {
		return "none"
	}
	var list []string
	for _, o := range rec.Offers {
		parts := strings.Split(o.List, "\x00")
		text := fmt.Sprintf("%s #%d", parts[0], o.ID)
		if len(parts) > 1 {
			text = fmt.Sprintf("%s %s #%d", parts[0], parts[len(parts)-1], o.ID)
		}
		if o.Priority != 0 {
			text += fmt.Sprintf(" priority %d", o.Priority)
		}
		if o.Held {
			text += " held"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// sayReply says what the caller of a command hears.
func (h *harness) sayReply(reply any, err error) {
	switch r := reply.(type) {
	case nil:
	case error:
		h.printf("  reply error: %v", r)
	case *Description:
		h.printf("  reply %s context %d", (&r.Detail).AppendJSON(nil), r.ContextEventID)
	default:
		b, jsonErr := json.Marshal(reply)
		if jsonErr != nil {
			h.t.Fatal(jsonErr)
		}
		h.printf("  reply %s", b)
	}
	if err != nil {
		h.printf("  error: %v", err)
	}
}

// said gives the words since the last call, run ids by their labels.
func (h *harness) said() string {
	s := h.out.String()
	h.out.Reset()
	for _, r := range h.runs {
		s = strings.ReplaceAll(s, FormatRun(r.id.Run), "<"+r.label+">")
		s = strings.ReplaceAll(s, r.id.Run.String(), "<"+r.label+">")
	}
	return s
}

// decideFacts looks types up: by their names "missing", "old" (deprecated) and
// "bare" (no defaults); all others have defaults for everything.
func decideFacts(decisions []wire.Decision) []Fact {
	facts := make([]Fact, len(decisions))
	status := func(name string) TypeStatus {
		switch name {
		case "missing":
			return TypeUnknown
		case "old":
			return TypeDeprecated
		}
		return TypeRegistered
	}
	p := func(s string) *string { return &s }
	workflow := func(name string) *wire.WorkflowTypeConfiguration {
		if name == "bare" {
			return &wire.WorkflowTypeConfiguration{}
		}
		return &wire.WorkflowTypeConfiguration{
			DefaultChildPolicy: p("TERMINATE"), DefaultExecutionStartToCloseTimeout: p("3600"),
			DefaultTaskList: &wire.TaskList{Name: "deciders"}, DefaultTaskStartToCloseTimeout: p("60"),
		}
	}
	for i, d := range decisions {
		f := &facts[i]
		switch {
		case d.ScheduleActivityTaskDecisionAttributes != nil:
			name := d.ScheduleActivityTaskDecisionAttributes.ActivityType.Name
			f.Type = status(name)
			f.Activity = &wire.ActivityTypeConfiguration{}
			if name != "bare" {
				f.Activity = &wire.ActivityTypeConfiguration{
					DefaultTaskHeartbeatTimeout: p("NONE"), DefaultTaskList: &wire.TaskList{Name: "workers"},
					DefaultTaskScheduleToCloseTimeout: p("NONE"), DefaultTaskScheduleToStartTimeout: p("NONE"),
					DefaultTaskStartToCloseTimeout: p("NONE"),
				}
			}
		case d.StartChildWorkflowExecutionDecisionAttributes != nil:
			name := d.StartChildWorkflowExecutionDecisionAttributes.WorkflowType.Name
			f.Type, f.Workflow = status(name), workflow(name)
		case d.ContinueAsNewWorkflowExecutionDecisionAttributes != nil:
			version := value(d.ContinueAsNewWorkflowExecutionDecisionAttributes.WorkflowTypeVersion)
			f.Type, f.Workflow = status(version), workflow(version)
		}
	}
	return facts
}
