package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"heddle/internal/bucket"
	"heddle/internal/dataexchange"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// exchangeWorld is what differs in the worlds of Data Exchange: buckets, which no process
// takes with it when it dies, and what clients know of what they have asked for.
type exchangeWorld struct {
	w       *world
	api     *service.Service // of the present process
	memory  *bucket.Memory
	sources []string

	sets      []*dxSet
	revisions []*dxRevision
	actions   []*dxAction
	started   []string // ids of jobs whose start was acknowledged
	drained   bool
}

// dxSet, dxRevision and dxAction are things whose creation was acknowledged. Dropped says
// that somebody has asked for their end, and changed that an action may do something else.
type dxSet struct {
	id      string
	dropped bool
}

type dxRevision struct {
	*dxSet // that it is of
	id     string
	// asked: somebody has asked once to publish it. published: that was acknowledged, the first
	// time. Before that there were assets, and actions, which must have had all of them.
	asked, published, dropped bool
	assets                    []dxAsset
	actions                   []*dxAction
	deleted                   map[string]bool // ids of assets that somebody wanted to delete
}

type dxAction struct {
	*dxSet
	id, arn, prefix  string
	dropped, changed bool
}

type dxAsset struct{ ID, Name string }

// dxJob is a job as ListJobs shows it.
type dxJob struct {
	ID, State, Type string
	Details         struct {
		ImportAssetsFromS3 *struct {
			RevisionID   string
			AssetSources []struct{ Key string }
		}
		ExportRevisionsToS3 *struct {
			EventActionARN       string
			RevisionDestinations []struct{ RevisionID string }
		}
	}
	Errors []struct{ Code, Message string }
}

// event tells of which event action and revision a job is.
func (j *dxJob) event() (arn, revision string) {
	if d := j.Details.ExportRevisionsToS3; d != nil {
		return d.EventActionARN, d.RevisionDestinations[0].RevisionID
	}
	return "", ""
}

const (
	dxSource, dxTarget = "source", "target"
	// exchangePace is how many steps are one action: a publication is many calls.
	exchangePace = 20
)

func (w *world) pace() int {
	if w.exchange != nil {
		return exchangePace
	}
	return 1
}

func newExchangeWorld(w *world, random *rand.Rand) *exchangeWorld {
	x := &exchangeWorld{w: w, memory: &bucket.Memory{PartBytes: []int64{100, 1 << 20}[random.IntN(2)]}}
	x.memory.Make(dxSource)
	x.memory.Make(dxTarget)
	for i := range 14 {
		key := fmt.Sprintf("s%02d", i)
		b := dxContent(key)
		if _, err := x.memory.Put(context.Background(), &bucket.Put{Bucket: dxSource, Key: key, Source: bucket.Bytes(b), Size: int64(len(b))}); err != nil {
			panic(err)
		}
		x.sources = append(x.sources, key)
	}
	x.memory.Fail = x.step
	return x
}

// dxContent is what a source has: some nothing, some several parts.
func dxContent(key string) []byte {
	var n int
	fmt.Sscanf(key, "s%02d", &n)
	return bytes.Repeat([]byte(key+"."), n*n)
}

// rules are those of a process that starts. Quotas are small, and so is what an export does
// before it tells its job.
func (x *exchangeWorld) rules() map[engine.Kind]engine.Rules {
	x.api = dataexchange.Service()
	o := x.api.Options.(*dataexchange.Options)
	o.Limits, o.OwnedEventActions, o.ReportEvery = catalog.DefaultLimits(), true, 3
	o.AutoExportRetry = 24 * 3600_000_000_000
	o.Limits.ImportJobsMax, o.Limits.ExportRevisionJobsMax, o.Limits.AssetsMax = 4, 2, 60
	return x.api.Rules()
}

// step is a step of a bucket: others may come before it, the process may die at it, and it
// may fail.
func (x *exchangeWorld) step(s bucket.Step) error {
	w := x.w
	h := w.running.harness
	if h == nil { // nobody's of the server
		return nil
	}
	w.rest(w.running)
	if w.ending || h.disk.op() != nil {
		return errDead
	}
	if w.strikes(bucketFault) {
		return &bucket.Error{Kind: bucket.ErrTemporary, Operation: string(s), Code: "SlowDown", Message: "Please reduce your request rate."}
	}
	return nil
}

// buckets are those of users.
func (h *harness) buckets(string) bucket.Store {
	if h.w.exchange == nil {
		return bucket.Refusing("There are no buckets.")
	}
	return forgetful{h.w.exchange.memory, &h.w.sabotage}
}

// forgetful are buckets that keep what they are given, but for sabotage.
type forgetful struct {
	*bucket.Memory
	*sabotage
}

// Put is part of bucket.Store.
func (f forgetful) Put(ctx context.Context, p *bucket.Put) (bucket.Object, error) {
	if each(&f.objects, f.loseObjects) {
		return bucket.Object{Key: p.Key, Size: p.Size}, nil
	}
	return f.Memory.Put(ctx, p)
}

// beside does work in threads of the process.
func (h *harness) beside(n int, work func()) {
	left := n
	for i := range n {
		h.w.spawnIn(h, fmt.Sprintf("mover%d", i), func(*thread) {
			work()
			left--
		})
	}
	for left > 0 {
		h.w.running.park(func() bool { return left == 0 }, 0)
	}
}

// exchange asks once, in REST.
func (c *client) exchange(name, method, path string, in, out any) outcome {
	w := c.w
	var body []byte
	if in != nil {
		body, _ = json.Marshal(in)
	}
	w.note("%s > %s %s %s", c.t.name, method, path, body)
	got, o := c.ask(name, func() *http.Request {
		address, err := url.Parse(path)
		if err != nil {
			panic(err)
		}
		return &http.Request{Method: method, URL: address, ContentLength: int64(len(body)), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
	})
	if got == nil {
		return o
	}
	if got.status < 300 {
		if out != nil {
			if err := json.Unmarshal(got.answer.Bytes(), out); err != nil {
				w.judge.fail("%s: answer %s: %v", name, got.answer.Bytes(), err)
			}
		}
		return o
	}
	o.fault = got.header.Get("X-Amzn-Errortype")
	w.coverage.refusal(name + " " + o.fault)
	if o.fault == "" || o.fault == "SerializationException" {
		w.judge.fail("%s: a sound request got %d %s", name, got.status, got.answer.Bytes())
	}
	return o
}

// exchangeUntil asks until the outcome is known.
func (c *client) exchangeUntil(name, method, path string, in, out any) outcome {
	for {
		o := c.exchange(name, method, path, in, out)
		if o.known || c.w.ending {
			return o
		}
		c.w.sleep(c.t, engine.Time(50+c.w.random.IntN(500)))
	}
}

type object = map[string]any

func (r *dxRevision) path() string { return "/v1/data-sets/" + r.dxSet.id + "/revisions/" + r.id }

func (w *world) startExchangeCallers() {
	for i := range 2 + w.random.IntN(2) {
		w.callers++
		w.spawn(fmt.Sprintf("caller%d", i), func(t *thread) {
			(&client{w, t}).operateExchange()
			w.callers--
		})
	}
}

// pick gives one of those that nobody wants to end; the zero value: there is none.
func pick[T any](w *world, all []T, sound func(T) bool) (one T) {
	some := slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !sound(v) })
	if len(some) > 0 {
		one = some[w.random.IntN(len(some))]
	}
	return one
}

// operateExchange is the life of a caller: a provider's and a receiver's at once.
func (c *client) operateExchange() {
	w, x := c.w, c.w.exchange
	busyness := max(1, w.busyness/8)
	for !w.ending && !w.draining {
		w.sleep(c.t, engine.Time(w.random.IntN(int(busyness))))
		set := pick(w, x.sets, func(s *dxSet) bool { return !s.dropped })
		if set == nil || len(x.sets) < 2 {
			c.createSet()
			continue
		}
		draft := pick(w, x.revisions, func(r *dxRevision) bool { return !r.dropped && !r.dxSet.dropped && (!r.asked || w.chance(8)) })
		public := pick(w, x.revisions, func(r *dxRevision) bool { return r.published && !r.dropped && !r.dxSet.dropped })
		action := pick(w, x.actions, func(a *dxAction) bool { return !a.dropped })
		switch n := w.random.IntN(40); {
		case draft == nil || n < 2:
			c.createRevision(set)
		case n < 15:
			c.importInto(draft)
		case n < 23:
			c.publish(draft)
		case n < 28 || action == nil:
			c.createAction(set)
		case n < 29:
			action.dropped = true
			c.exchange("DeleteEventAction", http.MethodDelete, "/v1/event-actions/"+action.id, nil, nil)
		case n < 30:
			action.changed = true
			c.exchange("UpdateEventAction", http.MethodPatch, "/v1/event-actions/"+action.id, object{"Action": dxExport(action.prefix + "new/")}, nil)
		case n < 33:
			c.deleteAsset(draft)
		case n < 35 && public != nil:
			c.reopen(public)
		case n < 36 && public != nil:
			public.dropped = true
			c.exchange("RevokeRevision", http.MethodPost, public.path()+"/revoke", object{"RevocationComment": "these were wrong"}, nil)
		case n < 37:
			draft.dropped = true
			c.exchange("DeleteRevision", http.MethodDelete, draft.path(), nil, nil)
		case n < 38 && len(x.sets) > 2 && w.chance(2):
			set.dropped = true
			c.exchange("DeleteDataSet", http.MethodDelete, "/v1/data-sets/"+set.id, nil, nil)
		case n < 39 && public != nil:
			c.exportBySelf(public)
		default:
			c.jobs()
		}
	}
}

func (c *client) createSet() {
	var made struct{ ID string }
	if c.exchange("CreateDataSet", http.MethodPost, "/v1/data-sets", object{"Name": "n", "Description": "d", "AssetType": wire.AssetTypeS3Snapshot}, &made).ok() {
		c.w.exchange.sets = append(c.w.exchange.sets, &dxSet{id: made.ID})
	}
}

func (c *client) createRevision(set *dxSet) {
	var made struct{ ID string }
	if c.exchange("CreateRevision", http.MethodPost, "/v1/data-sets/"+set.id+"/revisions", object{}, &made).ok() {
		r := &dxRevision{dxSet: set, id: made.ID, deleted: map[string]bool{}}
		c.w.exchange.revisions = append(c.w.exchange.revisions, r)
		c.importInto(r)
	}
}

// dxExport is an action whose keys begin with a prefix.
func dxExport(prefix string) object {
	pattern := prefix + "${Revision.Id}/${Asset.Id}/${Asset.Name}"
	return object{"ExportRevisionToS3": object{"RevisionDestination": object{"Bucket": dxTarget, "KeyPattern": pattern}, "Encryption": object{"Type": bucket.AES256}}}
}

func (c *client) createAction(set *dxSet) {
	prefix := c.w.judge.mark() + "/"
	var made struct{ ID, ARN string }
	if c.exchange("CreateEventAction", http.MethodPost, "/v1/event-actions", object{
		"Action": dxExport(prefix), "Event": object{"RevisionPublished": object{"DataSetId": set.id}},
	}, &made).ok() {
		c.w.exchange.actions = append(c.w.exchange.actions, &dxAction{dxSet: set, id: made.ID, arn: made.ARN, prefix: prefix})
	}
}

// importInto imports sources, now and then one that is not there.
func (c *client) importInto(r *dxRevision) {
	w, x := c.w, c.w.exchange
	var sources []object
	for range 1 + w.random.IntN(7) {
		key := w.one(x.sources...)
		if w.chance(30) {
			key = "none"
		}
		sources = append(sources, object{"Bucket": dxSource, "Key": key})
	}
	c.begin(wire.TypeImportAssetsFromS3, object{"ImportAssetsFromS3": object{"DataSetId": r.dxSet.id, "RevisionId": r.id, "AssetSources": sources}})
}

// begin creates a job and starts it, or cancels it.
func (c *client) begin(kind string, details object) {
	w := c.w
	var made struct{ ID string }
	if !c.exchange("CreateJob", http.MethodPost, "/v1/jobs", object{"Type": kind, "Details": details}, &made).ok() {
		return
	}
	if w.chance(12) {
		c.exchange("CancelJob", http.MethodDelete, "/v1/jobs/"+made.ID, nil, nil)
		return
	}
	if c.exchange("StartJob", http.MethodPatch, "/v1/jobs/"+made.ID, nil, nil).ok() {
		w.exchange.started = append(w.exchange.started, made.ID)
	}
}

// exportBySelf exports a revision by a job of the caller's own.
func (c *client) exportBySelf(r *dxRevision) {
	pattern := c.w.judge.mark() + "/${Asset.Id}/${Asset.Name}"
	c.begin(wire.TypeExportRevisionsToS3, object{"ExportRevisionsToS3": object{
		"DataSetId": r.dxSet.id, "RevisionDestinations": []object{{"RevisionId": r.id, "Bucket": dxTarget, "KeyPattern": pattern}},
	}})
}

// publish finalizes a revision, which is tried once: an answer that was lost is not told from
// one that says that nothing was to be done.
func (c *client) publish(r *dxRevision) {
	x := c.w.exchange
	assets, known := c.assets(r)
	if !known || len(assets) == 0 || r.asked { // or somebody was quicker
		return
	}
	r.asked = true
	var actions []*dxAction
	for _, a := range x.actions {
		if a.dxSet == r.dxSet {
			actions = append(actions, a)
		}
	}
	if c.exchangeUntil("UpdateRevision", http.MethodPatch, r.path(), object{"Finalized": true}, nil).ok() {
		r.published, r.assets, r.actions = true, assets, actions
		if c.w.chance(3) { // while it is being exported
			c.reopen(r)
		}
	}
}

// reopen has a revision be a draft again, changes it, and finalizes it. Nothing is published
// by that.
func (c *client) reopen(r *dxRevision) {
	w := c.w
	if !c.exchangeUntil("UpdateRevision", http.MethodPatch, r.path(), object{"Finalized": false}, nil).ok() {
		return
	}
	if w.chance(2) {
		c.deleteAsset(r)
	} else {
		c.importInto(r)
	}
	w.sleep(c.t, engine.Time(w.random.IntN(3000)))
	c.exchangeUntil("UpdateRevision", http.MethodPatch, r.path(), object{"Finalized": true}, nil)
}

// assets lists those of a revision.
func (c *client) assets(r *dxRevision) (all []dxAsset, known bool) {
	path := r.path() + "/assets?maxResults=7"
	for next := ""; ; {
		var page struct {
			Assets    []dxAsset
			NextToken string
		}
		if o := c.exchange("ListRevisionAssets", http.MethodGet, path+next, nil, &page); !o.ok() {
			return nil, false
		}
		all = append(all, page.Assets...)
		if page.NextToken == "" {
			return all, true
		}
		next = "&nextToken=" + url.QueryEscape(page.NextToken)
	}
}

func (c *client) deleteAsset(r *dxRevision) {
	all, known := c.assets(r)
	if !known || len(all) == 0 {
		return
	}
	a := all[c.w.random.IntN(len(all))]
	r.deleted[a.ID] = true
	c.exchange("DeleteAsset", http.MethodDelete, r.path()+"/assets/"+a.ID, nil, nil)
}

// jobs lists all jobs there are, and holds that no event action has two for one revision.
func (c *client) jobs() (all []dxJob) {
	w := c.w
	for next := ""; ; {
		var page struct {
			Jobs      []dxJob
			NextToken string
		}
		if !c.exchange("ListJobs", http.MethodGet, "/v1/jobs?maxResults=20"+next, nil, &page).ok() {
			return nil
		}
		all = append(all, page.Jobs...)
		if page.NextToken == "" {
			break
		}
		next = "&nextToken=" + url.QueryEscape(page.NextToken)
	}
	ids, events := map[string]bool{}, map[string]bool{}
	for i := range all {
		j := &all[i]
		if ids[j.ID] {
			w.judge.fail("ListJobs lists %s twice", j.ID)
		}
		ids[j.ID] = true
		arn, revision := j.event()
		if arn == "" {
			continue
		}
		if events[arn+revision] {
			w.judge.fail("%s has two jobs for revision %s", arn, revision)
		}
		events[arn+revision] = true
		if i := slices.IndexFunc(w.exchange.revisions, func(r *dxRevision) bool { return r.id == revision }); i >= 0 && !w.exchange.revisions[i].asked {
			w.judge.fail("%s exports revision %s, which nobody has published", arn, revision)
		}
	}
	return all
}

// drainExchange waits for all jobs, holds what there is against what was asked for, deletes
// everything, and holds that nothing is left of it.
func (w *world) drainExchange() {
	began := w.steps
	w.spawn("closer", func(t *thread) { (&client{w, t}).closeExchange() })
	for !w.exchange.drained && w.judge.failure == "" {
		if w.act(); w.steps > began+4*actionsMax {
			w.judge.fail("exchanges are not over %d steps after faults stopped", w.steps-began)
		}
	}
	const kept = engine.Time(91 * 24 * 3600_000) // jobs are for 90 days
	for range 2 {                                // what was deleted may tell others, who go a day later
		if w.judge.failure != "" {
			return
		}
		w.now = max(w.now, w.latest-w.harness.skew) + kept
		w.harness.node.Advance()
		for range 3000 {
			if w.act(); w.judge.failure != "" || w.leftOfExchange() == "" {
				break
			}
		}
	}
	if left := w.leftOfExchange(); left != "" && w.judge.failure == "" {
		w.judge.fail("when all was deleted there is %s", left)
	}
	if w.judge.failure == "" {
		w.tell("all is deleted and forgotten")
		w.kill()
	}
}

// closeExchange is the last client.
func (c *client) closeExchange() {
	w, x := c.w, c.w.exchange
	for (w.callers > 0 || w.harness == nil || len(w.harness.calls) > 0) && !w.ending {
		w.sleep(c.t, 1000)
	}
	var jobs []dxJob
	const longest = engine.Time(3600_000) // attempts are at most five minutes apart
	until := w.now + longest
	for missing := "?"; missing != "" && !w.ending; w.sleep(c.t, 15_000) {
		if jobs = c.jobs(); jobs == nil {
			jobs = []dxJob{}
		}
		if missing = x.missing(jobs); missing != "" && w.now > until {
			w.judge.fail("%d s after faults stopped: %s", (w.now-until+longest)/1000, missing)
			return
		}
	}
	c.holdAssets(jobs)
	c.holdObjects()
	if w.judge.failure != "" || w.ending {
		return
	}
	for _, a := range x.actions {
		c.exchangeUntil("DeleteEventAction", http.MethodDelete, "/v1/event-actions/"+a.id, nil, nil)
	}
	var page struct{ DataSets []struct{ ID string } }
	c.exchangeUntil("ListDataSets", http.MethodGet, "/v1/data-sets?maxResults=200", nil, &page)
	for _, s := range x.sets {
		if !s.dropped && !slices.ContainsFunc(page.DataSets, func(d struct{ ID string }) bool { return d.ID == s.id }) {
			w.judge.fail("data set %s was acknowledged, and is not listed", s.id)
		}
	}
	for _, d := range page.DataSets {
		if o := c.exchangeUntil("DeleteDataSet", http.MethodDelete, "/v1/data-sets/"+d.ID, nil, nil); !o.ok() && !w.ending {
			w.judge.fail("data set %s can't be deleted: %s", d.ID, o.fault)
		}
	}
	for _, s := range x.sets {
		if o := c.exchangeUntil("GetDataSet", http.MethodGet, "/v1/data-sets/"+s.id, nil, nil); o.fault != wire.CodeResourceNotFoundException && !w.ending {
			w.judge.fail("data set %s was deleted, and is there: %q", s.id, o.fault)
		}
	}
	x.drained = true
}

// missing tells of a job that must be there and is not, or has not ended; "": all have.
func (x *exchangeWorld) missing(jobs []dxJob) string {
	events, states := map[string]string{}, map[string]string{}
	for i := range jobs {
		j := &jobs[i]
		arn, revision := j.event()
		if j.State == wire.StateInProgress || j.State == wire.StateWaiting && arn != "" {
			return fmt.Sprintf("job %s of type %s is %s", j.ID, j.Type, j.State)
		}
		states[j.ID] = j.State
		if arn != "" {
			events[arn+revision] = j.State
		}
	}
	for _, id := range x.started {
		if s := states[id]; s == "" || s == wire.StateWaiting || s == wire.StateCancelled {
			return fmt.Sprintf("the start of job %s was acknowledged, and it is %q", id, s)
		}
	}
	for _, r := range x.revisions {
		if !r.published || r.dropped || r.dxSet.dropped {
			continue
		}
		for _, a := range r.actions {
			if s := events[a.arn+r.id]; !a.dropped && s != wire.StateCompleted {
				return fmt.Sprintf("%s has not exported revision %s: %q", a.arn, r.id, s)
			}
		}
	}
	return ""
}

// holdAssets holds that each revision has what was imported into it: all of each job that is
// completed, once, and nothing of others.
func (c *client) holdAssets(jobs []dxJob) {
	w := c.w
	imported := map[string][]string{} // names by revision
	for i := range jobs {
		if d := jobs[i].Details.ImportAssetsFromS3; d != nil && jobs[i].State == wire.StateCompleted {
			for _, s := range d.AssetSources {
				imported[d.RevisionID] = append(imported[d.RevisionID], s.Key)
			}
		}
	}
	for _, r := range w.exchange.revisions {
		if r.dropped || r.dxSet.dropped || w.ending {
			continue
		}
		all, known := c.assets(r)
		if !known {
			w.judge.fail("the assets of revision %s can't be listed", r.id)
			continue
		}
		var names []string
		for _, a := range all {
			names = append(names, a.Name)
		}
		slices.Sort(names)
		want := imported[r.id]
		slices.Sort(want)
		if len(r.deleted) == 0 && !slices.Equal(names, want) {
			w.judge.fail("revision %s has the assets %v, and there were imported %v", r.id, names, want)
		}
		if len(want)-len(names) > len(r.deleted) || len(names) > len(want) {
			w.judge.fail("revision %s has %d assets, %d were imported and at most %d deleted", r.id, len(names), len(want), len(r.deleted))
		}
		// What was there when it was published, and is still there, was exported.
		for _, a := range r.assets {
			if !slices.Contains(all, a) {
				continue
			}
			for _, to := range r.actions {
				if key := to.prefix + r.id + "/" + a.ID + "/" + a.Name; !to.dropped && !to.changed && !w.exchange.has(key) {
					w.judge.fail("asset %s of revision %s was published, and there is no object %s", a.ID, r.id, key)
				}
			}
		}
	}
}

func (x *exchangeWorld) has(key string) bool {
	_, err := x.memory.Head(context.Background(), dxTarget, key)
	return err == nil
}

// holdObjects holds that objects have the bytes of their assets, and the encryption that was
// asked for.
func (c *client) holdObjects() {
	w, x := c.w, c.w.exchange
	ctx := context.Background()
	var all []string
	if err := x.memory.List(ctx, dxTarget, "", "", func(o bucket.Object) bool {
		all = append(all, o.Key)
		return true
	}); err != nil {
		w.judge.fail("list the target: %v", err)
	}
	for _, key := range all {
		o, r, err := x.memory.Get(ctx, dxTarget, key, bucket.Range{})
		if err != nil {
			w.judge.fail("read %s: %v", key, err)
			return
		}
		b, err := io.ReadAll(r)
		if strings.HasPrefix(key, "_ADX-TEST-") {
			continue
		}
		parts := strings.Split(key, "/")
		want := dxContent(parts[len(parts)-1])
		own := slices.ContainsFunc(x.actions, func(a *dxAction) bool { return strings.HasPrefix(key, a.prefix) })
		if err != nil || !bytes.Equal(b, want) || own && o.Encryption.Type != bucket.AES256 {
			w.judge.fail("object %s has %d bytes, encrypted as %q, want %d: %v", key, len(b), o.Encryption.Type, len(want), err)
		}
	}
}

// leftOfExchange tells of a row that nothing explains when all was deleted: what is not of
// the account.
func (w *world) leftOfExchange() (what string) {
	ctx := context.Background()
	if err := w.store.ScanIndex(ctx, store.Range{}, func(key, _ []byte) bool {
		what = fmt.Sprintf("an index entry %x", key)
		return false
	}); err != nil || what != "" {
		return what
	}
	for shard := range w.store.Shards() {
		err := w.store.Scan(ctx, shard, store.Range{}, func(key, _ []byte) bool {
			switch key[0] {
			case keys.Sent, keys.Applied:
				return true
			case keys.OpenRun, keys.ClosedRun, keys.History, keys.Note, keys.Snapshot, keys.Blob:
				if l := w.judge.lives[keys.Run(key)]; l != nil && l.Name.Kind == catalog.KindAccount {
					return true
				} else if l != nil {
					what = fmt.Sprintf("a row %q of %s %s", key[0], l.Name.Kind, l.Run)
					return false
				}
			}
			what = fmt.Sprintf("a row %q of shard %d", key, shard)
			return false
		})
		if err != nil || what != "" {
			return what
		}
	}
	if n := len(w.judge.open); n > 1 {
		return fmt.Sprintf("%d open runs", n)
	}
	return ""
}
