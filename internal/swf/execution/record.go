package execution

import (
	"cmp"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

const dayMillis = 24 * 60 * 60 * 1000

// Record derives what the kernel must know of an execution without its state.
func (r *Rules) Record(st engine.State, up engine.Time) engine.Record {
	s := st.(*State)
	rec := engine.Record{
		Status: engine.Open, Group: s.group, Started: s.started, Closed: s.closed, Listing: s.encodedListing(),
	}
	if s.closeStatus != "" {
		rec.Status, rec.Forget = engine.Closed, s.forgetAt()
		return rec
	}
	rec.Wake = s.next(up, &r.limits).at
	for i := range s.timers {
		if fires := s.timers[i].fires; rec.Timer == 0 || fires < rec.Timer {
			rec.Timer = fires
		}
	}
	rec.Offers, rec.Working = s.tasks(up)
	return rec
}

// tasks gives the offers of tasks that wait for a poller, or may have missed
// theirs, and the number of those that were started.
func (s *State) tasks(up engine.Time) (offers []engine.Offer, started int) {
	take := func(k *task.Task) {
		offers = k.AppendOffer(offers, up)
		if k.Started != 0 {
			started++
		}
	}
	take(&s.decision.Task)
	for i := range s.activities {
		take(&s.activities[i].Task)
	}
	for i := range s.lambdas {
		take(&s.lambdas[i].Task)
	}
	if len(offers) > 1 {
		slices.SortFunc(offers, func(a, b engine.Offer) int { return cmp.Compare(a.ID, b.ID) })
	}
	return offers, started
}

// The visibility index. An entry's family is an order and a filter together; its
// value is what IndexValue makes of the domain and what the filter looks for.
const (
	OpenByStart   byte = 0x10 // open executions, by start time
	ClosedByStart byte = 0x20 // closed ones, by start time
	ClosedByClose byte = 0x30 // closed ones, by close time

	FilterNone        byte = 1 // every execution of the domain
	FilterType        byte = 2 // a workflow type's name
	FilterTypeVersion byte = 3 // a workflow type's name and version
	FilterTag         byte = 4 // each tag
	FilterWorkflowID  byte = 5 // workflowId
	FilterCloseStatus byte = 6 // close status; closed executions only
)

// IndexValue composes the value of an index entry.
func IndexValue(domain string, values ...string) string {
	for _, v := range values {
		domain += "\x00" + v
	}
	return domain
}

// Entries gives an execution's places in the visibility index.
func (r *Rules) Entries(id engine.Identity, rec *engine.Record) []engine.Entry {
	l, err := DecodeListing(rec.Listing)
	if err != nil {
		panic("execution: entries of " + id.Run.String() + ": " + err.Error())
	}
	domain, _ := Split(id.Name.Key)
	type value struct {
		filter byte
		value  string
	}
	values := []value{
		{FilterNone, IndexValue(domain)},
		{FilterType, IndexValue(domain, l.Type.Name)},
		{FilterTypeVersion, IndexValue(domain, l.Type.Name, l.Type.Version)},
		{FilterWorkflowID, IndexValue(domain, l.WorkflowID)},
	}
	for i, tag := range l.Tags {
		if !slices.Contains(l.Tags[:i], tag) {
			values = append(values, value{FilterTag, IndexValue(domain, tag)})
		}
	}
	if rec.Status == engine.Open {
		entries := make([]engine.Entry, 0, len(values))
		for _, v := range values {
			entries = append(entries, engine.Entry{Family: OpenByStart | v.filter, Value: v.value, Time: rec.Started})
		}
		return entries
	}
	values = append(values, value{FilterCloseStatus, IndexValue(domain, l.CloseStatus)})
	entries := make([]engine.Entry, 0, 2*len(values))
	for _, v := range values {
		entries = append(entries,
			engine.Entry{Family: ClosedByStart | v.filter, Value: v.value, Time: rec.Started},
			engine.Entry{Family: ClosedByClose | v.filter, Value: v.value, Time: rec.Closed})
	}
	return entries
}

// Listing is what a list shows of an execution, beside the times and the status of
// its record.
type Listing struct {
	WorkflowID      string
	Type            wire.WorkflowType
	Tags            []string
	Parent          Parent // zero: a root
	CloseStatus     string // "": open
	CancelRequested bool   // of an open execution only, as the service shows it
}

// listingFormat is the first byte of an encoded Listing.
const listingFormat = 1

func (l *Listing) code(c *pack.Coder) {
	c.Format(listingFormat)
	c.Text(&l.WorkflowID)
	codeType(c, &l.Type)
	c.OptionalTexts(&l.Tags)
	l.Parent.code(c)
	c.Text(&l.CloseStatus)
	c.Bool(&l.CancelRequested)
}

// DecodeListing reads a record's Listing.
func DecodeListing(b []byte) (Listing, error) {
	var l Listing
	c := pack.Reading(b)
	l.code(c)
	return l, c.Done()
}

// Encode writes a Listing as DecodeListing reads it.
func (l *Listing) Encode() []byte {
	c := pack.Writing(make([]byte, 0, 64))
	l.code(c)
	return c.Written()
}

// info is the listing of an execution as it stands.
func (s *State) info() Listing {
	return Listing{
		WorkflowID: s.workflowID, Type: s.settings.Type, Tags: s.settings.Tags, Parent: s.parent,
		CloseStatus: s.closeStatus, CancelRequested: s.cancelRequested && s.closeStatus == "",
	}
}

// encodedListing changes so seldom that the state keeps it.
func (s *State) encodedListing() []byte {
	if s.listing == nil {
		l := s.info()
		s.listing = l.Encode()
	}
	return s.listing
}
