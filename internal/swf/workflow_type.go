package swf

import (
	"context"

	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

func workflowTypeID(t wire.WorkflowType) registry.TypeID {
	return registry.TypeID{Kind: registry.WorkflowType, Name: t.Name, Version: t.Version}
}

// registerWorkflowType serves RegisterWorkflowType.
func (s *actions) registerWorkflowType(ctx context.Context, in *wire.RegisterWorkflowTypeInput) error {
	if err := s.mustPass(ctx, in.DefaultLambdaRole); err != nil {
		return err
	}
	id := workflowTypeID(wire.WorkflowType{Name: in.Name, Version: in.Version})
	return s.registerType(ctx, in.Domain, id, in.Description, registry.Defaults{
		ExecutionStartToCloseTimeout: text(in.DefaultExecutionStartToCloseTimeout),
		ChildPolicy:                  text(in.DefaultChildPolicy),
		LambdaRole:                   text(in.DefaultLambdaRole),
		TaskStartToCloseTimeout:      text(in.DefaultTaskStartToCloseTimeout),
		TaskList:                     listName(in.DefaultTaskList),
		TaskPriority:                 text(in.DefaultTaskPriority),
	})
}

// describeWorkflowType serves DescribeWorkflowType.
func (s *actions) describeWorkflowType(ctx context.Context, in *wire.DescribeWorkflowTypeInput) (*wire.WorkflowTypeDetail, error) {
	t, err := s.describeType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
	if err != nil {
		return nil, err
	}
	return &wire.WorkflowTypeDetail{Configuration: *workflowConfiguration(&t.Defaults), TypeInfo: workflowTypeInfo(t)}, nil
}

func workflowTypeInfo(t *registry.Type) wire.WorkflowTypeInfo {
	return wire.WorkflowTypeInfo{
		CreationDate:    wire.Timestamp(t.CreatedAt),
		DeprecationDate: deprecationDate(t),
		Description:     present(t.Description),
		Status:          registrationStatus(t.DeprecatedAt != 0),
		WorkflowType:    wire.WorkflowType{Name: t.ID.Name, Version: t.ID.Version},
	}
}

// listWorkflowTypes serves ListWorkflowTypes.
func (s *actions) listWorkflowTypes(ctx context.Context, in *wire.ListWorkflowTypesInput) (*wire.WorkflowTypeInfos, error) {
	types, next, err := listTypes(ctx, s, typeList{
		domain: in.Domain, status: in.RegistrationStatus, sort: registry.WorkflowType,
		name: in.Name, next: in.NextPageToken, reverse: in.ReverseOrder, size: in.MaximumPageSize,
	}, workflowTypeInfo)
	if err != nil {
		return nil, err
	}
	return &wire.WorkflowTypeInfos{NextPageToken: next, TypeInfos: types}, nil
}

// deprecateWorkflowType serves DeprecateWorkflowType.
func (s *actions) deprecateWorkflowType(ctx context.Context, in *wire.DeprecateWorkflowTypeInput) error {
	return s.deprecateType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
}

// undeprecateWorkflowType serves UndeprecateWorkflowType.
func (s *actions) undeprecateWorkflowType(ctx context.Context, in *wire.UndeprecateWorkflowTypeInput) error {
	return s.undeprecateType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
}

// deleteWorkflowType serves DeleteWorkflowType.
func (s *actions) deleteWorkflowType(ctx context.Context, in *wire.DeleteWorkflowTypeInput) error {
	return s.deleteType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
}
