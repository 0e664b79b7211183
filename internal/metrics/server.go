package metrics

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/matching"
)

// server is what the server does itself. Each handle is looked up once.
type server struct {
	commitSeconds, commitSections, stepSeconds, wakeLag prometheus.Histogram
	commitBytes, recoveries                             prometheus.Counter
	quarantined                                         prometheus.Gauge
	hits, misses                                        prometheus.Counter
	stalls                                              prometheus.Counter
	lambda                                              *prometheus.HistogramVec
	events                                              *prometheus.CounterVec
	polls, matches                                      *prometheus.CounterVec
	requests                                            *prometheus.CounterVec
	requestSeconds                                      *prometheus.HistogramVec

	kinds handles[string, *kind] // of task lists
	rows  handles[*operation.Mounted, *row]
}

func (s *server) make(in prometheus.Registerer) {
	timer := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(histogram(name, help, secondsOfOurs))
		in.MustRegister(h)
		return h
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		in.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		in.MustRegister(v)
		return v
	}
	timers := func(name, help string, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(histogram(name, help, secondsOfOurs), labels)
		in.MustRegister(v)
		return v
	}
	s.commitSeconds = timer("heddle_commit_seconds", "How long it took to write and sync what shards had evaluated.")
	s.commitSections = prometheus.NewHistogram(histogram("heddle_commit_sections", "How many shards' batches were written at once.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}))
	in.MustRegister(s.commitSections)
	s.commitBytes = counter("heddle_commit_bytes_total", "Bytes of keys and values in batches that were committed, before they are compressed.")
	s.stepSeconds = timer("heddle_step_seconds", "How long shards evaluated commands at a time: of one step in four, and of all after a slow one.")
	s.wakeLag = timer("heddle_wake_lag_seconds", "For how long timeouts, timers and other deadlines were due when they were handled.")
	s.recoveries = counter("heddle_shard_recoveries_total", "How often a shard has lost its memory, and was read from the store again; not at the start.")
	s.quarantined = prometheus.NewGauge(prometheus.GaugeOpts{Name: "heddle_quarantined_runs", Help: "Executions that take no commands until a restart, since their rules failed."})
	in.MustRegister(s.quarantined)
	cache := counters("heddle_state_cache_total", "Commands that needed an execution's state, by whether it was in memory.", "hit")
	s.hits, s.misses = cache.WithLabelValues("true"), cache.WithLabelValues("false")
	s.stalls = counter("heddle_write_stalls_total", "How often writes had to wait for the disk, since it was behind or full.")
	s.lambda = timers("heddle_lambda_seconds", "How long calls of Lambda functions took.", "outcome")
	s.events = counters("heddle_events_total", "Events that are told outside, by what became of them: sent, retried, given_up, dropped.", "target", "outcome")
	s.polls = counters("heddle_polls_total", "Polls for tasks that have ended.", "kind", "outcome")
	s.matches = counters("heddle_matches_total", "Tasks that were given to polls.", "kind", "how")
	s.requests = counters("heddle_requests_total", "Calls that were answered; code is ok or that of the error.", "service", "api", "code")
	s.requestSeconds = timers("heddle_request_seconds", "How long calls took; of polls it is how long they waited.", "service", "api")
}

// handles are made when something comes for the first time, and found without a lock. There
// are as many as the program has names for.
type handles[K comparable, V any] struct {
	mu sync.Mutex // guards making
	at atomic.Pointer[map[K]V]
}

func (h *handles[K, V]) get(k K, make func() V) V {
	if at := h.at.Load(); at != nil {
		if v, known := (*at)[k]; known {
			return v
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	more := map[K]V{}
	if at := h.at.Load(); at != nil {
		if v, known := (*at)[k]; known {
			return v
		}
		more = maps.Clone(*at)
	}
	v := make()
	more[k] = v
	h.at.Store(&more)
	return v
}

// Shards is what tells of the doings of shards.
func (m *Metrics) Shards() *engine.Listener {
	return &engine.Listener{
		TurnDone: func(t *engine.TurnDone) { m.Measured(t.Name.World, t.Measures) },
		BatchDone: func(b *engine.BatchDone) {
			m.hits.Add(float64(b.States - b.Read))
			m.misses.Add(float64(b.Read))
			m.commitBytes.Add(float64(b.Bytes))
			for _, late := range b.Late {
				m.wakeLag.Observe(float64(late) / 1000)
			}
		},
		CommitDone: func(sections int, took time.Duration) {
			m.commitSections.Observe(float64(sections))
			m.commitSeconds.Observe(took.Seconds())
		},
		Stepped:     func(took time.Duration) { m.stepSeconds.Observe(took.Seconds()) },
		Quarantined: func(engine.Identity, error) { m.quarantined.Inc() },
		Dropped:     func(uint16, error) { m.recoveries.Inc() },
	}
}

// kind are the handles of the task lists of one kind.
type kind struct {
	task, empty, gone, drained prometheus.Counter // polls
	limit                      prometheus.Counter
	atOnce, fromBacklog        prometheus.Counter
}

// kindOf gives the handles for a list by its full name, which begins with its kind.
func (m *Metrics) kindOf(list string) *kind {
	name, _, _ := strings.Cut(list, "\x00")
	return m.kinds.get(name, func() *kind {
		poll := func(outcome string) prometheus.Counter { return m.polls.WithLabelValues(name, outcome) }
		return &kind{
			task: poll("task"), empty: poll("empty"), gone: poll("gone"), drained: poll("drained"), limit: poll("limit"),
			atOnce: m.matches.WithLabelValues(name, "at_once"), fromBacklog: m.matches.WithLabelValues(name, "from_backlog"),
		}
	})
}

// Matching is what tells of the doings of matching.
func (m *Metrics) Matching() *matching.Listener {
	return &matching.Listener{
		Accepted: func(list string, _ bool) { m.kindOf(list).task.Inc() },
		Returned: func(list string, _ bool) { m.kindOf(list).gone.Inc() },
		PollEnded: func(list string, polls int, why matching.PollEnd) {
			k := m.kindOf(list)
			of := k.empty
			switch why {
			case matching.PollGone:
				of = k.gone
			case matching.PollsDrained:
				of = k.drained
			}
			of.Add(float64(polls))
		},
		Paired: func(p matching.Pairing) {
			if k := m.kindOf(p.List); p.PollWaited {
				k.atOnce.Inc()
			} else {
				k.fromBacklog.Inc()
			}
		},
	}
}

// PollRefused: a list, or the server, has as many polls as it may have.
func (m *Metrics) PollRefused(list string) { m.kindOf(list).limit.Inc() }

// row are the handles of an action.
type row struct {
	ok      prometheus.Counter
	seconds prometheus.Observer
	codes   handles[string, prometheus.Counter]
}

// Answered takes in a call that was answered; it is an operation.Config's Observe.
func (m *Metrics) Answered(a *operation.Answered, took time.Duration) {
	of := a.Operation
	r := m.rows.get(of, func() *row {
		return &row{ok: m.requests.WithLabelValues(of.API.Service, of.Name, "ok"), seconds: m.requestSeconds.WithLabelValues(of.API.Service, of.Name)}
	})
	r.seconds.Observe(took.Seconds())
	if a.Fault == nil {
		r.ok.Inc()
		return
	}
	code := a.Fault.Code[strings.LastIndexByte(a.Fault.Code, '#')+1:] // without its namespace
	r.codes.get(code, func() prometheus.Counter { return m.requests.WithLabelValues(of.API.Service, of.Name, valid(code)) }).Inc()
}

// WriteStalled: writes wait for the disk.
func (m *Metrics) WriteStalled() { m.stalls.Inc() }

// LambdaAnswered takes in how a call of a function ended.
func (m *Metrics) LambdaAnswered(outcome string, took time.Duration) {
	m.lambda.WithLabelValues(outcome).Observe(took.Seconds())
}

// Told takes in what became of events on their way to a target.
func (m *Metrics) Told(target, outcome string, events int) {
	m.events.WithLabelValues(target, outcome).Add(float64(events))
}

// Written is a histogram of somebody else's.
type Written interface{ Write(*dto.Metric) error }

// nanoseconds shows a histogram that somebody else keeps in nanoseconds, in seconds, and with
// fewer buckets: those next to ours.
type nanoseconds struct {
	desc *prometheus.Desc
	of   func() Written
}

// Nanoseconds shows another histogram; one that is nil is not shown.
func (m *Metrics) Nanoseconds(name, help string, of func() Written) {
	m.registry.MustRegister(nanoseconds{prometheus.NewDesc(name, help, nil, nil), of})
}

// Describe implements prometheus.Collector.
func (n nanoseconds) Describe(to chan<- *prometheus.Desc) { to <- n.desc }

// Collect implements prometheus.Collector.
func (n nanoseconds) Collect(to chan<- prometheus.Metric) {
	written := n.of()
	if written == nil {
		return
	}
	var now dto.Metric
	if err := written.Write(&now); err != nil {
		to <- prometheus.NewInvalidMetric(n.desc, err)
		return
	}
	h := now.GetHistogram()
	buckets, ours := map[float64]uint64{}, secondsOfOurs
	for _, b := range h.GetBucket() {
		seconds := b.GetUpperBound() / 1e9
		if len(ours) > 0 && seconds >= ours[0] {
			buckets[seconds] = b.GetCumulativeCount()
			for len(ours) > 0 && ours[0] <= seconds {
				ours = ours[1:]
			}
		}
	}
	to <- prometheus.MustNewConstHistogram(n.desc, h.GetSampleCount(), h.GetSampleSum()/1e9, buckets)
}
