package dataexchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/blob"
	"heddle/internal/bucket"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/keypattern"
	"heddle/internal/dataexchange/transfer"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/service/tasks"
)

// performer does what jobs are in progress for: it moves their bytes. A job is offered as
// long as it is in progress, so that one which was under way when the server stopped is
// taken again; what it has reported by then is not done once more. What was not reported may
// be: an object is then put a second time, under the same key.
type performer struct{ *actions }

const (
	// jobsMax is how many jobs are performed at a time, of all accounts: half of them of one
	// that is alone.
	jobsMax = 32
	// moversMax is how many assets of one job move at a time.
	moversMax = 4
	// assetsPage is how many assets are asked for at a time.
	assetsPage = 1000
)

// newPerformer makes the performer. Jobs under way when the server stops are left; they go
// on at the next start.
func newPerformer(s *actions) *tasks.Performer {
	return &tasks.Performer{
		Kernel: s.Kernel, List: catalog.JobsList, Places: jobsMax, Perform: performer{s}.take,
		Failed: "a job of Data Exchange could not be performed",
	}
}

// take performs a job.
func (p performer) take(ctx context.Context, task tasks.Task) (handBack func(), _ error) {
	job, err := p.describe(ctx, task.Identity)
	switch {
	case engine.IsGone(err), errors.Is(err, engine.ErrUnusable):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if task.ID != 1+job.Tries || job.State != wire.StateInProgress { // it is offered anew, or not at all
		return nil, nil
	}
	w := task.Name.World
	m := &move{performer: p, world: w, identity: task.Identity, job: job, done: job.Done, sending: map[int64]catalog.Sending{}}
	for _, s := range job.Sending {
		m.sending[s.Item] = s
	}
	var (
		outcome any
		t       *trouble
	)
	err = m.perform(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err() // the server stops
	case engine.IsGone(err): // its time is over, or another attempt goes on
		m.giveUpIfEnded(ctx)
		return nil, nil
	case err == nil:
		outcome = &catalog.Finish{Attempt: job.Tries}
	case errors.As(err, &t):
		p.Log.Info("a job of Data Exchange met with trouble", "account", w.Account, "job", job.ID, "type", job.Order.Type, "tries", job.Tries, "cause", t.cause)
		outcome = &catalog.Fail{Attempt: job.Tries, Error: t.JobError, Transient: t.transient, Refused: t.refused}
	default:
		p.Log.Error("a job of Data Exchange failed; it is tried again", "account", w.Account, "job", job.ID, "type", job.Order.Type, "cause", err)
		outcome = &catalog.Fail{Attempt: job.Tries, Transient: true, Error: catalog.JobError{Code: catalog.ErrorInternal, Message: "An internal error occurred."}}
	}
	if err := m.tell(ctx, outcome); err != nil && !engine.IsGone(err) {
		return nil, err
	}
	m.giveUpIfEnded(ctx)
	return nil, nil
}

// describe gives a job.
func (p performer) describe(ctx context.Context, id engine.Identity) (*catalog.Job, error) {
	reply, err := p.Runs.Do(ctx, engine.Command{Name: id.Name, Run: id.Run, Body: &catalog.Describe{}})
	if err != nil {
		return nil, err
	}
	return reply.(*catalog.Job), nil
}

// trouble is why a job can't go on.
type trouble struct {
	catalog.JobError
	transient, refused bool
	cause              error // for the operator
}

func (t *trouble) Error() string { return t.Message }

// troubleWith tells what S3 said. Errors that are not of S3 stay as they are.
func troubleWith(err error) error {
	refusal, ok := errors.AsType[*bucket.Error](err)
	if !ok {
		return err
	}
	t := &trouble{JobError: catalog.JobError{Code: catalog.ErrorValidation, Message: said(refusal)}, cause: err}
	switch {
	case errors.Is(err, bucket.ErrTemporary), errors.Is(err, bucket.ErrChanged):
		t.Code, t.transient = catalog.ErrorInternal, true
	case errors.Is(err, bucket.ErrNoSuchBucket), errors.Is(err, bucket.ErrDenied), errors.Is(err, bucket.ErrKeyRefused):
		t.Code, t.refused = catalog.ErrorAccess, true
	case errors.Is(err, bucket.ErrNoSuchKey):
		t.Code = catalog.ErrorNotFound
	}
	return t
}

// said is what S3 said, for a user.
func said(e *bucket.Error) string {
	place := e.Bucket
	if e.Key != "" {
		place += "/" + e.Key
	}
	if e.Code == "" {
		return fmt.Sprintf("%s of %s: %v", e.Operation, place, e.Kind)
	}
	return fmt.Sprintf("%s of %s: %s (%s)", e.Operation, place, e.Message, e.Code)
}

// failing is trouble of the job's own.
func failing(code, format string, args ...any) *trouble {
	message := fmt.Sprintf(format, args...)
	return &trouble{JobError: catalog.JobError{Code: code, Message: message}, cause: errors.New(message)}
}

// move is a job that is performed.
type move struct {
	performer
	world    engine.World
	identity engine.Identity
	job      *catalog.Job // the rules' own, so never changed
	done     int64        // how many of its assets need not be exported any more

	mu      sync.Mutex                // guards what is below
	sending map[int64]catalog.Sending // large objects that are being put, by their place
}

// tell gives a command to the job.
func (m *move) tell(ctx context.Context, body any) error {
	_, err := m.Runs.Do(ctx, engine.Command{Run: m.identity.Run, Body: body})
	return err
}

func (m *move) perform(ctx context.Context) error {
	switch o := &m.job.Order; o.Type {
	case wire.TypeImportAssetsFromS3:
		return m.importAll(ctx)
	case wire.TypeImportAssetFromSignedUrl:
		switch {
		case m.job.Mismatch:
			return failing(catalog.ErrorValidation, "What was uploaded does not have the MD5 %s.", o.MD5)
		case m.job.Taken[0] == nil:
			return failing(catalog.ErrorNotFound, "Nothing was uploaded.")
		}
		return nil
	case wire.TypeExportAssetToSignedUrl:
		_, _, err := m.exportable(ctx)
		return err
	case wire.TypeExportAssetsToS3:
		return m.exportSome(ctx)
	}
	return m.exportAll(ctx)
}

// beside does n things, some beside each other. The first error ends it.
func (m *move) beside(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var begun atomic.Int64
	m.Beside(min(moversMax, n), func() {
		for ctx.Err() == nil {
			i := int(begun.Add(1)) - 1
			if i >= n {
				return
			}
			if err := do(ctx, i); err != nil {
				stop(err)
			}
		}
	})
	return context.Cause(ctx)
}

// importAll reads the sources that are not yet taken.
func (m *move) importAll(ctx context.Context) error {
	return m.beside(ctx, len(m.job.Taken), func(ctx context.Context, i int) error {
		if m.job.Taken[i] != nil {
			return nil
		}
		a, err := m.importOne(ctx, &m.job.Order.Items[i])
		if t, ok := errors.AsType[*trouble](err); ok {
			t.Sources = []int{i}
		}
		if err != nil {
			return err
		}
		return m.tell(ctx, &catalog.Took{Attempt: m.job.Tries, Item: i, Asset: *a})
	})
}

func (m *move) importOne(ctx context.Context, from *catalog.Item) (*catalog.Asset, error) {
	if m.Scarce != nil && m.Scarce() {
		return nil, littleRoom()
	}
	most := m.options.Limits.AssetBytesMax()
	a, err := transfer.Import(ctx, m.buckets(m.world), from.Bucket, *from.Key, m.Room(m.world.Account), m.Blobs, most, nil)
	if errors.Is(err, transfer.ErrTooLarge) {
		t := failing(catalog.ErrorQuota, "An asset may have at most %d GB.", m.options.Limits.AssetGigabytesMax)
		t.LimitName, t.LimitValue, t.ResourceType = catalog.LimitAssetSize, int64(m.options.Limits.AssetGigabytesMax), wire.JobErrorResourceTypesAsset
		return nil, t
	}
	if errors.Is(err, blob.ErrScarce) {
		return nil, littleRoom()
	}
	if errors.Is(err, blob.ErrTooLarge) {
		return nil, failing(catalog.ErrorQuota, "The asset is larger than what the server keeps in its database.")
	}
	if err != nil {
		return nil, troubleWith(err)
	}
	return &catalog.Asset{Name: *from.Key, Blob: a.Blob, MD5: a.MD5, ContentType: a.ContentType}, nil
}

// littleRoom is trouble that passes when there is room on the disk.
func littleRoom() *trouble {
	t := failing(catalog.ErrorInternal, "The server has little room.")
	t.transient = true
	return t
}

// exportable gives the revision and its data set, if they may still be exported.
func (m *move) exportable(ctx context.Context) (*dataSet, *catalog.Revision, error) {
	o := &m.job.Order
	d, err := m.find(ctx, m.world, o.DataSet)
	if isMissing(err) {
		switch entitled, err := m.wasEntitled(ctx, o.DataSet); {
		case err != nil:
			return nil, nil, err
		case entitled:
			return nil, nil, failing(catalog.ErrorAccess, "The data grant is over.")
		}
		return nil, nil, failing(catalog.ErrorNotFound, "The data set does not exist.")
	}
	if err != nil {
		return nil, nil, err
	}
	r, err := d.describe(ctx, o.Revision)
	if isMissing(err) {
		return nil, nil, failing(catalog.ErrorNotFound, "The revision does not exist.")
	}
	if err != nil {
		return nil, nil, err
	}
	if r.RevokedAt != 0 {
		return nil, nil, failing(catalog.ErrorAccess, "The revision is revoked.")
	}
	return d, r, nil
}

// exportSome exports the assets that the order names.
func (m *move) exportSome(ctx context.Context) error {
	d, r, err := m.exportable(ctx)
	if err != nil {
		return err
	}
	var objects []object
	keys := map[string]bool{}
	for i := range m.job.Order.Items {
		to := &m.job.Order.Items[i]
		a, err := d.findAsset(ctx, r, to.Asset)
		if isMissing(err) {
			t := failing(catalog.ErrorNotFound, "The asset does not exist.")
			t.ResourceID, t.ResourceType = to.Asset, wire.JobErrorResourceTypesAsset
			return t
		}
		if err != nil {
			return err
		}
		o := object{a, to.Bucket, keyOf(to, a)}
		if keys[o.bucket+"/"+o.key] {
			return failing(catalog.ErrorValidation, "Two assets would be exported to %s.", o.key)
		}
		keys[o.bucket+"/"+o.key] = true
		objects = append(objects, o)
	}
	return m.export(ctx, d, objects)
}

// exportAll exports a revision.
func (m *move) exportAll(ctx context.Context) error {
	d, r, err := m.exportable(ctx)
	if err != nil {
		return err
	}
	to := &m.job.Order.Items[0]
	pattern, err := keypattern.Parse(patternOf(to))
	if err != nil {
		return failing(catalog.ErrorValidation, "%s", err.Error())
	}
	of := &keypattern.Revision{DataSetID: d.ID, DataSetName: d.Name, ID: r.ID, CreatedAt: time.UnixMilli(int64(r.Created))}
	var objects []object
	had := map[string]string{} // whose key it is
	for list := (&catalog.ListAssets{Limit: assetsPage}); list != nil; {
		page, err := d.assets(ctx, r, list)
		if isMissing(err) {
			return failing(catalog.ErrorNotFound, "The revision does not exist.")
		}
		if err != nil {
			return err
		}
		list = nil
		for _, a := range page.Assets {
			key, err := pattern.Key(of, &keypattern.Asset{ID: a.ID, Name: a.Name})
			if err != nil {
				return failing(catalog.ErrorValidation, "%s", err.Error())
			}
			if other, taken := had[key]; taken {
				return failing(catalog.ErrorValidation, "The assets %s and %s have the same key: %s", other, a.ID, key)
			}
			had[key] = a.ID
			objects = append(objects, object{a, to.Bucket, key})
			if page.More {
				list = &catalog.ListAssets{After: new(a.SortKey()), Limit: assetsPage}
			}
		}
	}
	if !r.Finalized || r.Updated > m.job.Created { // its assets may be others than at the attempt before
		m.done = 0
		m.giveUp(ctx)
		clear(m.sending)
	}
	return m.export(ctx, d, objects)
}

// object is what an asset becomes.
type object struct {
	asset       *catalog.Asset
	bucket, key string
}

// export puts objects, but for those that were put before. Of what is entitled it asks
// before each whether that is still so.
func (m *move) export(ctx context.Context, d *dataSet, objects []object) error {
	every := m.options.ReportEvery
	for done := int(m.done); done < len(objects); {
		batch := objects[done:min(done+every, len(objects))]
		if err := m.beside(ctx, len(batch), func(ctx context.Context, i int) error {
			if d.grant != nil {
				if _, _, err := m.exportable(ctx); err != nil {
					return err
				}
			}
			return m.put(ctx, done+i, &batch[i])
		}); err != nil {
			return err
		}
		done += len(batch)
		if done == len(objects) {
			break
		}
		if err := m.tell(ctx, &catalog.Did{Attempt: m.job.Tries, Done: int64(done)}); err != nil {
			return err
		}
		if _, _, err := m.exportable(ctx); err != nil {
			return err
		}
	}
	return nil
}

// put puts one object. A large one goes on where it was.
func (m *move) put(ctx context.Context, item int, o *object) error {
	e, a := m.job.Order.Encryption, o.asset
	_, err := transfer.Export(ctx, m.Blobs, &transfer.Asset{Blob: a.Blob, MD5: a.MD5, ContentType: a.ContentType}, m.buckets(m.world),
		transfer.Destination{Bucket: o.bucket, Key: o.key, Encryption: bucket.Encryption{Type: e.Type, KeyARN: e.Key}},
		transfer.Progress{Saved: m.saved(int64(item)), Save: func(ctx context.Context, progress []byte) error {
			s := catalog.Sending{Item: int64(item), Bucket: o.bucket, Key: o.key, Progress: progress}
			m.mu.Lock()
			m.sending[s.Item] = s
			m.mu.Unlock()
			return m.tell(ctx, &catalog.Saved{Attempt: m.job.Tries, Sending: s})
		}})
	if err == nil {
		m.mu.Lock()
		delete(m.sending, int64(item))
		m.mu.Unlock()
		return nil
	}
	err = troubleWith(err)
	if t, ok := errors.AsType[*trouble](err); ok {
		t.ResourceID, t.ResourceType = a.ID, wire.JobErrorResourceTypesAsset
	}
	return err
}

// saved is how far a large object has come; nil: it is to begin.
func (m *move) saved(item int64) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sending[item].Progress
}

// giveUpIfEnded gives up what is left of a job that has ended.
func (m *move) giveUpIfEnded(ctx context.Context) {
	if len(m.sending) == 0 {
		return
	}
	if job, err := m.describe(ctx, m.identity); err == nil && job.State == wire.StateInProgress {
		return
	}
	m.giveUp(ctx)
}

// giveUp throws away what was sent of objects that will not be put any more. Nobody else
// uses the move now.
func (m *move) giveUp(ctx context.Context) {
	for _, s := range m.sending {
		if err := m.buckets(m.world).Abort(ctx, s.Bucket, s.Key, s.Progress); err != nil {
			m.Log.Warn("what a job of Data Exchange has sent of a large object could not be thrown away; it stays as an unfinished upload",
				"account", m.world.Account, "job", m.job.ID, "bucket", s.Bucket, "key", s.Key, "cause", err)
		}
	}
}
