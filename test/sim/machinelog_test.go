package sim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/go-faster/jx"

	"heddle/internal/engine"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/wire"
	"heddle/test/machines"
)

// machineLog is the history of an execution of a state machine as a user reads it: it knows
// nothing of the rules, and holds each event against those before and the definition.
type machineLog struct {
	j    *judge
	life *life
	of   string // the machine
	arn  string
	set  *machines.Set

	last      int64
	at        engine.Time
	types     []string // of the events, from the first
	input     string
	startedAt engine.Time
	begun     engine.Time // or redriven
	status    string
	closes    int // how often it has ended

	redrives, redrivesAsked, redrivesDone int

	states       map[string]map[string]any // of the definition
	within       [][]int64                 // iterations that an event is in, by event id: their MapIterationStarted
	iterations   map[int64]iteration       // by MapIterationStarted
	waits        map[int64]engine.Time     // by WaitStateEntered: when they end
	tasks        map[int64]*machineTask    // open ones, by Scheduled event
	task         map[int64]int64           // the Scheduled event of an event of a task
	started      map[int64]bool            // tasks that ever were
	ends         map[int64]string          // type of the event that ended a task
	acknowledged map[int64]int             // ends of tasks
}

type iteration struct {
	name  string
	index int64
}

type machineTask struct {
	at, startedAt engine.Time
	started       int64
	timeout, beat int64
	token, input  string // of what waits for its token
	child         string // ARN of the execution that runs for it
}

func newMachineLog(j *judge, l *life) *machineLog {
	machine, name := execution.Split(l.Name.Key)
	set := j.w.machines.set(machine)
	return &machineLog{
		j: j, life: l, of: machine, arn: execution.ARN(here, machine, name), set: set, states: set.States(machine),
		within: [][]int64{nil}, iterations: map[int64]iteration{}, waits: map[int64]engine.Time{}, tasks: map[int64]*machineTask{},
		task: map[int64]int64{}, started: map[int64]bool{}, ends: map[int64]string{}, acknowledged: map[int64]int{},
	}
}

func (m *machineLog) fail(format string, args ...any) {
	m.j.fail("run %s of %q: "+format, append([]any{m.life.Run, strings.ReplaceAll(m.life.Name.Key, "\x00", "/")}, args...)...)
}

// ofItem tells whether the execution is that of an item of a map run.
func (m *machineLog) ofItem() bool { return m.of != machines.Base(m.of) }

func (m *machineLog) lastEvent() int64 { return m.last }
func (m *machineLog) ended() bool      { return m.status != execution.Running }
func (m *machineLog) kinds() []string  { return m.types }

// read reads further events, with commas between them.
func (m *machineLog) read(b []byte) {
	list := append(append([]byte{'['}, b...), ']')
	err := jx.DecodeBytes(list).Arr(func(d *jx.Decoder) error {
		var e wire.HistoryEvent
		if err := e.Decode(d); err != nil {
			return err
		}
		m.event(&e)
		return nil
	})
	if err != nil {
		m.fail("history %s: %v", b, err)
	}
}

func (m *machineLog) event(e *wire.HistoryEvent) {
	at, previous := engine.Time(e.Timestamp), int64(0)
	if e.PreviousEventID != nil {
		previous = *e.PreviousEventID
	}
	m.j.w.coverage.machines[e.Type]++
	m.j.w.note("run %s event %d %s at %d", m.life.Run, e.ID, e.Type, at)
	switch {
	case e.ID != m.last+1:
		m.fail("event %d after event %d", e.ID, m.last)
	case at < m.at:
		m.fail("event %d at %d after one at %d", e.ID, at, m.at)
	case (m.last == 0) != (e.Type == wire.HistoryEventTypeExecutionStarted):
		m.fail("event %d is %s", e.ID, e.Type)
	case m.last > 0 && m.ended() != (e.Type == wire.HistoryEventTypeExecutionRedriven):
		m.fail("event %d is %s, and it is %s", e.ID, e.Type, m.status)
	case previous < 0 || previous >= e.ID:
		m.fail("event %d comes after event %d", e.ID, previous)
	}
	if m.j.failure != "" {
		return
	}
	m.last, m.at = e.ID, at
	m.types = append(m.types, e.Type)
	m.within = append(m.within, m.within[previous])
	switch {
	case strings.HasPrefix(e.Type, "Execution"):
		m.executionEvent(e)
	case strings.HasPrefix(e.Type, "MapIteration"):
		m.iterationEvent(e, previous)
	case strings.HasPrefix(e.Type, "WaitState"):
		m.waitEvent(e, previous)
	case e.Type == wire.HistoryEventTypeTaskStateAborted:
		delete(m.tasks, m.task[previous])
	case strings.HasPrefix(e.Type, "Activity"), strings.HasPrefix(e.Type, "Task") && !strings.HasPrefix(e.Type, "TaskState"):
		m.taskEvent(e, previous)
	}
}

func (m *machineLog) executionEvent(e *wire.HistoryEvent) {
	switch e.Type {
	case wire.HistoryEventTypeExecutionStarted:
		m.input, m.startedAt, m.begun, m.status = *e.ExecutionStartedEventDetails.Input, m.at, m.at, execution.Running
	case wire.HistoryEventTypeExecutionRedriven:
		m.begun, m.status = m.at, execution.Running
		if m.redrives++; m.redrives > m.redrivesAsked && !m.ofItem() { // its map run may have done that
			m.fail("event %d redrives it for the %dth time, and that was asked for %d times", e.ID, m.redrives, m.redrivesAsked)
		}
	case wire.HistoryEventTypeExecutionSucceeded:
		m.close(execution.Succeeded, machines.End{Value: machines.Canonical(*e.ExecutionSucceededEventDetails.Output)})
	case wire.HistoryEventTypeExecutionFailed:
		d := e.ExecutionFailedEventDetails
		if d.Cause != nil && strings.HasPrefix(*d.Cause, "The execution reached the maximum number of history events") {
			if int(e.ID) != m.j.w.machines.limit {
				m.fail("its history is full with event %d", e.ID)
			}
			m.closed(execution.Failed)
			return
		}
		m.close(execution.Failed, machines.End{Error: *d.Error})
	case wire.HistoryEventTypeExecutionTimedOut:
		seconds := m.set.Timeout(m.of)
		if end := m.begun + engine.Seconds(seconds); seconds == 0 || m.at < end {
			m.fail("event %d: it timed out at %d, due at %d", e.ID, m.at, end)
		}
		m.close(execution.TimedOut, machines.End{Error: machines.RanOut})
	case wire.HistoryEventTypeExecutionAborted:
		if !m.set.Awaited[m.of] && !m.ofItem() && !m.j.w.machines.stopped {
			m.fail("event %d: nobody has stopped it", e.ID)
		}
		m.closed(execution.Aborted)
	}
}

// close takes in how it ended, and holds that against what was foretold.
func (m *machineLog) close(status string, end machines.End) {
	m.closed(status)
	if e := m.j.w.machines.foretold(m.of, m.input); e.all && !end.Among(e.ends) {
		m.fail("it ended as %s, %+v; %s with %s may end as %+v", status, end, m.set.Definitions[m.of], m.input, e.ends)
	}
}

func (m *machineLog) closed(status string) {
	m.status = status
	m.closes++
	clear(m.waits)
	clear(m.tasks)
}

func (m *machineLog) iterationEvent(e *wire.HistoryEvent, previous int64) {
	around := m.within[previous]
	var d *wire.MapIterationEventDetails
	for _, details := range []*wire.MapIterationEventDetails{
		e.MapIterationStartedEventDetails, e.MapIterationSucceededEventDetails, e.MapIterationFailedEventDetails, e.MapIterationAbortedEventDetails,
	} {
		if details != nil {
			d = details
		}
	}
	if e.Type == wire.HistoryEventTypeMapIterationStarted {
		if i := m.innermost(around, *d.Name, -1); i >= 0 { // after another one
			around = around[:i]
		}
		m.iterations[e.ID] = iteration{*d.Name, *d.Index}
		m.within[e.ID] = append(slices.Clone(around), e.ID)
		return
	}
	i := m.innermost(around, *d.Name, *d.Index)
	if i < 0 {
		m.fail("event %d ends iteration %d of %s, which does not run", e.ID, *d.Index, *d.Name)
		return
	}
	ended := around[i]
	if e.Type == wire.HistoryEventTypeMapIterationSucceeded { // else a redrive goes on with it
		m.within[e.ID] = around[:i]
	}
	inside := func(id int64) bool { return slices.Contains(m.within[id], ended) }
	maps.DeleteFunc(m.waits, func(id int64, _ engine.Time) bool { return inside(id) })
	maps.DeleteFunc(m.tasks, func(id int64, _ *machineTask) bool { return inside(id) })
}

// innermost finds the last iteration of a Map state in a list; -1: none. An index below 0 is
// any.
func (m *machineLog) innermost(list []int64, name string, index int64) int {
	for i, id := range slices.Backward(list) {
		if it := m.iterations[id]; it.name == name && (index < 0 || it.index == index) {
			return i
		}
	}
	return -1
}

func (m *machineLog) waitEvent(e *wire.HistoryEvent, previous int64) {
	switch e.Type {
	case wire.HistoryEventTypeWaitStateEntered:
		seconds := m.states[e.StateEnteredEventDetails.Name]["Seconds"].(float64)
		m.waits[e.ID] = m.at + engine.Time(seconds)*1000
	case wire.HistoryEventTypeWaitStateExited:
		until, waits := m.waits[previous]
		if waits && m.at < until || !waits && m.redrives == 0 {
			m.fail("event %d ends the wait of event %d at %d, due at %d", e.ID, previous, m.at, until)
		}
		delete(m.waits, previous)
	default:
		delete(m.waits, previous)
	}
}

func (m *machineLog) taskEvent(e *wire.HistoryEvent, previous int64) {
	k := &machineTask{at: m.at}
	switch {
	case e.ActivityScheduledEventDetails != nil:
		d := e.ActivityScheduledEventDetails
		k.timeout, k.beat = value(d.TimeoutInSeconds), value(d.HeartbeatInSeconds)
	case e.TaskScheduledEventDetails != nil:
		d := e.TaskScheduledEventDetails
		k.timeout, k.beat = value(d.TimeoutInSeconds), value(d.HeartbeatInSeconds)
		var p struct{ Input json.RawMessage }
		if err := json.Unmarshal([]byte(d.Parameters), &p); err != nil {
			m.fail("event %d: %v", e.ID, err)
		}
		if strings.HasSuffix(d.Resource, ".waitForTaskToken") {
			var in struct{ Token string }
			if err := json.Unmarshal(p.Input, &in); err != nil {
				m.fail("event %d: %v", e.ID, err)
			}
			k.token, k.input = in.Token, string(p.Input)
		}
	default:
		m.taskGoesOn(e, previous)
		return
	}
	m.tasks[e.ID], m.task[e.ID] = k, e.ID
}

// taskGoesOn is taskEvent for what comes after its schedule.
func (m *machineLog) taskGoesOn(e *wire.HistoryEvent, previous int64) {
	id := m.task[previous]
	k := m.tasks[id]
	if k == nil {
		m.fail("event %d %s is of a task that is not open", e.ID, e.Type)
		return
	}
	m.task[e.ID] = id
	switch e.Type {
	case wire.HistoryEventTypeActivityStarted, wire.HistoryEventTypeTaskStarted:
		if k.started != 0 {
			m.fail("event %d starts the task of event %d once more", e.ID, id)
		}
		k.started, k.startedAt = e.ID, m.at
		m.started[id] = true
		return
	case wire.HistoryEventTypeTaskSubmitted:
		var out struct{ ExecutionArn string }
		if err := json.Unmarshal([]byte(*e.TaskSubmittedEventDetails.Output), &out); err != nil {
			m.fail("event %d: %v", e.ID, err)
		}
		k.child = out.ExecutionArn
		return
	case wire.HistoryEventTypeActivityTimedOut, wire.HistoryEventTypeTaskTimedOut:
		from := k.startedAt
		if e.Type == wire.HistoryEventTypeTaskTimedOut {
			from = k.at
		}
		late := k.beat > 0 && from != 0 && m.at >= from+engine.Seconds(k.beat)
		if !late && (k.timeout == 0 || m.at < k.at+engine.Seconds(k.timeout)) {
			m.fail("event %d: the task of event %d timed out at %d, and was scheduled at %d", e.ID, id, m.at, k.at)
		}
	}
	m.ends[id] = e.Type
	delete(m.tasks, id)
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func (m *machineLog) open(scheduled int64) bool { return m.tasks[scheduled] != nil }

func (m *machineLog) waiting() []int64 {
	var ids []int64
	for id, k := range m.tasks {
		if k.started == 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (m *machineLog) due() (at engine.Time, what string) {
	earliest := func(t engine.Time, of string) {
		if at == 0 || t < at {
			at, what = t, of
		}
	}
	if seconds := m.set.Timeout(m.of); seconds > 0 {
		earliest(m.begun+engine.Seconds(seconds), "its timeout")
	}
	for _, id := range slices.Sorted(maps.Keys(m.waits)) {
		earliest(m.waits[id], "the end of a wait")
	}
	for _, id := range slices.Sorted(maps.Keys(m.tasks)) {
		if k := m.tasks[id]; k.timeout > 0 {
			earliest(k.at+engine.Seconds(k.timeout), "the timeout of a task")
		}
	}
	return at, what
}
