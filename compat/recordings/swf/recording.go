package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// call is one recorded exchange. Numbers stay as they were written.
type call struct {
	Operation string          `json:"operation"`
	Request   map[string]any  `json:"request"`
	Status    int             `json:"status"`
	Response  json.RawMessage `json:"response"`
}

// answer is the recorded answer; an empty one has no members.
func (c *call) answer() (map[string]any, error) {
	if string(c.Response) == `""` || len(c.Response) == 0 {
		return map[string]any{}, nil
	}
	return decode(c.Response)
}

// event is one event of a history.
type event struct {
	id         int64
	at         string // seconds, as written
	kind       string
	attributes map[string]any
	others     map[string]any // members that no event should have
}

func readRecording(file string) ([]call, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var calls []call
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&calls); err != nil {
		return nil, fmt.Errorf("read %q: %w", file, err)
	}
	return calls, nil
}

func decode(b []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode %.200q: %w", b, err)
	}
	return v, nil
}

// readEvents reads the events of a history or of a decision task.
func readEvents(answer map[string]any) ([]event, error) {
	list, _ := answer["events"].([]any)
	events := make([]event, 0, len(list))
	for i, item := range list {
		members, _ := item.(map[string]any)
		e := event{others: map[string]any{}}
		e.kind, _ = members["eventType"].(string)
		block := strings.ToLower(e.kind[:min(1, len(e.kind))]) + e.kind[min(1, len(e.kind)):] + "EventAttributes"
		for name, value := range members {
			switch name {
			case "eventType":
			case "eventId":
				n, _ := value.(json.Number)
				e.id, _ = n.Int64()
			case "eventTimestamp":
				n, _ := value.(json.Number)
				e.at = n.String()
			case block:
				e.attributes, _ = value.(map[string]any)
			default:
				e.others[name] = value
			}
		}
		if e.kind == "" || e.id == 0 || e.attributes == nil {
			return nil, fmt.Errorf("event %d of %d is not one: %v", i+1, len(list), item)
		}
		events = append(events, e)
	}
	return events, nil
}

// text gives a member that is a string, of a path of members.
func text(v map[string]any, path ...string) string {
	for _, p := range path[:len(path)-1] {
		v, _ = v[p].(map[string]any)
	}
	s, _ := v[path[len(path)-1]].(string)
	return s
}

// number gives a member that is a whole number.
func number(v map[string]any, name string) int64 {
	n, _ := v[name].(json.Number)
	i, _ := n.Int64()
	return i
}

// without copies a structure and leaves members out.
func without(v map[string]any, names ...string) map[string]any {
	left := map[string]any{}
	for name, value := range v {
		left[name] = value
	}
	for _, name := range names {
		delete(left, name)
	}
	return left
}
