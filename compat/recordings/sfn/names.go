package main

import (
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// names are what the placeholders @{name} of a case stand for.
type names struct {
	account, region string
	began           time.Time
	made            map[string]string // u1, u2, …: by us
	bound           map[string]string // by what the server answered
}

func newNames(account, region string, began time.Time) *names {
	return &names{account: account, region: region, began: began, made: map[string]string{}, bound: map[string]string{}}
}

// try gives names to try an expectation with; adopt keeps what they bound.
func (n *names) try() *names {
	trial := *n
	trial.bound = maps.Clone(n.bound)
	return &trial
}

func (n *names) adopt(trial *names) { n.bound = trial.bound }

var (
	placeholder = regexp.MustCompile(`@\{([^{}]*)\}`)
	ourForm     = regexp.MustCompile(`^u[0-9]+$`)
	nowForm     = regexp.MustCompile(`^now(?:\+([0-9]+))?$`)
	timeForm    = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?|-?[0-9]+(?:\.[0-9]+)?(?:E[0-9]+)?`)
	uuidForm    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// value tells what a placeholder stands for, if that is settled.
func (n *names) value(name string) (string, bool) {
	switch {
	case name == "account":
		return n.account, true
	case name == "region":
		return n.region, true
	case ourForm.MatchString(name):
		if n.made[name] == "" {
			n.made[name] = strings.ToLower(rand.Text()[:8])
		}
		return n.made[name], true
	case nowForm.MatchString(name):
		later, _ := strconv.Atoi(nowForm.FindStringSubmatch(name)[1])
		return n.began.Add(time.Duration(later) * time.Second).UTC().Format("2006-01-02T15:04:05"), true
	}
	text, bound := n.bound[name]
	return text, bound
}

// fill puts what placeholders stand for into a text, all of which must be settled.
func (n *names) fill(text string) (string, error) {
	var err error
	filled := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		value, settled := n.value(p[2 : len(p)-1])
		if !settled && err == nil {
			err = fmt.Errorf("nothing bound %s", p)
		}
		return value
	})
	return filled, err
}

// fillAll does that in all texts of a JSON value.
func (n *names) fillAll(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return n.fill(v)
	case []any:
		filled := make([]any, len(v))
		for i := range v {
			var err error
			if filled[i], err = n.fillAll(v[i]); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case map[string]any:
		filled := make(map[string]any, len(v))
		for name, member := range v {
			name, err := n.fill(name)
			if err != nil {
				return nil, err
			}
			if filled[name], err = n.fillAll(member); err != nil {
				return nil, err
			}
		}
		return filled, nil
	}
	return v, nil
}

// show puts into a text what is settled, for people.
func (n *names) show(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if value, settled := n.value(p[2 : len(p)-1]); settled {
			return value
		}
		return p
	})
}

// match tells whether a text is what a recorded one says; a time within it may be a
// number too. It binds the
// placeholders that nothing bound before: to a text that is not empty, the
// shortest first.
func (n *names) match(recorded, text string) bool {
	if recorded == "@{time}" && !strings.Contains(text, "T") {
		return false // a number would be none on the wire
	}
	trial := n.try()
	if !trial.matchFrom(recorded, text) {
		return false
	}
	n.adopt(trial)
	return true
}

func (n *names) matchFrom(recorded, text string) bool {
	at := placeholder.FindStringSubmatchIndex(recorded)
	if at == nil {
		return recorded == text
	}
	if !strings.HasPrefix(text, recorded[:at[0]]) {
		return false
	}
	text = text[at[0]:]
	name, rest := recorded[at[2]:at[3]], recorded[at[1]:]
	if value, settled := n.value(name); settled {
		return strings.HasPrefix(text, value) && n.matchFrom(rest, text[len(value):])
	}
	switch name {
	case "time", "uuid":
		form := timeForm
		if name == "uuid" {
			form = uuidForm
		}
		found := form.FindStringIndex(text)
		return found != nil && found[0] == 0 && n.matchFrom(rest, text[found[1]:])
	}
	next := placeholder.FindStringIndex(rest)
	if next == nil {
		head, ends := strings.CutSuffix(text, rest)
		return ends && n.bind(name, head)
	}
	until := rest[:next[0]] // tells where this one may end
	shortest := 1
	if name == "any" {
		shortest = 0
	}
	for end := shortest; end <= len(text); end++ {
		skip := strings.Index(text[end:], until)
		if skip < 0 {
			return false
		}
		end += skip
		trial := n.try()
		if trial.bind(name, text[:end]) && trial.matchFrom(rest, text[end:]) {
			n.adopt(trial)
			return true
		}
	}
	return false
}

// bind binds a placeholder; any is never bound.
func (n *names) bind(name, text string) bool {
	if name == "any" {
		return true
	}
	if text != "" {
		n.bound[name] = text
	}
	return text != ""
}
