package permission

import (
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/swf/wire"
)

// row is one action or decision.
type row struct {
	action string
	ask    func(in any) Need
}

func (r row) of(in any) Need {
	a := r.ask(in)
	a.Action = r.action
	return a
}

const continueAsNew = "swf:" + wire.DecisionTypeContinueAsNewWorkflowExecution

// on makes the function of a row for inputs of one type.
func on[In any](ask func(*In) Need) func(any) Need {
	return func(in any) Need { return ask(in.(*In)) }
}

// ofActivity makes the function of a row for calls about an activity task: its
// domain is in the token.
func ofActivity[In any](taskToken func(*In) string) func(any) Need {
	return on(func(in *In) Need { return Need{TaskToken: taskToken(in)} })
}

var calls = rows(map[string]func(any) Need{
	"CountClosedWorkflowExecutions": on(func(in *wire.CountClosedWorkflowExecutionsInput) Need {
		return Need{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"CountOpenWorkflowExecutions": on(func(in *wire.CountOpenWorkflowExecutionsInput) Need {
		return Need{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"CountPendingActivityTasks": on(func(in *wire.CountPendingActivityTasksInput) Need {
		return Need{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"CountPendingDecisionTasks": on(func(in *wire.CountPendingDecisionTasksInput) Need {
		return Need{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"DeleteActivityType": on(func(in *wire.DeleteActivityTypeInput) Need {
		return Need{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DeleteWorkflowType": on(func(in *wire.DeleteWorkflowTypeInput) Need {
		return Need{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"DeprecateActivityType": on(func(in *wire.DeprecateActivityTypeInput) Need {
		return Need{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DeprecateDomain": on(func(in *wire.DeprecateDomainInput) Need { return Need{Domain: in.Name} }),
	"DeprecateWorkflowType": on(func(in *wire.DeprecateWorkflowTypeInput) Need {
		return Need{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"DescribeActivityType": on(func(in *wire.DescribeActivityTypeInput) Need {
		return Need{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DescribeDomain":            on(func(in *wire.DescribeDomainInput) Need { return Need{Domain: in.Name} }),
	"DescribeWorkflowExecution": on(func(in *wire.DescribeWorkflowExecutionInput) Need { return Need{Domain: in.Domain} }),
	"DescribeWorkflowType": on(func(in *wire.DescribeWorkflowTypeInput) Need {
		return Need{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"GetWorkflowExecutionHistory": on(func(in *wire.GetWorkflowExecutionHistoryInput) Need { return Need{Domain: in.Domain} }),
	"ListActivityTypes":           on(func(in *wire.ListActivityTypesInput) Need { return Need{Domain: in.Domain} }),
	"ListClosedWorkflowExecutions": on(func(in *wire.ListClosedWorkflowExecutionsInput) Need {
		return Need{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"ListDomains": on(func(in *wire.ListDomainsInput) Need { return Need{EveryDomain: true} }),
	"ListOpenWorkflowExecutions": on(func(in *wire.ListOpenWorkflowExecutionsInput) Need {
		return Need{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"ListTagsForResource": on(func(in *wire.ListTagsForResourceInput) Need { return tagged(in.ResourceARN) }),
	"ListWorkflowTypes":   on(func(in *wire.ListWorkflowTypesInput) Need { return Need{Domain: in.Domain} }),
	"PollForActivityTask": on(func(in *wire.PollForActivityTaskInput) Need {
		return Need{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"PollForDecisionTask": on(func(in *wire.PollForDecisionTaskInput) Need {
		return Need{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"RecordActivityTaskHeartbeat": ofActivity(func(in *wire.RecordActivityTaskHeartbeatInput) string { return in.TaskToken }),
	"RegisterActivityType": on(func(in *wire.RegisterActivityTypeInput) Need {
		return Need{Domain: in.Domain, Name: &in.Name, Version: &in.Version, DefaultTaskList: in.DefaultTaskList}
	}),
	"RegisterDomain": on(func(in *wire.RegisterDomainInput) Need { return Need{Domain: in.Name, SetTags: in.Tags} }),
	"RegisterWorkflowType": on(func(in *wire.RegisterWorkflowTypeInput) Need {
		return Need{
			Domain: in.Domain, Name: &in.Name, Version: &in.Version, DefaultTaskList: in.DefaultTaskList,
			LambdaRole: in.DefaultLambdaRole,
		}
	}),
	"RequestCancelWorkflowExecution": on(func(in *wire.RequestCancelWorkflowExecutionInput) Need { return Need{Domain: in.Domain} }),
	"RespondActivityTaskCanceled":    ofActivity(func(in *wire.RespondActivityTaskCanceledInput) string { return in.TaskToken }),
	"RespondActivityTaskCompleted":   ofActivity(func(in *wire.RespondActivityTaskCompletedInput) string { return in.TaskToken }),
	"RespondActivityTaskFailed":      ofActivity(func(in *wire.RespondActivityTaskFailedInput) string { return in.TaskToken }),
	"RespondDecisionTaskCompleted": on(func(in *wire.RespondDecisionTaskCompletedInput) Need {
		return Need{TaskToken: in.TaskToken, OfDecider: true}
	}), // beside its decisions
	"SignalWorkflowExecution": on(func(in *wire.SignalWorkflowExecutionInput) Need { return Need{Domain: in.Domain} }),
	"StartWorkflowExecution": on(func(in *wire.StartWorkflowExecutionInput) Need {
		return Need{
			Domain: in.Domain, WorkflowType: &in.WorkflowType, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, LambdaRole: in.LambdaRole,
		}
	}),
	"TagResource": on(func(in *wire.TagResourceInput) Need {
		a := tagged(in.ResourceARN)
		a.SetTags = in.Tags
		return a
	}),
	"TerminateWorkflowExecution": on(func(in *wire.TerminateWorkflowExecutionInput) Need { return Need{Domain: in.Domain} }),
	"UndeprecateActivityType": on(func(in *wire.UndeprecateActivityTypeInput) Need {
		return Need{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"UndeprecateDomain": on(func(in *wire.UndeprecateDomainInput) Need { return Need{Domain: in.Name} }),
	"UndeprecateWorkflowType": on(func(in *wire.UndeprecateWorkflowTypeInput) Need {
		return Need{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"UntagResource": on(func(in *wire.UntagResourceInput) Need {
		a := tagged(in.ResourceARN)
		a.RemoveTags = in.TagKeys
		return a
	}),
})

// tagged is a call that names a domain by its ARN. Another name than a domain's
// is asked for as it is.
func tagged(name string) Need {
	a := Need{ResourceARN: name}
	if parsed, err := arn.Parse(name); err == nil && parsed.Service == "swf" {
		if domain, ok := strings.CutPrefix(parsed.Resource, domainPrefix); ok {
			a.Domain = domain
		}
	}
	return a
}

// unconstrained is the function of a decision without condition keys.
var unconstrained = on(func(*wire.Decision) Need { return Need{} })

var decisions = rows(map[string]func(any) Need{
	wire.DecisionTypeCancelTimer:               unconstrained,
	wire.DecisionTypeCancelWorkflowExecution:   unconstrained,
	wire.DecisionTypeCompleteWorkflowExecution: unconstrained,
	wire.DecisionTypeContinueAsNewWorkflowExecution: on(func(d *wire.Decision) Need {
		in := d.ContinueAsNewWorkflowExecutionDecisionAttributes
		return Need{
			WorkflowTypeVersion: in.WorkflowTypeVersion, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, LambdaRole: in.LambdaRole,
		}
	}),
	wire.DecisionTypeFailWorkflowExecution:                  unconstrained,
	wire.DecisionTypeRecordMarker:                           unconstrained,
	wire.DecisionTypeRequestCancelActivityTask:              unconstrained,
	wire.DecisionTypeRequestCancelExternalWorkflowExecution: unconstrained,
	wire.DecisionTypeScheduleActivityTask: on(func(d *wire.Decision) Need {
		in := d.ScheduleActivityTaskDecisionAttributes
		return Need{ActivityType: &in.ActivityType, TaskList: in.TaskList, hasDefault: true}
	}),
	wire.DecisionTypeScheduleLambdaFunction:          unconstrained,
	wire.DecisionTypeSignalExternalWorkflowExecution: unconstrained,
	wire.DecisionTypeStartChildWorkflowExecution: on(func(d *wire.Decision) Need {
		in := d.StartChildWorkflowExecutionDecisionAttributes
		return Need{
			WorkflowType: &in.WorkflowType, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, child: true, LambdaRole: in.LambdaRole,
		}
	}),
	wire.DecisionTypeStartTimer: unconstrained,
})

func rows(needs map[string]func(any) Need) map[string]row {
	all := make(map[string]row, len(needs))
	for name, ask := range needs {
		all[name] = row{"swf:" + name, ask}
	}
	return all
}
