package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscreds "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
)

// Workers of package flow are processes of their own: this test's binary, begun again with these variables.
const (
	workerOf   = "HEDDLE_CRASH_WORKER"      // address of the server, and the task list
	workerDies = "HEDDLE_CRASH_WORKER_DIES" // the number of an answer, and whether before or after it was taken
)

var (
	shopping = flow.Workflow[int, string]{Name: "Shopping", Version: "1", DecisionTimeout: time.Second}
	errand   = flow.Workflow[int, int]{Name: "Errand", Version: "1", DecisionTimeout: time.Second}
	double   = flow.Activity[int, int]{Name: "Double", Version: "1", StartToClose: 3 * time.Second, Retry: flow.Retry{Attempts: -1, First: time.Second, Factor: 1}}
	more     = flow.Signal[int]{Name: "More"}
)

// shop uses all that decides, and gives a word that its one effect determines.
func shop(ctx flow.Context, list string, n int) (string, error) {
	chance := flow.Effect(ctx, func() int { return rand.IntN(1_000_000) })
	sum, err := double.Call(ctx, chance)
	if err != nil {
		return "", err
	}
	doubled, err := flow.Map(ctx, 2, []int{1, 2, 3}, func(ctx flow.Context, n int) (int, error) { return double.Call(ctx, n) })
	if err != nil {
		return "", err
	}
	for _, d := range doubled {
		sum += d
	}
	if err := flow.Sleep(ctx, time.Second); err != nil {
		return "", err
	}
	got, err := more.Receive(ctx)
	if err != nil {
		return "", err
	}
	child := errand
	child.TaskList = list
	ran, err := child.Call(ctx, "errand-of-"+flow.Info(ctx).WorkflowID, n)
	return fmt.Sprint(sum + got + ran), err
}

// word is what shop gives.
func word(n, chance int) string { return fmt.Sprint(2*chance + 12 + 5 + 3*n) }

func flowCode(list string) []flow.Implementation {
	return []flow.Implementation{
		shopping.By(func(ctx flow.Context, n int) (string, error) { return shop(ctx, list, n) }),
		errand.By(func(ctx flow.Context, n int) (int, error) { return 3 * n, flow.Sleep(ctx, 0) }),
		double.By(func(_ context.Context, n int) (int, error) { return 2 * n, nil }),
	}
}

// flowClient retries until its context ends: servers come back.
func flowClient(addr string) *flow.Client {
	c := flow.New(aws.Config{
		Region: credentials.Region, BaseEndpoint: aws.String("http://" + addr), Credentials: awscreds.NewStaticCredentialsProvider(credentials.AccessKey, credentials.SecretKey, ""),
	}, "flow")
	c.AskMost = 200 * time.Millisecond
	return c
}

// dying is a client that dies at an answer.
type dying struct {
	flow.API
	left  atomic.Int64 // answers until then
	after bool
}

func (d *dying) RespondDecisionTaskCompleted(ctx context.Context, in *swf.RespondDecisionTaskCompletedInput, o ...func(*swf.Options)) (*swf.RespondDecisionTaskCompletedOutput, error) {
	dies := d.left.Add(-1) == 0
	if dies && !d.after {
		die()
	}
	out, err := d.API.RespondDecisionTaskCompleted(ctx, in, o...)
	if dies {
		die()
	}
	return out, err
}

// die ends the process as kill -9 does.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until then
}

// work is what such a process does; it ends by its death alone.
func work(where string) error {
	addr, list, _ := strings.Cut(where, " ")
	c := flowClient(addr)
	if at, side, ok := strings.Cut(os.Getenv(workerDies), " "); ok {
		d := &dying{API: c.API, after: side == "after"}
		n, err := strconv.Atoi(at)
		if err != nil {
			return err
		}
		d.left.Store(int64(n))
		c.API = d
	}
	w := flow.NewWorker(c, flow.WorkerConfig{TaskList: list, RetentionDays: 1, Sticky: time.Second, Log: slog.New(slog.DiscardHandler)}, flowCode(list)...)
	return w.Run(context.Background())
}

// startWorker begins a worker; what it says goes to the log.
func startWorker(v *victim, list, dies string) (*exec.Cmd, <-chan error, error) {
	cmd := exec.Command(os.Args[0], "-test.run", "^$")
	cmd.Env = append(os.Environ(), workerOf+"="+v.addr+" "+list, workerDies+"="+dies)
	cmd.Stdout, cmd.Stderr = v.log, v.log
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return cmd, exited, nil
}

// keepWorker has a worker for a list until ctx ends; life says how long one lives, zero: until then.
func keepWorker(ctx context.Context, v *victim, list string, life func() time.Duration) (killed int, err error) {
	for ctx.Err() == nil {
		cmd, exited, err := startWorker(v, list, "")
		if err != nil {
			return killed, err
		}
		var dies <-chan time.Time
		if life != nil {
			dies = time.After(life())
		}
		select {
		case <-exited: // the server was away when it registered
			time.Sleep(50 * time.Millisecond)
			continue
		case <-dies:
			killed++
		case <-ctx.Done():
		}
		_ = cmd.Process.Kill()
		<-exited
	}
	return killed, nil
}

// insist calls until it is answered.
func insist(ctx context.Context, call func() error) error {
	for {
		err := call()
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// shopOnce starts a shopping, and gives its history when it has ended.
func shopOnce(ctx context.Context, c *flow.Client, list, id string, n int) (result string, events []types.HistoryEvent, err error) {
	w := shopping
	w.TaskList = list
	var run *flow.Run[string]
	err = insist(ctx, func() (err error) {
		if run, err = w.Start(ctx, c, id, n); err != nil {
			if open, is := errors.AsType[*flow.AlreadyStarted](err); is {
				run, err = w.Attach(c, id, open.RunID), nil
			}
		}
		return err
	})
	if err == nil {
		err = insist(ctx, func() error { return more.Send(ctx, c, id, 5) })
	}
	if err != nil {
		return "", nil, err
	}
	failed := error(nil)
	err = insist(ctx, func() error {
		if result, failed = run.Result(ctx); failed != nil {
			if _, ended := errors.AsType[*flow.WorkflowError](failed); !ended {
				return failed
			}
		}
		return nil
	})
	if err != nil || failed != nil {
		return "", nil, errors.Join(err, failed)
	}
	err = insist(ctx, func() error {
		events = nil
		in := &swf.GetWorkflowExecutionHistoryInput{Domain: &c.Domain, Execution: &types.WorkflowExecution{WorkflowId: &id, RunId: &run.RunID}}
		for {
			page, err := c.API.GetWorkflowExecutionHistory(ctx, in)
			if err != nil {
				return err
			}
			events = append(events, page.Events...)
			if in.NextPageToken = page.NextPageToken; in.NextPageToken == nil {
				return nil
			}
		}
	})
	return result, events, err
}

// inspectShopping holds a history against what must be true of it.
func inspectShopping(result string, n int, events []types.HistoryEvent) error {
	once := map[string]int64{}
	chance := -1
	for _, e := range events {
		name := ""
		switch {
		case e.ActivityTaskScheduledEventAttributes != nil:
			name = "activity " + *e.ActivityTaskScheduledEventAttributes.ActivityId
		case e.TimerStartedEventAttributes != nil:
			name = "timer " + *e.TimerStartedEventAttributes.TimerId
		case e.StartChildWorkflowExecutionInitiatedEventAttributes != nil:
			name = "child " + *e.StartChildWorkflowExecutionInitiatedEventAttributes.WorkflowId
		case e.MarkerRecordedEventAttributes != nil:
			m := e.MarkerRecordedEventAttributes
			name = "marker " + *m.MarkerName
			var said struct{ Value int }
			if err := json.Unmarshal([]byte(aws.ToString(m.Details)), &said); err != nil || *m.MarkerName != "flow.effect" {
				return fmt.Errorf("event %d is marker %s: %s", e.EventId, *m.MarkerName, aws.ToString(m.Details))
			}
			chance = said.Value
		}
		if name == "" {
			continue
		}
		if before := once[name]; before != 0 {
			return fmt.Errorf("%s was decided twice: events %d and %d", name, before, e.EventId)
		}
		once[name] = e.EventId
	}
	if want := word(n, chance); result != want {
		return fmt.Errorf("the result is %q, want %q", result, want)
	}
	calls := 0
	for name := range once {
		if strings.HasPrefix(name, "activity ") && !strings.Contains(name, ".") {
			calls++
		}
	}
	if calls != 4 || once["marker flow.effect"] == 0 {
		return fmt.Errorf("what was decided is %v", once)
	}
	return nil
}

// Workers of package flow are killed at every answer of an execution, before it is sent and after it was taken:
// each ends in the right result, and nothing was decided twice.
func TestCrashFlowAnswers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	v := newVictim(t, build(t), "", "pebble", func(err error) { t.Error(err); cancel() })
	const answers = 9 // of a shopping; its child has one or two besides
	step := 4         // the short form kills at some
	if *kills > 25 {
		step = 1
	}
	var all sync.WaitGroup
	limit := make(chan struct{}, 4)
	died := atomic.Int64{}
	for at := 1; at <= answers; at += step {
		for _, side := range []string{"before", "after"} {
			all.Go(func() {
				limit <- struct{}{}
				defer func() { <-limit }()
				list := fmt.Sprintf("answers-%d-%s", at, side)
				cmd, exited, err := startWorker(v, list, fmt.Sprint(at, " ", side))
				if err != nil {
					t.Error(err)
					return
				}
				working, end := context.WithCancel(ctx)
				var next sync.WaitGroup
				next.Go(func() {
					select {
					case <-exited: // it has killed itself
						died.Add(1)
					case <-working.Done():
						_ = cmd.Process.Kill()
						<-exited
					}
					if _, err := keepWorker(working, v, list, nil); err != nil {
						t.Error(err)
					}
				})
				result, events, err := shopOnce(ctx, flowClient(v.addr), list, list, at)
				if err == nil {
					err = inspectShopping(result, at, events)
				}
				if err != nil {
					t.Errorf("killed %s answer %d: %v", side, at, err)
				}
				end()
				next.Wait()
			})
		}
	}
	all.Wait()
	t.Logf("%d workers died at an answer", died.Load())
	if died.Load() < 4 {
		t.Errorf("%d workers died at an answer: the workflow is too short to tell", died.Load())
	}
}

// Workers of package flow and the server are killed at random while executions run: each ends in the right result, and nothing was
// decided twice.
func TestCrashFlow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	fail := func(err error) { t.Error(err); cancel() }
	random := seeded(t)(500)
	v := newVictim(t, build(t), "", "pebble", fail)
	k := &killer{victim: v, random: random, checkEvery: *checkEvery, opens: v.server.Opened}
	ofServer := max(2, share()/2)
	shoppings := max(30, *kills*2)

	working, end := context.WithCancel(ctx)
	var workers sync.WaitGroup
	var killed atomic.Int64
	for i := range 2 {
		random := rand.New(rand.NewPCG(random.Uint64(), uint64(i)))
		workers.Go(func() {
			n, err := keepWorker(working, v, "flow", func() time.Duration { return time.Duration(300+random.IntN(2500)) * time.Millisecond })
			killed.Add(int64(n))
			if err != nil {
				fail(err)
			}
		})
	}
	var killing sync.WaitGroup
	killing.Go(func() { k.kill(ctx, ofServer, int64(shoppings)*9/10, fail) })
	began := time.Now()
	var all sync.WaitGroup
	next := atomic.Int64{}
	var mu sync.Mutex
	var took []time.Duration
	for range 10 {
		all.Go(func() {
			for n := int(next.Add(1)); n <= shoppings && ctx.Err() == nil; n = int(next.Add(1)) {
				began := time.Now()
				result, events, err := shopOnce(ctx, flowClient(v.addr), "flow", fmt.Sprint("shopping-", n), n)
				if err == nil {
					err = inspectShopping(result, n, events)
				}
				if err != nil {
					fail(fmt.Errorf("shopping %d: %w", n, err))
					return
				}
				v.acknowledge()
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	killing.Wait()
	end()
	workers.Wait()
	if ctx.Err() != nil {
		return
	}
	slices.Sort(took)
	t.Logf("%d executions in %s, the slowest in %s; %d workers killed; of the server %s", len(took), time.Since(began).Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), killed.Load(), k)
	if killed.Load() == 0 || k.kills < ofServer {
		t.Errorf("%d workers and %d servers were killed", killed.Load(), k.kills)
	}
	if err := v.stop(); err != nil {
		t.Error(err)
	}
	if err := v.check(v.rootKey); err != nil {
		t.Error(err)
	}
}
