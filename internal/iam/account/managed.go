package account

import (
	"fmt"
	"strings"
	"time"

	"heddle/internal/engine"
)

// managed are the policies that every account has. Those with AWS's names allow
// what AWS's allow of the services that are served here.
var managed = builtIn([]builtInText{
	{"AdministratorAccess", "Everything.", allow("*")},
	{"IAMFullAccess", "Everything in IAM.", allow("iam:*")},
	{"IAMReadOnlyAccess", "Looking at IAM.", allow("iam:Get*", "iam:List*", "iam:Simulate*")},
	{"SimpleWorkflowFullAccess", "Everything in SWF.", allow("swf:*")},
	{"SimpleWorkflowReadOnlyAccess", "Looking at SWF: no polls, no changes.", allow(swfReads...)},
	{"SimpleWorkflowConsoleFullAccess", "What an operator does in SWF: looking, signals, cancelling, terminating, domains and types; no polls, no tasks.",
		allow(append([]string{
			"swf:StartWorkflowExecution", "swf:SignalWorkflowExecution", "swf:RequestCancelWorkflowExecution", "swf:TerminateWorkflowExecution",
			"swf:Register*", "swf:Deprecate*", "swf:Undeprecate*", "swf:DeleteActivityType", "swf:DeleteWorkflowType", "swf:TagResource", "swf:UntagResource",
		}, swfReads...)...)},
	{"AWSStepFunctionsFullAccess", "Everything in Step Functions.", allow("states:*")},
	{"AWSStepFunctionsReadOnlyAccess", "Looking at Step Functions.", allow("states:Describe*", "states:GetExecutionHistory", "states:List*", "states:ValidateStateMachineDefinition")},
	{"AWSStepFunctionsConsoleFullAccess", "Everything in Step Functions, and handing roles to it.",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["states:*","iam:ListRoles","iam:GetRole"],"Resource":"*"},` +
			`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"states.amazonaws.com"}}}]}`},
	{"AWSDataExchangeFullAccess", "Everything in Data Exchange.", allow("dataexchange:*")},
	{"AWSDataExchangeReadOnly", "Looking at Data Exchange.", allow("dataexchange:Get*", "dataexchange:List*")},
})

var swfReads = []string{"swf:Count*", "swf:Describe*", "swf:GetWorkflowExecutionHistory", "swf:List*"}

type builtInText struct{ name, description, document string }

// allow is a policy that allows actions on everything.
func allow(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
}

func builtIn(texts []builtInText) policySet {
	at := engine.Time(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	var all policySet
	for i, t := range texts {
		all.Put(&Policy{
			Name: t.name, Path: "/", ID: fmt.Sprintf("ANPAHEDDLE%011d", i+1), Description: t.description,
			CreatedAt: at, UpdatedAt: at, BuiltIn: true,
			Versions: []Version{{1, t.document, at}}, Default: 1, Last: 1,
		})
	}
	return all
}
