package sfn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/kms/datakey"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
	"heddle/internal/tracing"
	"heddle/internal/visibility"
	"heddle/jsonvalue"
)

func (s *actions) executionRows() []operation.Operation {
	return []operation.Operation{
		row(s, "StartExecution", s.startExecution, payloadBody),
		row(s, "StopExecution", s.stopExecution, payloadBody),
		row(s, "DescribeExecution", s.describeExecution),
		row(s, "ListExecutions", s.listExecutions),
		row(s, "GetExecutionHistory", s.getExecutionHistory),
		row(s, "DescribeStateMachineForExecution", s.describeStateMachineForExecution),
		row(s, "RedriveExecution", s.redriveExecution),
		row(s, "GetActivityTask", s.getActivityTask, operation.Waits),
		row(s, "SendTaskSuccess", s.sendTaskSuccess, payloadBody),
		row(s, "SendTaskFailure", s.sendTaskFailure, payloadBody),
		row(s, "SendTaskHeartbeat", s.sendTaskHeartbeat),
	}
}

// payloadBody bounds the bodies of calls with a payload: 262,144 characters, that may take
// six bytes each.
var payloadBody = operation.WithBodyMax(2 << 20)

func noExecution(arn string) error {
	return refusal(wire.CodeExecutionDoesNotExist, "Execution Does Not Exist: '"+arn+"'")
}

// executionFault is the fault for what the rules said of an execution.
func executionFault(err error, arn string) error {
	var (
		missing *engine.UnknownRunError
		kept    *engine.NameKeptError
		exists  *execution.ExistsError
		many    *execution.TooManyOpenError
		closed  *execution.NotRedrivableError
	)
	switch {
	case errors.As(err, &missing):
		return noExecution(arn)
	case errors.As(err, &kept), errors.As(err, &exists):
		return refusal(wire.CodeExecutionAlreadyExists, "Execution Already Exists: '"+arn+"'")
	case errors.As(err, &many):
		return refusal(wire.CodeExecutionLimitExceeded, fmt.Sprintf("The limit of %d open executions is reached.", many.Limit))
	case errors.As(err, &closed):
		return refusal(wire.CodeExecutionNotRedrivable, closed.Reason)
	}
	return err
}

// executionOf reads the ARN of an execution. Errors: InvalidArn, ExecutionDoesNotExist.
func (s *actions) executionOf(ctx context.Context, arn string) (engine.Name, error) {
	plain, _ := s.options.untested(arn)
	n, err := parse(plain, resource.Execution)
	if err != nil {
		return engine.Name{}, err
	}
	w := worldOf(ctx)
	if !n.In(w.Region, w.Account) {
		return engine.Name{}, noExecution(arn)
	}
	return execution.Name(w, n.Labelled(), n.Qualifier), nil
}

// startExecution serves StartExecution.
func (s *actions) startExecution(ctx context.Context, in *wire.StartExecutionInput) (*wire.StartExecutionOutput, error) {
	t, err := s.target(ctx, worldOf(ctx), in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	name := text(in.Name)
	if in.Name == nil {
		if name, err = newUUID(s.Random); err != nil {
			return nil, err
		}
	} else if err := checkName(name); err != nil {
		return nil, err
	}
	input := "{}"
	if in.Input != nil {
		input = *in.Input
	}
	if err := checkInput(input); err != nil {
		return nil, err
	}
	begun, err := s.start(ctx, worldOf(ctx), t, name, &execution.Start{Input: input, Settings: execution.Settings{Trace: traceHeader(ctx, in.TraceHeader)}})
	if err != nil {
		return nil, err
	}
	return &wire.StartExecutionOutput{ExecutionARN: begun.ARN, StartDate: timestamp(begun.At)}, nil
}

// traceHeader says of which trace an execution is: as its caller says, or else as the call does.
func traceHeader(ctx context.Context, given *string) string {
	return cmp.Or(text(given), tracing.Valid(operation.CallerOf(ctx).Trace()))
}

// checkInput refuses what is no JSON. Errors: InvalidExecutionInput.
func checkInput(input string) error {
	why := "Invalid execution input."
	if strings.TrimSpace(input) != "" {
		_, err := jsonvalue.ParseString(input)
		if err == nil {
			return nil
		}
		if syntax, ok := errors.AsType[*jsonvalue.SyntaxError](err); ok {
			why = syntax.Message
		}
	}
	return refusal(wire.CodeInvalidExecutionInput, "Invalid State Machine Execution Input: '"+why+"'")
}

// started is an execution that was started.
type started struct {
	ARN  string
	Name engine.Name
	Run  engine.RunID
	At   engine.Time
}

// start begins an execution of a target, or finds the one that was begun by the same call.
// Of its settings it fills in what the target says. Errors: ExecutionAlreadyExists,
// ExecutionLimitExceeded.
func (s *actions) start(ctx context.Context, w engine.World, t *Target, name string, c *execution.Start) (*started, error) {
	if t.Machine.Express && c.Parent.Waits { // nobody can ask what became of it
		return nil, notOfThisType()
	}
	machine := resource.Of(w.Region, w.Account, resource.Machine, t.Machine.Name)
	c.Definition, c.DefinitionKey, c.Role = t.Revision.Definition.ID, t.Revision.Definition.DataKey, t.Revision.Role
	c.Key, c.Mocks = t.Revision.Encryption, t.Mocks
	if t.Version != nil {
		c.Version = *versionARN(machine, t.Version)
	}
	if t.Alias != nil {
		c.Alias = machine.Qualified(t.Alias.Name).String()
	}
	c.Revision = t.Revision.Shown(updatedOf(t))
	var err error
	if _, err := io.ReadFull(s.Random, c.Secret[:]); err != nil {
		return nil, fmt.Errorf("start an execution: %w", err)
	}
	if c.Activities, err = s.activitiesOf(ctx, w, &c.Settings, machine.String()); err != nil {
		return nil, err
	}
	found := &started{ARN: execution.ARN(w, t.Machine.Name, name), Name: execution.Name(w, t.Machine.Name, name)}
	if t.Machine.Express { // each call starts one, whatever its name; and each task
		id := execution.DerivedUUID(fmt.Sprintf("%s %x %d", c.Parent.Name.Key, c.Parent.Run, c.Parent.Scheduled))
		if c.Parent.Scheduled == 0 {
			if id, err = newUUID(s.Random); err != nil {
				return nil, err
			}
		}
		found.ARN, found.Name = execution.ExpressARN(w, t.Machine.Name, name, id), execution.ExpressName(w, t.Machine.Name, name, id)
	}
	cmd := engine.Command{
		Name: found.Name, Begin: engine.Once, Seed: s.RootSeed(), Group: execution.Group(w), Body: c,
	}
	reply, err := s.Runs.Do(ctx, cmd)
	if open, already := errors.AsType[*engine.AlreadyOpenError](err); already {
		reply, err = s.Runs.Do(ctx, engine.Command{
			Name: cmd.Name, Run: open.Run, Body: &execution.Same{Input: c.Input, Version: c.Version, Alias: c.Alias},
		})
	}
	if err != nil {
		return found, executionFault(err, found.ARN)
	}
	was := reply.(*execution.Started)
	found.At, found.Run = was.At, was.Run
	return found, nil
}

func updatedOf(t *Target) engine.Time {
	switch {
	case t.Version != nil:
		return t.Version.Created
	case t.Machine.Updated != 0:
		return t.Machine.Updated
	}
	return t.Machine.Created
}

// activitiesOf gives the activities that an execution's definition names and that are
// there. It is opened in the right of the machine's role, which will run it.
func (s *actions) activitiesOf(ctx context.Context, w engine.World, c *execution.Settings, machine string) (there []execution.Activity, err error) {
	m, err := s.machine(ctx, c.Definition, c.Key, func() (datakey.Sealer, error) {
		return s.keys.find(ctx, &execution.KeyUse{
			World: w, Key: c.Key.Key, Role: c.Role, Machine: machine, Of: machine, Seconds: c.Key.ReuseSeconds, Wrapped: c.DefinitionKey,
		})
	})
	if err != nil {
		return nil, err
	}
	for _, arn := range m.Activities {
		n, err := resource.ParseAs(arn, resource.Activity)
		if err != nil || !n.In(w.Region, w.Account) {
			continue
		}
		switch a, err := s.rememberActivity(ctx, w, n.Base); {
		case err == nil:
			there = append(there, execution.Activity{ARN: arn, Encryption: a.Encryption})
		case !isMissing(err):
			return nil, err
		}
	}
	return there, nil
}

// stopExecution serves StopExecution.
func (s *actions) stopExecution(ctx context.Context, in *wire.StopExecutionInput) (*wire.StopExecutionOutput, error) {
	name, err := s.executionOf(ctx, in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	reply, err := s.Runs.Do(ctx, engine.Command{Name: name, Body: &execution.Stop{Error: in.Error, Cause: in.Cause}})
	if err != nil {
		return nil, executionFault(err, in.ExecutionARN)
	}
	return &wire.StopExecutionOutput{StopDate: timestamp(reply.(*execution.Stopped).At)}, nil
}

func (s *actions) description(ctx context.Context, arn string) (*execution.Description, error) {
	name, err := s.executionOf(ctx, arn)
	if err != nil {
		return nil, err
	}
	reply, err := s.Runs.Do(ctx, engine.Command{Name: name, Body: &execution.Describe{}})
	if err != nil {
		return nil, executionFault(err, arn)
	}
	return reply.(*execution.Description), nil
}

// describeExecution serves DescribeExecution.
func (s *actions) describeExecution(ctx context.Context, in *wire.DescribeExecutionInput) (*wire.DescribeExecutionOutput, error) {
	d, err := s.description(ctx, in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	redrivable := wire.ExecutionRedriveStatusRedrivable
	if d.NotRedrivable != "" {
		redrivable = wire.ExecutionRedriveStatusNotRedrivable
		if d.MapRun != "" && !d.Open && d.Status != execution.Succeeded {
			redrivable, d.NotRedrivable = wire.ExecutionRedriveStatusRedrivableByMapRun, ""
		}
	}
	out := &wire.DescribeExecutionOutput{
		ExecutionARN: d.ARN, StateMachineARN: d.Machine, StateMachineVersionARN: present(d.Version), StateMachineAliasARN: present(d.Alias),
		MapRunARN: present(d.MapRun), Name: &d.Name, Status: d.Status, StartDate: timestamp(d.Started),
		RedriveCount: &d.Redrives, RedriveDate: moment(d.Redriven), RedriveStatus: &redrivable, RedriveStatusReason: present(d.NotRedrivable),
		StopDate: moment(d.Closed), TraceHeader: present(d.Settings.Trace),
	}
	if text(in.IncludedData) == wire.IncludedDataMetadataOnly {
		return out, nil
	}
	if d.Settings.Key.Key != "" {
		if err := s.openDescription(ctx, d); err != nil {
			return nil, err
		}
	}
	included := true
	out.Error, out.Cause = d.Error, d.Cause
	out.Input, out.InputDetails = &d.Input, &wire.CloudWatchEventsExecutionDataDetails{Included: &included}
	if d.Output != "" {
		out.Output, out.OutputDetails = &d.Output, &wire.CloudWatchEventsExecutionDataDetails{Included: &included}
	}
	return out, nil
}

// openDescription opens what users gave, in the caller's right. Errors:
// *execution.KeyError.
func (s *actions) openDescription(ctx context.Context, d *execution.Description) (err error) {
	open := s.opener(ctx, d.Settings.Key, d.Machine)
	for _, text := range []*string{&d.Input, &d.Output, d.Error, d.Cause} {
		if text == nil {
			continue
		}
		if *text, err = open(*text); err != nil {
			return err
		}
	}
	return nil
}

// moment is a time that may be absent.
func moment(t engine.Time) *wire.Timestamp {
	if t == 0 {
		return nil
	}
	at := timestamp(t)
	return &at
}

// describeStateMachineForExecution serves DescribeStateMachineForExecution.
func (s *actions) describeStateMachineForExecution(ctx context.Context, in *wire.DescribeStateMachineForExecutionInput) (*wire.DescribeStateMachineForExecutionOutput, error) {
	d, err := s.description(ctx, in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	r, updated, err := registry.ReadShown(d.Settings.Revision)
	if err != nil {
		return nil, fmt.Errorf("read what %s keeps of its state machine: %w", d.ARN, err)
	}
	n, err := parse(d.Machine, resource.Machine)
	if err != nil {
		return nil, err
	}
	out := &wire.DescribeStateMachineForExecutionOutput{
		MapRunARN: present(d.MapRun), Label: present(n.Label),
		StateMachineARN: d.Machine, Name: n.Labelled(), RoleARN: d.Settings.Role, UpdateDate: timestamp(updated), RevisionID: present(r.ID), Definition: "{}",
		LoggingConfiguration: loggingShape(&r.Logging), TracingConfiguration: &wire.TracingConfiguration{Enabled: &r.Tracing},
		EncryptionConfiguration: encryptionShape(&r.Encryption),
	}
	if text(in.IncludedData) == wire.IncludedDataMetadataOnly {
		return out, nil
	}
	out.Definition, out.VariableReferences, err = s.shownDefinition(ctx, d.Settings.Definition, d.Settings.Key, d.Machine)
	return out, err
}

// redriveExecution serves RedriveExecution.
func (s *actions) redriveExecution(ctx context.Context, in *wire.RedriveExecutionInput) (*wire.RedriveExecutionOutput, error) {
	name, err := s.executionOf(ctx, in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	reply, err := s.Runs.Do(ctx, engine.Command{Name: name, Body: &execution.Redrive{ClientToken: text(in.ClientToken)}})
	if err != nil {
		return nil, executionFault(err, in.ExecutionARN)
	}
	return &wire.RedriveExecutionOutput{RedriveDate: timestamp(reply.(*execution.Redriven).At)}, nil
}

// listExecutions serves ListExecutions.
func (s *actions) listExecutions(ctx context.Context, in *wire.ListExecutionsInput) (*wire.ListExecutionsOutput, error) {
	switch {
	case in.StateMachineARN == nil && in.MapRunARN == nil:
		return nil, invalid("Must provide a StateMachine ARN or MapRun ARN")
	case in.StateMachineARN != nil && in.MapRunARN != nil:
		return nil, invalid("Must provide either a StateMachine ARN or MapRun ARN, not both")
	}
	family, arn, err := s.listed(ctx, in)
	if err != nil {
		return nil, err
	}
	w := worldOf(ctx)
	status := text(in.StatusFilter)
	p := visibility.Place{Kind: execution.Kind, World: w, Family: family, Value: execution.IndexValue(arn, status)}
	if status != "" {
		p.Family++
	}
	pages := s.pages(ctx, "executions", arn, status, text(in.RedriveFilter))
	last, err := pages.after(in.NextToken)
	if err != nil {
		return nil, err
	}
	var after *visibility.Position
	if last != "" {
		if after, err = visibility.ReadPosition([]byte(last)); err != nil {
			return nil, errInvalidToken
		}
	}
	out := &wire.ListExecutionsOutput{Executions: []wire.ExecutionListItem{}}
	page, err := s.Visibility.List(ctx, p, visibility.Any, true, after, pageSize(in.MaxResults), pageBytesMax)
	if err != nil {
		return nil, err
	}
	for _, r := range page.Runs {
		l, err := execution.DecodeListing(r.Listing)
		if err != nil {
			return nil, fmt.Errorf("list executions: run %s: %w", r.Run, err)
		}
		if status != "" && l.Status != status || !redriveFits(text(in.RedriveFilter), &l) {
			continue
		}
		machine, name := execution.Split(r.Name.Key)
		item := wire.ExecutionListItem{
			ExecutionARN: execution.ARN(w, machine, name), Name: name, StateMachineARN: execution.MachineARN(w, machine),
			StateMachineVersionARN: present(l.Version), StateMachineAliasARN: present(l.Alias), Status: l.Status,
			StartDate: timestamp(r.Started), StopDate: moment(r.Closed), RedriveCount: &l.Redrives, RedriveDate: moment(l.Redriven),
			MapRunARN: present(l.MapRun),
		}
		if l.MapRun != "" {
			item.ItemCount = &l.Items
		}
		out.Executions = append(out.Executions, item)
	}
	if page.Next != nil {
		out.NextToken, err = pages.next(string(page.Next.Append(nil)), true)
	}
	return out, err
}

// listed is where the index has the executions that a list is of: those of a machine, of a
// version or an alias of one, or of a map run. Errors: InvalidArn, StateMachineDoesNotExist,
// StateMachineTypeNotSupported, ResourceNotFound.
func (s *actions) listed(ctx context.Context, in *wire.ListExecutionsInput) (family byte, arn string, err error) {
	if in.MapRunARN != nil {
		d, err := s.mapRun(ctx, *in.MapRunARN)
		if err != nil {
			return 0, "", err
		}
		return execution.ByMapRun, execution.MapRunARN(d.Name), nil
	}
	arn = *in.StateMachineARN
	m, n, err := s.machineOf(ctx, arn)
	if err != nil {
		return 0, "", err
	}
	if m.Express {
		return 0, "", notOfThisType()
	}
	if n.Qualifier == "" {
		return execution.ByMachine, n.String(), nil
	}
	_, err = pick(m, n, arn, func(a *registry.Alias) int64 { return a.Main() })
	return execution.ByOrigin, n.String(), err
}

// pageBytesMax is how many bytes what a page shows has at most.
const pageBytesMax = 1<<20 - 16<<10

func redriveFits(filter string, l *execution.Listing) bool {
	switch filter {
	case wire.ExecutionRedriveFilterRedriven:
		return l.Redrives > 0
	case wire.ExecutionRedriveFilterNotRedriven:
		return l.Redrives == 0
	}
	return true
}

// runningIn tells whether executions of a state machine run.
func (s *actions) runningIn(ctx context.Context, w engine.World, machine string) (bool, error) {
	arn := resource.Of(w.Region, w.Account, resource.Machine, machine).String()
	n, _, err := s.Visibility.Count(ctx, visibility.Place{
		Kind: execution.Kind, World: w, Family: execution.ByMachineStatus, Value: execution.IndexValue(arn, execution.Running),
	}, 1)
	return n > 0, err
}
