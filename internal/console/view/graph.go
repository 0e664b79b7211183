package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/console/flowchart"
	"heddle/internal/diagnose"
	machines "heddle/internal/sfn/history"
	"heddle/internal/sfn/outline"
)

const (
	// statesMax is how many states a graph shows: those inside of others last. So it has some
	// 150 KB at most, however large the machine is.
	statesMax = 100
	// leadsMax is how many arrows begin at a state, and arrowsMax how many there are.
	leadsMax  = 16
	arrowsMax = 200
	// whyMax is how much of a condition is shown, in bytes.
	whyMax = 120
	// nestedMax is how deep states stand in others.
	nestedMax = 6
)

// Graph is a state machine as a drawing: boxes of states, arrows between them, and the same as
// a table.
type Graph struct {
	Width, Height int
	Nodes         []GraphNode // what others are in stands before them
	Arrows        []GraphArrow
	Rows          []GraphRow
	Live          bool   // of an execution: states have outcomes
	Note          string // what is not drawn
	Whole         string // where the whole is, if this is a part
}

// GraphNode is the box of a state.
type GraphNode struct {
	X, Y, Width, Height int
	Name, Text          string // Text: what there is room for
	Says                string
	Title               string
	Tone, Glyph         string // Tone "": it was not entered
	Href                string
	Here                bool // it is shown beside the graph
	First               bool // here it begins
	Holds               bool // states are drawn in it
	TextX, TextY, SaysY int
}

// GraphArrow leads from a state to one.
type GraphArrow struct {
	Path           string
	Kind           outline.Kind
	Taken          bool
	Label, Title   string
	LabelX, LabelY int
}

// GraphRow is a state in the table that says the same.
type GraphRow struct {
	Name, Type, Says, Tone string
	Href                   string
	In                     string
	Leads                  []Link
	More                   int
}

// outcomes are how outcomes look.
var outcomes = map[machines.Outcome]struct{ tone, glyph string }{
	machines.Running: {"indigo", "▸"}, machines.Retrying: {"saffron", "↻"}, machines.Succeeded: {"verdigris", "✓"}, machines.Failed: {"madder", "✕"},
	machines.TimedOut: {"saffron", "◷"}, machines.Caught: {"saffron", "⤷"}, machines.Aborted: {"iron", "⊘"},
}

// drawing is a graph that is made.
type drawing struct {
	*Graph
	states map[string]*machines.State // nil: of no execution
	query  Query
	href   func(Query) string
	shown  map[*outline.State]bool
	opened map[*outline.State]bool
	arrows int
	left   int // arrows that are not drawn
}

// NewGraph draws a machine, with what became of its states in an execution, if that is not nil.
func NewGraph(machine *outline.Flow, states map[string]*machines.State, q Query, href func(Query) string) *Graph {
	g := &drawing{Graph: &Graph{Live: states != nil}, states: states, query: q, href: href}
	root := machine
	g.choose(machine, machine.Start)
	if in, asked := machine.Find(q.State); asked != nil && !g.shown[asked] {
		root = in
		g.choose(in, asked.Name)
		whole := q
		whole.State = ""
		g.Whole = href(whole) + "#graph"
	}
	if len(g.shown) == 0 {
		return nil
	}
	chart, drawn := g.chart(root, false)
	layout := flowchart.Lay(chart)
	const margin = 8
	g.Width, g.Height = layout.Width+2*margin, layout.Height+2*margin
	g.write(drawn, layout, margin, margin, "")
	var notes []string
	if n := machine.Count() - len(g.shown); n > 0 {
		notes = append(notes, plural(n, "more state is", "more states are")+" not drawn: what leads to one, and what it is in, links to it")
	}
	if g.left > 0 {
		notes = append(notes, plural(g.left, "more arrow is", "more arrows are")+" not drawn: the page of a state lists all that it leads to")
	}
	g.Note = strings.Join(notes, "; ")
	return g.Graph
}

// choose chooses the states that are drawn: as one comes to them from one, those inside of
// others after those beside.
func (g *drawing) choose(root *outline.Flow, from string) {
	g.shown, g.opened = map[*outline.State]bool{}, map[*outline.State]bool{}
	left := statesMax
	level := []*outline.Flow{root}
	for depth := 0; len(level) > 0 && depth < nestedMax; depth++ {
		var holders []*outline.State
		for _, f := range level {
			if f != root {
				from = f.Start
			}
			for _, s := range reached(f, from, left) {
				g.shown[s] = true
				left--
				if len(s.Inside) > 0 {
					holders = append(holders, s)
				}
			}
		}
		level = nil
		room := left
		for _, s := range holders {
			n := 0
			for _, f := range s.Inside {
				n += len(f.States)
			}
			if n > 0 && n <= room {
				room -= n
				g.opened[s] = true
				level = append(level, s.Inside...)
			}
		}
	}
}

// reached are the states of a flow, so many at most, as one comes to them from one of them;
// then the others.
func reached(f *outline.Flow, from string, most int) (all []*outline.State) {
	byName := make(map[string]*outline.State, len(f.States))
	for _, s := range f.States {
		byName[s.Name] = s
	}
	seen := map[*outline.State]bool{nil: true}
	add := func(s *outline.State) {
		if !seen[s] && len(all) < most {
			seen[s] = true
			all = append(all, s)
		}
	}
	add(byName[from])
	for i := 0; i < len(all); i++ {
		for _, l := range all[i].Leads {
			add(byName[l.To])
		}
	}
	for _, s := range f.States {
		add(s)
	}
	return all
}

// drawnFlow is what the boxes and arrows of a chart are.
type drawnFlow struct {
	states []*outline.State
	nodes  []GraphNode
	inside [][]*drawnFlow
	arrows []GraphArrow
}

// Sizes of boxes, in pixels: text of 13 and 12 pixels is some 7 and 6.3 wide a letter.
const (
	boxHigh          = 46
	boxLeast         = 120
	boxMost          = 290
	labelLettersMost = 34
)

// How wide a letter is.
const (
	nameWide  float64 = 7.4
	saysWide  float64 = 6.4
	labelWide float64 = 6.2
)

// chart is a flow as boxes and arrows; apart: its states are entered by executions of their own.
func (g *drawing) chart(f *outline.Flow, apart bool) (*flowchart.Chart, *drawnFlow) {
	c, d := &flowchart.Chart{}, &drawnFlow{}
	index := map[string]int{}
	for _, s := range f.States {
		if g.shown[s] {
			index[s.Name] = len(d.states)
			d.states = append(d.states, s)
		}
	}
	if at, ok := index[f.Start]; ok && at > 0 { // where it begins is first
		first := d.states[at]
		d.states = slices.Insert(slices.Delete(d.states, at, at+1), 0, first)
		for i, s := range d.states {
			index[s.Name] = i
		}
	}
	for i, s := range d.states {
		n := g.node(s, apart)
		width := max(wide(n.Name, nameWide)+40, wide(n.Says, saysWide)+24)
		b := flowchart.Box{Width: min(max(width, boxLeast), boxMost), Height: boxHigh}
		d.inside = append(d.inside, nil)
		if g.opened[s] {
			for _, inner := range s.Inside {
				chart, drawn := g.chart(inner, apart || s.Distributed)
				b.Inside = append(b.Inside, chart)
				d.inside[i] = append(d.inside[i], drawn)
			}
			n.Holds = true
		}
		d.nodes = append(d.nodes, n)
		c.Boxes = append(c.Boxes, b)
		for _, l := range g.leads(s, index) {
			a := flowchart.Arrow{From: i, To: index[l.To]}
			arrow := GraphArrow{Kind: l.Kind, Title: l.Why}
			switch l.Kind {
			case outline.Choice, outline.Catch:
				arrow.Label = beginning(l.Why, labelLettersMost)
			case outline.Default:
				arrow.Label = "otherwise"
			}
			if arrow.Title == arrow.Label {
				arrow.Title = ""
			}
			if arrow.Label != "" {
				a.Label = wide(arrow.Label, labelWide) + 10
			}
			if to := g.states[l.To]; to != nil {
				arrow.Taken = to.From[machines.Way{State: s.Name, Caught: l.Kind == outline.Catch}] > 0
			}
			if l.Kind == outline.Catch { // those that are caught alike join
				a.Bundle, a.Aside = 2, true
			}
			if arrow.Taken {
				a.Bundle++
			}
			c.Arrows = append(c.Arrows, a)
			d.arrows = append(d.arrows, arrow)
		}
	}
	return c, d
}

// leads are the arrows of a state: those to the same one that a history does not tell apart are
// one, so that what is drawn as taken was.
func (g *drawing) leads(s *outline.State, index map[string]int) (all []outline.Lead) {
	at := map[outline.Lead]int{}
	for _, l := range s.Leads {
		if _, drawn := index[l.To]; !drawn {
			g.left++
			continue
		}
		key := outline.Lead{To: l.To, Kind: l.Kind}
		if l.Kind == outline.Default {
			key.Kind = outline.Choice
		}
		if i, is := at[key]; is {
			why := l.Why
			if l.Kind == outline.Default {
				why = "otherwise"
			}
			if len(all[i].Why) < whyMax {
				all[i].Why += " or " + why
			}
			continue
		}
		if len(all) == leadsMax || g.arrows == arrowsMax {
			g.left++
			continue
		}
		g.arrows++
		at[key] = len(all)
		all = append(all, outline.Lead{To: l.To, Kind: l.Kind, Why: diagnose.Short(l.Why, whyMax)})
	}
	return all
}

// wide is about how wide a text is.
func wide(s string, letter float64) int {
	n := 0.0
	for _, r := range s {
		n++
		if r > 0x2e80 { // scripts whose letters are as wide as high
			n += .8
		}
	}
	return int(n * letter)
}

// letters is how many letters there is room for.
func letters(room int, letter float64) int { return int(float64(room) / letter) }

func (g *drawing) node(s *outline.State, apart bool) GraphNode {
	n := GraphNode{Name: s.Name, Href: g.hrefOf(s.Name), Here: g.query.State == s.Name}
	n.Says, n.Tone, n.Glyph = g.says(s, apart)
	n.Title = s.Name + ": " + n.Says
	if len(s.Inside) > 0 && !g.opened[s] {
		inner := 0
		for _, f := range s.Inside {
			inner += f.Count()
		}
		n.Says += " · " + plural(inner, "state inside", "states inside")
	}
	n.Text = beginning(s.Name, letters(boxMost-40, nameWide))
	n.Says = beginning(n.Says, letters(boxMost-24, saysWide))
	return n
}

func (g *drawing) hrefOf(state string) string { return g.href(stateQuery(g.query, state)) + "#state" }

// stateQuery shows a state.
func stateQuery(q Query, state string) Query {
	q.State, q.Event, q.Page = state, 0, 0
	return q
}

// says tells what a state is, and what became of it.
func (g *drawing) says(s *outline.State, apart bool) (says, tone, glyph string) {
	says = s.Type
	if s.Distributed {
		says = "Distributed " + says
	}
	if g.states == nil {
		return says, "plain", ""
	}
	of := g.states[s.Name]
	switch {
	case of == nil && apart:
		return says + " · by executions of its own", "", ""
	case of == nil:
		return says + " · not entered", "", ""
	}
	said, tone, glyph := outcomeOf(of)
	return says + " · " + said, tone, glyph
}

// outcomeOf tells what became of a state in a few words.
func outcomeOf(of *machines.State) (said, tone, glyph string) {
	look := outcomes[of.Outcome]
	said = string(of.Outcome)
	last := of.Entries[len(of.Entries)-1]
	if n := last.Items; n.Total > 0 && len(of.Entries) == 1 {
		said += fmt.Sprintf(", %d of %d done", n.Succeeded, n.Total)
		for _, also := range []struct {
			n    int64
			what string
		}{{n.Running(), "running"}, {n.Failed, "failed"}, {n.Aborted, "aborted"}} {
			if also.n > 0 && (also.what != "running" || of.Outcome.Open()) {
				said += fmt.Sprintf(", %d %s", also.n, also.what)
			}
		}
	}
	if len(of.Entries) > 1 {
		said = fmt.Sprintf("%d of %d %s", of.Counts[of.Outcome], len(of.Entries), said)
	}
	if of.Retries > 0 {
		said += ", retried " + times(of.Retries)
	}
	return said, look.tone, look.glyph
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return strconv.Itoa(n) + " times"
}

// write places boxes and arrows of a layout, from its corner.
func (g *drawing) write(d *drawnFlow, l *flowchart.Layout, x, y int, in string) {
	for i := range d.nodes {
		n, p := &d.nodes[i], &l.Places[i]
		n.X, n.Y, n.Width, n.Height = x+p.X, y+p.Y, p.Width, p.Height
		n.First = i == 0 && in == ""
		n.TextX, n.TextY, n.SaysY = n.X+14, n.Y+20, n.Y+37
		g.Nodes = append(g.Nodes, *n)
		g.Rows = append(g.Rows, g.row(d.states[i], n, in))
		for k, inner := range p.Inside {
			g.write(d.inside[i][k], inner, n.X+inner.X, n.Y+inner.Y, n.Name)
		}
	}
	for i := range d.arrows {
		a, r := &d.arrows[i], &l.Routes[i]
		if len(r.Points) == 0 {
			g.left++
			continue
		}
		a.Path = path(r, x, y)
		a.LabelX, a.LabelY = x+r.LabelX, y+r.LabelY+4
		g.Arrows = append(g.Arrows, *a)
	}
}

// rowLeadsMax is how many states a row of the table links to.
const rowLeadsMax = 3

func (g *drawing) row(s *outline.State, n *GraphNode, in string) GraphRow {
	r := GraphRow{Name: s.Name, Type: s.Type, Href: n.Href, In: in, Tone: n.Tone}
	if g.states != nil {
		_, r.Says, _ = strings.Cut(strings.TrimPrefix(n.Title, n.Name+": "), " · ")
	}
	r.Leads = g.linksOf(s)
	if more := len(r.Leads) - rowLeadsMax; more > 0 {
		r.Leads, r.More = r.Leads[:rowLeadsMax], more
	}
	return r
}

// linksOf are the states that one leads to, each once.
func (g *drawing) linksOf(s *outline.State) (all []Link) {
	seen := map[string]bool{}
	for _, l := range s.Leads {
		if !seen[l.To] {
			seen[l.To] = true
			all = append(all, Link{Text: l.To, Href: g.hrefOf(l.To)})
		}
	}
	return all
}

// path draws a route: straight pieces, bows between them, and a head.
func path(r *flowchart.Route, x, y int) string {
	var b strings.Builder
	var at flowchart.Point
	for i, p := range r.Points {
		p.X, p.Y = x+p.X, y+p.Y
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%d %d", p.X, p.Y)
		case p == at:
		case p.X == at.X:
			fmt.Fprintf(&b, "V%d", p.Y)
		case p.Y == at.Y:
			fmt.Fprintf(&b, "H%d", p.X)
		default:
			middle := (at.Y + p.Y) / 2
			fmt.Fprintf(&b, "C%d %d %d %d %d %d", at.X, middle, p.X, middle, p.X, p.Y)
		}
		at = p
	}
	switch n := len(r.Points); {
	case r.Joins:
	case r.Points[n-1].Y == r.Points[n-2].Y && r.Points[n-1].X != r.Points[n-2].X: // from its own side
		b.WriteString("m6-4l-6 4 6 4")
	case r.Up:
		b.WriteString("m-4 6l4-6 4 6")
	default:
		b.WriteString("m-4-6l4 6 4-6")
	}
	return b.String()
}
