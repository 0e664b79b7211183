package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/console/view"
	operator "heddle/internal/operator/wire"
	"heddle/internal/swf/wire"
)

// batchDoing is something that a batch does.
type batchDoing struct{ Action, Word, Says string }

// batchDoings are what batches do, by the word that stands in addresses.
var batchDoings = []batchDoing{
	{operator.BatchActionSignalWorkflowExecution, "signal", "Signal"},
	{operator.BatchActionRequestCancelWorkflowExecution, "cancel", "Try to cancel"},
	{operator.BatchActionTerminateWorkflowExecution, "terminate", "Terminate"},
}

// machineBatchDoings are what batches do to executions of a state machine.
var machineBatchDoings = []batchDoing{
	{operator.BatchActionStopExecution, "abort", "Stop"},
	{operator.BatchActionRedriveExecution, "redrive", "Redrive"},
}

func doingOf(action string) batchDoing {
	for _, d := range slices.Concat(batchDoings, machineBatchDoings) {
		if d.Action == action {
			return d
		}
	}
	return batchDoings[0]
}

// batchPlace is what executions of batches are in: a domain, or a state machine.
type batchPlace struct {
	domain, machine *string
	List, New       string // paths: of all batches there, and to begin one
	Back            view.Link
	Doings          []batchDoing
}

func (v *visit) batchPlace() batchPlace {
	if name := v.PathValue("machine"); name != "" {
		of, list := v.machineARN(), view.Path(v.Region)+"/-states/batches/"+url.PathEscape(name)
		return batchPlace{machine: &of, List: list, New: list + "/-batch", Back: view.Link{Text: name, Href: view.MachinePath(v.Region, name)}, Doings: machineBatchDoings}
	}
	base := v.place().Of("executions")
	return batchPlace{domain: &v.Domain, List: base + "/-batches", New: base + "/-batch", Back: view.Link{Text: "Executions", Href: base}, Doings: batchDoings}
}

// IsMachine tells templates whether it is a state machine.
func (p batchPlace) IsMachine() bool { return p.machine != nil }

// Of is the page of a batch.
func (p batchPlace) Of(id string) string { return p.List + "/" + url.PathEscape(id) }

// Execution is the page of an execution that was found.
func (p batchPlace) Execution(region string, e operator.ExecutionRef) string {
	if p.IsMachine() {
		machine, name := view.MachineOf(text(e.ExecutionARN))
		return view.MachinePath(region, machine, name)
	}
	return view.Place{Region: region, Domain: *p.domain}.Execution(text(e.WorkflowID), text(e.RunID))
}

// NameOf is what an execution is called there.
func (p batchPlace) NameOf(e operator.ExecutionRef) string {
	if p.IsMachine() {
		_, name := view.MachineOf(text(e.ExecutionARN))
		return name
	}
	return text(e.WorkflowID)
}

// Needs is what policies must allow to who begins a batch there.
func (p batchPlace) Needs(action string) string {
	if p.IsMachine() {
		return "states:" + action + " and states:ListExecutions"
	}
	return "swf:" + action + " and swf:ListOpenWorkflowExecutions"
}

type newBatchView struct {
	Frame
	Place                   batchPlace
	Filter                  filter
	Prefix, Part            string
	Failed                  string   // how executions closed that are to go on
	Closings                []string // as they may have
	Doing                   batchDoing
	Once                    string // has the form begin one batch, however often it is sent
	Error, Cause            string
	Policies                []string
	Reason, Details, Policy string
	Signal, Input           string
	AsIs                    bool
	Found                   *tally // how many there are; nil: nobody has counted
	Some                    []operator.FoundExecution
	Now                     wire.Timestamp
	Wrong, Barred, Shown    string
}

const (
	// countedMax is up to how many executions are counted before a batch.
	countedMax = 10_000
	// someShown is how many of them are shown.
	someShown = 5
)

// closings are how executions of a state machine close that may be redriven, the usual first.
var closings = []string{operator.CloseStatusFailed, operator.CloseStatusTimedOut, operator.CloseStatusAborted}

// newBatch is the way to a batch: which executions it is about, how many that are, and what is
// to be done to them; and begins it.
func (v *visit) newBatch() (*answer, error) {
	if v.Method == http.MethodPost {
		if err := v.ParseForm(); err != nil {
			return nil, fault.Invalid("The form can't be read: it may be too large.")
		}
	}
	x := &newBatchView{Frame: v.frame("Do to many"), Place: v.batchPlace(), Closings: closings}
	x.Filter, x.Wrong = v.readFilter()
	x.Filter.Status, x.Prefix, x.Part = "open", v.FormValue("prefix"), v.FormValue("part")
	if x.Failed = closings[0]; slices.Contains(closings, v.FormValue("closed")) {
		x.Failed = v.FormValue("closed")
	}
	if x.Once = v.FormValue("once"); x.Once == "" {
		x.Once = rand.Text()
	}
	x.Error, x.Cause = v.FormValue("error"), lined(v.FormValue("cause"))
	x.Doing = x.Place.Doings[0]
	for _, d := range x.Place.Doings {
		if d.Word == v.FormValue("do") {
			x.Doing = d
		}
	}
	x.Policies = []string{operator.BatchChildPolicyTerminate, operator.BatchChildPolicyRequestCancel, operator.BatchChildPolicyAbandon}
	x.Reason, x.Details, x.Policy = v.FormValue("reason"), lined(v.FormValue("details")), v.FormValue("childPolicy")
	x.Signal, x.Input, x.AsIs = v.FormValue("signalName"), lined(v.FormValue("input")), v.FormValue("as-is") != ""
	wrong := &answer{template: "newbatch", view: x, status: http.StatusBadRequest}
	if x.Wrong != "" {
		return wrong, nil
	}
	in := v.batchOf(x)
	asked := *in
	if asked.SignalName == nil && x.Doing.Word == "signal" {
		asked.SignalName = &x.Doing.Word // whether he may does not depend on it
	}
	if v.barred("heddle", "StartBatch", &asked) != "" {
		x.Barred = x.Place.Needs(x.Doing.Action)
	}
	if v.Method == http.MethodPost {
		x.Wrong = (&view.Form{Fields: []view.Field{{Label: "Input", Kind: view.Data, Value: x.Input}, {Label: "Details", Kind: view.Data, Value: x.Details}}}).Wrong(x.AsIs)
		if x.Wrong == "" {
			out, err := call[operator.StartBatchOutput](v, "heddle", "StartBatch", in)
			if err == nil {
				return goesTo(x.Place.Of(out.BatchID), "batch-started"), nil
			}
			f, ok := errors.AsType[*fault.Fault](err)
			if !ok {
				return nil, err
			}
			x.Wrong = f.Message + " (" + f.Name() + ")"
			wrong.status, _ = statusOf(f)
		}
	}
	if err := v.preview(x, in); err != nil {
		return nil, err
	}
	x.Shown = v.batchCommand(in)
	if x.Wrong != "" {
		return wrong, nil
	}
	return shows("newbatch", x), nil
}

// lined is a text with lines as they are kept: browsers send CR LF.
func lined(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// batchOf is what a form orders.
func (v *visit) batchOf(x *newBatchView) *operator.StartBatchInput {
	given := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	f := &x.Filter
	in := &operator.StartBatchInput{Action: x.Doing.Action, Search: operator.BatchSearch{
		Domain: x.Place.domain, StateMachineARN: x.Place.machine, WorkflowID: given(f.ID), WorkflowIdPrefix: given(x.Prefix), WorkflowIdPart: given(x.Part), TypeName: given(f.Type), TypeVersion: given(f.Version), Tag: given(f.Tag),
	}}
	if f.hasFrom {
		in.Search.StartedFrom = &f.from
	}
	if f.hasTo {
		in.Search.StartedTo = &f.to
	}
	switch x.Doing.Word {
	case "signal":
		in.SignalName, in.Input = given(x.Signal), given(x.Input)
	case "abort":
		in.Error, in.Cause = given(x.Error), given(x.Cause)
	case "redrive":
		in.Search.CloseStatus = given(x.Failed)
	case "terminate":
		in.Reason, in.Details, in.ChildPolicy = given(x.Reason), given(x.Details), given(x.Policy)
	}
	if v.Method == http.MethodPost {
		in.ClientToken = given(x.Once)
	}
	// What was said as how long ago is a moment from here on.
	f.From, f.To = momentText(in.Search.StartedFrom), momentText(in.Search.StartedTo)
	return in
}

func momentText(t *wire.Timestamp) string {
	if t == nil {
		return ""
	}
	return timeOf(*t).Format(timeForms[0])
}

// preview counts what a batch would be done to, and shows some of it.
func (v *visit) preview(x *newBatchView, of *operator.StartBatchInput) error {
	size, s, status := int64(1000), &of.Search, operator.SearchStatusOpen
	if s.CloseStatus != nil {
		status = operator.SearchStatusClosed
	}
	in := &operator.SearchExecutionsInput{
		Domain: s.Domain, StateMachineARN: s.StateMachineARN, Status: status, CloseStatus: s.CloseStatus, WorkflowID: s.WorkflowID, WorkflowIdPrefix: s.WorkflowIdPrefix, WorkflowIdPart: s.WorkflowIdPart,
		TypeName: s.TypeName, TypeVersion: s.TypeVersion, Tag: s.Tag, StartedFrom: s.StartedFrom, StartedTo: s.StartedTo, MaximumPageSize: &size,
	}
	found, looked := tally{More: true}, int64(0)
	for found.More && found.N < countedMax && looked < countedMax {
		out, err := call[operator.SearchExecutionsOutput](v, "heddle", "SearchExecutions", in)
		if denied(err) {
			found.Barred = true
			break
		}
		if f, ok := errors.AsType[*fault.Fault](err); ok && x.Wrong == "" {
			x.Wrong = f.Message
			return nil
		}
		if err != nil {
			return err
		}
		if x.Some == nil {
			x.Some, x.Now = out.Executions[:min(len(out.Executions), someShown)], out.ServerTimestamp
		}
		found.N += int64(len(out.Executions))
		looked += out.LookedAt
		in.NextPageToken, found.More = out.NextPageToken, out.NextPageToken != nil
	}
	x.Found = &found
	return nil
}

// batchCommand is the same on the command line.
func (v *visit) batchCommand(in *operator.StartBatchInput) string {
	words := []string{"heddle batch", doingOf(in.Action).Word, "--region", view.Quoted(v.Region)}
	for _, o := range []struct {
		name  string
		value *string
	}{
		{"domain", in.Search.Domain}, {"machine", in.Search.StateMachineARN}, {"failed", in.Search.CloseStatus}, {"error", in.Error}, {"cause", in.Cause},
		{"id", in.Search.WorkflowID}, {"prefix", in.Search.WorkflowIdPrefix}, {"part", in.Search.WorkflowIdPart}, {"type", in.Search.TypeName}, {"type-version", in.Search.TypeVersion},
		{"tag", in.Search.Tag}, {"name", in.SignalName}, {"input", in.Input}, {"reason", in.Reason}, {"details", in.Details}, {"child-policy", in.ChildPolicy},
	} {
		if o.value != nil {
			words = append(words, "--"+o.name+"="+view.Quoted(*o.value))
		}
	}
	if in.Search.StartedFrom != nil {
		words = append(words, "--from", momentText(in.Search.StartedFrom))
	}
	if in.Search.StartedTo != nil {
		words = append(words, "--to", momentText(in.Search.StartedTo))
	}
	return strings.Join(words, " ")
}

type batchesView struct {
	Frame
	Place batchPlace
	Rows  []operator.Batch
	Now   wire.Timestamp
	New   button
}

// batches shows those of a domain or a state machine.
func (v *visit) batches() (*answer, error) {
	p := v.batchPlace()
	out, err := call[operator.ListBatchesOutput](v, "heddle", "ListBatches", &operator.ListBatchesInput{Domain: p.domain, StateMachineARN: p.machine})
	if err != nil {
		return nil, err
	}
	if size := int64(1); p.IsMachine() && len(out.Batches) == 0 { // there may be none of its executions: of an express machine, or one that is not there
		_, err := call[operator.SearchExecutionsOutput](v, "heddle", "SearchExecutions", &operator.SearchExecutionsInput{StateMachineARN: p.machine, Status: operator.SearchStatusOpen, MaximumPageSize: &size})
		if err != nil && !denied(err) {
			return nil, err
		}
	}
	return refreshes("batches", &batchesView{v.frame("Batches"), p, out.Batches, out.ServerTimestamp, v.newsBatch("")}), nil
}

// newsBatch is the button that leads to a new batch, of what a query finds.
func (v *visit) newsBatch(query string) button {
	p := v.batchPlace()
	b := button{Path: p.New + query}
	for _, d := range p.Doings {
		in := &operator.StartBatchInput{Action: d.Action, Search: operator.BatchSearch{Domain: p.domain, StateMachineARN: p.machine}}
		if d.Word == "signal" {
			in.SignalName = &d.Word
		}
		if b.Barred = v.barred("heddle", "StartBatch", in); b.Barred == "" {
			return b
		}
	}
	b.Barred = p.Needs(p.Doings[0].Action)
	return b
}

// fact is a name and what is known by it.
type fact struct{ Name, Value string }

type batchView struct {
	Frame
	Place  batchPlace
	Batch  *operator.Batch
	Doing  batchDoing
	Where  []fact
	Now    wire.Timestamp
	Follow string // where to ask how far it is; empty: it has ended
	Stop   button
}

// batch shows how far one is.
func (v *visit) batch() (*answer, error) {
	p := v.batchPlace()
	out, err := call[operator.DescribeBatchOutput](v, "heddle", "DescribeBatch", &operator.DescribeBatchInput{Domain: p.domain, StateMachineARN: p.machine, BatchID: v.named("batch")})
	if err != nil {
		return nil, err
	}
	b := &out.Batch
	x := &batchView{Frame: v.frame("Batch " + b.BatchID), Place: p, Batch: b, Doing: doingOf(b.Order.Action), Now: out.ServerTimestamp}
	if b.EndTimestamp != nil {
		x.Now = *b.EndTimestamp
	}
	s, id := &b.Order.Search, "workflowId"
	if p.IsMachine() {
		id = "Name"
	}
	for _, w := range []struct {
		name  string
		value *string
	}{
		{id, s.WorkflowID}, {id + " begins with", s.WorkflowIdPrefix}, {id + " has", s.WorkflowIdPart}, {"Closed as", s.CloseStatus}, {"Error", b.Order.Error}, {"Cause", b.Order.Cause}, {"Type", s.TypeName}, {"Version", s.TypeVersion}, {"Tag", s.Tag},
		{"Signal", b.Order.SignalName}, {"Reason", b.Order.Reason}, {"Child policy", b.Order.ChildPolicy}, {"Input", b.Order.Input}, {"Details", b.Order.Details},
	} {
		if w.value != nil {
			x.Where = append(x.Where, fact{w.name, short(*w.value, 2000)})
		}
	}
	at := p.Of(b.BatchID)
	if b.Status == operator.BatchStatusRunning {
		x.Follow, x.Stop.Path = at, at+"/-stop"
		if v.barred("heddle", "StopBatch", &operator.StopBatchInput{Domain: p.domain, StateMachineARN: p.machine, BatchID: b.BatchID}) != "" {
			x.Stop.Barred = map[bool]string{true: "states:", false: "swf:"}[p.IsMachine()] + b.Order.Action
		}
	}
	return refreshes("batch", x), nil
}

// stopBatch stops one.
func (v *visit) stopBatch() (*answer, error) {
	id, p := v.named("batch"), v.batchPlace()
	if _, err := call[operator.StopBatchOutput](v, "heddle", "StopBatch", &operator.StopBatchInput{Domain: p.domain, StateMachineARN: p.machine, BatchID: id}); err != nil {
		return nil, err
	}
	return goesTo(p.Of(id), "batch-stopped"), nil
}

// Command is how one has all go on that have failed.
func (x *batchesView) Command() string {
	return "heddle batch redrive --machine " + view.Quoted(text(x.Place.machine))
}
