// Package server builds everything from a Config and runs it: the store, the
// shards, matching, the services and the listener. It is the one package that
// knows all others, and the one that owns a clock. The command and the tests
// start the same thing.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/archive"
	"heddle/internal/aws/authn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	users "heddle/internal/bucket"
	"heddle/internal/bucket/accounts"
	"heddle/internal/cluster"
	"heddle/internal/console/web"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/lifecycle"
	"heddle/internal/listen"
	"heddle/internal/live"
	"heddle/internal/matching"
	"heddle/internal/metrics"
	"heddle/internal/notify"
	"heddle/internal/sealing"
	"heddle/internal/service"
	"heddle/internal/shard"
	"heddle/internal/store"
	"heddle/internal/store/memstore"
	"heddle/internal/store/pebblestore"
	"heddle/internal/store/pgstore"
)

// memoryShards is how many shards a store in memory has.
const memoryShards = 64

// Server is a running server.
type Server struct {
	cfg          Config
	clock        *clock
	clockRow     []byte // what the store has of it
	store        store.Store
	disk         *pebblestore.Store // the store below; nil: it is in memory or in PostgreSQL
	postgres     *pgstore.Store     // the store below, or that of the first home; nil: it is another
	database     *database          // the store below; nil: it is another
	neededIn     int                // see shard.Config
	folderLock   io.Closer          // of the data folder, with PostgreSQL
	shards       uint16
	held         *heldKeys
	blobs        *blobs
	archiver     *archive.Archiver  // nil: nothing is archived
	checkpoints  *checkpoints       // nil: the store is in memory
	buckets      *accounts.Accounts // of users; nil: there are none, or those of a test
	bucketRoom   *users.Room
	paths        []service.Path // of services, past the path of calls
	node         *shard.Node
	events       *notify.Deliverer // nil: nobody wants any
	began        time.Time
	matcher      *matching.Matcher
	cluster      *cluster.Cluster // nil: this server has the store alone
	membership   *membership      // likewise
	nodes        store.Members    // who shares the store, or its first home; nil: nobody can
	shardsOfAll  shardsOfAll      // likewise, of all homes
	live         *live.Hub
	commits      commits
	hours        *hours
	tasks        *countedTasks // the matcher, for callers
	auditor      *auditor      // nil: nothing is recorded
	refused      *refusals
	inspectors   []service.Inspector // of services
	up           engine.Time         // when the matcher was made
	door         *listen.Door
	actions      *operation.Handler // answers the calls of services
	directory    *account.Directory
	rootPairs    []credentials.Credential // as they were last read
	sharedPairs  []byte                   // the file of all nodes that have them, as it was last seen
	alarms       *alarms                  // nil: contexts end by the real time
	links        *web.Links               // nil: there is no console
	console      *web.Console             // likewise
	performers   lifecycle.List           // of services
	idlers       []service.Idler          // of those that tell whether they are idle
	sleepers     []service.Sleeper
	metrics      *metrics.Metrics
	metricDoor   *listen.Door // nil: there is none for metrics alone
	limiters     map[string]*limiter
	throttled    map[string]*engine.Meters // by service
	taken        map[string]*engine.Meters // likewise
	inspects     map[*service.Service]service.Inspector
	served       map[string]bool // operations that there are, by "signing name:operation"
	metricsToken []byte          // a hash of it; nil: nobody needs one
	requests     *listen.Shares  // in flight, but for polls that wait
	turns        *turns          // of those that read what may make large answers
	roots        *sealing.Watch  // nil: the root keys are in no file
	ready        atomic.Bool
	parts        lifecycle.List // all that has a life

	standbysUnseen sync.Map // has of each home whose standbys can't be seen that it was told
}

// Start opens the store, takes over its shards and listens.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if err := cfg.checkFolders(); err != nil {
		return nil, err
	}
	if cfg.timepieces == nil {
		cfg.timepieces = newSystemTime()
	}
	s := &Server{cfg: cfg, began: time.Now()}
	if cfg.Embedded != nil {
		s.embed()
	}
	s.clock = newClock(s.cfg.timepieces, cfg.Log)
	s.metrics, s.hours = s.newMetrics(), newHours()
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
	add("port", s.listen, func(context.Context) error { return s.door.Close() })
	// It begins when the store has opened, which has its key, and ends after it.
	add("audit trail", nil, func(ctx context.Context) error { return s.auditor.stop(ctx) })
	add("store", s.openStore, func(context.Context) error { return errors.Join(s.store.Close(), s.unlockFolder()) })
	if s.cfg.Store == StorePostgres {
		add("level", s.openLevel, nil)
	}
	if s.cfg.Store == StorePostgres && !s.cfg.Cluster.on() {
		s.parts.Add("membership", lifecycle.NewLoop(s.runMembership))
	}
	add("keys", s.unseal, nil)
	add("token for metrics", s.openMetricsToken, nil)
	add("clock", s.openClock, s.saveClock)
	add("blobs", s.openBlobs, func(context.Context) error { return s.blobs.close() })
	s.parts.Add("checkpoints", &checkpointsPart{server: s})
	add("shards", s.openNode, func(ctx context.Context) error { return s.node.Stop(ctx) })
	if s.cfg.Cluster.on() {
		s.membership = &membership{Server: s}
		s.parts.Add("membership", s.membership)
	}
	if len(s.cfg.targets) > 0 {
		s.parts.Add("events", lifecycle.NewLoop(func(ctx context.Context) { s.events.Run(ctx, s.node) }))
	}
	ticks := s.cfg.Embedded == nil
	if s.cfg.Archive.To != "" {
		s.parts.Add("archive", lifecycle.NewLoop(s.runArchive))
	}
	if ticks {
		s.parts.Add("timekeeping", lifecycle.NewLoop(s.runClock))
	}
	s.parts.Add("alarm", lifecycle.NewLoop(s.runAlarm))
	if ticks {
		s.parts.Add("watch of the disk", lifecycle.NewLoop(s.runDisk))
		s.parts.Add("watch of the root keys", lifecycle.NewLoop(s.runRootWatch))
		s.parts.Add("sweeps of blobs", lifecycle.NewLoop(s.runSweeps))
	}
	add("buckets", nil, func(context.Context) error { return s.closeBuckets() })
	add("services", s.startServices, func(ctx context.Context) error { return s.performers.Stop(ctx) })
	if s.cfg.Cluster.on() {
		s.parts.Add("watch of callers", lifecycle.NewLoop(s.runCallers))
	}
	if ticks {
		s.parts.Add("watch of the root key pairs", lifecycle.NewLoop(s.runRootPairs))
	}
	if s.cfg.TimeSkip != SkipOff {
		s.parts.Add("time skipping", lifecycle.NewLoop(s.runSkip))
	}
	if ticks {
		s.parts.Add("watch of task lists", lifecycle.NewLoop(s.runStarved))
		s.parts.Add("an hour of numbers", lifecycle.NewLoop(s.runHours))
	}
	if s.cfg.MetricsListen != "" {
		s.parts.Add("metrics", &metricsFront{server: s})
	}
	if s.cfg.Prepare != nil {
		add("what is to be there from the start", s.prepare, nil)
	}
	s.parts.Add("http", &front{server: s})
	add("polls", func(context.Context) error { s.ready.Store(true); return nil }, s.answerPolls)
}

// listen opens the port. Requests wait until all has started.
func (s *Server) listen(ctx context.Context) (err error) {
	cfg := &s.cfg
	c := listen.Config{
		Address: cfg.Listen, Embedded: cfg.Embedded != nil, TLS: cfg.tls(),
		ConnectionsMax: cfg.ConnectionsMax, ClientPercent: cfg.ClientPercent, Timeouts: cfg.Timeouts,
		Requests: cfg.room("requests that come"), Answers: cfg.room("answers that go"), GaveWay: fault.Throttled(),
		Attach: func(ctx context.Context, c listen.Connection) context.Context {
			return operation.WithConnection(ctx, c)
		},
		Clock: listen.Clock{Now: time.Now, Elapsed: func() time.Duration { return time.Since(s.began) }, AfterFunc: time.AfterFunc},
		Log:   cfg.Log,
	}
	if cfg.Auth == AuthNone {
		c.Allowed = authn.RequireLoopback
	}
	if s.door, err = listen.Open(ctx, c); err != nil {
		return err
	}
	if weak := cfg.Root.weak(); weak != "" && cfg.Auth == AuthSigV4 && !isLoopback(s.door.Addr()) {
		cfg.Log.Warn("the secret of the root key pair that was given is weak, and others can reach this address", "why", weak, "listen", s.Addr(), "access_key", cfg.Root.KeyID)
	}
	return nil
}

func isLoopback(a net.Addr) bool {
	addr, ok := a.(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

func (s *Server) openStore(ctx context.Context) (err error) {
	if err := s.cfg.checkRestored(); err != nil {
		return err
	}
	if s.cfg.Store == StorePostgres {
		if err := s.openPostgres(ctx); err != nil {
			return err
		}
		return s.cfg.tidyFolders()
	}
	if s.store, s.shards, err = openStore(&s.cfg, s.metrics.WriteStalled); err != nil {
		return err
	}
	s.disk, _ = s.store.(*pebblestore.Store)
	if s.cfg.shared != nil {
		s.nodes = s.cfg.shared.store.Members()
		s.shardsOfAll = s.nodes
	}
	return s.cfg.tidyFolders() // nobody else is here now
}

// unseal opens what the store has under its root key, and the trail beside it.
func (s *Server) unseal(ctx context.Context) error {
	protection, err := s.cfg.protect(ctx, s.store, s.databaseName())
	if err != nil {
		return err
	}
	s.store, s.roots = protection.Store, protection.Watch
	if s.auditor, err = newAuditor(&s.cfg, protection.TrailKey, s.clock); err != nil {
		return err
	}
	if err = markSkip(ctx, s.store.Meta(), &s.cfg); err != nil {
		return err
	}
	if s.neededIn, err = holdNeededIn(ctx, s.store.Meta(), s.homeCount()); err != nil {
		return err
	}
	if s.held, err = holdKeys(ctx, s.store.Meta()); err != nil {
		return err
	}
	return noteAccounts(ctx, s.store.Meta(), &s.cfg)
}

// protect seals a store that was opened, and what is recorded beside it.
func (c *Config) protect(ctx context.Context, below store.Store, name string) (sealing.Protection, error) {
	if c.Store == StoreMemory {
		return sealing.Protection{Store: below}, nil
	}
	return sealing.Open(ctx, sealing.Config{
		Data: c.Data, Off: c.Sealing == SealingOff, RootKeys: c.RootKeys,
		Trail: c.Audit.Files == AuditFile, Log: c.Log, Name: name,
	}, below)
}

func (s *Server) openNode(ctx context.Context) (err error) {
	cfg := &s.cfg
	began := time.Now()
	defer func() {
		if err == nil && cfg.Store != StoreMemory && !cfg.Cluster.on() {
			cfg.Log.Info("recovered the store: whatever was acknowledged is there, and what is due goes on", "open_executions", s.openExecutions(), "shards", s.shards, "took", time.Since(began), "store_opened_after", began.Sub(s.began))
		}
	}()
	matches := matching.Config{PollsPerListMax: cfg.PollsPerListMax, Now: s.clock.Now, Listener: s.metrics.Matching()}
	if cfg.Cluster.on() {
		matches.Near = func(run engine.RunID, member string) bool { return s.cluster.Near(run, member) }
	}
	s.matcher, s.up = matching.New(matches), s.clock.Now()
	s.requests, s.turns = cfg.shares("requests", cfg.RequestsMax), newTurns(cfg.turnsMax())
	accounts := cfg.accounts()
	var far shard.Far
	var offers shard.Offers = s.matcher
	if cfg.Cluster.on() {
		s.cluster = s.newCluster()
		far, offers = s.cluster, s.cluster
	}
	s.tasks = &countedTasks{s.lists(), s.metrics, cfg.shares("polls", cfg.PollsMax), s.requests, newAccountParts(cfg.PollsMax, accounts), newAccountParts(cfg.RequestsMax, accounts)}
	s.live = liveOf(cfg.Services, s.clock.Now)
	notices := s.openEvents()
	kept, err := s.openArchive(ctx)
	if err != nil {
		return err
	}
	s.node, err = shard.OpenNode(ctx, shard.Config{
		Store: s.store, Shards: s.shards, Hash: &s.held.hash,
		Rules:        rulesOf(cfg.Services),
		Listener:     listenerOf(cfg.Services, s.live, &s.commits, s.hours, s.metrics.Shards()),
		Notices:      notices,
		Kept:         kept,
		Offers:       offers,
		Far:          far,
		Log:          cfg.Log,
		CachedStates: max(1, cfg.CachedStates/int(s.shards)),
		Committers:   s.committers(),
		Homes:        s.homeCount(),
		NeededIn:     s.neededIn,
		Pause:        s.pause(),
		TrackTimers:  cfg.TimeSkip != SkipOff,
		Blobs:        s.blobs.Read,
		DataKeys:     dataKeysOf(cfg.Services),
		Stopwatch:    func() time.Duration { return time.Since(s.began) },
	}, s.clock)
	if s.cluster != nil {
		s.cluster.SetNode(s.node)
	}
	return err
}

// openEvents makes what events are delivered by; nil: nobody wants any.
func (s *Server) openEvents() engine.Notices {
	cfg := &s.cfg
	if len(cfg.targets) == 0 {
		return nil
	}
	c := notify.Config{
		Targets: cfg.targets, Shards: s.shards, Account: cfg.Account, Region: cfg.Region,
		Clock: s.clock.Now, Now: time.Now, Within: context.WithTimeout, Log: cfg.Log,
		Told: s.metrics.Told,
	}
	if cfg.Store != StoreMemory {
		c.Dir, c.Key = filepath.Join(cfg.Data, "events"), s.held.secretOf("events")
	}
	s.events = notify.New(c)
	return s.events
}

// prepare has whoever starts the server make what is to be there.
func (s *Server) prepare(ctx context.Context) error {
	root := s.directory.RootKey(s.cfg.Account)
	if root == nil || root.KeyID == "" {
		return s.cfg.Prepare(ctx, s.actions, "anybody", "secret")
	}
	return s.cfg.Prepare(ctx, s.actions, root.KeyID, string(root.Secret))
}

// startServices opens the services and starts what in them has a life.
func (s *Server) startServices(ctx context.Context) error {
	if err := s.openSharedPairs(ctx); err != nil {
		return err
	}
	if err := s.openServices(); err != nil {
		return err
	}
	return s.performers.Start(ctx)
}

// answerPolls answers the polls that wait, and has all be told that the server stops.
func (s *Server) answerPolls(ctx context.Context) error {
	s.ready.Store(false)
	if s.membership != nil {
		s.membership.handOver(ctx)
	}
	s.lists().Drain()
	s.live.Close()
	s.door.Drain()
	return nil
}

func openStore(cfg *Config, stalled func()) (store.Store, uint16, error) {
	if cfg.shared != nil {
		return cfg.shared.store, cfg.shared.store.Shards(), nil
	}
	if cfg.Store == StoreMemory {
		return memstore.New(memoryShards), memoryShards, nil
	}
	if err := BelongsToPostgres(cfg.Data); err != nil {
		return nil, 0, err
	}
	_, files := shareDescriptors(listen.Descriptors())
	options := pebblestore.Options{Logger: cfg.Log, FilesMax: files, Ballast: BallastFile(cfg.Data), Stalled: stalled}
	if cfg.machine != nil {
		cfg.machine(&options)
	}
	s, err := sealing.OpenStore(cfg.Data, options)
	if err != nil {
		return nil, 0, err
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
func (s *Server) Addr() string { return s.door.Addr().String() }

// EveryAddress tells whether it listens on all addresses of this machine.
func (s *Server) EveryAddress() bool {
	addr, ok := s.door.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsUnspecified()
}

// URL is how clients on this machine reach the server.
func (s *Server) URL() string { return s.door.URL() }

// Close drains the server: waiting polls are answered empty, what is in flight
// is finished and committed, then the store is closed. When ctx ends first, the
// connections that are left are cut. A second call gives the error of the first.
func (s *Server) Close(ctx context.Context) error { return s.parts.Stop(ctx) }

// rootWatchEvery is how soon a server takes up a change of its root keys' file.
const rootWatchEvery = time.Second

// runRootWatch follows the root keys' file, if there is one.
func (s *Server) runRootWatch(ctx context.Context) {
	if s.roots == nil {
		return
	}
	ticker := time.NewTicker(rootWatchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.roots.Look(ctx)
		case <-ctx.Done():
			return
		}
	}
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
		if wait, sleeps := s.untilWake(); sleeps {
			timer.Reset(wait)
		}
	}
}

// untilWake is how long the alarm sleeps; false: until something wakes it.
func (s *Server) untilWake() (wait time.Duration, sleeps bool) {
	next := s.node.NextWake()
	until := max(time.Millisecond, time.Duration(next-s.clock.Now())*time.Millisecond)
	switch e := s.cfg.Embedded; {
	case e != nil:
		return until, next != 0 && !e.Still
	case next == 0:
		return alarmEvery, true
	}
	return min(alarmEvery, until), true
}
