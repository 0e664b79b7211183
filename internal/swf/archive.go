package swf

import (
	"heddle/internal/archive"
	"heddle/internal/engine"
	"heddle/internal/swf/execution"
)

// archived says what an archive has of a closed execution beside its events.
func archived(v *engine.RunView) (e archive.Execution, ok bool) {
	if v.Name.Kind != execution.Kind {
		return e, false
	}
	e = archive.Of("swf", v)
	e.In, e.ID = execution.Split(v.Name.Key)
	e.Run = execution.FormatRun(v.Run)
	if l, err := execution.DecodeListing(v.Listing); err == nil {
		e.Type, e.Status, e.Tags = l.Type.Name+" "+l.Type.Version, l.CloseStatus, l.Tags
	}
	return e, true
}
