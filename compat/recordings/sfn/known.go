package main

import "strings"

// knownDifferences are those that we mean. One that no longer turns up fails its
// case, so that the table tells the truth.
var knownDifferences = []knownDifference{
	{
		"sfn_api_aliasing/list_state_machine_aliases_pagination_max_results[1]", 9, "stateMachineAliases",
		"the recorded request has lost the nextToken that its reply answers",
	},
	{
		"sfn_api_map_run/list_map_runs_and_describe_map_run", 6, "answer",
		"the recorded request names the map run of another machine",
	},
	{"express/express_sync/catch", 1, "billingDetails.billedDurationInMilliseconds", "billed is the time that it took"},
	{"local_mocking/base_scenarios/lambda_service_invoke_sync_execution", 1, "billingDetails.billedDurationInMilliseconds", "billed is the time that it took"},
	{mapState, 3, "events[7] PassStateExited.stateExitedEventDetails.output", outputIsText},
	{mapState, 3, "events[11] PassStateExited.stateExitedEventDetails.output", outputIsText},
	{mapState, 3, "events[15] PassStateExited.stateExitedEventDetails.output", outputIsText},
}

const (
	mapState     = "assign/assign_reference_variables/reference_in_map_state[MAP_STATE_REFERENCE_IN_MAX_CONCURRENCY_PATH]"
	outputIsText = "an output is a text on the wire; the recording has the number in it"
)

// wholeCase is the step of a known difference that is every one of its case.
const wholeCase = -1

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
	return k.id == id && (k.step == wholeCase || k.step == d.step && within && (below == "" || strings.ContainsAny(below[:1], ".[")))
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
