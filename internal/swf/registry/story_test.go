package registry

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: commands, and indented beneath each what it
// gave.
func TestStories(t *testing.T) {
	golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string { return golden.Lines(text, newStory(t).do) })
}

// story is one world: its list of domains and their lists of types, with the
// part of a handler that looks at the domain first.
type story struct {
	t       testing.TB
	now     engine.Time
	limits  Limits
	domains *ledger
	types   map[string]*ledger
}

func newStory(t testing.TB) *story {
	l := Limits{DomainsMax: 4, TypesPerDomainMax: 6, TagsPerDomainMax: 3, RetentionDaysMax: 90}
	return &story{t: t, now: 1000, limits: l,
		domains: newLedger(t, NewDomains(l)), types: map[string]*ledger{}}
}

// do runs one line and tells what it gave.
func (s *story) do(line string) []string {
	words := splitWords(s.t, line)
	verb, arg := words[0], map[string]string{}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		arg[name] = value
	}
	number := func(name string) int {
		n, err := strconv.Atoi(arg[name])
		if arg[name] != "" && err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		return n
	}
	_, deprecated := arg["deprecated"]
	_, reverse := arg["reverse"]
	var tags []Tag
	for _, key := range slices.Sorted(maps.Keys(arg)) {
		if name, ok := strings.CutPrefix(key, "tag:"); ok {
			tags = append(tags, Tag{Key: name, Value: arg[key]})
		}
	}

	switch verb {
	case "advance":
		d, err := time.ParseDuration(arg["by"])
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		s.now += engine.Time(d.Milliseconds())
		return []string{fmt.Sprintf("now %d", s.now)}
	case "register-domain":
		return s.domains.tell(s.now, RegisterDomain{arg["name"], arg["description"], arg["retention"], tags})
	case "deprecate-domain":
		return s.domains.tell(s.now, DeprecateDomain{arg["name"]})
	case "undeprecate-domain":
		return s.domains.tell(s.now, UndeprecateDomain{arg["name"]})
	case "tag-domain":
		return s.domains.tell(s.now, TagDomain{arg["name"], tags})
	case "untag-domain":
		return s.domains.tell(s.now, UntagDomain{arg["name"], strings.Split(arg["keys"], ",")})
	case "describe-domain":
		return s.domains.tell(s.now, DescribeDomain{arg["name"]})
	case "find-domain":
		return s.domains.tell(s.now, FindDomain{uint32(number("number"))})
	case "list-domains":
		return s.domains.tell(s.now, ListDomains{deprecated, reverse, arg["after"], number("limit")})
	}

	turn, err := s.domains.Rules.Handle(s.domains.State, DescribeDomain{arg["domain"]}, engine.Input{Now: s.now})
	if err != nil {
		return []string{"error " + err.Error()}
	}
	sweep := turn.Reply.(Domain).Sweep
	types := s.types[arg["domain"]]
	if types == nil {
		types = newLedger(s.t, NewTypes(s.limits))
		s.types[arg["domain"]] = types
	}
	kind := map[string]TypeKind{"workflow": WorkflowType, "activity": ActivityType}[arg["sort"]]
	id := TypeID{kind, arg["name"], arg["version"]}
	switch verb {
	case "register-type":
		return types.tell(s.now, RegisterType{sweep, id, arg["description"], Defaults{
			TaskList: arg["list"], TaskStartToCloseTimeout: arg["timeout"],
			ChildPolicy: arg["policy"], TaskHeartbeatTimeout: arg["heartbeat"],
		}})
	case "deprecate-type":
		return types.tell(s.now, DeprecateType{sweep, id})
	case "undeprecate-type":
		return types.tell(s.now, UndeprecateType{sweep, id})
	case "delete-type":
		return types.tell(s.now, DeleteType{sweep, id})
	case "describe-type":
		return types.tell(s.now, DescribeType{sweep, id})
	case "list-types":
		name, version, _ := strings.Cut(arg["after"], "/")
		return types.tell(s.now, ListTypes{sweep, kind, arg["name"], deprecated, reverse,
			TypePosition{name, version}, number("limit")})
	}
	s.t.Fatalf("unknown verb in %q", line)
	return nil
}

// splitWords splits a line at spaces; a part in quotes may have spaces.
func splitWords(t testing.TB, line string) []string {
	var words []string
	var word strings.Builder
	quoted := false
	for _, r := range line + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
		default:
			word.WriteRune(r)
		}
	}
	if quoted {
		t.Fatalf("quote left open in %q", line)
	}
	return words
}

// ledger is one of the lists.
type ledger struct {
	*enginetest.Run
	t testing.TB
}

func newLedger(t testing.TB, rules engine.Rules) *ledger {
	return &ledger{enginetest.NewRun(t, rules, engine.Identity{}), t}
}

// tell gives a command to the list and tells what it did.
func (l *ledger) tell(now engine.Time, body any) []string {
	l.t.Helper()
	turn, err := l.Handle(now, body)
	if err != nil {
		name := strings.TrimPrefix(reflect.TypeOf(err).String(), "*registry.")
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	l.check()
	var told []string
	for _, e := range turn.Events {
		told = append(told, fmt.Sprintf("event %d %s", e.ID, tellEvent(e.Body)))
	}
	return append(told, tellReply(turn.Reply)...)
}

// check holds that a list stays open for ever.
func (l *ledger) check() {
	l.t.Helper()
	record := l.Rules.Record(l.State, 0)
	want := engine.Record{Status: engine.Open}
	if len(l.Log) > 0 {
		want.Started = l.Log[0].At
	}
	if !reflect.DeepEqual(record, want) {
		l.t.Fatalf("record %+v, want %+v", record, want)
	}
}

func tellEvent(body any) string {
	switch e := body.(type) {
	case *domainRegistered:
		return "DomainRegistered " + tellDomain(&e.domain)
	case *domainDeprecated:
		return "DomainDeprecated " + e.name
	case *domainUndeprecated:
		return "DomainUndeprecated " + e.name
	case *domainTagged:
		return fmt.Sprintf("DomainTagged %s %v -%v", e.name, e.Set, e.Removed)
	case *typeRegistered:
		return fmt.Sprintf("TypeRegistered %s seen=%d", tellType(e.entry.Type), e.entry.seen)
	case *typeDeprecated:
		return fmt.Sprintf("TypeDeprecated %s", e.id)
	case *typeUndeprecated:
		return fmt.Sprintf("TypeUndeprecated %s seen=%d", e.id, e.seen)
	case *typeDeleted:
		return fmt.Sprintf("TypeDeleted %s", e.id)
	}
	return fmt.Sprintf("unknown event %T", body)
}

func tellReply(reply any) []string {
	switch r := reply.(type) {
	case nil:
		return nil
	case Domain:
		return []string{"domain " + tellDomain(&r)}
	case Type:
		return []string{"type " + tellType(r)}
	case DomainPage:
		var told []string
		for _, d := range r.Domains {
			told = append(told, d.Name)
		}
		return []string{tellPage(told, r.More)}
	case TypePage:
		var told []string
		for _, t := range r.Types {
			told = append(told, t.ID.Name+"/"+t.ID.Version)
		}
		return []string{tellPage(told, r.More)}
	}
	return []string{fmt.Sprintf("unknown reply %T", reply)}
}

func tellPage(items []string, more bool) string {
	if more {
		items = append(items, "...")
	}
	return "page [" + strings.Join(items, " ") + "]"
}

func tellDomain(d *Domain) string {
	told := fmt.Sprintf("%s number=%d retention=%s days=%d created=%d",
		d.Name, d.Number, d.Retention, d.RetentionDays(), d.CreatedAt)
	if d.Description != "" {
		told += fmt.Sprintf(" description=%q", d.Description)
	}
	if d.Deprecated {
		told += " deprecated"
	}
	if d.Sweep.Count > 0 {
		told += fmt.Sprintf(" sweep=%d at=%d", d.Sweep.Count, d.Sweep.At)
	}
	for _, t := range d.Tags {
		told += fmt.Sprintf(" %s=%q", t.Key, t.Value)
	}
	return told
}

func tellType(t Type) string {
	told := fmt.Sprintf("%s created=%d", t.ID, t.CreatedAt)
	if t.Description != "" {
		told += fmt.Sprintf(" description=%q", t.Description)
	}
	defaults := reflect.ValueOf(t.Defaults)
	for i := range defaults.NumField() {
		if v := defaults.Field(i).String(); v != "" {
			told += fmt.Sprintf(" %s=%s", defaults.Type().Field(i).Name, v)
		}
	}
	if t.DeprecatedAt != 0 {
		told += fmt.Sprintf(" deprecated=%d", t.DeprecatedAt)
	}
	return told
}
