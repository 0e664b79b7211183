package swf

import (
	"context"

	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

func activityTypeID(t wire.ActivityType) registry.TypeID {
	return registry.TypeID{Kind: registry.ActivityType, Name: t.Name, Version: t.Version}
}

// registerActivityType serves RegisterActivityType.
func (s *actions) registerActivityType(ctx context.Context, in *wire.RegisterActivityTypeInput) error {
	id := activityTypeID(wire.ActivityType{Name: in.Name, Version: in.Version})
	return s.registerType(ctx, in.Domain, id, in.Description, registry.Defaults{
		TaskStartToCloseTimeout:    text(in.DefaultTaskStartToCloseTimeout),
		TaskList:                   listName(in.DefaultTaskList),
		TaskPriority:               text(in.DefaultTaskPriority),
		TaskHeartbeatTimeout:       text(in.DefaultTaskHeartbeatTimeout),
		TaskScheduleToStartTimeout: text(in.DefaultTaskScheduleToStartTimeout),
		TaskScheduleToCloseTimeout: text(in.DefaultTaskScheduleToCloseTimeout),
	})
}

// describeActivityType serves DescribeActivityType.
func (s *actions) describeActivityType(ctx context.Context, in *wire.DescribeActivityTypeInput) (*wire.ActivityTypeDetail, error) {
	t, err := s.describeType(ctx, in.Domain, activityTypeID(in.ActivityType))
	if err != nil {
		return nil, err
	}
	return &wire.ActivityTypeDetail{Configuration: *activityConfiguration(&t.Defaults), TypeInfo: activityTypeInfo(t)}, nil
}

func activityTypeInfo(t *registry.Type) wire.ActivityTypeInfo {
	return wire.ActivityTypeInfo{
		CreationDate:    wire.Timestamp(t.CreatedAt),
		DeprecationDate: deprecationDate(t),
		Description:     present(t.Description),
		Status:          registrationStatus(t.DeprecatedAt != 0),
		ActivityType:    wire.ActivityType{Name: t.ID.Name, Version: t.ID.Version},
	}
}

// listActivityTypes serves ListActivityTypes.
func (s *actions) listActivityTypes(ctx context.Context, in *wire.ListActivityTypesInput) (*wire.ActivityTypeInfos, error) {
	types, next, err := listTypes(ctx, s, typeList{
		domain: in.Domain, status: in.RegistrationStatus, sort: registry.ActivityType,
		name: in.Name, next: in.NextPageToken, reverse: in.ReverseOrder, size: in.MaximumPageSize,
	}, activityTypeInfo)
	if err != nil {
		return nil, err
	}
	return &wire.ActivityTypeInfos{NextPageToken: next, TypeInfos: types}, nil
}

// deprecateActivityType serves DeprecateActivityType.
func (s *actions) deprecateActivityType(ctx context.Context, in *wire.DeprecateActivityTypeInput) error {
	return s.deprecateType(ctx, in.Domain, activityTypeID(in.ActivityType))
}

// undeprecateActivityType serves UndeprecateActivityType.
func (s *actions) undeprecateActivityType(ctx context.Context, in *wire.UndeprecateActivityTypeInput) error {
	return s.undeprecateType(ctx, in.Domain, activityTypeID(in.ActivityType))
}

// deleteActivityType serves DeleteActivityType.
func (s *actions) deleteActivityType(ctx context.Context, in *wire.DeleteActivityTypeInput) error {
	return s.deleteType(ctx, in.Domain, activityTypeID(in.ActivityType))
}
