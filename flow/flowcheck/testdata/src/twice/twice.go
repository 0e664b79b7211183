// Package twice declares types again. // want package:`activity "B" version "1", .*`
package twice

import (
	"fine"
	"heddle/flow"
)

var (
	_ = fine.A
	B = flow.Activity[string, string]{Name: "B", Version: "1"}
	C = flow.Activity[string, int]{Name: "B", Version: "1"} // want `activity "B" version "1" is declared in twice.go:11, too: .*; give it another name or version`
	D = flow.Activity[string, int]{Name: "B", Version: "2"}
	E = flow.Workflow[string, int]{Name: "B", Version: "1"}
	F = flow.Activity[string, int]{Name: "FineA", Version: "1"} // want `activity "FineA" version "1" is declared in package fine, too`
)
