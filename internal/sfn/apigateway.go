package sfn

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/sdk"
	"heddle/internal/outbound"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/httptask"
	"heddle/jsonvalue"
)

const (
	// apiService is what resources call APIs of API Gateway: apigateway:invoke.
	apiService = "apigateway"
	// apiSigning is what endpoints, signatures and policies call them. The service that makes
	// APIs has another name.
	apiSigning = "execute-api"
)

// apiCall is a call of an API.
type apiCall struct {
	*calls
	request *httptask.API
	at      string
	sign    httptask.Sign
}

// prepareAPI finds out which API a task calls, and whether it may.
func (s *calls) prepareAPI(ctx context.Context, c *prepared) (*prepared, *execution.Fail, error) {
	v, err := jsonvalue.ParseString(c.task.Input)
	parameters, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, notParameters(c.task, "the parameters are not an object"), nil
	}
	r, err := httptask.ParseAPI(parameters)
	if e, ok := errors.AsType[*httptask.Error](err); ok {
		return nil, failTask(c.task, e.Name, e.Cause), nil
	}
	if err != nil {
		return nil, nil, err
	}
	call := &apiCall{calls: s, request: r}
	call.at, r.Shared = s.options.Integrations.API(apiSigning, r.ID, r.Region)
	if call.at == "" {
		return nil, failTask(c.task, httptask.APIClient, "Unable to execute HTTP request: this server has no endpoint for APIs (--integration "+apiSigning+"=URL)"), nil
	}
	w := c.task.Name.World
	if r.Signed {
		n := arn.Of(apiSigning, r.Region, w.Account, r.Resource())
		if refused, err := s.mayInvokeAPI(ctx, c.task, n.String()); refused != nil || err != nil {
			return nil, refused, err
		}
		id, secret, lacking := s.operatorKeys(c.task, apiSigning)
		if lacking != "" {
			return nil, failTask(c.task, httptask.APIClient, lacking), nil
		}
		call.sign = func(q *http.Request, body []byte) error {
			return sdk.Sign(q, body, apiSigning, r.Region, id, secret, s.Now())
		}
	}
	c.web = call
	return c, nil, nil
}

// mayInvokeAPI asks the role of a task. What may not be ends as API Gateway would refuse it.
func (s *calls) mayInvokeAPI(ctx context.Context, task *execution.Task, resource string) (*execution.Fail, error) {
	return s.may(ctx, task, errand(task, "execute-api:Invoke", resource), func(denied string) *execution.Fail {
		o := jsonvalue.NewObject(1)
		o.Set("Message", denied)
		return failTask(task, httptask.APIStatus+"403", jsonvalue.Text(o))
	})
}

// do implements webCall.
func (a *apiCall) do(ctx context.Context, task *execution.Task) outbound.Ended {
	output, failed, cause := a.request.Do(ctx, a.client.HTTP, a.at, a.sign)
	if failed != nil {
		return outbound.Ended{Report: failTask(task, failed.Name, failed.Cause), Unanswered: ctx.Err() != nil, Cause: cause}
	}
	ref, text := execution.Ref{ScheduledEventID: task.ScheduledEventID}, jsonvalue.Text(output)
	if waitsForToken(task) {
		return outbound.Ended{Report: &execution.Submit{Ref: ref, Output: text}}
	}
	return outbound.Ended{Report: &execution.Succeed{Ref: ref, Output: text}}
}

// tooLong implements webCall.
func (a *apiCall) tooLong(task *execution.Task) any {
	return failTask(task, httptask.APIClient, fmt.Sprintf("Unable to execute HTTP request: no answer came within %s", httptask.Max))
}
