package server

import (
	"fmt"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/aws/throttle"
	"heddle/internal/engine"
)

// Values of Config.Throttle.
const (
	ThrottleOff = "off"
	ThrottleAWS = "aws" // the rates that Amazon SWF has by default
)

// limiter throttles calls and decisions of an account in a region.
type limiter struct{ *throttle.Limiter }

// newThrottle is nil if nothing is throttled.
func newThrottle(cfg *Config) (*limiter, error) {
	if cfg.Throttle == ThrottleOff {
		if len(cfg.ThrottleRates) > 0 {
			return nil, fmt.Errorf("--throttle-rate %q, and throttling is off: give --throttle aws too, or leave them out", cfg.ThrottleRates)
		}
		return nil, nil
	}
	rates := throttle.AWS()
	if err := rates.Set(cfg.ThrottleRates); err != nil {
		return nil, fmt.Errorf("--throttle-rate: %w", err)
	}
	return &limiter{throttle.New(rates)}, nil
}

func (l *limiter) call(c *operation.Caller, action string) bool {
	return l.Take(time.Now(), c.Account, c.Region, action)
}

func (l *limiter) decision(w engine.World, decision string) bool {
	return l.Take(time.Now(), w.Account, w.Region, decision)
}
