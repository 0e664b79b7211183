package asl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"heddle/jsonvalue"
)

// Bounds of a definition.
const (
	DefinitionBytesMax = 1 << 20 // Step Functions API Reference, Definition
	stateNameMax       = 80      // characters (Amazon States Language, States)
	nestingMax         = 50      // of flows in flows; what the service takes is not documented
)

// SingleState is the name of the state of a definition that is one state.
const SingleState = "StateName"

// Options are what a definition is for.
type Options struct {
	Express bool // a machine of type EXPRESS, which cannot wait for tokens, jobs and activities
	// Single: the definition is one state, as TestState takes it, not a machine. The machine
	// made of it has this state, SingleState, alone; the states that come next are
	// only names.
	Single bool
	// Stored: the definition was checked before it was stored, maybe by an earlier release, and runs
	// as it did. What is only unwritable does not count.
	Stored bool
	// Calls tells whether there is an action of a service, which may be one that is called
	// through AWS's SDK ("aws-sdk:s3"), and, if that is known, which parameters it takes; nil: all
	// are believed.
	Calls func(service, action string) (takes Structure, known bool)
}

// Structure has members, which have names: the parameters of a call, or a part of them.
type Structure interface {
	// Member finds a member. In is what it has inside, or what each item of it has; nil: anything.
	Member(name string) (in Structure, ok bool)
	// Lacks gives the names of the members that must be given, and are not.
	Lacks(given map[string]bool) []string
}

// Compile makes a machine of the text of a definition. It tells all that it finds wrong;
// if there is an error among it (Failed), the machine is nil.
func Compile(definition []byte, o Options) (*Machine, []Diagnostic) {
	c := &compiler{express: o.Express, single: o.Single, stored: o.Stored, calls: o.Calls, machine: &Machine{},
		variables: map[string][]string{}, functions: map[string][]string{}, assigned: map[string]bool{}}
	if object := c.parse(definition); object != nil {
		if o.Single {
			c.singleState(object)
		} else {
			c.compile(object)
		}
	}
	if c.failed {
		return nil, c.diagnostics
	}
	for name := range c.assigned { // a variable goes before a function of its name
		for _, state := range c.functions[name] {
			if i, read := slices.BinarySearch(c.variables[state], name); !read {
				c.variables[state] = slices.Insert(c.variables[state], i, name)
			}
		}
	}
	m := c.machine
	m.Flow = m.Flows[0]
	m.Reads = c.variables
	m.Bytes = 1024 + 12*len(definition) + 1024*c.states
	return m, c.diagnostics
}

// State finds a state of any flow by its name, which is unique in a machine, or nil.
func (m *Machine) State(name string) *State {
	for _, f := range m.Flows {
		if s := f.byName[name]; s != nil {
			return s
		}
	}
	return nil
}

type compiler struct {
	calls     func(service, action string) (takes Structure, known bool)
	express   bool // also in the flow of a distributed Map whose executions are express ones
	single    bool
	stored    bool
	machine   *Machine
	language  Language // of the machine
	states    int
	flows     []*flowRead // by their numbers
	labels    []label
	variables map[string][]string // that states read
	functions map[string][]string // the states whose expressions name a function
	assigned  map[string]bool     // variables

	failed          bool
	diagnostics     []Diagnostic
	diagnosticBytes int
}

// A flowRead is a flow that is being read.
type flowRead struct {
	*Flow
	at          string
	transitions []transition
	assignments []assignment
}

// An assignment gives a variable a value.
type assignment struct{ at, name string }

// A transition names the state that follows.
type transition struct {
	at     string
	name   string
	target **State
}

type label struct{ at, text string }

func (c *compiler) parse(definition []byte) *jsonvalue.Object {
	if len(definition) > DefinitionBytesMax {
		c.wrong("", fmt.Sprintf("Definition must not be longer than %d bytes", DefinitionBytesMax)) // ours
		return nil
	}
	text := string(definition)
	if strings.TrimLeft(text, " \t\r\n") == "" {
		c.fail(SchemaFailed, "", notAnObject)
		return nil
	}
	v, err := jsonvalue.ParseStrict(definition)
	switch err := err.(type) {
	case *jsonvalue.DuplicateError:
		c.notJSON(text, &err.SyntaxError)
		return nil
	case *jsonvalue.SyntaxError:
		c.notJSON(text, err)
		return nil
	}
	object, ok := v.(*jsonvalue.Object)
	if !ok {
		c.fail(SchemaFailed, "", notAnObject)
	}
	return object
}

// compile reads a machine.
func (c *compiler) compile(o *jsonvalue.Object) {
	for name, v := range o.All() {
		at := "/" + name
		switch name {
		case "StartAt", "States":
		case "Comment":
			c.text(at, v)
		case "Version": // "1.0" is the only one
			c.text(at, v)
		case "TimeoutSeconds":
			c.machine.TimeoutSeconds, _ = c.integer(at, v, 1, secondsMax)
		case "QueryLanguage":
			c.language = c.queryLanguage(at, v)
		default:
			c.wrong("", notSupported(name))
		}
	}
	if v, ok := o.Get("Comment"); ok {
		c.machine.Comment, _ = v.(string)
	}
	c.flow(o, "", nil, 0)
	c.checkFlows()
}

// checkFlows looks at flows as a whole, and at labels, each when all else is well.
func (c *compiler) checkFlows() {
	if !c.failed {
		c.connect()
		c.scopes()
	}
	if !c.failed {
		c.checkLabels()
	}
}

// singleState reads a definition that is one state.
func (c *compiler) singleState(o *jsonvalue.Object) {
	f := c.newFlow(nil, "")
	f.StartAt = c.state(o, SingleState, "/States/"+SingleState, f, 0)
	c.checkFlows()
}

func (c *compiler) newFlow(owner *State, at string) *flowRead {
	f := &flowRead{Flow: &Flow{Number: len(c.flows), Owner: owner, byName: map[string]*State{}}, at: at}
	c.flows = append(c.flows, f)
	c.machine.Flows = append(c.machine.Flows, f.Flow)
	return f
}

// flow reads StartAt and States.
func (c *compiler) flow(o *jsonvalue.Object, at string, owner *State, depth int) *Flow {
	f := c.newFlow(owner, at)
	if depth > nestingMax {
		c.fail(TooDeep, at, fmt.Sprintf("States must not be nested deeper than %d levels", nestingMax)) // ours
		return f.Flow
	}
	c.need(o, at, "States", "StartAt")
	if start, ok := o.Get("StartAt"); ok {
		f.leadsTo(c, at+"/StartAt", start, &f.StartAt)
	}
	if states, ok := o.Get("States"); ok {
		if all, ok := c.object(at+"/States", states); ok {
			if all.Len() == 0 {
				c.wrong(at+"/States", empty)
			}
			for name, v := range all.All() {
				place := at + "/States/" + name
				c.stateName(name, place)
				if object, ok := c.object(place, v); ok {
					c.state(object, name, place, f, depth)
				}
			}
		}
	}
	return f.Flow
}

// leadsTo reads the name of a state.
func (f *flowRead) leadsTo(c *compiler, at string, v any, target **State) {
	if name, ok := c.text(at, v); ok {
		f.transitions = append(f.transitions, transition{at, name, target})
	}
}

func (c *compiler) stateName(name, at string) {
	switch {
	case name == "":
		c.fail(InvalidStateName, at, "State name cannot be empty") // ours
	case len(name) > stateNameMax && utf8.RuneCountInString(name) > stateNameMax:
		c.fail(InvalidStateName, at, fmt.Sprintf("State name cannot exceed %d characters", stateNameMax)) // ours
	}
}

// connect finds the states that transitions name, and what is wrong with flows as a whole.
func (c *compiler) connect() {
	c.duplicates()
	for _, f := range c.flows {
		namesOnly := c.single && f.Number == 0
		targets := make(map[string]bool, len(f.States))
		for _, t := range f.transitions {
			targets[t.name] = true
			*t.target = f.byName[t.name]
			switch {
			case *t.target != nil:
			case namesOnly:
				*t.target = &State{Name: t.name}
			default:
				c.fail(MissingTarget, t.at, "Missing 'Next' target: "+t.name)
			}
		}
		if namesOnly {
			continue
		}
		if !slices.ContainsFunc(f.States, func(s *State) bool { return s.End || s.Type == Succeed || s.Type == Fail }) {
			c.fail(MissingEnd, "", "Workflow has no terminal state")
			continue
		}
		for _, s := range f.States {
			if !targets[s.Name] {
				c.fail(MissingTarget, f.at+"/States/"+s.Name, fmt.Sprintf("State \"%s\" is not reachable.", s.Name))
			}
		}
	}
}

// scopes finds variables that a flow assigns, and one around it does, too (Step Functions Developer
// Guide, variable scope).
func (c *compiler) scopes() {
	assigned := make([]map[string]bool, len(c.flows))
	for i, f := range c.flows {
		assigned[i] = make(map[string]bool, len(f.assignments))
		for _, a := range f.assignments {
			assigned[i][a.name] = true
		}
	}
	for _, f := range c.flows {
		for _, a := range f.assignments {
			for owner := f.Owner; owner != nil; owner = owner.Flow.Owner {
				if assigned[owner.Flow.Number][a.name] {
					c.unwritable(a.at, "Variable '"+a.name+"' is assigned in an outer scope") // ours
					break
				}
			}
		}
	}
}

// duplicates finds names that states of different flows have; in one flow they would be
// members of one name.
func (c *compiler) duplicates() {
	seen := make(map[string]bool, c.states)
	for _, f := range c.flows {
		for _, s := range f.States {
			if seen[s.Name] {
				c.fail(DuplicateStateName, f.at+"/States/"+s.Name, "Duplicate State name: "+s.Name) // ours
			}
			seen[s.Name] = true
		}
	}
}

// Messages.
const (
	notAnObject     = "Definition must be a valid JSON object"
	empty           = "Value cannot be empty"
	notReference    = "Value is not a Reference Path"
	notPath         = "Value must be a valid JSONPath."
	notTimestamp    = "String does not match RFC3339 timestamp"
	allAlone        = "States.ALL must appear alone and at end of list"
	unknownResource = "The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
	downgrade       = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"

	secondsMax         = 99999999
	maxDelaySecondsMax = 31622400
)

func required(fields ...string) string {
	return "These fields are required: [" + strings.Join(fields, ", ") + "]"
}

func onlyOne(fields ...string) string {
	return "There should only be one of the following fields: [" + strings.Join(fields, ", ") + "]"
}

func oneOf(fields ...string) string {
	return "There must be one of the following fields: [" + strings.Join(fields, ", ") + "]" // ours
}

func notSupported(field string) string { return "Field '" + field + "' is not supported" }

func notAmong(field string, values ...string) string {
	return "The field '" + field + "' should have one of these values: [" + strings.Join(values, ", ") + "]"
}

// ofType is what is said of a value of another type; the words are ours.
func ofType(name string) string { return "Expected value of type " + name }

// text, object, list, boolean and integer take values of their type, and report others.

func (c *compiler) text(at string, v any) (string, bool) {
	s, ok := v.(string)
	if !ok {
		c.wrong(at, ofType("String"))
	}
	return s, ok
}

func (c *compiler) object(at string, v any) (*jsonvalue.Object, bool) {
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		c.wrong(at, ofType("Object"))
	}
	return o, ok
}

func (c *compiler) list(at string, v any) ([]any, bool) {
	l, ok := v.([]any)
	if !ok {
		c.wrong(at, ofType("Array"))
	}
	return l, ok
}

func (c *compiler) boolean(at string, v any) (bool, bool) {
	b, ok := v.(bool)
	if !ok {
		c.wrong(at, ofType("Boolean"))
	}
	return b, ok
}

func (c *compiler) integer(at string, v any, least, most int64) (int64, bool) {
	f, ok := jsonvalue.Float(v)
	if !ok || f != float64(int64(f)) {
		c.wrong(at, ofType("Integer"))
		return 0, false
	}
	n := int64(f)
	switch {
	case n < least:
		c.wrong(at, "Minimum value is "+strconv.FormatInt(least, 10))
	case n > most:
		c.wrong(at, "Maximum value is "+strconv.FormatInt(most, 10))
	default:
		return n, true
	}
	return 0, false
}

// decimal takes any number; most may be infinite.
func (c *compiler) decimal(at string, v any, least, most float64) (float64, bool) {
	f, ok := jsonvalue.Float(v)
	switch {
	case !ok:
		c.wrong(at, ofType("Number"))
	case f < least:
		c.wrong(at, "Minimum value is "+strconv.FormatFloat(least, 'f', 1, 64))
	case f > most:
		c.wrong(at, "Maximum value is "+strconv.FormatFloat(most, 'f', 1, 64))
	default:
		return f, true
	}
	return 0, false
}

// among takes a text that is one of some.
func (c *compiler) among(at, field string, v any, values ...string) (string, bool) {
	s, ok := c.text(at, v)
	if ok && !slices.Contains(values, s) {
		c.wrong(at, notAmong(field, values...))
		return s, false
	}
	return s, ok
}

var languageNames = [...]string{JSONPath: "JSONPath", JSONata: "JSONata"}

func (l Language) String() string { return languageNames[l] }

// queryLanguage reads a QueryLanguage. Whatever is not JSONPath is looked at as JSONata,
// also when it is reported.
func (c *compiler) queryLanguage(at string, v any) Language {
	if s, ok := c.among(at, "QueryLanguage", v, languageNames[:]...); ok && s == "JSONPath" {
		return JSONPath
	}
	return JSONata
}
