package operator

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/diagnose"
	"heddle/internal/live"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

const (
	// streamedMax is how many events an answer has, and streamedBytesMax how many bytes of
	// them, but for the last.
	streamedMax      = 1000
	streamedBytesMax = 2 << 20
)

// streamed is which events a request asks for: those of some services, within something, of one
// execution.
type streamed struct {
	tellers []service.Teller
	within  string
	of      diagnose.Ref
}

var errStreamed = fault.Invalid("Events are those of SWF, of a domain, perhaps of one workflowId; or those of Step Functions (states), of a stateMachineArn or an executionArn; or all, if none of these is given.")

func (s *actions) streamedBy(in *wire.StreamEventsInput) (*streamed, error) {
	swf, states := in.Domain != nil || in.WorkflowID != nil, in.StateMachineARN != nil || in.ExecutionARN != nil
	q := &streamed{
		within: text(in.Domain) + text(in.StateMachineARN), of: diagnose.Ref{WorkflowID: text(in.WorkflowID), ARN: text(in.ExecutionARN)},
	}
	name := text(in.Service)
	switch {
	case swf && states, swf && name == "states", states && name == "swf", in.StateMachineARN != nil && in.ExecutionARN != nil:
		return nil, errStreamed
	case swf:
		name = "swf"
	case states:
		name = "states"
	}
	for _, i := range s.Inspectors {
		if t, tells := i.(service.Teller); tells && (name == "" || i.Serves(name)) {
			q.tellers = append(q.tellers, t)
		}
	}
	return q, nil
}

// told shows an event, if it is one that is asked for.
func (q *streamed) told(e *live.Event) (shown wire.LiveEvent, ok bool) {
	for _, t := range q.tellers {
		if told, ok := t.Told(e.Identity, e.Listing, e.Public); ok {
			wanted := (q.within == "" || told.Within == q.within) && (q.of.WorkflowID == "" || told.WorkflowID == q.of.WorkflowID) && (q.of.ARN == "" || told.ARN == q.of.ARN)
			return wire.LiveEvent{Execution: refOf(told.Ref), Type: told.Type, Event: told.Event}, wanted
		}
	}
	return shown, false
}

// together is what several subjects ask for.
type together []operation.Subject

// Questions implements operation.Subject.
func (t together) Questions(ctx context.Context) (all []policy.Request, err error) {
	for _, sub := range t {
		more, err := sub.Questions(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// Resource implements operation.Subject.
func (t together) Resource(ctx context.Context) operation.Resource {
	if len(t) == 1 {
		return t[0].Resource(ctx)
	}
	return operation.Resource{}
}

func (s *actions) aboutEvents(ctx context.Context, in *wire.StreamEventsInput) (operation.Subject, error) {
	q, err := s.streamedBy(in)
	if err != nil {
		return nil, err
	}
	var all together
	for _, t := range q.tellers {
		sub, err := t.ToldSubject(ctx, q.within, q.of)
		if err != nil {
			return nil, err
		}
		all = append(all, sub)
	}
	return all, nil
}

// streamEvents serves StreamEvents: the events that have become durable since the call before,
// whose token the request has; if there are none it waits for some, as a poll does. The first
// call, without a token, tells from where on.
func (s *actions) streamEvents(ctx context.Context, in *wire.StreamEventsInput) (*wire.StreamEventsOutput, error) {
	w := worldOf(ctx)
	sum := sha256.New()
	for _, of := range []*string{in.Service, in.Domain, in.WorkflowID, in.StateMachineARN, in.ExecutionARN} {
		fmt.Fprintf(sum, "live %q", text(of))
	}
	query := [16]byte(sum.Sum(nil)[:16])
	out := &wire.StreamEventsOutput{Events: []wire.LiveEvent{}}
	var next live.Place
	if text(in.NextPageToken) == "" {
		next = s.Live.Now()
	} else {
		position, err := s.Tokens.OpenPage(familyPage, w, query, *in.NextPageToken)
		if err != nil || len(position) != 16 {
			return nil, fault.Invalid("The page token is not one of this stream.")
		}
		from := live.Place{Span: binary.BigEndian.Uint64(position), Next: binary.BigEndian.Uint64(position[8:])}
		if next, err = s.streamFrom(ctx, in, from, out); err != nil {
			return nil, err
		}
	}
	position := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, next.Span), next.Next)
	token, err := s.Tokens.SealPage(familyPage, w, query, position)
	out.NextPageToken, out.ServerTimestamp = token, wire.Timestamp(s.Clock())
	return out, err
}

func (s *actions) streamFrom(ctx context.Context, in *wire.StreamEventsInput, from live.Place, out *wire.StreamEventsOutput) (next live.Place, err error) {
	end, err := s.AsPoll(ctx)
	if err != nil {
		return next, err
	}
	defer end()
	ctx, stop := s.Hold(ctx)
	defer stop()
	q, err := s.streamedBy(in)
	if err != nil {
		return next, err
	}
	w := worldOf(ctx)
	ours := func(e *live.Event) bool { return e.Name.World == w }
	for next = from; ; {
		var events []live.Event
		events, next, out.Missed = s.Live.Read(ctx, next, streamedMax, streamedBytesMax, ours)
		for i := range events {
			if shown, ok := q.told(&events[i]); ok {
				out.Events = append(out.Events, shown)
			}
		}
		if len(out.Events) > 0 || out.Missed || len(events) == 0 || ctx.Err() != nil {
			return next, nil
		}
	}
}
