// Package mutants is a list of bugs, each of which some test must notice: a test of
// the tests.
//
// A mutant is a small change that a person could make by mistake. It is anchored by
// the function it changes and some text of it, so that code may move to another file
// or folder and keep its mutants. The list is data; the tree is never changed:
//
//	go test ./test/mutants                       each bug still has its place in the source
//	make test/mutants                                each is caught; testdata/caught.md says by what
//	make test/mutants MUTANT=ack-before-sync         one of them, or those that match a pattern
//
// The run puts one mutant at a time over the tree (go test -overlay) and tries the
// suites in order, the tests of its own package first, until one fails. Who adds a
// mutant that survives first asks whether anybody could tell it from the truth; if
// so, a test is missing.
package mutants

import (
	"slices"
	"strings"
)

// Mutant is one bug.
type Mutant struct {
	Name string
	In   string   // the function, method, var, const or type: "execution.(*turn).close"; with more of the folder before it where that is not enough
	Old  string   // the line, or the part of it, that stands there exactly once
	New  string   // what stands there instead
	Bug  string   // what it does, and to whom
	Then []string // suites to try after those of its package
}

// Suites that see the whole server; each is the arguments of go test.
const (
	sessions   = "./internal/server -run TestSessions"
	seeds      = "./test/sim -run Seeds -seeds 300 -tell" // to tell a failed seed is to leave it as long as it is
	server     = "./internal/server"
	identities = "./internal/iam/account/..."
	authority  = "./internal/server -run TestAuthority|TestRoles|TestLambda|TestMachine"
	exports    = "./internal/server -run TestExport"
	histories  = "./internal/server -run Linearizable"
	exchanges  = "./internal/server -run TestExchange"
	worlds     = "./internal/cluster -run TestWorlds -seeds 500"
	// Of stores of several homes.
	worldsOfHomes = "./internal/cluster -run TestWorldsOfHomes -seeds 400"
	flowTests     = "./flow ./flow/flowtest ./flow/internal/replay"
	programs      = "./flow/internal/replay -programs 300"
)

// Suites are the tests that may catch a mutant of the package in the folder, in the
// order in which they are tried.
func (m *Mutant) Suites(folder string) []string {
	all := append([]string{"./" + folder}, m.Then...)
	last := []string{sessions, seeds, server}
	if strings.HasPrefix(folder, "flow") { // the server has nothing of it
		last = []string{flowTests, programs}
	}
	for _, suite := range last {
		if !slices.Contains(all, suite) {
			all = append(all, suite)
		}
	}
	return all
}

// All is the list.
func All() []Mutant {
	return slices.Concat(decisions, tasks, timeouts, messages, shards, stores, clusters, homes, lists, registries, access, keys, trail, connections, machines, mapRuns, notifications, measures, exchange, grants, flows)
}
