package replay

import (
	"encoding/json"
	"fmt"

	"heddle/internal/diagnose"
)

// times gives events with their times as the wire has them: files of the AWS CLI write them
// otherwise.
func times(events []json.RawMessage) []json.RawMessage {
	out := make([]json.RawMessage, len(events))
	for i, raw := range events {
		out[i] = raw
		var all map[string]json.RawMessage
		if json.Unmarshal(raw, &all) != nil {
			continue // New has read it
		}
		if at, err := diagnose.ReadMoment(all["eventTimestamp"]); err == nil {
			all["eventTimestamp"] = fmt.Appendf(nil, "%d.%03d", at/1000, at%1000)
			if changed, err := json.Marshal(all); err == nil {
				out[i] = changed
			}
		}
	}
	return out
}
