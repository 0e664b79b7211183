package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/authn"
	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/restjson"
	users "heddle/internal/bucket"
	"heddle/internal/bucket/accounts"
	"heddle/internal/dataexchange"
	"heddle/internal/engine"
	"heddle/internal/events"
	"heddle/internal/events/connection"
	"heddle/internal/iam"
	"heddle/internal/iam/account"
	"heddle/internal/kms"
	"heddle/internal/kms/datakey"
	"heddle/internal/lambda"
	"heddle/internal/live"
	"heddle/internal/operator"
	"heddle/internal/outbound"
	"heddle/internal/service"
	"heddle/internal/sfn"
	"heddle/internal/swf"
	"heddle/internal/token"
	"heddle/internal/visibility"
)

// Services are the services of a server, with options of their own. A further one is a
// folder and a line here.
func Services() []*service.Service {
	return []*service.Service{
		swf.Service(),
		iam.Service(),
		iam.STS(),
		kms.Service(),    // before those that use its keys
		events.Service(), // before those that use its connections
		sfn.Service(),
		dataexchange.Service(),
		operator.Service(), // behind those whose executions it shows
	}
}

// rulesOf is the table of all kinds of execution.
func rulesOf(services []*service.Service) map[engine.Kind]engine.Rules {
	all := map[engine.Kind]engine.Rules{}
	for _, s := range services {
		if s.Rules == nil {
			continue
		}
		for kind, rules := range s.Rules() {
			if all[kind] != nil {
				panic(fmt.Sprintf("server: two services have rules for %q", kind))
			}
			all[kind] = rules
		}
	}
	return all
}

// liveOf has the events of the kinds that are told live.
func liveOf(services []*service.Service, clock func() engine.Time) *live.Hub {
	var kinds []engine.Kind
	for _, s := range services {
		kinds = append(kinds, s.Live...)
	}
	return live.New(clock, kinds...)
}

// listenerOf is a listener that also tells each service of the runs of its kinds, and whoever
// listens live.
func listenerOf(services []*service.Service, hub *live.Hub, c *commits, h *hours, l *engine.Listener) *engine.Listener {
	hears := map[engine.Kind]func(*engine.TurnDone){}
	for _, s := range services {
		if s.TurnDone == nil || s.Rules == nil {
			continue
		}
		for kind := range s.Rules() {
			hears[kind] = s.TurnDone
		}
	}
	both := *l
	both.TurnDone = func(t *engine.TurnDone) {
		l.TurnDone(t)
		hub.TurnDone(t)
		h.turnDone(t)
		if hear := hears[t.Name.Kind]; hear != nil {
			hear(t)
		}
	}
	both.Dropped = func(shard uint16, why error) {
		if l.Dropped != nil {
			l.Dropped(shard, why)
		}
		hub.Gap() // what the shard has committed of late nobody hears of
	}
	both.BatchDone = func(d *engine.BatchDone) {
		c.done(d)
		if l.BatchDone != nil {
			l.BatchDone(d)
		}
	}
	return &both
}

// dataKeysOf gives what rules get data keys from, by the kinds of their services.
func dataKeysOf(services []*service.Service) map[engine.Kind]engine.DataKeys {
	of := map[engine.Kind]engine.DataKeys{}
	for _, s := range services {
		if s.DataKeys == nil {
			continue
		}
		for kind := range s.Rules() {
			of[kind] = s.DataKeys
		}
	}
	return of
}

// openServices makes what answers requests. All services ask the same directory who
// sends them.
func (s *Server) openServices() error {
	cfg, held := &s.cfg, s.held
	roots, err := rootCredentials(cfg)
	if err != nil {
		return err
	}
	s.rootPairs = roots
	of := account.Config{
		Runs: s.runs(), Rules: account.NewRules(account.DefaultLimits()), Sealer: account.NewSealer(account.SealerKeys{Secrets: held.identity, Sessions: held.session}),
		Roots: roots, Partition: arn.Partition(cfg.Region),
	}
	if s.cluster != nil {
		of.LastUse = s.usedAnywhere
	}
	directory := account.NewDirectory(of)
	s.directory = directory
	s.openLinks()
	s.limiters, err = newLimiters(cfg)
	if err != nil {
		return err
	}
	calls := operation.Config{Authenticator: newAuthenticator(cfg, directory), Log: cfg.Log, Random: random[[16]byte], Now: time.Now}
	calls.Gate = s.gate()
	calls.Observe = s.answered()
	s.refused = newRefusals(cfg.Account, cfg.accounts())
	calls.Audit = func(o *operation.Answered) error {
		s.refused.record(o, s.clock.Now())
		if s.auditor == nil {
			return nil
		}
		return s.auditor.record(o)
	}
	if s.auditor != nil {
		calls.Keep = s.auditor.keep
	}
	s.inspects, s.served = map[*service.Service]service.Inspector{}, map[string]bool{}
	s.actions = operation.New(calls, awsjson.New(), awsquery.New(), restjson.New())
	outside := outbound.Config{
		Runs: s.runs(), Tasks: s.lists(), PollsMax: cfg.PollsPerListMax, Within: s.within(), Log: cfg.Log,
		Stopwatch: func() time.Duration { return time.Since(s.began) },
	}
	functions := lambda.New(lambda.Config{
		Options: cfg.Lambda, Outbound: outside,
		Called: func(o *lambda.Outcome, took time.Duration) { s.metrics.LambdaAnswered(o.Word(), took) },
	})
	s.performers.Add("Lambda tasks", functions)
	if err := s.openBuckets(); err != nil {
		return err
	}
	var keys datakey.Keys
	var connections connection.Source
	for _, one := range cfg.Services {
		kernel := &service.Kernel{
			Runs: runsInTurn{s.runs()}, Blobs: s.blobs, Tasks: s.tasks, Performed: s.lists(), Lambda: functions,
			Visibility: visibility.New(indexInTurn{s.store}, &held.hash, s.node),
			Tokens:     token.New(held.token, rand.Reader),
			Accounts:   directory,
			Secret:     held.secretOf(one.Name),
			Keys:       keys, Connections: connections,
			Buckets: cfg.buckets, Room: s.bucketRoom.For,
			Trusting: cfg.Auth == AuthNone,
			Inside:   s.inside, Serves: s.serves,
			Region: cfg.Region, RootSeed: s.rootSeed, Clock: s.clock.Now, Now: time.Now, Random: rand.Reader,
			Scarce:   s.scarce,
			PollHold: s.pollHold(), Within: s.within(), Beside: service.Goroutines, PollsPerListMax: cfg.PollsPerListMax,
			Log:         cfg.Log,
			Measured:    s.metrics.Measured,
			ConsoleLink: s.consoleLink(),
			Calls:       s.actions, CallerOf: callerOf,
			Checkpoints: s.checkpointsOf(), Reset: s.resets(), Losses: s.lossesOf(),
			Overview: overview{s}, Inspectors: s.inspectors, Events: s.events, Live: s.live, AsPoll: s.tasks.begin,
		}
		api := &operation.API{Service: one.Name, SigningNames: one.SigningNames, Refuse: s.refuses(one), Changes: func(action string) bool { return changes(one, action) }}
		if api.SigningNames == nil {
			api.SigningNames = []string{one.Name}
		}
		if s.cluster != nil {
			kernel.Served = s.cluster.Serves
		}
		if l := s.limiters[one.Name]; l != nil {
			kernel.Throttle, api.Throttle = s.throttles(one, l)
			kernel.Reserve, kernel.Return = s.reserves(one, l), l.giveBack
		}
		opened, err := one.Open(kernel)
		if err != nil {
			return fmt.Errorf("open service %q: %w", one.Name, err)
		}
		if opened.Keys != nil {
			keys = opened.Keys
		}
		if opened.Connections != nil {
			connections = opened.Connections
		}
		if opened.Inspector != nil {
			s.inspectors = append(s.inspectors, opened.Inspector)
			s.inspects[one] = opened.Inspector
		}
		api.Model, api.Operations = opened.Model, opened.Operations
		if l := s.limiters[one.Name]; l != nil {
			l.actions = namesOf(opened.Operations)
			for _, name := range one.Rated {
				l.actions[name] = true
			}
		}
		for i := range opened.Operations {
			s.served[one.Name+":"+opened.Operations[i].Name] = true
		}
		s.actions.Mount(api)
		s.paths = append(s.paths, opened.Paths...)
		for _, p := range opened.Parts {
			s.performers.Add(p.Name, p.Service)
			if i, ok := p.Service.(service.Idler); ok {
				s.idlers = append(s.idlers, i)
			}
			if sleeper, ok := p.Service.(service.Sleeper); ok {
				s.sleepers = append(s.sleepers, sleeper)
			}
		}
	}
	s.openConsole()
	return nil
}

// inside answers a request that a part of the server makes for somebody.
func (s *Server) inside(caller *account.Caller, region string, r *http.Request) *http.Response {
	answer := &held{header: http.Header{}, status: http.StatusOK}
	s.actions.ServeFor(callerOf(caller, region, r), answer, r)
	for name, values := range answer.header { // as they would be read from a connection
		delete(answer.header, name)
		answer.header[http.CanonicalHeaderKey(name)] = values
	}
	return &http.Response{
		StatusCode: answer.status, Header: answer.header, Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}
}

// held is an answer that goes over no connection.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

// serves tells whether there is a service that signatures call so, and which has an operation.
func (s *Server) serves(signingName, operation string) bool {
	return signingName != operator.Name && s.served[signingName+":"+operation]
}

// openBuckets makes the buckets of users, unless a test has some.
func (s *Server) openBuckets() (err error) {
	s.bucketRoom = users.NewRoom(users.RoomBytesDefault)
	if s.cfg.buckets != nil {
		return nil
	}
	s.buckets, err = accounts.Open(s.cfg.Buckets, accounts.Config{
		Own: s.cfg.Account, Data: s.cfg.Data, BlobBucket: s.cfg.Blobs.Bucket, Room: s.bucketRoom, Now: time.Now, Within: context.WithTimeout,
	})
	if err == nil {
		s.cfg.buckets = s.buckets.Of
	}
	return err
}

func (s *Server) closeBuckets() error {
	if s.buckets == nil {
		return nil
	}
	return s.buckets.Close()
}

// calls is what all requests to services go to: to their own paths, or to operations.
func (s *Server) calls() http.Handler {
	all := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, p := range s.paths {
			if strings.HasPrefix(r.URL.Path, p.Prefix) {
				s.answerPath(p, w, r)
				return
			}
		}
		s.actions.ServeHTTP(w, r)
	})
	if s.cfg.Auth == AuthNone {
		return authn.LoopbackHost(all)
	}
	return all
}

// answerPath lets in a request for a path of a service, as one of those that its client may
// have at a time; none that brings something when the disk has little room.
func (s *Server) answerPath(p service.Path, w http.ResponseWriter, r *http.Request) {
	places := s.gate()
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads && s.scarce() || !places.Enter(r.Context()) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer places.Leave(r.Context())
	p.ServeHTTP(w, r)
}

// answered hears of calls: they are counted and, at debug, have a line in the log.
func (s *Server) answered() func(*operation.Answered, time.Duration) {
	log := s.cfg.Log
	return func(a *operation.Answered, took time.Duration) {
		s.metrics.Answered(a, took)
		s.hours.requests.Add(1)
		if !log.Enabled(context.Background(), slog.LevelDebug) {
			return
		}
		about := []any{
			"action", a.Operation.API.Service + ":" + a.Operation.Name, "request", a.RequestID, "took", took,
			"account", a.Caller.Account, "region", a.Caller.Region, "access_key", a.AccessKey, "from", a.Request.RemoteAddr,
		}
		if a.Touched.Kind != "" {
			about = append(about, a.Touched.Kind, a.Touched.Name)
		}
		if a.Fault != nil {
			about = append(about, "fault", a.Fault.Code, "why", a.Fault.Message)
		}
		log.Debug("request", about...)
	}
}

// rootSeed gives the seed of a root run.
func (s *Server) rootSeed() engine.Seed {
	var b [8]byte
	rand.Read(b[:])
	return engine.RootSeed(s.clock.Now(), b)
}

// resets is what a caller's wish calls that the server forget all that it has; nil: the store is
// not the process's memory, or nobody would start the server anew.
func (s *Server) resets() func() {
	if s.cfg.Store != StoreMemory {
		return nil
	}
	return s.cfg.Reset
}
