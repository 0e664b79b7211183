package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
)

// pages is the result of listing among a number of closed executions.
type pages struct {
	Server   string  `json:"server"`
	Workload string  `json:"workload"`
	Repeat   int     `json:"repeat"`
	Closed   int     `json:"closed_executions"`
	PageP50  float64 `json:"page_p50_ms"` // of 100 executions, in the middle of a walk
	PageP99  float64 `json:"page_p99_ms"`
	OneP50   float64 `json:"one_p50_ms"` // the page of a workflowId
	CPU      float64 `json:"server_cpu_us_per_page"`
	machine
}

// pagesWalked are measured for each number of executions.
const pagesWalked = 200

// measureVisibility lists executions, at each number of closed ones that the flag says.
func (b *bench) measureVisibility(ctx context.Context, m *measured, repeat int) error {
	return b.onClosed(ctx, m, "visibility", func(s *stage, n int, last bool) error {
		result := pages{Server: m.name, Workload: "visibility", Repeat: repeat, Closed: n, machine: b.describe(m)}
		list := func() error { return s.list(&result) }
		if last {
			list = func() error { return s.profile(func() error { return s.list(&result) }) }
		}
		if err := list(); err != nil {
			return err
		}
		return b.out.Encode(result)
	})
}

// onClosed closes executions on one stage, up to each number that the flag says, the least first,
// and measures at each, with the server at rest.
func (b *bench) onClosed(ctx context.Context, m *measured, workload string, measure func(s *stage, n int, last bool) error) error {
	counts, err := numbers[int](b.closed)
	if err != nil {
		return fmt.Errorf("how many executions are closed: %w", err)
	}
	slices.Sort(counts)
	return b.onStage(m, workload, func(s *stage) error {
		closed := 0
		for i, n := range counts {
			if err := s.closeExecutions(ctx, closed, n); err != nil {
				return err
			}
			closed = n
			// A server that goes on has the newest records in its memtable, which are
			// all of them if they are few. Started anew, it reads tables for any number.
			if b.store != "memory" {
				if err := s.reopen((*process.Server).Stop); err != nil {
					return err
				}
			}
			if err := s.rest(ctx); err != nil {
				return err
			}
			if err := measure(s, n, i == len(counts)-1); err != nil {
				return err
			}
		}
		return nil
	})
}

// numbers reads whole numbers with commas between them.
func numbers[N int | int64](text string) ([]N, error) {
	var all []N
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, N(n))
	}
	return all, nil
}

// closeExecutions starts and terminates the executions from one number to
// another.
func (s *stage) closeExecutions(ctx context.Context, from, to int) error {
	const crew = 64
	return s.crew(crew, func(n int, conn *client.Conn) error {
		for i := from + n; i < to && ctx.Err() == nil; i += crew {
			id := strconv.AppendInt(nil, int64(i), 10)
			if _, err := conn.Call("StartWorkflowExecution", appendStart(nil, id, "", "")); err != nil {
				return err
			}
			if _, err := conn.Call("TerminateWorkflowExecution", fmt.Appendf(nil, `{"domain":"bench","workflowId":"%s"}`, id)); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// list measures pages, one after the other, on one connection.
func (s *stage) list(result *pages) error {
	conn := s.target.connect()
	defer conn.Close()
	before, err := s.read()
	if err != nil {
		return err
	}
	var walked, ones []time.Duration
	for next := ""; len(walked) < pagesWalked; {
		began := time.Now()
		answer, err := conn.Call("ListClosedWorkflowExecutions", []byte(
			`{"domain":"bench","startTimeFilter":{"oldestDate":0},"maximumPageSize":100`+next+`}`))
		if err != nil {
			return err
		}
		walked = append(walked, time.Since(began))
		next = ""
		if token := client.Text(answer, "nextPageToken"); token != nil {
			next = `,"nextPageToken":"` + string(token) + `"`
		}
	}
	after, err := s.read()
	if err != nil {
		return err
	}
	for i := range pagesWalked {
		began := time.Now()
		_, err := conn.Call("ListClosedWorkflowExecutions", fmt.Appendf(nil,
			`{"domain":"bench","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"%d"}}`, i*result.Closed/pagesWalked))
		if err != nil {
			return err
		}
		ones = append(ones, time.Since(began))
	}
	slices.Sort(walked)
	slices.Sort(ones)
	result.PageP50, result.PageP99, result.OneP50 = percentile(walked, 0.5), percentile(walked, 0.99), percentile(ones, 0.5)
	result.CPU = milliseconds(after.server.CPU-before.server.CPU) * 1000 / pagesWalked
	return nil
}
