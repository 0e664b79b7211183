// Package maprun is the rules of a map run: what has the items of a Map state in distributed
// mode, begins an execution for each of them, or for each batch, and counts how they end.
// It is pure and deterministic, for engine.Rules.
//
// A map run is begun by the execution that the state is of, and tells it how it ended; the
// executions of items are begun by the map run, and tell it how they ended. All that is
// said are messages (package execution), each handled once: so no item that is done is done
// again, whatever stops in between.
//
// It has a window of the items: those that have not begun. What an item became is counted;
// outputs are kept only as long as they may become the output of the state.
package maprun

import (
	"fmt"
	"slices"
	"unsafe"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
)

// Kind is the kind of execution that these rules are for.
const Kind = execution.MapRunKind

const (
	// concurrencyMax is how many executions of a map run there are at a time at most (Step
	// Functions Developer Guide, Map state in distributed mode).
	concurrencyMax = 10_000
	// dataBytesMax is how large an item, and the output of the state, may be.
	dataBytesMax = 262_144
	// redrivesMost is how often a map run is redriven at most; then its state fails with
	// States.Runtime (Step Functions Developer Guide, Quotas, and "Redriving Map Runs").
	redrivesMost = 1000
	// restSeconds is how long a map run rests when no further execution may be open.
	restSeconds = 1
	dayMillis   = 24 * 60 * 60 * 1000
)

// State is a map run.
type State struct {
	collection.Log
	id    engine.Identity
	order execution.MapRunOrder // without Items

	status string // "": it has not begun
	closed engine.Time
	ending string // what status it comes to have when no execution is open any more; "": it goes on
	told   int64  // executions of items before this one were told to stop
	err    *string
	cause  *string

	window []string // items that have not begun, JSON texts
	// selected are the indexes of those in the window that are already what the ItemSelector makes.
	selected []int64
	bytes    int64 // of them
	read     bool  // no further item will come
	reads    int64 // how often some came
	// position is where the reader goes on, in its own words.
	position []byte

	next   int64 // number of the first of them
	back   []refused
	rest   engine.Time // until when nothing is begun
	open   []span      // executions, by their first items
	undone []span      // that have ended without success, and may be redriven, in their order
	todo   []span      // that are to be redriven

	results     []result // that are not written yet
	resultBytes int64
	files       []file // that were
	writes      int64  // how often some were
	listed      bool   // the manifest has them
	unwritable  bool   // nothing is written any more
	pended      int64  // how many of those that have not begun are written, since it was ending

	items      counts
	executions counts

	outputs     []output // by their first items
	outputBytes int64
	tooLarge    bool // then there are no outputs
	// failures are what is told of executions that ended without success, since the last
	// redrive: the output has them, too.
	failures     []output // by their first items
	failureBytes int64    // above dataBytesMax there are no failures

	dataKeys       []string // wrapped: that what is sealed of the state is under, and maybe more
	dataKeysNeeded int
	opens          func(stored string) string // while a command is handled, if anything is sealed

	// place tells whether the map run has one among those that may be open, or waits for one.
	place byte

	redrives int64
	redriven engine.Time
	again    int64 // the redrive that it goes on with as soon as it has ended; 0: none
}

// Of State.place.
const (
	placeless byte = iota // it was begun when map runs did not need one
	placed
	waiting
)

// span is the items of an execution.
type span struct {
	first, items int64
	status       string // of one that has ended
}

func (s *span) code(c *pack.Coder) {
	c.Int(&s.first)
	c.Int(&s.items)
	c.Text(&s.status)
}

// refused is an execution that could not begin, with its input.
type refused struct {
	span
	input string
}

// result is what is to be written of an execution.
type result struct{ status, text string }

// file is a file of results.
type file struct {
	status string
	size   int64
}

// supersededSize is that of a file which tells of what has been redriven since.
const supersededSize = -1

type output struct {
	first int64
	text  string
}

func (o *output) code(c *pack.Coder) {
	c.Int(&o.first)
	c.Text(&o.text)
}

// keep puts an output among others.
func keep(list []output, first int64, text string) []output {
	i, _ := slices.BinarySearchFunc(list, first, func(o output, first int64) int { return int(o.first - first) })
	return slices.Insert(list, i, output{first, text})
}

// outputTooLarge tells whether all outputs together are.
func (s *State) outputTooLarge() bool {
	return s.tooLarge || s.outputBytes+s.failureBytes+1 > dataBytesMax
}

// counts are of items or of executions.
type counts struct{ succeeded, failed, timedOut, aborted int64 }

func (n *counts) of(status string) *int64 {
	switch status {
	case execution.Succeeded:
		return &n.succeeded
	case execution.TimedOut:
		return &n.timedOut
	case execution.Aborted:
		return &n.aborted
	}
	return &n.failed
}

// unsuccessful are those that count towards what is tolerated.
func (n *counts) unsuccessful() int64 { return n.failed + n.timedOut + n.aborted }

func (n *counts) ended() int64 { return n.succeeded + n.unsuccessful() }

func (n *counts) code(c *pack.Coder) {
	for _, v := range []*int64{&n.succeeded, &n.failed, &n.timedOut, &n.aborted} {
		c.Int(v)
	}
}

// Code says the fields.
func (s *State) Code(c *pack.Coder) {
	c.Weigh(int(unsafe.Sizeof(*s)))
	s.order.Code(c)
	c.Text(&s.status)
	s.closed.Code(c)
	c.Text(&s.ending)
	c.Int(&s.told)
	c.Optional(&s.err)
	c.Optional(&s.cause)
	c.Texts(&s.window)
	c.Int(&s.bytes)
	c.Bool(&s.read)
	c.Int(&s.reads)
	c.Bytes(&s.position)
	c.Int(&s.next)
	pack.List(c, &s.back, func(r *refused, c *pack.Coder) {
		r.span.code(c)
		c.Text(&r.input)
	})
	s.rest.Code(c)
	for _, list := range []*[]span{&s.open, &s.undone, &s.todo} {
		pack.List(c, list, (*span).code)
	}
	pack.List(c, &s.results, (*result).code)
	c.Int(&s.resultBytes)
	pack.List(c, &s.files, (*file).code)
	c.Int(&s.writes)
	c.Bool(&s.listed)
	c.Bool(&s.unwritable)
	s.items.code(c)
	s.executions.code(c)
	pack.List(c, &s.outputs, (*output).code)
	c.Int(&s.outputBytes)
	c.Bool(&s.tooLarge)
	c.Int(&s.redrives)
	s.redriven.Code(c)
	c.Int(&s.again)
	hasPlace := s.place != placeless
	chosen := len(s.selected) > 0 || hasPlace
	if s.order.CodeMore(c, s.pended > 0 || s.failureBytes > 0 || chosen) {
		c.Int(&s.pended)
		if s.order.CodeLast(c, s.failureBytes > 0 || chosen) {
			pack.List(c, &s.failures, (*output).code)
			c.Int(&s.failureBytes)
			if c.Tail(chosen) {
				pack.List(c, &s.selected, codeInt)
				if c.Tail(hasPlace) {
					c.Byte(&s.place)
				}
			}
		}
	}
	if c.Reads() {
		s.each(s.note)
		s.dataKeysNeeded = len(s.dataKeys)
	}
}

func codeInt(n *int64, c *pack.Coder) { c.Int(n) }

func (r *result) code(c *pack.Coder) {
	c.Text(&r.status)
	c.Text(&r.text)
}

func (f *file) code(c *pack.Coder) {
	c.Text(&f.status)
	c.Int(&f.size)
}

func (s *State) isOpen() bool { return s.status == execution.Running }

// What a window has at most before more items are wanted.
const (
	windowItems = 2000
	windowBytes = 256 << 10
)

// full tells whether the window has as many items as it needs.
func (s *State) full() bool {
	return s.bytes >= windowBytes || s.order.Batch == nil && len(s.window) >= windowItems
}

// wantsItems tells whether the reader is to read on.
func (s *State) wantsItems() bool {
	return s.isOpen() && s.ending == "" && s.place != waiting && !s.read && !s.full()
}

// wantsPlace tells whether it waits for a place among those that may be open.
func (s *State) wantsPlace() bool {
	return s.isOpen() && s.ending == "" && s.place == waiting && !s.mayEnd()
}

// ready tells whether there are items for an execution in the window.
func (s *State) ready() bool {
	b := s.order.Batch
	return len(s.window) > 0 && (b == nil || s.read || s.full() || b.Items > 0 && int64(len(s.window)) >= b.Items)
}

// total is how many items there are, as far as is known.
func (s *State) total() int64 { return s.next + int64(len(s.window)) }

// isSelected tells whether an item in the window is already what the ItemSelector makes of one.
func (s *State) isSelected(index int64) bool {
	_, is := slices.BinarySearch(s.selected, index)
	return is
}

// find gives the place of an execution among spans that are in order.
func find(list []span, first int64) (int, bool) {
	return slices.BinarySearchFunc(list, first, func(s span, first int64) int { return int(s.first - first) })
}

func insert(list []span, s span) []span {
	i, _ := find(list, s.first)
	return slices.Insert(list, i, s)
}

// room tells whether another execution may be open.
func (s *State) room() bool {
	most := s.order.Concurrency
	if most == 0 || most > concurrencyMax {
		most = concurrencyMax
	}
	return int64(len(s.open)) < most
}

// mayBegin tells whether there is something that may begin, once it does not rest.
func (s *State) mayBegin() bool {
	return s.ending == "" && s.place != waiting && s.room() && s.resultBytes < resultsMost && (len(s.todo)+len(s.back) > 0 || s.ready())
}

// Results are written when there are so many bytes of them, or no more will come; with more no
// execution is begun.
const (
	resultsEnough = 512 << 10
	resultsMost   = 1 << 20
)

// writing tells whether results are to be written.
func (s *State) writing() bool { return s.order.Writer != nil && !s.unwritable }

// wantsWrite tells whether there is something to be written now.
func (s *State) wantsWrite() bool {
	return s.isOpen() && s.writing() && (s.resultBytes >= resultsEnough || s.drained() && !s.listed)
}

// mayEnd tells whether nothing is left to be done.
func (s *State) mayEnd() bool { return s.drained() && (!s.writing() || s.listed) }

// drained tells whether no execution is open, and none will be.
func (s *State) drained() bool {
	return len(s.open) == 0 && (s.ending != "" || s.read && len(s.todo)+len(s.back)+len(s.window) == 0)
}

// mayTell tells whether there are executions that were not told to stop.
func (s *State) mayTell() bool {
	return s.ending != "" && len(s.open) > 0 && s.open[len(s.open)-1].first >= s.told
}

type event = collection.Event[*State]

type (
	begun     struct{ order execution.MapRunOrder }
	itemBegun struct { // or a batch
		span
		from byte // fromWindow, …
	}
	itemBack struct { // it could not begin
		first int64
		input string
		rest  engine.Time
	}
	itemEnded struct {
		first          int64
		status, output string
		size           int64 // of the output, if that is sealed
	}
	stopping struct {
		status     string
		err, cause *string
	}
	toldTo   struct{ first int64 }
	ended    struct{}
	redriven struct{ redrives int64 }
	putOff   struct{ redrives int64 } // a redrive
	written  struct {
		results int64 // how many
		files   []file
		listed  bool
	}
	notWritten struct{} // and nothing will be
	gotPlace   struct{ place byte }
	itemsRead  struct {
		items    []string
		position []byte
		done     bool    // there are no more
		selected []int64 // of the items, those that are already what the ItemSelector makes
	}
	updated struct {
		concurrency int64
		tolerance   execution.Tolerance
	}
)

// Where an item that begins comes from.
const (
	fromWindow byte = iota
	fromBack        // it had been refused
	fromTodo        // it is redriven
)

func (e *begun) Code(c *pack.Coder) {
	e.order.Code(c)
	if e.order.CodeMore(c, false) {
		e.order.CodeLast(c, false)
	}
}
func (e *itemBegun) Code(c *pack.Coder) {
	e.span.code(c)
	c.Byte(&e.from)
}
func (e *itemBack) Code(c *pack.Coder) {
	c.Int(&e.first)
	c.Text(&e.input)
	e.rest.Code(c)
}
func (e *itemEnded) Code(c *pack.Coder) {
	c.Int(&e.first)
	c.Text(&e.status)
	c.Text(&e.output)
	if c.Tail(e.size != 0) {
		c.Int(&e.size)
	}
}
func (e *stopping) Code(c *pack.Coder) {
	c.Text(&e.status)
	c.Optional(&e.err)
	c.Optional(&e.cause)
}
func (e *toldTo) Code(c *pack.Coder)   { c.Int(&e.first) }
func (*ended) Code(*pack.Coder)        {}
func (e *redriven) Code(c *pack.Coder) { c.Int(&e.redrives) }
func (e *putOff) Code(c *pack.Coder)   { c.Int(&e.redrives) }
func (e *written) Code(c *pack.Coder) {
	c.Int(&e.results)
	pack.List(c, &e.files, (*file).code)
	c.Bool(&e.listed)
}
func (*notWritten) Code(*pack.Coder)   {}
func (e *gotPlace) Code(c *pack.Coder) { c.Byte(&e.place) }
func (e *itemsRead) Code(c *pack.Coder) {
	c.Texts(&e.items)
	c.Bytes(&e.position)
	c.Bool(&e.done)
	if c.Tail(len(e.selected) > 0) {
		pack.List(c, &e.selected, codeInt)
	}
}
func (e *updated) Code(c *pack.Coder) {
	c.Int(&e.concurrency)
	e.tolerance.Code(c)
}

func (e *begun) Apply(s *State, _ engine.Time) {
	s.order, s.status = e.order, execution.Running
	s.order.Items = ""
	eachOf(&s.order, func(text *string) { s.note(*text) })
	if s.read = e.order.Reader == nil; !s.read {
		return
	}
	v, err := jsonvalue.ParseString(e.order.Items)
	list, ok := v.([]any)
	mustHold(err == nil && ok, "the items of a map run: %v", err)
	for _, item := range list {
		if text, ok := item.(string); ok && e.order.Settings.Key.Key != "" && execution.Sealed(text) {
			s.add(text)
		} else {
			s.add(jsonvalue.Text(item))
		}
	}
}

func (s *State) add(item string) {
	s.note(item)
	s.window = append(s.window, item)
	s.bytes += int64(len(item))
}

func (e *written) Apply(s *State, _ engine.Time) {
	s.writes++
	s.files = append(s.files, e.files...)
	s.listed = e.listed
	if len(e.files) > 0 && e.files[0].status == pending {
		s.pended += e.results
		return
	}
	for i := range s.results[:e.results] {
		s.resultBytes -= int64(len(s.results[i].text))
	}
	clear(s.results[:e.results])
	s.results = s.results[e.results:]
}

func (*notWritten) Apply(s *State, _ engine.Time) {
	s.unwritable, s.results, s.resultBytes = true, nil, 0
}

func (e *gotPlace) Apply(s *State, _ engine.Time) { s.place = e.place }

func (e *itemsRead) Apply(s *State, _ engine.Time) {
	for _, i := range e.selected {
		s.selected = append(s.selected, s.total()+i)
	}
	for _, item := range e.items {
		s.add(item)
	}
	s.position, s.read = e.position, e.done
	s.note(string(e.position))
	s.reads++
	s.needed()
}

func (e *itemBegun) Apply(s *State, _ engine.Time) {
	switch e.from {
	case fromWindow:
		for _, item := range s.window[:e.items] {
			s.bytes -= int64(len(item))
		}
		clear(s.window[:e.items])
		s.window = s.window[e.items:]
		s.next += e.items
		for len(s.selected) > 0 && s.selected[0] < s.next {
			s.selected = s.selected[1:]
		}
	case fromBack:
		s.back = slices.DeleteFunc(s.back, func(r refused) bool { return r.first == e.first })
	case fromTodo:
		s.todo = s.todo[1:]
	}
	s.open = insert(s.open, e.span)
}

func (e *itemBack) Apply(s *State, _ engine.Time) {
	i, _ := find(s.open, e.first)
	s.note(e.input)
	s.back = append(s.back, refused{s.open[i], e.input})
	s.open = slices.Delete(s.open, i, i+1)
	s.rest = e.rest
}

func (e *itemEnded) Apply(s *State, _ engine.Time) {
	i, _ := find(s.open, e.first)
	its := s.open[i]
	s.note(e.output)
	size := e.size
	if size == 0 {
		size = int64(len(e.output))
	}
	s.open = slices.Delete(s.open, i, i+1)
	*s.items.of(e.status) += its.items
	*s.executions.of(e.status)++
	if s.writing() && e.output != "" {
		s.results = append(s.results, result{e.status, e.output})
		s.resultBytes += int64(len(e.output))
	}
	if e.status != execution.Succeeded {
		its.status = e.status
		s.undone = insert(s.undone, its)
		if s.order.Writer == nil && e.output != "" {
			if s.failureBytes += size + 1; s.failureBytes > dataBytesMax {
				s.failures = nil
			} else {
				s.failures = keep(s.failures, e.first, e.output)
			}
		}
		return
	}
	if s.order.Writer != nil {
		return
	}
	if s.outputBytes += size + 1; s.outputBytes+1 > dataBytesMax {
		s.outputs, s.tooLarge = nil, true
	}
	if !s.tooLarge {
		s.outputs = keep(s.outputs, e.first, e.output)
	}
}

func (e *stopping) Apply(s *State, _ engine.Time) {
	s.ending, s.err, s.cause = e.status, e.err, e.cause
	for _, word := range []*string{e.err, e.cause} {
		if word != nil {
			s.note(*word)
		}
	}
}
func (e *toldTo) Apply(s *State, _ engine.Time) { s.told = e.first }

func (*ended) Apply(s *State, at engine.Time) {
	if s.status = s.ending; s.status == "" {
		s.status = execution.Succeeded
	}
	s.closed, s.rest = at, 0
}

func (e *redriven) Apply(s *State, at engine.Time) {
	s.status, s.closed, s.ending, s.err, s.cause, s.told, s.again = execution.Running, 0, "", nil, nil, 0, 0
	s.redrives, s.redriven = e.redrives, at
	s.listed, s.unwritable, s.pended = false, false, 0
	s.failures, s.failureBytes = nil, 0
	for i := range s.files {
		if f := &s.files[i]; f.status != execution.Succeeded {
			f.size = supersededSize
		}
	}
	for _, its := range s.undone {
		*s.items.of(its.status) -= its.items
		*s.executions.of(its.status)--
		its.status = ""
		s.todo = append(s.todo, its)
	}
	slices.SortFunc(s.todo, func(a, b span) int { return int(a.first - b.first) })
	s.undone = nil
}
func (e *putOff) Apply(s *State, _ engine.Time) { s.again = e.redrives }

func (e *updated) Apply(s *State, _ engine.Time) {
	s.order.Concurrency, s.order.Tolerance = e.concurrency, e.tolerance
}

// The task lists on which map runs are that want items, that have results, and that want a place
// among those that may be open. An offer's ID is the Read or the Write that is wanted.
const (
	ReadersList = "sfn-map-run-readers"
	WritersList = "sfn-map-run-writers"
	PlacesList  = "sfn-map-run-places"
)

// placeOffer is the ID of the offer of a map run that wants a place: below those of others.
const placeOffer = 1

// nextRead and nextWrite are the IDs of offers.
func (s *State) nextRead() int64  { return 2 * (1 + s.reads) }
func (s *State) nextWrite() int64 { return 2*(1+s.writes) + 1 }

// Rules are the rules of Kind.
type Rules struct {
	*collection.Rules[*State]
	limits   execution.Limits
	machines *asl.Cache
}

var _ interface {
	engine.Rules
	engine.TraitsRules
	engine.ListedRules
	engine.MessagedRules
	engine.WantingRules
	engine.WeighedRules
} = (*Rules)(nil)

var shared = collection.NewRules(collection.Config[*State]{
	Package: "maprun",
	New:     func(id engine.Identity) *State { return &State{id: id} },
	Version: 1,
	Events: map[byte]event{
		1: &begun{}, 2: &itemBegun{}, 3: &itemBack{}, 4: &itemEnded{}, 5: &stopping{}, 6: &toldTo{}, 7: &ended{},
		8: &redriven{}, 9: &putOff{}, 10: &updated{}, 11: &itemsRead{}, 12: &written{}, 13: &notWritten{}, 14: &gotPlace{},
	},
})

// New gives the rules; what the limits say of executions holds of map runs. They find compiled
// machines in the cache.
func New(limits execution.Limits, machines *asl.Cache) *Rules {
	return &Rules{shared, limits, machines}
}

// Traits says that a closed map run is found by its name, and that nobody reads its log.
func (*Rules) Traits() engine.Traits { return engine.Traits{KeepsNames: true, CutsLog: true} }

// Record derives what the kernel must know of a map run without its state.
func (r *Rules) Record(st engine.State, _ engine.Time) engine.Record {
	s := st.(*State)
	if s.status == "" {
		return engine.Record{}
	}
	l := Listing{s.order.ARN}
	rec := engine.Record{Status: engine.Open, Started: s.Started, Listing: l.encode()}
	switch s.place {
	case placed:
		rec.Group = execution.MapRunGroup(s.id.Name.World)
	case waiting:
		rec.Group = execution.WaitingMapRunGroup(s.id.Name.World)
	}
	switch {
	case !s.isOpen():
		rec.Status, rec.Closed = engine.Closed, s.closed
		rec.Forget = max(1, s.closed+engine.Time(r.limits.RetentionDays)*dayMillis)
	case s.mayTell(), s.mayEnd():
		rec.Wake = 1 // at once
	case s.mayBegin():
		rec.Wake = max(1, s.rest)
	}
	if s.wantsPlace() {
		rec.Offers = append(rec.Offers, engine.Offer{List: PlacesList, ID: placeOffer, At: max(s.Started, s.redriven)})
	}
	if s.wantsItems() {
		rec.Offers = append(rec.Offers, engine.Offer{List: ReadersList, ID: s.nextRead(), At: s.Started})
	}
	if s.wantsWrite() {
		rec.Offers = append(rec.Offers, engine.Offer{List: WritersList, ID: s.nextWrite(), At: s.Started})
	}
	slices.SortFunc(rec.Offers, func(a, b engine.Offer) int { return int(a.ID - b.ID) })
	return rec
}

// ByExecution is the family of the visibility index by the ARN of the execution whose state
// the map run is of, and the time of its start.
const ByExecution byte = 0x40

// Listing is what a list shows of a map run, beside its name and the times of its record.
type Listing struct{ Execution string } // ARN

const listingFormat = 1

func (l *Listing) code(c *pack.Coder) {
	c.Format(listingFormat)
	c.Text(&l.Execution)
}

func (l *Listing) encode() []byte {
	c := pack.Writing(nil)
	l.code(c)
	return c.Written()
}

// DecodeListing reads a record's Listing.
func DecodeListing(b []byte) (l Listing, err error) {
	c := pack.Reading(b)
	l.code(c)
	return l, c.Done()
}

// Entries gives a map run's place in the visibility index.
func (*Rules) Entries(id engine.Identity, rec *engine.Record) []engine.Entry {
	l, err := DecodeListing(rec.Listing)
	mustHold(err == nil, "entries of %s: %v", id.Run, err)
	return []engine.Entry{{Family: ByExecution, Value: l.Execution, Time: rec.Started}}
}

// DecodeMessage implements engine.MessagedRules.
func (*Rules) DecodeMessage(body []byte) (any, error) { return execution.DecodeMessage(body) }

// Refused implements engine.MessagedRules: what comes for a map run that is gone is for nobody.
func (*Rules) Refused(engine.Name, any, error) []engine.Message { return nil }

func mustHold(ok bool, format string, args ...any) {
	if !ok {
		panic("maprun: " + fmt.Sprintf(format, args...))
	}
}
