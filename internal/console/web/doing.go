package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-faster/jx"

	"heddle/internal/aws/fault"
	"heddle/internal/console/view"
	machines "heddle/internal/sfn/wire"
	"heddle/internal/swf/wire"
)

// input is what an action takes.
type input interface {
	Decode(*jx.Decoder) error
	Validate() error
}

// inputs are those of the actions that pages have forms for.
var inputs = map[string]func() input{
	"StartWorkflowExecution":         func() input { return &wire.StartWorkflowExecutionInput{} },
	"SignalWorkflowExecution":        func() input { return &wire.SignalWorkflowExecutionInput{} },
	"RequestCancelWorkflowExecution": func() input { return &wire.RequestCancelWorkflowExecutionInput{} },
	"TerminateWorkflowExecution":     func() input { return &wire.TerminateWorkflowExecutionInput{} },
	"RegisterDomain":                 func() input { return &wire.RegisterDomainInput{} },
	"DeprecateDomain":                func() input { return &wire.DeprecateDomainInput{} },
	"UndeprecateDomain":              func() input { return &wire.UndeprecateDomainInput{} },
	"RegisterWorkflowType":           func() input { return &wire.RegisterWorkflowTypeInput{} },
	"DeprecateWorkflowType":          func() input { return &wire.DeprecateWorkflowTypeInput{} },
	"UndeprecateWorkflowType":        func() input { return &wire.UndeprecateWorkflowTypeInput{} },
	"DeleteWorkflowType":             func() input { return &wire.DeleteWorkflowTypeInput{} },
	"RegisterActivityType":           func() input { return &wire.RegisterActivityTypeInput{} },
	"DeprecateActivityType":          func() input { return &wire.DeprecateActivityTypeInput{} },
	"UndeprecateActivityType":        func() input { return &wire.UndeprecateActivityTypeInput{} },
	"StartExecution":                 func() input { return &machines.StartExecutionInput{} },
	"StopExecution":                  func() input { return &machines.StopExecutionInput{} },
	"RedriveExecution":               func() input { return &machines.RedriveExecutionInput{} },
	"UpdateMapRun":                   func() input { return &machines.UpdateMapRunInput{} },
	"TestState":                      func() input { return &machines.TestStateInput{} },
	"DeleteActivityType":             func() input { return &wire.DeleteActivityTypeInput{} },
}

// inputOf is what a form's action takes.
func inputOf(f *view.Form) (input, error) {
	in := inputs[f.Action]()
	if err := in.Decode(jx.DecodeBytes(f.Body())); err != nil {
		return nil, fmt.Errorf("read the form of %s: %w", f.Action, err)
	}
	return in, nil
}

// doing is a page that does something: it says what, takes its fields, and leads on when it
// is done.
type doing struct {
	Frame
	*view.Form
	Lead   string
	Button string
	Danger bool
	Back   view.Link
	Tells  string // it was done: by its name in doings
	// Next is where to go when it is done, which the answer may tell; "": Below shows it.
	Next func(out any) string

	Above  any    // what its template shows above the fields
	Below  any    // what its template shows below them, of what came out
	Wrong  string // why it was not done
	Barred string // why it can't be
	Shown  string // the same as a command
	AsIs   bool   // what looks like JSON need be none
	Asks   bool   // whether it may be said that it is to be sent as it is
}

// do shows the page, or does what was sent.
func (v *visit) do(d *doing) (*answer, error) {
	d.Fill(v.URL.Query())
	if v.Method == http.MethodPost {
		if err := v.ParseForm(); err != nil {
			return nil, fault.Invalid("The form can't be read: it may be too large.")
		}
		d.Fill(v.PostForm)
	}
	for _, f := range d.Fields {
		d.Asks = d.Asks || f.Kind == view.Data
	}
	wrong := &answer{template: "doing", view: d, status: http.StatusBadRequest}
	in, err := inputOf(d.Form)
	if err != nil {
		d.Wrong = "That can't be read: " + err.Error()
		return wrong, nil
	}
	if v.barred(d.Service, d.Action, in) != "" {
		d.Barred = d.Service + ":" + d.Action
	}
	if v.Method != http.MethodPost {
		return shows("doing", d), nil
	}
	d.AsIs = v.PostForm.Get("as-is") != ""
	if v.PostForm.Get("as") == "command" {
		if d.Shown = d.CLI(v.Region); d.Shown == "" {
			d.Wrong = "The AWS CLI would take a value for the name of a file, so there is no such command."
			return wrong, nil
		}
		return shows("doing", d), nil
	}
	if d.Wrong = d.Form.Wrong(d.AsIs); d.Wrong != "" {
		return wrong, nil
	}
	out, err := v.Calls.Call(v.Context(), &v.caller, d.Service, d.Action, in)
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		d.Wrong = f.Name()
		if f.Message != "" {
			d.Wrong = f.Message + " (" + f.Name() + ")"
		}
		wrong.status, _ = statusOf(f)
		return wrong, nil
	}
	if err != nil {
		return nil, err
	}
	next := d.Next(out)
	if next == "" {
		return shows("doing", d), nil
	}
	return goesTo(next, d.Tells), nil
}

// always leads to one place.
func always(path string) func(any) string { return func(any) string { return path } }

// ofExecution is a page that does something with the execution that the path names.
func (v *visit) ofExecution(title string, form func(domain, workflowID, runID string) *view.Form) *doing {
	of := v.executionOf()
	at := v.place().Execution(of.WorkflowID, of.RunID)
	return &doing{Frame: v.frame(title), Form: form(v.Domain, of.WorkflowID, of.RunID), Button: title, Back: view.Link{Text: of.WorkflowID, Href: at}, Next: always(at)}
}

func (v *visit) signal() (*answer, error) {
	d := v.ofExecution("Signal", view.SignalForm)
	d.Lead, d.Tells = "Its decider gets a decision task that shows the signal.", "signaled"
	return v.do(d)
}

func (v *visit) cancel() (*answer, error) {
	d := v.ofExecution("Try to cancel", view.CancelForm)
	d.Lead, d.Tells = "Its decider is asked to cancel it, and may clean up before, or decide otherwise.", "asked"
	return v.do(d)
}

func (v *visit) terminate() (*answer, error) {
	d := v.ofExecution("Terminate", view.TerminateForm)
	d.Lead, d.Tells, d.Danger = "It closes at once, and its decider is not asked.", "terminated", true
	return v.do(d)
}

// start starts an execution: with nothing given, or what the address gives.
func (v *visit) start() (*answer, error) {
	d := v.starting(view.StartForm(v.Domain))
	return v.do(d)
}

// rerun starts an execution with all that another one was started with.
func (v *visit) rerun() (*answer, error) {
	of := v.executionOf()
	raw, err := v.historyPage(&wire.GetWorkflowExecutionHistoryInput{Domain: v.Domain, Execution: of, MaximumPageSize: &one})
	if err != nil {
		return nil, err
	}
	form := view.StartForm(v.Domain)
	if err := view.FillAgain(form, of.WorkflowID, raw); err != nil {
		return nil, err
	}
	d := v.starting(form)
	d.Frame.Title = "Re-run"
	d.Lead = "A new execution, with all that this one was started with. No open execution may have its workflowId."
	d.Back = view.Link{Text: of.WorkflowID, Href: v.place().Execution(of.WorkflowID, of.RunID)}
	return v.do(d)
}

var one = int64(1)

// typesOffered is how many types a form offers.
var typesOffered = int64(200)

func (v *visit) starting(form *view.Form) *doing {
	d := &doing{Frame: v.frame("Start an execution"), Form: form, Button: "Start", Tells: "started"}
	d.Back = view.Link{Text: "Executions", Href: v.place().Of("executions")}
	d.Next = func(out any) string {
		run, _ := out.(*wire.Run)
		id := form.Value("workflowId")
		if run == nil || run.RunID == nil {
			return v.place().Of("executions", id)
		}
		return v.place().Execution(id, *run.RunID)
	}
	form.Fill(v.URL.Query())
	types, err := call[wire.WorkflowTypeInfos](v, "swf", "ListWorkflowTypes", &wire.ListWorkflowTypesInput{
		Domain: v.Domain, RegistrationStatus: wire.RegistrationStatusRegistered, MaximumPageSize: &typesOffered,
	})
	offered := []view.Link{}
	if err == nil { // who may not list them writes their names
		for _, t := range types.TypeInfos {
			name, version := t.WorkflowType.Name, t.WorkflowType.Version
			offered = append(offered, view.Link{
				Text: name + " " + version, Href: v.place().Of("executions") + "/-start?" + view.Parameters("workflowType.name", name, "workflowType.version", version),
				Here: name == form.Value("workflowType.name") && version == form.Value("workflowType.version"),
			})
		}
	}
	d.Above = offered
	if name, version := form.Value("workflowType.name"), form.Value("workflowType.version"); name != "" && version != "" {
		described, err := call[wire.WorkflowTypeDetail](v, "swf", "DescribeWorkflowType", &wire.DescribeWorkflowTypeInput{
			Domain: v.Domain, WorkflowType: wire.WorkflowType{Name: name, Version: version},
		})
		if err == nil {
			c := &described.Configuration
			if c.DefaultTaskList != nil {
				form.Hint("taskList.name", "default: "+c.DefaultTaskList.Name)
			}
			for member, value := range map[string]*string{
				"taskPriority": c.DefaultTaskPriority, "executionStartToCloseTimeout": c.DefaultExecutionStartToCloseTimeout,
				"taskStartToCloseTimeout": c.DefaultTaskStartToCloseTimeout, "childPolicy": c.DefaultChildPolicy, "lambdaRole": c.DefaultLambdaRole,
			} {
				if value != nil {
					form.Hint(member, "default: "+*value)
				}
			}
		}
	}
	return d
}

// registerDomain registers a domain.
func (v *visit) registerDomain() (*answer, error) {
	d := &doing{Frame: v.frame("Register a domain"), Form: view.RegisterDomainForm(), Button: "Register", Tells: "domain-registered"}
	d.Back, d.Next = view.Link{Text: "Domains", Href: pathOf(v.Region, "")}, func(any) string { return pathOf(v.Region, d.Form.Value("name")) }
	return v.do(d)
}

func (v *visit) ofDomain(title, action, done string) *doing {
	at := v.place().Of()
	return &doing{
		Frame: v.frame(title), Form: view.DomainForm(action, v.Domain), Button: title, Tells: done, Back: view.Link{Text: v.Domain, Href: at}, Next: always(at),
	}
}

func (v *visit) deprecateDomain() (*answer, error) {
	d := v.ofDomain("Deprecate", "DeprecateDomain", "domain-deprecated")
	d.Danger, d.Lead = true, "Nothing new can be started or registered in it, and its types are deprecated with it. What is open goes on."
	return v.do(d)
}

func (v *visit) undeprecateDomain() (*answer, error) {
	d := v.ofDomain("Undeprecate", "UndeprecateDomain", "domain-undeprecated")
	d.Lead = "Executions can be started in it again, and types registered."
	return v.do(d)
}

// button leads to a page that does something; Barred: the permission for it that the visitor
// lacks.
type button struct{ Path, Barred string }

// buttonOf is the button that leads to the page of a form.
func (v *visit) buttonOf(path string, form *view.Form) button {
	b := button{Path: path}
	if in, err := inputOf(form); err == nil && v.barred(form.Service, form.Action, in) != "" {
		b.Barred = form.Service + ":" + form.Action
	}
	return b
}

// starts is the button that leads to the form by which executions are started.
func (v *visit) starts() button {
	form := view.StartForm(v.Domain)
	for _, name := range []string{"workflowId", "workflowType.name", "workflowType.version"} {
		form.Set(name, "any")
	}
	return v.buttonOf(v.place().Of("executions")+"/-start", form)
}

func (v *visit) registersDomain() button {
	form := view.RegisterDomainForm()
	form.Set("name", "any")
	return v.buttonOf(pathOf(v.Region)+"/-register", form)
}

// changesDomain is the button that deprecates a domain, or undeprecates it, and its text.
func (v *visit) changesDomain(status string) (b button, text string) {
	if status == wire.RegistrationStatusDeprecated {
		return v.buttonOf(v.place().Of()+"/-undeprecate", view.DomainForm("UndeprecateDomain", v.Domain)), "Undeprecate"
	}
	return v.buttonOf(v.place().Of()+"/-deprecate", view.DomainForm("DeprecateDomain", v.Domain)), "Deprecate"
}
