package throttle

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// taken is how many of so many calls at a time are let through.
func taken(l *Limiter, now time.Time, calls int, account, region, action string) (n int) {
	for range calls {
		if l.Take(now, account, region, action) {
			n++
		}
	}
	return n
}

func TestTake(t *testing.T) {
	l := New(Rates{"A": {10, 2}, "B": {10, 2}, "Never": {}})
	at := func(d time.Duration, calls int, account, region, action string, want int) {
		t.Helper()
		if got := taken(l, noon.Add(d), calls, account, region, action); got != want {
			t.Errorf("after %s: %d of %d calls, want %d", d, got, calls, want)
		}
	}
	at(0, 20, "1", "r", "A", 10)
	at(0, 20, "1", "r", "B", 10) // each action, region and account has its own
	at(0, 20, "1", "s", "A", 10)
	at(0, 20, "2", "r", "A", 10)
	at(0, 20, "1", "r", "Free", 20)
	at(0, 20, "1", "r", "Never", 0)
	at(499*time.Millisecond, 5, "1", "r", "A", 0)
	at(500*time.Millisecond, 5, "1", "r", "A", 1)
	at(2*time.Second, 20, "1", "r", "A", 3)
	at(time.Second, 5, "1", "r", "A", 0) // a clock that was set back gives nothing away
	at(time.Hour, 20, "1", "r", "A", 10)
}

// TestAmongSeveral: three limiters, asked in turn, let together through what one alone would; a rate of one a
// second is each one's own, and what never may stays so. One that is alone again has all.
func TestAmongSeveral(t *testing.T) {
	rates := Rates{"A": {30, 6}, "Slow": {3, 1}, "Never": {}}
	all := []*Limiter{New(rates), New(rates), New(rates)}
	for _, l := range all {
		l.Among(len(all))
	}
	let := func(d time.Duration, action string, want int) {
		t.Helper()
		n := 0
		for _, l := range all {
			n += taken(l, noon.Add(d), 50, "1", "r", action)
		}
		if n != want {
			t.Errorf("%s after %s: %d, want %d", action, d, n, want)
		}
	}
	let(0, "A", 30)
	let(time.Second, "A", 6)
	let(10*time.Second, "A", 30)
	let(0, "Slow", 9)
	let(time.Second, "Slow", 3)
	let(0, "Never", 0)
	all[0].Among(1)
	all = all[:1]
	let(time.Hour, "A", 30)
}

// TestFreeRegions names ever new regions: an account gets what a few of them have, however
// many it names, in the first burst and for good; refused calls take nothing.
func TestFreeRegions(t *testing.T) {
	l := New(Rates{"A": {10, 2}})
	n := 0
	for i := range 1000 {
		n += taken(l, noon, 20, "1", fmt.Sprint("region-", i), "A")
	}
	if want := 10 * regionsMost; n != want {
		t.Errorf("%d calls in a thousand regions, want %d", n, want)
	}
	if n := taken(l, noon, 20, "2", "region-1", "A"); n != 10 {
		t.Errorf("another account has %d calls", n)
	}
	n = 0
	for s := range 100 {
		for i := range 50 {
			n += taken(l, noon.Add(time.Duration(s+1)*time.Second), 2, "1", fmt.Sprint("region-", s, i), "A")
		}
	}
	if want := 2 * regionsMost * 100; n != want {
		t.Errorf("%d calls in 100 s, want %d", n, want)
	}
	// One region that is used up leaves the others what is theirs.
	l = New(Rates{"A": {10, 2}})
	taken(l, noon, 10_000, "1", "r", "A")
	for i := range regionsMost - 1 {
		if n := taken(l, noon, 20, "1", fmt.Sprint(i), "A"); n != 10 {
			t.Errorf("region %d has %d calls", i, n)
		}
	}
}

func TestSteadyRate(t *testing.T) {
	l := New(Rates{"A": {100, 30}})
	n := 0
	for i := range 100_000 { // 100 s, a call each millisecond
		n += taken(l, noon.Add(time.Duration(i)*time.Millisecond), 1, "1", "r", "A")
	}
	if want := 100 + 30*100; n < want-1 || n > want+1 {
		t.Errorf("%d calls in 100 s, want %d", n, want)
	}
}

func TestFullBucketsAreForgotten(t *testing.T) {
	l := New(Rates{"A": {10, 10}})
	held := func() (n int) {
		for i := range l.parts {
			n += len(l.parts[i].full)
		}
		return n
	}
	for i := range 200_000 { // full again after 100 ms; never more than about 100 at a time
		if !l.Take(noon.Add(time.Duration(i)*time.Millisecond), fmt.Sprint(i), "r", "A") {
			t.Fatal("a full bucket gave nothing")
		}
	}
	if n := held(); n > partsMax*sweepMin {
		t.Errorf("%d buckets are held", n)
	}
	for i := range 100_000 { // all at once, each in its own bucket and in that of its account
		l.Take(noon, fmt.Sprint(i), "r", "A")
	}
	if n := held(); n > partsMax*bucketsMax {
		t.Errorf("%d buckets are held", n)
	}
}

func TestConcurrently(t *testing.T) {
	l := New(Rates{"A": {1000, 1}})
	var n atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { n.Add(int64(taken(l, noon, 500, "1", "r", "A"))) })
	}
	all.Wait()
	if n.Load() != 1000 {
		t.Errorf("%d calls were let through", n.Load())
	}
}

func TestParseSetting(t *testing.T) {
	for text, want := range map[string]Setting{
		"StartTimer=7/3":             {Name: "StartTimer", Rate: Rate{7, 3}},
		"StartTimer=1000000/1000000": {Name: "StartTimer", Rate: Rate{1_000_000, 1_000_000}},
		"ListDomains=none":           {Name: "ListDomains", None: true},
	} {
		if got, err := ParseSetting(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "StartTimer", "StartTimer=", "StartTimer=5", "StartTimer=0/1", "StartTimer=1/0", "StartTimer=1/-1", "StartTimer=1/1/1", "StartTimer=2000000/1", "StartTimer=1/2000000"} {
		got, err := ParseSetting(bad)
		want := fmt.Sprintf("rate %q: want ACTION=BURST/PERSECOND, each from 1 to 1000000, or ACTION=none", bad)
		if err == nil || err.Error() != want || got != (Setting{}) {
			t.Errorf("%q: got %+v, %v", bad, got, err)
		}
	}
}

func TestSet(t *testing.T) {
	r := Rates{"Start": {10, 1}, "List": {20, 2}, "Stop": {30, 3}}
	for _, s := range []Setting{{Name: "Start", Rate: Rate{7, 3}}, {Name: "List", None: true}, {Name: "Free", Rate: Rate{1, 1}}, {Name: "Never", None: true}} {
		r.Set(s)
	}
	if want := (Rates{"Start": {7, 3}, "Stop": {30, 3}, "Free": {1, 1}}); !maps.Equal(r, want) {
		t.Errorf("got %v, want %v", r, want)
	}
}

func BenchmarkTake(b *testing.B) {
	l := New(Rates{"StartWorkflowExecution": {2000, 200}})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		now := noon
		for pb.Next() {
			now = now.Add(5 * time.Millisecond)
			l.Take(now, "123456789012", "us-east-1", "StartWorkflowExecution")
		}
	})
}

// TestReserve: whoever asks is told when, each later than the one before, and what is given back
// comes to those who ask then. Those of another account, and of another region, have their own.
func TestReserve(t *testing.T) {
	l := New(Rates{"Go": {Bucket: 5, PerSecond: 10}})
	start := time.Unix(1_700_000_000, 0)
	at := func(account, region string, n int) time.Duration {
		return l.Reserve(start, account, region, "Go", n).Sub(start)
	}
	const each = 100 * time.Millisecond
	for i, want := range []struct {
		n  int
		at time.Duration
	}{{3, 0}, {2, 0}, {1, each}, {4, 5 * each}, {1, 6 * each}} {
		if got := at("1", "a", want.n); got != want.at {
			t.Errorf("%d: %d of it are told %v, want %v", i, want.n, got, want.at)
		}
	}
	if got := at("2", "a", 5); got != 0 {
		t.Errorf("another account is told %v", got)
	}
	if got := at("1", "b", 5); got != 0 {
		t.Errorf("another region is told %v", got)
	}
	l.Return("1", "a", "Go", 4)
	if got := at("1", "a", 1); got != 3*each {
		t.Errorf("after four were given back the next is told %v, want %v", got, 3*each)
	}
	if got := l.Reserve(start.Add(time.Hour), "1", "a", "Go", 5).Sub(start); got != time.Hour {
		t.Errorf("after an hour five are told %v", got)
	}
	if got := l.Reserve(start, "1", "a", "Stay", 1_000_000); !got.Equal(start) {
		t.Errorf("what has no rate is told %v", got)
	}
	l.Return("1", "a", "Stay", 1)

	// As many regions as one likes are no way around.
	last := time.Duration(0)
	for i := range 100 {
		last = at("3", fmt.Sprint("region", i), 5)
	}
	if want := 500*each/regionsMost - 5*each; last != want {
		t.Errorf("500 in 100 regions are told %v, want %v", last, want)
	}
}
