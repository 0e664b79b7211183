package cluster

import (
	"slices"
	"strings"

	"heddle/internal/store"
)

// Who owns shards are members that all hear each other. If two don't, calls for what the one
// has fail at the other, though both reach the store; so one of the two has none until they
// do, and only passes calls on.

// unheardAfter is how many looks a member is without a link before it counts as not heard:
// a link that breaks is there again within one.
const unheardAfter = 3

// hearsAllBut begins what a member says that does not hear some; who hears all says nothing.
const hearsAllBut = "all but "

// Hears is what this node is to say of whom it hears; see store.Renewal.
func (c *Cluster) Hears() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var unheard []string
	for member, looks := range c.silent {
		if looks >= unheardAfter {
			unheard = append(unheard, member)
		}
	}
	if len(unheard) == 0 {
		return ""
	}
	slices.Sort(unheard)
	return hearsAllBut + strings.Join(unheard, " ")
}

// listen counts for how many looks each of the others has had no link.
func (c *Cluster) listen(others []store.Member) {
	before := c.silent
	c.silent = map[string]int{}
	for _, m := range others {
		if !c.linked[m.ID] {
			c.silent[m.ID] = min(before[m.ID]+1, unheardAfter)
		}
	}
}

// eligible are those of some members, in the order of their names, that may own shards. Of
// those that don't all hear each other whoever misses most goes, the greatest name first.
func eligible(members []store.Member) (able []store.Member) {
	unheard := map[[2]string]bool{}
	for _, m := range members {
		if !m.Leaving {
			able = append(able, m)
		}
		if list, some := strings.CutPrefix(m.Hears, hearsAllBut); some {
			for _, other := range strings.Fields(list) {
				unheard[[2]string{m.ID, other}], unheard[[2]string{other, m.ID}] = true, true
			}
		}
	}
	for len(unheard) > 0 {
		at, most := -1, 1
		for i, m := range able {
			missing := 0
			for _, other := range able {
				if unheard[[2]string{m.ID, other.ID}] {
					missing++
				}
			}
			if missing >= most {
				at, most = i, missing
			}
		}
		if at < 0 {
			break
		}
		able = slices.Delete(able, at, at+1)
	}
	return able
}

// SetFit says whether this node may own shards, as one may not whose clock is wrong.
func (c *Cluster) SetFit(fit bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unfit = !fit
	c.give()
}

// Unfit tells what SetFit has said.
func (c *Cluster) Unfit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unfit
}

// CutOff tells whether this node may own no shards, since others don't hear it, or its clock
// is wrong.
func (c *Cluster) CutOff() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isCutOff(&c.homes[0])
}

// takesNone tells whether this node is to own no shards, though others may not know yet.
func (c *Cluster) takesNone() bool { return c.leaving || c.unfit }

// isAlone tells whether others should be asked for what this node does not reach: they don't hear it, or it is no member
// any more and has no link.
func (c *Cluster) isAlone(h *home) bool {
	return c.isCutOff(h) || !h.seen && len(c.linked) == 0 && len(c.members) > 1
}

// isCutOff tells whether this node is to give its shards of a home up though nobody may take them
// from it: others will find them free.
func (c *Cluster) isCutOff(h *home) bool {
	return c.unfit || !c.leaving && len(h.able) > 0 && !slices.ContainsFunc(h.able, func(m store.Member) bool { return m.ID == c.me })
}
