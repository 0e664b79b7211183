package account

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/policy"
)

// weigh adds up what is remembered.
func (c *callers) weigh(t *testing.T) {
	t.Helper()
	c.mu.RLock()
	defer c.mu.RUnlock()
	bytes, holders := 0, map[*policy.Policy]int{}
	for _, w := range c.known {
		bytes += w.bytes
		w.eachPolicy(func(p *policy.Policy) bool { holders[p]++; return true })
	}
	for sum, v := range c.policies {
		bytes += v.bytes
		if v.sum != sum || c.held[v.policy] != v || v.holders != holders[v.policy] {
			t.Fatalf("a policy has %d holders, %d are told", holders[v.policy], v.holders)
		}
		delete(holders, v.policy)
	}
	if delete(holders, everything); len(holders) > 0 || len(c.held) != len(c.policies) {
		t.Fatalf("%d policies of callers are not weighed; %d are held, %d known", len(holders), len(c.held), len(c.policies))
	}
	if bytes != c.bytes || bytes > c.max {
		t.Fatalf("%d bytes are remembered, %d are told, %d may be", bytes, c.bytes, c.max)
	}
}

// largest is a policy as large as it may be, each another, of short patterns: they weigh
// most for their length.
func largest(n, size int) string {
	head, tail := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"s%d","Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":["*b*"`, n), `]}}}]}`
	return head + strings.Repeat(`,"*b*"`, (size-len(head)-len(tail))/6) + tail
}

// flood has a role with as many and as large policies as there may be assumed so often, each
// time with another session policy and other tags, all as large as they may be, and every
// session look up.
func (d *town) flood(sessions int, each func(c *Caller)) {
	l := DefaultLimits()
	role := Entity{Ref: Ref{Role, "worker"}, Path: "/", ID: "AROAWORKER", Trust: trustEverybody, SessionSecondsMax: 3600}
	d.do(CreateEntity{role})
	for i := range l.AttachedPerEntityMax {
		made := d.do(CreatePolicy{New: Policy{Name: fmt.Sprint("p", i), Path: "/", ID: fmt.Sprint("ANPA", i)}, Document: largest(i, l.PolicyMax)}).(*Policy)
		d.do(Attach{Of: role.Ref, Policy: made.ARN(storyOwner)})
	}
	d.user("flooder")
	key := d.key("flooder")
	source := d.lookup(key.KeyID, "")
	for i := range sessions {
		s := &Session{
			ID: role.ID, Name: strings.Repeat("n", 64), From: source.from, Limited: true, Policy: largest(i, 2048), Issued: time.Unix(1000, 0),
		}
		for j := range 8 { // more do not fit into a token
			s.Tags = append(s.Tags, Tag{Key: fmt.Sprint(j) + strings.Repeat("é", 126), Value: strings.Repeat("é", 256)})
		}
		pair, token := d.session(s)
		each(d.lookup(pair.KeyID, token))
	}
}

const trustEverybody = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"` + storyAccount + `"}}}`

// TestCallersAreWeighed floods a directory with the heaviest callers: what is remembered
// stays below its bound, also as the heap sees it; all sessions of a role share its policies.
func TestCallersAreWeighed(t *testing.T) {
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	d := newTown(t)
	d.known = newCallers(8 << 20)
	before, n, most := heap(), 0, 0
	var first []policy.Attached
	d.flood(400, func(c *Caller) {
		d.known.weigh(t)
		if first == nil {
			first = c.Policies.Identity
		}
		for i := range first {
			if c.Policies.Identity[i].Policy != first[i].Policy {
				t.Fatalf("session %d has the policy %q for itself", n, first[i].Source)
			}
		}
		if n++; n%100 == 0 {
			most = max(most, heap()-before)
		}
	})
	first = nil
	if len(d.known.known) < 10 || len(d.known.known) > 300 {
		t.Errorf("%d callers are remembered", len(d.known.known))
	}
	if most > d.known.max+4<<20 { // the account itself, and the table of uses
		t.Errorf("the heap grew by %d bytes; %d may be remembered", most, d.known.max)
	}
	t.Logf("%d sessions of %d policies: %d callers and %d policies are remembered, of %d bytes; the heap grew by %d at most",
		n, DefaultLimits().AttachedPerEntityMax+1, len(d.known.known), len(d.known.policies), d.known.bytes, most)
}

// TestCallersAtRandom remembers and forgets at random, with bounds that are soon reached:
// weights add up at each moment, and no caller is another's.
func TestCallersAtRandom(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := newCallers(10_000 + random.IntN(200_000))
		for range 500 {
			account := fmt.Sprint("account", random.IntN(3))
			name := fmt.Sprint("user", random.IntN(50))
			switch random.IntN(20) {
			case 0:
				c.removeOf(account)
				if got := c.get(account + name); got != nil {
					t.Fatal("a forgotten caller is there")
				}
			case 1, 2, 3:
				if got := c.get(account + name); got != nil && (got.Account != account || got.Of.Name != name) {
					t.Fatalf("got %s of %s for %s of %s", got.Of.Name, got.Account, name, account)
				}
			default:
				e := &Entity{Ref: Ref{User, name}, Path: "/", ID: "AIDA" + name}
				for i := range random.IntN(5) {
					e.Inline = append(e.Inline, Inline{Name: fmt.Sprint(i), Document: largest(random.IntN(20), 200+random.IntN(2)*2000)})
				}
				found, err := newUser(arn.Owner{Partition: arn.AWS, Account: account}, credentials.Credential{Account: account, KeyID: account + name}, &Grants{Entity: e, known: c})
				if err != nil {
					t.Fatal(err)
				}
				c.put(account+name, found)
			}
			c.weigh(t)
		}
	}
}
