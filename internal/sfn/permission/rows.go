package permission

import (
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

// row tells what a call needs, by its input and the caller's region and account.
type row func(in any, region, account string) Need

// on makes a row for inputs of one type that say themselves what they are about.
func on[In any](ask func(*In) Need) row {
	return func(in any, _, _ string) Need { return ask(in.(*In)) }
}

// about makes a row of calls that name a thing by its ARN.
func about[In any](arn func(*In) string) row {
	return on(func(in *In) Need { return named(arn(in)) })
}

// qualified is about, for calls that policies can tell versions and aliases apart of.
func qualified[In any](arn func(*In) string) row {
	return on(func(in *In) Need {
		n := named(arn(in))
		if n.Resource.Qualifier != "" && n.Resource.Type == resource.Machine {
			n.Qualifiers = []string{n.Resource.Qualifier}
		}
		return n
	})
}

// named is a call about what an ARN names. What is none is asked for as it is: whoever may
// ask about everything is told what is wrong with it.
func named(arn string) Need {
	name, err := resource.Parse(arn)
	if err != nil {
		return Need{Given: arn}
	}
	return Need{Resource: name}
}

// created is a call that creates a thing by its name.
func created(region, account string, t resource.Type, name string, tags []wire.Tag) Need {
	n := Need{Resource: resource.Of(region, account, t, name), SetTags: tags}
	if len(tags) > 0 {
		n.More = append(n.More, "TagResource")
	}
	return n
}

// all is a row of calls that list all things of a type.
func all(t resource.Type) row {
	return func(_ any, region, account string) Need {
		return Need{Resource: resource.Of(region, account, t, ""), All: true}
	}
}

// ofTask makes a row of calls about a task, which its token tells.
func ofTask[In any](token func(*In) string) row {
	return on(func(in *In) Need { return Need{TaskToken: token(in)} })
}

var rows = map[string]row{
	"CreateActivity": func(in any, region, account string) Need {
		c := in.(*wire.CreateActivityInput)
		return created(region, account, resource.Activity, c.Name, c.Tags)
	},
	"CreateStateMachine": func(in any, region, account string) Need {
		c := in.(*wire.CreateStateMachineInput)
		n := created(region, account, resource.Machine, c.Name, c.Tags)
		n.Role = c.RoleARN
		return n.publishing(c.Publish)
	},
	"CreateStateMachineAlias": on(func(in *wire.CreateStateMachineAliasInput) Need {
		// The machine is that of its first version; that all are of one is checked.
		n := Need{}
		if routes := in.RoutingConfiguration; len(routes) > 0 {
			n = named(routes[0].StateMachineVersionARN)
		}
		n.Qualifiers = []string{in.Name}
		return n
	}),
	"DeleteActivity":            about(func(in *wire.DeleteActivityInput) string { return in.ActivityARN }),
	"DeleteStateMachine":        about(func(in *wire.DeleteStateMachineInput) string { return in.StateMachineARN }),
	"DeleteStateMachineAlias":   qualified(func(in *wire.DeleteStateMachineAliasInput) string { return in.StateMachineAliasARN }),
	"DeleteStateMachineVersion": qualified(func(in *wire.DeleteStateMachineVersionInput) string { return in.StateMachineVersionARN }),
	"DescribeActivity":          about(func(in *wire.DescribeActivityInput) string { return in.ActivityARN }),
	"DescribeExecution":         about(func(in *wire.DescribeExecutionInput) string { return in.ExecutionARN }),
	"DescribeMapRun":            about(func(in *wire.DescribeMapRunInput) string { return in.MapRunARN }),
	"DescribeStateMachine":      qualified(func(in *wire.DescribeStateMachineInput) string { return in.StateMachineARN }),
	"DescribeStateMachineAlias": qualified(func(in *wire.DescribeStateMachineAliasInput) string { return in.StateMachineAliasARN }),
	"DescribeStateMachineForExecution": about(func(in *wire.DescribeStateMachineForExecutionInput) string {
		return in.ExecutionARN
	}),
	"GetActivityTask":     about(func(in *wire.GetActivityTaskInput) string { return in.ActivityARN }),
	"GetExecutionHistory": about(func(in *wire.GetExecutionHistoryInput) string { return in.ExecutionARN }),
	"ListActivities":      all(resource.Activity),
	"ListExecutions": qualified(func(in *wire.ListExecutionsInput) string {
		if in.MapRunARN != nil {
			return *in.MapRunARN
		}
		return text(in.StateMachineARN)
	}),
	"ListMapRuns":                about(func(in *wire.ListMapRunsInput) string { return in.ExecutionARN }),
	"ListStateMachineAliases":    qualified(func(in *wire.ListStateMachineAliasesInput) string { return in.StateMachineARN }),
	"ListStateMachines":          all(resource.Machine),
	"ListStateMachineVersions":   about(func(in *wire.ListStateMachineVersionsInput) string { return in.StateMachineARN }),
	"ListTagsForResource":        about(func(in *wire.ListTagsForResourceInput) string { return in.ResourceARN }),
	"PublishStateMachineVersion": about(func(in *wire.PublishStateMachineVersionInput) string { return in.StateMachineARN }),
	"RedriveExecution":           about(func(in *wire.RedriveExecutionInput) string { return in.ExecutionARN }),
	"SendTaskFailure":            ofTask(func(in *wire.SendTaskFailureInput) string { return in.TaskToken }),
	"SendTaskHeartbeat":          ofTask(func(in *wire.SendTaskHeartbeatInput) string { return in.TaskToken }),
	"SendTaskSuccess":            ofTask(func(in *wire.SendTaskSuccessInput) string { return in.TaskToken }),
	"StartExecution":             qualified(func(in *wire.StartExecutionInput) string { return in.StateMachineARN }),
	"StartSyncExecution":         qualified(func(in *wire.StartSyncExecutionInput) string { return in.StateMachineARN }),
	"StopExecution":              about(func(in *wire.StopExecutionInput) string { return in.ExecutionARN }),
	"TagResource": on(func(in *wire.TagResourceInput) Need {
		n := named(in.ResourceARN)
		n.SetTags = in.Tags
		return n
	}),
	"TestState": on(func(in *wire.TestStateInput) Need {
		n := Need{Role: text(in.RoleARN)}
		if in.RevealSecrets != nil && *in.RevealSecrets {
			n.More = []string{"RevealSecrets"}
		}
		return n
	}),
	"UntagResource": on(func(in *wire.UntagResourceInput) Need {
		n := named(in.ResourceARN)
		n.RemoveTags = in.TagKeys
		return n
	}),
	"UpdateMapRun": about(func(in *wire.UpdateMapRunInput) string { return in.MapRunARN }),
	"UpdateStateMachine": on(func(in *wire.UpdateStateMachineInput) Need {
		n := named(in.StateMachineARN)
		n.Role = text(in.RoleARN)
		return n.publishing(in.Publish)
	}),
	"UpdateStateMachineAlias":        qualified(func(in *wire.UpdateStateMachineAliasInput) string { return in.StateMachineAliasARN }),
	"ValidateStateMachineDefinition": on(func(*wire.ValidateStateMachineDefinitionInput) Need { return Need{} }),
}

// publishing adds what a call needs that publishes a version besides.
func (n Need) publishing(publish *bool) Need {
	if publish != nil && *publish {
		n.More = append(n.More, "PublishStateMachineVersion")
	}
	return n
}
