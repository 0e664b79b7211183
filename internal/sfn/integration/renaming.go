package integration

import (
	"slices"
	"strings"

	"heddle/internal/aws/sdk"
	"heddle/jsonvalue"
)

// renaming says what is called otherwise in an action than in the operation that it calls
// (Step Functions Developer Guide, "Create and manage Amazon EMR clusters").
type renaming struct {
	// parameters are the API's names by those of the action; in brackets a list of one; "": the
	// action does not take the operation's.
	parameters map[string]string
	// result has paths into the answer by the names of the result; nil: it is the answer.
	result map[string]string
}

var clusters = renaming{parameters: map[string]string{"ClusterId": "[JobFlowIds]"}}

// renamings are those of actions.
var renamings = map[string]renaming{
	"elasticmapreduce:createCluster":                   {map[string]string{"Steps": ""}, map[string]string{"ClusterId": "JobFlowId"}},
	"elasticmapreduce:terminateCluster":                clusters,
	"elasticmapreduce:setClusterTerminationProtection": clusters,
	"elasticmapreduce:addStep":                         {map[string]string{"ClusterId": "JobFlowId", "Step": "[Steps]"}, map[string]string{"StepId": "StepIds.0"}},
	"elasticmapreduce:cancelStep":                      {map[string]string{"StepId": "[StepIds]"}, map[string]string{"CancelStepsInfo": "CancelStepsInfoList.0"}},
}

// A Structure has members, which have names: the parameters of an action, or a part of them.
type Structure struct {
	of     *sdk.Structure
	action *Integration // nil: it is a part
}

// Takes are the parameters that the action takes, of those that its operation does; nil: they are
// not known.
func (i *Integration) Takes(o *sdk.Operation) *Structure {
	if i.Lookup != nil {
		return nil // they are not the operation's
	}
	return &Structure{o.Parameters(i.Naming), i}
}

// Member finds a member by its name. In is the structure that it is, or that each item of it is;
// nil: it is something else, of which nothing is known.
func (s *Structure) Member(name string) (in *Structure, ok bool) {
	if i := s.action; i != nil {
		if slices.Contains(i.further, name) {
			return nil, true
		}
		api, renamed := i.renaming.parameters[name]
		for _, api := range i.renaming.parameters {
			if !renamed && strings.Trim(api, "[]") == name {
				return nil, false
			}
		}
		if renamed {
			name = strings.Trim(api, "[]")
		}
	}
	of, ok := s.of.Member(name)
	if of == nil {
		return nil, ok
	}
	return &Structure{of: of}, ok
}

// Lacks gives the names of the members that must be given, and are not.
func (s *Structure) Lacks(given map[string]bool) []string {
	if i := s.action; i != nil && (i.renaming.parameters != nil || i.further != nil) {
		return nil // the operation does not tell what the action wants
	}
	return s.of.Lacks(given)
}

// Parameters are those of the operation, for those of the action.
func (i *Integration) Parameters(given *jsonvalue.Object) *jsonvalue.Object {
	if i.renaming.parameters == nil {
		return given
	}
	all := jsonvalue.NewObject(given.Len())
	for name, v := range given.All() {
		api := i.renaming.parameters[name]
		if bare := strings.Trim(api, "[]"); bare != api {
			api, v = bare, []any{v}
		}
		if api == "" {
			api = name
		}
		all.Set(api, v)
	}
	return all
}

// Result is that of the action, for the answer of the operation.
func (i *Integration) Result(answer *jsonvalue.Object) *jsonvalue.Object {
	if i.renaming.result == nil {
		return answer
	}
	all := jsonvalue.NewObject(len(i.renaming.result) + 2)
	for name, path := range i.renaming.result {
		all.Set(name, find(answer, path))
	}
	return all
}
