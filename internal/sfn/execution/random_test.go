package execution

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/test/machines"
)

var (
	machineSeeds = flag.Int("machines", 1500, "how many random machines TestRandomMachines runs")
	machineSeed  = flag.Int64("machine", -1, "the one seed that TestRandomMachines runs, which it tells of")
)

// TestRandomMachines runs machines made at random under schedules made at random: workers
// that come in any order, attempts that get lost, servers that restart from their snapshots
// and from their logs, stops and redrives; tasks that run executions of other machines, tasks
// and machines that have little time, workers that hang or say that they are alive. What
// comes out is judged by an interpreter of its own, which reads the definitions alone, and
// knows neither events nor time; and the moments of events by what definitions say of them.
//
// How a worker answers depends on the input of its task alone, so that the outcome of most
// machines is the same in any order; where two parts that run at the same time may both
// fail, either failure may be the one that counts, and what has little time may run out of it.
func TestRandomMachines(t *testing.T) {
	from, to := int64(0), int64(*machineSeeds)
	if testing.Short() {
		to = min(to, 200)
	}
	if *machineSeed >= 0 {
		from, to = *machineSeed, *machineSeed+1
	}
	counts := map[string]int{}
	for seed := from; seed < to && !t.Failed(); seed++ {
		r := newRandomLife(t, seed, seed%3 > 0)
		r.live()
		counts[r.run.state.(*State).status]++
		counts["put off"] += r.putOff
		for _, run := range r.order {
			if run != r.run {
				counts["child "+run.state.(*State).status]++
			}
			for _, e := range run.events {
				counts[string(e.Body.(*Body).Type)]++
			}
		}
	}
	t.Log(counts)
	for what, part := range map[string]int{
		Succeeded: 10, Failed: 20, TimedOut: 100, "child " + Succeeded: 20, "child " + Failed: 100, "child " + TimedOut: 200, "child " + Aborted: 100,
		string(ActivityTimedOut): 20, string(TaskTimedOut): 100, string(TaskSubmitted): 20, string(ExecutionRedriven): 20, string(MapIterationAborted): 100, "put off": 2,
	} {
		if *machineSeed < 0 && counts[what] < int(to)/part {
			t.Errorf("%d of %d machines: %s; they are not mixed enough to show anything", counts[what], to, what)
		}
	}
}

// randomLife is one machine's execution, and those of the machines that it starts.
type randomLife struct {
	*harness
	*machines.Set
	rand     *rand.Rand
	seed     int64
	rich     bool
	run      *harnessRun
	stopped  bool                    // some child
	beats    map[beatKey]engine.Time // when tasks were heard of last
	redriven map[*harnessRun]bool
}

type beatKey struct {
	run       *harnessRun
	scheduled int64
}

// newRandomLife makes machines. Rich ones have nested executions, and little time.
func newRandomLife(t testing.TB, seed int64, rich bool) *randomLife {
	random := rand.New(rand.NewPCG(uint64(seed), 12))
	set := machines.Make(random, machines.Options{Depth: 3, Rich: rich})
	h := newHarness(t, DefaultLimits())
	h.quick = seed%10 != 0
	if seed%4 == 1 {
		h.paced(pacedBurst, pacedEach)
	}
	h.activities["a"] = registry.Encryption{}
	return &randomLife{harness: h, Set: set, rand: random, seed: seed, rich: rich, beats: map[beatKey]engine.Time{}, redriven: map[*harnessRun]bool{}}
}

// By this rate some lives go on.
const pacedBurst, pacedEach = 3, 50

// checkPace holds that executions of a world together enter no more states than its rate allows, up
// to any moment.
func (r *randomLife) checkPace() {
	if r.seed%4 != 1 {
		return
	}
	var entered []engine.Time
	for _, run := range r.order {
		for _, e := range run.events {
			if strings.HasSuffix(string(e.Body.(*Body).Type), "StateEntered") {
				entered = append(entered, e.At)
			}
		}
	}
	slices.Sort(entered)
	for i, at := range entered {
		if most := pacedBurst + int((at-houseStart)/pacedEach); i >= most {
			r.fail(r.run, "%d states were entered up to %d ms, and %d may be", i+1, at-houseStart, most)
			return
		}
	}
}

// begun starts the machine that all begins with.
func (r *randomLife) begun() *harnessRun {
	return r.begin(r.Root, "e", r.Definitions[r.Root], r.Input, knowing)
}

func knowing(s *Start) { s.Activities = []Activity{{ARN: machines.Activity}} }

func (r *randomLife) fail(run *harnessRun, format string, args ...any) {
	r.t.Helper()
	var all strings.Builder
	for _, run := range r.order {
		fmt.Fprintf(&all, "%q\n%s", run.id.Name.Key, run.history())
	}
	r.t.Errorf("seed %d: %q: %s\n%s\ninput %s\n%s\ngo test ./internal/sfn/execution -run RandomMachines -machine %d",
		r.seed, run.id.Name.Key, fmt.Sprintf(format, args...), fmt.Sprint(r.Definitions), r.Input, all.String(), r.seed)
}

func (r *randomLife) live() {
	r.run = r.begun()
	st := func() *State { return r.run.state.(*State) }
	must := func(run *harnessRun, body any) {
		if _, err := r.do(run, body); err != nil {
			r.fail(run, "%T: %v", body, err)
		}
	}
	stops := 0
	for steps := 0; !r.t.Failed(); steps++ {
		if steps > 20_000 {
			r.fail(r.run, "it does not end")
			return
		}
		if open := r.open(); open == nil {
			if stops == 2 || st().status == Succeeded || r.rand.IntN(4) > 0 && st().status == Failed {
				break
			}
			stops++
			must(r.run, &Redrive{})
			r.redriven[r.run] = true
			r.settle()
			continue
		}
		if stops == 0 && st().isOpen() && r.rand.IntN(60) == 0 {
			must(r.run, &Stop{})
			r.settle()
			continue
		}
		if len(r.order) > 1 && r.rand.IntN(40) == 0 {
			child := r.order[1+r.rand.IntN(len(r.order)-1)]
			if s := child.state.(*State); s.isOpen() {
				r.stopped = true
				must(child, &Stop{})
			} else if s.status != Succeeded && !r.redriven[child] { // nobody waits for it any more
				r.redriven[child] = true
				must(child, &Redrive{})
			}
			r.settle()
			continue
		}
		r.step()
		r.checkChildren()
	}
	for _, run := range r.order {
		if r.t.Failed() {
			return
		}
		r.judge(run)
	}
	r.checkPace()
}

// open is an execution that is open; nil: none is.
func (r *randomLife) open() *harnessRun {
	i := slices.IndexFunc(r.order, func(run *harnessRun) bool { return run.state.(*State).isOpen() })
	if i < 0 {
		return nil
	}
	return r.order[i]
}

// checkChildren holds that an execution which a task waits for runs only while it does.
func (r *randomLife) checkChildren() {
	for _, run := range r.order {
		s := run.state.(*State)
		p := s.settings.Parent
		if !p.Waits || !s.isOpen() || r.redriven[run] {
			continue
		}
		parent := r.runs[p.Name].state.(*State)
		if th := parent.working(p.Scheduled); th == nil || th.work.child != run.id.Run {
			r.fail(run, "it runs for a task that does not wait for it")
		}
	}
}

// judge holds what came out against what may.
func (r *randomLife) judge(run *harnessRun) {
	s := run.state.(*State)
	machine, _ := Split(run.id.Name.Key)
	want, all := r.Ends(machine, s.input.Text(), r.stopped)
	if *machineSeed >= 0 {
		r.t.Logf("%s\ninput %s\nwanted one of %+v\n%s", r.Definitions[machine], s.input.Text(), want, run.history())
	}
	r.verify(run)
	r.checkHistory(run)
	r.checkTimes(run)
	got := machines.End{Error: "none"}
	switch {
	case s.status == Succeeded:
		got = machines.End{Value: machines.Canonical(s.output.Text())}
	case s.status == TimedOut:
		got.Error = machines.RanOut
	case s.status == Aborted && run != r.run:
		return // somebody stopped it, or its parent did
	case s.err != nil:
		got.Error = s.err.Text()
	}
	if s.status == Aborted || all && !got.Among(want) {
		r.fail(run, "it ended as %s, %+v; wanted one of %+v", s.status, got, want)
	}
}

// todo is an open task.
type todo struct {
	run *harnessRun
	*work
}

// step does one thing that may happen.
func (r *randomLife) step() {
	var offered, started []todo
	timer, soon := false, false
	for _, run := range r.order {
		s := run.state.(*State)
		if !s.isOpen() {
			continue
		}
		timer = timer || run.record.Timer != 0
		soon = soon || run.record.Wake != 0 && run.record.Wake < r.now+3600_000
		for _, th := range s.threads {
			switch w := th.work; {
			case w == nil:
			case w.Takeable(r.up):
				offered = append(offered, todo{run, w})
			case w.Started != 0 && w.child.IsZero(): // else its child ends it
				started = append(started, todo{run, w})
			}
		}
	}
	pick := func(tasks []todo) todo { return tasks[r.rand.IntN(len(tasks))] }
	switch roll := r.rand.IntN(20); {
	case roll == 0:
		r.restart(r.rand.IntN(2) == 0)
	case roll < 8 && len(offered) > 0:
		r.take(pick(offered))
	case roll == 8 && len(started) > 0: // its answer got lost
		w := pick(started)
		r.must(w.run, &task.Undelivered{ScheduledEventID: w.Scheduled, Attempt: w.Attempt})
	case roll == 17 && r.rich && soon && r.rand.IntN(3) == 0:
		r.tick()
	case roll == 18 && r.rich && len(started) > 0:
		r.beat(pick(started))
	case len(started) > 0 && roll < 17:
		r.finish(pick(started))
	case len(offered) > 0:
		r.take(pick(offered))
	case timer, soon:
		r.tick()
	case len(started) == 0:
		r.fail(r.open(), "it waits for nothing")
	}
}

func (r *randomLife) must(run *harnessRun, body any) any {
	r.t.Helper()
	reply, err := r.do(run, body)
	if err != nil {
		r.fail(run, "%T: %v", body, err)
	}
	r.settle()
	return reply
}

// beat says that somebody is at a task.
func (r *randomLife) beat(w todo) {
	r.beats[beatKey{w.run, w.Scheduled}] = r.now
	r.must(w.run, &Heartbeat{Ref{ScheduledEventID: w.Scheduled}})
}

// take gives a task to somebody.
func (r *randomLife) take(w todo) {
	first := w.Started == 0
	r.must(w.run, &StartTask{ScheduledEventID: w.Scheduled})
	if first {
		r.beats[beatKey{w.run, w.Scheduled}] = r.now
	}
	if w.service != "" && r.rand.IntN(4) > 0 {
		r.finish(w)
	}
}

// finish does what a task asks for, and says what came of it.
func (r *randomLife) finish(w todo) {
	ref := Ref{ScheduledEventID: w.Scheduled}
	input := w.input.Text()
	if w.service != "" {
		var p struct {
			StateMachineArn string
			Input           json.RawMessage
		}
		if err := json.Unmarshal([]byte(input), &p); err != nil {
			r.t.Fatal(err)
		}
		input = string(p.Input)
		if w.submitted == 0 {
			r.perform(w, p.StateMachineArn, input)
			return
		}
	}
	name, output, hangs := machines.Answer(input, machines.Little(w.timeout))
	switch {
	case hangs:
	case name != "":
		r.must(w.run, &Fail{Ref: ref, Error: &name})
	default:
		r.must(w.run, &Succeed{Ref: ref, Output: output})
	}
}

// perform starts the execution that a task asks for, or finds that it has begun already, as
// the performer does; who may go away at any moment.
func (r *randomLife) perform(w todo, arn, input string) {
	machine := arn[strings.LastIndexByte(arn, ':')+1:]
	_, of := Split(w.run.id.Name.Key)
	name := fmt.Sprintf("%s-%d", of, w.Scheduled)
	pattern := asl.Pattern(w.pattern)
	child := r.runs[Name(testWorld, machine, name)]
	if child == nil {
		child = r.begin(machine, name, r.Definitions[machine], input, func(s *Start) {
			knowing(s)
			s.Parent = Parent{Name: w.run.id.Name, Run: w.run.id.Run, Scheduled: w.Scheduled, Waits: pattern == asl.Sync || pattern == asl.Sync2}
		})
	}
	s := child.state.(*State)
	if s.settings.Parent.Waits || r.rand.IntN(4) == 0 {
		return
	}
	ref, output := Ref{ScheduledEventID: w.Scheduled}, StartOutput(s.arn(), s.started, w.Scheduled)
	if pattern == asl.RequestResponse {
		r.must(w.run, &Succeed{Ref: ref, Output: output})
	} else {
		r.must(w.run, &Submit{Ref: ref, Output: output})
	}
}

// checkHistory checks what holds of every history.
func (r *randomLife) checkHistory(run *harnessRun) {
	entered := map[string]int{}
	for i, e := range run.events {
		body := e.Body.(*Body)
		if e.ID != int64(i+1) {
			r.fail(run, "event %d is the %dth", e.ID, i+1)
		}
		if body.Previous < 0 || body.Previous >= e.ID || body.Previous == 0 && i > 1 && body.Type != ExecutionAborted && body.Type != ExecutionTimedOut {
			r.fail(run, "event %d comes after %d", e.ID, body.Previous)
		}
		switch name := string(body.Type); {
		case strings.HasSuffix(name, "StateEntered"):
			entered[body.Name]++
		case strings.HasSuffix(name, "StateExited"):
			if entered[body.Name]--; entered[body.Name] < 0 {
				r.fail(run, "event %d leaves %s, where nobody is", e.ID, body.Name)
			}
		}
	}
	last := run.events[len(run.events)-1].Body.(*Body)
	if !strings.HasPrefix(string(last.Type), "Execution") {
		r.fail(run, "the last event is %s", last.Type)
	}
	if len(run.record.Offers) > 0 || run.record.Wake != 0 {
		r.fail(run, "it is closed, and wants something: %+v", run.record)
	}
	for key := range run.notes {
		r.fail(run, "a note is left: %+v", key)
	}
}

// checkTimes holds the moments of events against what the definition says of them. Here
// time passes only to what is due.
func (r *randomLife) checkTimes(run *harnessRun) {
	machine, _ := Split(run.id.Name.Key)
	states, seconds := r.States(machine), engine.Seconds(r.Timeout(machine))
	at := func(id int64) engine.Time { return run.events[id-1].At }
	scheduled := map[int64]int64{} // the task of each event of it
	began, redriven := at(1), int64(0)
	for _, e := range run.events {
		body := e.Body.(*Body)
		switch body.Type {
		case ExecutionRedriven:
			began, redriven = e.At, e.ID
		case ActivityScheduled, TaskScheduled:
			scheduled[e.ID] = e.ID
			before := run.events[body.Previous-1].Body.(*Body)
			name := string(before.Type)
			if redriven > body.Previous || !strings.HasSuffix(name, "Failed") && !strings.HasSuffix(name, "TimedOut") {
				break // it was redriven since, or is not tried again
			}
			if late := e.At - at(body.Previous); late < 1 || late > maxDelay {
				r.fail(run, "event %d tries again after %d ms", e.ID, late)
			}
		case ActivityStarted, TaskStarted, TaskSubmitted:
			scheduled[e.ID] = scheduled[body.Previous]
		case ActivityTimedOut, TaskTimedOut:
			id := scheduled[body.Previous]
			w := run.events[id-1].Body.(*Body)
			byTask := w.Timeout > 0 && e.At == at(id)+engine.Seconds(w.Timeout)
			heard := r.beats[beatKey{run, id}]
			if w.Type == TaskScheduled {
				heard = max(heard, at(id))
			}
			// A server that was down hears of heartbeats as if they had come when it was up again.
			byBeat := w.Heartbeat > 0 && e.At >= heard+engine.Seconds(w.Heartbeat)
			if !byTask && !byBeat || w.Timeout > 0 && e.At > at(id)+engine.Seconds(w.Timeout) {
				r.fail(run, "event %d times out %d ms after its task was scheduled", e.ID, e.At-at(id))
			}
		case "WaitStateExited":
			seconds := engine.Time(states[body.Name]["Seconds"].(float64)) * 1000
			from := at(body.Previous)
			if redriven > body.Previous { // it waits anew
				from = began
			}
			if e.At != from+seconds {
				r.fail(run, "event %d ends a wait of %d ms after %d", e.ID, seconds, e.At-from)
			}
		case ExecutionTimedOut:
			if e.At != began+seconds {
				r.fail(run, "event %d times out %d ms after the start", e.ID, e.At-began)
			}
		case ExecutionSucceeded, ExecutionFailed, ExecutionAborted:
			if seconds > 0 && e.At > began+seconds {
				r.fail(run, "event %d ends it %d ms after the start", e.ID, e.At-began)
			}
		}
	}
}

// maxDelay is the longest pause of the generator's Retriers: the third of 3 s.
const maxDelay = 12_000
