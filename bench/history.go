package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"heddle/bench/client"
)

// longHistory is the result of one execution that grows; each part of its life
// costs what it costs.
type longHistory struct {
	Server   string       `json:"server"`
	Workload string       `json:"workload"`
	Repeat   int          `json:"repeat"`
	Parts    []historyAge `json:"parts"`
	ReadMS   float64      `json:"read_whole_ms"` // in pages of 1,000 events
	machine
}

type historyAge struct {
	Events   int64   `json:"events"`       // at its end
	RoundP50 float64 `json:"round_p50_ms"` // signal, poll of the last events, decisions
	CPU      float64 `json:"server_cpu_us_per_event"`
	Disk     int64   `json:"disk_bytes_per_event"`
}

// eventsPerRound: signaled, scheduled, started, completed, and markers.
const (
	markersPerRound = 50
	eventsPerRound  = 4 + markersPerRound
	eventsLongest   = 20_000
)

// measureLongHistory signals one execution again and again; its decider reads the
// newest events and records markers.
func (b *bench) measureLongHistory(ctx context.Context, m *measured, repeat int) error {
	result := longHistory{Server: m.name, Workload: "long-history", Repeat: repeat, machine: b.describe(m)}
	return b.onStage(m, "long-history", func(s *stage) error {
		conn := s.target.connect()
		defer conn.Close()
		id := []byte("0-long")
		answer, err := conn.Call("StartWorkflowExecution", appendStart(nil, id, "", ""))
		if err != nil {
			return err
		}
		run := string(client.Text(answer, "runId"))
		markers := []byte(`","decisions":[`)
		for i := range markersPerRound {
			if i > 0 {
				markers = append(markers, ',')
			}
			markers = append(markers, `{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"step","details":"{\"order\":4711,\"cents\":1999}"}}`...)
		}
		markers = append(markers, "]}"...)
		poll := []byte(`{"domain":"bench","taskList":{"name":"orders"},"reverseOrder":true,"maximumPageSize":10}`)
		var rounds []time.Duration
		before, err := s.read()
		if err != nil {
			return err
		}
		ends := []int64{1000, 2000, 5000, 10_000, 15_000, eventsLongest}
		for events, since := int64(2), int64(2); len(ends) > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			began := time.Now()
			if _, err := conn.Call("SignalWorkflowExecution", appendSignal(nil, id)); err != nil {
				return err
			}
			task, err := conn.Call("PollForDecisionTask", poll)
			if err != nil {
				return err
			}
			body := append([]byte(`{"taskToken":"`), client.Text(task, "taskToken")...)
			if _, err := conn.Call("RespondDecisionTaskCompleted", append(body, markers...)); err != nil {
				return err
			}
			rounds = append(rounds, time.Since(began))
			if events += eventsPerRound; events < ends[0] {
				continue
			}
			after, err := s.read()
			if err != nil {
				return err
			}
			slices.Sort(rounds)
			result.Parts = append(result.Parts, historyAge{
				Events: events, RoundP50: percentile(rounds, 0.5),
				CPU:  milliseconds(after.server.CPU-before.server.CPU) * 1000 / float64(events-since),
				Disk: (after.server.DiskBytes - before.server.DiskBytes) / (events - since),
			})
			ends, rounds, before, since = ends[1:], rounds[:0], after, events
		}
		began := time.Now()
		for next := ""; ; {
			answer, err := conn.Call("GetWorkflowExecutionHistory", fmt.Appendf(nil,
				`{"domain":"bench","execution":{"workflowId":"%s","runId":"%s"},"maximumPageSize":1000%s}`, id, run, next))
			if err != nil {
				return err
			}
			token := client.Text(answer, "nextPageToken")
			if token == nil {
				break
			}
			next = `,"nextPageToken":"` + string(token) + `"`
		}
		result.ReadMS = milliseconds(time.Since(began))
		return b.out.Encode(result)
	})
}
