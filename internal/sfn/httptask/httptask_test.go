package httptask

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heddle/internal/events/connection"
	"heddle/jsonvalue"
)

const connectionARN = "arn:aws:events:eu-west-1:123456789012:connection/Stripe"

// echo answers with the request as it came.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/refused":
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, "slow down")
	case "/elsewhere":
		http.Redirect(w, r, "/", http.StatusFound)
	case "/large":
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, strings.Repeat("x", answerBytesMax+1))
	case "/picture":
		w.Header().Set("Content-Type", "image/png")
	case "/json":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"b":1.0,"a":[true]}`)
	default:
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %s %s|%s|%s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Authorization"), body)
	}
}

type bench struct {
	*httptest.Server
	client *connection.Client
	now    time.Time
	saw    *Exchange
}

// serve starts a server with TLS, and a client that may reach it if it is so allowed.
func serve(t *testing.T, handler http.HandlerFunc, private ...string) *bench {
	b := &bench{Server: httptest.NewTLSServer(handler), now: time.Unix(1, 0)}
	t.Cleanup(b.Close)
	roots := x509.NewCertPool()
	roots.AddCert(b.Certificate())
	b.client = connection.NewClient(&connection.Options{Private: private}, func() time.Time { return b.now }, &tls.Config{RootCAs: roots})
	return b
}

func (b *bench) call(t *testing.T, parameters string, of *connection.Connection) (*jsonvalue.Object, *Error) {
	t.Helper()
	v, err := jsonvalue.ParseString(strings.ReplaceAll(parameters, "URL/", b.URL+"/"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(v.(*jsonvalue.Object))
	if err != nil {
		return nil, failure(err)
	}
	output, failed, _ := Do(context.Background(), b.client, r, of, "eu-west-1", b.saw)
	return output, failed
}

func basicConnection() *connection.Connection {
	return &connection.Connection{
		ARN: connectionARN, Type: connection.TypeBasic, Parameters: &connection.Parameters{BasicAuthParameters: &connection.Basic{Username: "u", Password: "p"}},
	}
}

func body(o *jsonvalue.Object) string {
	v, _ := o.Get("ResponseBody")
	return scalar(v)
}

const loopback = "127.0.0.0/8"

// TestRequests: what is sent, and what the task gives or fails with.
func TestRequests(t *testing.T) {
	b := serve(t, echo, loopback)
	const with = `,"Authentication":{"ConnectionArn":"` + connectionARN + `"}}`
	form := func(format string) string {
		return `{"ApiEndpoint":"URL/x","Method":"POST","RequestBody":{"a":["1",2],"m":{"k":"v w"}},"Transform":{"RequestBodyEncoding":"URL_ENCODED","RequestEncodingOptions":{"ArrayFormat":"` + format + `"}}` + with
	}
	const prefix, formed = "|Basic dTpw|", "POST /x application/x-www-form-urlencoded|Basic dTpw|"
	for _, c := range []struct{ parameters, want string }{
		{`{"ApiEndpoint":"URL/x?y=1","Method":"GET","QueryParameters":{"q":"a b","n":[1,true]}` + with, "GET /x?y=1&q=a%20b&n=1&n=true " + prefix},
		{`{"ApiEndpoint":"URL/x","Method":"PUT","RequestBody":{"b":1,"a":null},"InvocationConfig":{"ConnectionArn":"` + connectionARN + `"}}`, `PUT /x application/json; charset=UTF-8` + prefix + `{"b":1,"a":null}`},
		{`{"ApiEndpoint":"URL/x","Method":"POST","RequestBody":"t","Headers":{"content-type":"text/plain"}` + with, `POST /x text/plain` + prefix + `"t"`},
		{form("INDICES"), formed + "a%5B0%5D=1&a%5B1%5D=2&m%5Bk%5D=v%20w"},
		{form("REPEAT"), formed + "a=1&a=2&m%5Bk%5D=v%20w"},
		{form("COMMAS"), formed + "a=1,2&m%5Bk%5D=v%20w"},
		{form("BRACKETS"), formed + "a%5B%5D=1&a%5B%5D=2&m%5Bk%5D=v%20w"},
		{form("OTHER"), Runtime},
		{`{"ApiEndpoint":"URL/json","Method":"GET"` + with, `{"b":1.0,"a":[true]}`},
		{`{"ApiEndpoint":"URL/refused","Method":"GET"` + with, "States.Http.StatusCode.429: slow down"},
		{`{"ApiEndpoint":"URL/elsewhere","Method":"GET"` + with, "States.Http.StatusCode.302"},
		{`{"ApiEndpoint":"URL/large","Method":"GET"` + with, DataLimit},
		{`{"ApiEndpoint":"URL/picture","Method":"GET"` + with, Runtime},
		{`{"ApiEndpoint":"URL/x","Method":"TRACE"` + with, Runtime},
		{`{"ApiEndpoint":"ftp://h/x","Method":"GET"` + with, Runtime},
		{`{"ApiEndpoint":"URL/x","Method":"GET","Headers":{"authorization":"x"}` + with, Runtime},
		{`{"ApiEndpoint":"URL/x","Method":"GET","Headers":{"X-Amz-Date":"x"}` + with, Runtime},
		{`{"ApiEndpoint":"URL/x","Method":"GET","Headers":{"X":"a\r\nY: b"}` + with, Runtime},
		{`{"ApiEndpoint":"URL/x","Method":"GET"}`, Runtime},
		{`{"ApiEndpoint":"https://127.0.0.1:1/x","Method":"GET"` + with, Socket},
	} {
		output, failed := b.call(t, c.parameters, basicConnection())
		switch {
		case failed != nil && !strings.HasPrefix(failed.Error(), c.want):
			t.Errorf("%s: %v, want %s", c.parameters, failed, c.want)
		case failed == nil && body(output) != c.want:
			t.Errorf("%s: %s, want %s", c.parameters, body(output), c.want)
		}
	}
	output, _ := b.call(t, `{"ApiEndpoint":"URL/json","Method":"GET"`+with, basicConnection())
	if got := jsonvalue.Text(output); !strings.HasPrefix(got, `{"Headers":{"content-length":["20"],"content-type":["application/json"],"date":[`) || !strings.HasSuffix(got, `"StatusCode":200,"StatusText":"OK"}`) {
		t.Errorf("the output is %s", got)
	}
}

// TestConnectionsAdd their parameters, which stand before those of the task.
func TestConnectionsAdd(t *testing.T) {
	b := serve(t, echo, loopback)
	one := func(key, v string) []connection.Parameter { return []connection.Parameter{{Key: key, Value: v}} }
	c := &connection.Connection{ARN: connectionARN, Type: connection.TypeAPIKey, Parameters: &connection.Parameters{
		ApiKeyAuthParameters:     &connection.APIKey{ApiKeyName: "Authorization", ApiKeyValue: "key"},
		InvocationHttpParameters: connection.Additions{HeaderParameters: one("content-type", "a/b"), QueryStringParameters: one("q", "2"), BodyParameters: one("m", "z")},
	}}
	const call = `{"ApiEndpoint":"URL/x","Method":"POST","Headers":{"Content-Type":"c/d"},"QueryParameters":{"q":1,"r":1},"RequestBody":%s,"Authentication":{"ConnectionArn":"a"}}`
	output, failed := b.call(t, fmt.Sprintf(call, `{"m":1,"n":2}`), c)
	if failed != nil || body(output) != `POST /x?r=1&q=2 a/b|key|{"m":"z","n":2}` {
		t.Errorf("%v %v", output, failed)
	}
	if _, failed = b.call(t, fmt.Sprintf(call, `"text"`), c); failed == nil || failed.Name != Runtime {
		t.Errorf("a text and parameters of the body: %v", failed)
	}
}

// TestPrivateNetworks are not reached, unless the operator allows it; nor is anything without TLS.
func TestPrivateNetworks(t *testing.T) {
	reached := 0
	handler := func(http.ResponseWriter, *http.Request) { reached++ }
	const call = `{"ApiEndpoint":"URL/x","Method":"GET","Authentication":{"ConnectionArn":"a"}}`
	b := serve(t, handler)
	for _, parameters := range []string{call, strings.Replace(call, "URL/", "https://localhost:"+b.URL[strings.LastIndex(b.URL, ":")+1:]+"/", 1)} {
		if _, failed := b.call(t, parameters, basicConnection()); failed == nil || failed.Name != Socket || reached != 0 {
			t.Errorf("%s was reached: %v", parameters, failed)
		}
	}
	if _, failed := b.call(t, call, oauthOf(b.URL)); failed == nil || failed.Name != NotAuthorized || reached != 0 {
		t.Errorf("the endpoint of a token was reached: %v", failed)
	}
	plain := httptest.NewServer(http.HandlerFunc(handler))
	t.Cleanup(plain.Close)
	if _, failed := b.call(t, strings.Replace(call, "URL/", plain.URL+"/", 1), basicConnection()); failed == nil || failed.Name != Socket || reached != 0 {
		t.Errorf("it was reached without TLS: %v", failed)
	}
	allowed := serve(t, handler, loopback)
	if _, failed := allowed.call(t, strings.Replace(call, "URL/", plain.URL+"/", 1), basicConnection()); failed != nil || reached != 1 {
		t.Errorf("an allowed network was not reached: %v", failed)
	}
}

func oauthOf(endpoint string) *connection.Connection {
	o := &connection.OAuth{AuthorizationEndpoint: endpoint, HttpMethod: "POST"}
	o.ClientParameters.ClientID, o.ClientParameters.ClientSecret = "id", "s"
	o.OAuthHttpParameters.BodyParameters = []connection.Parameter{{Key: "audience", Value: "all"}}
	return &connection.Connection{ARN: connectionARN, Type: connection.TypeOAuth, Parameters: &connection.Parameters{OAuthParameters: o}}
}

// TestTokens of OAuth are kept until they end, are refused, or the connection was changed.
func TestTokens(t *testing.T) {
	asked, refuse := 0, false
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			text, _ := io.ReadAll(r.Body)
			if id, secret, _ := r.BasicAuth(); id != "id" || secret == "wrong" || string(text) != "audience=all&grant_type=client_credentials" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			asked++
			fmt.Fprintf(w, `{"access_token":"t%d","expires_in":3600}`, asked)
			return
		}
		if refuse {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}, loopback)
	of := oauthOf(b.URL + "/token")
	call := func(want string) {
		t.Helper()
		output, failed := b.call(t, `{"ApiEndpoint":"URL/x","Method":"GET","Authentication":{"ConnectionArn":"a"}}`, of)
		if failed != nil && failed.Name != want || failed == nil && body(output) != want {
			t.Errorf("%v %v, want %s", output, failed, want)
		}
	}
	call("Bearer t1")
	call("Bearer t1")
	b.now = b.now.Add(time.Hour)
	call("Bearer t2")
	refuse = true
	call("States.Http.StatusCode.401")
	refuse = false
	call("Bearer t3")
	of.Version, of.OAuthParameters.ClientParameters.ClientSecret = 2, "other"
	call("Bearer t4")
	of.Version, of.OAuthParameters.ClientParameters.ClientSecret = 3, "wrong"
	call(NotAuthorized)
}

// TestAPIs: what is sent to an API, and what the task gives or fails with.
func TestAPIs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.HasSuffix(r.URL.Path, "/refused"):
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"message":"Missing Authentication Token"}`)
		case strings.HasSuffix(r.URL.Path, "/elsewhere"):
			http.Redirect(w, r, "/", http.StatusFound)
		case strings.HasSuffix(r.URL.Path, "/large"):
			fmt.Fprint(w, strings.Repeat("x", answerBytesMax+1))
		case strings.HasSuffix(r.URL.Path, "/json"):
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"b":1.0}`)
		default:
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprintf(w, "%s %s %s|%s|%s|%s|%s", r.Method, r.Host, r.RequestURI, r.Header.Get("Content-Type"), strings.Join(r.Header["K"], ","), r.Header.Get("Signed"), body)
		}
	}))
	t.Cleanup(server.Close)
	const host = "abc1.execute-api.eu-west-1.amazonaws.com"
	const api = `{"ApiEndpoint":"` + host + `","Method":`
	for _, c := range []struct{ parameters, want string }{
		{api + `"GET"}`, "GET " + host + " /base/||||"},
		{api + `"GET","Stage":"$default","Path":"/bills/"}`, "GET " + host + " /base/bills||||"},
		{api + `"GET","Stage":"prod","QueryParameters":{"q":["a b","c"],"n":1},"Headers":{"k":["1","2"]},"AuthType":"NO_AUTH"}`, "GET " + host + " /base/prod?q=a%20b&q=c&n=1||1,2||"},
		{api + `"POST","Path":"a b/c%2Fd/e?f=1#g","RequestBody":{"a":1.0},"AuthType":"IAM_ROLE"}`, "POST " + host + ` /base/a%20b/c%2Fd/e%3Ff=1%23g|application/json||{"a":1.0}|{"a":1.0}`},
		{api + `"PUT","RequestBody":"text","Headers":{"Content-Type":["text/plain"]},"AuthType":"RESOURCE_POLICY"}`, "PUT " + host + " /base/|text/plain||text|text"},
		{api + `"GET","Path":"json"}`, `{"b":1.0}`},
		{api + `"GET","Path":"refused"}`, `ApiGateway.403: {"message":"Missing Authentication Token"}`},
		{api + `"GET","Path":"elsewhere"}`, "ApiGateway.302"},
		{api + `"GET","Path":"large"}`, DataLimit},
		{api + `"TRACE"}`, Runtime},
		{api + `"GET","Path":"a/../../b"}`, Runtime},
		{api + `"GET","Path":"a/%2e%2E/b"}`, Runtime},
		{api + `"GET","Stage":"../b"}`, Runtime},
		{api + `"GET","AuthType":"IAM_AUTH"}`, Runtime},
		{api + `"GET","Headers":{"host":"h"}}`, Runtime},
		{api + `"GET","Headers":{"X-Amz-Date":"d"}}`, Runtime},
		{strings.Replace(api, host, "evil.example", 1) + `"GET"}`, Runtime},
		{strings.Replace(api, host, host+"/x", 1) + `"GET"}`, Runtime},
		{`{"Method":"GET"}`, Runtime},
	} {
		v, err := jsonvalue.ParseString(c.parameters)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ParseAPI(v.(*jsonvalue.Object))
		if err != nil {
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.parameters, err, c.want)
			}
			continue
		}
		a.Shared = true
		output, failed, _ := a.Do(context.Background(), http.DefaultTransport, server.URL+"/base", func(q *http.Request, body []byte) error {
			q.Header.Set("Signed", string(body))
			return nil
		})
		switch {
		case failed != nil && !strings.HasPrefix(failed.Error(), c.want):
			t.Errorf("%s: %v, want %s", c.parameters, failed, c.want)
		case failed == nil && body(output) != c.want:
			t.Errorf("%s: %s, want %s", c.parameters, body(output), c.want)
		}
	}
	a := &API{ID: "abc1", Request: Request{Method: "GET", headers: http.Header{}}, path: "/a/b"}
	if got := a.Resource(); got != "abc1/$default/GET/a/b" {
		t.Errorf("policies call it %s", got)
	}
	server.Close()
	if _, failed, cause := a.Do(context.Background(), http.DefaultTransport, server.URL, nil); failed == nil || failed.Name != APIClient || cause == nil {
		t.Errorf("a server that is gone: %v %v", failed, cause)
	}
}

// TestExchange: who tests a state sees what was sent and got; what the connection adds only if it
// asks for secrets.
func TestExchange(t *testing.T) {
	b := serve(t, echo, "127.0.0.1/32")
	of := basicConnection()
	of.InvocationHttpParameters = connection.Additions{
		HeaderParameters:      []connection.Parameter{{Key: "X-Own", Value: "h"}},
		QueryStringParameters: []connection.Parameter{{Key: "key", Value: "q"}},
		BodyParameters:        []connection.Parameter{{Key: "token", Value: "b"}},
	}
	agent := ", Range: bytes=0-262144, User-Agent: Amazon|StepFunctions|HttpInvoke|eu-west-1"
	for secrets, want := range map[bool]Asked{
		false: {"https", "POST", b.URL + "/json?a=1", "[Content-Type: application/json; charset=UTF-8" + agent + ", X-State: s]", `{"x":1}`},
		true:  {"https", "POST", b.URL + "/json?a=1&key=q", "[Authorization: Basic dTpw, Content-Type: application/json; charset=UTF-8" + agent + ", X-Own: h, X-State: s]", `{"x":1,"token":"b"}`},
	} {
		b.saw = &Exchange{Secrets: secrets}
		_, failed := b.call(t, `{"ApiEndpoint":"URL/json","Method":"POST","Authentication":{"ConnectionArn":"`+connectionARN+`"},"QueryParameters":{"a":1},"Headers":{"X-State":"s"},"RequestBody":{"x":1}}`, of)
		if failed != nil || *b.saw.Request != want {
			t.Errorf("secrets %v: %v\n got %+v\nwant %+v", secrets, failed, *b.saw.Request, want)
		}
		heard := *b.saw.Response
		if !strings.Contains(heard.Headers, "Content-Type: application/json") {
			t.Errorf("headers: %s", heard.Headers)
		}
		if heard.Headers = ""; heard != (Heard{"https", "200", "OK", "", `{"b":1.0,"a":[true]}`}) {
			t.Errorf("heard %+v", heard)
		}
	}
	b.saw = &Exchange{}
	if _, failed := b.call(t, `{"ApiEndpoint":"URL/refused","Method":"GET","Authentication":{"ConnectionArn":"`+connectionARN+`"}}`, of); failed == nil || b.saw.Response.StatusCode != "429" || b.saw.Response.Body != "slow down" {
		t.Errorf("refused: %v, %+v", failed, b.saw.Response)
	}
	b.Close()
	b.saw = &Exchange{}
	if _, failed := b.call(t, `{"ApiEndpoint":"URL/json","Method":"GET","Authentication":{"ConnectionArn":"`+connectionARN+`"}}`, of); failed == nil || b.saw.Request == nil || b.saw.Response != nil {
		t.Errorf("no answer: %v, %+v", failed, b.saw)
	}
}
