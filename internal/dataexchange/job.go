package dataexchange

import (
	"context"
	"encoding/base64"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/operation"
	"heddle/internal/bucket"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/keypattern"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
)

func (s *actions) jobRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateJob", s.createJob, largeBody),
		row(s, "GetJob", s.getJob),
		row(s, "StartJob", s.startJob),
		silent(s, "CancelJob", s.cancelJob),
		row(s, "ListJobs", s.listJobs),
	}
}

// createJob serves CreateJob. Nothing happens before the job is started.
func (s *actions) createJob(ctx context.Context, in *wire.CreateJobRequest) (*wire.CreateJobResponse, error) {
	o, err := s.order(in)
	if err != nil {
		return nil, err
	}
	if err := s.checkOrder(ctx, o); err != nil {
		return nil, err
	}
	w := worldOf(ctx)
	reply, err := s.Runs.Do(ctx, catalog.CreateCommand(w, catalog.KindJob, s.RootSeed(), &catalog.CreateJob{Order: *o}))
	if err != nil {
		return nil, faultOf(err, catalog.KindJob, "")
	}
	shape, err := s.jobShape(ctx, reply.(*catalog.Job))
	return (*wire.CreateJobResponse)(shape), err
}

// order reads what a job is to do. Errors: ValidationException.
func (s *actions) order(in *wire.CreateJobRequest) (*catalog.Order, error) {
	d := &in.Details
	given := map[string]bool{
		wire.TypeImportAssetsFromS3: d.ImportAssetsFromS3 != nil, wire.TypeImportAssetFromSignedUrl: d.ImportAssetFromSignedUrl != nil,
		wire.TypeExportAssetsToS3: d.ExportAssetsToS3 != nil, wire.TypeExportAssetToSignedUrl: d.ExportAssetToSignedUrl != nil,
		wire.TypeExportRevisionsToS3: d.ExportRevisionsToS3 != nil,
	}
	its, offered := given[in.Type]
	if !offered {
		return nil, invalid("Jobs of type %s are not offered by this server.", in.Type)
	}
	more := d.CreateS3DataAccessFromS3Bucket != nil || d.ImportAssetFromApiGatewayApi != nil ||
		d.ImportAssetsFromLakeFormationTagPolicy != nil || d.ImportAssetsFromRedshiftDataShares != nil
	for typ, there := range given {
		more = more || there && typ != in.Type
	}
	if !its || more {
		return nil, invalid("Details must have one member, that of the type %s.", in.Type)
	}
	o := &catalog.Order{Type: in.Type}
	if c := in.AssetConfiguration; c != nil && len(c.Tags) > 0 {
		if !o.Imports() {
			return nil, invalid("AssetConfiguration is for jobs that import assets.")
		}
		tags := map[string]string{}
		for _, t := range c.Tags {
			tags[t.Key] = t.Value
		}
		if o.Tags = tagsOf(tags); len(o.Tags) > catalog.TagsMax {
			return nil, invalid("A resource may have at most %d tags.", catalog.TagsMax)
		}
		for _, t := range o.Tags {
			if flaw := t.Flaw(); flaw != "" {
				return nil, invalid("Tag %q: %s", t.Key, flaw)
			}
		}
	}
	return o, fill(o, d)
}

// fill takes over the details of an order's type. Errors: ValidationException.
func fill(o *catalog.Order, d *wire.RequestDetails) (err error) {
	switch o.Type {
	case wire.TypeImportAssetsFromS3:
		c := d.ImportAssetsFromS3
		o.DataSet, o.Revision = c.DataSetID, c.RevisionID
		for _, from := range c.AssetSources {
			if err := checkPlace(from.Bucket, &from.Key); err != nil {
				return err
			}
			o.Items = append(o.Items, catalog.Item{Bucket: from.Bucket, Key: &from.Key})
		}
		return checkItems("AssetSources", len(o.Items))
	case wire.TypeImportAssetFromSignedUrl:
		c := d.ImportAssetFromSignedUrl
		o.DataSet, o.Revision, o.Asset, o.MD5 = c.DataSetID, c.RevisionID, c.AssetName, c.Md5Hash
		if b, err := base64.StdEncoding.DecodeString(o.MD5); err != nil || len(b) != 16 {
			return invalid("Md5Hash must be the base64 of an MD5.")
		}
		return checkAssetName(o.Asset)
	case wire.TypeExportAssetToSignedUrl:
		c := d.ExportAssetToSignedUrl
		o.DataSet, o.Revision, o.Asset = c.DataSetID, c.RevisionID, c.AssetID
		return nil
	case wire.TypeExportAssetsToS3:
		c := d.ExportAssetsToS3
		o.DataSet, o.Revision = c.DataSetID, c.RevisionID
		for _, to := range c.AssetDestinations {
			if err := checkPlace(to.Bucket, to.Key); err != nil {
				return err
			}
			o.Items = append(o.Items, catalog.Item{Asset: to.AssetID, Bucket: to.Bucket, Key: to.Key})
		}
		if err := checkItems("AssetDestinations", len(o.Items)); err != nil {
			return err
		}
		o.Encryption, err = encryption(c.Encryption)
		return err
	}
	c := d.ExportRevisionsToS3
	if len(c.RevisionDestinations) != 1 {
		return invalid("RevisionDestinations must have one element.")
	}
	to := c.RevisionDestinations[0]
	o.DataSet, o.Revision, o.Items = c.DataSetID, to.RevisionID, []catalog.Item{{Bucket: to.Bucket, Key: to.KeyPattern}}
	if err := checkPlace(to.Bucket, nil); err != nil {
		return err
	}
	if err := checkPattern(to.KeyPattern); err != nil {
		return err
	}
	o.Encryption, err = encryption(c.Encryption)
	return err
}

// checkPlace refuses what can't be a bucket, or the key of an object.
func checkPlace(name string, key *string) error {
	switch {
	case !bucket.ValidName(name):
		return invalid("%q can't be the name of a bucket.", name)
	case key != nil && (*key == "" || len(*key) > bucket.KeyBytesMax):
		return invalid("The key of an object must have 1 to %d bytes.", bucket.KeyBytesMax)
	}
	return nil
}

// checkPattern refuses a key pattern that can't be.
func checkPattern(given *string) error {
	if given == nil {
		return nil
	}
	_, err := keypattern.Parse(*given)
	if err != nil {
		return invalid("%s", err.Error())
	}
	return nil
}

// patternOf is the key pattern of a revision's destination.
func patternOf(i *catalog.Item) string {
	if i.Key != nil {
		return *i.Key
	}
	return keypattern.DefaultOfJob
}

func checkItems(member string, n int) error {
	if n == 0 || n > catalog.ItemsMax {
		return invalid("%s must have 1 to %d elements.", member, catalog.ItemsMax)
	}
	return nil
}

// encryption reads how S3 is to encrypt. Errors: ValidationException.
func encryption(in *wire.ExportServerSideEncryption) (e catalog.Encryption, err error) {
	if in == nil {
		return e, nil
	}
	e = catalog.Encryption{Type: in.Type, Key: value(in.KmsKeyARN)}
	switch a, err := arn.Parse(e.Key); {
	case e.Type == wire.ServerSideEncryptionTypesAes256 && in.KmsKeyARN != nil:
		return e, invalid("KmsKeyArn must not be given for AES256.")
	case e.Type == wire.ServerSideEncryptionTypesAwsKms && in.KmsKeyARN == nil:
		return e, invalid("KmsKeyArn is required for aws:kms.")
	case e.Type == wire.ServerSideEncryptionTypesAwsKms && (err != nil || a.Service != "kms"):
		return e, invalid("KmsKeyArn must be the ARN of a key of AWS KMS.")
	}
	return e, nil
}

func encryptionShape(e *catalog.Encryption) *wire.ExportServerSideEncryption {
	if e.Type == "" {
		return nil
	}
	return &wire.ExportServerSideEncryption{Type: e.Type, KmsKeyARN: present(e.Key)}
}

// checkOrder asks whether what an order is about is there, and may be exported or imported
// into. Errors: ResourceNotFoundException, ConflictException, ValidationException.
func (s *actions) checkOrder(ctx context.Context, o *catalog.Order) error {
	d, r, err := s.revision(ctx, o.DataSet, o.Revision)
	if err != nil {
		return err
	}
	switch {
	case d.isSenders():
		return invalid("Data set %s is what was granted to another account: export its source.", o.DataSet)
	case o.Imports() && d.grant != nil:
		return invalid("Data set %s is entitled: nothing can be imported into it.", o.DataSet)
	case o.Imports() && r.Finalized:
		return conflict(catalog.KindRevision, r.ID, "The revision is finalized.")
	case o.Imports():
		return nil
	case r.RevokedAt != 0:
		return conflict(catalog.KindRevision, r.ID, "The revision is revoked.")
	}
	var ids []string
	switch o.Type {
	case wire.TypeExportAssetToSignedUrl:
		ids = []string{o.Asset}
	case wire.TypeExportAssetsToS3:
		for _, i := range o.Items {
			ids = append(ids, i.Asset)
		}
	}
	keys := map[string]bool{}
	for n, id := range ids {
		a, err := d.findAsset(ctx, r, id)
		if err != nil {
			return err
		}
		if o.Type != wire.TypeExportAssetsToS3 {
			continue
		}
		i := &o.Items[n]
		place := i.Bucket + "/" + keyOf(i, a)
		if keys[place] {
			return invalid("Two destinations are %s.", place)
		}
		keys[place] = true
	}
	return nil
}

// keyOf is the key that an asset is exported to.
func keyOf(i *catalog.Item, a *catalog.Asset) string {
	if i.Key != nil {
		return *i.Key
	}
	return a.Name
}

// job finds a job. Errors: ResourceNotFoundException.
func (s *actions) job(ctx context.Context, id string) (*catalog.Job, error) {
	return s.changeJob(ctx, id, &catalog.Describe{})
}

func (s *actions) changeJob(ctx context.Context, id string, body any) (*catalog.Job, error) {
	reply, err := s.do(ctx, catalog.KindJob, id, body)
	if err != nil {
		return nil, err
	}
	return reply.(*catalog.Job), nil
}

// getJob serves GetJob.
func (s *actions) getJob(ctx context.Context, in *wire.GetJobRequest) (*wire.GetJobResponse, error) {
	j, err := s.job(ctx, in.JobID)
	if err != nil {
		return nil, err
	}
	return s.jobShape(ctx, j)
}

// startJob serves StartJob.
func (s *actions) startJob(ctx context.Context, in *wire.StartJobRequest) (*wire.StartJobResponse, error) {
	ctx = context.WithoutCancel(ctx)
	j, err := s.job(ctx, in.JobID)
	if err != nil {
		return nil, err
	}
	if j.State != wire.StateWaiting {
		return nil, conflict(catalog.KindJob, j.ID, "A job in state %s can't be started.", j.State)
	}
	if err := s.checkOrder(ctx, &j.Order); err != nil {
		return nil, err
	}
	cmd, _ := catalog.Command(worldOf(ctx), catalog.KindJob, j.ID, &catalog.Start{})
	place := catalog.Place{Key: cmd.Name.Key, Type: j.Order.Type, DataSet: j.Order.DataSet, Revision: j.Order.Revision}
	if _, err := s.Runs.Do(ctx, catalog.AccountCommand(worldOf(ctx), &catalog.Admit{Job: place})); err != nil {
		return nil, faultOf(err, catalog.KindJob, j.ID)
	}
	// The account has sent the same command, which may come later than the caller's next call.
	j, err = s.changeJob(ctx, j.ID, &catalog.Start{})
	if err != nil {
		return nil, err
	}
	if j.State == wire.StateCancelled {
		return nil, conflict(catalog.KindJob, j.ID, "A job in state %s can't be started.", j.State)
	}
	return &wire.StartJobResponse{}, nil
}

// cancelJob serves CancelJob.
func (s *actions) cancelJob(ctx context.Context, in *wire.CancelJobRequest) error {
	_, err := s.changeJob(ctx, in.JobID, &catalog.Cancel{})
	return err
}

// listJobs serves ListJobs.
func (s *actions) listJobs(ctx context.Context, in *wire.ListJobsRequest) (*wire.ListJobsResponse, error) {
	set, revision := value(in.DataSetID), value(in.RevisionID)
	family, of := catalog.ByAccount, ""
	switch {
	case in.DataSetID != nil && in.RevisionID != nil:
		family, of = catalog.ByDataSetRevision, set+revision
	case in.DataSetID != nil:
		family, of = catalog.ByDataSet, set
	case in.RevisionID != nil:
		family, of = catalog.ByRevision, revision
	}
	p := s.pages(ctx, "jobs", set, revision)
	jobs, next, err := listRuns(ctx, p, in.MaxResults, in.NextToken, list[wire.JobEntry]{p.world, catalog.KindJob, family, of, func(r *engine.RunView) (*wire.JobEntry, error) {
		j, whole, err := catalog.ReadJob(r)
		if err == nil && !whole {
			j, err = s.job(ctx, j.ID)
		}
		if err != nil {
			return nil, err
		}
		e, err := s.jobShape(ctx, j)
		if err != nil {
			return nil, err
		}
		return &wire.JobEntry{
			ARN: *e.ARN, AssetConfiguration: e.AssetConfiguration, CreatedAt: *e.CreatedAt, Details: *e.Details, Errors: e.Errors, ID: *e.ID, State: *e.State,
			Type: *e.Type, UpdatedAt: *e.UpdatedAt,
		}, nil
	}})
	if err != nil {
		return nil, err
	}
	return &wire.ListJobsResponse{Jobs: jobs, NextToken: next}, nil
}

func (s *actions) jobShape(ctx context.Context, j *catalog.Job) (*wire.GetJobResponse, error) {
	d, err := s.details(ctx, j)
	if err != nil {
		return nil, err
	}
	out := &wire.GetJobResponse{
		ARN: new(name(worldOf(ctx), resource.Job, j.ID)), CreatedAt: moment(j.Created), Details: d, ID: &j.ID, State: &j.State, Type: &j.Order.Type,
		UpdatedAt: moment(j.Updated),
	}
	if len(j.Order.Tags) > 0 {
		out.AssetConfiguration = &wire.AssetConfiguration{}
		for _, t := range j.Order.Tags {
			out.AssetConfiguration.Tags = append(out.AssetConfiguration.Tags, wire.Tag{Key: t.Key, Value: t.Value})
		}
	}
	for i := range j.Errors {
		out.Errors = append(out.Errors, errorShape(&j.Order, &j.Errors[i]))
	}
	return out, nil
}

func errorShape(o *catalog.Order, e *catalog.JobError) wire.JobError {
	out := wire.JobError{Code: e.Code, Message: e.Message, ResourceID: &e.ResourceID, ResourceType: &e.ResourceType, LimitName: present(e.LimitName)}
	if e.LimitName != "" {
		out.LimitValue = new(float64(e.LimitValue))
	}
	switch o.Type {
	case wire.TypeImportAssetFromSignedUrl:
		out.Details = &wire.Details{ImportAssetFromSignedUrlJobErrorDetails: &wire.ImportAssetFromSignedUrlJobErrorDetails{AssetName: o.Asset}}
	case wire.TypeImportAssetsFromS3:
		if len(e.Sources) == 0 {
			break
		}
		out.Details = &wire.Details{}
		for _, i := range e.Sources {
			out.Details.ImportAssetsFromS3JobErrorDetails = append(out.Details.ImportAssetsFromS3JobErrorDetails,
				wire.AssetSourceEntry{Bucket: o.Items[i].Bucket, Key: value(o.Items[i].Key)})
		}
	}
	return out
}

// details are the details of a job as they were sent, with what became of them.
func (s *actions) details(ctx context.Context, j *catalog.Job) (*wire.ResponseDetails, error) {
	o := &j.Order
	switch o.Type {
	case wire.TypeImportAssetsFromS3:
		d := &wire.ImportAssetsFromS3ResponseDetails{DataSetID: o.DataSet, RevisionID: o.Revision}
		for _, i := range o.Items {
			d.AssetSources = append(d.AssetSources, wire.AssetSourceEntry{Bucket: i.Bucket, Key: value(i.Key)})
		}
		return &wire.ResponseDetails{ImportAssetsFromS3: d}, nil
	case wire.TypeImportAssetFromSignedUrl:
		signed, err := s.signedURL(ctx, j)
		return &wire.ResponseDetails{ImportAssetFromSignedUrl: &wire.ImportAssetFromSignedUrlResponseDetails{
			AssetName: o.Asset, DataSetID: o.DataSet, Md5Hash: &o.MD5, RevisionID: o.Revision, SignedUrl: signed, SignedUrlExpiresAt: moment(j.Expires),
		}}, err
	case wire.TypeExportAssetToSignedUrl:
		d := &wire.ExportAssetToSignedUrlResponseDetails{AssetID: o.Asset, DataSetID: o.DataSet, RevisionID: o.Revision}
		if j.State != wire.StateCompleted {
			return &wire.ResponseDetails{ExportAssetToSignedUrl: d}, nil
		}
		var err error
		d.SignedUrl, err = s.signedURL(ctx, j)
		d.SignedUrlExpiresAt = moment(j.Expires)
		return &wire.ResponseDetails{ExportAssetToSignedUrl: d}, err
	case wire.TypeExportAssetsToS3:
		d := &wire.ExportAssetsToS3ResponseDetails{DataSetID: o.DataSet, RevisionID: o.Revision, Encryption: encryptionShape(&o.Encryption)}
		for _, i := range o.Items {
			d.AssetDestinations = append(d.AssetDestinations, wire.AssetDestinationEntry{AssetID: i.Asset, Bucket: i.Bucket, Key: i.Key})
		}
		return &wire.ResponseDetails{ExportAssetsToS3: d}, nil
	}
	return &wire.ResponseDetails{ExportRevisionsToS3: &wire.ExportRevisionsToS3ResponseDetails{
		DataSetID: o.DataSet, Encryption: encryptionShape(&o.Encryption), EventActionARN: present(o.EventAction),
		RevisionDestinations: []wire.RevisionDestinationEntry{{Bucket: o.Items[0].Bucket, KeyPattern: o.Items[0].Key, RevisionID: o.Revision}},
	}}, nil
}
