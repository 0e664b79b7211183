package events

import (
	"reflect"

	"heddle/internal/events/registry"
)

// crossing are the types of what goes between servers in commands, replies and errors.
var crossing = []reflect.Type{
	reflect.TypeFor[registry.Create](),
	reflect.TypeFor[registry.Change](),
	reflect.TypeFor[registry.Seed](),
	reflect.TypeFor[registry.Deauthorize](),
	reflect.TypeFor[registry.Delete](),
	reflect.TypeFor[registry.Outcome](),
	reflect.TypeFor[registry.Find](),
	reflect.TypeFor[registry.FindDue](),
	reflect.TypeFor[registry.List](),
	reflect.TypeFor[registry.Page](),
	reflect.TypeFor[registry.Code](),
	reflect.TypeFor[registry.Error](),
	reflect.TypeFor[registry.State](),
	reflect.TypeFor[registry.Connection](),
}
