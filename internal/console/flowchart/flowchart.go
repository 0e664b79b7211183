// Package flowchart lays out boxes that lead to each other: from top to bottom in layers, with
// few crossings, boxes in boxes laid out first. It is pure geometry, in whole pixels, and the
// same chart always has the same layout.
//
// The way is Sugiyama's: arrows that close a cycle are turned for the time being, each box goes
// to the layer below the last one that leads to it, arrows over several layers get a bend in
// each, layers are ordered by the middle of their neighbours, and places are found layer by
// layer by the least sum of squares (pool adjacent violators).
//
// Arrows of a bundle that lead to the same box join on their way.
//
// What it takes of time and memory is bounded by the boxes, the arrows and bendsMax: arrows
// beyond that, the longest, are left out and say so.
package flowchart

import (
	"cmp"
	"slices"
)

// Distances, in pixels.
const (
	between   = 28 // boxes of a layer
	beside    = 16 // two bends, or a bend and a box
	below     = 40 // layers
	pad       = 14 // around what is inside of a box
	apart     = 18 // charts inside of a box
	labelHigh = 18
	loopWide  = 26
)

const (
	// bendsMax is how many bends all arrows of a chart have.
	bendsMax = 1500
	sweeps   = 12
)

// Chart is what is laid out. Where its first box is, it begins.
type Chart struct {
	Boxes  []Box
	Arrows []Arrow
}

// Box is a box, or, if it has something inside, the head of one.
type Box struct {
	Width, Height int
	Inside        []*Chart // beside each other
}

// Arrow leads from a box to one, by their indexes.
type Arrow struct {
	From, To int
	Label    int // how wide what is written on it is; 0: nothing is
	Bundle   int // it may join others of the same number
	// Aside: it need not be straight, as that of an error; nor are those that lead back.
	Aside bool
}

// Layout is where everything is, from the chart's upper left corner.
type Layout struct {
	X, Y          int // of that corner in the box around it; zero of the outermost
	Width, Height int
	Places        []Place // of boxes
	Routes        []Route // of arrows
}

// Place is that of a box.
type Place struct {
	X, Y, Width, Height int
	Inside              []*Layout
}

// Route is how an arrow goes.
type Route struct {
	// Points are pairs: each is a straight piece, and a bow leads from one to the next. An
	// arrow that was left out has none.
	Points         []Point
	LabelX, LabelY int  // the middle of its label
	Up             bool // it ends at the lower side of its box
	Joins          bool // it ends where another arrow goes on to the box
}

// Point is a point.
type Point struct{ X, Y int }

// vertex is a box, or a bend of an arrow.
type vertex struct {
	layer, at   int // its place in the layer
	width       int
	x           float64 // its middle
	middle      float64 // of its neighbours' places, while layers are ordered
	up, down    []int   // vertices
	isBend      bool
	labelled    bool
	weightsDown []float64
	weightsUp   []float64
}

// trunk is where arrows of a bundle to a box join.
type trunk struct {
	to, bundle, layer int
	turned            bool
}

type layering struct {
	chart    *Chart
	sizes    []Point // of boxes
	vertices []vertex
	layers   [][]int
	turned   []bool
	bends    [][]int // vertices of each arrow, from where it begins
	joins    []int   // the bend of another arrow at which one ends; 0: none
	drawn    []bool
	trunks   map[trunk]int // the bends that others may join
	bent     int           // how many bends there are
	loops    map[int]int   // labels of boxes that lead to themselves
}

// Lay lays a chart out.
func Lay(c *Chart) *Layout {
	out := &Layout{Places: make([]Place, len(c.Boxes)), Routes: make([]Route, len(c.Arrows))}
	l := &layering{chart: c, sizes: make([]Point, len(c.Boxes)), turned: make([]bool, len(c.Arrows)), bends: make([][]int, len(c.Arrows)), joins: make([]int, len(c.Arrows)), trunks: map[trunk]int{}, drawn: make([]bool, len(c.Arrows)), loops: map[int]int{}}
	for _, a := range c.Arrows {
		if a.From == a.To {
			l.loops[a.From] = max(l.loops[a.From], a.Label)
		}
	}
	for i := range c.Boxes {
		b, p := &c.Boxes[i], &out.Places[i]
		p.Width, p.Height = b.Width, b.Height
		if len(b.Inside) > 0 {
			x, high := pad, 0
			for _, inner := range b.Inside {
				in := Lay(inner)
				in.X, in.Y = x, b.Height+pad/2
				x += in.Width + apart
				high = max(high, in.Height)
				p.Inside = append(p.Inside, in)
			}
			x += pad - apart
			if spare := b.Width - x; spare > 0 { // the head is wider
				for _, in := range p.Inside {
					in.X += spare / 2
				}
				x = b.Width
			}
			p.Width, p.Height = x, b.Height+pad/2+high+pad
		}
		l.sizes[i] = Point{p.Width, p.Height}
	}
	l.turn()
	l.layer()
	l.order()
	l.place()
	l.write(out)
	return out
}

// turn finds the arrows that lead back to where one came from.
func (l *layering) turn() {
	n := len(l.chart.Boxes)
	from := make([][]int, n) // arrows
	for i, a := range l.chart.Arrows {
		if a.From != a.To {
			from[a.From] = append(from[a.From], i)
		}
	}
	const unseen, open, closed = 0, 1, 2
	state := make([]uint8, n)
	next := make([]int, n)
	for root := range n {
		if state[root] != unseen {
			continue
		}
		stack := []int{root}
		state[root] = open
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			if next[at] == len(from[at]) {
				state[at] = closed
				stack = stack[:len(stack)-1]
				continue
			}
			i := from[at][next[at]]
			next[at]++
			switch to := l.chart.Arrows[i].To; state[to] {
			case unseen:
				state[to] = open
				stack = append(stack, to)
			case open:
				l.turned[i] = true
			}
		}
	}
}

// ends are the upper and the lower box of an arrow.
func (l *layering) ends(i int) (upper, lower int) {
	a := l.chart.Arrows[i]
	if l.turned[i] {
		return a.To, a.From
	}
	return a.From, a.To
}

// least is over how many layers an arrow goes at least: a label needs one of its own.
func (l *layering) least(i int) int {
	if l.chart.Arrows[i].Label > 0 {
		return 2
	}
	return 1
}

// layer puts each box as high as those allow that lead to it, and bends into the layers that
// an arrow crosses.
func (l *layering) layer() {
	n := len(l.chart.Boxes)
	l.vertices = make([]vertex, n)
	waits, downs := make([]int, n), make([][]int, n)
	for i, a := range l.chart.Arrows {
		if a.From != a.To {
			upper, lower := l.ends(i)
			waits[lower]++
			downs[upper] = append(downs[upper], i)
		}
	}
	var ready []int
	for v := range n {
		l.vertices[v].width = l.sizes[v].X
		if waits[v] == 0 {
			ready = append(ready, v)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		for _, i := range downs[v] {
			_, lower := l.ends(i)
			l.vertices[lower].layer = max(l.vertices[lower].layer, l.vertices[v].layer+l.least(i))
			if waits[lower]--; waits[lower] == 0 {
				ready = append(ready, lower)
			}
		}
	}
	spans := make([]int, 0, len(l.chart.Arrows))
	for i, a := range l.chart.Arrows {
		if a.From != a.To {
			spans = append(spans, i)
		}
	}
	span := func(i int) int {
		upper, lower := l.ends(i)
		return l.vertices[lower].layer - l.vertices[upper].layer
	}
	longest := map[trunk]int{} // of each bundle
	of := func(i int) trunk {
		return trunk{to: l.chart.Arrows[i].To, bundle: l.chart.Arrows[i].Bundle, turned: l.turned[i]}
	}
	for _, i := range spans {
		longest[of(i)] = max(longest[of(i)], span(i))
	}
	// The longest of a bundle is what its others join.
	slices.SortStableFunc(spans, func(a, b int) int {
		return cmp.Or(cmp.Compare(longest[of(a)], longest[of(b)]), cmp.Compare(span(b), span(a)))
	})
	for _, i := range spans {
		l.bend(i)
	}
	for v := range l.vertices {
		for len(l.layers) <= l.vertices[v].layer {
			l.layers = append(l.layers, nil)
		}
	}
}

// bend makes the bends of an arrow, from where it begins to where it joins another one or ends;
// none, if there would be too many.
func (l *layering) bend(i int) {
	a := l.chart.Arrows[i]
	step := 1
	if l.turned[i] {
		step = -1
	}
	at := trunk{to: a.To, bundle: a.Bundle, turned: l.turned[i]}
	first, end := l.vertices[a.From].layer+step, l.vertices[a.To].layer
	// Where it joins, if anywhere: not where its label is.
	last, joins := end, 0
	for layer := first; layer != end; layer += step {
		at.layer = layer
		if v, is := l.trunks[at]; is && !(a.Label > 0 && layer == first) {
			last, joins = layer, v
			break
		}
	}
	if l.bent += max(last-first, first-last); l.bent > bendsMax {
		l.bent = bendsMax + 1
		return
	}
	l.drawn[i], l.joins[i] = true, joins
	before := a.From
	for layer := first; layer != last; layer += step {
		b := vertex{layer: layer, isBend: true, width: 2}
		at.layer = layer
		if a.Label > 0 && layer == first {
			b.width, b.labelled = a.Label, true
		} else {
			l.trunks[at] = len(l.vertices)
		}
		l.vertices = append(l.vertices, b)
		l.bends[i] = append(l.bends[i], len(l.vertices)-1)
		l.connect(before, len(l.vertices)-1, a.Aside || l.turned[i])
		before = len(l.vertices) - 1
	}
	if joins == 0 {
		joins = a.To
	}
	l.connect(before, joins, a.Aside || l.turned[i])
}

// connect makes two vertices neighbours. Two bends stay above each other before two boxes do,
// and what goes aside goes wherever there is room.
func (l *layering) connect(upper, lower int, aside bool) {
	if l.vertices[upper].layer > l.vertices[lower].layer {
		upper, lower = lower, upper
	}
	u, d := &l.vertices[upper], &l.vertices[lower]
	weight := 0.5
	switch {
	case u.isBend && d.isBend && !u.labelled && !d.labelled:
		weight = 6
	case aside:
		weight = 0.05
	case !u.isBend && !d.isBend:
		weight = 3
	}
	u.down, u.weightsDown = append(u.down, lower), append(u.weightsDown, weight)
	d.up, d.weightsUp = append(d.up, upper), append(d.weightsUp, weight)
}

// order orders layers so that arrows cross little.
func (l *layering) order() {
	seen := make([]bool, len(l.vertices))
	stack := []int{}
	for root := range l.vertices {
		if seen[root] {
			continue
		}
		stack = append(stack, root)
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[v] {
				continue
			}
			seen[v] = true
			layer := l.vertices[v].layer
			l.vertices[v].at = len(l.layers[layer])
			l.layers[layer] = append(l.layers[layer], v)
			for k := len(l.vertices[v].down) - 1; k >= 0; k-- {
				stack = append(stack, l.vertices[v].down[k])
			}
		}
	}
	best, fewest := l.copyOrder(), l.crossings()
	for s := 0; s < sweeps && fewest > 0; s++ {
		for k := range l.layers {
			layer := k
			if s%2 == 1 {
				layer = len(l.layers) - 1 - k
			}
			l.sort(layer, s%2 == 0)
		}
		if n := l.crossings(); n < fewest {
			best, fewest = l.copyOrder(), n
		}
	}
	l.layers = best
	for _, layer := range l.layers {
		l.number(layer)
	}
}

func (l *layering) copyOrder() [][]int {
	all := make([][]int, len(l.layers))
	for i, layer := range l.layers {
		all[i] = slices.Clone(layer)
	}
	return all
}

func (l *layering) number(layer []int) {
	for at, v := range layer {
		l.vertices[v].at = at
	}
}

// sort orders a layer by the middle of the neighbours above, or below.
func (l *layering) sort(layer int, byUpper bool) {
	for _, v := range l.layers[layer] {
		near := l.vertices[v].down
		if byUpper {
			near = l.vertices[v].up
		}
		of := &l.vertices[v]
		of.middle = float64(of.at)
		if len(near) > 0 {
			sum := 0
			for _, u := range near {
				sum += l.vertices[u].at
			}
			of.middle = float64(sum) / float64(len(near))
		}
	}
	slices.SortStableFunc(l.layers[layer], func(a, b int) int { return cmp.Compare(l.vertices[a].middle, l.vertices[b].middle) })
	l.number(l.layers[layer])
}

// crossings counts how often arrows cross.
func (l *layering) crossings() (n int) {
	for k := 0; k+1 < len(l.layers); k++ {
		tree := make([]int, len(l.layers[k+1])+1) // how many ends are left of a place
		ends := 0
		for _, v := range l.layers[k] {
			down := l.vertices[v].down
			for _, d := range down {
				before := 0
				for i := l.vertices[d].at + 1; i > 0; i -= i & -i {
					before += tree[i]
				}
				n += ends - before
			}
			for _, d := range down {
				for i := l.vertices[d].at + 1; i < len(tree); i += i & -i {
					tree[i]++
				}
			}
			ends += len(down)
		}
	}
	return n
}

// place finds where in their layers vertices are: near their neighbours, in order, apart.
func (l *layering) place() {
	for _, layer := range l.layers {
		x := 0.0
		for k, v := range layer {
			if k > 0 {
				x += l.apart(layer[k-1], v)
			}
			l.vertices[v].x = x
		}
	}
	for s := range sweeps {
		for k := range l.layers {
			layer := k
			if s%2 == 1 {
				layer = len(l.layers) - 1 - k
			}
			l.settle(layer, s%2 == 0 || s >= sweeps-2, s%2 == 1 || s >= sweeps-2)
		}
	}
}

// apart is how far the middles of two neighbours in a layer are apart at least.
func (l *layering) apart(a, b int) float64 {
	gap := between
	if l.vertices[a].isBend || l.vertices[b].isBend {
		gap = beside
	}
	return float64(l.wide(a)+l.wide(b))/2 + float64(gap)
}

// wide is how wide a vertex is; a box that leads to itself needs room on both sides.
func (l *layering) wide(v int) int {
	w := l.vertices[v].width
	if label, loops := l.loops[v]; loops {
		return w + 2*(loopWide+label)
	}
	return w
}

// settle places a layer by what is above and below it.
func (l *layering) settle(layer int, byUpper, byLower bool) {
	type block struct {
		sum, weight float64
		count       int
	}
	var blocks []block
	order := l.layers[layer]
	offsets := make([]float64, len(order))
	for k, v := range order {
		if k > 0 {
			offsets[k] = offsets[k-1] + l.apart(order[k-1], v)
		}
		at := &l.vertices[v]
		sum, weight := 0.0, 0.0
		if byUpper {
			for i, u := range at.up {
				sum += at.weightsUp[i] * l.vertices[u].x
				weight += at.weightsUp[i]
			}
		}
		if byLower {
			for i, d := range at.down {
				sum += at.weightsDown[i] * l.vertices[d].x
				weight += at.weightsDown[i]
			}
		}
		if weight == 0 {
			sum, weight = at.x*0.01, 0.01
		}
		blocks = append(blocks, block{sum - weight*offsets[k], weight, 1})
		for len(blocks) > 1 {
			a, b := &blocks[len(blocks)-2], blocks[len(blocks)-1]
			if a.sum/a.weight <= b.sum/b.weight {
				break
			}
			a.sum, a.weight, a.count = a.sum+b.sum, a.weight+b.weight, a.count+b.count
			blocks = blocks[:len(blocks)-1]
		}
	}
	k := 0
	for _, b := range blocks {
		for range b.count {
			l.vertices[order[k]].x = b.sum/b.weight + offsets[k]
			k++
		}
	}
}

// write turns places of vertices into those of boxes and arrows.
func (l *layering) write(out *Layout) {
	left, right := 0.0, 0.0
	for v := range l.vertices {
		half := float64(l.wide(v)) / 2
		if v == 0 {
			left, right = l.vertices[v].x-half, l.vertices[v].x+half
		}
		left, right = min(left, l.vertices[v].x-half), max(right, l.vertices[v].x+half)
	}
	out.Width = int(right - left + 0.5)
	middle := func(v int) int { return int(l.vertices[v].x - left + 0.5) }
	tops, bottoms := make([]int, len(l.layers)), make([]int, len(l.layers))
	y := 0
	for k, layer := range l.layers {
		high, boxes := 0, false
		for _, v := range layer {
			if v < len(l.sizes) {
				high, boxes = max(high, l.sizes[v].Y), true
			} else if l.vertices[v].labelled {
				high = max(high, labelHigh)
			}
		}
		if k > 0 {
			y += below
			if !boxes || !l.hasBoxes(k-1) {
				y -= below / 2 // around a layer of labels
			}
		}
		tops[k], bottoms[k] = y, y+high
		y += high
	}
	out.Height = y
	for v := range l.sizes {
		p := &out.Places[v]
		p.X, p.Y = middle(v)-p.Width/2, tops[l.vertices[v].layer]
	}
	starts, ends := l.ports(out, middle)
	for i, a := range l.chart.Arrows {
		r := &out.Routes[i]
		if a.From == a.To {
			p := &out.Places[a.From]
			x, y := p.X+p.Width, p.Y+p.Height/2
			r.Points = []Point{{x, y - 10}, {x + loopWide, y - 10}, {x + loopWide, y + 10}, {x, y + 10}}
			if a.Label > 0 {
				r.LabelX, r.LabelY = x+loopWide+a.Label/2+2, y
			}
			continue
		}
		if !l.drawn[i] {
			continue
		}
		// What is beside a box in its layer may be higher than it.
		from, layer := &out.Places[a.From], l.vertices[a.From].layer
		r.Up = l.turned[i]
		add := func(x, first, last int) {
			if r.Up {
				first, last = last, first
			}
			r.Points = append(r.Points, Point{x, first}, Point{x, last})
		}
		if r.Up {
			add(starts[i], from.Y, from.Y)
		} else {
			add(starts[i], from.Y+from.Height, bottoms[layer])
		}
		for _, b := range l.bends[i] {
			layer := l.vertices[b].layer
			add(middle(b), tops[layer], bottoms[layer])
			if l.vertices[b].labelled {
				r.LabelX, r.LabelY = middle(b), (tops[layer]+bottoms[layer])/2
			}
		}
		to, layer := &out.Places[a.To], l.vertices[a.To].layer
		switch {
		case l.joins[i] > 0:
			layer := l.vertices[l.joins[i]].layer
			at := tops[layer]
			if r.Up {
				at = bottoms[layer]
			}
			r.Joins = true
			add(middle(l.joins[i]), at, at)
		case r.Up:
			add(ends[i], to.Y+to.Height, bottoms[layer])
		default:
			add(ends[i], to.Y, to.Y)
		}
	}
}

func (l *layering) hasBoxes(layer int) bool {
	return slices.ContainsFunc(l.layers[layer], func(v int) bool { return v < len(l.sizes) })
}

// ports are where arrows begin and end at the sides of their boxes: in the order in which they
// go on, so that they don't cross at once.
func (l *layering) ports(out *Layout, middle func(int) int) (starts, ends []int) {
	starts, ends = make([]int, len(l.chart.Arrows)), make([]int, len(l.chart.Arrows))
	type port struct {
		x  int // of where it leads
		at *int
	}
	sides := make([][2][]port, len(l.sizes)) // lower, upper
	for i, a := range l.chart.Arrows {
		if !l.drawn[i] {
			continue
		}
		way := append(append([]int{a.From}, l.bends[i]...), a.To)
		begins, ending := 0, 1
		if l.turned[i] {
			begins, ending = 1, 0
		}
		next := way[1]
		if l.joins[i] > 0 && len(way) == 2 {
			next = l.joins[i]
		}
		sides[a.From][begins] = append(sides[a.From][begins], port{middle(next), &starts[i]})
		if l.joins[i] == 0 {
			sides[a.To][ending] = append(sides[a.To][ending], port{middle(way[len(way)-2]), &ends[i]})
		}
	}
	for box := range sides {
		for _, all := range sides[box] {
			slices.SortStableFunc(all, func(a, b port) int { return cmp.Compare(a.x, b.x) })
			step := 0.0
			if n := len(all); n > 1 {
				step = min(24, float64(out.Places[box].Width-32)/float64(n-1))
			}
			for k, p := range all {
				*p.at = middle(box) + int((float64(k)-float64(len(all)-1)/2)*step)
			}
		}
	}
	return starts, ends
}
