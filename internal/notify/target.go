package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/engine"
)

// event is an event on its way.
type event struct {
	id, run string // of a run the events go out in order
	body    []byte
}

// sink takes events, all or none as far as is known. A *refusedError says that it would never
// take them, a *partlyRefusedError that it has taken all but some.
type sink interface {
	send(ctx context.Context, events []event) error
	close() error
}

type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

// partlyRefusedError says which events of a batch a sink will never take, for a reason that is
// theirs alone, such as a log group that is not there: all others it has taken.
type partlyRefusedError struct {
	refused []int
	why     string
}

func (e *partlyRefusedError) Error() string { return e.why }

// target is a Target at work. One goroutine, run, does all for it.
type target struct {
	*Target
	*Deliverer
	kind    string
	sink    sink
	most    int // events of a batch
	backlog backlog
	loose   loose        // what is of no shard
	dead    *deadLetters // what was given up
	wake    chan struct{}
	agesAt  engine.Time // when it is looked again whether something is too old

	mu   sync.Mutex // guards what follows
	sent uint64     // events, since the start
	last engine.Time
	fail *failing // nil: what was sent last has arrived
}

// failing is since when, and how, a target fails.
type failing struct {
	since, at engine.Time
	why       string
}

func newTarget(d *Deliverer, one *Target, number int) *target {
	t := &target{Target: one, Deliverer: d, most: eventsMax, wake: make(chan struct{}, 1)}
	t.backlog = backlog{shards: d.shards, target: number, at: make([]progress, d.Config.Shards)}
	t.dead = newDeadLetters(d.Dir, one.Name, d.Key)
	switch {
	case one.File != nil:
		t.kind, t.sink = "file", &fileSink{lines: lines{File: *one.File}, types: one.Types}
	case one.Webhook != nil:
		t.kind, t.sink, t.most = "webhook", newWebhook(one.Webhook, d.Now), one.Webhook.Events
	case one.EventBridge != nil:
		t.kind, t.sink, t.most = "eventbridge", newEventBridge(one.EventBridge), putMax
	case one.SQS != nil:
		t.kind, t.sink, t.most = "sqs", newSQS(one.SQS), putMax
	case one.SNS != nil:
		t.kind, t.sink, t.most = "sns", newSNS(one.SNS), putMax
	case one.CloudWatchLogs != nil:
		t.kind, t.sink = "cloudwatchlogs", newCloudWatchLogs(one.CloudWatchLogs, d.Now)
	case one.OTLP != nil:
		t.kind, t.sink = "otlp", newOTLP(one.OTLP, one.Types)
	}
	return t
}

// takes tells whether the target is for notifications of a sort.
func (t *target) takes(sort string) bool {
	return t.Types == sort || t.Types == typesAll && sort == ""
}

// sortOf is what a target must have as its Types to hear of it; "": most do.
func sortOf(body []byte) string {
	switch _, of := eventbridge.Head(body); of {
	case eventbridge.TypeLog:
		return typesLogs
	case eventbridge.TypeSpans:
		return typesSpans
	}
	return ""
}

// wantsWhatever tells whether the target wants all that there may be of its sort.
func (t *target) wantsWhatever() bool {
	return t.pattern == nil && (t.Types != "" || !t.Deliverer.most.Any(engine.NotifyOthers))
}

// chooses tells whether it wants an event of its sort, as eventbridge.Read gives it.
func (t *target) chooses(event any) bool {
	return (t.Types != "" || !others.Matches(event)) && t.pattern.Matches(event)
}

// others chooses what services do not tell by themselves.
var others = func() *eventbridge.Pattern {
	p, err := eventbridge.ParsePattern([]byte(`{"source":[{"prefix":"heddle."}]}`))
	if err != nil {
		panic(err)
	}
	return p
}()

func (t *target) wants(body []byte) bool {
	if !t.takes(sortOf(body)) {
		return false
	}
	if t.wantsWhatever() {
		return true
	}
	event, err := eventbridge.Read(body)
	return err != nil || t.chooses(event)
}

// signal has the target look whether there is something to do.
func (t *target) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *target) run(ctx context.Context, runs Runs) {
	if err := t.dead.open(); err != nil {
		t.Log.Error("read events that were given up; they stay where they are", "target", t.Name, "cause", err)
	}
	for ctx.Err() == nil {
		t.backlog.catchUp(runs)
		if t.drop(ctx, runs) {
			continue
		}
		b, wait := t.gather(ctx, runs)
		if len(b.events) > 0 {
			t.deliver(ctx, runs, b)
		}
		again, waits := t.redeliver(ctx)
		some, until := t.deliverLoose(ctx)
		if len(b.events) == 0 && !b.moved && !again && !some {
			t.rest(ctx, soonest(wait, waits, until))
		}
	}
	t.sendRest(context.WithoutCancel(ctx))
	if err := errors.Join(t.sink.close(), t.dead.end()); err != nil {
		t.Log.Error("close target of events", "target", t.Name, "cause", err)
	}
}

// soonest is the first of some times; zero: there is none.
func soonest(times ...engine.Time) (first engine.Time) {
	for _, at := range times {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

// rest waits until there may be something to do.
func (t *target) rest(ctx context.Context, wait engine.Time) {
	if wait != 0 {
		var end context.CancelFunc
		ctx, end = t.Within(ctx, time.Duration(max(1, wait-t.Clock()))*time.Millisecond)
		defer end()
	}
	select {
	case <-ctx.Done():
	case <-t.wake:
	}
}

// deliver sends a batch, and notes what came of it.
func (t *target) deliver(ctx context.Context, runs Runs, b batch) {
	_, err := t.send(ctx, b.events)
	refused, never := errors.AsType[*refusedError](err)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return // what became of it is not known, and it comes again
	case never && len(b.events) > 1: // one of them may be at fault
		for _, w := range b.reach {
			t.backlog.change(w.shard, func(p *progress) { p.alone = true })
		}
		return
	case never && t.backlog.refusedOnce(b.reach[0].shard) && t.giveUp(b.events[0], refused):
		t.Told(t.Name, GivenUp, 1)
	default:
		t.Told(t.Name, Retried, len(b.events))
		t.failed(err)
		t.backlog.failed(b.reach, t.Clock())
		return
	}
	for _, w := range b.reach {
		t.backlog.reached(runs, w)
	}
}

// send sends events, and notes how many have arrived. Those that are refused for themselves are
// set aside.
func (t *target) send(ctx context.Context, events []event) (sent int, err error) {
	sending, end := t.Within(ctx, sendTimeout)
	defer end()
	err = t.sink.send(sending, events)
	sent = len(events)
	if partly, ok := errors.AsType[*partlyRefusedError](err); ok {
		if err := t.setAside(events, partly); err != nil {
			return 0, err
		}
		sent -= len(partly.refused)
	} else if err != nil {
		return 0, err
	}
	if sent > 0 {
		t.Told(t.Name, Sent, sent)
	}
	t.mu.Lock()
	failed := t.fail != nil
	t.fail = nil
	t.sent += uint64(sent)
	t.last = t.Clock()
	t.mu.Unlock()
	if failed {
		t.Log.Info("events go out again", "target", t.Name)
	}
	return sent, nil
}

// setAside sets aside what is refused of a batch.
func (t *target) setAside(events []event, partly *partlyRefusedError) error {
	for _, i := range partly.refused {
		if err := t.dead.add(DeadLetter{At: t.Now().UTC(), Error: partly.why, Run: events[i].run, Event: events[i].body}); err != nil {
			return fmt.Errorf("set aside an event that its target never takes: %w", err)
		}
	}
	t.Told(t.Name, GivenUp, len(partly.refused))
	t.Log.Error("events given up: their target never takes them", "target", t.Name, "events", len(partly.refused), "first", events[partly.refused[0]].id, "cause", partly.why, "kept_in", t.dead.Path)
	return nil
}

// failed notes that events can't be sent now.
func (t *target) failed(err error) {
	now := t.Clock()
	t.mu.Lock()
	first := t.fail == nil
	if first {
		t.fail = &failing{since: now}
	}
	t.fail.at, t.fail.why = now, err.Error()
	t.mu.Unlock()
	if first {
		t.Log.Warn("events can't be sent; they wait and are sent again", "target", t.Name, "cause", err)
	}
}

// giveUp sets an event aside, and tells whether that was done.
func (t *target) giveUp(e event, why *refusedError) bool {
	if err := t.dead.add(DeadLetter{At: t.Now().UTC(), Error: why.why, Run: e.run, Event: e.body}); err != nil {
		t.Log.Error("an event that its target never takes can't be set aside; it waits", "target", t.Name, "event", e.id, "cause", err)
		return false
	}
	t.Log.Error("event given up: its target never takes it", "target", t.Name, "event", e.id, "cause", why, "kept_in", t.dead.Path)
	return true
}

// redeliver sends the next of the events that were given up and are to be sent again, one at a
// time, so that what happens now does not wait for them. It tells whether it did something, or
// when it will; zero: nothing is to be done.
func (t *target) redeliver(ctx context.Context) (did bool, wait engine.Time) {
	now := t.Clock()
	if t.dead.wait > now {
		return false, t.dead.wait
	}
	letter, err := t.dead.next()
	switch {
	case err != nil:
		t.Log.Error("read events that were given up; the next is read soon", "target", t.Name, "cause", err)
		t.dead.wait = now + firstPause
		return false, t.dead.wait
	case letter == nil:
		return false, 0
	}
	e := event{id: letter.id(), run: letter.Run, body: letter.Event}
	sent, err := t.send(ctx, []event{e})
	refused, never := errors.AsType[*refusedError](err)
	switch {
	case err == nil && sent == 0: // it was set aside anew
	case err == nil:
		t.Log.Info("an event that was given up has arrived", "target", t.Name, "event", e.id)
	case ctx.Err() != nil:
		return false, 0
	case never && t.giveUp(e, refused): // as before
	default:
		t.failed(err)
		t.dead.wait = now + pause(t.dead.tries)
		t.dead.tries++
		return false, t.dead.wait
	}
	t.dead.wait, t.dead.tries = 0, 0
	if err := t.dead.done(); err != nil {
		t.Log.Error("forget an event that was sent again; it may come twice", "target", t.Name, "event", e.id, "cause", err)
	}
	return true, 0
}
