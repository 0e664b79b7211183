package sfn

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

func (s *actions) machineRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateStateMachine", s.createStateMachine, definitionBody),
		row(s, "DescribeStateMachine", s.describeStateMachine),
		row(s, "UpdateStateMachine", s.updateStateMachine, definitionBody),
		row(s, "DeleteStateMachine", s.deleteStateMachine),
		row(s, "ListStateMachines", s.listStateMachines),
		row(s, "ValidateStateMachineDefinition", s.validateStateMachineDefinition, definitionBody),
		row(s, "StartSyncExecution", s.startSyncExecution, payloadBody, operation.Waits, operation.FromInside),
	}
}

func machineEntry(reply any) registry.Entry { return reply.(*registry.Machine).Entry }

// createStateMachine serves CreateStateMachine.
func (s *actions) createStateMachine(ctx context.Context, in *wire.CreateStateMachineInput) (*wire.CreateStateMachineOutput, error) {
	w := worldOf(ctx)
	n := name(w, resource.Machine, in.Name)
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	if err := checkDescription(in.Publish, in.VersionDescription); err != nil {
		return nil, err
	}
	c := registry.CreateMachine{
		Express: text(in.Type) == wire.StateMachineTypeExpress, Tags: tagsOf(in.Tags),
		Publish: value(in.Publish), Description: text(in.VersionDescription),
	}
	r := &c.Revision
	r.Role, r.Tracing = in.RoleARN, in.TracingConfiguration != nil && value(in.TracingConfiguration.Enabled)
	var err error
	if r.Logging, err = s.logging(w, in.LoggingConfiguration); err != nil {
		return nil, err
	}
	if r.Encryption, err = s.encryption(ctx, in.EncryptionConfiguration, n.String()); err != nil {
		return nil, err
	}
	if err := s.mustTrust(ctx, in.RoleARN, n); err != nil {
		return nil, err
	}
	if err := s.mustLog(ctx, in.RoleARN, &r.Logging, n); err != nil {
		return nil, err
	}
	if r.Definition, err = s.putDefinition(ctx, in.Definition, c.Express, r.Encryption, n.String()); err != nil {
		return nil, err
	}
	most := s.options.Registry.MachinesMax
	reply, err := s.create(ctx, registry.CreateCommand(w, registry.KindMachine, in.Name, s.RootSeed(), c),
		most, refusal(wire.CodeStateMachineLimitExceeded, "The limit of "+strconv.Itoa(most)+" state machines is reached."), machineEntry)
	if err != nil {
		return nil, faultOf(err, n, nil)
	}
	m := reply.(*registry.Machine)
	out := &wire.CreateStateMachineOutput{StateMachineARN: n.String(), CreationDate: timestamp(m.Created)}
	if c.Publish {
		out.StateMachineVersionARN = versionARN(n, m.Published())
	}
	return out, nil
}

// checkDescription refuses the description of a version that is not asked for.
func checkDescription(publish *bool, description *string) error {
	if description != nil && !value(publish) {
		return invalid("Version description can only be set when publish is true")
	}
	return nil
}

// versionARN is the ARN of a version of a machine; nil if there is none.
func versionARN(machine resource.Name, v *registry.Version) *string {
	if v == nil {
		return nil
	}
	arn := machine.Qualified(strconv.FormatInt(v.Number, 10)).String()
	return &arn
}

// logging reads where histories are to be logged: in a group of the caller's own world, but where
// nobody signs, of any. Errors: InvalidLoggingConfiguration.
func (s *actions) logging(w engine.World, in *wire.LoggingConfiguration) (l registry.Logging, err error) {
	l.Level = wire.LogLevelOff
	if in == nil {
		return l, nil
	}
	if in.Level != nil {
		l.Level = *in.Level
	}
	l.Data, l.Listed = value(in.IncludeExecutionData), in.Destinations != nil
	if n := len(in.Destinations); n > 1 || n == 0 && l.Level != wire.LogLevelOff {
		return l, refusal(wire.CodeInvalidLoggingConfiguration, "Invalid Logging Configuration: Must specify exactly one Log Destination.")
	}
	for _, d := range in.Destinations {
		group := ""
		if d.CloudWatchLogsLogGroup != nil {
			group = text(d.CloudWatchLogsLogGroup.LogGroupARN)
		}
		a, err := arn.Parse(group)
		own := s.Trusting || a.Region == w.Region && a.Account == w.Account
		if err != nil || a.Service != "logs" || !own || !strings.HasPrefix(a.Resource, "log-group:") {
			return l, refusal(wire.CodeInvalidLoggingConfiguration, "Invalid Logging Configuration: Log Destination not found.")
		}
		l.Destinations = append(l.Destinations, group)
	}
	return l, nil
}

func loggingShape(l *registry.Logging) *wire.LoggingConfiguration {
	out := &wire.LoggingConfiguration{Level: &l.Level, IncludeExecutionData: &l.Data}
	if l.Listed {
		out.Destinations = []wire.LogDestination{}
	}
	for i := range l.Destinations {
		out.Destinations = append(out.Destinations, wire.LogDestination{CloudWatchLogsLogGroup: &wire.CloudWatchLogsLogGroup{LogGroupARN: &l.Destinations[i]}})
	}
	return out
}

// describeStateMachine serves DescribeStateMachine. Of an alias it describes the version
// that most executions go to.
func (s *actions) describeStateMachine(ctx context.Context, in *wire.DescribeStateMachineInput) (*wire.DescribeStateMachineOutput, error) {
	m, n, err := s.machineOf(ctx, in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	t, err := pick(m, n, in.StateMachineARN, func(a *registry.Alias) int64 { return a.Main() })
	if err != nil {
		return nil, err
	}
	r := t.Revision
	status, typ := wire.StateMachineStatusActive, typeOf(m)
	if m.Deleting != 0 {
		status = wire.StateMachineStatusDeleting
	}
	out := &wire.DescribeStateMachineOutput{
		CreationDate: timestamp(m.Created), Definition: "{}", Name: m.Name, RoleARN: r.Role, StateMachineARN: in.StateMachineARN,
		Status: &status, Type: typ, RevisionID: present(r.ID),
		LoggingConfiguration: loggingShape(&r.Logging), TracingConfiguration: &wire.TracingConfiguration{Enabled: &r.Tracing},
		EncryptionConfiguration: encryptionShape(&r.Encryption),
	}
	if t.Version != nil {
		out.CreationDate, out.Description = timestamp(t.Version.Created), present(t.Version.Description)
		out.StateMachineARN = *versionARN(n, t.Version)
	}
	if text(in.IncludedData) == wire.IncludedDataMetadataOnly {
		return out, nil
	}
	out.Definition, out.VariableReferences, err = s.shownDefinition(ctx, r.Definition.ID, r.Encryption, n.Qualified("").String())
	return out, err
}

func typeOf(m *registry.Machine) string {
	if m.Express {
		return wire.StateMachineTypeExpress
	}
	return wire.StateMachineTypeStandard
}

// updateStateMachine serves UpdateStateMachine.
func (s *actions) updateStateMachine(ctx context.Context, in *wire.UpdateStateMachineInput) (*wire.UpdateStateMachineOutput, error) {
	if in.Definition == nil && in.RoleARN == nil && in.LoggingConfiguration == nil && in.TracingConfiguration == nil && in.EncryptionConfiguration == nil {
		return nil, refusal(wire.CodeMissingRequiredParameter, "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	if err := checkDescription(in.Publish, in.VersionDescription); err != nil {
		return nil, err
	}
	m, n, err := s.machineOf(ctx, in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	if err := unqualified(n, noMachine(in.StateMachineARN)); err != nil {
		return nil, err
	}
	c := registry.UpdateMachine{Role: in.RoleARN, Publish: value(in.Publish), Description: text(in.VersionDescription)}
	if t := in.TracingConfiguration; t != nil {
		enabled := value(t.Enabled)
		c.Tracing = &enabled
	}
	if in.LoggingConfiguration != nil {
		l, err := s.logging(worldOf(ctx), in.LoggingConfiguration)
		if err != nil {
			return nil, err
		}
		c.Logging = &l
	}
	if in.EncryptionConfiguration != nil {
		e, err := s.encryption(ctx, in.EncryptionConfiguration, n.String())
		if err != nil {
			return nil, err
		}
		c.Encryption = &e
	}
	if in.RoleARN != nil {
		if err := s.mustTrust(ctx, *in.RoleARN, n); err != nil {
			return nil, err
		}
	}
	if c.Role != nil || c.Logging != nil {
		if err := s.mustLog(ctx, *cmp.Or(c.Role, &m.Current.Role), cmp.Or(c.Logging, &m.Current.Logging), n); err != nil {
			return nil, err
		}
	}
	definition, before := in.Definition, m.Current.Encryption
	if c.Sealed = before; c.Encryption != nil {
		c.Sealed = *c.Encryption
	}
	if definition == nil && c.Sealed != before {
		b, err := s.definition(ctx, m.Current.Definition.ID, before, s.asCaller(ctx, before, n.String()))
		if err != nil {
			return nil, err
		}
		text := string(b)
		definition = &text
	}
	if definition != nil {
		d, err := s.putDefinition(ctx, *definition, m.Express, c.Sealed, n.String())
		if err != nil {
			return nil, err
		}
		c.Definition = &d
	}
	if c.ID, err = newUUID(s.Random); err != nil {
		return nil, err
	}
	reply, err := s.change(ctx, registry.Command(worldOf(ctx), registry.KindMachine, n.Base, c))
	if err != nil {
		return nil, faultOf(err, n, noMachine(in.StateMachineARN))
	}
	updated := reply.(registry.Updated)
	return &wire.UpdateStateMachineOutput{
		UpdateDate: timestamp(updated.Machine.Updated), RevisionID: present(updated.Machine.Current.ID),
		StateMachineVersionARN: versionARN(n, updated.Version),
	}, nil
}

// unqualified refuses an ARN that names more than a machine: a version or an alias with
// the fault that is given.
func unqualified(n resource.Name, qualified error) error {
	if n.Label != "" {
		return errLabelled
	}
	if n.Qualifier != "" {
		return qualified
	}
	return nil
}

var errLabelled = invalid("This operation does not support the ARN of a labelled Map state.")

// newUUID is a random UUID (RFC 9562, version 4), in small letters.
func newUUID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make a UUID: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// deleteStateMachine serves DeleteStateMachine. A machine goes when no execution of it
// runs any more.
func (s *actions) deleteStateMachine(ctx context.Context, in *wire.DeleteStateMachineInput) (*wire.DeleteStateMachineOutput, error) {
	w, out := worldOf(ctx), &wire.DeleteStateMachineOutput{}
	n, err := parse(in.StateMachineARN, resource.Machine)
	if err == nil {
		err = unqualified(n, invalid("This operation does not support the ARN of a version or an alias."))
	}
	if err != nil || !n.In(w.Region, w.Account) {
		return out, err
	}
	// From here on nothing starts any more, so that what runs can only become less.
	_, err = s.change(ctx, registry.Command(w, registry.KindMachine, n.Base, registry.BeginDelete{}))
	if isMissing(err) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	runs, err := s.runningIn(ctx, w, n.Base)
	if err != nil || runs {
		return out, err
	}
	return out, s.remove(ctx, registry.Command(w, registry.KindMachine, n.Base, registry.Delete{}), machineEntry)
}

// listStateMachines serves ListStateMachines.
func (s *actions) listStateMachines(ctx context.Context, in *wire.ListStateMachinesInput) (*wire.ListStateMachinesOutput, error) {
	page, next, err := s.names(ctx, registry.KindMachine, in.MaxResults, in.NextToken)
	out := &wire.ListStateMachinesOutput{StateMachines: []wire.StateMachineListItem{}, NextToken: next}
	for _, e := range page.Entries {
		out.StateMachines = append(out.StateMachines, wire.StateMachineListItem{
			StateMachineARN: name(worldOf(ctx), resource.Machine, e.Name).String(), CreationDate: timestamp(e.Created), Name: e.Name,
			Type: typeOf(&registry.Machine{Entry: e}),
		})
	}
	return out, err
}

// Target is what an execution is started of.
type Target struct {
	Machine  *registry.Machine
	Revision *registry.Revision    // current, or that of the version
	Version  *registry.Version     // by which it was named; nil: by none
	Alias    *registry.Alias       // which gave the version; nil: none did
	Mocks    []execution.StateMock // of the test case that was named; nil: none was
}

// target finds what an ARN names that executions can be started of: a state machine, a
// version, or an alias, which picks one of its versions by their weights. A version or an alias that
// what is remembered lacks may be new: then the machine is asked. Errors:
// InvalidArn, StateMachineDoesNotExist, StateMachineDeleting, ValidationException.
func (s *actions) target(ctx context.Context, w engine.World, arn string) (*Target, error) {
	arn, test := s.options.untested(arn)
	m, n, err := machineBy(ctx, w, arn, s.rememberMachine)
	if err == nil && !has(m, n) {
		m, n, err = machineBy(ctx, w, arn, s.learnMachine)
	}
	if err != nil {
		return nil, err
	}
	mocks, err := s.mocks(n.Base, test)
	if err != nil {
		return nil, err
	}
	if m.Deleting != 0 {
		return nil, faultOf(&registry.DeletingError{}, n, nil)
	}
	var drawn [8]byte
	if len(m.Aliases) > 0 {
		if _, err := io.ReadFull(s.Random, drawn[:]); err != nil {
			return nil, fmt.Errorf("draw a version of an alias: %w", err)
		}
	}
	t, err := pick(m, n, arn, func(a *registry.Alias) int64 { return a.Pick(percent(drawn)) })
	if err == nil {
		t.Mocks = mocks
	}
	return t, err
}

// has tells whether a machine has the version or the alias of a name, if that says one.
func has(m *registry.Machine, n resource.Name) bool {
	if number, isVersion := resource.Version(n.Qualifier); isVersion {
		return m.FindVersion(number) != nil
	}
	return n.Qualifier == "" || m.FindAlias(n.Qualifier) != nil
}

// percent makes a number from 0 to 99 of random bytes.
func percent(b [8]byte) int64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return int64(n % 100)
}

// pick finds what a name means of a machine. choose gives the number of an alias's version.
func pick(m *registry.Machine, n resource.Name, arn string, choose func(*registry.Alias) int64) (*Target, error) {
	t := &Target{Machine: m, Revision: &m.Current}
	switch number, isVersion := resource.Version(n.Qualifier); {
	case n.Label != "":
		return nil, errLabelled
	case n.Qualifier == "":
		return t, nil
	case isVersion:
		t.Version = m.FindVersion(number)
	default:
		if t.Alias = m.FindAlias(n.Qualifier); t.Alias != nil {
			t.Version = m.FindVersion(choose(t.Alias))
		}
	}
	if t.Version == nil {
		return nil, noMachine(arn)
	}
	t.Revision = &t.Version.Revision
	return t, nil
}
