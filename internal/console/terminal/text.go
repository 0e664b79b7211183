// Package terminal writes what the command line shows: verdicts, timelines and tables of text.
// It is pure; what users wrote is cleaned of what a terminal would obey.
package terminal

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Style is how to write.
type Style struct {
	Width  int
	Height int // lines of a terminal; 0: nobody knows
	Colour bool
	Plain  bool // ASCII only
}

// clean makes a text of others safe to show on one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return '�'
		}
		return r
	}, s)
}

// cut gives the first characters of a clean text, as many as there is room for.
func cut(s string, room int) string {
	s = clean(s)
	if utf8.RuneCountInString(s) <= room {
		return s
	}
	r := []rune(s)
	return string(r[:max(0, room-1)]) + "…"
}

// colours by what they say.
const (
	bad   = "\x1b[1;31m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

func (s Style) paint(colour, text string) string {
	if !s.Colour {
		return text
	}
	return colour + text + plain
}

// Bad paints one line of a text of others as bad news, Dim as what matters less.
func (s Style) Bad(text string) string { return s.paint(bad, clean(text)) }

// Dim is like Bad.
func (s Style) Dim(text string) string { return s.paint(dim, clean(text)) }

// wrapped breaks a text into lines of a width, all but the first indented.
func wrapped(text string, width, indent int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if i > 0 && column+1+n > width {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		} else if i > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// table writes rows in columns that are as wide as they have to be; numbers stand right in
// those that right says.
func table(w io.Writer, right string, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if i < len(right) && right[i] == 'r' {
				line.WriteString(space + cell)
			} else {
				line.WriteString(cell + space)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
