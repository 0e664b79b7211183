package server

import (
	"fmt"
	"testing"

	"heddle/internal/cluster"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/swf/execution"
)

// crossingFrames are frames of a workflow of one activity, as they go between servers.
func crossingFrames() map[string]any {
	run := engine.RunID{1, 2, 3, 4, 5, 6, 7, 8}
	return map[string]any{
		"poll":     &cluster.Poll{ID: 12345, List: "123456789012/bench/decision/decide", Who: matching.Poller{}},
		"claimed":  &cluster.Claimed{ID: 12345, Run: run, Offer: 2},
		"offer":    &cluster.Offer{Run: run, Epoch: 17, Offer: engine.Offer{List: "123456789012/bench/decision/decide", ID: 2, At: 1_700_000_000_000}},
		"start":    &cluster.Command{ID: 12345, Cmd: engine.Command{Run: run, Body: &execution.StartDecision{}}},
		"complete": &cluster.Command{ID: 12345, Cmd: engine.Command{Run: run, Body: &execution.CompleteActivity{ActivityRef: execution.ActivityRef{}, Result: new("done")}}},
		"reply":    &cluster.Reply{ID: 12345, Value: &execution.DecisionTask{}},
		"refused":  &cluster.Reply{ID: 12345, Err: fmt.Errorf("x: %w", &execution.UnknownActivityError{})},
	}
}

// BenchmarkCrossing is what frames cost both sides.
func BenchmarkCrossing(b *testing.B) {
	c := crossingCodec(b)
	for name, frame := range crossingFrames() {
		encoded, err := c.Encode(frame)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Encode(frame); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(encoded)), "B/frame")
		})
		b.Run(name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Decode(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
