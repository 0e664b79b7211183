package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow/internal/wire"
)

func init() {
	storyCode["sequence"] = func(ctx Context, n int) (string, error) {
		for i := range n {
			if _, err := storyWork.Call(ctx, i); err != nil {
				return "", err
			}
		}
		return said(storyPoke.Receive(ctx))
	}
}

// sequence is the history of so many activities one after the other, six events each.
func sequence(n int) *teller {
	s := newTeller("sequence", fmt.Sprint(n))
	for i := range n {
		s.task("", false, func() {})
		s.add(types.HistoryEvent{}, types.EventTypeActivityTaskStarted)
		s.add(types.HistoryEvent{ActivityTaskCompletedEventAttributes: &types.ActivityTaskCompletedEventAttributes{ScheduledEventId: s.ids[fmt.Sprint("Work-", i+1)], Result: aws.String("7")}}, types.EventTypeActivityTaskCompleted)
	}
	return s
}

// plain is an event as the wire has it.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if at, is := v.Interface().(*time.Time); is {
			return float64(at.UnixMilli()) / 1000
		}
		return plain(v.Elem())
	case reflect.Struct:
		m := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				m[strings.ToLower(f.Name[:1])+f.Name[1:]] = plain(v.Field(i))
			}
		}
		return m
	}
	return v.Interface()
}

// pages answers with pages of a history, one after the other.
type pages struct {
	all  [][]byte
	next int
}

func (p *pages) Do(*http.Request) (*http.Response, error) {
	page := p.all[p.next%len(p.all)]
	p.next++
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(len(page)), Body: io.NopCloser(bytes.NewReader(page))}, nil
}

// A worker that does not have a run at hand reads its history in pages of 1,000 events and replays it.
func BenchmarkReplay20000Events(b *testing.B) {
	s := sequence(3333)
	served := &pages{}
	for from := 0; from < len(s.events); from += 1000 {
		var page []any
		for i := from; i < min(from+1000, len(s.events)); i++ {
			page = append(page, plain(reflect.ValueOf(&s.events[i])))
		}
		answer := map[string]any{"events": page}
		if from+1000 < len(s.events) {
			answer["nextPageToken"] = "next"
		}
		text, err := json.Marshal(answer)
		if err != nil {
			b.Fatal(err)
		}
		served.all = append(served.all, text)
	}
	w := &Worker{c: &Client{API: wire.New(aws.Config{Region: "us-east-1", HTTPClient: served, Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")})}}
	task := &swf.PollForDecisionTaskOutput{WorkflowExecution: &types.WorkflowExecution{}, StartedEventId: int64(len(s.events))}
	b.Run("decoded and replayed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			served.next = 0
			events, err := w.events(context.Background(), &swf.PollForDecisionTaskInput{}, task, true)
			if err != nil || len(events) != len(s.events) {
				b.Fatalf("%d events, want %d: %v", len(events), len(s.events), err)
			}
			run := newRun(RunInfo{}, s.code, (&Client{}).payloads(), discard, false, false)
			if err := run.run.Advance(events, 0); err != nil {
				b.Fatal(err)
			}
			run.run.End()
		}
	})
	b.Run("replayed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run := newRun(RunInfo{}, s.code, (&Client{}).payloads(), discard, false, false)
			if err := run.run.Advance(s.events, 0); err != nil {
				b.Fatal(err)
			}
			run.run.End()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(s.events)), "ns/event")
	})
}

// A decision task of a run at hand: six events, one decision.
func BenchmarkCachedTask(b *testing.B) {
	for _, check := range []bool{false, true} {
		b.Run(fmt.Sprintf("check %v", check), func(b *testing.B) {
			const tasks = 1000
			s := sequence(tasks)
			b.ResetTimer()
			for n := 0; n < b.N; {
				run := newRun(RunInfo{}, s.code, (&Client{}).payloads(), discard, check, false)
				b.StopTimer()
				var cuts [][2]int64 // first event and DecisionTaskStarted
				from := int64(1)
				for i := range s.events {
					if s.events[i].DecisionTaskStartedEventAttributes != nil {
						cuts = append(cuts, [2]int64{from, s.events[i].EventId})
						from = s.events[i].EventId + 1
					}
				}
				b.StartTimer()
				for _, c := range cuts {
					if err := run.run.Advance(s.events[c[0]-1:c[1]], c[1]); err != nil {
						b.Fatal(err)
					}
					if len(run.run.Decisions()) != 1 {
						b.Fatal("it decides otherwise")
					}
					n++
				}
				run.run.End()
			}
		})
	}
}

// The memory of runs at hand that wait: for a signal from the start, and after three activities.
func BenchmarkWaitingRun(b *testing.B) {
	for _, activities := range []int{0, 3} {
		b.Run(fmt.Sprintf("after %d activities", activities), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(waiting(2000, activities), "B/run")
			}
		})
	}
}

// waiting is what each of so many runs holds of heap and stack that waits for a signal after so many activities.
func waiting(runs, activities int) float64 {
	w := NewWorker(&Client{}, WorkerConfig{TaskList: "list", Cached: runs})
	before := inUse()
	for i := range runs {
		s := sequence(activities)
		s.task("", false, func() {})
		w.keep(fmt.Sprint("run-", i), s.c)
	}
	held := float64(inUse()-before) / float64(runs)
	for w.used.Len() > 0 {
		w.drop(w.used.Back())
	}
	return held
}

// inUse is what is held of heap and stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
