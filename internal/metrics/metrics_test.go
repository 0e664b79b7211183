package metrics

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/matching"
)

var world = engine.World{Account: "123456789012", Region: "local-1"}

var parcels = &engine.Meters{
	Labels: []string{"shop", "size"},
	Meters: []engine.Meter{
		{Name: "parcels_total", Help: "Parcels.", Labels: []string{"outcome"}, Values: [][]string{{"sent"}, {"lost"}}},
		{Name: "parcel_seconds", Help: "How long parcels take.", Timed: true},
	},
}

// clock is a time that only tests move.
type clock struct{ now time.Time }

func newTestMetrics(series int, more ...*engine.Meters) (*Metrics, *clock) {
	c := &clock{time.Unix(1_500_000_000, 0)}
	return New(Config{Series: series, Meters: append(more, parcels), Now: func() time.Time { return c.now }}), c
}

// scrape gives the lines of a scrape, without those that describe, by name and labels.
func scrape(t testing.TB, m *Metrics) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	all := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[line[:at]] = value
	}
	return all
}

// sum is that of all numbers of a metric, and how many there are.
func sum(all map[string]float64, name string) (sum float64, n int) {
	for line, value := range all {
		if strings.HasPrefix(line, name+"{") {
			sum, n = sum+value, n+1
		}
	}
	return sum, n
}

func parcel(shop string, took engine.Time) []engine.Measure {
	of := engine.Of{shop, "large"}
	return []engine.Measure{{Meters: parcels, Of: of}, {Meters: parcels, Of: of, Meter: 1, Took: took}}
}

// TestBound: of 10,000 types 200 have metrics of their own; nothing of the others is lost.
func TestBound(t *testing.T) {
	m, _ := newTestMetrics(0)
	for round := range 2 {
		for i := range 10_000 {
			m.Measured(world, parcel(fmt.Sprint("shop", i), engine.Time(1000*round)))
		}
	}
	all := scrape(t, m)
	if total, n := sum(all, "parcels_total"); total != 20_000 || n != 2*(SeriesDefault+1) {
		t.Errorf("%g parcels in %d series", total, n)
	}
	if total, n := sum(all, "parcel_seconds_sum"); total != 10_000 || n != SeriesDefault+1 {
		t.Errorf("%g s in %d series", total, n)
	}
	const others = 2 * (10_000 - SeriesDefault)
	if n := all[`parcels_total{account="_other",outcome="sent",region="_other",shop="_other",size="_other"}`]; n != others {
		t.Errorf("%g are of others, want %d", n, others)
	}
	if n := all[`heddle_metrics_overflow_total{metric="parcels_total"}`]; n != others {
		t.Errorf("%g have overflowed, want %d", n, others)
	}
	if n := all[`parcels_total{account="123456789012",outcome="lost",region="local-1",shop="shop7",size="large"}`]; n != 0 {
		t.Errorf("%g were lost", n)
	} else if n := all[`parcels_total{account="123456789012",outcome="sent",region="local-1",shop="shop7",size="large"}`]; n != 2 {
		t.Errorf("of one shop there are %g", n)
	}
}

// TestUntouchedLeave: what nobody has counted by for an hour leaves, and makes room; what
// somebody counts by stays, as does what was counted in the moment of leaving.
func TestUntouchedLeave(t *testing.T) {
	m, c := newTestMetrics(2)
	seen := func(shop string) float64 {
		t.Helper()
		n, there := scrape(t, m)[fmt.Sprintf("parcels_total{account=%q,outcome=\"sent\",region=%q,shop=%q,size=\"large\"}", world.Account, world.Region, shop)]
		if !there {
			return -1
		}
		return n
	}
	m.Measured(world, parcel("old", 0))
	m.Measured(world, parcel("busy", 0))
	m.Measured(world, parcel("late", 0)) // no room
	if seen("old") != 1 || seen("busy") != 1 || seen("late") != -1 {
		t.Error(scrape(t, m))
	}
	c.now = c.now.Add(keptUntouched - time.Second)
	m.Measured(world, parcel("busy", 0))
	if seen("old") != 1 {
		t.Error("it has left too early")
	}
	c.now = c.now.Add(time.Second)
	old := (*m.meters[parcels].sets.Load())[key{world, engine.Of{"old", "large"}}]
	m.tidy()
	old.used.Store(true) // who had it before counts by it
	old.handles[0].counter.Inc()
	if seen("old") != 2 {
		t.Error("what was counted in the last moment is lost")
	}
	c.now = c.now.Add(keptUntouched)
	m.tidy()
	m.Measured(world, parcel("old", 0)) // it comes back before it is gone
	if seen("old") != 3 {
		t.Errorf("%g of the one that came back, want 3", seen("old"))
	}
	c.now = c.now.Add(keptUntouched)
	m.tidy()
	if seen("old") != -1 || seen("busy") != -1 {
		t.Error("they are there though nobody counts by them")
	}
	m.Measured(world, parcel("late", 0))
	m.Measured(world, parcel("old", 0))
	if seen("late") != 1 || seen("old") != 1 {
		t.Error(scrape(t, m))
	}
	if n, _ := sum(scrape(t, m), "parcels_total"); n != 3 {
		t.Errorf("%g with that of others, want 3", n)
	}
}

// TestCountedBesideScrapes: many count while others scrape and sets come, leave and are too many.
func TestCountedBesideScrapes(t *testing.T) {
	m, _ := newTestMetrics(20)
	const each, crew = 5000, 4
	var all, scrapes sync.WaitGroup
	done := make(chan struct{})
	for n := range crew {
		all.Go(func() {
			for i := range each {
				m.Measured(world, parcel(fmt.Sprint("shop", (i*7+n)%40), 1))
			}
		})
	}
	scrapes.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				m.tidy()
			}
		}
	})
	all.Wait()
	close(done)
	scrapes.Wait()
	if total, n := sum(scrape(t, m), "parcels_total"); total != each*crew || n > 2*21 {
		t.Errorf("%g in %d series, want %d", total, n, each*crew)
	}
}

// TestLabelsThatAreNoText: names that are no UTF-8 are shown as far as they are.
func TestLabelsThatAreNoText(t *testing.T) {
	m, _ := newTestMetrics(0)
	for range 3 {
		m.Measured(world, parcel("a\xffb", 0))
	}
	all := scrape(t, m)
	if n := all["parcels_total{account=\"123456789012\",outcome=\"sent\",region=\"local-1\",shop=\"a\ufffdb\",size=\"large\"}"]; n != 3 {
		t.Error(all)
	}
}

// TestMetersThatAreNotAlike can't have one name, and nobody measures by meters that were not
// declared.
func TestMetersThatAreNotAlike(t *testing.T) {
	panics := func(what string, do func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Error(what)
			}
		}()
		do()
	}
	other := func(labels []string, timed bool) *engine.Meters {
		return &engine.Meters{Labels: labels, Meters: []engine.Meter{{Name: "parcels_total", Timed: timed, Labels: []string{"outcome"}, Values: [][]string{{"stolen"}}}}}
	}
	panics("other labels", func() { newTestMetrics(0, other([]string{"shop"}, false)) })
	panics("counted and timed", func() { newTestMetrics(0, other(parcels.Labels, true)) })
	panics("too many labels", func() { newTestMetrics(0, other([]string{"a", "b", "c", "d"}, false)) })
	alike := other(parcels.Labels, false)
	m, _ := newTestMetrics(0, alike)
	m.Count(world, alike, engine.Of{"a", "b"})
	if n, series := sum(scrape(t, m), "parcels_total"); n != 1 || series != 1 {
		t.Errorf("%g in %d series", n, series)
	}
	panics("not declared", func() { m.Count(world, other(parcels.Labels, false), engine.Of{}) })
}

// TestWhatTheServerDoes: the names and labels of what is told by listeners.
func TestWhatTheServerDoes(t *testing.T) {
	m, _ := newTestMetrics(0)
	shards := m.Shards()
	shards.BatchDone(&engine.BatchDone{Bytes: 100, States: 5, Read: 2, Late: []engine.Time{0, 1500}})
	shards.CommitDone(3, 20*time.Millisecond)
	shards.Stepped(time.Millisecond)
	shards.Quarantined(engine.Identity{}, nil)
	shards.Dropped(1, nil)
	lists := m.Matching()
	lists.Accepted("red\x00list", false)
	lists.Returned("red\x00list", false)
	lists.PollEnded("red\x00other", 4, matching.PollOver)
	lists.PollEnded("red\x00list", 1, matching.PollGone)
	lists.PollEnded("red\x00list", 1, matching.PollsDrained)
	lists.Paired(matching.Pairing{Task: matching.Task{List: "red\x00list"}, PollWaited: true})
	lists.Paired(matching.Pairing{Task: matching.Task{List: "blue"}})
	m.PollRefused("red\x00list")
	m.WriteStalled()
	m.LambdaAnswered("ok", time.Second)
	m.Told("target", "sent", 7)
	row := &operation.Mounted{Operation: operation.Operation{Name: "Send"}, API: &operation.API{Service: "shop"}}
	m.Answered(&operation.Answered{Operation: row}, 2*time.Second)
	m.Answered(&operation.Answered{Operation: row, Fault: &fault.Fault{Code: "com.shop#Closed"}}, time.Second)
	m.Nanoseconds("sync_seconds", "", func() Written {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Buckets: []float64{1e6, 2e6, 1e9, 1e11}})
		h.Observe(1.5e6)
		h.Observe(3e9)
		return h
	})
	m.Nanoseconds("no_seconds", "", func() Written { return nil })
	all := scrape(t, m)
	for name, want := range map[string]float64{
		"heddle_commit_bytes_total": 100, `heddle_state_cache_total{hit="true"}`: 3, `heddle_state_cache_total{hit="false"}`: 2,
		"heddle_wake_lag_seconds_count": 2, "heddle_wake_lag_seconds_sum": 1.5, "heddle_commit_sections_sum": 3, "heddle_commit_seconds_sum": .02,
		"heddle_step_seconds_sum": .001, "heddle_quarantined_runs": 1, "heddle_shard_recoveries_total": 1, "heddle_write_stalls_total": 1,
		`heddle_polls_total{kind="red",outcome="task"}`: 1, `heddle_polls_total{kind="red",outcome="gone"}`: 2, `heddle_polls_total{kind="red",outcome="empty"}`: 4,
		`heddle_polls_total{kind="red",outcome="drained"}`: 1, `heddle_polls_total{kind="red",outcome="limit"}`: 1,
		`heddle_matches_total{how="at_once",kind="red"}`: 1, `heddle_matches_total{how="from_backlog",kind="blue"}`: 1,
		`heddle_lambda_seconds_sum{outcome="ok"}`: 1, `heddle_events_total{outcome="sent",target="target"}`: 7,
		`heddle_requests_total{api="Send",code="ok",service="shop"}`: 1, `heddle_requests_total{api="Send",code="Closed",service="shop"}`: 1,
		`heddle_request_seconds_sum{api="Send",service="shop"}`: 3,
		`sync_seconds_bucket{le="0.001"}`:                       0, `sync_seconds_bucket{le="1"}`: 1, `sync_seconds_bucket{le="100"}`: 2, "sync_seconds_count": 2,
	} {
		if got, there := all[name]; got != want || !there {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if _, there := all["no_seconds_count"]; there {
		t.Error("what is not there is shown")
	}
}

func BenchmarkMeasured(b *testing.B) {
	m, _ := newTestMetrics(0)
	for i := range SeriesDefault {
		m.Measured(world, parcel(fmt.Sprint("shop", i), 1))
	}
	measures := parcel("shop7", 1500)
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Measured(world, measures[:1])
		}
	})
	b.Run("count and time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Measured(world, measures)
		}
	})
	b.Run("other", func(b *testing.B) {
		other := parcel("far away", 1)
		b.ReportAllocs()
		for b.Loop() {
			m.Measured(world, other)
		}
	})
}

func BenchmarkServer(b *testing.B) {
	m, _ := newTestMetrics(0)
	row := &operation.Mounted{Operation: operation.Operation{Name: "Send"}, API: &operation.API{Service: "shop"}}
	answered := &operation.Answered{Operation: row}
	b.Run("request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Answered(answered, time.Millisecond)
		}
	})
	lists := m.Matching()
	pairing := matching.Pairing{Task: matching.Task{List: "activity\x00123456789012\x00us-east-1\x00shop\x00packers"}}
	b.Run("match", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			lists.Paired(pairing)
		}
	})
	shards := m.Shards()
	batch := &engine.BatchDone{Bytes: 100, States: 5}
	b.Run("batch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			shards.BatchDone(batch)
		}
	})
}

// BenchmarkScrape is of as much as there may be.
func BenchmarkScrape(b *testing.B) {
	m, _ := newTestMetrics(0)
	for i := range SeriesDefault {
		m.Measured(world, parcel(fmt.Sprint("shop", i), 1))
	}
	b.ReportAllocs()
	for b.Loop() {
		scrape(b, m)
	}
}
