package execution

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"heddle/internal/aws/shape"
	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Type is the type of an event, as the wire has it.
type Type string

// Event types (Step Functions API Reference, HistoryEvent). Those of states are made of the
// state's type: "PassStateEntered".
const (
	ExecutionStarted          Type = "ExecutionStarted"
	ExecutionSucceeded        Type = "ExecutionSucceeded"
	ExecutionFailed           Type = "ExecutionFailed"
	ExecutionTimedOut         Type = "ExecutionTimedOut"
	ExecutionAborted          Type = "ExecutionAborted"
	ExecutionRedriven         Type = "ExecutionRedriven"
	EvaluationFailed          Type = "EvaluationFailed"
	ActivityScheduled         Type = "ActivityScheduled"
	ActivityScheduleFailed    Type = "ActivityScheduleFailed"
	ActivityStarted           Type = "ActivityStarted"
	ActivitySucceeded         Type = "ActivitySucceeded"
	ActivityFailed            Type = "ActivityFailed"
	ActivityTimedOut          Type = "ActivityTimedOut"
	LambdaFunctionScheduled   Type = "LambdaFunctionScheduled"
	LambdaFunctionStarted     Type = "LambdaFunctionStarted"
	LambdaFunctionStartFailed Type = "LambdaFunctionStartFailed"
	LambdaFunctionSucceeded   Type = "LambdaFunctionSucceeded"
	LambdaFunctionFailed      Type = "LambdaFunctionFailed"
	LambdaFunctionTimedOut    Type = "LambdaFunctionTimedOut"
	TaskScheduled             Type = "TaskScheduled"
	TaskStarted               Type = "TaskStarted"
	TaskStartFailed           Type = "TaskStartFailed"
	TaskSubmitted             Type = "TaskSubmitted"
	TaskSubmitFailed          Type = "TaskSubmitFailed"
	TaskSucceeded             Type = "TaskSucceeded"
	TaskFailed                Type = "TaskFailed"
	TaskTimedOut              Type = "TaskTimedOut"
	TaskStateAborted          Type = "TaskStateAborted"
	WaitStateAborted          Type = "WaitStateAborted"
	ParallelStateAborted      Type = "ParallelStateAborted"
	MapStateAborted           Type = "MapStateAborted"
	ParallelStateStarted      Type = "ParallelStateStarted"
	ParallelStateSucceeded    Type = "ParallelStateSucceeded"
	ParallelStateFailed       Type = "ParallelStateFailed"
	MapStateStarted           Type = "MapStateStarted"
	MapStateSucceeded         Type = "MapStateSucceeded"
	MapStateFailed            Type = "MapStateFailed"
	MapIterationStarted       Type = "MapIterationStarted"
	MapIterationSucceeded     Type = "MapIterationSucceeded"
	MapIterationFailed        Type = "MapIterationFailed"
	MapIterationAborted       Type = "MapIterationAborted"
	MapRunStarted             Type = "MapRunStarted"
	MapRunSucceeded           Type = "MapRunSucceeded"
	MapRunFailed              Type = "MapRunFailed"
	MapRunAborted             Type = "MapRunAborted"
	MapRunRedriven            Type = "MapRunRedriven"
)

// stateTypes are the types of states, as those of their events begin.
var stateTypes = []string{"Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"}

// entered and exited are the types of the events of a state.
func entered(of string) Type { return enteredTypes[of] }
func exited(of string) Type  { return exitedTypes[of] }

var enteredTypes, exitedTypes = func() (in, out map[string]Type) {
	in, out = map[string]Type{}, map[string]Type{}
	for _, of := range stateTypes {
		in[of], out[of] = Type(of+"StateEntered"), Type(of+"StateExited")
	}
	return in, out
}()

// field is a member of an event's details.
type field uint32

const (
	withName field = 1 << iota
	withInput
	withOutput
	withError
	withResource
	withResourceType
	withRegion
	withParameters
	withTimeouts
	withCredentials
	withWorker
	withRole
	withOrigin
	withIndex
	withLength
	withEvaluation
	withAssigned
	withRedriveCount
	withMapRun
)

// shape says how the wire carries a type: the name of its details and what is in them.
type eventShape struct {
	details string // "": there are none
	fields  field
}

// shapes of all types; a state's Entered and Exited have one each, whatever the state.
var shapes = func() map[Type]eventShape {
	m := map[Type]eventShape{
		ExecutionStarted:          {"executionStartedEventDetails", withInput | withRole | withOrigin},
		ExecutionSucceeded:        {"executionSucceededEventDetails", withOutput},
		ExecutionFailed:           {"executionFailedEventDetails", withError},
		ExecutionTimedOut:         {"executionTimedOutEventDetails", withError},
		ExecutionAborted:          {"executionAbortedEventDetails", withError},
		ExecutionRedriven:         {"executionRedrivenEventDetails", withRedriveCount},
		EvaluationFailed:          {"evaluationFailedEventDetails", withError | withEvaluation},
		ActivityScheduled:         {"activityScheduledEventDetails", withResource | withInput | withTimeouts},
		ActivityScheduleFailed:    {"activityScheduleFailedEventDetails", withError},
		ActivityStarted:           {"activityStartedEventDetails", withWorker},
		ActivitySucceeded:         {"activitySucceededEventDetails", withOutput},
		ActivityFailed:            {"activityFailedEventDetails", withError},
		ActivityTimedOut:          {"activityTimedOutEventDetails", withError},
		LambdaFunctionScheduled:   {"lambdaFunctionScheduledEventDetails", withResource | withInput | withTimeouts | withCredentials},
		LambdaFunctionStarted:     {},
		LambdaFunctionStartFailed: {"lambdaFunctionStartFailedEventDetails", withError},
		LambdaFunctionSucceeded:   {"lambdaFunctionSucceededEventDetails", withOutput},
		LambdaFunctionFailed:      {"lambdaFunctionFailedEventDetails", withError},
		LambdaFunctionTimedOut:    {"lambdaFunctionTimedOutEventDetails", withError},
		TaskScheduled:             {"taskScheduledEventDetails", withResource | withResourceType | withRegion | withParameters | withTimeouts | withCredentials},
		TaskStarted:               {"taskStartedEventDetails", withResource | withResourceType},
		TaskStartFailed:           {"taskStartFailedEventDetails", withResource | withResourceType | withError},
		TaskSubmitFailed:          {"taskSubmitFailedEventDetails", withResource | withResourceType | withError},
		TaskSubmitted:             {"taskSubmittedEventDetails", withResource | withResourceType | withOutput},
		TaskSucceeded:             {"taskSucceededEventDetails", withResource | withResourceType | withOutput},
		TaskFailed:                {"taskFailedEventDetails", withResource | withResourceType | withError},
		TaskTimedOut:              {"taskTimedOutEventDetails", withResource | withResourceType | withError},
		TaskStateAborted:          {},
		WaitStateAborted:          {},
		ParallelStateAborted:      {},
		MapStateAborted:           {},
		ParallelStateStarted:      {},
		ParallelStateSucceeded:    {},
		ParallelStateFailed:       {},
		MapStateStarted:           {"mapStateStartedEventDetails", withLength},
		MapStateSucceeded:         {},
		MapStateFailed:            {},
		MapIterationStarted:       {"mapIterationStartedEventDetails", withName | withIndex},
		MapIterationSucceeded:     {"mapIterationSucceededEventDetails", withName | withIndex},
		MapIterationFailed:        {"mapIterationFailedEventDetails", withName | withIndex},
		MapIterationAborted:       {"mapIterationAbortedEventDetails", withName | withIndex},
		MapRunStarted:             {"mapRunStartedEventDetails", withMapRun},
		MapRunSucceeded:           {},
		MapRunFailed:              {"mapRunFailedEventDetails", withError},
		MapRunAborted:             {},
		MapRunRedriven:            {"mapRunRedrivenEventDetails", withMapRun | withRedriveCount},
	}
	for _, of := range stateTypes {
		m[entered(of)] = eventShape{"stateEnteredEventDetails", withName | withInput}
		if of != "Fail" {
			m[exited(of)] = eventShape{"stateExitedEventDetails", withName | withOutput | withAssigned}
		}
	}
	return m
}()

// types are all types, by their names.
var types = func() map[string]Type {
	m := map[string]Type{}
	for of := range shapes {
		m[string(of)] = of
	}
	return m
}()

// Body is an event: what the wire shows of it, of which its type has a part, and what it
// says besides.
type Body struct {
	Type     Type
	Previous int64 // event id

	Name          string
	Input, Output datum
	Error, Cause  *datum // no JSON
	Resource      string
	ResourceType  string
	Region        string
	Parameters    datum
	Timeout       int64 // seconds; 0: none was asked for
	Heartbeat     int64
	Credentials   *string // ARN of a role
	Worker        *string
	Role          string
	Version       string // ARN
	Alias         string // ARN
	Index, Length int64
	State         string
	Location      *string
	Assigned      []variable
	RedriveCount  int64
	MapRun        string // ARN

	hidden hidden
}

// appendEvent appends an event as the wire carries it. Without data nothing of what users
// gave is shown.
func appendEvent(b []byte, id int64, at engine.Time, e *Body, data bool) []byte {
	b = append(b, `{"timestamp":`...)
	b = shape.AppendTimestamp(b, shape.Timestamp(at))
	b = append(b, `,"type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","id":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `,"previousEventId":`...)
	b = strconv.AppendInt(b, e.Previous, 10)
	of := shapes[e.Type]
	if of.details == "" {
		return append(b, '}')
	}
	b = append(b, `,"`...)
	b = append(b, of.details...)
	b = append(b, `":`...)
	b, _ = appendDetails(b, e, data, 0)
	return append(b, '}')
}

// appendDetails appends what an event says, as its type has it. Without data nothing of what
// users gave is shown; texts of payloads that are longer than cut, unless that is 0, are cut.
func appendDetails(b []byte, e *Body, data bool, cut int) (details []byte, payloads int) {
	of := shapes[e.Type]
	b = append(b, '{')
	w := members{b: b, start: len(b), cut: cut}
	has := func(f field) bool { return of.fields&f != 0 }
	if has(withName) {
		w.text("name", e.Name)
	}
	if has(withIndex) {
		w.number("index", e.Index)
	}
	if has(withLength) {
		w.number("length", e.Length)
	}
	if has(withInput) && data {
		w.payload("input", e.Input.stored())
	}
	if has(withRole) {
		w.text("roleArn", e.Role)
	}
	if has(withOrigin) {
		w.some("stateMachineAliasArn", e.Alias)
		w.some("stateMachineVersionArn", e.Version)
	}
	if has(withResourceType) {
		w.text("resourceType", e.ResourceType)
	}
	if has(withResource) {
		w.text("resource", e.Resource)
	}
	if has(withRegion) {
		w.text("region", e.Region)
	}
	if has(withParameters) && data {
		text, _ := w.short(e.Parameters.stored())
		w.text("parameters", text)
	}
	if has(withOutput) && data {
		w.payload("output", e.Output.stored())
	}
	if has(withError) {
		w.optional("error", shown(e.Error))
		w.optional("cause", shown(e.Cause))
	}
	if has(withTimeouts) {
		w.positive("timeoutInSeconds", e.Timeout)
		w.positive("heartbeatInSeconds", e.Heartbeat)
	}
	if has(withCredentials) && e.Credentials != nil {
		w.member("taskCredentials")
		w.b = append(w.b, `{"roleArn":`...)
		w.b = append(shape.AppendString(w.b, *e.Credentials), '}')
	}
	if has(withWorker) {
		w.optional("workerName", e.Worker)
	}
	if has(withEvaluation) {
		w.optional("location", e.Location)
		w.text("state", e.State)
	}
	if has(withMapRun) {
		w.text("mapRunArn", e.MapRun)
	}
	if has(withRedriveCount) {
		w.number("redriveCount", e.RedriveCount)
	}
	if has(withAssigned) && len(e.Assigned) > 0 && data {
		w.member("assignedVariables")
		w.b = append(w.b, '{')
		truncated := false
		for i := range e.Assigned {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = shape.AppendString(w.b, e.Assigned[i].name)
			w.b = append(w.b, ':')
			text, short := w.short(e.Assigned[i].value.stored())
			w.b = shape.AppendString(w.b, text)
			truncated = truncated || short
		}
		w.b = append(w.b, '}')
		w.truncated("assignedVariables", truncated)
	}
	return append(w.b, '}'), w.payloads
}

// members writes an object.
type members struct {
	b     []byte
	start int // of its first member
	cut   int // how long texts of payloads are at most, as JSON; 0: as they are
	// payloads are how many texts of payloads there are.
	payloads int
}

func (w *members) member(name string) {
	if len(w.b) > w.start {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, `":`...)
}

func (w *members) text(name, value string) {
	w.member(name)
	w.b = shape.AppendString(w.b, value)
}

func (w *members) some(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *members) optional(name string, value *string) {
	if value != nil {
		w.text(name, *value)
	}
}

func (w *members) number(name string, value int64) {
	w.member(name)
	w.b = strconv.AppendInt(w.b, value, 10)
}

func (w *members) positive(name string, value int64) {
	if value > 0 {
		w.number(name, value)
	}
}

// payload writes a text of users with what says whether it is whole.
func (w *members) payload(name, value string) {
	value, short := w.short(value)
	w.text(name, value)
	w.truncated(name, short)
}

func (w *members) truncated(name string, is bool) {
	w.member(name + "Details")
	w.b = append(w.b, `{"truncated":`...)
	w.b = append(strconv.AppendBool(w.b, is), '}')
}

// short gives what is written of a text, and whether it is not all.
func (w *members) short(value string) (string, bool) {
	w.payloads++
	if w.cut == 0 {
		return value, false
	}
	left := w.cut
	for i, r := range value {
		switch {
		case r == '"' || r == '\\':
			left -= 2
		case r < ' ':
			left -= 6 // at most
		default:
			left -= utf8.RuneLen(r)
		}
		if left < 0 {
			return value[:i], true
		}
	}
	return value, false
}

// WithoutData gives stored events, with commas between them, without inputs, outputs and
// variables; if they are of an execution with a key, without anything that is sealed.
func WithoutData(events []byte, sealed bool) ([]byte, error) {
	return rewrite(events, false, func(e *Body) error {
		for _, words := range []**datum{&e.Error, &e.Cause} {
			if sealed && *words != nil && Sealed((*words).text) {
				*words = nil
			}
		}
		return nil
	})
}

// rewrite gives stored events anew, with commas between them, after something was done to
// them.
func rewrite(events []byte, data bool, change func(*Body) error) ([]byte, error) {
	d := jx.DecodeBytes(slices.Concat([]byte{'['}, events, []byte{']'}))
	b := make([]byte, 0, len(events)/2)
	r := new(reader)
	err := d.Arr(func(d *jx.Decoder) error {
		public, err := d.Raw()
		if err != nil {
			return err
		}
		e := &Body{}
		id, at, err := r.decodePublic(e, public)
		if err == nil {
			err = change(e)
		}
		if err == nil {
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = appendEvent(b, id, at, e, data)
		}
		return err
	})
	return b, err
}

// decodePublic reads what the wire shows of an event, which is zero before.
func (r *reader) decodePublic(e *Body, public []byte) (id int64, at engine.Time, err error) {
	r.json.ResetBytes(public)
	err = r.json.ObjBytes(func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "timestamp":
			var t shape.Timestamp
			t, _, err = shape.DecodeTimestamp(d)
			at = engine.Time(t)
		case "type":
			var of []byte
			of, err = d.StrBytes()
			known := false
			if e.Type, known = types[string(of)]; err == nil && !known {
				err = fmt.Errorf("unknown type %q", of)
			}
		case "id":
			id, err = d.Int64()
		case "previousEventId":
			e.Previous, err = d.Int64()
		default:
			return d.ObjBytes(func(d *jx.Decoder, key []byte) error { return e.decodeDetail(r, d, key) })
		}
		return err
	})
	if err == nil && e.Type == "" {
		err = errors.New("it has no type")
	}
	return id, at, err
}

// reader is what reading events needs for their time, one after another.
type reader struct {
	json jx.Decoder
	pack pack.Coder
	text []byte
}

// str reads a text.
func (r *reader) str(d *jx.Decoder) (string, error) {
	var err error
	r.text, err = d.StrAppend(r.text[:0])
	return string(r.text), err
}

func (e *Body) decodeDetail(r *reader, d *jx.Decoder, key []byte) (err error) {
	text := func(to *string) {
		*to, err = r.str(d)
	}
	optional := func(to **string) {
		var s string
		text(&s)
		*to = &s
	}
	words := func(to **datum) {
		*to = &datum{}
		text(&(*to).text)
	}
	switch string(key) {
	case "name":
		text(&e.Name)
	case "index":
		e.Index, err = d.Int64()
	case "length":
		e.Length, err = d.Int64()
	case "input":
		text(&e.Input.text)
	case "output":
		text(&e.Output.text)
	case "roleArn":
		text(&e.Role)
	case "stateMachineAliasArn":
		text(&e.Alias)
	case "stateMachineVersionArn":
		text(&e.Version)
	case "resourceType":
		text(&e.ResourceType)
	case "resource":
		text(&e.Resource)
	case "region":
		text(&e.Region)
	case "parameters":
		text(&e.Parameters.text)
	case "error":
		words(&e.Error)
	case "cause":
		words(&e.Cause)
	case "timeoutInSeconds":
		e.Timeout, err = d.Int64()
	case "heartbeatInSeconds":
		e.Heartbeat, err = d.Int64()
	case "taskCredentials":
		return d.ObjBytes(func(d *jx.Decoder, _ []byte) (err error) {
			optional(&e.Credentials)
			return err
		})
	case "workerName":
		optional(&e.Worker)
	case "location":
		optional(&e.Location)
	case "state":
		text(&e.State)
	case "mapRunArn":
		text(&e.MapRun)
	case "redriveCount":
		e.RedriveCount, err = d.Int64()
	case "assignedVariables":
		return d.ObjBytes(func(d *jx.Decoder, key []byte) (err error) {
			v := variable{name: string(key)}
			v.value.text, err = d.Str()
			e.Assigned = append(e.Assigned, v)
			return err
		})
	default:
		return d.Skip()
	}
	return err
}
