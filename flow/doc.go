// Package flow lets a workflow of Amazon SWF be an ordinary Go function:
//
//	func processOrder(ctx flow.Context, o Order) (string, error) {
//		receipt, err := Charge.Call(ctx, o)
//		…
//	}
//
// A worker replays the function over the execution's history and sends what it decides; the
// function may take a week, and goes on whatever crashes meanwhile. It speaks to Heddle and,
// unchanged, to AWS: all that it needs is a client with the methods of SWF's ([API]).
//
// # Types are values
//
// A [Workflow], an [Activity] and a [Signal] are variables, whose type parameters are what goes in
// and what comes out. Code that a worker runs is bound to them by their method By. Methods that
// take a [Context] (Call, Go, Inbox) are for workflow code; those that take a [Client] (Start,
// Send) for all other code.
//
// # What workflow code must not do
//
// It runs again and again over the same history, and must decide the same each time. So it uses no
// clock, chance, I/O, goroutine, channel or order of a map, and no variable that others change:
// [Now], [Rand], [UUID], [Effect], [Go], [First] and activities are there for it. What does not
// fit its history parks the run, with a text that says where; fixed code heals it.
package flow
