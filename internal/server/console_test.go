package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"heddle/internal/aws/credentials"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// browser does what a browser does, as far as servers see it.
type browser struct {
	*testing.T
	http.Client
	base string
}

// shown is what a browser shows.
type shown struct {
	*http.Response
	text string
}

func newBrowser(t *testing.T, base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{T: t, Client: http.Client{Jar: jar}, base: base}
}

// send sends a request with what browsers send, which header changes: an empty value takes
// one away.
func (b *browser) send(method, path string, form url.Values, header ...string) shown {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*")
	r.Header.Set("User-Agent", "a browser")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.base)
	}
	for i := 0; i < len(header); i += 2 {
		switch name, value := header[i], header[i+1]; {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	w, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		b.Fatal(err)
	}
	return shown{w, string(text)}
}

func (b *browser) get(path string, header ...string) shown {
	b.Helper()
	return b.send(http.MethodGet, path, nil, header...)
}

// sees wants a page of a status with these texts; a text after a minus must not be there.
func (b *browser) sees(s shown, status int, texts ...string) {
	b.Helper()
	if s.StatusCode != status {
		b.Errorf("%s %s: %d, want %d: %.600s", s.Request.Method, s.Request.URL, s.StatusCode, status, visible(s.text))
	}
	for _, text := range texts {
		want, not := strings.CutPrefix(text, "-")
		if strings.Contains(s.text, want) == not {
			b.Errorf("%s %s: %q there: %v; %.1500s", s.Request.Method, s.Request.URL, want, !not, visible(s.text))
		}
	}
}

var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

func visible(html string) string {
	_, html, _ = strings.Cut(html, "<main")
	return tags.ReplaceAllString(html, " ")
}

// signIn signs in by a link that somebody's key gets.
func (h *harness) signIn(b *browser, key aws.Credentials) shown {
	h.t.Helper()
	return b.send(http.MethodPost, "/console/sign-in/link", url.Values{"token": {h.linkToken(key)}})
}

func (h *harness) linkToken(key aws.Credentials) string {
	h.t.Helper()
	link := member(h.must(h.operator(key, "CreateConsoleLink", `{}`)), "consoleURL")
	address, token, ok := strings.Cut(link, "#")
	if !ok || address != h.URL()+"/console/sign-in" {
		h.t.Fatalf("link %q", link)
	}
	return token
}

func byKey(key aws.Credentials) url.Values {
	return url.Values{"key": {key.AccessKeyID}, "secret": {key.SecretAccessKey}, "session": {key.SessionToken}}
}

// TestConsoleSignsIn: by a link that works once, by keys, and for no longer than the key that
// a session rests on.
func TestConsoleSignsIn(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	ann := h.user("ann", allow("swf:*", "*"))

	// Nobody sees anything before.
	b := newBrowser(t, h.URL())
	b.sees(b.get("/"), 200, "heddle console", "-ann")
	b.sees(b.get("/console/us-east-1/shop/executions?status=closed"), 200, "Sign in", `name="to" value="/console/us-east-1/shop/executions?status=closed"`, "-Executions</h1>")
	b.sees(b.send(http.MethodPost, "/console/sign-in/link", url.Values{"token": {"x"}}), 403, "used before")
	b.sees(b.send(http.MethodPost, "/console/sign-in", url.Values{"key": {strings.Repeat("x", 80<<10)}}), 403, "No key is like that")

	token := h.linkToken(ann)
	b.sees(b.send(http.MethodPost, "/console/sign-in/link", url.Values{"token": {token}}), 200, "user/ann", "shop</a>")
	b.sees(b.get("/console/us-east-1/shop/executions"), 200, "No execution is open")
	b.sees(b.get("/console/us-east-1/-you"), 200, "arn:aws:iam::123456789012:user/ann", ann.AccessKeyID)
	thief := newBrowser(t, h.URL())
	thief.sees(thief.send(http.MethodPost, "/console/sign-in/link", url.Values{"token": {token}}), 403, "used before")
	thief.sees(thief.get("/console/us-east-1/"), 200, "Sign in", "-shop</a>")

	// A copy of a cookie ends with its session.
	u, err := url.Parse(h.URL())
	if err != nil {
		t.Fatal(err)
	}
	thief.Jar.SetCookies(u, b.Jar.Cookies(u))
	thief.sees(thief.get("/console/us-east-1/"), 200, "shop</a>")
	b.sees(b.send(http.MethodPost, "/console/sign-out", nil), 200, "heddle console")
	thief.sees(thief.get("/console/us-east-1/"), 200, "Sign in", "-shop</a>")

	// By a key, whose secret must be its own; a wrong one may be tried five times a minute.
	h.signIn(b, ann)
	bob := h.user("bob", allow("swf:*", "*"))
	c := newBrowser(t, h.URL())
	c.sees(c.send(http.MethodPost, "/console/sign-in", byKey(bob)), 200, "user/bob", "shop</a>")
	wrong := bob
	wrong.SecretAccessKey = ann.SecretAccessKey
	d := newBrowser(t, h.URL())
	tooMany := false
	for range 12 { // in two minutes at most: one may end meanwhile
		got := d.send(http.MethodPost, "/console/sign-in", byKey(wrong))
		if tooMany = got.StatusCode == 429; tooMany {
			break
		}
		d.sees(got, 403, "No key is like that")
	}
	if !tooMany {
		t.Error("twelve tries, and none too many")
	}

	// A session stands as long as its key.
	b.sees(b.get("/console/us-east-1/"), 200, "shop</a>")
	h.must(h.iam(h.root, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID, "Status", "Inactive"))
	b.sees(b.get("/console/us-east-1/"), 200, "Sign in", "-shop</a>")
	h.must(h.iam(h.root, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID, "Status", "Active"))
	b.sees(b.get("/console/us-east-1/"), 200, "shop</a>")
	token = h.linkToken(ann)
	h.must(h.iam(h.root, "DeleteAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID))
	b.sees(b.get("/console/us-east-1/"), 200, "Sign in", "-shop</a>")
	b.sees(b.send(http.MethodPost, "/console/sign-in/link", url.Values{"token": {token}}), 403)

	// Temporary credentials do, as long as they stand.
	h.role("reader", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"sts:AssumeRole"}`, allow("swf:List* swf:Describe* swf:Count*", "*"))
	h.must(h.iam(h.root, "PutUserPolicy", "UserName", "bob", "PolicyName", "q", "PolicyDocument", policyOf(allow("sts:AssumeRole", "*"))))
	reader := h.assume(bob, "reader")
	e := newBrowser(t, h.URL())
	e.sees(h.signIn(e, reader), 200, "assumed-role/reader", "shop</a>")
	e.sees(e.send(http.MethodPost, "/console/sign-in", byKey(reader)), 200, "assumed-role/reader")
	stolen := reader
	stolen.SessionToken = ""
	f := newBrowser(t, h.URL())
	f.sees(f.send(http.MethodPost, "/console/sign-in", byKey(stolen)), 403, "No key is like that")
	h.must(h.iam(h.root, "UpdateAccessKey", "UserName", "bob", "AccessKeyId", bob.AccessKeyID, "Status", "Inactive"))
	e.sees(e.get("/console/us-east-1/"), 200, "Sign in", "-shop</a>")
}

// TestConsoleShowsWhatPoliciesAllow: no page does what a policy forbids, and who may see one
// domain sees one.
func TestConsoleShowsWhatPoliciesAllow(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.shop("bank")
	h.begin("shop", "order-1")
	h.begin("bank", "secret-order")
	ann := h.user("ann", allow("swf:ListDomains", "*"), allow("swf:Describe* swf:List* swf:Count* heddle:ListTaskLists", "arn:aws:swf:*:123456789012:/domain/shop"))
	b := newBrowser(t, h.URL())
	b.sees(h.signIn(b, ann), 200, `data-domain="shop"`, "-bank", "1 more on this page is a domain")
	b.sees(b.get("/console/us-east-1/shop"), 200, "shop</h1>")
	b.sees(b.get("/console/us-east-1/shop/executions"), 200, "order-1")
	b.sees(b.get("/console/us-east-1/shop/lists"), 200, "mailers")
	b.sees(b.get("/console/us-east-1/shop/lists/activity/mailers"), 403, "heddle:DescribeTaskList", "-order-1")
	for _, page := range []string{"bank", "bank/executions", "bank/executions?status=closed", "bank/lists"} {
		b.sees(b.get("/console/us-east-1/"+page), 403, "is not authorized to perform", "-secret-order", "-mailers")
	}
	b.sees(b.get("/console/us-east-1/-refusals"), 403, "heddle:ListRefusals")
	b.sees(b.get("/console/us-east-1/-server"), 403, "heddle:GetServerStatus")
	b.sees(b.get("/console/us-east-1/-you?about=shop"), 200, "is not authorized to perform: swf:StartWorkflowExecution")
	b.sees(b.get("/console/eu-west-1/"), 200, "There is no domain", "-shop</a>")
	b.sees(b.get("/console/Nowhere/"), 404)

	none := h.user("none")
	c := newBrowser(t, h.URL())
	c.sees(h.signIn(c, none), 200, "is not authorized to perform: swf:ListDomains", "-shop")

	// What was refused is told of where refusals are, as of any caller.
	root := newBrowser(t, h.URL())
	h.signIn(root, h.root)
	root.sees(root.get("/console/us-east-1/-refusals"), 200, "user/ann", "heddle:GetServerStatus")
	root.sees(root.get("/console/us-east-1/-server"), 200, "polls wait")
}

// TestConsoleCallsAreRecorded as the visitor's own, with the console's name and the browser's
// address.
func TestConsoleCallsAreRecorded(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Audit: Audit{Files: AuditFile}}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	ann := h.user("ann", allow("swf:*", "*"))
	b := newBrowser(t, h.URL())
	h.signIn(b, ann)
	b.get("/console/us-east-1/-server")
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	all := kindsOf(t, cfg.Data)
	for _, want := range []struct{ kind, action, agent string }{
		{"calls", "ListDomains", "heddle-console"}, {"refused", "GetServerStatus", "heddle-console"}, {"changes", "CreateConsoleLink", ""},
	} {
		found := false
		for _, r := range all[want.kind] {
			text := fmt.Sprint(r)
			if !strings.Contains(text, want.action) {
				continue
			}
			found = true
			for _, part := range []string{"user/ann", ann.AccessKeyID, "127.0.0.1", want.agent} {
				if !strings.Contains(text, part) {
					t.Errorf("%s: no %q in %s", want.action, part, text)
				}
			}
			if strings.Contains(text, "#") {
				t.Errorf("the link stands in %s", text)
			}
		}
		if !found {
			t.Errorf("no %s in %s", want.action, want.kind)
		}
	}
}

// TestConsoleKeepsOthersOut: names that are not the server's, pages from elsewhere, and what
// a browser would let others do.
func TestConsoleKeepsOthersOut(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), ConsoleHosts: []string{"flow.example"}}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)

	page := b.get("/console/us-east-1/")
	nonce := regexp.MustCompile(`'nonce-([\w-]{22})'`).FindStringSubmatch(page.Header.Get("Content-Security-Policy"))
	if nonce == nil {
		t.Fatal(page.Header)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'nonce-" + nonce[1] + "' 'strict-dynamic'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
			"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types htmx",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control": "no-store",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if again := b.get("/console/us-east-1/"); strings.Contains(again.Header.Get("Content-Security-Policy"), nonce[1]) {
		t.Error("a nonce comes twice")
	}
	for _, tag := range regexp.MustCompile(`<script[^>]*>|<style|style=|<[a-z]+ [^>]*\son[a-z]+=`).FindAllString(page.text, -1) {
		if !strings.Contains(tag, `nonce="`+nonce[1]+`" src=`) {
			t.Errorf("the policy forbids %s", tag)
		}
	}

	for host, status := range map[string]int{
		h.Addr(): 200, "localhost": 200, "localhost:7930": 200, "[::1]:80": 200, "192.0.2.7": 200, "flow.example": 200, "FLOW.example:443": 200,
		"rebound.example": 403, "127.0.0.1.rebound.example": 403, "localhost.rebound.example": 403, "flow.example.rebound.example": 403, "": 400,
	} {
		if host == "" {
			continue // net/http answers that
		}
		if got := b.get("/console/us-east-1/", "Host", host); got.StatusCode != status {
			t.Errorf("Host %q: %d, want %d", host, got.StatusCode, status)
		}
	}

	// What is not GET must come from here.
	for name, header := range map[string][]string{
		"another site":   {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"another port":   {"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:1"},
		"an old browser": {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"a sandbox":      {"Sec-Fetch-Site", "", "Origin", "null"},
	} {
		for _, path := range []string{"/console/sign-out", "/console/sign-in", "/console/sign-in/link", "/console/us-east-1/"} {
			if got := b.send(http.MethodPost, path, nil, header...); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, "That came from another page") {
				t.Errorf("%s, POST %s: %d", name, path, got.StatusCode)
			}
		}
	}
	b.sees(b.get("/console/us-east-1/", "Sec-Fetch-Site", "cross-site"), 200, "There is no domain") // a link in a chat
	b.sees(b.send(http.MethodPost, "/console/us-east-1/", nil), 404)

	// A link leads nowhere but to the console.
	for _, to := range []string{"https://evil.example/", "//evil.example/", "/console//evil.example", `/console/\evil`, "/health"} {
		b.sees(b.get("/console/sign-in?to="+url.QueryEscape(to)), 200, `name="to" value="/console/"`, "-evil")
	}
	// The API reads no cookie.
	if got := b.send(http.MethodPost, "/", nil, "X-Amz-Target", "SimpleWorkflowService.ListDomains", "Content-Type", "application/x-amz-json-1.0"); got.StatusCode == http.StatusOK {
		t.Errorf("the API believed a cookie: %s", got.text)
	}
	// Whoever has signed in is asked before a link makes him somebody else.
	b.sees(b.get("/console/sign-in"), 200, "data-ask")
}

// TestConsoleCookies: over TLS no other host and no page without TLS can set one, and script
// reads none; in the clear secrets are taken from this machine alone.
func TestConsoleCookies(t *testing.T) {
	for _, secure := range []bool{false, true} {
		cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir()}
		cfg.TLS.SelfSigned = secure
		s := start(t, cfg)
		b := newBrowser(t, s.URL())
		if secure {
			ca, err := os.ReadFile(CAFile(cfg.Data))
			if err != nil {
				t.Fatal(err)
			}
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(ca)
			b.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
		}
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got := b.send(http.MethodPost, "/console/sign-in", byKey(rootKey(t, cfg.Data)))
		if len(got.Cookies()) != 1 {
			t.Fatalf("%d cookies, %s", len(got.Cookies()), got.text)
		}
		c := got.Cookies()[0]
		name := map[bool]string{false: "heddle-console", true: "__Host-heddle"}[secure]
		if c.Name != name || c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 12*60*60 {
			t.Errorf("TLS %v: %s", secure, c.Raw)
		}
		if secure {
			b.sees(b.get("/console/us-east-1/"), 200)
			if name, err := os.Hostname(); err != nil || strings.ContainsAny(name, "_ ") {
				t.Logf("this machine's name, %q, is in no certificate: %v", name, err)
			} else {
				b.sees(b.get("/console/sign-in", "Host", name+":443"), 200, "heddle console")
			}
			b.sees(b.get("/console/sign-in", "Host", "rebound.example"), 403, "by the names of its server")
			continue
		}
		pair, err := credentials.ReadFile(CredentialsFile(cfg.Data))
		if err != nil || strings.Contains(c.Value, string(pair.Secret)) || strings.Contains(c.Value, pair.KeyID) {
			t.Errorf("%v, %s", err, c.Value)
		}
		// In the clear, and by a name that may be of elsewhere.
		b.sees(b.send(http.MethodPost, "/console/sign-in", byKey(rootKey(t, cfg.Data)), "Host", "192.0.2.7"), 403, "over TLS only")
		b.sees(b.get("/console/sign-in", "Host", "192.0.2.7"), 200, "-Secret access key")
	}
}

// TestConsoleWithoutAuthentication: everybody on this machine comes in, and says so; nobody
// from elsewhere does.
func TestConsoleWithoutAuthentication(t *testing.T) {
	var log strings.Builder
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Auth: AuthNone, Log: slog.New(slog.NewTextHandler(&log, nil)), ConsoleHosts: []string{"flow.example"}}
	s := start(t, cfg)
	if !strings.Contains(log.String(), "everyone on this machine may do anything there") {
		t.Errorf("logged %s", log.String())
	}
	h := &harness{t, s, aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}}
	h.shop("shop")
	b := newBrowser(t, h.URL())
	b.sees(b.get("/", "Sec-Fetch-Site", "none"), 200, `class="strip"`, "everyone on this machine may do anything here", "<title>* Domains", "shop</a>", "-Sign out")
	b.sees(b.get("/console/sign-in"), 200, "shop</a>")
	if got := member(h.must(h.operator(h.root, "CreateConsoleLink", `{}`)), "consoleURL"); got != h.URL()+"/console/" {
		t.Errorf("link %q", got)
	}
	for _, c := range []struct {
		method string
		header []string
	}{
		{http.MethodGet, []string{"Sec-Fetch-Site", "cross-site"}}, {http.MethodGet, []string{"Sec-Fetch-Site", "same-site"}}, {http.MethodGet, []string{"Sec-Fetch-Site", ""}},
		{http.MethodGet, []string{"Host", "rebound.example"}}, {http.MethodGet, []string{"Host", "192.0.2.7"}}, {http.MethodGet, []string{"Host", "flow.example"}},
		{http.MethodPost, []string{"Sec-Fetch-Site", "none"}}, {http.MethodPost, []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}},
	} {
		if got := b.send(c.method, "/console/us-east-1/", nil, c.header...); got.StatusCode != http.StatusForbidden || strings.Contains(got.text, "shop</a>") {
			t.Errorf("%s %q: %d", c.method, c.header, got.StatusCode)
		}
	}
}

// TestConsoleOff leaves nothing of it.
func TestConsoleOff(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Console: ConsoleOff}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	b := newBrowser(t, h.URL())
	for _, path := range []string{"/", "/console/", "/console/sign-in"} {
		if got := b.get(path); got.StatusCode == http.StatusOK || strings.Contains(got.text, "Heddle") {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.text)
		}
	}
	h.refused("ConsoleOffException", h.operator(h.root, "CreateConsoleLink", `{}`))
	if link, err := s.ConsoleURL(); link != "" || err != nil {
		t.Errorf("%q, %v", link, err)
	}
}

// TestConsoleURL is the link that a terminal is shown at start: the root user's.
func TestConsoleURL(t *testing.T) {
	h := newHarness(t)
	link, err := h.ConsoleURL()
	_, token, ok := strings.Cut(link, "#")
	if err != nil || !ok {
		t.Fatalf("%q, %v", link, err)
	}
	b := newBrowser(t, h.URL())
	b.sees(b.send(http.MethodPost, "/console/sign-in/link", url.Values{"token": {token}}), 200, "root")
}

// TestConsoleShowsTextAsText: whatever users call things is text on every page.
func TestConsoleShowsTextAsText(t *testing.T) {
	h := newHarness(t)
	const evil = `<script>alert(1)<script>"'><img src=x onerror=alert(2)>` // names have no slash
	quoted := strings.ReplaceAll(evil, `"`, `\"`)
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"<b>shop","description":"`+quoted+`","workflowExecutionRetentionPeriodInDays":"1"}`))
	domain := "<b>shop"
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"`+domain+`","name":"`+quoted+`","version":"<i>1","defaultTaskList":{"name":"`+quoted+`"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"30"}`))
	h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"`+domain+`","workflowId":"`+quoted+`","workflowType":{"name":"`+quoted+`","version":"<i>1"},"tagList":["`+quoted+`"]}`))
	h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"`+domain+`","taskList":{"name":"`+quoted+`"},"identity":"`+quoted+`"}`))
	h.ask(h.swf(h.root, "DescribeDomain", `{"name":"`+quoted+`"}`))
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	under := "/console/us-east-1/" + url.PathEscape(domain)
	query := url.QueryEscape(evil)
	for _, path := range []string{
		"/console/us-east-1/", under, under + "/executions", under + "/executions?status=closed&id=" + query + "&type=" + query + "&tag=" + query + "&from=" + query, under + "/lists",
		under + "/lists/decision/" + url.PathEscape(evil), "/console/us-east-1/-refusals", "/console/us-east-1/-refusals?find=" + query, "/console/us-east-1/-you?about=" + query,
		under + "/executions?after=" + query, "/console/us-east-1/?status=" + query, "/console/us-east-1/?after=" + query, "/console/" + url.PathEscape(evil) + "/", "/console/us-east-1/-server?done=" + query,
		"/console/us-east-1/" + url.PathEscape(evil), "/console/us-east-1/x/lists/" + url.PathEscape(evil) + "/y",
		under + "/types/workflow", under + "/types/workflow/" + url.PathEscape(evil) + "/" + url.PathEscape("<i>1"), under + "/types/workflow/-register?name=" + query + "&description=" + query,
		under + "/types/workflow/" + url.PathEscape(evil) + "/" + url.PathEscape("<i>1") + "/deprecate", under + "/executions/" + url.PathEscape(evil), under + "/executions/-start?input=" + query + "&workflowId=" + query + "&tagList=" + query + "&childPolicy=" + query,
		under + "/executions/" + url.PathEscape(evil) + "/x", under + "/executions/x/" + query + "/signal?input=" + query, "/console/us-east-1/-file?" + query, "/console/us-east-1/-register?name=" + query + "&description=" + query,
	} {
		got := b.get(path)
		if strings.Contains(got.text, "<script>alert") || strings.Contains(got.text, "<img") || strings.Contains(got.text, "<b>shop") || strings.Contains(got.text, "<i>1") {
			t.Errorf("%s: markup of users: %s", path, got.text)
		}
		if got.StatusCode == http.StatusInternalServerError {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
		for name, values := range got.Header {
			if v := cmp.Or(strings.Join(values, " ")); strings.Contains(v, "alert") {
				t.Errorf("%s: header %s: %s", path, name, v)
			}
		}
	}
}

// TestConsoleFinds has filters find together, and pages go on where the last one ended.
func TestConsoleFinds(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"shop","name":"refund","version":"2","defaultTaskList":{"name":"d"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"30"}`))
	for i := range 120 {
		of, tag := `{"name":"order","version":"1"}`, "even"
		if i%3 == 0 {
			of = `{"name":"refund","version":"2"}`
		}
		if i%2 == 1 {
			tag = "odd"
		}
		h.must(h.swf(h.root, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"w-%03d","workflowType":%s,"tagList":["%s"]}`, i, of, tag)))
	}
	for i := range 10 {
		h.must(h.swf(h.root, "TerminateWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"w-%03d"}`, i)))
	}
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	ids := regexp.MustCompile(`data-workflow-id="([^"]*)"`)
	next := regexp.MustCompile(`href="([^"]*)">(?:Older|Look further)</a>`)
	for query, want := range map[string]int{
		"": 110, "status=closed": 10, "status=terminated": 10, "status=completed": 0, "status=closed&by=close&from=1h": 10, "status=closed&by=close&to=1h": 0,
		"type=refund": 36, "type=refund&tag=odd": 18, "tag=odd&version=2": 18, "type=order&version=1&tag=even": 37, "type=order&version=9": 0, "id=w-050": 1, "id=w-050&tag=odd": 0, "id=w-050&tag=even&type=order": 1,
		"status=terminated&tag=odd": 5, "status=terminated&tag=odd&type=refund": 2, "from=2001-01-01": 110, "to=2001-01-01": 0, "from=1h&to=2030-01-01": 110,
	} {
		seen, path, pages := map[string]bool{}, "/console/us-east-1/shop/executions?"+query, 0
		for path != "" && pages < 9 {
			got := b.get(path)
			b.sees(got, 200)
			for _, id := range ids.FindAllStringSubmatch(got.text, -1) {
				if seen[id[1]] {
					t.Errorf("%s: %s comes twice", query, id[1])
				}
				seen[id[1]] = true
			}
			path = ""
			if found := next.FindStringSubmatch(got.text); found != nil {
				path = strings.ReplaceAll(found[1], "&amp;", "&")
			}
			pages++
		}
		if len(seen) != want || pages > want/50+1 {
			t.Errorf("%q finds %d on %d pages, want %d", query, len(seen), pages, want)
		}
	}
	b.sees(b.get("/console/us-east-1/shop/executions"), 200, `Open <span class="count">110</span>`, `Closed <span class="count">10</span>`)
	b.sees(b.get("/console/us-east-1/shop/executions?from=yesterday"), 400, "From is no time")
	b.sees(b.get("/console/us-east-1/shop/executions?from=1h&to=2h"), 400, "ends before it begins")
}
