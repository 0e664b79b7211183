package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	buckets "heddle/internal/bucket"

	"github.com/aws/aws-sdk-go-v2/aws"
	dx "github.com/aws/aws-sdk-go-v2/service/dataexchange"
	"github.com/aws/aws-sdk-go-v2/service/dataexchange/types"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// granting is a provider and a receiver who do nothing but try again, on a machine that may
// die: they look what is there, and do what comes next, until a revision has come all the way
// from the one's import to the other's bucket, and all is taken back again.
type granting struct {
	*machine
	buckets *buckets.Memory
	grants  map[string]bool // that were acknowledged
	deleted map[string]bool
	given   bool // it has arrived, and is taken back
}

func newGranting(t *testing.T) *granting {
	g := &granting{machine: newMachine(t, t.TempDir(), vfs.NewCrashableMem()), buckets: &buckets.Memory{}, grants: map[string]bool{}, deleted: map[string]bool{}}
	g.set = func(c *Config) {
		c.Accounts = []string{other}
		c.buckets = func(string) buckets.Store { return g.buckets }
	}
	g.buckets.Make("source")
	g.buckets.Make("target")
	for _, key := range []string{"one", "two"} {
		if _, err := g.buckets.Put(t.Context(), &buckets.Put{Bucket: "source", Key: key, Source: buckets.Bytes(key), Size: int64(len(key))}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// rest asks the process for something of Data Exchange. Its error is errDied, or what the
// process refused.
func (g *granting) rest(account, method, path, body string, out any) error {
	g.mu.Lock()
	s, life, client := g.server, g.ended, g.client
	g.mu.Unlock()
	if s == nil {
		return errDied
	}
	ctx, cancel := context.WithTimeoutCause(life, patience, errHangs)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260101/"+defaults.Region+"/dataexchange/aws4_request, SignedHeaders=host, Signature=0")
	w, err := client.Do(r)
	if err != nil {
		if context.Cause(ctx) == errHangs {
			g.t.Errorf("%s %s was not answered in %s", method, path, patience)
		}
		return errDied
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	switch {
	case err != nil || life.Err() != nil:
		return errDied
	case w.StatusCode >= 300:
		return &refusedError{w.StatusCode, fmt.Sprintf("%s %s: %d %s", method, path, w.StatusCode, b)}
	case out == nil:
		return nil
	}
	return json.Unmarshal(b, out)
}

type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return e.text }

func isRefused(err error, status int) bool {
	refused, ok := errors.AsType[*refusedError](err)
	return ok && refused.status == status
}

// until asks again and again, as what goes by message comes in its time.
func (g *granting) until(what string, done func() (bool, error)) error {
	for began := time.Now(); ; {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Since(began) > deadline {
			return fmt.Errorf("%s does not come", what)
		}
	}
}

// published has a revision of the data set with an object in it, and publishes it. Comments
// tell revisions apart.
func (g *granting) published(set, object string) error {
	var list struct {
		Revisions []struct {
			ID, Comment string
			Finalized   bool
		}
	}
	path := "/v1/data-sets/" + set + "/revisions"
	if err := g.rest(defaults.Account, http.MethodGet, path, "", &list); err != nil {
		return err
	}
	at := slices.IndexFunc(list.Revisions, func(r struct {
		ID, Comment string
		Finalized   bool
	}) bool {
		return r.Comment == object
	})
	var revision string
	switch {
	case at < 0:
		var made struct{ ID string }
		if err := g.rest(defaults.Account, http.MethodPost, path, `{"Comment":"`+object+`"}`, &made); err != nil {
			return err
		}
		revision = made.ID
	case list.Revisions[at].Finalized:
		return nil
	default:
		revision = list.Revisions[at].ID
	}
	if err := g.until("the asset", func() (bool, error) {
		var assets struct{ Assets []struct{ ID string } }
		if err := g.rest(defaults.Account, http.MethodGet, path+"/"+revision+"/assets", "", &assets); err != nil || len(assets.Assets) > 0 {
			return err == nil, err
		}
		var jobs struct{ Jobs []struct{ ID, State string } }
		if err := g.rest(defaults.Account, http.MethodGet, "/v1/jobs?dataSetId="+set+"&revisionId="+revision, "", &jobs); err != nil {
			return false, err
		}
		if len(jobs.Jobs) == 0 {
			var made struct{ ID string }
			return false, g.rest(defaults.Account, http.MethodPost, "/v1/jobs", `{"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"`+set+`","RevisionId":"`+revision+
				`","AssetSources":[{"Bucket":"source","Key":"`+object+`"}]}}}`, &made)
		}
		switch jobs.Jobs[0].State {
		case "WAITING":
			return false, g.rest(defaults.Account, http.MethodPatch, "/v1/jobs/"+jobs.Jobs[0].ID, "", nil)
		case "IN_PROGRESS", "COMPLETED":
			return false, nil
		}
		return false, fmt.Errorf("a job is %s", jobs.Jobs[0].State)
	}); err != nil {
		return err
	}
	return g.until("that the import is over", func() (bool, error) {
		err := g.rest(defaults.Account, http.MethodPatch, path+"/"+revision, `{"Finalized":true}`, nil)
		if isRefused(err, http.StatusConflict) {
			return false, nil
		}
		return err == nil, err
	})
}

type listedGrant struct{ ID, ARN, DataSetID, AcceptanceState string }

func (g *granting) list(account, path string) (grants []listedGrant, err error) {
	var list struct{ DataGrantSummaries []listedGrant }
	err = g.rest(account, http.MethodGet, path, "", &list)
	return list.DataGrantSummaries, err
}

// give does what comes next, as often as there is something, until the second revision has
// arrived in the receiver's bucket.
func (g *granting) give() error {
	var sets struct{ DataSets []struct{ ID string } }
	if err := g.rest(defaults.Account, http.MethodGet, "/v1/data-sets?origin=OWNED", "", &sets); err != nil {
		return err
	}
	if len(sets.DataSets) == 0 {
		return g.rest(defaults.Account, http.MethodPost, "/v1/data-sets", `{"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}`, nil)
	}
	set := sets.DataSets[len(sets.DataSets)-1].ID // the oldest; an answer may have been lost
	if err := g.published(set, "one"); err != nil {
		return err
	}
	grants, err := g.list(defaults.Account, "/v1/data-grants")
	if err != nil {
		return err
	}
	for id := range g.grants {
		if !slices.ContainsFunc(grants, func(l listedGrant) bool { return l.ID == id }) {
			return fmt.Errorf("grant %s was acknowledged, and is not there", id)
		}
	}
	if len(grants) == 0 {
		var made struct{ ID string }
		if err := g.rest(defaults.Account, http.MethodPost, "/v1/data-grants", `{"Name":"g","GrantDistributionScope":"NONE","ReceiverPrincipal":"`+other+`","SourceDataSetId":"`+set+`"}`, &made); err != nil {
			return err
		}
		g.grants[made.ID] = true
		return nil
	}
	grant := grants[len(grants)-1]
	var received []listedGrant
	if err := g.until("the grant", func() (bool, error) {
		received, err = g.list(other, "/v1/received-data-grants")
		return slices.ContainsFunc(received, func(l listedGrant) bool { return l.ID == grant.ID }), err
	}); err != nil {
		return err
	}
	theirs := received[slices.IndexFunc(received, func(l listedGrant) bool { return l.ID == grant.ID })]
	if theirs.DataSetID != grant.DataSetID {
		return fmt.Errorf("the sender has %+v, the receiver %+v", grant, theirs)
	}
	if theirs.AcceptanceState == "PENDING_RECEIVER_ACCEPTANCE" {
		return g.rest(other, http.MethodPost, "/v1/data-grants/"+url.PathEscape(grant.ARN)+"/accept", "", nil)
	}
	if err := g.until("that it is accepted", func() (bool, error) {
		grants, err = g.list(defaults.Account, "/v1/data-grants")
		return len(grants) > 0 && grants[len(grants)-1].AcceptanceState == "ACCEPTED", err
	}); err != nil {
		return err
	}
	var actions struct{ EventActions []struct{ ID, ARN string } }
	if err := g.rest(other, http.MethodGet, "/v1/event-actions", "", &actions); err != nil {
		return err
	}
	if len(actions.EventActions) == 0 {
		return g.rest(other, http.MethodPost, "/v1/event-actions", `{"Action":{"ExportRevisionToS3":{"RevisionDestination":{"Bucket":"target","KeyPattern":"${Asset.Name}"}}},"Event":{"RevisionPublished":{"DataSetId":"`+grant.DataSetID+`"}}}`, nil)
	}
	if err := g.published(set, "two"); err != nil {
		return err
	}
	// Each event action has exactly one job, for the second revision alone.
	return orElse(g.until("the export", func() (bool, error) {
		var jobs struct {
			Jobs []struct {
				State   string
				Details struct {
					ExportRevisionsToS3 struct{ EventActionARN string }
				}
			}
		}
		if err := g.rest(other, http.MethodGet, "/v1/jobs?dataSetId="+grant.DataSetID, "", &jobs); err != nil {
			return false, err
		}
		done := map[string]int{}
		for _, j := range jobs.Jobs {
			if done[j.Details.ExportRevisionsToS3.EventActionARN]++; j.State != "COMPLETED" && j.State != "IN_PROGRESS" && j.State != "WAITING" {
				return false, fmt.Errorf("a job is %s", j.State)
			}
		}
		for _, a := range actions.EventActions {
			if done[a.ARN] > 1 {
				return false, fmt.Errorf("%d jobs of event action %s", done[a.ARN], a.ID)
			}
		}
		completed := slices.IndexFunc(jobs.Jobs, func(j struct {
			State   string
			Details struct {
				ExportRevisionsToS3 struct{ EventActionARN string }
			}
		}) bool {
			return j.State != "COMPLETED"
		}) < 0
		return completed && len(jobs.Jobs) == len(actions.EventActions), nil
	}), errGiven)
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

var (
	errGiven = errors.New("it has arrived")
	errTaken = errors.New("nothing is left")
)

// take does what comes next until nothing of it is left but what was exported.
func (g *granting) take() error {
	grants, err := g.list(defaults.Account, "/v1/data-grants")
	if err != nil {
		return err
	}
	for _, l := range grants {
		if g.deleted[l.ID] {
			return fmt.Errorf("grant %s was deleted, and is there", l.ID)
		}
		if err := g.rest(defaults.Account, http.MethodDelete, "/v1/data-grants/"+l.ID, "", nil); err != nil {
			return err
		}
		g.deleted[l.ID] = true
		if err := g.rest(other, http.MethodGet, "/v1/data-sets/"+l.DataSetID, "", nil); !isRefused(err, http.StatusNotFound) {
			return orElse(err, fmt.Errorf("what %s showed is there", l.ID))
		}
	}
	if err := g.until("that it is taken back", func() (bool, error) {
		received, err := g.list(other, "/v1/received-data-grants")
		return len(received) == 0, err
	}); err != nil {
		return err
	}
	var sets struct{ DataSets []struct{ ID string } }
	if err := g.rest(defaults.Account, http.MethodGet, "/v1/data-sets", "", &sets); err != nil {
		return err
	}
	for _, s := range sets.DataSets {
		if err := g.until("that it is granted no more", func() (bool, error) {
			err := g.rest(defaults.Account, http.MethodDelete, "/v1/data-sets/"+s.ID, "", nil)
			if isRefused(err, http.StatusConflict) {
				return false, nil
			}
			return err == nil, err
		}); err != nil {
			return err
		}
	}
	return errTaken
}

// live has a life do what is to be done, from where the one before left it.
func (g *granting) live() error {
	if err := g.boot(); err != nil {
		return err
	}
	for _, part := range []struct {
		do  func() error
		end error
	}{{g.give, errGiven}, {g.take, errTaken}} {
		if part.end == errGiven && g.given {
			continue
		}
		for {
			if err := part.do(); errors.Is(err, part.end) {
				break
			} else if err != nil {
				return err
			}
		}
		_, r, err := g.buckets.Get(g.t.Context(), "target", "two", buckets.Range{})
		if err != nil {
			return err
		}
		if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, []byte("two")) {
			return fmt.Errorf("the receiver has %q, %v", b, err)
		}
		g.given = true
	}
	return g.shutDown()
}

// TestGrantsThroughPowerCuts cuts the power at one write of the disk after the other while a
// data set is granted, accepted, published, exported by the receiver's event action and taken
// back. What was acknowledged is there in the next life, what was to be done is done once, and
// the store is whole.
func TestGrantsThroughPowerCuts(t *testing.T) {
	notRacing(t)
	var all atomic.Int64
	calm := newGranting(t)
	calm.fault = func(op errorfs.Op) error {
		if writes(op.Kind) {
			all.Add(1)
		}
		return nil
	}
	if err := calm.live(); err != nil {
		t.Fatal(err)
	}
	if err := calm.check(); err != nil {
		t.Fatal(err)
	}
	count := int(all.Load())
	tries := 4 * *trials
	if tries == 0 || tries > count {
		tries = count
	}
	died := 0
	for i := range tries {
		at := int64(1 + i*count/tries)
		g := newGranting(t)
		g.seed, g.loss = uint64(i), []int{100, 50, 0}[i%3]
		var n atomic.Int64
		g.fault = func(op errorfs.Op) error {
			if !writes(op.Kind) || n.Add(1) != at {
				return nil
			}
			g.powerCut()
			return errDied
		}
		err := g.live()
		if errors.Is(err, errDied) {
			died++
		} else if err != nil {
			t.Fatalf("at write %d of %d: %v", at, count, err)
		}
		g.fault = nil
		g.powerCut()
		if err := g.live(); err != nil {
			t.Fatalf("after a cut at write %d of %d: %v", at, count, err)
		}
		if log := g.logged(); log != "" {
			t.Errorf("after a cut at write %d of %d: %s", at, count, log)
		}
		if err := g.check(); err != nil {
			t.Fatalf("after a cut at write %d of %d: %v", at, count, err)
		}
	}
	if died < tries/2 {
		t.Errorf("%d of %d lives ended", died, tries)
	}
	t.Logf("%d writes, %d tried, %d lives ended", count, tries, died)
}

// TestGrantsBySDK has two accounts share a data set through the vendor's own client: what
// comes to the receiver, by which names; who has it on record, and who is told of it; and that
// it ends by the clock.
func TestGrantsBySDK(t *testing.T) {
	memory := &buckets.Memory{}
	memory.Make("source")
	memory.Make("target")
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Accounts: []string{other}, Sealing: SealingOff}
	cfg.buckets = func(string) buckets.Store { return memory }
	told := filepath.Join(t.TempDir(), "told")
	cfg.EventsConfig = eventsConfig(t, `{"targets":[{"name":"all","file":{"path":%q}}]}`, told)
	s := start(t, cfg)
	client := func(key aws.Credentials) *dx.Client {
		return dx.New(dx.Options{
			BaseEndpoint: aws.String(s.URL()), Region: defaults.Region, RetryMaxAttempts: 1,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil }),
		})
	}
	sender, receiver := client(rootKey(t, cfg.Data)), client(rootKeyOf(t, cfg.Data, other))
	ctx := t.Context()
	wait := func(what string, done func() bool) {
		t.Helper()
		for began := time.Now(); !done(); {
			if time.Since(began) > deadline {
				t.Fatalf("%s does not come", what)
			}
		}
	}
	ended := func(c *dx.Client, id *string) *dx.GetJobOutput {
		t.Helper()
		var job *dx.GetJobOutput
		wait("the end of a job", func() bool {
			var err error
			if job, err = c.GetJob(ctx, &dx.GetJobInput{JobId: id}); err != nil {
				t.Fatal(err)
			}
			return job.State != types.StateInProgress && job.State != types.StateWaiting
		})
		return job
	}
	set, err := sender.CreateDataSet(ctx, &dx.CreateDataSetInput{AssetType: types.AssetTypeS3Snapshot, Name: aws.String("prices"), Description: aws.String("of everything")})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(object string) *string {
		t.Helper()
		if _, err := memory.Put(ctx, &buckets.Put{Bucket: "source", Key: object, Source: buckets.Bytes(object), Size: int64(len(object))}); err != nil {
			t.Fatal(err)
		}
		revision, err := sender.CreateRevision(ctx, &dx.CreateRevisionInput{DataSetId: set.Id, Comment: aws.String("of " + object)})
		if err != nil {
			t.Fatal(err)
		}
		job, err := sender.CreateJob(ctx, &dx.CreateJobInput{Type: types.TypeImportAssetsFromS3, Details: &types.RequestDetails{ImportAssetsFromS3: &types.ImportAssetsFromS3RequestDetails{
			DataSetId: set.Id, RevisionId: revision.Id, AssetSources: []types.AssetSourceEntry{{Bucket: aws.String("source"), Key: aws.String(object)}},
		}}})
		if err == nil {
			_, err = sender.StartJob(ctx, &dx.StartJobInput{JobId: job.Id})
		}
		if err != nil {
			t.Fatal(err)
		}
		if job := ended(sender, job.Id); job.State != types.StateCompleted {
			t.Fatalf("%+v", job)
		}
		wait("the revision", func() bool { // the account hears of the job's end
			_, err := sender.UpdateRevision(ctx, &dx.UpdateRevisionInput{DataSetId: set.Id, RevisionId: revision.Id, Finalized: aws.Bool(true)})
			_, busy := errors.AsType[*types.ConflictException](err)
			if err != nil && !busy {
				t.Fatal(err)
			}
			return err == nil
		})
		return revision.Id
	}
	first := publish("first")
	grant := func(in *dx.CreateDataGrantInput) *dx.CreateDataGrantOutput {
		t.Helper()
		in.Name, in.GrantDistributionScope = aws.String("g"), types.GrantDistributionScopeNone
		in.ReceiverPrincipal, in.SourceDataSetId = aws.String(other), set.Id
		g, err := sender.CreateDataGrant(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := grant(&dx.CreateDataGrantInput{Description: aws.String("for you"), Tags: map[string]string{"k": "v"}})
	if got, err := sender.GetDataGrant(ctx, &dx.GetDataGrantInput{DataGrantId: g.Arn}); err != nil || *got.Id != *g.Id || got.Tags["k"] != "v" || *got.SourceDataSetId != *set.Id {
		t.Errorf("%+v, %v", got, err)
	}
	received, err := receiver.ListReceivedDataGrants(ctx, &dx.ListReceivedDataGrantsInput{AcceptanceState: []types.AcceptanceStateFilterValue{types.AcceptanceStateFilterValuePendingReceiverAcceptance}})
	if err != nil || len(received.DataGrantSummaries) != 1 || *received.DataGrantSummaries[0].Arn != *g.Arn {
		t.Fatalf("%+v, %v", received, err)
	}
	accepted, err := receiver.AcceptDataGrant(ctx, &dx.AcceptDataGrantInput{DataGrantArn: g.Arn})
	if err != nil || accepted.AcceptanceState != types.DataGrantAcceptanceStateAccepted || accepted.AcceptedAt == nil || *accepted.DataSetId != *g.DataSetId {
		t.Fatalf("%+v, %v", accepted, err)
	}
	if got, err := sender.ListDataGrants(ctx, &dx.ListDataGrantsInput{}); err != nil || len(got.DataGrantSummaries) != 1 || got.DataGrantSummaries[0].AcceptanceState != types.DataGrantAcceptanceStateAccepted {
		t.Errorf("%+v, %v", got, err)
	}
	action, err := receiver.CreateEventAction(ctx, &dx.CreateEventActionInput{
		Action: &types.Action{ExportRevisionToS3: &types.AutoExportRevisionToS3RequestDetails{RevisionDestination: &types.AutoExportRevisionDestinationEntry{
			Bucket: aws.String("target"), KeyPattern: aws.String("${DataSet.Id}/${Revision.Id}/${Asset.Name}"),
		}}},
		Event: &types.Event{RevisionPublished: &types.RevisionPublished{DataSetId: g.DataSetId}},
	})
	if err != nil {
		t.Fatal(err)
	}
	source := publish("second")
	var revisions *dx.ListDataSetRevisionsOutput
	wait("the revision", func() bool {
		if revisions, err = receiver.ListDataSetRevisions(ctx, &dx.ListDataSetRevisionsInput{DataSetId: g.DataSetId}); err != nil {
			t.Fatal(err)
		}
		return len(revisions.Revisions) == 2
	})
	newest := revisions.Revisions[0]
	if *newest.Id == *source || newest.SourceId != nil || newest.CreatedAt.Before(*revisions.Revisions[1].CreatedAt) {
		t.Errorf("the receiver sees %+v", newest)
	}
	var job *string
	wait("the export", func() bool {
		jobs, err := receiver.ListJobs(ctx, &dx.ListJobsInput{DataSetId: g.DataSetId, RevisionId: newest.Id})
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs.Jobs) == 1 {
			job = jobs.Jobs[0].Id
		}
		return job != nil
	})
	if done := ended(receiver, job); done.State != types.StateCompleted || *done.Details.ExportRevisionsToS3.EventActionArn != *action.Arn {
		t.Errorf("%+v", done)
	}
	if _, r, err := memory.Get(ctx, "target", *g.DataSetId+"/"+*newest.Id+"/second", buckets.Range{}); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(r); err != nil || string(b) != "second" {
		t.Errorf("%q, %v", b, err)
	}
	jobs, err := sender.ListJobs(ctx, &dx.ListJobsInput{})
	if err != nil || len(jobs.Jobs) != 2 { // its imports
		t.Errorf("the sender sees %+v, %v", jobs, err)
	}

	// One that ends by the clock: soon enough to wait for, and late enough to be accepted.
	var short *dx.CreateDataGrantOutput
	for life := 200 * time.Millisecond; ; life *= 2 {
		short = grant(&dx.CreateDataGrantInput{EndsAt: aws.Time(time.Now().Add(life))})
		_, err := receiver.AcceptDataGrant(ctx, &dx.AcceptDataGrantInput{DataGrantArn: short.Arn})
		if err == nil {
			break
		}
		if _, over := errors.AsType[*types.ConflictException](err); !over || life > deadline {
			t.Fatal(err)
		}
	}
	wait("the end", func() bool {
		_, err := receiver.GetDataSet(ctx, &dx.GetDataSetInput{DataSetId: short.DataSetId})
		_, gone := errors.AsType[*types.ResourceNotFoundException](err)
		if err != nil && !gone {
			t.Fatal(err)
		}
		return gone
	})
	if now := time.Now(); now.Before(*short.EndsAt) {
		t.Errorf("it ended at %s, before %s", now, *short.EndsAt)
	}
	if list, err := receiver.ListDataSets(ctx, &dx.ListDataSetsInput{Origin: aws.String("ENTITLED")}); err != nil || len(list.DataSets) != 1 {
		t.Errorf("after the end the receiver lists %+v, %v", list, err)
	}
	if got, err := receiver.GetReceivedDataGrant(ctx, &dx.GetReceivedDataGrantInput{DataGrantArn: short.Arn}); err != nil || got.AcceptanceState != types.DataGrantAcceptanceStateAccepted || got.EndsAt == nil {
		t.Errorf("the grant that ended: %+v, %v", got, err)
	}
	_, err = receiver.AcceptDataGrant(ctx, &dx.AcceptDataGrantInput{DataGrantArn: short.Arn})
	if conflict, ok := errors.AsType[*types.ConflictException](err); !ok || *conflict.ResourceId != *short.Id || conflict.ResourceType != types.ResourceTypeDataGrant {
		t.Errorf("it is accepted once more: %v", err)
	}

	// What becomes of it is told to either side in its own ids; of the grant that ended nothing
	// more, and of its end neither.
	if _, err := sender.RevokeRevision(ctx, &dx.RevokeRevisionInput{DataSetId: set.Id, RevisionId: source, RevocationComment: aws.String("it was all wrong")}); err != nil {
		t.Fatal(err)
	}
	var notices []string
	wait("what is told", func() bool {
		notices = exchangeNotices(t, told)
		return len(notices) >= 8
	})
	if _, err := sender.DeleteDataGrant(ctx, &dx.DeleteDataGrantInput{DataGrantId: g.Id}); err != nil {
		t.Fatal(err)
	}
	wait("what is told", func() bool {
		notices = exchangeNotices(t, told)
		return len(notices) >= 9
	})
	entitled := "arn:aws:dataexchange:" + defaults.Region + "::data-sets/"
	want := []string{
		defaults.Account + " Revision Published To Data Set " + *set.Id + " [{" + *set.Id + " prices }] [{" + *first + "  of first}]",
		defaults.Account + " Revision Published To Data Set " + *set.Id + " [{" + *set.Id + " prices }] [{" + *source + "  of second}]",
		defaults.Account + " Revision Revoked " + *set.Id + " [{" + *set.Id + " prices }] [{" + *source + "  of second}]",
		defaults.Account + " Data Grant Accepted " + entitled + *g.DataSetId + " [{" + *g.DataSetId + " prices }] []",
		defaults.Account + " Data Grant Accepted " + entitled + *short.DataSetId + " [{" + *short.DataSetId + " prices }] []",
		other + " Revision Published To Data Set " + *g.DataSetId + " [{" + *g.DataSetId + " prices }] [{" + *newest.Id + "  of second}]",
		other + " Auto-export Job Completed " + *g.DataSetId + " [{" + *g.DataSetId + " prices }] [{" + *newest.Id + "  of second}]",
		other + " Revision Revoked " + *g.DataSetId + " [{" + *g.DataSetId + " prices }] [{" + *newest.Id + "  of second}]",
		other + " Data Grant Revoked " + entitled + *g.DataSetId + " [{" + *g.DataSetId + " prices }] []",
	}
	slices.Sort(want)

	// Who accepts a grant changes what is the sender's, so both have it on record.
	closeServer(t, s)
	if notices = exchangeNotices(t, told); !slices.Equal(notices, want) {
		t.Errorf("told is\n%s\nwant\n%s", strings.Join(notices, "\n"), strings.Join(want, "\n"))
	}
	for account, want := range map[string]map[string]bool{
		defaults.Account: {"CreateDataGrant": true, "AcceptDataGrant": true, "GetReceivedDataGrant": false, "CreateEventAction": false},
		other:            {"CreateDataGrant": false, "AcceptDataGrant": true, "GetReceivedDataGrant": true, "CreateEventAction": true},
	} {
		var b bytes.Buffer
		if err := ReadAudit(context.Background(), AuditReading{Data: cfg.Data, Account: account, Log: slog.New(slog.DiscardHandler), Wrong: func(err error) { t.Error(err) }}, &b); err != nil {
			t.Fatal(err)
		}
		for action, has := range want {
			lines := slices.DeleteFunc(strings.Split(b.String(), "\n"), func(line string) bool { return !strings.Contains(line, `"eventName":"`+action+`"`) })
			if (len(lines) > 0) != has {
				t.Errorf("%s has of %s: %q", account, action, lines)
			}
			for _, line := range lines {
				if action == "AcceptDataGrant" && account == defaults.Account && (!strings.Contains(line, `"type":"AWSAccount"`) || !strings.Contains(line, `"sharedEventID"`) || strings.Contains(line, "errorCode")) {
					t.Errorf("the sender has on record %s", line)
				}
			}
		}
	}
}

// exchangeNotices are what a file was told of data sets, sorted: each the account, the type,
// the resource, the data sets and the revisions.
func exchangeNotices(t *testing.T, path string) (notices []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.HasSuffix(line, "\n") { // it is being written
			break
		}
		var e struct {
			Account   string
			Type      string `json:"detail-type"`
			Resources []string
			Detail    struct {
				DataSets, Revisions []struct{ ID, Name, Comment string }
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		notices = append(notices, fmt.Sprint(e.Account, " ", e.Type, " ", e.Resources[0], " ", e.Detail.DataSets, " ", e.Detail.Revisions))
	}
	slices.Sort(notices)
	return notices
}
