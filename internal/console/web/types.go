package web

import (
	"heddle/internal/aws/fault"
	"heddle/internal/console/view"
	"heddle/internal/swf/wire"
)

// typeInfo is a type of workflows or of activities.
type typeInfo struct {
	Name, Version string
	Description   string
	Status        string
	Created       wire.Timestamp
	Deprecated    *wire.Timestamp
}

type typesView struct {
	Frame
	Kind       string // workflow or activity
	Deprecated bool
	Rows       []typeInfo
	Next       string
	Register   button
}

const (
	workflowKind = "workflow"
	activityKind = "activity"
)

var errKind = &fault.Fault{Code: "UnknownResourceFault", Message: "There are types of workflows and of activities, and no others."}

// kindOf is the kind of types that the path names.
func (v *visit) kindOf() (string, error) {
	if kind := v.PathValue("kind"); kind == workflowKind || kind == activityKind {
		return kind, nil
	}
	return "", errKind
}

func (v *visit) workflowTypes() (*answer, error) {
	return goesTo(v.place().Of("types", workflowKind), ""), nil
}

// types shows the types of a kind.
func (v *visit) types() (*answer, error) {
	kind, err := v.kindOf()
	if err != nil {
		return nil, err
	}
	view := &typesView{Frame: v.frame("Types"), Kind: kind, Deprecated: v.FormValue("status") == "deprecated"}
	status, size := wire.RegistrationStatusRegistered, int64(rowsPage)
	if view.Deprecated {
		status = wire.RegistrationStatusDeprecated
	}
	var next *string
	if kind == workflowKind {
		out, err := call[wire.WorkflowTypeInfos](v, "swf", "ListWorkflowTypes", &wire.ListWorkflowTypesInput{
			Domain: v.Domain, RegistrationStatus: status, MaximumPageSize: &size, NextPageToken: v.text("after"), Name: v.text("name"),
		})
		if err != nil {
			return nil, err
		}
		for _, t := range out.TypeInfos {
			view.Rows = append(view.Rows, typeInfo{t.WorkflowType.Name, t.WorkflowType.Version, text(t.Description), t.Status, t.CreationDate, t.DeprecationDate})
		}
		next = out.NextPageToken
	} else {
		out, err := call[wire.ActivityTypeInfos](v, "swf", "ListActivityTypes", &wire.ListActivityTypesInput{
			Domain: v.Domain, RegistrationStatus: status, MaximumPageSize: &size, NextPageToken: v.text("after"), Name: v.text("name"),
		})
		if err != nil {
			return nil, err
		}
		for _, t := range out.TypeInfos {
			view.Rows = append(view.Rows, typeInfo{t.ActivityType.Name, t.ActivityType.Version, text(t.Description), t.Status, t.CreationDate, t.DeprecationDate})
		}
		next = out.NextPageToken
	}
	if next != nil {
		view.Next = v.again("after", *next)
	}
	view.Register = v.buttonOf(v.registering(kind))
	return shows("types", view), nil
}

func (v *visit) registering(kind string) (path string, form *view.Form) {
	form = view.RegisterTypeForm(v.Domain, kind == activityKind)
	form.Fields[0].Value = v.Domain
	return v.place().Of("types", kind) + "/-register", form
}

// registerType registers a type.
func (v *visit) registerType() (*answer, error) {
	kind, err := v.kindOf()
	if err != nil {
		return nil, err
	}
	_, form := v.registering(kind)
	d := &doing{Frame: v.frame("Register a type of " + plurals[kind]), Form: form, Button: "Register", Tells: "type-registered"}
	d.Back = view.Link{Text: "Types", Href: v.place().Of("types", kind)}
	d.Next = func(any) string { return v.place().Of("types", kind, form.Value("name"), form.Value("version")) }
	d.Lead = "What an execution or a task does not say when it begins, its type says. All but name and version may be empty."
	return v.do(d)
}

var plurals = map[string]string{workflowKind: "workflows", activityKind: "activities"}

type typeView struct {
	Frame
	typeInfo
	Kind     string
	Defaults []view.Setting
	Start    button
	Do       []namedButton
	Open     *tally // executions of it that are open; nil: it has none
	OpenPath string
}

type namedButton struct {
	button
	Text   string
	Danger bool
}

// typeActions are what may be done with a type, by its status: what it is called in paths,
// in words, and the beginning of the action's name.
var typeActions = map[string][]struct{ path, text, action string }{
	wire.RegistrationStatusRegistered: {{"deprecate", "Deprecate", "Deprecate"}},
	wire.RegistrationStatusDeprecated: {{"undeprecate", "Undeprecate", "Undeprecate"}, {"delete", "Delete", "Delete"}},
}

// typePage shows a type.
func (v *visit) typePage() (*answer, error) {
	kind, err := v.kindOf()
	if err != nil {
		return nil, err
	}
	name, version := v.named("name"), v.named("version")
	t := &typeView{Frame: v.frame(name + " " + version), Kind: kind}
	add := func(what string, value *string) {
		if value != nil {
			t.Defaults = append(t.Defaults, view.Setting{Name: what, Text: *value})
		}
	}
	list := func(l *wire.TaskList) {
		if l != nil {
			t.Defaults = append(t.Defaults, view.Setting{Name: "Task list", Text: l.Name})
		}
	}
	if kind == workflowKind {
		out, err := call[wire.WorkflowTypeDetail](v, "swf", "DescribeWorkflowType", &wire.DescribeWorkflowTypeInput{
			Domain: v.Domain, WorkflowType: wire.WorkflowType{Name: name, Version: version},
		})
		if err != nil {
			return nil, err
		}
		t.typeInfo = typeInfo{name, version, text(out.TypeInfo.Description), out.TypeInfo.Status, out.TypeInfo.CreationDate, out.TypeInfo.DeprecationDate}
		c := &out.Configuration
		list(c.DefaultTaskList)
		add("Task priority", c.DefaultTaskPriority)
		add("Execution timeout, in seconds", c.DefaultExecutionStartToCloseTimeout)
		add("Decision task timeout, in seconds", c.DefaultTaskStartToCloseTimeout)
		add("Child policy", c.DefaultChildPolicy)
		add("Lambda role", c.DefaultLambdaRole)
		t.Open = &tally{Barred: true}
		count, err := call[wire.WorkflowExecutionCount](v, "swf", "CountOpenWorkflowExecutions", &wire.CountOpenWorkflowExecutionsInput{
			Domain: v.Domain, TypeFilter: &wire.WorkflowTypeFilter{Name: name, Version: &version},
		})
		if err == nil {
			t.Open = &tally{N: count.Count, More: count.Truncated != nil && *count.Truncated}
		}
		t.OpenPath = v.place().Of("executions") + "?" + view.Parameters("type", name, "version", version)
		start := view.StartForm(v.Domain)
		start.Set("workflowId", "any")
		start.Set("workflowType.name", name)
		start.Set("workflowType.version", version)
		t.Start = v.buttonOf(v.place().Of("executions")+"/-start?"+view.Parameters("workflowType.name", name, "workflowType.version", version), start)
	} else {
		out, err := call[wire.ActivityTypeDetail](v, "swf", "DescribeActivityType", &wire.DescribeActivityTypeInput{
			Domain: v.Domain, ActivityType: wire.ActivityType{Name: name, Version: version},
		})
		if err != nil {
			return nil, err
		}
		t.typeInfo = typeInfo{name, version, text(out.TypeInfo.Description), out.TypeInfo.Status, out.TypeInfo.CreationDate, out.TypeInfo.DeprecationDate}
		c := &out.Configuration
		list(c.DefaultTaskList)
		add("Task priority", c.DefaultTaskPriority)
		add("Scheduled to started, in seconds", c.DefaultTaskScheduleToStartTimeout)
		add("Started to closed, in seconds", c.DefaultTaskStartToCloseTimeout)
		add("Scheduled to closed, in seconds", c.DefaultTaskScheduleToCloseTimeout)
		add("Between heartbeats, in seconds", c.DefaultTaskHeartbeatTimeout)
	}
	at := v.place().Of("types", kind, name, version)
	for _, a := range typeActions[t.Status] {
		t.Do = append(t.Do, namedButton{v.buttonOf(at+"/"+a.path, view.TypeForm(a.action+actionNouns[kind], v.Domain, kind, name, version)), a.text, a.path != "undeprecate"})
	}
	return shows("type", t), nil
}

var actionNouns = map[string]string{workflowKind: "WorkflowType", activityKind: "ActivityType"}

// typeDoing deprecates, undeprecates or deletes a type.
func (v *visit) typeDoing() (*answer, error) {
	kind, err := v.kindOf()
	if err != nil {
		return nil, err
	}
	name, version := v.named("name"), v.named("version")
	at := v.place().Of("types", kind, name, version)
	for _, all := range typeActions {
		for _, a := range all {
			if a.path != v.PathValue("do") {
				continue
			}
			d := &doing{Frame: v.frame(a.text + " " + name + " " + version), Form: view.TypeForm(a.action+actionNouns[kind], v.Domain, kind, name, version), Button: a.text}
			d.Back, d.Next, d.Tells = view.Link{Text: name + " " + version, Href: at}, always(at), "type-"+a.path
			switch a.path {
			case "deprecate":
				d.Danger, d.Lead = true, "Nothing of this type can be started any more. What is open goes on."
			case "delete":
				d.Danger, d.Lead = true, "The type is gone for good, and its name and version are free again. What is open goes on."
				d.Next = always(v.place().Of("types", kind))
			default:
				d.Lead = "Executions and tasks of this type can be started again."
			}
			return v.do(d)
		}
	}
	return nil, &fault.Fault{Code: "UnknownResourceFault", Message: "That can't be done with a type."}
}
