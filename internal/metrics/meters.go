package metrics

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heddle/internal/engine"
)

// vec is a metric of a name with all its labels.
type vec struct {
	counters   *prometheus.CounterVec
	histograms *prometheus.HistogramVec
	labels     []string
}

// meters are Meters at work: sets of labels, each with a handle for all that is measured of
// it.
type meters struct {
	of    *engine.Meters
	vecs  []vec // of the Meters
	first []int // the first handle of each
	most  int   // sets

	// sets is replaced, never changed, so that who counts takes no lock.
	sets atomic.Pointer[map[key]*set]
	full atomic.Bool // there are as many as there may be
	// other is what counts for all others; nil: there never were any. It is made before full is set.
	other atomic.Pointer[set]
	over  []prometheus.Counter // of each Meter

	mu      sync.Mutex // guards making and removing
	leaving map[key]*set
}

// key tells sets apart.
type key struct {
	world engine.World
	of    engine.Of
}

// set is a set of values of labels.
type set struct {
	used    atomic.Bool // since the last scrape
	idle    time.Time   // guarded by mu of the meters: the scrape that last found it used
	handles []handle    // as meters.first says
}

// handle is one of its fields.
type handle struct {
	counter prometheus.Counter
	timer   prometheus.Observer
}

func (m *Metrics) newMeters(of *engine.Meters) *meters {
	if len(of.Labels) > len(engine.Of{}) {
		panic(fmt.Sprintf("metrics: %d labels of %s, and there may be %d", len(of.Labels), of.Meters[0].Name, len(engine.Of{})))
	}
	n := &meters{of: of, most: m.Series, leaving: map[key]*set{}}
	n.sets.Store(&map[key]*set{})
	handles := 0
	for i := range of.Meters {
		one := &of.Meters[i]
		n.first = append(n.first, handles)
		handles += max(1, len(one.Values))
		n.vecs = append(n.vecs, m.vecOf(of, one))
		n.over = append(n.over, m.overflow.WithLabelValues(one.Name))
	}
	return n
}

// vecOf gives the metric of a Meter. Several kinds of executions may have one in common.
func (m *Metrics) vecOf(of *engine.Meters, one *engine.Meter) vec {
	labels := labelsOf(of, one)
	v, known := m.vecs[one.Name]
	switch {
	case known && (!slices.Equal(v.labels, labels) || one.Timed != (v.histograms != nil)):
		panic("metrics: two meters are called " + one.Name + ", and are not alike")
	case known:
		return v
	}
	v.labels = labels
	if one.Timed {
		v.histograms = prometheus.NewHistogramVec(histogram(one.Name, one.Help, secondsOfTasks), labels)
		m.registry.MustRegister(v.histograms)
	} else {
		v.counters = prometheus.NewCounterVec(prometheus.CounterOpts{Name: one.Name, Help: one.Help}, labels)
		m.registry.MustRegister(v.counters)
	}
	m.vecs[one.Name] = v
	return v
}

// Measured takes in what was measured in a world.
func (m *Metrics) Measured(w engine.World, all []engine.Measure) {
	var of *meters
	var s *set
	for i := range all {
		one := &all[i]
		if s == nil || one.Meters != of.of || one.Of != all[i-1].Of {
			if of = m.meters[one.Meters]; of == nil {
				panic("metrics: nobody has told of meters " + one.Meters.Meters[one.Meter].Name)
			}
			s = of.find(key{w, one.Of})
		}
		h := &s.handles[of.first[one.Meter]+one.Values]
		if h.timer != nil {
			h.timer.Observe(float64(one.Took) / 1000)
		} else {
			h.counter.Add(float64(max(1, one.Times)))
		}
		if s == of.other.Load() {
			of.over[one.Meter].Add(float64(max(1, one.Times)))
		}
	}
}

// Count counts one thing.
func (m *Metrics) Count(w engine.World, of *engine.Meters, values engine.Of) {
	m.Measured(w, []engine.Measure{{Meters: of, Of: values}})
}

// find gives the set of a key. Who has it marks it as used before anything is counted by it:
// a set that leaves is looked at twice, with a scrape between.
func (n *meters) find(k key) *set {
	s := (*n.sets.Load())[k]
	switch {
	case s == nil && n.full.Load():
		return n.other.Load()
	case s == nil:
		s = n.add(k)
	}
	if !s.used.Load() {
		s.used.Store(true)
	}
	return s
}

// add gives the set of a key that has none, or that for all others.
func (n *meters) add(k key) *set {
	n.mu.Lock()
	defer n.mu.Unlock()
	sets := *n.sets.Load()
	if s := sets[k]; s != nil {
		return s
	}
	if len(sets) >= n.most {
		if n.other.Load() == nil {
			n.other.Store(n.make(otherKey(n.of)))
		}
		n.full.Store(true)
		return n.other.Load()
	}
	k.world = engine.World{Account: valid(k.world.Account), Region: valid(k.world.Region)}
	for i := range k.of {
		k.of[i] = valid(k.of[i])
	}
	if s := sets[k]; s != nil { // it has become another's
		return s
	}
	s := n.leaving[k]
	if s == nil {
		s = n.make(k)
	}
	delete(n.leaving, k)
	more := maps.Clone(sets)
	more[k] = s
	n.sets.Store(&more)
	return s
}

func otherKey(of *engine.Meters) (k key) {
	k.world = engine.World{Account: Other, Region: Other}
	for i := range of.Labels {
		k.of[i] = Other
	}
	return k
}

// make makes all handles of a set, so that what has not happened shows as 0.
func (n *meters) make(k key) *set {
	s := &set{}
	n.each(k, func(v *vec, labels []string) {
		var h handle
		if v.histograms != nil {
			h.timer = v.histograms.WithLabelValues(labels...)
		} else {
			h.counter = v.counters.WithLabelValues(labels...)
		}
		s.handles = append(s.handles, h)
	})
	return s
}

// each visits what a set is made of, in the order of its handles.
func (n *meters) each(k key, visit func(v *vec, labels []string)) {
	for i := range n.of.Meters {
		values := n.of.Meters[i].Values
		if values == nil {
			values = [][]string{nil}
		}
		for _, own := range values {
			visit(&n.vecs[i], slices.Concat([]string{k.world.Account, k.world.Region}, k.of[:len(n.of.Labels)], own))
		}
	}
}

// tidy lets the sets go that were not touched for long.
func (m *Metrics) tidy() {
	m.tidying.Lock()
	defer m.tidying.Unlock()
	now := m.Now()
	for _, n := range m.meters {
		n.tidy(now)
	}
}

func (n *meters) tidy(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	sets := maps.Clone(*n.sets.Load())
	before := len(sets)
	for k, s := range n.leaving { // since the last scrape
		if s.used.Swap(false) { // somebody had it who has counted since
			s.idle = now
			if len(sets) < n.most {
				sets[k] = s
				delete(n.leaving, k)
			}
			continue
		}
		n.each(k, func(v *vec, labels []string) {
			if v.histograms != nil {
				v.histograms.DeleteLabelValues(labels...)
			} else {
				v.counters.DeleteLabelValues(labels...)
			}
		})
		delete(n.leaving, k)
	}
	for k, s := range sets {
		switch {
		case s.used.Swap(false) || s.idle.IsZero():
			s.idle = now
		case now.Sub(s.idle) >= keptUntouched:
			delete(sets, k)
			n.leaving[k] = s
		}
	}
	if len(sets) != before || len(n.leaving) > 0 {
		n.sets.Store(&sets)
	}
	n.full.Store(len(sets) >= n.most && n.other.Load() != nil)
}
