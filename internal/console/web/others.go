package web

import (
	"strings"

	operator "heddle/internal/operator/wire"
	"heddle/internal/swf/wire"
)

type listsView struct {
	Frame
	Rows []operator.TaskListSummary
	Now  wire.Timestamp
	Next string
}

// lists shows the task lists of a domain.
func (v *visit) lists() (*answer, error) {
	size := int64(rowsPage)
	out, err := call[operator.ListTaskListsOutput](v, "heddle", "ListTaskLists", &operator.ListTaskListsInput{
		Service: "swf", Domain: &v.Domain, MaximumPageSize: &size, NextPageToken: v.text("after"),
	})
	if err != nil {
		return nil, err
	}
	view := &listsView{Frame: v.frame("Task lists"), Rows: out.TaskLists, Now: out.ServerTimestamp}
	if out.NextPageToken != nil {
		view.Next = v.again("after", *out.NextPageToken)
	}
	return refreshes("lists", view), nil
}

type listView struct {
	Frame
	*operator.DescribeTaskListOutput
}

// list shows a task list: who polls it, and its oldest tasks.
func (v *visit) list() (*answer, error) {
	out, err := call[operator.DescribeTaskListOutput](v, "heddle", "DescribeTaskList", &operator.DescribeTaskListInput{
		Service: "swf", Domain: &v.Domain, Kind: v.named("kind"), Name: v.named("list"),
	})
	if err != nil {
		return nil, err
	}
	return refreshes("list", &listView{v.frame(out.TaskList.Name), out}), nil
}

type serverView struct {
	Frame
	*operator.GetServerStatusOutput
	Sparks []spark
	Vacant int64 // shards that nobody serves
	// Losses are of shards that are shut, for they lack steps which were acknowledged. Unread: they are
	// not known, as when the database does not answer.
	Losses []loss
	Unread bool
}

type loss struct {
	operator.Loss
	Lacks int64
}

// server shows how the server is.
func (v *visit) server() (*answer, error) {
	out, err := call[operator.GetServerStatusOutput](v, "heddle", "GetServerStatus", &operator.GetServerStatusInput{})
	if err != nil {
		return nil, err
	}
	sparks, err := v.sparks("")
	if err != nil {
		return nil, err
	}
	view := &serverView{Frame: v.frame("Server"), GetServerStatusOutput: out, Sparks: sparks}
	if out.ShardsVacant != nil {
		view.Vacant = *out.ShardsVacant
	}
	if in := (&operator.ListLossesInput{}); v.barred("heddle", "ListLosses", in) == "" {
		lost, err := call[operator.ListLossesOutput](v, "heddle", "ListLosses", in)
		if view.Unread = err != nil; !view.Unread {
			for _, l := range lost.Losses {
				view.Losses = append(view.Losses, loss{l, l.Acknowledged - l.Has})
			}
		}
	}
	return refreshes("server", view), nil
}

type refusalsView struct {
	Frame
	Find string
	Rows []operator.Refusal
	More bool // more were found than are shown
}

// refusals shows the calls that were refused lately.
func (v *visit) refusals() (*answer, error) {
	out, err := call[operator.ListRefusalsOutput](v, "heddle", "ListRefusals", &operator.ListRefusalsInput{})
	if err != nil {
		return nil, err
	}
	view := &refusalsView{Frame: v.frame("Refusals"), Find: strings.TrimSpace(v.FormValue("find"))}
	for _, r := range out.Refusals {
		said := strings.Join([]string{r.Action, r.Code, r.Message, text(r.Principal), text(r.Address), text(r.Resource), text(r.AccessKeyID)}, "\n")
		if r.Execution != nil {
			said += "\n" + text(r.Execution.WorkflowID)
		}
		if !strings.Contains(strings.ToLower(said), strings.ToLower(view.Find)) {
			continue
		}
		if len(view.Rows) == rowsPage {
			view.More = true
			break
		}
		view.Rows = append(view.Rows, r)
	}
	return shows("refusals", view), nil
}

type youView struct {
	Frame
	Principal, Key, Account string
	Session                 bool
	Since, Until            wire.Timestamp
	About                   string // domain that is asked about
	May                     []permitted
}

type permitted struct{ Action, Barred string }

// you shows who the visitor is, and what he may do.
func (v *visit) you() (*answer, error) {
	view := &youView{
		Frame: v.frame("You"), Principal: v.who.Principal.ARN, Key: v.who.KeyID, Account: v.who.Account, Session: v.who.Session, About: v.FormValue("about"),
	}
	if v.who.Principal.Session != "" {
		view.Principal = v.who.Principal.Session
	}
	if v.session != nil {
		view.Since, view.Until = wire.Timestamp(v.session.since.UnixMilli()), wire.Timestamp(v.session.since.Add(sessionMax).UnixMilli())
	}
	ask := func(service, action string, in any) {
		view.May = append(view.May, permitted{service + ":" + action, v.barred(service, action, in)})
	}
	ask("swf", "ListDomains", &wire.ListDomainsInput{RegistrationStatus: wire.RegistrationStatusRegistered})
	ask("heddle", "ListRefusals", &operator.ListRefusalsInput{})
	ask("heddle", "GetServerStatus", &operator.GetServerStatusInput{})
	if d := view.About; d != "" {
		ask("swf", "RegisterDomain", &wire.RegisterDomainInput{Name: d})
		ask("swf", "DescribeDomain", &wire.DescribeDomainInput{Name: d})
		ask("swf", "ListOpenWorkflowExecutions", &wire.ListOpenWorkflowExecutionsInput{Domain: d})
		ask("swf", "ListClosedWorkflowExecutions", &wire.ListClosedWorkflowExecutionsInput{Domain: d})
		ask("swf", "DescribeWorkflowExecution", &wire.DescribeWorkflowExecutionInput{Domain: d})
		ask("swf", "GetWorkflowExecutionHistory", &wire.GetWorkflowExecutionHistoryInput{Domain: d})
		ask("swf", "StartWorkflowExecution", &wire.StartWorkflowExecutionInput{Domain: d})
		ask("swf", "SignalWorkflowExecution", &wire.SignalWorkflowExecutionInput{Domain: d})
		ask("swf", "RequestCancelWorkflowExecution", &wire.RequestCancelWorkflowExecutionInput{Domain: d})
		ask("swf", "TerminateWorkflowExecution", &wire.TerminateWorkflowExecutionInput{Domain: d})
		ask("heddle", "ListTaskLists", &operator.ListTaskListsInput{Service: "swf", Domain: &d})
	}
	return shows("you", view), nil
}
