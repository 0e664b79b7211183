package view

import (
	"fmt"
	"strconv"
	"strings"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
)

const (
	lanesMax = 100
	marksMax = 1200
	inside   = 9.0 // percent: a text stands inside of what is wider
)

// Timeline is lanes over an axis.
type Timeline struct {
	Ticks    []Tick
	Folds    []Fold
	Lanes    []Lane
	Straight *Link // or back; nil: there is nothing to fold
	Pages    []Link
	Zooms    []Link // into a part of it, and out again
	Span     string // from when to when it is
	Of       string // which lanes of how many
}

// Tick is a mark of the axis.
type Tick struct {
	X, Text string
	End     bool // the text stands to its left
}

// Fold is an idle time.
type Fold struct{ X, Width, Middle, Text string }

// Lane is a row.
type Lane struct {
	Kind  timeline.Kind
	Name  string
	Times string // ×3
	Where string
	State string
	Tone  string // by which colour the state is told
	Href  string // of its first event
	Marks []Mark
}

// Mark is what is drawn in a row.
type Mark struct {
	Kind   string // bar, dot, many, signal or marker
	Href   string
	Title  string
	X0, X1 string
	Wait   string // where a wait begins that ends at X0; "": there was none
	Open   bool
	Tone   string
	Glyph  string // at the end: ✕, ◷
	GlyphX string
	Text   string
	TextX  string
	Anchor string // of the text: middle, start or end; the latter are some pixels away
	Inside bool   // the text is on the bar
	Many   bool   // it stands for several
}

// percent is a place in a drawing.
func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "%" }

// isShared tells of a lane that is for all things of a kind, and as long as the history.
func isShared(l *timeline.Lane) bool {
	return l.Kind == timeline.Decisions || l.Kind == timeline.SignalLane || l.Kind == timeline.MarkerLane
}

// newTimeline is that of a history; noWorker are lists that nobody polls.
func newTimeline(all []timeline.Lane, q Query, href func(Query) string, noWorker map[string]bool, end engine.Time) *Timeline {
	t := &Timeline{}
	if len(all) == 0 {
		return t
	}
	var begin engine.Time
	for i := range all {
		if from, to := all[i].Span(); i == 0 || from < begin {
			begin, end = from, max(end, to)
		} else {
			end = max(end, to)
		}
	}
	from, to := begin, end
	if q.From != 0 || q.To != 0 {
		if q.From > begin && q.From < end {
			from = q.From
		}
		if q.To != 0 && q.To > from {
			to = min(q.To, end)
		}
	}
	var shown []*timeline.Lane
	own := 0
	for i := range all {
		if since, until := all[i].Span(); since <= to && until >= from {
			shown = append(shown, &all[i])
			if !isShared(&all[i]) {
				own++
			}
		}
	}
	page, pages := 1, max(1, (own+lanesMax-1)/lanesMax)
	if pages > 1 {
		page = q.Lanes
		if page < 1 || page > pages {
			page = pages // what is stuck is there
		}
		first, last := (page-1)*lanesMax, page*lanesMax
		var some []*timeline.Lane
		n := 0
		pageFrom, pageTo := engine.Time(0), engine.Time(0)
		for _, l := range shown {
			if isShared(l) {
				some = append(some, l)
				continue
			}
			if n >= first && n < last {
				some = append(some, l)
				since, until := l.Span()
				if pageFrom == 0 || since < pageFrom {
					pageFrom = since
				}
				pageTo = max(pageTo, until)
			}
			n++
		}
		shown, from, to = some, max(from, pageFrom), min(to, pageTo)
		t.Of = fmt.Sprintf("lanes %d to %d of %d", first+1, min(last, own), own)
		t.Pages = pageLinks(page, pages, func(n int) string {
			next := q
			next.Lanes = n
			return href(next)
		})
	}
	axis := timeline.Between(shown, from, to, q.Straight)
	t.scale(axis, q, href)
	t.zooms(from, to, begin, end, q, href)
	for i, marks := range axis.Draw(shown, marksMax) {
		t.Lanes = append(t.Lanes, newLane(shown[i], marks, q, href, noWorker))
	}
	t.Span = diagnose.Moment(from) + " to " + diagnose.Moment(to)
	return t
}

func (t *Timeline) scale(axis timeline.Axis, q Query, href func(Query) string) {
	for _, p := range axis.Pieces {
		if p.Folded {
			t.Folds = append(t.Folds, Fold{X: percent(p.X0), Width: percent(p.X1 - p.X0), Middle: percent((p.X0 + p.X1) / 2), Text: diagnose.Span(p.To - p.From)})
		}
	}
	for _, k := range axis.Ticks() {
		after := strings.Replace(diagnose.Span(k.After), ".0 s", " s", 1)
		switch {
		case k.Fold:
			continue
		case k.After == 0:
			after = "0"
		case k.Anew:
			after = "+" + after
		}
		t.Ticks = append(t.Ticks, Tick{X: percent(k.X), Text: after})
	}
	if len(t.Folds) > 0 || q.Straight {
		other := q
		other.Straight = !q.Straight
		t.Straight = &Link{Text: "True scale", Href: href(other), Here: q.Straight}
	}
}

// zooms are links into quarters of what is shown, and out again.
func (t *Timeline) zooms(from, to, begin, end engine.Time, q Query, href func(Query) string) {
	at := func(text string, from, to engine.Time) {
		next := q
		next.From, next.To, next.Lanes = from, to, 0
		if from <= begin && to >= end {
			next.From, next.To = 0, 0
		}
		t.Zooms = append(t.Zooms, Link{Text: text, Href: href(next)})
	}
	length := to - from
	if length > 4 {
		at("Zoom in", from+length/4, to-length/4)
	}
	if from > begin || to < end {
		if length > 1 && from > begin {
			at("Earlier", max(begin, from-length/2), max(begin, from-length/2)+length)
		}
		if length > 1 && to < end {
			at("Later", min(end, to+length/2)-length, min(end, to+length/2))
		}
		at("Zoom out", max(begin, from-length/2), min(end, to+length/2))
		at("All", begin, end)
	}
}

// tones are the colours that tell how something ended.
var tones = map[timeline.Outcome]string{
	timeline.Waits: "saffron", timeline.Running: "indigo", timeline.Completed: "verdigris", timeline.Failed: "madder",
	timeline.TimedOut: "saffron", timeline.Canceled: "iron", timeline.Left: "iron", timeline.Fired: "weld",
}

func newLane(l *timeline.Lane, marks []timeline.Mark, q Query, href func(Query) string, noWorker map[string]bool) Lane {
	lane := Lane{Kind: l.Kind, Name: l.Name, Where: l.Where, State: string(l.Outcome), Tone: tones[l.Outcome], Href: href(q.at(l.Event)) + eventMark(l.Event)}
	if isShared(l) {
		lane.Where, lane.State, lane.Tone = plural(len(l.Bars), "time", "times"), "", "iron"
		if l.Kind == timeline.Decisions && (l.Outcome.Open() || l.Outcome == timeline.Left) {
			lane.State, lane.Tone = string(l.Outcome), tones[l.Outcome]
		}
		if l.Kind == timeline.Decisions {
			lane.Where = l.Where
		}
	}
	if l.Attempts > 1 {
		lane.Times = fmt.Sprintf("×%d", l.Attempts)
	}
	if l.Outcome == timeline.Waits && noWorker[l.Where] {
		lane.State, lane.Tone = "no worker", "madder"
	}
	for i := range marks {
		lane.Marks = append(lane.Marks, newMark(l, &marks[i], q, href, i == len(marks)-1))
	}
	return lane
}

func eventMark(id int64) string { return "#event-" + strconv.FormatInt(id, 10) }

func newMark(l *timeline.Lane, m *timeline.Mark, q Query, href func(Query) string, last bool) Mark {
	out := Mark{Kind: "bar", X0: percent(m.XTaken), X1: percent(m.X1), Tone: tones[m.Outcome], Open: m.Outcome.Open(), Many: m.Count > 1, Href: href(q.at(m.Event)) + eventMark(m.Event)}
	switch {
	case l.Kind == timeline.Timer && m.Outcome == timeline.Running:
		out.Tone = "weld"
	case l.Kind == timeline.Child && (m.Outcome == timeline.Running || m.Outcome == timeline.Completed):
		out.Tone = "murex"
	}
	out.Title = title(l, m)
	if isShared(l) {
		out.Kind, out.Tone = map[timeline.Kind]string{timeline.Decisions: "dot", timeline.SignalLane: "signal", timeline.MarkerLane: "marker"}[l.Kind], "iron"
		out.X0 = percent(m.X0)
		switch {
		case l.Kind == timeline.SignalLane:
			out.Tone = "cochineal"
		case l.Kind == timeline.Decisions && m.Outcome != timeline.Completed:
			out.Tone = tones[m.Outcome]
		}
		return out
	}
	if m.XTaken > m.X0 || m.Taken == 0 {
		out.Wait = percent(m.X0)
	}
	if m.Taken == 0 {
		out.Kind = "wait" // nobody has it
		out.X0 = percent(m.X0)
	}
	switch m.Outcome {
	case timeline.Failed:
		out.Glyph = "✕"
	case timeline.TimedOut:
		out.Glyph = "◷"
	}
	out.GlyphX = percent(min(m.X1, 99.2))
	out.words(m, last)
	return out
}

// words are how long it took, or how many they are: inside of a bar that is wide enough, else
// beside the last one.
func (out *Mark) words(m *timeline.Mark, last bool) {
	said := diagnose.Span(m.To - max(m.Taken, m.From))
	if m.Count > 1 {
		said = fmt.Sprintf("%d×", m.Count)
	}
	switch wide := m.X1 - m.XTaken; {
	case out.Kind == "bar" && wide > inside:
		out.Text, out.TextX, out.Anchor, out.Inside = said, percent((m.XTaken+m.X1)/2), "middle", true
	case !last:
	case m.X1 < 100-inside:
		out.Text, out.TextX, out.Anchor = said, percent(m.X1), "start"
	case m.X0 > inside:
		out.Text, out.TextX, out.Anchor = said, percent(m.X0), "end"
	}
}

// title is what is told of a mark when it is pointed at.
func title(l *timeline.Lane, m *timeline.Mark) string {
	if m.Count > 1 {
		return fmt.Sprintf("%d of %s, from event %d on, within %s", m.Count, l.Name, m.Event, diagnose.Span(m.To-m.From))
	}
	if m.Point {
		return fmt.Sprintf("%s: event %d, %s", m.Who, m.Event, diagnose.Moment(m.From))
	}
	words := []string{fmt.Sprintf("%s, event %d: %s", l.Name, m.Event, m.Outcome)}
	if m.Taken == 0 {
		words = append(words, "waited "+diagnose.Span(m.To-m.From))
	} else {
		if m.Taken > m.From {
			words = append(words, "waited "+diagnose.Span(m.Taken-m.From))
		}
		words = append(words, "took "+diagnose.Span(m.To-m.Taken))
		if m.Who != "" {
			words = append(words, "by "+diagnose.Short(m.Who, 100))
		}
	}
	if m.Why != "" {
		words = append(words, diagnose.Short(m.Why, 200))
	}
	return strings.Join(words, "; ")
}

// pageLinks are links to the first, the last and the nearest pages.
func pageLinks(page, pages int, href func(int) string) (links []Link) {
	if pages < 2 {
		return nil
	}
	for n := 1; n <= pages; n++ {
		switch near := n >= page-2 && n <= page+2; {
		case n == 1, n == pages, near:
			links = append(links, Link{Text: strconv.Itoa(n), Href: href(n), Here: n == page})
		case n == page-3, n == page+3:
			links = append(links, Link{Text: "…"})
		}
	}
	return links
}
