package execution

import (
	"cmp"
	"slices"
	"unsafe"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

const dayMillis = 24 * 60 * 60 * 1000

// Record derives what the kernel must know of an execution without its state.
func (r *Rules) Record(st engine.State, up engine.Time) engine.Record {
	s := st.(*State)
	rec := engine.Record{Status: engine.Open, Group: Group(s.id.Name.World), Started: s.started, Closed: s.closed}
	if s.status == "" {
		return engine.Record{}
	}
	c := pack.Writing(make([]byte, 0, 64))
	l := s.listing()
	l.code(c)
	rec.Listing = c.Written()
	if !s.isOpen() {
		rec.Status = engine.Closed
		rec.Forget = max(1, s.closed+engine.Time(s.settings.RetentionDays)*dayMillis)
		if s.express { // nobody can ask for it
			rec.Forget = 1
		}
		return rec
	}
	d := s.next(up)
	if rec.Wake = d.at; s.nextReady() != nil {
		if rec.Wake = 1; s.paced != 0 { // else at once
			rec.Wake = min(d.at, s.paced)
		}
	}
	for _, th := range s.threads {
		if th.halted {
			continue
		}
		if th.wake != 0 && (rec.Timer == 0 || th.wake < rec.Timer) {
			rec.Timer = th.wake
		}
		if th.work != nil {
			rec.Offers = th.work.AppendOffer(rec.Offers, up)
			if th.work.Started != 0 && th.work.child == (engine.RunID{}) { // else the execution that was begun for it counts
				rec.Working++
			}
		}
	}
	if len(rec.Offers) > 1 {
		slices.SortFunc(rec.Offers, func(a, b engine.Offer) int { return cmp.Compare(a.ID, b.ID) })
	}
	return rec
}

// The visibility index: an entry's family is a filter, its value what it looks for. All
// entries are by the start time.
const (
	ByMachine       byte = 0x40 // a machine's ARN
	ByMachineStatus byte = 0x41 // and a status
	ByOrigin        byte = 0x42 // the ARN of a version or an alias
	ByOriginStatus  byte = 0x43 // and a status
	ByMapRun        byte = 0x44 // the ARN of a map run
	ByMapRunStatus  byte = 0x45 // and a status
)

// IndexValue composes the value of an index entry.
func IndexValue(arn, status string) string {
	if status == "" {
		return arn
	}
	return arn + "\x00" + status
}

// Entries gives an execution's places in the visibility index. Executions of express state
// machines have none: nothing lists them.
func (r *Rules) Entries(id engine.Identity, rec *engine.Record) []engine.Entry {
	if IsExpress(id.Name) {
		return nil
	}
	l, err := DecodeListing(rec.Listing)
	mustHold(err == nil, "entries of %s: %v", id.Run, err)
	machine, _ := Split(id.Name.Key)
	of := MachineARN(id.Name.World, machine)
	entries := []engine.Entry{
		{Family: ByMachine, Value: IndexValue(of, ""), Time: rec.Started},
		{Family: ByMachineStatus, Value: IndexValue(of, l.Status), Time: rec.Started},
	}
	if l.MapRun != "" {
		entries = append(entries,
			engine.Entry{Family: ByMapRun, Value: IndexValue(l.MapRun, ""), Time: rec.Started},
			engine.Entry{Family: ByMapRunStatus, Value: IndexValue(l.MapRun, l.Status), Time: rec.Started})
	}
	for _, origin := range []string{l.Version, l.Alias} {
		if origin != "" {
			entries = append(entries,
				engine.Entry{Family: ByOrigin, Value: IndexValue(origin, ""), Time: rec.Started},
				engine.Entry{Family: ByOriginStatus, Value: IndexValue(origin, l.Status), Time: rec.Started})
		}
	}
	return entries
}

// Listing is what a list shows of an execution, beside its name and the times of its
// record.
type Listing struct {
	Version  string // ARN, if it was started by one
	Alias    string // as Version
	Status   string
	Redrives int64
	Redriven engine.Time
	MapRun   string // ARN, if it is of items of one
	Items    int64  // how many, of a map run
}

// listingFormat is the first byte of an encoded Listing.
const listingFormat = 1

func (l *Listing) code(c *pack.Coder) {
	c.Format(listingFormat)
	for _, text := range []*string{&l.Version, &l.Alias, &l.Status} {
		c.Text(text)
	}
	c.Int(&l.Redrives)
	l.Redriven.Code(c)
	if c.Tail(l.MapRun != "") {
		c.Text(&l.MapRun)
		c.Int(&l.Items)
	}
}

// DecodeListing reads a record's Listing.
func DecodeListing(b []byte) (Listing, error) {
	var l Listing
	c := pack.Reading(b)
	l.code(c)
	return l, c.Done()
}

func (s *State) listing() Listing {
	return Listing{
		Version: s.settings.Version, Alias: s.settings.Alias, Status: s.status, Redrives: s.redrives, Redriven: s.redriven,
		MapRun: s.settings.MapRun(), Items: s.settings.Parent.Items,
	}
}

// describe answers Describe.
func (t *turn) describe() {
	s := t.s
	d := &Description{
		Listing: s.listing(), Settings: *s.settings, ARN: s.arn(), Name: s.name, Machine: s.of, Input: s.input.stored(), Error: shown(s.err), Cause: shown(s.cause),
		Started: s.started, Closed: s.closed, Redriven: s.redriven, Open: s.isOpen(),
	}
	if s.status == Succeeded {
		d.Output = s.output.stored()
	}
	if d.NotRedrivable = s.notRedrivable(&t.rules.limits); d.NotRedrivable == "" && t.in.Now > s.closed+engine.Seconds(redriveDays*24*60*60) {
		d.NotRedrivable = "Execution has exceeded the redrivable period of 14 days"
	}
	t.reply = d
}

// Weigh tells how much memory a state takes.
func (r *Rules) Weigh(st engine.State) int {
	s, c := st.(*State), pack.Weighing()
	s.code(c)
	return c.Weight() + int(unsafe.Sizeof(*s)+unsafe.Sizeof(*s.settings)) + 2*len(s.id.Name.Key) + len(s.of)
}

// DecodeState reads a snapshot.
func (r *Rules) DecodeState(id engine.Identity, b []byte) (engine.State, error) {
	s := newState(id)
	c := pack.Reading(b)
	if s.code(c); c.Done() != nil {
		return nil, c.Err()
	}
	return s, nil
}
