package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"heddle/bench/client"
)

// target is the server that is loaded.
type target struct {
	addr        string
	credentials client.Credentials
}

func (t target) connect() *client.Conn { return client.New(t.addr, t.credentials) }

// load keeps a number of workflows in flight: a closed loop. Each slot starts a
// workflow and waits until a decider was told that its completion is durable.
type load struct {
	target   target
	workload *workload
	inFlight int
	limit    int64 // workflows to start; 0: until halt
	lenient  bool  // some servers give a task to two pollers; the second one's answer is refused

	crew     crew         // decides and works; nil: pollers of its own do
	received atomic.Int64 // bytes, by a crew
	dismiss  context.CancelFunc

	slots     []slot
	started   atomic.Int64
	finished  atomic.Int64 // while measured
	measured  atomic.Bool
	halted    atomic.Bool
	failed    chan error
	starters  sync.WaitGroup
	pollers   sync.WaitGroup
	pollConns []*client.Conn

	mu        sync.Mutex
	latencies []time.Duration // of workflows, while measured
	answers   []time.Duration // of calls that do not poll, while measured
}

// slot is one workflow in flight.
type slot struct{ completed chan time.Time }

func newLoad(t target, w *workload, inFlight int) *load {
	l := &load{target: t, workload: w, inFlight: inFlight, slots: make([]slot, inFlight), failed: make(chan error, 1)}
	for i := range l.slots {
		l.slots[i].completed = make(chan time.Time, 1)
	}
	return l
}

// declare registers the domain and the types.
func declare(t target) error {
	conn := t.connect()
	defer conn.Close()
	for _, d := range declarations {
		if _, err := conn.Call(d.action, []byte(d.body)); err != nil {
			return err
		}
	}
	return nil
}

// start begins the load: as many deciders and workers as workflows in flight,
// unless the workload wants more.
func (l *load) start() {
	w := l.workload
	deciders, workers := 0, 0
	if l.crew != nil {
		var ctx context.Context
		ctx, l.dismiss = context.WithCancel(context.Background())
		l.pollers.Go(func() { l.keep(l.crew(ctx, l)) })
	} else if w.decided() {
		deciders = max(l.inFlight, w.pollers)
	}
	if w.activities > 0 && l.crew == nil {
		workers = l.inFlight
	}
	for i := range deciders {
		poll := appendPoll(nil, w.list(int64(i)))
		l.goPoll(func(conn *client.Conn) error { return l.decider(conn, poll) })
	}
	worker, starter := l.worker, l.starter
	if w.machine != "" {
		worker, starter = l.machineWorker, l.machineStarter
	}
	for range workers {
		l.goPoll(worker)
	}
	for i := range l.slots {
		l.starters.Go(func() { l.keep(starter(i)) })
	}
}

func (l *load) goPoll(run func(*client.Conn) error) {
	conn := l.target.connect()
	l.pollConns = append(l.pollConns, conn)
	l.pollers.Go(func() { l.keep(run(conn)) })
}

// keep notes the first error. A closed connection is how pollers end.
func (l *load) keep(err error) {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return
	}
	select {
	case l.failed <- err:
	default:
	}
}

// halt lets the workflows in flight finish and ends the pollers.
func (l *load) halt() {
	l.halted.Store(true)
	l.starters.Wait()
	l.cut()
}

// cut ends everything at once.
func (l *load) cut() {
	l.halted.Store(true)
	if l.dismiss != nil {
		l.dismiss()
	}
	for _, c := range l.pollConns {
		c.Close()
	}
	l.pollers.Wait()
}

// meter collects what one goroutine measures.
type meter struct {
	load               *load
	latencies, answers []time.Duration
}

func (m *meter) call(conn *client.Conn, action string, body []byte) error {
	began := time.Now()
	_, err := conn.Call(action, body)
	if m.load.measured.Load() {
		m.answers = append(m.answers, time.Since(began))
	}
	return err
}

func (m *meter) handIn() {
	m.load.mu.Lock()
	defer m.load.mu.Unlock()
	m.load.latencies = append(m.load.latencies, m.latencies...)
	m.load.answers = append(m.load.answers, m.answers...)
}

// refused tells whether an error is to be lived with.
func (l *load) refused(err error) bool {
	_, fault := errors.AsType[*client.Fault](err)
	return fault && l.lenient
}

func (l *load) starter(i int) error {
	conn := l.target.connect()
	defer conn.Close()
	m := meter{load: l}
	defer m.handIn()
	var id, body []byte
	for !l.halted.Load() {
		action := "StartWorkflowExecution"
		if l.workload.signals && id != nil {
			action, body = "SignalWorkflowExecution", appendSignal(body[:0], id)
		} else {
			n := l.started.Add(1)
			if l.limit > 0 && n > l.limit {
				return nil
			}
			id = strconv.AppendInt(id[:0], int64(i), 10)
			id = append(id, '-')
			id = strconv.AppendInt(id, n, 10)
			body = appendStart(body[:0], id, l.workload.input(), l.workload.list(n))
		}
		began := time.Now()
		if err := m.call(conn, action, body); err != nil {
			return err
		}
		ended := time.Now()
		if l.workload.decided() {
			select {
			case ended = <-l.slots[i].completed:
			case err := <-l.failed:
				l.failed <- err
				return nil
			}
		}
		if l.measured.Load() {
			m.latencies = append(m.latencies, ended.Sub(began))
			l.finished.Add(1)
		}
	}
	return nil
}

func (l *load) decider(conn *client.Conn, poll []byte) error {
	m := meter{load: l}
	defer m.handIn()
	var body []byte
	for {
		task, err := conn.Call("PollForDecisionTask", poll)
		if err != nil {
			return err
		}
		token := client.Text(task, "taskToken")
		if token == nil {
			continue
		}
		slot, err := slotOf(task)
		if err != nil {
			return err
		}
		body = append(body[:0], `{"taskToken":"`...)
		body = append(body, token...)
		body = append(body, `","decisions":[`...)
		body, closes := l.workload.decide(body, task)
		body = append(body, "]}"...)
		if err := m.call(conn, "RespondDecisionTaskCompleted", body); l.refused(err) {
			continue
		} else if err != nil {
			return err
		}
		if closes {
			l.slots[slot].completed <- time.Now()
		}
	}
}

// slotOf reads the slot from the workflowId.
func slotOf(task []byte) (int, error) {
	slot := 0
	id := client.Text(task, "workflowId")
	for _, c := range id {
		if c == '-' {
			return slot, nil
		}
		slot = slot*10 + int(c-'0')
	}
	return 0, fmt.Errorf("decision task of workflow %q, which is not ours", id)
}

func (l *load) worker(conn *client.Conn) error {
	m := meter{load: l}
	defer m.handIn()
	var body []byte
	for {
		task, err := conn.Call("PollForActivityTask", []byte(pollActivity))
		if err != nil {
			return err
		}
		token := client.Text(task, "taskToken")
		if token == nil {
			continue
		}
		body = append(body[:0], `{"taskToken":"`...)
		body = append(body, token...)
		body = append(body, `","result":"{\"receipt\":\"R-4711\"}"}`...)
		if err := m.call(conn, "RespondActivityTaskCompleted", body); err != nil && !l.refused(err) {
			return err
		}
	}
}
