package timeline

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/test/golden"
)

const (
	sec = engine.Time(1000)
	hr  = 3600 * sec
)

// lanes are such as an order has: two attempts, six hours of rest, and what still waits.
func lanes() []Lane {
	all := []Lane{
		{Name: "reserve", Where: "stock", Kind: Activity, Outcome: Completed, Bars: []Bar{{From: 0, Taken: sec, To: 3 * sec, Outcome: Completed}}},
		{Name: "charge", Where: "payments", Kind: Activity, Outcome: Completed, Bars: []Bar{
			{From: 3 * sec, Taken: 4 * sec, To: 6 * sec, Outcome: Failed}, {From: 7 * sec, Taken: 7 * sec, To: 10 * sec, Outcome: Completed}}},
		{Name: "pack", Where: "warehouse", Kind: Activity, Outcome: Running, Bars: []Bar{
			{From: 6 * hr, Taken: 6*hr + sec, To: 6*hr + 4*sec, Outcome: TimedOut}, {From: 6*hr + 4*sec, Taken: 6*hr + 5*sec, Outcome: Running}}},
		{Name: "notify", Where: "mailers", Kind: Activity, Outcome: Waits, Bars: []Bar{{From: 6*hr + 6*sec, Outcome: Waits}}},
		{Name: "signals", Kind: SignalLane, Outcome: Fired, Bars: []Bar{{From: 6*hr + 2*sec, To: 6*hr + 2*sec, Point: true, Outcome: Fired}}},
	}
	End(all, 6*hr+12*sec)
	return all
}

// TestGeometry writes places as data, and the same drawn.
func TestGeometry(t *testing.T) {
	var b strings.Builder
	all := lanes()
	axis := Of(all)
	for _, p := range axis.Pieces {
		fmt.Fprintf(&b, "piece %d..%d ms at %.2f..%.2f folded %v\n", p.From, p.To, p.X0, p.X1, p.Folded)
	}
	for _, k := range axis.Ticks() {
		fmt.Fprintf(&b, "tick %.2f after %d ms fold %v anew %v\n", k.X, k.After, k.Fold, k.Anew)
	}
	for i := range all {
		for _, bar := range all[i].Bars {
			fmt.Fprintf(&b, "%s bar %.2f %.2f %.2f %s\n", all[i].Name, axis.X(bar.From), axis.X(bar.Taken), axis.X(bar.To), bar.Outcome)
		}
	}
	for _, g := range []Glyphs{Lines, Plain} {
		for _, width := range []int{60, 24} {
			b.WriteString("\n" + axis.Head(width, func(t Tick) string { return fmt.Sprint(t.After / 1000) }) + "\n")
			for i := range all {
				b.WriteString(axis.Row(&all[i], width, g) + "\n")
			}
		}
	}
	golden.Compare(t, "testdata/geometry.txt", b.String())
}

// TestMarks writes what is drawn of lanes, as wide as they are and merged to a few marks.
func TestMarks(t *testing.T) {
	var b strings.Builder
	all := lanes()
	busy := Lane{Name: "busy", Kind: Activity, Outcome: Completed}
	for i := range engine.Time(300) {
		bar := Bar{From: i * 40 * sec, Taken: i*40*sec + 1, To: i*40*sec + 2, Outcome: Completed, Event: int64(i)}
		if i == 70 {
			bar.Outcome = Failed
		}
		busy.Bars = append(busy.Bars, bar)
	}
	all = append(all, busy)
	var drawn []*Lane
	for i := range all {
		drawn = append(drawn, &all[i])
	}
	for _, straight := range []bool{false, true} {
		axis := Between(drawn, 0, 6*hr+12*sec, straight)
		for _, most := range []int{1000, 30} {
			fmt.Fprintf(&b, "straight %v, about %d marks\n", straight, most)
			for i, marks := range axis.Draw(drawn, most) {
				fmt.Fprintf(&b, "  %s: %d\n", drawn[i].Name, len(marks))
				for j, m := range marks {
					if j < 6 || m.Outcome == Failed {
						fmt.Fprintf(&b, "    %.2f %.2f %.2f %d× %s, event %d\n", m.X0, m.XTaken, m.X1, m.Count, m.Outcome, m.Event)
					}
				}
			}
		}
	}
	golden.Compare(t, "testdata/marks.txt", b.String())
}

// TestAxisOfAnything: whatever the moments, places rise with them from 0 to 100, folds are few,
// and a drawing has room.
func TestAxisOfAnything(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 5))
		var all []Lane
		now := engine.Time(random.Int64N(1e12))
		for range random.IntN(12) {
			l := Lane{Outcome: Running}
			for range random.IntN(5) {
				now += engine.Time(random.Int64N([]int64{2, 1000, 100_000, 100_000_000}[random.IntN(4)]))
				b := Bar{From: now, Outcome: []Outcome{Waits, Running, Failed, TimedOut}[random.IntN(4)]}
				if random.IntN(2) == 0 {
					b.Taken = now + engine.Time(random.IntN(1000))
				}
				if random.IntN(2) == 0 {
					b.To = max(b.From, b.Taken) + engine.Time(random.IntN(1000))
				}
				l.Bars = append(l.Bars, b)
			}
			all = append(all, l)
		}
		for i := range all {
			for j := range all[i].Bars {
				if b := &all[i].Bars[j]; b.To == 0 && !b.Outcome.Open() {
					b.To = max(b.From, b.Taken)
				}
			}
		}
		End(all, now)
		axis := Of(all)
		folds, before := 0, 0.0
		for i, p := range axis.Pieces {
			if p.X0 != before || p.X1 < p.X0 || p.X1 > 100.001 || i > 0 && axis.Pieces[i-1].To != p.From {
				t.Fatalf("seed %d: pieces %+v", seed, axis.Pieces)
			}
			if before = p.X1; p.Folded {
				folds++
			}
		}
		if folds > foldsMax {
			t.Fatalf("seed %d: %d folds", seed, folds)
		}
		if n := len(axis.Pieces); n > 0 && axis.Pieces[n-1].To > axis.Pieces[0].From && (axis.Pieces[n-1].X1 < 99.99) {
			t.Fatalf("seed %d: the axis ends at %v", seed, axis.Pieces[n-1].X1)
		}
		var drawn []*Lane
		bars := 0
		for i := range all {
			drawn = append(drawn, &all[i])
			bars += len(all[i].Bars)
		}
		if n := len(axis.Pieces); n > 0 {
			from, to := axis.Pieces[0].From, axis.Pieces[n-1].To
			marked := 0
			for i, marks := range Between(drawn, from, to, seed%2 == 0).Draw(drawn, len(all)+random.IntN(20)) {
				for _, m := range marks {
					if marked += m.Count; m.X0 < 0 || m.XTaken < m.X0 || m.X1 < m.XTaken || m.X1 > 100.001 {
						t.Fatalf("seed %d: lane %d has mark %+v", seed, i, m)
					}
				}
			}
			if marked != bars {
				t.Fatalf("seed %d: of %d bars %d are drawn", seed, bars, marked)
			}
		}
		width := 1 + random.IntN(100)
		for i := range all {
			if got := len([]rune(axis.Row(&all[i], width, Lines))); got > width {
				t.Fatalf("seed %d: a row of %d in %d", seed, got, width)
			}
		}
		axis.Head(width, func(Tick) string { return "x" })
		if n := len(axis.Ticks()); n > 100 {
			t.Fatalf("seed %d: %d ticks", seed, n)
		}
	}
}

// TestSparks writes lines of numbers as data: none, few, as many as points, and more.
func TestSparks(t *testing.T) {
	var b strings.Builder
	rising := func(n int) (all []int64) {
		for i := range n {
			all = append(all, int64(i%7))
		}
		return all
	}
	for _, c := range []struct {
		values []int64
		adds   bool
	}{{nil, true}, {[]int64{3}, true}, {[]int64{0, 0, 0}, true}, {[]int64{1, 2, 4}, true}, {rising(130), true}, {rising(130), false}, {rising(360), true}} {
		s := SparkOf(c.values, c.adds)
		fmt.Fprintf(&b, "%d, adds %v: most %d, sum %d\n%s\n%s\n", len(c.values), c.adds, s.Most, s.Sum, s.Line, s.Area)
	}
	golden.Compare(t, "testdata/sparks.txt", b.String())
}
