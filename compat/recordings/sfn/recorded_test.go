package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/compat/heddle"
	"heddle/compat/recordings"
)

// parrot answers the calls of one case as they were recorded.
type parrot struct {
	names *names
	mu    sync.Mutex // a case's worker calls too
	steps []step
	wrong bool // a leaf of each answer is another
}

func (p *parrot) call(_ context.Context, operation string, _ any) (*heddle.Answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waits := false
	for len(p.steps) > 0 && (p.steps[0].Call == "" || p.steps[0].Service != "") && !waits { // others serve what is of another service
		waits = p.steps[0].Wait != ""
		p.steps = p.steps[1:]
	}
	if waits || len(p.steps) == 0 || p.steps[0].Call != operation {
		// The call of one that waits, or of a worker.
		return answerOf(200, map[string]any{"status": "SUCCEEDED", "type": "PassStateEntered", "taskToken": "t", "input": "{}"}), nil
	}
	s := p.steps[0]
	p.steps = p.steps[1:]
	reply := map[string]any{}
	for _, text := range []json.RawMessage{s.Bind, s.Reply} {
		if text != nil {
			v, err := decode(text)
			if err != nil {
				return nil, err
			}
			for name, member := range p.say(v).(map[string]any) {
				if _, bound := reply[name]; !bound {
					reply[name] = member
				}
			}
		}
	}
	if s.Output != nil {
		v, err := decode(s.Output)
		if err != nil {
			return nil, err
		}
		reply["events"] = []any{map[string]any{"executionSucceededEventDetails": map[string]any{"output": p.say(v)}}}
	}
	if s.Error != nil {
		return fault(p.text(fmt.Sprint(s.Error["code"])), p.text(fmt.Sprint(s.Error["message"]))), nil
	}
	if p.wrong && s.Reply != nil {
		reply["wrong"] = true
	}
	return answerOf(200, reply), nil
}

func (p *parrot) text(recorded string) string {
	return placeholder.ReplaceAllStringFunc(recorded, func(at string) string {
		name := at[2 : len(at)-1]
		if value, settled := p.names.value(name); settled {
			return value
		}
		switch name {
		case "time":
			return "2024-03-17T11:09:25.123Z"
		case "uuid", "any":
			return uuid()
		}
		return "the-" + name
	})
}

// say makes a value as the recording says.
func (p *parrot) say(recorded any) any {
	switch name, argument := operator(recorded); name {
	case "@either":
		list := argument.([]any)
		return p.say(list[rand.IntN(len(list))])
	case "@among":
		return append(append([]any{7}, p.say(argument).([]any)...), 8)
	}
	switch v := recorded.(type) {
	case string:
		if v == "@{time}" {
			return 1700000000.5
		}
		return p.text(v)
	case map[string]any:
		said := map[string]any{}
		for name, member := range v {
			said[name] = p.say(member)
		}
		return said
	case []any:
		said := []any{}
		for _, element := range v {
			switch name, argument := operator(element); name {
			case "@unordered":
				group := p.say(argument).([]any)
				rand.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
				for _, event := range group {
					event.(map[string]any)["id"], event.(map[string]any)["previousEventId"] = 2, 1
					said = append(said, event)
				}
			case "@lost":
				for _, kind := range argument.([]any) {
					said = append(said, map[string]any{"type": kind})
				}
			default:
				said = append(said, p.say(element))
			}
		}
		return said
	}
	return recorded
}

// TestRecordedAnswersPass: who answers as was recorded passes every case that can
// be played, and who adds a member to each answer passes none that has one.
func TestRecordedAnswersPass(t *testing.T) {
	folder := os.Getenv(recordings.Variable)
	if folder == "" {
		t.Skip(recordings.Variable + " names no folder of recordings")
	}
	files, err := recordings.Files(folder, "sfn")
	if err != nil {
		t.Fatal(err)
	}
	all, err := readRecordings(files)
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, r := range all {
		if r.elsewhere() != "" || looksElsewhere(r) {
			continue
		}
		played++
		for _, wrong := range []bool{false, true} {
			replies := 0
			for _, s := range r.Steps {
				if s.Reply != nil {
					replies++
				}
			}
			synctest.Test(t, func(t *testing.T) {
				bird := &parrot{steps: r.Steps, wrong: wrong}
				p := &player{call: bird.call, functions: newFunctions(account, heddle.Region), buckets: buckets(t.TempDir()), objects: newObjects(), queues: newQueues(), say: func(string, ...any) {}}
				names := newNames(account, heddle.Region, time.Now())
				bird.names = names
				differences, err := p.play(t.Context(), r, names)
				if want := map[bool]int{true: replies}[wrong]; err != nil || len(differences) != want {
					t.Errorf("%s: got %v, %v, want %d differences", r.ID, differences, err, want)
				}
			})
		}
	}
	if played == 0 {
		t.Errorf("none of %d cases can be played", len(all))
	}
}

// looksElsewhere tells whether a case looks for what the server has sent to another service:
// the parrot sends nothing.
func looksElsewhere(r *recording) bool {
	return slices.ContainsFunc(r.Steps, func(s step) bool { return s.Service != "" && (s.Call == "ReceiveMessage" || s.Call == "GetObject") })
}
