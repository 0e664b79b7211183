package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"heddle/internal/swf/wire"
)

// exportMax is how many executions a file has at most; its name tells when there are more.
const exportMax = lookedMax

// export gives what a filter finds as a file: a table, or a line of JSON for each execution.
func (v *visit) export(f *filter, as string) (*answer, error) {
	var (
		rows   []wire.WorkflowExecutionInfo
		after  *string
		looked int
		more   = true
	)
	for more && looked < exportMax {
		out, err := v.listExecutions(f, after, lookedAt)
		if err != nil {
			return nil, err
		}
		for i := range out.ExecutionInfos {
			if f.fits(&out.ExecutionInfos[i]) {
				rows = append(rows, out.ExecutionInfos[i])
			}
		}
		looked += len(out.ExecutionInfos)
		after, more = out.NextPageToken, out.NextPageToken != nil
	}
	name := "executions"
	if more {
		name += "-among-the-first-" + strconv.Itoa(looked)
	}
	var b bytes.Buffer
	if as == "csv" {
		return &answer{name: name + ".csv", kind: "text/csv; charset=utf-8", body: table(&b, rows)}, nil
	}
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i := range rows {
		if err := e.Encode(json.RawMessage(rows[i].AppendJSON(nil))); err != nil {
			return nil, err
		}
	}
	return &answer{name: name + ".jsonl", kind: "application/jsonl", body: b.Bytes()}, nil
}

// table writes executions as CSV. A text that a spreadsheet would take for a formula has a ' before it.
func table(b *bytes.Buffer, rows []wire.WorkflowExecutionInfo) []byte {
	w := csv.NewWriter(b)
	write := func(cells ...string) {
		for i, c := range cells {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				cells[i] = "'" + c
			}
		}
		_ = w.Write(cells) // a buffer takes all
	}
	write("status", "workflowId", "runId", "type", "version", "started", "closed", "cancelRequested", "tags")
	for i := range rows {
		e := &rows[i]
		status, closed := e.ExecutionStatus, ""
		if e.CloseStatus != nil {
			status = *e.CloseStatus
		}
		if e.CloseTimestamp != nil {
			closed = timeOf(*e.CloseTimestamp).Format(time.RFC3339Nano)
		}
		asked := e.CancelRequested != nil && *e.CancelRequested
		write(status, e.Execution.WorkflowID, e.Execution.RunID, e.WorkflowType.Name, e.WorkflowType.Version, timeOf(e.StartTimestamp).Format(time.RFC3339Nano), closed,
			strconv.FormatBool(asked), strings.Join(e.TagList, " "))
	}
	w.Flush()
	return b.Bytes()
}
