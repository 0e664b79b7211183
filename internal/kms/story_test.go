package kms

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/kms/wire"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: calls, and indented beneath each its status and answer.
//
// A line is: who calls, the action, its body, and perhaps "=> NAME member.member": what that
// member of the answer is, is written as $NAME from then on. "root" is the root user; all
// others are made by "user" or "role", with the statements of their policy. "advance 24h"
// lets time pass, "restart" ends the process, and "in REGION" calls from elsewhere.
func TestStories(t *testing.T) {
	golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) (out string) {
		synctest.Test(t, func(t *testing.T) {
			s := &story{harness: newHarness(t), people: map[string]person{"root": root}, region: region}
			out = golden.Lines(text, s.do)
		})
		return out
	})
}

// called are the actions that stories have called, and the faults that they have shown.
type story struct {
	*harness
	people map[string]person
	names  []name
	region string
}

type name struct{ name, value string }

func (s *story) do(line string) []string {
	who, rest, _ := strings.Cut(line, " ")
	switch who {
	case "user", "role":
		name, statements, _ := strings.Cut(rest, " ")
		make := s.user
		if who == "role" {
			make = s.role
		}
		s.people[name] = make(name, s.valued(statements))
		return nil
	case "gone":
		s.iam("DeleteAccessKey", "UserName", rest, "AccessKeyId", s.people[rest].AccessKeyID)
		s.iam("DeleteUserPolicy", "UserName", rest, "PolicyName", "p")
		s.iam("DeleteUser", "UserName", rest)
		return nil
	case "advance":
		d, err := time.ParseDuration(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		s.advance(d)
		return nil
	case "doubt":
		d, err := time.ParseDuration(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		s.doubt = d
		return nil
	case "restart":
		s.restart()
		return nil
	case "in":
		s.region = rest
		return nil
	}
	caller, ok := s.people[who]
	if !ok {
		s.t.Fatalf("%q: nobody is called that", line)
	}
	call, keep, keeps := strings.Cut(rest, " => ")
	action, body, _ := strings.Cut(call, " ")
	status, answer := s.call(caller, s.region, action, cmp.Or(s.valued(body), "{}"))
	if keeps {
		called, path, _ := strings.Cut(keep, " ")
		s.names = append(s.names, name{"$" + called, memberOf(s.t, answer, strings.Split(path, ".")...)})
		slices.SortStableFunc(s.names, func(a, b name) int { return cmp.Compare(len(b.value), len(a.value)) })
	}
	return []string{strings.TrimSpace(fmt.Sprintf("%d %s", status, s.named(answer)))}
}

// valued puts values in the place of names, named does the opposite. A long one goes first:
// one name may begin another.
func (s *story) valued(text string) string {
	names := slices.Clone(s.names)
	slices.SortFunc(names, func(a, b name) int { return cmp.Compare(len(b.name), len(a.name)) })
	for _, n := range names {
		text = strings.ReplaceAll(text, n.name, n.value)
	}
	return text
}

var materials = regexp.MustCompile(`(MaterialId":")[0-9a-f]{8}[0-9a-f]{56}`)

func (s *story) named(text string) string {
	for _, n := range s.names {
		text = strings.ReplaceAll(text, n.value, n.name)
	}
	return materials.ReplaceAllString(text, "$1…")
}

// TestStoriesShowEverything: every action is called, and every fault that it can have here
// is shown by a story.
func TestStoriesShowEverything(t *testing.T) {
	// Those that speak of what there is not here.
	never := []string{
		wire.CodeCloudHsmClusterInvalidConfigurationException, wire.CodeConflictException, wire.CodeCustomKeyStoreInvalidStateException,
		wire.CodeDependencyTimeoutException, wire.CodeKMSInternalException, wire.CodeKeyUnavailableException, wire.CodeXksKeyAlreadyInUseException,
		wire.CodeXksKeyInvalidConfigurationException, wire.CodeXksKeyNotFoundException, wire.CodeLimitExceededException,
	}
	var all strings.Builder
	for _, text := range golden.Files(t, "testdata/*.txt") {
		all.WriteString(text)
	}
	stories := all.String()
	faults := map[string]bool{}
	for _, op := range wire.Operations {
		if !regexp.MustCompile(`(?m)^\w+ ` + op.Name + `( .*)?\n  200`).MatchString(stories) {
			t.Errorf("no story shows %s succeed", op.Name)
		}
		for _, fault := range op.Faults {
			faults[fault] = true
		}
	}
	for fault := range faults {
		if shown := strings.Contains(stories, `"__type":"`+fault+`"`); shown == slices.Contains(never, fault) {
			t.Errorf("%s: shown %v", fault, shown)
		}
	}
}
