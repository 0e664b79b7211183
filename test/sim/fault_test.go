package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// fault is a kind of thing that goes wrong.
type fault uint8

const (
	crash          fault = iota // the process dies between two steps
	crashInStore                // the process dies at an operation of the store
	crashOnAnswer               // the process dies with an answer half written
	unknownWritten              // a commit's outcome is unknown; it was written
	unknownLost                 // a commit's outcome is unknown; it was not written
	fenced                      // another process takes a shard
	refusedShard                // a shard that was lost can't be taken at once
	slowDisk                    // a commit takes long
	unsynced                    // a commit can be read before it is durable
	failedRead                  // what a call lacks can't be fetched
	lostRequest                 // a request never arrives
	lostAnswer                  // an answer is written and never arrives
	cutAnswer                   // an answer can't be written
	repeatedCall                // a request arrives twice
	slowAnswer                  // an answer takes long
	impatience                  // a client goes before its answer, and the server sees it
	deadPoller                  // a client dies before its answer, and the server doesn't see it
	lostWorker                  // a worker or decider dies with a task
	clockJump                   // the server's clock jumps forward
	clockStep                   // the next process has another clock
	bucketFault                 // a bucket does not answer, or has not heard that it was answered
	faultCount
)

var faultNames = [faultCount]string{
	"crash", "crash-in-store", "crash-on-answer", "unknown-written", "unknown-lost", "fenced", "refused-shard", "slow-disk", "unsynced", "failed-read",
	"lost-request", "lost-answer", "cut-answer", "repeated-call", "slow-answer", "impatience", "dead-poller", "lost-worker",
	"clock-jump", "clock-step", "bucket",
}

func (f fault) String() string { return faultNames[f] }

// faultSet is the kinds that may happen.
type faultSet uint32

const allFaults faultSet = 1<<faultCount - 1

func (s faultSet) has(f fault) bool { return s&(1<<f) != 0 }

func (s faultSet) String() string {
	if s == allFaults {
		return "all"
	}
	var names []string
	for f := range faultCount {
		if s.has(f) {
			names = append(names, f.String())
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ",")
}

func parseFaults(text string) (faultSet, error) {
	switch text {
	case "all":
		return allFaults, nil
	case "none":
		return 0, nil
	}
	var s faultSet
next:
	for name := range strings.SplitSeq(text, ",") {
		for f := range faultCount {
			if f.String() == name {
				s |= 1 << f
				continue next
			}
		}
		return 0, fmt.Errorf("no fault is called %q; there are %s", name, strings.Join(faultNames[:], ", "))
	}
	return s, nil
}

// fate draws faults. Each seed has its own mix: most kinds are seldom or never
// drawn, a few are frequent, so that every pair of kinds meets in some seed.
type fate struct {
	random  *rand.Rand
	allowed faultSet
	rates   [faultCount]float64 // how often, where it may happen
	off     bool
}

// usual is how often a kind happens where it may, in a seed that favours it.
var usual = [faultCount]float64{
	crash: 0.008, crashInStore: 0.008, crashOnAnswer: 0.1,
	unknownWritten: 0.06, unknownLost: 0.06, fenced: 0.01, refusedShard: 0.4, slowDisk: 0.3, unsynced: 0.3, failedRead: 0.1,
	lostRequest: 0.06, lostAnswer: 0.1, cutAnswer: 0.15, repeatedCall: 0.06, slowAnswer: 0.3, impatience: 0.06, deadPoller: 0.05,
	lostWorker: 0.15, clockJump: 0.01, clockStep: 0.6, bucketFault: 0.1,
}

func newFate(random *rand.Rand, allowed faultSet) *fate {
	f := &fate{random: random, allowed: allowed}
	for k := range f.rates {
		switch random.IntN(4) {
		case 0:
		case 1, 2:
			f.rates[k] = usual[k] / 4
		case 3:
			f.rates[k] = usual[k]
		}
	}
	return f
}

// looms tells whether a fault is drawn here. It draws in any case, so that a seed
// without some kinds goes on much as with them.
func (w *world) looms(k fault) bool {
	f := w.fate
	return f.random.Float64() < f.rates[k] && !f.off && f.allowed.has(k)
}

// strikes tells whether a fault happens here.
func (w *world) strikes(k fault) bool {
	if !w.looms(k) {
		return false
	}
	w.struck(k)
	return true
}

// struck notes that a fault happened.
func (w *world) struck(k fault) {
	w.tell("fault %s", k)
	w.coverage.fault(k, w.inFlight())
	if k == crash || k == crashInStore || k == crashOnAnswer {
		w.disruptions++
	}
}
