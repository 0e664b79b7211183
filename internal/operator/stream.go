package operator

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
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

func (s *actions) aboutEvents(ctx context.Context, in *wire.StreamEventsInput) (operation.Subject, error) {
	w, within := worldOf(ctx), text(in.Domain)
	if within == "" {
		within = "*"
	}
	return &subject{action: "swf:GetWorkflowExecutionHistory", resource: arn.Of("swf", w.Region, w.Account, "/domain/"+within).String()}, nil
}

// streamEvents serves StreamEvents: the events that have become durable since the call before,
// whose token the request has; if there are none it waits for some, as a poll does. The first
// call, without a token, tells from where on.
func (s *actions) streamEvents(ctx context.Context, in *wire.StreamEventsInput) (*wire.StreamEventsOutput, error) {
	w := worldOf(ctx)
	sum := sha256.Sum256([]byte("live\x00" + text(in.Domain) + "\x00" + text(in.WorkflowID)))
	query := [16]byte(sum[:16])
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
	w := worldOf(ctx)
	ours := func(e *live.Event) bool { return e.Name.World == w }
	for next = from; ; {
		var events []live.Event
		events, next, out.Missed = s.Live.Read(ctx, next, streamedMax, streamedBytesMax, ours)
		for i := range events {
			shown, ok := s.told(&events[i])
			if ok && (in.Domain == nil || text(shown.Execution.Domain) == *in.Domain) && (in.WorkflowID == nil || text(shown.Execution.WorkflowID) == *in.WorkflowID) {
				out.Events = append(out.Events, shown)
			}
		}
		if len(out.Events) > 0 || out.Missed || len(events) == 0 || ctx.Err() != nil {
			return next, nil
		}
	}
}

// told names the run of an event.
func (s *actions) told(e *live.Event) (shown wire.LiveEvent, ok bool) {
	for _, i := range s.Inspectors {
		if teller, tells := i.(service.Teller); tells {
			if ref, of, ok := teller.Told(e.Identity, e.Listing); ok {
				return wire.LiveEvent{Execution: refOf(ref), Type: of, Event: string(e.Public)}, true
			}
		}
	}
	return shown, false
}
