// Package permission says what each action of Data Exchange needs permission for: the
// action's name in policies, the resource that it touches, and the condition keys with
// their values; and what else must be allowed besides, such as writing to a bucket.
//
// The server's own credentials for buckets may do more than any caller. So what a job or an
// event action does with a bucket or a key of KMS is asked of the caller's policies, as S3
// and KMS would ask it.
//
// Sources: Service Authorization Reference, "AWS Data Exchange"; Data Exchange User Guide,
// "AWS Data Exchange API permissions" and "Access control". Whether the answer is yes is for
// package policy to say.
package permission

import (
	"maps"
	"slices"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/policy"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
)

// Principal is what policies call the service when it acts for a caller.
const Principal = "dataexchange.amazonaws.com"

// Need is what a call needs permission for.
type Need struct {
	Action string // as policies have it, such as dataexchange:CreateJob
	// Resource is what the call is about; its Type is empty if it is about nothing in
	// particular. The id of what is yet to be created is "*".
	Resource resource.Name
	// Given is how the request names the resource, if that is no ARN of the service.
	Given string
	// JobType is a job's; empty: the call is about no job.
	JobType    string
	SetTags    map[string]string
	RemoveTags []string
	// More are further actions of the service that must be allowed, Outside those of others.
	More, Outside []Ask
}

// Ask is an action and the ARN that it is about.
type Ask struct{ Action, Resource string }

// Tagged tells whether what the call is about may have tags, which conditions may ask for.
func (n *Need) Tagged() bool {
	switch n.Resource.Type {
	case resource.DataSet, resource.Revision, resource.Asset, resource.EventAction, resource.Grant:
		return n.Resource.ID != "*" && n.Resource.Account != ""
	}
	return false
}

// Requests are the questions for package policy. Known is what is known besides: of the
// principal, the connection and the resource's tags.
func (n *Need) Requests(p policy.Principal, known policy.Context) []policy.Request {
	ask := policy.Request{Principal: p, Action: n.Action, Resource: n.name(), Context: append(slices.Clip(known), n.context()...)}
	all := []policy.Request{ask}
	for _, more := range n.More {
		ask.Action, ask.Resource = resource.Service+":"+more.Action, more.Resource
		all = append(all, ask)
	}
	for _, outside := range n.Outside {
		all = append(all, policy.Request{Principal: p, Action: outside.Action, Resource: outside.Resource, Context: via(known)})
	}
	return all
}

// name is what policies call the resource.
func (n *Need) name() string {
	switch {
	case n.Given != "":
		return n.Given
	case n.Resource.Type == "":
		return "*"
	}
	return n.Resource.String()
}

// context is the condition keys with their values.
func (n *Need) context() (c policy.Context) {
	if n.JobType != "" {
		c = append(c, policy.Value{Key: "dataexchange:JobType", Value: n.JobType})
	}
	for _, key := range slices.Sorted(maps.Keys(n.SetTags)) {
		c = append(c, policy.Value{Key: "aws:RequestTag/" + key, Value: n.SetTags[key]}, policy.Value{Key: "aws:TagKeys", Value: key})
	}
	for _, key := range n.RemoveTags {
		c = append(c, policy.Value{Key: "aws:TagKeys", Value: key})
	}
	return c
}

// via is what is known of a call that the service makes on the caller's behalf.
func via(known policy.Context) policy.Context {
	all := make(policy.Context, 0, len(known)+4)
	for _, v := range known {
		if v.Key != "aws:ViaAWSService" {
			all = append(all, v)
		}
	}
	for _, key := range []string{"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"} {
		all = append(all, policy.Value{Key: key, Value: Principal})
	}
	return append(all, policy.Value{Key: "aws:ViaAWSService", Value: "true"})
}

// ResourceTag is what conditions can ask about a tag of the resource.
func ResourceTag(key, value string) policy.Value {
	return policy.Value{Key: "aws:ResourceTag/" + key, Value: value}
}

// Object is the ARN of an object in a bucket; of key "*" that of all.
func Object(region, bucket, key string) string {
	return arn.Owner{Partition: arn.Partition(region)}.Name("s3", bucket+"/"+key)
}

// Reading is what reading an object needs, Writing what writing needs.
func Reading(region, bucket, key string) Ask { return Ask{"s3:GetObject", Object(region, bucket, key)} }

// Writing is what writing an object needs.
func Writing(region, bucket, key string) Ask { return Ask{"s3:PutObject", Object(region, bucket, key)} }

// Encrypting is what writing with a key of KMS needs, as S3 asks it. Without a key nothing
// is needed.
func Encrypting(key string) []Ask {
	if key == "" {
		return nil
	}
	return []Ask{{"kms:GenerateDataKey", key}, {"kms:Decrypt", key}}
}

// Exporting is what making an event action needs that writes into a bucket from now on.
func Exporting(region string, to *wire.AutoExportRevisionToS3RequestDetails) []Ask {
	asks := []Ask{Writing(region, to.RevisionDestination.Bucket, "*")}
	if e := to.Encryption; e != nil && e.KmsKeyARN != nil {
		asks = append(append(asks, Encrypting(*e.KmsKeyARN)...), Ask{"kms:CreateGrant", *e.KmsKeyARN})
	}
	return asks
}

// Call gives what a call of an operation needs. In is the operation's decoded input; any
// other, and an unknown operation, panics. Region and account are the caller's. What a job
// needs besides, and what an event action that is changed does, is not in the request: the
// caller adds it.
func Call(operation string, in any, region, account string) Need {
	ask, known := rows[operation]
	if !known {
		panic("permission: no row for operation " + operation)
	}
	n := ask(in, region, account)
	n.Action = resource.Service + ":" + operation
	return n
}
