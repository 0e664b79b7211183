package main

import (
	"context"
	"fmt"
	"time"

	"heddle/bench/process"
)

// opened is the result of starting many executions that nobody works on, then
// killing the server and starting it again.
type opened struct {
	Workload     string  `json:"workload"`
	Repeat       int     `json:"repeat"`
	Executions   int64   `json:"executions"`
	StartSeconds float64 `json:"start_seconds"`
	RSSBytes     int64   `json:"rss_growth_bytes_per_execution"`
	FolderBytes  int64   `json:"folder_bytes_per_execution"`
	Recovery     float64 `json:"recovery_seconds"` // from the process's start until it listens
	RecoveryCPU  float64 `json:"recovery_cpu_seconds"`
	EmptyStart   float64 `json:"empty_start_seconds"`
	RecoveredRSS int64   `json:"recovered_rss_bytes_per_execution"`
	machine
}

func (b *bench) measureOpen(ctx context.Context, m *measured, repeat int) error {
	if b.store == "memory" {
		return fmt.Errorf("wants a store that survives a kill")
	}
	counts, err := numbers[int64](b.open)
	if err != nil {
		return fmt.Errorf("how many executions are open: %w", err)
	}
	for _, n := range counts {
		if err := b.measureOpenCount(ctx, m, repeat, n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureOpenCount(ctx context.Context, m *measured, repeat int, n int64) error {
	return b.onStage(m, "open", func(s *stage) error {
		result := opened{Workload: "open", Repeat: repeat, Executions: n, EmptyStart: s.server.Opened.Seconds(), machine: b.machine}
		before, err := s.read()
		if err != nil {
			return err
		}
		l := newLoad(s.target, &workloads[0], b.inFlight)
		l.limit = n
		l.measured.Store(true)
		began := time.Now()
		l.start()
		if err := s.until(ctx, l, nil, n); err != nil {
			return err
		}
		l.halt()
		result.StartSeconds = time.Since(began).Seconds()
		after, err := s.read()
		if err != nil {
			return err
		}
		result.RSSBytes = (after.server.RSSBytes - before.server.RSSBytes) / n
		result.FolderBytes = (after.folder - before.folder) / n
		if err := s.reopen((*process.Server).Kill); err != nil {
			return err
		}
		recovered, err := s.server.Usage()
		if err != nil {
			return err
		}
		result.Recovery = s.server.Opened.Seconds()
		result.RecoveryCPU = recovered.CPU.Seconds()
		result.RecoveredRSS = (recovered.RSSBytes - before.server.RSSBytes) / n
		return b.out.Encode(result)
	})
}
