package sfn

import (
	"context"
	"encoding/binary"
	"fmt"

	"heddle/internal/pack"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/wire"
)

// showHistory gives stored events as they are shown: with data, what is sealed is opened, in
// the caller's right. Errors: *execution.KeyError.
func (s *actions) showHistory(ctx context.Context, arn string, events []byte, data bool) (shown []byte, err error) {
	shown, open := events, (func(string) (string, error))(nil)
	if execution.HasSealed(events) {
		d, err := s.description(ctx, arn)
		if err != nil {
			return nil, err
		}
		if d.Settings.Key.Key != "" { // else it only looks so
			open = s.opener(ctx, d.Settings.Key, d.Machine)
		}
	}
	switch {
	case !data:
		shown, err = execution.WithoutData(events, open != nil)
	case open != nil:
		shown, err = execution.ViewHistory(events, open)
	}
	if err != nil {
		return nil, fmt.Errorf("show the history of %s: %w", arn, err)
	}
	return shown, nil
}

// getExecutionHistory serves GetExecutionHistory. Events are answered as they are stored,
// unless they are sealed.
func (s *actions) getExecutionHistory(ctx context.Context, in *wire.GetExecutionHistoryInput) (*wire.History, error) {
	name, err := s.executionOf(ctx, in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	reverse := value(in.ReverseOrder)
	data := in.IncludeExecutionData == nil || *in.IncludeExecutionData
	pages := s.pages(ctx, "history", in.ExecutionARN, fmt.Sprint(reverse))
	position, err := pages.after(in.NextToken)
	if err != nil {
		return nil, err
	}
	view, err := s.Runs.View(ctx, name, [16]byte{})
	if err != nil {
		return nil, executionFault(err, in.ExecutionARN)
	}
	first, last := int64(1), view.LastEvent
	if position != "" {
		r := pack.Read([]byte(position))
		first, last = int64(r.Uint()), int64(r.Uint())
		if r.Done() != nil || first < 1 || first > last || last > view.LastEvent {
			return nil, errInvalidToken
		}
	}
	from, to := first, last
	if size := int64(pageSize(in.MaxResults)); reverse {
		from = max(from, to+1-size)
	} else {
		to = min(to, from-1+size)
	}
	events, n, err := s.Runs.AppendPage(ctx, nil, view.Run, from, to, reverse, pageBytesMax)
	if err != nil { // the execution may just have been forgotten
		return nil, executionFault(err, in.ExecutionARN)
	}
	if reverse {
		last -= n
	} else {
		first += n
	}
	out := &wire.History{}
	if out.Events, err = s.showHistory(ctx, in.ExecutionARN, events, data); err != nil {
		return nil, err
	}
	if first <= last {
		out.NextToken, err = pages.next(string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(first)), uint64(last))), true)
	}
	return out, err
}
