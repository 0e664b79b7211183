package sfn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/sdk"
	"heddle/internal/engine"
	"heddle/internal/outbound"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/httptask"
	"heddle/jsonvalue"
)

const (
	// clusterService is what resources call clusters of EKS, and their Kubernetes API.
	clusterService = "eks"
	// clusterEndpoint is what the operator calls where these APIs are.
	clusterEndpoint = "kubernetes"
)

// clusterCall is a call of the Kubernetes API of a cluster.
type clusterCall struct {
	*calls
	request *httptask.Cluster
	talk    func() (httptask.Talk, error)
	runs    bool              // it begins a job
	waits   bool              // and waits for it
	begun   *jsonvalue.Object // the job that it asks after; nil: it has not begun one yet
}

// prepareCluster finds out what a task asks of a cluster, and whether it may.
func (s *calls) prepareCluster(ctx context.Context, run engine.RunID, c *prepared) (*prepared, *execution.Fail, error) {
	task := c.task
	v, err := jsonvalue.ParseString(task.Input)
	parameters, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, notParameters(task, "the parameters are not an object"), nil
	}
	call := &clusterCall{calls: s, runs: strings.HasPrefix(task.Resource, "runJob"), waits: strings.HasSuffix(task.Resource, ".sync")}
	parse := httptask.ParseCall
	if call.runs {
		parse = httptask.ParseJob
	}
	call.request, err = parse(parameters)
	if e, ok := errors.AsType[*httptask.Error](err); ok {
		return nil, failTask(task, e.Name, e.Cause), nil
	}
	if err != nil {
		return nil, nil, err
	}
	w, name := task.Name.World, call.request.Name
	host := ""
	if call.request.IsOfEKS() {
		host = call.request.Host
	}
	at := s.options.Integrations.Cluster(clusterEndpoint, name, host, w.Region)
	if at == "" {
		return nil, failTask(task, httptask.ClusterClient, "Unable to execute HTTP request: this server has no endpoint for the cluster (--integration "+clusterEndpoint+"=URL)"), nil
	}
	if refused, err := s.mayReachCluster(ctx, task, arn.Of("eks", w.Region, w.Account, "cluster/"+name).String()); refused != nil || err != nil {
		return nil, refused, err
	}
	id, secret, lacking := s.operatorKeys(task, clusterService)
	if lacking != "" {
		return nil, failTask(task, httptask.ClusterClient, lacking), nil
	}
	call.talk = func() (httptask.Talk, error) {
		token, err := sdk.ClusterToken(name, w.Region, id, secret, s.Now())
		return httptask.Talk{At: at, Token: token}, err
	}
	if task.Submitted != 0 && call.waits {
		if call.begun, err = s.begun(ctx, run, task); err != nil {
			return nil, nil, err
		}
		c.asks = true
	}
	c.web = call
	return c, nil, nil
}

// mayReachCluster asks the role of a task. With AWS the cluster alone decides, since it knows
// the role; here it sees the operator's keys.
func (s *calls) mayReachCluster(ctx context.Context, task *execution.Task, cluster string) (*execution.Fail, error) {
	return s.may(ctx, task, errand(task, "eks:AccessKubernetesApi", cluster), func(denied string) *execution.Fail {
		return failTask(task, httptask.ClusterStatus+"403", denied)
	})
}

// do implements webCall.
func (c *clusterCall) do(ctx context.Context, task *execution.Task) outbound.Ended {
	t, err := c.talk()
	if err != nil {
		return c.failed(ctx, task, &httptask.Error{Name: httptask.ClusterClient, Cause: "Unable to execute HTTP request: no token could be made"}, err)
	}
	ref := execution.Ref{ScheduledEventID: task.ScheduledEventID}
	switch {
	case c.begun != nil:
		return c.ask(ctx, task, t)
	case c.runs:
		output, job, failed, cause := c.request.Begin(ctx, t)
		if failed != nil {
			return c.failed(ctx, task, failed, cause)
		}
		if c.waits {
			return outbound.Ended{Report: &execution.Submit{Ref: ref, Output: jsonvalue.Text(job), Asked: true}, Again: askFirst}
		}
		if waitsForToken(task) {
			return outbound.Ended{Report: &execution.Submit{Ref: ref, Output: jsonvalue.Text(output)}}
		}
		return outbound.Ended{Report: &execution.Succeed{Ref: ref, Output: jsonvalue.Text(output)}}
	}
	output, failed, cause := c.request.Call(ctx, t)
	if failed != nil {
		return c.failed(ctx, task, failed, cause)
	}
	return outbound.Ended{Report: &execution.Succeed{Ref: ref, Output: jsonvalue.Text(output)}}
}

func (c *clusterCall) ask(ctx context.Context, task *execution.Task, t httptask.Talk) outbound.Ended {
	again := askAgain(time.Duration(c.Clock()-task.Since) * time.Millisecond)
	job, failed, cause := c.request.Ask(ctx, t, c.begun)
	switch {
	case failed != nil && failed.Passing():
		return outbound.Ended{Unanswered: true, Cause: fmt.Errorf("ask after a job: %w", errors.Join(failed, cause)), Again: again}
	case failed != nil:
		return c.failed(ctx, task, failed, cause)
	case !job.Ended:
		return outbound.Ended{Again: again}
	case !job.Good:
		return outbound.Ended{Report: failTask(task, "States.TaskFailed", jsonvalue.Text(job.Output))}
	}
	return outbound.Ended{Report: &execution.Succeed{Ref: execution.Ref{ScheduledEventID: task.ScheduledEventID}, Output: jsonvalue.Text(job.Output)}}
}

func (*clusterCall) failed(ctx context.Context, task *execution.Task, failed *httptask.Error, cause error) outbound.Ended {
	return outbound.Ended{Report: failTask(task, failed.Name, failed.Cause), Unanswered: ctx.Err() != nil, Cause: cause}
}

// tooLong implements webCall.
func (c *clusterCall) tooLong(task *execution.Task) any {
	if c.begun != nil {
		return nil // it asks again
	}
	return failTask(task, httptask.ClusterClient, fmt.Sprintf("Unable to execute HTTP request: no answer came within %s", httptask.Max))
}
