package web

import (
	"errors"
	"net/http"
	"net/url"
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

func doingOf(action string) batchDoing {
	for _, d := range batchDoings {
		if d.Action == action {
			return d
		}
	}
	return batchDoings[0]
}

type newBatchView struct {
	Frame
	Back                    view.Link
	Filter                  filter
	Prefix, Part            string
	Doing                   batchDoing
	Doings                  []batchDoing
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

// newBatch is the way to a batch: which executions it is about, how many that are, and what is
// to be done to them; and begins it.
func (v *visit) newBatch() (*answer, error) {
	if v.Method == http.MethodPost {
		if err := v.ParseForm(); err != nil {
			return nil, fault.Invalid("The form can't be read: it may be too large.")
		}
	}
	x := &newBatchView{Frame: v.frame("Do to many"), Back: view.Link{Text: "Executions", Href: v.place().Of("executions")}, Doings: batchDoings}
	x.Filter, x.Wrong = v.readFilter()
	x.Filter.Status, x.Prefix, x.Part = "open", v.FormValue("prefix"), v.FormValue("part")
	x.Doing = batchDoings[0]
	for _, d := range batchDoings {
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
		x.Barred = "swf:" + x.Doing.Action + " and swf:ListOpenWorkflowExecutions"
	}
	if v.Method == http.MethodPost {
		x.Wrong = (&view.Form{Fields: []view.Field{{Label: "Input", Kind: view.Data, Value: x.Input}, {Label: "Details", Kind: view.Data, Value: x.Details}}}).Wrong(x.AsIs)
		if x.Wrong == "" {
			out, err := call[operator.StartBatchOutput](v, "heddle", "StartBatch", in)
			if err == nil {
				return goesTo(v.placeOfBatch(out.BatchID), "batch-started"), nil
			}
			f, ok := errors.AsType[*fault.Fault](err)
			if !ok {
				return nil, err
			}
			x.Wrong = f.Message + " (" + f.Name() + ")"
			wrong.status, _ = statusOf(f)
		}
	}
	if err := v.preview(x, &in.Search); err != nil {
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
		Domain: v.Domain, WorkflowID: given(f.ID), WorkflowIdPrefix: given(x.Prefix), WorkflowIdPart: given(x.Part), TypeName: given(f.Type), TypeVersion: given(f.Version), Tag: given(f.Tag),
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
	case "terminate":
		in.Reason, in.Details, in.ChildPolicy = given(x.Reason), given(x.Details), given(x.Policy)
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
func (v *visit) preview(x *newBatchView, s *operator.BatchSearch) error {
	size := int64(1000)
	in := &operator.SearchExecutionsInput{
		Domain: s.Domain, Status: operator.SearchStatusOpen, WorkflowID: s.WorkflowID, WorkflowIdPrefix: s.WorkflowIdPrefix, WorkflowIdPart: s.WorkflowIdPart,
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
	words := []string{"heddle batch", doingOf(in.Action).Word, "--region", view.Quoted(v.Region), "--domain", view.Quoted(in.Search.Domain)}
	for _, o := range []struct {
		name  string
		value *string
	}{
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

// placeOfBatch is the page of a batch.
func (v *visit) placeOfBatch(id string) string {
	return v.place().Of("executions") + "/-batches/" + url.PathEscape(id)
}

type batchesView struct {
	Frame
	Rows []operator.Batch
	Now  wire.Timestamp
	New  button
}

// batches shows those of a domain.
func (v *visit) batches() (*answer, error) {
	out, err := call[operator.ListBatchesOutput](v, "heddle", "ListBatches", &operator.ListBatchesInput{Domain: v.Domain})
	if err != nil {
		return nil, err
	}
	return refreshes("batches", &batchesView{v.frame("Batches"), out.Batches, out.ServerTimestamp, v.newsBatch("")}), nil
}

// newsBatch is the button that leads to a new batch, of what a query finds.
func (v *visit) newsBatch(query string) button {
	b := button{Path: v.place().Of("executions") + "/-batch" + query}
	for _, d := range batchDoings {
		in := &operator.StartBatchInput{Action: d.Action, Search: operator.BatchSearch{Domain: v.Domain}}
		if d.Word == "signal" {
			in.SignalName = &d.Word
		}
		if b.Barred = v.barred("heddle", "StartBatch", in); b.Barred == "" {
			return b
		}
	}
	b.Barred = "swf:SignalWorkflowExecution"
	return b
}

// fact is a name and what is known by it.
type fact struct{ Name, Value string }

type batchView struct {
	Frame
	Batch  *operator.Batch
	Doing  batchDoing
	Where  []fact
	Now    wire.Timestamp
	Follow string // where to ask how far it is; empty: it has ended
	Stop   button
}

// batch shows how far one is.
func (v *visit) batch() (*answer, error) {
	out, err := call[operator.DescribeBatchOutput](v, "heddle", "DescribeBatch", &operator.DescribeBatchInput{Domain: v.Domain, BatchID: v.named("batch")})
	if err != nil {
		return nil, err
	}
	b := &out.Batch
	x := &batchView{Frame: v.frame("Batch " + b.BatchID), Batch: b, Doing: doingOf(b.Order.Action), Now: out.ServerTimestamp}
	if b.EndTimestamp != nil {
		x.Now = *b.EndTimestamp
	}
	s := &b.Order.Search
	for _, w := range []struct {
		name  string
		value *string
	}{
		{"workflowId", s.WorkflowID}, {"workflowId begins with", s.WorkflowIdPrefix}, {"workflowId has", s.WorkflowIdPart}, {"Type", s.TypeName}, {"Version", s.TypeVersion}, {"Tag", s.Tag},
		{"Signal", b.Order.SignalName}, {"Reason", b.Order.Reason}, {"Child policy", b.Order.ChildPolicy}, {"Input", b.Order.Input}, {"Details", b.Order.Details},
	} {
		if w.value != nil {
			x.Where = append(x.Where, fact{w.name, short(*w.value, 2000)})
		}
	}
	at := v.placeOfBatch(b.BatchID)
	if b.Status == operator.BatchStatusRunning {
		x.Follow, x.Stop.Path = at, at+"/-stop"
		if v.barred("heddle", "StopBatch", &operator.StopBatchInput{Domain: v.Domain, BatchID: b.BatchID}) != "" {
			x.Stop.Barred = "swf:" + b.Order.Action
		}
	}
	return refreshes("batch", x), nil
}

// stopBatch stops one.
func (v *visit) stopBatch() (*answer, error) {
	id := v.named("batch")
	if _, err := call[operator.StopBatchOutput](v, "heddle", "StopBatch", &operator.StopBatchInput{Domain: v.Domain, BatchID: id}); err != nil {
		return nil, err
	}
	return goesTo(v.placeOfBatch(id), "batch-stopped"), nil
}
