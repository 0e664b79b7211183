package main

import (
	"os"
	"sync"

	"heddle/bench/client"
	"heddle/bench/process"
)

// stage is a started server on a new store, for a workload that is not a rate.
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
	server, err := b.openServer(m, data)
	if err != nil {
		return err
	}
	defer server.Kill()
	target, err := b.target(m, server, data)
	if err != nil {
		return err
	}
	if err := declare(target); err != nil {
		return err
	}
	if err := run(&stage{b, m, server, target, data}); err != nil {
		return err
	}
	return server.Stop()
}

func (s *stage) read() (reading, error) { return s.bench.read(s.kind, s.server, s.data, os.Getpid()) }

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
