// Package metrics keeps what operators watch, as instruments of Prometheus: what shards,
// matching and the path of requests tell it, what rules measured (engine.Measure), and what
// is read whenever somebody scrapes (Reading).
//
// Who counts on a hot path has a handle: none of its labels is looked up. What users choose
// labels of is bounded: Meters have a number of sets of labels, what comes above it counts
// as "_other", and sets that nobody has touched for an hour leave. So whatever there is of
// types, lists and accounts, a scrape stays small. Ids, identities and addresses are never
// labels.
//
// Counters begin at zero when the process does. A turn is counted once it is durable, and
// replay counts nothing; so what is counted twice never is, and what was durable but not
// counted is what a kill cut short.
package metrics

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"heddle/internal/engine"
)

// Config says what is to be kept.
type Config struct {
	Series int // how many sets of labels there are of each Meters
	// Meters are all that somebody will measure by.
	Meters []*engine.Meters
	Now    func() time.Time // the real time
	// Read gives what is known only when somebody asks; nil: nothing.
	Read func(yield func(Reading))
	// Build are the labels of heddle_build_info, and their values.
	Build map[string]string
}

// Reading is a number that is read at a scrape. No two of one scrape have the same name and
// values.
type Reading struct {
	Name, Help     string
	Labels, Values []string
	Value          float64
	Counts         bool // it only grows
}

// SeriesDefault is how many sets of labels there are of each Meters unless a Config says
// otherwise.
const SeriesDefault = 200

// Other stands for all that is above the bound.
const Other = "_other"

// keptUntouched is how long a set of labels stays that nobody counts by.
const keptUntouched = time.Hour

// scrapesMax is how many scrapes are answered at a time.
const scrapesMax = 4

// secondsOfTasks are the buckets for what users' tasks and workflows take, in seconds;
// secondsOfOurs for what the server takes itself.
var (
	secondsOfTasks = []float64{.01, .05, .1, .5, 1, 5, 30, 120, 600, 3600, 21600, 86400}
	secondsOfOurs  = []float64{.0005, .001, .005, .01, .05, .1, .5, 1, 5, 30, 60}
)

// Metrics are the instruments of a server. Any goroutine may use them.
type Metrics struct {
	Config
	registry *prometheus.Registry
	meters   map[*engine.Meters]*meters
	vecs     map[string]vec // by name, of meters
	overflow *prometheus.CounterVec
	server
	handler http.Handler

	tidying sync.Mutex // one scrape tidies at a time
}

// New makes the instruments. Meters of one name must be alike.
func New(c Config) *Metrics {
	if c.Series == 0 {
		c.Series = SeriesDefault
	}
	m := &Metrics{Config: c, registry: prometheus.NewRegistry(), meters: map[*engine.Meters]*meters{}, vecs: map[string]vec{}}
	m.overflow = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "heddle_metrics_overflow_total", Help: "What was counted as _other, since a metric has as many sets of labels as it may have.",
	}, []string{"metric"})
	m.registry.MustRegister(m.overflow, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "heddle_build_info", Help: "What is running; always 1.", ConstLabels: c.Build})
	build.Set(1)
	m.registry.MustRegister(build, readings{m})
	m.server.make(m.registry)
	for _, of := range c.Meters {
		if m.meters[of] == nil {
			m.meters[of] = m.newMeters(of)
		}
	}
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMax, EnableOpenMetrics: true})
	m.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.tidy()
		scrape.ServeHTTP(w, r)
	})
	return m
}

// ServeHTTP answers a scrape.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// histogram has buckets for those who scrape text, and finer ones for those who scrape native
// histograms.
func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.2, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}
}

// readings collects what is read at a scrape.
type readings struct{ *Metrics }

// Describe implements prometheus.Collector: nobody knows beforehand what there will be.
func (readings) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r readings) Collect(to chan<- prometheus.Metric) {
	if r.Read == nil {
		return
	}
	r.Read(func(one Reading) {
		kind := prometheus.GaugeValue
		if one.Counts {
			kind = prometheus.CounterValue
		}
		values := make([]string, len(one.Values))
		for i, v := range one.Values {
			values[i] = valid(v)
		}
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(one.Name, one.Help, one.Labels, nil), kind, one.Value, values...)
	})
}

// valid is a text as a value of a label. It keeps nothing of what the text is a part of.
func valid(s string) string { return strings.ToValidUTF8(strings.Clone(s), "\ufffd") }

// worldLabels are those that all Meters have.
var worldLabels = []string{"account", "region"}

func labelsOf(of *engine.Meters, one *engine.Meter) []string {
	return slices.Concat(worldLabels, of.Labels, one.Labels)
}
