package flowtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
)

// faulty has of a worker's calls go wrong what goes wrong when processes die and connections break: an answer is
// lost on its way, or the word that it was taken (the worker then forgets the run), and a task comes
// twice.
type faulty struct {
	flow.API
	mu         sync.Mutex
	chance     *rand.Rand
	decisions  []*swf.PollForDecisionTaskOutput // that come a second time
	activities []*swf.PollForActivityTaskOutput
}

// oneIn is how many calls have a fault among them, about.
const oneIn = 8

var (
	errLostAnswer = errors.New("flowtest: the answer was lost on its way")
	errLostWord   = errors.New("flowtest: the answer was taken, and the word of that was lost")
)

func faults(api flow.API, seed uint64) flow.API {
	return &faulty{API: api, chance: rand.New(rand.NewPCG(seed, 0))}
}

// now tells whether a fault happens here.
func (f *faulty) now() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chance.IntN(oneIn) == 0
}

// lose does call, or not, and perhaps forgets that it went well.
func lose[Out any](f *faulty, call func() (Out, error)) (out Out, err error) {
	if f.now() {
		return out, errLostAnswer
	}
	out, err = call()
	if err == nil && f.now() {
		return out, errLostWord
	}
	return out, err
}

func (f *faulty) RespondDecisionTaskCompleted(ctx context.Context, in *swf.RespondDecisionTaskCompletedInput, o ...func(*swf.Options)) (*swf.RespondDecisionTaskCompletedOutput, error) {
	return lose(f, func() (*swf.RespondDecisionTaskCompletedOutput, error) {
		return f.API.RespondDecisionTaskCompleted(ctx, in, o...)
	})
}

func (f *faulty) RespondActivityTaskCompleted(ctx context.Context, in *swf.RespondActivityTaskCompletedInput, o ...func(*swf.Options)) (*swf.RespondActivityTaskCompletedOutput, error) {
	return lose(f, func() (*swf.RespondActivityTaskCompletedOutput, error) {
		return f.API.RespondActivityTaskCompleted(ctx, in, o...)
	})
}

func (f *faulty) RespondActivityTaskFailed(ctx context.Context, in *swf.RespondActivityTaskFailedInput, o ...func(*swf.Options)) (*swf.RespondActivityTaskFailedOutput, error) {
	return lose(f, func() (*swf.RespondActivityTaskFailedOutput, error) {
		return f.API.RespondActivityTaskFailed(ctx, in, o...)
	})
}

// next takes the first of those that come a second time.
func next[Task any](f *faulty, of *[]*Task) *Task {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(*of) == 0 {
		return nil
	}
	first := (*of)[0]
	*of = (*of)[1:]
	return first
}

func (f *faulty) PollForDecisionTask(ctx context.Context, in *swf.PollForDecisionTaskInput, o ...func(*swf.Options)) (*swf.PollForDecisionTaskOutput, error) {
	if in.NextPageToken != nil {
		return f.API.PollForDecisionTask(ctx, in, o...)
	}
	if again := next(f, &f.decisions); again != nil {
		return again, nil
	}
	task, err := f.API.PollForDecisionTask(ctx, in, o...)
	if err == nil && task.TaskToken != nil && f.now() {
		again := *task
		if again.Events, err = copies(task.Events); err != nil {
			return nil, err
		}
		f.mu.Lock()
		f.decisions = append(f.decisions, &again)
		f.mu.Unlock()
	}
	return task, err
}

func (f *faulty) PollForActivityTask(ctx context.Context, in *swf.PollForActivityTaskInput, o ...func(*swf.Options)) (*swf.PollForActivityTaskOutput, error) {
	if again := next(f, &f.activities); again != nil {
		return again, nil
	}
	task, err := f.API.PollForActivityTask(ctx, in, o...)
	if err == nil && task.TaskToken != nil && f.now() {
		again := *task
		f.mu.Lock()
		f.activities = append(f.activities, &again)
		f.mu.Unlock()
	}
	return task, err
}

// copies are events that share nothing with those given: a worker opens payloads in place.
func copies(events []types.HistoryEvent) (all []types.HistoryEvent, err error) {
	for i := range events {
		raw, err := marshal(&events[i])
		if err != nil {
			return nil, err
		}
		e, err := unmarshal(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}
