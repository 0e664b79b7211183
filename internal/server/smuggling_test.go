package server

import (
	"net/http"
	"strings"
	"testing"

	"heddle/internal/swf/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestSmuggling: what a request says twice, or in a strange place, does not count
// for more than what is signed and permitted.
func TestSmuggling(t *testing.T) {
	h := newHarness(t)
	h.openDomain("a")
	reader := h.user("reader", allow("swf:DescribeDomain iam:GetUser", "*"))
	describe := `{"name":"a"}`
	for name, change := range map[string]func(*knock){
		"another target behind":         func(k *knock) { k.header.Add("X-Amz-Target", wire.TargetPrefix+".DeprecateDomain") },
		"target in the query":           func(k *knock) { k.query = "X-Amz-Target=" + wire.TargetPrefix + ".DeprecateDomain" },
		"operation in the query":        func(k *knock) { k.query = "Action=DeleteUser&Version=2010-05-08&UserName=reader" },
		"method to be taken":            func(k *knock) { k.header.Set("X-Http-Method-Override", "DELETE") },
		"target after a proxy":          func(k *knock) { k.header.Set("X-Original-Url", "/?Action=DeleteUser&UserName=reader") },
		"somebody else's address":       func(k *knock) { k.header.Set("X-Forwarded-For", "10.0.0.1") },
		"length after all":              func(k *knock) { k.header.Set("X-Content-Length", "0") },
		"form with a target is no form": func(k *knock) { k.header.Set("Content-Type", "application/x-www-form-urlencoded") },
	} {
		k := h.swf(reader, "DescribeDomain", describe)
		change(k)
		if got := h.ask(k); got.fault != "" && got.fault != "InvalidSignatureException" || got.fault == "" && !strings.Contains(got.text, `"status":"REGISTERED"`) {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	// First the one, then the other, and signed: the first counts, and policies see it.
	k := h.swf(reader, "DeprecateDomain", describe)
	k.header.Add("X-Amz-Target", wire.TargetPrefix+".DescribeDomain")
	h.refused(notPermitted, k)
	// Behind the signature nothing may be added.
	k = h.swf(h.root, "DescribeDomain", describe)
	k.change = func(r *http.Request) { r.Header.Add("X-Amz-Target", wire.TargetPrefix+".DeprecateDomain") }
	h.refused("InvalidSignatureException", k)
	k = h.iam(h.root, "GetUser", "UserName", "reader")
	k.change = func(r *http.Request) { r.Header.Set("X-Amz-Target", wire.TargetPrefix+".DescribeDomain") }
	h.refused("InvalidSignatureException", k)

	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "PROPFIND"} {
		k := h.swf(h.root, "DeprecateDomain", describe)
		k.method = method
		if got := h.ask(k); got.fault == "" {
			t.Errorf("%s: %s", method, got.text)
		}
		k = h.iam(h.root, "CreateUser", "UserName", "smuggled")
		k.method, k.query = method, k.body
		if k.body = ""; method == "GET" {
			k.query = "" // with it, it is a call
		}
		if got := h.ask(k); got.fault == "" {
			t.Errorf("%s: %s", method, got.text)
		}
	}
	// Parameters in both places, and both signed: the body's count, for policies too.
	k = h.iam(reader, "DeleteUser", "UserName", "reader")
	k.query = "Action=GetUser"
	h.refused(accessDenied, k)
	k = h.iam(reader, "GetUser", "UserName", "reader")
	k.query = "Action=DeleteUser"
	h.must(k)
	k = h.iam(reader, "GetUser", "UserName", "reader", "Action", "DeleteUser")
	h.must(k)
	h.refused("NoSuchEntity", h.iam(h.root, "GetUser", "UserName", "smuggled"))
	if got := h.must(h.swf(h.root, "DescribeDomain", describe)); !strings.Contains(got, `"status":"REGISTERED"`) {
		t.Error(got)
	}
}

// TestWebPages: without authentication the server believes programs, and nothing
// that a page from elsewhere has a browser send.
func TestWebPages(t *testing.T) {
	h := &harness{t, start(t, memory()), aws.Credentials{}}
	evil := func(k *knock, change func(*http.Request)) {
		t.Helper()
		k.change = change
		if got := h.ask(k); got.status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", k.method, k.body, got.status, got.text)
		}
	}
	says := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	create := func() *knock { return h.iam(h.root, "CreateUser", "UserName", "mallory") }
	get := func() *knock {
		k := create()
		k.method, k.query, k.body = "GET", k.body, ""
		return k
	}
	register := func() *knock {
		return h.swf(h.root, "RegisterDomain", `{"name":"mallory","workflowExecutionRetentionPeriodInDays":"1"}`)
	}
	for _, page := range []func() *knock{create, register, get} {
		evil(page(), func(r *http.Request) { r.Host = "evil.example" }) // its name leads here by now
		evil(page(), func(r *http.Request) { r.Host = "127.0.0.1.evil.example:7930" })
	}
	for _, page := range []func() *knock{create, register} {
		evil(page(), says("Origin", "https://evil.example"))
		evil(page(), says("Origin", "null"))
		evil(page(), says("Origin", "http://localhost:3000"))
		evil(page(), says("Sec-Fetch-Site", "cross-site"))
		evil(page(), says("Sec-Fetch-Site", "same-site"))
	}
	evil(get(), nil) // an image, in a browser that says nothing of where it is from
	evil(get(), says("Sec-Fetch-Site", "none"))
	evil(get(), says("Referer", "https://evil.example"))
	evil(get(), says("Accept-Language", "x"))
	// What a form can send besides names no operation.
	for _, form := range []string{"text/plain", "multipart/form-data; boundary=x", ""} {
		k := create()
		k.header.Set("Content-Type", form)
		if got := h.ask(k); got.fault == "" {
			t.Errorf("%s: %s", form, got.text)
		}
	}
	// Browsers ask before they send a header of a page's own, and get no leave.
	k := register()
	k.method = http.MethodOptions
	r := h.request(k)
	r.Header = http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"x-amz-target"}}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	for name := range w.Header {
		if strings.HasPrefix(name, "Access-Control-") || w.StatusCode < 300 {
			t.Errorf("%d with %s", w.StatusCode, name)
		}
	}
	h.refused("NoSuchEntity", h.iam(h.root, "GetUser", "UserName", "mallory"))
	h.refused("UnknownResourceFault", h.swf(h.root, "DescribeDomain", `{"name":"mallory"}`))
	// Programs are served, and pages of this server would be.
	h.must(create())
	k = register()
	k.change = says("Sec-Fetch-Site", "same-origin")
	h.must(k)
}
