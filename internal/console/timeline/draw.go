package timeline

import (
	"math"
	"strings"
)

// Glyphs are what a row of text is drawn with.
type Glyphs struct {
	Wait, Work, Open, Point, Fail, Late, Fold rune
}

// Lines are glyphs as most terminals have them; Plain are ASCII.
var (
	Lines = Glyphs{Wait: '─', Work: '━', Open: '┄', Point: '●', Fail: '✕', Late: '◷', Fold: '┊'}
	Plain = Glyphs{Wait: '-', Work: '=', Open: '.', Point: 'o', Fail: 'x', Late: 't', Fold: '|'}
)

// Row draws a lane as a text of so many characters.
func (a Axis) Row(l *Lane, width int, g Glyphs) string {
	row := []rune(strings.Repeat(" ", width))
	column := func(x float64) int { return min(width-1, int(math.Floor(x*float64(width)/100))) }
	for _, p := range a.Pieces {
		if p.Folded {
			for _, at := range []int{column(p.X0), column(p.X1)} {
				row[at] = g.Fold
			}
		}
	}
	fill := func(from, to int, with rune) {
		for i := from; i <= to; i++ {
			row[i] = with
		}
	}
	for i := range l.Bars {
		b := &l.Bars[i]
		from, to := column(a.X(b.From)), column(a.X(b.To))
		if b.Point {
			row[from] = g.Point
			continue
		}
		taken := from
		waits := g.Wait
		if b.Outcome == Waits {
			waits = g.Open
		}
		if b.Taken == 0 {
			fill(from, to, waits)
		} else {
			taken = column(a.X(b.Taken))
			fill(from, taken, waits)
			fill(taken, to, g.Work)
		}
		switch b.Outcome {
		case Failed:
			row[to] = g.Fail
		case TimedOut:
			row[to] = g.Late
		}
	}
	return strings.TrimRight(string(row), " ")
}

// Head draws the axis above such rows; span says how long something is.
func (a Axis) Head(width int, span func(Tick) string) string {
	row := []rune(strings.Repeat(" ", width))
	free := 0
	for _, t := range a.Ticks() {
		text := []rune(span(t))
		at := int(math.Floor(t.X * float64(width) / 100))
		if at < free || at+len(text) > width {
			continue
		}
		copy(row[at:], text)
		free = at + len(text) + 1
	}
	return strings.TrimRight(string(row), " ")
}
