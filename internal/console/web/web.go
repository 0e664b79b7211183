// Package web is the console: the pages under /console/ by which operators see what goes on,
// and do what they may.
//
// All that a page shows or does goes through Calls, the road of signed requests, as the one
// who has signed in: it is permitted, throttled and recorded like his own calls, with the
// user agent heddle-console and the address of his browser. No page knows more than that.
//
// A page is a row of the table in pages.go: a path, and a function from a visit to an answer.
// What it shows is a struct of its own and a template of package ui, which is rendered as a
// whole before a byte is sent. Without script all works but live updates and signing in by
// link.
//
// What keeps others out: the Host of a request must be the server's (no rebound name), what
// is not GET must come from this origin, sessions are sealed cookies that rest on their key,
// and the headers of answers allow no script, style or frame that is not ours.
package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/console/ui"
	"heddle/internal/iam/account"
	"heddle/internal/token"
)

// Prefix is where the console is.
const Prefix = "/console/"

// SignIn is where links lead, with their token behind a #.
const SignIn = Prefix + "sign-in"

// Agent is the user agent in the records of what pages call.
const Agent = "heddle-console"

// Calls is the road of all calls; it is operation.Handler.
type Calls interface {
	Call(ctx context.Context, caller *operation.Caller, service, name string, in any) (any, error)
	Permits(ctx context.Context, caller *operation.Caller, service, name string, in any) error
}

// Config is what a Console is given.
type Config struct {
	Calls Calls
	Keys  Keys
	// CallerOf makes a caller of who has signed in, of the region in which he works and the
	// request by which he asks.
	CallerOf func(who *account.Caller, region string, r *http.Request) operation.Caller
	// Anyone is who everybody is, where nobody signs in; nil: all sign in.
	Anyone *account.Caller
	Links  *Links
	Sealer *token.Sealer // of cookies
	Region string        // in which pages begin
	// Hosts are further names that the server is reached by; Named tells whether a host is a
	// name of its certificate, and may be nil.
	Hosts []string
	Named func(host string) bool
	// Room tells whether there is room for an answer of so many bytes.
	Room func(ctx context.Context, bytes int) bool
	Now  func() time.Time
	Log  *slog.Logger
}

// Console serves the pages.
type Console struct {
	Config
	routes *http.ServeMux
	cross  *http.CrossOriginProtection
	ended  ended
	tries  tries
	files  chan struct{} // a place for each file that is looked at
}

// New is a console.
func New(c Config) *Console {
	all := &Console{Config: c, routes: http.NewServeMux(), cross: http.NewCrossOriginProtection(), files: make(chan struct{}, filesMax)}
	all.cross.SetDenyHandler(http.HandlerFunc(all.foreign))
	all.route()
	return all
}

// Leads tells whether a request is for the console; also that of a browser for the root.
func Leads(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, Prefix) {
		return true
	}
	asks := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !asks || r.URL.RawQuery != "" {
		return false
	}
	return r.URL.Path == strings.TrimSuffix(Prefix, "/") ||
		r.URL.Path == "/" && r.Header.Get("Authorization") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// bodyMax bounds what a form has: an input of a state machine is of 262,144 bytes, others of
// 32,768 characters. A browser writes up to six bytes for one, and twelve for a character.
const bodyMax = 2 << 20

// testMax bounds what a test of a state has: its definition of a MiB, and input, variables,
// context, mock and what an item reader reads, of 256 KiB each, all as long as they may be.
const testMax = 16 << 20

// strangerMax bounds what somebody sends who has not signed in yet.
const strangerMax = 64 << 10

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nonce := newNonce()
	setHeaders(w.Header(), nonce)
	r = r.WithContext(context.WithValue(r.Context(), nonceKey{}, nonce))
	switch {
	case !c.isOurs(r.Host):
		c.refuse(w, r, http.StatusForbidden, "This is not the server's name", "The console answers by the names of its server alone. If this is one, start the server with --console-host.")
	case !strings.HasPrefix(r.URL.Path, Prefix):
		http.Redirect(w, r, Prefix, http.StatusFound)
	case strings.HasPrefix(r.URL.Path, ui.Assets):
		c.asset(w, r)
	case c.Anyone != nil && isForeign(r):
		c.foreign(w, r)
	default:
		most := int64(bodyMax)
		switch {
		case strings.HasPrefix(r.URL.Path, SignIn):
			most = strangerMax
		case strings.HasSuffix(r.URL.Path, filePath):
			most = fileMax
		case strings.HasSuffix(r.URL.Path, testPath):
			most = testMax
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		c.cross.Handler(c.routes).ServeHTTP(w, r)
	}
}

// isForeign tells whether a page from elsewhere may have had a browser ask. An address that
// somebody has typed comes from nowhere.
func isForeign(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "none" && r.Method == http.MethodGet {
		return false
	}
	return authn.CrossSite(r)
}

// foreign refuses what comes from elsewhere.
func (c *Console) foreign(w http.ResponseWriter, r *http.Request) {
	c.refuse(w, r, http.StatusForbidden, "That came from another page", "Pages from elsewhere can do nothing here. Open the console itself, and do it there.")
}

// isOurs tells whether a Host is one that no page from elsewhere can have: a browser takes no
// name of others for an address or for the loopback, and others are given by the operator.
func (c *Console) isOurs(host string) bool {
	name := strings.ToLower(hostname(host))
	if authn.IsLoopbackHost(host) {
		return true
	}
	if c.Anyone != nil {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	for _, known := range c.Hosts {
		if strings.EqualFold(known, name) || strings.EqualFold(known, host) {
			return true
		}
	}
	return c.Named != nil && name != "" && c.Named(name)
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

type nonceKey struct{}

func newNonce() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func nonceOf(r *http.Request) string {
	nonce, _ := r.Context().Value(nonceKey{}).(string)
	return nonce
}

func setHeaders(h http.Header, nonce string) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"' 'strict-dynamic'; style-src 'self'; font-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types htmx")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// route says what is served: assets, what signs in and out, and the pages.
func (c *Console) route() {
	c.routes.HandleFunc("GET "+Prefix+"sign-in", c.signInPage)
	c.routes.HandleFunc("POST "+Prefix+"sign-in", c.signInByForm)
	c.routes.HandleFunc("POST "+Prefix+"sign-in/link", c.signInByLink)
	c.routes.HandleFunc("POST "+Prefix+"sign-out", c.signOut)
	c.routes.HandleFunc("GET "+Prefix+"{$}", c.begin)
	for _, p := range pages {
		if !strings.HasPrefix(p.route, Prefix) {
			c.routes.HandleFunc(p.route, c.page(p))
			continue
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} { // it shows a form, and takes it
			c.routes.HandleFunc(method+" "+p.route, c.page(p))
		}
	}
	c.routes.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) {
		c.refuse(w, r, http.StatusNotFound, "There is no such page", "The address may be mistyped.")
	})
}

// begin leads to the first page, of a region that is asked for or the default one.
func (c *Console) begin(w http.ResponseWriter, r *http.Request) {
	region := r.URL.Query().Get("region")
	if !operation.IsRegion(region) {
		region = c.Region
	}
	http.Redirect(w, r, pathOf(region, ""), http.StatusSeeOther)
}

// asset serves what never changes under its name.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	a := ui.Asset(strings.TrimPrefix(r.URL.Path, ui.Assets))
	if a == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Del("Content-Security-Policy")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", a.Type)
	h.Set("Content-Length", strconv.Itoa(len(a.Bytes)))
	_, _ = w.Write(a.Bytes) // who has gone needs nothing
}

// page serves a page to who has signed in.
func (c *Console) page(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var a *answer
		v, err := c.visit(w, r)
		if err == nil {
			a, err = p.show(v)
		}
		if errors.Is(err, errEnded) && isPartial(r) {
			w.Header().Set("HX-Redirect", SignIn)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if errors.Is(err, errEnded) {
			to := Prefix
			if r.Method == http.MethodGet {
				to = r.URL.RequestURI()
			}
			http.Redirect(w, r, Prefix+"sign-in?to="+url.QueryEscape(to), http.StatusSeeOther)
			return
		}
		if err != nil {
			c.fail(w, r, v, err)
			return
		}
		c.write(w, r, v, a)
	}
}

// isPartial tells whether script asks for a part of a page that is open.
func isPartial(r *http.Request) bool { return r.Header.Get("HX-Request-Type") == "partial" }

// fail answers with what went wrong. A page that is open finds that out when it is read anew.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	if f, ok := errors.AsType[*fault.Fault](err); ok && isPartial(r) && f.Kind == fault.Throttling {
		w.WriteHeader(http.StatusNoContent) // its script asks again later
		return
	}
	if isPartial(r) {
		w.Header().Set("HX-Refresh", "true")
		w.WriteHeader(http.StatusConflict)
		return
	}
	view := &errorView{Frame: c.frameOf(r, v), Title: "That did not work"}
	status := http.StatusInternalServerError
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		status, view.Title = statusOf(f)
		view.Text, view.Code = f.Message, f.Name()
	} else if view.Text = "The server could not do it; its log says why."; r.Context().Err() == nil { // somebody waits for it
		c.Log.Error("console", "method", r.Method, "page", r.Pattern, "cause", err)
	}
	view.Frame.Title = view.Title
	c.write(w, r, v, &answer{template: "error", view: view, status: status})
}

// statusOf is the status of a page that a fault kept from being shown, and its title.
func statusOf(f *fault.Fault) (int, string) {
	name := f.Name()
	switch {
	case f.Kind == fault.AccessDenied || name == "OperationNotPermittedFault" || name == "AccessDeniedException":
		return http.StatusForbidden, "You may not see this"
	case f.Kind == fault.Throttling || f.Kind == fault.Unavailable:
		return http.StatusTooManyRequests, "Too much at a time"
	case strings.HasPrefix(name, "UnknownResource") || strings.HasPrefix(name, "ResourceNotFound") || strings.HasSuffix(name, "DoesNotExist"):
		return http.StatusNotFound, "It is not there"
	case f.Kind == fault.Internal:
		return http.StatusInternalServerError, "That did not work"
	}
	return http.StatusBadRequest, "The server does not take that"
}

// refuse answers who has not come far enough to have a session.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	view := &errorView{Frame: c.frameOf(r, nil), Title: title, Text: text}
	view.Frame.Title = title
	c.write(w, r, nil, &answer{template: "error", view: view, status: status})
}

type errorView struct {
	Frame
	Title, Text, Code string
}

// write sends an answer, which is rendered before.
func (c *Console) write(w http.ResponseWriter, r *http.Request, v *visit, a *answer) {
	if a.to != "" {
		http.Redirect(w, r, a.to, http.StatusSeeOther)
		return
	}
	b, kind := a.body, a.kind
	if a.template != "" {
		var page bytes.Buffer
		name := "page"
		if isPartial(r) && a.fragment != "" && a.status == 0 {
			name = a.fragment
		}
		if err := templates[a.template].ExecuteTemplate(&page, name, a.view); err != nil {
			c.Log.Error("console", "template", a.template, "cause", err)
			http.Error(w, "The page could not be made; the server's log says why.", http.StatusInternalServerError)
			return
		}
		b, kind = page.Bytes(), "text/html; charset=utf-8"
	}
	if c.Room != nil && !c.Room(r.Context(), len(b)) {
		http.Error(w, "There is no room for the page now: too many wait to be read.", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if a.name != "" {
		h.Set("Content-Disposition", `attachment; filename="`+a.name+`"`)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = w.Write(b) // who has gone needs nothing
}
