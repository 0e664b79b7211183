// Package sim runs the whole server from one seed: the real rules, shards,
// outbox, matching, visibility, retention and the actions of the API behind
// their real wire, with simulated clients, deciders, workers, buckets and a simulated
// Lambda performer, in simulated time, on one thread. What goes wrong is drawn
// from the seed too: crashes at any operation of the store, commits of unknown
// outcome, lost shards, slow disks, lost and repeated requests and answers, dead
// pollers, clocks that jump.
//
// After each step the judge compares what is stored with what the histories say,
// with what shards have in memory, with what is on offer, and with what clients
// were told. In the end faults stop and everything must close, and go.
//
//	go test ./test/sim                                       the short form
//	go test ./test/sim -v -run Seeds -seeds 10000 -coverage  more seeds, and what they reached
//	go test ./test/sim -v -run Seeds -seed 17 -tell          one seed, told step by step
//
// A seed that fails is shrunk to fewer steps and fewer kinds of fault, and the
// command that repeats it is printed.
//
// Determinism: threads are coroutines that a scheduler resumes one at a time, by
// the seed. Shards are stepped by hand (shard.Stepped). A poll waits where
// matching asks its context for Done, which suspends the coroutine. So the Go
// scheduler has no say, and a test holds that a seed gives one trace.
//
// Left out: HTTP below the handler, Pebble, and more than one process at a time
// (another owner shows only as a fence).
package sim
