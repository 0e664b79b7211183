package service

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
)

// Errand is something that a service does in a role which somebody has handed to it.
type Errand struct {
	World   engine.World
	Role    string      // ARN
	Since   engine.Time // when it was handed over
	Service string      // such as states.amazonaws.com
	Session string      // what the service calls its session
	Source  string      // ARN of what it is done for: aws:SourceArn for the role's trust policy

	Action   string // such as lambda:InvokeFunction
	Resource string // ARN
	// Context is what conditions may ask of the action, beside what they may of any.
	Context policy.Context
}

// Verdict says why an errand may not be, in words for who set it up; zero: it may.
type Verdict struct {
	NotAssumed string // the role can't be assumed
	Denied     string // the role may not do it
}

// May tells whether a role allows an errand: it is there, and was when it was handed over,
// trusts the service, and its policies allow the action. Under Trusting roles are not to
// be asked.
func (k *Kernel) May(ctx context.Context, e *Errand) (Verdict, error) {
	now := k.Now().UTC()
	known := policy.Context{
		{Key: "aws:RequestedRegion", Value: e.World.Region},
		{Key: "aws:CurrentTime", Value: now.Format(time.RFC3339)},
		{Key: "aws:EpochTime", Value: strconv.FormatInt(now.Unix(), 10)},
	}
	acting, err := k.Accounts.Act(ctx, e.World.Account, account.RoleUse{
		Role: e.Role, Service: e.Service, Session: e.Session, Since: e.Since,
		Known: append(policy.Context{
			{Key: "aws:SourceAccount", Value: e.World.Account},
			{Key: "aws:SourceArn", Value: e.Source},
		}, known...),
	})
	if refused, ok := errors.AsType[*account.RoleError](err); ok {
		return Verdict{NotAssumed: refused.Error()}, nil
	}
	if err != nil {
		return Verdict{}, err
	}
	known = append(known, policy.Value{Key: "aws:ViaAWSService", Value: "false"})
	q := policy.Request{
		Principal: acting.Principal, Action: e.Action, Resource: e.Resource,
		Context: slices.Concat(acting.Context, known, e.Context),
	}
	if d := policy.Evaluate(&q, &acting.Policies); !d.Allowed {
		return Verdict{Denied: d.Explain(&q)}, nil
	}
	return Verdict{}, nil
}
