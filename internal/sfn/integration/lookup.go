package integration

import (
	"heddle/jsonvalue"
)

// Lookup finds the ID of what an action calls by its name (Step Functions Developer Guide,
// "Create and manage Amazon EMR clusters").
type Lookup struct {
	// Operation lists all of the cluster. List is the path to the list, in which Name and Id tell
	// which is which.
	Operation, List string
	// Named is the parameter that has the name, Of the one that has what is to become of it, and
	// ID the member of that which has the ID.
	Named, Of, ID string
	// As is the parameter of the API; list: a list of one.
	As   string
	list bool
}

var lookups = map[string]*Lookup{
	"elasticmapreduce:modifyInstanceFleetByName": {Operation: "listInstanceFleets", List: "InstanceFleets", Named: "InstanceFleetName", Of: "InstanceFleet", ID: "InstanceFleetId", As: "InstanceFleet"},
	"elasticmapreduce:modifyInstanceGroupByName": {Operation: "listInstanceGroups", List: "InstanceGroups", Named: "InstanceGroupName", Of: "InstanceGroup", ID: "InstanceGroupId", As: "InstanceGroups", list: true},
}

// cluster is the parameter that both operations have.
const cluster = "ClusterId"

// Parameters are those of Operation, for those of the action.
func (l *Lookup) Parameters(given *jsonvalue.Object) *jsonvalue.Object { return l.Next(given, "") }

// Next are those of Operation for a further page; "": the first.
func (l *Lookup) Next(given *jsonvalue.Object, page string) *jsonvalue.Object {
	all := jsonvalue.NewObject(2)
	if id, ok := given.Get(cluster); ok {
		all.Set(cluster, id)
	}
	if page != "" {
		all.Set("Marker", page)
	}
	return all
}

// Found gives the parameters of the action's operation, if a page has what the action names;
// if not, what the next page is asked by: "" if there is none.
func (l *Lookup) Found(given, page *jsonvalue.Object) (whole *jsonvalue.Object, next string, found bool) {
	name, _ := given.Get(l.Named)
	list, _ := find(page, l.List).([]any)
	for _, v := range list {
		if find(v, "Name") != name || name == nil {
			continue
		}
		of := jsonvalue.NewObject(4)
		if change, ok := given.Get(l.Of); ok {
			if o, ok := change.(*jsonvalue.Object); ok {
				for member, v := range o.All() {
					of.Set(member, v)
				}
			}
		}
		of.Set(l.ID, find(v, "Id"))
		whole = l.Next(given, "")
		if whole.Set(l.As, of); l.list {
			whole.Set(l.As, []any{of})
		}
		return whole, "", true
	}
	return nil, text(find(page, "Marker")), false
}

// Missing says that there is nothing of the name.
func (l *Lookup) Missing(given *jsonvalue.Object) string {
	name, _ := given.Get(l.Named)
	id, _ := given.Get(cluster)
	return l.Of + " with the name '" + text(name) + "' was not found in the cluster '" + text(id) + "'."
}
