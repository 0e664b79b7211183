package server

import (
	"testing"
	"time"

	"heddle/internal/engine"
)

// TestSkippingSparesRetention: when all executions have closed there is no moment to jump
// to, though some are to be forgotten later; with one that waits, its timer is the next.
func TestSkippingSparesRetention(t *testing.T) {
	for _, mode := range []string{SkipTimers, SkipAll} {
		cfg := memory()
		cfg.TimeSkip = mode
		s := start(t, cfg)
		register(t, s)
		mustCall(t, s, "StartWorkflowExecution", startOrder)
		mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
		waitUntil(t, "it is idle", s.isIdle)
		if s.node.NextWake() == 0 {
			t.Fatalf("%s: nothing is to be forgotten", mode)
		}
		if next := s.nextMoment(); next != 0 {
			t.Errorf("%s: it would jump by %d ms", mode, next-s.clock.Now())
		}
		began := s.clock.Now()
		mustCall(t, s, "StartWorkflowExecution", startOrder)
		token := mustCall(t, s, "PollForDecisionTask", pollDeciders).TaskToken
		mustCall(t, s, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[
			{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t","startToFireTimeout":"600"}}]}`)
		mustCall(t, s, "PollForDecisionTask", pollDeciders) // waits until the timer has fired
		mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
		waitUntil(t, "it is idle", s.isIdle)
		if went := s.clock.Now() - began; went < engine.Seconds(600) || went > engine.Time(time.Hour/time.Millisecond) {
			t.Errorf("%s: it has jumped by %d ms", mode, went)
		}
		if next := s.nextMoment(); next != 0 {
			t.Errorf("%s: it would jump by %d ms", mode, next-s.clock.Now())
		}
		closeServer(t, s)
	}
}
