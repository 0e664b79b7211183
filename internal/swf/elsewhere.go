package swf

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// elsewhereHeader names the region in which a domain is that is unknown in the one of the call:
// most often a client was given another region than the one that made it.
const elsewhereHeader = "X-Heddle-Domain-Region"

// regionsMax is in how many regions of an account an unknown domain is looked for.
const regionsMax = 8

// elsewhereQuiet is how long the log says no more of such domains.
const elsewhereQuiet = engine.Time(10_000)

// regions are those in which domains of an account were found lately: the first ones that this
// process has seen. There are as many accounts as the server has.
type regions struct {
	mu   sync.Mutex // guards what follows
	seen map[string][]string
	said engine.Time // when the log last told of a domain that is elsewhere
}

// saw notes that a domain of a world was found.
func (r *regions) saw(w engine.World) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seen := r.seen[w.Account]; len(seen) < regionsMax && !slices.Contains(seen, w.Region) {
		if r.seen == nil {
			r.seen = map[string][]string{}
		}
		r.seen[w.Account] = append(seen, w.Region)
	}
}

// others are the regions of an account in which a domain may be that is not in this one.
func (r *regions) others(w engine.World, home string) (others []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, region := range append([]string{home}, r.seen[w.Account]...) {
		if region != w.Region && !slices.Contains(others, region) {
			others = append(others, region)
		}
	}
	return others
}

// tells whether the log is to be told now.
func (r *regions) tells(now engine.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said != 0 && now < r.said+elsewhereQuiet {
		return false
	}
	r.said = now
	return true
}

// orElsewhere is the fault for a domain that is unknown in its world; if it is known in another
// region of the account, the fault and the log say so.
func (s *actions) orElsewhere(ctx context.Context, w engine.World, name string, err error) error {
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok || f.Code != wire.CodeUnknownResourceFault {
		return err
	}
	for _, region := range s.regions.others(w, s.Region) {
		there := w
		there.Region = region
		if _, err := s.readDomain(ctx, there, name); err != nil {
			continue
		}
		if s.regions.tells(s.Clock()) {
			s.Log.Warn("a call names a domain that is unknown in its region, and known in another; is the client's region right?",
				"domain", name, "account", w.Account, "region", w.Region, "known_in", region)
		}
		told := *f
		told.Header = http.Header{elsewhereHeader: {region}}
		return &told
	}
	return err
}
