package overload

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/bench/client"
)

// flood is one client, who starts and terminates executions on many connections,
// and repeats what was refused.
type flood struct {
	*stage
	number  atomic.Int64 // of the last pair
	started sync.Map     // numbers of executions that were acknowledged
	failed  chan error
}

func (s *stage) newFlood() *flood { return &flood{stage: s, failed: make(chan error, 1)} }

// outcome is what a run has done and cost.
type outcome struct {
	began, ended      time.Time
	offered, pairs    int64 // starts, each with its end: asked for, and done
	accepted, refused int64 // calls
	cpu               time.Duration
	rss               int64 // most
	latencies         spans // of calls that were accepted
}

func (o *outcome) perSecond(n int64) float64 { return float64(n) / o.ended.Sub(o.began).Seconds() }

// cost is the server's CPU for a call, done or refused.
func (o *outcome) cost() time.Duration { return o.cpu / time.Duration(max(1, o.accepted+o.refused)) }

func (o *outcome) latency(p float64) time.Duration { return o.latencies.at(p) }

func (o *outcome) String() string {
	return fmt.Sprintf("%.0f executions/s of %.0f offered, %.0f calls/s, %.0f refused/s, p50 %s, p99 %s, %s of CPU a call",
		o.perSecond(o.pairs), o.perSecond(o.offered), o.perSecond(o.accepted), o.perSecond(o.refused),
		o.latency(0.5).Round(100*time.Microsecond), o.latency(0.99).Round(100*time.Microsecond), o.cost().Round(time.Microsecond))
}

// hand is one connection.
type hand struct {
	*flood
	conn *client.Conn
	outcome
}

// run asks on so many connections for executions: so many a second, or as fast as
// they are done. What has begun is finished after the time that is measured.
func (f *flood) run(connections int, perSecond float64, takes time.Duration) *outcome {
	hands := make([]*hand, connections)
	var due chan struct{}
	if perSecond > 0 {
		due = make(chan struct{}, connections)
	}
	var over atomic.Bool
	var all sync.WaitGroup
	before := f.usage()
	o := outcome{began: time.Now()}
	for i := range hands {
		h := &hand{flood: f, conn: f.connect(greedy)}
		hands[i] = h
		all.Go(func() {
			defer h.conn.Close()
			for !over.Load() {
				if due != nil {
					if _, more := <-due; !more {
						return
					}
				}
				if err := h.pair(&over); err != nil {
					select {
					case f.failed <- err:
					default:
					}
					return
				}
			}
		})
	}
	pulse := time.NewTicker(20 * time.Millisecond)
	defer pulse.Stop()
	for passed := time.Duration(0); passed < takes; passed = time.Since(o.began) {
		<-pulse.C
		o.rss = max(o.rss, f.rss())
		for float64(o.offered) < perSecond*passed.Seconds() && len(due) < cap(due) {
			due <- struct{}{}
			o.offered++
		}
	}
	over.Store(true)
	o.ended, o.cpu = time.Now(), f.usage().CPU-before.CPU
	if due != nil {
		close(due)
	}
	all.Wait()
	for _, h := range hands {
		o.pairs += h.pairs
		o.accepted += h.accepted
		o.refused += h.refused
		o.latencies = append(o.latencies, h.latencies...)
		if due == nil {
			o.offered += h.offered
		}
	}
	select {
	case err := <-f.failed:
		f.t.Fatal(err)
	default:
	}
	return &o
}

// pair starts an execution and terminates it, counting until it is over.
func (h *hand) pair(over *atomic.Bool) error {
	n := h.number.Add(1)
	h.offered++
	done, err := h.call(over, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"overload","workflowId":"order-%d","workflowType":{"name":"order","version":"1"}}`, n))
	if err != nil || !done {
		return err
	}
	h.started.Store(n, true)
	for {
		done, err := h.call(over, "TerminateWorkflowExecution", fmt.Sprintf(`{"domain":"overload","workflowId":"order-%d"}`, n))
		if err != nil {
			return err
		}
		if done {
			break
		}
	}
	if !over.Load() {
		h.pairs++
	}
	return nil
}

// call tells whether the call was accepted. An error is anything but that and a
// refusal in the API's own words.
func (h *hand) call(over *atomic.Bool, action, body string) (bool, error) {
	began := time.Now()
	_, err := h.conn.Call(action, []byte(body))
	refused := client.IsFault(err, "ThrottlingException")
	switch {
	case err != nil && !refused:
		return false, fmt.Errorf("%s: %w", action, err)
	case over.Load():
	case refused:
		h.refused++
	default:
		h.accepted++
		h.latencies = append(h.latencies, time.Since(began))
	}
	return !refused, nil
}

// settle holds what the server lists against what it has acknowledged: each
// execution that was acknowledged is closed, and none that was refused is there.
func (f *flood) settle(t *testing.T) {
	conn := f.connect(prober)
	defer conn.Close()
	closed := map[string]int{}
	for _, list := range []string{"ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"} {
		for next := ""; ; {
			answer, err := conn.Call(list, []byte(fmt.Sprintf(`{"domain":"overload","startTimeFilter":{"oldestDate":0},"maximumPageSize":1000%s}`, next)))
			if err != nil {
				t.Fatal(err)
			}
			var page struct {
				Infos []struct {
					Execution struct {
						ID string `json:"workflowId"`
					} `json:"execution"`
					Status string `json:"closeStatus"`
				} `json:"executionInfos"`
				Next string `json:"nextPageToken"`
			}
			if err := json.Unmarshal(answer, &page); err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Infos {
				if e.Status != "TERMINATED" {
					t.Errorf("%s has the status %q", e.Execution.ID, e.Status)
				}
				closed[e.Execution.ID]++
			}
			if page.Next == "" {
				break
			}
			next = fmt.Sprintf(`,"nextPageToken":%q`, page.Next)
		}
	}
	acknowledged := 0
	f.started.Range(func(n, _ any) bool {
		acknowledged++
		if id := fmt.Sprintf("order-%d", n); closed[id] != 1 {
			t.Errorf("%s was acknowledged, and is listed %d times", id, closed[id])
		}
		return true
	})
	if len(closed) != acknowledged {
		t.Errorf("%d executions are there, %d were acknowledged", len(closed), acknowledged)
	}
	t.Logf("%d executions were acknowledged; all of them are there, and no other", acknowledged)
}
