package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestClockCheck: a clock that is half a second off is warned of once; one that is five
// seconds off at three renewals in a row has the server own nothing, until it is right
// as often. How long a renewal takes does not count.
func TestClockCheck(t *testing.T) {
	var told bytes.Buffer
	c, log := clockCheck{}, slog.New(slog.NewTextHandler(&told, nil))
	at := time.Unix(1_700_000_000, 0)
	renew := func(off time.Duration) { c.renewed(log, at, at.Add(off), at.Add(200*time.Millisecond)) }
	warns := func() int { return strings.Count(told.String(), "level=WARN") }
	for _, off := range []time.Duration{0, 100 * time.Millisecond, 600 * time.Millisecond, -400 * time.Millisecond} {
		if renew(off); c.wrong || warns() > 0 {
			t.Fatalf("%v: %s", off, &told)
		}
	}
	renew(-500 * time.Millisecond)
	renew(701 * time.Millisecond)
	if c.wrong || warns() != 1 {
		t.Fatalf("half a second off: wrong %v, %s", c.wrong, &told)
	}
	for _, off := range []time.Duration{-5 * time.Second, 5200 * time.Millisecond, 4 * time.Second, time.Hour, -time.Hour} {
		if renew(off); c.wrong {
			t.Fatalf("wrong at once: %s", &told)
		}
	}
	if renew(time.Hour); !c.wrong || strings.Count(told.String(), "has no shards until") != 1 {
		t.Fatalf("an hour off three times: %s", &told)
	}
	renew(0)
	renew(0)
	if renew(-6 * time.Second); !c.wrong {
		t.Fatal("right at once")
	}
	for range clockTimes {
		renew(0)
	}
	if c.wrong || !strings.Contains(told.String(), "has shards") {
		t.Fatalf("right again: %s", &told)
	}
}
