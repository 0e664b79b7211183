package server

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
	"heddle/test/linear"
)

var histories = flag.Int("histories", 3, "how many histories each test of linearizability makes")

// crowd is concurrent clients who share a few workflowIds, and the history of what
// they asked and were told.
type crowd struct {
	t          *testing.T
	call       func(ctx context.Context, action, body string) heard
	states     func(ctx context.Context, action, body string) heard
	history    linear.History
	ids        []string
	impatience float64      // how many of the calls are given up before their answer
	marks      atomic.Int64 // calls until now
	cutAt      int64        // at which call the server is cut off; 0: never
	cut        func()
	happens    map[int64]func() // beside the call of that number

	mu    sync.Mutex
	runs  map[string][]string // by workflowId: marks of starts whose run is known
	runID map[string]string   // by mark of the start
	tasks []openTask
	held  []heldTask // of machines
}

// openTask is a decision task that a client has taken.
type openTask struct {
	id, run, token string
	started        int
}

// work has clients call at random, each so often.
func (c *crowd) work(seed uint64, clients, calls int) {
	var all sync.WaitGroup
	for client := range clients {
		random := rand.New(rand.NewPCG(seed, uint64(client)))
		all.Go(func() {
			for range calls {
				c.act(client, random)
			}
		})
	}
	all.Wait()
}

// act makes one call and notes what came of it.
func (c *crowd) act(client int, random *rand.Rand) {
	number := c.marks.Add(1)
	if happens := c.happens[number]; happens != nil {
		happens()
	}
	switch {
	case c.cutAt == 0 || number < c.cutAt:
	case number == c.cutAt:
		go c.cut() // while others are being answered
	case number > c.cutAt+20:
		return // all have noticed
	}
	ctx := c.t.Context()
	if random.Float64() < c.impatience {
		var hangUp context.CancelFunc
		ctx, hangUp = context.WithTimeout(ctx, time.Duration(random.IntN(2000))*time.Microsecond)
		defer hangUp()
	}
	id := c.ids[random.IntN(len(c.ids))]
	mark := strconv.FormatInt(number, 10)
	if id[0] == 'm' {
		c.actOnMachine(ctx, client, id, mark, random)
		return
	}
	domain := `{"domain":"shop","workflowId":"` + id + `"`
	switch n := random.IntN(20); {
	case n < 4:
		end := c.history.Begin(client, linear.Call{Action: linear.Start, WorkflowID: id, Mark: mark})
		a := c.call(ctx, "StartWorkflowExecution", domain+`,"workflowType":{"name":"order","version":"1"},"taskList":{"name":"`+id+`"},"input":"<`+mark+`>"}`)
		if a.ok() {
			var out struct{ RunID string }
			c.decode(a, &out)
			c.learn(id, mark, out.RunID)
		}
		end(c.outcome(a, "WorkflowExecutionAlreadyStartedFault"))
	case n < 7:
		end := c.history.Begin(client, linear.Call{Action: linear.Signal, WorkflowID: id, Mark: mark})
		a := c.call(ctx, "SignalWorkflowExecution", domain+`,"signalName":"go","input":"<`+mark+`>"}`)
		end(c.outcome(a, "UnknownResourceFault"))
	case n < 9:
		end := c.history.Begin(client, linear.Call{Action: linear.Terminate, WorkflowID: id, Mark: mark})
		a := c.call(ctx, "TerminateWorkflowExecution", domain+`,"reason":"<`+mark+`>"}`)
		end(c.outcome(a, "UnknownResourceFault"))
	case n < 12:
		c.poll(ctx, client, id)
	case n < 15:
		c.respond(ctx, client, mark, random)
	case n < 18:
		c.look(ctx, client, id, random, n == 17)
	default:
		c.count(ctx, client, id, n == 18)
	}
}

// outcome of a call that may be refused with one fault only.
func (c *crowd) outcome(a heard, refusal string) linear.Outcome {
	switch {
	case a.unknown():
		return linear.Outcome{Unknown: true}
	case a.ok():
		return linear.Outcome{}
	case a.fault != refusal:
		c.t.Errorf("refused with %s", a.body)
	}
	return linear.Outcome{Refused: true}
}

func (c *crowd) decode(a heard, v any) {
	if err := a.into(v); err != nil {
		c.t.Error(err)
	}
}

// learn notes which run a start began. Every client must be told the same.
func (c *crowd) learn(id, mark, run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runID[mark] == "" {
		c.runID[mark] = run
		c.runs[id] = append(c.runs[id], mark)
	}
	if c.runID[mark] != run {
		c.t.Errorf("the start %s began run %s, or %s", mark, c.runID[mark], run)
	}
}

// shortOf writes events as the model has them.
func (c *crowd) shortOf(events []json.RawMessage) string {
	var b strings.Builder
	for _, text := range events {
		var e shownEvent
		if err := json.Unmarshal(text, &e); err != nil {
			c.t.Error(err)
		}
		_, after, _ := strings.Cut(string(text), "<")
		mark, _, _ := strings.Cut(after, ">")
		event, err := linear.Event(e.Type, mark)
		if err != nil {
			c.t.Error(err)
		}
		b.WriteString(event)
	}
	return b.String()
}

func (c *crowd) poll(ctx context.Context, client int, id string) {
	end := c.history.Begin(client, linear.Call{Action: linear.Poll, WorkflowID: id})
	a := c.call(ctx, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"`+id+`"}}`)
	if a.unknown() {
		return
	}
	var out struct {
		TaskToken         string
		StartedEventID    int
		WorkflowExecution struct{ RunID string }
		Events            []json.RawMessage
	}
	c.decode(a, &out)
	o := linear.Outcome{Events: c.shortOf(out.Events)}
	if out.TaskToken != "" {
		mark := strings.Fields(o.Events)[0][1:]
		c.learn(id, mark, out.WorkflowExecution.RunID)
		c.mu.Lock()
		c.tasks = append(c.tasks, openTask{id, mark, out.TaskToken, out.StartedEventID})
		c.mu.Unlock()
	}
	end(o)
}

// respond closes a task that some client has taken, and now and then one that may
// be closed already.
func (c *crowd) respond(ctx context.Context, client int, mark string, random *rand.Rand) {
	c.mu.Lock()
	if len(c.tasks) == 0 {
		c.mu.Unlock()
		return
	}
	i := len(c.tasks) - 1 - random.IntN(min(3, len(c.tasks)))
	task := c.tasks[i]
	if random.IntN(4) > 0 {
		c.tasks = append(c.tasks[:i], c.tasks[i+1:]...)
	}
	c.mu.Unlock()
	closes := random.IntN(3) == 0
	decisions := ""
	if closes {
		decisions = `{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{}}`
	}
	end := c.history.Begin(client, linear.Call{Action: linear.Respond, WorkflowID: task.id, Run: task.run, Started: task.started, Mark: mark, Close: closes})
	a := c.call(ctx, "RespondDecisionTaskCompleted", `{"taskToken":"`+task.token+`","executionContext":"<`+mark+`>","decisions":[`+decisions+`]}`)
	end(c.outcome(a, "UnknownResourceFault"))
}

// look reads the history of a run, or describes it.
func (c *crowd) look(ctx context.Context, client int, id string, random *rand.Rand, describe bool) {
	c.mu.Lock()
	known := c.runs[id]
	c.mu.Unlock()
	if len(known) == 0 {
		return
	}
	mark := known[len(known)-1-random.IntN(min(2, len(known)))]
	execution := `{"domain":"shop","execution":{"workflowId":"` + id + `","runId":"` + c.run(mark) + `"}`
	if describe {
		end := c.history.Begin(client, linear.Call{Action: linear.Describe, WorkflowID: id, Run: mark})
		a := c.call(ctx, "DescribeWorkflowExecution", execution+`}`)
		if a.unknown() {
			return
		}
		var out struct {
			ExecutionInfo struct{ ExecutionStatus string }
			OpenCounts    struct{ OpenDecisionTasks int }
		}
		c.decode(a, &out)
		end(linear.Outcome{Open: out.ExecutionInfo.ExecutionStatus == "OPEN", Count: out.OpenCounts.OpenDecisionTasks})
		return
	}
	end := c.history.Begin(client, linear.Call{Action: linear.Read, WorkflowID: id, Run: mark})
	a := c.call(ctx, "GetWorkflowExecutionHistory", execution+`,"maximumPageSize":1000}`)
	if a.unknown() {
		return
	}
	var out struct{ Events []json.RawMessage }
	c.decode(a, &out)
	end(linear.Outcome{Events: c.shortOf(out.Events)})
}

func (c *crowd) run(mark string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runID[mark]
}

// count asks the index.
func (c *crowd) count(ctx context.Context, client int, id string, open bool) {
	what, action := linear.CountClosed, "CountClosedWorkflowExecutions"
	if open {
		what, action = linear.CountOpen, "CountOpenWorkflowExecutions"
	}
	end := c.history.Begin(client, linear.Call{Action: what, WorkflowID: id})
	a := c.call(ctx, action, `{"domain":"shop","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"`+id+`"}}`)
	if a.unknown() {
		return
	}
	var out struct{ Count int }
	c.decode(a, &out)
	end(linear.Outcome{Count: out.Count})
}

func newCrowd(t *testing.T, impatience float64, m *machine) *crowd {
	c := &crowd{t: t, call: m.call, states: m.statesIn, impatience: impatience, runs: map[string][]string{}, runID: map[string]string{}}
	c.ids = []string{"w0", "w1", "w2", "w3", "m0", "m1"}
	return c
}

// settle reads everything once all others have stopped.
func (c *crowd) settle(m *machine) {
	c.t.Helper()
	runs, err := m.read()
	if err != nil {
		c.t.Fatal(err)
	}
	var final []linear.Run
	for _, r := range runs {
		if r.machine {
			final = append(final, linear.Run{WorkflowID: r.workflowID, Machine: true, Events: c.shortOfMachine(r.raw)})
			continue
		}
		events := c.shortOf(r.raw)
		final = append(final, linear.Run{WorkflowID: r.workflowID, Events: events})
		c.learn(r.workflowID, strings.Fields(events)[0][1:], r.id)
	}
	c.history.Settle(final)
}

// missingSuccess is a lie about the history of a state machine.
const missingSuccess = "a success of a machine's task is missing"

// judge wants the history to be linearizable, and the same history with any lie
// in it not to be. There must be a place for each lie; a short history may have none for
// missingSuccess, which is counted in lacking.
func (c *crowd) judge(lacking map[string]int) {
	c.t.Helper()
	const patience = 5 * time.Minute // of a judge who takes a second
	calls, unknown := c.history.Len()
	began := time.Now()
	verdict, page := c.history.Judge(patience)
	c.t.Logf("%d calls, %d of them of unknown outcome: %s, in %s", calls, unknown, verdict, time.Since(began).Round(time.Millisecond))
	if verdict != linear.Linearizable {
		path := filepath.Join(os.TempDir(), "heddle-history-"+strings.ReplaceAll(c.t.Name(), "/", "-")+".html")
		c.t.Errorf("%s; see %s (%v)", verdict, path, os.WriteFile(path, []byte(page), 0o600))
		return
	}
	shown := map[string]bool{} // marks of starts that somebody has seen
	c.history.Altered(func(call linear.Call, o *linear.Outcome) bool {
		if call.Run != "" && o.Events != "" {
			shown[call.Run] = true
		}
		return false
	})
	for lie, change := range map[string]func(linear.Call, *linear.Outcome) bool{
		// Not of a machine: of its starts with one input nobody can tell which one began it.
		"an acknowledged start was refused": func(call linear.Call, o *linear.Outcome) bool {
			o.Refused = call.Action == linear.Start && !call.Machine && !o.Refused && shown[call.Mark]
			return o.Refused
		},
		"an open run was not counted": func(call linear.Call, o *linear.Outcome) bool {
			counted := call.Action == linear.CountClosed && o.Count > 0
			o.Count += 1000
			return counted
		},
		"a task was closed twice": func(call linear.Call, o *linear.Outcome) bool {
			twice := call.Action == linear.Respond && o.Refused
			o.Refused = o.Refused && !twice
			return twice
		},
		missingSuccess: func(call linear.Call, o *linear.Outcome) bool {
			before, rest, succeeded := strings.Cut(o.Events, " c")
			_, after, _ := strings.Cut(rest, " ")
			if !call.Machine || call.Action != linear.Read || !succeeded || after == "" {
				return false
			}
			o.Events = before + " " + after
			return true
		},
		"a signal is missing between two events": func(call linear.Call, o *linear.Outcome) bool {
			before, rest, signaled := strings.Cut(o.Events, "s")
			_, after, _ := strings.Cut(rest, " ")
			if call.Machine || call.Action != linear.Read || !signaled || after == "" {
				return false
			}
			o.Events = before + after
			return true
		},
	} {
		wrong, found := c.history.Altered(change)
		switch {
		case !found && lie == missingSuccess:
			lacking[lie]++
			continue
		case !found:
			c.t.Errorf("no place for the lie that %s", lie)
			continue
		}
		if verdict, _ := wrong.Judge(patience); verdict != linear.NotLinearizable {
			c.t.Errorf("%s, and the judge says %s", lie, verdict)
		}
	}
}

// mustHavePlaces wants places for lies in all histories but a few.
func mustHavePlaces(t *testing.T, lacking map[string]int) {
	t.Helper()
	for lie, n := range lacking {
		if n > 1+*histories/10 {
			t.Errorf("%d of %d histories have no place for the lie that %s", n, *histories, lie)
		}
	}
}

// TestLinearizable has clients call a server at the same time whose store loses
// commits, writes some that it does not confirm, and takes shards away; and some
// clients hang up.
func TestLinearizable(t *testing.T) {
	lacking := map[string]int{}
	defer mustHavePlaces(t, lacking)
	for seed := range uint64(*histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cfg := memory()
			cfg.PollHold = 20 * time.Millisecond // so that most polls that find a task get it, on a slow machine too
			s := start(t, cfg)
			m := &machine{t: t, server: s, client: httpClient(), ended: t.Context()}
			if err := errors.Join(m.shop(), m.crowded()); err != nil {
				t.Fatal(err)
			}
			c := newCrowd(t, 0.1, m)
			disk := s.store.(*memstore.Store)
			disk.BeforeCommit(harm(disk, rand.New(rand.NewPCG(seed, 99))))
			c.work(seed, 6, 150)
			disk.BeforeCommit(nil)
			c.settle(m)
			c.judge(lacking)
		})
	}
}

// TestLyingDisk has a disk that says it has synced what it has not, and a power
// cut. The judge must see it, or it would not see a server that answers too early.
func TestLyingDisk(t *testing.T) {
	m := newMachine(t, t.TempDir(), vfs.NewCrashableMem())
	m.hold = 20 * time.Millisecond
	if err := m.boot(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.shop(), m.crowded()); err != nil {
		t.Fatal(err)
	}
	m.lies.Store(true)
	c := newCrowd(t, 0, m)
	c.work(1, 4, 30)
	m.loss = 100
	m.powerCut()
	m.lies.Store(false)
	if err := m.boot(); err != nil {
		t.Fatal(err)
	}
	c.settle(m)
	if verdict, _ := c.history.Judge(time.Minute); verdict != linear.NotLinearizable {
		t.Errorf("%s", verdict)
	}
	if err := m.shutDown(); err != nil {
		t.Fatal(err)
	}
}

// harm does something to the store at every sixth commit or so.
func harm(s *memstore.Store, random *rand.Rand) func([]store.Section) {
	var mu sync.Mutex
	return func(sections []store.Section) {
		mu.Lock()
		defer mu.Unlock()
		switch random.IntN(18) {
		case 0:
			s.FailNextCommit(true)
		case 1:
			s.FailNextCommit(false)
		case 2:
			s.Fence(sections[random.IntN(len(sections))].Shard)
		}
	}
}

// TestLinearizableThroughPowerCuts has clients call a server whose machine loses
// its power again and again, and with it all or some of what was not synced.
func TestLinearizableThroughPowerCuts(t *testing.T) {
	lacking := map[string]int{}
	defer mustHavePlaces(t, lacking)
	for seed := range uint64(*histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newMachine(t, t.TempDir(), vfs.NewCrashableMem())
			m.hold = 20 * time.Millisecond
			if err := m.boot(); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(m.shop(), m.crowded()); err != nil {
				t.Fatal(err)
			}
			c := newCrowd(t, 0.05, m)
			random := rand.New(rand.NewPCG(seed, 98))
			for cut := range 5 {
				m.seed, m.loss = random.Uint64(), []int{100, 50, 0}[random.IntN(3)]
				c.cutAt, c.cut = c.marks.Load()+30+random.Int64N(225), m.powerCut
				c.work(seed*100+uint64(cut), 6, 75)
				m.powerCut() // if too few calls were made
				if err := m.boot(); err != nil {
					t.Fatal(err)
				}
			}
			c.cutAt = 0
			c.work(seed*100+99, 3, 22)
			c.settle(m)
			c.judge(lacking)
			if err := m.shutDown(); err != nil {
				t.Fatal(err)
			}
			if err := m.check(); err != nil {
				t.Error(err)
			}
		})
	}
}
