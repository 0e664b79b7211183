package awsquery

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestMembers(t *testing.T) {
	p := ParamsOf(url.Values{
		"A.member.1": {"x"}, "A.member.2.B": {"y"}, "A.member.4": {"z"}, "A.member.10": {"z"}, "a.member.3": {"z"},
		"S.T": {"1"}, "S-T.U": {"1"}, "E": {""}, "Scalar": {"v"},
		"M.entry.1.key": {"k"}, "M.entry.1.value": {"v"}, "M.entry.3.key": {"l"},
	})
	names, ok := p.Elements("A", ".member")
	if got := fmt.Sprint(names, ok); got != "[A.member.1 A.member.2] true" {
		t.Errorf("elements %s", got)
	}
	for name, want := range map[string]bool{"A": false, "E": true, "Scalar": false, "None": false} {
		if names, ok := p.Elements(name, ".item"); ok != want || names != nil {
			t.Errorf("%s: %v, %v", name, names, ok)
		}
	}
	entries, ok := p.Entries("M", ".entry", "key", "value")
	if got := fmt.Sprint(entries, ok); got != "[{k M.entry.1.value}] true" {
		t.Errorf("entries %s", got)
	}
	for name, want := range map[string]bool{"S": true, "S.T": false, "s": false, "Scal": false, "A.member.2": true, "A.member.3": false} {
		if _, ok := p.Structure(name); ok != want {
			t.Errorf("structure %s: %v", name, ok)
		}
	}
	s, _ := p.Structure("S")
	if s.Get("T") != "1" {
		t.Errorf("S.T is %q", s.Get("T"))
	}

	deep := ParamsOf(url.Values{strings.Repeat("x.", 2*depthMax) + "y": {"1"}})
	depth := 0
	for ok := true; ok; depth++ {
		deep, ok = deep.Structure("x")
	}
	if depth != depthMax+1 {
		t.Errorf("structures stand %d deep in each other", depth-1)
	}
}
