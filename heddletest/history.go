package heddletest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// What a failed test prints at most.
const (
	shownExecutions = 20
	shownEvents     = 200 // of one, the last ones
	shownBytes      = 500 // of what an event says
)

// printHistories tells the test what became of its executions.
func (s *Server) printHistories() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	left := shownExecutions
	for _, h := range append(s.workflowHistories(ctx), s.machineHistories(ctx)...) {
		if left--; left < 0 {
			s.t.Logf("heddletest: only %d executions are shown", shownExecutions)
			return
		}
		s.t.Log(h)
	}
}

// Histories are those of all executions of the region, as text, each with its name above it:
// what a failed test prints. A state machine's execution that is EXPRESS has none.
func (s *Server) Histories() []string {
	ctx := context.Background()
	return append(s.workflowHistories(ctx), s.machineHistories(ctx)...)
}

func (s *Server) workflowHistories(ctx context.Context) (all []string) {
	c := s.SWF()
	began := &types.ExecutionTimeFilter{OldestDate: aws.Time(time.Unix(0, 0))}
	var domains []string
	for _, status := range []types.RegistrationStatus{types.RegistrationStatusRegistered, types.RegistrationStatusDeprecated} {
		pages := swf.NewListDomainsPaginator(c, &swf.ListDomainsInput{RegistrationStatus: status})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return append(all, "heddletest: list domains: "+err.Error())
			}
			for _, d := range page.DomainInfos {
				domains = append(domains, *d.Name)
			}
		}
	}
	for _, domain := range domains {
		var found []types.WorkflowExecutionInfo
		open := swf.NewListOpenWorkflowExecutionsPaginator(c, &swf.ListOpenWorkflowExecutionsInput{Domain: &domain, StartTimeFilter: began})
		for open.HasMorePages() {
			page, err := open.NextPage(ctx)
			if err != nil {
				return append(all, "heddletest: list executions: "+err.Error())
			}
			found = append(found, page.ExecutionInfos...)
		}
		closed := swf.NewListClosedWorkflowExecutionsPaginator(c, &swf.ListClosedWorkflowExecutionsInput{Domain: &domain, StartTimeFilter: began})
		for closed.HasMorePages() {
			page, err := closed.NextPage(ctx)
			if err != nil {
				return append(all, "heddletest: list executions: "+err.Error())
			}
			found = append(found, page.ExecutionInfos...)
		}
		for _, e := range found {
			status := string(e.ExecutionStatus)
			if e.CloseStatus != "" {
				status = string(e.CloseStatus)
			}
			var lines []string
			pages := swf.NewGetWorkflowExecutionHistoryPaginator(c, &swf.GetWorkflowExecutionHistoryInput{Domain: &domain, Execution: e.Execution})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					lines = append(lines, err.Error())
					break
				}
				for _, event := range page.Events {
					lines = append(lines, line(event.EventId, *event.EventTimestamp, string(event.EventType), event))
				}
			}
			all = append(all, history(fmt.Sprintf("execution %q of %s %s in domain %q: %s", *e.Execution.WorkflowId, *e.WorkflowType.Name, *e.WorkflowType.Version, domain, status), lines))
		}
	}
	return all
}

func (s *Server) machineHistories(ctx context.Context) (all []string) {
	c := s.SFN()
	machines := sfn.NewListStateMachinesPaginator(c, &sfn.ListStateMachinesInput{})
	for machines.HasMorePages() {
		page, err := machines.NextPage(ctx)
		if err != nil {
			return append(all, "heddletest: list state machines: "+err.Error())
		}
		for _, m := range page.StateMachines {
			if m.Type == sfntypes.StateMachineTypeExpress {
				continue
			}
			executions := sfn.NewListExecutionsPaginator(c, &sfn.ListExecutionsInput{StateMachineArn: m.StateMachineArn})
			for executions.HasMorePages() {
				page, err := executions.NextPage(ctx)
				if err != nil {
					return append(all, "heddletest: list executions: "+err.Error())
				}
				for _, e := range page.Executions {
					var lines []string
					pages := sfn.NewGetExecutionHistoryPaginator(c, &sfn.GetExecutionHistoryInput{ExecutionArn: e.ExecutionArn, IncludeExecutionData: aws.Bool(true)})
					for pages.HasMorePages() {
						page, err := pages.NextPage(ctx)
						if err != nil {
							lines = append(lines, err.Error())
							break
						}
						for _, event := range page.Events {
							lines = append(lines, line(event.Id, *event.Timestamp, string(event.Type), event))
						}
					}
					all = append(all, history(fmt.Sprintf("execution %q of state machine %q: %s", *e.Name, *m.Name, e.Status), lines))
				}
			}
		}
	}
	return all
}

func history(title string, lines []string) string {
	if n := len(lines) - shownEvents; n > 0 {
		lines = append([]string{fmt.Sprintf("  … %d earlier events", n)}, lines[n:]...)
	}
	return title + "\n" + strings.Join(lines, "\n")
}

// line is an event on one line: its attributes are the one struct that it has.
func line(id int64, at time.Time, kind string, event any) string {
	text := fmt.Sprintf("  %4d  %s  %s", id, at.UTC().Format("2006-01-02 15:04:05.000"), kind)
	v := reflect.ValueOf(event)
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Pointer || f.IsNil() || f.Elem().Kind() != reflect.Struct || f.Elem().Type() == reflect.TypeFor[time.Time]() {
			continue
		}
		said := map[string]any{}
		for j := range f.Elem().NumField() {
			if field := f.Elem().Type().Field(j); field.IsExported() && !f.Elem().Field(j).IsZero() {
				said[field.Name] = f.Elem().Field(j).Interface()
			}
		}
		if b, err := json.Marshal(said); err == nil {
			if len(b) > shownBytes {
				b = append(b[:shownBytes:shownBytes], "…"...)
			}
			text += "  " + strings.ToValidUTF8(string(b), "")
		}
	}
	return text
}
