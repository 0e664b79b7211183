package operator

import (
	"reflect"

	"heddle/internal/operator/batch"
)

// crossing are the types of what goes between servers in commands, replies and errors.
var crossing = []reflect.Type{
	reflect.TypeFor[batch.Order](),
	reflect.TypeFor[batch.Execution](),
	reflect.TypeFor[batch.Batch](),
	reflect.TypeFor[batch.Batches](),
	reflect.TypeFor[batch.Cause](),
	reflect.TypeFor[batch.Failure](),
	reflect.TypeFor[batch.Outcome](),
	reflect.TypeFor[batch.Number](),
	reflect.TypeFor[batch.Begin](),
	reflect.TypeFor[batch.Found](),
	reflect.TypeFor[batch.Tried](),
	reflect.TypeFor[batch.End](),
	reflect.TypeFor[batch.Find](),
	reflect.TypeFor[batch.Offered](),
	reflect.TypeFor[batch.Of](),
	reflect.TypeFor[batch.Error](),
}
