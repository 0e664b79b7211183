package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// momentOf shows a moment: script may show it in the reader's own time. What is no moment is
// shown as a dash.
func momentOf(t any) template.HTML {
	ms, ok := millis(t)
	if !ok {
		return dash
	}
	at := time.UnixMilli(ms).UTC()
	return template.HTML(`<time datetime="` + at.Format("2006-01-02T15:04:05.000Z") + `">` + at.Format("2006-01-02 15:04:05") + `</time>`)
}

const dash = `<span class="none">–</span>`

func millis(t any) (int64, bool) {
	switch t := t.(type) {
	case wire.Timestamp:
		return int64(t), t != 0
	case *wire.Timestamp:
		if t != nil {
			return int64(*t), true
		}
	case time.Time:
		return t.UnixMilli(), !t.IsZero()
	}
	return 0, false
}

// ageOf is how long something was before now, or between two moments.
func ageOf(from, to any) template.HTML {
	a, ok := millis(from)
	b, known := millis(to)
	if !ok || !known {
		return dash
	}
	return template.HTML(template.HTMLEscapeString(diagnose.Span(engine.Time(b - a))))
}

// milliseconds writes so many microseconds.
func milliseconds(us int64) string { return fmt.Sprintf("%.1f ms", float64(us)/1000) }

// number writes a number with its thousands apart.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// tally is a count that may have stopped, or that the visitor may not know.
type tally struct {
	N      int64
	More   bool // there are more
	Barred bool
}

// counted shows a count.
func counted(t tally) template.HTML {
	if t.Barred {
		return dash
	}
	if t.More {
		return template.HTML(number(t.N) + "+")
	}
	return template.HTML(number(t.N))
}

// statusWord is a status as people say it.
func statusWord(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + strings.ReplaceAll(strings.ToLower(s[1:]), "_", " ")
}

// short is the beginning of a text.
func short(s string, most int) string { return diagnose.Short(s, most) }

// two are two things for a template that takes one.
type two struct{ A, B any }

func args(a, b any) two { return two{a, b} }
