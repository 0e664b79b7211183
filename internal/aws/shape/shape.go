// Package shape is what generated shapes are made of: how JSON is read and written,
// how values in parameters, paths and headers are, and how a validator collects what
// is wrong with a request and says it in the words that services of AWS share. It
// knows no service and does no I/O.
package shape

import (
	"maps"
	"slices"
	"time"
)

// Timestamp is a moment in milliseconds since the Unix epoch.
type Timestamp int64

// Time is the timestamp as the standard library has it, in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Null stands for a null in a list of strings. It is not valid UTF-8, so no
// string of a request equals it.
const Null = "\xff"

// Keys are the keys of a map in their order.
func Keys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// Operation is what the model says of one operation. Input and Output are names
// of structures; Output is empty when the answer has no body.
type Operation struct {
	Name, Input, Output string
	Faults              []string // codes of the declared faults

	// Of protocols with routes:
	Method, URI string
	Status      int // of the answer; zero: 200
}

// Faults gives the codes of the declared faults by operation.
func Faults(operations []Operation) map[string][]string {
	faults := make(map[string][]string, len(operations))
	for _, op := range operations {
		faults[op.Name] = op.Faults
	}
	return faults
}
