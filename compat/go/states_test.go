package sdk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// states is a running server and a client of its Step Functions.
type states struct {
	*sfn.Client
	t      *testing.T
	ledger *ledger
	role   *string // ARN of a role that state machines may have
}

// openStates starts a server with a fresh store on disk, and a role.
func openStates(t *testing.T, flags ...string) *states {
	t.Helper()
	h := open(t, flags...)
	s := &states{t: t, ledger: newLedger(t, stepFunctions)}
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: heddle.AccessKey, SecretAccessKey: heddle.SecretKey}, nil
	})
	s.Client = sfn.New(sfn.Options{
		Region:       heddle.Region,
		BaseEndpoint: aws.String(h.server.URL),
		HTTPClient:   s.ledger,
		Retryer:      aws.NopRetryer{},
		Credentials:  credentials,
		APIOptions:   []func(*middleware.Stack) error{withoutHostPrefix},
	})
	people := iam.New(iam.Options{
		Region: heddle.Region, BaseEndpoint: aws.String(h.server.URL), Retryer: aws.NopRetryer{}, Credentials: credentials,
	})
	role, err := people.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("states"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	s.ok(err)
	s.role = role.Role.Arn
	return s
}

// withoutHostPrefix keeps the SDK from calling StartSyncExecution and TestState at
// sync-127.0.0.1, which is no host.
func withoutHostPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("withoutHostPrefix",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
}

func (s *states) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// arn makes an ARN of Step Functions in the usual account and region.
func arn(resource string) *string {
	return aws.String("arn:aws:states:" + heddle.Region + ":123456789012:" + resource)
}

// Definitions.
const (
	passing = `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`
	waiting = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}`
	failing = `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"C"}}}`
)

func working(activity *string, more string) string {
	return fmt.Sprintf(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":%q%s,"End":true}}}`, *activity, more)
}

// machine creates a state machine and gives its ARN.
func (s *states) machine(name, definition string, change ...func(*sfn.CreateStateMachineInput)) *string {
	s.t.Helper()
	in := &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: s.role}
	for _, c := range change {
		c(in)
	}
	out, err := s.CreateStateMachine(s.t.Context(), in)
	s.ok(err)
	if *out.StateMachineArn != *arn("stateMachine:" + name) {
		s.t.Errorf("got %s", *out.StateMachineArn)
	}
	return out.StateMachineArn
}

func (s *states) activity(name string) *string {
	s.t.Helper()
	out, err := s.CreateActivity(s.t.Context(), &sfn.CreateActivityInput{Name: &name})
	s.ok(err)
	return out.ActivityArn
}

func (s *states) begin(machine *string, name, input string) *string {
	s.t.Helper()
	out, err := s.StartExecution(s.t.Context(), &sfn.StartExecutionInput{StateMachineArn: machine, Name: &name, Input: &input})
	s.ok(err)
	return out.ExecutionArn
}

// task polls for a task, which must come.
func (s *states) task(activity *string) *sfn.GetActivityTaskOutput {
	s.t.Helper()
	for range 5 {
		out, err := s.GetActivityTask(s.t.Context(), &sfn.GetActivityTaskInput{ActivityArn: activity, WorkerName: aws.String("go")})
		s.ok(err)
		if aws.ToString(out.TaskToken) != "" {
			return out
		}
	}
	s.t.Fatalf("%s gave no task", *activity)
	return nil
}

// ends waits until an execution is closed and expects how.
func (s *states) ends(execution *string, status types.ExecutionStatus) *sfn.DescribeExecutionOutput {
	s.t.Helper()
	for give := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		out, err := s.DescribeExecution(s.t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: execution})
		s.ok(err)
		if out.Status == types.ExecutionStatusRunning && time.Now().Before(give) {
			continue
		}
		if out.Status != status {
			s.t.Errorf("%s is %s, want %s", *execution, out.Status, status)
		}
		return out
	}
}

// tells expects a history to have event types in order, and gives it.
func (s *states) tells(execution *string, want string) []types.HistoryEvent {
	s.t.Helper()
	var events []types.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(s.Client, &sfn.GetExecutionHistoryInput{ExecutionArn: execution, MaxResults: 3})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		s.ok(err)
		events = append(events, page.Events...)
	}
	var got []string
	for i, e := range events {
		if e.Id != int64(i+1) {
			s.t.Errorf("event %d has id %d", i+1, e.Id)
		}
		got = append(got, string(e.Type))
	}
	if text := strings.Join(got, " "); text != want {
		s.t.Errorf("history of %s:\n got %s\nwant %s", *execution, text, want)
	}
	return events
}

// TestEveryStatesOperation calls all operations of Step Functions on one server,
// each with success and with a fault.
func TestEveryStatesOperation(t *testing.T) {
	t.Parallel()
	s := openStates(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *states)
	}{
		{"activities", statesActivities},
		{"tags", statesTags},
		{"tasks", statesTasks},
		{"machines", statesMachines},
		{"versions", statesVersions},
		{"aliases", statesAliases},
		{"executions", statesExecutions},
		{"history", statesHistory},
		{"redrive", statesRedrive},
		{"express", statesExpress},
		{"tests of states", statesTests},
		{"definitions", statesDefinitions},
		{"map runs", statesMapRuns},
	} {
		t.Run(part.name, func(t *testing.T) {
			s.t, s.ledger.t = t, t
			part.run(t, s)
		})
		s.t, s.ledger.t = t, t
	}
	s.ledger.verify(t, 37)
}

func statesActivities(t *testing.T, s *states) {
	ctx := t.Context()
	first, err := s.CreateActivity(ctx, &sfn.CreateActivityInput{Name: aws.String("pack"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
	s.ok(err)
	if *first.ActivityArn != *arn("activity:pack") || time.Since(*first.CreationDate).Abs() > time.Minute {
		t.Errorf("got %s created %s", *first.ActivityArn, first.CreationDate)
	}
	// Again, with other tags: the same activity, with the tags that it had.
	again, err := s.CreateActivity(ctx, &sfn.CreateActivityInput{Name: aws.String("pack"), Tags: []types.Tag{{Key: aws.String("other"), Value: aws.String("x")}}})
	s.ok(err)
	if *again.ActivityArn != *first.ActivityArn || !again.CreationDate.Equal(*first.CreationDate) {
		t.Errorf("got %+v, then %+v", first, again)
	}
	tags, err := s.ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: first.ActivityArn})
	s.ok(err)
	if len(tags.Tags) != 1 || *tags.Tags[0].Key != "team" || *tags.Tags[0].Value != "red" {
		t.Errorf("got tags %+v", tags.Tags)
	}
	for _, name := range []string{"a b", "a*", "a/b", "a:b", "a\u007fb", "a\u0085"} {
		_, err = s.CreateActivity(ctx, &sfn.CreateActivityInput{Name: &name})
		refused(t, err, "InvalidName", "Invalid Name: '"+name+"'")
	}
	many := make([]types.Tag, 51)
	for i := range many {
		many[i] = types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("")}
	}
	_, err = s.CreateActivity(ctx, &sfn.CreateActivityInput{Name: aws.String("tagged"), Tags: many})
	refused(t, err, "TooManyTags", "")

	described, err := s.DescribeActivity(ctx, &sfn.DescribeActivityInput{ActivityArn: first.ActivityArn})
	s.ok(err)
	if *described.Name != "pack" || described.EncryptionConfiguration == nil || described.EncryptionConfiguration.Type != types.EncryptionTypeAwsOwnedKey {
		t.Errorf("got %+v", described)
	}
	_, err = s.DescribeActivity(ctx, &sfn.DescribeActivityInput{ActivityArn: arn("activity:none")})
	refused(t, err, "ActivityDoesNotExist", "Activity Does Not Exist: '"+*arn("activity:none")+"'")
	_, err = s.DescribeActivity(ctx, &sfn.DescribeActivityInput{ActivityArn: aws.String("pack")})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: pack'")

	s.activity("a_10_")
	s.activity("a_2_")
	var names []string
	pages := sfn.NewListActivitiesPaginator(s.Client, &sfn.ListActivitiesInput{MaxResults: 1})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		s.ok(err)
		for _, a := range page.Activities {
			names = append(names, *a.Name)
		}
	}
	if !slices.Equal(names, []string{"a_10_", "a_2_", "pack"}) {
		t.Errorf("got activities %v", names)
	}
	_, err = s.ListActivities(ctx, &sfn.ListActivitiesInput{NextToken: aws.String("no token")})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	for range 2 { // what is gone may be deleted
		_, err = s.DeleteActivity(ctx, &sfn.DeleteActivityInput{ActivityArn: arn("activity:a_2_")})
		s.ok(err)
	}
	_, err = s.DeleteActivity(ctx, &sfn.DeleteActivityInput{ActivityArn: aws.String("pack")})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: pack'")
}

func statesTags(t *testing.T, s *states) {
	ctx := t.Context()
	machine := s.machine("tagged", passing, func(in *sfn.CreateStateMachineInput) {
		in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}
	})
	tagged := func(want ...string) {
		t.Helper()
		out, err := s.ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: machine})
		s.ok(err)
		var got []string
		for _, tag := range out.Tags {
			got = append(got, *tag.Key+"="+*tag.Value)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("got tags %v, want %v", got, want)
		}
	}
	_, err := s.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: machine, Tags: []types.Tag{
		{Key: aws.String("a"), Value: aws.String("2")}, {Key: aws.String("b"), Value: aws.String("")},
	}})
	s.ok(err)
	tagged("a=2", "b=")
	_, err = s.UntagResource(ctx, &sfn.UntagResourceInput{ResourceArn: machine, TagKeys: []string{"b", "none"}})
	s.ok(err)
	tagged("a=2")
	none := arn("activity:none")
	message := "Resource not found: '" + *none + "'"
	_, err = s.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: none, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("2")}}})
	refused(t, err, "ResourceNotFound", message)
	_, err = s.UntagResource(ctx, &sfn.UntagResourceInput{ResourceArn: none, TagKeys: []string{"a"}})
	refused(t, err, "ResourceNotFound", message)
	_, err = s.ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: none})
	refused(t, err, "ResourceNotFound", message)
}

func statesTasks(t *testing.T, s *states) {
	ctx := t.Context()
	activity := s.activity("work")
	machine := s.machine("worker", working(activity, `,"TimeoutSeconds":60,"HeartbeatSeconds":30`))

	succeeds := s.begin(machine, "succeeds", `{"n": 1}`)
	task := s.task(activity)
	if *task.Input != `{"n":1}` {
		t.Errorf("got input %s", *task.Input)
	}
	_, err := s.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: task.TaskToken})
	s.ok(err)
	_, err = s.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String("{")})
	refused(t, err, "InvalidOutput", "")
	_, err = s.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String(`{"done": true}`)})
	s.ok(err)
	if d := s.ends(succeeds, types.ExecutionStatusSucceeded); aws.ToString(d.Output) != `{"done":true}` && aws.ToString(d.Output) != `{"done": true}` {
		t.Errorf("got output %s", aws.ToString(d.Output))
	}
	events := s.tells(succeeds, "ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted ActivitySucceeded TaskStateExited ExecutionSucceeded")
	if len(events) == 7 && aws.ToString(events[3].ActivityStartedEventDetails.WorkerName) != "go" {
		t.Errorf("got %+v", events[3].ActivityStartedEventDetails)
	}
	_, err = s.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String("1")})
	refused(t, err, "TaskTimedOut", "")
	_, err = s.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: task.TaskToken})
	refused(t, err, "TaskTimedOut", "")

	fails := s.begin(machine, "fails", "{}")
	task = s.task(activity)
	_, err = s.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: task.TaskToken, Error: aws.String("E"), Cause: aws.String("C")})
	s.ok(err)
	if d := s.ends(fails, types.ExecutionStatusFailed); aws.ToString(d.Error) != "E" || aws.ToString(d.Cause) != "C" {
		t.Errorf("got %+v", d)
	}
	bad := aws.String("no token")
	_, err = s.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: bad, Output: aws.String("1")})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	_, err = s.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: bad})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	_, err = s.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: bad})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")

	empty, err := s.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: s.activity("idle")})
	s.ok(err)
	if empty.TaskToken != nil || empty.Input != nil {
		t.Errorf("an empty poll gave %+v", empty)
	}
	_, err = s.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: arn("activity:none")})
	refused(t, err, "ActivityDoesNotExist", "Activity Does Not Exist: '"+*arn("activity:none")+"'")
}

func statesMachines(t *testing.T, s *states) {
	ctx := t.Context()
	machine := s.machine("m", passing)
	s.machine("m", passing) // the same once more
	_, err := s.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: aws.String(passing + " "), RoleArn: s.role})
	refused(t, err, "StateMachineAlreadyExists", "State Machine Already Exists: '"+*machine+"'")
	_, err = s.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("n"), Definition: aws.String("{}"), RoleArn: s.role})
	refused(t, err, "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'")
	_, err = s.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("n n"), Definition: aws.String(passing), RoleArn: s.role})
	refused(t, err, "InvalidName", "Invalid Name: 'n n'")

	d, err := s.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
	s.ok(err)
	if *d.Name != "m" || *d.Definition != passing || *d.RoleArn != *s.role || d.Status != types.StateMachineStatusActive || d.Type != types.StateMachineTypeStandard ||
		d.RevisionId != nil || d.LoggingConfiguration.Level != types.LogLevelOff || d.TracingConfiguration.Enabled {
		t.Errorf("got %+v", d)
	}
	none := arn("stateMachine:none")
	message := "State Machine Does Not Exist: '" + *none + "'"
	_, err = s.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: none})
	refused(t, err, "StateMachineDoesNotExist", message)

	updated, err := s.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: machine, Definition: aws.String(waiting)})
	s.ok(err)
	d, err = s.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
	s.ok(err)
	if *d.Definition != waiting || d.RevisionId == nil || updated.RevisionId == nil || *d.RevisionId != *updated.RevisionId {
		t.Errorf("updated to %+v, got %+v", updated, d)
	}
	_, err = s.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: none, Definition: aws.String(waiting)})
	refused(t, err, "StateMachineDoesNotExist", message)
	_, err = s.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: machine})
	refused(t, err, "MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")

	var names []string
	pages := sfn.NewListStateMachinesPaginator(s.Client, &sfn.ListStateMachinesInput{MaxResults: 1})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		s.ok(err)
		for _, m := range page.StateMachines {
			names = append(names, *m.Name)
		}
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "m") {
		t.Errorf("got machines %v", names)
	}
	_, err = s.ListStateMachines(ctx, &sfn.ListStateMachinesInput{NextToken: aws.String("no token")})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")

	_, err = s.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: s.machine("brief", passing)})
	s.ok(err)
	_, err = s.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: none})
	s.ok(err)
	_, err = s.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: aws.String("brief")})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: brief'")
}

func statesVersions(t *testing.T, s *states) {
	ctx := t.Context()
	machine := s.machine("versioned", passing)
	publish := func() string {
		t.Helper()
		out, err := s.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: machine, Description: aws.String("one")})
		s.ok(err)
		return *out.StateMachineVersionArn
	}
	if first, again := publish(), publish(); first != *machine+":1" || again != first {
		t.Errorf("got %s, then %s", first, again)
	}
	updated, err := s.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: machine, Definition: aws.String(failing), Publish: true})
	s.ok(err)
	if aws.ToString(updated.StateMachineVersionArn) != *machine+":2" {
		t.Errorf("got %+v", updated)
	}
	_, err = s.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: machine, RevisionId: aws.String("other")})
	refused(t, err, "ConflictException", "Failed to publish the State Machine version for revision other. The current State Machine revision is "+aws.ToString(updated.RevisionId)+".")
	_, err = s.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: arn("stateMachine:none")})
	refused(t, err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+*arn("stateMachine:none")+"'")
	d, err := s.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(*machine + ":1")})
	s.ok(err)
	if *d.Definition != passing || *d.StateMachineArn != *machine+":1" || aws.ToString(d.Description) != "one" {
		t.Errorf("got %+v", d)
	}
	versions := func() (got []string) {
		t.Helper()
		out, err := s.ListStateMachineVersions(ctx, &sfn.ListStateMachineVersionsInput{StateMachineArn: machine})
		s.ok(err)
		for _, v := range out.StateMachineVersions {
			got = append(got, strings.TrimPrefix(*v.StateMachineVersionArn, *machine))
		}
		return got
	}
	if got := versions(); !slices.Equal(got, []string{":2", ":1"}) {
		t.Errorf("got versions %v", got)
	}
	_, err = s.ListStateMachineVersions(ctx, &sfn.ListStateMachineVersionsInput{StateMachineArn: machine, NextToken: aws.String("no token")})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	_, err = s.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: aws.String(*machine + ":1")})
	s.ok(err)
	if got := versions(); !slices.Equal(got, []string{":2"}) {
		t.Errorf("got versions %v", got)
	}
	_, err = s.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: aws.String("x")})
	refused(t, err, "InvalidArn", "")
}

func statesAliases(t *testing.T, s *states) {
	ctx := t.Context()
	machine := s.machine("aliased", passing, func(in *sfn.CreateStateMachineInput) { in.Publish = true })
	_, err := s.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: machine, Definition: aws.String(failing), Publish: true})
	s.ok(err)
	one, two := aws.String(*machine+":1"), aws.String(*machine+":2")
	to := func(first, second int32) []types.RoutingConfigurationListItem {
		list := []types.RoutingConfigurationListItem{{StateMachineVersionArn: one, Weight: first}}
		if second >= 0 {
			list = append(list, types.RoutingConfigurationListItem{StateMachineVersionArn: two, Weight: second})
		}
		return list
	}
	alias := aws.String(*machine + ":live")
	for range 2 { // the same once more
		made, err := s.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: aws.String("live"), Description: aws.String("d"), RoutingConfiguration: to(100, -1)})
		s.ok(err)
		if *made.StateMachineAliasArn != *alias {
			t.Errorf("got %s", *made.StateMachineAliasArn)
		}
	}
	_, err = s.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: aws.String("live"), RoutingConfiguration: to(100, -1)})
	refused(t, err, "ConflictException", "Failed to create alias because an alias with the same name and a different routing configuration already exists.")
	_, err = s.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: aws.String("odd"), RoutingConfiguration: to(70, 29)})
	refused(t, err, "ValidationException", "Sum of routing configuration weights must equal 100. Received: [70, 29]")

	_, err = s.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{StateMachineAliasArn: alias, RoutingConfiguration: to(0, 100)})
	s.ok(err)
	none := aws.String(*machine + ":none")
	_, err = s.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{StateMachineAliasArn: none, RoutingConfiguration: to(100, -1)})
	refused(t, err, "ResourceNotFound", "Request references a resource that does not exist.")
	d, err := s.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: alias})
	s.ok(err)
	if *d.Name != "live" || aws.ToString(d.Description) != "d" || len(d.RoutingConfiguration) != 2 || d.RoutingConfiguration[1].Weight != 100 || d.UpdateDate == nil {
		t.Errorf("got %+v", d)
	}
	_, err = s.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: none})
	refused(t, err, "ResourceNotFound", "")
	list, err := s.ListStateMachineAliases(ctx, &sfn.ListStateMachineAliasesInput{StateMachineArn: machine})
	s.ok(err)
	if len(list.StateMachineAliases) != 1 || *list.StateMachineAliases[0].StateMachineAliasArn != *alias {
		t.Errorf("got %+v", list.StateMachineAliases)
	}
	_, err = s.ListStateMachineAliases(ctx, &sfn.ListStateMachineAliasesInput{StateMachineArn: machine, NextToken: aws.String("no token")})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")

	// Through the alias the second version runs, which fails.
	execution := s.begin(alias, "by-alias", "{}")
	if d := s.ends(execution, types.ExecutionStatusFailed); aws.ToString(d.StateMachineAliasArn) != *alias || aws.ToString(d.StateMachineVersionArn) != *two || *d.StateMachineArn != *machine {
		t.Errorf("got %+v", d)
	}
	_, err = s.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: two})
	refused(t, err, "ConflictException", "")
	_, err = s.DeleteStateMachineAlias(ctx, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: alias})
	s.ok(err)
	_, err = s.DeleteStateMachineAlias(ctx, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: aws.String("live")})
	refused(t, err, "InvalidArn", "")
}

func statesExecutions(t *testing.T, s *states) {
	ctx := t.Context()
	machine := s.machine("runs", waiting)
	execution := s.begin(machine, "e", `{"n": 1}`)
	if *execution != *arn("execution:runs:e") {
		t.Errorf("got %s", *execution)
	}
	if again := s.begin(machine, "e", `{"n": 1}`); *again != *execution {
		t.Errorf("the same start once more gave %s", *again)
	}
	_, err := s.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine, Name: aws.String("e"), Input: aws.String("2")})
	refused(t, err, "ExecutionAlreadyExists", "Execution Already Exists: '"+*execution+"'")
	_, err = s.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine, Input: aws.String("")})
	refused(t, err, "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'")
	_, err = s.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: arn("stateMachine:none")})
	refused(t, err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+*arn("stateMachine:none")+"'")

	d, err := s.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: execution})
	s.ok(err)
	if d.Status != types.ExecutionStatusRunning || aws.ToString(d.Input) != `{"n": 1}` || d.StopDate != nil || d.RedriveStatus != types.ExecutionRedriveStatusNotRedrivable {
		t.Errorf("got %+v", d)
	}
	none := arn("execution:runs:none")
	message := "Execution Does Not Exist: '" + *none + "'"
	_, err = s.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: none})
	refused(t, err, "ExecutionDoesNotExist", message)
	of, err := s.DescribeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: execution})
	s.ok(err)
	if *of.Definition != waiting || *of.StateMachineArn != *machine {
		t.Errorf("got %+v", of)
	}
	_, err = s.DescribeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: none})
	refused(t, err, "ExecutionDoesNotExist", message)

	second := s.begin(machine, "f", "{}")
	list := func(status types.ExecutionStatus, want ...string) {
		t.Helper()
		var got []string
		pages := sfn.NewListExecutionsPaginator(s.Client, &sfn.ListExecutionsInput{StateMachineArn: machine, StatusFilter: status, MaxResults: 1})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			s.ok(err)
			for _, e := range page.Executions {
				got = append(got, *e.Name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %s executions %v, want %v", status, got, want)
		}
	}
	list("", "f", "e") // the newest first
	stopped, err := s.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: second, Error: aws.String("E"), Cause: aws.String("C")})
	s.ok(err)
	if d := s.ends(second, types.ExecutionStatusAborted); aws.ToString(d.Error) != "E" || aws.ToString(d.Cause) != "C" || !d.StopDate.Equal(*stopped.StopDate) {
		t.Errorf("stopped at %s, got %+v", stopped.StopDate, d)
	}
	list(types.ExecutionStatusRunning, "e")
	list(types.ExecutionStatusAborted, "f")
	_, err = s.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: none})
	refused(t, err, "ExecutionDoesNotExist", message)
	_, err = s.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: arn("stateMachine:none")})
	refused(t, err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+*arn("stateMachine:none")+"'")

	// A machine that is deleted is so when its executions have ended.
	_, err = s.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: machine})
	s.ok(err)
	heddle.Holds(func() bool {
		late, begun := s.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine})
		if err = begun; err == nil { // another server had not heard
			_, stopped := s.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: late.ExecutionArn})
			s.ok(stopped)
		}
		return err != nil
	})
	refused(t, err, "StateMachineDeleting", "")
	_, err = s.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: execution})
	s.ok(err)
}

func statesHistory(t *testing.T, s *states) {
	ctx := t.Context()
	execution := s.begin(s.machine("told", passing), "h", `{"a": [1, 2]}`)
	s.ends(execution, types.ExecutionStatusSucceeded)
	events := s.tells(execution, "ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded")
	if len(events) == 4 {
		if got := aws.ToString(events[0].ExecutionStartedEventDetails.Input); got != `{"a": [1, 2]}` {
			t.Errorf("the input is kept as %s", got)
		}
		if got := aws.ToString(events[1].StateEnteredEventDetails.Input); got != `{"a":[1,2]}` {
			t.Errorf("the state's input is written as %s", got)
		}
		if events[1].PreviousEventId != 0 || events[2].PreviousEventId != 2 || events[3].PreviousEventId != 3 {
			t.Errorf("got %+v", events)
		}
	}
	back, err := s.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: execution, ReverseOrder: true, MaxResults: 1, IncludeExecutionData: aws.Bool(false)})
	s.ok(err)
	if len(back.Events) != 1 || back.Events[0].Id != 4 || back.Events[0].ExecutionSucceededEventDetails != nil && back.Events[0].ExecutionSucceededEventDetails.Output != nil {
		t.Errorf("got %+v", back.Events)
	}
	_, err = s.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: execution, NextToken: aws.String("no token")})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	_, err = s.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: arn("execution:told:none")})
	refused(t, err, "ExecutionDoesNotExist", "Execution Does Not Exist: '"+*arn("execution:told:none")+"'")
}

func statesRedrive(t *testing.T, s *states) {
	ctx := t.Context()
	activity := s.activity("flaky")
	execution := s.begin(s.machine("redriven", working(activity, "")), "r", "{}")
	_, err := s.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: s.task(activity).TaskToken, Error: aws.String("E")})
	s.ok(err)
	if d := s.ends(execution, types.ExecutionStatusFailed); d.RedriveStatus != types.ExecutionRedriveStatusRedrivable || aws.ToInt32(d.RedriveCount) != 0 {
		t.Errorf("got %+v", d)
	}
	_, err = s.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: execution})
	s.ok(err)
	_, err = s.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: s.task(activity).TaskToken, Output: aws.String("1")})
	s.ok(err)
	if d := s.ends(execution, types.ExecutionStatusSucceeded); aws.ToInt32(d.RedriveCount) != 1 || d.RedriveDate == nil {
		t.Errorf("got %+v", d)
	}
	_, err = s.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: execution})
	refused(t, err, "ExecutionNotRedrivable", "")
	_, err = s.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: arn("execution:redriven:none")})
	refused(t, err, "ExecutionDoesNotExist", "Execution Does Not Exist: '"+*arn("execution:redriven:none")+"'")
}

func statesExpress(t *testing.T, s *states) {
	ctx := t.Context()
	express := func(in *sfn.CreateStateMachineInput) { in.Type = types.StateMachineTypeExpress }
	out, err := s.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: s.machine("fast", passing, express), Name: aws.String("x"), Input: aws.String(`{"n":1}`)})
	s.ok(err)
	if out.Status != types.SyncExecutionStatusSucceeded || aws.ToString(out.Output) != `{"n":1}` || out.BillingDetails == nil || !strings.HasPrefix(*out.ExecutionArn, *arn("express:fast:x:")) {
		t.Errorf("got %+v", out)
	}
	out, err = s.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: s.machine("fast-fail", failing, express)})
	s.ok(err)
	if out.Status != types.SyncExecutionStatusFailed || aws.ToString(out.Error) != "E" || aws.ToString(out.Cause) != "C" || out.Output != nil {
		t.Errorf("got %+v", out)
	}
	_, err = s.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: s.machine("slow", passing)})
	refused(t, err, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
	_, err = s.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: arn("stateMachine:fast")})
	refused(t, err, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
}

func statesTests(t *testing.T, s *states) {
	ctx := t.Context()
	out, err := s.TestState(ctx, &sfn.TestStateInput{
		Definition: aws.String(`{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":1,"Next":"Big"}],"Default":"Small"}`),
		RoleArn:    s.role, Input: aws.String(`{"n":2}`), InspectionLevel: types.InspectionLevelDebug,
	})
	s.ok(err)
	if out.Status != types.TestExecutionStatusSucceeded || aws.ToString(out.NextState) != "Big" || aws.ToString(out.Output) != `{"n": 2}` || out.InspectionData == nil {
		t.Errorf("got %+v", out)
	}
	out, err = s.TestState(ctx, &sfn.TestStateInput{Definition: aws.String(`{"Type":"Fail","Error":"E","Cause":"C"}`), RoleArn: s.role})
	s.ok(err)
	if out.Status != types.TestExecutionStatusFailed || aws.ToString(out.Error) != "E" {
		t.Errorf("got %+v", out)
	}
	_, err = s.TestState(ctx, &sfn.TestStateInput{Definition: aws.String(`{"Type":"Nap"}`), RoleArn: s.role})
	refused(t, err, "InvalidDefinition", "")
}

func statesDefinitions(t *testing.T, s *states) {
	ctx := t.Context()
	out, err := s.ValidateStateMachineDefinition(ctx, &sfn.ValidateStateMachineDefinitionInput{Definition: aws.String(passing)})
	s.ok(err)
	if out.Result != types.ValidateStateMachineDefinitionResultCodeOk || len(out.Diagnostics) != 0 {
		t.Errorf("got %+v", out)
	}
	out, err = s.ValidateStateMachineDefinition(ctx, &sfn.ValidateStateMachineDefinitionInput{Definition: aws.String(`{"StartAt":"X","States":{"X":{"Type":"Nap"}}}`)})
	s.ok(err)
	if out.Result != types.ValidateStateMachineDefinitionResultCodeFail || len(out.Diagnostics) == 0 || aws.ToString(out.Diagnostics[0].Location) != "/States/X/Type" {
		t.Errorf("got %+v", out)
	}
	_, err = s.ValidateStateMachineDefinition(ctx, &sfn.ValidateStateMachineDefinitionInput{Definition: aws.String(passing), MaxResults: 101})
	refused(t, err, "ValidationException", "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100")
}

// mapping is a definition with a Map state in distributed mode.
const mapping = `{"StartAt":"M","States":{"M":{"Type":"Map","Label":"each","End":true,"ItemProcessor":{
	"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}}}}`

// statesMapRuns calls the operations of map runs, and sees that the executions of items end
// with the one that they are of.
func statesMapRuns(t *testing.T, s *states) {
	ctx := t.Context()
	machine := s.machine("mapping", mapping)
	begun, err := s.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine, Input: aws.String("[1,2]")})
	s.ok(err)
	var run *string
	var counts *types.MapRunItemCounts
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		runs, err := s.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: begun.ExecutionArn})
		s.ok(err)
		if len(runs.MapRuns) == 1 {
			run = runs.MapRuns[0].MapRunArn
			seen, err := s.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: run})
			s.ok(err)
			if counts = seen.ItemCounts; counts.Running == 2 && counts.Total == 2 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("map runs %v, counts %+v", runs.MapRuns, counts)
		}
	}
	_, err = s.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: run, MaxConcurrency: aws.Int32(1)})
	s.ok(err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // they begin by messages
		children, err := s.ListExecutions(ctx, &sfn.ListExecutionsInput{MapRunArn: run, StatusFilter: types.ExecutionStatusRunning})
		s.ok(err)
		if len(children.Executions) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d executions of the map run, want 2", len(children.Executions))
		}
	}
	_, err = s.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: begun.ExecutionArn})
	s.ok(err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		seen, err := s.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: run})
		s.ok(err)
		if seen.Status == types.MapRunStatusAborted && seen.ExecutionCounts.Aborted == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %+v", seen.Status, seen.ExecutionCounts)
		}
	}
	none := arn("mapRun:mapping/each:none")
	_, err = s.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: none})
	refused(t, err, "ResourceNotFound", "Resource not found: '"+*none+"'")
	_, err = s.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: none})
	refused(t, err, "ResourceNotFound", "")
	_, err = s.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: run, MaxConcurrency: aws.Int32(2)})
	refused(t, err, "ValidationException", "")
	for _, call := range []func() error{
		func() error {
			_, err := s.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: aws.String("run")})
			return err
		},
		func() error {
			_, err := s.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: aws.String("execution")})
			return err
		},
		func() error {
			_, err := s.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: aws.String("run")})
			return err
		},
	} {
		refused(t, call(), "InvalidArn", "")
	}
	missing := arn("execution:mapping:none")
	_, err = s.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: missing})
	refused(t, err, "ExecutionDoesNotExist", "")
	_, err = s.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: begun.ExecutionArn, NextToken: aws.String("no token")})
	refused(t, err, "InvalidToken", "")
}
