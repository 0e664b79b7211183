package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
)

// stage is a started server on a new store, with what a workload needs of it.
type stage struct {
	*bench
	kind   *measured
	server *process.Server
	target target
	data   string
}

// onStage runs a workload on a new server with the domain and the types.
func (b *bench) onStage(m *measured, name string, run func(*stage) error) error {
	data, err := b.newFolder(name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	end, err := b.openDatabase(m)
	if err != nil {
		return err
	}
	defer end()
	server, err := b.openServer(m, data)
	if err != nil {
		return err
	}
	s := &stage{bench: b, kind: m, server: server, data: data}
	defer func() { s.server.Kill() }()
	if s.target, err = b.target(m, server, data); err != nil {
		return err
	}
	if err := declare(s.target); err != nil {
		return err
	}
	if err := run(s); err != nil {
		return err
	}
	return s.server.Stop()
}

// reopen ends the server and starts it again on its store.
func (s *stage) reopen(end func(*process.Server) error) (err error) {
	if err := end(s.server); err != nil {
		return err
	}
	if s.server, err = s.openServer(s.kind, s.data); err != nil {
		return err
	}
	s.target.addr = s.server.Addr
	return nil
}

func (s *stage) read() (reading, error) { return s.bench.read(s.kind, s.server, s.data, os.Getpid()) }

// profile has the server write its profiles of a run, if they are asked for.
func (s *stage) profile(run func() error) error {
	if s.kind.name != "heddle" || !s.profiled() {
		return run()
	}
	if err := s.server.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	return s.server.Signal(syscall.SIGUSR1)
}

// Waiting for a server to rest.
const (
	restLook = 250 * time.Millisecond
	restBusy = 10 * time.Millisecond // of CPU between two looks
	restMost = 120                   // looks
)

// rest waits until the server has done what the load left behind, so that what
// is measured next does not share its processors with compactions.
func (s *stage) rest(ctx context.Context) error {
	look := time.NewTicker(restLook)
	defer look.Stop()
	var last time.Duration
	for range restMost {
		used, err := s.server.Usage()
		if err != nil {
			return err
		}
		if last > 0 && used.CPU-last <= restBusy {
			return nil
		}
		last = used.CPU
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("the server does not come to rest")
}

// crew runs a number of goroutines, each with a connection, and gives the first
// error. The others end when their work does or the context is done.
func (s *stage) crew(size int, work func(n int, conn *client.Conn) error) error {
	var group sync.WaitGroup
	failed := make(chan error, size)
	for n := range size {
		group.Go(func() {
			conn := s.target.connect()
			defer conn.Close()
			if err := work(n, conn); err != nil {
				failed <- err
			}
		})
	}
	group.Wait()
	close(failed)
	return <-failed // nil: none
}
