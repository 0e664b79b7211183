package operator

import (
	"context"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/operation"
	"heddle/internal/operator/wire"
)

// seriesStep is how many seconds a value of a series is of.
const seriesStep = 10

// aboutSeries asks for the server's own as GetServerStatus does; for those of a domain whether its
// caller may count what is open and what has closed there.
func (s *actions) aboutSeries(ctx context.Context, in *wire.GetSeriesInput) (operation.Subject, error) {
	if in.Domain == nil {
		return &subject{action: "heddle:GetServerStatus", resource: "*"}, nil
	}
	w := worldOf(ctx)
	domain := arn.Of("swf", w.Region, w.Account, "/domain/"+*in.Domain).String()
	return both{&subject{action: "swf:CountOpenWorkflowExecutions", resource: domain}, &subject{action: "swf:CountClosedWorkflowExecutions", resource: domain}}, nil
}

// getSeries serves GetSeries: an hour of the server, or of a domain.
func (s *actions) getSeries(ctx context.Context, in *wire.GetSeriesInput) (*wire.GetSeriesOutput, error) {
	if in.Domain == nil {
		if err := s.ofServer(ctx, "How the server was"); err != nil {
			return nil, err
		}
	}
	all, until := s.Overview.Series(worldOf(ctx), text(in.Domain))
	out := &wire.GetSeriesOutput{Series: []wire.Series{}, StepSeconds: seriesStep, ServerTimestamp: wire.Timestamp(s.Clock())}
	count := 0
	for _, one := range all {
		count = len(one.Values)
		if one.Values == nil {
			one.Values = []int64{}
		}
		out.Series = append(out.Series, wire.Series{Name: one.Name, Unit: one.Unit, Sums: one.Adds, Values: one.Values})
	}
	out.StartTimestamp = wire.Timestamp(until.UnixMilli() - int64(count)*seriesStep*1000)
	return out, nil
}
