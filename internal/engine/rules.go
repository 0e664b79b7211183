package engine

import (
	"errors"
	"fmt"
)

// State is the folded log of one run; each kind has its own type.
type State any

// Rules is one kind of execution: pure, deterministic, bounded. What only some kinds
// have is beside it, in the optional parts below.
type Rules interface {
	// New is the state of a run before its first event.
	New(Identity) State
	// Handle decides what a command does. It changes s by Apply and Note only,
	// and not at all when it returns an error, which goes to the caller as is.
	Handle(s State, body any, in Input) (Turn, error)
	// Apply folds an event into s. Replay is Apply over a log.
	Apply(s State, e Event)
	// Record derives the record; up is Input.Up.
	Record(s State, up Time) Record
	// DecodeEvent reads an event back from what was stored. A state to which it is applied
	// keeps nothing of these bytes, which are overwritten then.
	DecodeEvent(id int64, at Time, public, private []byte) (Event, error)
	// EncodeState gives a snapshot. All notes are folded again after it was decoded, and by
	// then some may have gone: what a note alone says must not be in it.
	EncodeState(s State) []byte
	DecodeState(id Identity, b []byte) (State, error)
}

// Rules may have more:
type (
	// TraitsRules are of a kind that has traits.
	TraitsRules interface{ Traits() Traits }
	// NotingRules write notes. Note folds one into s.
	NotingRules interface{ Note(s State, n Note) }
	// ListedRules have runs in the visibility index: Entries gives a run's places there.
	ListedRules interface {
		Entries(id Identity, r *Record) []Entry
	}
	// MessagedRules take messages.
	MessagedRules interface {
		// DecodeMessage reads a Message's body.
		DecodeMessage(body []byte) (any, error)
		// Refused tells what to send when a message was refused: it found no run to handle
		// it, or found one that it may not begin again (UnknownRunError, AlreadyOpenError,
		// NameKeptError, RunExistsError), or Handle returned an error.
		Refused(to Name, body any, why error) []Message
	}
	// WantingRules want something to be fetched before Handle: Wants is pure, and asked
	// with the state that Handle will get.
	WantingRules interface {
		Wants(s State, body any) Want
	}
	// WeighedRules tell how much memory a state takes, rather too much than too little. It
	// is asked after each batch that has moved the state.
	WeighedRules interface{ Weigh(s State) int }
	// FoldingRules make no Event of what is only to be folded.
	FoldingRules interface{ NewFolder() Folder }
	// OutcomeRules have runs that can be awaited: Outcome is what a closed run answers to
	// those who do. An error is their error.
	OutcomeRules interface{ Outcome(s State) any }
)

// Traits are what a shard must know of a kind as a whole.
type Traits struct {
	// KeepsNames: a name finds its last run for as long as that is kept, not only while
	// it is open. So of the runs of a name the last has to be kept the longest.
	KeepsNames bool
	// ShowsHistory: workers get the history with their tasks, so that the last events are read
	// soon after they were written.
	ShowsHistory bool
	// CutsLog: nobody reads the history. What a snapshot holds is deleted from the log,
	// so that a run which never closes does not grow for ever.
	CutsLog bool
	// Needed: what runs of other kinds do depends on those of this kind. In a store of several
	// homes all of these are in one, so that one home is what all need, and no other is.
	Needed bool
}

var errNoMessages = errors.New("its kind takes no messages")

// Ruleset is the rules of a kind with their optional parts, which were looked for once.
// It says what holds of a kind that lacks one.
type Ruleset struct {
	Rules
	Traits Traits

	noting   NotingRules
	listed   ListedRules
	messaged MessagedRules
	wanting  WantingRules
	outcome  OutcomeRules
	weighed  WeighedRules
	folding  FoldingRules
}

// NewRuleset finds the optional parts of rules.
func NewRuleset(r Rules) *Ruleset {
	set := &Ruleset{Rules: r}
	if of, ok := r.(TraitsRules); ok {
		set.Traits = of.Traits()
	}
	set.noting, _ = r.(NotingRules)
	set.listed, _ = r.(ListedRules)
	set.messaged, _ = r.(MessagedRules)
	set.wanting, _ = r.(WantingRules)
	set.outcome, _ = r.(OutcomeRules)
	set.weighed, _ = r.(WeighedRules)
	set.folding, _ = r.(FoldingRules)
	return set
}

// Rulesets finds the optional parts of all kinds.
func Rulesets(kinds map[Kind]Rules) map[Kind]*Ruleset {
	sets := make(map[Kind]*Ruleset, len(kinds))
	for kind, r := range kinds {
		sets[kind] = NewRuleset(r)
	}
	return sets
}

// Folder folds events as they were stored into s: it is DecodeEvent, and Apply. It is used for many
// of them, of any runs of its kind, one after another. What it needs for one it may keep for the next, up
// to FolderBytesMax, but nothing of the event.
type Folder interface {
	Fold(s State, id int64, at Time, public, private []byte) error
}

// FolderBytesMax is about how much memory a Folder keeps from event to event.
const FolderBytesMax = 16 << 10

// NewFolder gives a Folder of the rules.
func (r *Ruleset) NewFolder() Folder {
	if r.folding != nil {
		return r.folding.NewFolder()
	}
	return plainFolder{r.Rules}
}

// plainFolder is of rules that make an Event of all.
type plainFolder struct{ Rules }

func (f plainFolder) Fold(s State, id int64, at Time, public, private []byte) error {
	e, err := f.DecodeEvent(id, at, public, private)
	if err == nil {
		f.Apply(s, e)
	}
	return err
}

// CheckNotes tells whether rules may write the notes of a turn: those that know no notes
// could not read them back.
func (r *Ruleset) CheckNotes(notes []Note) error {
	if len(notes) > 0 && r.noting == nil {
		return unknownNote(&notes[0])
	}
	return nil
}

func unknownNote(n *Note) error {
	return fmt.Errorf("a note of kind %d about event %d, and the rules know no notes", n.Kind, n.Subject)
}

// Note folds a stored note into s. For rules that know no notes it is an error: the log
// is damaged.
func (r *Ruleset) Note(s State, n Note) error {
	if r.noting == nil {
		return unknownNote(&n)
	}
	r.noting.Note(s, n)
	return nil
}

// Entries gives a run's places in the visibility index by its record; none for a kind that
// is not listed. A run that is to be forgotten as soon as it closes has none then; neither
// has one without a record yet.
func (r *Ruleset) Entries(id Identity, rec *Record) []Entry {
	if r.listed == nil || rec.Status == 0 || rec.Status == Closed && rec.Forget != 0 && rec.Forget <= rec.Closed {
		return nil
	}
	return r.listed.Entries(id, rec)
}

// DecodeMessage reads a message's body. For a kind that takes no messages it is an error:
// the message is refused, and nobody is told.
func (r *Ruleset) DecodeMessage(body []byte) (any, error) {
	if r.messaged == nil {
		return nil, errNoMessages
	}
	return r.messaged.DecodeMessage(body)
}

// Refused tells what to send when a message was refused.
func (r *Ruleset) Refused(to Name, body any, why error) []Message {
	if r.messaged == nil {
		return nil
	}
	return r.messaged.Refused(to, body, why)
}

// Weigh tells how much memory a state takes, of which so many bytes are stored. Rules that
// don't tell are believed to need four times as much.
func (r *Ruleset) Weigh(s State, stored int) int {
	if r.weighed == nil {
		return 4 * stored
	}
	return r.weighed.Weigh(s)
}

// Wanting tells whether the rules may want something to be fetched; Wants is what.
func (r *Ruleset) Wanting() bool { return r.wanting != nil }

// Wants is for rules that are Wanting.
func (r *Ruleset) Wants(s State, body any) Want { return r.wanting.Wants(s, body) }

// Outcome is what a closed run answers to those who await it; nothing, if its rules have
// no outcome.
func (r *Ruleset) Outcome(s State) (reply any, err error) {
	if r.outcome == nil {
		return nil, nil
	}
	reply = r.outcome.Outcome(s)
	if err, ok := reply.(error); ok {
		return nil, err
	}
	return reply, nil
}
