package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestFlappingWallClockIsSaidOnceAMinute has a wall clock that shows another time at each
// look, for an hour, while the server's clock stays as right as it was.
func TestFlappingWallClockIsSaidOnceAMinute(t *testing.T) {
	p := newPieces()
	var logged bytes.Buffer
	c := newClock(p, slog.New(slog.NewTextHandler(&logged, nil)))
	c.begin(0, nil)
	run(c, p, 2*lookEvery)
	const hour = time.Hour
	for n := time.Duration(1); p.passed < hour; n++ {
		p.off = n * 40 * time.Minute
		if n%5 == 0 {
			p.off = 0
		}
		run(c, p, lookEvery)
	}
	said := strings.Count(logged.String(), "has jumped ahead")
	if most := int(hour / time.Minute); said < most/2 || said > most+1 {
		t.Errorf("said %d times in an hour", said)
	}
	if lines := strings.Count(logged.String(), "\n"); lines > said+2 {
		t.Errorf("%d lines, of which %d tell of jumps; the last\n%s", lines, said, logged.String()[max(0, logged.Len()-500):])
	}
	if off := c.Now() - p.right(); abs(off) > 20_000 {
		t.Errorf("the clock is off by %d ms", off)
	}
}
