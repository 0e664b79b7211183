package execution

import (
	"math"
	"strconv"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/jsonvalue"
)

func (e *evaluation) pass() {
	if e.passOn() {
		return
	}
	if e.jsonata() {
		e.leave(e.th.input.Value(), e.th.entered, e.st.Name)
		return
	}
	result := e.arguments()
	if e.st.HasResult {
		result = e.st.Result
	}
	e.leave(result, e.th.entered, e.st.Name)
}

// through is what a state gives that only looks at its input.
func (e *evaluation) through(output asl.Value, in any) any {
	if !e.jsonata() {
		return e.outputPath(in)
	}
	if output == nil {
		return in
	}
	return e.evaluate(output, "Output", in)
}

// input is what Choice, Wait, Succeed and Fail see.
func (e *evaluation) input() any {
	if e.jsonata() {
		return e.th.input.Value()
	}
	return e.effective()
}

func (e *evaluation) succeed() {
	if e.passOn() {
		return
	}
	in := e.input()
	e.exit(e.through(e.st.Output, in), nil, nil, e.th.entered, e.st.Name)
}

func (e *evaluation) choose() {
	in := e.input()
	for i := range e.st.Rules {
		if e.failed != nil {
			return
		}
		rule := &e.st.Rules[i]
		env := e.env(in)
		holds, err := rule.Condition.Holds(env)
		e.pay(env)
		if err != nil {
			e.failWith(err, "Choices["+strconv.Itoa(i)+"]/Condition")
			return
		}
		if holds {
			e.exit(e.through(rule.Output, in), e.assigned(rule.Assign, in), rule.Next, e.th.entered, e.st.Name)
			return
		}
	}
	if e.failed != nil {
		return
	}
	if e.st.Default == nil {
		cause := e.t.causeIn(e.th, "Failed to transition out of the state. The state does not point to a next state.")
		e.failed = &failure{name: text("States.NoChoiceMatched"), cause: &cause}
		return
	}
	e.exit(e.through(e.st.Output, in), e.assigned(e.st.Assign, in), e.st.Default, e.th.entered, e.st.Name)
}

// failState ends its thread.
func (e *evaluation) failState() {
	in := e.input()
	name := e.said(e.st.Error, "Error", e.st.ErrorPath, "ErrorPath", in)
	cause := e.said(e.st.Cause, "Cause", e.st.CausePath, "CausePath", in)
	if e.failed == nil {
		e.t.fail(e.th, e.st, failure{name: cut(name, errorMax), cause: cut(cause, causeMax), at: e.th.previous})
	}
}

// said is a text that a Fail state gives, by a constant or by a path; nil: it gives none.
func (e *evaluation) said(v asl.Value, field string, path asl.Value, pathField string, in any) *string {
	if v == nil {
		v, field = path, pathField
	}
	if v == nil || e.failed != nil {
		return nil
	}
	got := e.evaluate(v, field, in)
	if e.failed != nil {
		return nil
	}
	s, ok := got.(string)
	if !ok {
		e.wrongType(field, "string", got)
	}
	return &s
}

// wrongType fails because an expression gave a value of another type than its field has.
func (e *evaluation) wrongType(field, want string, got any) {
	if e.jsonata() {
		e.query(field, "The JSONata expression '"+e.st.Source[field]+"' specified for the field '"+field+
			"' returned an unexpected result type. Expected '"+want+"', but was '"+jsonvalue.TypeName(got)+"' for value: "+jsonvalue.Text(got))
		return
	}
	e.runtime("The " + field[strings.LastIndexByte(field, '/')+1:] + " field refers to value \"" + plainText(got) + "\" which is not a valid " + want + ": " + e.st.Source[field])
}

// plainText is a value as messages have it: a text without its quotes.
func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return jsonvalue.Text(v)
}

// waitSecondsMax is how long a Wait state waits at most.
const waitSecondsMax = 1<<31 - 1

func (e *evaluation) wait() {
	in := e.input()
	var until engine.Time
	switch st := e.st; {
	case st.Seconds != nil:
		got := e.evaluate(st.Seconds, "Seconds", in)
		n, ok := whole(got)
		if e.failed == nil && !ok {
			e.wrongType("Seconds", "integer", got)
		} else if e.failed == nil && n < 0 {
			e.query("Seconds", "The Seconds field references a negative value: "+jsonvalue.Text(got))
		}
		until = e.inSeconds(n)
	case st.SecondsPath != nil:
		until = e.inSeconds(e.waitSeconds(in))
	case st.Timestamp != nil:
		got := e.evaluate(st.Timestamp, "Timestamp", in)
		at, ok := parseTime(got)
		if e.failed == nil && !ok {
			e.query("Timestamp", "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "+plainText(got))
		}
		until = at
	default:
		got := e.evaluate(st.TimestampPath, "TimestampPath", in)
		at, ok := parseTime(got)
		if e.failed == nil && !ok {
			e.runtime("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: " +
				st.Source["TimestampPath"] + " == " + plainText(got))
		}
		until = at
	}
	if e.failed == nil && until > e.t.in.Now+engine.Seconds(waitSecondsMax) {
		e.runtime("Wait state delay is too long.")
	}
	switch {
	case e.failed != nil:
	case until <= e.t.in.Now:
		e.waited()
	default:
		e.t.change(change{kind: changeWait, thread: e.th.number, at: until})
	}
}

// waited leaves a Wait state.
func (e *evaluation) waited() {
	if e.passOn() {
		return
	}
	in := e.input()
	e.exit(e.through(e.st.Output, in), e.assigned(e.st.Assign, in), e.st.Next, e.th.entered, e.st.Name)
}

func (e *evaluation) inSeconds(n int64) engine.Time {
	return e.t.in.Now + engine.Seconds(min(max(n, 0), waitSecondsMax+1))
}

// waitSeconds is what SecondsPath points to.
func (e *evaluation) waitSeconds(in any) int64 {
	path := e.st.Source["SecondsPath"]
	env := e.env(in)
	got, err := e.st.SecondsPath.Evaluate(env)
	e.pay(env)
	if err != nil || got == nil {
		e.runtime("The SecondsPath parameter does not reference an input value: " + path)
		return 0
	}
	n, failed := strconv.ParseInt(plainText(got), 10, 64)
	switch {
	case failed != nil:
		e.runtime("The SecondsPath parameter cannot be parsed as a long value: " + path + " == " + plainText(got))
	case n < 0:
		e.runtime("The SecondsPath parameter references a negative value: " + path + " == " + plainText(got))
	}
	return n
}

// whole gives a number that has no fraction.
func whole(v any) (int64, bool) {
	f, ok := jsonvalue.Float(v)
	if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// parseTime reads a time of ISO 8601 with its offset, as Java's ISO_OFFSET_DATE_TIME has it: T and
// Z may be small, and seconds be left out. Fractions below a millisecond round up, so that nothing
// is early.
func parseTime(v any) (engine.Time, bool) {
	s, ok := v.(string)
	if !ok {
		return 0, false
	}
	s = strings.ToUpper(s)
	if minutes := len("2006-01-02T15:04"); len(s) > minutes && s[minutes] != ':' {
		s = s[:minutes] + ":00" + s[minutes:]
	}
	at, ok := asl.ParseTimestamp(s)
	if !ok {
		return 0, false
	}
	ms := at.UnixMilli()
	if at.Nanosecond()%1_000_000 != 0 {
		ms++
	}
	return engine.Time(max(ms, 1)), true
}

func (e *evaluation) parallel() {
	answer := e.mock()
	in := e.arguments()
	if e.failed != nil {
		return
	}
	b := &begun{}
	if answer != nil {
		e.answerGroup(answer, b)
		return
	}
	for _, flow := range e.st.Branches {
		b.flows, b.starts = append(b.flows, flow.Number), append(b.starts, flow.StartAt.Name)
	}
	if !same(in, e.th.input.Value()) {
		d := of(in)
		if len(d.Text()) > dataBytesMax {
			e.tooLarge(e.st.Name, e.th.previous)
			return
		}
		b.input = &d
	}
	e.t.emit(e.th, &Body{Type: ParallelStateStarted, Previous: e.th.previous, hidden: hidden{group: b}})
}

// inlineConcurrency is how many iterations a Map state runs at a time at most (Step Functions
// Developer Guide, Map state in inline mode).
const inlineConcurrency = 40

func (e *evaluation) mapState() {
	t, th, st := e.t, e.th, e.st
	if answer := e.mock(); answer != nil {
		none := of([]any{})
		e.answerGroup(answer, &begun{flows: []int{st.Iterator.Number}, starts: []string{st.Iterator.StartAt.Name}, items: &none})
		return
	}
	if e.failed != nil {
		return
	}
	if why := e.cannotDistribute(); why != "" {
		e.runtime("The Map state is in distributed mode " + why + ", which this server does not run yet.")
		return
	}
	in := e.input()
	items := e.items(in)
	if e.failed == nil && st.Distributed && t.trial == nil && t.s.rehearsed == nil {
		e.distribute(in, items)
		return
	}
	length := itemCount(items)
	concurrency := e.concurrency(in)
	if e.failed != nil {
		return
	}
	e.saw("maxConcurrency", float64(concurrency))
	if concurrency == 0 || concurrency > inlineConcurrency {
		concurrency = inlineConcurrency
	}
	list := of(items)
	if len(list.Text()) > dataBytesMax {
		e.tooLarge(st.Name, th.previous)
		return
	}
	b := &begun{flows: []int{st.Iterator.Number}, starts: []string{st.Iterator.StartAt.Name}, items: &list, concurrency: concurrency}
	b.tolerated = e.tolerated(in, length)
	if t.trial != nil {
		e.writer(in) // as far as it can fail
	}
	if f := e.failed; f != nil { // is said once the state has begun
		f.at = t.emit(th, &Body{Type: MapStateStarted, Previous: th.previous, Length: length, hidden: hidden{group: b}})
		return
	}
	started := t.emit(th, &Body{Type: MapStateStarted, Previous: th.previous, Length: length, hidden: hidden{group: b}})
	if length == 0 && t.trial == nil {
		t.emit(th, &Body{Type: MapStateSucceeded, Previous: started})
		t.gathered(th, started)
	}
}

// items are what a Map state iterates over: a list, or in distributed mode an object, of which
// each member is an item.
func (e *evaluation) items(in any) any {
	var got any = in
	field := "Items"
	switch {
	case e.st.ItemReader != nil && e.t.trial != nil:
		return e.readItems(in)
	case e.st.ItemReader != nil:
		return []any(nil) // a map run has them
	case e.jsonata() && e.st.Items != nil:
		got = e.evaluate(e.st.Items, "Items", in)
	case !e.jsonata() && e.st.ItemsPath != nil:
		field, got = "ItemsPath", e.evaluate(e.st.ItemsPath, "ItemsPath", in)
	}
	if e.failed != nil {
		return nil
	}
	_, ok := got.([]any)
	if _, members := got.(*jsonvalue.Object); members {
		ok = e.st.Distributed
	}
	switch {
	case ok:
		if !e.jsonata() {
			e.saw("afterItemsPath", got)
		}
		return got
	case e.jsonata() && e.st.Source[field] != "": // else no expression is to blame
		e.wrongType(field, "array", got)
	case e.jsonata():
		e.query("", "Map state input must be an array but was: "+jsonvalue.Text(got))
	default:
		path := e.st.Source["ItemsPath"]
		if path == "" {
			path = "$"
		}
		if strings.HasPrefix(path, "$$") {
			path = path[1:] // as the service tells it
		}
		e.runtime("Reference path \"" + path + "\" must point to array.")
	}
	return nil
}

// itemCount is how many items there are in a list, or in an object.
func itemCount(items any) int64 {
	switch items := items.(type) {
	case []any:
		return int64(len(items))
	case *jsonvalue.Object:
		return int64(items.Len())
	}
	return 0
}

// Names in what an item is that is a member of an object.
const (
	pairKey   = "Key"
	pairValue = "Value"
)

// Pair is the item that a member of an object is.
func Pair(key string, value any) any {
	o := jsonvalue.NewObject(2)
	o.Set(pairKey, key)
	o.Set(pairValue, value)
	return o
}

// pairs are the items of an object.
func pairs(o *jsonvalue.Object) []any {
	all := make([]any, 0, o.Len())
	for name, v := range o.All() {
		all = append(all, Pair(name, v))
	}
	return all
}

// readItems are what a trial's ItemReader gives.
func (e *evaluation) readItems(in any) any {
	t, r := e.t.trial, e.reader(in)
	if e.failed != nil {
		return nil
	}
	why := r.Refused()
	if why == "" && t.ReaderFailed != nil {
		why = *t.ReaderFailed
	}
	if why != "" {
		e.failWith(&asl.Failure{Name: ReaderFailed, Cause: why, Plain: true}, "")
		return nil
	}
	t.source = r.Source()
	items := t.ReaderItems
	if r.MaxItems > 0 {
		items = firstItems(items, r.MaxItems)
	}
	if r.Pointer != "" {
		e.saw("afterItemsPointer", items)
	}
	return items
}

// firstItems are the first of a list, or of an object.
func firstItems(items any, most int64) any {
	switch items := items.(type) {
	case []any:
		return items[:min(most, int64(len(items)))]
	case *jsonvalue.Object:
		first := jsonvalue.NewObject(items.Len())
		for i := range int(min(most, int64(items.Len()))) {
			first.Set(items.At(i))
		}
		return first
	}
	return items
}

// count is a whole number that a state gives, by a constant, an expression or a path; 0: it gives
// none. Of a path a text will do, but no number with a fraction or an exponent, be it 1.0.
func (e *evaluation) count(v asl.Value, field string, path asl.Value, pathField string, in any) int64 {
	if v == nil {
		v, field = path, pathField
	}
	if v == nil || e.failed != nil {
		return 0
	}
	got := e.evaluate(v, field, in)
	if e.failed != nil {
		return 0
	}
	n, ok := whole(got)
	if !e.jsonata() && !v.Constant() { // it is the text that the service reads
		parsed, err := strconv.ParseInt(plainText(got), 10, 32)
		n, ok = parsed, err == nil
	}
	if !ok {
		e.wrongType(field, "integer", got)
	}
	return n
}

// tolerated is how many of so many iterations may fail.
func (e *evaluation) tolerated(in any, length int64) int64 {
	o := e.tolerance(in)
	var n int64
	if o.Count != nil {
		n = *o.Count
	}
	if o.Percent != nil {
		of := int64(*o.Percent * float64(length) / 100)
		if o.Count == nil || of < n {
			n = of
		}
	}
	return n
}

// tolerance is how many iterations may fail.
func (e *evaluation) tolerance(in any) (o Tolerance) {
	st := e.st
	count := e.count(st.ToleratedCount, "ToleratedFailureCount", st.ToleratedCountPath, "ToleratedFailureCountPath", in)
	if e.failed == nil && count < 0 {
		e.runtime("ToleratedFailureCount cannot be negative.")
	}
	if st.ToleratedCount != nil || st.ToleratedCountPath != nil {
		e.saw("toleratedFailureCount", float64(count))
		o.Count = &count
	}
	v, field := st.ToleratedPercent, "ToleratedFailurePercentage"
	if v == nil {
		v, field = st.ToleratedPercentPath, "ToleratedFailurePercentagePath"
	}
	if v == nil || e.failed != nil {
		return o
	}
	got := e.evaluate(v, field, in)
	percent, ok := jsonvalue.Float(got)
	if s, isText := got.(string); isText {
		parsed, err := strconv.ParseFloat(s, 64)
		percent, ok = parsed, err == nil
	}
	switch {
	case e.failed != nil:
	case !ok:
		e.wrongType(field, "float", got)
	case percent < 0 || percent > 100:
		e.runtime("ToleratedFailurePercentage must be between 0 and 100.")
	}
	e.saw("toleratedFailurePercentage", percent)
	if e.failed == nil {
		o.Percent = &percent
	}
	return o
}

// beginIteration begins the next iteration of a Map state.
func (t *turn) beginIteration(th *thread) {
	st := t.state(th)
	e := &evaluation{t: t, th: th, st: st}
	g := th.group
	index := g.next
	var input *datum
	if t.key != nil { // what is sealed can't be taken from the list
		d := of(g.item(index))
		input = &d
	}
	if st.ItemSelector != nil {
		d := of(e.selected(index))
		if e.failed == nil && len(d.Text()) > dataBytesMax {
			e.tooLarge(st.Name, g.last)
		}
		if e.failed != nil {
			t.evaluationFailed(th, st, e.failed)
			return
		}
		input = &d
	}
	previous := g.started
	if index >= g.concurrency {
		previous = g.freed
	}
	if r := t.s.rehearsed; r != nil && st.Distributed {
		d := input
		if d == nil {
			of := of(g.item(index))
			d = &of
		}
		r.began(th.number, index, d.Text(), t.in.Now)
	}
	t.emit(th, &Body{Type: MapIterationStarted, Previous: previous, Name: st.Name, Index: index, hidden: hidden{input: input}})
}

// selected is what an ItemSelector makes of an item.
func (e *evaluation) selected(index int64) any {
	e.item = &thread{index: index, owner: e.th.number}
	return e.evaluate(e.st.ItemSelector, "ItemSelector", e.input())
}

// iterationEnded leaves the Map state if that was its last iteration.
func (t *turn) iterationEnded(owner *thread) {
	g := owner.group
	if g.done < int64(len(g.outputs)) {
		return
	}
	t.emit(owner, &Body{Type: MapStateSucceeded, Previous: g.last})
	t.gathered(owner, g.last)
}
