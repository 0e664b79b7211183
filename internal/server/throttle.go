package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heddle/internal/aws/throttle"
	"heddle/internal/engine"
	"heddle/internal/service"
)

// Values of Config.Throttle.
const (
	ThrottleOff = "off"
	ThrottleAWS = "aws" // the rates that AWS's services have by default
)

// limiter throttles what accounts do with one service in a region.
type limiter struct {
	*throttle.Limiter
	global  bool // all regions count as one
	rates   throttle.Rates
	actions map[string]bool // of the rates those that are of actions; others are of decisions
}

// newLimiters gives the limiters of services by their names; none if nothing is
// throttled.
func newLimiters(cfg *Config) (map[string]*limiter, error) {
	if cfg.Throttle == ThrottleOff {
		if len(cfg.ThrottleRates) > 0 {
			return nil, fmt.Errorf("--throttle-rate %q, and throttling is off: give --throttle aws too, or leave them out", cfg.ThrottleRates)
		}
		return nil, nil
	}
	rates := map[string]throttle.Rates{}
	for _, s := range cfg.Services {
		rates[s.Name] = throttle.Rates{} // an operator's come besides, also where AWS has none
		maps.Copy(rates[s.Name], s.Rates)
	}
	for _, text := range cfg.ThrottleRates {
		setting, of, err := parseRate(cfg.Services, text)
		if err != nil {
			return nil, fmt.Errorf("--throttle-rate: %w", err)
		}
		rates[of].Set(setting)
	}
	limiters := map[string]*limiter{}
	for _, s := range cfg.Services {
		limiters[s.Name] = &limiter{Limiter: throttle.New(rates[s.Name]), global: s.Global, rates: rates[s.Name]}
	}
	return limiters, nil
}

// parseRate reads a setting, and finds the service that it is of: the one that has
// such an action, or the one that it names as in swf:ListDomains.
func parseRate(services []*service.Service, text string) (setting throttle.Setting, of string, err error) {
	name, _, _ := strings.Cut(text, "=")
	named, action, qualified := strings.Cut(name, ":")
	if !qualified {
		named, action = "", name
	}
	var known, have []string
	for _, s := range services {
		for _, a := range slices.Concat(slices.Sorted(maps.Keys(s.Rates)), s.Unlimited) {
			known = append(known, a)
			if a == action && (named == "" || named == s.Name) {
				have = append(have, s.Name)
			}
		}
	}
	switch len(have) {
	case 0:
		return setting, "", fmt.Errorf("rate %q: no such action or decision %q; want one of %s", text, name, strings.Join(known, ", "))
	case 1:
		setting, err = throttle.ParseSetting(text)
		setting.Name = action
		return setting, have[0], err
	}
	return setting, "", fmt.Errorf("rate %q: several services have %q; want %s", text, action, have[0]+":"+text)
}

func (l *limiter) take(account, region, name string) bool {
	return l.Take(time.Now(), account, l.within(region), name)
}

// within is the region in which something done in one counts; empty: all together.
func (l *limiter) within(region string) string {
	if l.global {
		return ""
	}
	return region
}

// giveBack is a service.Kernel's Return.
func (l *limiter) giveBack(w engine.World, name string, n int) {
	l.Return(w.Account, l.within(w.Region), name, n)
}

// inWorld is take for what is done in a world.
func (l *limiter) inWorld(w engine.World, name string) bool { return l.take(w.Account, w.Region, name) }
