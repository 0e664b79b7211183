// Command bench measures the server: it builds it, starts it as a process with
// its store in a folder of its own, loads it, and prints one line of JSON for
// each workload and repeat. All figures about speed in this project come from
// here.
//
//	go run ./bench                                  all workloads, Pebble, real fsync
//	go run ./bench -store memory -workload idle     one of them, without a disk
//	go run ./bench -workload one-activity -cpuprofile cpu.prof
//	go run ./bench -workload open -open 100000      memory and recovery
//
// Server and load share the machine, and the load costs about as much CPU as
// the network half of the server: a server with a machine of its own does more.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
	"heddle/internal/aws/credentials"
	"heddle/internal/server"
)

// bench is what the flags ask for.
type bench struct {
	store     string
	auth      string
	names     string
	inFlight  int
	duration  time.Duration
	warmUp    time.Duration
	workflows int64
	repeat    int
	open      string
	dir       string
	cpu, mem  string

	scratch string
	binary  string
	machine machine
	out     *json.Encoder
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		exit(serve(os.Args[2:]))
	}
	b := &bench{out: json.NewEncoder(os.Stdout)}
	flag.StringVar(&b.store, "store", "pebble", "pebble (synced) or memory")
	flag.StringVar(&b.auth, "auth", "trust", "trust, or sigv4: the server verifies signatures")
	flag.StringVar(&b.names, "workload", "start-only,one-activity,three-in-sequence,ten-parallel,idle,open", "what to run")
	flag.IntVar(&b.inFlight, "inflight", 64, "workflows in flight; as many deciders and workers poll")
	flag.DurationVar(&b.duration, "duration", 10*time.Second, "how long to measure")
	flag.DurationVar(&b.warmUp, "warmup", 2*time.Second, "how long to load the server before")
	flag.Int64Var(&b.workflows, "workflows", 0, "measure this many workflows instead of a duration")
	flag.IntVar(&b.repeat, "repeat", 1, "how often, each time with a new store")
	flag.StringVar(&b.open, "open", "20000,100000", "how many open executions the workload open makes")
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
	if b.binary, err = process.Build(ctx, b.scratch); err != nil {
		return err
	}
	for name := range strings.SplitSeq(b.names, ",") {
		for repeat := range b.repeat {
			if err := b.measure(ctx, name, repeat); err != nil {
				return fmt.Errorf("workload %s: %w", name, err)
			}
		}
	}
	return nil
}

func (b *bench) measure(ctx context.Context, name string, repeat int) error {
	if name == "open" {
		return b.measureOpen(ctx, repeat)
	}
	i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == name })
	if i < 0 {
		return fmt.Errorf("unknown; there are open and %v", workloads)
	}
	return b.measureRate(ctx, &workloads[i], repeat)
}

// openServer starts a server on a new store.
func (b *bench) openServer(data string, args ...string) (*process.Server, error) {
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--store", b.store, "--auth", b.auth}, args...)
	binary := b.binary
	if b.cpu != "" || b.mem != "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, err
		}
		args = append(args, "--cpuprofile", b.cpu, "--memprofile", b.mem)
	}
	return process.Start(os.Stderr, binary, args...)
}

// target is a started server with the credentials that it accepts.
func (b *bench) target(s *process.Server, data string) (target, error) {
	t := target{s.Addr, client.Credentials{AccessKey: "AKIDBENCH", SecretKey: "bench", Region: "us-east-1"}}
	if b.auth == server.AuthTrust {
		return t, nil
	}
	pair, err := credentials.ReadFile(server.CredentialsFile(data))
	t.credentials.AccessKey, t.credentials.SecretKey = pair.KeyID, string(pair.Secret)
	return t, err
}
