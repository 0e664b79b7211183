package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/operation"
	"heddle/internal/cluster"
	"heddle/internal/engine"
	"heddle/internal/listen"
	"heddle/internal/metrics"
	"heddle/internal/secretfile"
	"heddle/internal/service"
)

// takenOf counts what its rate has let pass, of each account and region as rates are.
func takenOf(one *service.Service) *engine.Meters {
	return &engine.Meters{
		Labels: []string{"api", "decision"},
		Meters: []engine.Meter{{
			Name: metricPrefix(one) + "throttle_taken_total", Help: "Calls and decisions that --throttle has let pass.",
		}},
	}
}

// throttledOf counts what was refused for its rate. Nothing is throttled for a single execution,
// as it is in AWS, so the scope is always the account.
func throttledOf(one *service.Service) *engine.Meters {
	return &engine.Meters{
		Labels: []string{"api", "decision", "scope"},
		Meters: []engine.Meter{{
			Name: metricPrefix(one) + "throttled_total", Help: "Calls and decisions that were refused since there were too many of them for --throttle.",
		}},
	}
}

func metricPrefix(one *service.Service) string {
	return "heddle_" + cmp.Or(one.Metrics.Prefix, one.Name) + "_"
}

func (s *Server) newMetrics() *metrics.Metrics {
	s.throttled, s.taken = map[string]*engine.Meters{}, map[string]*engine.Meters{}
	var meters []*engine.Meters
	for _, one := range s.cfg.Services {
		s.throttled[one.Name], s.taken[one.Name] = throttledOf(one), takenOf(one)
		meters = append(append(meters, one.Metrics.Meters...), s.throttled[one.Name], s.taken[one.Name])
	}
	m := metrics.New(metrics.Config{
		Series: s.cfg.MetricsSeries, Meters: meters, Now: time.Now, Read: s.readMetrics, Build: s.cfg.build(),
	})
	m.Nanoseconds("heddle_fsync_seconds", "How long syncs of the store's log took.", func() metrics.Written {
		if s.disk == nil {
			return nil
		}
		_, syncs := s.disk.Usage()
		return syncs
	})
	return m
}

// build says what is running.
func (c *Config) build() map[string]string {
	build := map[string]string{"version": cmp.Or(c.Version, "unknown"), "revision": "unknown", "go": runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				build["revision"] = setting.Value
			}
		}
	}
	if c.Cluster.on() {
		build["node"] = c.Cluster.Node
	}
	return build
}

// throttles are what a service asks whether something may be done, of decisions and of calls.
func (s *Server) throttles(one *service.Service, l *limiter) (decisions func(engine.World, string) bool, calls func(account, region, action string) bool) {
	ask := func(w engine.World, name string) bool {
		ok := l.inWorld(w, name)
		switch _, limited := l.rates[name]; {
		case !ok:
			of := l.labels(name)
			of[2] = "account" // scope
			s.metrics.Count(w, s.throttled[one.Name], of)
		case limited:
			s.metrics.Count(w, s.taken[one.Name], l.labels(name))
		}
		return ok
	}
	return ask, func(account, region, action string) bool {
		return ask(engine.World{Account: account, Region: region}, action)
	}
}

// reserves is what a service reserves by.
func (s *Server) reserves(one *service.Service, l *limiter) func(engine.World, string, engine.Time, int) engine.Time {
	return func(w engine.World, name string, now engine.Time, n int) engine.Time {
		if _, limited := l.rates[name]; !limited {
			return now
		}
		of := l.labels(name)
		s.metrics.Measured(w, []engine.Measure{{Meters: s.taken[one.Name], Of: of, Times: n}})
		from := time.UnixMilli(int64(now))
		at := l.Reserve(from, w.Account, l.within(w.Region), name, n)
		if !at.After(from) {
			return now
		}
		of[2] = "account" // scope
		s.metrics.Measured(w, []engine.Measure{{Meters: s.throttled[one.Name], Of: of, Times: n}})
		return engine.Time(at.Add(time.Millisecond - 1).UnixMilli())
	}
}

// labels are those of a rate: it is of an action, or of a decision.
func (l *limiter) labels(name string) engine.Of {
	if l.actions[name] {
		return engine.Of{name}
	}
	return engine.Of{"", name}
}

func namesOf(operations []operation.Operation) map[string]bool {
	names := map[string]bool{}
	for i := range operations {
		names[operations[i].Name] = true
	}
	return names
}

// lagWithin is how long a scrape reads at most how far behind targets of events are.
const lagWithin = 2 * time.Second

// readMetrics reads what is known at a scrape.
func (s *Server) readMetrics(yield func(metrics.Reading)) {
	gauge := func(name, help string, value float64) {
		yield(metrics.Reading{Name: name, Help: help, Value: value})
	}
	all, most := s.node.Waiting()
	gauge("heddle_shard_inbox", "Commands and messages that wait to be evaluated.", float64(all))
	gauge("heddle_shard_inbox_largest", "Of them those of the shard that has most.", float64(most))
	gauge("heddle_clock_ahead_seconds", "How far the server's clock is ahead of the machine's; by more than a moment only where time is skipped.", float64(int64(s.clock.Now())-time.Now().UnixMilli())/1000)
	if s.disk != nil {
		bytes, _ := s.disk.Usage()
		gauge("heddle_store_bytes", "Bytes that the store has on the disk.", float64(bytes))
		if free, total := s.disk.Space(); total > 0 {
			gauge("heddle_disk_free_bytes", "Bytes that are free on the store's disk.", float64(free))
			gauge("heddle_disk_bytes", "Bytes that the store's disk has.", float64(total))
		}
	}
	members, own, unlinked, vacant := 1, int(s.shards), 0, 0
	if s.cluster != nil {
		var all []cluster.Seen
		all, vacant = s.cluster.Members()
		members, own = len(all), 0
		for _, m := range all {
			if m.Self {
				own = m.Shards
			} else if !m.Linked {
				unlinked++
			}
		}
	}
	gauge("heddle_cluster_members", "Nodes that are members of the cluster; of a server that is alone itself.", float64(members))
	gauge("heddle_cluster_members_unlinked", "Of them those that this node has no link to.", float64(unlinked))
	gauge("heddle_cluster_shards", "Shards that this node serves.", float64(own))
	gauge("heddle_cluster_shards_vacant", "Shards that no member serves, as far as this node knows.", float64(vacant))
	homes, shut := []service.Home{{}}, 0
	if s.database != nil {
		homes[0].Away = s.postgres.Current(0) != nil
		shut = s.database.lacking()
	}
	if s.database != nil && s.database.homes != nil {
		homes = s.database.homesShown()
	}
	gauge("heddle_cluster_shards_shut", "Shards that are shut since the database lacks steps of them that were acknowledged, as far as this node knows.", float64(shut))
	for _, h := range homes {
		up := 1.0
		if h.Away {
			up = 0
		}
		yield(metrics.Reading{
			Name: "heddle_home_up", Help: "Whether a home of the store answers this node: 1 or 0. A store that is not of several has one without a name.",
			Labels: []string{"home"}, Values: []string{h.Name}, Value: up,
		})
	}
	s.readArchive(yield)
	s.readLimits(yield)
	s.readOpen(yield)
	s.readLists(yield)
	s.readRates(yield)
	if s.auditor != nil {
		var files, webhook int64
		for _, trail := range s.auditor.trails {
			counts := trail.Counts()
			files, webhook = files+counts.FilesLost, webhook+counts.WebhookLost
		}
		for destination, lost := range map[string]int64{"files": files, "webhook": webhook} {
			yield(metrics.Reading{
				Name: "heddle_audit_lost_total", Help: "Records of the audit trail that were lost.",
				Labels: []string{"destination"}, Values: []string{destination}, Value: float64(lost), Counts: true,
			})
		}
	}
	if s.events != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lagWithin)
		defer cancel()
		now := s.clock.Now()
		targets, err := s.events.Statuses(ctx)
		if err != nil {
			s.cfg.Log.Warn("the lag of events is not among the metrics", "cause", err)
		}
		for i := range targets {
			lag := engine.Time(0)
			if since := targets[i].Oldest; since != 0 {
				lag = max(0, now-since)
			}
			yield(metrics.Reading{
				Name: "heddle_events_lag_seconds", Help: "How old the oldest event is that a target has not had.",
				Labels: []string{"target"}, Values: []string{targets[i].Name}, Value: float64(lag) / 1000,
			})
		}
	}
}

const (
	limitHelp     = "How many there may be."
	limitUsedHelp = "How many there are, of what is limited."
)

// readLimits tells of what there may be at a time, as flags say.
func (s *Server) readLimits(yield func(metrics.Reading)) {
	for limit, n := range map[string][2]int{
		"connections": {s.door.Counts().Connections, s.cfg.ConnectionsMax},
		"requests":    {s.requests.Taken(), s.cfg.RequestsMax},
		"polls":       {s.tasks.polls.Taken(), s.cfg.PollsMax},
	} {
		label, value := []string{"limit"}, []string{limit}
		yield(metrics.Reading{Name: "heddle_limit_used", Help: limitUsedHelp, Labels: label, Values: value, Value: float64(n[0])})
		yield(metrics.Reading{Name: "heddle_limit", Help: limitHelp, Labels: label, Values: value, Value: float64(n[1])})
	}
}

// openOf are the open runs of a quota group.
type openOf struct {
	of *service.Service
	service.Group
	n int
}

// openGroups are the quota groups of users that have open runs. What is in none is the server's
// own, such as domains.
func (s *Server) openGroups() (all []openOf) {
	for group, n := range s.node.Open() {
		for by, inspector := range s.inspects {
			if of, ok := inspector.GroupOf(group); ok {
				all = append(all, openOf{by, of, n})
			}
		}
	}
	return all
}

// openExecutions counts those of users. Before services are open, which know better, all that is in
// a group is one.
func (s *Server) openExecutions() (open int) {
	for group, n := range s.node.Open() {
		if group != "" {
			open += n
		}
	}
	for _, o := range s.openGroups() {
		if o.Limit != service.OpenExecutions {
			open -= o.n
		}
	}
	return open
}

// readOpen tells of the open executions of the largest quota groups, and of all others together;
// and of what else is limited, of the largest.
func (s *Server) readOpen(yield func(metrics.Reading)) {
	all := s.openGroups()
	slices.SortFunc(all, func(a, b openOf) int {
		return cmp.Or(
			cmp.Compare(b.n, a.n), strings.Compare(a.of.Name, b.of.Name), strings.Compare(a.Limit, b.Limit),
			strings.Compare(a.World.Account+a.World.Region+a.Within, b.World.Account+b.World.Region+b.Within),
		)
	})
	rest, shown := map[*service.Service]int{}, map[string]int{}
	for _, o := range all {
		executions := o.Limit == service.OpenExecutions
		if shown[o.Limit]++; shown[o.Limit] > s.cfg.MetricsSeries {
			if executions {
				rest[o.of] += o.n
			}
			continue
		}
		place := placeOf(o.of, o.World, o.Within)
		if executions {
			yield(place.reading("heddle_open_executions", openHelp, float64(o.n), "service", o.of.Name))
		}
		yield(place.reading(metricPrefix(o.of)+"limit_used", limitUsedHelp, float64(o.n), "limit", o.Limit))
		if o.Most > 0 {
			yield(place.reading(metricPrefix(o.of)+"limit", limitHelp, float64(o.Most), "limit", o.Limit))
		}
	}
	for of, n := range rest {
		place := placeOf(of, engine.World{Account: metrics.Other, Region: metrics.Other}, metrics.Other)
		yield(place.reading("heddle_open_executions", openHelp, float64(n), "service", of.Name))
	}
}

const openHelp = "Executions that are open."

// place is where something is, as labels say it.
type place struct{ labels, values []string }

func placeOf(of *service.Service, w engine.World, within string) place {
	p := place{[]string{"account", "region"}, []string{w.Account, w.Region}}
	if of.Metrics.Within != "" {
		p.labels, p.values = append(p.labels, of.Metrics.Within), append(p.values, within)
	}
	return p
}

// reading reads something of the place, with further labels and their values.
func (p place) reading(name, help string, value float64, more ...string) metrics.Reading {
	r := metrics.Reading{Name: name, Help: help, Labels: slices.Clone(p.labels), Values: slices.Clone(p.values), Value: value}
	for i := 0; i < len(more); i += 2 {
		r.Labels, r.Values = append(r.Labels, more[i]), append(r.Values, more[i+1])
	}
	return r
}

// readLists tells of the task lists with the oldest tasks.
func (s *Server) readLists(yield func(metrics.Reading)) {
	now := s.clock.Now()
	for _, l := range s.matcher.Oldest(s.cfg.MetricsSeries) {
		for by, inspector := range s.inspects {
			of, ok := inspector.ListOf(l.List)
			if !ok {
				continue
			}
			prefix, place := metricPrefix(by), placeOf(by, of.World, of.Within)
			labels := []string{"kind", string(of.Kind), "list", of.Name}
			oldest := engine.Time(0)
			if l.Oldest != 0 {
				oldest = max(0, now-l.Oldest)
			}
			yield(place.reading(prefix+"tasks_pending", "Tasks that wait on a task list.", float64(l.Backlog), labels...))
			yield(place.reading(prefix+"tasks_oldest_seconds", "How long the oldest of them has waited; 0: none waits.", float64(oldest)/1000, labels...))
			yield(place.reading(prefix+"polls_waiting", "Polls that wait on a task list.", float64(l.Polls), labels...))
		}
	}
}

// readRates tells of the rates of --throttle.
func (s *Server) readRates(yield func(metrics.Reading)) {
	for _, one := range s.cfg.Services {
		l := s.limiters[one.Name]
		if l == nil {
			continue
		}
		for name, rate := range l.rates {
			of := l.labels(name)
			labels, values := []string{"api", "decision"}, []string{of[0], of[1]}
			yield(metrics.Reading{Name: metricPrefix(one) + "throttle_bucket_size", Help: "How many calls or decisions may come at once.", Labels: labels, Values: values, Value: float64(rate.Bucket)})
			yield(metrics.Reading{Name: metricPrefix(one) + "throttle_refill_rate", Help: "How many of them may come in a second for good.", Labels: labels, Values: values, Value: float64(rate.PerSecond)})
		}
	}
}

// MetricsTokenFile is where a data folder has the token of who may read /metrics.
func MetricsTokenFile(data string) string { return filepath.Join(data, "metrics-token") }

// metricsTokenBytes is how much is random in a token.
const metricsTokenBytes = 32

// openMetricsToken reads the token of who may read metrics, or makes one. Where nobody signs
// nobody needs one.
func (s *Server) openMetricsToken(context.Context) error {
	if s.cfg.Auth == AuthNone || s.cfg.Embedded != nil {
		return nil
	}
	file := MetricsTokenFile(s.cfg.Data)
	text, err := secretfile.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		var token [metricsTokenBytes]byte
		rand.Read(token[:])
		text = []byte(hex.EncodeToString(token[:]) + "\n")
		err = secretfile.Create(file, text)
	}
	token := strings.TrimSpace(string(text))
	if err == nil && len(token) < metricsTokenBytes {
		err = fmt.Errorf("it has %d characters, want %d or more; remove it, and a new one is made", len(token), metricsTokenBytes)
	}
	if err != nil {
		return fmt.Errorf("token for /metrics in %s: %w", file, err)
	}
	sum := sha256.Sum256([]byte(token))
	s.metricsToken = sum[:]
	return nil
}

// metricsForBearers answers /metrics to who has the token.
func (s *Server) metricsForBearers() http.Handler {
	if s.metricsToken == nil {
		return authn.LoopbackHost(s.metrics)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if sum := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(sum[:], s.metricsToken) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, "the token is in DATA/metrics-token; send it as Authorization: Bearer TOKEN")
			return
		}
		s.metrics.ServeHTTP(w, r)
	})
}

// scrapersMax is how many connections the port for metrics alone has.
const scrapersMax = 64

// metricsFront is the port for metrics alone, for who is on this machine.
type metricsFront struct {
	server *Server
	door   *listen.Door
	serves sync.WaitGroup
}

// Start implements lifecycle.Service.
func (f *metricsFront) Start(ctx context.Context) (err error) {
	s, cfg := f.server, &f.server.cfg
	room := listen.RoomConfig{What: "scrapes", Bytes: bytesAtLeast, Count: scrapersMax, ClientPercent: 100}
	f.door, err = listen.Open(ctx, listen.Config{
		Address: cfg.MetricsListen, ConnectionsMax: scrapersMax, ClientPercent: 100, Timeouts: cfg.Timeouts,
		Requests: room, Answers: room,
		Allowed: func(addr net.Addr) error {
			if authn.RequireLoopback(addr) != nil {
				return fmt.Errorf("--metrics-listen %q is no loopback address: from other machines /metrics is read at --listen, with the token in %s", cfg.MetricsListen, MetricsTokenFile(cfg.Data))
			}
			return nil
		},
		Clock: listen.Clock{Now: time.Now, Elapsed: func() time.Duration { return time.Since(s.began) }, AfterFunc: time.AfterFunc},
		Log:   cfg.Log,
	})
	if err != nil {
		return err
	}
	s.metricDoor = f.door
	f.door.Handle(authn.LoopbackHost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" || r.Method != http.MethodGet && r.Method != http.MethodHead {
			answer(w, http.StatusNotFound, "here is /metrics, and nothing else")
			return
		}
		s.metrics.ServeHTTP(w, r)
	})))
	f.serves.Go(func() {
		if err := f.door.Serve(); !errors.Is(err, http.ErrServerClosed) {
			cfg.Log.Error("serve metrics", "cause", err)
		}
	})
	cfg.Log.Info("metrics are answered", "url", f.door.URL()+"/metrics")
	return nil
}

// Stop implements lifecycle.Service.
func (f *metricsFront) Stop(ctx context.Context) error {
	f.door.Drain()
	err := f.door.Shutdown(ctx)
	f.serves.Wait()
	return err
}
