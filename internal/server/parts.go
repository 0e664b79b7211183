package server

import "sync"

// accountParts keep for each account a part of something of which there may be so much at a
// time: half of all is shared out equally, and stays free for whom it is for; the other
// half is for whoever comes. So no account, from however many addresses, can keep another
// from being served. Of one account alone nothing is kept.
type accountParts struct {
	max, each int

	mu    sync.Mutex // guards what follows
	taken int
	by    map[string]int // of accounts; who is none of them has no part
	owed  int            // what is kept free for accounts
}

func newAccountParts(max int, accounts []string) *accountParts {
	p := &accountParts{max: max, by: map[string]int{}}
	if len(accounts) > 1 {
		p.each = max / 2 / len(accounts)
	}
	for _, account := range accounts {
		p.by[account] = 0
		p.owed += p.each
	}
	return p
}

// take takes one for an account, if it leaves the others what is theirs.
func (p *accountParts) take(account string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken+p.owed-p.owes(account) >= p.max {
		return false
	}
	p.put(account, 1)
	return true
}

// add gives n to an account, or takes them back, whatever the bounds.
func (p *accountParts) add(account string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(account, n)
}

// owes is what is kept free for an account; mu is held, as in put.
func (p *accountParts) owes(account string) int {
	has, known := p.by[account]
	if !known {
		return 0
	}
	return max(0, p.each-has)
}

func (p *accountParts) put(account string, n int) {
	p.taken += n
	if _, known := p.by[account]; known {
		p.owed -= p.owes(account)
		p.by[account] += n
		p.owed += p.owes(account)
	}
}
