package sfn

import (
	"context"
	"strconv"

	"heddle/internal/aws/operation"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

func (s *actions) activityRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateActivity", s.createActivity, tagsBody),
		row(s, "DescribeActivity", s.describeActivity),
		row(s, "ListActivities", s.listActivities),
		row(s, "DeleteActivity", s.deleteActivity),
	}
}

// createActivity serves CreateActivity.
func (s *actions) createActivity(ctx context.Context, in *wire.CreateActivityInput) (*wire.CreateActivityOutput, error) {
	w := worldOf(ctx)
	n := name(w, resource.Activity, in.Name)
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	encryption, err := s.encryption(ctx, in.EncryptionConfiguration, n.String())
	if err != nil {
		return nil, err
	}
	most := s.options.Registry.ActivitiesMax
	reply, err := s.create(ctx,
		registry.CreateCommand(w, registry.KindActivity, in.Name, s.RootSeed(), registry.CreateActivity{Encryption: encryption, Tags: tagsOf(in.Tags)}),
		most, refusal(wire.CodeActivityLimitExceeded, "The limit of "+strconv.Itoa(most)+" activities is reached."), activityEntry)
	if err != nil {
		return nil, faultOf(err, n, nil)
	}
	return &wire.CreateActivityOutput{ActivityARN: n.String(), CreationDate: timestamp(reply.(*registry.Activity).Created)}, nil
}

func activityEntry(reply any) registry.Entry { return reply.(*registry.Activity).Entry }

// describeActivity serves DescribeActivity.
func (s *actions) describeActivity(ctx context.Context, in *wire.DescribeActivityInput) (*wire.DescribeActivityOutput, error) {
	a, err := s.activityOf(ctx, in.ActivityARN)
	if err != nil {
		return nil, err
	}
	return &wire.DescribeActivityOutput{
		ActivityARN: in.ActivityARN, CreationDate: timestamp(a.Created), Name: a.Name, EncryptionConfiguration: encryptionShape(&a.Encryption),
	}, nil
}

// listActivities serves ListActivities.
func (s *actions) listActivities(ctx context.Context, in *wire.ListActivitiesInput) (*wire.ListActivitiesOutput, error) {
	page, next, err := s.names(ctx, registry.KindActivity, in.MaxResults, in.NextToken)
	out := &wire.ListActivitiesOutput{Activities: []wire.ActivityListItem{}, NextToken: next}
	for _, e := range page.Entries {
		out.Activities = append(out.Activities, wire.ActivityListItem{
			ActivityARN: name(worldOf(ctx), resource.Activity, e.Name).String(), CreationDate: timestamp(e.Created), Name: e.Name,
		})
	}
	return out, err
}

// deleteActivity serves DeleteActivity.
func (s *actions) deleteActivity(ctx context.Context, in *wire.DeleteActivityInput) (*wire.DeleteActivityOutput, error) {
	w := worldOf(ctx)
	n, err := parse(in.ActivityARN, resource.Activity)
	if err == nil && n.In(w.Region, w.Account) {
		err = s.remove(ctx, registry.Command(w, registry.KindActivity, n.Base, registry.Delete{}), activityEntry)
	}
	return &wire.DeleteActivityOutput{}, err
}
