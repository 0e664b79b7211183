package sdk

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dataexchange"
	"github.com/aws/aws-sdk-go-v2/service/dataexchange/types"
)

// exchange is a running server with buckets in a folder, and a client of its Data Exchange.
type exchange struct {
	*dataexchange.Client
	other   *dataexchange.Client // of another account
	t       *testing.T
	ledger  *ledger
	buckets string
}

// other is the id of the other account.
const other = "210987654321"

// openExchange starts a server with a bucket of sources and one of targets.
func openExchange(t *testing.T) *exchange {
	t.Helper()
	x := &exchange{t: t, ledger: newLedger(t, dataExchange), buckets: t.TempDir()}
	for _, name := range []string{"source", "target"} {
		x.ok(os.Mkdir(filepath.Join(x.buckets, name), 0o700))
	}
	h := open(t, "--accounts", other, "--buckets", x.buckets, "--dx-owned-event-actions", "--limit-dx-event-actions", "4", "--limit-dx-data-set-event-actions", "3")
	client := func(keys aws.CredentialsProvider) *dataexchange.Client {
		return dataexchange.New(dataexchange.Options{
			Region:       heddle.Region,
			BaseEndpoint: aws.String(h.server.URL),
			HTTPClient:   x.ledger,
			Retryer:      aws.NopRetryer{},
			Credentials:  keys,
		})
	}
	x.Client = client(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: heddle.AccessKey, SecretAccessKey: heddle.SecretKey}, nil
	}))
	x.other = client(profile(filepath.Join(h.data, "credentials"), other))
	return x
}

// profile gives the keys that a credentials file has under a name.
func profile(file, name string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		b, err := os.ReadFile(file)
		if err != nil {
			return aws.Credentials{}, err
		}
		_, section, found := strings.Cut(string(b), "["+name+"]")
		if !found {
			return aws.Credentials{}, fmt.Errorf("%s has no keys of %s", file, name)
		}
		section, _, _ = strings.Cut(section, "[")
		var keys aws.Credentials
		for line := range strings.Lines(section) {
			switch key, value, _ := strings.Cut(line, "="); strings.TrimSpace(key) {
			case "aws_access_key_id":
				keys.AccessKeyID = strings.TrimSpace(value)
			case "aws_secret_access_key":
				keys.SecretAccessKey = strings.TrimSpace(value)
			}
		}
		return keys, nil
	})
}

func (x *exchange) ok(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// source puts an object where imports are from.
func (x *exchange) source(key string, body []byte) {
	x.t.Helper()
	x.ok(os.WriteFile(filepath.Join(x.buckets, "source", key), body, 0o600))
}

// arrived are the objects of the bucket to which exports go, but for what was put there to
// try it.
func (x *exchange) arrived() map[string]string {
	x.t.Helper()
	bucket := filepath.Join(x.buckets, "target")
	objects := map[string]string{}
	x.ok(filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "%heddle" {
				return fs.SkipDir
			}
			return err
		}
		key, err := filepath.Rel(bucket, path)
		if err != nil || strings.HasPrefix(key, "_ADX-TEST-") {
			return err
		}
		b, err := os.ReadFile(path)
		objects[key] = string(b)
		return err
	}))
	return objects
}

func (x *exchange) dataSet() *string {
	x.t.Helper()
	out, err := x.CreateDataSet(x.t.Context(), &dataexchange.CreateDataSetInput{
		Name: aws.String("prices"), Description: aws.String("of everything"), AssetType: types.AssetTypeS3Snapshot,
	})
	x.ok(err)
	return out.Id
}

func (x *exchange) revision(set *string) *string {
	x.t.Helper()
	out, err := x.CreateRevision(x.t.Context(), &dataexchange.CreateRevisionInput{DataSetId: set})
	x.ok(err)
	return out.Id
}

// job creates a job, starts it, and gives it when it has ended, in a state.
func (x *exchange) job(of types.Type, details types.RequestDetails, want types.State) *dataexchange.GetJobOutput {
	x.t.Helper()
	job, err := x.CreateJob(x.t.Context(), &dataexchange.CreateJobInput{Type: of, Details: &details})
	x.ok(err)
	if job.State != types.StateWaiting {
		x.t.Errorf("a job was created in state %s", job.State)
	}
	return x.finish(job.Id, want)
}

func (x *exchange) finish(job *string, want types.State) *dataexchange.GetJobOutput {
	x.t.Helper()
	_, err := x.StartJob(x.t.Context(), &dataexchange.StartJobInput{JobId: job})
	x.ok(err)
	return x.ended(job, want)
}

func (x *exchange) ended(job *string, want types.State) *dataexchange.GetJobOutput {
	x.t.Helper()
	for give := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		got, err := x.GetJob(x.t.Context(), &dataexchange.GetJobInput{JobId: job})
		x.ok(err)
		if (got.State == types.StateWaiting || got.State == types.StateInProgress) && time.Now().Before(give) {
			continue
		}
		if got.State != want {
			x.t.Fatalf("job %s is %s, want %s: %+v", *job, got.State, want, got.Errors)
		}
		return got
	}
}

// imports brings objects into a revision.
func (x *exchange) imports(set, revision *string, keys ...string) {
	x.t.Helper()
	details := &types.ImportAssetsFromS3RequestDetails{DataSetId: set, RevisionId: revision}
	for _, key := range keys {
		details.AssetSources = append(details.AssetSources, types.AssetSourceEntry{Bucket: aws.String("source"), Key: &key})
	}
	x.job(types.TypeImportAssetsFromS3, types.RequestDetails{ImportAssetsFromS3: details}, types.StateCompleted)
}

// upload sends an asset by a signed URL, and gives what the server answers.
func (x *exchange) upload(url *string, body []byte) int {
	x.t.Helper()
	r, err := http.NewRequestWithContext(x.t.Context(), http.MethodPut, *url, bytes.NewReader(body))
	x.ok(err)
	r.Header.Set("Content-MD5", digest(body))
	answer, err := http.DefaultClient.Do(r)
	x.ok(err)
	x.ok(answer.Body.Close())
	return answer.StatusCode
}

func digest(body []byte) string {
	sum := md5.Sum(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// assets are a revision's, as ListRevisionAssets gives them.
func (x *exchange) assets(set, revision *string) (all []types.AssetEntry) {
	x.t.Helper()
	pages := dataexchange.NewListRevisionAssetsPaginator(x.Client, &dataexchange.ListRevisionAssetsInput{DataSetId: set, RevisionId: revision, MaxResults: 1})
	for pages.HasMorePages() {
		page, err := pages.NextPage(x.t.Context())
		x.ok(err)
		all = append(all, page.Assets...)
	}
	return all
}

// into is an event action's export into a bucket.
func into(bucket string, pattern *string, encryption *types.ExportServerSideEncryption) *types.Action {
	return &types.Action{ExportRevisionToS3: &types.AutoExportRevisionToS3RequestDetails{
		RevisionDestination: &types.AutoExportRevisionDestinationEntry{Bucket: &bucket, KeyPattern: pattern}, Encryption: encryption,
	}}
}

func whenPublished(set *string) *types.Event {
	return &types.Event{RevisionPublished: &types.RevisionPublished{DataSetId: set}}
}

// about expects a fault that names a resource of a type.
func about(t *testing.T, err error, code, id string, of types.ResourceType) {
	t.Helper()
	refused(t, err, code, "")
	var (
		missing  *types.ResourceNotFoundException
		conflict *types.ConflictException
	)
	switch {
	case errors.As(err, &missing):
		if aws.ToString(missing.ResourceId) != id || missing.ResourceType != of {
			t.Errorf("got a fault about %s %s, want %s %s", missing.ResourceType, aws.ToString(missing.ResourceId), of, id)
		}
	case errors.As(err, &conflict):
		if aws.ToString(conflict.ResourceId) != id || conflict.ResourceType != of {
			t.Errorf("got a fault about %s %s, want %s %s", conflict.ResourceType, aws.ToString(conflict.ResourceId), of, id)
		}
	}
}

// nowhere is the id of nothing.
var nowhere = strings.Repeat("0", 32)

// exchangeARN makes an ARN of Data Exchange.
func exchangeARN(resource string, ids ...any) string {
	return "arn:aws:dataexchange:" + heddle.Region + ":123456789012:" + fmt.Sprintf(resource, ids...)
}

// TestEveryExchangeOperation calls the operations of Data Exchange on one server, each with
// success and with a fault that the model declares.
func TestEveryExchangeOperation(t *testing.T) {
	t.Parallel()
	x := openExchange(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *exchange)
	}{
		{"data sets", exchangeDataSets},
		{"revisions", exchangeRevisions},
		{"assets", exchangeAssets},
		{"jobs", exchangeJobs},
		{"signed URLs", exchangeSignedURLs},
		{"event actions", exchangeEventActions},
		{"limits of event actions", exchangeEventActionLimits},
		{"data grants", exchangeGrants},
		{"tags", exchangeTags},
		{"the order of Terraform", exchangeTerraform},
	} {
		t.Run(part.name, func(t *testing.T) {
			x.t, x.ledger.t = t, t
			part.run(t, x)
		})
		x.t, x.ledger.t = t, t
	}
	x.ledger.verify(t, 35)
}

func exchangeDataSets(t *testing.T, x *exchange) {
	ctx := t.Context()
	began := time.Now()
	made, err := x.CreateDataSet(ctx, &dataexchange.CreateDataSetInput{
		Name: aws.String("Ω prices"), Description: aws.String("of everything"), AssetType: types.AssetTypeS3Snapshot, Tags: map[string]string{"team": "blue"},
	})
	x.ok(err)
	if *made.Arn != exchangeARN("data-sets/%s", *made.Id) || made.Origin != types.OriginOwned || made.Tags["team"] != "blue" || *made.Name != "Ω prices" ||
		made.CreatedAt.Sub(began).Abs() > time.Minute || !made.UpdatedAt.Equal(*made.CreatedAt) {
		t.Errorf("got %+v", made)
	}
	_, err = x.CreateDataSet(ctx, &dataexchange.CreateDataSetInput{Name: aws.String(""), Description: aws.String("d"), AssetType: types.AssetTypeS3Snapshot})
	refused(t, err, "ValidationException", "Name must have 1 to 256 characters.")
	_, err = x.CreateDataSet(ctx, &dataexchange.CreateDataSetInput{Name: aws.String("n"), Description: aws.String("d"), AssetType: types.AssetTypeRedshiftDataShare})
	refused(t, err, "ValidationException", "Data sets of type REDSHIFT_DATA_SHARE are not offered by this server: only S3_SNAPSHOT.")
	second := x.dataSet()

	updated, err := x.UpdateDataSet(ctx, &dataexchange.UpdateDataSetInput{DataSetId: made.Id, Description: aws.String("of some things")})
	x.ok(err)
	got, err := x.GetDataSet(ctx, &dataexchange.GetDataSetInput{DataSetId: made.Id})
	x.ok(err)
	if *got.Description != "of some things" || *got.Name != "Ω prices" || !got.UpdatedAt.Equal(*updated.UpdatedAt) || !got.UpdatedAt.After(*got.CreatedAt) || got.Tags["team"] != "blue" {
		t.Errorf("got %+v", got)
	}
	var ids []string
	pages := dataexchange.NewListDataSetsPaginator(x.Client, &dataexchange.ListDataSetsInput{MaxResults: 1, Origin: aws.String("OWNED")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		x.ok(err)
		for _, d := range page.DataSets {
			ids = append(ids, *d.Id)
		}
	}
	if !slices.Equal(ids, []string{*second, *made.Id}) { // the newest first
		t.Errorf("got data sets %v", ids)
	}
	_, err = x.ListDataSets(ctx, &dataexchange.ListDataSetsInput{NextToken: aws.String("none")})
	refused(t, err, "ValidationException", "The NextToken is not one of this list.")
	_, err = x.DeleteDataSet(ctx, &dataexchange.DeleteDataSetInput{DataSetId: made.Id})
	x.ok(err)
	_, err = x.GetDataSet(ctx, &dataexchange.GetDataSetInput{DataSetId: made.Id})
	about(t, err, "ResourceNotFoundException", *made.Id, types.ResourceTypeDataSet)
	_, err = x.UpdateDataSet(ctx, &dataexchange.UpdateDataSetInput{DataSetId: made.Id})
	about(t, err, "ResourceNotFoundException", *made.Id, types.ResourceTypeDataSet)
	_, err = x.DeleteDataSet(ctx, &dataexchange.DeleteDataSetInput{DataSetId: made.Id})
	about(t, err, "ResourceNotFoundException", *made.Id, types.ResourceTypeDataSet)
}

// exchangeGrants: the other account accepts a data grant, and has what it is shown until that
// is taken back.
func exchangeGrants(t *testing.T, x *exchange) {
	ctx := t.Context()
	x.source("g.csv", []byte("g"))
	set := x.dataSet()
	create := &dataexchange.CreateDataGrantInput{
		Name: aws.String("g"), GrantDistributionScope: types.GrantDistributionScopeNone, ReceiverPrincipal: aws.String(other), SourceDataSetId: set, Tags: map[string]string{"k": "v"},
	}
	_, err := x.CreateDataGrant(ctx, create)
	refused(t, err, "ValidationException", "Data set "+*set+" has no finalized revision.")
	revision := x.revision(set)
	x.imports(set, revision, "g.csv")
	_, err = x.UpdateRevision(ctx, &dataexchange.UpdateRevisionInput{DataSetId: set, RevisionId: revision, Finalized: aws.Bool(true)})
	x.ok(err)
	grant, err := x.CreateDataGrant(ctx, create)
	x.ok(err)
	second, err := x.CreateDataGrant(ctx, create)
	x.ok(err)
	shown := &dataexchange.GetDataSetInput{DataSetId: grant.DataSetId}
	_, err = x.other.GetDataSet(ctx, shown)
	about(t, err, "ResourceNotFoundException", *grant.DataSetId, types.ResourceTypeDataSet)

	var arns, ids []string
	received := dataexchange.NewListReceivedDataGrantsPaginator(x.other, &dataexchange.ListReceivedDataGrantsInput{MaxResults: aws.Int32(1)})
	for received.HasMorePages() {
		page, err := received.NextPage(ctx)
		x.ok(err)
		for _, g := range page.DataGrantSummaries {
			arns = append(arns, *g.Arn)
		}
	}
	if !slices.Equal(arns, []string{*second.Arn, *grant.Arn}) {
		t.Errorf("received are %v", arns)
	}
	accepted, err := x.other.AcceptDataGrant(ctx, &dataexchange.AcceptDataGrantInput{DataGrantArn: grant.Arn})
	x.ok(err)
	if accepted.AcceptanceState != types.DataGrantAcceptanceStateAccepted || accepted.AcceptedAt == nil {
		t.Errorf("got %+v", accepted)
	}
	_, err = x.other.AcceptDataGrant(ctx, &dataexchange.AcceptDataGrantInput{DataGrantArn: grant.Arn})
	refused(t, err, "ConflictException", "")
	got, err := x.GetDataGrant(ctx, &dataexchange.GetDataGrantInput{DataGrantId: grant.Id})
	x.ok(err)
	if got.AcceptanceState != types.DataGrantAcceptanceStateAccepted || !got.AcceptedAt.Equal(*accepted.AcceptedAt) || got.Tags["k"] != "v" || *got.SourceDataSetId != *set {
		t.Errorf("got %+v", got)
	}
	own, err := x.other.GetReceivedDataGrant(ctx, &dataexchange.GetReceivedDataGrantInput{DataGrantArn: grant.Arn})
	x.ok(err)
	if *own.SenderPrincipal != "123456789012" || *own.DataSetId != *grant.DataSetId {
		t.Errorf("got %+v", own)
	}
	given := dataexchange.NewListDataGrantsPaginator(x.Client, &dataexchange.ListDataGrantsInput{MaxResults: aws.Int32(1)})
	for given.HasMorePages() {
		page, err := given.NextPage(ctx)
		x.ok(err)
		for _, g := range page.DataGrantSummaries {
			ids = append(ids, *g.Id)
		}
	}
	if !slices.Equal(ids, []string{*second.Id, *grant.Id}) {
		t.Errorf("given are %v", ids)
	}
	entitled, err := x.other.GetDataSet(ctx, shown)
	x.ok(err)
	if entitled.Origin != types.OriginEntitled || *entitled.OriginDetails.DataGrantId != *grant.Id {
		t.Errorf("got %+v", entitled)
	}
	for _, g := range []*dataexchange.CreateDataGrantOutput{grant, second} {
		_, err = x.DeleteDataGrant(ctx, &dataexchange.DeleteDataGrantInput{DataGrantId: g.Id})
		x.ok(err)
		_, err = x.DeleteDataGrant(ctx, &dataexchange.DeleteDataGrantInput{DataGrantId: g.Id})
		about(t, err, "ResourceNotFoundException", *g.Id, types.ResourceTypeDataGrant)
		_, err = x.GetDataGrant(ctx, &dataexchange.GetDataGrantInput{DataGrantId: g.Id})
		about(t, err, "ResourceNotFoundException", *g.Id, types.ResourceTypeDataGrant)
		_, err = x.other.GetReceivedDataGrant(ctx, &dataexchange.GetReceivedDataGrantInput{DataGrantArn: g.Arn})
		refused(t, err, "ResourceNotFoundException", "")
	}
	_, err = x.other.GetDataSet(ctx, shown)
	about(t, err, "ResourceNotFoundException", *grant.DataSetId, types.ResourceTypeDataSet)
	_, err = x.ListDataGrants(ctx, &dataexchange.ListDataGrantsInput{NextToken: aws.String("none")})
	refused(t, err, "ValidationException", "The NextToken is not one of this list.")
	_, err = x.other.ListReceivedDataGrants(ctx, &dataexchange.ListReceivedDataGrantsInput{NextToken: aws.String("none")})
	refused(t, err, "ValidationException", "The NextToken is not one of this list.")
}

func exchangeRevisions(t *testing.T, x *exchange) {
	ctx := t.Context()
	x.source("r.csv", []byte("r"))
	set := x.dataSet()
	first, err := x.CreateRevision(ctx, &dataexchange.CreateRevisionInput{DataSetId: set, Comment: aws.String("first"), Tags: map[string]string{"k": "v"}})
	x.ok(err)
	if *first.Arn != exchangeARN("data-sets/%s/revisions/%s", *set, *first.Id) || first.Finalized || first.Revoked || *first.Comment != "first" || first.Tags["k"] != "v" {
		t.Errorf("got %+v", first)
	}
	_, err = x.CreateRevision(ctx, &dataexchange.CreateRevisionInput{DataSetId: &nowhere})
	about(t, err, "ResourceNotFoundException", nowhere, types.ResourceTypeDataSet)
	second := x.revision(set)
	_, err = x.UpdateRevision(ctx, &dataexchange.UpdateRevisionInput{DataSetId: set, RevisionId: first.Id, Finalized: aws.Bool(true)})
	refused(t, err, "ValidationException", "A revision without assets can't be finalized.")
	_, err = x.RevokeRevision(ctx, &dataexchange.RevokeRevisionInput{DataSetId: set, RevisionId: first.Id, RevocationComment: aws.String("it is not even finalized")})
	about(t, err, "ConflictException", *first.Id, types.ResourceTypeRevision)
	x.imports(set, first.Id, "r.csv")
	_, err = x.UpdateRevision(ctx, &dataexchange.UpdateRevisionInput{DataSetId: set, RevisionId: first.Id, Finalized: aws.Bool(true)})
	x.ok(err)
	_, err = x.DeleteRevision(ctx, &dataexchange.DeleteRevisionInput{DataSetId: set, RevisionId: first.Id})
	about(t, err, "ConflictException", *first.Id, types.ResourceTypeRevision)
	revoked, err := x.RevokeRevision(ctx, &dataexchange.RevokeRevisionInput{DataSetId: set, RevisionId: first.Id, RevocationComment: aws.String("these were wrong")})
	x.ok(err)
	got, err := x.GetRevision(ctx, &dataexchange.GetRevisionInput{DataSetId: set, RevisionId: first.Id})
	x.ok(err)
	if !got.Revoked || !got.Finalized || got.RevokedAt == nil || !got.RevokedAt.Equal(*revoked.RevokedAt) || *got.RevocationComment != "these were wrong" {
		t.Errorf("got %+v", got)
	}
	var ids []string
	pages := dataexchange.NewListDataSetRevisionsPaginator(x.Client, &dataexchange.ListDataSetRevisionsInput{DataSetId: set, MaxResults: 1})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		x.ok(err)
		for _, r := range page.Revisions {
			ids = append(ids, *r.Id)
		}
	}
	if !slices.Equal(ids, []string{*second, *first.Id}) {
		t.Errorf("got revisions %v", ids)
	}
	_, err = x.DeleteRevision(ctx, &dataexchange.DeleteRevisionInput{DataSetId: set, RevisionId: second})
	x.ok(err)
	_, err = x.GetRevision(ctx, &dataexchange.GetRevisionInput{DataSetId: set, RevisionId: second})
	about(t, err, "ResourceNotFoundException", *second, types.ResourceTypeRevision)
	_, err = x.ListDataSetRevisions(ctx, &dataexchange.ListDataSetRevisionsInput{DataSetId: &nowhere})
	about(t, err, "ResourceNotFoundException", nowhere, types.ResourceTypeDataSet)
}

func exchangeAssets(t *testing.T, x *exchange) {
	ctx := t.Context()
	x.source("a.csv", []byte("one,two\n"))
	x.source("b.csv", []byte("three\n"))
	set := x.dataSet()
	revision := x.revision(set)
	x.imports(set, revision, "a.csv", "b.csv")
	list := x.assets(set, revision)
	if len(list) != 2 || *list[0].Name != "b.csv" || *list[1].Name != "a.csv" { // by name, the last first
		t.Fatalf("got %+v", list)
	}
	got, err := x.GetAsset(ctx, &dataexchange.GetAssetInput{DataSetId: set, RevisionId: revision, AssetId: list[1].Id})
	x.ok(err)
	if got.AssetDetails.S3SnapshotAsset.Size != 8 || got.AssetType != types.AssetTypeS3Snapshot ||
		*got.Arn != exchangeARN("data-sets/%s/revisions/%s/assets/%s", *set, *revision, *list[1].Id) {
		t.Errorf("got %+v", got)
	}
	renamed, err := x.UpdateAsset(ctx, &dataexchange.UpdateAssetInput{DataSetId: set, RevisionId: revision, AssetId: list[1].Id, Name: aws.String("dir/c.csv")})
	x.ok(err)
	if *renamed.Name != "dir/c.csv" {
		t.Errorf("got %+v", renamed)
	}
	_, err = x.DeleteAsset(ctx, &dataexchange.DeleteAssetInput{DataSetId: set, RevisionId: revision, AssetId: list[0].Id})
	x.ok(err)
	_, err = x.GetAsset(ctx, &dataexchange.GetAssetInput{DataSetId: set, RevisionId: revision, AssetId: list[0].Id})
	about(t, err, "ResourceNotFoundException", *list[0].Id, types.ResourceTypeAsset)
	if left := x.assets(set, revision); len(left) != 1 || *left[0].Name != "dir/c.csv" {
		t.Errorf("got %+v", left)
	}
	_, err = x.UpdateRevision(ctx, &dataexchange.UpdateRevisionInput{DataSetId: set, RevisionId: revision, Finalized: aws.Bool(true)})
	x.ok(err)
	_, err = x.UpdateAsset(ctx, &dataexchange.UpdateAssetInput{DataSetId: set, RevisionId: revision, AssetId: list[1].Id, Name: aws.String("n")})
	about(t, err, "ConflictException", *list[1].Id, types.ResourceTypeAsset)
	_, err = x.DeleteAsset(ctx, &dataexchange.DeleteAssetInput{DataSetId: set, RevisionId: revision, AssetId: list[1].Id})
	about(t, err, "ConflictException", *list[1].Id, types.ResourceTypeAsset)
	_, err = x.ListRevisionAssets(ctx, &dataexchange.ListRevisionAssetsInput{DataSetId: set, RevisionId: &nowhere})
	about(t, err, "ResourceNotFoundException", nowhere, types.ResourceTypeRevision)
}

func exchangeJobs(t *testing.T, x *exchange) {
	ctx := t.Context()
	x.source("j.csv", []byte("job\n"))
	set := x.dataSet()
	revision := x.revision(set)
	missing := types.RequestDetails{ImportAssetsFromS3: &types.ImportAssetsFromS3RequestDetails{
		DataSetId: set, RevisionId: revision, AssetSources: []types.AssetSourceEntry{{Bucket: aws.String("source"), Key: aws.String("no-such-key")}},
	}}
	failed := x.job(types.TypeImportAssetsFromS3, missing, types.StateError)
	if e := failed.Errors[0]; e.Code != types.CodeResourceNotFoundException || *e.ResourceId != *revision || e.ResourceType != types.JobErrorResourceTypesRevision ||
		*e.Details.ImportAssetsFromS3JobErrorDetails[0].Key != "no-such-key" {
		t.Errorf("got %+v", e)
	}
	_, err := x.StartJob(ctx, &dataexchange.StartJobInput{JobId: failed.Id})
	about(t, err, "ConflictException", *failed.Id, types.ResourceTypeJob)
	_, err = x.CreateJob(ctx, &dataexchange.CreateJobInput{Type: types.TypeExportAssetsToS3, Details: &missing})
	refused(t, err, "ValidationException", "Details must have one member, that of the type EXPORT_ASSETS_TO_S3.")
	waiting, err := x.CreateJob(ctx, &dataexchange.CreateJobInput{Type: types.TypeImportAssetsFromS3, Details: &missing})
	x.ok(err)
	_, err = x.CancelJob(ctx, &dataexchange.CancelJobInput{JobId: waiting.Id})
	x.ok(err)
	_, err = x.CancelJob(ctx, &dataexchange.CancelJobInput{JobId: waiting.Id})
	about(t, err, "ConflictException", *waiting.Id, types.ResourceTypeJob)
	_, err = x.GetJob(ctx, &dataexchange.GetJobInput{JobId: &nowhere})
	about(t, err, "ResourceNotFoundException", nowhere, types.ResourceTypeJob)

	x.imports(set, revision, "j.csv")
	asset := x.assets(set, revision)[0].Id
	sse := &types.ExportServerSideEncryption{Type: types.ServerSideEncryptionTypesAes256}
	one := x.job(types.TypeExportAssetsToS3, types.RequestDetails{ExportAssetsToS3: &types.ExportAssetsToS3RequestDetails{
		DataSetId: set, RevisionId: revision, Encryption: sse,
		AssetDestinations: []types.AssetDestinationEntry{{AssetId: asset, Bucket: aws.String("target"), Key: aws.String("jobs/one")}},
	}}, types.StateCompleted)
	if one.Details.ExportAssetsToS3.Encryption.Type != sse.Type || *one.Arn != exchangeARN("jobs/%s", *one.Id) {
		t.Errorf("got %+v", one)
	}
	x.job(types.TypeExportRevisionsToS3, types.RequestDetails{ExportRevisionsToS3: &types.ExportRevisionsToS3RequestDetails{
		DataSetId:            set,
		RevisionDestinations: []types.RevisionDestinationEntry{{RevisionId: revision, Bucket: aws.String("target"), KeyPattern: aws.String("jobs/${DataSet.Name}/${Asset.Id}")}},
	}}, types.StateCompleted)
	objects := x.arrived()
	for _, key := range []string{"jobs/one", "jobs/prices/" + *asset} {
		if objects[key] != "job\n" {
			t.Errorf("%s is %q", key, objects[key])
		}
	}
	denied := x.job(types.TypeExportRevisionsToS3, types.RequestDetails{ExportRevisionsToS3: &types.ExportRevisionsToS3RequestDetails{
		DataSetId: set, RevisionDestinations: []types.RevisionDestinationEntry{{RevisionId: revision, Bucket: aws.String("no-such-bucket")}},
	}}, types.StateError)
	if e := denied.Errors[0]; e.Code != types.CodeAccessDeniedException || !strings.Contains(*e.Message, "NoSuchBucket") {
		t.Errorf("got %+v", e)
	}
	var states []types.State
	pages := dataexchange.NewListJobsPaginator(x.Client, &dataexchange.ListJobsInput{DataSetId: set, RevisionId: revision, MaxResults: 2})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		x.ok(err)
		for _, j := range page.Jobs {
			states = append(states, j.State)
		}
	}
	if want := []types.State{"ERROR", "COMPLETED", "COMPLETED", "COMPLETED", "CANCELLED", "ERROR"}; !slices.Equal(states, want) {
		t.Errorf("got jobs %v, want %v", states, want)
	}
	_, err = x.ListJobs(ctx, &dataexchange.ListJobsInput{NextToken: aws.String("none")})
	refused(t, err, "ValidationException", "The NextToken is not one of this list.")
}

func exchangeSignedURLs(t *testing.T, x *exchange) {
	set := x.dataSet()
	revision := x.revision(set)
	body := make([]byte, 3<<20)
	_, err := rand.Read(body)
	x.ok(err)
	job, err := x.CreateJob(t.Context(), &dataexchange.CreateJobInput{Type: types.TypeImportAssetFromSignedUrl, Details: &types.RequestDetails{
		ImportAssetFromSignedUrl: &types.ImportAssetFromSignedUrlRequestDetails{DataSetId: set, RevisionId: revision, AssetName: aws.String("./dir/f.bin"), Md5Hash: aws.String(digest(body))},
	}})
	x.ok(err)
	put := job.Details.ImportAssetFromSignedUrl
	if in := put.SignedUrlExpiresAt.Sub(*job.CreatedAt); in != time.Hour {
		t.Errorf("the URL expires in %s", in)
	}
	if status := x.upload(put.SignedUrl, body[1:]); status != http.StatusBadRequest {
		t.Errorf("an upload with another MD5 was answered with %d", status)
	}
	if status := x.upload(put.SignedUrl, body); status != http.StatusOK {
		t.Errorf("the upload was answered with %d", status)
	}
	x.finish(job.Id, types.StateCompleted)
	if status := x.upload(put.SignedUrl, body); status != http.StatusForbidden {
		t.Errorf("an upload after the start was answered with %d", status)
	}
	list := x.assets(set, revision)
	if len(list) != 1 || *list[0].Name != "./dir/f.bin" || list[0].AssetDetails.S3SnapshotAsset.Size != float64(len(body)) {
		t.Fatalf("got %+v", list)
	}
	export := x.job(types.TypeExportAssetToSignedUrl, types.RequestDetails{ExportAssetToSignedUrl: &types.ExportAssetToSignedUrlRequestDetails{
		DataSetId: set, RevisionId: revision, AssetId: list[0].Id,
	}}, types.StateCompleted)
	get := export.Details.ExportAssetToSignedUrl
	answer, err := http.Get(*get.SignedUrl)
	x.ok(err)
	got, err := io.ReadAll(answer.Body)
	x.ok(errors.Join(err, answer.Body.Close()))
	if !bytes.Equal(got, body) || get.SignedUrlExpiresAt == nil {
		t.Errorf("got %d bytes with status %d, until %v", len(got), answer.StatusCode, get.SignedUrlExpiresAt)
	}
}

// exchangeEventActions holds each sentence of the manual on CreateEventAction.
func exchangeEventActions(t *testing.T, x *exchange) {
	ctx := t.Context()
	x.source("e.csv", []byte("event\n"))
	set := x.dataSet()
	pattern, key := aws.String("daily/${Revision.CreatedAt.Year}/${Asset.Name}"), aws.String("arn:aws:kms:us-east-1:123456789012:key/k")
	plain := &types.ExportServerSideEncryption{Type: types.ServerSideEncryptionTypesAes256}
	kms := &types.ExportServerSideEncryption{Type: types.ServerSideEncryptionTypesAwsKms, KmsKeyArn: key}
	began := time.Now()
	made, err := x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{Action: into("target", pattern, plain), Event: whenPublished(set), Tags: map[string]string{"k": "v"}})
	x.ok(err)
	export := made.Action.ExportRevisionToS3
	if *export.RevisionDestination.Bucket != "target" || *export.RevisionDestination.KeyPattern != *pattern || export.Encryption.Type != plain.Type || export.Encryption.KmsKeyArn != nil ||
		*made.Event.RevisionPublished.DataSetId != *set || *made.Arn != exchangeARN("event-actions/%s", *made.Id) ||
		made.CreatedAt.Sub(began).Abs() > time.Minute || !made.UpdatedAt.Equal(*made.CreatedAt) || made.Tags["k"] != "v" {
		t.Errorf("got %+v", made)
	}
	second, err := x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{Action: into("target", aws.String("kms/${Asset.Id}"), kms), Event: whenPublished(set)})
	x.ok(err)
	if e := second.Action.ExportRevisionToS3.Encryption; e.Type != kms.Type || *e.KmsKeyArn != *key {
		t.Errorf("got %+v", e)
	}
	for _, wrong := range []struct {
		why    string
		action *types.Action
		event  *types.Event
		text   string
	}{
		{"aws:kms without a key", into("target", nil, &types.ExportServerSideEncryption{Type: types.ServerSideEncryptionTypesAwsKms}), whenPublished(set), "KmsKeyArn is required for aws:kms."},
		{"no action", &types.Action{}, whenPublished(set), "Action must have the member ExportRevisionToS3."},
		{"no event", into("target", nil, nil), &types.Event{}, "Event must have the member RevisionPublished."},
		{"a pattern that is none", into("target", aws.String("${Revision.Id}"), nil), whenPublished(set), ""},
		{"no such data set", into("target", nil, nil), whenPublished(&nowhere), "There is no data set " + nowhere + "."},
	} {
		_, err := x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{Action: wrong.action, Event: wrong.event})
		refused(t, err, "ValidationException", wrong.text)
	}
	var invalid *types.ValidationException
	_, err = x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{Action: into("no-such-bucket", nil, nil), Event: whenPublished(set)})
	if !errors.As(err, &invalid) || invalid.ExceptionCause != types.ExceptionCauseS3AccessDenied {
		t.Errorf("got %v", err)
	}

	revision := x.revision(set)
	x.imports(set, revision, "e.csv")
	asset := x.assets(set, revision)[0].Id
	if got := x.arrived()["kms/"+*asset]; got != "" {
		t.Errorf("%q was exported before its revision was published", got)
	}
	published, err := x.UpdateRevision(ctx, &dataexchange.UpdateRevisionInput{DataSetId: set, RevisionId: revision, Finalized: aws.Bool(true)})
	x.ok(err)
	jobs := x.exported(set, revision, 2)
	if _, ok := jobs[*made.Arn]; !ok {
		t.Errorf("got jobs of %v", slices.Collect(maps.Keys(jobs)))
	}
	objects := x.arrived()
	for _, key := range []string{fmt.Sprintf("daily/%d/e.csv", published.CreatedAt.UTC().Year()), "kms/" + *asset} {
		if objects[key] != "event\n" {
			t.Errorf("%s is %q", key, objects[key])
		}
	}

	updated, err := x.UpdateEventAction(ctx, &dataexchange.UpdateEventActionInput{EventActionId: made.Id, Action: into("source", nil, nil)})
	x.ok(err)
	got, err := x.GetEventAction(ctx, &dataexchange.GetEventActionInput{EventActionId: made.Id})
	x.ok(err)
	if to := got.Action.ExportRevisionToS3; *to.RevisionDestination.Bucket != "source" || to.RevisionDestination.KeyPattern != nil || to.Encryption != nil || !got.UpdatedAt.Equal(*updated.UpdatedAt) {
		t.Errorf("got %+v", to)
	}
	var ids []string
	pages := dataexchange.NewListEventActionsPaginator(x.Client, &dataexchange.ListEventActionsInput{EventSourceId: set, MaxResults: 1})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		x.ok(err)
		for _, e := range page.EventActions {
			ids = append(ids, *e.Id)
		}
	}
	if !slices.Equal(ids, []string{*made.Id, *second.Id}) { // the oldest first
		t.Errorf("got event actions %v", ids)
	}
	_, err = x.ListEventActions(ctx, &dataexchange.ListEventActionsInput{NextToken: aws.String("none")})
	refused(t, err, "ValidationException", "The NextToken is not one of this list.")
	for _, id := range ids {
		_, err = x.DeleteEventAction(ctx, &dataexchange.DeleteEventActionInput{EventActionId: &id})
		x.ok(err)
	}
	_, err = x.GetEventAction(ctx, &dataexchange.GetEventActionInput{EventActionId: made.Id})
	about(t, err, "ResourceNotFoundException", *made.Id, types.ResourceTypeEventAction)
	_, err = x.UpdateEventAction(ctx, &dataexchange.UpdateEventActionInput{EventActionId: made.Id, Action: into("target", nil, nil)})
	about(t, err, "ResourceNotFoundException", *made.Id, types.ResourceTypeEventAction)
	_, err = x.DeleteEventAction(ctx, &dataexchange.DeleteEventActionInput{EventActionId: made.Id})
	about(t, err, "ResourceNotFoundException", *made.Id, types.ResourceTypeEventAction)
}

// exported waits until n event actions have exported a revision, and gives their jobs by the
// ARNs of those.
func (x *exchange) exported(set, revision *string, n int) map[string]types.JobEntry {
	x.t.Helper()
	for give := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		page, err := x.ListJobs(x.t.Context(), &dataexchange.ListJobsInput{DataSetId: set, RevisionId: revision})
		x.ok(err)
		jobs := map[string]types.JobEntry{}
		for _, j := range page.Jobs {
			if d := j.Details.ExportRevisionsToS3; d != nil && d.EventActionArn != nil && j.State == types.StateCompleted {
				if _, twice := jobs[*d.EventActionArn]; twice {
					x.t.Errorf("%s has two jobs for one revision", *d.EventActionArn)
				}
				jobs[*d.EventActionArn] = j
			}
		}
		if len(jobs) == n {
			return jobs
		}
		if time.Now().After(give) {
			x.t.Fatalf("%d event actions have exported %s, want %d: %+v", len(jobs), *revision, n, page.Jobs)
		}
	}
}

func exchangeEventActionLimits(t *testing.T, x *exchange) {
	ctx := t.Context()
	first, second := x.dataSet(), x.dataSet()
	var ids []*string
	for _, set := range []*string{first, first, first, second} {
		out, err := x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{Action: into("target", nil, nil), Event: whenPublished(set)})
		x.ok(err)
		ids = append(ids, out.Id)
	}
	for _, c := range []struct {
		set  *string
		name types.LimitName
		max  float64
	}{{first, types.LimitNameAutoExportEventActionsPerDataSet, 3}, {second, types.LimitNameEventActionsPerAccount, 4}} {
		_, err := x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{Action: into("target", nil, nil), Event: whenPublished(c.set)})
		var limit *types.ServiceLimitExceededException
		if !errors.As(err, &limit) || limit.LimitName != c.name || limit.LimitValue != c.max {
			t.Errorf("got %v, want the limit %q of %v", err, c.name, c.max)
		}
	}
	for _, id := range ids {
		_, err := x.DeleteEventAction(ctx, &dataexchange.DeleteEventActionInput{EventActionId: id})
		x.ok(err)
	}
}

func exchangeTags(t *testing.T, x *exchange) {
	ctx := t.Context()
	x.source("t.csv", []byte("t"))
	set := x.dataSet()
	revision := x.revision(set)
	x.imports(set, revision, "t.csv")
	action, err := x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{Action: into("target", nil, nil), Event: whenPublished(set)})
	x.ok(err)
	for _, arn := range []string{
		exchangeARN("data-sets/%s", *set), exchangeARN("data-sets/%s/revisions/%s", *set, *revision),
		exchangeARN("data-sets/%s/revisions/%s/assets/%s", *set, *revision, *x.assets(set, revision)[0].Id), *action.Arn,
	} {
		_, err := x.TagResource(ctx, &dataexchange.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a b": "1/2", "gone": ""}})
		x.ok(err)
		_, err = x.UntagResource(ctx, &dataexchange.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"gone", "never"}})
		x.ok(err)
		out, err := x.ListTagsForResource(ctx, &dataexchange.ListTagsForResourceInput{ResourceArn: &arn})
		x.ok(err)
		if !maps.Equal(out.Tags, map[string]string{"a b": "1/2"}) {
			t.Errorf("%s has tags %v", arn, out.Tags)
		}
	}
	none := aws.String("no ARN")
	_, err = x.TagResource(ctx, &dataexchange.TagResourceInput{ResourceArn: none, Tags: map[string]string{"k": "v"}})
	refused(t, err, "ValidationException", "")
	_, err = x.UntagResource(ctx, &dataexchange.UntagResourceInput{ResourceArn: none, TagKeys: []string{"k"}})
	refused(t, err, "ValidationException", "")
	_, err = x.ListTagsForResource(ctx, &dataexchange.ListTagsForResourceInput{ResourceArn: none})
	refused(t, err, "ValidationException", "")
	_, err = x.ListTagsForResource(ctx, &dataexchange.ListTagsForResourceInput{ResourceArn: aws.String(exchangeARN("data-sets/%s", nowhere))})
	about(t, err, "ResourceNotFoundException", nowhere, types.ResourceTypeDataSet)
	_, err = x.DeleteEventAction(ctx, &dataexchange.DeleteEventActionInput{EventActionId: action.Id})
	x.ok(err)
}

// exchangeTerraform makes the calls of Terraform's provider in its order: a data set, a
// revision, its assets one job after the other, an event action, with what it reads after
// each; and all of it destroyed.
func exchangeTerraform(t *testing.T, x *exchange) {
	ctx := t.Context()
	x.source("tf.csv", []byte("terraform\n"))
	tags := func(arn *string) {
		t.Helper()
		out, err := x.ListTagsForResource(ctx, &dataexchange.ListTagsForResourceInput{ResourceArn: arn})
		x.ok(err)
		if !maps.Equal(out.Tags, map[string]string{"by": "terraform"}) {
			t.Errorf("%s has tags %v", *arn, out.Tags)
		}
	}
	by := map[string]string{"by": "terraform"}

	set, err := x.CreateDataSet(ctx, &dataexchange.CreateDataSetInput{Name: aws.String("tf"), Description: aws.String("d"), AssetType: types.AssetTypeS3Snapshot, Tags: by})
	x.ok(err)
	_, err = x.GetDataSet(ctx, &dataexchange.GetDataSetInput{DataSetId: set.Id})
	x.ok(err)
	tags(set.Arn)

	revision, err := x.CreateRevision(ctx, &dataexchange.CreateRevisionInput{DataSetId: set.Id, Comment: aws.String("c"), Tags: by})
	x.ok(err)
	of := func() *dataexchange.GetRevisionOutput {
		t.Helper()
		out, err := x.GetRevision(ctx, &dataexchange.GetRevisionInput{DataSetId: set.Id, RevisionId: revision.Id})
		x.ok(err)
		return out
	}
	if got := of(); got.Finalized {
		t.Errorf("got %+v", got)
	}
	tags(revision.Arn)

	// Nothing links a job to its assets: the provider takes what was not listed before.
	var known []string
	body := []byte("by a signed URL")
	for _, d := range []types.RequestDetails{
		{ImportAssetsFromS3: &types.ImportAssetsFromS3RequestDetails{
			DataSetId: set.Id, RevisionId: revision.Id, AssetSources: []types.AssetSourceEntry{{Bucket: aws.String("source"), Key: aws.String("tf.csv")}},
		}},
		{ImportAssetFromSignedUrl: &types.ImportAssetFromSignedUrlRequestDetails{
			DataSetId: set.Id, RevisionId: revision.Id, AssetName: aws.String("./tf/signed.txt"), Md5Hash: aws.String(digest(body)),
		}},
	} {
		kind := types.TypeImportAssetsFromS3
		if d.ImportAssetFromSignedUrl != nil {
			kind = types.TypeImportAssetFromSignedUrl
		}
		job, err := x.CreateJob(ctx, &dataexchange.CreateJobInput{Type: kind, Details: &d})
		x.ok(err)
		if signed := job.Details.ImportAssetFromSignedUrl; signed != nil {
			if status := x.upload(signed.SignedUrl, body); status != http.StatusOK {
				t.Fatalf("the upload was answered with %d", status)
			}
		}
		x.finish(job.Id, types.StateCompleted)
		fresh := 0
		for _, a := range x.assets(set.Id, revision.Id) {
			if !slices.Contains(known, *a.Id) {
				known = append(known, *a.Id)
				fresh++
			}
		}
		if fresh != 1 {
			t.Fatalf("a job for one asset made %d", fresh)
		}
	}
	_, err = x.UpdateRevision(ctx, &dataexchange.UpdateRevisionInput{DataSetId: set.Id, RevisionId: revision.Id, Finalized: aws.Bool(true)})
	x.ok(err)
	if got := of(); !got.Finalized || *got.Comment != "c" {
		t.Errorf("got %+v", got)
	}

	action, err := x.CreateEventAction(ctx, &dataexchange.CreateEventActionInput{
		Action: into("target", aws.String("tf/${Asset.Name}"), &types.ExportServerSideEncryption{Type: types.ServerSideEncryptionTypesAes256}), Event: whenPublished(set.Id),
	})
	x.ok(err)
	got, err := x.GetEventAction(ctx, &dataexchange.GetEventActionInput{EventActionId: action.Id})
	x.ok(err)
	if *got.Action.ExportRevisionToS3.RevisionDestination.KeyPattern != "tf/${Asset.Name}" {
		t.Errorf("got %+v", got)
	}
	_, err = x.UpdateEventAction(ctx, &dataexchange.UpdateEventActionInput{EventActionId: action.Id, Action: into("target", aws.String("${Asset.Name}"), nil)})
	x.ok(err)

	// Destroyed, the last first; and once more, by whoever did not hear of it.
	for range 2 {
		_, err = x.DeleteEventAction(ctx, &dataexchange.DeleteEventActionInput{EventActionId: action.Id})
	}
	about(t, err, "ResourceNotFoundException", *action.Id, types.ResourceTypeEventAction)
	_, err = x.UpdateRevision(ctx, &dataexchange.UpdateRevisionInput{DataSetId: set.Id, RevisionId: revision.Id, Finalized: aws.Bool(false)})
	x.ok(err)
	for range 2 {
		_, err = x.DeleteRevision(ctx, &dataexchange.DeleteRevisionInput{DataSetId: set.Id, RevisionId: revision.Id})
	}
	about(t, err, "ResourceNotFoundException", *revision.Id, types.ResourceTypeRevision)
	for range 2 {
		_, err = x.DeleteDataSet(ctx, &dataexchange.DeleteDataSetInput{DataSetId: set.Id})
	}
	about(t, err, "ResourceNotFoundException", *set.Id, types.ResourceTypeDataSet)
}
