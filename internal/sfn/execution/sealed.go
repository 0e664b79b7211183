package execution

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/sfn/registry"
)

// KeyUse is which data key an execution wants: an engine.KeyUse.
type KeyUse struct {
	World   engine.World
	Key     string // as its user named it
	Role    string // ARN: in whose right
	Machine string // ARN: for what the role acts
	Of      string // ARN of the state machine or the activity whose data it seals
	Seconds int64  // how long a data key is used again
	Wrapped string // the data key that something is sealed under; "": the one to seal with now
}

// KeyError says that the key of a state machine or an activity can't be used now: in the
// words of the faults that the API declares, which are errors of executions too.
type KeyError struct {
	Code    string // KmsAccessDeniedException, KmsInvalidStateException or KmsThrottlingException, with the API's namespace
	State   string // of the key, if it is in one in which it can't be used: DISABLED, ...
	Message string
}

func (e *KeyError) Error() string { return e.Code + ": " + e.Message }

// KeyRefusal is a KeyError that stays until somebody changes something, or that a state
// shall fail with: an engine.KeyRefusedError.
type KeyRefusal struct{ *KeyError }

// KeyRefused implements engine.KeyRefusedError.
func (KeyRefusal) KeyRefused() {}

// Unwrap gives the KeyError.
func (r KeyRefusal) Unwrap() error { return r.KeyError }

// What users gave, of an execution whose state machine has a key of theirs, is stored as a
// text that begins with sealedMark: no JSON text does.
const sealedMark = "\x01"

// Sealed tells whether a text that an execution with a key gave is sealed.
func Sealed(stored string) bool { return strings.HasPrefix(stored, sealedMark) }

// Seal seals a text, to be stored.
func Seal(key engine.DataKey, text string) string {
	return sealedMark + base64.RawStdEncoding.EncodeToString(key.Seal([]byte(text)))
}

// Unseal gives what was sealed, for package datakey.
func Unseal(stored string) ([]byte, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(stored, sealedMark))
	if err != nil {
		return nil, fmt.Errorf("read what is sealed: %w", err)
	}
	return b, nil
}

// Wrapped gives the data key that a text is sealed under, without decoding all of it.
func Wrapped(stored string) string {
	text := stored[len(sealedMark):]
	head, _ := base64.RawStdEncoding.DecodeString(text[:min(8, len(text)&^3)])
	if len(head) > 0 { // the format; then the blob with its length before it
		if size, n := binary.Uvarint(head[1:]); n > 0 && size < uint64(len(text)) {
			end := min((1+n+int(size)+2)/3*4, len(text))
			if end%4 == 1 {
				end--
			}
			head, _ = base64.RawStdEncoding.DecodeString(text[:end])
		}
	}
	key, _, err := engine.ReadSealedHead(head)
	mustHold(err == nil, "what is stored as sealed: %v", err)
	return string(key)
}

// stored is what the datum is stored as.
func (d *datum) stored() string {
	if d.sealed != "" {
		return d.sealed
	}
	return d.Text()
}

// settle tells a datum that was read from the store what it is: of a payload, or of words of
// an execution with a key. What is said now may look like anything.
func (d *datum) settle() {
	if Sealed(d.text) {
		d.text, d.sealed = "", d.text
	}
}

// said is what somebody said, as a datum.
func said(text *string) *datum {
	if text == nil {
		return nil
	}
	return &datum{text: *text}
}

// words are what a datum says.
func (d *datum) words() *string {
	if d == nil {
		return nil
	}
	text := d.Text()
	return &text
}

// shown is what is stored of it.
func shown(d *datum) *string {
	if d == nil {
		return nil
	}
	text := d.stored()
	return &text
}

// eachPayload visits what users gave.
func (e *Body) eachPayload(visit func(*datum)) {
	visit(&e.Input)
	visit(&e.Output)
	visit(&e.Parameters)
	for i := range e.Assigned {
		visit(&e.Assigned[i].value)
	}
	if e.hidden.input != nil {
		visit(e.hidden.input)
	}
	if g := e.hidden.group; g != nil {
		for _, d := range []*datum{g.input, g.items} {
			if d != nil {
				visit(d)
			}
		}
	}
}

// eachWord visits what somebody said of a failure, which is no JSON.
func (e *Body) eachWord(visit func(*datum)) {
	for _, d := range []*datum{e.Error, e.Cause} {
		if d != nil {
			visit(d)
		}
	}
}

// each visits all that users gave.
func (s *State) each(visit func(*datum)) {
	some := func(d *datum) {
		if d != nil {
			visit(d)
		}
	}
	visit(&s.input)
	visit(&s.output)
	some(s.err)
	some(s.cause)
	for _, t := range s.threads {
		visit(&t.input)
		for i := range t.vars {
			visit(&t.vars[i].value)
		}
		if t.work != nil {
			visit(&t.work.input)
		}
		if g := t.group; g != nil {
			some(g.items)
			for _, d := range g.outputs {
				some(d)
			}
		}
	}
}

// dataKeysMin is how many data keys a state remembers before it looks which it needs.
const dataKeysMin = 8

// noteKeys remembers the data keys that an event's payloads are sealed under.
func (s *State) noteKeys(e *Body) {
	note := func(d *datum) {
		if d.sealed == "" {
			return
		}
		if key := Wrapped(d.sealed); !slices.Contains(s.dataKeys, key) {
			s.dataKeys = append(s.dataKeys, key)
		}
	}
	e.eachPayload(note)
	e.eachWord(note)
	if len(s.dataKeys) < max(dataKeysMin, 2*s.dataKeysNeeded) {
		return
	}
	s.dataKeys = nil
	s.each(note)
	s.dataKeysNeeded = len(s.dataKeys)
}

// SealUse is the use of the data key to seal with now, of an execution or of a map run.
func (s *Settings) SealUse(id engine.Identity) KeyUse {
	machine, _ := Split(id.Name.Key)
	base, _, _ := strings.Cut(machine, "/") // without the label of a Map state
	of := MachineARN(id.Name.World, base)
	return KeyUse{World: id.Name.World, Key: s.Key.Key, Role: s.Role, Machine: of, Of: of, Seconds: s.Key.ReuseSeconds}
}

// OpenUse is the use of the data key that something was sealed under.
func (s *Settings) OpenUse(id engine.Identity, wrapped string) KeyUse {
	use := s.SealUse(id)
	use.Wrapped = wrapped
	return use
}

// activityUse is the use of the data key to seal the input of an activity's task with.
func (s *Settings) activityUse(id engine.Identity, activity string, key registry.Encryption) KeyUse {
	use := s.SealUse(id)
	use.Key, use.Of, use.Seconds = key.Key, activity, key.ReuseSeconds
	return use
}

// reads tells whether a command needs what users gave, or adds to it.
func reads(body any) bool {
	switch body.(type) {
	case *Describe, *Inspect, *task.Delivered, *task.Undelivered, *Heartbeat:
		return false
	}
	return true
}

// uses are the data keys that a command wants.
func (s *State) uses(settings *Settings, body any) (uses []engine.KeyUse) {
	if settings.Key.Key != "" && reads(body) {
		uses = append(uses, settings.SealUse(s.id))
		for _, wrapped := range s.dataKeys {
			uses = append(uses, settings.OpenUse(s.id, wrapped))
		}
	}
	if !runs(body) {
		return uses
	}
	if c, ok := body.(*Start); ok {
		for _, a := range c.Activities {
			if a.Encryption.Key != "" {
				uses = append(uses, settings.activityUse(s.id, a.ARN, a.Encryption))
			}
		}
	}
	for _, k := range s.known {
		if k.key.Key != "" {
			uses = append(uses, settings.activityUse(s.id, k.arn, k.key))
		}
	}
	if c, ok := body.(*ActivityFound); ok && c.Encryption.Key != "" {
		uses = append(uses, settings.activityUse(s.id, c.ARN, c.Encryption))
	}
	return uses
}

// unlock opens what the execution holds, and its definition, for a command that needs it.
// Errors: engine.KeyRefusedError, and those of engine.DataKey.
func (t *turn) unlock(body any) (err error) {
	s, settings := t.s, t.s.settings
	if c, ok := body.(*Start); ok {
		settings = &c.Settings
	}
	if settings.Key.Key == "" || !reads(body) {
		return nil
	}
	if t.key, err = t.in.DataKey(settings.SealUse(s.id)); err != nil {
		return err
	}
	if runs(body) && s.atHand == nil && t.rules.machines.Find(settings.Definition) == nil {
		key, err := t.in.DataKey(settings.OpenUse(s.id, settings.DefinitionKey))
		if err != nil {
			return err
		}
		text, err := key.Open(t.in.Blob(settings.Definition))
		if err != nil {
			return err
		}
		t.compile(settings.Definition, text)
	}
	if s.unlocked {
		return nil
	}
	keys := map[string]engine.DataKey{}
	for _, wrapped := range s.dataKeys {
		if keys[wrapped], err = t.in.DataKey(settings.OpenUse(s.id, wrapped)); err != nil {
			return err
		}
	}
	opened := map[string]datum{} // what shares a text goes on sharing it
	s.each(func(d *datum) {
		if err != nil || d.sealed == "" {
			return
		}
		known, there := opened[d.sealed]
		if !there {
			known = *d
			known.text, err = open(keys[Wrapped(d.sealed)], d.sealed)
			opened[d.sealed] = known
		}
		*d = known
	})
	s.unlocked = err == nil
	return err
}

func open(key engine.DataKey, stored string) (string, error) {
	b, err := Unseal(stored)
	if err == nil {
		b, err = key.Open(b)
	}
	return string(b), err
}

// seal seals what users gave of an event. Of one that says only that the key can't be used
// nothing is.
func (t *turn) seal(e *Body) {
	if t.key == nil {
		return
	}
	seal := func(d *datum) {
		if text := d.Text(); text != "" && d.sealed == "" {
			d.sealed = Seal(t.key, text)
		}
	}
	e.eachPayload(seal)
	e.eachWord(seal)
}

// locked decides what becomes of a command for which the key was refused. Who can be told
// is; else the execution fails.
func (t *turn) locked(body any, refused error) error {
	switch c := body.(type) {
	case *Start, *Same, *Stop, *Redrive:
		return refused
	case *RedriveItem:
		if !t.s.isOpen() { // the map run waits for it
			return refused
		}
	case *Succeed:
		if c.Token != nil {
			return refused
		}
	case *Fail:
		if c.Token != nil {
			return refused
		}
	case *Look: // who asks could only ask again
		t.reply = &UnknownTaskError{c.ScheduledEventID}
	case *StartTask: // it is over
		t.reply = &UnknownTaskError{c.ScheduledEventID}
	case *ChildBegun:
		t.send(c.stop()) // nobody waits for it
	}
	if t.s.isOpen() {
		t.failLocked(refused)
	}
	return nil
}

// failLocked ends an execution whose key is refused. A key that works again lets it be
// redriven.
func (t *turn) failLocked(refused error) {
	t.key = nil
	name, cause := KeyFailure(refused)
	t.end(Failed, &name, &cause, t.s.last)
}

// KeyFailure is the error of a state or an execution for a key that is refused. The cause may
// be stored as it is: so it is short, and does not look like something that is sealed,
// whatever a key management service says.
func KeyFailure(refused error) (name, cause string) {
	name, cause = errRuntime, refused.Error()
	if e, ok := errors.AsType[*KeyError](refused); ok {
		name, cause = e.Code[strings.LastIndexByte(e.Code, '#')+1:], e.Message
	}
	return name, strings.TrimLeft(*cut(&cause, causeMax), sealedMark)
}

// HasSealed tells whether stored events may have anything that is sealed.
func HasSealed(events []byte) bool { return bytes.Contains(events, []byte(`"\u0001`)) }

// ViewHistory gives stored events of an execution with a key, with commas between them,
// with what users gave opened.
func ViewHistory(events []byte, open func(stored string) (string, error)) ([]byte, error) {
	return rewrite(events, true, func(e *Body) (err error) {
		see := func(d *datum) {
			if err == nil && Sealed(d.text) {
				d.text, err = open(d.text)
			}
		}
		e.eachPayload(see)
		e.eachWord(see)
		return err
	})
}
