package server

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestPollsOfAnotherAccount: who takes all polls that there are leaves another account its part.
func TestPollsOfAnotherAccount(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: 20 * time.Second, Accounts: []string{other}, PollsMax: 4, ClientPercent: 100}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	there := rootKeyOf(t, cfg.Data, other)
	h.openShop()
	(&harness{t, s, there}).openShop()
	var polls sync.WaitGroup
	const poll = `{"domain":"shop","taskList":{"name":"l"}}`
	waits := func(key aws.Credentials, n int) {
		polls.Go(func() { h.ask(h.swf(key, "PollForDecisionTask", poll)) })
		waitUntil(t, "the poll waits", func() bool { return s.tasks.polls.Taken() == n })
	}
	for n := range 3 {
		waits(h.root, n+1)
	}
	h.refused("ThrottlingException", h.swf(h.root, "PollForDecisionTask", poll))
	waits(there, 4)
	closeServer(t, s)
	polls.Wait()
}

// TestAccountParts: whoever takes all that they can get leave each account its part.
func TestAccountParts(t *testing.T) {
	fill := func(p *accountParts, account string) (n int) {
		for p.take(account) {
			n++
		}
		return n
	}
	alone := newAccountParts(10, []string{"a"})
	if got := fill(alone, "a"); got != 10 {
		t.Errorf("an account that is alone has %d of 10", got)
	}
	p := newAccountParts(100, []string{"a", "b", "c", "d", "e"})
	if got := fill(p, "a"); got != 60 { // its part and the common half
		t.Errorf("the first has %d", got)
	}
	for _, account := range []string{"b", "c", "d"} {
		if got := fill(p, account); got != 10 {
			t.Errorf("%s has %d", account, got)
		}
	}
	if got := fill(p, "nobody's"); got != 0 {
		t.Errorf("who has no account takes %d of what is kept for others", got)
	}
	p.add("a", -25)
	if got := fill(p, "b"); got != 25 {
		t.Errorf("of 25 that were given back another has %d", got)
	}
	if got := fill(p, "e"); got != 10 {
		t.Errorf("the last has %d", got)
	}
	for account, n := range map[string]int{"a": 35, "b": 35, "c": 10, "d": 10, "e": 10} {
		if p.by[account] != n {
			t.Errorf("%s has %d, want %d", account, p.by[account], n)
		}
		p.add(account, -n)
	}
	if p.taken != 0 || p.owed != 50 {
		t.Errorf("in the end %d are taken and %d kept", p.taken, p.owed)
	}
}
