package sdk

import (
	"strings"
	"testing"
	"time"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// TestEveryOperation calls all operations of the model on one server, each with
// success and with its faults.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	h := open(t, "--limit-polls-per-list", "3")
	for _, part := range []struct {
		name string
		run  func(*testing.T, *house)
	}{
		{"domains", domains},
		{"tags", tags},
		{"workflow types", workflowTypes},
		{"activity types", activityTypes},
		{"tasks", tasks},
		{"open executions", openExecutions},
		{"closed executions", closedExecutions},
		{"faults of executions", faultsOfExecutions},
		{"faults of starts", faultsOfStarts},
		{"workflow ids", workflowIDs},
		{"faults of tasks", faultsOfTasks},
		{"faults of unknown domains", faultsOfUnknownDomains},
		{"limit of polls", limitOfPolls},
	} {
		fine := t.Run(part.name, func(t *testing.T) {
			h.t, h.ledger.t = t, t
			part.run(t, h)
		})
		h.t, h.ledger.t = t, t
		if !fine {
			t.Fatalf("the parts after %q build on it", part.name)
		}
	}
	h.ledger.verify(t, 39)
}

func domains(t *testing.T, h *house) {
	ctx := t.Context()
	h.furnish(h.Client)
	arn := "arn:aws:swf:" + heddle.Region + ":123456789012:/domain/" + domain
	_, err := h.RegisterDomain(ctx, &swf.RegisterDomainInput{
		Name: aws.String("other"), Description: aws.String("an other"), WorkflowExecutionRetentionPeriodInDays: aws.String("NONE"),
	})
	h.ok(err)
	_, err = h.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String(domain), WorkflowExecutionRetentionPeriodInDays: aws.String("7")})
	refused(t, err, "DomainAlreadyExistsFault", domain)
	_, err = h.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String("a:b"), WorkflowExecutionRetentionPeriodInDays: aws.String("7")})
	refused(t, err, "ValidationException", "")
	_, err = h.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String("long"), WorkflowExecutionRetentionPeriodInDays: aws.String("91")})
	refused(t, err, "ValidationException", "")

	d, err := h.DescribeDomain(ctx, &swf.DescribeDomainInput{Name: aws.String(domain)})
	h.ok(err)
	if i := d.DomainInfo; *i.Name != domain || i.Status != types.RegistrationStatusRegistered || *i.Arn != arn || i.Description != nil ||
		*d.Configuration.WorkflowExecutionRetentionPeriodInDays != "7" {
		t.Errorf("got %+v %+v", i, d.Configuration)
	}
	_, err = h.DescribeDomain(ctx, &swf.DescribeDomainInput{Name: aws.String("none")})
	refused(t, err, "UnknownResourceFault", "Unknown domain: none")

	listed := func(status types.RegistrationStatus, want string) {
		t.Helper()
		out, err := h.ListDomains(ctx, &swf.ListDomainsInput{RegistrationStatus: status})
		h.ok(err)
		var names []string
		for _, i := range out.DomainInfos {
			names = append(names, *i.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s domains: got %q, want %q", status, got, want)
		}
	}
	listed(types.RegistrationStatusRegistered, domain+" other")
	listed(types.RegistrationStatusDeprecated, "")
	_, err = h.ListDomains(ctx, &swf.ListDomainsInput{RegistrationStatus: "X"})
	refused(t, err, "ValidationException", "1 validation error detected: Value 'X' at 'registrationStatus' failed to satisfy constraint: Member must satisfy enum value set: [REGISTERED, DEPRECATED]")

	_, err = h.DeprecateDomain(ctx, &swf.DeprecateDomainInput{Name: aws.String("other")})
	h.ok(err)
	listed(types.RegistrationStatusRegistered, domain)
	listed(types.RegistrationStatusDeprecated, "other")
	_, err = h.DeprecateDomain(ctx, &swf.DeprecateDomainInput{Name: aws.String("other")})
	refused(t, err, "DomainDeprecatedFault", "other")
	_, err = h.DeprecateDomain(ctx, &swf.DeprecateDomainInput{Name: aws.String("none")})
	refused(t, err, "UnknownResourceFault", "Unknown domain: none")
	_, err = h.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String("other"), WorkflowExecutionRetentionPeriodInDays: aws.String("7")})
	refused(t, err, "DomainAlreadyExistsFault", "other")
	_, err = h.UndeprecateDomain(ctx, &swf.UndeprecateDomainInput{Name: aws.String("other")})
	h.ok(err)
	listed(types.RegistrationStatusRegistered, domain+" other")
	_, err = h.UndeprecateDomain(ctx, &swf.UndeprecateDomainInput{Name: aws.String("other")})
	refused(t, err, "DomainAlreadyExistsFault", "other")
	_, err = h.UndeprecateDomain(ctx, &swf.UndeprecateDomainInput{Name: aws.String("none")})
	refused(t, err, "UnknownResourceFault", "Unknown domain: none")
}

func tags(t *testing.T, h *house) {
	ctx := t.Context()
	arn := aws.String("arn:aws:swf:" + heddle.Region + ":123456789012:/domain/" + domain)
	tagged := func(want string) {
		t.Helper()
		out, err := h.ListTagsForResource(ctx, &swf.ListTagsForResourceInput{ResourceArn: arn})
		h.ok(err)
		var got []string
		for _, tag := range out.Tags {
			got = append(got, *tag.Key+"="+aws.ToString(tag.Value))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("got tags %q, want %q", text, want)
		}
	}
	tagged("")
	_, err := h.TagResource(ctx, &swf.TagResourceInput{ResourceArn: arn, Tags: []types.ResourceTag{
		{Key: aws.String("team"), Value: aws.String("orders")}, {Key: aws.String("stage")},
	}})
	h.ok(err)
	tagged("stage= team=orders")
	_, err = h.UntagResource(ctx, &swf.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"stage", "absent"}})
	h.ok(err)
	tagged("team=orders")

	many := make([]types.ResourceTag, 51)
	for i := range many {
		many[i] = types.ResourceTag{Key: aws.String(strings.Repeat("k", i+1))}
	}
	_, err = h.TagResource(ctx, &swf.TagResourceInput{ResourceArn: arn, Tags: many})
	refused(t, err, "TooManyTagsFault", "")
	_, err = h.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String("tagged"), WorkflowExecutionRetentionPeriodInDays: aws.String("7"), Tags: many})
	refused(t, err, "TooManyTagsFault", "")
	tagged("team=orders")

	unknown := aws.String(*arn + "-none")
	_, err = h.TagResource(ctx, &swf.TagResourceInput{ResourceArn: unknown, Tags: many[:1]})
	refused(t, err, "UnknownResourceFault", "")
	_, err = h.UntagResource(ctx, &swf.UntagResourceInput{ResourceArn: unknown, TagKeys: []string{"team"}})
	refused(t, err, "UnknownResourceFault", "")
	_, err = h.ListTagsForResource(ctx, &swf.ListTagsForResourceInput{ResourceArn: unknown})
	refused(t, err, "UnknownResourceFault", "")
}

func workflowTypes(t *testing.T, h *house) {
	ctx := t.Context()
	name, version := aws.String("mill"), aws.String("2.0")
	mill := &types.WorkflowType{Name: name, Version: version}
	text := "WorkflowType=[name=mill, version=2.0]"
	in := &swf.RegisterWorkflowTypeInput{
		Domain: aws.String(domain), Name: name, Version: version, Description: aws.String("grinds"),
		DefaultTaskPriority: aws.String("-7"), DefaultLambdaRole: aws.String("arn:aws:iam::123456789012:role/r"),
	}
	_, err := h.RegisterWorkflowType(ctx, in)
	h.ok(err)
	_, err = h.RegisterWorkflowType(ctx, in)
	refused(t, err, "TypeAlreadyExistsFault", text)

	d, err := h.DescribeWorkflowType(ctx, &swf.DescribeWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	h.ok(err)
	if c := d.Configuration; aws.ToString(c.DefaultTaskPriority) != "-7" || c.DefaultTaskList != nil || c.DefaultChildPolicy != "" ||
		c.DefaultExecutionStartToCloseTimeout != nil || c.DefaultTaskStartToCloseTimeout != nil || aws.ToString(c.DefaultLambdaRole) != *in.DefaultLambdaRole {
		t.Errorf("got configuration %+v", c)
	}
	if i := d.TypeInfo; i.Status != types.RegistrationStatusRegistered || aws.ToString(i.Description) != "grinds" ||
		i.DeprecationDate != nil || time.Since(*i.CreationDate).Abs() > time.Minute {
		t.Errorf("got info %+v", i)
	}
	unknown := &types.WorkflowType{Name: name, Version: aws.String("9")}
	_, err = h.DescribeWorkflowType(ctx, &swf.DescribeWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: unknown})
	refused(t, err, "UnknownResourceFault", "Unknown type: WorkflowType=[name=mill, version=9]")

	listed := func(status types.RegistrationStatus, name *string, want string) {
		t.Helper()
		out, err := h.ListWorkflowTypes(ctx, &swf.ListWorkflowTypesInput{Domain: aws.String(domain), RegistrationStatus: status, Name: name})
		h.ok(err)
		var got []string
		for _, i := range out.TypeInfos {
			got = append(got, *i.WorkflowType.Name+"/"+*i.WorkflowType.Version)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s types: got %q, want %q", status, text, want)
		}
	}
	listed(types.RegistrationStatusRegistered, nil, "mill/2.0 order/1")
	listed(types.RegistrationStatusRegistered, name, "mill/2.0")
	listed(types.RegistrationStatusDeprecated, nil, "")

	_, err = h.DeleteWorkflowType(ctx, &swf.DeleteWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	refused(t, err, "TypeNotDeprecatedFault", "The type is currently registered and cannot be deleted in its current state")
	_, err = h.UndeprecateWorkflowType(ctx, &swf.UndeprecateWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	refused(t, err, "TypeAlreadyExistsFault", text)
	_, err = h.DeprecateWorkflowType(ctx, &swf.DeprecateWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	h.ok(err)
	listed(types.RegistrationStatusRegistered, nil, "order/1")
	listed(types.RegistrationStatusDeprecated, nil, "mill/2.0")
	_, err = h.DeprecateWorkflowType(ctx, &swf.DeprecateWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	refused(t, err, "TypeDeprecatedFault", text)
	_, err = h.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("x"), WorkflowType: mill})
	refused(t, err, "TypeDeprecatedFault", text)
	_, err = h.UndeprecateWorkflowType(ctx, &swf.UndeprecateWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	h.ok(err)
	listed(types.RegistrationStatusRegistered, nil, "mill/2.0 order/1")
	_, err = h.DeprecateWorkflowType(ctx, &swf.DeprecateWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	h.ok(err)
	_, err = h.DeleteWorkflowType(ctx, &swf.DeleteWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
	h.ok(err)
	listed(types.RegistrationStatusDeprecated, nil, "")
	for _, call := range []func() error{
		func() error {
			_, err := h.DeleteWorkflowType(ctx, &swf.DeleteWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
			return err
		},
		func() error {
			_, err := h.DeprecateWorkflowType(ctx, &swf.DeprecateWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
			return err
		},
		func() error {
			_, err := h.UndeprecateWorkflowType(ctx, &swf.UndeprecateWorkflowTypeInput{Domain: aws.String(domain), WorkflowType: mill})
			return err
		},
		func() error {
			_, err := h.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("x"), WorkflowType: mill})
			return err
		},
	} {
		refused(t, call(), "UnknownResourceFault", "Unknown type: "+text)
	}
	_, err = h.RegisterWorkflowType(ctx, in) // a deleted type may be registered again
	h.ok(err)
}

func activityTypes(t *testing.T, h *house) {
	ctx := t.Context()
	name, version := aws.String("ship"), aws.String("2.0")
	ship := &types.ActivityType{Name: name, Version: version}
	text := "ActivityType=[name=ship, version=2.0]"
	in := &swf.RegisterActivityTypeInput{
		Domain: aws.String(domain), Name: name, Version: version, DefaultTaskList: &types.TaskList{Name: aws.String("docks")},
		DefaultTaskHeartbeatTimeout: aws.String("NONE"), DefaultTaskStartToCloseTimeout: aws.String("60"),
	}
	_, err := h.RegisterActivityType(ctx, in)
	h.ok(err)
	_, err = h.RegisterActivityType(ctx, in)
	refused(t, err, "TypeAlreadyExistsFault", text)

	d, err := h.DescribeActivityType(ctx, &swf.DescribeActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	h.ok(err)
	if c := d.Configuration; aws.ToString(c.DefaultTaskList.Name) != "docks" || aws.ToString(c.DefaultTaskHeartbeatTimeout) != "NONE" ||
		aws.ToString(c.DefaultTaskStartToCloseTimeout) != "60" || c.DefaultTaskScheduleToStartTimeout != nil || c.DefaultTaskPriority != nil {
		t.Errorf("got configuration %+v", c)
	}
	unknown := &types.ActivityType{Name: name, Version: aws.String("9")}
	_, err = h.DescribeActivityType(ctx, &swf.DescribeActivityTypeInput{Domain: aws.String(domain), ActivityType: unknown})
	refused(t, err, "UnknownResourceFault", "Unknown type: ActivityType=[name=ship, version=9]")

	listed := func(status types.RegistrationStatus, want string) {
		t.Helper()
		out, err := h.ListActivityTypes(ctx, &swf.ListActivityTypesInput{Domain: aws.String(domain), RegistrationStatus: status})
		h.ok(err)
		var got []string
		for _, i := range out.TypeInfos {
			got = append(got, *i.ActivityType.Name+"/"+*i.ActivityType.Version)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s types: got %q, want %q", status, text, want)
		}
	}
	listed(types.RegistrationStatusRegistered, "pack/1 ship/2.0")
	_, err = h.DeleteActivityType(ctx, &swf.DeleteActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	refused(t, err, "TypeNotDeprecatedFault", "The type is currently registered and cannot be deleted in its current state")
	_, err = h.UndeprecateActivityType(ctx, &swf.UndeprecateActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	refused(t, err, "TypeAlreadyExistsFault", text)
	_, err = h.DeprecateActivityType(ctx, &swf.DeprecateActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	h.ok(err)
	listed(types.RegistrationStatusDeprecated, "ship/2.0")
	_, err = h.DeprecateActivityType(ctx, &swf.DeprecateActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	refused(t, err, "TypeDeprecatedFault", text)
	_, err = h.UndeprecateActivityType(ctx, &swf.UndeprecateActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	h.ok(err)
	listed(types.RegistrationStatusRegistered, "pack/1 ship/2.0")
	_, err = h.DeprecateActivityType(ctx, &swf.DeprecateActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	h.ok(err)
	_, err = h.DeleteActivityType(ctx, &swf.DeleteActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	h.ok(err)
	listed(types.RegistrationStatusDeprecated, "")
	_, err = h.DeleteActivityType(ctx, &swf.DeleteActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	refused(t, err, "UnknownResourceFault", "Unknown type: "+text)
	_, err = h.DeprecateActivityType(ctx, &swf.DeprecateActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	refused(t, err, "UnknownResourceFault", "Unknown type: "+text)
	_, err = h.UndeprecateActivityType(ctx, &swf.UndeprecateActivityTypeInput{Domain: aws.String(domain), ActivityType: ship})
	refused(t, err, "UnknownResourceFault", "Unknown type: "+text)
}
