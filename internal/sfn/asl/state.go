package asl

import (
	"math"
	"slices"
	"strconv"

	"heddle/jsonvalue"
)

// languages are those in which a field is known.
type languages uint8

const (
	path languages = 1 << JSONPath
	ata  languages = 1 << JSONata
	both           = path | ata
)

// A fieldRule says of a field where it may stand and what reads it.
type fieldRule struct {
	in   languages
	read func(r *reading, at string, v any)
}

// A reading is a state that is being read. Places are absolute ("/States/X/Retry[0]"), fields
// relative to the state ("Retry[0]/Output").
type reading struct {
	*compiler
	s     *State
	at    string
	flow  *flowRead
	depth int
	reads map[string]bool // variables
}

type fieldRules map[string]fieldRule

// later is of fields that are read elsewhere.
func later(*reading, string, any) {}

// with is r and further fields.
func (r fieldRules) with(further ...fieldRules) fieldRules {
	all := fieldRules{}
	for _, rs := range append(further, r) {
		for name, f := range rs {
			all[name] = f
		}
	}
	return all
}

// The fields of states by their types (Amazon States Language, and Step Functions
// Developer Guide).
var (
	everywhere = fieldRules{
		"Type":          {both, later},
		"QueryLanguage": {both, later},
		"Comment":       {both, func(r *reading, at string, v any) { r.text(at, v) }},
	}
	moving = fieldRules{
		"Next": {both, func(r *reading, at string, v any) { r.flow.leadsTo(r.compiler, at, v, &r.s.Next) }},
		"End":  {both, func(r *reading, at string, v any) { r.s.End, _ = r.boolean(at, v) }},
	}
	filtering = fieldRules{
		"InputPath":  {path, (*reading).inputPath},
		"OutputPath": {path, (*reading).outputPath},
		"Output":     {ata, func(r *reading, at string, v any) { r.s.Output = r.query("Output", at, v) }},
	}
	assigning = fieldRules{
		"Assign": {both, func(r *reading, at string, v any) { r.s.Assign = r.assign("Assign", at, v) }},
	}
	passing = fieldRules{
		"Parameters": {path, func(r *reading, at string, v any) { r.s.Parameters = r.template(at, v) }},
		"ResultPath": {path, func(r *reading, at string, v any) {
			r.s.ResultPath, r.s.NullResultPath = r.resultPath("ResultPath", at, v)
		}},
	}
	working = fieldRules{
		"ResultSelector": {path, func(r *reading, at string, v any) { r.s.ResultSelector = r.template(at, v) }},
		"Retry":          {both, (*reading).retry},
		"Catch":          {both, (*reading).catch},
	}
	arguments = fieldRules{
		"Arguments": {ata, func(r *reading, at string, v any) { r.s.Arguments = r.query("Arguments", at, v) }},
	}
)

// fields are those of each type. They are set at the start, since what reads them looks here.
var fields [Map + 1]fieldRules

func init() {
	fields = [...]fieldRules{
		Pass: everywhere.with(moving, filtering, assigning, passing, fieldRules{
			"Result": {path, (*reading).result},
		}),
		Task: everywhere.with(moving, filtering, assigning, passing, working, arguments, fieldRules{
			"Resource": {both, (*reading).resource},
			"TimeoutSeconds": {both, func(r *reading, at string, v any) {
				r.s.TimeoutSeconds = r.count("TimeoutSeconds", at, v, 1, secondsMax)
			}},
			"TimeoutSecondsPath": {path, func(r *reading, at string, v any) {
				r.s.TimeoutSecondsPath = r.pathField("TimeoutSecondsPath", at, v, mayContext)
			}},
			"HeartbeatSeconds": {both, func(r *reading, at string, v any) {
				r.s.HeartbeatSeconds = r.count("HeartbeatSeconds", at, v, 1, secondsMax)
			}},
			"HeartbeatSecondsPath": {path, func(r *reading, at string, v any) {
				r.s.HeartbeatSecondsPath = r.pathField("HeartbeatSecondsPath", at, v, mayContext)
			}},
			"Credentials": {both, (*reading).credentials},
		}),
		Choice: everywhere.with(filtering, assigning, fieldRules{
			"Choices": {both, (*reading).choices},
			"Default": {both, func(r *reading, at string, v any) { r.flow.leadsTo(r.compiler, at, v, &r.s.Default) }},
		}),
		Wait: everywhere.with(moving, filtering, assigning, fieldRules{
			"Seconds":     {both, func(r *reading, at string, v any) { r.s.Seconds = r.count("Seconds", at, v, 0, secondsMax) }},
			"SecondsPath": {path, func(r *reading, at string, v any) { r.s.SecondsPath = r.pathField("SecondsPath", at, v, mayContext) }},
			"Timestamp":   {both, (*reading).timestamp},
			"TimestampPath": {path, func(r *reading, at string, v any) {
				r.s.TimestampPath = r.pathField("TimestampPath", at, v, mayContext)
			}},
		}),
		Succeed: everywhere.with(filtering),
		Fail: everywhere.with(fieldRules{
			"Error":     {both, func(r *reading, at string, v any) { r.s.Error = r.string("Error", at, v) }},
			"ErrorPath": {path, func(r *reading, at string, v any) { r.s.ErrorPath = r.pathField("ErrorPath", at, v, mayIntrinsics) }},
			"Cause":     {both, func(r *reading, at string, v any) { r.s.Cause = r.string("Cause", at, v) }},
			"CausePath": {path, func(r *reading, at string, v any) { r.s.CausePath = r.pathField("CausePath", at, v, mayIntrinsics) }},
		}),
		Parallel: everywhere.with(moving, filtering, assigning, passing, working, arguments, fieldRules{
			"Branches": {both, (*reading).branches},
		}),
		Map: everywhere.with(moving, filtering, assigning, passing, working, mapping),
	}
}

// stateTypes in the order in which the service tells them.
var stateTypes = []string{"Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"}

// state reads a state.
func (c *compiler) state(o *jsonvalue.Object, name, at string, f *flowRead, depth int) *State {
	s := &State{Name: name, Language: c.language, Flow: f.Flow}
	f.States = append(f.States, s)
	f.byName[name] = s
	c.states++
	r := &reading{compiler: c, s: s, at: at, flow: f, depth: depth, reads: map[string]bool{}}

	if v, ok := o.Get("QueryLanguage"); ok {
		s.Language = c.queryLanguage(at+"/QueryLanguage", v)
		if s.Language == JSONPath && c.language == JSONata {
			c.wrong(at, downgrade)
			s.Language = JSONata
			return s // its fields would be reported for the other's sake
		}
	}
	t, ok := o.Get("Type")
	if !ok && c.single && depth == 0 {
		t, ok = "Pass", true // TestState takes that
	}
	if !ok {
		c.wrong(at, required("Type"))
		return s
	}
	typeName, ok := c.among(at+"/Type", "Type", t, stateTypes...)
	if !ok {
		return s
	}
	s.Type = Type(slices.Index(typeNames[:], typeName))

	for name, v := range o.All() {
		f, known := fields[s.Type][name]
		switch {
		case !known:
			c.wrong(at, notSupported(name))
		case f.in&(1<<s.Language) == 0:
			c.wrong(at, otherLanguage(s.Language, name))
		default:
			f.read(r, at+"/"+name, v)
		}
	}
	r.together(o)
	if len(r.reads) > 0 {
		for name := range r.reads {
			c.variables[s.Name] = append(c.variables[s.Name], name)
		}
		slices.Sort(c.variables[s.Name])
	}
	return s
}

func otherLanguage(l Language, field string) string {
	return "The QueryLanguage is set to '" + l.String() + "', but field '" + field + "' is only supported for the '" + (1 - l).String() + "' QueryLanguage"
}

// together looks at what fields say of each other, and which are missing.
func (r *reading) together(o *jsonvalue.Object) {
	r.exclusive(o, r.at, "Next", "End")
	s := r.s
	if _, moves := fields[s.Type]["Next"]; moves {
		_, next := o.Get("Next")
		if _, end := o.Get("End"); !next && (!end || !s.End) {
			r.wrong(r.at, oneOf("Next", "End"))
		}
	}
	switch s.Type {
	case Task:
		r.need(o, r.at, "Resource")
		r.exclusive(o, r.at, "TimeoutSeconds", "TimeoutSecondsPath")
		r.exclusive(o, r.at, "HeartbeatSeconds", "HeartbeatSecondsPath")
		timeout, ok := constantNumber(s.TimeoutSeconds)
		heartbeat, ok2 := constantNumber(s.HeartbeatSeconds)
		if ok && ok2 && heartbeat >= timeout {
			r.wrong(r.at, "HeartbeatSeconds must be smaller than TimeoutSeconds") // ours
		}
		r.integrationFields(o)
	case Choice:
		r.need(o, r.at, "Choices")
	case Wait:
		times := []string{"Seconds", "Timestamp"}
		if s.Language == JSONPath {
			times = []string{"Seconds", "Timestamp", "SecondsPath", "TimestampPath"}
		}
		if !r.exclusive(o, r.at, times...) {
			r.wrong(r.at, oneOf(times...))
		}
	case Fail:
		r.exclusive(o, r.at, "Error", "ErrorPath")
		r.exclusive(o, r.at, "Cause", "CausePath")
	case Parallel:
		r.need(o, r.at, "Branches")
	case Map:
		r.mapTogether(o)
	}
}

// need reports fields that are missing.
func (c *compiler) need(o *jsonvalue.Object, at string, names ...string) bool {
	var missing []string
	for _, name := range names {
		if _, ok := o.Get(name); !ok {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		c.wrong(at, required(missing...))
	}
	return missing == nil
}

// exclusive reports fields of which more than one is there, and tells whether any is.
func (c *compiler) exclusive(o *jsonvalue.Object, at string, names ...string) bool {
	var found []string
	for _, name := range names {
		if _, ok := o.Get(name); ok {
			found = append(found, name)
		}
	}
	if len(found) > 1 {
		c.wrong(at, onlyOne(found...))
	}
	return found != nil
}

// known reports members that are not among some, or that are of the other language.
func (r *reading) known(o *jsonvalue.Object, at string, names map[string]languages) {
	for name := range o.All() {
		switch in := names[name]; {
		case in == 0:
			r.wrong(at, notSupported(name))
		case in&(1<<r.s.Language) == 0:
			r.wrong(at, otherLanguage(r.s.Language, name))
		}
	}
}

// source keeps the text of a path.
func (r *reading) source(field, text string) {
	if r.s.Source == nil {
		r.s.Source = map[string]string{}
	}
	r.s.Source[field] = text
}

func (r *reading) inputPath(at string, v any) {
	r.s.InputPath, r.s.InputPathText, r.s.NullInputPath = r.filterPath("InputPath", at, v)
}

func (r *reading) outputPath(at string, v any) {
	r.s.OutputPath, r.s.OutputPathText, r.s.NullOutputPath = r.filterPath("OutputPath", at, v)
}

func (r *reading) filterPath(field, at string, v any) (value Value, text string, null bool) {
	if v == nil {
		return nil, "", true
	}
	text, _ = v.(string)
	return r.pathField(field, at, v, mayIndefinite|mayContext), text, false
}

func (r *reading) result(at string, v any) {
	r.s.Result, r.s.HasResult = v, true
	if hasDynamic(v) {
		r.warn(ResultIsStatic, at, "The Result of a Pass state is taken as it is: paths and intrinsic functions in it are not evaluated") // ours
	}
}

// resultPath reads a ResultPath; null tells that it is null.
func (r *reading) resultPath(field, at string, v any) (p *ResultPath, null bool) {
	if v == nil {
		return nil, true
	}
	text, ok := r.text(at, v)
	if !ok {
		return nil, false
	}
	p = newResultPath(text)
	if p == nil {
		r.wrong(at, noReference(text))
		return nil, false
	}
	if p.Text == "$" {
		return nil, false
	}
	return p, false
}

// count reads a whole number, or an expression that gives one.
func (r *reading) count(field, at string, v any, least, most int64) Value {
	if q, ok := r.expression(field, at, v); ok {
		return q
	}
	if n, ok := r.integer(at, v, least, most); ok {
		return constant{float64(n)}
	}
	return nil
}

// string reads a text, or an expression that gives one.
func (r *reading) string(field, at string, v any) Value {
	if q, ok := r.expression(field, at, v); ok {
		return q
	}
	if s, ok := r.text(at, v); ok {
		r.warnPath(field, at, s)
		return constant{s}
	}
	return nil
}

// warnPath warns of a field whose text looks as if it were to be in the field that takes paths.
func (r *reading) warnPath(field, at, text string) {
	if r.s.Language == JSONPath && looksDynamic(text) {
		r.warn(NoPath, at, "The value of the field '"+field+"' looks like a path, but the field's name does not end with 'Path'") // ours
	}
}

func (r *reading) timestamp(at string, v any) {
	r.s.Timestamp = r.string("Timestamp", at, v)
	if s, ok := v.(string); ok && r.s.Timestamp != nil && r.s.Timestamp.Constant() {
		if _, ok := ParseTimestamp(s); !ok {
			r.wrong(at, notTimestamp)
		}
	}
}

func (r *reading) retry(at string, v any) {
	list, _ := r.list(at, v)
	for i, v := range list {
		at := at + "[" + strconv.Itoa(i) + "]"
		o, ok := r.object(at, v)
		if !ok {
			continue
		}
		retrier := Retrier{IntervalSeconds: 1, MaxAttempts: 3, BackoffRate: 2}
		for name, v := range o.All() {
			place := at + "/" + name
			switch name {
			case "Comment":
				r.text(place, v)
			case "ErrorEquals":
				retrier.Errors = r.errorEquals(place, v, i == len(list)-1)
			case "IntervalSeconds":
				if n, ok := r.integer(place, v, 1, secondsMax); ok {
					retrier.IntervalSeconds = n
				}
			case "MaxAttempts":
				if n, ok := r.integer(place, v, 0, secondsMax); ok {
					retrier.MaxAttempts = n
				}
			case "BackoffRate":
				if f, ok := r.decimal(place, v, 1, math.Inf(1)); ok {
					retrier.BackoffRate = f
				}
			case "MaxDelaySeconds":
				retrier.MaxDelaySeconds, _ = r.integer(place, v, 1, maxDelaySecondsMax)
			case "JitterStrategy":
				s, _ := r.among(place, "JitterStrategy", v, "FULL", "NONE")
				retrier.FullJitter = s == "FULL"
			default:
				r.wrong(at, notSupported(name))
			}
		}
		r.need(o, at, "ErrorEquals")
		if retrier.MaxDelaySeconds > 0 && retrier.MaxDelaySeconds <= retrier.IntervalSeconds {
			r.wrong(at+"/MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds") // ours
		}
		r.s.Retry = append(r.s.Retry, retrier)
	}
}

func (r *reading) catch(at string, v any) {
	list, _ := r.list(at, v)
	r.s.Catch = make([]Catcher, len(list)) // transitions point into it
	for i, v := range list {
		index := "[" + strconv.Itoa(i) + "]"
		field, at := "Catch"+index, at+index
		o, ok := r.object(at, v)
		if !ok {
			continue
		}
		catcher := &r.s.Catch[i]
		r.known(o, at, map[string]languages{"Comment": both, "ErrorEquals": both, "Next": both, "Assign": both, "ResultPath": path, "Output": ata})
		for name, v := range o.All() {
			place := at + "/" + name
			switch name {
			case "Comment":
				r.text(place, v)
			case "ErrorEquals":
				catcher.Errors = r.errorEquals(place, v, i == len(list)-1)
			case "Next":
				r.flow.leadsTo(r.compiler, place, v, &catcher.Next)
			case "ResultPath":
				if r.s.Language == JSONPath {
					catcher.ResultPath, catcher.NullResultPath = r.resultPath(field+"/ResultPath", place, v)
				}
			case "Output":
				if r.s.Language == JSONata {
					catcher.Output = r.query(field+"/Output", place, v)
				}
			case "Assign":
				catcher.Assign = r.assign(field+"/Assign", place, v)
			}
		}
		r.need(o, at, "ErrorEquals", "Next")
	}
}

func (r *reading) errorEquals(at string, v any, last bool) []string {
	list, ok := r.list(at, v)
	if ok && len(list) == 0 {
		r.wrong(at, empty)
	}
	var names []string
	for i, v := range list {
		at := at + "[" + strconv.Itoa(i) + "]"
		name, ok := r.text(at, v)
		if !ok {
			continue
		}
		if name == "States.ALL" && (len(list) > 1 || !last) {
			r.wrong(at, allAlone)
		}
		names = append(names, name)
	}
	return names
}

func (r *reading) credentials(at string, v any) {
	o, ok := r.object(at, v)
	if !ok {
		return
	}
	const field = "Credentials/RoleArn"
	if v, ok := o.Get("RoleArn"); ok {
		r.s.CredentialsRole = r.string(field, at+"/RoleArn", v)
		return
	}
	if v, ok := o.Get("RoleArn.$"); ok && r.s.Language == JSONPath {
		r.s.CredentialsRole = r.member("RoleArn.$", at, v)
		return
	}
	r.wrong(at, "The field 'RoleArn' is required but was missing")
}

func (r *reading) branches(at string, v any) {
	list, ok := r.list(at, v)
	if ok && len(list) == 0 {
		r.wrong(at, empty)
	}
	for i, v := range list {
		at := at + "[" + strconv.Itoa(i) + "]"
		o, ok := r.object(at, v)
		if !ok {
			continue
		}
		r.flowFields(o, at, "")
		r.s.Branches = append(r.s.Branches, r.compiler.flow(o, at, r.s, r.depth+1))
	}
}

// flowFields looks at the fields of a flow within a state.
func (r *reading) flowFields(o *jsonvalue.Object, at, also string) {
	for name, v := range o.All() {
		switch name {
		case "StartAt", "States", also:
		case "Comment":
			r.text(at+"/Comment", v)
		default: // QueryLanguage, too: only the machine and its states have one
			r.wrong(at, notSupported(name))
		}
	}
}
