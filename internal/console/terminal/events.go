package terminal

import (
	"fmt"
	"io"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Targets writes the targets of events: how far behind each is, and what is wrong.
func Targets(w io.Writer, targets []wire.EventTarget, now engine.Time, style Style) error {
	if len(targets) == 0 {
		_, err := fmt.Fprintln(w, "no target of events: heddle serve --events-config names them")
		return err
	}
	rows := [][]string{{"target", "kind", "lag", "backlog", "size", "sent", "last sent", "dead", ""}}
	for i := range targets {
		t := &targets[i]
		lag, last := "", "not yet"
		if t.OldestTimestamp != nil {
			lag = diagnose.Span(now - engine.Time(*t.OldestTimestamp))
		}
		if t.SentTimestamp != nil {
			last = diagnose.Span(now-engine.Time(*t.SentTimestamp)) + " ago"
		}
		rows = append(rows, []string{
			cut(t.Name, 40), t.Kind, lag, fmt.Sprint(t.Backlog), size(t.BacklogBytes), fmt.Sprint(t.Sent), last, fmt.Sprint(t.Dead), wrong(t, now, style),
		})
	}
	return table(w, "llrrrrrrl", rows)
}

// wrong says what is wrong with a target; empty: nothing.
func wrong(t *wire.EventTarget, now engine.Time, style Style) string {
	text := ""
	switch {
	case t.Error != nil && t.FailingSinceTimestamp != nil:
		text = style.paint(bad, "! fails for "+diagnose.Span(now-engine.Time(*t.FailingSinceTimestamp))+": "+cut(*t.Error, 120))
	case t.Lost > 0:
		text = style.paint(bad, fmt.Sprintf("! %d were lost, too old or too many", t.Lost))
	}
	if t.SendingAgain > 0 {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%d are sent again", t.SendingAgain)
	}
	return text
}

// size is a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes < 1<<10:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	case bytes < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
}

// Target writes one target, with the events that it never took.
func Target(w io.Writer, t *wire.DescribeEventTargetOutput, style Style) error {
	now := engine.Time(t.ServerTimestamp)
	out := &errWriter{w: w}
	if out.err = Targets(w, []wire.EventTarget{t.EventTarget}, now, style); out.err != nil || len(t.DeadEvents) == 0 {
		return out.err
	}
	rows := [][]string{{"given up", "why", "event"}}
	for _, d := range t.DeadEvents {
		rows = append(rows, []string{diagnose.Moment(engine.Time(d.Timestamp)), cut(d.Error, 60), cut(d.Event, max(40, style.Width-90))})
	}
	out.line("")
	out.err = cmpErr(out.err, table(w, "", rows))
	if more := t.EventTarget.Dead - int64(len(t.DeadEvents)); more > 0 {
		out.line(fmt.Sprintf("… and %d that were given up later", more))
	}
	return out.err
}
