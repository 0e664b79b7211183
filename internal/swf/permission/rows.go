package permission

import (
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/swf/api"
)

// row is one action or decision.
type row struct {
	action string
	ask    func(in any) Ask
}

func (r row) of(in any) Ask {
	a := r.ask(in)
	a.Action = r.action
	return a
}

const continueAsNew = "swf:" + api.DecisionTypeContinueAsNewWorkflowExecution

// on makes the function of a row for inputs of one type.
func on[In any](ask func(*In) Ask) func(any) Ask {
	return func(in any) Ask { return ask(in.(*In)) }
}

// ofActivity makes the function of a row for calls about an activity task: its
// domain is in the token.
func ofActivity[In any](taskToken func(*In) string) func(any) Ask {
	return on(func(in *In) Ask { return Ask{TaskToken: taskToken(in)} })
}

var calls = rows(map[string]func(any) Ask{
	"CountClosedWorkflowExecutions": on(func(in *api.CountClosedWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"CountOpenWorkflowExecutions": on(func(in *api.CountOpenWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"CountPendingActivityTasks": on(func(in *api.CountPendingActivityTasksInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"CountPendingDecisionTasks": on(func(in *api.CountPendingDecisionTasksInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"DeleteActivityType": on(func(in *api.DeleteActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DeleteWorkflowType": on(func(in *api.DeleteWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"DeprecateActivityType": on(func(in *api.DeprecateActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DeprecateDomain": on(func(in *api.DeprecateDomainInput) Ask { return Ask{Domain: in.Name} }),
	"DeprecateWorkflowType": on(func(in *api.DeprecateWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"DescribeActivityType": on(func(in *api.DescribeActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DescribeDomain":            on(func(in *api.DescribeDomainInput) Ask { return Ask{Domain: in.Name} }),
	"DescribeWorkflowExecution": on(func(in *api.DescribeWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"DescribeWorkflowType": on(func(in *api.DescribeWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"GetWorkflowExecutionHistory": on(func(in *api.GetWorkflowExecutionHistoryInput) Ask { return Ask{Domain: in.Domain} }),
	"ListActivityTypes":           on(func(in *api.ListActivityTypesInput) Ask { return Ask{Domain: in.Domain} }),
	"ListClosedWorkflowExecutions": on(func(in *api.ListClosedWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"ListDomains": on(func(in *api.ListDomainsInput) Ask { return Ask{EveryDomain: true} }),
	"ListOpenWorkflowExecutions": on(func(in *api.ListOpenWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"ListTagsForResource": on(func(in *api.ListTagsForResourceInput) Ask { return tagged(in.ResourceARN) }),
	"ListWorkflowTypes":   on(func(in *api.ListWorkflowTypesInput) Ask { return Ask{Domain: in.Domain} }),
	"PollForActivityTask": on(func(in *api.PollForActivityTaskInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"PollForDecisionTask": on(func(in *api.PollForDecisionTaskInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"RecordActivityTaskHeartbeat": ofActivity(func(in *api.RecordActivityTaskHeartbeatInput) string { return in.TaskToken }),
	"RegisterActivityType": on(func(in *api.RegisterActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, Name: &in.Name, Version: &in.Version, DefaultTaskList: in.DefaultTaskList}
	}),
	"RegisterDomain": on(func(in *api.RegisterDomainInput) Ask { return Ask{Domain: in.Name, SetTags: in.Tags} }),
	"RegisterWorkflowType": on(func(in *api.RegisterWorkflowTypeInput) Ask {
		return Ask{
			Domain: in.Domain, Name: &in.Name, Version: &in.Version, DefaultTaskList: in.DefaultTaskList,
			LambdaRole: in.DefaultLambdaRole,
		}
	}),
	"RequestCancelWorkflowExecution": on(func(in *api.RequestCancelWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"RespondActivityTaskCanceled":    ofActivity(func(in *api.RespondActivityTaskCanceledInput) string { return in.TaskToken }),
	"RespondActivityTaskCompleted":   ofActivity(func(in *api.RespondActivityTaskCompletedInput) string { return in.TaskToken }),
	"RespondActivityTaskFailed":      ofActivity(func(in *api.RespondActivityTaskFailedInput) string { return in.TaskToken }),
	"RespondDecisionTaskCompleted": on(func(in *api.RespondDecisionTaskCompletedInput) Ask {
		return Ask{TaskToken: in.TaskToken, OfDecider: true}
	}), // beside its decisions
	"SignalWorkflowExecution": on(func(in *api.SignalWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"StartWorkflowExecution": on(func(in *api.StartWorkflowExecutionInput) Ask {
		return Ask{
			Domain: in.Domain, WorkflowType: &in.WorkflowType, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, LambdaRole: in.LambdaRole,
		}
	}),
	"TagResource": on(func(in *api.TagResourceInput) Ask {
		a := tagged(in.ResourceARN)
		a.SetTags = in.Tags
		return a
	}),
	"TerminateWorkflowExecution": on(func(in *api.TerminateWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"UndeprecateActivityType": on(func(in *api.UndeprecateActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"UndeprecateDomain": on(func(in *api.UndeprecateDomainInput) Ask { return Ask{Domain: in.Name} }),
	"UndeprecateWorkflowType": on(func(in *api.UndeprecateWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"UntagResource": on(func(in *api.UntagResourceInput) Ask {
		a := tagged(in.ResourceARN)
		a.RemoveTags = in.TagKeys
		return a
	}),
})

// tagged is a call that names a domain by its ARN. Another name than a domain's
// is asked for as it is.
func tagged(name string) Ask {
	a := Ask{ResourceARN: name}
	if parsed, err := arn.Parse(name); err == nil && parsed.Service == "swf" {
		if domain, ok := strings.CutPrefix(parsed.Resource, domainPrefix); ok {
			a.Domain = domain
		}
	}
	return a
}

// unconstrained is the function of a decision without condition keys.
var unconstrained = on(func(*api.Decision) Ask { return Ask{} })

var decisions = rows(map[string]func(any) Ask{
	api.DecisionTypeCancelTimer:               unconstrained,
	api.DecisionTypeCancelWorkflowExecution:   unconstrained,
	api.DecisionTypeCompleteWorkflowExecution: unconstrained,
	api.DecisionTypeContinueAsNewWorkflowExecution: on(func(d *api.Decision) Ask {
		in := d.ContinueAsNewWorkflowExecutionDecisionAttributes
		return Ask{
			WorkflowTypeVersion: in.WorkflowTypeVersion, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, LambdaRole: in.LambdaRole,
		}
	}),
	api.DecisionTypeFailWorkflowExecution:                  unconstrained,
	api.DecisionTypeRecordMarker:                           unconstrained,
	api.DecisionTypeRequestCancelActivityTask:              unconstrained,
	api.DecisionTypeRequestCancelExternalWorkflowExecution: unconstrained,
	api.DecisionTypeScheduleActivityTask: on(func(d *api.Decision) Ask {
		in := d.ScheduleActivityTaskDecisionAttributes
		return Ask{ActivityType: &in.ActivityType, TaskList: in.TaskList, hasDefault: true}
	}),
	api.DecisionTypeScheduleLambdaFunction:          unconstrained,
	api.DecisionTypeSignalExternalWorkflowExecution: unconstrained,
	api.DecisionTypeStartChildWorkflowExecution: on(func(d *api.Decision) Ask {
		in := d.StartChildWorkflowExecutionDecisionAttributes
		return Ask{
			WorkflowType: &in.WorkflowType, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, child: true, LambdaRole: in.LambdaRole,
		}
	}),
	api.DecisionTypeStartTimer: unconstrained,
})

func rows(asks map[string]func(any) Ask) map[string]row {
	all := make(map[string]row, len(asks))
	for name, ask := range asks {
		all[name] = row{"swf:" + name, ask}
	}
	return all
}
