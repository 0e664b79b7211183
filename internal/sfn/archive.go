package sfn

import (
	"heddle/internal/archive"
	"heddle/internal/engine"
	"heddle/internal/sfn/execution"
)

// archived says what an archive has of a closed execution beside its events. What users have
// sealed under keys of their own stays sealed there.
func archived(v *engine.RunView) (e archive.Execution, ok bool) {
	if v.Name.Kind != execution.Kind {
		return e, false
	}
	e = archive.Of("states", v)
	e.In, e.ID = execution.Split(v.Name.Key)
	e.ARN = execution.ARN(v.Name.World, e.In, e.ID)
	if l, err := execution.DecodeListing(v.Listing); err == nil {
		e.Status, e.Type = l.Status, l.Version
	}
	return e, true
}
