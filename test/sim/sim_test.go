package sim

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seedFlag     = flag.Uint64("seed", 0, "run this seed alone; 0: many")
	seedsFlag    = flag.Int("seeds", 300, "how many seeds to run")
	fromFlag     = flag.Uint64("from", 1, "the first of them")
	actionsFlag  = flag.Int("actions", 400, "steps of each seed in which things go wrong")
	faultsFlag   = flag.String("faults", "all", "kinds of fault that may happen, with commas between; all; none")
	tellFlag     = flag.Bool("tell", false, "with -seed: tell each step")
	coverageFlag = flag.Bool("coverage", false, "print what the seeds reached")
)

// TestSeeds runs simulations, and shrinks the first that fails.
func TestSeeds(t *testing.T) {
	faults, err := parseFaults(*faultsFlag)
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // much garbage, little memory
	total := newCoverage()
	if *coverageFlag {
		defer func() { total.report(os.Stdout) }()
	}
	if *seedFlag != 0 {
		p := plan{seed: *seedFlag, actions: *actionsFlag, faults: faults}
		var v verdict
		if *tellFlag {
			v = simulate(p, os.Stdout, total)
		} else {
			v = simulate(p, nil, total)
		}
		if v.failure != "" {
			tell(t, v)
		}
		return
	}
	var next atomic.Uint64
	next.Store(*fromFlag)
	var mu sync.Mutex
	var failed []verdict
	var runners sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		runners.Go(func() {
			c := newCoverage()
			for {
				seed := next.Add(1) - 1
				mu.Lock()
				over := seed >= *fromFlag+uint64(*seedsFlag) || len(failed) > 0
				mu.Unlock()
				if over {
					break
				}
				if v := simulate(plan{seed: seed, actions: *actionsFlag, faults: faults}, nil, c); v.failure != "" {
					mu.Lock()
					failed = append(failed, v)
					mu.Unlock()
				}
			}
			mu.Lock()
			total.add(c)
			mu.Unlock()
		})
	}
	runners.Wait()
	for _, v := range failed {
		tell(t, v)
	}
}

// tell reports a failed seed, shrunk.
func tell(t *testing.T, v verdict) {
	t.Helper()
	small := v
	if !*tellFlag {
		small = shrink(v)
	}
	t.Errorf("seed %d: %s\nit repeats with\n\t%s\nshrunk: %s\nit repeats with\n\t%s", v.seed, v.failure, v.command(), small.failure, small.command())
}

// TestSameSeedSameTrace holds that a seed decides all: of those that are run it repeats some.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := *fromFlag; seed < *fromFlag+uint64(max(30, *seedsFlag/60)); seed++ {
		p := plan{seed: seed, actions: *actionsFlag, faults: allFaults}
		first, second := simulate(p, nil, newCoverage()), simulate(p, nil, newCoverage())
		if first.sum != second.sum {
			t.Errorf("seed %d gave the traces %x and %x", seed, first.sum, second.sum)
		}
	}
}
