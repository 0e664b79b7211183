// Package wire is the wire of the operator service as Go types, generated from model.json:
// what its six actions take and answer, with codecs and validators. Names follow those of
// SWF: members begin with a small letter, times are seconds since the Unix epoch.
package wire

import "heddle/internal/aws/shape"

//go:generate go run heddle/internal/aws/gen

// Timestamp is a moment in milliseconds since the Unix epoch.
type Timestamp = shape.Timestamp

// Faults gives the codes of the declared faults by operation.
func Faults() map[string][]string { return shape.Faults(Operations) }
