package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"
)

// Every workload must run and yield a whole result, so that the program still
// works on the day somebody asks for figures.
func TestWorkloads(t *testing.T) {
	var out bytes.Buffer
	names := "open"
	for _, w := range workloads {
		names += "," + w.name
	}
	b := &bench{
		store: "pebble", auth: "sigv4", names: names, inFlight: 4, warmUp: time.Millisecond, workflows: 20, repeat: 1, open: "50",
		dir: t.TempDir(), out: json.NewEncoder(&out),
	}
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(&out)
	for range len(workloads) + 1 {
		var line struct {
			Workload   string
			Workflows  int
			Executions int
			P50        float64 `json:"p50_ms"`
			Recovery   float64 `json:"recovery_seconds"`
			Cores      int
			Commit     string
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		measured := line.Workflows >= 20 && line.P50 > 0
		if line.Workload == "open" {
			measured = line.Executions == 50 && line.Recovery > 0
		}
		if !measured || line.Cores == 0 || line.Commit == "" {
			t.Errorf("result %+v", line)
		}
	}
	if left, err := os.ReadDir(b.dir); err != nil || len(left) > 0 {
		t.Errorf("%d folders are left behind: %v", len(left), err)
	}
}
