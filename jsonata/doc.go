// Package jsonata evaluates JSONata, the query and transformation language for JSON
// (https://jsonata.org), version 2.2: the whole language with all its functions, and the
// error codes and texts of jsonata-js, its reference implementation.
//
//	x, err := jsonata.Compile(`Account.Order[Price > 10].{"id": ID, "total": Price * Quantity}`)
//	...
//	result, err := x.Evaluate(ctx, input, nil)
//
// An expression is compiled once and may then be evaluated any number of times, also by
// many goroutines at once. Inputs and results are values of package jsonvalue, which keep
// the order of members and the digits of numbers: what an expression only passes on comes
// out as it went in, and what it computes with is a float64.
//
// # Hostile expressions
//
// Expressions may come from people whom one does not trust. An evaluation reads no clock,
// no randomness and nothing of the outside but what Options hand in, and Limits bound its
// steps, its depth and the bytes that it makes: an endless recursion, a range of a
// thousand million, a string doubled over and over, or a regular expression of
// exponential kind end in an error, and never in a stack overflow.
//
// # Differences from jsonata-js
//
//   - Members of objects keep their order; JavaScript puts names that are numbers first.
//   - Regular expressions are ECMAScript's, on characters instead of UTF-16 code units.
//     They may come to 20,000 instructions once counted repetitions are written out, with
//     groups nested to 200. Flags are i and m.
//   - A transform changes only what belongs to its own copy of the input. In jsonata-js,
//     a pattern like $$.x lets it change the input itself.
//   - What $eval binds is gone when it is done.
//   - Grouping by several members over tuples (@, #, %) gives each member its context; so
//     does a group behind a call that ends a function, and an index (#) behind an order-by.
//     jsonata-js loses these, and spoils regular expressions on the left of ?: and ??.
//   - $split(text, "") gives characters. Numbers from 1e21 on are written out by $formatNumber.
//   - A negative zone with minutes, such as -0530, is off by an hour in jsonata-js, and here.
//   - Upper and lower case follow Unicode's simple mappings, plus those of the most common
//     letters that become several.
//   - Errors that jsonata-js has no code for, as JavaScript raises them itself, have a code
//     that begins with U (see below), or that of the type error next to them.
//
// Codes of this package's own: U1001 steps, U1002 bytes, U1003 an expression or value
// nested too deeply, U1004 a wrong regular expression, U1006 no Options.Now, U1007
// no Options.Random, U1008 an error of a function of the host. As in jsonata-js, D1011 is
// the depth and D1012 the time.
package jsonata
