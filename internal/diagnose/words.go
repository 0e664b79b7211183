package diagnose

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"heddle/internal/engine"
)

// ShortARN is what of an ARN tells a thing from others of its sort: what comes behind the sort,
// as machine:name of an execution's. What has no such part stays whole.
func ShortARN(arn string) string {
	parts := strings.SplitN(arn, ":", 7)
	return parts[len(parts)-1]
}

// Span says how long something is, in one unit: 7 s, 3 min, 6 h, 2 days.
func Span(d engine.Time) string {
	const second, minute, hour, day = 1000, 60 * 1000, 60 * 60 * 1000, 24 * 60 * 60 * 1000
	switch d = max(d, 0); {
	case d < second:
		return fmt.Sprintf("%d ms", d)
	case d < 10*second:
		return fmt.Sprintf("%d.%d s", d/second, d%second/100)
	case d < 2*minute:
		return fmt.Sprintf("%d s", d/second)
	case d < 2*hour:
		return fmt.Sprintf("%d min", d/minute)
	case d < 2*day:
		return fmt.Sprintf("%d h", d/hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

// Moment says when something is.
func Moment(t engine.Time) string {
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02 15:04:05 UTC")
}

// in says how long it is until a moment, and when that is.
func (f *Facts) in(t engine.Time) string {
	if t <= f.Now {
		return "now"
	}
	return "in " + Span(t-f.Now) + " (" + Moment(t) + ")"
}

func (f *Facts) since(t engine.Time) string { return Span(f.Now - t) }

// textMax is how much of what users wrote a verdict shows, in bytes.
const textMax = 300

func short(s string) string { return Short(s, textMax) }

// Short gives the beginning of what users wrote, of so many bytes.
func Short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// said adds what somebody said to a sentence, if he said something.
func said(of string) string {
	if of == "" {
		return ""
	}
	return ": " + short(of)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// words are what people call a task.
func (k *Task) words() string {
	name := k.Name
	if k.ID != "" && k.ID != k.Name {
		name += " (" + k.ID + ")"
	}
	switch k.Kind {
	case Decision:
		return "the decision task"
	case Lambda:
		return "function " + name
	case Integration, Callback:
		return "task " + name
	}
	if k.isState() {
		return "state " + k.Name
	}
	return "activity " + name
}

// isState tells of an activity that a state machine is in it.
func (k *Task) isState() bool { return strings.HasPrefix(k.List, "arn:") }

// listName is the name of a task's list, or of its activity.
func (k *Task) listName() string {
	if k.isState() {
		return k.ID
	}
	return k.List
}

// listWords are what people call a task list of a kind of tasks.
func listWords(k *Task) string {
	if k.Kind == Decision {
		return "decision task list " + k.List
	}
	if k.isState() {
		return "activity " + k.ID
	}
	return "task list " + k.List
}
