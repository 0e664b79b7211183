package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// difference is one thing that is not as it was recorded.
type difference struct {
	step      int    // from 0
	call      string // what the step does
	path      string // events[4] TaskFailed.taskFailedEventDetails.cause
	want, got string
	reason    string // why we mean it; none: it is a failure
}

func (d difference) String() string {
	return fmt.Sprintf("step %d %s: %s\n\t\twant %s\n\t\tgot  %s", d.step, d.call, d.path, d.want, d.got)
}

// missing stands for a value that is not there.
type missing struct{}

func (missing) String() string { return "nothing" }

var absent = missing{}

// comparer compares what a step was answered with what was recorded.
type comparer struct {
	names       *names
	later       []string // members that AWS sends only since the recording
	differences []difference
}

// differ notes a difference.
func (c *comparer) differ(path string, want, got any) {
	a, b := c.names.show(show(want)), show(got)
	// What begins alike for long tells nothing.
	if alike := alike(a, b); alike > skipFrom {
		a, b = "…"+a[alike:], "…"+b[alike:]
	}
	c.differences = append(c.differences, difference{path: strings.TrimPrefix(path, "."), want: cut(a), got: cut(b)})
}

// skipFrom is how many bytes two texts begin alike, at least, before they are shown
// without most of that; skipKeep is how many are kept.
const skipFrom, skipKeep = 80, 40

// alike is how many bytes, in whole characters, two texts begin alike, but for
// skipKeep.
func alike(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n = max(0, n-skipKeep); n > 0 && !utf8.RuneStart(a[n]); n-- {
	}
	return n
}

// try compares beside, with names of its own.
func (c *comparer) try() *comparer { return &comparer{names: c.names.try(), later: c.later} }

// showMax is how many bytes of a value a difference shows.
const showMax = 400

func show(v any) string {
	if v == absent {
		return "nothing"
	}
	text := &strings.Builder{}
	e := json.NewEncoder(text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// cut shortens a text for people.
func cut(s string) string {
	if len(s) <= showMax {
		return s
	}
	end := showMax
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:end], len(s))
}

// operator gives the one member of a structure that is an instruction to us.
func operator(v any) (name string, argument any) {
	members, _ := v.(map[string]any)
	if len(members) == 1 {
		for name, argument := range members {
			switch name {
			case "@either", "@among", "@unordered", "@lost":
				return name, argument
			}
		}
	}
	return "", nil
}

// value compares one value.
func (c *comparer) value(path string, want, got any) {
	if want == "@{any}" {
		if got == absent {
			c.differ(path, want, got)
		}
		return
	}
	switch name, argument := operator(want); name {
	case "@either":
		c.either(path, argument.([]any), got)
		return
	case "@among":
		c.among(path, argument.([]any), got)
		return
	}
	switch want := want.(type) {
	case string:
		text, isText := got.(string)
		_, isNumber := got.(json.Number)
		if !(isText && c.names.match(want, text)) && !(isNumber && want == "@{time}") {
			c.differ(path, want, got)
		}
	case map[string]any:
		if members, is := parsed(got).(map[string]any); is {
			c.members(path, want, members)
		} else {
			c.differ(path, want, got)
		}
	case []any:
		if list, is := parsed(got).([]any); is {
			c.list(path, want, list)
		} else {
			c.differ(path, want, got)
		}
	case json.Number:
		if number, is := got.(json.Number); !is || !sameNumber(want, number) {
			c.differ(path, want, got)
		}
	default: // null, true, false
		if want != got {
			c.differ(path, want, got)
		}
	}
}

// parsed reads a text where the recording has a structure.
func parsed(got any) any {
	if text, is := got.(string); is {
		if v, err := decode([]byte(text)); err == nil {
			return v
		}
	}
	return got
}

// sameNumber compares numbers by value.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, err := strconv.ParseFloat(string(a), 64)
	y, err2 := strconv.ParseFloat(string(b), 64)
	if err != nil || err2 != nil || x != y {
		return false
	}
	// A float64 doesn't tell long numbers apart.
	p, isRat := new(big.Rat).SetString(string(a))
	q, isRat2 := new(big.Rat).SetString(string(b))
	return isRat && isRat2 && p.Cmp(q) == 0
}

// members compares structures: they have the same members.
func (c *comparer) members(path string, want, got map[string]any) {
	filled := map[string]any{}
	for name, value := range want {
		filled[c.names.show(name)] = value
	}
	for _, name := range slices.Sorted(maps.Keys(filled)) {
		value, present := got[name]
		if !present {
			value = absent
		}
		c.value(path+"."+name, filled[name], value)
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, recorded := filled[name]; !recorded && !slices.Contains(c.later, name) {
			c.differ(path+"."+name, absent, got[name])
		}
	}
}

// list compares lists element by element.
func (c *comparer) list(path string, want, got []any) {
	at := 0
	for _, w := range want {
		switch name, argument := operator(w); name {
		case "@unordered":
			group := argument.([]any)
			if !c.unordered(path, at, group, got) {
				return
			}
			at += len(group)
			continue
		case "@lost":
			for _, kind := range argument.([]any) {
				if !c.ofType(path, at, kind, got) {
					return
				}
				at++
			}
			continue
		}
		if at >= len(got) {
			c.differ(element(path, at, w), w, absent)
			return
		}
		// Of an event of another type all members differ, and those of what
		// follows too.
		if kind := typeOf(w); kind != "" && !c.ofType(path, at, kind, got) {
			return
		}
		c.value(element(path, at, w), w, got[at])
		at++
	}
	if at < len(got) {
		c.differ(element(path, at, got[at]), absent, got[at])
	}
}

// typeOf is the type of an event; none of other things.
func typeOf(v any) string {
	members, _ := v.(map[string]any)
	if _, isEvent := members["timestamp"]; !isEvent {
		return ""
	}
	kind, _ := members["type"].(string)
	return kind
}

// element is the path of an element of a list.
func element(path string, at int, v any) string {
	path = fmt.Sprintf("%s[%d]", path, at)
	if kind := typeOf(v); kind != "" {
		path += " " + kind
	}
	return path
}

// ofType tells whether an event has a type.
func (c *comparer) ofType(path string, at int, kind any, events []any) bool {
	if at >= len(events) {
		c.differ(element(path, at, nil), kind, absent)
		return false
	}
	if event, _ := events[at].(map[string]any); event["type"] != kind {
		c.differ(element(path, at, nil), kind, events[at])
		return false
	}
	return true
}

// either compares with each of several values. If none fits, the last tells why:
// it is today's.
func (c *comparer) either(path string, wants []any, got any) {
	var trial *comparer
	for _, want := range wants {
		trial = c.try()
		trial.value(path, want, got)
		if len(trial.differences) == 0 {
			c.names.adopt(trial.names)
			return
		}
	}
	c.differences = append(c.differences, trial.differences...)
}

// among finds elements in a list, in their order; others may stand between.
func (c *comparer) among(path string, wants []any, got any) {
	list, is := parsed(got).([]any)
	if !is {
		c.differ(path, map[string]any{"@among": wants}, got)
		return
	}
	at := 0
	for _, want := range wants {
		for ; at < len(list); at++ {
			trial := c.try()
			trial.value(path, want, list[at])
			if len(trial.differences) == 0 {
				c.names.adopt(trial.names)
				break
			}
		}
		if at == len(list) {
			c.differ(path, want, "none of the list from there on: "+show(list))
			return
		}
		at++
	}
}

// triesMax bounds the search for an order of events.
const triesMax = 100_000

// unordered compares the next events with as many recorded ones, in any order.
// Their id and previousEventId were not recorded; they must be there.
func (c *comparer) unordered(path string, from int, wants, got []any) bool {
	if len(got) < from+len(wants) {
		c.differ(element(path, len(got), nil), wants[max(0, len(got)-from)], absent)
		return false
	}
	rest := make([]map[string]any, len(wants))
	for i := range rest {
		event, is := got[from+i].(map[string]any)
		if !is {
			c.differ(element(path, from+i, nil), wants, got[from+i])
			return false
		}
		rest[i] = maps.Clone(event)
		for _, name := range []string{"id", "previousEventId"} {
			if _, is := event[name].(json.Number); !is {
				c.differ(element(path, from+i, event)+"."+name, "a number", value(event, name))
			}
			delete(rest[i], name)
		}
	}
	search := &search{wants: wants, got: rest, later: c.later, taken: make([]bool, len(rest)), stuck: -1}
	if found := search.from(0, c.names); found != nil {
		c.names.adopt(found)
		return true
	}
	// The nearest of the events that are left tells best what is wrong.
	want := wants[search.stuck]
	var nearest *comparer
	for i, event := range rest {
		if search.stuckTaken[i] || typeOf(want) != typeOf(event) {
			continue
		}
		trial := &comparer{names: search.stuckNames.try(), later: c.later}
		trial.value(element(path, from+i, event), want, event)
		if nearest == nil || len(trial.differences) < len(nearest.differences) {
			nearest = trial
		}
	}
	if nearest == nil || len(nearest.differences) == 0 {
		c.differ(fmt.Sprintf("%s[%d..%d] in any order", path, from, from+len(wants)-1), want, "none of them, or one too few")
	} else {
		c.differences = append(c.differences, nearest.differences...)
	}
	return false
}

// search finds an order of events in which they fit recorded ones.
type search struct {
	wants []any
	got   []map[string]any
	later []string
	taken []bool
	tries int

	// Where it stood when it came furthest and found none: which recorded event
	// none fits, and what was taken and bound by then.
	stuck      int
	stuckTaken []bool
	stuckNames *names
}

// from finds events for the recorded ones from w on, and gives the names that they
// bind; nil: there are none.
func (s *search) from(w int, names *names) *names {
	if w == len(s.wants) {
		return names
	}
	if w > s.stuck {
		s.stuck, s.stuckTaken, s.stuckNames = w, slices.Clone(s.taken), names
	}
	for i := range s.got {
		if s.taken[i] || s.tries > triesMax {
			continue
		}
		s.tries++
		trial := &comparer{names: names.try(), later: s.later}
		if trial.value("", s.wants[w], s.got[i]); len(trial.differences) > 0 {
			continue
		}
		s.taken[i] = true
		if found := s.from(w+1, trial.names); found != nil {
			return found
		}
		s.taken[i] = false
	}
	return nil
}

func value(v map[string]any, member string) any {
	if value, present := v[member]; present {
		return value
	}
	return absent
}
