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
	"heddle/bench/process"
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
	Kills       int     `json:"kills"` // of the server, by SIGKILL, meanwhile
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"executions_per_second"`
	CPU         float64 `json:"server_cpu_us_per_execution"`
	RSSBefore   int64   `json:"rss_bytes_before"`
	RSSMost     int64   `json:"rss_bytes_most"`
	RSSHalf     int64   `json:"rss_bytes_most_of_first_half"` // flat memory: RSSMost is not much more
	Written     int64   `json:"written_bytes_per_execution"`
	FolderBytes int64   `json:"folder_bytes_per_execution"`
	Results     int64   `json:"results"` // lines of the files with results, no two of one item
	machine
}

func (b *bench) measureMapRuns(ctx context.Context, m *measured, repeat int) error {
	counts, err := numbers[int64](b.items)
	if err != nil {
		return fmt.Errorf("how many items a map run has: %w", err)
	}
	for _, n := range counts {
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
		result := mapped{Server: m.name, Workload: "map-run", Repeat: repeat, Items: items, Kills: b.kills, machine: b.describe(m)}
		before, err := s.read()
		if err != nil {
			return err
		}
		result.RSSBefore = before.server.RSSBytes
		var gone process.Usage
		err = s.profile(func() (err error) {
			gone, err = s.runMap(ctx, &result)
			return err
		})
		if err != nil {
			return err
		}
		after, err := s.read()
		if err != nil {
			return err
		}
		result.Seconds = after.at.Sub(before.at).Seconds()
		result.PerSecond = float64(items) / result.Seconds
		result.CPU = milliseconds(gone.CPU+after.server.CPU-before.server.CPU) * 1000 / float64(items)
		result.Written = (gone.WrittenBytes + after.server.WrittenBytes - before.server.WrittenBytes) / items
		result.FolderBytes = (after.folder - before.folder) / items
		if result.Results, err = countResults(items, filepath.Join(b.buckets, "results", "of", "*", "SUCCEEDED_*")); err != nil {
			return err
		}
		if result.Results != items {
			return fmt.Errorf("%d items have %d results", items, result.Results)
		}
		return b.out.Encode(result)
	})
}

// What an item begins with, and the number of the first.
const (
	orderMember = `{"order":`
	firstOrder  = 10_000_000
)

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
		fmt.Fprintf(w, orderMember+`%08d,"customer":"customer-%08d","cents":%6d}`+"\n", firstOrder+i, i, 100_000+i%900_000)
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

// runMap runs an execution to its end, looks meanwhile what memory that takes, and kills the server, as often as is
// asked for, each time that as many more items are done. It gives what the servers that were killed had used.
func (s *stage) runMap(ctx context.Context, result *mapped) (gone process.Usage, err error) {
	conn := s.target.connect().Of(client.StepFunctions)
	defer func() { conn.Close() }()
	answer, err := conn.Call("StartExecution", appendExecution(nil, "map", "{}"))
	if err != nil {
		return gone, err
	}
	arn := string(client.Text(answer, "executionArn"))
	look := time.NewTicker(restLook)
	defer look.Stop()
	var run string
	for killed := 0; ; {
		select {
		case <-look.C:
		case <-ctx.Done():
			return gone, ctx.Err()
		}
		used, err := s.server.Usage()
		if err != nil {
			return gone, err
		}
		result.RSSMost = max(result.RSSMost, used.RSSBytes)
		if run == "" {
			runs, err := conn.Call("ListMapRuns", []byte(`{"executionArn":"`+arn+`"}`))
			if err != nil {
				return gone, err
			}
			run = string(client.Text(runs, "mapRunArn"))
		} else if described, err := conn.Call("DescribeMapRun", []byte(`{"mapRunArn":"`+run+`"}`)); err != nil {
			return gone, err
		} else {
			var of struct{ ItemCounts struct{ Succeeded int64 } }
			if err := json.Unmarshal(described, &of); err != nil {
				return gone, err
			}
			if of.ItemCounts.Succeeded <= result.Items/2 {
				result.RSSHalf = result.RSSMost
			}
			if due := result.Items * int64(killed+1) / int64(result.Kills+1); killed < result.Kills && of.ItemCounts.Succeeded >= due {
				gone.CPU, gone.WrittenBytes = gone.CPU+used.CPU, gone.WrittenBytes+used.WrittenBytes
				conn.Close()
				if err := s.reopen((*process.Server).Kill); err != nil {
					return gone, err
				}
				conn = s.target.connect().Of(client.StepFunctions)
				killed++
			}
		}
		answer, err := conn.Call("DescribeExecution", []byte(`{"executionArn":"`+arn+`"}`))
		if err != nil {
			return gone, err
		}
		switch status := string(client.Text(answer, "status")); status {
		case "RUNNING":
		case "SUCCEEDED":
			if killed < result.Kills {
				return gone, fmt.Errorf("the execution was over after %d kills", killed)
			}
			return gone, nil
		default:
			return gone, fmt.Errorf("the execution is %s: %s", status, answer)
		}
	}
}

// countResults counts the lines of files, each of which is the result of another item.
func countResults(items int64, pattern string) (lines int64, err error) {
	found := make([]bool, items)
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
			_, rest, _ := strings.Cut(in.Text(), orderMember)
			order, _, _ := strings.Cut(rest, ",")
			n, err := strconv.ParseInt(order, 10, 64)
			if n -= firstOrder; err != nil || n < 0 || n >= items || found[n] {
				f.Close()
				return 0, fmt.Errorf("%s, line %d: no item's result, or the second one: %.100s", name, lines, in.Text())
			}
			found[n] = true
		}
		f.Close()
		if err := in.Err(); err != nil {
			return 0, err
		}
	}
	return lines, nil
}
