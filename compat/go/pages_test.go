package sdk

import (
	"fmt"
	"strings"
	"testing"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// page is one page of anything: its items in brief, and the token of the next.
type page func(size int32, reverse bool, token *string) (items []string, next *string, err error)

// walk reads all pages; between does something between them.
func walk(t *testing.T, read page, size int32, reverse bool, between func()) (all []string, sizes string) {
	t.Helper()
	var token *string
	var lengths []string
	for {
		items, next, err := read(size, reverse, token)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items...)
		lengths = append(lengths, fmt.Sprint(len(items)))
		if next == nil {
			return all, strings.Join(lengths, " ")
		}
		if len(lengths) > 50 {
			t.Fatal("the pages do not end")
		}
		token = next
		between()
	}
}

// pagers gives one pager for each operation that pages.
func (h *house) pagers(run string) map[string]page {
	ctx := h.t.Context()
	registered := types.RegistrationStatusRegistered
	return map[string]page{
		"history": func(size int32, reverse bool, token *string) (items []string, next *string, err error) {
			out, err := h.GetWorkflowExecutionHistory(ctx, &swf.GetWorkflowExecutionHistoryInput{
				Domain: aws.String(domain), MaximumPageSize: size, ReverseOrder: reverse, NextPageToken: token,
				Execution: &types.WorkflowExecution{WorkflowId: aws.String("long"), RunId: aws.String(run)},
			})
			if err != nil {
				return nil, nil, err
			}
			for _, e := range out.Events {
				items = append(items, fmt.Sprintf("%02d", e.EventId))
			}
			return items, out.NextPageToken, nil
		},
		"domains": func(size int32, reverse bool, token *string) (items []string, next *string, err error) {
			out, err := h.ListDomains(ctx, &swf.ListDomainsInput{RegistrationStatus: registered, MaximumPageSize: size, ReverseOrder: reverse, NextPageToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, i := range out.DomainInfos {
				items = append(items, *i.Name)
			}
			return items, out.NextPageToken, nil
		},
		"workflow types": func(size int32, reverse bool, token *string) (items []string, next *string, err error) {
			out, err := h.ListWorkflowTypes(ctx, &swf.ListWorkflowTypesInput{
				Domain: aws.String(domain), RegistrationStatus: registered, MaximumPageSize: size, ReverseOrder: reverse, NextPageToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			for _, i := range out.TypeInfos {
				items = append(items, *i.WorkflowType.Name+*i.WorkflowType.Version)
			}
			return items, out.NextPageToken, nil
		},
		"activity types": func(size int32, reverse bool, token *string) (items []string, next *string, err error) {
			out, err := h.ListActivityTypes(ctx, &swf.ListActivityTypesInput{
				Domain: aws.String(domain), RegistrationStatus: registered, MaximumPageSize: size, ReverseOrder: reverse, NextPageToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			for _, i := range out.TypeInfos {
				items = append(items, *i.ActivityType.Name+*i.ActivityType.Version)
			}
			return items, out.NextPageToken, nil
		},
		"open": func(size int32, reverse bool, token *string) (items []string, next *string, err error) {
			out, err := h.ListOpenWorkflowExecutions(ctx, &swf.ListOpenWorkflowExecutionsInput{
				Domain: aws.String(domain), StartTimeFilter: always, MaximumPageSize: size, ReverseOrder: !reverse, NextPageToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			return strings.Fields(listed(out.ExecutionInfos)), out.NextPageToken, nil
		},
		"closed": func(size int32, reverse bool, token *string) (items []string, next *string, err error) {
			out, err := h.ListClosedWorkflowExecutions(ctx, &swf.ListClosedWorkflowExecutionsInput{
				Domain: aws.String(domain), CloseTimeFilter: always, MaximumPageSize: size, ReverseOrder: !reverse, NextPageToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			return strings.Fields(listed(out.ExecutionInfos)), out.NextPageToken, nil
		},
	}
}

// TestPages fills every list with twelve things and reads them page by page, in
// both directions, also over restarts. Tokens open nothing but what they are of.
func TestPages(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	ctx := t.Context()
	elsewhere := func(in *swf.StartWorkflowExecutionInput) {
		in.TaskList = &types.TaskList{Name: aws.String("elsewhere")}
	}
	for i := range 11 {
		n := fmt.Sprintf("d%02d", i)
		_, err := h.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String(n), WorkflowExecutionRetentionPeriodInDays: aws.String("1")})
		h.ok(err)
		_, err = h.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{Domain: aws.String(domain), Name: aws.String("a"), Version: aws.String(n)})
		h.ok(err)
		_, err = h.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{Domain: aws.String(domain), Name: aws.String("a"), Version: aws.String(n)})
		h.ok(err)
		h.begin(n)
		h.decide(closing(""))
		h.begin(n+"-open", elsewhere)
	}
	h.begin("d99")
	h.decide(closing(""))
	run := h.begin("long", elsewhere)
	for range 10 {
		_, err := h.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("long"), SignalName: aws.String("s")})
		h.ok(err)
	}
	restarts := 0
	tokens := map[string]*string{}
	for name := range h.pagers(run) {
		t.Run(name, func(t *testing.T) {
			h.t, h.ledger.t = t, t
			read := func(size int32, reverse bool, token *string) ([]string, *string, error) {
				return h.pagers(run)[name](size, reverse, token)
			}
			nothing := func() {}
			all, sizes := walk(t, read, 0, false, nothing)
			if len(all) != 12 || sizes != "12" {
				t.Fatalf("got %v in pages of %s", all, sizes)
			}
			for _, c := range []struct {
				size  int32
				sizes string
			}{{5, "5 5 2"}, {4, "4 4 4"}, {12, "12"}, {1, "1" + strings.Repeat(" 1", 11)}, {1000, "12"}, {11, "11 1"}} {
				forward, sizes := walk(t, read, c.size, false, nothing)
				if fmt.Sprint(forward) != fmt.Sprint(all) || sizes != c.sizes {
					t.Errorf("size %d: got %v in pages of %s, want %v in pages of %s", c.size, forward, sizes, all, c.sizes)
				}
				backward, sizes := walk(t, read, c.size, true, nothing)
				for i := range backward {
					if len(backward) != 12 || backward[i] != all[11-i] || sizes != c.sizes {
						t.Errorf("size %d reversed: got %v in pages of %s", c.size, backward, sizes)
						break
					}
				}
			}
			for i := 1; i < len(all); i++ {
				if all[i-1] >= all[i] {
					t.Errorf("out of order: %v", all)
				}
			}
			for _, size := range []int32{-1, 1001} {
				_, _, err := read(size, false, nil)
				refused(t, err, "ValidationException", "")
			}
			_, token, err := read(5, false, nil)
			h.ok(err)
			tokens[name] = token
			_, _, err = read(5, true, token)
			refused(t, err, "ValidationException", "Invalid token")
			_, _, err = read(5, false, aws.String("nonsense"))
			refused(t, err, "ValidationException", "Invalid token")
			_, _, err = read(5, false, aws.String((*token)[:len(*token)-2]))
			refused(t, err, "ValidationException", "Invalid token")
			over, _ := walk(t, read, 5, false, func() { restarts++; h.restart((*heddle.Server).Stop) })
			if fmt.Sprint(over) != fmt.Sprint(all) {
				t.Errorf("over restarts: got %v, want %v", over, all)
			}
		})
	}
	h.t, h.ledger.t = t, t
	for name, read := range h.pagers(run) {
		for of, token := range tokens {
			if of == name {
				continue
			}
			if _, _, err := read(5, false, token); err == nil {
				t.Errorf("%s took a token of %s", name, of)
			}
		}
	}
	if restarts != 12 {
		t.Errorf("%d restarts", restarts)
	}
}

// TestDecisionPages reads the history that comes with a decision task page by
// page: it ends where the task started, whatever happens meanwhile.
func TestDecisionPages(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	ctx := t.Context()
	signal := func() {
		t.Helper()
		_, err := h.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("long"), SignalName: aws.String("s")})
		h.ok(err)
	}
	h.begin("long")
	for range 20 {
		signal()
	}
	in := &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(decisions)}, MaximumPageSize: 10}
	pages := func(between func()) (ids []int64, sizes string, token *string) {
		t.Helper()
		in.NextPageToken = nil
		var lengths []string
		for {
			out, err := h.PollForDecisionTask(ctx, in)
			h.ok(err)
			if out.TaskToken == nil {
				t.Fatal("a page without a task")
			}
			if token != nil && (out.StartedEventId != ids[0] && out.StartedEventId != ids[len(ids)-1]) && *out.WorkflowExecution.WorkflowId != "long" {
				t.Errorf("a page of another task: %+v", out)
			}
			token = out.TaskToken
			for _, e := range out.Events {
				ids = append(ids, e.EventId)
			}
			lengths = append(lengths, fmt.Sprint(len(out.Events)))
			if in.NextPageToken = out.NextPageToken; out.NextPageToken == nil {
				return ids, strings.Join(lengths, " "), token
			}
			between()
		}
	}
	ids, sizes, token := pages(func() { signal(); h.restart((*heddle.Server).Stop) })
	if sizes != "10 10 3" || ids[0] != 1 || ids[len(ids)-1] != 23 {
		t.Errorf("got pages of %s with events %v", sizes, ids)
	}
	h.complete(token, marking("first"))
	// Two signals and their decision, the completion, the marker, and the start.
	in.ReverseOrder = true
	ids, sizes, token = pages(func() {})
	if sizes != "10 10 9" || ids[0] != 29 || ids[len(ids)-1] != 1 {
		t.Errorf("reversed: got pages of %s with events %v", sizes, ids)
	}
	h.complete(token)
	signal()
	in.ReverseOrder, in.MaximumPageSize, in.StartAtPreviousStartedEvent = false, 0, true
	ids, _, token = pages(func() {})
	if fmt.Sprint(ids) != "[29 30 31 32 33]" {
		t.Errorf("from the previous started event: got %v", ids)
	}
	h.complete(token, closing(""))
	// The SDK's own paginator.
	h.begin("paginated")
	for range 9 {
		_, err := h.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("paginated"), SignalName: aws.String("s")})
		h.ok(err)
	}
	paginator := swf.NewPollForDecisionTaskPaginator(h, &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(decisions)}, MaximumPageSize: 5})
	n := 0
	for paginator.HasMorePages() {
		out, err := paginator.NextPage(ctx)
		h.ok(err)
		n += len(out.Events)
	}
	if n != 12 {
		t.Errorf("the SDK's paginator gave %d events, want 12", n)
	}
}
