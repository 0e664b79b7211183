package operation_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/fault"
	. "heddle/internal/aws/operation"
)

const requestID = "01020304-0506-4f08-bf0a-0b0c0d0e0f10"

func TestLog(t *testing.T) {
	for _, c := range []struct {
		operation, body, message, err string
	}{
		{"Buy", `{"domain":"d"}`, "", ""},
		{"Buy", `{"domain":"d","do":"fault"}`, "", ""},
		{"Buy", `{"domain":"d","do":"throttle"}`, "", ""},
		{"Buy", `{"domain":"d","do":"undeclared"}`, "fault is not declared for the operation", "StrangeFault"},
		{"BuyBig", `{"domain":"d","do":"fault"}`, "fault is not declared for the operation", `buy: SoldOutFault: none of "" <left>`},
		{"Buy", `{"domain":"d","do":"error"}`, "request failed", "the till is stuck"},
		{"Buy", `{"domain":"d","do":"panic"}`, "request failed", "panic: the shop burns"},
		{"Buy", `{"domain":"d","do":"nothing"}`, "request failed", "the handler returned neither output nor error"},
		{"Cancel", `{"domain":"d","do":"error"}`, "request failed", "the till is stuck"},
		{"Buy", `{`, "", ""},
		{"NoSuch", `{}`, "", ""},
	} {
		shop := newShop()
		call(shop, c.operation, c.body)
		line := shop.logged()
		if c.message == "" {
			if line != nil {
				t.Errorf("%s %s: logged %v", c.operation, c.body, line)
			}
			continue
		}
		if line == nil || line["level"] != "ERROR" || line["msg"] != c.message || line["error"] != c.err ||
			line["request"] != requestID || line["operation"] != c.operation || line["domain"] != "d" {
			t.Errorf("%s %s: logged %v", c.operation, c.body, line)
			continue
		}
		stack, _ := line["stack"].(string)
		if strings.Contains(stack, "(*shop).buy") != strings.Contains(c.err, "panic") {
			t.Errorf("%s %s: stack %q", c.operation, c.body, stack)
		}
	}
}

func TestBodyBounds(t *testing.T) {
	body := func(size int) string {
		const frame = `{"domain":"d","text":""}`
		return frame[:len(frame)-2] + strings.Repeat("x", size-len(frame)) + `"}`
	}
	for _, c := range []struct {
		operation string
		size      int
		status    int
	}{
		{"Buy", BodyMax, 200}, {"Buy", BodyMax + 1, 413}, {"BuyBig", BodyMax + 1, 200}, {"BuyBig", 1<<20 + 1, 413},
	} {
		for _, length := range []int64{int64(c.size), -1} {
			r := httptest.NewRequest("POST", "/", io.NopCloser(strings.NewReader(body(c.size))))
			r.Header.Set("X-Amz-Target", "ShopService."+c.operation)
			r.ContentLength = length
			w := httptest.NewRecorder()
			newShop().ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%s with %d bytes, Content-Length %d: status %d, want %d", c.operation, c.size, length, w.Code, c.status)
			}
		}
	}
}

func TestBodyThatBreaks(t *testing.T) {
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(`{"domain"`), brokenReader{}))
	r.Header.Set("X-Amz-Target", "ShopService.Buy")
	w := httptest.NewRecorder()
	newShop().ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "SerializationException") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestCaller(t *testing.T) {
	const signature = ", SignedHeaders=host;x-amz-date, Signature=0"
	for _, c := range []struct{ authorization, query, want string }{
		{"", "", "123456789012 us-east-1 "},
		{"AWS4-HMAC-SHA256 Credential=AKID/20170612/eu-west-3/swf/aws4_request" + signature, "", "123456789012 eu-west-3 AKID"},
		{"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0, Credential=AKID/20170612/eu-west-3/swf/aws4_request", "", "123456789012 eu-west-3 AKID"},
		{"", "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20170612%2Fap-south-1%2Fswf%2Faws4_request", "123456789012 ap-south-1 AKID"},
		{"AWS4-HMAC-SHA256 Signature=0", "", ""},
		{"AWS4-HMAC-SHA256 Credential=AKID" + signature, "", ""},
		{"AWS4-HMAC-SHA256 Credential=AKID/20170612/eu.west\x00/swf/aws4_request" + signature, "", ""},
		{"AWS4-HMAC-SHA256 Credential=/20170612/eu-west-3/swf/aws4_request" + signature, "", ""},
		{"", "?X-Amz-Credential=", ""},
	} {
		r := httptest.NewRequest("POST", "/"+c.query, strings.NewReader(`{"domain":"d","do":"who"}`))
		r.Header.Set("X-Amz-Target", "ShopService.Buy")
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		w := httptest.NewRecorder()
		newShop().ServeHTTP(w, r)
		got := w.Body.String()
		if c.want == "" {
			if w.Code != 400 || !strings.Contains(got, "IncompleteSignatureException") {
				t.Errorf("%+v: got %d %s", c, w.Code, got)
			}
		} else if got != `{"text":"`+c.want+`"}` {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

// refusing is an authenticator that says no, in one of two ways.
type refusing struct{ err error }

func (a refusing) Recognise(*http.Request, []string) (Sender, error) { return nil, a.err }

func TestAuthenticationRefused(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{fault.Of(fault.BadSignature, "not yours"), 400},
		{errors.New("key store is closed"), 500},
	} {
		shop := newShop()
		shop.Authenticator = refusing{c.err}
		if w := call(shop, "Buy", `{"domain":"d"}`); w.Code != c.want || strings.Contains(w.Body.String(), "closed") {
			t.Errorf("%v: got %d %s", c.err, w.Code, w.Body)
		}
	}
}

func TestDelivered(t *testing.T) {
	shop := newShop()
	server := httptest.NewServer(shop)
	defer server.Close()
	r, _ := http.NewRequest("POST", server.URL, strings.NewReader(`{"domain":"d","text":"to you"}`))
	r.Header.Set("X-Amz-Target", "ShopService.Wait")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || string(body) != `{"text":"to you"}` {
		t.Errorf("got %s, %v", body, err)
	}
	if err := <-shop.delivered; err != nil {
		t.Errorf("delivered with %v", err)
	}
}

func TestNotDeliveredToACallerWhoHasGone(t *testing.T) {
	shop := newShop()
	server := httptest.NewServer(shop)
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "POST", server.URL, strings.NewReader(`{"domain":"d","do":"until gone"}`))
	r.Header.Set("X-Amz-Target", "ShopService.Wait")
	go func() {
		<-shop.entered
		leave()
	}()
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Error("the request was answered")
	}
	if err := <-shop.delivered; !errors.Is(err, context.Canceled) {
		t.Errorf("delivered with %v", err)
	}
}

// brokenWriter fails at the write or at the flush.
type brokenWriter struct {
	http.ResponseWriter
	writeErr, flushErr error
}

func (w brokenWriter) Write(b []byte) (int, error) { return len(b), w.writeErr }
func (w brokenWriter) FlushError() error           { return w.flushErr }

func TestNotDeliveredWhenTheWriteFails(t *testing.T) {
	broken := errors.New("connection reset")
	for _, w := range []brokenWriter{{writeErr: broken}, {flushErr: broken}} {
		shop := newShop()
		w.ResponseWriter = httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"domain":"d"}`))
		r.Header.Set("X-Amz-Target", "ShopService.Wait")
		shop.ServeHTTP(w, r)
		if err := <-shop.delivered; !errors.Is(err, broken) {
			t.Errorf("delivered with %v", err)
		}
	}
}

func TestNotDeliveredWhenEncodingPanics(t *testing.T) {
	shop := newShop()
	w := call(shop, "Wait", `{"domain":"d","text":"burst"}`)
	if err := <-shop.delivered; err == nil || w.Code != 500 {
		t.Errorf("delivered with %v, status %d", err, w.Code)
	}
}

func TestNothingToDeliver(t *testing.T) {
	shop := newShop()
	w := call(shop, "Wait", `{"domain":"d","do":"error"}`)
	if w.Code != 500 || len(shop.delivered) != 0 {
		t.Errorf("status %d, delivered %d times", w.Code, len(shop.delivered))
	}
}

func TestMountRefuses(t *testing.T) {
	shop := newShop()
	for name, op := range map[string]Operation{
		"operation: shop has no operation \"Steal\"":                  awsjson.Operation("Steal", shop.buy, asks("Steal")),
		"awsjson: two rows for \"Buy\"":                               awsjson.Operation("Buy", shop.buy, asks("Buy")),
		"awsquery: two rows for \"Forget\" of version \"2020-02-02\"": awsquery.WithoutOutput("Forget", shop.cancel, asks("Forget")),
		"operation: no protocol \"smoke\"":                            {Name: "Cancel", Protocol: "smoke"},
	} {
		func() {
			defer func() {
				if got := recover(); got != name {
					t.Errorf("got %v, want %s", got, name)
				}
			}()
			api := shop.api()
			api.Operations = []Operation{op}
			shop.Mount(api)
		}()
	}
}

// One handler answers both protocols, each call in its own.
func TestByQuery(t *testing.T) {
	const id = "<RequestId>" + requestID + "</RequestId>"
	refused := func(blame, code, message string) string {
		return `<ErrorResponse xmlns="https://shop/"><Error><Type>` + blame + "</Type><Code>" + code + "</Code><Message>" + message + "</Message></Error>" + id + "</ErrorResponse>\n"
	}
	for _, c := range []struct {
		action, domain, do string
		status             int
		want               string
	}{
		{"AskFor", "d", "", 200, `<AskForResponse xmlns="https://shop/"><AskForResult><Text>tea</Text></AskForResult><ResponseMetadata>` + id + "</ResponseMetadata></AskForResponse>\n"},
		{"Forget", "d", "", 200, `<ForgetResponse xmlns="https://shop/"><ResponseMetadata>` + id + "</ResponseMetadata></ForgetResponse>\n"},
		{"AskFor", "d", "fault", 400, refused("Sender", codeSoldOut, "none of &#34;tea&#34; &lt;left&gt;")},
		{"AskFor", "d", "throttle", 400, refused("Sender", "Throttling", "Rate exceeded")},
		{"AskFor", "d", "nothing", 500, refused("Receiver", "InternalFailure", "The request processing has failed because of an internal error.")},
		{"Forget", "", "", 400, refused("Sender", "ValidationError", "1 validation error detected: Value null at &#39;domain&#39; failed to satisfy constraint: Member must not be null")},
		{"Buy", "d", "", 400, refused("Sender", "InvalidAction", "Could not find operation Buy for version 2020-02-02")},
	} {
		w := query(newShop(), c.action, c.domain, c.do)
		if w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("%s %s: got %d %s", c.action, c.do, w.Code, w.Body)
		}
		if next := w.Header().Get("X-Shop-Next"); (next != "") != (c.do == "fault") {
			t.Errorf("%s %s: header %q", c.action, c.do, next)
		}
	}
}

// Where nobody says which faults there are, none is strange.
func TestFaultsThatNobodyDeclares(t *testing.T) {
	shop := newShop()
	api := shop.api()
	api.Model.Faults = nil
	api.Model.TargetPrefix, api.Model.Version = "OpenShop", "2021"
	shop.Mount(api)
	r := request("Buy", strings.NewReader(`{"domain":"d","do":"undeclared"}`))
	r.Header.Set("X-Amz-Target", "OpenShop.Buy")
	w := httptest.NewRecorder()
	shop.ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), codeStrange) || shop.logged() != nil {
		t.Errorf("got %d %s, logged %v", w.Code, w.Body, shop.logged())
	}
}

func TestRequestID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, random := range [][16]byte{{}, {0, 1, 2, 3, 4, 5, 0xff, 7, 0xff, 9, 10, 11, 12, 13, 14, 15}} {
		if id := RequestID(random); !form.MatchString(id) {
			t.Errorf("%x became %s", random, id)
		}
	}
}

// discard is the cheapest writer there can be.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(int)             {}

type rewinder struct{ bytes.Reader }

func (*rewinder) Close() error { return nil }

func smallCall(shop *openShop) func() {
	body := []byte(`{"domain":"orders","text":"hello"}`)
	reader := &rewinder{}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("X-Amz-Target", "ShopService.Buy")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20170612/eu-west-3/swf/aws4_request, SignedHeaders=host, Signature=0")
	r.Body = reader
	r.ContentLength = int64(len(body))
	w := &discard{http.Header{}}
	return func() {
		reader.Reset(body)
		shop.ServeHTTP(w, r)
	}
}

func TestAllocations(t *testing.T) {
	if racing {
		t.Skip("it is about what pools keep")
	}
	// The call, its context that does not end with the caller, the request id, the
	// values of two headers, the input, its two strings, two keys of this test's decoder,
	// the subject, the output, and who the head says it is from. Content-Length below 100
	// costs nothing.
	if n := testing.AllocsPerRun(100, smallCall(newShop())); n > 13 {
		t.Errorf("%v allocations for a small call", n)
	}
}

func BenchmarkSmallCall(b *testing.B) {
	b.ReportAllocs()
	call := smallCall(newShop())
	for b.Loop() {
		call()
	}
}
