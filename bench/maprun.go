package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heddle/bench/client"
)

// Map states in distributed mode: an execution for each line of a file.

const mapRunMachine = `{"StartAt":"Items","States":{"Items":{"Type":"Map","End":true,
	"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},"Parameters":{"Bucket":"items","Key":"items.jsonl"}},
	"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Done","States":{"Done":{"Type":"Pass","End":true}}},
	"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"results","Prefix":"of"},"WriterConfig":{"OutputType":"JSONL","Transformation":"COMPACT"}}}}}`

// mapped is the result of a map run.
type mapped struct {
	Server      string  `json:"server"`
	Workload    string  `json:"workload"`
	Repeat      int     `json:"repeat"`
	Items       int64   `json:"items"`
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"executions_per_second"`
	CPU         float64 `json:"server_cpu_us_per_execution"`
	RSSBefore   int64   `json:"rss_bytes_before"`
	RSSMost     int64   `json:"rss_bytes_most"`
	RSSHalf     int64   `json:"rss_bytes_most_of_first_half"` // flat memory: RSSMost is not much more
	Written     int64   `json:"written_bytes_per_execution"`
	FolderBytes int64   `json:"folder_bytes_per_execution"`
	Results     int64   `json:"results"` // lines of the files with results
	machine
}

func (b *bench) measureMapRuns(ctx context.Context, m *measured, repeat int) error {
	for text := range strings.SplitSeq(b.items, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return fmt.Errorf("how many items a map run has: %w", err)
		}
		if err := b.measureMapRun(ctx, m, repeat, n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureMapRun(ctx context.Context, m *measured, repeat int, items int64) (err error) {
	if b.buckets, err = b.newFolder("buckets"); err != nil {
		return err
	}
	defer func() {
		os.RemoveAll(b.buckets)
		b.buckets = ""
	}()
	if err := writeItems(b.buckets, items); err != nil {
		return err
	}
	return b.onStage(m, "map-run", func(s *stage) error {
		if err := declareMachine(s.target, mapRunMachine, false); err != nil {
			return err
		}
		if err := s.allowAll(); err != nil {
			return err
		}
		result := mapped{Server: m.name, Workload: "map-run", Repeat: repeat, Items: items, machine: b.describe(m)}
		before, err := s.read()
		if err != nil {
			return err
		}
		result.RSSBefore = before.server.RSSBytes
		err = s.profile(func() error { return s.runMap(ctx, &result) })
		if err != nil {
			return err
		}
		after, err := s.read()
		if err != nil {
			return err
		}
		result.Seconds = after.at.Sub(before.at).Seconds()
		result.PerSecond = float64(items) / result.Seconds
		result.CPU = milliseconds(after.server.CPU-before.server.CPU) * 1000 / float64(items)
		result.Written = (after.server.WrittenBytes - before.server.WrittenBytes) / items
		result.FolderBytes = (after.folder - before.folder) / items
		if result.Results, err = countLines(filepath.Join(b.buckets, "results", "of", "*", "SUCCEEDED_*")); err != nil {
			return err
		}
		if result.Results != items {
			return fmt.Errorf("%d items have %d results", items, result.Results)
		}
		return b.out.Encode(result)
	})
}

// writeItems makes the buckets, with a file of items of 64 bytes.
func writeItems(folder string, items int64) error {
	for _, bucket := range []string{"items", "results"} {
		if err := os.Mkdir(filepath.Join(folder, bucket), 0o755); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(folder, "items", "items.jsonl"))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for i := range items {
		fmt.Fprintf(w, `{"order":%08d,"customer":"customer-%08d","cents":%6d}`+"\n", 10_000_000+i, i, 100_000+i%900_000)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// allowAll lets the role of the machines do everything.
func (s *stage) allowAll() error {
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	conn := s.target.connect().Of(client.IAM)
	defer conn.Close()
	_, err := conn.Call("", []byte(url.Values{"Action": {"PutRolePolicy"}, "Version": {"2010-05-08"}, "RoleName": {"states"}, "PolicyName": {"all"}, "PolicyDocument": {policy}}.Encode()))
	return err
}

// runMap runs an execution to its end, and looks meanwhile what memory that takes.
func (s *stage) runMap(ctx context.Context, result *mapped) error {
	conn := s.target.connect().Of(client.StepFunctions)
	defer conn.Close()
	answer, err := conn.Call("StartExecution", appendExecution(nil, "map", "{}"))
	if err != nil {
		return err
	}
	arn := string(client.Text(answer, "executionArn"))
	look := time.NewTicker(restLook)
	defer look.Stop()
	var run string
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		used, err := s.server.Usage()
		if err != nil {
			return err
		}
		result.RSSMost = max(result.RSSMost, used.RSSBytes)
		if run == "" {
			runs, err := conn.Call("ListMapRuns", []byte(`{"executionArn":"`+arn+`"}`))
			if err != nil {
				return err
			}
			run = string(client.Text(runs, "mapRunArn"))
		} else if described, err := conn.Call("DescribeMapRun", []byte(`{"mapRunArn":"`+run+`"}`)); err != nil {
			return err
		} else {
			var of struct{ ItemCounts struct{ Succeeded int64 } }
			if err := json.Unmarshal(described, &of); err != nil {
				return err
			}
			if of.ItemCounts.Succeeded <= result.Items/2 {
				result.RSSHalf = result.RSSMost
			}
		}
		answer, err := conn.Call("DescribeExecution", []byte(`{"executionArn":"`+arn+`"}`))
		if err != nil {
			return err
		}
		switch status := string(client.Text(answer, "status")); status {
		case "RUNNING":
		case "SUCCEEDED":
			return nil
		default:
			return fmt.Errorf("the execution is %s: %s", status, answer)
		}
	}
}

// countLines counts the lines of files.
func countLines(pattern string) (lines int64, err error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return 0, err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		in := bufio.NewScanner(f)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			lines++
		}
		f.Close()
		if err := in.Err(); err != nil {
			return 0, err
		}
	}
	return lines, nil
}
