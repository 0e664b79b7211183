package engine

import (
	"errors"
	"testing"
)

// plain has no optional part.
type plain struct{ Rules }

// rich has all of them.
type rich struct {
	Rules
	noted *[]Note
}

var errOutcome = errors.New("it failed")

func (rich) Traits() Traits                      { return Traits{KeepsNames: true} }
func (r rich) Note(_ State, n Note)              { *r.noted = append(*r.noted, n) }
func (rich) Entries(Identity, *Record) []Entry   { return []Entry{{Family: 1}} }
func (rich) DecodeMessage(b []byte) (any, error) { return string(b), nil }
func (rich) Refused(Name, any, error) []Message  { return make([]Message, 1) }
func (rich) Wants(State, any) Want               { return Want{Events: []int64{1}} }
func (rich) Outcome(s State) any                 { return s }

func TestRulesetWithoutParts(t *testing.T) {
	r := NewRuleset(plain{})
	if r.Traits != (Traits{}) || r.Wanting() {
		t.Errorf("traits %+v, wanting %v", r.Traits, r.Wanting())
	}
	if err := r.CheckNotes(nil); err != nil {
		t.Error(err)
	}
	n := Note{Subject: 5, Kind: 3, Value: []byte{1}}
	const unknown = "a note of kind 3 about event 5, and the rules know no notes"
	for _, err := range []error{r.CheckNotes([]Note{n}), r.Note(nil, n)} {
		if err == nil || err.Error() != unknown {
			t.Errorf("got %v, want %s", err, unknown)
		}
	}
	if got := r.Entries(Identity{}, &Record{Status: Open}); got != nil {
		t.Errorf("entries %v", got)
	}
	if got, err := r.DecodeMessage([]byte("m")); got != nil || err != errNoMessages {
		t.Errorf("message %v, error %v", got, err)
	}
	if got := r.Refused(Name{}, nil, nil); got != nil {
		t.Errorf("a refusal sends %v", got)
	}
	if reply, err := r.Outcome(1); reply != nil || err != nil {
		t.Errorf("outcome %v, %v", reply, err)
	}
}

func TestRulesetWithParts(t *testing.T) {
	var noted []Note
	r := Rulesets(map[Kind]Rules{"rich": rich{noted: &noted}})["rich"]
	n := Note{Subject: 5, Kind: 3}
	if err := errors.Join(r.CheckNotes([]Note{n}), r.Note(nil, n)); err != nil || len(noted) != 1 {
		t.Errorf("noted %v, error %v", noted, err)
	}
	for status, c := range map[string]struct {
		record Record
		want   int
	}{
		"no record":     {Record{}, 0},
		"open":          {Record{Status: Open}, 1},
		"kept":          {Record{Status: Closed, Closed: 5, Forget: 6}, 1},
		"kept for ever": {Record{Status: Closed, Closed: 5}, 1},
		"gone at once":  {Record{Status: Closed, Closed: 5, Forget: 5}, 0},
	} {
		if got := len(r.Entries(Identity{}, &c.record)); got != c.want {
			t.Errorf("%s: %d entries, want %d", status, got, c.want)
		}
	}
	if got, err := r.DecodeMessage([]byte("m")); got != "m" || err != nil {
		t.Errorf("message %v, error %v", got, err)
	}
	if len(r.Refused(Name{}, nil, nil)) != 1 || !r.Traits.KeepsNames || !r.Wanting() || len(r.Wants(nil, nil).Events) != 1 {
		t.Error("a part is not asked")
	}
	if reply, err := r.Outcome(1); reply != 1 || err != nil {
		t.Errorf("outcome %v, %v", reply, err)
	}
	if reply, err := r.Outcome(errOutcome); reply != nil || err != errOutcome {
		t.Errorf("outcome %v, %v", reply, err)
	}
}
