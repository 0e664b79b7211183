package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// decide is the whole coordination logic: what shall happen next to an order of
// which we know this history. It is a pure function: no state is kept between
// decision tasks, so any decider may take any of them, after any restart.
//
//	VerifyOrder -> ChargeCreditCard -+-> hold -> ShipOrder -> RecordCompletion
//	                                 +-> declined: CancelOrder
//
// While an order is on hold the customer may have it shipped at once (a signal),
// or cancel it.
func decide(history []types.HistoryEvent) []types.Decision {
	p := progressOf(history)
	if p.cancelRequested && !p.begun(shipOrder) {
		return p.cancel()
	}
	if wait, decisions := p.need(verifyOrder); wait {
		return decisions
	}
	if p.step(chargeCreditCard).status == failed { // the exclusive choice
		if wait, decisions := p.need(cancelOrder); wait {
			return decisions
		}
		return complete("declined: " + p.step(chargeCreditCard).said)
	}
	if wait, decisions := p.need(chargeCreditCard); wait {
		return decisions
	}
	if wait, decisions := p.needHold(); wait {
		return decisions
	}
	wait, decisions := p.need(shipOrder)
	if p.shipNow && p.hold == running { // no need to wait any longer
		decisions = append(decisions, cancelHold())
	}
	if wait {
		return decisions
	}
	if wait, decisions := p.need(recordCompletion); wait {
		return decisions
	}
	return complete("shipped: " + p.step(shipOrder).said)
}

// cancel ends an order that was not yet shipped, once what is under way has
// ended. Money that was taken is given back first.
func (p *progress) cancel() []types.Decision {
	if p.running(verifyOrder) || p.running(chargeCreditCard) || p.running(cancelOrder) {
		return nil
	}
	if p.step(chargeCreditCard).status == completed {
		wait, decisions := p.need(cancelOrder)
		if p.hold == running {
			decisions = append(decisions, cancelHold())
		}
		if wait {
			return decisions
		}
	}
	return []types.Decision{{
		DecisionType: types.DecisionTypeCancelWorkflowExecution,
		CancelWorkflowExecutionDecisionAttributes: &types.CancelWorkflowExecutionDecisionAttributes{
			Details: aws.String("the customer canceled"),
		},
	}}
}

// attemptsMax is how often an activity is scheduled, if it times out each time.
const attemptsMax = 3

// need says whether the order must wait for an activity, and what to decide
// meanwhile: to schedule it, or to give up if it failed.
func (p *progress) need(activity string) (wait bool, decisions []types.Decision) {
	switch s := p.step(activity); {
	case s.status == completed:
		return false, nil
	case s.status == running:
		return true, nil
	case s.status == failed:
		return true, fail(activity+" failed", s.said)
	case s.attempts == attemptsMax:
		return true, fail(activity+" timed out", fmt.Sprintf("%d times", attemptsMax))
	default:
		return true, []types.Decision{{
			DecisionType: types.DecisionTypeScheduleActivityTask,
			ScheduleActivityTaskDecisionAttributes: &types.ScheduleActivityTaskDecisionAttributes{
				ActivityType: &types.ActivityType{Name: aws.String(activity), Version: aws.String(version)},
				ActivityId:   aws.String(fmt.Sprintf("%s-%d", activity, s.attempts+1)),
				Input:        aws.String(p.input),
			},
		}}
	}
}

// needHold says the same of the time in which the customer may think again.
func (p *progress) needHold() (wait bool, decisions []types.Decision) {
	switch {
	case p.hold == completed || p.shipNow:
		return false, nil
	case p.hold == running:
		return true, nil
	}
	return true, []types.Decision{{
		DecisionType: types.DecisionTypeStartTimer,
		StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{
			TimerId: aws.String(holdTimer), StartToFireTimeout: aws.String(strconv.Itoa(p.order.HoldSeconds)),
		},
	}}
}

func cancelHold() types.Decision {
	return types.Decision{
		DecisionType:                  types.DecisionTypeCancelTimer,
		CancelTimerDecisionAttributes: &types.CancelTimerDecisionAttributes{TimerId: aws.String(holdTimer)},
	}
}

func complete(result string) []types.Decision {
	return []types.Decision{{
		DecisionType: types.DecisionTypeCompleteWorkflowExecution,
		CompleteWorkflowExecutionDecisionAttributes: &types.CompleteWorkflowExecutionDecisionAttributes{Result: &result},
	}}
}

func fail(reason, details string) []types.Decision {
	return []types.Decision{{
		DecisionType: types.DecisionTypeFailWorkflowExecution,
		FailWorkflowExecutionDecisionAttributes: &types.FailWorkflowExecutionDecisionAttributes{
			Reason: &reason, Details: &details,
		},
	}}
}

// progress is what a history says of an order.
type progress struct {
	input           string // of the execution, as the workers get it
	order           order
	steps           map[string]*step // by name of the activity
	hold            status
	shipNow         bool // the customer does not want to wait
	cancelRequested bool
}

// step is how far an activity is.
type step struct {
	status   status
	attempts int
	said     string // result, or reason of the failure
}

type status int

const (
	open    status = iota // to be scheduled, perhaps once more
	running               // scheduled; we wait
	completed
	failed
)

func (p *progress) step(activity string) *step {
	if p.steps[activity] == nil {
		p.steps[activity] = &step{}
	}
	return p.steps[activity]
}

func (p *progress) begun(activity string) bool   { return p.step(activity).attempts > 0 }
func (p *progress) running(activity string) bool { return p.step(activity).status == running }

// progressOf reads a history.
func progressOf(history []types.HistoryEvent) *progress {
	p := &progress{steps: map[string]*step{}}
	scheduled := map[int64]*step{} // by event id
	for _, e := range history {
		switch e.EventType {
		case types.EventTypeWorkflowExecutionStarted:
			p.input = aws.ToString(e.WorkflowExecutionStartedEventAttributes.Input)
			// An order that can't be read holds nothing; VerifyOrder refuses it.
			_ = json.Unmarshal([]byte(p.input), &p.order)
		case types.EventTypeWorkflowExecutionSignaled:
			if aws.ToString(e.WorkflowExecutionSignaledEventAttributes.SignalName) == shipNowSignal {
				p.shipNow = true
			}
		case types.EventTypeWorkflowExecutionCancelRequested:
			p.cancelRequested = true

		case types.EventTypeActivityTaskScheduled:
			s := p.step(aws.ToString(e.ActivityTaskScheduledEventAttributes.ActivityType.Name))
			s.status = running
			s.attempts++
			scheduled[e.EventId] = s
		case types.EventTypeActivityTaskCompleted:
			a := e.ActivityTaskCompletedEventAttributes
			s := scheduled[a.ScheduledEventId]
			s.status, s.said = completed, aws.ToString(a.Result)
		case types.EventTypeActivityTaskFailed:
			a := e.ActivityTaskFailedEventAttributes
			s := scheduled[a.ScheduledEventId]
			s.status, s.said = failed, aws.ToString(a.Reason)
		case types.EventTypeActivityTaskTimedOut:
			scheduled[e.ActivityTaskTimedOutEventAttributes.ScheduledEventId].status = open
		case types.EventTypeScheduleActivityTaskFailed:
			a := e.ScheduleActivityTaskFailedEventAttributes
			s := p.step(aws.ToString(a.ActivityType.Name))
			s.status, s.said = failed, string(a.Cause)

		case types.EventTypeTimerStarted:
			p.hold = running
		case types.EventTypeTimerFired:
			p.hold = completed
		case types.EventTypeTimerCanceled:
			p.hold = open
		}
	}
	return p
}
