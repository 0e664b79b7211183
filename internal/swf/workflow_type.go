package swf

import (
	"context"

	"heddle/internal/swf/api"
	"heddle/internal/swf/registry"
)

func workflowTypeID(t api.WorkflowType) registry.TypeID {
	return registry.TypeID{Kind: registry.WorkflowType, Name: t.Name, Version: t.Version}
}

// registerWorkflowType serves RegisterWorkflowType.
func (s *Service) registerWorkflowType(ctx context.Context, in *api.RegisterWorkflowTypeInput) error {
	id := workflowTypeID(api.WorkflowType{Name: in.Name, Version: in.Version})
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
func (s *Service) describeWorkflowType(ctx context.Context, in *api.DescribeWorkflowTypeInput) (*api.WorkflowTypeDetail, error) {
	t, err := s.describeType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
	if err != nil {
		return nil, err
	}
	return &api.WorkflowTypeDetail{Configuration: *workflowConfiguration(&t.Defaults), TypeInfo: workflowTypeInfo(t)}, nil
}

func workflowTypeInfo(t *registry.Type) api.WorkflowTypeInfo {
	return api.WorkflowTypeInfo{
		CreationDate:    api.Timestamp(t.CreatedAt),
		DeprecationDate: deprecationDate(t),
		Description:     present(t.Description),
		Status:          registrationStatus(t.DeprecatedAt != 0),
		WorkflowType:    api.WorkflowType{Name: t.ID.Name, Version: t.ID.Version},
	}
}

// listWorkflowTypes serves ListWorkflowTypes.
func (s *Service) listWorkflowTypes(ctx context.Context, in *api.ListWorkflowTypesInput) (*api.WorkflowTypeInfos, error) {
	types, next, err := s.listTypes(ctx, typeList{
		domain: in.Domain, status: in.RegistrationStatus, sort: registry.WorkflowType,
		name: in.Name, next: in.NextPageToken, reverse: in.ReverseOrder, size: in.MaximumPageSize,
	})
	if err != nil {
		return nil, err
	}
	out := &api.WorkflowTypeInfos{NextPageToken: next, TypeInfos: []api.WorkflowTypeInfo{}}
	for i := range types {
		out.TypeInfos = append(out.TypeInfos, workflowTypeInfo(&types[i]))
	}
	return out, nil
}

// deprecateWorkflowType serves DeprecateWorkflowType.
func (s *Service) deprecateWorkflowType(ctx context.Context, in *api.DeprecateWorkflowTypeInput) error {
	return s.deprecateType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
}

// undeprecateWorkflowType serves UndeprecateWorkflowType.
func (s *Service) undeprecateWorkflowType(ctx context.Context, in *api.UndeprecateWorkflowTypeInput) error {
	return s.undeprecateType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
}

// deleteWorkflowType serves DeleteWorkflowType.
func (s *Service) deleteWorkflowType(ctx context.Context, in *api.DeleteWorkflowTypeInput) error {
	return s.deleteType(ctx, in.Domain, workflowTypeID(in.WorkflowType))
}
