package server

import (
	"strings"
	"testing"
)

// TestSimulationTakesSoMuch: what comes with a simulation is 64 KiB of policies together,
// wherever it stands, and not a byte more.
func TestSimulationTakesSoMuch(t *testing.T) {
	h := newHarness(t)
	h.user("ann")
	padded := func(size int) string {
		document := policyOf(allow("swf:*", "*"))
		return strings.Replace(document, `{"Version"`, "{"+strings.Repeat(" ", size-len(document))+`"Version"`, 1)
	}
	const most = 64 << 10
	for _, c := range []struct {
		name  string
		sizes []int // of policies; the last is a boundary if there are three
		fault string
	}{
		{"one of all", []int{most}, ""},
		{"one a byte too long", []int{most + 1}, "x"},
		{"two of all together", []int{most / 2, most / 2}, ""},
		{"two a byte too long together", []int{most / 2, most/2 + 1}, "x"},
		{"with a boundary", []int{most / 2, most / 4, most / 4}, ""},
		{"with a boundary a byte too long", []int{most / 2, most / 4, most/4 + 1}, "x"},
	} {
		for _, action := range []string{"SimulateCustomPolicy", "SimulatePrincipalPolicy"} {
			parameters := []string{"ActionNames.member.1", "swf:ListDomains"}
			if action == "SimulatePrincipalPolicy" {
				parameters = append(parameters, "PolicySourceArn", "arn:aws:iam::"+defaults.Account+":user/ann")
			}
			for i, size := range c.sizes {
				name := []string{"PolicyInputList.member.1", "PolicyInputList.member.2", "PermissionsBoundaryPolicyInputList.member.1"}[i]
				parameters = append(parameters, name, padded(size))
			}
			got := h.ask(h.iam(h.root, action, parameters...))
			if (got.fault == "") != (c.fault == "") || got.status >= 500 {
				t.Errorf("%s, %s: %d %.300s", c.name, action, got.status, got.text)
			}
		}
	}
}
