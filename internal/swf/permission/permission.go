// Package permission says what each action of Amazon SWF, and each decision of a
// decider, needs permission for: the action's name in policies, the domain that
// it touches, and the condition keys with their values.
//
// A decision is authorised as if it were a call of its own. A default that
// applies counts as a value: the caller, who knows the types, fills it in before
// the question is asked.
//
// Sources: SWF Developer Guide, "API Summary"; SWF API Reference, "Access
// Control" of each action and decision. Whether the answer is yes is for package
// policy to say.
package permission

import (
	"slices"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/policy"
	"heddle/internal/swf/wire"
)

// Need is what a call or a decision needs permission for. What a request leaves
// out is nil.
type Need struct {
	Action string // as policies have it, such as swf:StartWorkflowExecution
	// Domain is the domain's name. Of decisions, and of calls with a TaskToken, the
	// caller fills it in: the token says it.
	Domain      string
	EveryDomain bool // it is about all of them
	TaskToken   string
	OfDecider   bool // the token is of a decision task, not of an activity task
	// ResourceARN is what the request itself calls the domain, if it does.
	ResourceARN string

	TaskList        *wire.TaskList
	DefaultTaskList *wire.TaskList
	ActivityType    *wire.ActivityType
	WorkflowType    *wire.WorkflowType
	// WorkflowTypeVersion is what an execution continues as.
	WorkflowTypeVersion *string
	Name, Version       *string // of a type that is being registered
	TypeFilter          *wire.WorkflowTypeFilter
	TagFilter           *wire.TagFilter
	TagList             []string
	// LambdaRole is the role that the request hands to the service.
	LambdaRole *string

	SetTags    []wire.ResourceTag // of the domain
	RemoveTags []string
	child      bool
	hasDefault bool
}

// Call gives what a call of an operation needs. In is the operation's decoded
// input; any other, and an unknown operation, panics.
func Call(operation string, in any) Need {
	r, known := calls[operation]
	if !known {
		panic("permission: no row for operation " + operation)
	}
	return r.of(in)
}

// Decision gives what a decision needs. It must be valid.
func Decision(d *wire.Decision) Need {
	r, known := decisions[d.DecisionType]
	if !known {
		panic("permission: no row for decision " + d.DecisionType)
	}
	return r.of(d)
}

// NeedsDefault tells whether the task list will be the default of the type: the
// request could name one and does not.
func (a *Need) NeedsDefault() bool { return a.hasDefault && a.TaskList == nil }

// UseDefaults fills in what applies if the request does not say it: the type's
// task list and, for continuing as new, the execution's own version. What is not
// known is nil.
func (a *Need) UseDefaults(list *wire.TaskList, version *string) {
	if a.NeedsDefault() {
		a.TaskList = list
	}
	if a.Action == continueAsNew && a.WorkflowTypeVersion == nil {
		a.WorkflowTypeVersion = version
	}
}

// Request is the question for package policy. C is what is known besides: of the
// principal, the connection and the domain's tags; the rest is appended to it, in
// its spare room if there is some.
func (a *Need) Request(p policy.Principal, region string, c policy.Context) policy.Request {
	domain, resource, alias := a.Domain, a.ResourceARN, ""
	if a.EveryDomain {
		// The service's own description has it without region and slash.
		domain, alias = "*", arn.Owner{Partition: arn.Partition(region), Account: p.Account}.Name("swf", "domain/*")
	}
	if resource == "" {
		resource = arn.Of("swf", region, p.Account, domainPrefix+domain).String()
	}
	return policy.Request{Principal: p, Action: a.Action, Resource: resource, Alias: alias, Context: a.append(c)}
}

const domainPrefix = "/domain/"

// Service is what trust policies call the service, which roles are handed to.
const Service = "swf.amazonaws.com"

// PassRole is the second question of a request that hands a role to the service;
// ok is false if it does not.
func (a *Need) PassRole(p policy.Principal, c policy.Context) (r policy.Request, ok bool) {
	if a.LambdaRole == nil {
		return r, false
	}
	c = append(slices.Clip(c), policy.Value{Key: "iam:PassedToService", Value: Service})
	return policy.Request{Principal: p, Action: "iam:PassRole", Resource: *a.LambdaRole, Context: c}, true
}

var tagListKeys = [...]struct{ member, short string }{
	{"swf:tagList.member.0", "swf:tagList.0"},
	{"swf:tagList.member.1", "swf:tagList.1"},
	{"swf:tagList.member.2", "swf:tagList.2"},
	{"swf:tagList.member.3", "swf:tagList.3"},
	{"swf:tagList.member.4", "swf:tagList.4"},
}

// append adds the condition keys and their values.
func (a *Need) append(c policy.Context) policy.Context {
	add := func(key, value string) { c = append(c, policy.Value{Key: key, Value: value}) }
	if a.TaskList != nil {
		add("swf:taskList.name", a.TaskList.Name)
	}
	if a.DefaultTaskList != nil {
		add("swf:defaultTaskList.name", a.DefaultTaskList.Name)
	}
	if a.ActivityType != nil {
		add("swf:activityType.name", a.ActivityType.Name)
		add("swf:activityType.version", a.ActivityType.Version)
	}
	if a.WorkflowType != nil {
		add("swf:workflowType.name", a.WorkflowType.Name)
		add("swf:workflowType.version", a.WorkflowType.Version)
	}
	if a.WorkflowTypeVersion != nil {
		// The API Reference has the first name for it, the Developer Guide the second.
		add("swf:workflowType.version", *a.WorkflowTypeVersion)
		add("swf:workflowTypeVersion", *a.WorkflowTypeVersion)
	}
	if a.Name != nil {
		add("swf:name", *a.Name)
		add("swf:version", *a.Version)
	}
	if a.TypeFilter != nil {
		add("swf:typeFilter.name", a.TypeFilter.Name)
		if a.TypeFilter.Version != nil {
			add("swf:typeFilter.version", *a.TypeFilter.Version)
		}
	}
	if a.TagFilter != nil {
		add("swf:tagFilter.tag", a.TagFilter.Tag)
	}
	for i, tag := range a.TagList[:min(len(a.TagList), len(tagListKeys))] {
		add(tagListKeys[i].member, tag)
		if a.child { // again two names
			add(tagListKeys[i].short, tag)
		}
	}
	for _, t := range a.SetTags {
		value := ""
		if t.Value != nil {
			value = *t.Value
		}
		add("aws:RequestTag/"+t.Key, value)
		add("aws:TagKeys", t.Key)
	}
	for _, key := range a.RemoveTags {
		add("aws:TagKeys", key)
	}
	return c
}

// ResourceTag is what conditions can ask about a tag of the domain.
func ResourceTag(key, value string) policy.Value {
	return policy.Value{Key: "aws:ResourceTag/" + key, Value: value}
}
