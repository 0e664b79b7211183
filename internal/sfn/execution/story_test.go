package execution

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: a command, four dashes, what it gave. The lines under
// machine are a definition, those under start and succeed a JSON text.
//
// An event is told as "run id type <previous details", without what says that a payload is
// whole; then what is on offer and when the run wants to be woken, where that changed.
func TestStories(t *testing.T) {
	cover, told := coverage{}, 0
	files := golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string {
		s := &story{harness: newHarness(t, DefaultLimits()), machines: map[string]string{}, labels: map[string]*toldRun{}}
		text = golden.Blocks(text, s.tell)
		cover.add(path.Base(t.Name()), s)
		told++
		return text
	})
	if !t.Failed() && told == files { // not if -run chose some
		cover.check(t)
	}
}

// story plays one file.
type story struct {
	*harness
	machines map[string]string
	labels   map[string]*toldRun
	names    []string
	out      strings.Builder
}

// toldRun is a run, and how much of it was told.
type toldRun struct {
	*harnessRun
	events int
	line   string // offers and wake
}

// words are those of a command: a verb, a label, key=value; then its further lines.
type words struct {
	s      *story
	values map[string]string
	rest   string
}

func (w words) text(key string) *string {
	if v, ok := w.values[key]; ok {
		return &v
	}
	return nil
}

func (w words) int(key string, otherwise int64) int64 {
	v, ok := w.values[key]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		w.s.t.Fatal(err)
	}
	return n
}

// sized is how long a text instead of further lines shall be; 0: nothing says so.
func (w words) sized(fields []string) int {
	for _, field := range fields {
		if size, ok := strings.CutPrefix(field, "size="); ok {
			n, err := strconv.Atoi(size)
			if err != nil {
				w.s.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func (s *story) tell(command string) (said string, answered bool) {
	first, rest, _ := strings.Cut(strings.TrimSuffix(command, "\n"), "\n")
	fields := strings.Fields(first)
	w := words{s: s, values: map[string]string{}, rest: rest}
	label := ""
	if n := w.sized(fields); n > 0 {
		w.rest = `"` + strings.Repeat("x", n-2) + `"`
	}
	for _, field := range fields[1:] {
		if key, value, ok := strings.Cut(field, "="); ok {
			w.values[key] = value
		} else {
			label = field
		}
	}
	if fields[0] == "machine" {
		if m, found := asl.Compile([]byte(rest), asl.Options{}); m == nil {
			s.t.Fatalf("%s: %v", label, found)
		}
		s.machines[label] = rest
		return "", false
	}
	reply, err := s.play(fields[0], label, w)
	switch {
	case err != nil:
		fmt.Fprintf(&s.out, "  error %v\n", err)
	case reply != nil:
		if t, ok := reply.(*Task); ok {
			if Sealed(t.Input) {
				var err error
				if t.Input, err = s.reveal(t.Input); err != nil {
					s.t.Fatal(err)
				}
				t.Input = "sealed " + t.Input
			}
			fmt.Fprintf(&s.out, "  task %d started by %d, attempt %d, %s of %s %s\n", t.ScheduledEventID, t.StartedEventID, t.Attempt, t.Token, t.Role, t.Input)
			break
		}
		if d, ok := reply.(*Description); ok {
			fmt.Fprintf(&s.out, "  described %s, redriven %d times; %s\n", d.Status, d.Redrives, d.NotRedrivable)
			break
		}
		b, wrong := json.Marshal(reply)
		if wrong != nil {
			s.t.Fatal(wrong)
		}
		fmt.Fprintf(&s.out, "  reply %s\n", b)
	}
	for _, label := range s.names {
		s.news(label)
	}
	said = s.out.String()
	s.out.Reset()
	return s.readable(said), true
}

// readable replaces tokens and run ids by what they are of.
func (s *story) readable(text string) string {
	for _, label := range s.names {
		st := s.labels[label].state.(*State)
		for id := range s.labels[label].events {
			if scheduled := int64(id + 1); strings.HasSuffix(string(s.labels[label].harnessRun.events[id].Body.(*Body).Type), "Scheduled") {
				text = strings.ReplaceAll(text, st.token(scheduled).String(), fmt.Sprintf("<token %s %d>", label, scheduled))
			}
		}
		run, _ := json.Marshal(st.id.Run)
		text = strings.ReplaceAll(text, string(run), `"<run `+label+`>"`)
	}
	return text
}

// news tells what has happened to a run since it was told last.
func (s *story) news(label string) {
	r := s.labels[label]
	for _, e := range r.harnessRun.events[r.events:] {
		body := e.Body.(*Body)
		fmt.Fprintf(&s.out, "%s %d %s <%d", label, e.ID, body.Type, body.Previous)
		var members map[string]json.RawMessage
		public := s.view(&e)
		if err := json.Unmarshal(public, &members); err != nil {
			s.t.Fatalf("%s: %v", public, err)
		}
		if details := shapes[body.Type].details; details != "" {
			text := string(members[details])
			for _, whole := range []string{"input", "output", "assignedVariables"} {
				text = strings.ReplaceAll(text, `,"`+whole+`Details":{"truncated":false}`, "")
			}
			if len(text) > 2000 {
				text = fmt.Sprintf("%s… %d bytes", text[:200], len(text))
			}
			s.out.WriteString(" " + text)
		}
		s.out.WriteString("\n")
	}
	for _, n := range r.notifications {
		text := string(n.Body)
		if len(text) > 3000 {
			text = fmt.Sprintf("…%s and %d bytes", text[len(text)-500:], len(text)-500)
		}
		fmt.Fprintf(&s.out, "  notification of %d %s\n", n.Event, text)
	}
	r.notifications = nil
	r.events = len(r.harnessRun.events)
	line := s.state(r.harnessRun)
	if line != r.line {
		s.out.WriteString(line)
		r.line = line
	}
}

// state tells of what a run waits.
func (s *story) state(r *harnessRun) string {
	if r.record.Status == engine.Closed {
		return fmt.Sprintf("  closed %s\n", r.state.(*State).status)
	}
	var b strings.Builder
	for _, o := range r.record.Offers {
		list := strings.Split(o.List, "\x00")
		held := ""
		if o.Held {
			held = " held"
		}
		name := list[len(list)-1]
		fmt.Fprintf(&b, "  offers %s #%d%s\n", name[strings.LastIndex(name, ":")+1:], o.ID, held)
	}
	if r.record.Wake != 0 && r.record.Wake < r.record.Started+engine.Seconds(executionSecondsMax) {
		fmt.Fprintf(&b, "  wake %s\n", time.Duration(r.record.Wake-houseStart)*time.Millisecond)
	}
	return b.String()
}

func (s *story) play(verb, label string, w words) (any, error) {
	span := func() engine.Time {
		d, err := time.ParseDuration(label)
		if err != nil {
			s.t.Fatal(err)
		}
		return engine.Time(d.Milliseconds())
	}
	switch verb {
	case "limits":
		l := DefaultLimits()
		l.EventsMax = int(w.int("events", int64(l.EventsMax)))
		l.OpenExecutionsMax = int(w.int("open", int64(l.OpenExecutionsMax)))
		s.rules = New(l, asl.NewCache(1<<20))
		return nil, nil
	case "pace": // one state each so many ms, and at first as many as burst says
		s.paced(engine.Time(w.int("burst", 1)), engine.Time(w.int("each", 1000)))
		return nil, nil
	case "activity":
		s.activities[label] = registry.Encryption{Key: w.values["key"], ReuseSeconds: w.int("reuse", 0)}
		return nil, nil
	case "key": // of machines that are started from now on
		s.key = registry.Encryption{Key: label, ReuseSeconds: 300}
		return nil, nil
	case "refuse": // what is sealed of a machine, or an activity
		s.keys.refused[arnOf(label)] = &KeyError{Code: w.values["code"], Message: "Key " + label + " can't be used."}
		return nil, nil
	case "accept":
		delete(s.keys.refused, arnOf(label))
		return nil, nil
	case "others":
		s.open = int(w.int("open", 0))
		return nil, nil
	case "notify":
		s.notify = engine.NotifyPublic
		return nil, nil
	case "tick":
		if !s.tick() {
			s.t.Fatal("nothing is due, ever")
		}
		return nil, nil
	case "advance":
		s.advance(span())
		return nil, nil
	case "restart": // after so long, in which nothing was running
		s.now += span()
		s.restart(w.values["from"] != "log")
		return nil, nil
	case "start":
		return nil, s.start(label, w, nil)
	case "child":
		return nil, s.child(label, w)
	}
	r := s.labels[label]
	if r == nil {
		s.t.Fatalf("no run %q", label)
	}
	reply, err := s.do(r.harnessRun, s.body(verb, r.harnessRun, w))
	s.settle()
	return reply, err
}

// start begins machine/name; what is in rest is its input.
func (s *story) start(label string, w words, parent *Parent) error {
	machine, name, ok := strings.Cut(label, "/")
	definition, known := s.machines[machine]
	if !ok || !known {
		s.t.Fatalf("no machine %q", machine)
	}
	input := w.rest
	if input == "" {
		input = "{}"
	}
	r, err := s.tryBegin(machine, name, definition, input, func(c *Start) {
		m, _ := asl.Compile([]byte(definition), asl.Options{})
		if w.values["activities"] != "none" {
			for _, arn := range m.Activities {
				c.Activities = append(c.Activities, Activity{ARN: arn, Encryption: registry.Encryption{Key: w.values["activitykey"]}})
			}
		}
		c.Version, c.Alias, c.Trace = w.values["version"], w.values["alias"], w.values["trace"]
		if parent != nil {
			c.Parent = *parent
		}
	})
	if err == nil {
		s.labels[name] = &toldRun{harnessRun: r}
		s.names = append(s.names, name)
	}
	return err
}

// arnOf is the ARN of machine:NAME or activity:NAME.
func arnOf(label string) string {
	if name, ok := strings.CutPrefix(label, "machine:"); ok {
		return MachineARN(testWorld, name)
	}
	return "arn:aws:states:us-east-1:123456789012:" + label
}

// child does what the performer of states:startExecution does: it takes the task of a run,
// starts as=machine/name for it, and says so, unless it is the child who does.
func (s *story) child(label string, w words) error {
	r := s.labels[label].harnessRun
	reply, err := s.do(r, &StartTask{ScheduledEventID: s.offered(r, w)})
	if err != nil {
		return err
	}
	t := reply.(*Task)
	var p struct{ Input json.RawMessage }
	if err := json.Unmarshal([]byte(t.Input), &p); err != nil {
		return err
	}
	w.rest = string(p.Input)
	parent := &Parent{Name: r.id.Name, Run: r.id.Run, Scheduled: t.ScheduledEventID}
	_, pattern, waits := strings.Cut(t.Resource, ".")
	parent.Waits = waits && pattern != "waitForTaskToken"
	for meanwhile := range strings.SplitSeq(w.values["meanwhile"], "+") { // before the child has begun
		switch meanwhile {
		case "stopped":
			if _, err := s.do(r, &Stop{}); err != nil {
				return err
			}
		case "forgotten":
			delete(s.runs, r.id.Name)
		case "refused":
			s.keys.refused[r.state.(*State).of] = &KeyError{Code: "KmsInvalidStateException", Message: "Its key can't be used."}
		case "late":
			s.tick()
		}
	}
	if err := s.start(w.values["as"], w, parent); err != nil {
		return err
	}
	_, name, _ := strings.Cut(w.values["as"], "/")
	child := s.labels[name]
	output := StartOutput(child.state.(*State).arn(), child.state.(*State).started, t.ScheduledEventID)
	ref := Ref{ScheduledEventID: t.ScheduledEventID}
	switch {
	case !waits:
		_, err = s.do(r, &Succeed{Ref: ref, Output: output})
	case !parent.Waits:
		_, err = s.do(r, &Submit{Ref: ref, Output: output})
	}
	s.settle()
	return err
}

// offered is the task that a command names, or the first on offer.
func (s *story) offered(r *harnessRun, w words) int64 {
	if n := w.int("scheduled", 0); n != 0 {
		return n
	}
	for _, o := range r.record.Offers {
		if !o.Held {
			return o.ID
		}
	}
	return 0
}

// ref names a task as its worker does: by its token, that of another, or one shown by a
// stranger; or as the server's own performers do.
func (s *story) ref(r *harnessRun, w words) Ref {
	scheduled := w.int("scheduled", 0)
	st := r.state.(*State)
	if scheduled == 0 {
		for _, th := range st.threads {
			if th.work != nil && (scheduled == 0 || th.work.Scheduled < scheduled) {
				scheduled = th.work.Scheduled
			}
		}
	}
	token := st.token(scheduled)
	ref := Ref{Token: &token, World: testWorld}
	switch w.values["by"] {
	case "performer":
		return Ref{ScheduledEventID: scheduled}
	case "stranger":
		ref.World.Account = "999999999999"
	case "forger":
		token.Proof[0]++
	}
	return ref
}

func (s *story) body(verb string, r *harnessRun, w words) any {
	output := w.rest
	if output == "" {
		output = "{}"
	}
	switch verb {
	case "poll":
		return &StartTask{ScheduledEventID: s.offered(r, w), Worker: w.text("worker")}
	case "look":
		return &Look{ScheduledEventID: s.offered(r, w)}
	case "succeed":
		return &Succeed{Ref: s.ref(r, w), Output: output}
	case "fail":
		return &Fail{Ref: s.ref(r, w), Error: w.text("error"), Cause: w.text("cause"), Unstarted: w.values["unstarted"] != ""}
	case "heartbeat":
		return &Heartbeat{Ref: s.ref(r, w)}
	case "submit":
		return &Submit{Ref: s.ref(r, w), Output: output, Asked: w.values["asked"] != ""}
	case "delivered":
		return &task.Delivered{ScheduledEventID: w.int("scheduled", 0), Attempt: w.int("attempt", 1)}
	case "undelivered":
		return &task.Undelivered{ScheduledEventID: w.int("scheduled", 0), Attempt: w.int("attempt", 1)}
	case "stop":
		return &Stop{Error: w.text("error"), Cause: w.text("cause")}
	case "redrive":
		return &Redrive{ClientToken: w.values["token"]}
	case "describe":
		return &Describe{}
	case "same":
		return &Same{Input: w.rest, Version: w.values["version"], Alias: w.values["alias"]}
	case "wake":
		return engine.Wake{}
	}
	s.t.Fatalf("no command %q", verb)
	return nil
}
