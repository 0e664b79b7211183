package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Package flow, which leads executions from ordinary code, says with each answer in which lines that code waits, and records a marker
// when it could not decide.
const (
	flowParked = "flow.parked"
	flowRetry  = "flow.retry" // the signal that has it tried at once
)

// flow tells where code waits, and why it was parked: of an execution that package flow leads.
func (x *Execution) flow(f *Facts, href func(Query) string) {
	if !x.Head.IsOpen || f.Description == nil {
		return
	}
	if said := f.Description.LatestExecutionContext; said != nil {
		var context struct {
			Flow  int
			Waits []string
		}
		if json.Unmarshal([]byte(*said), &context) == nil && context.Flow > 0 && len(context.Waits) > 0 {
			x.Settings = slices.Insert(x.Settings, 0, Setting{Name: "Code waits at", Text: strings.Join(context.Waits, ", ")})
		}
	}
	for i := len(f.Events) - 1; i >= 0; i-- {
		switch f.Events[i].Type {
		case "DecisionTaskCompleted":
			return // it has decided since
		case "MarkerRecorded":
			of := attributes(f.Raw[i])
			if name, _ := member(of, "markerName"); name != flowParked {
				continue
			}
			details, _ := member(of, "details")
			why, _, _ := strings.Cut(details, "\ngoroutine ") // a panic's stack is in the event
			at := f.Events[i].ID
			x.Verdicts = slices.Insert(x.Verdicts, 0, Verdict{
				Code: "PARKED", Severe: true, Text: "The workflow's code could not decide: " + why,
				Do:    fmt.Sprintf("Repair the code; the worker tries again by itself within half an hour, and at once for the signal %s.", flowRetry),
				Links: []Link{{Text: fmt.Sprintf("Event %d", at), Href: href(x.Query.at(at)) + eventMark(at)}},
			})
			return
		}
	}
}
