package account

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/credentials"
	"heddle/internal/engine"
)

// Runs takes commands to accounts.
type Runs interface {
	Do(ctx context.Context, c engine.Command) (reply any, err error)
}

// Config is what a Directory is given.
type Config struct {
	Runs   Runs
	Rules  *Rules // those of Kind that the runs follow
	Sealer *Sealer
	// Roots are those of root users. An account that has none is not there: none of its
	// keys is known, and no other account can have to do with it.
	Roots []credentials.Credential
	// Partition is that of all accounts; empty: the first.
	Partition string
	// LastUse is of an access key at any of several servers; nil: there is one.
	LastUse func(account, keyID string) Use
}

// Directory knows whom access keys stand for, and is the way to accounts. It
// remembers the callers it has found until their account changes.
type Directory struct {
	Config
	roots    atomic.Pointer[map[string]*Caller] // by key id; what it leads to is not changed
	accounts map[string]bool

	known *callers

	mu      sync.RWMutex
	changes map[string]uint64         // of each account
	used    map[string]map[string]Use // of each account, by key id
}

// Use is when and where an access key was last used.
type Use struct {
	At              time.Time
	Service, Region string
}

// usesMax bounds the uses that a Directory remembers of an account, of some 200 bytes each.
const usesMax = 10_000

// NewDirectory is a Directory.
func NewDirectory(c Config) *Directory {
	d := &Directory{
		Config: c, accounts: map[string]bool{},
		known: newCallers(callersBytesMax), changes: map[string]uint64{}, used: map[string]map[string]Use{},
	}
	for _, root := range c.Roots {
		d.accounts[root.Account] = true
	}
	d.SetRoots(c.Roots)
	return d
}

// SetRoots exchanges the root key pairs, of the same accounts. What rests on one that has gone
// ends.
func (d *Directory) SetRoots(all []credentials.Credential) {
	roots := map[string]*Caller{}
	for _, root := range all {
		roots[root.KeyID] = newRoot(d.Owner(root.Account), root)
	}
	d.roots.Store(&roots)
	for account := range d.accounts {
		d.changed(account)
	}
}

// rootBy is who has a root key pair by its id; nil: nobody.
func (d *Directory) rootBy(keyID string) *Caller { return (*d.roots.Load())[keyID] }

// Has tells whether an account is there.
func (d *Directory) Has(account string) bool { return d.accounts[account] }

// Owner is an account with its partition.
func (d *Directory) Owner(account string) arn.Owner {
	return arn.Owner{Partition: cmp.Or(d.Partition, arn.AWS), Account: account}
}

// Len is how many accounts are there.
func (d *Directory) Len() int { return len(d.accounts) }

// Do takes a command to an account. What it changed counts for the next Lookup.
func (d *Directory) Do(ctx context.Context, account string, body any) (any, error) {
	body, err := d.bindTrust(ctx, account, body)
	if err != nil {
		return nil, err
	}
	cmd := command(d.Owner(account), body)
	if reads(body) {
		reply, err := d.Runs.Do(ctx, cmd)
		return d.orEmpty(cmd, reply, err)
	}
	defer d.changed(account)
	// Whoever hangs up must not leave before the change is there: what we remember
	// would be of before.
	reply, err := d.Runs.Do(context.WithoutCancel(ctx), cmd)
	return d.orEmpty(cmd, reply, err)
}

// orEmpty answers for an account in which nothing was ever created.
func (d *Directory) orEmpty(cmd engine.Command, reply any, err error) (any, error) {
	if _, absent := errors.AsType[*engine.UnknownRunError](err); !absent {
		return reply, err
	}
	turn, err := d.Rules.Handle(d.Rules.New(engine.Identity{Name: cmd.Name}), cmd.Body, engine.Input{})
	return turn.Reply, err
}

// ForgetCallers has all callers looked up again: somebody else may have changed their
// accounts.
func (d *Directory) ForgetCallers() {
	for account := range d.accounts {
		d.changed(account)
	}
}

// changed forgets the callers of an account.
func (d *Directory) changed(account string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes[account]++
	d.known.removeOf(account)
}

// Lookup tells whom an access key stands for; token is that of the request. It
// does not ask whether a session has expired. Errors: credentials.ErrUnknown.
func (d *Directory) Lookup(ctx context.Context, keyID, token string) (*Caller, error) {
	if root := d.rootBy(keyID); root != nil {
		return root, nil
	}
	known := d.known.get(keyID)
	if known != nil && subtle.ConstantTimeCompare([]byte(known.Token), []byte(token)) == 1 {
		return known, nil
	}
	account, ok := credentials.AccountOf(keyID)
	if !ok || !d.accounts[account] {
		return nil, credentials.ErrUnknown
	}
	d.mu.RLock()
	changes := maps.Clone(d.changes)
	d.mu.RUnlock()
	found, err := d.find(ctx, account, keyID, credentials.Secret(token))
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	current := true // else what we found may be of before
	for _, account := range found.accounts() {
		current = current && d.changes[account] == changes[account]
	}
	if current {
		d.known.put(strings.Clone(keyID), found) // keyID is a part of a request's header
	}
	return found, nil
}

func (d *Directory) find(ctx context.Context, account, keyID string, token credentials.Secret) (*Caller, error) {
	switch {
	case credentials.IsSession(keyID):
		return d.findSession(ctx, account, keyID, token)
	case token != "":
		return nil, credentials.ErrUnknown
	}
	g, err := d.grants(ctx, account, Resolve{Key: keyID})
	if err != nil {
		return nil, err
	}
	for _, k := range g.Entity.Keys {
		if k.ID != keyID || k.Inactive {
			continue
		}
		secret, err := d.Sealer.openSecret(k)
		if err != nil {
			return nil, err
		}
		return newUser(d.Owner(account), credentials.Credential{KeyID: k.ID, Secret: secret, Account: account}, &g)
	}
	return nil, credentials.ErrUnknown
}

// findSession reads a session from its token. It is over when its user or role
// is gone, or anything else that it rests on.
func (d *Directory) findSession(ctx context.Context, account, keyID string, token credentials.Secret) (*Caller, error) {
	s, err := d.Sealer.openSession(keyID, token)
	if err != nil || s.Account != account {
		return nil, credentials.ErrUnknown
	}
	credential := credentials.Credential{
		KeyID: strings.Clone(keyID), Secret: s.Secret, Account: account,
		Token: credentials.Secret(strings.Clone(string(token))), Expires: s.Expires,
	}
	if err := d.stands(ctx, &s.From, account); err != nil {
		return nil, err
	}
	if s.ID == "" {
		c := newRoot(d.Owner(account), credential)
		return c, c.limit(s, &Grants{known: d.known})
	}
	further := make([]string, len(s.Policies))
	for i, p := range s.Policies {
		further[i] = p.ARN
	}
	g, err := d.grants(ctx, account, Resolve{ID: s.ID, Others: s.From.in(account), Further: further})
	if err != nil {
		return nil, err
	}
	var c *Caller
	if g.Entity.Type == Role {
		c, err = newRole(d.Owner(account), credential, &g, s)
	} else {
		c, err = newUser(d.Owner(account), credential, &g)
	}
	if err != nil {
		return nil, err
	}
	return c, c.limit(s, &g)
}

// stands tells whether the key that a session came from is what it was, and may be used,
// and whether all whom the session went through in other accounts than its own are there.
// Errors: credentials.ErrUnknown.
func (d *Directory) stands(ctx context.Context, on *Origin, own string) error {
	source, err := d.Lookup(ctx, on.Key, "")
	if err != nil {
		return err
	}
	if source.Account != on.Account || subtle.ConstantTimeCompare(proofOf(source.Secret), on.Proof) != 1 {
		return credentials.ErrUnknown
	}
	for _, account := range on.accounts() {
		ids := on.in(account)
		if account == own || len(ids) == 0 {
			continue
		}
		if !d.accounts[account] {
			return credentials.ErrUnknown
		}
		names, err := d.Do(ctx, account, NamePrincipals{ids})
		if err != nil {
			return err
		}
		for i, name := range names.([]string) {
			if name == ids[i] { // nobody's any more
				return credentials.ErrUnknown
			}
		}
	}
	return nil
}

// grants resolves; an entity that is not there makes its keys unknown.
func (d *Directory) grants(ctx context.Context, account string, r Resolve) (Grants, error) {
	reply, err := d.Do(ctx, account, r)
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.Code == NoSuchEntity {
		return Grants{}, credentials.ErrUnknown
	}
	if err != nil {
		return Grants{}, err
	}
	g := reply.(Grants)
	g.known = d.known
	return g, nil
}

// RootOf gives the account whose root key pair has an id.
func (d *Directory) RootOf(keyID string) (account string, ok bool) {
	if root := d.rootBy(keyID); root != nil {
		return root.Account, true
	}
	return "", false
}

// RootKey is who has the root key pair of an account, of two the first by its id; nil: there
// is none.
func (d *Directory) RootKey(account string) (first *Caller) {
	for _, root := range *d.roots.Load() {
		if root.Account == account && (first == nil || root.KeyID < first.KeyID) {
			first = root
		}
	}
	return first
}

// Root is the root user of an account, where nobody signs.
func (d *Directory) Root(account string) *Caller {
	return newRoot(d.Owner(account), credentials.Credential{Account: account})
}

// Used notes that a verified request came with an access key of an account. It is not stored:
// after a restart nobody knows of earlier uses. Nobody can ask about a session's, and
// whoever begins many must not make us forget the others.
func (d *Directory) Used(account, keyID string, u Use) {
	if credentials.IsSession(keyID) {
		return
	}
	d.mu.RLock()
	last := d.used[account][keyID]
	d.mu.RUnlock()
	if u.At.Sub(last.At) < time.Second && u.Service == last.Service && u.Region == last.Region {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if uses := d.used[account]; uses == nil || len(uses) >= usesMax {
		d.used[account] = map[string]Use{}
	}
	d.used[account][strings.Clone(keyID)] = Use{u.At, strings.Clone(u.Service), strings.Clone(u.Region)}
}

// LastUse tells of the last use of an account's access key at any server; zero: none is known.
func (d *Directory) LastUse(account, keyID string) Use {
	if d.Config.LastUse != nil {
		return d.Config.LastUse(account, keyID)
	}
	return d.LastUseHere(account, keyID)
}

// LastUseHere is LastUse at this server.
func (d *Directory) LastUseHere(account, keyID string) Use {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.used[account][keyID]
}
