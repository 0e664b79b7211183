package timeline

import "heddle/internal/engine"

// Mark is what is drawn of a bar, or of several that lie too close to be told apart.
type Mark struct {
	Bar                    // of several: from the first one's begin to the last one's end, and the worst outcome
	X0, XTaken, X1 float64 // percent; XTaken: where the wait ends, X1 if nobody has taken it
	Count          int
}

// Between is an axis of what lanes have between two moments. Straight: no gap is folded.
func Between(lanes []*Lane, from, to engine.Time, straight bool) Axis {
	if straight {
		return Axis{Pieces: []Piece{{From: from, To: to, X1: 100}}}
	}
	moments := []engine.Time{from, to}
	for _, l := range lanes {
		for i := range l.Bars {
			b := &l.Bars[i]
			for _, at := range [...]engine.Time{b.From, b.Taken, b.To} {
				if from < at && at < to {
					moments = append(moments, at)
				}
			}
		}
	}
	return NewAxis(moments)
}

// Span is from when to when a lane has something.
func (l *Lane) Span() (from, to engine.Time) {
	if len(l.Bars) == 0 {
		return 0, 0
	}
	from = l.Bars[0].From
	for i := range l.Bars {
		to = max(to, l.Bars[i].To)
	}
	return from, to
}

const apartLeast = 0.25 // percent

// Draw gives the marks of lanes, not many more than so many in all: bars that are shorter
// than some percent, and closer to each other, become one mark.
func (a Axis) Draw(lanes []*Lane, most int) [][]Mark {
	for apart := apartLeast; ; apart *= 2 {
		drawn, n := make([][]Mark, len(lanes)), 0
		for i, l := range lanes {
			drawn[i] = a.marks(l, apart)
			n += len(drawn[i])
		}
		if n <= most || apart > 100 {
			return drawn
		}
	}
}

// worst are outcomes in the order in which they matter most among several.
var worst = map[Outcome]int{Waits: 6, Running: 5, Failed: 4, TimedOut: 3, Left: 2, Canceled: 2, Completed: 1, Fired: 0}

func (a Axis) marks(l *Lane, apart float64) (marks []Mark) {
	if len(a.Pieces) == 0 {
		return nil
	}
	from, to := a.Pieces[0].From, a.Pieces[len(a.Pieces)-1].To
	short := func(m *Mark) bool { return m.Count > 1 || m.X1-m.X0 < apart }
	for i := range l.Bars {
		b := l.Bars[i]
		if b.To < from || b.From > to {
			continue
		}
		m := Mark{Bar: b, X0: a.X(b.From), X1: a.X(b.To), Count: 1}
		m.XTaken = m.X1
		if b.Taken != 0 {
			m.XTaken = a.X(b.Taken)
		}
		if n := len(marks); n > 0 {
			if last := &marks[n-1]; short(last) && short(&m) && m.X0-last.X1 < apart && m.X1-last.X0 < 100 {
				last.merge(&m)
				continue
			}
		}
		marks = append(marks, m)
	}
	return marks
}

func (m *Mark) merge(next *Mark) {
	m.Count++
	m.To, m.X1 = max(m.To, next.To), max(m.X1, next.X1)
	m.Taken, m.XTaken = m.From, m.X0
	if worst[next.Outcome] > worst[m.Outcome] {
		m.Outcome, m.Event = next.Outcome, next.Event
	}
	if m.Who != next.Who {
		m.Who = ""
	}
}
