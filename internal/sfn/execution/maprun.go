package execution

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/resource"
	"heddle/jsonvalue"
)

// A Map state in distributed mode has a run of its own (package maprun): a map run, which
// has the items, begins an execution for each, and counts how they end. What the two, and
// the executions of items, tell each other are messages, which are here.

// MapRunKind is the kind of map runs.
const MapRunKind engine.Kind = "sfn-map-run"

// distributed is the flow of a group that is none of the execution's own: a map run has it.
const distributed = -1

// MapRunName is what a map run is called in the kernel. Machine has the label behind a
// slash.
func MapRunName(w engine.World, machine, id string) engine.Name {
	return engine.Name{World: w, Kind: MapRunKind, Key: machine + "\x00" + id}
}

// MapRunARN is a map run's, by its name.
func MapRunARN(n engine.Name) string {
	machine, id := Split(n.Key)
	return resource.Of(n.World.Region, n.World.Account, resource.MapRun, machine).Qualified(id).String()
}

// mapRunNamed is the name of a map run by its ARN.
func (s *State) mapRunNamed(arn string) engine.Name {
	n, err := resource.ParseAs(arn, resource.MapRun)
	mustHold(err == nil, "the ARN of a map run: %v", err)
	return MapRunName(s.id.Name.World, n.Base+"/"+n.Label, n.Qualifier)
}

// DerivedUUID is a UUID that is the same whenever it is derived.
func DerivedUUID(from string) string {
	b := sha256.Sum256([]byte(from))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// MapRunOrder is what a map run is to do.
type MapRunOrder struct {
	Settings     Settings // of the execution, which the executions of items have too; without Parent
	ARN          string   // of the execution
	Name         engine.Name
	Run          engine.RunID
	StateMachine string // ARN

	State   string // name of the Map state, in
	InFlow  int    // a flow of the machine
	Flow    int    // of the items
	Entered int64  // event id
	Express bool   // the executions of items are express ones

	// What expressions see that are evaluated for each item.
	Input     string // JSON text: the state's effective input
	Context   string // JSON text: the context object
	Variables []Variable

	Items         string // JSON text of a list; "": Reader has them
	Reader        *ItemReader
	Writer        *ResultWriter // nil: results are the state's output
	Concurrency   int64         // at a time; 0: as many as may be
	Tolerance     Tolerance
	Batch         *Batch // nil: an execution for each item
	SelectedItems bool   // there is an ItemSelector
	// Described says that each item is what the context object's Map.Item shows of it, but for
	// its index: an object with its Value, and perhaps its Key and its Source.
	Described bool
	// Transformation is what of results the state's output is, without a Writer: "" or COMPACT
	// for their outputs, NONE for what is told of them, FLATTEN for the elements of outputs.
	Transformation string
}

// Variable is a variable with its value, a JSON text.
type Variable struct{ Name, Value string }

// Tolerance is how many items may fail.
type Tolerance struct {
	Count   *int64   // nil: none was given
	Percent *float64 // of all items; nil: none was given
}

// Exceeded tells whether too many of all items failed; total 0: it is not known yet.
func (o *Tolerance) Exceeded(failed, total int64) bool {
	switch {
	case failed == 0:
		return false
	case o.Count == nil && o.Percent == nil:
		return true
	}
	return o.Count != nil && failed > *o.Count || o.Percent != nil && total > 0 && float64(failed)*100 > *o.Percent*float64(total)
}

// Code writes a tolerance, or reads it.
func (o *Tolerance) Code(c *pack.Coder) {
	codeSome(c, &o.Count, func(n *int64, c *pack.Coder) { c.Int(n) })
	codeSome(c, &o.Percent, func(f *float64, c *pack.Coder) {
		text := strconv.FormatFloat(*f, 'g', -1, 64)
		if c.Text(&text); c.Reads() {
			var err error
			if *f, err = strconv.ParseFloat(text, 64); err != nil {
				c.Fail(err)
			}
		}
	})
}

// Batch is how items are put together.
type Batch struct {
	Input    string // JSON text; "": none
	Items    int64  // at most; 0: no limit
	BytesMax int64  // of an execution's input
}

func (b *Batch) code(c *pack.Coder) {
	c.Text(&b.Input)
	c.Int(&b.Items)
	c.Int(&b.BytesMax)
}

// Code writes an order, or reads it.
func (o *MapRunOrder) Code(c *pack.Coder) {
	o.Settings.code(c)
	for _, text := range []*string{&o.ARN, &o.StateMachine, &o.State, &o.Input, &o.Context, &o.Items} {
		c.Text(text)
	}
	codeName(c, &o.Name)
	o.Run.Code(c)
	pack.Signed(c, &o.InFlow)
	pack.Signed(c, &o.Flow)
	c.Int(&o.Entered)
	c.Bool(&o.Express)
	pack.List(c, &o.Variables, func(v *Variable, c *pack.Coder) {
		c.Text(&v.Name)
		c.Text(&v.Value)
	})
	c.Int(&o.Concurrency)
	o.Tolerance.Code(c)
	codeSome(c, &o.Batch, (*Batch).code)
	c.Bool(&o.SelectedItems)
	codeSome(c, &o.Reader, (*ItemReader).code)
	codeSome(c, &o.Writer, (*ResultWriter).code)
}

// ResultWriter is where results are put: as the definition says it, with all evaluated.
type ResultWriter struct {
	Arguments      string // JSON text: Bucket and Prefix
	Transformation string // NONE, COMPACT or FLATTEN
	Lines          bool   // JSON Lines, not a list
}

func (w *ResultWriter) code(c *pack.Coder) {
	c.Text(&w.Arguments)
	c.Text(&w.Transformation)
	c.Bool(&w.Lines)
}

// Place is where it puts results, of a map run: a bucket, and what keys begin with.
func (w *ResultWriter) Place(run engine.Name) (bucket, prefix string) {
	d := datum{text: w.Arguments}
	if o, ok := d.Value().(*jsonvalue.Object); ok {
		bucket, prefix = member(o, "Bucket"), member(o, "Prefix")
	}
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	_, id := Split(run.Key)
	return bucket, prefix + id + "/"
}

// Result is what a ResultWriter puts of an execution, a JSON text.
func (c *ChildClosed) Result(transformation string) string {
	if c.Status == Succeeded && transformation != "NONE" {
		return c.Output
	}
	o := c.output(false)
	o.Set("StartDate", timeText(c.Started))
	o.Set("StopDate", timeText(c.Stopped))
	return jsonvalue.Text(o)
}

// ItemReader is where items come from: as the definition says it, with all evaluated.
type ItemReader struct {
	Action       string // getObject or listObjectsV2
	Arguments    string // JSON text
	InputType    string // of a list "": its objects are items, not what is in them
	Manifest     string // its type
	Pointer      string // to the list in a JSON text; "": it is the text
	HeadersGiven bool
	Headers      []string
	Delimiter    string
	MaxItems     int64 // 0: all
}

// listObjects is the action of a reader of lists.
const listObjects = "listObjectsV2"

// mixed tells whether items may be members of an object, or come from several objects of S3.
func (r *ItemReader) mixed() bool {
	if r.Action == listObjects {
		return r.InputType != ""
	}
	return r.Manifest != "" || r.InputType != "CSV" && r.InputType != "JSONL" && r.InputType != "PARQUET"
}

// S3URI is where something is in S3, as Map.Item.Source says it; without a key the bucket.
func S3URI(bucket, key string) string {
	uri := "S3://" + bucket
	if key != "" {
		uri += "/" + key
	}
	return uri
}

// Source is where all the reader's items come from that do not say it themselves. The reader's
// arguments are opened; nil: items come from the input.
func (r *ItemReader) Source() string {
	if r == nil {
		return stateData
	}
	var bucket, key string
	d := datum{text: r.Arguments}
	if o, ok := d.Value().(*jsonvalue.Object); ok {
		bucket, key = member(o, "Bucket"), member(o, "Key")
	}
	if r.Action == listObjects {
		key = ""
	}
	return S3URI(bucket, key)
}

// member is a member of an object that is a text; "": there is none.
func member(o *jsonvalue.Object, name string) string {
	v, _ := o.Get(name)
	text, _ := v.(string)
	return text
}

// PlainItem is an item as it is without an ItemSelector, of one that is described.
func PlainItem(described *jsonvalue.Object) any {
	value, _ := described.Get(pairValue)
	if key, ok := described.Get(pairKey); ok {
		return Pair(key.(string), value)
	}
	return value
}

// Described is an item that a reader tells of, as a value: see DescribedItem.
func Described(key *string, value any, source string) *jsonvalue.Object {
	o := jsonvalue.NewObject(3)
	if key != nil {
		o.Set(pairKey, *key)
	}
	o.Set(pairValue, value)
	o.Set("Source", source)
	return o
}

// DescribedItem is what a reader tells of an item, if items are described: a JSON text, as the
// value is. A key is that of the member of an object that it is, nil if it is none.
func DescribedItem(key *string, value, source string) string {
	var b strings.Builder
	b.WriteByte('{')
	if key != nil {
		b.WriteString(`"` + pairKey + `":` + jsonvalue.Text(*key) + ",")
	}
	b.WriteString(`"` + pairValue + `":` + value + `,"Source":` + jsonvalue.Text(source) + "}")
	return b.String()
}

// ReaderFailed is the error of a state whose items can't be read.
const ReaderFailed = "States.ItemReaderFailed"

// Refused says why nothing can be read; "": it can.
func (r *ItemReader) Refused() string {
	if r.MaxItems < 0 {
		return "field MaxItems must be positive"
	}
	return ""
}

func (r *ItemReader) code(c *pack.Coder) {
	for _, text := range []*string{&r.Action, &r.Arguments, &r.InputType, &r.Manifest, &r.Delimiter} {
		c.Text(text)
	}
	c.Bool(&r.HeadersGiven)
	c.Texts(&r.Headers)
	c.Int(&r.MaxItems)
}

// Messages to a map run.
type (
	// BeginMapRun begins it.
	BeginMapRun struct{ Order MapRunOrder }
	// StopMapRun stops it: the state that it is of has ended.
	StopMapRun struct{}
	// RedriveMapRun has it go on with what has not succeeded.
	RedriveMapRun struct{ Redrives int64 }
	// ItemRefused tells it that the execution of an item could not begin.
	ItemRefused struct {
		Index int64
		Input string // or as the map run stores it
		Full  bool   // too many are open, or the key is refused: it may begin later
		Why   string
	}
)

// MapRunMessage is a message to a map run; ChildClosed is one too.
type MapRunMessage interface{ code(*pack.Coder) }

func (m *BeginMapRun) code(c *pack.Coder) {
	m.Order.Code(c)
	if m.Order.CodeMore(c, false) {
		m.Order.CodeLast(c, false)
	}
}
func (*StopMapRun) code(*pack.Coder) {}
func (m *RedriveMapRun) code(c *pack.Coder) {
	c.Int(&m.Redrives)
}

func (m *ItemRefused) code(c *pack.Coder) {
	c.Int(&m.Index)
	c.Text(&m.Input)
	c.Bool(&m.Full)
	c.Text(&m.Why)
}

// Messages from a map run.
type (
	// MapRunClosed tells the execution that its map run has ended.
	MapRunClosed struct {
		ARN          string
		Succeeded    bool
		Output       string // JSON text
		TooLarge     bool   // the output is
		Error, Cause *string
	}
	// StartItem begins the execution of an item.
	StartItem struct {
		Start
		Sealed string // the input, as the map run stores it; "": as it is
	}
	// RedriveItem redrives it.
	RedriveItem struct {
		Name  engine.Name // of the map run
		Run   engine.RunID
		Index int64
	}
)

func (m *MapRunClosed) code(c *pack.Coder) {
	c.Text(&m.ARN)
	c.Bool(&m.Succeeded)
	c.Text(&m.Output)
	c.Bool(&m.TooLarge)
	c.Optional(&m.Error)
	c.Optional(&m.Cause)
}

func (m *StartItem) code(c *pack.Coder) {
	m.Settings.code(c)
	c.Text(&m.Input)
	if !c.Tail(len(m.Settings.Mocks) > 0 || m.Sealed != "") {
		return
	}
	pack.List(c, &m.Settings.Mocks, (*StateMock).code)
	if c.Tail(m.Sealed != "") {
		c.Text(&m.Sealed)
	}
}

func (m *RedriveItem) code(c *pack.Coder) {
	codeName(c, &m.Name)
	m.Run.Code(c)
	c.Int(&m.Index)
}

// refused tells the map run that the execution is gone, which it wants to go on.
func (m *RedriveItem) refused() engine.Message {
	return engine.Message{To: m.Name, Run: m.Run, Body: encodeMessage(&ChildClosed{Scheduled: m.Index, Status: Failed})}
}

// EncodeMessage writes a message to an execution or to a map run; DecodeMessage reads both.
func EncodeMessage(m MapRunMessage) []byte { return encodeMessage(m) }

// roleFor is the ARN of the machine that the execution's role acts for: without a label.
func (s *State) roleFor() string {
	base, _, _ := strings.Cut(s.machine, "/")
	return MachineARN(s.id.Name.World, base)
}

// ofItem tells whether the execution is that of an item of a map run.
func (p *Parent) ofItem() bool { return p.Name.Kind == MapRunKind }

// MapRun is the ARN of the map run that the execution belongs to; "": to none.
func (s *Settings) MapRun() string {
	if !s.Parent.ofItem() {
		return ""
	}
	return MapRunARN(s.Parent.Name)
}

// refused tells the map run that an item's execution could not begin.
func (m *StartItem) refused(why error) engine.Message {
	p := m.Parent
	_, full := why.(*TooManyOpenError)
	_, key := errors.AsType[engine.KeyRefusedError](why)
	return engine.Message{To: p.Name, Run: p.Run, Body: encodeMessage(&ItemRefused{
		Index: p.Scheduled, Input: cmp.Or(m.Sealed, m.Input), Full: full || key, Why: why.Error(),
	})}
}

// redriveItem runs the execution of an item on, or tells what became of it.
func (t *turn) redriveItem(c *RedriveItem) {
	s := t.s
	if p := s.settings.Parent; !p.ofItem() || p.Run != c.Run || p.Scheduled != c.Index || s.isOpen() {
		return
	}
	if why := s.beyondRedrive(&t.rules.limits); why != "" || t.in.NameTaken || s.status == Succeeded {
		t.tellParent()
		return
	}
	t.emit(s.threads[0], &Body{Type: ExecutionRedriven, Previous: s.last, RedriveCount: s.redrives + 1})
	t.run()
}

// begun tells whether the state has begun: one whose map run has not is yet to.
func (g *group) begun() bool { return g != nil && (g.flow != distributed || g.mapRun != "") }

// runs tells whether the group is a map run that was begun and has not ended.
func (g *group) runs() bool { return g.flow == distributed && g.mapRun != "" && !g.ended }

// distribute begins a map run, of so many items; without any, when their reader has them.
func (e *evaluation) distribute(in, items any) {
	t, th, st := e.t, e.th, e.st
	length := itemCount(items)
	s := t.s
	concurrency := e.concurrency(in)
	if e.failed != nil {
		return
	}
	b := &begun{flows: []int{distributed}, starts: []string{""}}
	tolerance := e.tolerance(in)
	order := MapRunOrder{
		Settings: s.handedOn(th), ARN: s.arn(), Name: s.id.Name, Run: s.id.Run, State: st.Name, InFlow: th.flow, Flow: st.Iterator.Number,
		Entered: th.entered, Express: st.ExpressItems, Concurrency: concurrency, Tolerance: tolerance, SelectedItems: st.ItemSelector != nil,
	}
	order.Settings.Parent = Parent{}
	if e.failed == nil {
		order.Batch = e.batch(in)
	}
	if e.failed == nil {
		order.Reader = e.reader(in)
		order.Writer = e.writer(in)
		if w := st.ResultWriter; w != nil && order.Writer == nil {
			order.Transformation = w.Transformation
		}
	}
	if st.ItemSelector != nil {
		order.Variables = e.variables()
	}
	if f := e.failed; f != nil { // is said once the state has begun
		f.at = t.emit(th, &Body{Type: MapStateStarted, Previous: th.previous, Length: length, hidden: hidden{group: b}})
		return
	}
	if order.Reader == nil {
		if o, ok := items.(*jsonvalue.Object); ok {
			items, order.Described = pairs(o), order.SelectedItems
		}
		order.Items = jsonvalue.Text(items)
	} else {
		order.Described = order.SelectedItems && order.Reader.mixed()
	}
	if st.ItemSelector != nil {
		order.Input, order.Context = jsonvalue.Text(in), jsonvalue.Text(t.context(th, st, nil))
	}
	started := t.emit(th, &Body{Type: MapStateStarted, Previous: th.previous, Length: length, hidden: hidden{group: b}})
	name := MapRunName(s.id.Name.World, s.labelled(th, st), DerivedUUID(fmt.Sprintf("%x %d", s.id.Run[:], started)))
	order.StateMachine = s.roleFor()
	t.emit(th, &Body{Type: MapRunStarted, Previous: started, MapRun: MapRunARN(name)})
	t.send(engine.Message{
		To: name, Begin: engine.Always, Seed: engine.DeriveSeed(t.in.Now, s.id.Run, s.last), Group: MapRunGroup(name.World), Body: encodeMessage(&BeginMapRun{order}),
	})
}

// labelled is what executions of a Map state's items go by: the machine's name, and the state's label.
func (s *State) labelled(th *thread, st *asl.State) string {
	base, _, _ := strings.Cut(s.machine, "/")
	label := st.Label
	if label == "" { // the same for each run of the state
		label = DerivedUUID(fmt.Sprintf("%s %x %d %s", base, s.settings.Definition[:], th.flow, st.Name))
	}
	return base + "/" + label
}

// cannotDistribute tells what a Map state in distributed mode wants that is not done yet; "":
// nothing.
func (e *evaluation) cannotDistribute() string {
	switch st := e.st; {
	case !st.Distributed || e.t.trial != nil || e.t.s.rehearsed != nil:
		return ""
	case e.t.s.express:
		return "within an express execution"
	}
	return ""
}

// concurrency is how many iterations a Map state wants to run at a time; 0: as many as may be.
func (e *evaluation) concurrency(in any) int64 {
	n := e.count(e.st.MaxConcurrency, "MaxConcurrency", e.st.MaxConcurrencyPath, "MaxConcurrencyPath", in)
	if e.failed == nil && n < 0 {
		e.runtime("MaxConcurrency cannot be negative.")
	}
	return n
}

// seenVariablesMax is how much the variables hold that a map run's expressions read.
const seenVariablesMax = 1 << 20

// variables are those that the state reads.
func (e *evaluation) variables() (all []Variable) {
	n := 0
	for _, name := range e.t.machine().Reads[e.st.Name] {
		d, ok := e.t.s.lookUp(e.th, name)
		if !ok {
			continue
		}
		all = append(all, Variable{name, d.Text()})
		n += len(d.Text())
	}
	if n > seenVariablesMax && e.failed == nil {
		e.tooLarge(e.st.Name, 0)
	}
	return all
}

// batch is how the state's items are put together; nil: they are not.
func (e *evaluation) batch(in any) *Batch {
	of := e.st.ItemBatcher
	if of == nil {
		return nil
	}
	b := &Batch{BytesMax: dataBytesMax}
	b.Items = e.count(of.MaxItems, "ItemBatcher/MaxItemsPerBatch", of.MaxItemsPath, "ItemBatcher/MaxItemsPerBatchPath", in)
	bytes := e.count(of.MaxBytes, "ItemBatcher/MaxInputBytesPerBatch", of.MaxBytesPath, "ItemBatcher/MaxInputBytesPerBatchPath", in)
	switch {
	case e.failed != nil:
		return nil
	case b.Items < 0:
		e.runtime("MaxItemsPerBatch cannot be negative.")
	case bytes < 0:
		e.runtime("MaxInputBytesPerBatch cannot be negative.")
	case bytes > 0:
		b.BytesMax = min(bytes, dataBytesMax)
	}
	if of.BatchInput != nil {
		b.Input = jsonvalue.Text(e.evaluate(of.BatchInput, "ItemBatcher/BatchInput", in))
	}
	return b
}

// itemsMost is how many items a reader reads at most, whatever MaxItems says (Step Functions
// Developer Guide, ItemReader).
const itemsMost = 100_000_000

// reader is where the items come from; nil: from the input.
func (e *evaluation) reader(in any) *ItemReader {
	of := e.st.ItemReader
	if of == nil {
		return nil
	}
	r := &ItemReader{
		Action: of.Resource.Action, InputType: of.InputType, Manifest: of.ManifestType, Pointer: of.ItemsPointer,
		HeadersGiven: of.CSVHeaderLocation == "GIVEN", Headers: of.CSVHeaders, Delimiter: of.CSVDelimiter, Arguments: "{}",
	}
	if r.Manifest == "S3_INVENTORY" {
		r.InputType = "MANIFEST"
	}
	if r.Action == listObjects && of.Transformation != "LOAD_AND_FLATTEN" {
		r.InputType = ""
	}
	if of.Arguments != nil {
		r.Arguments = jsonvalue.Text(e.evaluate(of.Arguments, "ItemReader/Arguments", in))
	}
	const field = "ItemReader/ReaderConfig/MaxItems"
	r.MaxItems = min(e.count(of.MaxItems, field, of.MaxItemsPath, field+"Path", in), itemsMost)
	return r
}

// writer is where results are put; nil: they are the state's output.
func (e *evaluation) writer(in any) *ResultWriter {
	of := e.st.ResultWriter
	if of == nil || of.Resource == nil || e.failed != nil {
		return nil
	}
	w := &ResultWriter{Transformation: of.Transformation, Lines: of.OutputType == "JSONL", Arguments: "{}"}
	if w.Transformation == "" {
		w.Transformation = "NONE"
	}
	if of.Arguments != nil {
		w.Arguments = jsonvalue.Text(e.evaluate(of.Arguments, "ResultWriter/Arguments", in))
	}
	return w
}

// stopMapRun stops the map run of a thread's state, if one is under way.
func (t *turn) stopMapRun(th *thread) {
	if g := th.group; g != nil && g.runs() {
		t.send(engine.Message{To: t.s.mapRunNamed(g.mapRun), Body: encodeMessage(&StopMapRun{})})
	}
}

// redriveMapRun has the map run of a thread's state go on.
func (t *turn) redriveMapRun(th *thread) {
	arn := th.group.mapRun
	t.emit(th, &Body{Type: MapRunRedriven, Previous: th.previous, MapRun: arn, RedriveCount: t.s.redrives})
	t.send(engine.Message{To: t.s.mapRunNamed(arn), Body: encodeMessage(&RedriveMapRun{t.s.redrives})})
}

// mapRunClosed goes on with a state whose map run has ended.
func (t *turn) mapRunClosed(c *MapRunClosed) {
	for _, th := range t.s.threads {
		if g := th.group; g == nil || th.halted || !g.runs() || g.mapRun != c.ARN {
			continue
		}
		started, st := th.group.last, t.state(th)
		if !c.Succeeded {
			at := t.emit(th, &Body{Type: MapRunFailed, Previous: started, Error: said(c.Error), Cause: said(c.Cause)})
			t.fail(th, st, failure{name: c.Error, cause: c.Cause, at: at, uncatchable: c.Error != nil && *c.Error == errRuntime})
			t.run()
			return
		}
		at := t.emit(th, &Body{Type: MapRunSucceeded, Previous: started})
		e := &evaluation{t: t, th: th, st: st}
		if c.TooLarge {
			e.tooLarge(st.Name, at)
		} else {
			t.emit(th, &Body{Type: MapStateSucceeded, Previous: at})
			d := datum{text: c.Output}
			e.leave(d.Value(), started, st.Name)
		}
		if e.failed != nil {
			t.evaluationFailed(th, st, e.failed)
		}
		t.run()
		return
	}
}

// SelectItem is what a Map state's ItemSelector makes of an item, for a map run; source is where
// it comes from, if it does not say it. The environment's context is that of the state. It fails
// with an error's name and its cause.
func SelectItem(m *asl.Machine, o *MapRunOrder, env *asl.Env, index int64, item any, source string) (selected any, failed *asl.Failure) {
	st := m.Flows[o.InFlow].Find(o.State)
	var key *string
	if o.Described {
		described := item.(*jsonvalue.Object)
		if k, ok := described.Get(pairKey); ok {
			text := k.(string)
			key = &text
		}
		item, _ = described.Get(pairValue)
		source = cmp.Or(member(described, "Source"), source)
	}
	context := env.Context()
	env.Context = func() any {
		of, _ := context.(*jsonvalue.Object)
		all := jsonvalue.NewObject(8)
		for name, v := range of.All() {
			all.Set(name, v)
		}
		all.Set("Map", itemContext(index, key, item, source))
		return all
	}
	selected, err := st.ItemSelector.Evaluate(env)
	if err == nil {
		return selected, nil
	}
	f, ok := err.(*asl.Failure)
	mustHold(ok, "evaluation of an ItemSelector: %v", err)
	cause := *cut(&f.Cause, causeMax)
	if !f.Plain {
		cause = fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", o.State, o.Entered, cause)
	}
	return nil, &asl.Failure{Name: f.Name, Cause: cause}
}
