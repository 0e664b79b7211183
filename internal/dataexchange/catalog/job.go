package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"unsafe"

	"heddle/internal/blob"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Order is what a job is to do: the details of its type.
type Order struct {
	Type     string // one of wire's
	DataSet  string // ids
	Revision string
	// Items are the sources of an import from S3; the destinations of an export to S3; and
	// the one destination of a revision, whose key is a pattern. Those of a signed URL have
	// none.
	Items      []Item
	Encryption Encryption
	Asset      string // of a signed URL: the asset's id, or of an import its name
	MD5        string // of a signed URL's import, in base64
	// EventAction is the ARN of the event action that made the job; empty: a caller did.
	EventAction string
	Tags        []collection.Tag // of the assets that are imported
}

// Item is a source or a destination.
type Item struct {
	Asset  string // its id; empty where there is none
	Bucket string
	Key    *string // absent: as the asset is called, or the usual pattern
}

// Encryption is how S3 is to encrypt what is exported; without a type it is not told.
type Encryption struct{ Type, Key string }

// Code says the fields.
func (e *Encryption) Code(c *pack.Coder) {
	c.Text(&e.Type)
	c.Text(&e.Key)
}

func (o *Order) code(c *pack.Coder) {
	for _, text := range []*string{&o.Type, &o.DataSet, &o.Revision, &o.Asset, &o.MD5, &o.EventAction} {
		c.Text(text)
	}
	pack.List(c, &o.Items, func(i *Item, c *pack.Coder) {
		c.Text(&i.Asset)
		c.Text(&i.Bucket)
		c.Optional(&i.Key)
	})
	o.Encryption.Code(c)
	collection.CodeTags(c, &o.Tags)
}

// Imports tells whether the order brings assets into its revision.
func (o *Order) Imports() bool {
	return o.Type == wire.TypeImportAssetsFromS3 || o.Type == wire.TypeImportAssetFromSignedUrl
}

// Codes of job errors (Code of the model).
const (
	ErrorAccess     = wire.JobErrorCodeAccessDeniedException
	ErrorNotFound   = wire.JobErrorCodeResourceNotFoundException
	ErrorValidation = wire.JobErrorCodeValidationException
	ErrorQuota      = wire.JobErrorCodeServiceQuotaExceededException
	ErrorInternal   = wire.JobErrorCodeInternalServerException
)

// JobError is why a job ended in an error.
type JobError struct {
	Code, Message            string
	ResourceID, ResourceType string
	LimitName                string
	LimitValue               int64
	Sources                  []int // indexes of the items at fault
}

func (e *JobError) code(c *pack.Coder) {
	for _, text := range []*string{&e.Code, &e.Message, &e.ResourceID, &e.ResourceType, &e.LimitName} {
		c.Text(text)
	}
	c.Int(&e.LimitValue)
	pack.List(c, &e.Sources, func(i *int, c *pack.Coder) { pack.Signed(c, (*int)(i)) })
}

// Job is a job. It is never changed, but replaced.
type Job struct {
	ID      string
	Order   Order
	State   string // as the model has it
	Created engine.Time
	Updated engine.Time
	Begun   engine.Time // when it came to be in progress
	Errors  []JobError
	// Taken are what was imported so far, by the index of the source; nil: not yet.
	Taken []*Asset
	// Done is how many assets were exported so far, in their order.
	Done int64
	// Handing: all was imported, and the revision is to take it.
	Handing bool
	// Tries is how often the job was put off, Retry when it goes on; zero: now. Cause is why.
	Tries int64
	Retry engine.Time
	Cause string
	// Expires is when the signed URL does. Mismatch: what came to it last had another MD5.
	Expires  engine.Time
	Mismatch bool
	// Sending are large exports that have begun: how far each has come, to go on there.
	Sending []Sending
	// captions are there if the end of the job is to be told outside.
	captions captions
}

// Sending is how far the export of one asset has come, in the words of its bucket.
type Sending struct {
	Item        int64
	Bucket, Key string
	Progress    []byte
}

func (s *Sending) code(c *pack.Coder) {
	c.Int(&s.Item)
	c.Text(&s.Bucket)
	c.Text(&s.Key)
	c.Bytes(&s.Progress)
}

func (j *Job) code(c *pack.Coder) {
	j.Order.code(c)
	c.Text(&j.State)
	for _, at := range []*engine.Time{&j.Created, &j.Updated, &j.Begun, &j.Retry, &j.Expires} {
		at.Code(c)
	}
	pack.List(c, &j.Errors, (*JobError).code)
	pack.List(c, &j.Taken, func(a **Asset, c *pack.Coder) { codeOptional(c, a) })
	c.Int(&j.Done)
	c.Bool(&j.Handing)
	c.Int(&j.Tries)
	c.Text(&j.Cause)
	c.Bool(&j.Mismatch)
	pack.List(c, &j.Sending, (*Sending).code)
}

// codeOptional codes an asset that may not be there.
func codeOptional(c *pack.Coder, a **Asset) {
	there := *a != nil
	if c.Bool(&there); !there {
		return
	}
	if c.Reads() {
		*a = &Asset{}
	}
	c.Weigh(int(unsafe.Sizeof(**a)))
	(*a).codeNew(c)
}

// ended tells whether nothing will become of the job any more.
func (j *Job) ended() bool { return j.State != wire.StateWaiting && j.State != wire.StateInProgress }

// Commands for jobs, beside Describe. The reply is the *Job. Errors: *StateError.
type (
	// CreateJob creates a job that waits to be started.
	CreateJob struct{ Order Order }
	// createJob creates the job of an event action.
	createJob struct {
		Order Order
		Start bool // at once
		captions
	}
	// Start: the account has admitted the job, so that it is in progress.
	Start struct{}
	// Cancel cancels a job that waits.
	Cancel struct{}
	// Uploaded: somebody has put the bytes to the signed URL. The last before the start count.
	// Without an asset it had another MD5 than was told, and was not kept.
	Uploaded struct{ Asset *Asset }
	// Took: a source was read. Attempt is the Tries of the job as it was given.
	Took struct {
		Attempt int64
		Item    int
		Asset   Asset
	}
	// Saved: the export of an asset has come so far.
	Saved struct {
		Attempt int64
		Sending Sending
	}
	// Did: so many assets were exported.
	Did struct{ Attempt, Done int64 }
	// Finish: all assets were exported.
	Finish struct{ Attempt int64 }
	// Fail: it can't be done, or not now. Transient is what passes by itself; Refused what
	// somebody may mend, as a bucket that is not there.
	Fail struct {
		Attempt            int64
		Error              JobError
		Transient, Refused bool
	}
	// added: the revision has taken what was imported, or says why not.
	added struct{ Why *JobError }
)

// Code says the fields.
func (m *createJob) Code(c *pack.Coder) {
	m.Order.code(c)
	c.Bool(&m.Start)
	m.codeTail(c)
}

// Code says the fields.
func (*Start) Code(*pack.Coder) {}

// Code says the fields.
func (m *added) Code(c *pack.Coder) {
	fails := m.Why != nil
	if c.Bool(&fails); !fails {
		return
	}
	if c.Reads() {
		m.Why = &JobError{}
	}
	m.Why.code(c)
}

// JobsList is the task list on which jobs are that are in progress.
const JobsList = "dataexchange-jobs"

type jobState struct {
	collection.Log
	id     engine.Identity
	job    *Job        // nil: it is yet to be created
	closed engine.Time // zero: it is open
}

// Code says the fields. The id is that of the identity.
func (s *jobState) Code(c *pack.Coder) {
	created := s.job != nil
	if c.Bool(&created); !created {
		return
	}
	if c.Reads() {
		s.job = &Job{ID: s.id.Run.String()}
	}
	c.Weigh(int(unsafe.Sizeof(*s.job)))
	s.job.code(c)
	s.closed.Code(c)
	s.job.captions.codeTail(c)
}

func (s *jobState) change(at engine.Time, f func(j *Job)) {
	j := *s.job
	f(&j)
	j.Updated = at
	s.job = &j
	if j.ended() && s.closed == 0 {
		s.closed = at
	}
}

type (
	jobCreated struct {
		order Order
		captions
	}
	jobStarted  struct{}
	jobUploaded struct{ asset *Asset }
	itemTaken   struct {
		item  int64
		asset Asset
	}
	jobProgressed struct{ done int64 }
	sendingSaved  struct{ Sending }
	jobHanding    struct{}
	jobPutOff     struct {
		retry engine.Time
		cause string
	}
	jobResumed struct{}
	jobEnded   struct {
		state   string
		errors  []JobError
		expires engine.Time
	}
	jobForgotten struct{}
)

func (e *jobCreated) Code(c *pack.Coder) {
	e.order.code(c)
	e.codeTail(c)
}
func (*jobStarted) Code(*pack.Coder)      {}
func (e *jobUploaded) Code(c *pack.Coder) { codeOptional(c, &e.asset) }
func (e *itemTaken) Code(c *pack.Coder) {
	c.Int(&e.item)
	e.asset.codeNew(c)
}
func (e *jobProgressed) Code(c *pack.Coder) { c.Int(&e.done) }
func (e *sendingSaved) Code(c *pack.Coder)  { e.code(c) }
func (*jobHanding) Code(*pack.Coder)        {}
func (e *jobPutOff) Code(c *pack.Coder) {
	e.retry.Code(c)
	c.Text(&e.cause)
}
func (*jobResumed) Code(*pack.Coder) {}
func (e *jobEnded) Code(c *pack.Coder) {
	c.Text(&e.state)
	pack.List(c, &e.errors, (*JobError).code)
	e.expires.Code(c)
}
func (*jobForgotten) Code(*pack.Coder) {}

func (e *jobCreated) Apply(s *jobState, at engine.Time) {
	s.job = &Job{ID: s.id.Run.String(), Order: e.order, State: wire.StateWaiting, Created: at, Updated: at, captions: e.captions}
	switch e.order.Type {
	case wire.TypeImportAssetsFromS3:
		s.job.Taken = make([]*Asset, len(e.order.Items))
	case wire.TypeImportAssetFromSignedUrl:
		s.job.Taken, s.job.Expires = make([]*Asset, 1), at+URLTime
	}
}
func (*jobStarted) Apply(s *jobState, at engine.Time) {
	s.change(at, func(j *Job) { j.State, j.Begun = wire.StateInProgress, at })
}
func (e *jobUploaded) Apply(s *jobState, _ engine.Time) {
	s.take(0, e.asset)
	s.job.Mismatch = e.asset == nil
}
func (e *itemTaken) Apply(s *jobState, _ engine.Time) { s.take(int(e.item), &e.asset) }

func (s *jobState) take(item int, a *Asset) {
	s.change(s.job.Updated, func(j *Job) {
		j.Taken = append([]*Asset(nil), j.Taken...)
		j.Taken[item] = a
	})
}
func (e *jobProgressed) Apply(s *jobState, _ engine.Time) {
	s.change(s.job.Updated, func(j *Job) {
		j.Done = e.done
		j.Sending = slices.DeleteFunc(slices.Clone(j.Sending), func(s Sending) bool { return s.Item < e.done })
	})
}
func (e *sendingSaved) Apply(s *jobState, _ engine.Time) {
	s.change(s.job.Updated, func(j *Job) {
		j.Sending = slices.DeleteFunc(slices.Clone(j.Sending), func(s Sending) bool { return s.Item == e.Item })
		j.Sending = append(j.Sending, e.Sending)
	})
}
func (*jobHanding) Apply(s *jobState, _ engine.Time) {
	s.change(s.job.Updated, func(j *Job) { j.Handing = true })
}
func (e *jobPutOff) Apply(s *jobState, _ engine.Time) {
	s.change(s.job.Updated, func(j *Job) { j.Tries, j.Retry, j.Cause = j.Tries+1, e.retry, e.cause })
}
func (*jobResumed) Apply(s *jobState, _ engine.Time) {
	s.change(s.job.Updated, func(j *Job) { j.Retry = 0 })
}
func (e *jobEnded) Apply(s *jobState, at engine.Time) {
	s.change(at, func(j *Job) {
		j.State, j.Errors, j.Taken, j.Sending, j.Handing, j.Retry = e.state, e.errors, nil, nil, false, 0
		if e.expires != 0 {
			j.Expires = e.expires
		}
	})
}
func (*jobForgotten) Apply(s *jobState, at engine.Time) { s.closed = at }

// Jobs is the rules of KindJob.
type Jobs struct {
	*collection.Rules[*jobState]
	posted
	settings *Settings
}

var (
	_ engine.MessagedRules = (*Jobs)(nil)
	_ engine.ListedRules   = (*Jobs)(nil)
)

// NewJobs makes the rules of KindJob.
func NewJobs(s *Settings) *Jobs { return &Jobs{Rules: jobRules, settings: s} }

var jobRules = collection.NewRules(collection.Config[*jobState]{
	Package: "catalog",
	Of:      "jobs",
	New:     func(id engine.Identity) *jobState { return &jobState{id: id} },
	Version: 1,
	Events: map[byte]collection.Event[*jobState]{
		1: &jobCreated{}, 2: &jobStarted{}, 3: &jobUploaded{}, 4: &itemTaken{}, 5: &jobProgressed{}, 6: &jobHanding{},
		7: &jobPutOff{}, 8: &jobResumed{}, 9: &jobEnded{}, 10: &jobForgotten{}, 11: &sendingSaved{},
	},
})

// Traits implements engine.TraitsRules.
func (*Jobs) Traits() engine.Traits { return keptNames }

// Record offers a job that is in progress to whoever moves bytes. One that was put off wakes
// when it goes on; every one wakes when its time is over.
func (r *Jobs) Record(state engine.State, _ engine.Time) engine.Record {
	s := state.(*jobState)
	rec := engine.Record{Status: engine.Open, Started: s.Started}
	if s.job == nil {
		return rec
	}
	rec.Listing = r.listed(s.job)
	switch j := s.job; {
	case s.closed != 0:
		rec.Status, rec.Closed, rec.Forget = engine.Closed, s.closed, max(s.closed, j.Created+JobKept)
	case j.State == wire.StateWaiting:
		rec.Wake = j.Created + JobKept
	default:
		rec.Wake = j.Begun + r.time(j)
		if j.Retry != 0 {
			rec.Wake = min(rec.Wake, j.Retry)
		} else if !j.Handing {
			rec.Offers = []engine.Offer{{List: JobsList, ID: 1 + j.Tries, At: j.Begun}}
		}
	}
	return rec
}

// time is how long a job may be in progress.
func (r *Jobs) time(j *Job) engine.Time {
	if j.Order.EventAction != "" {
		return max(JobTime, engine.Time(r.settings.AutoExportRetry.Milliseconds()))
	}
	return JobTime
}

// listed is what the index must know of a job, and what a list shows of it.
func (*Jobs) listed(j *Job) []byte {
	c := pack.Writing(nil)
	j.codeListed(c)
	return listing(string(c.Written()), func(c *pack.Coder) {
		c.Text(&j.Order.DataSet)
		c.Text(&j.Order.Revision)
	})
}

// codeListed says what lists show.
func (j *Job) codeListed(c *pack.Coder) {
	c.Format(listingFormat)
	j.Order.code(c)
	c.Text(&j.State)
	for _, at := range []*engine.Time{&j.Created, &j.Updated, &j.Expires} {
		at.Code(c)
	}
	pack.List(c, &j.Errors, (*JobError).code)
}

// ReadJob reads of a job from a record what lists show. It is not whole if that is much: then
// it is to be asked for.
func ReadJob(v *engine.RunView) (j *Job, whole bool, err error) {
	var shown string
	j = &Job{ID: v.Run.String()}
	whole, err = readListing(v.Listing, &shown, func(c *pack.Coder) {
		c.Text(&j.Order.DataSet)
		c.Text(&j.Order.Revision)
	})
	if err != nil || !whole {
		return j, whole, err
	}
	c := pack.Reading([]byte(shown))
	j.codeListed(c)
	return j, true, c.Done()
}

// Entries implements engine.ListedRules.
func (*Jobs) Entries(id engine.Identity, rec *engine.Record) []engine.Entry {
	var set, revision, shown string
	if _, err := readListing(rec.Listing, &shown, func(c *pack.Coder) {
		c.Text(&set)
		c.Text(&revision)
	}); err != nil {
		panic(fmt.Sprintf("catalog: entries of job %s: %v", id.Run, err))
	}
	return []engine.Entry{
		{Family: ByAccount, Time: rec.Started},
		{Family: ByDataSet, Value: set, Time: rec.Started},
		{Family: ByRevision, Value: revision, Time: rec.Started},
		{Family: ByDataSetRevision, Value: set + revision, Time: rec.Started},
	}
}

// Refused implements engine.MessagedRules: a job that can't be started is in progress no
// more; neither is one that was there before.
func (*Jobs) Refused(to engine.Name, body any, _ error) []engine.Message {
	switch body.(type) {
	case *Start, *createJob:
		return []engine.Message{send(accountOf(to.World), &release{to.Key})}
	}
	return nil
}

// Handle decides a command.
func (r *Jobs) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s := state.(*jobState)
	was := s.job
	switch c := body.(type) {
	case *CreateJob:
		r.Emit(&t, s, in.Now, &jobCreated{order: c.Order})
	case *createJob:
		r.Emit(&t, s, in.Now, &jobCreated{c.Order, c.captions})
		if c.Start {
			r.Emit(&t, s, in.Now, &jobStarted{})
		}
	case *Describe:
	case *Start:
		err = r.start(&t, s, in.Now)
	case *Cancel:
		if s.job.State != wire.StateWaiting || s.closed != 0 {
			return engine.Turn{}, &StateError{"A job in state " + s.job.State + " can't be cancelled."}
		}
		r.end(&t, s, wire.StateCancelled, nil, in.Now)
	case *Uploaded:
		if s.job.State != wire.StateWaiting || s.closed != 0 || in.Now >= s.job.Expires {
			return engine.Turn{}, &StateError{"The URL is no longer valid."}
		}
		e := &jobUploaded{}
		if c.Asset != nil {
			a := *c.Asset
			a.ID, a.Name = r.assetID(s, 0), s.job.Order.Asset
			e.asset = &a
		}
		t.Keep, t.Drop = exchange(s.job.Taken, 0, e.asset)
		r.Emit(&t, s, in.Now, e)
	case *added:
		r.taken(&t, s, c, in.Now)
	case engine.Wake:
		r.wake(&t, s, in.Now)
	default:
		err = r.progress(&t, s, body, in.Now)
	}
	if err != nil {
		return engine.Turn{}, err
	}
	s.notify(&t, was, in)
	t.Reply = s.job
	return t, nil
}

// assetID is the id of the asset that an item becomes.
func (*Jobs) assetID(s *jobState, item int) string {
	b := sha256.Sum256(append(s.id.Run[:], strconv.Itoa(item)...))
	return hex.EncodeToString(b[:16])
}

// exchange tells which blob is kept from now on when an asset takes the place of another
// among those that were taken, and which no longer.
func exchange(taken []*Asset, item int, a *Asset) (keep, drop []blob.ID) {
	others := make([]*Asset, 0, len(taken))
	for i, other := range taken {
		if other != nil && i != item {
			others = append(others, other)
		}
	}
	was := taken[item]
	if was != nil && a != nil && was.Blob.ID == a.Blob.ID {
		return nil, nil
	}
	if a != nil {
		keep = blobs(others, []*Asset{a})
	}
	if was != nil {
		drop = blobs(others, []*Asset{was})
	}
	return keep, drop
}

// start lets a job be in progress that waits. Errors: *StateError.
func (r *Jobs) start(t *engine.Turn, s *jobState, now engine.Time) error {
	switch {
	case s.job.State == wire.StateWaiting && s.closed == 0:
		r.Emit(t, s, now, &jobStarted{})
	case s.closed != 0: // the account believes that it is in progress
		t.Messages = append(t.Messages, send(accountOf(s.id.Name.World), &release{s.id.Name.Key}))
	}
	return nil
}

// wake does what is due.
func (r *Jobs) wake(t *engine.Turn, s *jobState, now engine.Time) {
	j := s.job
	switch {
	case s.closed != 0:
	case j.State == wire.StateWaiting:
		if now >= j.Created+JobKept {
			r.Emit(t, s, now, &jobForgotten{})
			t.Drop = blobs(nil, held(j.Taken))
		}
	case now >= j.Begun+r.time(j):
		why := "The job took longer than a job may take."
		if j.Cause != "" {
			why += " The last trouble was: " + j.Cause
		}
		r.end(t, s, wire.StateError, []JobError{r.about(j, JobError{Code: ErrorInternal, Message: why})}, now)
	case j.Retry != 0 && now >= j.Retry:
		r.Emit(t, s, now, &jobResumed{})
	}
}

// about fills in what an error is about, if it does not say: clients expect it.
func (*Jobs) about(j *Job, e JobError) JobError {
	if e.ResourceType == "" {
		e.ResourceType = wire.JobErrorResourceTypesRevision
	}
	if e.ResourceID == "" {
		e.ResourceID = j.Order.Revision
	}
	return e
}

// held are the assets that are there.
func held(taken []*Asset) (all []*Asset) {
	for _, a := range taken {
		if a != nil {
			all = append(all, a)
		}
	}
	return all
}

// end ends a job; its place among those in progress is free again.
func (r *Jobs) end(t *engine.Turn, s *jobState, state string, errors []JobError, now engine.Time) {
	e := &jobEnded{state: state, errors: errors}
	if state == wire.StateCompleted && s.job.Order.Type == wire.TypeExportAssetToSignedUrl {
		e.expires = now + URLTime
	}
	t.Drop = append(t.Drop, blobs(nil, held(s.job.Taken))...)
	begun := s.job.Begun != 0
	r.Emit(t, s, now, e)
	if begun || s.job.Order.EventAction != "" { // one that waited in line, too
		t.Messages = append(t.Messages, send(accountOf(s.id.Name.World), &release{s.id.Name.Key}))
	}
}

// StaleError says that what was done was done for another attempt, or for a job that has
// ended.
type StaleError struct{}

func (StaleError) Error() string { return "the job has ended, or goes on in another attempt" }

// Gone marks it an engine.GoneError.
func (StaleError) Gone() {}

// progress takes in what whoever moves the bytes has done.
func (r *Jobs) progress(t *engine.Turn, s *jobState, body any, now engine.Time) error {
	j := s.job
	current := func(attempt int64) bool {
		return j.State == wire.StateInProgress && j.Retry == 0 && !j.Handing && attempt == j.Tries
	}
	switch c := body.(type) {
	case *Took:
		if !current(c.Attempt) {
			return StaleError{}
		}
		if j.Taken[c.Item] != nil { // two perform one attempt: whichever ends it needs to know no more
			return nil
		}
		a := c.Asset
		a.ID = r.assetID(s, c.Item)
		t.Keep, _ = exchange(j.Taken, c.Item, &a)
		r.Emit(t, s, now, &itemTaken{int64(c.Item), a})
	case *Saved:
		if !current(c.Attempt) {
			return StaleError{}
		}
		r.Emit(t, s, now, &sendingSaved{c.Sending})
	case *Did:
		if !current(c.Attempt) {
			return StaleError{}
		}
		if c.Done > j.Done {
			r.Emit(t, s, now, &jobProgressed{c.Done})
		}
	case *Finish:
		if !current(c.Attempt) {
			return StaleError{}
		}
		if !j.Order.Imports() {
			r.end(t, s, wire.StateCompleted, nil, now)
			return nil
		}
		assets := held(j.Taken)
		if len(assets) < len(j.Taken) { // another attempt has taken the rest
			return StaleError{}
		}
		r.Emit(t, s, now, &jobHanding{})
		to, _ := Command(s.id.Name.World, KindRevision, j.Order.Revision, nil)
		t.Messages = append(t.Messages, send(to.Name, &addAssets{s.id.Name.Key, j.Order.Tags, assets}))
	case *Fail:
		if !current(c.Attempt) {
			return StaleError{}
		}
		r.fail(t, s, c, now)
	default:
		panic(fmt.Sprintf("catalog: no rule of jobs for command %T", body))
	}
	return nil
}

// How long it is waited before the next attempt; it doubles from the first to the last.
const (
	firstPause   = engine.Time(1000)
	lastPause    = 5 * 60 * firstPause
	refusedPause = 15 * 60 * firstPause // of jobs of event actions that are refused
)

// fail ends a job, or puts it off. What a user may mend nobody watches in jobs of event
// actions, so these try again.
func (r *Jobs) fail(t *engine.Turn, s *jobState, c *Fail, now engine.Time) {
	j := s.job
	last := engine.Time(0)
	switch {
	case c.Transient:
		last = lastPause
	case c.Refused && j.Order.EventAction != "" && now < j.Begun+engine.Time(r.settings.AutoExportRetry.Milliseconds()):
		last = refusedPause
	default:
		r.end(t, s, wire.StateError, []JobError{r.about(j, c.Error)}, now)
		return
	}
	pause := min(firstPause<<min(j.Tries, 20), last)
	b := sha256.Sum256(append(s.id.Run[:], strconv.FormatInt(j.Tries, 10)...))
	pause -= engine.Time(binary.BigEndian.Uint32(b[:])) % (pause / 2) // so that they do not all come at once
	r.Emit(t, s, now, &jobPutOff{now + pause, c.Error.Message})
}

// taken ends an import, as the revision says.
func (r *Jobs) taken(t *engine.Turn, s *jobState, c *added, now engine.Time) {
	if !s.job.Handing {
		return
	}
	if c.Why == nil {
		r.end(t, s, wire.StateCompleted, nil, now)
		return
	}
	r.end(t, s, wire.StateError, []JobError{r.about(s.job, *c.Why)}, now)
}
