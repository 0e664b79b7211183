package view

import (
	"slices"
	"strings"
)

// codeWaits tells where code of package flow waits, first of all settings.
func (x *Execution) codeWaits(f *Facts) {
	if waits := f.Inspection.CodeWaits; len(waits) > 0 {
		x.Settings = slices.Insert(x.Settings, 0, Setting{Name: "Code waits at", Text: strings.Join(waits, ", ")})
	}
}
