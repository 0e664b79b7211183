package sfn

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/aws/policy"
	"heddle/internal/events/connection"
	"heddle/internal/outbound"
	"heddle/internal/service"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/httptask"
	"heddle/jsonvalue"
)

// httpService is what resources call HTTP tasks: http:invoke.
const httpService = "http"

// httpCall is what an HTTP task asks for, and what it authorises itself with.
type httpCall struct {
	request    *httptask.Request
	connection *connection.Connection
	sender     connection.Sender
	saw        *httptask.Exchange // nil: nobody wants to know
}

// prepareHTTP finds out what an HTTP task calls, and whether it may: the role may invoke the
// endpoint for the machine, and use the connection's credentials.
func (s *calls) prepareHTTP(ctx context.Context, c *prepared) (*prepared, *execution.Fail, error) {
	refuse := func(e *httptask.Error) (*prepared, *execution.Fail, error) {
		return nil, failTask(c.task, e.Name, e.Cause), nil
	}
	v, err := jsonvalue.ParseString(c.task.Input)
	parameters, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, notParameters(c.task, "the parameters are not an object"), nil
	}
	r, err := httptask.Parse(parameters)
	if e, ok := errors.AsType[*httptask.Error](err); ok {
		return refuse(e)
	}
	if err != nil {
		return nil, nil, err
	}
	if refused, err := s.mayInvoke(ctx, c.task, r); refused != nil || err != nil {
		return nil, refused, err
	}
	var found *connection.Connection
	if s.Connections != nil {
		if found, err = s.Connections.Find(ctx, c.task.Name.World, r.ConnectionARN); err != nil {
			return nil, nil, err
		}
	}
	if found == nil {
		return refuse(&httptask.Error{Name: httptask.NoConnection, Cause: "Connection " + r.ConnectionARN + " does not exist"})
	}
	if refused, err := s.mayUse(ctx, c.task, found.SecretARN); refused != nil || err != nil {
		return nil, refused, err
	}
	if found.Parameters == nil {
		return refuse(&httptask.Error{Name: httptask.NotAuthorized, Cause: "Connection " + r.ConnectionARN + " is not authorized: its state is DEAUTHORIZED"})
	}
	c.web = &httpCall{request: r, connection: found, sender: s.Connections}
	return c, nil, nil
}

// mayInvoke asks the role of an HTTP task whether it may call the endpoint, and use the connection.
func (s *calls) mayInvoke(ctx context.Context, task *execution.Task, r *httptask.Request) (*execution.Fail, error) {
	if s.Trusting {
		return nil, nil
	}
	invoke := errand(task, "states:InvokeHTTPEndpoint", task.Machine)
	invoke.Context = policy.Context{{Key: "states:HTTPMethod", Value: r.Method}, {Key: "states:HTTPEndpoint", Value: r.Endpoint}}
	refused, err := s.may(ctx, task, invoke, func(denied string) *execution.Fail { return failTask(task, permissions, denied) })
	if refused != nil || err != nil {
		return refused, err
	}
	return s.mayAll(ctx, task, r.ConnectionARN, "events:RetrieveConnectionCredentials")
}

// mayUse asks the role of an HTTP task whether it may read the secret of its connection: the
// service reads it in the role's right.
func (s *calls) mayUse(ctx context.Context, task *execution.Task, secret string) (*execution.Fail, error) {
	if s.Trusting || secret == "" {
		return nil, nil
	}
	return s.mayAll(ctx, task, secret, "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
}

// mayAll asks the role of an HTTP task for actions on what its connection is or has.
func (s *calls) mayAll(ctx context.Context, task *execution.Task, about string, actions ...string) (*execution.Fail, error) {
	for _, action := range actions {
		verdict, err := s.May(ctx, errand(task, action, about))
		if err != nil {
			return nil, err
		}
		if verdict != (service.Verdict{}) {
			return failTask(task, httptask.Denied, verdict.Denied+verdict.NotAssumed), nil
		}
	}
	return nil, nil
}

// do implements webCall.
func (h *httpCall) do(ctx context.Context, task *execution.Task) outbound.Ended {
	output, failed, cause := httptask.Do(ctx, h.sender, h.request, h.connection, task.Name.World.Region, h.saw)
	if failed != nil {
		return outbound.Ended{Report: failTask(task, failed.Name, failed.Cause), Unanswered: ctx.Err() != nil, Cause: cause}
	}
	return outbound.Ended{Report: &execution.Succeed{Ref: execution.Ref{ScheduledEventID: task.ScheduledEventID}, Output: jsonvalue.Text(output)}}
}

// tooLong implements webCall.
func (h *httpCall) tooLong(task *execution.Task) any {
	return failTask(task, httptask.Socket, fmt.Sprintf("No answer came within %s", httptask.Max))
}
