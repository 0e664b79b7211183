// Package permission says what each action of Step Functions needs permission for: the
// action's name in policies, the resource that it touches, and the condition keys with
// their values; and what else must be allowed besides, such as handing over a role.
//
// A version and an alias are asked for by the name of their machine; policies tell them
// apart by the condition key states:StateMachineQualifier.
//
// Sources: Service Authorization Reference, "AWS Step Functions"; Step Functions Developer
// Guide, "Authorization for versions and aliases". Whether the answer is yes is for package
// policy to say.
package permission

import (
	"slices"

	"heddle/internal/aws/policy"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

// Service is what trust policies call the service, which roles are handed to.
const Service = "states.amazonaws.com"

// Services are what trust policies may call the service in one region.
func Services(region string) []string {
	return []string{Service, Regional(region)}
}

// Regional is the service of one region.
func Regional(region string) string { return "states." + region + ".amazonaws.com" }

// Need is what a call needs permission for.
type Need struct {
	Action string // as policies have it, such as states:StartExecution
	// Resource is what the call is about; its Type is empty if it is about nothing in
	// particular. All tells that it is about all of the type.
	Resource resource.Name
	All      bool
	// Given is how the request names the resource, if that is no ARN of the service.
	Given string
	// Qualifiers are the versions and aliases that it is about.
	Qualifiers []string
	SetTags    []wire.Tag
	RemoveTags []string
	// Role is the one that the request hands to the service; empty: none.
	Role string
	// More are further actions that must be allowed for the same resource.
	More []string
	// TaskToken is of the task that the call is about. Such calls are about nothing in
	// particular; but if the caller fills in the state machine whose task it is, as
	// Resource, policies may name that too, as those that CDK makes do.
	TaskToken string

	conditions []policy.Value
}

// Call gives what a call of an operation needs. In is the operation's decoded input; any
// other, and an unknown operation, panics. Region and account are the caller's.
func Call(operation string, in any, region, account string) Need {
	ask, known := rows[operation]
	if !known {
		panic("permission: no row for operation " + operation)
	}
	n := ask(in, region, account)
	n.Action = resource.Service + ":" + operation
	return n
}

// Tagged tells whether what the call is about has tags, of its own or of the machine that
// it is an execution of: conditions may ask about them.
func (n *Need) Tagged() bool {
	switch n.Resource.Type {
	case resource.Machine, resource.Activity, resource.Execution:
		return !n.All && n.TaskToken == ""
	}
	return false
}

// Requests are the questions for package policy. Known is what is known besides: of the
// principal, the connection and the resource's tags.
func (n *Need) Requests(p policy.Principal, known policy.Context) []policy.Request {
	c := append(slices.Clip(known), n.context()...)
	ask := policy.Request{Principal: p, Action: n.Action, Resource: n.name(), Context: c}
	if n.TaskToken != "" && n.Resource.Type != "" {
		ask.Resource, ask.Alias = "*", n.name()
	}
	all := []policy.Request{ask}
	for _, action := range n.More {
		ask.Action = resource.Service + ":" + action
		all = append(all, ask)
	}
	if n.Role != "" {
		all = append(all, PassRole(p, n.Role, known))
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
	case n.All:
		r := n.Resource
		r.Base = "*"
		return r.String()
	case n.Resource.Type == resource.Machine:
		return n.Resource.Qualified("").String()
	}
	return n.Resource.String()
}

// context is the condition keys with their values.
func (n *Need) context() (c policy.Context) {
	for _, q := range n.Qualifiers {
		c = append(c, policy.Value{Key: "states:StateMachineQualifier", Value: q})
	}
	for _, t := range n.SetTags {
		key, value := text(t.Key), text(t.Value)
		c = append(c, policy.Value{Key: "aws:RequestTag/" + key, Value: value}, policy.Value{Key: "aws:TagKeys", Value: key})
	}
	for _, key := range n.RemoveTags {
		c = append(c, policy.Value{Key: "aws:TagKeys", Value: key})
	}
	return append(c, n.conditions...)
}

// PassRole is the question whether a role may be handed to the service.
func PassRole(p policy.Principal, role string, known policy.Context) policy.Request {
	c := append(slices.Clip(known), policy.Value{Key: "iam:PassedToService", Value: Service})
	return policy.Request{Principal: p, Action: "iam:PassRole", Resource: role, Context: c}
}

// ResourceTag is what conditions can ask about a tag of the resource.
func ResourceTag(key, value string) policy.Value {
	return policy.Value{Key: "aws:ResourceTag/" + key, Value: value}
}

// InvokeHTTP is the question whether a state machine's role may call an endpoint by
// HTTP, for a task that does.
func InvokeHTTP(endpoint, method string, machine resource.Name) Need {
	return Need{Action: "states:InvokeHTTPEndpoint", Resource: machine, conditions: []policy.Value{
		{Key: "states:HTTPEndpoint", Value: endpoint}, {Key: "states:HTTPMethod", Value: method},
	}}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
