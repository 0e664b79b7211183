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
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/engine"
	"heddle/internal/identity"
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
	stop         context.CancelFunc // of the background loops
	loops        sync.WaitGroup
	close        sync.Once
	closed       error
}

// Start opens the store, takes over its shards and listens.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, clock: newClock(cfg.Log), began: time.Now()}
	listener, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", cfg.Listen, err)
	}
	s.listener = listener
	s.connections = newConnections(listener, cfg.shares("connections", cfg.ConnectionsMax), cfg.Timeouts.Spare)
	if err := requirePrivate(&cfg, listener.Addr()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if cfg.Auth == AuthNone {
		if err := authn.RequireLoopback(listener.Addr()); err != nil {
			return nil, errors.Join(err, listener.Close())
		}
	}
	if s.certificates, err = newCertificates(&cfg); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.loops.Go(func() { s.runAlarm(background) })
	if s.roots != nil {
		s.loops.Go(func() { s.roots.run(background) })
	}
	if cfg.TimeSkip != SkipOff {
		cfg.Log.Warn("time skipping is on: the clock jumps when nothing is runnable; for development only")
		s.loops.Go(func() { s.runSkip(background) })
	}
	s.loops.Go(func() {
		if err := s.serve(); !errors.Is(err, http.ErrServerClosed) {
			cfg.Log.Error("serve", "cause", err)
		}
	})
	s.ready.Store(true)
	return s, nil
}

// open builds what is behind the listener.
func (s *Server) open(ctx context.Context) (err error) {
	cfg := &s.cfg
	opened, shards, err := openStore(cfg)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.auditor.close(ctx), opened.Close())
		}
	}()
	sealing, err := protect(ctx, cfg, opened)
	if err != nil {
		return err
	}
	s.store, s.roots = opened, sealing.roots
	if sealing.store != nil {
		s.store = sealing.store
	}
	if s.auditor, err = newAuditor(cfg, sealing.auditKey); err != nil {
		return err
	}
	held, err := holdKeys(ctx, s.store.Meta())
	if err != nil {
		return err
	}
	s.matcher = matching.New(matching.Config{PollsPerListMax: cfg.PollsPerListMax})
	s.requests = cfg.shares("requests", cfg.RequestsMax)
	s.tasks = &countedTasks{s.matcher, cfg.shares("polls", cfg.PollsMax), s.requests}
	s.node, err = shard.OpenNode(ctx, shard.Config{
		Store: s.store, Shards: shards, Hash: &held.hash,
		Rules:        rulesOf(cfg),
		Offers:       s.matcher,
		Log:          cfg.Log,
		CachedStates: max(1, cfg.CachedStates/int(shards)),
		TrackTimers:  cfg.TimeSkip != SkipOff,
		Stopwatch:    func() time.Duration { return time.Since(s.began) },
	}, s.clock)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.node.Stop(ctx))
		}
	}()
	if last := s.node.LastTime(); last > s.clock.Now() {
		cfg.Log.Warn("the store was written at a later time; the server's clock begins there", "ahead_by", time.Duration(last-s.clock.Now())*time.Millisecond)
		s.clock.begin(last)
	}
	if cfg.LambdaEndpoint != "" {
		if s.lambda, err = lambda.Start(lambda.Config{
			Runs: s.node, Tasks: s.matcher,
			Endpoint: cfg.LambdaEndpoint, Key: cfg.LambdaKey,
			Concurrent: min(cfg.LambdaConcurrent, cfg.PollsPerListMax),
			Log:        cfg.Log,
		}); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				s.lambda.Close(ctx)
			}
		}()
	}
	services, err := s.services(held)
	if err != nil {
		return err
	}
	s.http = s.newHTTP(services)
	return nil
}

// rulesOf is the table of all kinds of execution. A further service adds its
// kinds here.
func rulesOf(cfg *Config) map[engine.Kind]engine.Rules {
	return map[engine.Kind]engine.Rules{
		registry.KindDomains: registry.NewDomains(cfg.Registry),
		registry.KindTypes:   registry.NewTypes(cfg.Registry),
		execution.Kind:       execution.New(cfg.Execution),
		identity.Kind:        identity.NewRules(identity.DefaultLimits()),
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
// connections that are left are cut.
func (s *Server) Close(ctx context.Context) error {
	s.close.Do(func() {
		s.ready.Store(false)
		s.matcher.Drain()
		s.connections.closeUnused()
		err := s.http.Shutdown(ctx)
		if err != nil {
			err = errors.Join(fmt.Errorf("drain: %w", err), s.http.Close())
		}
		if s.lambda != nil {
			s.lambda.Close(ctx)
		}
		s.stop()
		s.loops.Wait()
		s.closed = errors.Join(err, s.node.Stop(ctx), s.store.Close(), s.auditor.close(ctx))
	})
	return s.closed
}

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
