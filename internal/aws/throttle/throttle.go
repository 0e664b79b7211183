// Package throttle limits how often an account does something in a region: a
// token bucket for each account, region and action. A full bucket takes a burst;
// it refills at a steady rate.
//
// A bucket is one number, the time at which it will be full again, so one that is
// full need not be remembered. It reads no clock.
package throttle

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Rate is what an action may cost: a burst of Bucket calls, and PerSecond calls a
// second for good.
type Rate struct {
	Bucket    int
	PerSecond int
}

// Rates are the rates of actions by their names; an action that is not there is
// not limited.
type Rates map[string]Rate

// Limiter has the buckets.
type Limiter struct {
	rates map[string]pace
	seed  maphash.Seed
	parts [partsMax]part
	among atomic.Int32 // so many limiters, of which this is one; 0: it is alone
}

const (
	partsMax = 16
	// bucketsMax is how many buckets a part remembers. When there are as many, half
	// of them are forgotten, which makes them full.
	bucketsMax = 8192
	sweepMin   = 256
)

// pace is a rate in time.
type pace struct {
	interval time.Duration // in which one call's room comes back
	fill     time.Duration // in which an empty bucket becomes full
}

// divided is a pace among some limiters: each lets a call a second pass at least, if the
// pace does.
func (p pace) divided(among int32) pace {
	if among < 2 {
		return p
	}
	interval := max(p.interval, min(time.Duration(among)*p.interval, time.Second))
	if p.fill > 0 {
		p.fill = max(p.fill, interval)
	}
	return pace{interval, p.fill}
}

// Among says that so many limiters, this one among them, share what callers do: each has a part of the
// rates, which together are at most what one would allow, but for those that would be below one
// call a second.
func (l *Limiter) Among(limiters int) { l.among.Store(int32(limiters)) }

// part is some of the buckets, under a lock of their own.
type part struct {
	mu    sync.Mutex
	full  map[bucket]int64 // when each will be full, in nanoseconds since 1970
	sweep int              // at so many buckets those that are full are forgotten
}

type bucket struct{ account, region, action string }

// New is a Limiter whose buckets are full. Rates whose numbers are not above zero
// allow nothing.
func New(rates Rates) *Limiter {
	l := &Limiter{rates: map[string]pace{}, seed: maphash.MakeSeed()}
	for action, r := range rates {
		p := pace{interval: time.Second}
		if r.Bucket > 0 && r.PerSecond > 0 {
			p.interval = time.Second / time.Duration(r.PerSecond)
			p.fill = p.interval * time.Duration(r.Bucket)
		}
		l.rates[action] = p
	}
	for i := range l.parts {
		l.parts[i] = part{full: map[bucket]int64{}, sweep: sweepMin}
	}
	return l
}

// Take takes one call out of a bucket, and tells whether it had one. A caller may name any
// region; all those of an account together have what regionsMost have.
func (l *Limiter) Take(now time.Time, account, region, action string) bool {
	p, limited := l.rates[action]
	if !limited {
		return true
	}
	p = p.divided(l.among.Load())
	t := now.UnixNano()
	one := bucket{account, region, action}
	if region == "" {
		return l.take(one, p, t)
	}
	all := bucket{account, "", action}
	if !l.take(all, pace{p.interval / regionsMost, p.fill}, t) {
		return false
	}
	if l.take(one, p, t) {
		return true
	}
	l.giveBack(all, p.interval/regionsMost)
	return false
}

// Reserve takes n calls out of a bucket, however few it has, and gives the moment from which on
// they may be done: now, if it has them. Whoever comes later gets a later moment.
func (l *Limiter) Reserve(now time.Time, account, region, action string, n int) time.Time {
	p, limited := l.rates[action]
	if !limited {
		return now
	}
	p = p.divided(l.among.Load())
	t := now.UnixNano()
	at := l.reserve(bucket{account, region, action}, p, t, n)
	if region != "" {
		at = max(at, l.reserve(bucket{account, "", action}, pace{p.interval / regionsMost, p.fill}, t, n))
	}
	return now.Add(time.Duration(at - t))
}

// Return gives back n reserved calls that are not done.
func (l *Limiter) Return(account, region, action string, n int) {
	p, limited := l.rates[action]
	if !limited {
		return
	}
	p = p.divided(l.among.Load())
	l.giveBack(bucket{account, region, action}, time.Duration(n)*p.interval)
	if region != "" {
		l.giveBack(bucket{account, "", action}, time.Duration(n)*p.interval/regionsMost)
	}
}

func (l *Limiter) reserve(b bucket, p pace, t int64, n int) int64 {
	part := l.part(b)
	part.mu.Lock()
	defer part.mu.Unlock()
	full, known := part.full[b]
	full = max(full, t) + int64(n)*int64(p.interval)
	if !known {
		part.makeRoom(t)
		b.region = strings.Clone(b.region)
	}
	part.full[b] = full
	return max(t, full-int64(p.fill))
}

// regionsMost is how many regions an account may use up.
const regionsMost = 4

func (l *Limiter) part(b bucket) *part { return &l.parts[maphash.Comparable(l.seed, b)%partsMax] }

func (l *Limiter) take(b bucket, p pace, t int64) bool {
	part := l.part(b)
	part.mu.Lock()
	defer part.mu.Unlock()
	full, known := part.full[b]
	full = max(full, t) + int64(p.interval)
	if full-t > int64(p.fill) {
		return false
	}
	if !known {
		part.makeRoom(t)
		b.region = strings.Clone(b.region) // it is a part of a request's header
	}
	part.full[b] = full
	return true
}

func (l *Limiter) giveBack(b bucket, interval time.Duration) {
	part := l.part(b)
	part.mu.Lock()
	defer part.mu.Unlock()
	if full, known := part.full[b]; known {
		part.full[b] = full - int64(interval)
	}
}

// makeRoom forgets buckets that are full, each time when their number has doubled.
func (p *part) makeRoom(now int64) {
	if len(p.full) < p.sweep {
		return
	}
	for b, full := range p.full {
		if full <= now {
			delete(p.full, b)
		}
	}
	for b := range p.full {
		if len(p.full) <= bucketsMax/2 {
			break
		}
		delete(p.full, b)
	}
	p.sweep = max(sweepMin, 2*len(p.full))
}
