package permission_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
	"heddle/internal/dataexchange/permission"
	"heddle/internal/dataexchange/wire"
)

const (
	region  = "us-east-1"
	account = "123456789012"
	prefix  = "arn:aws:dataexchange:us-east-1:123456789012:"
	grant   = prefix + "data-grants/g"
)

var tags = map[string]string{"team": "blue"}

// cases are requests that say everything, and what is asked for each, line by line: action,
// resource, and the condition keys of the request.
//
// Source: Service Authorization Reference, "AWS Data Exchange".
var cases = []struct {
	in   any
	asks string
}{
	{&wire.AcceptDataGrantRequest{DataGrantARN: grant}, "AcceptDataGrant data-grants/g"},
	{&wire.CancelJobRequest{JobID: "j"}, "CancelJob jobs/j"},
	{&wire.CreateDataGrantRequest{SourceDataSetID: "d", Tags: tags},
		"CreateDataGrant data-grants/* aws:RequestTag/team=blue aws:TagKeys=team\nTagResource data-grants/* aws:RequestTag/team=blue aws:TagKeys=team\nPublishToDataGrant data-sets/d aws:RequestTag/team=blue aws:TagKeys=team"},
	{&wire.CreateDataSetRequest{}, "CreateDataSet data-sets/*"},
	{&wire.CreateDataSetRequest{Tags: tags}, "CreateDataSet data-sets/* aws:RequestTag/team=blue aws:TagKeys=team\nTagResource data-sets/* aws:RequestTag/team=blue aws:TagKeys=team"},
	{&wire.CreateEventActionRequest{}, "CreateEventAction event-actions/*"},
	{&wire.CreateEventActionRequest{Action: wire.Action{ExportRevisionToS3: &wire.AutoExportRevisionToS3RequestDetails{
		RevisionDestination: wire.AutoExportRevisionDestinationEntry{Bucket: "b"},
		Encryption:          &wire.ExportServerSideEncryption{Type: "aws:kms", KmsKeyARN: new("arn:aws:kms:us-east-1:1:key/k")},
	}}}, "CreateEventAction event-actions/*\ns3:PutObject arn:aws:s3:::b/* via\nkms:GenerateDataKey arn:aws:kms:us-east-1:1:key/k via\nkms:Decrypt arn:aws:kms:us-east-1:1:key/k via\nkms:CreateGrant arn:aws:kms:us-east-1:1:key/k via"},
	{&wire.CreateJobRequest{Type: "EXPORT_ASSETS_TO_S3"}, "CreateJob jobs/* dataexchange:JobType=EXPORT_ASSETS_TO_S3"},
	{&wire.CreateRevisionRequest{DataSetID: "d"}, "CreateRevision data-sets/d"},
	{&wire.CreateRevisionRequest{DataSetID: "d", Tags: tags}, "CreateRevision data-sets/d aws:RequestTag/team=blue aws:TagKeys=team\nTagResource data-sets/d aws:RequestTag/team=blue aws:TagKeys=team"},
	{&wire.DeleteAssetRequest{DataSetID: "d", RevisionID: "r", AssetID: "a"}, "DeleteAsset data-sets/d/revisions/r/assets/a"},
	{&wire.DeleteDataGrantRequest{DataGrantID: "g"}, "DeleteDataGrant data-grants/g"},
	{&wire.DeleteDataSetRequest{DataSetID: "d"}, "DeleteDataSet data-sets/d"},
	{&wire.DeleteEventActionRequest{EventActionID: "e"}, "DeleteEventAction event-actions/e"},
	{&wire.DeleteRevisionRequest{DataSetID: "d", RevisionID: "r"}, "DeleteRevision data-sets/d/revisions/r"},
	{&wire.GetAssetRequest{DataSetID: "d", RevisionID: "r", AssetID: "a"}, "GetAsset data-sets/d/revisions/r/assets/a"},
	{&wire.GetDataGrantRequest{DataGrantID: grant}, "GetDataGrant data-grants/g\nGetDataSet *"},
	{&wire.GetDataSetRequest{DataSetID: "d"}, "GetDataSet data-sets/d"},
	{&wire.GetEventActionRequest{EventActionID: "e"}, "GetEventAction event-actions/e"},
	{&wire.GetJobRequest{JobID: "j"}, "GetJob jobs/j"},
	{&wire.GetReceivedDataGrantRequest{DataGrantARN: grant}, "GetReceivedDataGrant data-grants/g\nGetDataSet *"},
	{&wire.GetRevisionRequest{DataSetID: "d", RevisionID: "r"}, "GetRevision data-sets/d/revisions/r"},
	{&wire.ListDataGrantsRequest{}, "ListDataGrants *\nListDataSets *"},
	{&wire.ListDataSetRevisionsRequest{DataSetID: "d"}, "ListDataSetRevisions data-sets/d"},
	{&wire.ListDataSetsRequest{}, "ListDataSets *"},
	{&wire.ListEventActionsRequest{}, "ListEventActions *"},
	{&wire.ListJobsRequest{}, "ListJobs *"},
	{&wire.ListReceivedDataGrantsRequest{}, "ListReceivedDataGrants *\nListDataSets *"},
	{&wire.ListRevisionAssetsRequest{DataSetID: "d", RevisionID: "r"}, "ListRevisionAssets data-sets/d/revisions/r"},
	{&wire.ListTagsForResourceRequest{ResourceARN: prefix + "data-sets/d"}, "ListTagsForResource data-sets/d"},
	{&wire.RevokeRevisionRequest{DataSetID: "d", RevisionID: "r"}, "RevokeRevision data-sets/d/revisions/r"},
	{&wire.SendApiAssetRequest{DataSetID: "d", RevisionID: "r", AssetID: "a"}, "SendApiAsset data-sets/d/revisions/r/assets/a"},
	{&wire.SendDataSetNotificationRequest{DataSetID: "d"}, "SendDataSetNotification data-sets/d"},
	{&wire.StartJobRequest{JobID: "j"}, "StartJob jobs/j"},
	{&wire.TagResourceRequest{ResourceARN: prefix + "data-sets/d/revisions/r", Tags: tags}, "TagResource data-sets/d/revisions/r aws:RequestTag/team=blue aws:TagKeys=team"},
	{&wire.TagResourceRequest{ResourceARN: "nonsense", Tags: tags}, "TagResource nonsense aws:RequestTag/team=blue aws:TagKeys=team"},
	{&wire.UntagResourceRequest{ResourceARN: prefix + "event-actions/e", TagKeys: []string{"team"}}, "UntagResource event-actions/e aws:TagKeys=team"},
	{&wire.UpdateAssetRequest{DataSetID: "d", RevisionID: "r", AssetID: "a"}, "UpdateAsset data-sets/d/revisions/r/assets/a"},
	{&wire.UpdateDataSetRequest{DataSetID: "d"}, "UpdateDataSet data-sets/d"},
	{&wire.UpdateEventActionRequest{EventActionID: "e"}, "UpdateEventAction event-actions/e"},
	{&wire.UpdateRevisionRequest{DataSetID: "d", RevisionID: "r"}, "UpdateRevision data-sets/d/revisions/r"},
}

func TestRowsAreTheManuals(t *testing.T) {
	who := policy.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: account}
	known := policy.Context{{Key: "aws:username", Value: "ann"}, {Key: "aws:ViaAWSService", Value: "false"}}
	asked := map[string]bool{}
	for _, c := range cases {
		operation := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", c.in), "*wire."), "Request")
		asked[operation] = true
		need := permission.Call(operation, c.in, region, account)
		var lines []string
		for _, q := range need.Requests(who, known) {
			if q.Principal.ARN != who.ARN || !slices.Contains(q.Context, known[0]) {
				t.Errorf("%s: asks for %+v", operation, q)
			}
			line := strings.TrimPrefix(q.Action, "dataexchange:") + " " + strings.TrimPrefix(q.Resource, prefix)
			for _, v := range q.Context[1:] {
				switch {
				case v == policy.Value{Key: "aws:ViaAWSService", Value: "false"}:
				case v == policy.Value{Key: "aws:CalledVia", Value: "dataexchange.amazonaws.com"}:
					line += " via"
				case strings.HasPrefix(v.Key, "aws:CalledVia"), v == policy.Value{Key: "aws:ViaAWSService", Value: "true"}:
				default:
					line += " " + v.Key + "=" + v.Value
				}
			}
			lines = append(lines, line)
		}
		if got := strings.Join(lines, "\n"); got != c.asks {
			t.Errorf("%s asks\n%s\nwant\n%s", operation, got, c.asks)
		}
	}
	for _, o := range wire.Operations {
		if !asked[o.Name] {
			t.Errorf("%s: nobody says what it asks", o.Name)
		}
	}
}

func TestWhatHasTags(t *testing.T) {
	for in, want := range map[any]bool{
		&wire.GetDataSetRequest{DataSetID: "d"}:                   true,
		&wire.GetRevisionRequest{RevisionID: "r", DataSetID: "d"}: true,
		&wire.GetAssetRequest{AssetID: "a"}:                       true,
		&wire.GetEventActionRequest{EventActionID: "e"}:           true,
		&wire.GetJobRequest{JobID: "j"}:                           false,
		&wire.CreateDataSetRequest{}:                              false,
		&wire.ListDataSetsRequest{}:                               false,
		&wire.ListTagsForResourceRequest{ResourceARN: "arn:aws:dataexchange:us-east-1::data-sets/d"}: false,
	} {
		operation := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", in), "*wire."), "Request")
		if need := permission.Call(operation, in, region, account); need.Tagged() != want {
			t.Errorf("%s: tagged %v", operation, !want)
		}
	}
}
