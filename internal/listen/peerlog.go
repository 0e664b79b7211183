package listen

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// peerLog takes down what net/http has to say, most of it about what strangers
// sent. Of each kind of line it logs one a minute, and how many it left out.
type peerLog struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	kinds map[string]*linesOfKind // guarded by mu, and what they hold
}

type linesOfKind struct {
	last    time.Time // when one was logged
	leftOut int       // since then
}

func newPeerLog(to *slog.Logger, now func() time.Time) *log.Logger {
	return log.New(&peerLog{log: to, now: now, kinds: map[string]*linesOfKind{}}, "", 0)
}

// Write implements io.Writer; log.Logger gives it a line at a time.
func (p *peerLog) Write(line []byte) (int, error) {
	now, text := p.now(), strings.TrimSpace(string(line))
	p.mu.Lock()
	kind := p.kinds[kindOf(text)]
	if kind == nil {
		kind = new(linesOfKind)
		p.kinds[kindOf(text)] = kind
	}
	leftOut := kind.leftOut
	due := now.Sub(kind.last) >= complainEvery
	if due {
		kind.last, kind.leftOut = now, 0
	} else {
		kind.leftOut++
	}
	p.mu.Unlock()
	switch {
	case due && leftOut > 0:
		p.log.Warn(text, "left_out_before", leftOut)
	case due:
		p.log.Warn(text)
	}
	return len(line), nil
}

// kindOf is how a line begins: two words, which no peer chooses.
func kindOf(text string) string {
	first, rest, _ := strings.Cut(text, " ")
	second, _, _ := strings.Cut(rest, " ")
	return first + " " + second
}
