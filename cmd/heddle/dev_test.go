//go:build unix

package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDevIsForThisMachine: --dev takes any credentials, writes no file, and refuses an address that
// others reach.
func TestDevIsForThisMachine(t *testing.T) {
	clearEnvironment(t)
	dir := t.TempDir()
	t.Chdir(dir)
	p, err := launch(t, "true", "serve", "--dev", "--listen", "0")
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader(`{"registrationStatus":"REGISTERED"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "SimpleWorkflowService.ListDomains")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/swf/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("with any credentials: status %d", answer.StatusCode)
	}
	end := syscall.SIGHUP
	if signal.Ignored(end) { // as under nohup, and the process inherits that
		end = syscall.SIGTERM
	}
	p.end(t, end)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("it has left %v, %v", entries, err)
	}
	for _, want := range []string{`msg="heddle starts"`, `msg="heddle takes requests"`, `msg="heddle drains: `, `msg="heddle has stopped"`} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("the log has no %s: %s", want, p.log)
		}
	}
	if _, err := launch(t, "true", "serve", "--dev", "--listen", "0.0.0.0:0"); err == nil {
		t.Error("others can reach it")
	}
}

// TestReadyLine: what is no terminal gets one line, of JSON, with the time.
func TestReadyLine(t *testing.T) {
	clearEnvironment(t)
	tested, err := os.Executable() // under the race detector too
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(tested, "serve", "--listen", "0", "--store", "memory", "--data", t.TempDir(), "--tls-self-signed", "--tls-name", "flow.test")
	p.Env = append(os.Environ(), asCommand+"=1")
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.Process.Kill() // which has ended, if all is well
	lines := json.NewDecoder(out)
	var line struct {
		Time                                                   time.Time
		URL, Region, Account, Auth, Store, Console, Level, Msg string
		CredentialsFile                                        string `json:"credentials_file"`
		CAFile                                                 string `json:"ca_file"`
		PID                                                    int
	}
	if err := lines.Decode(&line); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(line.URL, "https://127.0.0.1:") || line.Region != "us-east-1" || line.PID != p.Process.Pid || line.Time.IsZero() || line.Console != line.URL+"/console/" {
		t.Errorf("%+v", line)
	}
	for _, file := range []string{line.CredentialsFile, line.CAFile} {
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%+v: %v", line, err)
		}
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := lines.Decode(&line); err == nil || err.Error() != "EOF" {
		t.Errorf("more was written: %v, %+v", err, line)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// TestReset: a server whose store is memory forgets all at a word, is back at the same address, and
// what it does afterwards is as right as before; one whose store is a folder refuses.
func TestReset(t *testing.T) {
	clearEnvironment(t)
	reset := func(p *running) (said string, err error) {
		c := heddle(t, "reset")
		c.Env = append(c.Env, "AWS_ENDPOINT_URL="+p.url, "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any")
		b, err := c.CombinedOutput()
		return string(b), err
	}
	const (
		domain = `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`
		kind   = `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"none"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"NONE"}`
		begin  = `{"domain":"shop","workflowId":"1","workflowType":{"name":"order","version":"1"}}`
	)
	p, err := launch(t, "true", "serve", "--dev", "--listen", "0")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p.want(t, 200, "", "RegisterDomain", domain)
		p.want(t, 200, "", "RegisterWorkflowType", kind)
		p.want(t, 200, "", "StartWorkflowExecution", begin)
		if said, err := reset(p); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	p.want(t, 400, "UnknownResourceFault", "StartWorkflowExecution", begin)
	p.end(t, syscall.SIGTERM)

	p, err = launch(t, "true", "serve", "--auth", "none", "--listen", "0", "--data", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p.want(t, 200, "", "RegisterDomain", domain)
	if said, err := reset(p); err == nil || !strings.Contains(said, "ResetUnavailableException") {
		t.Errorf("%v: %s", err, said)
	}
	p.want(t, 400, "DomainAlreadyExistsFault", "RegisterDomain", domain)
	p.end(t, syscall.SIGTERM)
}
