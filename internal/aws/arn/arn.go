// Package arn reads and writes Amazon Resource Names: arn, partition, service,
// region, account and resource, with colons between them. The resource may hold
// colons of its own.
//
// What a resource is called inside its service, and which patterns fit a name,
// is for others to say.
package arn

import (
	"fmt"
	"strings"
)

// ARN is a name in its parts. Region and Account are empty for services and
// resources that have none.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// Parse reads a name.
func Parse(s string) (ARN, error) {
	p, ok := Cut(s)
	if !ok || p[1] == "" || p[2] == "" || p[5] == "" {
		return ARN{}, fmt.Errorf("parse ARN %q: want arn:partition:service:region:account:resource", s)
	}
	return ARN{Partition: p[1], Service: p[2], Region: p[3], Account: p[4], Resource: p[5]}, nil
}

// String writes the name.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Cut gives the six parts of a name, the word arn first. It does not ask whether
// parts are empty.
func Cut(s string) (parts [6]string, ok bool) {
	if !strings.HasPrefix(s, "arn:") {
		return parts, false
	}
	for i := range 5 {
		colon := strings.IndexByte(s, ':')
		if colon < 0 {
			return parts, false
		}
		parts[i], s = s[:colon], s[colon+1:]
	}
	parts[5] = s
	return parts, true
}
