package terminal

import (
	"fmt"
	"io"
	"strings"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Doing is what a batch does, in words.
func Doing(o *wire.StartBatchInput) string {
	s, words := &o.Search, []string{map[string]string{
		wire.BatchActionSignalWorkflowExecution: "signal", wire.BatchActionRequestCancelWorkflowExecution: "cancel", wire.BatchActionTerminateWorkflowExecution: "terminate",
		wire.BatchActionStopExecution: "stop", wire.BatchActionRedriveExecution: "redrive",
	}[o.Action]}
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"", o.SignalName}, {"", o.Error}, {"closed as ", s.CloseStatus}, {"id ", s.WorkflowID}, {"prefix ", s.WorkflowIdPrefix}, {"part ", s.WorkflowIdPart}, {"type ", s.TypeName}, {"version ", s.TypeVersion}, {"tag ", s.Tag},
	} {
		if f.value != nil {
			words = append(words, f.name+*f.value)
		}
	}
	if s.StartedFrom != nil {
		words = append(words, "from "+diagnose.Moment(engine.Time(*s.StartedFrom)))
	}
	return strings.Join(words, ", ")
}

// Progress says on a line how far a batch is.
func Progress(b *wire.Batch) string {
	line := fmt.Sprintf("%d done", b.Done)
	if b.Gone > 0 {
		line += fmt.Sprintf(", %d had closed meanwhile", b.Gone)
	}
	return line + fmt.Sprintf(", %d failed; looked at %d executions", b.Failed, b.LookedAt)
}

// Batches writes batches, a line each.
func Batches(w io.Writer, all []wire.Batch, now engine.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no batch; heddle batch terminate --help says how to begin one")
		return err
	}
	rows := [][]string{{"batch", "status", "what", "done", "closed", "failed", "began", "took", "by"}}
	for i := range all {
		b := &all[i]
		rows = append(rows, []string{
			b.BatchID, b.Status, cut(Doing(&b.Order), 60), fmt.Sprint(b.Done), fmt.Sprint(b.Gone), fmt.Sprint(b.Failed), diagnose.Moment(engine.Time(b.StartTimestamp)),
			took(b, now), cut(b.Principal, 80),
		})
	}
	return table(w, "lllrrrlrl", rows)
}

func took(b *wire.Batch, now engine.Time) string {
	if b.EndTimestamp != nil {
		now = engine.Time(*b.EndTimestamp)
	}
	return diagnose.Span(now - engine.Time(b.StartTimestamp))
}

// Batch writes a batch, with why it could not be done to some.
func Batch(w io.Writer, b *wire.Batch, now engine.Time, style Style) error {
	out := &errWriter{w: w}
	out.line(fmt.Sprintf("batch %s  %s  %s", b.BatchID, b.Status, clean(Doing(&b.Order))))
	if b.Reason != nil {
		out.line(style.Bad("! " + *b.Reason))
	}
	out.line(Progress(b))
	out.line(fmt.Sprintf("begun %s by %s; took %s", diagnose.Moment(engine.Time(b.StartTimestamp)), clean(b.Principal), took(b, now)))
	for _, k := range b.Causes {
		out.line(style.Bad(fmt.Sprintf("! %d of them: %s: %s", k.Executions, k.Code, k.Message)))
	}
	if len(b.Failures) == 0 {
		return out.err
	}
	out.line("")
	rows := [][]string{{"execution", "run", "why"}}
	for _, f := range b.Failures {
		rows = append(rows, []string{cut(text(f.Execution.WorkflowID)+text(f.Execution.ExecutionARN), 120), text(f.Execution.RunID), cut(f.Code+": "+f.Message, 100)})
	}
	out.err = cmpErr(out.err, table(w, "", rows))
	if more := b.Failed - int64(len(b.Failures)); more > 0 {
		out.line(fmt.Sprintf("… and %d more", more))
	}
	return out.err
}
