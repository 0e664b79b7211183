package account

import (
	"crypto/sha256"
	"slices"
	"sync"
	"unsafe"

	"heddle/internal/aws/policy"
)

// callersBytesMax is how much memory the callers that a Directory remembers may take, with
// their policies.
const callersBytesMax = 64 << 20

// callers are those that a Directory remembers, up to a weight. A policy that several of
// them have is there once, so a thousand sessions of a role weigh little more than one.
// Policies stay when their callers go, as long as there is room: after a change of an
// account all callers are found anew, and most policies are as before.
type callers struct {
	max int // bytes

	mu       sync.RWMutex
	bytes    int                 // of all that follows
	known    map[string]*weighed // by key id; the tokens of sessions were verified
	policies map[[sha256.Size]byte]*parsed
	held     map[*policy.Policy]*parsed // the same
}

// weighed is a caller with what it weighs without its policies.
type weighed struct {
	*Caller
	bytes int
}

// parsed is a policy that was read.
type parsed struct {
	sum     [sha256.Size]byte
	policy  *policy.Policy
	bytes   int
	holders int // callers that have it
}

func newCallers(max int) *callers {
	return &callers{max: max, known: map[string]*weighed{}, policies: map[[sha256.Size]byte]*parsed{}, held: map[*policy.Policy]*parsed{}}
}

// get gives the caller of a key, or nil.
func (c *callers) get(keyID string) *Caller {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if w := c.known[keyID]; w != nil {
		return w.Caller
	}
	return nil
}

// parse reads a policy, unless it was read before. Without callers it always reads it.
func (c *callers) parse(document string) (*policy.Policy, error) {
	if c == nil {
		return policy.Parse([]byte(document))
	}
	sum := sha256.Sum256([]byte(document))
	c.mu.RLock()
	found := c.policies[sum]
	c.mu.RUnlock()
	if found != nil {
		return found.policy, nil
	}
	p, err := policy.Parse([]byte(document))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.policies[sum]; found != nil { // somebody was faster
		return found.policy, nil
	}
	v := &parsed{sum: sum, policy: p, bytes: p.Bytes() + parsedBytes}
	if v.bytes > c.max/2 {
		return p, nil
	}
	c.policies[sum], c.held[p] = v, v
	c.bytes += v.bytes
	c.trim("", p)
	return p, nil
}

// What an entry of the tables takes beside what it holds: its own fields, keys, and the
// tables' room, which may be twice what is in them.
const (
	parsedBytes = int(unsafe.Sizeof(parsed{})) + 2*(sha256.Size+8+8+8) + 32
	callerBytes = int(unsafe.Sizeof(Caller{})+unsafe.Sizeof(weighed{})) + 2*(16+8) + 64
)

// put remembers the caller of a key.
func (c *callers) put(keyID string, caller *Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(keyID)
	w := &weighed{caller, caller.ownBytes() + len(keyID) + 16}
	if w.bytes > c.max/2 || !caller.eachPolicy(func(p *policy.Policy) bool { return c.held[p] != nil || p == everything }) {
		return // what it has was forgotten meanwhile, or never kept
	}
	caller.eachPolicy(func(p *policy.Policy) bool {
		if v := c.held[p]; v != nil {
			v.holders++
		}
		return true
	})
	c.known[keyID] = w
	c.bytes += w.bytes
	c.trim(keyID, nil)
}

// remove forgets the caller of a key.
func (c *callers) remove(keyID string) {
	w := c.known[keyID]
	if w == nil {
		return
	}
	delete(c.known, keyID)
	c.bytes -= w.bytes
	w.eachPolicy(func(p *policy.Policy) bool {
		if v := c.held[p]; v != nil {
			v.holders--
		}
		return true
	})
}

// removeOf forgets the callers who rest on an account.
func (c *callers) removeOf(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for keyID, w := range c.known {
		if slices.Contains(w.accounts(), account) {
			c.remove(keyID)
		}
	}
}

// trim makes room: policies that nobody has go first, then callers, whichever come, but for
// what was just added; at last that, too. Some room more is made, so that it need not be
// done each time.
func (c *callers) trim(keyID string, added *policy.Policy) {
	if c.bytes <= c.max {
		return
	}
	goal := c.max - c.max/8
	c.trimPolicies(goal, added)
	for other, w := range c.known {
		if c.bytes <= goal {
			return
		}
		if other == keyID {
			continue
		}
		c.remove(other)
		w.eachPolicy(func(p *policy.Policy) bool {
			if v := c.held[p]; v != nil && v.holders == 0 && p != added {
				c.drop(v)
			}
			return true
		})
	}
	if c.bytes > c.max {
		c.remove(keyID)
		c.trimPolicies(goal, nil)
	}
}

func (c *callers) trimPolicies(goal int, added *policy.Policy) {
	for _, v := range c.policies {
		if c.bytes <= goal {
			return
		}
		if v.holders == 0 && v.policy != added {
			c.drop(v)
		}
	}
}

func (c *callers) drop(v *parsed) {
	delete(c.policies, v.sum)
	delete(c.held, v.policy)
	c.bytes -= v.bytes
}

// eachPolicy visits the caller's policies, until visit says false.
func (c *Caller) eachPolicy(visit func(*policy.Policy) bool) bool {
	for _, layer := range [][]policy.Attached{c.Policies.Identity, c.Policies.Groups, c.Policies.Boundary, c.Policies.Session} {
		for i := range layer {
			if !visit(layer[i].Policy) {
				return false
			}
		}
	}
	return true
}

// ownBytes is what the caller weighs without its policies.
func (c *Caller) ownBytes() int {
	n := callerBytes
	text := func(s string) { n += len(s) + len(s)/8 + 16 }
	for _, s := range []string{
		c.KeyID, string(c.Secret), string(c.Token), c.Account, c.Credential.Principal, c.UserID, c.Of.Name,
		c.Principal.ARN, c.Principal.ID, c.Principal.Session, c.Principal.SessionID, c.from.Account, c.from.Key,
	} {
		text(s)
	}
	n += len(c.from.Proof) + 16
	for _, who := range c.from.Through {
		text(who.Account)
		text(who.ID)
		n += int(unsafe.Sizeof(who))
	}
	n += cap(c.Context) * int(unsafe.Sizeof(policy.Value{}))
	for _, v := range c.Context {
		text(v.Key)
		text(v.Value)
	}
	for _, layer := range [][]policy.Attached{c.Policies.Identity, c.Policies.Groups, c.Policies.Boundary, c.Policies.Session} {
		n += cap(layer) * int(unsafe.Sizeof(policy.Attached{}))
		for i := range layer {
			text(layer[i].Source)
		}
	}
	return n
}
