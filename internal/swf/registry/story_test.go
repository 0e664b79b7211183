package registry

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
)

var rewrite = flag.Bool("rewrite", false, "write what the stories gave into their files")

// TestStories runs testdata/*.txt: commands, and indented beneath each what it
// gave. Run with -rewrite to write the output anew.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newStory(t).tell(string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s tells otherwise:\n%s", file, firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		var g, w string
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			return fmt.Sprintf("line %d\n got: %s\nwant: %s", i+1, g, w)
		}
	}
	return "no line differs"
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

func (s *story) tell(script string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "  "): // made anew
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		default:
			fmt.Fprintln(&out, line)
			for _, told := range s.do(line) {
				fmt.Fprintln(&out, "  "+told)
			}
		}
	}
	return out.String()
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
			tags = append(tags, Tag{name, arg[key]})
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
		return s.domains.handle(s.now, RegisterDomain{arg["name"], arg["description"], arg["retention"], tags})
	case "deprecate-domain":
		return s.domains.handle(s.now, DeprecateDomain{arg["name"]})
	case "undeprecate-domain":
		return s.domains.handle(s.now, UndeprecateDomain{arg["name"]})
	case "tag-domain":
		return s.domains.handle(s.now, TagDomain{arg["name"], tags})
	case "untag-domain":
		return s.domains.handle(s.now, UntagDomain{arg["name"], strings.Split(arg["keys"], ",")})
	case "describe-domain":
		return s.domains.handle(s.now, DescribeDomain{arg["name"]})
	case "find-domain":
		return s.domains.handle(s.now, FindDomain{uint32(number("number"))})
	case "list-domains":
		return s.domains.handle(s.now, ListDomains{deprecated, reverse, arg["after"], number("limit")})
	}

	turn, err := s.domains.rules.Handle(s.domains.state, DescribeDomain{arg["domain"]}, engine.Input{Now: s.now})
	if err != nil {
		return []string{"error " + err.Error()}
	}
	sweep := turn.Reply.(Domain).Sweep
	types := s.types[arg["domain"]]
	if types == nil {
		types = newLedger(s.t, NewTypes(s.limits))
		s.types[arg["domain"]] = types
	}
	sort := map[string]Sort{"workflow": WorkflowType, "activity": ActivityType}[arg["sort"]]
	id := TypeID{sort, arg["name"], arg["version"]}
	switch verb {
	case "register-type":
		return types.handle(s.now, RegisterType{sweep, id, arg["description"], Defaults{
			TaskList: arg["list"], TaskStartToCloseTimeout: arg["timeout"],
			ChildPolicy: arg["policy"], TaskHeartbeatTimeout: arg["heartbeat"],
		}})
	case "deprecate-type":
		return types.handle(s.now, DeprecateType{sweep, id})
	case "undeprecate-type":
		return types.handle(s.now, UndeprecateType{sweep, id})
	case "delete-type":
		return types.handle(s.now, DeleteType{sweep, id})
	case "describe-type":
		return types.handle(s.now, DescribeType{sweep, id})
	case "list-types":
		name, version, _ := strings.Cut(arg["after"], "/")
		return types.handle(s.now, ListTypes{sweep, sort, arg["name"], deprecated, reverse,
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

// ledger is a run with its log, which is folded again after every command.
type ledger struct {
	t     testing.TB
	rules engine.Rules
	state engine.State
	log   []engine.Event
}

func newLedger(t testing.TB, rules engine.Rules) *ledger {
	return &ledger{t: t, rules: rules, state: rules.New(engine.Identity{})}
}

// handle gives a command to the run and tells what it did.
func (l *ledger) handle(now engine.Time, body any) []string {
	l.t.Helper()
	before := l.rules.EncodeState(l.state)
	turn, err := l.rules.Handle(l.state, body, engine.Input{Now: now})
	if err != nil {
		if !bytes.Equal(before, l.rules.EncodeState(l.state)) {
			l.t.Errorf("%T: refused, but the state changed", body)
		}
		name := strings.TrimPrefix(reflect.TypeOf(err).String(), "*registry.")
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	var told []string
	for _, e := range turn.Events {
		l.log = append(l.log, e)
		told = append(told, fmt.Sprintf("event %d %s", e.ID, tellEvent(e.Body)))
	}
	told = append(told, tellReply(turn.Reply)...)
	l.check()
	return told
}

// check folds the stored log again, and takes the state through its encoding:
// both must give the state that the commands gave.
func (l *ledger) check() {
	l.t.Helper()
	want := l.rules.EncodeState(l.state)
	folded := l.rules.New(engine.Identity{})
	for _, e := range l.log {
		decoded, err := l.rules.DecodeEvent(e.ID, e.At, bytes.Clone(e.Public), e.Private)
		if err != nil {
			l.t.Fatalf("decode event %d: %v", e.ID, err)
		}
		l.rules.Apply(folded, decoded)
	}
	if !bytes.Equal(l.rules.EncodeState(folded), want) {
		l.t.Fatalf("replay gives another state:\n%+v\nwant\n%+v", folded, l.state)
	}
	decoded, err := l.rules.DecodeState(engine.Identity{}, want)
	if err != nil {
		l.t.Fatalf("decode state: %v", err)
	}
	if !bytes.Equal(l.rules.EncodeState(decoded), want) {
		l.t.Fatalf("the state changes on its way through the store:\n%+v\nwant\n%+v", decoded, l.state)
	}
	l.state = decoded // what goes on is what a restart would find
	record := l.rules.Record(l.state, 0)
	wantRecord := engine.Record{Status: engine.Open}
	if len(l.log) > 0 {
		wantRecord.Started = l.log[0].At
	}
	if !reflect.DeepEqual(record, wantRecord) {
		l.t.Fatalf("record %+v, want %+v", record, wantRecord)
	}
	if entries := l.rules.Entries(engine.Identity{}, &record); entries != nil {
		l.t.Fatalf("index entries %v, want none", entries)
	}
}

func tellEvent(body any) string {
	switch e := body.(type) {
	case domainRegistered:
		return "DomainRegistered " + tellDomain(e.domain)
	case domainDeprecated:
		return "DomainDeprecated " + e.name
	case domainUndeprecated:
		return "DomainUndeprecated " + e.name
	case domainTagsSet:
		return fmt.Sprintf("DomainTagsSet %s %v", e.name, e.tags)
	case typeRegistered:
		return fmt.Sprintf("TypeRegistered %s seen=%d", tellType(e.entry.Type), e.entry.seen)
	case typeDeprecated:
		return fmt.Sprintf("TypeDeprecated %s", e.id)
	case typeUndeprecated:
		return fmt.Sprintf("TypeUndeprecated %s seen=%d", e.id, e.seen)
	case typeDeleted:
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
