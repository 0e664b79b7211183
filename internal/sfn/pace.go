package sfn

import (
	"sync/atomic"

	"heddle/internal/engine"
	"heddle/internal/service"
)

// pace is by what rates executions go on. Until the service is open there are none.
type pace struct {
	kernel atomic.Pointer[service.Kernel]
}

func (p *pace) open(k *service.Kernel) { p.kernel.Store(k) }

// transitions is an execution.Pace.
func (p *pace) transitions(w engine.World, now engine.Time, n int) engine.Time {
	return p.reserve(w, stateTransition, now, n)
}

func (p *pace) reserve(w engine.World, name string, now engine.Time, n int) engine.Time {
	k := p.kernel.Load()
	if k == nil || k.Reserve == nil {
		return now
	}
	return k.Reserve(w, name, now, n)
}
