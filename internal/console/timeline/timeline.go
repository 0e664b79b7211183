// Package timeline is the geometry of a timeline: lanes of bars over an axis on which long
// idle times are folded. It is pure, and knows neither terminals nor pages: whoever draws
// takes places in percent from it, so that all drawings agree.
package timeline

import (
	"cmp"
	"slices"

	"heddle/internal/engine"
)

// Lane is a row: what was done of one thing, perhaps in several attempts.
type Lane struct {
	Name     string // charge-card
	Where    string // the task list, or what else it waits on
	Kind     Kind
	Attempts int
	Outcome  Outcome // of the last attempt
	Bars     []Bar
	Event    int64 // the first one
}

// Kind is of lanes.
type Kind string

// Values of Kind.
const (
	Decisions  Kind = "decisions"
	Activity   Kind = "activity"
	Function   Kind = "function"
	Timer      Kind = "timer"
	Child      Kind = "child"
	SignalLane Kind = "signals"
	MarkerLane Kind = "markers"
	State      Kind = "state"
)

// Outcome is how something ended, or that it has not.
type Outcome string

// Values of Outcome.
const (
	Waits     Outcome = "waits" // for somebody to take it
	Running   Outcome = "running"
	Completed Outcome = "completed"
	Failed    Outcome = "failed"
	TimedOut  Outcome = "timed out"
	Canceled  Outcome = "canceled"
	Fired     Outcome = "fired"
	Left      Outcome = "left open" // as its execution closed
)

// Open tells whether it has not ended.
func (o Outcome) Open() bool { return o == Waits || o == Running }

// Bar is one attempt, or one moment.
type Bar struct {
	From, Taken, To engine.Time // Taken: when somebody took it; zero: nobody has
	Outcome         Outcome
	Point           bool  // a moment
	Event           int64 // that began it
	Who             string
	Why             string // it ended as it did: its reason, or the name of the timeout
}

// Took is how long the last attempt of a lane took, or takes.
func (l *Lane) Took() engine.Time {
	if len(l.Bars) == 0 {
		return 0
	}
	b := &l.Bars[len(l.Bars)-1]
	return b.To - max(b.Taken, b.From)
}

// End closes what is open at now, as seen then.
func End(lanes []Lane, now engine.Time) {
	for i := range lanes {
		for j := range lanes[i].Bars {
			if b := &lanes[i].Bars[j]; b.Outcome.Open() && b.To == 0 {
				b.To = max(now, b.From, b.Taken)
			}
		}
	}
}

// Close ends what is open as the execution closes.
func Close(lanes []Lane, at engine.Time) {
	for i := range lanes {
		l := &lanes[i]
		for j := range l.Bars {
			if b := &l.Bars[j]; b.Outcome.Open() {
				b.To, b.Outcome = max(at, b.From, b.Taken), Left
			}
		}
		if l.Outcome.Open() {
			l.Outcome = Left
		}
	}
}

const (
	foldsMax  = 8
	foldWidth = 7.0                    // percent
	foldLeast = engine.Time(60 * 1000) // a gap
)

// Axis has moments at places from 0 to 100.
type Axis struct{ Pieces []Piece }

// Piece is a part of an axis.
type Piece struct {
	From, To engine.Time
	X0, X1   float64
	Folded   bool // nothing happens in it
}

// NewAxis is an axis of moments: of gaps between them, the largest first and while they are
// above a minute and a tenth of what is left, at most eight are folded.
func NewAxis(moments []engine.Time) Axis {
	moments = slices.Clone(moments)
	slices.Sort(moments)
	moments = slices.Compact(moments)
	if len(moments) == 0 {
		return Axis{}
	}
	type gap struct{ at, length engine.Time }
	var gaps []gap
	for i := 1; i < len(moments); i++ {
		gaps = append(gaps, gap{moments[i-1], moments[i] - moments[i-1]})
	}
	slices.SortStableFunc(gaps, func(a, b gap) int { return cmp.Compare(b.length, a.length) })
	left := moments[len(moments)-1] - moments[0]
	folds := map[engine.Time]engine.Time{}
	for _, g := range gaps {
		if len(folds) == foldsMax || g.length <= foldLeast || g.length*10 <= left {
			break
		}
		folds[g.at] = g.length
		left -= g.length
	}
	width := 100 - foldWidth*float64(len(folds))
	if left == 0 { // all of it is idle
		width = 0
	}
	var axis Axis
	x, from := 0.0, moments[0]
	add := func(to engine.Time, folded bool) {
		p := Piece{From: from, To: to, X0: x, Folded: folded}
		switch {
		case folded && width == 0:
			p.X1 = x + 100/float64(len(folds))
		case folded:
			p.X1 = x + foldWidth
		case left > 0:
			p.X1 = x + width*float64(to-from)/float64(left)
		default:
			p.X1 = x
		}
		axis.Pieces = append(axis.Pieces, p)
		x, from = p.X1, to
	}
	for _, m := range moments {
		if length, folded := folds[m]; folded {
			if m > from {
				add(m, false)
			}
			add(m+length, true)
		}
	}
	if last := moments[len(moments)-1]; last > from || len(axis.Pieces) == 0 {
		add(last, false)
	}
	return axis
}

// Of is the axis of lanes.
func Of(lanes []Lane) Axis {
	var moments []engine.Time
	for i := range lanes {
		for _, b := range lanes[i].Bars {
			moments = append(moments, b.From, b.To)
			if b.Taken != 0 {
				moments = append(moments, b.Taken)
			}
		}
	}
	return NewAxis(moments)
}

// X is where a moment is. What is outside is at the end that is next to it.
func (a Axis) X(t engine.Time) float64 {
	for _, p := range a.Pieces {
		if t <= p.To {
			if t <= p.From || p.To == p.From {
				return p.X0
			}
			return p.X0 + (p.X1-p.X0)*float64(t-p.From)/float64(p.To-p.From)
		}
	}
	if len(a.Pieces) == 0 {
		return 0
	}
	return a.Pieces[len(a.Pieces)-1].X1
}

// Tick is a mark of an axis: how long after its beginning, or after a fold.
type Tick struct {
	X     float64
	After engine.Time
	Fold  bool // a fold begins: After is its length
	Anew  bool // After counts from the end of the fold before
}

// ticksApart is how far ticks are apart at least, in percent.
const ticksApart = 15

// steps between ticks.
var steps = []engine.Time{
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 20e3, 30e3, 60e3, 2 * 60e3, 5 * 60e3, 10 * 60e3, 20 * 60e3, 30 * 60e3,
	3600e3, 2 * 3600e3, 6 * 3600e3, 12 * 3600e3, 24 * 3600e3, 2 * 24 * 3600e3, 7 * 24 * 3600e3, 30 * 24 * 3600e3, 90 * 24 * 3600e3,
}

// Ticks are the marks of the axis, in order.
func (a Axis) Ticks() (ticks []Tick) {
	for i, p := range a.Pieces {
		if p.Folded {
			ticks = append(ticks, Tick{X: p.X0, After: p.To - p.From, Fold: true})
			continue
		}
		if i == 0 {
			ticks = append(ticks, Tick{X: 0})
		}
		length, width := p.To-p.From, p.X1-p.X0
		for _, step := range steps {
			if apart := width * float64(step) / float64(max(1, length)); apart < ticksApart {
				continue
			}
			end := 100.0 - ticksApart/2
			if i+1 < len(a.Pieces) {
				end = p.X1 - ticksApart/3 // a fold begins there, and has its own
			}
			for after := step; after <= length; after += step {
				if x := a.X(p.From + after); x <= end {
					ticks = append(ticks, Tick{X: x, After: after, Anew: i > 0})
				}
			}
			break
		}
	}
	return ticks
}
