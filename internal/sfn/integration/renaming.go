package integration

import (
	"strings"

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

// Takes tells whether the action takes a parameter, if the operation is known to take some.
func (i *Integration) Takes(name string, operation func(name string) bool) bool {
	if api, renamed := i.renaming.parameters[name]; renamed {
		return api != ""
	}
	for _, api := range i.renaming.parameters {
		if strings.Trim(api, "[]") == name {
			return false
		}
	}
	return operation(name)
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
