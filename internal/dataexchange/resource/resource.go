// Package resource names what Data Exchange has: it writes ARNs and reads them.
//
// Source: Service Authorization Reference, "AWS Data Exchange".
package resource

import (
	"strings"

	"heddle/internal/aws/arn"
)

// Service is what ARNs and policies call the service.
const Service = "dataexchange"

// Type is what kind of thing an ARN names, in the word that it has for it.
type Type string

// The types.
const (
	DataSet     Type = "data-sets"
	Revision    Type = "revisions"
	Asset       Type = "assets"
	Job         Type = "jobs"
	EventAction Type = "event-actions"
	Grant       Type = "data-grants"
)

// Name is what an ARN says.
type Name struct {
	Region, Account string // an entitled thing has no account
	Type            Type
	// ID is the thing's; of a revision and an asset DataSet and Revision are those that it
	// belongs to.
	ID                string
	DataSet, Revision string
}

// Of names a thing of an account. Those above it are given from the data set down.
func Of(region, account string, t Type, id string, above ...string) Name {
	n := Name{Region: region, Account: account, Type: t, ID: id}
	if len(above) > 0 {
		n.DataSet = above[0]
	}
	if len(above) > 1 {
		n.Revision = above[1]
	}
	return n
}

// In tells whether the thing is an account's own, in a region.
func (n *Name) In(region, account string) bool { return n.Region == region && n.Account == account }

func (n Name) String() string {
	path := string(n.Type) + "/" + n.ID
	switch n.Type {
	case Revision:
		path = "data-sets/" + n.DataSet + "/" + path
	case Asset:
		path = "data-sets/" + n.DataSet + "/revisions/" + n.Revision + "/" + path
	}
	return arn.Of(Service, n.Region, n.Account, path).String()
}

// Parse reads an ARN.
func Parse(text string) (n Name, ok bool) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != Service || a.Partition != arn.Partition(a.Region) {
		return Name{}, false
	}
	n = Name{Region: a.Region, Account: a.Account}
	parts := strings.Split(a.Resource, "/")
	for _, part := range parts {
		if part == "" {
			return Name{}, false
		}
	}
	switch {
	case len(parts) == 2:
		switch n.Type, n.ID = Type(parts[0]), parts[1]; n.Type {
		case DataSet, Job, EventAction, Grant:
			return n, true
		}
	case len(parts) == 4 && parts[0] == string(DataSet) && parts[2] == string(Revision):
		n.Type, n.DataSet, n.ID = Revision, parts[1], parts[3]
		return n, true
	case len(parts) == 6 && parts[0] == string(DataSet) && parts[2] == string(Revision) && parts[4] == string(Asset):
		n.Type, n.DataSet, n.Revision, n.ID = Asset, parts[1], parts[3], parts[5]
		return n, true
	}
	return Name{}, false
}
