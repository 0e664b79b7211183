package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/sfn"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/maprun"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/wire"
	"heddle/test/machines"
)

// machineKind is that of executions of state machines.
const machineKind = execution.Kind

// machineWorld is what differs in the worlds of Step Functions.
type machineWorld struct {
	api   *service.Service // of the present process
	sets  []*machines.Set
	limit int // of events

	stopped bool // somebody has tried to stop an execution
	names   map[engine.Name]*life
	ends    map[string]machineEnds // what was foretold
}

type machineEnds struct {
	ends []machines.End
	all  bool
}

func newMachineWorld(random *rand.Rand) *machineWorld {
	m := &machineWorld{names: map[engine.Name]*life{}, ends: map[string]machineEnds{}, limit: 25_000}
	for _, prefix := range []string{"p", "q"} {
		m.sets = append(m.sets, machines.Make(random, machines.Options{Depth: 1 + random.IntN(2), Prefix: prefix, Rich: true, Hasty: true, Distributed: true}))
	}
	if random.IntN(5) == 0 {
		m.limit = 20 + random.IntN(60) // then what ends so is not foretold
	}
	return m
}

// set is the one that a machine is of.
func (m *machineWorld) set(machine string) *machines.Set {
	return m.sets[slices.IndexFunc(m.sets, func(s *machines.Set) bool { return s.Definitions[machines.Base(machine)] != "" })]
}

// foretold tells how an execution may end.
func (m *machineWorld) foretold(machine, input string) machineEnds {
	if m.limit < 1000 {
		return machineEnds{}
	}
	key := fmt.Sprint(machine, m.stopped, input)
	e, ok := m.ends[key]
	if !ok {
		e.ends, e.all = m.set(machine).Ends(machine, input, m.stopped)
		m.ends[key] = e
	}
	return e
}

// rules are those of a process that starts: it has compiled no machine.
func (m *machineWorld) rules(broken *brokenMachines) map[engine.Kind]engine.Rules {
	m.api = sfn.Service()
	options := m.api.Options.(*sfn.Options)
	options.Registry, options.Execution = registry.DefaultLimits(), execution.DefaultLimits()
	options.Execution.RetentionDays, options.Execution.EventsMax = 1, m.limit
	rules := m.api.Rules()
	if broken != nil {
		b := *broken
		b.Rules = rules[machineKind].(*execution.Rules)
		rules[machineKind] = &b
		if b.mapRuns != nil {
			of := *b.mapRuns
			of.Rules = rules[maprun.Kind].(*maprun.Rules)
			rules[maprun.Kind] = &of
		}
	}
	return rules
}

// brokenMachines are rules that break something, for the judge to see.
type brokenMachines struct {
	*execution.Rules
	record   func(*engine.Record)
	notes    bool // are not stored
	messages bool // are not sent
	runsOn   bool // nobody is stopped by another
	same     bool // whoever starts an execution again is told that it is theirs
	mapRuns  *brokenMapRuns
}

// brokenMapRuns are rules of map runs that break something.
type brokenMapRuns struct {
	*maprun.Rules
	loses  bool // some items are never begun
	mixes  bool // outputs are those of other items
	begins int
}

func (r *brokenMapRuns) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	if c, ok := body.(*execution.ChildClosed); ok && r.mixes && c.Status == execution.Succeeded {
		mixed := *c
		mixed.Output = `"another"`
		body = &mixed
	}
	t, err := r.Rules.Handle(s, body, in)
	t.Messages = slices.DeleteFunc(t.Messages, func(m engine.Message) bool {
		told, _ := r.DecodeMessage(m.Body)
		if _, begins := told.(*execution.StartItem); begins {
			r.begins++
			return r.loses && r.begins%3 == 0
		}
		return false
	})
	return t, err
}

func (r *brokenMachines) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	if _, ok := body.(*execution.Same); ok && r.same {
		return engine.Turn{Reply: &execution.Started{At: in.Now}}, nil
	}
	t, err := r.Rules.Handle(s, body, in)
	if r.notes {
		t.Notes = nil
	}
	t.Messages = slices.DeleteFunc(t.Messages, func(m engine.Message) bool {
		told, _ := r.DecodeMessage(m.Body)
		_, stops := told.(*execution.StopChild)
		return m.To.Kind == machineKind && (r.messages || r.runsOn && stops)
	})
	return t, err
}

func (r *brokenMachines) Record(s engine.State, up engine.Time) engine.Record {
	rec := r.Rules.Record(s, up)
	if r.record != nil {
		r.record(&rec)
	}
	return rec
}

// Put keeps a definition. It is durable at once.
func (h *harness) Put(_ context.Context, r io.Reader) (blob.Ref, error) {
	if err := h.disk.op(); err != nil {
		return blob.Ref{}, err
	}
	b, err := io.ReadAll(r)
	if h.disk.dead {
		return blob.Ref{}, errDead
	}
	if err != nil {
		return blob.Ref{}, err
	}
	id := blob.ID(sha256.Sum256(b))
	h.w.blobs[id] = b
	return blob.Ref{ID: id, Size: int64(len(b))}, nil
}

// Read implements service.Blobs.
func (h *harness) Read(ctx context.Context, id blob.ID) ([]byte, error) { return h.readBlob(ctx, id) }

// Open implements service.Blobs.
func (h *harness) Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error) {
	b, err := h.readBlob(ctx, id)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b[min(offset, int64(len(b))):])), nil
}

func (h *harness) readBlob(_ context.Context, id blob.ID) ([]byte, error) {
	if err := h.disk.read(); err != nil {
		return nil, err
	}
	b, ok := h.w.blobs[id]
	if !ok {
		return nil, blob.ErrNotFound
	}
	return bytes.Clone(b), nil
}

// performer is the life of a real performer: of nested executions, or of jobs.
func (h *harness) performer(parts []service.Part, name, list string) func(*thread) {
	i := slices.IndexFunc(parts, func(p service.Part) bool { return p.Name == name })
	performs := parts[i].Service.(interface {
		Take(context.Context, *matching.Claim) error
	})
	return func(t *thread) {
		w := h.w
		for !h.disk.dead && !w.ending {
			hold, _ := h.within(context.Background(), 20*time.Second)
			claim, err := h.Poll(hold, list, matching.Poller{})
			if err == nil && claim != nil {
				err = performs.Take(context.Background(), claim)
				h.touched = true
			}
			if err != nil {
				w.sleep(t, 100)
			}
		}
	}
}

func machineARN(machine string) string { return execution.MachineARN(here, machine) }

// createAll creates the activity and the machines.
func (c *client) createAll() {
	must := func(name string, in encoder) {
		for !c.w.ending {
			if o := c.call(name, in, nil); o.known {
				return
			}
			c.w.sleep(c.t, 100)
		}
	}
	must("CreateActivity", &wire.CreateActivityInput{Name: "a"})
	for _, set := range c.w.machines.sets {
		for _, name := range slices.Sorted(maps.Keys(set.Definitions)) {
			must("CreateStateMachine", &wire.CreateStateMachineInput{Name: name, Definition: set.Definitions[name], RoleARN: "arn:aws:iam::" + account + ":role/r"})
		}
	}
}

func (w *world) startMachineCallers() {
	for i := range 2 + w.random.IntN(2) {
		w.callers++
		w.spawn(fmt.Sprintf("caller%d", i), func(t *thread) {
			(&client{w, t}).operateMachines()
			w.callers--
		})
	}
	for i := range 2 + w.random.IntN(2) {
		w.spawn(fmt.Sprintf("worker%d", i), func(t *thread) { (&client{w, t}).workMachines(fmt.Sprintf("w%d", i)) })
	}
	w.spawn("holder", func(t *thread) { (&client{w, t}).holdTokens() })
}

var (
	machineNames = []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	otherInputs  = []string{"5", `"text"`, `{"a":[1,2]}`}
)

// operateMachines is the life of a caller: starts, stops, redrives and looks.
func (c *client) operateMachines() {
	w := c.w
	for !w.ending && !w.draining {
		w.sleep(c.t, engine.Time(w.random.IntN(int(w.busyness))))
		set := w.machines.sets[w.random.IntN(len(w.machines.sets))]
		l := w.someMachineRun()
		switch n := w.random.IntN(20); {
		case n < 9 || l == nil:
			input := set.Input
			if w.chance(3) {
				input = w.one(otherInputs...)
			}
			c.startMachine(set.Root, w.one(machineNames...), input)
		case n < 10:
			mark := w.judge.mark()
			w.machines.stopped = true
			o := c.write("StopExecution", &wire.StopExecutionInput{ExecutionARN: l.machine.arn, Cause: &mark}, nil, "")
			if o.ok() {
				w.judge.settled(func() {
					if l.machine.closes == 0 && !l.gone {
						w.judge.fail("run %s was stopped, and has not ended", l.Run)
					}
				})
			}
		case n < 12:
			c.redrive(l)
		case n < 14:
			c.describeMachine(l)
		case n < 17:
			c.machineHistory(l)
		case n < 18:
			c.mapRun()
		default:
			c.listMachines(set.Root)
		}
	}
}

// someMachineRun is an execution that was seen.
func (w *world) someMachineRun() *life {
	var all []*life
	for _, l := range w.judge.order {
		if l.machine != nil && !l.gone {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.random.IntN(len(all))]
}

// startMachine starts an execution, perhaps one that was started before: with the same input
// that is a success, with another one a refusal.
func (c *client) startMachine(machine, name, input string) {
	w := c.w
	var out wire.StartExecutionOutput
	o := c.write("StartExecution", &wire.StartExecutionInput{StateMachineARN: machineARN(machine), Name: &name, Input: &input}, &out, "")
	if !o.known {
		return
	}
	key := execution.Name(here, machine, name)
	w.judge.settled(func() {
		l := w.machines.names[key]
		switch {
		case l == nil:
			w.judge.fail("the start of %q was answered with %q, and it is nowhere", key.Key, o.fault)
		case o.fault != "" && o.fault != "ExecutionAlreadyExists":
			w.judge.fail("the start of %q was refused: %s", key.Key, o.fault)
		case o.ok() && (l.machine.input != input || out.ExecutionARN != l.machine.arn || engine.Time(out.StartDate) != l.machine.startedAt):
			w.judge.fail("the start of %q with %s was acknowledged, and it runs with %s: %+v", key.Key, input, l.machine.input, out)
		case o.fault != "" && l.machine.input == input && l.machine.closes == 0:
			w.judge.fail("the start of %q was refused, and it runs with the same input", key.Key)
		}
	})
}

func (c *client) redrive(l *life) {
	w := c.w
	token := w.judge.mark()
	l.machine.redrivesAsked++
	var out wire.RedriveExecutionOutput
	o := c.write("RedriveExecution", &wire.RedriveExecutionInput{ExecutionARN: l.machine.arn, ClientToken: &token}, &out, "")
	if o.ok() {
		l.machine.redrivesDone++
	}
	w.judge.settled(func() {
		if n := l.machine.redrives; !l.gone && n < l.machine.redrivesDone {
			w.judge.fail("run %s was redriven %d times, of which it knows %d", l.Run, l.machine.redrivesDone, n)
		}
	})
}

func (c *client) describeMachine(l *life) {
	w := c.w
	events := l.machine.last
	var out wire.DescribeExecutionOutput
	o := c.call("DescribeExecution", &wire.DescribeExecutionInput{ExecutionARN: l.machine.arn}, &out)
	if !o.known {
		return
	}
	w.judge.settled(func() {
		m := l.machine
		switch {
		case l.gone:
		case !o.ok():
			w.judge.fail("DescribeExecution of run %s: %s", l.Run, o.fault)
		case out.ExecutionARN != m.arn || out.Input == nil || *out.Input != m.input || engine.Time(out.StartDate) != m.startedAt:
			w.judge.fail("run %s is described as %+v", l.Run, out)
		case m.last == events && out.Status != m.status: // nothing has happened meanwhile
			w.judge.fail("run %s is described as %s, and is %s", l.Run, out.Status, m.status)
		case out.Status != execution.Running && (out.StopDate == nil || m.closes == 0):
			w.judge.fail("run %s is described as %s, and has not ended", l.Run, out.Status)
		}
	})
}

func (c *client) machineHistory(l *life) {
	w := c.w
	known := l.machine.last
	in := &wire.GetExecutionHistoryInput{ExecutionARN: l.machine.arn, MaxResults: ptr(int64(3 + w.random.IntN(100)))}
	reverse := w.chance(3)
	if reverse {
		in.ReverseOrder = &reverse
	}
	var events []wire.HistoryEvent
	for {
		var page wire.GetExecutionHistoryOutput
		o := c.call("GetExecutionHistory", in, &page)
		if !o.ok() {
			if o.known {
				w.judge.settled(func() {
					if !l.gone {
						w.judge.fail("GetExecutionHistory of run %s: %s", l.Run, o.fault)
					}
				})
			}
			return
		}
		events = append(events, page.Events...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	if reverse {
		slices.Reverse(events)
	}
	w.judge.settled(func() {
		if int64(len(events)) < known {
			w.judge.fail("GetExecutionHistory of run %s gave %d events, there were %d", l.Run, len(events), known)
		}
		for i := range events {
			if e := &events[i]; e.ID != int64(i+1) || !l.gone && (i >= len(l.machine.types) || e.Type != l.machine.types[i]) {
				w.judge.fail("GetExecutionHistory of run %s gave event %d %s as event %d", l.Run, e.ID, e.Type, i+1)
				return
			}
		}
	})
}

// listMachines lists executions, and holds the list against what was durable.
func (c *client) listMachines(machine string) {
	w := c.w
	j := w.judge
	before := w.steps
	var out wire.ListExecutionsOutput
	o := c.call("ListExecutions", &wire.ListExecutionsInput{StateMachineARN: ptr(machineARN(machine)), MaxResults: ptr(int64(1000))}, &out)
	if !o.ok() {
		return
	}
	seen := map[string]bool{}
	for _, e := range out.Executions {
		if seen[e.ExecutionARN] {
			j.fail("ListExecutions lists %s twice", e.ExecutionARN)
		}
		seen[e.ExecutionARN] = true
	}
	for _, l := range j.order {
		if l.machine == nil || l.machine.of != machine || l.gone {
			continue
		}
		t := j.times[l.Run]
		if t != nil && t.opened < before && !seen[l.machine.arn] && !j.dirty[l.Run] {
			j.fail("ListExecutions does not list run %s of %q", l.Run, l.Name.Key)
		}
		if (t == nil || t.opened > o.at) && seen[l.machine.arn] {
			j.fail("ListExecutions lists run %s of %q before anything of it was durable", l.Run, l.Name.Key)
		}
	}
	j.settled(func() {
		for arn := range seen {
			if !slices.ContainsFunc(j.order, func(l *life) bool { return l.machine != nil && l.machine.arn == arn }) {
				j.fail("ListExecutions lists %s, which is nowhere", arn)
			}
		}
	})
}

// mapRun looks at a map run and its executions: there is one for each item, and they are counted as
// they end.
func (c *client) mapRun() {
	w := c.w
	var all []*life
	for _, l := range w.judge.order {
		if l.Name.Kind == execution.MapRunKind && !l.gone {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return
	}
	l := all[w.random.IntN(len(all))]
	run := execution.MapRunARN(l.Name)
	if w.chance(4) {
		n := int64(w.random.IntN(5))
		o := c.call("UpdateMapRun", &wire.UpdateMapRunInput{MapRunARN: run, MaxConcurrency: &n}, nil)
		w.judge.settled(func() {
			if o.fault == "ValidationException" && !l.gone && !l.closed {
				w.judge.fail("UpdateMapRun of %s, which is open: %s", run, o.fault)
			}
		})
	}
	var d wire.DescribeMapRunOutput
	if o := c.call("DescribeMapRun", &wire.DescribeMapRunInput{MapRunARN: run}, &d); !o.ok() {
		w.judge.settled(func() {
			if o.known && !l.gone {
				w.judge.fail("DescribeMapRun of %s: %s", run, o.fault)
			}
		})
		return
	}
	items, executions := d.ItemCounts, d.ExecutionCounts
	if n := items.Pending + items.Running + items.Succeeded + items.Failed + items.TimedOut + items.Aborted; d.Status == execution.Succeeded && (n != items.Total || items.Pending+items.Running > 0) {
		w.judge.fail("map run %s has ended with the counts %+v", run, items)
	}
	if d.Status != execution.Succeeded {
		return
	}
	var out wire.ListExecutionsOutput
	if o := c.call("ListExecutions", &wire.ListExecutionsInput{MapRunARN: &run, MaxResults: ptr(int64(1000))}, &out); !o.ok() {
		return
	}
	w.judge.settled(func() {
		if w.judge.someGone {
			return
		}
		ends, seen := map[string]int64{}, map[int64]bool{}
		for _, e := range out.Executions {
			i := slices.IndexFunc(w.judge.order, func(l *life) bool { return l.machine != nil && l.machine.arn == e.ExecutionARN })
			if i < 0 {
				w.judge.fail("map run %s lists %s, which is nowhere", run, e.ExecutionARN)
				return
			}
			ends[e.Status]++
			for _, item := range itemsOf(w.judge.order[i].machine.input) {
				if seen[item] || item < 0 || item >= items.Total {
					w.judge.fail("map run %s has item %d of %d in %s, and perhaps in another", run, item, items.Total, e.ExecutionARN)
				}
				seen[item] = true
			}
		}
		if int64(len(seen)) != items.Total || ends[execution.Succeeded] != executions.Succeeded || ends[execution.Failed] != executions.Failed ||
			ends[execution.Aborted] != executions.Aborted || int64(len(out.Executions)) != executions.Total {
			w.judge.fail("map run %s has ended with the counts %+v of executions and %+v of items; it has %v, of %d items", run, executions, items, ends, len(seen))
		}
	})
}

// itemsOf are the numbers of the items in the input of an execution of theirs.
func itemsOf(input string) (all []int64) {
	type item struct{ I int64 }
	var in struct {
		I     int64
		Items []item
	}
	if err := json.Unmarshal([]byte(input), &in); err != nil {
		panic(err)
	}
	if in.Items == nil {
		return []int64{in.I}
	}
	for _, of := range in.Items {
		all = append(all, of.I)
	}
	return all
}

// workMachines is the life of a worker.
func (c *client) workMachines(name string) {
	w := c.w
	for !w.ending {
		w.sleep(c.t, engine.Time(w.random.IntN(500)))
		var task wire.GetActivityTaskOutput
		o := c.call("GetActivityTask", &wire.GetActivityTaskInput{ActivityARN: machines.Activity, WorkerName: &name}, &task)
		if !o.ok() || task.TaskToken == nil || *task.TaskToken == "" {
			c.rest(o)
			continue
		}
		token, ok := execution.ParseToken(*task.TaskToken)
		if !ok {
			w.judge.fail("GetActivityTask gave token %q", *task.TaskToken)
			continue
		}
		w.judge.gotMachineTask(token, o.disruptions)
		if w.strikes(lostWorker) {
			continue
		}
		for !w.draining && w.chance(3) {
			w.sleep(c.t, engine.Time(w.random.IntN(2500)))
			if c.call("SendTaskHeartbeat", &wire.SendTaskHeartbeatInput{TaskToken: *task.TaskToken}, nil).refused() {
				break
			}
		}
		w.sleep(c.t, engine.Time(w.random.IntN(2500)))
		c.answer(token, *task.Input, wire.HistoryEventTypeActivitySucceeded, wire.HistoryEventTypeActivityFailed)
		if w.chance(6) { // once more, as who has forgotten that they did
			c.answer(token, *task.Input, wire.HistoryEventTypeActivitySucceeded, wire.HistoryEventTypeActivityFailed)
		}
	}
}

// answer ends a task as its input says.
func (c *client) answer(token execution.Token, input, succeeded, failed string) {
	w := c.w
	name, output, hangs := machines.Answer(input, true)
	var o outcome
	want := succeeded
	switch {
	case hangs:
		return
	case name != "":
		want = failed
		o = c.write("SendTaskFailure", &wire.SendTaskFailureInput{TaskToken: token.String(), Error: &name}, nil, "")
	default:
		o = c.write("SendTaskSuccess", &wire.SendTaskSuccessInput{TaskToken: token.String(), Output: output}, nil, "")
	}
	w.judge.settled(func() {
		l := w.judge.lives[token.Run]
		switch {
		case !o.known || l == nil || l.gone:
		case l.closed && l.view.Forget <= w.latest: // it may be forgotten
		case o.ok() && l.machine.ends[token.Scheduled] != want:
			w.judge.fail("the task of event %d of run %s was acknowledged as %s, and ended as %q", token.Scheduled, token.Run, want, l.machine.ends[token.Scheduled])
		case o.fault == "TaskTimedOut" && l.machine.open(token.Scheduled):
			w.judge.fail("the task of event %d of run %s is open, and its answer was refused", token.Scheduled, token.Run)
		case o.fault != "" && o.fault != "TaskTimedOut":
			w.judge.fail("the answer to the task of event %d of run %s was refused: %s", token.Scheduled, token.Run, o.fault)
		case o.ok():
			if l.machine.acknowledged[token.Scheduled]++; l.machine.acknowledged[token.Scheduled] > 1 {
				w.judge.fail("the end of the task of event %d of run %s was acknowledged twice", token.Scheduled, token.Run)
			}
		}
	})
}

// holdTokens is the life of who gets the tokens of tasks that wait for them.
func (c *client) holdTokens() {
	w := c.w
	for !w.ending {
		w.sleep(c.t, engine.Time(200+w.random.IntN(2000)))
		type held struct {
			token execution.Token
			input string
		}
		var all []held
		for _, l := range w.judge.order {
			if l.machine == nil || l.closed || l.gone {
				continue
			}
			for _, id := range slices.Sorted(maps.Keys(l.machine.tasks)) {
				if k := l.machine.tasks[id]; k.token != "" {
					if token, ok := execution.ParseToken(k.token); ok {
						all = append(all, held{token, k.input})
					}
				}
			}
		}
		if len(all) == 0 {
			continue
		}
		h := all[w.random.IntN(len(all))]
		if w.chance(3) {
			c.call("SendTaskHeartbeat", &wire.SendTaskHeartbeatInput{TaskToken: h.token.String()}, nil)
			continue
		}
		c.answer(h.token, h.input, wire.HistoryEventTypeTaskSucceeded, wire.HistoryEventTypeTaskFailed)
	}
}

// begunOnce holds that a name begins one execution.
func (j *judge) begunOnce(l *life) {
	if other := j.w.machines.names[l.Name]; other != nil && !other.gone {
		j.fail("%q has two executions, %s and %s", l.Name.Key, other.Run, l.Run)
	}
	j.w.machines.names[l.Name] = l
}

// gotMachineTask is got for the task of an activity.
func (j *judge) gotMachineTask(token execution.Token, disruptions int) {
	key := taskKey{token.Run, token.Scheduled}
	before, again := j.handed[key]
	if again && before.disruptions == disruptions {
		j.fail("the task of event %d of run %s was delivered and came again", token.Scheduled, token.Run)
	}
	j.handed[key] = handed{nil, disruptions}
	j.settled(func() {
		l := j.lives[token.Run]
		switch {
		case l == nil && j.someGone, l != nil && l.gone:
		case l == nil || !l.machine.started[token.Scheduled]:
			j.fail("the task of event %d of run %s was handed out before its start was durable", token.Scheduled, token.Run)
		}
	})
}

// awaited holds that an execution which a task waits for runs only while it does. No message
// is under way.
func (j *judge) awaited(l *life) {
	m := l.machine
	if !j.w.machines.set(m.of).Awaited[m.of] || m.redrives > 0 {
		return
	}
	for _, parent := range j.order {
		if parent.machine == nil || parent.closed || parent.gone {
			continue
		}
		for _, k := range parent.machine.tasks {
			if k.child == m.arn {
				return
			}
		}
	}
	j.fail("run %s of %q is open, and no task waits for it", l.Run, strings.ReplaceAll(l.Name.Key, "\x00", "/"))
}
