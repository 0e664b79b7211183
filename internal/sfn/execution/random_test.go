package execution

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"heddle/internal/engine/task"
	"heddle/internal/sfn/registry"
)

var (
	machineSeeds = flag.Int("machines", 1500, "how many random machines TestRandomMachines runs")
	machineSeed  = flag.Int64("machine", -1, "the one seed that TestRandomMachines runs, which it tells of")
)

// TestRandomMachines runs machines made at random under schedules made at random: workers
// that come in any order, attempts that get lost, servers that restart from their snapshots
// and from their logs, redrives. What comes out is judged by an interpreter of its own, which
// reads the definition alone, and knows neither events nor time.
//
// How a worker answers depends on the input of its task alone, so that the outcome of most
// machines is the same in any order; where two parts that run at the same time may both
// fail, either failure may be the one that counts.
func TestRandomMachines(t *testing.T) {
	from, to := int64(0), int64(*machineSeeds)
	if testing.Short() {
		to = min(to, 200)
	}
	if *machineSeed >= 0 {
		from, to = *machineSeed, *machineSeed+1
	}
	succeeded, failed, events := 0, 0, 0
	for seed := from; seed < to && !t.Failed(); seed++ {
		r := newRandomLife(t, seed)
		r.live()
		if st := r.run.state.(*State); st.status == Succeeded {
			succeeded++
		} else {
			failed++
		}
		events += len(r.run.events)
	}
	t.Logf("%d succeeded, %d failed; %d events", succeeded, failed, events)
	if *machineSeed < 0 && (succeeded < int(to)/10 || failed < int(to)/20) {
		t.Error("the machines are not mixed enough to show anything")
	}
}

// randomLife is one machine's execution.
type randomLife struct {
	*harness
	rand       *rand.Rand
	seed       int64
	definition string
	input      string
	run        *harnessRun
}

func newRandomLife(t testing.TB, seed int64) *randomLife {
	random := rand.New(rand.NewPCG(uint64(seed), 12))
	g := &generator{rand: random}
	machine := g.flow(3)
	limits := DefaultLimits()
	h := newHarness(t, limits)
	h.quick = seed%10 != 0
	h.activities["a"] = registry.Encryption{}
	return &randomLife{harness: h, rand: random, seed: seed, definition: jsonText(machine), input: jsonText(g.value(2))}
}

func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

func (r *randomLife) live() {
	t := r.t
	want := newNaive(r.definition).outcomes(r.input)
	fail := func(format string, args ...any) {
		t.Errorf("seed %d: %s\n%s\ninput %s\n%s\ngo test ./internal/sfn/execution -run RandomMachines -machine %d",
			r.seed, fmt.Sprintf(format, args...), r.definition, r.input, r.run.history(), r.seed)
	}
	r.run = r.begin("m", "e", r.definition, r.input, func(s *Start) { s.Activities = []Activity{{ARN: testActivity}} })
	st := func() *State { return r.run.state.(*State) }
	stops := 0
	for steps := 0; ; steps++ {
		if steps > 20_000 {
			fail("it does not end")
			return
		}
		if !st().isOpen() {
			if stops == 2 || st().status == Succeeded || r.rand.IntN(4) > 0 && st().status == Failed {
				break
			}
			stops++
			if _, err := r.do(r.run, &Redrive{}); err != nil {
				fail("redrive: %v", err)
				return
			}
			r.settle()
			continue
		}
		if stops == 0 && r.rand.IntN(60) == 0 {
			if _, err := r.do(r.run, &Stop{}); err != nil {
				fail("stop: %v", err)
				return
			}
			continue
		}
		r.step()
	}
	if *machineSeed >= 0 {
		t.Logf("%s\ninput %s\nwanted one of %+v\n%s", r.definition, r.input, want, r.run.history())
	}
	r.verify(r.run)
	r.checkHistory(fail)
	got := outcome{err: "none"}
	switch {
	case st().status == Succeeded:
		got = outcome{value: canonical(st().output.Text())}
	case st().err != nil:
		got.err = st().err.Text()
	}
	if st().status == Aborted || st().status == TimedOut || !got.among(want) {
		fail("it ended as %s, %+v; wanted one of %+v", st().status, got, want)
	}
}

const testActivity = "arn:aws:states:us-east-1:123456789012:activity:a"

// step does one thing that may happen.
func (r *randomLife) step() {
	s := r.run.state.(*State)
	var offered, started []*thread
	for _, th := range s.threads {
		switch {
		case th.work == nil:
		case th.work.Takeable(r.up):
			offered = append(offered, th)
		case th.work.Started != 0:
			started = append(started, th)
		}
	}
	pick := func(threads []*thread) *work { return threads[r.rand.IntN(len(threads))].work }
	must := func(body any) {
		if _, err := r.do(r.run, body); err != nil {
			r.t.Fatalf("seed %d: %T: %v", r.seed, body, err)
		}
		r.settle()
	}
	switch roll := r.rand.IntN(20); {
	case roll == 0:
		r.restart(r.rand.IntN(2) == 0)
	case roll < 8 && len(offered) > 0:
		must(&StartTask{ScheduledEventID: pick(offered).Scheduled})
	case roll == 8 && len(started) > 0: // its answer got lost
		w := pick(started)
		must(&task.Undelivered{ScheduledEventID: w.Scheduled, Attempt: w.Attempt})
	case len(started) > 0 && roll < 17:
		w := pick(started)
		ref := Ref{ScheduledEventID: w.Scheduled}
		if name, output := answerOf(w.input.Text()); name != "" {
			must(&Fail{Ref: ref, Error: &name})
		} else {
			must(&Succeed{Ref: ref, Output: output})
		}
	case len(offered) > 0:
		must(&StartTask{ScheduledEventID: pick(offered).Scheduled})
	case r.run.record.Timer != 0:
		r.tick()
	case len(started) == 0:
		r.t.Fatalf("seed %d: it waits for nothing\n%s\n%s", r.seed, r.definition, r.run.history())
	}
}

// answerOf is how a worker answers to an input: failing with a name, or with an output. It is
// a function of the input, so that every attempt of an order of events gives the same.
func answerOf(input string) (name, output string) {
	input = canonical(input)
	h := uint32(2166136261)
	for i := range len(input) {
		h = (h ^ uint32(input[i])) * 16777619
	}
	switch h >> 8 % 7 {
	case 0:
		return "Bad", ""
	case 1:
		return "Worse", ""
	}
	return "", fmt.Sprintf(`{"r":%d}`, h%5)
}

// checkHistory checks what holds of every history.
func (r *randomLife) checkHistory(fail func(string, ...any)) {
	entered := map[string]int{}
	for i, e := range r.run.events {
		body := e.Body.(*Body)
		if e.ID != int64(i+1) {
			fail("event %d is the %dth", e.ID, i+1)
		}
		if body.Previous < 0 || body.Previous >= e.ID || body.Previous == 0 && i > 1 && body.Type != ExecutionAborted {
			fail("event %d comes after %d", e.ID, body.Previous)
		}
		switch name := string(body.Type); {
		case strings.HasSuffix(name, "StateEntered"):
			entered[body.Name]++
		case strings.HasSuffix(name, "StateExited"):
			if entered[body.Name]--; entered[body.Name] < 0 {
				fail("event %d leaves %s, where nobody is", e.ID, body.Name)
			}
		}
	}
	last := r.run.events[len(r.run.events)-1].Body.(*Body)
	if !strings.HasPrefix(string(last.Type), "Execution") {
		fail("the last event is %s", last.Type)
	}
	if len(r.run.record.Offers) > 0 || r.run.record.Wake != 0 {
		fail("it is closed, and wants something: %+v", r.run.record)
	}
	for key := range r.run.notes {
		fail("a note is left: %+v", key)
	}
}

// canonical is a JSON text with its members in order, and without the numbers of events.
func canonical(text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	return eventNumbers.ReplaceAllString(jsonText(v), "entered at #")
}

var eventNumbers = regexp.MustCompile(`entered at the event id #\d+`)

// object is one of JSON.
type object = map[string]any

// generator makes machines.
type generator struct {
	rand              *rand.Rand
	states, variables int
	scope             []string // variables that can be read
}

func (g *generator) one(n int) bool { return g.rand.IntN(n) == 0 }

// value makes an input.
func (g *generator) value(depth int) any {
	switch n := g.rand.IntN(5); {
	case n == 0:
		return "text"
	case n == 1 && depth > 0:
		return []any{g.value(depth - 1), g.value(depth - 1)}
	case n == 2 && depth > 0:
		return object{"a": g.value(depth - 1), "b": 1}
	}
	return g.rand.IntN(10)
}

// flow makes states that follow each other. The first sets a variable, under a name that no
// flow around it has.
func (g *generator) flow(depth int) object {
	outer := g.scope
	states := []object{}
	if g.one(2) {
		name := fmt.Sprintf("v%d", g.variables)
		g.variables++
		set := object{name + ".$": "$"}
		if g.one(2) {
			set = object{name: g.value(1)}
		}
		states = append(states, object{"Type": "Pass", "Assign": set})
		defer func() { g.scope = outer }()
		g.scope = append(append([]string{}, outer...), name)
	}
	for range 1 + g.rand.IntN(4) {
		states = append(states, g.state(depth)...)
	}
	names := make([]string, len(states)+1)
	for i := range names {
		names[i] = fmt.Sprintf("S%d", g.states)
		g.states++
	}
	all := object{names[len(states)]: object{"Type": "Succeed"}}
	for i, st := range states {
		next := names[i+1]
		to := i + 1 + g.rand.IntN(len(states)-i)
		if to < len(states) && states[to]["Type"] == "Map" {
			to++ // it needs the list that the state before it gives
		}
		later := names[to]
		switch st["Type"] {
		case "Choice":
			for _, rule := range st["Choices"].([]any) {
				rule.(object)["Next"] = later
			}
			if !g.one(6) {
				st["Default"] = next
			}
		case "Fail":
			// never the first: what follows would not be reached
		default:
			st["Next"] = next
		}
		if catch, ok := st["Catch"]; ok {
			for _, c := range catch.([]any) {
				c.(object)["Next"] = later
			}
		}
		all[names[i]] = st
	}
	reached := map[string]bool{names[0]: true} // all transitions lead on
	for _, name := range names {
		st := all[name].(object)
		if !reached[name] {
			delete(all, name)
			continue
		}
		for _, from := range append(append(list(st["Choices"]), list(st["Catch"])...), st) {
			for _, field := range []string{"Next", "Default"} {
				if to, ok := from[field].(string); ok {
					reached[to] = true
				}
			}
		}
	}
	return object{"StartAt": names[0], "States": all}
}

// state makes a state, and before it what it needs.
func (g *generator) state(depth int) []object {
	n := g.rand.IntN(12)
	if depth == 0 && n > 8 {
		n -= 4
	}
	switch {
	case n < 2:
		st := object{"Type": "Pass"}
		switch g.rand.IntN(3) {
		case 0:
			st["Result"] = g.value(1)
		case 1:
			st["Parameters"] = g.template(false)
		}
		return []object{st}
	case n < 3:
		return []object{{"Type": "Wait", "Seconds": g.rand.IntN(4)}}
	case n < 5:
		return []object{{"Type": "Choice", "Choices": []any{object{"Variable": "$", []string{"IsNumeric", "IsString", "IsNull"}[g.rand.IntN(3)]: true}}}}
	case n < 9:
		st := object{"Type": "Task", "Resource": testActivity, "Parameters": g.template(g.one(2))}
		g.handlers(st)
		if g.one(3) {
			st["TimeoutSeconds"] = 90_000_000
		}
		return []object{st}
	case n < 10:
		st := object{"Type": "Parallel"}
		branches := []any{}
		for range 1 + g.rand.IntN(3) {
			branches = append(branches, g.flow(depth-1))
		}
		st["Branches"] = branches
		if g.one(2) {
			st["Parameters"] = g.template(false)
		}
		g.handlers(st)
		return []object{st}
	case n < 11:
		list := []any{}
		for range g.rand.IntN(4) {
			list = append(list, g.value(1))
		}
		st := object{"Type": "Map", "ItemProcessor": g.flow(depth - 1)}
		if g.one(2) {
			st["MaxConcurrency"] = g.rand.IntN(3)
		}
		if g.one(2) {
			st["ItemSelector"] = object{"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
		}
		if g.one(3) {
			st["ToleratedFailureCount"] = 1
		}
		g.handlers(st)
		return []object{{"Type": "Pass", "Result": list}, st}
	}
	// A state that only some get to.
	return []object{
		{"Type": "Choice", "Choices": []any{object{"Variable": "$", "IsNumeric": true}}},
		{"Type": "Fail", "Error": "F", "Cause": "fails"},
	}
}

func (g *generator) template(counts bool) object {
	o := object{"in.$": "$", "k": g.rand.IntN(50)}
	if counts {
		o["n.$"] = "$$.State.RetryCount"
	}
	if len(g.scope) > 0 && g.one(2) {
		o["v.$"] = "$" + g.scope[g.rand.IntN(len(g.scope))]
	}
	return o
}

var errorLists = [][]any{
	{"Bad"}, {"Worse", "F"}, {"States.TaskFailed"}, {"States.ALL"}, {"States.NoChoiceMatched"}, {"States.ExceedToleratedFailureThreshold"}, {"States.Timeout"},
}

func (g *generator) handlers(st object) {
	if g.one(2) {
		retry := []any{}
		for i := range 1 + g.rand.IntN(2) {
			errors := errorLists[g.rand.IntN(len(errorLists))]
			if i == 0 && errors[0] == "States.ALL" {
				errors = errorLists[0]
			}
			retry = append(retry, object{"ErrorEquals": errors, "MaxAttempts": g.rand.IntN(3), "IntervalSeconds": 1 + g.rand.IntN(3), "JitterStrategy": []string{"NONE", "FULL"}[g.rand.IntN(2)]})
		}
		st["Retry"] = retry
	}
	if g.one(2) {
		st["Catch"] = []any{object{"ErrorEquals": errorLists[g.rand.IntN(len(errorLists))]}}
	}
}
