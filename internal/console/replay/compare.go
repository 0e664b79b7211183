package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Difference is where a decider decides otherwise than was recorded.
type Difference struct {
	History  string    `json:"history"`
	Event    int64     `json:"decisionTaskCompletedEventId"`
	Decision int       `json:"decision"` // which one of the answer, from 1 on
	Members  []string  `json:"members"`  // that differ; none: the type does, or one of the two is not there
	Recorded *Decision `json:"recorded"`
	Answered *Decision `json:"answered"`
}

func (d *Difference) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: decision %d of the task that event %d completed is another\n", d.History, d.Decision, d.Event)
	fmt.Fprintf(&b, "  recorded  %s\n", d.Recorded)
	fmt.Fprintf(&b, "  answered  %s", d.Answered)
	if len(d.Members) > 0 {
		fmt.Fprintf(&b, "\n  differs   %s", strings.Join(d.Members, ", "))
	}
	return b.String()
}

// String is the decision on one line.
func (d *Decision) String() string {
	if d == nil {
		return "no decision"
	}
	attributes, err := json.Marshal(d.Attributes) // in the order of names
	if err != nil {
		return err.Error() // it was read from JSON
	}
	text := d.Type + " " + string(attributes)
	if d.Event != 0 {
		text += fmt.Sprintf(" (event %d, %s)", d.Event, d.EventType)
	}
	return text
}

// answer reads the decisions of a request.
func answer(raw []json.RawMessage) ([]Decision, error) {
	var all []Decision
	for i, one := range raw {
		var members map[string]json.RawMessage
		d := Decision{Attributes: map[string]any{}}
		err := json.Unmarshal(one, &members)
		if err == nil {
			err = json.Unmarshal(members["decisionType"], &d.Type)
		}
		if err == nil && d.Type == "" {
			err = errors.New("it has no decisionType")
		}
		if err != nil {
			return nil, fmt.Errorf("decision %d: %w", i+1, err)
		}
		if attributes, has := members[member(d.Type)+"DecisionAttributes"]; has {
			if err := json.Unmarshal(attributes, &d.Attributes); err != nil {
				return nil, fmt.Errorf("decision %d: %w", i+1, err)
			}
		}
		all = append(all, d)
	}
	return all, nil
}

// compare gives the first difference of an answer; nil: there is none.
func (h *History) compare(t *task, answered []Decision) *Difference {
	for i := range max(len(t.decisions), len(answered)) {
		d := &Difference{History: h.Name, Event: t.completed, Decision: i + 1, Members: []string{}}
		if i < len(t.decisions) {
			d.Recorded = &t.decisions[i]
		}
		if i < len(answered) {
			d.Answered = &answered[i]
		}
		if d.Recorded == nil || d.Answered == nil || d.Recorded.Type != d.Answered.Type {
			return d
		}
		if d.Members = differing(d.Recorded, d.Answered); len(d.Members) > 0 {
			return d
		}
	}
	return nil
}

// differing are the members in which two decisions of one type differ.
func differing(recorded, answered *Decision) (names []string) {
	b := becomes[recorded.EventType]
	for _, name := range b.same {
		if !reflect.DeepEqual(present(recorded.Attributes[name]), present(answered.Attributes[name])) {
			names = append(names, name)
		}
	}
	for _, name := range b.given {
		was, is := recorded.Attributes[name], answered.Attributes[name]
		if is == nil || reflect.DeepEqual(was, is) || was == nil && slices.Contains([]any{"0", "NONE"}, is) {
			continue // the server filled it in, or would show nothing
		}
		names = append(names, name)
	}
	return names
}

// present is a value, or nil for one that says nothing.
func present(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
	}
	return v
}
