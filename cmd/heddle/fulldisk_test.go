//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ask calls an action of SWF, or of Step Functions, without a signature.
func (p *running) ask(action, body string) (status int, answer string, err error) {
	r, err := http.NewRequest(http.MethodPost, p.url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	target := "SimpleWorkflowService."
	for _, of := range []string{"StateMachine", "CreateActivity", "GetActivityTask", "SendTask", "StartExecution", "RedriveExecution", "DescribeExecution", "GetExecutionHistory"} {
		if strings.Contains(action, of) {
			target = "AWSStepFunctions."
		}
	}
	r.Header.Set("X-Amz-Target", target+action)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	// Over a connection of its own: one that was left over may end as the request goes out.
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	w, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	return w.StatusCode, string(b), err
}

// want asks and wants an answer with this status; an empty text fits all.
func (p *running) want(t *testing.T, status int, text, action, body string) string {
	t.Helper()
	got, answer, err := p.ask(action, body)
	if err != nil || got != status || !strings.Contains(answer, text) {
		t.Fatalf("%s: %d %s %v, want %d and %q\n%s", action, got, answer, err, status, text, p.log)
	}
	return answer
}

// until asks again and again until the answer has this status.
func (p *running) until(t *testing.T, status int, action, body string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if got, answer, err := p.ask(action, body); got == status {
			return
		} else if time.Now().After(end) {
			t.Fatalf("%s: %d %s %v, want %d\n%s", action, got, answer, err, status, p.log)
		}
	}
}

// TestFullDisk fills the disk of a running server to each mark and then to the last byte. It
// refuses what begins first, then what changes something, ends by no means, starts again
// on the full disk, and goes on when there is room; nothing acknowledged is missing.
func TestFullDisk(t *testing.T) {
	killsProcesses(t)
	const mb = 1 << 20
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=640m,mode=0700"); err != nil {
		t.Skipf("no disk of its own: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	data, filler := filepath.Join(disk, "data"), filepath.Join(disk, "filler")
	free := func() int64 {
		var s syscall.Statfs_t
		if err := syscall.Statfs(disk, &s); err != nil {
			t.Fatal(err)
		}
		return int64(s.Bavail) * s.Bsize
	}
	// leave has others take all but so much of the disk.
	leave := func(bytes int64) {
		t.Helper()
		if err := os.Remove(filler); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		chunk := make([]byte, mb)
		for left := free() - bytes; left > 0 && err == nil; left -= mb {
			_, err = f.Write(chunk[:min(left, mb)])
		}
		if bytes == 0 {
			for err == nil { // what the server has given up meanwhile
				_, err = f.Write(chunk[:4096])
			}
		}
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	serve := []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--auth", "none"}
	p, err := launch(t, ":", serve...)
	if err != nil {
		t.Fatal(err)
	}
	p.want(t, 200, "", "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	p.want(t, 200, "", "RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"none"},"defaultChildPolicy":"TERMINATE",
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"NONE"}`)
	acked, started := 0, 0
	begin := func() string {
		started++
		return fmt.Sprintf(`{"domain":"shop","workflowId":"%d","workflowType":{"name":"order","version":"1"}}`, started)
	}
	signal := func() string {
		return fmt.Sprintf(`{"domain":"shop","workflowId":"1","signalName":"go","input":"%s"}`, strings.Repeat("x", 30_000))
	}
	p.want(t, 200, "", "StartWorkflowExecution", begin())
	p.want(t, 200, "", "SignalWorkflowExecution", signal())
	acked++
	const states = "arn:aws:states:us-east-1:123456789012:"
	p.want(t, 200, "", "CreateActivity", `{"name":"a"}`)
	p.want(t, 200, "", "CreateStateMachine", `{"name":"m","roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"`+
		states+`activity:a\",\"Catch\":[{\"ErrorEquals\":[\"never\"],\"Next\":\"S\"}],\"Next\":\"T\"},\"S\":{\"Type\":\"Succeed\"}}}"}`)
	machine := func(name string) string {
		return `{"stateMachineArn":"` + states + `stateMachine:m","name":"` + name + `"}`
	}
	p.want(t, 200, "", "StartExecution", machine("0"))
	token := func() string {
		answer := p.want(t, 200, "taskToken", "GetActivityTask", `{"activityArn":"`+states+`activity:a"}`)
		_, rest, _ := strings.Cut(answer, `"taskToken":"`)
		token, _, _ := strings.Cut(rest, `"`)
		return `{"taskToken":"` + token + `","output":"{}"}`
	}
	done := token()
	execution := `{"executionArn":"` + states + `execution:m:0"}`
	if _, err := os.Stat(filepath.Join(data, "ballast")); err != nil {
		t.Fatalf("there is no ballast: %v", err)
	}

	leave(150 * mb)
	p.until(t, 503, "StartWorkflowExecution", begin())
	leave(150 * mb)                                    // the server may have taken some for its logs, up to the next mark
	p.until(t, 503, "StartWorkflowExecution", begin()) // it may have looked while the disk was filled anew
	p.want(t, 503, "ServiceUnavailable", "RegisterDomain", `{"name":"more","workflowExecutionRetentionPeriodInDays":"7"}`)
	p.want(t, 200, "", "SignalWorkflowExecution", signal())
	acked++
	p.want(t, 503, "ServiceUnavailable", "StartExecution", machine("1"))
	p.want(t, 503, "", "CreateActivity", `{"name":"b"}`)
	p.want(t, 503, "", "RedriveExecution", execution)
	p.want(t, 200, "", "SendTaskSuccess", done)
	done = token()

	leave(50 * mb)
	p.until(t, 503, "SignalWorkflowExecution", signal())
	p.want(t, 503, "", "StartWorkflowExecution", begin())
	p.want(t, 200, `"openCounts"`, "DescribeWorkflowExecution", describe(t, p))
	p.want(t, 503, "", "SendTaskSuccess", done)
	p.want(t, 200, `"RUNNING"`, "DescribeExecution", execution)

	// All of a sudden there is nothing left, and calls are under way.
	leave(300 * mb)
	p.until(t, 200, "StartWorkflowExecution", begin())
	signaled, stop := make(chan int, 8), make(chan struct{})
	for range cap(signaled) {
		go func() {
			n := 0
			for {
				select {
				case <-stop:
					signaled <- n
					return
				default:
				}
				if status, _, _ := p.ask("SignalWorkflowExecution", signal()); status == 200 {
					n++
				}
			}
		}()
	}
	leave(0)
	p.until(t, 503, "SignalWorkflowExecution", signal())
	leave(0) // the ballast too
	for range 20 {
		w, err := http.Get(p.url + "/health")
		if err != nil || w.StatusCode != 200 {
			t.Fatalf("it does not live: %v\n%s", err, p.log)
		}
		w.Body.Close()
	}
	leave(300 * mb) // what waited is written
	p.until(t, 200, "SignalWorkflowExecution", signal())
	acked++
	leave(0)
	p.until(t, 503, "SignalWorkflowExecution", signal())
	leave(0)
	close(stop)
	p.end(t, syscall.SIGKILL)
	for range cap(signaled) {
		acked += <-signaled
	}
	before := p.log.String()

	// It starts on what little room the operator finds.
	leave(70 * mb)
	if p, err = launch(t, ":", serve...); err != nil {
		t.Fatalf("%v\nbefore: %s", err, before)
	}
	p.want(t, 200, `"openCounts"`, "DescribeWorkflowExecution", describe(t, p))
	refused := begin()
	for end := time.Now().Add(time.Minute); ; {
		status, answer, _ := p.ask("StartWorkflowExecution", refused)
		if status == 503 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("an execution starts on a full disk: %d %s\n%s", status, answer, p.log)
		}
		if free() > 70*mb { // compactions have given up what was written twice; others take it
			leave(60 * mb)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p.until(t, 200, "StartWorkflowExecution", begin())
	if got := strings.Count(history(t, p), "WorkflowExecutionSignaled"); got < acked {
		t.Errorf("%d signals were acknowledged, %d are there", acked, got)
	}
	p.want(t, 200, "", "StartExecution", machine("0")) // which runs
	p.want(t, 200, "", "SendTaskSuccess", done)
	events := p.want(t, 200, "", "GetExecutionHistory", execution)
	if n := strings.Count(events, `"ActivitySucceeded"`); n != 2 {
		t.Errorf("two tasks were acknowledged, %d are there: %s", n, events)
	}
	p.end(t, syscall.SIGTERM)
	for _, want := range []string{"has little room", "is full", "has room again"} {
		if !strings.Contains(before, want) {
			t.Errorf("the log does not say that the disk %q: %s", want, before)
		}
	}
	t.Logf("%d signals acknowledged; the log: %s", acked, before)
}

// describe asks for the first execution, whose run it finds out.
func describe(t *testing.T, p *running) string {
	t.Helper()
	return `{"domain":"shop","execution":` + execution(t, p) + `}`
}

func execution(t *testing.T, p *running) string {
	t.Helper()
	answer := p.want(t, 200, "", "ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"1"}}`)
	_, rest, ok := strings.Cut(answer, `"execution":`)
	rest, _, _ = strings.Cut(rest, "}")
	if !ok {
		t.Fatalf("the first execution is not listed: %s", answer)
	}
	return rest + "}"
}

// history is that of the first execution, all pages of it.
func history(t *testing.T, p *running) (all string) {
	t.Helper()
	of, page := execution(t, p), ""
	for {
		answer := p.want(t, 200, "", "GetWorkflowExecutionHistory", `{"domain":"shop","execution":`+of+page+`}`)
		all += answer
		_, token, more := strings.Cut(answer, `"nextPageToken":"`)
		if !more {
			return all
		}
		token, _, _ = strings.Cut(token, `"`)
		page = `,"nextPageToken":"` + token + `"`
	}
}
