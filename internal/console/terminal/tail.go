package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"

	"heddle/internal/console/past"
	"heddle/internal/diagnose"
	"heddle/internal/operator/wire"
)

// Event writes an event on a line, with its domain if that is wanted.
func Event(w io.Writer, live *wire.LiveEvent, e *past.Entry, domain bool, style Style) error {
	at := time.UnixMilli(int64(e.At)).UTC().Format("15:04:05.000")
	name := NameOf(&live.Execution)
	if domain && live.Execution.Domain != nil {
		name = *live.Execution.Domain + "/" + name
	}
	kind := pad(e.Type, 30)
	if e.Bad {
		kind = style.paint(bad, kind)
	}
	line := fmt.Sprintf("%s  %s  %s  %s %s", style.paint(dim, at), pad(cut(name, 40), 24), pad(cut(TypeName(live.Type), 24), 14), kind, clean(e.What))
	_, err := fmt.Fprintln(w, strings.TrimRight(line, " "))
	return err
}

// NameOf is the name of an execution, within what it is in.
func NameOf(of *wire.ExecutionRef) string {
	return diagnose.ShortARN(text(of.WorkflowID) + text(of.ExecutionARN))
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
