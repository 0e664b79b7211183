package maprun

import (
	"slices"

	"heddle/internal/engine"
	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
)

// What users gave, of a map run whose state machine has a key of theirs, stands sealed in events
// and in the state: each text by itself, as executions seal theirs (execution.Seal). A command
// that needs any of it wants the data keys of all that the state has.

// text is what a stored text says: while a command is handled.
func (s *State) text(stored string) string {
	if s.opens == nil || !execution.Sealed(stored) {
		return stored
	}
	return s.opens(stored)
}

// eachOf visits what users gave of an order, but for its items.
func eachOf(o *execution.MapRunOrder, visit func(*string)) {
	visit(&o.Input)
	visit(&o.Context)
	for i := range o.Variables {
		visit(&o.Variables[i].Value)
	}
	if o.Reader != nil {
		visit(&o.Reader.Arguments)
	}
	if o.Writer != nil {
		visit(&o.Writer.Arguments)
	}
	if o.Batch != nil {
		visit(&o.Batch.Input)
	}
}

// plain is the order with all opened.
func (s *State) plain() execution.MapRunOrder {
	o := copied(s.order)
	eachOf(&o, func(text *string) { *text = s.text(*text) })
	return o
}

// copied is an order of which anything may be changed.
func copied(o execution.MapRunOrder) execution.MapRunOrder {
	o.Variables = slices.Clone(o.Variables)
	if o.Reader != nil {
		of := *o.Reader
		o.Reader = &of
	}
	if o.Writer != nil {
		of := *o.Writer
		o.Writer = &of
	}
	if o.Batch != nil {
		of := *o.Batch
		o.Batch = &of
	}
	return o
}

// each visits all that users gave and the state has.
func (s *State) each(visit func(string)) {
	eachOf(&s.order, func(text *string) { visit(*text) })
	for _, item := range s.window {
		visit(item)
	}
	for i := range s.back {
		visit(s.back[i].input)
	}
	for i := range s.results {
		visit(s.results[i].text)
	}
	for _, list := range [][]output{s.outputs, s.failures} {
		for i := range list {
			visit(list[i].text)
		}
	}
	visit(string(s.position))
	for _, word := range []*string{s.err, s.cause} {
		if word != nil {
			visit(*word)
		}
	}
}

// dataKeysMin is how many data keys a state remembers before it looks which it needs.
const dataKeysMin = 8

// note remembers the data key that a text is sealed under.
func (s *State) note(text string) {
	if !execution.Sealed(text) {
		return
	}
	if key := execution.Wrapped(text); !slices.Contains(s.dataKeys, key) {
		s.dataKeys = append(s.dataKeys, key)
	}
}

// needed looks which data keys the state needs, if it remembers many more.
func (s *State) needed() {
	if len(s.dataKeys) < max(dataKeysMin, 2*s.dataKeysNeeded) {
		return
	}
	s.dataKeys = nil
	s.each(s.note)
	s.dataKeysNeeded = len(s.dataKeys)
}

// locks tells whether a map run of these settings is sealed, and a command needs its key.
func locks(settings *execution.Settings, body any) bool {
	_, looks := body.(*Describe)
	return settings.Key.Key != "" && !looks
}

// uses are the data keys that a command wants.
func (s *State) uses(settings *execution.Settings, body any) (uses []engine.KeyUse) {
	if !locks(settings, body) {
		return nil
	}
	uses = append(uses, settings.SealUse(s.id))
	for _, wrapped := range s.dataKeys {
		uses = append(uses, settings.OpenUse(s.id, wrapped))
	}
	return uses
}

// unlock gets the keys for a command. Errors: engine.KeyRefusedError.
func (t *turn) unlock(settings *execution.Settings, body any) (err error) {
	s := t.s
	if !locks(settings, body) {
		return nil
	}
	if t.key, err = t.in.DataKey(settings.SealUse(s.id)); err != nil {
		t.key = nil
		return err
	}
	keys := map[string]engine.DataKey{}
	for _, wrapped := range s.dataKeys {
		if keys[wrapped], err = t.in.DataKey(settings.OpenUse(s.id, wrapped)); err != nil {
			t.key = nil
			return err
		}
	}
	s.opens = func(stored string) string {
		b, err := execution.Unseal(stored)
		if err == nil {
			key := keys[execution.Wrapped(stored)]
			if key == nil {
				key = t.key // of this turn
			}
			b, err = key.Open(b)
		}
		mustHold(err == nil, "open what is sealed: %v", err)
		return string(b)
	}
	return nil
}

// seal is how a text is stored.
func (t *turn) seal(text string) string {
	if t.key == nil || text == "" {
		return text
	}
	return execution.Seal(t.key, text)
}

// sealed is a begun event of an order with all sealed.
func (t *turn) sealed(o execution.MapRunOrder) *begun {
	if t.key == nil {
		return &begun{o}
	}
	o = copied(o)
	eachOf(&o, func(text *string) { *text = t.seal(*text) })
	if o.Items != "" {
		list := value(o.Items).([]any)
		for i := range list {
			list[i] = t.seal(jsonvalue.Text(list[i]))
		}
		o.Items = jsonvalue.Text(list)
	}
	return &begun{o}
}

// locked decides what becomes of a command for which the key was refused: the map run takes in
// what has happened, and fails with the key's error. Nothing of what it holds can be told. When
// the key works again it can be redriven.
func (t *turn) locked(body any, refused error) (engine.Turn, error) {
	s := t.s
	t.noKey = refused
	switch c := body.(type) {
	case *Read, *Took, *ReadFailed:
		if !s.wantsItems() {
			return engine.Turn{}, &ClosedError{}
		}
	case *Write, *WriteFailed:
		if !s.wantsWrite() {
			return engine.Turn{}, &ClosedError{}
		}
	case *Wrote:
		if !s.writable(c.Write) {
			return engine.Turn{}, &ClosedError{}
		}
		t.wrote(c)
	case *Update:
		if !s.isOpen() {
			return engine.Turn{}, &ClosedError{}
		}
		t.update(c)
	case *execution.BeginMapRun: // without what can't be sealed
		o := c.Order
		o.Input, o.Context, o.Variables, o.Items, o.Reader, o.Writer, o.Batch = "", "", nil, "[]", nil, nil, nil
		t.emit(&begun{o})
		t.Keep = append(t.Keep, o.Settings.Definition)
	case *execution.ChildClosed:
		if _, ok := find(s.open, c.Scheduled); ok && s.isOpen() {
			e := &itemEnded{first: c.Scheduled, status: c.Status}
			if e.status == execution.Succeeded { // its output is lost: a redrive has it told again
				e.status = execution.Failed
			}
			t.emit(e)
		}
	case *execution.ItemRefused:
		if _, ok := find(s.open, c.Index); ok && s.isOpen() {
			if (c.Full || s.ending != "") && execution.Sealed(c.Input) {
				t.emit(&itemBack{c.Index, c.Input, t.in.Now + engine.Seconds(restSeconds)})
			} else {
				t.emit(&itemEnded{first: c.Index, status: execution.Failed})
			}
		}
	case *TakePlace:
		if !s.wantsPlace() {
			return engine.Turn{}, &ClosedError{}
		}
	case *execution.StopMapRun:
		t.stop()
	case *execution.RedriveMapRun:
		t.redrive(c)
	case engine.Wake:
	}
	t.failLocked()
	t.goOn()
	return t.Turn, nil
}

// failLocked has an open map run fail whose key is refused.
func (t *turn) failLocked() {
	s := t.s
	if t.noKey == nil || !s.isOpen() {
		return
	}
	if s.ending == "" {
		name, cause := execution.KeyFailure(t.noKey)
		t.emit(&stopping{execution.Failed, &name, &cause})
	}
	if s.writing() {
		t.emit(&notWritten{})
	}
}
