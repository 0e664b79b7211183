package sim

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/restjson"
	"heddle/internal/bucket"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/engine"
	"heddle/internal/lambda"
	"heddle/internal/matching"
	"heddle/internal/service"
	states "heddle/internal/sfn/execution"
	"heddle/internal/shard"
	"heddle/internal/swf"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/registry"
	"heddle/internal/visibility"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

var here = engine.World{Account: account, Region: region}

type batch = shard.Batch

// harness is one life of the server process: all that a kill takes away.
type harness struct {
	w       *world
	number  int
	disk    *disk
	skew    engine.Time // what its clock is ahead of the world's
	last    engine.Time
	node    *shard.Stepped
	matcher *matching.Matcher
	offers  *offers
	handler *operation.Handler
	polls   map[string][]*poll // those that wait, by list, in their order
	tickets int                // the last that a poll was given
	touched bool               // matching may have changed since it was looked at
	totals  matching.Totals    // as they were then
	flights []*flight
	calls   []*request // in the order of their arrival
}

var errDead = errors.New("the process is dead")

// open starts a process on what the last one left.
func (w *world) open(skew engine.Time) *harness {
	h := &harness{w: w, number: w.harnesses, skew: skew, polls: map[string][]*poll{}}
	w.harnesses++
	h.disk = &disk{w: w, under: w.store}
	if w.looms(crashInStore) { // while it starts, maybe
		h.disk.dieIn = 1 + w.fate.random.IntN(40)
	}
	h.matcher = matching.New(matching.Config{PollsPerListMax: w.pollsMax})
	h.offers = &offers{harness: h, open: map[offerKey]engine.Offer{}}
	if w.machines != nil || w.exchange != nil {
		w.rules = w.makeRules() // which have compiled nothing yet
	}
	var err error
	h.node, err = shard.OpenStepped(context.Background(), shard.Config{
		Store: h.disk, Shards: w.store.Shards(), Hash: &w.hash, Rules: w.rules, Offers: h.offers,
		Log: slog.New(&listener{w: w, harness: h}), CachedStates: w.cachedStates, Blobs: h.readBlob,
	}, h)
	if err != nil {
		if !h.disk.dead {
			w.judge.fail("open: %v", err)
		}
		return nil
	}
	h.handler = operation.New(operation.Config{
		Authenticator: authenticator{operation.Anyone{Account: account, Region: region}, w.limited},
		Log:           slog.New(&listener{w: w, harness: h}),
		Random:        func() [16]byte { return [16]byte{} },
		Now:           func() time.Time { return time.UnixMilli(int64(h.w.now)) },
	}, awsjson.New(), restjson.New())
	var api *service.Service
	switch {
	case w.machines != nil:
		api = w.machines.api
	case w.exchange != nil:
		api = w.exchange.api
	default:
		api = swf.Service()
		api.Options.(*swf.Options).CountMax = 1000
	}
	var functions lambda.Options
	if w.lambdaAvailable {
		functions.Endpoint = "http://performed-by-the-simulation"
	}
	opened, err := api.Open(&service.Kernel{
		Runs: h, Tasks: h, Performed: h, Lambda: lambda.New(lambda.Config{Options: functions}), Trusting: true,
		Visibility: visibility.New(h.disk, &w.hash, h.node),
		Tokens:     w.tokens,
		RootSeed:   w.seed,
		Clock:      h.Now,
		PollHold:   20 * time.Second,
		Within:     h.within,
		Beside:     h.beside,
		Buckets:    h.buckets,
		Room:       bucket.NewRoom(bucket.RoomBytesDefault).For,
		Blobs:      h,
		Random:     fill{w.entropy},
		Now:        func() time.Time { return time.UnixMilli(int64(h.Now())) },
		Log:        slog.New(&listener{w: w, harness: h}),
	})
	if err != nil {
		panic(err)
	}
	h.handler.Mount(&operation.API{Service: api.Name, SigningNames: []string{api.Name}, Model: opened.Model, Operations: opened.Operations})
	performs := h.perform
	switch {
	case w.machines != nil:
		performs = h.performer(opened.Parts, "nested executions", states.IntegrationList)
	case w.exchange != nil:
		performs = h.performer(opened.Parts, "jobs of Data Exchange", catalog.JobsList)
		w.spawnIn(h, "second performer", performs).claims = true
	}
	w.spawnIn(h, "performer", performs).claims = true
	h.node.Advance() // the alarm's first look
	return h
}

// Now is the process's clock.
func (h *harness) Now() engine.Time {
	h.last = max(h.last, h.w.now+h.skew)
	return h.last
}

// Confirmed implements shard.Clock.
func (h *harness) Confirmed() engine.Time { return h.last }

// Do gives a command to its run and suspends the caller until it is answered. As
// with a node, the end of ctx ends the wait and not the command.
func (h *harness) Do(ctx context.Context, cmd engine.Command) (any, error) {
	if h.disk.dead {
		return nil, errDead
	}
	if r := h.w.running.request; r != nil {
		r.disruptions = h.w.disruptions
	}
	p := h.node.Submit(cmd)
	for !p.Answered() {
		if h.disk.dead || h.w.ending {
			return nil, errDead
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		h.w.running.park(func() bool { return p.Answered() || h.disk.dead || ctx.Err() != nil }, 0)
	}
	if h.disk.dead {
		return nil, errDead
	}
	return p.Outcome()
}

// Cast gives a command to its run.
func (h *harness) Cast(cmd engine.Command) {
	if !h.disk.dead {
		h.node.Cast(cmd)
	}
}

// View gives what is known of a run.
func (h *harness) View(ctx context.Context, name engine.Name, run engine.RunID) (*engine.RunView, error) {
	reply, err := h.Do(ctx, engine.Command{Name: name, Run: run, Body: engine.Peek{}})
	if err != nil {
		return nil, err
	}
	return reply.(*engine.RunView), nil
}

// AppendEvents reads a history; others may run between what went before and it.
func (h *harness) AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool) ([]byte, error) {
	if h.w.random.IntN(4) == 0 {
		h.w.rest(h.w.running)
	}
	if h.disk.dead {
		return b, errDead
	}
	return h.node.AppendEvents(ctx, b, run, first, last, reverse)
}

// AppendPage is the same for a page.
func (h *harness) AppendPage(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool, most int) ([]byte, int64, error) {
	if h.w.random.IntN(4) == 0 {
		h.w.rest(h.w.running)
	}
	if h.disk.dead {
		return b, 0, errDead
	}
	return h.node.AppendPage(ctx, b, run, first, last, reverse, most)
}

// Backlog counts the tasks of a list.
func (h *harness) Backlog(list string) int { return h.matcher.Backlog(list) }

// poll is a call that waits for a task. It is the context of that call: matching asks
// for Done once the poll stands in its list, and there it sleeps.
type poll struct {
	context.Context
	harness  *harness
	list     string
	ticket   int // its place among the polls of all lists
	until    engine.Time
	answered bool
}

// within makes the context of a poll, which ends in simulated time, at most after d:
// not all servers hold polls equally long.
func (h *harness) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	hold := 1 + engine.Time(h.w.random.IntN(int(d.Milliseconds())))
	return &poll{Context: ctx, harness: h, until: h.w.now + hold}, func() {}
}

// Poll waits for a task of a list; ctx is of within.
func (h *harness) Poll(ctx context.Context, list string, who matching.Poller) (*matching.Claim, error) {
	if h.disk.dead || h.w.ending {
		return nil, errDead
	}
	p := ctx.(*poll)
	h.tickets++
	p.list, p.ticket = list, h.tickets
	return h.matcher.Poll(p, list, who)
}

// Refuse refuses a claim; the poll waits on, for as long as is left.
func (h *harness) Refuse(ctx context.Context, c *matching.Claim) *matching.Claim {
	h.markAnswered() // before the poll is back at its place, in front of others
	h.touched = true
	return h.matcher.Refuse(ctx, c)
}

// gone tells whether the client of a thread has hung up.
func gone(t *thread) bool { return t.request != nil && t.request.gone }

// Err is nil until the wait is over.
func (p *poll) Err() error {
	switch h := p.harness; {
	case gone(h.w.running):
		return context.Canceled
	case p.until <= h.w.now || h.disk.dead || h.w.ending:
		return context.DeadlineExceeded
	}
	return nil
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done suspends the caller until the poll is answered, its time is over, or its
// client has gone. matching looks for the answer whatever Done says.
func (p *poll) Done() <-chan struct{} {
	h := p.harness
	p.answered = false
	line := append(h.polls[p.list], p)
	slices.SortFunc(line, func(a, b *poll) int { return cmp.Compare(a.ticket, b.ticket) })
	h.polls[p.list] = line
	h.touched = true
	caller := h.w.running
	woken := func() bool {
		h.markAnswered()
		return p.answered || gone(caller) || h.disk.dead
	}
	for !woken() && p.until > h.w.now && !h.w.ending {
		caller.park(woken, p.until)
	}
	h.polls[p.list] = slices.DeleteFunc(h.polls[p.list], func(q *poll) bool { return q == p })
	h.touched = true
	return closed
}

// markAnswered asks matching how many polls of each list wait, if that may have changed. The
// others are answered: a list answers its polls in their order.
func (h *harness) markAnswered() {
	if !h.touched {
		return
	}
	h.touched = false
	h.totals = h.matcher.Totals()
	here := 0
	for _, line := range h.polls {
		here += len(line)
	}
	if h.totals.Polls == here {
		return
	}
	waiting := map[string]int{}
	lists, _ := h.matcher.Lists("", "", 1<<20)
	for _, l := range lists {
		waiting[l.List] = l.Polls
	}
	for list, line := range h.polls {
		n := max(0, len(line)-waiting[list])
		for _, p := range line[:n] {
			p.answered = true
		}
		h.polls[list] = line[n:]
	}
}

// kill ends the process. Of the commits under way some at the front may have
// reached the disk.
func (w *world) kill() {
	h := w.harness
	w.tell("process %d dies", h.number)
	h.disk.dead = true
	onTheWay := slices.Clone(h.disk.unsynced) // what is visible was written first
	for _, f := range h.flights {
		if f.errs == nil && !slices.Contains(onTheWay, f) {
			onTheWay = append(onTheWay, f)
		}
	}
	for _, f := range onTheWay[:w.fate.random.IntN(len(onTheWay)+1)] {
		f.settle(w.store.Commit(context.Background(), f.sections))
	}
	h.disk.unsynced = nil
	for _, r := range h.calls {
		r.broken = true
	}
	w.harness = nil
	w.upAt = w.now + 1 + engine.Time(w.random.IntN(4000))
	w.skew = h.skew
	if w.strikes(clockStep) {
		w.skew += engine.Time(w.fate.random.IntN(240_000) - 120_000)
	}
	w.judge.died()
}

// offerKey names an offer.
type offerKey struct {
	run engine.RunID
	id  int64
}

// offers stands between the shards and matching, and remembers what is on offer.
type offers struct {
	harness *harness
	open    map[offerKey]engine.Offer
}

func (o *offers) Offer(run engine.RunID, offer engine.Offer) {
	o.harness.touched = true
	if each(&o.harness.w.sabotage.offers, o.harness.w.sabotage.loseOffers) {
		return
	}
	if offer.Held {
		delete(o.open, offerKey{run, offer.ID})
	} else {
		o.open[offerKey{run, offer.ID}] = offer
	}
	o.harness.matcher.Offer(run, offer)
}

func (o *offers) Withdraw(list string, run engine.RunID, id int64) {
	o.harness.touched = true
	delete(o.open, offerKey{run, id})
	o.harness.matcher.Withdraw(list, run, id)
}

func (o *offers) WithdrawShard(shard uint16) {
	o.harness.touched = true
	for k := range o.open {
		if k.run.Shard() == shard {
			delete(o.open, k)
		}
	}
	o.harness.matcher.WithdrawShard(shard)
}

// listener hears what the server logs: some of it must never be said.
type listener struct {
	w       *world
	harness *harness
}

func (l *listener) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError || l.w.trace != nil
}
func (l *listener) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *listener) WithGroup(string) slog.Handler      { return l }

func (l *listener) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	failure := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" || l.w.trace != nil {
			text += " " + a.Key + "=" + a.Value.String()
		}
		if a.Key == "error" {
			failure = a.Value.String()
		}
		return true
	})
	l.w.note("log: %s", text)
	if r.Message == "shard dropped its memory" {
		l.w.disruptions++
	}
	if r.Level < slog.LevelError || l.harness.disk.dead || l.w.ending {
		return nil
	}
	switch r.Message {
	case "shard dropped its memory", "recover shard; its commands fail until it succeeds", "a run can't be read", "read the runs to forget":
	case "request failed":
		if !excused(failure) {
			l.w.judge.fail("log: %s", text)
		}
	case "a job of Data Exchange failed; it is tried again":
		if !excused(text) {
			l.w.judge.fail("log: %s", text)
		}
	default:
		if !strings.Contains(text, errRead.Error()) {
			l.w.judge.fail("log: %s", text)
		}
	}
	return nil
}

// excused tells whether a request may fail so: its shard lost its batch, or what it
// lacked could not be read.
func excused(failure string) bool {
	return strings.Contains(failure, engine.ErrUnavailable.Error()) || strings.Contains(failure, errRead.Error())
}

// perform is the life of the process's Lambda performer.
func (h *harness) perform(t *thread) {
	w := h.w
	for !h.disk.dead && !w.ending {
		hold, _ := h.within(context.Background(), 20*time.Second)
		claim, err := h.Poll(hold, execution.LambdaList, matching.Poller{})
		switch {
		case err != nil:
			w.sleep(t, 100)
		case claim != nil:
			h.invoke(t, claim)
		}
	}
}

// invoke starts a Lambda task, as package lambda does, and makes up an outcome.
func (h *harness) invoke(t *thread, claim *matching.Claim) {
	w := h.w
	ctx := context.Background()
	reply, err := h.Do(ctx, engine.Command{Run: claim.Run, Body: &execution.StartLambda{ScheduledEventID: claim.ID}})
	switch {
	case errors.Is(err, engine.ErrUnavailable) || errors.Is(err, engine.ErrUnread) || errors.Is(err, errDead):
		claim.Return()
		return
	case err != nil:
		expired, cancel := context.WithCancel(ctx)
		cancel()
		h.matcher.Refuse(expired, claim)
		return
	}
	claim.Accept()
	h.touched = true
	task, ok := reply.(*execution.LambdaTask)
	if !ok {
		return
	}
	w.sleep(t, engine.Time(w.random.IntN(5000)))
	var body any
	mark := w.judge.mark()
	switch w.random.IntN(8) {
	case 0:
		body = &execution.FailLambda{ScheduledEventID: task.ScheduledEventID, StartedEventID: task.StartedEventID, Details: &mark}
	case 1:
		body = &execution.StartLambdaFailed{ScheduledEventID: task.ScheduledEventID, Message: mark}
	case 2:
		if !w.draining {
			return // it hangs; the rules time it out
		}
		fallthrough
	default:
		body = &execution.CompleteLambda{ScheduledEventID: task.ScheduledEventID, StartedEventID: task.StartedEventID, Result: &mark}
	}
	for range 20 {
		w.judge.sent(mark, 1)
		_, err := h.Do(ctx, engine.Command{Run: claim.Run, Body: body})
		if err == nil {
			w.judge.acknowledged("", mark)
		}
		if !errors.Is(err, engine.ErrUnavailable) && !errors.Is(err, engine.ErrUnread) || h.disk.dead {
			return
		}
		if w.random.IntN(2) == 0 {
			return // as package lambda does: the shard offers the task again
		}
		w.sleep(t, 100)
	}
}

// fill reads bytes from a generator.
type fill struct{ random *rand.Rand }

func (f fill) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(f.random.Uint32())
	}
	return len(b), nil
}

// seed is what the id of a root grows from.
func (w *world) seed() engine.Seed {
	w.roots++
	var random [8]byte
	binary.BigEndian.PutUint32(random[:], w.entropy.Uint32())
	binary.BigEndian.PutUint32(random[4:], uint32(w.roots))
	if w.harness == nil || w.roots%8 == 0 {
		return engine.RootSeed(0, random) // of no time: whether it is new has to be fetched
	}
	return engine.RootSeed(w.harness.Now(), random)
}

func (w *world) makeRules() map[engine.Kind]engine.Rules {
	switch {
	case w.machines != nil:
		return w.machines.rules(w.sabotage.machines)
	case w.exchange != nil:
		return w.exchange.rules()
	}
	rules := map[engine.Kind]engine.Rules{
		registry.KindDomains: registry.NewDomains(registry.DefaultLimits()),
		registry.KindTypes:   registry.NewTypes(registry.DefaultLimits()),
		execution.Kind:       execution.New(w.limits),
	}
	if broken := w.sabotage.rules; broken != nil {
		rules[execution.Kind] = broken(rules[execution.Kind])
	}
	return rules
}
