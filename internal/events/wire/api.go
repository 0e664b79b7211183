// Package wire is the wire of Amazon EventBridge as Go types: what its actions for connections
// take and answer, with what reads, validates and writes it.
//
// The code is generated from model.json; what the model does not say is in gen.json. The
// package knows no engine and does no I/O.
package wire

import "heddle/internal/aws/shape"

//go:generate go run heddle/internal/aws/gen

// Timestamp is a moment in milliseconds since the Unix epoch.
type Timestamp = shape.Timestamp

// Faults gives the codes of the declared faults by operation.
func Faults() map[string][]string { return shape.Faults(Operations) }
