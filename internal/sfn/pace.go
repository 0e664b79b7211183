package sfn

import (
	"sync/atomic"

	"heddle/internal/engine"
	"heddle/internal/service"
)

// pace is by what rates executions go on: an execution.Pace. Until the service is open there are none.
type pace struct {
	kernel atomic.Pointer[service.Kernel]
}

func (p *pace) open(k *service.Kernel) { p.kernel.Store(k) }

// Reserve implements execution.Pace.
func (p *pace) Reserve(w engine.World, now engine.Time, n int) engine.Time {
	if k := p.kernel.Load(); k != nil && k.Reserve != nil {
		return k.Reserve(w, stateTransition, now, n)
	}
	return now
}

// Return implements execution.Pace.
func (p *pace) Return(w engine.World, n int) {
	if k := p.kernel.Load(); k != nil && k.Return != nil {
		k.Return(w, stateTransition, n)
	}
}
