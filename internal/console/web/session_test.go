package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/iam/account"
	"heddle/internal/token"
)

// ring is a set of keys.
type ring map[string]*account.Caller

func (r ring) Lookup(_ context.Context, keyID, token string) (*account.Caller, error) {
	if who := r[keyID]; who != nil && string(who.Token) == token {
		return who, nil
	}
	return nil, credentials.ErrUnknown
}

func holder(key, secret string) *account.Caller {
	return &account.Caller{Credential: credentials.Credential{KeyID: key, Secret: credentials.Secret(secret), Account: "123456789012"}}
}

// desk is a console whose time is set by hand.
type desk struct {
	*Console
	now time.Time
}

func newDesk(keys Keys) *desk {
	d := &desk{now: time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)}
	d.Console = &Console{Config: Config{Keys: keys, Sealer: token.New([token.KeyBytes]byte{1}, rand.Reader), Now: func() time.Time { return d.now }}}
	return d
}

// TestSessionsEnd: after twelve hours, an hour without a page, and with the key or its secret.
func TestSessionsEnd(t *testing.T) {
	keys := ring{"AKIA1": holder("AKIA1", "s1")}
	for name, c := range map[string]struct {
		meanwhile func(*desk, *session)
		stands    bool
	}{
		"at once":                   {func(*desk, *session) {}, true},
		"within the hour":           {func(d *desk, _ *session) { d.now = d.now.Add(59 * time.Minute) }, true},
		"after an hour":             {func(d *desk, _ *session) { d.now = d.now.Add(time.Hour) }, false},
		"in use for twelve hours":   {func(d *desk, s *session) { d.now = d.now.Add(12*time.Hour - time.Second); s.seen = d.now }, true},
		"in use for twelve hours +": {func(d *desk, s *session) { d.now = d.now.Add(12 * time.Hour); s.seen = d.now }, false},
		"signed out":                {func(d *desk, s *session) { d.ended.add(s.id, d.now.Add(sessionMax), d.now) }, false},
		"another signed out":        {func(d *desk, s *session) { d.ended.add([16]byte{9}, d.now.Add(sessionMax), d.now) }, true},
		"the key is gone":           {func(d *desk, _ *session) { d.Keys = ring{} }, false},
		"another secret":            {func(d *desk, _ *session) { d.Keys = ring{"AKIA1": holder("AKIA1", "s2")} }, false},
		"credentials have expired": {func(d *desk, _ *session) {
			over := holder("AKIA1", "s1")
			over.Expires = d.now
			d.Keys = ring{"AKIA1": over}
		}, false},
	} {
		d := newDesk(keys)
		s := newSession(keys["AKIA1"], d.now)
		c.meanwhile(d, s)
		text, err := s.seal(d.Sealer)
		if err != nil {
			t.Fatal(err)
		}
		read, err := openSession(d.Sealer, text)
		if err != nil {
			t.Fatal(err)
		}
		if who, err := d.standing(t.Context(), read); (err == nil) != c.stands || err == nil && who.KeyID != "AKIA1" {
			t.Errorf("%s: %v, want that it stands: %v", name, err, c.stands)
		}
	}
}

// TestCookiesAreSealed: none that was changed, or that another server made, is read.
func TestCookiesAreSealed(t *testing.T) {
	d := newDesk(ring{})
	text, err := newSession(holder("AKIA1", "s1"), d.now).seal(d.Sealer)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "AKIA1") || len(text) > 400 {
		t.Errorf("the cookie is %s", text)
	}
	for i := range text {
		changed := text[:i] + string("AB"[(text[i]&1)]) + text[i+1:]
		if changed == text {
			continue
		}
		if s, err := openSession(d.Sealer, changed); err == nil {
			t.Fatalf("a cookie that was changed at %d is of %s", i, s.key)
		}
	}
	if _, err := openSession(token.New([token.KeyBytes]byte{2}, rand.Reader), text); err == nil {
		t.Error("another server's cookie was read")
	}
}

// TestLinksAreForAMinuteAndOnce.
func TestLinksAreForAMinuteAndOnce(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := NewLinks(func() time.Time { return now })
	who := holder("AKIA1", "s1")
	make1 := func() string {
		t.Helper()
		text, until, err := l.Make(who, "eu-west-1")
		if err != nil || !until.Equal(now.Add(time.Minute)) || len(text) != 43 {
			t.Fatalf("%q until %v, %v", text, until, err)
		}
		return text
	}
	text := make1()
	if got, ok := l.take(text); !ok || got.key != "AKIA1" || got.region != "eu-west-1" {
		t.Errorf("%+v %v", got, ok)
	}
	for _, wrong := range []string{text, "", "x", text + "A", strings.Repeat("A", 43)} {
		if _, ok := l.take(wrong); ok {
			t.Errorf("%q was taken", wrong)
		}
	}
	late, soon := make1(), make1()
	now = now.Add(59 * time.Second)
	if _, ok := l.take(soon); !ok {
		t.Error("a link did not last for 59 seconds")
	}
	now = now.Add(time.Second)
	if _, ok := l.take(late); ok {
		t.Error("a link lasted for a minute")
	}
	// One key can't have all of them, and what nobody uses ends.
	for range linksPerKey {
		make1()
	}
	if _, _, err := l.Make(who, "x"); err == nil {
		t.Error("a key may have any number of links")
	}
	if _, _, err := l.Make(holder("AKIA2", "s"), "x"); err != nil {
		t.Errorf("another key: %v", err)
	}
	now = now.Add(time.Minute)
	make1()
	if len(l.links) != 1 || len(l.of) != 1 {
		t.Errorf("%d links, of %d keys", len(l.links), len(l.of))
	}
}

// TestSecretsMayBeTriedFiveTimesAMinute for a key from an address, and other keys from it for
// longer; an address does not shut out another.
func TestSecretsMayBeTriedFiveTimesAMinute(t *testing.T) {
	var tries tries
	now := time.Unix(1_800_000_000, 0).Truncate(time.Minute)
	count := func(key, address string) (n int) {
		for range 100 {
			if tries.may(key, address, now) {
				n++
			}
		}
		return n
	}
	if a, b, c := count("k1", "a"), count("k2", "a"), count("k1", "b"); a != 5 || b != 5 || c != 5 {
		t.Errorf("%d, %d and %d tries", a, b, c)
	}
	all := 0
	for i := range 100 {
		all += count(strings.Repeat("k", i+3), "c")
	}
	if all != 30 {
		t.Errorf("%d tries from an address", all)
	}
	now = now.Add(time.Minute)
	if n := count("k1", "a"); n != 5 {
		t.Errorf("%d tries in the next minute", n)
	}
	at := netip.MustParseAddr("10.0.0.0")
	for range 2 * triesMax {
		at = at.Next()
		tries.may("k", at.String(), now)
	}
	if len(tries.of) > triesMax+1 {
		t.Errorf("%d are remembered", len(tries.of))
	}
}

// TestEndedSessionsAreBounded.
func TestEndedSessionsAreBounded(t *testing.T) {
	var e ended
	now := time.Unix(1_800_000_000, 0)
	for i := range endedMax + 10 {
		e.add([16]byte{byte(i), byte(i >> 8), byte(i >> 16)}, now.Add(time.Hour), now)
	}
	if len(e.ids) > endedMax {
		t.Errorf("%d are kept", len(e.ids))
	}
	last := endedMax + 9
	if !e.has([16]byte{byte(last), byte(last >> 8), byte(last >> 16)}, now) {
		t.Error("the last one is forgotten")
	}
}

// TestPathsHoldAnyName: a name of a path comes back as it was, whatever browsers and servers
// make of paths, and is no page of another kind.
func TestPathsHoldAnyName(t *testing.T) {
	mux, got := http.NewServeMux(), ""
	mux.HandleFunc("GET /console/{region}/{domain}", func(_ http.ResponseWriter, r *http.Request) {
		got = (&visit{Request: r}).named("domain")
	})
	mux.HandleFunc("GET /console/{region}/-server", func(http.ResponseWriter, *http.Request) { got = "the page of the server" })
	for _, name := range []string{"shop", ".", "..", "...", "~", "~~x", "-server", "~-server", "a/b", "a//b", "%2F", "?x=1", "#", "ä ö", "a+b", `"<>`, "%", "\\", ";", "a..b"} {
		got = ""
		path := pathOf("us-east-1", name)
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		if got != name {
			t.Errorf("%q came back as %q by %s", name, got, path)
		}
	}
	if got := pathOfExecution("us-east-1", "shop", "a/b", "22Ab+/w8x="); got != "/console/us-east-1/shop/executions/a%2Fb/22Ab-_w8x=" {
		t.Errorf("a run is at %s", got)
	}
}

// TestTimesAreRead as people type them.
func TestTimesAreRead(t *testing.T) {
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-01-30": "2026-01-30T00:00:00Z", "2026-01-30 07:15": "2026-01-30T07:15:00Z", "2026-01-30T07:15:09": "2026-01-30T07:15:09Z", "2026-01-30T07:15:09.250+02:00": "2026-01-30T05:15:09Z",
		"90m": "2026-01-31T06:30:00Z", "3h": "2026-01-31T05:00:00Z", "2d": "2026-01-29T08:00:00Z", "45s": "2026-01-31T07:59:15Z",
		"": "", "yesterday": "", "3": "", "h": "", "3hh": "", "-3h": "", "3 h": "", "99999999d": "", "1969-01-01": "", "2026-13-01": "", "03h": "",
	} {
		got := ""
		if at, ok := parseTime(text, now); ok {
			got = time.UnixMilli(int64(at)).UTC().Format("2006-01-02T15:04:05Z")
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
