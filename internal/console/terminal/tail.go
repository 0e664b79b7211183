package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"

	"heddle/internal/operator/wire"
	"heddle/internal/swf/history"
)

// Event writes an event on a line, with its domain if that is wanted.
func Event(w io.Writer, live *wire.LiveEvent, e *history.Event, domain bool, style Style) error {
	at := time.UnixMilli(int64(e.At)).UTC().Format("15:04:05.000")
	name := text(live.Execution.WorkflowID)
	if domain {
		name = text(live.Execution.Domain) + "/" + name
	}
	kind := pad(e.Type, 30)
	if e.Bad() {
		kind = style.paint(bad, kind)
	}
	line := fmt.Sprintf("%s  %s  %s  %s %s", style.paint(dim, at), pad(cut(name, 40), 24), pad(cut(TypeName(live.Type), 24), 14), kind, clean(e.What()))
	_, err := fmt.Fprintln(w, strings.TrimRight(line, " "))
	return err
}

// TypeName is the name of a type that is written with its version.
func TypeName(of string) string {
	if i := strings.LastIndexByte(of, ' '); i >= 0 {
		return of[:i]
	}
	return of
}

// Gap writes that something is missing.
func Gap(w io.Writer, what string, style Style) error {
	_, err := fmt.Fprintln(w, style.paint(bad, "! "+what))
	return err
}
