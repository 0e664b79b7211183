package arn

import "strings"

// Partitions. A region belongs to one, and so does every name of a resource in it. What
// has no region, as users have none, is in that of whoever keeps it.
const (
	AWS   = "aws"
	China = "aws-cn"
	GovUS = "aws-us-gov"
	Iso   = "aws-iso"
	IsoB  = "aws-iso-b"
	IsoE  = "aws-iso-e"
	IsoF  = "aws-iso-f"
	Eusc  = "aws-eusc"
)

// byPrefix are the partitions by how their regions' names begin.
var byPrefix = [...]struct{ prefix, partition string }{
	{"cn-", China}, {"us-gov-", GovUS}, {"us-iso-", Iso}, {"us-isob-", IsoB}, {"eu-isoe-", IsoE}, {"us-isof-", IsoF}, {"eusc-", Eusc},
}

// Partition is that of a region. A region that nobody has heard of is in the first.
func Partition(region string) string {
	for _, p := range byPrefix {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return AWS
}

// Owner is who keeps what has no region: an account of a partition.
type Owner struct{ Partition, Account string }

// Name names a resource of a service.
func (o Owner) Name(service, resource string) string {
	return ARN{Partition: o.Partition, Service: service, Account: o.Account, Resource: resource}.String()
}

// Of names a resource of a service in a region.
func Of(service, region, account, resource string) ARN {
	return ARN{Partition: Partition(region), Service: service, Region: region, Account: account, Resource: resource}
}
