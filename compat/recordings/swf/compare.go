package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// difference is one thing that is not as it was recorded. A difference with a
// reason is known and meant.
type difference struct {
	path   string // "7 ActivityTaskScheduled.input"
	text   string
	reason string
}

func (d difference) String() string { return d.path + ": " + d.text }

// knownDifferences are those that we mean. The path has no event id.
var knownDifferences = []struct {
	path   string
	is     func(recorded, ours any) bool
	reason string
}{
	{
		path:   "DecisionTaskScheduled.scheduleToStartTimeout",
		is:     func(recorded, ours any) bool { return recorded == absent && ours == "NONE" },
		reason: "since 2023 the service writes scheduleToStartTimeout NONE, and so do we",
	},
	{
		path:   "DescribeWorkflowExecution.executionInfo.reopenGenerationId",
		is:     func(recorded, ours any) bool { return recorded == json.Number("0") && ours == absent },
		reason: "reopenGenerationId is in no model of the service",
	},
	{
		path:   "DescribeWorkflowExecution.executionInfo.reopenable",
		is:     func(recorded, ours any) bool { return recorded == false && ours == absent },
		reason: "reopenable is in no model of the service",
	},
}

// missing stands for a value that is not there.
type missing struct{}

func (missing) String() string { return "absent" }

var absent = missing{}

// differ makes a difference and looks up whether it is known.
func differ(prefix, path string, recorded, ours any) difference {
	d := difference{path: prefix + path, text: fmt.Sprintf("recorded %s, ours %s", show(recorded), show(ours))}
	for _, k := range knownDifferences {
		if k.path == path && k.is(recorded, ours) {
			d.reason = k.reason
		}
	}
	return d
}

func show(v any) string {
	if v == absent {
		return "absent"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > 120 {
		b = append(b[:120], "…"...)
	}
	return string(b)
}

// runForm is the form of a run id.
var runForm = regexp.MustCompile(`^22[0-9A-Za-z+/]{43}=$`)

// compareHistories tells how our history differs from a recorded one.
func compareHistories(recorded, ours []event) []difference {
	var list []difference
	for i := range max(len(recorded), len(ours)) {
		switch {
		case i >= len(ours):
			return append(list, difference{path: name(recorded[i]), text: fmt.Sprintf("our history ends before it and %d more", len(recorded)-i-1)})
		case i >= len(recorded):
			return append(list, difference{path: name(ours[i]), text: fmt.Sprintf("the recorded history ends before it and %d more", len(ours)-i-1)})
		case recorded[i].kind != ours[i].kind || recorded[i].id != ours[i].id:
			// What follows would only repeat it.
			return append(list, difference{path: name(recorded[i]), text: "ours is " + name(ours[i])})
		default:
			prefix := fmt.Sprint(recorded[i].id, " ")
			list = append(list, compareValues(prefix, recorded[i].kind, recorded[i].attributes, ours[i].attributes, nil)...)
			list = append(list, compareValues(prefix, recorded[i].kind+"(event)", recorded[i].others, ours[i].others, nil)...)
		}
		if i > 0 && recorded[i].at == recorded[i-1].at && ours[i].at != ours[i-1].at {
			list = append(list, difference{
				path: name(recorded[i]),
				text: fmt.Sprintf("recorded at the time of event %d, ours %s after %s", recorded[i-1].id, ours[i].at, ours[i-1].at),
			})
		}
	}
	return list
}

func name(e event) string { return fmt.Sprint(e.id, " ", e.kind) }

// times tells which events of a history happened at a moment.
type times map[string][]int64

func timesOf(events []event) times {
	t := times{}
	for _, e := range events {
		t[e.at] = append(t[e.at], e.id)
	}
	return t
}

// clocks are the moments of the recorded and of our history, for structures that
// repeat them.
type clocks struct{ recorded, ours times }

// compareValues compares structures member by member. Run ids must have the form
// of run ids, and times, if clocks are given, must be those of the same events.
func compareValues(prefix, path string, recorded, ours any, at *clocks) []difference {
	a, isStructure := recorded.(map[string]any)
	b, isToo := ours.(map[string]any)
	if isStructure && isToo {
		var list []difference
		for _, member := range members(a, b) {
			list = append(list, compareValues(prefix, path+"."+member, value(a, member), value(b, member), at)...)
		}
		return list
	}
	aList, isList := recorded.([]any)
	bList, isListToo := ours.([]any)
	if isList && isListToo && len(aList) == len(bList) {
		var list []difference
		for i := range aList {
			list = append(list, compareValues(prefix, fmt.Sprintf("%s[%d]", path, i), aList[i], bList[i], at)...)
		}
		return list
	}
	if same(path[strings.LastIndexByte(path, '.')+1:], recorded, ours, at) {
		return nil
	}
	return []difference{differ(prefix, path, recorded, ours)}
}

// same compares two values of a member.
func same(member string, recorded, ours any, at *clocks) bool {
	switch {
	case recorded == absent || ours == absent:
		return recorded == ours
	case member == "runId" || strings.HasSuffix(member, "RunId"):
		a, _ := recorded.(string)
		b, _ := ours.(string)
		return runForm.MatchString(a) && runForm.MatchString(b)
	case member == "creationDate":
		_, isNumber := ours.(json.Number)
		return isNumber
	case strings.HasSuffix(member, "Timestamp"):
		a, _ := recorded.(json.Number)
		b, isNumber := ours.(json.Number)
		if at == nil {
			return isNumber
		}
		for _, id := range at.recorded[a.String()] {
			for _, ourID := range at.ours[b.String()] {
				if id == ourID {
					return true
				}
			}
		}
		return false
	}
	return show(recorded) == show(ours)
}

func members(a, b map[string]any) []string {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func value(v map[string]any, member string) any {
	if value, present := v[member]; present {
		return value
	}
	return absent
}
