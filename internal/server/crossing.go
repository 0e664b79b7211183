package server

import (
	"reflect"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/task"
)

// crossing are the types of what goes between servers in commands, replies and errors of all
// services; each has more of its own.
var crossing = []reflect.Type{
	reflect.TypeFor[diagnose.Execution](),
	reflect.TypeFor[engine.KeyRefusedError](),
	reflect.TypeFor[engine.Time](),
	reflect.TypeFor[engine.World](),
	reflect.TypeFor[engine.Kind](),
	reflect.TypeFor[engine.Name](),
	reflect.TypeFor[engine.Identity](),
	reflect.TypeFor[engine.Begin](),
	reflect.TypeFor[engine.Command](),
	reflect.TypeFor[engine.Wake](),
	reflect.TypeFor[engine.Want](),
	reflect.TypeFor[engine.Event](),
	reflect.TypeFor[engine.NoteKind](),
	reflect.TypeFor[engine.Note](),
	reflect.TypeFor[engine.Message](),
	reflect.TypeFor[engine.Status](),
	reflect.TypeFor[engine.Record](),
	reflect.TypeFor[engine.Offer](),
	reflect.TypeFor[engine.Entry](),
	reflect.TypeFor[engine.UnknownRunError](),
	reflect.TypeFor[engine.GoneError](),
	reflect.TypeFor[engine.AlreadyOpenError](),
	reflect.TypeFor[engine.NameKeptError](),
	reflect.TypeFor[engine.RunExistsError](),
	reflect.TypeFor[engine.Peek](),
	reflect.TypeFor[engine.RunView](),
	reflect.TypeFor[engine.Notification](),
	reflect.TypeFor[engine.Notify](),
	reflect.TypeFor[engine.Notified](),
	reflect.TypeFor[engine.Position](),
	reflect.TypeFor[task.Task](),
	reflect.TypeFor[task.Beat](),
	reflect.TypeFor[task.Delivered](),
	reflect.TypeFor[task.Undelivered](),
	reflect.TypeFor[collection.Log](),
	reflect.TypeFor[collection.Name](),
	reflect.TypeFor[collection.Folded](),
	reflect.TypeFor[collection.Tag](),
	reflect.TypeFor[collection.TagChange](),
}
