package flow_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"

	"heddle/flow"
	"heddle/flow/flowtest"
)

var (
	Long   = flow.Workflow[int, string]{Name: "Long", Version: "1"}
	Leaf   = flow.Workflow[int, int]{Name: "Leaf", Version: "1"}
	Double = flow.Activity[int, int]{Name: "Double", Version: "1", StartToClose: time.Minute, Retry: flow.Retry{Attempts: 3, First: time.Second}}
	Add    = flow.Signal[int]{Name: "Add"}
)

// long uses all that there is, and gives the same however often it is begun again.
func long(ctx flow.Context, n int) (string, error) {
	sum := 0
	doubled, err := flow.Map(ctx, 3, []int{1, 2, 3, 4, 5}, func(ctx flow.Context, n int) (int, error) { return Double.Call(ctx, n) })
	if err != nil {
		return "", err
	}
	for _, d := range doubled {
		sum += d
	}
	leaf, err := Leaf.Call(ctx, "leaf", n)
	if err != nil {
		return "", err
	}
	if flow.Version(ctx, "more", 2) == 2 {
		sum += leaf
	}
	sum += flow.Effect(ctx, func() int { return 1000 })
	scope, cancel := flow.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := flow.Sleep(scope, time.Hour); !errors.Is(err, flow.ErrTimeout) {
		return "", fmt.Errorf("slept: %w", err)
	}
	more, err := Add.Receive(ctx)
	if err != nil {
		return "", err
	}
	var waits []*flow.Future[time.Time]
	for range 101 { // more than one list holds
		waits = append(waits, flow.After(ctx, time.Second))
	}
	if _, err := flow.All(ctx, waits...); err != nil {
		return "", err
	}
	flow.SetStatus(ctx, sum)
	if n == 0 {
		return "", Long.ContinueAsNew(ctx, 7)
	}
	return fmt.Sprint(sum + more), nil
}

func longCode() []flow.Implementation {
	return []flow.Implementation{Long.By(long),
		Leaf.By(func(ctx flow.Context, n int) (int, error) { return 10 * n, flow.Sleep(ctx, time.Second) }),
		Double.By(func(ctx context.Context, n int) (int, error) {
			if n == 3 && flow.ActivityOf(ctx).Attempt == 1 {
				return 0, errors.New("once more")
			}
			return 2 * n, nil
		})}
}

// lossy loses an answer to a decision task: on its way, or the word that it was taken.
type lossy struct {
	flow.API
	answers, lose atomic.Int64
	taken         bool
}

func (l *lossy) RespondDecisionTaskCompleted(ctx context.Context, in *swf.RespondDecisionTaskCompletedInput, o ...func(*swf.Options)) (*swf.RespondDecisionTaskCompletedOutput, error) {
	lost := l.answers.Add(1) == l.lose.Load()
	if lost && !l.taken {
		return nil, errors.New("the worker was killed before its answer arrived")
	}
	out, err := l.API.RespondDecisionTaskCompleted(ctx, in, o...)
	if lost && err == nil {
		return nil, errors.New("the worker was killed after its answer arrived")
	}
	return out, err
}

// runLong gives the result, and looks whether anything was scheduled twice.
func runLong(t *testing.T, c *flow.Client) string {
	run, err := Long.Start(t.Context(), c, "long", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := Add.Send(t.Context(), c, "long", i); err != nil { // the second rides along
			t.Fatal(err)
		}
	}
	got, err := run.Result(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scheduled := map[string]bool{}
	for _, e := range events(t, c, run.WorkflowID, run.RunID) {
		if a := e.ActivityTaskScheduledEventAttributes; a != nil {
			if scheduled[*a.ActivityId] {
				t.Errorf("%s was scheduled twice", *a.ActivityId)
			}
			scheduled[*a.ActivityId] = true
		}
	}
	if len(scheduled) != 6 {
		t.Errorf("scheduled %v", scheduled)
	}
	return got
}

// Answers that are lost and tasks that come twice change nothing of the result.
func TestFaults(t *testing.T) {
	for seed := range uint64(4) {
		var lost atomic.Int64
		hooks := flow.Hooks{DecisionEnd: func(_ context.Context, _ flow.DecisionInfo, o flow.DecisionOutcome) {
			if o.Err != nil {
				lost.Add(1)
			}
		}}
		flowtest.Config{Faults: seed + 1, Worker: flow.WorkerConfig{Deciders: 1, Hooks: hooks}}.Test(t, func(t *testing.T, c *flow.Client) {
			if got := runLong(t, c); got != "1101" {
				t.Errorf("seed %d: got %q", seed+1, got)
			}
		}, longCode()...)
		if lost.Load() == 0 {
			t.Errorf("seed %d: no answer was lost", seed+1)
		}
	}
}

// A decider that loses all it knows at any of its answers, before it arrived or after, ends in the
// same result; nothing is scheduled twice.
func TestKilledAtEveryAnswer(t *testing.T) {
	answers := int64(0)
	kill := func(t *testing.T, at int64, taken bool) {
		l := &lossy{taken: taken}
		l.lose.Store(at)
		flowtest.Config{Worker: flow.WorkerConfig{Cached: -1}, Client: func(c *flow.Client) { l.API, c.API = c.API, l }}.Test(t, func(t *testing.T, c *flow.Client) {
			if got := runLong(t, c); got != "1101" {
				t.Errorf("killed at answer %d: got %q", at, got)
			}
			answers = max(answers, l.answers.Load())
		}, longCode()...)
	}
	kill(t, 0, false)
	if answers < 20 {
		t.Fatalf("%d answers: the workflow is too short to tell", answers)
	}
	for at := int64(1); at <= answers; at++ {
		kill(t, at, at%2 == 0)
		if *both {
			kill(t, at, at%2 != 0)
		}
	}
}

// Histories that an earlier version has written are decided as they were, however far they have come: a decider that
// is killed after any event goes on where they stand.
func TestHistoriesOfEarlierVersions(t *testing.T) {
	all := slices.Concat(longCode(), code(&bank{}), tripCode())
	flowtest.Replayer{Strict: true}.Replay(t, "testdata/histories/*.json", all...)
	files, err := filepath.Glob("testdata/histories/*.json")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d histories, %v", len(files), err)
	}
	for _, name := range files {
		runID, whole, err := flowtest.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if n+1 < len(whole) && decided.MatchString(asText(t, whole[n+1])) {
				continue // an answer is taken whole
			}
			if err := flow.Replay(nil, runID, whole[:n+1], true, all...); err != nil {
				t.Errorf("%s, up to event %d: %v", name, n+1, err)
			}
		}
	}
}

// decided finds what an answer has written.
var decided = regexp.MustCompile(`"DecisionTaskCompletedEventId":[1-9]`)

// A run that its code does not fit is parked, says why, and goes on when the code is right again.
func TestParkedRunHeals(t *testing.T) {
	var wrong atomic.Bool
	wrong.Store(true)
	heals := func(ctx flow.Context, o Order) (string, error) {
		if wrong.Load() {
			panic("a bug")
		}
		return processOrder(ctx, o)
	}
	var parked atomic.Int64
	flowtest.Config{Worker: flow.WorkerConfig{Hooks: flow.Hooks{Parked: func(context.Context, flow.RunInfo, string) { parked.Add(1) }}}}.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := ProcessOrder.Start(t.Context(), c, "o-5", Order{ID: "o-5"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		if parks := parked.Load(); parks < 40 || parks > 60 { // 5 s doubling to 30 min
			t.Errorf("it was parked %d times in a day", parks)
		}
		wrong.Store(false)
		if err := (flow.Signal[flow.None]{Name: "flow.retry"}).Send(t.Context(), c, "o-5", flow.None{}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if got, err := run.Result(t.Context()); err != nil || got != "parcel of o-5" || time.Since(began) != 0 {
			t.Errorf("got %q, %v after %s", got, err, time.Since(began))
		}
		said := false
		for _, e := range events(t, c, run.WorkflowID, run.RunID) {
			if m := e.MarkerRecordedEventAttributes; m != nil && *m.MarkerName == "flow.parked" {
				said = said || strings.Contains(aws.ToString(m.Details), "workflow code panicked, at decision task 1: a bug")
			}
		}
		if !said {
			t.Error("the history does not say why it was parked")
		}
	}, ProcessOrder.By(heals), code(&bank{})[1], code(&bank{})[2], code(&bank{})[3])
}

var both = flag.Bool("both", false, "kill before and after each answer: twice the time, before a release")

// Histories are written by one version and replayed by the next. They are written anew (-flowtest.record) only when what the
// package decides may change, which running executions never forgive.
func TestRecord(t *testing.T) {
	flowtest.Config{Record: "testdata/histories"}.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := Trip.Start(t.Context(), c, "trip", 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.Result(t.Context()); err != nil {
			t.Fatal(err)
		}
	}, tripCode()...)
	flowtest.Config{Record: "testdata/histories"}.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := ProcessOrder.Start(t.Context(), c, "o-1", Order{ID: "o-1", Hold: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.Result(t.Context()); err != nil {
			t.Fatal(err)
		}
		runLong(t, c)
	}, append(longCode(), code(&bank{})...)...)
}
