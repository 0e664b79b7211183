package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
)

// Workloads of Step Functions: executions of state machines.

const (
	benchActivity = "arn:aws:states:us-east-1:123456789012:activity:charge"
	benchMachine  = "arn:aws:states:us-east-1:123456789012:stateMachine:order"
	benchRole     = "arn:aws:iam::123456789012:role/states"

	passMachine     = `{"StartAt":"Done","States":{"Done":{"Type":"Pass","End":true}}}`
	activityMachine = `{"StartAt":"Charge","States":{"Charge":{"Type":"Task","Resource":"` + benchActivity + `","TimeoutSeconds":300,"End":true}}}`
	waitMachine     = `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","TimestampPath":"$.until","End":true}}}`
)

// loops are machines that run by themselves.
var loops = map[string]string{
	"machine-loop": `{"StartAt":"Begin","States":{"Begin":{"Type":"Pass","Result":{"n":0},"Next":"More"},
		"More":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":4000,"Next":"Add"}],"Default":"Done"},
		"Add":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"More"},"Done":{"Type":"Succeed"}}}`,
	"machine-jsonata": `{"QueryLanguage":"JSONata","StartAt":"Begin","States":{"Begin":{"Type":"Pass","Output":{"n":0},"Next":"More"},
		"More":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n < 4000 %}","Next":"Add"}],"Default":"Done"},
		"Add":{"Type":"Pass","Output":{"n":"{% $states.input.n + 1 %}"},"Next":"More"},"Done":{"Type":"Succeed"}}}`,
	"machine-map": `{"StartAt":"Items","States":{"Items":{"Type":"Pass","Parameters":{"items.$":"States.ArrayRange(1, 1000, 1)"},"Next":"Each"},
		"Each":{"Type":"Map","ItemsPath":"$.items","ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Pass","End":true}}},"End":true}}}`,
}

// declareMachine makes the role, the activity and the machine.
func declareMachine(t target, definition string, express bool) error {
	kind := "STANDARD"
	if express {
		kind = "EXPRESS"
	}
	quoted, err := json.Marshal(definition)
	if err != nil {
		return err
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	role := url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"states"}, "AssumeRolePolicyDocument": {trust}}
	for _, call := range []struct {
		of           client.Service
		action, body string
	}{
		{client.IAM, "", role.Encode()},
		{client.StepFunctions, "CreateActivity", `{"name":"charge"}`},
		{client.StepFunctions, "CreateStateMachine", `{"name":"order","type":"` + kind + `","roleArn":"` + benchRole + `","definition":` + string(quoted) + `}`},
	} {
		conn := t.connect().Of(call.of)
		_, err := conn.Call(call.action, []byte(call.body))
		conn.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// appendExecution appends the body that starts an execution. Its input says the slot.
func appendExecution(b []byte, name string, input string) []byte {
	b = append(b, `{"stateMachineArn":"`+benchMachine+`","name":"`...)
	b = append(b, name...)
	b = append(b, `","input":"`...)
	b = append(b, input...)
	return append(b, `"}`...)
}

// machineStarter starts one execution after the other, and waits for their ends.
func (l *load) machineStarter(i int) error {
	conn := l.target.connect().Of(client.StepFunctions)
	defer conn.Close()
	m := meter{load: l}
	defer m.handIn()
	var body []byte
	action := cmp.Or(l.workload.action, "StartExecution")
	input := `{\"slot\":` + strconv.Itoa(i) + `,\"order\":4711,\"lines\":[1,2,3]}`
	for !l.halted.Load() {
		n := l.started.Add(1)
		if l.limit > 0 && n > l.limit {
			return nil
		}
		body = appendExecution(body[:0], strconv.Itoa(i)+"-"+strconv.FormatInt(n, 10), input)
		if action == "DescribeStateMachine" {
			body = append(body[:0], `{"stateMachineArn":"`+benchMachine+`"}`...)
		}
		began := time.Now()
		if err := m.call(conn, action, body); err != nil {
			return err
		}
		ended := time.Now()
		if l.workload.activities > 0 {
			select {
			case ended = <-l.slots[i].completed:
			case err := <-l.failed:
				l.failed <- err
				return nil
			}
		}
		if l.measured.Load() {
			m.latencies = append(m.latencies, ended.Sub(began))
			l.finished.Add(1)
		}
	}
	return nil
}

// machineWorker does the activity, which is the last of its execution.
func (l *load) machineWorker(conn *client.Conn) error {
	conn.Of(client.StepFunctions)
	m := meter{load: l}
	defer m.handIn()
	var body []byte
	for {
		task, err := conn.Call("GetActivityTask", []byte(`{"activityArn":"`+benchActivity+`","workerName":"bench"}`))
		if err != nil {
			return err
		}
		token := client.Text(task, "taskToken")
		if token == nil {
			continue
		}
		_, rest, found := bytes.Cut(task, []byte(`{\"slot\":`))
		digits, _, ended := bytes.Cut(rest, []byte{','})
		slot, err := strconv.Atoi(string(digits))
		if !found || !ended || err != nil {
			return fmt.Errorf("a task that is not ours: %s", task)
		}
		body = append(body[:0], `{"taskToken":"`...)
		body = append(body, token...)
		body = append(body, `","output":"{\"receipt\":\"R-4711\"}"}`...)
		if err := m.call(conn, "SendTaskSuccess", body); l.refused(err) {
			continue
		} else if err != nil {
			return err
		}
		l.slots[slot].completed <- time.Now()
	}
}

// looped is the result of executions that run by themselves.
type looped struct {
	Server      string  `json:"server"`
	Workload    string  `json:"workload"`
	Repeat      int     `json:"repeat"`
	Executions  int     `json:"executions"`
	Events      int64   `json:"events"`
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"events_per_second"`
	CPU         float64 `json:"server_cpu_us_per_event"`
	DiskBytes   int64   `json:"disk_bytes_per_event"`
	FolderBytes int64   `json:"folder_bytes_per_event"`
	machine
}

// measureLoops runs some executions of a loop at a time, and looks how many events that was.
func measureLoops(name string) func(*bench, context.Context, *measured, int) error {
	return func(b *bench, ctx context.Context, m *measured, repeat int) error {
		return b.measureLoop(ctx, m, name, repeat)
	}
}

func (b *bench) measureLoop(ctx context.Context, m *measured, name string, repeat int) error {
	return b.onStage(m, name, func(s *stage) error {
		if err := declareMachine(s.target, loops[name], false); err != nil {
			return err
		}
		result := looped{Server: m.name, Workload: name, Repeat: repeat, Executions: 64, machine: b.describe(m)}
		before, err := s.read()
		if err != nil {
			return err
		}
		var events atomic.Int64
		err = s.profile(func() error {
			return s.crew(8, func(n int, conn *client.Conn) error {
				conn.Of(client.StepFunctions)
				for i := n; i < result.Executions; i += 8 {
					ran, err := runToEnd(ctx, conn, strconv.Itoa(i))
					if err != nil {
						return err
					}
					events.Add(ran)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		after, err := s.read()
		if err != nil {
			return err
		}
		result.Events, result.Seconds = events.Load(), after.at.Sub(before.at).Seconds()
		n := float64(max(result.Events, 1))
		result.PerSecond = n / result.Seconds
		result.CPU = milliseconds(after.server.CPU-before.server.CPU) * 1000 / n
		result.DiskBytes = int64(float64(after.server.DiskBytes-before.server.DiskBytes) / n)
		result.FolderBytes = int64(float64(after.folder-before.folder) / n)
		return b.out.Encode(result)
	})
}

// runToEnd runs one execution and gives the number of its events.
func runToEnd(ctx context.Context, conn *client.Conn, name string) (int64, error) {
	answer, err := conn.Call("StartExecution", appendExecution(nil, name, "{}"))
	if err != nil {
		return 0, err
	}
	arn := string(client.Text(answer, "executionArn"))
	for {
		answer, err := conn.Call("DescribeExecution", []byte(`{"executionArn":"`+arn+`","includedData":"METADATA_ONLY"}`))
		if err != nil {
			return 0, err
		}
		switch status := string(client.Text(answer, "status")); status {
		case "RUNNING":
		case "SUCCEEDED":
			answer, err := conn.Call("GetExecutionHistory", []byte(`{"executionArn":"`+arn+`","reverseOrder":true,"maxResults":1}`))
			return client.Int(answer, "id"), err
		default:
			return 0, fmt.Errorf("execution %s is %s", arn, status)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// waits is the result of many executions that wait for a moment.
type waits struct {
	Server       string  `json:"server"`
	Workload     string  `json:"workload"`
	Repeat       int     `json:"repeat"`
	Waiting      int     `json:"waiting"`
	StartsPerSec float64 `json:"starts_per_second"`
	MemoryEach   int64   `json:"memory_bytes_each"` // of the process, beyond what it had
	RestartMS    float64 `json:"restart_ms"`
	RestartCPU   float64 `json:"restart_cpu_seconds"`
	RestartEach  int64   `json:"restarted_memory_bytes_each"` // when it listens again
	DueAtOnce    int     `json:"due_at_once"`
	FiredAfterMS float64 `json:"fired_after_ms"` // the last of these, after it was due
	FiringCPU    float64 `json:"firing_cpu_seconds"`
	machine
}

// measureWaits starts executions that wait, as many as the flag open says last, looks what
// memory they take, starts the server again, and has some of them due in the same second.
func (b *bench) measureWaits(_ context.Context, m *measured, repeat int) error {
	sizes := strings.Split(b.open, ",")
	waiting, err := strconv.Atoi(strings.TrimSpace(sizes[len(sizes)-1]))
	if err != nil {
		return fmt.Errorf("how many executions wait: %w", err)
	}
	result := waits{Server: m.name, Workload: "machine-waits", Repeat: repeat, Waiting: waiting, DueAtOnce: cmp.Or(b.due, waiting/10), machine: b.describe(m)}
	return b.onStage(m, "waits", func(s *stage) error {
		if err := declareMachine(s.target, waitMachine, false); err != nil {
			return err
		}
		empty, err := s.server.Usage()
		if err != nil {
			return err
		}
		start := func(prefix string, count int, until time.Time) error {
			var next atomic.Int64
			input := `{\"until\":\"` + until.UTC().Format("2006-01-02T15:04:05Z") + `\"}`
			return s.crew(32, func(_ int, conn *client.Conn) error {
				conn.Of(client.StepFunctions)
				var body []byte
				for n := next.Add(1); n <= int64(count); n = next.Add(1) {
					body = appendExecution(body[:0], prefix+strconv.FormatInt(n, 10), input)
					if _, err := conn.Call("StartExecution", body); err != nil {
						return err
					}
				}
				return nil
			})
		}
		began := time.Now()
		if err := start("far-", waiting-result.DueAtOnce, began.Add(24*time.Hour)); err != nil {
			return err
		}
		result.StartsPerSec = float64(waiting-result.DueAtOnce) / time.Since(began).Seconds()
		// Late enough that the rest has begun by then, the server has come to rest and is back.
		before := float64(result.DueAtOnce)/result.StartsPerSec*1.5 + 20 + float64(waiting)/20_000
		due := time.Now().Add(time.Duration(before) * time.Second).Truncate(time.Second)
		if err := start("near-", result.DueAtOnce, due); err != nil {
			return err
		}
		if err := s.rest(context.Background()); err != nil {
			return err
		}
		full, err := s.server.Usage()
		if err != nil {
			return err
		}
		result.MemoryEach = (full.RSSBytes - empty.RSSBytes) / int64(waiting)
		again := time.Now()
		if err := s.reopen((*process.Server).Kill); err != nil {
			return err
		}
		result.RestartMS = milliseconds(time.Since(again))
		restarted, err := s.server.Usage()
		if err != nil {
			return err
		}
		result.RestartCPU = restarted.CPU.Seconds()
		result.RestartEach = (restarted.RSSBytes - empty.RSSBytes) / int64(waiting)
		if time.Now().After(due) {
			return errors.New("the executions were due before all had begun; have fewer")
		}
		err = s.profile(func() error {
			late, used, err := s.lastFired(result.DueAtOnce, due)
			result.FiredAfterMS, result.FiringCPU = milliseconds(late), used.Seconds()
			return err
		})
		if err != nil {
			return err
		}
		return b.out.Encode(result)
	})
}

// lastFired waits until no execution that was due is open, and tells how long after that
// moment the last has ended, and how much CPU the server has used since.
func (s *stage) lastFired(count int, due time.Time) (late, used time.Duration, err error) {
	conn := s.target.connect().Of(client.StepFunctions)
	defer conn.Close()
	time.Sleep(time.Until(due))
	before, err := s.server.Usage()
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(time.Second)
	deadline := due.Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		_ = s.rest(context.Background()) // if it can: to list them would hold them up
		after, err := s.server.Usage()
		if err != nil {
			return 0, 0, err
		}
		var latest float64
		ended, next := 0, ""
		for {
			body := `{"stateMachineArn":"` + benchMachine + `","statusFilter":"SUCCEEDED","maxResults":1000` + next + `}`
			answer, err := conn.Call("ListExecutions", []byte(body))
			if err != nil {
				return 0, 0, err
			}
			var page struct {
				Executions []struct{ StopDate float64 }
				NextToken  string
			}
			if err := json.Unmarshal(answer, &page); err != nil {
				return 0, 0, err
			}
			for _, e := range page.Executions {
				latest = max(latest, e.StopDate)
			}
			ended += len(page.Executions)
			if page.NextToken == "" {
				break
			}
			next = `,"nextToken":"` + page.NextToken + `"`
		}
		if ended >= count {
			return time.Duration((latest - float64(due.Unix())) * float64(time.Second)), after.CPU - before.CPU, nil
		}
	}
	return 0, 0, fmt.Errorf("not all of %d executions have ended", count)
}
