package history

import (
	"encoding/json"

	"heddle/internal/diagnose"
)

// flowParked is the marker that package flow records when code could not decide.
const flowParked = "flow.parked"

// CodeWaits are the places where workflow code waits, as package flow says with its answers; none: it is another decider's context.
func CodeWaits(context string) []string {
	var said struct {
		Flow  int
		Waits []string
	}
	if json.Unmarshal([]byte(context), &said) != nil || said.Flow == 0 {
		return nil
	}
	return said.Waits
}

// Parked tells why package flow could not decide when it answered last. Events are the last ones, the oldest first.
func Parked(events []Event) diagnose.Parked {
	for i := len(events) - 1; i >= 0; i-- {
		switch e := &events[i]; e.Type {
		case "DecisionTaskCompleted":
			return diagnose.Parked{} // it has decided since
		case "MarkerRecorded":
			if e.MarkerName == flowParked {
				return diagnose.Parked{Event: e.ID, Why: e.Details}
			}
		}
	}
	return diagnose.Parked{}
}
