package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Shown is an execution, as it is shown.
type Shown struct {
	*wire.InspectExecutionOutput
	Lanes   []timeline.Lane
	History [][]string // rows of events; nil: not wanted
}

const (
	// lanesMax is how many lanes are drawn: the last ones, since what is stuck is there.
	lanesMax = 40
	nameMax  = 26
	whereMax = 18
)

// Show writes an execution: what it is, why it does not move, what was when, what is open.
func Show(w io.Writer, s *Shown, style Style) error {
	out := &errWriter{w: w}
	s.head(out)
	if len(s.CodeWaits) > 0 {
		out.line(wrapped(clean("code waits at "+strings.Join(s.CodeWaits, ", ")), style.Width, 2))
	}
	verdicts(out, s.Verdicts, style)
	s.lanes(out, style)
	s.open(out)
	if s.History != nil {
		out.line("")
		out.err = cmpErr(out.err, Lines(w, s.History))
	}
	return out.err
}

// Lines writes rows of events, with or without their head.
func Lines(w io.Writer, rows [][]string) error {
	for _, row := range rows {
		for i := range row {
			row[i] = clean(row[i])
		}
	}
	return table(w, "rlr", rows)
}

// Verdicts writes why an execution is as it is.
func Verdicts(w io.Writer, all []wire.Verdict, style Style) error {
	out := &errWriter{w: w}
	verdicts(out, all, style)
	return out.err
}

func verdicts(out *errWriter, all []wire.Verdict, style Style) {
	for _, v := range all {
		mark, text := "· ", v.Text
		if v.More != nil {
			text += fmt.Sprintf(" (And %d more like it.)", *v.More)
		}
		lines := strings.Split(strings.TrimSpace(text), "\n") // of a verdict on code, as its error has them
		for i := range lines {
			indent := len(lines[i]) - len(strings.TrimLeft(lines[i], " "))
			lines[i] = strings.Repeat(" ", indent) + wrapped(clean(lines[i]), style.Width-2-indent, 2+indent)
		}
		text = strings.Join(lines, "\n  ")
		if v.Severe {
			mark, text = style.paint(bad, "! "), style.paint(bad, text)
		} else if style.Plain {
			mark = "- "
		}
		out.line(mark + text)
		if v.Advice != nil {
			out.line("  " + style.paint(dim, wrapped(clean(*v.Advice), style.Width-2, 2)))
		}
	}
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// errWriter remembers the first error.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) line(text string) {
	if w.err == nil {
		_, w.err = fmt.Fprintln(w.w, text)
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s *Shown) head(out *errWriter) {
	name := text(s.Execution.WorkflowID) + text(s.Execution.ExecutionARN)
	took := "open for " + diagnose.Span(engine.Time(s.ServerTimestamp-s.StartTimestamp))
	if s.CloseTimestamp != nil {
		took = "took " + diagnose.Span(engine.Time(*s.CloseTimestamp-s.StartTimestamp))
	}
	parts := []string{name, s.Status, s.Type, fmt.Sprintf("%d events", s.Events), took}
	if s.CancelRequested != nil && *s.CancelRequested {
		parts = append(parts, "asked to cancel")
	}
	if run := text(s.Execution.RunID); run != "" {
		parts = append(parts, "run "+run)
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	out.line(clean(strings.Join(parts, "  ")))
}

// noWorker are the lists of which the verdicts say that nobody polls them.
func (s *Shown) noWorker() map[string]bool {
	lists := map[string]bool{}
	for _, v := range s.Verdicts {
		if v.Code == string(diagnose.NoWorker) && v.TaskList != nil {
			lists[*v.TaskList] = true
			lists[(*v.TaskList)[strings.LastIndexByte(*v.TaskList, ':')+1:]] = true
		}
	}
	return lists
}

func (s *Shown) lanes(out *errWriter, style Style) {
	lanes := s.Lanes
	if len(lanes) == 0 {
		return
	}
	noWorker := s.noWorker()
	axis := timeline.Of(lanes)
	before := max(0, len(lanes)-lanesMax)
	lanes = lanes[before:]
	nameWidth, whereWidth := 0, 0
	names := make([]string, len(lanes))
	for i := range lanes {
		l := &lanes[i]
		names[i] = l.Name
		if l.Attempts > 1 {
			names[i] += fmt.Sprintf(" ×%d", l.Attempts)
		}
		names[i] = cut(names[i], nameMax)
		nameWidth = max(nameWidth, len([]rune(names[i])))
		whereWidth = max(whereWidth, len([]rune(cut(l.Where, whereMax))))
	}
	left := 2 + nameWidth + 2 + whereWidth + 2
	const right = 2 + 10 + 2 + 8 // how it ended, and how long it took
	width := max(16, style.Width-left-right)
	glyphs := timeline.Lines
	if style.Plain {
		glyphs = timeline.Plain
	}
	out.line("")
	out.line(strings.Repeat(" ", left) + style.paint(dim, axis.Head(width, func(t timeline.Tick) string {
		after := strings.Replace(diagnose.Span(t.After), ".0 s", " s", 1)
		switch {
		case t.Fold:
			return string(glyphs.Fold) + diagnose.Span(t.After) + string(glyphs.Fold)
		case t.After == 0:
			return "0"
		case t.Anew:
			return "+" + after
		}
		return after
	})))
	if before > 0 {
		out.line(fmt.Sprintf("  … %d lanes before these", before))
	}
	for i := range lanes {
		l := &lanes[i]
		state := string(l.Outcome)
		if l.Outcome == timeline.Waits && noWorker[l.Where] {
			state = "no worker"
		}
		row := axis.Row(l, width, glyphs)
		out.line(fmt.Sprintf("  %s  %s  %s  %s%s", pad(names[i], nameWidth), pad(cut(l.Where, whereMax), whereWidth), pad(row, width),
			pad(state, 10), leftPad(diagnose.Span(l.Took()), 8)))
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len([]rune(s))))
}

func leftPad(s string, width int) string {
	return strings.Repeat(" ", max(0, width-len([]rune(s)))) + s
}

// openMax is how many open things are listed.
const openMax = 20

func (s *Shown) open(out *errWriter) {
	now := engine.Time(s.ServerTimestamp)
	rows := [][]string{{"open", "what", "where", "state", "next deadline"}}
	for _, k := range s.Tasks {
		state := "held by " + clean(text(k.Holder))
		if k.Holder == nil {
			state = "held"
		}
		since := k.ScheduledTimestamp
		if k.State == "waits" {
			state = "waits"
		} else if k.StartedTimestamp != nil {
			since = *k.StartedTimestamp
		}
		if k.Attempt != nil && *k.Attempt > 1 {
			state += fmt.Sprintf(", attempt %d", *k.Attempt)
		}
		deadline := "none"
		if len(k.Deadlines) > 0 {
			deadline = k.Deadlines[0].Timeout + " in " + diagnose.Span(engine.Time(k.Deadlines[0].At)-now)
		}
		list := text(k.TaskList)
		rows = append(rows, []string{
			k.Kind, cut(strings.TrimSpace(text(k.Name)+" "+text(k.ID)), 40), cut(list[strings.LastIndexByte(list, ':')+1:], 30),
			cut(state+" for "+diagnose.Span(now-engine.Time(since)), 50), deadline,
		})
	}
	for _, k := range s.Waits {
		kind := "timer"
		if s.Service != "swf" {
			kind = "wait"
		}
		if k.Retry != nil {
			kind = "retry"
		}
		rows = append(rows, []string{kind, cut(k.Name, 40), "", "", "in " + diagnose.Span(engine.Time(k.Until)-now)})
	}
	for _, k := range s.Children {
		rows = append(rows, []string{"child", cut(NameOf(&k.Execution), 80), "", "", ""})
	}
	for _, g := range s.Groups {
		rows = append(rows, []string{"state", cut(g.State, 40), "", fmt.Sprintf("%d of %d done, %d running", g.Done, g.Total, g.Running), ""})
	}
	if len(rows) == 1 {
		return
	}
	out.line("")
	more := len(rows) - 1 - openMax
	rows = rows[:min(len(rows), openMax+1)]
	if out.err == nil {
		out.err = table(out.w, "", rows)
	}
	if more > 0 {
		out.line(fmt.Sprintf("… and %d more; --json has them", more))
	}
	if len(s.Children) > 0 && s.Children[0].Execution.ExecutionARN != nil {
		out.line("heddle show " + clean(*s.Children[0].Execution.ExecutionARN))
	}
}
