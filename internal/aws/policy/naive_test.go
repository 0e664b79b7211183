package policy_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"regexp"
	"strings"
	"time"
)

// The same logic once more, written from the language's description and sharing
// nothing with the package: documents as maps, patterns as regular expressions,
// numbers as fractions. TestDifferential and FuzzEvaluate compare the two.

type naiveContext map[string][]string // keys in lower case

// verdict is what the naive evaluation says: "allow", "deny" (by a statement),
// or the layer that is silent.
type verdict string

func naiveEvaluate(action, resource string, context naiveContext, identity, groups, boundary, session []string) verdict {
	layers := [][]string{append(append([]string{}, identity...), groups...), boundary, session}
	effects := make([]map[string]bool, len(layers))
	for i, layer := range layers {
		effects[i] = map[string]bool{}
		for _, document := range layer {
			for _, effect := range naiveEffects(document, action, resource, context) {
				effects[i][effect] = true
			}
		}
	}
	for _, e := range effects {
		if e["Deny"] {
			return "deny"
		}
	}
	if !effects[0]["Allow"] {
		return "identity"
	}
	if boundary != nil && !effects[1]["Allow"] {
		return "boundary"
	}
	if session != nil && !effects[2]["Allow"] {
		return "session"
	}
	return "allow"
}

// naiveEffects gives the effects of a document's statements that are about the
// request.
func naiveEffects(document, action, resource string, context naiveContext) []string {
	var d map[string]any
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		panic(err)
	}
	var effects []string
	for _, s := range naiveList(d["Statement"]) {
		statement := s.(map[string]any)
		e := naiveEnvironment{context, d["Version"] == "2012-10-17"}
		if e.applies(statement, action, resource) {
			effects = append(effects, statement["Effect"].(string))
		}
	}
	return effects
}

func naiveList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

type naiveEnvironment struct {
	context   naiveContext
	variables bool
}

func (e naiveEnvironment) applies(statement map[string]any, action, resource string) bool {
	actionFits := func(list any) bool {
		for _, p := range naiveList(list) {
			if e.like(p.(string), action, true, true, false) {
				return true
			}
		}
		return false
	}
	resourceFits := func(list any) bool {
		for _, p := range naiveList(list) {
			if e.arnLike(p.(string), resource) {
				return true
			}
		}
		return false
	}
	if list, ok := statement["Action"]; ok && !actionFits(list) {
		return false
	}
	if list, ok := statement["NotAction"]; ok && actionFits(list) {
		return false
	}
	if list, ok := statement["Resource"]; ok && !resourceFits(list) {
		return false
	}
	if list, ok := statement["NotResource"]; ok && resourceFits(list) {
		return false
	}
	conditions, _ := statement["Condition"].(map[string]any)
	for operator, keys := range conditions {
		for key, values := range keys.(map[string]any) {
			if !e.condition(operator, key, naiveList(values), statement["Effect"] == "Deny") {
				return false
			}
		}
	}
	return true
}

var naiveVariable = regexp.MustCompile(`\$\{([^}']*?)(?:, *'([^']*)')?\}`)

// expression turns a pattern into a regular expression; ok is false if it has a
// variable without a value, so that nothing fits.
func (e naiveEnvironment) expression(pattern string, wild, variables bool) (_ string, ok bool) {
	var out strings.Builder
	plain := func(s string) {
		for _, c := range s {
			switch {
			case wild && c == '*':
				out.WriteString(`.*`)
			case wild && c == '?':
				out.WriteString(`.`)
			default:
				out.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
	}
	if !variables || !e.variables {
		plain(pattern)
		return out.String(), true
	}
	at := 0
	for _, m := range naiveVariable.FindAllStringSubmatchIndex(pattern, -1) {
		plain(pattern[at:m[0]])
		at = m[1]
		name := pattern[m[2]:m[3]]
		switch {
		case name == "*" || name == "?" || name == "$":
			out.WriteString(regexp.QuoteMeta(name))
		case len(e.context[strings.ToLower(name)]) == 1:
			out.WriteString(regexp.QuoteMeta(e.context[strings.ToLower(name)][0]))
		case m[4] >= 0:
			out.WriteString(regexp.QuoteMeta(pattern[m[4]:m[5]]))
		default:
			return "", false
		}
	}
	plain(pattern[at:])
	return out.String(), true
}

func (e naiveEnvironment) like(pattern, s string, wild, fold, variables bool) bool {
	x, ok := e.expression(pattern, wild, variables)
	if !ok {
		return false
	}
	flags := "(?s)"
	if fold {
		flags = "(?si)"
	}
	return regexp.MustCompile(flags + `\A(?:` + x + `)\z`).MatchString(s)
}

func (e naiveEnvironment) arnLike(pattern, s string) bool {
	if pattern == "*" {
		return true
	}
	have := strings.SplitN(s, ":", 6)
	if len(have) < 6 || have[0] != "arn" {
		return false
	}
	// Colons inside variables do not separate.
	hidden := pattern
	if e.variables {
		hidden = naiveVariable.ReplaceAllStringFunc(pattern, func(v string) string { return strings.ReplaceAll(v, ":", "\x00") })
	}
	want := strings.SplitN(hidden, ":", 6)
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "\x00", ":")
	}
	if len(want) < 6 {
		have = append(have[:len(want)-1], strings.Join(have[len(want)-1:], ":"))
	}
	for i := range want {
		if !e.like(want[i], have[i], true, false, true) {
			return false
		}
	}
	return true
}

func (e naiveEnvironment) condition(operator, key string, policy []any, deny bool) bool {
	given := e.context[strings.ToLower(key)]
	name, optional := strings.CutSuffix(operator, "IfExists")
	qualifier, plain, qualified := strings.Cut(name, ":")
	if !qualified {
		qualifier, plain = "", name
	}
	if plain == "Null" {
		for _, p := range policy {
			if strings.EqualFold(naiveText(p), "true") == (len(given) == 0) {
				return true
			}
		}
		return false
	}
	positive := strings.Replace(plain, "Not", "", 1)
	negated := positive != plain
	fits := func(s string) bool {
		for _, p := range policy {
			if e.compare(positive, naiveText(p), s) {
				return true
			}
		}
		return false
	}
	some, all := false, true
	for _, s := range given {
		if fits(s) != negated {
			some = true
		} else {
			all = false
		}
	}
	switch {
	case len(given) == 0 && optional:
		return true
	case len(given) > 0 && strings.Contains(key, "Tag/"): // has one value
		return deny && some || !deny && all
	case qualifier == "ForAllValues":
		return all
	case qualifier == "ForAnyValue":
		return some
	case negated:
		return all
	}
	return some
}

func naiveText(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	case json.Number:
		return v.String()
	}
	return v.(string)
}

func (e naiveEnvironment) compare(operator, policy, s string) bool {
	switch operator {
	case "StringEquals":
		return e.like(policy, s, false, false, true)
	case "StringEqualsIgnoreCase":
		return e.like(policy, s, false, true, true)
	case "StringLike":
		return e.like(policy, s, true, false, true)
	case "ArnEquals", "ArnLike":
		return e.arnLike(policy, s)
	case "Bool":
		return strings.EqualFold(policy, s)
	case "BinaryEquals":
		a, errA := base64.StdEncoding.DecodeString(policy)
		b, errB := base64.StdEncoding.DecodeString(s)
		return errA == nil && errB == nil && bytes.Equal(a, b)
	case "IpAddress":
		if !strings.Contains(policy, "/") {
			return net.ParseIP(policy).Equal(net.ParseIP(s))
		}
		_, network, err := net.ParseCIDR(policy)
		address := net.ParseIP(s)
		return err == nil && address != nil && network.Contains(address)
	}
	order, isNumber := strings.CutPrefix(operator, "Numeric")
	compared := 0
	if isNumber {
		a, okA := new(big.Rat).SetString(s)
		b, okB := new(big.Rat).SetString(policy)
		if !okA || !okB {
			return false
		}
		compared = a.Cmp(b)
	} else {
		order = strings.TrimPrefix(operator, "Date")
		a, okA := naiveDate(s)
		b, okB := naiveDate(policy)
		if !okA || !okB {
			return false
		}
		compared = a.Compare(b)
	}
	switch order {
	case "LessThan":
		return compared < 0
	case "LessThanEquals":
		return compared <= 0
	case "GreaterThan":
		return compared > 0
	case "GreaterThanEquals":
		return compared >= 0
	}
	return compared == 0
}

func naiveDate(s string) (time.Time, bool) {
	for _, layout := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if seconds, ok := new(big.Int).SetString(s, 10); ok && seconds.IsInt64() && s[0] != '+' {
		return time.Unix(seconds.Int64(), 0), true
	}
	return time.Time{}, false
}
