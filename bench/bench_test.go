package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
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
	names += ",console,map-run"
	b := &bench{
		servers: "heddle", store: "pebble", auth: "sigv4", names: names, inFlight: 4, warmUp: time.Millisecond, workflows: 20, repeat: 1, open: "50",
		closed: "10", items: "30", duration: 100 * time.Millisecond, dir: t.TempDir(), out: json.NewEncoder(&out),
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
	pages, mapped := 0, 0
	for lines.More() {
		var line struct {
			Workload string
			P50      float64 `json:"page_p50_ms"`
			Bytes    int     `json:"page_bytes"`
			Open     int     `json:"open_pages"`
			CPU      float64 `json:"server_cpu_percent_of_a_core"`
			Results  int
			Memory   int `json:"rss_bytes_most"`
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		switch {
		case line.Workload == "console-live" && line.Open > 0 && line.CPU > 0:
		case line.Workload == "console" && line.P50 > 0 && line.Bytes > 1000:
			pages++
		case line.Workload == "map-run" && line.Results == 30 && line.Memory > 0:
			mapped++
		default:
			t.Errorf("result %+v", line)
		}
	}
	if mapped != 1 {
		t.Errorf("%d map runs were measured", mapped)
	}
	if pages != 6 {
		t.Errorf("%d pages of the console were measured", pages)
	}
	if left, err := os.ReadDir(b.dir); err != nil || len(left) > 0 {
		t.Errorf("%d folders are left behind: %v", len(left), err)
	}
}

// The stub answers its workload as the server does, or it would not be a ceiling.
func TestStub(t *testing.T) {
	var out bytes.Buffer
	b := &bench{
		servers: "stub", store: "pebble", auth: "sigv4", names: "one-activity", inFlight: 4, warmUp: time.Millisecond, workflows: 20,
		repeat: 1, dir: t.TempDir(), out: json.NewEncoder(&out),
	}
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var line rate
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Server != "stub" || line.Workflows < 20 || line.Written < 4000 || line.Store != "pebble" {
		t.Errorf("result %+v", line)
	}
}

// The workloads that are no rates say what they are for.
func TestSpecialWorkloads(t *testing.T) {
	var out bytes.Buffer
	b := &bench{
		servers: "heddle", store: "memory", auth: "none", names: "10k-timers,long-history,visibility,flow-one-activity,flow-sequence", repeat: 1, closed: "30,60",
		inFlight: 4, warmUp: time.Millisecond, workflows: 20,
		dir: t.TempDir(), out: json.NewEncoder(&out),
	}
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(&out)
	var fired timers
	var grown longHistory
	var few, many pages
	var flows [4]rate // by hand and by package flow
	for _, result := range []any{&fired, &grown, &few, &many, &flows[0], &flows[1], &flows[2], &flows[3]} {
		if err := lines.Decode(result); err != nil {
			t.Fatal(err)
		}
	}
	if fired.Timers != 10_000 || fired.LateMax < 0 {
		t.Errorf("timers %+v", fired)
	}
	if n := len(grown.Parts); n < 3 || grown.Parts[n-1].Events < eventsLongest || grown.ReadMS <= 0 {
		t.Errorf("long history %+v", grown)
	}
	if few.Closed != 30 || many.Closed != 60 || few.PageP50 <= 0 || many.OneP50 <= 0 {
		t.Errorf("visibility %+v %+v", few, many)
	}
	for i, r := range flows {
		if want := []string{"heddle, by hand", "heddle, flow"}[i%2]; r.Server != want || r.Workflows < 20 || r.P50 <= 0 || r.ClientCPU <= 0 || r.Received <= 0 {
			t.Errorf("%s: %+v", want, r)
		}
	}
}

// The table has one row for each server and workload, with medians and with the
// rate relative to the first server's.
func TestTable(t *testing.T) {
	b := &bench{}
	for i, perSecond := range []float64{100, 40, 300, 60, 200, 50} {
		b.rates = append(b.rates, rate{Workload: "idle", Server: []string{"stub", "heddle"}[i%2], PerSecond: perSecond})
	}
	var out bytes.Buffer
	if err := b.writeTable(&out); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")[2:]
	if len(rows) != 2 {
		t.Fatalf("rows %q", rows)
	}
	for i, want := range [][]string{{"stub", "200.0", "1.00", "100-300"}, {"heddle", "50.0", "0.25", "40-60"}} {
		if got := strings.Fields(rows[i]); !slices.Equal(got[1:5], want) {
			t.Errorf("row %q, want %q", got, want)
		}
	}
}
