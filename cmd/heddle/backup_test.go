//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// tool is a command of the binary that ends by itself.
func tool(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := heddle(t, args...)
	c.Env = append(c.Env, "AWS_ACCESS_KEY_ID=heddle", "AWS_SECRET_ACCESS_KEY=heddle")
	return c
}

// ranTool runs a command, which must succeed, and gives what it prints.
func ranTool(t *testing.T, args ...string) string {
	t.Helper()
	c := tool(t, args...)
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said // apart: a store on a disk that is nearly full warns
	if err := c.Run(); err != nil {
		t.Fatalf("heddle %s: %v\n%s%s", strings.Join(args, " "), err, &out, &said)
	}
	return out.String()
}

// filesIn counts the files in a folder and those below it.
func filesIn(dir string) (n int) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// signals asks a server for what is to be found in backups: signals to one execution, and state
// machines, whose definitions are blobs.
type signals struct {
	may     chan struct{} // what may be asked yet: histories are finite
	acked   atomic.Int64  // the last one that was acknowledged, and all before it
	blobs   atomic.Int64
	process atomic.Pointer[running]
}

// signalsEach is how many signals there are from one backup to the next.
const signalsEach = 1000

// more has load ask on.
func (s *signals) more() {
	for range signalsEach {
		select {
		case s.may <- struct{}{}:
		default:
			return
		}
	}
}

// load asks without a pause for as much as it may, until it is told to end.
func (s *signals) load(t *testing.T, end <-chan struct{}) {
	next := int64(1)
	for n := 0; ; n++ {
		select {
		case <-end:
			return
		case <-s.may:
		}
		p := s.process.Load()
		status, answer, err := p.ask("SignalWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"1","signalName":"n","input":"%d"}`, next))
		if err == nil && status == 200 {
			s.acked.Store(next)
			next++
		} else if err == nil && status < 500 {
			t.Errorf("signal %d: %d %s", next, status, answer)
			return
		}
		if n%20 == 0 {
			status, answer, err := p.ask("CreateStateMachine", fmt.Sprintf(`{"name":"m%d","roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"Comment\":\"%d\",\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Succeed\"}}}"}`, n, n))
			if err == nil && status == 200 {
				s.blobs.Add(1)
			} else if err == nil && status < 500 {
				t.Errorf("state machine %d: %d %s", n, status, answer)
			}
		}
	}
}

// restored puts the last backup back, which checks it, and gives the last signal that is in it
// with all before it.
func restored(t *testing.T, place string) (last int64) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if out := ranTool(t, "restore", place, "--data", data); !strings.Contains(out, " 0 wrong") || !strings.Contains(out, " 0 missing, 0 broken") {
		t.Fatalf("restore: %s", out)
	}
	var history struct {
		Events []struct {
			EventType string
			Signal    struct{ Input string } `json:"workflowExecutionSignaledEventAttributes"`
		}
	}
	if err := json.Unmarshal([]byte(ranTool(t, "export", "--data", data, "--domain", "shop", "--workflow-id", "1")), &history); err != nil {
		t.Fatal(err)
	}
	for _, e := range history.Events {
		if e.EventType != "WorkflowExecutionSignaled" {
			continue
		}
		// One whose answer was lost by a kill is asked for once more.
		if n := fmt.Sprint(last); e.Signal.Input != n {
			last++
			if n = fmt.Sprint(last); e.Signal.Input != n {
				t.Fatalf("after signal %d comes %s, want %s", last-1, e.Signal.Input, n)
			}
		}
	}
	return last
}

// TestBackups backs a server up while it is asked, and kills now the one, now
// the other, wherever a seed says. Whatever backup is the last one then, it can be put back,
// nothing is wrong with it, and it has all that was acknowledged before it began.
func TestBackups(t *testing.T) {
	killsProcesses(t)
	clearEnvironment(t)
	const seed = 7
	random := rand.New(rand.NewPCG(seed, 0))
	data, place := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backups")
	serve := func() *running {
		p, err := launch(t, ":", "serve", "--listen", "127.0.0.1:0", "--data", data, "--auth", "none")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s := signals{may: make(chan struct{}, signalsEach)}
	p := serve()
	s.process.Store(p)
	p.want(t, 200, "", "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	p.want(t, 200, "", "RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"none"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"NONE"}`)
	p.want(t, 200, "", "StartWorkflowExecution", `{"domain":"shop","workflowId":"1","workflowType":{"name":"order","version":"1"}}`)
	end := make(chan struct{})
	var loading sync.WaitGroup
	loading.Go(func() { s.load(t, end) })
	defer func() { close(end); loading.Wait() }()

	backUp := func() (*exec.Cmd, int64) {
		s.more()
		floor := s.acked.Load()
		c := tool(t, "backup", place, "--keys", "with", "--data", data, "--endpoint", s.process.Load().url)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c, floor
	}
	c, floor := backUp()
	if err := c.Wait(); err != nil {
		t.Fatalf("the first backup: %v", err)
	}
	if last := restored(t, place); last < floor {
		t.Fatalf("the first backup has signals up to %d; %d were acknowledged before it began", last, floor)
	}
	names := func() int { return strings.Count(ranTool(t, "restore", place, "--list"), "\n") }
	known, killed, whole := names(), 0, 0
	for round := range 4 {
		before := filesIn(place)
		c, begun := backUp()
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		var err error
		over := false
		for after := random.IntN(12); !over && filesIn(place) < before+after; {
			select {
			case err = <-ended:
				over = true
			default:
			}
		}
		if !over {
			if round%2 == 0 {
				killed++
				if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
			} else {
				s.process.Load().end(t, syscall.SIGKILL)
			}
			err = <-ended
		}
		if round%2 == 1 { // killed, or to be: a start removes what is left of checkpoints
			if over {
				s.process.Load().end(t, syscall.SIGKILL)
			}
			s.process.Store(serve())
			if left, err := os.ReadDir(filepath.Join(data, "checkpoints")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("round %d: %v are left, %v", round, left, err)
			}
		}
		if n := names(); n > known || err == nil {
			floor, known = begun, n
			whole++
		}
		if last := restored(t, place); last < floor {
			t.Fatalf("round %d: the last backup has signals up to %d; %d were acknowledged before it began", round, last, floor)
		}
		if round%2 == 0 { // who was killed holds a checkpoint for a while: the server is started anew
			s.process.Load().end(t, syscall.SIGTERM)
			s.process.Store(serve())
		}
	}
	if s.blobs.Load() == 0 || floor == 0 {
		t.Errorf("%d blobs and %d signals: the test tests nothing", s.blobs.Load(), floor)
	}
	// The last one is put back and goes on.
	c, _ = backUp()
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if out := ranTool(t, "backup", place, "--keys", "without", "--data", data, "--endpoint", s.process.Load().url, "--keep", "1"); !strings.Contains(out, "kept the last 1 backups") || !strings.Contains(out, "without the root key") {
		t.Error(out)
	}
	again := filepath.Join(t.TempDir(), "data")
	if out := ranTool(t, "restore", place, "--data", again); !strings.Contains(out, "it is without the root key") {
		t.Error(out)
	}
	key, err := os.ReadFile(filepath.Join(data, "root.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(again, "root.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := launch(t, ":", "serve", "--listen", "127.0.0.1:0", "--data", again, "--auth", "none")
	if err != nil {
		t.Fatal(err)
	}
	r.want(t, 200, "", "SignalWorkflowExecution", `{"domain":"shop","workflowId":"1","signalName":"n","input":"x"}`)
	if out := ranTool(t, "check", "--data", again, "--endpoint", r.url); !strings.Contains(out, ": 0 wrong") {
		t.Errorf("check of a running server: %s", out)
	}
	r.end(t, syscall.SIGTERM)
	t.Logf("seed %d: %d rounds ended whole, %d backups were killed; %d signals, %d blobs", seed, whole, killed, s.acked.Load(), s.blobs.Load())
}
