package httptask

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	options *Options
	client  *Client
	now     time.Time
}

// serve starts a server with TLS, and a client that may reach it if it is so allowed.
func serve(t *testing.T, handler http.HandlerFunc, private ...string) *bench {
	b := &bench{Server: httptest.NewTLSServer(handler), now: time.Unix(1, 0)}
	t.Cleanup(b.Close)
	roots := x509.NewCertPool()
	roots.AddCert(b.Certificate())
	b.options = &Options{Private: private}
	b.client = NewClient(b.options, func() time.Time { return b.now }, &tls.Config{RootCAs: roots})
	return b
}

func (b *bench) call(t *testing.T, parameters string, of *Connection) (*jsonvalue.Object, *Error) {
	t.Helper()
	v, err := jsonvalue.ParseString(strings.ReplaceAll(parameters, "URL/", b.URL+"/"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(v.(*jsonvalue.Object))
	if err != nil {
		return nil, failure(err)
	}
	output, failed, _ := b.client.Do(context.Background(), r, of, "eu-west-1")
	return output, failed
}

func basicConnection() *Connection {
	c := &Connection{ConnectionArn: connectionARN, AuthorizationType: basic}
	c.AuthParameters.BasicAuthParameters = &struct{ Username, Password string }{"u", "p"}
	return c
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
	c := &Connection{ConnectionArn: connectionARN, AuthorizationType: apiKey}
	c.AuthParameters.ApiKeyAuthParameters = &struct{ ApiKeyName, ApiKeyValue string }{"Authorization", "key"}
	c.AuthParameters.InvocationHttpParameters = Additions{
		HeaderParameters: []Parameter{{Key: "content-type", Value: "a/b"}}, QueryStringParameters: []Parameter{{Key: "q", Value: "2"}}, BodyParameters: []Parameter{{Key: "m", Value: "z"}},
	}
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
	of := basicConnection()
	of.AuthorizationType = oauth
	of.AuthParameters.OAuthParameters = oauthOf(b.URL)
	if _, failed := b.call(t, call, of); failed == nil || failed.Name != NotAuthorized || reached != 0 {
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
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1": true, "10.0.0.1": false, "169.254.169.254": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "::1": false,
		"fd00::1": false, "fe80::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::7f00:1": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %t", address, got)
		}
	}
}

func oauthOf(endpoint string) *struct {
	AuthorizationEndpoint string
	HttpMethod            string
	ClientParameters      struct{ ClientID, ClientSecret string }
	OAuthHttpParameters   Additions
} {
	c := &Connection{}
	c.AuthParameters.OAuthParameters = &struct {
		AuthorizationEndpoint string
		HttpMethod            string
		ClientParameters      struct{ ClientID, ClientSecret string }
		OAuthHttpParameters   Additions
	}{AuthorizationEndpoint: endpoint, HttpMethod: "POST"}
	o := c.AuthParameters.OAuthParameters
	o.ClientParameters.ClientID, o.ClientParameters.ClientSecret = "id", "s"
	o.OAuthHttpParameters.BodyParameters = []Parameter{{Key: "audience", Value: "all"}}
	return o
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
	of := &Connection{ConnectionArn: connectionARN, AuthorizationType: oauth}
	of.AuthParameters.OAuthParameters = oauthOf(b.URL + "/token")
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
	of.AuthParameters.OAuthParameters.ClientParameters.ClientSecret = "other"
	call("Bearer t4")
	of.AuthParameters.OAuthParameters.ClientParameters.ClientSecret = "wrong"
	call(NotAuthorized)
}

// TestConnectionsAreFound in a file for its owner alone, by those of their account and region.
func TestConnectionsAreFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connections.json")
	o := &Options{Connections: path}
	const file = `{"Connections":[{"ConnectionArn":"` + connectionARN + `","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush"}}}]}`
	write := func(text string, mode os.FileMode) {
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(file, 0o600)
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		account, region, arn string
		want                 bool
	}{
		{"123456789012", "eu-west-1", connectionARN, true},
		{"123456789012", "eu-west-1", connectionARN + "/81210c42-8af1-456b-9c4a-6ff02fc664ac", true},
		{"123456789012", "eu-west-1", connectionARN + "2", false},
		{"123456789012", "eu-west-1", connectionARN + "/a/b", false},
		{"123456789012", "us-east-1", connectionARN, false},
		{"210987654321", "eu-west-1", connectionARN, false},
	} {
		found, err := o.Find(c.account, c.region, c.arn)
		if err != nil || (found != nil) != c.want {
			t.Errorf("%+v: %v %v", c, found, err)
		}
	}
	write(strings.Replace(file, "hush", "other", 1), 0o600)
	if found, err := o.Find("123456789012", "eu-west-1", connectionARN); err != nil || found.AuthParameters.BasicAuthParameters.Password != "other" {
		t.Errorf("a changed secret is not found: %v", err)
	}
	for _, text := range []string{file + strings.Repeat(" ", 64<<10), file[:len(file)-2], strings.Replace(file, "BASIC", "API_KEY", 1), strings.Replace(file, ":events:", ":sqs:", 1), `{"Connections":[null]}`} {
		write(text, 0o600)
		if err := o.Check(); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%.200s: %v", text, err)
		}
	}
	write(file, 0o644)
	if o.Check() == nil {
		t.Error("others may read the file")
	}
	if (&Options{Private: []string{"10.0.0.1"}}).Check() == nil {
		t.Error("an address is no network")
	}
}
