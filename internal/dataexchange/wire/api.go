// Package wire is the wire of AWS Data Exchange as Go types: every structure of its model
// with an encoder, a decoder and, for what requests carry, a validator.
//
// Required members are plain values, optional ones pointers; a nil list is absent, an
// empty one is not.
//
// The code is generated from model.json, so that names, order and limits are the model's;
// what the model does not say is in gen.json. The package knows no engine and does no I/O.
package wire

import "heddle/internal/aws/shape"

//go:generate go run heddle/internal/aws/gen

// Timestamp is a moment in milliseconds since the Unix epoch.
type Timestamp = shape.Timestamp

// Operation is an operation of the service, with its method and URI.
type Operation = shape.Operation

// Faults gives the codes of the declared faults by operation.
func Faults() map[string][]string { return shape.Faults(Operations) }
