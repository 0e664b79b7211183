package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"heddle/bench/client"
)

// timers is the result of many timers that are due at about the same time.
type timers struct {
	Server     string  `json:"server"`
	Workload   string  `json:"workload"`
	Repeat     int     `json:"repeat"`
	Timers     int     `json:"timers"`
	Executions int     `json:"executions"`
	LateP50    float64 `json:"late_p50_ms"` // from when a timer was due to its event
	LateP99    float64 `json:"late_p99_ms"`
	LateMax    float64 `json:"late_max_ms"`
	CPU        float64 `json:"server_cpu_us_per_timer"` // started and fired
	machine
}

const (
	timersPerExecution = 100
	timerSeconds       = 5
)

// measureTimers starts 10,000 timers of 5 s as fast as it can and looks, after
// they have fired, how late each was. Decision tasks that the timers cause wait:
// this is about timers alone.
func (b *bench) measureTimers(_ context.Context, m *measured, repeat int) error {
	result := timers{Server: m.name, Workload: "10k-timers", Repeat: repeat, Executions: 100, machine: b.describe(m)}
	return b.onStage(m, "timers", func(s *stage) error {
		before, err := s.read()
		if err != nil {
			return err
		}
		ids := make([]string, result.Executions)
		err = s.crew(10, func(n int, conn *client.Conn) error {
			for i := n; i < len(ids); i += 10 {
				ids[i] = strconv.Itoa(i) + "-timers"
				list := "timers-" + strconv.Itoa(n)
				answer, err := conn.Call("StartWorkflowExecution", appendStart(nil, []byte(ids[i]), "", list))
				if err != nil {
					return err
				}
				run := string(client.Text(answer, "runId"))
				task, err := conn.Call("PollForDecisionTask", appendPoll(nil, list))
				if err != nil {
					return err
				}
				body := append([]byte(`{"taskToken":"`), client.Text(task, "taskToken")...)
				body = append(body, `","decisions":[`...)
				for timer := range timersPerExecution {
					if timer > 0 {
						body = append(body, ',')
					}
					body = fmt.Appendf(body, `{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"%d","startToFireTimeout":"%d"}}`, timer, timerSeconds)
				}
				if _, err := conn.Call("RespondDecisionTaskCompleted", append(body, "]}"...)); err != nil {
					return err
				}
				ids[i] += `","runId":"` + run
			}
			return nil
		})
		if err != nil {
			return err
		}
		var late []time.Duration
		conn := s.target.connect()
		defer conn.Close()
		deadline := time.Now().Add(timerSeconds*time.Second + time.Minute)
		for _, id := range ids {
			for {
				fired, err := lateness(conn, id)
				if err != nil {
					return err
				}
				if len(fired) == timersPerExecution {
					late = append(late, fired...)
					break
				}
				if time.Now().After(deadline) {
					return fmt.Errorf("of execution %q only %d timers fired", id, len(fired))
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		after, err := s.read()
		if err != nil {
			return err
		}
		slices.Sort(late)
		result.Timers = len(late)
		result.LateP50, result.LateP99, result.LateMax = percentile(late, 0.5), percentile(late, 0.99), percentile(late, 1)
		result.CPU = milliseconds(after.server.CPU-before.server.CPU) * 1000 / float64(len(late))
		return b.out.Encode(result)
	})
}

// lateness reads a history and gives how late each of its timers fired. The
// execution is quoted up to its last quote.
func lateness(conn *client.Conn, execution string) (late []time.Duration, err error) {
	answer, err := conn.Call("GetWorkflowExecutionHistory", fmt.Appendf(nil,
		`{"domain":"bench","execution":{"workflowId":"%s"},"maximumPageSize":1000}`, execution))
	if err != nil {
		return nil, err
	}
	var history struct {
		Events []struct {
			EventID        int64   `json:"eventId"`
			EventType      string  `json:"eventType"`
			EventTimestamp float64 `json:"eventTimestamp"`
			Fired          struct {
				StartedEventID int64 `json:"startedEventId"`
			} `json:"timerFiredEventAttributes"`
		} `json:"events"`
	}
	if err := json.Unmarshal(answer, &history); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	for _, e := range history.Events {
		if e.EventType != "TimerFired" {
			continue
		}
		started := e.Fired.StartedEventID
		if started < 1 || started > int64(len(history.Events)) {
			return nil, errors.New("a timer fired that was not started")
		}
		seconds := e.EventTimestamp - history.Events[started-1].EventTimestamp - timerSeconds
		late = append(late, time.Duration(seconds*float64(time.Second)).Round(time.Millisecond))
	}
	return late, nil
}
