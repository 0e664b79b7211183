// Package series remembers an hour of numbers, one for each ten seconds, in memory: what
// pages draw as a line. It knows no clock: whoever has one tells when the next ten seconds
// begin.
//
// It is bounded: so many rows, of which those that nobody has touched for an hour leave, and
// what comes above the bound nobody remembers.
package series

import "sync"

const (
	// Seconds is how long a slot is, and Slots how many there are, with that which is under way.
	Seconds = 10
	Slots   = 361
)

// Hours are rows of an hour each, by names. Any goroutine may use them.
type Hours struct {
	width, most int

	mu   sync.Mutex
	slot int // that is under way
	full int // how many were before it since New, those that are kept
	rows map[string]*row
}

type row struct {
	values [][Slots]int64 // of each series
	idle   int            // for how many slots nobody has touched it
}

// New remembers most rows of some series each.
func New(series, most int) *Hours { return &Hours{width: series, most: most, rows: map[string]*row{}} }

// Add adds to a series of a row in the slot that is under way.
func (h *Hours) Add(of string, series int, n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rows[of]
	if r == nil {
		if len(h.rows) >= h.most {
			return
		}
		r = &row{values: make([][Slots]int64, h.width)}
		h.rows[of] = r
	}
	r.values[series][h.slot] += n
	r.idle = 0
}

// Next begins the next slot.
func (h *Hours) Next() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slot = (h.slot + 1) % Slots
	h.full = min(h.full+1, Slots-1)
	for of, r := range h.rows {
		for i := range r.values {
			r.values[i][h.slot] = 0
		}
		if r.idle++; r.idle >= Slots {
			delete(h.rows, of)
		}
	}
}

// Of gives the series of a row that is meant, each with the slots that are over, the oldest
// first. Of what nobody has counted they are zero.
func (h *Hours) Of(means func(of string) bool) [][]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([][]int64, h.width)
	for i := range all {
		all[i] = make([]int64, h.full)
	}
	for of, r := range h.rows {
		if !means(of) {
			continue
		}
		for i := range all {
			for n := range all[i] {
				all[i][n] = r.values[i][(h.slot-h.full+n+Slots)%Slots]
			}
		}
		break
	}
	return all
}
