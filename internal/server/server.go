// Package server builds everything from a Config and runs it: the store, the
// shards, matching, the services and the listener. It is the one package that
// knows all others, and the one that owns a clock. The command and the tests
// start the same thing.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/lifecycle"
	"heddle/internal/matching"
	"heddle/internal/shard"
	"heddle/internal/store"
	"heddle/internal/store/memstore"
	"heddle/internal/store/pebblestore"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/lambda"
	"heddle/internal/swf/registry"
)

// memoryShards is how many shards a store in memory has.
const memoryShards = 64

// Server is a running server.
type Server struct {
	cfg          Config
	clock        *clock
	store        store.Store
	shards       uint16
	held         *heldKeys
	blobs        *blobs
	node         *shard.Node
	began        time.Time
	lambda       *lambda.Performer // nil: no endpoint
	matcher      *matching.Matcher
	tasks        *countedTasks // the matcher, for callers
	auditor      *auditor      // nil: nothing is recorded
	listener     net.Listener
	http         *http.Server
	connections  *connections
	certificates *certificates // nil: no TLS
	requests     *shares       // in flight, but for polls that wait
	roots        *rootWatch    // nil: the root keys are in no file
	ready        atomic.Bool
	parts        lifecycle.List // all that has a life
}

// Start opens the store, takes over its shards and listens.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, clock: newClock(cfg.Log), began: time.Now()}
	s.addParts()
	if err := s.parts.Start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// addParts lists what a server is made of, in the order in which it starts; it stops
// in reverse.
func (s *Server) addParts() {
	add := func(name string, start, stop func(context.Context) error) {
		s.parts.Add(name, lifecycle.NewHooks(lifecycle.Hooks{OnStart: start, OnStop: stop}))
	}
	add("port", s.listen, s.stopListening)
	// It begins when the store has opened, which has its key, and ends after it.
	add("audit trail", nil, func(ctx context.Context) error { return s.auditor.stop(ctx) })
	add("store", s.openStore, func(context.Context) error { return s.store.Close() })
	add("keys", s.unseal, nil)
	add("blobs", s.openBlobs, func(context.Context) error { return s.blobs.close() })
	add("shards", s.openNode, func(ctx context.Context) error { return s.node.Stop(ctx) })
	s.parts.Add("alarm", lifecycle.NewLoop(s.runAlarm))
	s.parts.Add("watch of the root keys", lifecycle.NewLoop(s.runRootWatch))
	if s.cfg.TimeSkip != SkipOff {
		s.parts.Add("time skipping", lifecycle.NewLoop(s.runSkip))
	}
	s.parts.Add("sweeps of blobs", lifecycle.NewLoop(s.runSweeps))
	if s.cfg.LambdaEndpoint != "" {
		add("Lambda tasks", s.startLambda, func(ctx context.Context) error { return s.lambda.Stop(ctx) })
	}
	s.parts.Add("http", &front{server: s})
	add("polls", func(context.Context) error { s.ready.Store(true); return nil }, s.answerPolls)
}

// listen opens the port. Requests wait until all has started.
func (s *Server) listen(ctx context.Context) (err error) {
	cfg := &s.cfg
	s.listener, err = (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %q: %w", cfg.Listen, err)
	}
	s.connections = newConnections(s.listener, cfg.shares("connections", cfg.ConnectionsMax), cfg.Timeouts.Spare)
	if err = requirePrivate(cfg, s.listener.Addr()); err == nil && cfg.Auth == AuthNone {
		err = authn.RequireLoopback(s.listener.Addr())
	}
	if err == nil {
		s.certificates, err = newCertificates(cfg)
	}
	if err != nil {
		return errors.Join(err, s.listener.Close())
	}
	return nil
}

// stopListening closes the port, unless whoever served on it has done so.
func (s *Server) stopListening(context.Context) error {
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *Server) openStore(context.Context) (err error) {
	s.store, s.shards, err = openStore(&s.cfg)
	return err
}

// unseal opens what the store has under its root key, and the trail beside it.
func (s *Server) unseal(ctx context.Context) error {
	sealing, err := protect(ctx, &s.cfg, s.store)
	if err != nil {
		return err
	}
	s.roots = sealing.roots
	if sealing.store != nil {
		s.store = sealing.store
	}
	if s.auditor, err = newAuditor(&s.cfg, sealing.auditKey); err != nil {
		return err
	}
	s.held, err = holdKeys(ctx, s.store.Meta())
	return err
}

func (s *Server) openNode(ctx context.Context) (err error) {
	cfg := &s.cfg
	s.matcher = matching.New(matching.Config{PollsPerListMax: cfg.PollsPerListMax})
	s.requests = cfg.shares("requests", cfg.RequestsMax)
	s.tasks = &countedTasks{s.matcher, cfg.shares("polls", cfg.PollsMax), s.requests}
	s.node, err = shard.OpenNode(ctx, shard.Config{
		Store: s.store, Shards: s.shards, Hash: &s.held.hash,
		Rules:        rulesOf(cfg),
		Offers:       s.matcher,
		Log:          cfg.Log,
		CachedStates: max(1, cfg.CachedStates/int(s.shards)),
		TrackTimers:  cfg.TimeSkip != SkipOff,
		Blobs:        s.blobs.read,
		Stopwatch:    func() time.Duration { return time.Since(s.began) },
	}, s.clock)
	if err != nil {
		return err
	}
	if last := s.node.LastTime(); last > s.clock.Now() {
		cfg.Log.Warn("the store was written at a later time; the server's clock begins there", "ahead_by", time.Duration(last-s.clock.Now())*time.Millisecond)
		s.clock.begin(last)
	}
	return nil
}

func (s *Server) startLambda(context.Context) (err error) {
	cfg := &s.cfg
	s.lambda, err = lambda.Start(lambda.Config{
		Runs: s.node, Tasks: s.matcher,
		Endpoint: cfg.LambdaEndpoint, Key: cfg.LambdaKey,
		Concurrent: min(cfg.LambdaConcurrent, cfg.PollsPerListMax),
		Within:     context.WithTimeout,
		Log:        cfg.Log,
	})
	return err
}

// answerPolls answers the polls that wait, and has all be told that the server stops.
func (s *Server) answerPolls(context.Context) error {
	s.ready.Store(false)
	s.matcher.Drain()
	s.connections.closeUnused()
	return nil
}

// rulesOf is the table of all kinds of execution. A further service adds its
// kinds here.
func rulesOf(cfg *Config) map[engine.Kind]engine.Rules {
	return map[engine.Kind]engine.Rules{
		registry.KindDomains: registry.NewDomains(cfg.Registry),
		registry.KindTypes:   registry.NewTypes(cfg.Registry),
		execution.Kind:       execution.New(cfg.Execution),
		account.Kind:         account.NewRules(account.DefaultLimits()),
	}
}

// storeDir is where a data folder has its store; other files may stand beside it.
func storeDir(data string) string { return filepath.Join(data, "store") }

func openStore(cfg *Config) (store.Store, uint16, error) {
	if cfg.Store == StoreMemory {
		return memstore.New(memoryShards), memoryShards, nil
	}
	if err := finishRekey(cfg.Data); err != nil {
		return nil, 0, err
	}
	options := pebblestore.Options{Dir: storeDir(cfg.Data), Logger: cfg.Log}
	if cfg.machine != nil {
		cfg.machine(&options)
	}
	s, err := pebblestore.Open(options)
	if err != nil {
		return nil, 0, err
	}
	if err := tidyRekey(cfg.Data); err != nil {
		return nil, 0, errors.Join(err, s.Close())
	}
	return s, s.Shards(), nil
}

func random[T [16]byte | [32]byte]() (v T) {
	switch p := any(&v).(type) {
	case *[16]byte:
		rand.Read(p[:])
	case *[32]byte:
		rand.Read(p[:])
	}
	return v
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is how clients on this machine reach the server.
func (s *Server) URL() string {
	scheme := "http://"
	if s.cfg.hasTLS() {
		scheme = "https://"
	}
	addr := s.listener.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("%s127.0.0.1:%d", scheme, addr.Port)
	}
	return scheme + s.Addr()
}

// Close drains the server: waiting polls are answered empty, what is in flight
// is finished and committed, then the store is closed. When ctx ends first, the
// connections that are left are cut. A second call gives the error of the first.
func (s *Server) Close(ctx context.Context) error { return s.parts.Stop(ctx) }

// alarmEvery is how long the alarm sleeps at most: the clock may step.
const alarmEvery = time.Second

// runAlarm steps the shards whose deadlines come.
func (s *Server) runAlarm(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.node.WakeMoved():
		case <-ctx.Done():
			return
		}
		s.node.Advance()
		wait := alarmEvery
		if next := s.node.NextWake(); next != 0 {
			wait = max(time.Millisecond, min(wait, time.Duration(next-s.clock.Now())*time.Millisecond))
		}
		timer.Reset(wait)
	}
}
