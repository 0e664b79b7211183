package server

import (
	"context"
	"time"
)

// systemTime are the clocks of the machine that the process runs on.
type systemTime struct{ began time.Time }

func newSystemTime() systemTime { return systemTime{time.Now()} }

func (s systemTime) count() time.Duration { return time.Since(s.began) }

func (s systemTime) look() reading {
	now := time.Now()
	return reading{wall: time.Duration(now.UnixNano()), count: now.Sub(s.began), uptime: uptime()}
}

func (systemTime) boot() string { return bootName() }

func (systemTime) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
