// Command bench measures the server: it builds it, starts it as a process with
// its store in a folder of its own, loads it, and prints one line of JSON for
// each workload and repeat. All figures about speed in this project come from
// here.
//
//	go run ./bench                                  all workloads, Pebble, real fsync
//	go run ./bench -store memory -workload idle     one of them, without a disk
//	go run ./bench -workload one-activity -cpuprofile cpu.prof
//	go run ./bench -workload open -open 100000      memory and recovery
//	go run ./bench -auth sigv4 -table -repeat 3 -workload one-activity,idle -server stub,heddle,moto,temporal-sqlite
//	                                                side by side, taking turns; medians as a table
//
// Server and load share the machine, and the load costs about as much CPU as
// the network half of the server: a server with a machine of its own does more.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"heddle/internal/store/pgstore/pgtest"
)

// bench is what the flags ask for.
type bench struct {
	servers   string
	store     string
	database  *pgtest.Server // that runs now, if the server measured wants one
	auth      string
	names     string
	inFlight  int
	duration  time.Duration
	warmUp    time.Duration
	workflows int64
	repeat    int
	open      string
	due       int
	items     string
	kills     int
	buckets   string // folder of users' buckets; empty: there are none
	dir       string
	cpu, mem  string
	before    string
	closed    string
	table     bool

	scratch  string
	binaries map[string]string // of servers, by what was built
	machine  machine
	out      *json.Encoder
	rates    []rate // for the table
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		exit(serve(os.Args[2:]))
	}
	b := &bench{out: json.NewEncoder(os.Stdout)}
	flag.StringVar(&b.servers, "server", "heddle", "what to measure, in turns: "+strings.Join(serverNames(), ", "))
	flag.StringVar(&b.before, "before", "", "binary of another build, to measure as server before")
	flag.BoolVar(&b.table, "table", false, "print medians and ratios as a table, not every result")
	flag.StringVar(&b.store, "store", "pebble", "pebble (synced) or memory")
	flag.StringVar(&b.auth, "auth", "sigv4", "sigv4: the server verifies signatures, or none")
	flag.StringVar(&b.names, "workload", "start-only,one-activity,three-in-sequence,ten-parallel,signal-storm,poll-fanout,continue-as-new,idle,10k-timers,long-history,visibility,open", "what to run")
	flag.IntVar(&b.inFlight, "inflight", 64, "workflows in flight; as many deciders and workers poll")
	flag.DurationVar(&b.duration, "duration", 10*time.Second, "how long to measure")
	flag.DurationVar(&b.warmUp, "warmup", 2*time.Second, "how long to load the server before")
	flag.Int64Var(&b.workflows, "workflows", 0, "measure this many workflows instead of a duration")
	flag.IntVar(&b.repeat, "repeat", 1, "how often, each time with a new store")
	flag.StringVar(&b.open, "open", "20000,100000", "how many open executions the workloads open and machine-waits make")
	flag.IntVar(&b.due, "due", 0, "how many of those of machine-waits are due in the same second; default: a tenth")
	flag.StringVar(&b.items, "items", "100000", "how many items the workload map-run has")
	flag.IntVar(&b.kills, "kills", 0, "how often the server is killed during the workload map-run")
	flag.StringVar(&b.closed, "closed", "1000,20000", "how many closed executions the workloads visibility and console list among")
	flag.StringVar(&b.dir, "dir", "", "folder for stores, on the disk to be measured; default: the system's temporary one")
	flag.StringVar(&b.cpu, "cpuprofile", "", "file for a CPU profile of the server while it is measured")
	flag.StringVar(&b.mem, "memprofile", "", "file for an allocation profile of the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(b.run(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.scratch, err = os.MkdirTemp(b.dir, "heddle-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.scratch)
	if b.machine, err = describeMachine(b.store, b.auth, b.scratch); err != nil {
		return err
	}
	if err := os.Chmod(b.scratch, 0o711); err != nil {
		return err
	}
	list, err := serversOf(b.servers)
	if err != nil {
		return err
	}
	b.binaries = map[string]string{}
	for _, m := range list {
		if err := b.build(ctx, m); err != nil {
			return err
		}
	}
	for name := range strings.SplitSeq(b.names, ",") {
		if !slices.ContainsFunc(list, func(m *measured) bool { return m.runs(name) }) {
			return fmt.Errorf("workload %s: none of the servers %s can do it", name, b.servers)
		}
		for repeat := range b.repeat {
			for _, m := range list {
				if !m.runs(name) {
					continue
				}
				if err := b.measure(ctx, m, name, repeat); err != nil {
					return fmt.Errorf("workload %s on %s: %w", name, m.name, err)
				}
			}
		}
	}
	if b.table {
		return b.writeTable(os.Stdout)
	}
	return nil
}

func (b *bench) profiled() bool { return b.cpu != "" || b.mem != "" }

// report gives a result of a workload that has a rate.
func (b *bench) report(r rate) error {
	b.rates = append(b.rates, r)
	if b.table {
		return nil
	}
	return b.out.Encode(r)
}

func (b *bench) measure(ctx context.Context, m *measured, name string, repeat int) error {
	if run := special[name]; run != nil {
		return run(b, ctx, m, repeat)
	}
	i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == name })
	if i < 0 {
		return fmt.Errorf("unknown; there are %v and %v", workloadNames(), slices.Sorted(maps.Keys(special)))
	}
	if m.own {
		return b.measureForeign(ctx, m, &workloads[i], repeat)
	}
	return b.measureRate(ctx, m, &workloads[i], repeat)
}
