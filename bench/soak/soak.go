// Package soak runs the real binary for long under steady load, and looks for
// what grows that should not.
//
// The load is a mix of everything that executions do: activities with heartbeats,
// timers, signals, children, continuations, cancellations, timeouts, terminations;
// with pages of lists and histories beside it, on connections that come and go.
// What closes is kept for no time, but for some executions that lists go through,
// so the store must level off. Memory, heap, threads, descriptors and files are
// sampled, a line is fitted through the second half of each, and its growth has a
// bound. In the end no execution is open, no goroutine is left that an idle server
// does not have, and the store passes its check:
//
//	go test ./bench/soak -count=1 -v -timeout 3h -minutes 60
//
// TestSoakFlow does so with workers of package flow: what one has must not grow, while it pushes runs out and another worker is killed
// again and again.
package soak
