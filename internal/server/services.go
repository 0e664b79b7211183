package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam"
	"heddle/internal/iam/account"
	"heddle/internal/swf"
	"heddle/internal/swf/wire"
	"heddle/internal/token"
	"heddle/internal/visibility"
)

// services makes what answers requests: the services with JSON protocols, and IAM
// and STS with the query protocol. All ask the same directory who sends them.
func (s *Server) services(held *heldKeys) (http.Handler, error) {
	cfg := &s.cfg
	root := credentials.Credential{Account: cfg.Account}
	if cfg.Auth == AuthSigV4 {
		var err error
		if root, err = rootCredentials(cfg); err != nil {
			return nil, err
		}
	}
	sealer := account.NewSealer(held.identity)
	directory := account.NewDirectory(account.Config{
		Runs: s.node, Rules: account.NewRules(account.DefaultLimits()), Sealer: sealer,
		Roots: []credentials.Credential{root},
	})
	callers := newCallers(cfg, directory)
	limits, err := newThrottle(cfg)
	if err != nil {
		return nil, err
	}

	calls := operation.Config{Authenticator: callers, Log: cfg.Log, Random: random[[16]byte]}
	var throttleDecisions func(engine.World, string) bool
	if limits != nil {
		calls.Throttle, throttleDecisions = limits.call, limits.decision
	}
	var observe func(context.Context, *http.Request, awsquery.Outcome)
	if s.auditor != nil {
		calls.Auditor, observe = s.auditor, s.auditor.observe
	}
	actions := operation.New(calls)
	swfModel := operation.Model{Prefix: wire.TargetPrefix, Faults: wire.Faults(), NotPermitted: wire.CodeOperationNotPermittedFault}
	operation.Mount(actions, swfModel, swf.New(swf.Config{
		Runs: s.node, Tasks: s.tasks,
		Visibility: visibility.New(s.store, &held.hash, s.node),
		Tokens:     token.New(held.token, rand.Reader),
		RootSeed:   s.rootSeed,
		Clock:      s.clock.Now,
		PollHold:   cfg.PollHold,
		Within:     context.WithTimeout,
		CountMax:   cfg.CountMax,

		LambdaAvailable: cfg.LambdaEndpoint != "",
		Throttle:        throttleDecisions,
	}), swf.Operations)

	query := iam.New(iam.Config{
		Directory: directory, Sealer: sealer,
		Authenticate: callers.authenticateQuery,
		Context:      func(r *http.Request) policy.Context { return requestContext(r, time.Now()) },
		Now:          time.Now, Random: rand.Reader, Log: cfg.Log,
		Observe: observe,
	})

	var all http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if awsquery.Is(r) {
			query.ServeHTTP(w, r)
			return
		}
		actions.ServeHTTP(w, r)
	})
	if cfg.Auth == AuthNone {
		all = authn.LoopbackHost(all)
	}
	return all, nil
}

// rootSeed gives the seed of a root run.
func (s *Server) rootSeed() engine.Seed {
	var b [8]byte
	rand.Read(b[:])
	return engine.RootSeed(s.clock.Now(), b)
}
