package server

import (
	"sync"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/service"
)

const (
	// refusalsMax is how many refusals of an account are remembered; of callers who could not
	// be told, strangersMax.
	refusalsMax  = 1000
	strangersMax = 200
	// refusalTextMax is how much of a text is remembered, in bytes.
	refusalTextMax = 512
)

// refusals remembers the last calls that were refused: those of each account, so that
// nobody's flood covers what was refused to others, and those of strangers, which the
// server's own account may see. The audit trail is the record.
type refusals struct {
	own   string // the server's account
	mu    sync.Mutex
	rings map[string]*ring // by account; "": of strangers
}

// ring is the last ones of something.
type ring struct {
	last []service.Refusal
	next int // where the next one goes, once it is full
	most int
}

func newRefusals(own string, accounts []string) *refusals {
	r := &refusals{own: own, rings: map[string]*ring{"": {most: strangersMax}}}
	for _, account := range accounts {
		r.rings[account] = &ring{most: refusalsMax}
	}
	return r
}

// record remembers a call, if it was refused. Of a caller who has gone, one that failed for that
// is no refusal.
func (r *refusals) record(o *operation.Answered, now engine.Time) {
	f := o.Fault
	if f == nil || f.Kind == fault.Internal && operation.Gone(o.Request.Context()) != nil {
		return
	}
	of := service.Refusal{
		At: now, Service: o.Operation.API.Service, Action: o.Operation.Name, RequestID: o.RequestID,
		Principal: o.Caller.Principal.ARN, AccessKey: diagnose.Short(o.AccessKey, 128), Address: sourceIP(o.Request),
		Code: f.Name(), Message: diagnose.Short(f.Message, refusalTextMax), Resource: o.Touched.ARN, Run: o.Touched.Run,
		Throttled: f.Kind == fault.Throttling,
	}
	if session := o.Caller.Principal.Session; session != "" {
		of.Principal = session
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.rings[o.Caller.Account]
	if in == nil {
		in = r.rings[""]
	}
	if len(in.last) < in.most {
		in.last = append(in.last, of)
		return
	}
	in.last[in.next] = of
	in.next = (in.next + 1) % in.most
}

// of gives the refusals of an account, the newest first.
func (r *refusals) of(account string) []service.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.rings[account].newestFirst()
	if account == r.own {
		all = merge(all, r.rings[""].newestFirst())
	}
	return all
}

func (r *ring) newestFirst() []service.Refusal {
	if r == nil {
		return nil
	}
	all := make([]service.Refusal, 0, len(r.last))
	for i := range r.last {
		at := r.next - 1 - i
		if at < 0 {
			at += len(r.last)
		}
		all = append(all, r.last[at])
	}
	return all
}

// merge merges two lists in the order of their times, the newest first.
func merge(a, b []service.Refusal) []service.Refusal {
	all := make([]service.Refusal, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].At >= b[0].At {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}
