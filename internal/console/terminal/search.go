package terminal

import (
	"fmt"
	"io"
	"strings"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Found writes what a search has found, and how far it has looked.
func Found(w io.Writer, all []wire.FoundExecution, looked int64, more bool, now engine.Time) error {
	if len(all) > 0 {
		rows := [][]string{{"execution", "type", "status", "started", "took", "tags", "run"}}
		for i := range all {
			e := &all[i]
			took := now - engine.Time(e.StartTimestamp)
			if e.CloseTimestamp != nil {
				took = engine.Time(*e.CloseTimestamp - e.StartTimestamp)
			}
			status := e.Status
			if e.CancelRequested != nil && *e.CancelRequested {
				status += ", asked to cancel"
			}
			rows = append(rows, []string{
				cut(text(e.Execution.WorkflowID)+text(e.Execution.ExecutionARN), 120), cut(e.Type, 40), status, diagnose.Moment(engine.Time(e.StartTimestamp)), diagnose.Span(took),
				cut(strings.Join(e.TagList, ", "), 40), text(e.Execution.RunID),
			})
		}
		if err := table(w, "llllrll", rows); err != nil {
			return err
		}
	}
	line := fmt.Sprintf("found %d; looked at %d executions", len(all), looked)
	if more {
		line += ", and there are more: --limit takes it further"
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
