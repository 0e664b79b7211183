package flowchart

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"heddle/test/golden"
)

// box is one of a usual size.
func box(inside ...*Chart) Box { return Box{Width: 120, Height: 46, Inside: inside} }

// chain is a chart of boxes one below the other.
func chain(n int) *Chart {
	c := &Chart{}
	for i := range n {
		c.Boxes = append(c.Boxes, box())
		if i > 0 {
			c.Arrows = append(c.Arrows, Arrow{From: i - 1, To: i})
		}
	}
	return c
}

var charts = map[string]*Chart{
	"one":   chain(1),
	"chain": chain(3),
	"choice": {Boxes: []Box{box(), box(), box(), box()}, Arrows: []Arrow{
		{From: 0, To: 1, Label: 60}, {From: 0, To: 2, Label: 60}, {From: 0, To: 3, Label: 80}, {From: 1, To: 3}, {From: 2, To: 3},
	}},
	"loop":   {Boxes: []Box{box(), box(), box()}, Arrows: []Arrow{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 0, Label: 40}, {From: 1, To: 1, Label: 20}}},
	"nested": {Boxes: []Box{box(), box(chain(2), &Chart{Boxes: []Box{box(chain(1))}}), box()}, Arrows: []Arrow{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 2, Label: 30}}},
}

// TestLay writes where everything is, which is read when it changes.
func TestLay(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"one", "chain", "choice", "loop", "nested"} {
		l := Lay(charts[name])
		fmt.Fprintf(&b, "%s\n", name)
		write(&b, l, " ")
		holds(t, name, charts[name], l)
	}
	golden.Compare(t, "testdata/layouts.txt", b.String())
}

func write(b *strings.Builder, l *Layout, indent string) {
	fmt.Fprintf(b, "%s%d x %d at %d %d\n", indent, l.Width, l.Height, l.X, l.Y)
	for i, p := range l.Places {
		fmt.Fprintf(b, "%sbox %d at %d %d, %d x %d\n", indent, i, p.X, p.Y, p.Width, p.Height)
		for _, in := range p.Inside {
			write(b, in, indent+"  ")
		}
	}
	for i, r := range l.Routes {
		fmt.Fprintf(b, "%sarrow %d %v", indent, i, r.Points)
		if r.LabelX != 0 {
			fmt.Fprintf(b, " label at %d %d", r.LabelX, r.LabelY)
		}
		b.WriteString("\n")
	}
}

// holds wants what makes a layout one: boxes apart, inside of what is around them, below those
// that lead to them, and arrows from one to the other.
func holds(t *testing.T, name string, c *Chart, l *Layout) {
	t.Helper()
	for i, a := range l.Places {
		if a.X < 0 || a.Y < 0 || a.X+a.Width > l.Width+1 || a.Y+a.Height > l.Height {
			t.Errorf("%s: box %d at %d %d, %d x %d, is not in %d x %d", name, i, a.X, a.Y, a.Width, a.Height, l.Width, l.Height)
		}
		if a.Width < c.Boxes[i].Width || a.Height < c.Boxes[i].Height {
			t.Errorf("%s: box %d is too small", name, i)
		}
		for j := range i {
			b := l.Places[j]
			if a.X < b.X+b.Width+between/2 && b.X < a.X+a.Width+between/2 && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
				t.Errorf("%s: boxes %d and %d are not apart: %+v %+v", name, i, j, a, b)
			}
		}
		for k, in := range a.Inside {
			if in.X < pad || in.X+in.Width > a.Width-pad+1 || in.Y < c.Boxes[i].Height || in.Y+in.Height > a.Height {
				t.Errorf("%s: what is inside of box %d stands out", name, i)
			}
			if k > 0 && in.X < a.Inside[k-1].X+a.Inside[k-1].Width {
				t.Errorf("%s: what is inside of box %d overlaps", name, i)
			}
			holds(t, name, c.Boxes[i].Inside[k], in)
		}
	}
	for i, a := range c.Arrows {
		r := l.Routes[i]
		if len(r.Points) == 0 {
			continue
		}
		from, to := l.Places[a.From], l.Places[a.To]
		if a.From != a.To && (from.Y < to.Y) == r.Up {
			t.Errorf("%s: arrow %d leads up: %t", name, i, r.Up)
		}
		on := func(p Point, of Place) bool {
			return p.X >= of.X && p.X <= of.X+of.Width && p.Y >= of.Y && p.Y <= of.Y+of.Height
		}
		if first, last := r.Points[0], r.Points[len(r.Points)-1]; !on(first, from) || !on(last, to) && !r.Joins {
			t.Errorf("%s: arrow %d goes from %v to %v, and not from box %+v to %+v", name, i, first, last, from, to)
		}
		if len(r.Points)%2 != 0 || (r.LabelX != 0) != (a.Label > 0) {
			t.Errorf("%s: arrow %d has %d points, label at %d", name, i, len(r.Points), r.LabelX)
		}
		for k := 1; k+1 < len(r.Points) && a.From != a.To; k++ { // it goes through no box
			for j, b := range l.Places {
				if p := r.Points[k]; j != a.From && j != a.To && p.X > b.X+2 && p.X < b.X+b.Width-2 && p.Y > b.Y && p.Y < b.Y+b.Height {
					t.Errorf("%s: arrow %d goes through box %d", name, i, j)
				}
			}
		}
	}
}

// random is a chart of boxes that lead to others anyhow.
func random(r *rand.Rand, depth int) *Chart {
	c := &Chart{}
	n := 1 + r.IntN(12)
	for range n {
		b := Box{Width: 80 + r.IntN(120), Height: 46}
		if depth > 0 && r.IntN(5) == 0 {
			for range 1 + r.IntN(3) {
				b.Inside = append(b.Inside, random(r, depth-1))
			}
		}
		c.Boxes = append(c.Boxes, b)
	}
	for range r.IntN(3 * n) {
		c.Arrows = append(c.Arrows, Arrow{From: r.IntN(n), To: r.IntN(n), Label: r.IntN(2) * r.IntN(100), Bundle: r.IntN(2)})
	}
	return c
}

// TestRandomCharts: whatever a chart is, boxes are apart, arrows lead where they should, and the
// same comes out again.
func TestRandomCharts(t *testing.T) {
	for seed := range uint64(300) {
		c := random(rand.New(rand.NewPCG(seed, 1)), 2)
		l := Lay(c)
		holds(t, fmt.Sprintf("seed %d", seed), c, l)
		if seed%10 == 0 && !reflect.DeepEqual(l, Lay(c)) {
			t.Errorf("seed %d: it is laid out otherwise again", seed)
		}
		if t.Failed() {
			return
		}
	}
}

// TestLongArrows: arrows of a bundle join, and what would make too many bends is left out, the
// longest first.
func TestLongArrows(t *testing.T) {
	bends := func(l *Layout) (n, left, joined int) {
		for _, r := range l.Routes {
			n += max(0, len(r.Points)/2-2)
			if len(r.Points) == 0 {
				left++
			}
			if r.Joins {
				joined++
			}
		}
		return n, left, joined
	}
	c := chain(400)
	for i := range 398 {
		c.Arrows = append(c.Arrows, Arrow{From: i, To: 399, Bundle: 1})
	}
	if n, left, joined := bends(Lay(c)); n != 398 || left != 0 || joined != 397 {
		t.Errorf("%d bends, %d arrows are left out, %d join the first one", n, left, joined)
	}
	c = chain(400)
	for i := range 200 {
		c.Arrows = append(c.Arrows, Arrow{From: i, To: 2*i + 1, Bundle: 1})
	}
	n, left, joined := bends(Lay(c))
	if n > bendsMax || n < bendsMax*9/10 || left == 0 || joined != 0 {
		t.Errorf("%d bends, %d arrows are left out, %d join", n, left, joined)
	}
	for i, r := range Lay(c).Routes {
		if (len(r.Points) == 0) != (i >= 399+200-left) {
			t.Errorf("arrow %d is drawn: %t", i, len(r.Points) > 0)
		}
	}
}

func BenchmarkLay(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	c := chain(150)
	for range 250 {
		c.Arrows = append(c.Arrows, Arrow{From: r.IntN(150), To: r.IntN(150), Label: 80})
	}
	for b.Loop() {
		Lay(c)
	}
}
