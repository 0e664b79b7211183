package main

import "strings"

// knownDifferences are those that we mean. One that no longer turns up fails its
// case, so that the table tells the truth.
var knownDifferences = []knownDifference{
	{
		"sfn_api_aliasing/list_state_machine_aliases_pagination_max_results[1]", 9, "stateMachineAliases",
		"the recorded request has lost the nextToken that its reply answers",
	},
	{mapState, 3, "events[7] PassStateExited.stateExitedEventDetails.output", outputIsText},
	{mapState, 3, "events[11] PassStateExited.stateExitedEventDetails.output", outputIsText},
	{mapState, 3, "events[15] PassStateExited.stateExitedEventDetails.output", outputIsText},
}

const (
	mapState     = "assign/assign_reference_variables/reference_in_map_state[MAP_STATE_REFERENCE_IN_MAX_CONCURRENCY_PATH]"
	outputIsText = "an output is a text on the wire; the recording has the number in it"
)

// knownDifference is a difference of one case, as it is printed, and why it is.
type knownDifference struct {
	id     string // of the case
	step   int
	path   string // and what is below it
	reason string
}

// is tells whether a difference of a case is the known one.
func (k knownDifference) is(id string, d difference) bool {
	below, within := strings.CutPrefix(d.path, k.path)
	return k.id == id && k.step == d.step && within && (below == "" || strings.ContainsAny(below[:1], ".["))
}

// mark gives the known ones of a case's differences their reason.
func mark(id string, differences []difference) {
	for i := range differences {
		for _, k := range knownDifferences {
			if k.is(id, differences[i]) {
				differences[i].reason = k.reason
			}
		}
	}
}
