package web

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/credentials"
	"heddle/internal/iam/account"
)

type signInView struct {
	Frame
	To      string
	ByForm  bool   // a secret may be typed here
	Already string // who has signed in, whom a link must not replace unasked
	Wrong   string
}

// signInPage shows how to sign in. The script on it sends the token of a link, which stands
// behind the # of the address and so in no log.
func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	c.showSignIn(w, r, r.URL.Query().Get("to"), "", 0)
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, to, wrong string, status int) {
	if c.Anyone != nil {
		http.Redirect(w, r, Prefix, http.StatusSeeOther)
		return
	}
	view := &signInView{Frame: c.frameOf(r, nil), To: ownPath(to), ByForm: isProtected(r), Wrong: wrong}
	view.Frame.Title = "Sign in"
	if s := c.sessionOf(r); s != nil {
		if who, err := c.standing(r.Context(), s); err == nil {
			view.Already = who.Principal.ARN
		}
	}
	c.write(w, r, nil, &answer{template: "signin", view: view, status: status})
}

// ownPath is a path of the console, or else its beginning.
func ownPath(to string) string {
	if strings.HasPrefix(to, Prefix) && !strings.ContainsAny(to, "\\\r\n") && !strings.Contains(to, "//") {
		return to
	}
	return Prefix
}

// isProtected tells whether nobody listens in on the way: it is TLS, or it ends on this
// machine.
func isProtected(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback() && authn.IsLoopbackHost(r.Host)
}

const wrongLink = "That link was used before, or is older than a minute. Ask for another one: heddle console"

// signInByLink takes a one-time link.
func (c *Console) signInByLink(w http.ResponseWriter, r *http.Request) {
	if c.Anyone != nil {
		http.Redirect(w, r, Prefix, http.StatusSeeOther)
		return
	}
	l, ok := c.Links.take(r.PostFormValue("token"))
	if !ok {
		c.showSignIn(w, r, "", wrongLink, http.StatusForbidden)
		return
	}
	who, err := c.keyHolder(r.Context(), l.key, l.token)
	if err != nil {
		c.showSignIn(w, r, "", wrongLink, http.StatusForbidden)
		return
	}
	c.signIn(w, r, who, pathOf(l.region, ""))
}

// signInByForm takes a key pair. The secret is compared and forgotten.
func (c *Console) signInByForm(w http.ResponseWriter, r *http.Request) {
	if c.Anyone != nil {
		http.Redirect(w, r, Prefix, http.StatusSeeOther)
		return
	}
	if !isProtected(r) {
		c.showSignIn(w, r, "", "A secret is taken over TLS only, or on the server's own machine.", http.StatusForbidden)
		return
	}
	to, key := r.PostFormValue("to"), strings.TrimSpace(r.PostFormValue("key"))
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !c.tries.may(key, address, c.Now()) {
		c.showSignIn(w, r, to, "Too many tries; wait a minute.", http.StatusTooManyRequests)
		return
	}
	secret, token := strings.TrimSpace(r.PostFormValue("secret")), strings.TrimSpace(r.PostFormValue("session"))
	who, err := c.keyHolder(r.Context(), key, credentials.Secret(token))
	if err != nil || subtle.ConstantTimeCompare([]byte(who.Secret), []byte(secret)) != 1 {
		c.showSignIn(w, r, to, "No key is like that.", http.StatusForbidden)
		return
	}
	c.signIn(w, r, who, ownPath(to))
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request, who *account.Caller, to string) {
	if old := c.sessionOf(r); old != nil {
		c.ended.add(old.id, old.since.Add(sessionMax), c.Now())
	}
	if err := c.setSession(w, r, newSession(who, c.Now())); err != nil {
		c.showSignIn(w, r, to, "The session token is too long for a cookie: assume the role without a session policy, or with a shorter one.", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// signOut ends a session, also for who has a copy of its cookie.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if s := c.sessionOf(r); s != nil {
		c.ended.add(s.id, s.since.Add(sessionMax), c.Now())
	}
	_ = c.setSession(w, r, nil)
	http.Redirect(w, r, Prefix+"sign-in", http.StatusSeeOther)
}
