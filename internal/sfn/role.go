package sfn

import (
	"context"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/fault"
	"heddle/internal/service"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

// errand is something that a task asks the service to do, in the machine's role, or in the
// role of the task's credentials, which that one has to assume.
func errand(task *execution.Task, action, about string) *service.Errand {
	e := &service.Errand{
		World: task.Name.World, Role: task.MachineRole, Since: task.Started,
		Services: permission.Services(task.Name.World.Region), Session: resource.Service, Source: task.Machine,
		Action: action, Resource: about,
	}
	if task.Credentials {
		e.Target = task.Role
	}
	return e
}

// mustTrust refuses a role for a state machine that is not there or does not trust the
// service. Whether the caller may hand it over was asked by its ARN. Where nobody signs,
// any role is taken on trust. Errors: InvalidArn, AccessDeniedException.
func (s *actions) mustTrust(ctx context.Context, role string, machine resource.Name) error {
	if err := checkRole(role); err != nil || s.Trusting {
		return err
	}
	verdict, err := s.May(ctx, &service.Errand{
		World: worldOf(ctx), Role: role, Services: permission.Services(worldOf(ctx).Region), Session: resource.Service, Source: machine.Qualified("").String(),
	})
	if err != nil || verdict.NotAssumed == "" {
		return err
	}
	return fault.Of(fault.AccessDenied, "Neither the global service principal "+permission.Service+", nor the regional one is authorized to assume the provided role.")
}

// mustLog refuses a role for a state machine whose executions are to be logged, if it may not
// have logs delivered. Errors: AccessDeniedException.
func (s *actions) mustLog(ctx context.Context, role string, l *registry.Logging, machine resource.Name) error {
	if l.Level == wire.LogLevelOff || s.Trusting {
		return nil
	}
	verdict, err := s.May(ctx, &service.Errand{
		World: worldOf(ctx), Role: role, Services: permission.Services(worldOf(ctx).Region), Session: resource.Service, Source: machine.Qualified("").String(),
		Action: "logs:CreateLogDelivery", Resource: "*",
	})
	if err != nil || verdict == (service.Verdict{}) {
		return err
	}
	return fault.Of(fault.AccessDenied, "The state machine IAM Role is not authorized to access the Log Destination")
}

// checkRole refuses what is no ARN. Errors: InvalidArn.
func checkRole(role string) error {
	if _, err := arn.Parse(role); err != nil {
		return refusal(wire.CodeInvalidArn, (&resource.Error{Reason: "Invalid ARN prefix: " + role}).Error())
	}
	return nil
}
