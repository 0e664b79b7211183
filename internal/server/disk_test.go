package server

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// notRacing skips a test that tries places of a disk: each takes some seconds under the race
// detector, and make test/disk tries ten of each kind without it.
func notRacing(t *testing.T) {
	if racing {
		t.Skip("too slow under the race detector; make test/disk runs it")
	}
}

var trials = flag.Int("trials", 4, "how many places each kind of disk fault is tried at; 0: every one")

// shop registers the domain, the types and the state machine of all clients. It may have been done
// before.
func (m *machine) shop() error {
	for _, call := range []struct{ action, body string }{
		{"RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`},
		{"RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"none"},"defaultChildPolicy":"TERMINATE",
			"defaultExecutionStartToCloseTimeout":"36000","defaultTaskStartToCloseTimeout":"NONE"}`},
		{"RegisterActivityType", `{"domain":"shop","name":"charge","version":"1","defaultTaskHeartbeatTimeout":"NONE","defaultTaskScheduleToStartTimeout":"NONE",
			"defaultTaskStartToCloseTimeout":"NONE","defaultTaskScheduleToCloseTimeout":"NONE"}`},
	} {
		if a := m.call(m.ended, call.action, call.body); !a.ok() && !strings.HasSuffix(a.fault, "AlreadyExistsFault") {
			return a.failure(call.action)
		}
	}
	if a := m.states("CreateStateMachine", createMachine("part", partMachine)); !a.ok() {
		return a.failure("CreateStateMachine")
	}
	return nil
}

// work has a few clients run executions, until they are through or hear no more.
func (m *machine) work(life string, clients, rounds int) {
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for round := range rounds {
				if !m.alive() {
					return
				}
				id := fmt.Sprintf("%s-%d-%d", life, i, round)
				if (i+round)%2 == 0 {
					m.order(id, round%4 < 2)
				} else {
					m.stateOrder(id, round%4 < 2)
				}
			}
		})
	}
	all.Wait()
}

// order runs one execution: a start, a signal, a decision to do an activity, the
// activity, and an end. Nobody else knows of it, so nothing may be refused. After
// an unknown outcome it is left alone.
func (m *machine) order(id string, complete bool) {
	step := func(action string, body func(mark string) string) (heard, bool) {
		mark := m.ledger.mark(id)
		a := m.call(m.ended, action, body(mark))
		if !a.ok() {
			if !a.unknown() {
				m.t.Errorf("%s for %q: %s", action, id, a.body)
			}
			return a, false
		}
		var out struct{ RunID string }
		if len(a.body) > 0 {
			if err := a.into(&out); err != nil {
				m.t.Error(err)
			}
		}
		m.ledger.ack(m, mark, out.RunID)
		return a, true
	}
	poll := func(action string) string {
		a := m.call(m.ended, action, `{"domain":"shop","taskList":{"name":"`+id+`"}}`)
		var out struct{ TaskToken string }
		if a.unknown() || a.into(&out) != nil {
			return ""
		}
		if out.TaskToken == "" && m.alive() {
			m.t.Errorf("%s: the task of %q was not there", action, id)
		}
		return out.TaskToken
	}
	if _, ok := step("StartWorkflowExecution", func(mark string) string {
		return `{"domain":"shop","workflowId":"` + id + `","workflowType":{"name":"order","version":"1"},"taskList":{"name":"` + id + `"},"input":"` + mark + `"}`
	}); !ok {
		return
	}
	if _, ok := step("SignalWorkflowExecution", func(mark string) string {
		return `{"domain":"shop","workflowId":"` + id + `","signalName":"go","input":"` + mark + `"}`
	}); !ok {
		return
	}
	decide := func(decision string) bool {
		token := poll("PollForDecisionTask")
		if token == "" {
			return false
		}
		_, ok := step("RespondDecisionTaskCompleted", func(mark string) string {
			return `{"taskToken":"` + token + `","executionContext":"` + mark + `","decisions":[` + decision + `]}`
		})
		return ok
	}
	if !decide(`{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"a","activityType":{"name":"charge","version":"1"},"taskList":{"name":"` + id + `"}}}`) {
		return
	}
	token := poll("PollForActivityTask")
	if token == "" {
		return
	}
	if _, ok := step("RespondActivityTaskCompleted", func(mark string) string {
		return `{"taskToken":"` + token + `","result":"` + mark + `"}`
	}); !ok {
		return
	}
	if complete {
		decide(`{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{}}`)
		return
	}
	step("TerminateWorkflowExecution", func(mark string) string {
		return `{"domain":"shop","workflowId":"` + id + `","reason":"` + mark + `"}`
	})
}

// image is a disk with a store that has lived a little, and its ledger.
type image struct {
	data   string // with the root key
	disk   *vfs.MemFS
	ledger *ledger
}

// newImage makes a store. Its lives end with a flush, so that a compaction is due
// once a machine has flushed twice more; or the last one is long, is killed, and
// leaves a log of several blocks. (Sooner would be too soon: a Pebble that fails to
// open while it compacts already takes the compaction's files away, and panics.)
func newImage(t testing.TB, clients int, killed bool) image {
	t.Helper()
	m := newMachine(t, t.TempDir(), vfs.NewCrashableMem())
	m.ledger = newLedger()
	for life := range 2 {
		if err := m.boot(); err != nil {
			t.Fatal(err)
		}
		if err := m.shop(); err != nil {
			t.Fatal(err)
		}
		if life < 1 || !killed {
			m.work(fmt.Sprintf("before%d", life), clients, 2)
		} else {
			m.work("killed", clients, 10)
			m.powerCut()
			break
		}
		if err := m.shutDown(); err != nil {
			t.Fatal(err)
		}
	}
	return image{m.data, m.disk, m.ledger}
}

// machine is a machine with a copy of the image.
func (i image) machine(t testing.TB) *machine {
	m := newMachine(t, i.data, nil)
	m.disk = i.disk
	m.disk = m.clone()
	i.ledger.mu.Lock()
	defer i.ledger.mu.Unlock()
	m.ledger = &ledger{sent: maps.Clone(i.ledger.sent), acked: slices.Clone(i.ledger.acked), runs: maps.Clone(i.ledger.runs), count: i.ledger.count}
	return m
}

// kindOfFault is what goes wrong from one operation of the disk on.
type kindOfFault struct {
	name  string
	hits  func(errorfs.OpKind) bool // operations that count and fail
	once  bool
	lasts int   // so many operations, if it is not once; 0: from then on
	err   error // nil: the power goes
	loss  int
}

var (
	writes = func(k errorfs.OpKind) bool { return k.ReadOrWrite() == errorfs.OpIsWrite }
	reads  = func(k errorfs.OpKind) bool { return k.ReadOrWrite() == errorfs.OpIsRead }
	grows  = func(k errorfs.OpKind) bool {
		switch k {
		case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate, errorfs.OpLink, errorfs.OpMkdirAll:
			return true
		}
		return false
	}
	syncs = func(k errorfs.OpKind) bool {
		return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
	}
	renames = func(k errorfs.OpKind) bool {
		return k == errorfs.OpRename || k == errorfs.OpCreate || k == errorfs.OpRemove || k == errorfs.OpLink
	}
)

var kindsOfFault = []kindOfFault{
	{"a write fails once", writes, true, 0, errorfs.ErrInjected, 100},
	{"writes fail from then on", writes, false, 0, errorfs.ErrInjected, 50},
	{"a sync fails once", syncs, true, 0, errorfs.ErrInjected, 100},
	{"a sync fails once and the data stays", syncs, true, 0, errorfs.ErrInjected, 0},
	{"a file is not created, renamed or removed", renames, true, 0, errorfs.ErrInjected, 50},
	{"the disk is full for a while", grows, false, 5, errFull, 0},
	{"a read fails once", reads, true, 0, errorfs.ErrInjected, 50},
	{"the power goes and takes all that is not synced", writes, true, 0, nil, 100},
	{"the power goes and tears what is not synced", writes, true, 0, nil, 50},
	{"the power goes and takes nothing", writes, true, 0, nil, 0},
}

// TestDiskFaults runs a server on a disk that fails at one operation after the
// other: while it starts, works, flushes, compacts and stops. Whatever happens,
// the next start finds all that was acknowledged, once, and can go on.
func TestDiskFaults(t *testing.T) {
	notRacing(t)
	base := newImage(t, 2, false)
	for n, kind := range kindsOfFault {
		t.Run(kind.name, func(t *testing.T) {
			// How many operations there are, if none fails.
			var all atomic.Int64
			calm := base.machine(t)
			calm.fault = func(op errorfs.Op) error {
				if kind.hits(op.Kind) {
					all.Add(1)
				}
				return nil
			}
			if err := calm.lives(); err != nil {
				t.Fatal(err)
			}
			count := int(all.Load())
			tries := *trials
			if tries == 0 || tries > count {
				tries = count
			}
			var died, refused, absorbed int
			began := time.Now()
			for i := range tries {
				at := 1 + (i*count+n*count/len(kindsOfFault))/tries%count
				m := base.machine(t)
				m.seed, m.loss = uint64(i), kind.loss
				err := m.suffer(kind, at)
				switch {
				case errors.Is(err, errDied):
					died++
				case err != nil:
					refused++
				default:
					absorbed++
				}
				if err := m.recover(); err != nil {
					t.Fatalf("at operation %d of %d: %v", at, count, err)
				}
				if t.Failed() {
					t.Fatalf("at operation %d of %d", at, count)
				}
			}
			t.Logf("%d operations, %d tried in %s: %d ended the process, %d made it refuse to start or stop, %d were overcome",
				count, tries, time.Since(began).Round(time.Millisecond), died, refused, absorbed)
			if died+refused == 0 && kind.lasts == 0 && kind.name != "a read fails once" { // a full disk is waited for
				t.Error("no fault was felt")
			}
		})
	}
}

// lives is two lives of a process, which begin and end as they should.
func (m *machine) lives() error {
	for _, life := range []string{"first", "second"} {
		if err := m.boot(); err != nil {
			return err
		}
		m.work(life, 2, 2)
		if err := m.shutDown(); err != nil {
			return err
		}
	}
	return nil
}

// suffer has the machine live with one fault.
func (m *machine) suffer(kind kindOfFault, at int) error {
	var count atomic.Int64
	m.fault = func(op errorfs.Op) error {
		if !kind.hits(op.Kind) {
			return nil
		}
		n := count.Add(1)
		if n < int64(at) || kind.once && n > int64(at) || kind.lasts > 0 && n >= int64(at+kind.lasts) {
			return nil
		}
		if kind.err == nil {
			m.powerCut()
			return errDied
		}
		return kind.err
	}
	err := m.lives()
	m.fault = nil
	m.powerCut()
	return err
}

// recover has the machine go on after a fault, twice: what one start found and
// showed must be there for the next one, even if the power goes.
func (m *machine) recover() error {
	for _, life := range []string{"third", "fourth"} {
		told := m.ledger.told()
		if err := m.boot(); err != nil {
			return fmt.Errorf("%s start: %w", life, err)
		}
		if err := m.shop(); err != nil {
			return err
		}
		runs, err := m.read()
		if err == nil {
			err = m.ledger.compare(runs, told)
		}
		if err != nil {
			return fmt.Errorf("%s life: %w", life, err)
		}
		// What was read must not go any more.
		m.ledger.show(runs)
		m.work(life, 1, 2)
		if log := m.logged(); log != "" {
			return fmt.Errorf("%s life logged: %s", life, log)
		}
		if life == "third" {
			m.loss = 100
			m.powerCut()
		}
	}
	if err := m.shutDown(); err != nil {
		return err
	}
	return m.check()
}
