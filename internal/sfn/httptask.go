package sfn

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/aws/policy"
	"heddle/internal/outbound"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/httptask"
	"heddle/jsonvalue"
)

// httpService is what resources call HTTP tasks: http:invoke.
const httpService = "http"

// httpCall is what an HTTP task asks for, and what it authorises itself with.
type httpCall struct {
	request    *httptask.Request
	connection *httptask.Connection
	client     *httptask.Client
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
	w := c.task.Name.World
	connection, err := s.options.HTTP.Find(w.Account, w.Region, r.ConnectionARN)
	switch {
	case err != nil:
		s.Log.Error("read connections of HTTP tasks", "cause", err)
		return refuse(&httptask.Error{Name: httptask.ConnectionFault, Cause: "This server can't read its connections (--connections)"})
	case connection == nil:
		return refuse(&httptask.Error{Name: httptask.NoConnection, Cause: "Connection " + r.ConnectionARN + " does not exist (--connections)"})
	}
	c.http = &httpCall{r, connection, s.web}
	return c, nil, nil
}

// mayInvoke asks the role of an HTTP task.
func (s *calls) mayInvoke(ctx context.Context, task *execution.Task, r *httptask.Request) (*execution.Fail, error) {
	if s.Trusting {
		return nil, nil
	}
	invoke := errand(task, "states:InvokeHTTPEndpoint", task.Machine)
	invoke.Context = policy.Context{{Key: "states:HTTPMethod", Value: r.Method}, {Key: "states:HTTPEndpoint", Value: r.Endpoint}}
	verdict, err := s.May(ctx, invoke)
	switch {
	case err != nil:
		return nil, err
	case verdict.NotAssumed != "":
		f := failTask(task, permissions, verdict.NotAssumed)
		f.Unstarted = true
		return f, nil
	case verdict.Denied != "":
		return failTask(task, permissions, verdict.Denied), nil
	}
	verdict, err = s.May(ctx, errand(task, "events:RetrieveConnectionCredentials", r.ConnectionARN))
	if err != nil || verdict.Denied == "" && verdict.NotAssumed == "" {
		return nil, err
	}
	return failTask(task, httptask.Denied, verdict.Denied+verdict.NotAssumed), nil
}

// do sends the request, and says how the task ends by it.
func (h *httpCall) do(ctx context.Context, task *execution.Task) outbound.Ended {
	output, failed, cause := h.client.Do(ctx, h.request, h.connection, task.Name.World.Region)
	if failed != nil {
		return outbound.Ended{Report: failTask(task, failed.Name, failed.Cause), Unanswered: ctx.Err() != nil, Cause: cause}
	}
	return outbound.Ended{Report: &execution.Succeed{Ref: execution.Ref{ScheduledEventID: task.ScheduledEventID}, Output: jsonvalue.Text(output)}}
}

// tooLong is the command that tells of an HTTP task that took longer than it may.
func (h *httpCall) tooLong(task *execution.Task) any {
	return failTask(task, httptask.Socket, fmt.Sprintf("No answer came within %s", httptask.Max))
}
