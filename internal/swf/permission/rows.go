package permission

import (
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/swf/wire"
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

const continueAsNew = "swf:" + wire.DecisionTypeContinueAsNewWorkflowExecution

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
	"CountClosedWorkflowExecutions": on(func(in *wire.CountClosedWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"CountOpenWorkflowExecutions": on(func(in *wire.CountOpenWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"CountPendingActivityTasks": on(func(in *wire.CountPendingActivityTasksInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"CountPendingDecisionTasks": on(func(in *wire.CountPendingDecisionTasksInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"DeleteActivityType": on(func(in *wire.DeleteActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DeleteWorkflowType": on(func(in *wire.DeleteWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"DeprecateActivityType": on(func(in *wire.DeprecateActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DeprecateDomain": on(func(in *wire.DeprecateDomainInput) Ask { return Ask{Domain: in.Name} }),
	"DeprecateWorkflowType": on(func(in *wire.DeprecateWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"DescribeActivityType": on(func(in *wire.DescribeActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"DescribeDomain":            on(func(in *wire.DescribeDomainInput) Ask { return Ask{Domain: in.Name} }),
	"DescribeWorkflowExecution": on(func(in *wire.DescribeWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"DescribeWorkflowType": on(func(in *wire.DescribeWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"GetWorkflowExecutionHistory": on(func(in *wire.GetWorkflowExecutionHistoryInput) Ask { return Ask{Domain: in.Domain} }),
	"ListActivityTypes":           on(func(in *wire.ListActivityTypesInput) Ask { return Ask{Domain: in.Domain} }),
	"ListClosedWorkflowExecutions": on(func(in *wire.ListClosedWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"ListDomains": on(func(in *wire.ListDomainsInput) Ask { return Ask{EveryDomain: true} }),
	"ListOpenWorkflowExecutions": on(func(in *wire.ListOpenWorkflowExecutionsInput) Ask {
		return Ask{Domain: in.Domain, TypeFilter: in.TypeFilter, TagFilter: in.TagFilter}
	}),
	"ListTagsForResource": on(func(in *wire.ListTagsForResourceInput) Ask { return tagged(in.ResourceARN) }),
	"ListWorkflowTypes":   on(func(in *wire.ListWorkflowTypesInput) Ask { return Ask{Domain: in.Domain} }),
	"PollForActivityTask": on(func(in *wire.PollForActivityTaskInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"PollForDecisionTask": on(func(in *wire.PollForDecisionTaskInput) Ask {
		return Ask{Domain: in.Domain, TaskList: &in.TaskList}
	}),
	"RecordActivityTaskHeartbeat": ofActivity(func(in *wire.RecordActivityTaskHeartbeatInput) string { return in.TaskToken }),
	"RegisterActivityType": on(func(in *wire.RegisterActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, Name: &in.Name, Version: &in.Version, DefaultTaskList: in.DefaultTaskList}
	}),
	"RegisterDomain": on(func(in *wire.RegisterDomainInput) Ask { return Ask{Domain: in.Name, SetTags: in.Tags} }),
	"RegisterWorkflowType": on(func(in *wire.RegisterWorkflowTypeInput) Ask {
		return Ask{
			Domain: in.Domain, Name: &in.Name, Version: &in.Version, DefaultTaskList: in.DefaultTaskList,
			LambdaRole: in.DefaultLambdaRole,
		}
	}),
	"RequestCancelWorkflowExecution": on(func(in *wire.RequestCancelWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"RespondActivityTaskCanceled":    ofActivity(func(in *wire.RespondActivityTaskCanceledInput) string { return in.TaskToken }),
	"RespondActivityTaskCompleted":   ofActivity(func(in *wire.RespondActivityTaskCompletedInput) string { return in.TaskToken }),
	"RespondActivityTaskFailed":      ofActivity(func(in *wire.RespondActivityTaskFailedInput) string { return in.TaskToken }),
	"RespondDecisionTaskCompleted": on(func(in *wire.RespondDecisionTaskCompletedInput) Ask {
		return Ask{TaskToken: in.TaskToken, OfDecider: true}
	}), // beside its decisions
	"SignalWorkflowExecution": on(func(in *wire.SignalWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"StartWorkflowExecution": on(func(in *wire.StartWorkflowExecutionInput) Ask {
		return Ask{
			Domain: in.Domain, WorkflowType: &in.WorkflowType, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, LambdaRole: in.LambdaRole,
		}
	}),
	"TagResource": on(func(in *wire.TagResourceInput) Ask {
		a := tagged(in.ResourceARN)
		a.SetTags = in.Tags
		return a
	}),
	"TerminateWorkflowExecution": on(func(in *wire.TerminateWorkflowExecutionInput) Ask { return Ask{Domain: in.Domain} }),
	"UndeprecateActivityType": on(func(in *wire.UndeprecateActivityTypeInput) Ask {
		return Ask{Domain: in.Domain, ActivityType: &in.ActivityType}
	}),
	"UndeprecateDomain": on(func(in *wire.UndeprecateDomainInput) Ask { return Ask{Domain: in.Name} }),
	"UndeprecateWorkflowType": on(func(in *wire.UndeprecateWorkflowTypeInput) Ask {
		return Ask{Domain: in.Domain, WorkflowType: &in.WorkflowType}
	}),
	"UntagResource": on(func(in *wire.UntagResourceInput) Ask {
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
var unconstrained = on(func(*wire.Decision) Ask { return Ask{} })

var decisions = rows(map[string]func(any) Ask{
	wire.DecisionTypeCancelTimer:               unconstrained,
	wire.DecisionTypeCancelWorkflowExecution:   unconstrained,
	wire.DecisionTypeCompleteWorkflowExecution: unconstrained,
	wire.DecisionTypeContinueAsNewWorkflowExecution: on(func(d *wire.Decision) Ask {
		in := d.ContinueAsNewWorkflowExecutionDecisionAttributes
		return Ask{
			WorkflowTypeVersion: in.WorkflowTypeVersion, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, LambdaRole: in.LambdaRole,
		}
	}),
	wire.DecisionTypeFailWorkflowExecution:                  unconstrained,
	wire.DecisionTypeRecordMarker:                           unconstrained,
	wire.DecisionTypeRequestCancelActivityTask:              unconstrained,
	wire.DecisionTypeRequestCancelExternalWorkflowExecution: unconstrained,
	wire.DecisionTypeScheduleActivityTask: on(func(d *wire.Decision) Ask {
		in := d.ScheduleActivityTaskDecisionAttributes
		return Ask{ActivityType: &in.ActivityType, TaskList: in.TaskList, hasDefault: true}
	}),
	wire.DecisionTypeScheduleLambdaFunction:          unconstrained,
	wire.DecisionTypeSignalExternalWorkflowExecution: unconstrained,
	wire.DecisionTypeStartChildWorkflowExecution: on(func(d *wire.Decision) Ask {
		in := d.StartChildWorkflowExecutionDecisionAttributes
		return Ask{
			WorkflowType: &in.WorkflowType, TaskList: in.TaskList, hasDefault: true,
			TagList: in.TagList, child: true, LambdaRole: in.LambdaRole,
		}
	}),
	wire.DecisionTypeStartTimer: unconstrained,
})

func rows(asks map[string]func(any) Ask) map[string]row {
	all := make(map[string]row, len(asks))
	for name, ask := range asks {
		all[name] = row{"swf:" + name, ask}
	}
	return all
}
