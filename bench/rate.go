package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"heddle/bench/process"
)

// rate is the result of a workload that goes on at full speed. Bytes are per
// workflow: what the server's process and its PostgreSQL had written to disk,
// what they passed to write calls (the network's share included), and how the
// server's folder grew.
type rate struct {
	Server      string  `json:"server"`
	Workload    string  `json:"workload"`
	Repeat      int     `json:"repeat"`
	InFlight    int     `json:"inflight"`
	Seconds     float64 `json:"seconds"`
	Workflows   int64   `json:"workflows"`
	PerSecond   float64 `json:"workflows_per_second"`
	CallsPerSec float64 `json:"calls_per_second"`
	P50         float64 `json:"p50_ms"`
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	P999        float64 `json:"p999_ms"`
	AnswerP50   float64 `json:"answer_p50_ms"` // of the calls that do not poll
	AnswerP99   float64 `json:"answer_p99_ms"`
	ServerCPU   float64 `json:"server_cpu_ms_per_workflow"`
	DatabaseCPU float64 `json:"postgresql_cpu_ms_per_workflow,omitempty"`
	CallCPU     float64 `json:"server_cpu_us_per_call"`
	ClientCPU   float64 `json:"client_cpu_ms_per_workflow"`
	Received    int64   `json:"crew_received_bytes_per_workflow,omitempty"` // by deciders and workers of the flow workloads
	ServerCores float64 `json:"server_cores_busy"`
	DiskBytes   int64   `json:"disk_bytes_per_workflow"`
	Written     int64   `json:"written_bytes_per_workflow"`
	WriteCalls  float64 `json:"write_calls_per_workflow"`
	FolderBytes int64   `json:"folder_bytes_per_workflow"`
	RSSBytes    int64   `json:"rss_bytes"`
	machine
}

// reading is all counters at one moment.
type reading struct {
	at       time.Time
	server   process.Usage
	database process.Usage
	client   time.Duration
	folder   int64
}

// read takes a reading of a server, its folder, and the process that loads it.
func (b *bench) read(m *measured, s *process.Server, data string, client int) (r reading, err error) {
	if r.server, err = s.Usage(); err != nil {
		return r, err
	}
	if m.database {
		if r.database, err = process.UsageOf(b.database.PID()); err != nil {
			return r, err
		}
	}
	if b.describe(m).Store != "memory" {
		if r.folder, err = folderBytes(data); err != nil {
			return r, err
		}
	}
	r.client, err = process.CPU(client)
	r.at = time.Now()
	return r, err
}

func (b *bench) measureRate(ctx context.Context, m *measured, w *workload, repeat int) error {
	return b.onStage(m, w.name, func(s *stage) error {
		inFlight := b.inFlight
		if w.inFlight > 0 {
			inFlight = w.inFlight
		}
		l := newLoad(s.target, w, inFlight)
		l.lenient = m.name == "moto"
		if w.machine != "" {
			if err := declareMachine(s.target, w.machine, w.express); err != nil {
				return err
			}
		}
		return s.measureLoad(ctx, l, m.name, repeat)
	})
}

// measureLoad runs a load and reports what it measured.
func (s *stage) measureLoad(ctx context.Context, l *load, server string, repeat int) error {
	l.start()
	defer l.cut()
	if err := s.until(ctx, l, time.After(s.warmUp), 0); err != nil {
		return err
	}
	before, err := s.read()
	if err != nil {
		return err
	}
	received := l.received.Load()
	err = s.profile(func() error {
		l.measured.Store(true)
		defer l.measured.Store(false)
		if s.workflows > 0 {
			return s.until(ctx, l, nil, s.workflows)
		}
		return s.until(ctx, l, time.After(s.duration), 0)
	})
	if err != nil {
		return err
	}
	finished := l.finished.Load()
	received = l.received.Load() - received
	after, err := s.read()
	if err != nil {
		return err
	}
	l.halt()
	slices.Sort(l.latencies)
	slices.Sort(l.answers)
	result := perWorkflow(finished, l.workload, before, after)
	result.Server, result.Workload, result.Repeat, result.InFlight, result.machine = server, l.workload.name, repeat, l.inFlight, s.describe(s.kind)
	result.Received = received / max(finished, 1)
	result.P50, result.P95 = percentile(l.latencies, 0.5), percentile(l.latencies, 0.95)
	result.P99, result.P999 = percentile(l.latencies, 0.99), percentile(l.latencies, 0.999)
	result.AnswerP50, result.AnswerP99 = percentile(l.answers, 0.5), percentile(l.answers, 0.99)
	return s.report(result)
}

// until waits for an end: a moment, or a number of workflows.
func (s *stage) until(ctx context.Context, l *load, end <-chan time.Time, workflows int64) error {
	look := time.NewTicker(time.Millisecond * 5)
	defer look.Stop()
	for {
		select {
		case <-end:
			return nil
		case <-look.C:
			if workflows > 0 && l.finished.Load() >= workflows {
				return nil
			}
		case err := <-l.failed:
			l.failed <- err // for the others who wait
			return err
		case <-s.server.Exited():
			return fmt.Errorf("the server exited")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// perWorkflow is the part of a result that two readings make.
func perWorkflow(finished int64, w *workload, before, after reading) rate {
	n := float64(max(finished, 1))
	seconds := after.at.Sub(before.at).Seconds()
	cpu := after.server.CPU - before.server.CPU
	each := func(of func(process.Usage) int64) float64 {
		return float64(of(after.server)-of(before.server)+of(after.database)-of(before.database)) / n
	}
	return rate{
		Seconds: seconds, Workflows: finished,
		PerSecond:   float64(finished) / seconds,
		CallsPerSec: float64(finished) * float64(w.calls) / seconds,
		ServerCPU:   milliseconds(cpu) / n,
		CallCPU:     milliseconds(cpu) * 1000 / n / float64(w.calls),
		DatabaseCPU: milliseconds(after.database.CPU-before.database.CPU) / n,
		ClientCPU:   milliseconds(after.client-before.client) / n,
		ServerCores: cpu.Seconds() / seconds,
		DiskBytes:   int64(each(func(u process.Usage) int64 { return u.DiskBytes })),
		Written:     int64(each(func(u process.Usage) int64 { return u.WrittenBytes })),
		WriteCalls:  each(func(u process.Usage) int64 { return u.WriteCalls }),
		FolderBytes: int64(float64(after.folder-before.folder) / n),
		RSSBytes:    after.server.RSSBytes,
	}
}

// percentile of sorted spans, in milliseconds.
func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return milliseconds(sorted[min(len(sorted)-1, int(p*float64(len(sorted))))])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
