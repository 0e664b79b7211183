// Package crash proves, with the real binary and its store on a disk, what the
// server promises about being killed: every acknowledged step is in the history
// once, no task waits for its timeout, and everything completes.
//
// Its tests run executions under load and kill the server by SIGKILL again and
// again. Clients do nothing but retry. Each attempt of each step carries a mark
// of its own, so that the histories can be held against what was acknowledged:
//
//	go test ./bench/crash -run Crash                                     the short form
//	go test ./bench/crash -run Crash -kills 200 -executions 20000 -timeout 1h
//
// TestVanishingPollers is the other half: nobody kills the server, but those who
// poll hang up on it, and no task may be lost with them.
//
// TestCrashFlow kills workers of package flow beside the server, and TestCrashFlowAnswers workers at each of their answers.
//
// A kill leaves the operating system alive, and with it what was written but not
// synced: that a sync is asked for at all is the store's own test.
package crash
