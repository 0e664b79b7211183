package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"heddle/internal/server"
	"heddle/internal/swf"
	"heddle/internal/swf/execution"
)

// serve runs the server inside this program, so that it can be profiled: the
// first SIGUSR1 begins the CPU profile, the second ends it and writes the memory
// profile.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	data := flags.String("data", "", "folder of the store")
	store := flags.String("store", server.StorePebble, "pebble or memory")
	auth := flags.String("auth", server.AuthSigV4, "sigv4 or none")
	open := flags.Int("limit-open-executions", execution.DefaultLimits().OpenExecutionsMax, "open executions per domain")
	buckets := flags.String("buckets", "", "folder of users' buckets")
	cpu := flags.String("cpuprofile", "", "file for the CPU profile")
	mem := flags.String("memprofile", "", "file for the memory profile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	toggles := make(chan os.Signal, 1)
	signal.Notify(toggles, syscall.SIGUSR1)
	services := server.Services()
	swf.OptionsOf(services).Execution.OpenExecutionsMax = *open
	began := time.Now()
	server.PaceGarbage()
	cfg := server.Config{Listen: *listen, Data: *data, Store: *store, Auth: *auth, Services: services}
	cfg.Buckets.Dir = *buckets
	s, err := server.Start(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Printf("bench listens on %s after %d ms\n", s.URL(), time.Since(began).Milliseconds())
	if err := profile(ctx, toggles, *cpu, *mem); err != nil {
		return err
	}
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Close(drain)
}

func profile(ctx context.Context, toggles <-chan os.Signal, cpu, mem string) error {
	wait := func() {
		select {
		case <-toggles:
		case <-ctx.Done():
		}
	}
	wait()
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	wait()
	pprof.StopCPUProfile()
	if mem == "" {
		return nil
	}
	f, err := os.Create(mem)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.Lookup("allocs").WriteTo(f, 0)
}
