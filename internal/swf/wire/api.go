// Package wire is the wire of Amazon SWF as Go types: every structure of its
// model with an encoder, a decoder and, for what requests carry, a validator
// that speaks with the service's own messages (the model's constraints, then the
// rules of the manual).
//
// Required members are plain values, optional ones pointers; a nil list is
// absent, an empty one is not. What Decode missed of the required members it
// remembers for Validate; a valid value equals the same value made in code.
//
// The code is generated from model.json, so that names, order and limits are the
// model's; what the manual asks beyond the model is in rules.go. The package
// knows no engine and does no I/O.
package wire

//go:generate go run ./gen

// Timestamp is a moment in milliseconds since the Unix epoch.
type Timestamp int64

// Null stands for a null in a list of strings. It is not valid UTF-8, so no
// string of a request equals it.
const Null = "\xff"

// Operation is what the model says of one operation. Input and Output are names
// of structures; Output is empty when the answer has no body.
type Operation struct {
	Name, Input, Output string
	Faults              []string // codes of the declared faults
}

// TargetPrefix stands before the operation in the header that names it.
const TargetPrefix = "SimpleWorkflowService"

// Faults gives the codes of the declared faults by operation.
func Faults() map[string][]string {
	faults := make(map[string][]string, len(Operations))
	for _, op := range Operations {
		faults[op.Name] = op.Faults
	}
	return faults
}
