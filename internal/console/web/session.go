package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/pack"
	"heddle/internal/token"
)

// How long things last.
const (
	sessionMax  = 12 * time.Hour
	sessionIdle = time.Hour
	seenEvery   = time.Minute // how often a cookie is made anew, to say when it was used
	linkMax     = 60 * time.Second
)

// Keys knows whom access keys stand for; it is the directory of accounts. Errors:
// credentials.ErrUnknown.
type Keys interface {
	Lookup(ctx context.Context, keyID, token string) (*account.Caller, error)
}

// session is somebody who has signed in. It is kept in a cookie, sealed, and nowhere else.
type session struct {
	key   string             // the id of the access key
	token credentials.Secret // of temporary credentials; empty: the key is for good
	proof [16]byte           // of the key's secret: it may be replaced
	since time.Time
	seen  time.Time
	id    [16]byte
}

// family is of cookies; a new layout takes a new one.
const family token.Family = "console.session.1"

func newSession(who *account.Caller, now time.Time) *session {
	s := &session{key: who.KeyID, token: who.Token, proof: proofOf(who), since: now, seen: now}
	rand.Read(s.id[:])
	return s
}

// proofOf tells secrets apart.
func proofOf(who *account.Caller) [16]byte {
	sum := sha256.Sum256([]byte("heddle console\x00" + string(who.Secret)))
	return [16]byte(sum[:16])
}

func (s *session) seal(with *token.Sealer) (string, error) {
	b := pack.Text(nil, s.key)
	b = pack.Text(b, s.token)
	b = pack.Int(b, s.since.UnixMilli())
	b = pack.Int(b, s.seen.UnixMilli())
	b = append(b, s.proof[:]...)
	b = append(b, s.id[:]...)
	return with.Seal(family, engine.World{}, b)
}

func openSession(with *token.Sealer, text string) (*session, error) {
	b, err := with.Open(family, engine.World{}, text)
	if err != nil {
		return nil, err
	}
	r, s := pack.Read(b), &session{}
	s.key, s.token = r.Text(), credentials.Secret(r.Text())
	s.since, s.seen = time.UnixMilli(r.Int()), time.UnixMilli(r.Int())
	r.Fill(s.proof[:])
	r.Fill(s.id[:])
	return s, r.Done()
}

// errEnded says that a session is over, or never was one.
var errEnded = errors.New("the session has ended")

// standing gives who a session is of, if it still stands: it ends with its time, when it was
// ended, and with the key that it rests on. Errors: errEnded, and what Keys gives.
func (c *Console) standing(ctx context.Context, s *session) (*account.Caller, error) {
	now := c.Now()
	if now.Sub(s.since) >= sessionMax || now.Sub(s.seen) >= sessionIdle || c.ended.has(s.id, now) {
		return nil, errEnded
	}
	who, err := c.keyHolder(ctx, s.key, s.token)
	if err != nil {
		return nil, err
	}
	if proof := proofOf(who); subtle.ConstantTimeCompare(proof[:], s.proof[:]) != 1 {
		return nil, errEnded
	}
	return who, nil
}

// keyHolder gives who has a key that may be used now. Errors: errEnded, and what Keys gives.
func (c *Console) keyHolder(ctx context.Context, key string, token credentials.Secret) (*account.Caller, error) {
	who, err := c.Keys.Lookup(ctx, key, string(token))
	switch {
	case errors.Is(err, credentials.ErrUnknown):
		return nil, errEnded
	case err != nil:
		return nil, fmt.Errorf("look up access key %q: %w", key, err)
	case subtle.ConstantTimeCompare([]byte(who.Token), []byte(token)) != 1:
		return nil, errEnded
	case !who.Expires.IsZero() && !c.Now().Before(who.Expires):
		return nil, errEnded
	}
	return who, nil
}

// cookieName is what the cookie of a session is called. Over TLS no other host, and no page
// that came without TLS, can have set it.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-heddle"
	}
	return "heddle-console"
}

// setSession gives the browser a session; nil takes it away.
func (c *Console) setSession(w http.ResponseWriter, r *http.Request, s *session) error {
	cookie := &http.Cookie{Name: cookieName(r), Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil}
	if s != nil {
		text, err := s.seal(c.Sealer)
		if err != nil {
			return err
		}
		cookie.Value, cookie.MaxAge = text, int(sessionMax/time.Second)
	}
	http.SetCookie(w, cookie)
	return nil
}

// sessionOf is the session that a request brings; nil: none that can be read.
func (c *Console) sessionOf(r *http.Request) *session {
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return nil
	}
	s, err := openSession(c.Sealer, cookie.Value)
	if err != nil {
		return nil
	}
	return s
}

// ended are sessions whose owners have signed out. That is known to this process, until they
// would have ended anyway.
type ended struct {
	mu  sync.Mutex
	ids map[[16]byte]time.Time // when it is over
}

// endedMax bounds them; who would have it forget one must sign out as often.
const endedMax = 100_000

func (e *ended) add(id [16]byte, until, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ids == nil {
		e.ids = map[[16]byte]time.Time{}
	}
	if len(e.ids) >= endedMax {
		for id, until := range e.ids {
			if len(e.ids) >= endedMax || !now.Before(until) {
				delete(e.ids, id)
			}
		}
	}
	e.ids[id] = until
}

func (e *ended) has(id [16]byte, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	until, has := e.ids[id]
	return has && now.Before(until)
}

// Links are the one-time links by which callers of the API sign in: each is of 256 random
// bits, works once, within a minute, and is in memory only.
type Links struct {
	now func() time.Time

	mu    sync.Mutex
	links map[[32]byte]link // by the digest of its token
	of    map[string]int    // how many each key has
}

type link struct {
	key    string
	token  credentials.Secret
	region string
	until  time.Time
}

const (
	linksMax    = 10_000
	linksPerKey = 20
)

// NewLinks has no links.
func NewLinks(now func() time.Time) *Links {
	return &Links{now: now, links: map[[32]byte]link{}, of: map[string]int{}}
}

// ErrLinks says that there are too many links that nobody has used yet.
var ErrLinks = errors.New("too many links wait to be used; they end within a minute")

var linkText = base64.RawURLEncoding.Strict()

// Make makes a link for whoever has a key, to begin in a region. Errors: ErrLinks.
func (l *Links) Make(who *account.Caller, region string) (text string, until time.Time, err error) {
	var secret [32]byte
	rand.Read(secret[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for digest, old := range l.links {
		if !now.Before(old.until) {
			l.remove(digest)
		}
	}
	if len(l.links) >= linksMax || l.of[who.KeyID] >= linksPerKey {
		return "", time.Time{}, ErrLinks
	}
	until = now.Add(linkMax)
	l.links[sha256.Sum256(secret[:])] = link{who.KeyID, who.Token, region, until}
	l.of[who.KeyID]++
	return linkText.EncodeToString(secret[:]), until, nil
}

func (l *Links) remove(digest [32]byte) {
	key := l.links[digest].key
	delete(l.links, digest)
	if l.of[key]--; l.of[key] <= 0 {
		delete(l.of, key)
	}
}

// take uses a link up.
func (l *Links) take(text string) (link, bool) {
	secret, err := linkText.DecodeString(text)
	if err != nil || len(secret) != 32 {
		return link{}, false
	}
	digest := sha256.Sum256(secret)
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.links[digest]
	if !ok {
		return link{}, false
	}
	l.remove(digest)
	return found, l.now().Before(found.until)
}

// tries count how often a secret was typed in a minute, for a key from an address, and from
// an address for any key.
type tries struct {
	mu     sync.Mutex
	minute time.Time
	of     map[try]int
}

type try struct{ key, address string }

const (
	triesPerKey     = 5
	triesPerAddress = 30
	triesMax        = 10_000
)

// may counts a try, if there may be another one.
func (t *tries) may(key, address string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(t.minute) {
		t.minute, t.of = minute, map[try]int{}
	}
	one, all := try{cmp.Or(key, "-"), address}, try{"", address}
	if t.of[one] >= triesPerKey || t.of[all] >= triesPerAddress || len(t.of) >= triesMax && t.of[one] == 0 {
		return false
	}
	t.of[one]++
	t.of[all]++
	return true
}
