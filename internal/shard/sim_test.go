package shard

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "simulate this seed alone, and tell each step; 0: many")
	seedsFlag = flag.Int("seeds", everydaySeeds(), "how many seeds to simulate")
	fromFlag  = flag.Uint64("from", 1, "the first of them")
	stepsFlag = flag.Int("steps", 150, "steps of each seed in which things go wrong")
)

// everydaySeeds is how many seeds run with all other tests. There is no concurrency in
// them that the race detector could find anything in.
func everydaySeeds() int {
	if racing {
		return 50
	}
	return 1000
}

// TestSeeds simulates shards under all faults, and holds what callers heard against what
// is stored.
func TestSeeds(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	if *seedFlag != 0 {
		if s := simulate(t, *seedFlag, *stepsFlag, os.Stdout); s.model.wrong != "" {
			t.Errorf("seed %d: %s", *seedFlag, s.model.wrong)
		}
		return
	}
	var next atomic.Uint64
	next.Store(*fromFlag)
	var failed atomic.Bool
	var mu sync.Mutex
	seen := map[string]int{}
	var runners sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		runners.Go(func() {
			for seed := next.Add(1) - 1; seed < *fromFlag+uint64(*seedsFlag) && !failed.Load(); seed = next.Add(1) - 1 {
				s := simulate(t, seed, *stepsFlag, nil)
				if s.model.wrong != "" {
					failed.Store(true)
					t.Errorf("seed %d: %s\nit repeats with\n\tgo test ./internal/shard -run 'TestSeeds$' -steps %d -seed %d", seed, s.model.wrong, *stepsFlag, seed)
				}
				mu.Lock()
				for what, n := range s.model.seen {
					seen[what] += n
				}
				mu.Unlock()
			}
		})
	}
	runners.Wait()
	if testing.Verbose() {
		var all []string
		for what, n := range seen {
			all = append(all, fmt.Sprintf("%8d %s", n, what))
		}
		slices.SortFunc(all, func(a, b string) int { return strings.Compare(a[9:], b[9:]) })
		t.Logf("reached:\n%s", strings.Join(all, "\n"))
	}
	for _, what := range []string{
		"await of toyPut: answered", "await of Peek: answered", "a caller left", "opened again", "parked", "a parked message was handled", "a snapshot in parts",
		"kill", "kill while it is read", "commit failed", "commit failed, written", "fenced", "dropped", "quarantined", "read failed", "blob failed",
		"AlreadyOpenError", "NameKeptError", "RunExistsError", "UnknownRunError", "ErrUnread", "ErrUnusable", "ErrUnavailable", "ErrQuarantined", "toy refuses",
		"event begun", "event report", "event reopen", "event keep", "event drop", "event woken", "event heard", "event answered", "forgotten", "swept",
		"delivered", "delivered again", "delivered by one that was lost", "notifications deleted",
	} {
		if *seedsFlag >= 1000 && seen[what] == 0 && !failed.Load() {
			t.Errorf("no seed reached %q", what)
		}
	}
}

// TestSameSeedSameTrace holds that a seed decides all.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		first, second := simulate(t, seed, *stepsFlag, nil), simulate(t, seed, *stepsFlag, nil)
		if first.sum.Sum64() != second.sum.Sum64() {
			t.Errorf("seed %d gave the traces %x and %x", seed, first.sum.Sum64(), second.sum.Sum64())
		}
	}
}

// sim is one simulation.
type sim struct {
	*harness
	*rand.Rand
	model *model
	step  int
	out   io.Writer
	sum   interface {
		io.Writer
		Sum64() uint64
	}
	faults  bool
	sealed  map[uint16]*sealedBatch
	asked   []*ask
	runIDs  []engine.RunID // that callers know
	blobs   map[blob.ID]string
	blobIDs []blob.ID
	sweeper *blob.Sweeper
	heard   map[string]*heardBy
	next    int // token, seed, blob
}

// sealedBatch is one that is not yet let out.
type sealedBatch struct {
	batch   *Batch
	decided bool // the store has said err
	err     error
}

// ask is a command on its way.
type ask struct {
	call  *call
	token string
	sent  []string // tokens of the messages that it sends
	to    []string // and to whom
	id    int
	await bool
	at    int                  // step
	acked map[engine.RunID]int // how many tokens were acknowledged when it was asked
	left  bool
}

func simulate(t *testing.T, seed uint64, steps int, out io.Writer) *sim {
	r := rand.New(rand.NewPCG(seed, 0))
	s := &sim{
		Rand: r, model: newModel(), out: out, sum: fnv.New64a(), faults: true,
		sealed: map[uint16]*sealedBatch{}, blobs: map[blob.ID]string{},
	}
	s.harness = newHarness(t, uint16(1+r.IntN(4)))
	s.notices = newToyNotices("one", "two")
	s.start()
	s.heard = map[string]*heardBy{"one": newHeardBy(), "two": newHeardBy()}
	s.shelf.Fail(func(blob.Step) error {
		if s.faults && s.IntN(10) == 0 {
			s.model.seen["blob failed"]++
			return errRead
		}
		return nil
	})
	s.harness.failRead = func(byte) bool {
		fails := s.faults && s.IntN(12) == 0
		if fails {
			s.model.seen["read failed"]++
		}
		return fails
	}
	s.listener = engine.Listener{
		Dropped: func(shard uint16, why error) {
			s.model.seen["dropped"]++
			s.tell("shard %d drops: %v", shard, firstLine(why))
		},
		Quarantined: func(id engine.Identity, why error) {
			s.model.seen["quarantined"]++
			s.tell("quarantined %s: %s", id.Name.Key, firstLine(why))
			if !strings.HasPrefix(id.Name.Key, "bad") {
				s.model.fail("%s was quarantined: %v", id.Name.Key, why)
			}
		},
		TurnDone: func(d *engine.TurnDone) {
			if m := s.model.runs[d.Run]; m == nil || d.After.Status == engine.Open && m.last < 1 {
				s.model.fail("the listener hears of run %s, which is not stored", d.Run)
			} else if n := len(d.Events); n > 0 && d.Events[n-1].ID > m.last {
				s.model.fail("the listener hears of event %d of run %s, of which %d are stored", d.Events[n-1].ID, d.Run, m.last)
			}
		},
	}
	s.sweeper = &blob.Sweeper{Library: s.library, References: s, Grace: time.Second}
	defer func() {
		if p := recover(); p != nil {
			s.model.fail("panic: %v\n%s", p, debug.Stack())
		}
	}()
	for s.step = 1; s.step <= steps && s.model.wrong == ""; s.step++ {
		s.act()
		s.hear()
	}
	s.end()
	return s
}

// firstLine leaves out where a panic was.
func firstLine(err error) string {
	if err == nil {
		return "done"
	}
	return strings.SplitN(err.Error(), "\n", 2)[0]
}

// tell adds to the trace.
func (s *sim) tell(format string, args ...any) {
	line := fmt.Sprintf("%d at %d: %s\n", s.step, s.now, fmt.Sprintf(format, args...))
	_, _ = io.WriteString(s.sum, line)
	if s.out != nil {
		_, _ = io.WriteString(s.out, line)
	}
}

// act does one thing.
func (s *sim) act() {
	switch n := s.IntN(105); {
	case n >= 100:
		s.deliver()
	case n < 38:
		for range 1 + s.IntN(4) {
			s.ask()
		}
	case n < 74:
		if kicked := s.Kicked(); len(kicked) > 0 {
			s.stepShard(kicked[s.IntN(len(kicked))])
		} else {
			s.Advance()
		}
	case n < 86:
		if s.Fetches() > 0 {
			s.tell("fetch for shard %d", s.Fetch(context.Background(), s.IntN(s.Fetches())))
		}
	case n < 93:
		s.now += engine.Time(s.IntN([]int{20, 20, 200, 2000}[s.IntN(4)]))
		s.Advance()
	case n < 94:
		s.leaveOne()
	case n < 95:
		key := s.badKey()
		s.trips["apply "+key] = !s.trips["apply "+key]
	case n < 96:
		s.verifyAll(false)
	case n < 97:
		s.sweep()
	case n < 98:
		s.killAll()
	default:
		for id := range s.shards { // finishes what is under way
			s.letOut(uint16(id))
		}
	}
}

// stepShard evaluates, seals, commits or lets out.
func (s *sim) stepShard(id uint16) {
	if s.IntN(4) == 0 {
		s.tell("evaluate %d", id)
		s.Evaluate(id)
		return
	}
	b := s.Ready(id)
	if b == nil {
		s.tell("nothing of %d", id)
		return
	}
	s.tell("sealed %d: %d calls", id, len(b.calls))
	s.sealed[id] = &sealedBatch{batch: b}
	if s.IntN(3) > 0 {
		s.decide(id)
	}
	if s.IntN(3) > 0 {
		s.letOut(id)
	}
}

// decide has the store say what becomes of a batch.
func (s *sim) decide(id uint16) {
	p := s.sealed[id]
	if p == nil || p.decided {
		return
	}
	p.decided = true
	written := true
	switch n := s.IntN(40); {
	case !s.faults || n > 3:
	case n == 0:
		s.store.FailNextCommit(true)
		s.model.seen["commit failed, written"]++
	case n == 1:
		s.store.FailNextCommit(false)
		written = false
		s.model.seen["commit failed"]++
	case n == 2:
		s.store.Fence(id)
		written = false
		s.model.seen["fenced"]++
	}
	p.err = s.commit(&p.batch.Section)
	s.tell("commit %d: %v", id, p.err)
	if p.err != nil && !errors.Is(p.err, store.ErrUnknown) && !errors.Is(p.err, store.ErrFenced) {
		s.model.fail("commit: %v", p.err)
	}
	if written {
		s.model.commit(&p.batch.Section, s.step)
	}
}

func (s *sim) commit(section *store.Section) error {
	return s.store.Commit(context.Background(), []store.Section{*section})[0]
}

func (s *sim) letOut(id uint16) {
	if p := s.sealed[id]; p != nil {
		s.decide(id)
		delete(s.sealed, id)
		s.Done(id, p.batch, p.err)
		s.hear()
	}
}

// killAll ends the process and starts another, which may fail to read the store at first.
func (s *sim) killAll() {
	for id := range s.shards {
		if s.sealed[uint16(id)] != nil && s.IntN(2) == 0 {
			s.decide(uint16(id)) // written, and nobody hears of it
		}
	}
	clear(s.sealed)
	s.tell("kill")
	s.model.seen["kill"]++
	for _, a := range s.asked {
		s.over(a, unknown)
	}
	s.asked = nil
	s.store = s.store.Crash(0)
	for {
		s.offers = &toyOffers{open: map[string]engine.Offer{}}
		s.notices = newToyNotices("one", "two")
		stepped, err := OpenStepped(context.Background(), s.config(), s.harness)
		if err == nil {
			s.Stepped = stepped
			return
		}
		s.model.seen["kill while it is read"]++
	}
}

func (s *sim) badKey() string { return fmt.Sprint("bad ", s.IntN(3)) }

// name gives one of a few names.
func (s *sim) name() engine.Name {
	switch n := s.IntN(20); {
	case n < 9:
		return toyName(fmt.Sprint(s.IntN(6)))
	case n < 11:
		return toyName(s.badKey())
	case n < 15:
		return nameOf(keptKind, fmt.Sprint("once ", s.IntN(3)))
	case n < 16:
		return nameOf(keptKind, fmt.Sprint(s.IntN(2)))
	default:
		return nameOf(cutKind, fmt.Sprint(s.IntN(2)))
	}
}

func (s *sim) token() string {
	s.next++
	return fmt.Sprint("t", s.next)
}

// newSeed is of now, or of another time, or was used.
func (s *sim) newSeed() engine.Seed {
	if s.IntN(20) == 0 && len(s.runIDs) > 0 {
		return engine.Seed(s.runIDs[s.IntN(len(s.runIDs))][2:])
	}
	at := s.now
	if s.IntN(20) == 0 {
		at = max(0, at-engine.Time(s.IntN(20_000)))
	}
	return s.freshSeed(at)
}

func (s *sim) freshSeed(at engine.Time) engine.Seed {
	s.next++
	return engine.RootSeed(at, [8]byte{byte(s.next), byte(s.next >> 8), byte(s.next >> 16), 1})
}

// retention is how long closed runs are kept, so that the last of a name goes last.
const retention = 6000

// ask submits a random command.
func (s *sim) ask() {
	s.next++
	a := &ask{id: s.next, at: s.step, acked: map[engine.RunID]int{}}
	cmd := engine.Command{Name: s.name(), Group: "g", Seed: s.newSeed(), Begin: engine.Begin(s.IntN(3)), Patient: s.IntN(15) == 0, Await: s.IntN(6) == 0}
	if isOnce(cmd.Name) && cmd.Begin == engine.Always {
		cmd.Begin = engine.Once
	}
	bad := strings.HasPrefix(cmd.Name.Key, "bad")
	if s.IntN(5) == 0 && len(s.runIDs) > 0 {
		cmd.Run = s.runIDs[s.IntN(len(s.runIDs))]
		cmd.Begin = engine.Never
		cmd.Name = engine.Name{}
		if m := s.model.runs[cmd.Run]; m != nil {
			bad = strings.HasPrefix(m.Name.Key, "bad")
		}
	}
	switch n := s.IntN(100); {
	case n < 35:
		a.token = s.token()
		cmd.Body = toyPut{a.token}
	case n < 43:
		cmd.Body, cmd.Begin = engine.Peek{}, engine.Never
	case n < 53:
		cmd.Body = toyClose{Keep: retention}
		cmd.Begin = engine.Never
	case n < 58:
		cmd.Body, cmd.Begin = toyReopen{}, engine.Never
	case n < 60:
		cmd.Body = toyRenew{Keep: retention}
		if isOnce(cmd.Name) || !cmd.Run.IsZero() {
			cmd.Body = toyAdd{}
		}
	case n < 64:
		cmd.Body = toyTell{To: fmt.Sprint(s.IntN(6))}
	case n < 69:
		var send toySend
		for range 1 + s.IntN(3) {
			m := engine.Message{To: toyName(fmt.Sprint(s.IntN(8))), Begin: engine.IfAbsent, Group: "g", Seed: s.freshSeed(s.now)}
			if s.IntN(4) == 0 {
				m.To.Key = s.badKey()
			}
			if s.IntN(12) == 0 {
				m.Body = []byte{"pq"[s.IntN(2)]}
			} else {
				token := "u" + s.token()
				a.sent, a.to = append(a.sent, token), append(a.to, m.To.Key)
				m.Body = []byte(token)
			}
			send.Messages = append(send.Messages, m)
		}
		cmd.Body = send
	case n < 71:
		cmd.Body = toyParent{Children: 1 + s.IntN(12), Window: 1 + s.IntN(5)}
		if s.IntN(60) == 0 {
			cmd.Body = toyParent{Children: 300, Window: 20}
		}
	case n < 74:
		cmd.Body = toyWake{At: s.now + engine.Time(s.IntN(3000))}
	case n < 77:
		cmd.Body = toyOffer{}
	case n < 81:
		var ids []blob.ID
		for range 1 + s.IntN(2) {
			if id, ok := s.newBlob(); ok {
				ids = append(ids, id)
			}
		}
		cmd.Body = toyKeep{ids}
	case n < 83:
		cmd.Body = toyDrop{s.someBlobs()}
	case n < 89:
		cmd.Body, cmd.Begin = toyWant{Events: []int64{1, int64(s.IntN(8)), 1 << 30}, Blobs: s.someBlobs()}, engine.Never
	case n < 91:
		cmd.Body = toyAdd{Text: strings.Repeat("x", s.IntN(20_000))}
	case n < 92:
		cmd.Body = toyAdd{Text: strings.Repeat("x", s.IntN(40_000))}
	case n < 93:
		cmd.Body = toyPile{Size: s.IntN(20_000)}
		if s.IntN(2) == 0 {
			cmd.Body = toyPile{Size: 1<<20 + s.IntN(1<<18)}
		}
	case n < 94:
		cmd.Body = toyFail{}
	default:
		cmd.Body = toyRead{}
		if bad {
			cmd.Body = []any{toyPanic{}, toyFall{"record"}, toySkip{}, toyExcess{Many: s.IntN(2) == 0}}[s.IntN(4)]
		}
	}
	for id, m := range s.model.runs {
		if len(m.acked) > 0 {
			a.acked[id] = len(m.acked)
		}
	}
	s.tell("ask %d: %T %s%s of %s %s, begin %d, await %v", len(s.asked), cmd.Body, a.token, a.sent, cmd.Name.Key, cmd.Run, cmd.Begin, cmd.Await)
	a.await = cmd.Await
	a.call = s.submit(cmd)
	s.asked = append(s.asked, a)
}

func (s *sim) newBlob() (blob.ID, bool) {
	s.next++
	content := fmt.Sprint("blob ", s.next)
	ref, err := s.library.Put(context.Background(), strings.NewReader(content))
	if err != nil {
		return blob.ID{}, false
	}
	s.blobs[ref.ID] = content
	s.blobIDs = append(s.blobIDs, ref.ID)
	return ref.ID, true
}

func (s *sim) someBlobs() (ids []blob.ID) {
	for range s.IntN(3) {
		if len(s.blobIDs) == 0 || s.IntN(10) == 0 {
			ids = append(ids, blob.ID{byte(s.IntN(3))})
		} else {
			ids = append(ids, s.blobIDs[s.IntN(len(s.blobIDs))])
		}
	}
	return ids
}

// leaveOne has a caller go.
func (s *sim) leaveOne() {
	for _, a := range s.asked {
		if a.call.cmd.Await && !a.left && s.IntN(2) == 0 {
			a.left = true
			s.tell("%T of %s %s leaves", a.call.cmd.Body, a.call.cmd.Name.Key, a.token)
			s.model.seen["a caller left"]++
			s.Stepped.submit(&call{cmd: engine.Command{Name: a.call.cmd.Name, Run: a.call.cmd.Run}, leaves: a.call})
			return
		}
	}
}

// hear takes in what was answered.
func (s *sim) hear() {
	s.asked = slices.DeleteFunc(s.asked, func(a *ask) bool {
		if !answered(a.call) {
			return false
		}
		s.judge(a)
		return true
	})
}

// over notes what became of a command, for its tokens.
func (s *sim) over(a *ask, outcome string) {
	if a.token != "" {
		s.model.holds(a.token, outcome)
		s.tokens(a.token, outcome)
	}
	for i, token := range a.sent {
		if strings.HasPrefix(a.to[i], "bad") && outcome == acknowledged {
			s.tokens(token, unknown) // it may be parked with a run that has closed when it comes again, and refuses it
		} else {
			s.tokens(token, outcome)
		}
	}
}

// tokens are judged again in the end.
func (s *sim) tokens(token, outcome string) {
	s.outcomes()[token] = outcome
}

func (s *sim) outcomes() map[string]string {
	if s.model.outcomes == nil {
		s.model.outcomes = map[string]string{}
	}
	return s.model.outcomes
}

// judge compares an answer with the model.
func (s *sim) judge(a *ask) {
	m, c := s.model, a.call
	s.tell("answer to %T of %s %s: %v", c.cmd.Body, c.cmd.Name.Key, c.cmd.Run, firstLine(c.err))
	if c.err != nil {
		s.judgeError(a)
		return
	}
	s.over(a, acknowledged)
	if a.token != "" && !c.cmd.Patient {
		target := fmt.Sprint(c.cmd.Name, c.cmd.Run)
		m.said[target] = append(m.said[target], said{a.token, a.id})
	}
	for i, token := range a.sent {
		if target := fmt.Sprint("message ", a.id, " to ", a.to[i]); !strings.Contains(target, "bad") {
			m.said[target] = append(m.said[target], said{token, i})
		}
	}
	if a.left {
		return
	}
	if c.cmd.Await {
		m.seen[fmt.Sprintf("await of %s: answered", strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", c.cmd.Body), "shard."), "engine."))]++
		out, ok := c.reply.(toyOutcome)
		if r := m.runs[out.Run]; !ok || r == nil || !r.everClosed {
			m.fail("who awaits a close got %+v, of a run that never closed", c.reply)
		} else if a.token != "" && !slices.Contains(out.Tokens, a.token) {
			m.fail("who awaits a close after %s got %+v", a.token, out)
		} else if !c.cmd.Run.IsZero() && out.Run != c.cmd.Run {
			m.fail("who awaits the close of %s got that of %s", c.cmd.Run, out.Run)
		}
		return
	}
	switch reply := c.reply.(type) {
	case toyDone:
		if a.token == "" {
			break
		}
		if runs := m.tokens[a.token]; len(runs) != 1 || runs[0] != reply.Run {
			m.fail("%s was put into run %s, and is in %v", a.token, reply.Run, runs)
			return
		}
		m.runs[reply.Run].acked = append(m.runs[reply.Run].acked, a.token)
		if !slices.Contains(s.runIDs, reply.Run) {
			s.runIDs = append(s.runIDs, reply.Run)
		}
	case *engine.RunView:
		if r := m.runs[reply.Run]; r == nil || reply.LastEvent > r.last && !r.reborn {
			m.fail("a view shows event %d of run %s: %+v", reply.LastEvent, reply.Run, r)
		}
	case toyState:
		r := m.runs[reply.ID.Run]
		if r == nil && reply.Last > 1 {
			m.fail("a reader sees run %s, which is not stored", reply.ID.Run)
			return
		}
		for _, token := range reply.Tokens {
			if len(m.tokens[token]) == 0 {
				m.fail("a reader sees %s, which is not stored", token)
			}
		}
		if r != nil && !r.reborn {
			for _, token := range r.acked[:a.acked[r.Run]] {
				if !slices.Contains(reply.Tokens, token) {
					m.fail("a reader does not see %s, which was acknowledged before", token)
				}
			}
		}
	case toyGot:
		for id, content := range reply.Blobs {
			if s.blobs[id] != content {
				m.fail("blob %s was given as %q, want %q", id, content, s.blobs[id])
			}
		}
		for id, b := range reply.Events {
			if !strings.HasPrefix(b, fmt.Sprintf(`{"id":%d,`, id)) {
				m.fail("event %d was given as %q", id, b)
			}
		}
		if c.cmd.Name.Kind == toyKind && reply.Events[1] == "" || reply.Events[1<<30] != "" {
			m.fail("events of %q were given as %v", c.cmd.Name.Key, reply.Events)
		}
	}
}

// judgeError holds that a refusal is right, as far as an observer can tell.
func (s *sim) judgeError(a *ask) {
	m, c := s.model, a.call
	stored := func(run engine.RunID, what string) {
		m.seen[what]++
		if r := m.runs[run]; r == nil || r.last == 0 && !r.reborn {
			m.fail("%T was answered %v, which is not stored", c.cmd.Body, c.err)
		}
	}
	if e, ok := errors.AsType[*engine.AlreadyOpenError](c.err); ok {
		stored(e.Run, "AlreadyOpenError")
	}
	if e, ok := errors.AsType[*engine.NameKeptError](c.err); ok {
		stored(e.Run, "NameKeptError")
	}
	if e, ok := errors.AsType[*engine.RunExistsError](c.err); ok {
		stored(e.Run, "RunExistsError")
	}
	if _, ok := errors.AsType[*engine.UnknownRunError](c.err); ok {
		m.seen["UnknownRunError"]++
		if r := m.runs[m.open[c.cmd.Name]]; c.cmd.Run.IsZero() && r != nil && r.openedAt < a.at {
			m.fail("%T of %q was answered %v, and run %s is open", c.cmd.Body, c.cmd.Name.Key, c.err, r.Run)
		}
		if r := m.runs[c.cmd.Run]; r != nil && r.status != 0 && !r.reborn && r.isKept(s.now) && r.forget == 0 {
			m.fail("%T was answered %v, and the run is there", c.cmd.Body, c.err)
		}
	}
	for what, err := range map[string]error{
		"ErrUnread": engine.ErrUnread, "ErrUnusable": engine.ErrUnusable, "ErrUnavailable": engine.ErrUnavailable, "ErrQuarantined": ErrQuarantined,
		"toy refuses": errToy, "taken": errTaken,
	} {
		if errors.Is(c.err, err) {
			m.seen[what]++
		}
	}
	if errors.Is(c.err, errTakenBack) {
		m.fail("%v", c.err)
	}
	if errors.Is(c.err, engine.ErrUnavailable) || a.await && errors.Is(c.err, ErrQuarantined) {
		s.over(a, unknown)
	} else {
		s.over(a, refusedNow)
	}
}

// sweep deletes unreferenced blobs, unless a command may be about to keep one.
func (s *sim) sweep() {
	for _, a := range s.asked {
		if _, keeps := a.call.cmd.Body.(toyKeep); keeps {
			return
		}
	}
	swept, _ := s.sweeper.Sweep(context.Background(), time.UnixMilli(int64(s.now)))
	if swept.Deleted > 0 {
		s.model.seen["swept"]++
	}
	s.tell("swept %d", swept.Deleted)
}

// references gives what the index says.
func (s *sim) references(yield func(blob.ID, error) bool) {
	err := s.store.ScanIndex(context.Background(), store.Range{Start: []byte{keys.BlobIndex}, End: []byte{keys.BlobIndex + 1}}, func(key, _ []byte) bool {
		id, _ := keys.BlobReferrer(key)
		return yield(id, nil)
	})
	if err != nil {
		yield(blob.ID{}, err)
	}
}

// verifyAll holds that replay equals memory, and that the check finds nothing.
func (s *sim) verifyAll(all bool) {
	faults := s.faults
	s.faults = false
	defer func() { s.faults = faults }()
	ctx := context.Background()
	for id, m := range s.model.runs {
		sh := s.shards[id.Shard()]
		if m.status == 0 || s.Lost(sh.id) || s.HasOpenBatch(sh.id) || sh.committing || s.sealed[sh.id] != nil || s.trips["apply "+m.Name.Key] {
			continue
		}
		if !all && m.Run[15]%4 != 0 {
			continue
		}
		if m.Name.Kind != cutKind {
			if sh.sick[id] {
				continue
			}
			err := s.Verify(ctx, id, &Twin{})
			if err != nil && !all && strings.Contains(err.Error(), "wakes it at") {
				err = nil // its wakes were refused while it could not be read
			}
			if err != nil {
				s.model.fail("verify %q: %v", m.Name.Key, err)
			}
		} else if head, err := s.Head(ctx, id); err != nil || head == nil {
			s.model.fail("head of %q: %v", m.Name.Key, err)
		} else if state, err := runlog.Fold(ctx, s.store, engine.NewRuleset(s.cfg.Rules[cutKind]), head); err != nil {
			s.model.fail("fold %q: %v", m.Name.Key, err)
		} else if r := sh.runs[id]; r != nil && r.state != nil && fmt.Sprintf("%+v", r.state) != fmt.Sprintf("%+v", state) {
			s.model.fail("state of %q in memory and log disagree:\n%+v\n%+v", m.Name.Key, r.state, state)
		}
	}
	trips := s.trips
	for key := range trips {
		if trips[key] {
			return
		}
	}
	if wrong := s.wrong(); len(wrong) > 0 {
		s.model.fail("the check finds: %s", strings.Join(wrong, "; "))
	}
	checked, err := blob.Check(ctx, s.library, s.references, blob.CheckOptions{Contents: all})
	if err != nil || checked.Missing+checked.Broken > 0 {
		s.model.fail("blobs: %+v, %v", checked, err)
	}
}

// rest steps what is kicked and whose time has come, until a moment; nothing is stepped
// that does not ask for it.
func (s *sim) rest(until engine.Time) {
	for n := 0; s.model.wrong == ""; n++ {
		if n > 20_000 {
			s.model.fail("it does not come to rest")
			return
		}
		kicked := s.Kicked()
		for _, id := range kicked {
			if b := s.Ready(id); b != nil {
				s.sealed[id] = &sealedBatch{batch: b}
				s.letOut(id)
			}
		}
		for s.Fetches() > 0 {
			s.Fetch(context.Background(), s.IntN(s.Fetches()))
		}
		if len(s.Kicked()) > 0 {
			continue
		}
		w := s.NextWake()
		if w == 0 || w > until {
			s.now = max(s.now, until)
			s.hear()
			return
		}
		s.now = max(s.now, w)
		s.Advance()
		if len(s.Kicked()) == 0 && w <= s.now && s.NextWake() == w {
			s.model.fail("it is time to step a shard, and nobody is kicked")
		}
	}
}

// end stops the faults and has everything come to its end.
func (s *sim) end() {
	if s.model.wrong != "" {
		return
	}
	s.faults = false
	clear(s.trips)
	for id := range s.shards {
		s.letOut(uint16(id))
	}
	s.rest(s.now + 5000)
	for _, a := range s.asked {
		if !a.call.cmd.Await || a.left {
			s.model.fail("%T of %q, asked at step %d, is never answered", a.call.cmd.Body, a.call.cmd.Name.Key, a.at)
		}
	}
	s.verifyAll(true)
	s.killAll() // ends quarantines; messages that were parked come again
	s.rest(s.now + 5000)
	open := 0
	var ids []engine.RunID
	for id, m := range s.model.runs {
		if m.status == engine.Open {
			open++
			ids = append(ids, id)
		}
	}
	if n := s.groups.add("g", 0); n != open {
		s.model.fail("%d open runs are counted, want %d", n, open)
	}
	for key, there := range s.model.parked {
		if there {
			s.model.fail("a message is still parked: %x", key)
		}
	}
	for token, outcome := range s.outcomes() {
		s.model.holds(token, outcome)
	}
	for _, id := range ids {
		s.kept(id)
	}
	if s.model.seen["parked"] == 0 { // what was parked comes late
		s.model.inOrder()
	}
	s.verifyAll(true)
	// Somebody awaits each run, and then all close.
	slices.SortFunc(ids, func(a, b engine.RunID) int { return strings.Compare(string(a[:]), string(b[:])) })
	for _, id := range ids {
		for _, cmd := range []engine.Command{{Run: id, Body: engine.Peek{}, Await: true}, {Run: id, Body: toyClose{Forget: s.now + 20_000}}} {
			s.asked = append(s.asked, &ask{call: s.submit(cmd), at: s.step, acked: map[engine.RunID]int{}})
		}
	}
	s.rest(s.now + 5000)
	for _, a := range s.asked {
		s.model.fail("%T of %s is never answered", a.call.cmd.Body, a.call.cmd.Run)
	}
	s.reports()
	for _, sh := range s.shards {
		if len(sh.awaiting)+len(sh.waiting)+len(sh.inbox)+len(sh.patient)+len(sh.fetching) > 0 {
			s.model.fail("shard %d: %d await a close, %d wait for a fetch, %d and %d in the inbox, %d fetches", sh.id, len(sh.awaiting), len(sh.waiting), len(sh.inbox), len(sh.patient), len(sh.fetching))
		}
	}
	if n := s.pending.n.Load(); n != 0 {
		s.model.fail("%d commands count as unfinished", n)
	}
	if n := len(s.offers.open); n != 0 {
		s.model.fail("%d tasks of closed runs are on offer", n)
	}
	s.verifyAll(true)
	s.deliverAll()
	// All is forgotten.
	s.rest(s.now + 30_000)
	if n := s.rows(); n != 0 {
		s.model.fail("%d rows are left: %q", n, s.left())
	}
	for _, m := range s.model.runs {
		if m.status != 0 {
			s.model.fail("run %s of %q is not forgotten", m.Run, m.Name.Key)
		}
		s.model.seen["forgotten"]++
	}
	if n := s.groups.add("g", 0); n != 0 {
		s.model.fail("%d open runs are counted, and there is none", n)
	}
	for range 2 {
		if _, err := s.sweeper.Sweep(context.Background(), time.UnixMilli(int64(s.now))); err != nil {
			s.model.fail("%v", err)
		}
		s.now += 60_000
	}
	_ = s.library.List(context.Background(), blob.ID{}, func(info blob.Info) bool {
		s.model.fail("blob %s is left", info.ID)
		return false
	})
	s.tell("the end")
}

// left are rows that should not be there any more.
func (s *sim) left() (left []string) {
	add := func(key, _ []byte) bool {
		if key[0] != keys.Sent && key[0] != keys.Applied && key[0] != keys.Told {
			left = append(left, string(key))
		}
		return len(left) < 10
	}
	for _, sh := range s.shards {
		_ = s.store.Scan(context.Background(), sh.id, store.Range{}, add)
	}
	_ = s.store.ScanIndex(context.Background(), store.Range{}, add)
	return left
}

// kept compares the blobs that a run keeps with the rows that say so.
func (s *sim) kept(id engine.RunID) {
	head, err := s.Head(context.Background(), id)
	if err != nil || head == nil {
		s.model.fail("head of %s: %v", id, err)
		return
	}
	state, err := runlog.Fold(context.Background(), s.store, engine.NewRuleset(s.cfg.Rules[head.Name.Kind]), head)
	if err != nil {
		s.model.fail("fold %s: %v", id, err)
		return
	}
	want := state.(*toyState).Kept
	slices.Sort(want)
	want = slices.Compact(want)
	rows, _ := s.rowsOf(keys.Blob, id)
	if rows != len(want) {
		s.model.fail("run %s keeps %d blobs, and %d rows say so", id, len(want), rows)
	}
}

// reports holds that each child has reported once.
func (s *sim) reports() {
	for id, m := range s.model.runs {
		for child := range m.children {
			if m.reborn && m.status != 0 {
				continue
			}
			n := s.model.handled[fmt.Sprintf("%s/%d", id, child)]
			if n > 1 || n == 0 && m.status != 0 {
				s.model.fail("child %d of run %s (%q) has reported %d times", child, id, m.Name.Key, n)
			}
		}
	}
}
