// Package asl compiles definitions of state machines, written in the Amazon States
// Language, into machines: checked, with all names resolved and all expressions parsed,
// so that who runs one looks nothing up by name and finds no fault of form any more.
//
// A Machine is made once from a definition and never changed: all who run it share it.
//
// Source: Amazon States Language (states-language.net), Step Functions Developer Guide.
package asl

import "time"

// Language is that of queries: how states say what they take and give.
type Language uint8

const (
	JSONPath Language = iota
	JSONata
)

// Type is a state's type.
type Type uint8

const (
	Pass Type = iota + 1
	Task
	Choice
	Wait
	Succeed
	Fail
	Parallel
	Map
)

var typeNames = [...]string{Pass: "Pass", Task: "Task", Choice: "Choice", Wait: "Wait", Succeed: "Succeed", Fail: "Fail", Parallel: "Parallel", Map: "Map"}

func (t Type) String() string { return typeNames[t] }

// Machine is a compiled definition.
type Machine struct {
	*Flow
	Flows []*Flow // all there are, by their numbers; Flows[0] is Flow

	TimeoutSeconds int64  // of an execution; 0: none
	Comment        string // of the definition
	// Activities are the ARNs of activities that tasks name, each once.
	Activities []string
	// Reads are the variables that each state reads, sorted, by the state's name; states
	// that read none are absent. It is variableReferences of the API.
	Reads map[string][]string
	// Bytes is about what the machine takes of memory.
	Bytes int
}

// Flow is states that follow each other: those of the machine, of a branch of a Parallel
// state, or of the iterations of a Map state.
type Flow struct {
	Number  int // its place in Machine.Flows, in the order in which definitions have them
	Owner   *State
	StartAt *State
	States  []*State // as the definition orders them
	byName  map[string]*State
}

// Find gives a state by its name, or nil.
func (f *Flow) Find(name string) *State { return f.byName[name] }

// State is one state. Fields that its type or language does not have are zero.
type State struct {
	Name     string
	Type     Type
	Language Language
	Flow     *Flow // that it is part of
	Next     *State
	End      bool // of Choice, Succeed and Fail: false

	// Of JSONPath. Absent paths are nil, and so are those that are null, which NullX tells.
	InputPath, OutputPath                         Value
	NullInputPath, NullOutputPath, NullResultPath bool
	InputPathText, OutputPathText                 string // as they were written, for messages
	Parameters                                    Value  // of Map: nil, see ItemSelector
	ResultSelector                                Value
	ResultPath                                    *ResultPath // nil: "$", unless NullResultPath
	// Of JSONata.
	Arguments, Output Value

	Assign *Assign // of either language; nil: none

	Result    any // of Pass, a JSON value (package jsonvalue)
	HasResult bool

	Retry []Retrier
	Catch []Catcher

	// Choice.
	Rules   []Rule
	Default *State

	// Wait: one of these is not nil. Seconds and Timestamp are constants or JSONata.
	Seconds, SecondsPath, Timestamp, TimestampPath Value

	// Fail; each may be nil. Error and Cause are constants or JSONata.
	Error, ErrorPath, Cause, CausePath Value

	// Task.
	Resource             *Resource
	TimeoutSeconds       Value // a constant or JSONata; Task only
	TimeoutSecondsPath   Value
	HeartbeatSeconds     Value
	HeartbeatSecondsPath Value
	CredentialsRole      Value // Credentials.RoleArn, or nil

	// Parallel.
	Branches []*Flow

	// Map.
	Iterator             *Flow
	Distributed          bool
	ExpressItems         bool   // of a distributed Map: its child executions are express ones
	Label                string // of a distributed Map
	Items, ItemsPath     Value  // Items: JSONata
	ItemSelector         Value  // of either language, also the legacy Parameters
	MaxConcurrency       Value  // a constant or JSONata
	MaxConcurrencyPath   Value
	ToleratedCount       Value
	ToleratedCountPath   Value
	ToleratedPercent     Value
	ToleratedPercentPath Value
	ItemReader           *ItemReader // of a distributed Map, as are these; nil: none
	ItemBatcher          *ItemBatcher
	ResultWriter         *ResultWriter

	// Source is the text of a field that holds a path, as it was written, or an expression
	// of JSONata, without {% %}, by its place in the state ("ItemsPath", "Output/a"):
	// messages of AWS show it.
	Source map[string]string
}

// ItemReader is where a distributed Map takes its items from. Texts are empty if absent.
type ItemReader struct {
	Resource               *Resource // of service "s3"
	Arguments              Value     // also Parameters
	InputType              string    // "CSV", "JSON", …
	Transformation         string
	ManifestType           string
	ItemsPointer           string // JSON Pointer (RFC 6901)
	CSVHeaderLocation      string
	CSVHeaders             []string
	CSVDelimiter           string
	MaxItems, MaxItemsPath Value
}

// ItemBatcher puts items together.
type ItemBatcher struct {
	BatchInput             Value
	MaxItems, MaxItemsPath Value
	MaxBytes, MaxBytesPath Value
}

// ResultWriter is where a distributed Map puts its results.
type ResultWriter struct {
	Resource       *Resource // nil: none
	Arguments      Value     // also Parameters
	Transformation string
	OutputType     string
}

// Resource is what a task calls.
type Resource struct {
	ARN string // as it was written
	// Kind of ARN.
	Kind ResourceKind
	// Of an integration, arn:aws:states:::SERVICE:ACTION[.PATTERN]: as events have them.
	Service string // resourceType: "lambda", "states", "sqs", "aws-sdk:s3"
	Action  string // "invoke", "startExecution", without the pattern
	Pattern Pattern
}

// ResourceKind tells resources apart by how a task of them runs.
type ResourceKind uint8

const (
	Activity    ResourceKind = iota + 1 // arn:aws:states:REGION:ACCOUNT:activity:NAME
	Function                            // arn:aws:lambda:REGION:ACCOUNT:function:NAME
	Integration                         // arn:aws:states:::…
)

// Pattern is how a task waits for an integration.
type Pattern uint8

const (
	RequestResponse Pattern = iota
	Sync                    // .sync
	Sync2                   // .sync:2
	WaitForToken            // .waitForTaskToken
)

var patternNames = [...]string{RequestResponse: "", Sync: ".sync", Sync2: ".sync:2", WaitForToken: ".waitForTaskToken"}

// Name is the resource of the integration's events: its action with the pattern.
func (r *Resource) Name() string { return r.Action + patternNames[r.Pattern] }

// Retrier is an element of Retry.
type Retrier struct {
	Errors          []string
	IntervalSeconds int64   // default 1
	MaxAttempts     int64   // default 3
	BackoffRate     float64 // default 2
	MaxDelaySeconds int64   // 0: none
	FullJitter      bool
}

// Catcher is an element of Catch.
type Catcher struct {
	Errors         []string
	Next           *State
	ResultPath     *ResultPath // of JSONPath; nil: "$", unless NullResultPath
	NullResultPath bool
	Output         Value // of JSONata; nil: the error output
	Assign         *Assign
}

// Rule is an element of Choices.
type Rule struct {
	Condition Condition
	Next      *State
	Assign    *Assign
	Output    Value // of JSONata
}

// Value is something that a definition has for evaluation: a constant, a path, a payload
// template, an intrinsic function, a JSONata expression, or a structure with such in it.
type Value interface {
	// Evaluate gives a JSON value (package jsonvalue). An error is a *Failure.
	Evaluate(env *Env) (any, error)
	// Constant tells whether it is the same whatever env is.
	Constant() bool
}

// Condition is what a rule of a Choice state wants. An error is a *Failure.
type Condition interface {
	Holds(env *Env) (bool, error)
}

// Assign is the values of variables that a state sets.
type Assign struct {
	Names  []string // as the definition orders them
	Values []Value
}

// ResultPath is a reference path, into which a result goes.
type ResultPath struct {
	Text string
	Set  func(input, result any) (any, error) // an error is a *Failure
}

// Env is what values are evaluated in.
type Env struct {
	Input               any        // "$", $states.input
	Context             func() any // "$$", $states.context: an object
	Result              any        // $states.result, if HasResult
	Error               any        // $states.errorOutput, if HasError
	HasResult, HasError bool
	Variable            func(name string) (any, bool)
	Random              func() uint64 // of the run's seed
	Now                 time.Time     // $now and $millis of JSONata
	// Steps and Bytes are what may still be spent; evaluation takes from them, and fails
	// when nothing is left.
	Steps, Bytes int64
}

// Failure is why something could not be evaluated.
type Failure struct {
	Name  string // of the error: "States.Runtime", "States.QueryEvaluationError", "States.IntrinsicFailure"…
	Cause string // without what the interpreter puts before it
	// Field is, of JSONata, the location of EvaluationFailed: the path of what is to blame
	// in the state, "Output/result", "Assign/x", "Catch[0]/Output/a[1]".
	Field string
	// Plain: the cause stands alone, without "An error occurred while executing the state …".
	Plain bool
}

func (f *Failure) Error() string { return f.Name + ": " + f.Cause }
