package soak

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
	awscredentials "heddle/internal/aws/credentials"
	heddle "heddle/internal/server"
)

var minutes = flag.Float64("minutes", 0.05, "how long to load the server")

const (
	heldMin     = 3 * time.Minute // a shorter run is too noisy for the bounds of growth
	sampleEvery = 2 * time.Second
	costTimes   = 1.5 // most that a workflow of the last quarter costs of one of the second
	goroutines  = 16  // most that an idle server has more after the load than before
	auditMB     = 1   // of a file
	auditFiles  = 4
)

// server is a started server and what is known of it.
type server struct {
	*process.Server
	trace *trace
	data  string
	load  *load
}

func start(t *testing.T, binary string) *server {
	t.Helper()
	s := &server{trace: new(trace), data: t.TempDir()}
	var err error
	s.Server, err = process.Start(s.trace, binary, "serve", "--data", s.data, "--listen", "127.0.0.1:0",
		"--audit-file-mb", fmt.Sprint(auditMB), "--audit-keep", fmt.Sprint(auditFiles))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill() })
	root, err := awscredentials.ReadFile(heddle.CredentialsFile(s.data))
	if err != nil {
		t.Fatal(err)
	}
	s.load = &load{addr: s.Addr, credentials: client.Credentials{AccessKey: root.KeyID, SecretKey: string(root.Secret), Region: "us-east-1"}}
	if err := s.load.declare(); err != nil {
		t.Fatal(err)
	}
	return s
}

// quit has the server print its goroutines, and counts them.
func (s *server) quit(t *testing.T) int {
	t.Helper()
	if err := s.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-s.Exited()
	if s.trace.goroutines == 0 {
		t.Error("the server printed no goroutine")
	}
	return s.trace.goroutines
}

func TestSoak(t *testing.T) {
	t.Setenv("GODEBUG", "gctrace=1")
	binary, err := process.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	idle := start(t, binary).quit(t)

	s := start(t, binary)
	takes := time.Duration(*minutes * float64(time.Minute))
	ctx, cancel := context.WithTimeout(t.Context(), takes)
	defer cancel()
	s.load.fail = func(err error) {
		t.Error(err)
		cancel()
	}
	w := &watcher{server: s.Server, trace: s.trace, data: s.data, began: time.Now()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.load.run(ctx)
	}()
	samples := w.watch(t, s.load, ended, min(sampleEvery, takes/20))
	report(t, samples, takes >= heldMin)
	s.settle(t)
	if left := s.quit(t); left > idle+goroutines {
		t.Errorf("%d goroutines are left after the load, an idle server has %d", left, idle)
	} else {
		t.Logf("%d goroutines after the load, %d before any", left, idle)
	}
	for _, line := range s.trace.errors {
		t.Errorf("the server's log: %s", line)
	}
	if out, err := exec.Command(binary, "check", "--data", s.data).CombinedOutput(); err != nil {
		t.Errorf("check of the store: %v\n%s", err, out)
	}
}

// watch takes samples until the load has ended.
func (w *watcher) watch(t *testing.T, l *load, ended <-chan struct{}, every time.Duration) (all []sample) {
	look := time.NewTicker(every)
	defer look.Stop()
	told := time.Now()
	for {
		s, err := w.sample(l)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
		if time.Since(told) > time.Minute {
			told = time.Now()
			t.Logf("%s: %d workflows, slowest of late %s, %.0f", s.at.Round(time.Second), s.finished, s.slowest.Round(time.Millisecond), s.values)
		}
		select {
		case <-ended:
			return all
		case <-look.C:
		}
	}
}

// report tells what was measured, and what is wrong with it.
func report(t *testing.T, all []sample, held bool) {
	first, quarter, half, last := all[0], all[len(all)/4], all[len(all)/2], all[len(all)-1]
	table, wrong := grown(all)
	t.Logf("%d workflows in %s, %.0f/s; %d samples, second half:\n%s", last.finished, last.at.Round(time.Second),
		float64(last.finished-first.finished)/(last.at-first.at).Seconds(), len(all), table)
	if !held {
		return
	}
	for _, err := range wrong {
		t.Error(err)
	}
	later := all[len(all)*3/4]
	cost := func(from, to sample) float64 {
		return float64(to.cpu-from.cpu) / float64(max(1, to.finished-from.finished))
	}
	before, after := cost(quarter, half), cost(later, last)
	t.Logf("server CPU: %.2f ms a workflow in the second quarter, %.2f ms in the last", before/1e6, after/1e6)
	if after > costTimes*before {
		t.Errorf("a workflow costs %.2f ms in the end, %.2f ms before", after/1e6, before/1e6)
	}
}

// settle looks at what is left when all have gone.
func (s *server) settle(t *testing.T) {
	c := s.load.caller()
	defer c.conn.Close()
	for _, look := range []struct {
		action, domain string
		want           string
	}{
		{"CountOpenWorkflowExecutions", "gone", `"count":0`},
		{"CountClosedWorkflowExecutions", "gone", `"count":0`},
		{"CountOpenWorkflowExecutions", "kept", `"count":0`},
		{"CountClosedWorkflowExecutions", "kept", fmt.Sprintf(`"count":%d`, kept)},
	} {
		answer, err := c.call(look.action, fmt.Sprintf(`{"domain":%q,"startTimeFilter":{"oldestDate":0}}`, look.domain))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(answer), look.want) {
			t.Errorf("%s of %q: %s, want %s", look.action, look.domain, answer, look.want)
		}
	}
	if s.load.readPages.Load() == 0 {
		t.Error("no lists were read")
	}
}
