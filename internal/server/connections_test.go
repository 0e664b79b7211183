package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/events"
)

// reaching lets connections and HTTP tasks reach this machine.
func reaching(cfg *Config, file string) {
	for _, s := range cfg.Services {
		if o, ours := s.Options.(*events.Options); ours {
			o.Connections.File, o.Connections.Private = file, []string{"127.0.0.0/8"}
		}
	}
}

// guarded is an endpoint that remembers what authorised the last request, and that gives
// tokens to the client "id" with the secret "hush-oauth".
type guarded struct {
	*httptest.Server
	tokens atomic.Int64
	seen   atomic.Pointer[string]
}

func newGuarded(t *testing.T) *guarded {
	g := &guarded{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			if id, secret, _ := r.BasicAuth(); id != "id" || secret != "hush-oauth" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprintf(w, `{"access_token":"t%d","expires_in":3600}`, g.tokens.Add(1))
			return
		}
		body, _ := io.ReadAll(r.Body)
		g.seen.Store(new(fmt.Sprintf("%s|%s|%s|%s|%s", r.Header.Get("Authorization"), r.Header.Get("X-Key"), r.Header.Get("X-More"), r.URL.RawQuery, body)))
	}))
	t.Cleanup(g.Close)
	return g
}

// sent has a machine send a request with a connection, and wants that the endpoint saw
// something, or how the execution failed.
func (g *guarded) sent(a *authority, connection, want string) {
	a.t.Helper()
	machine := a.machine("r", "arn:aws:states:::http:invoke", `,"Parameters":{"ApiEndpoint":"`+g.URL+`/x","Method":"POST","RequestBody":{"a":1},"Authentication":{"ConnectionArn":"`+connection+`"}}`)
	got := a.runs(machine)
	if got == "SUCCEEDED" {
		got = *g.seen.Load()
	}
	if !strings.Contains(got, want) {
		a.t.Errorf("sent with %s: %s, want %s", connection, got, want)
	}
}

// TestConnections: a user makes connections, HTTP tasks use them, and nobody reads again what is
// secret in them: no answer and no byte of the store has it.
func TestConnections(t *testing.T) {
	endpoint := newGuarded(t)
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: 20 * time.Second}
	cfg.Services = Services()
	reaching(&cfg, "")
	s := start(t, cfg)
	a := &authority{harness: &harness{t, s, rootKey(t, cfg.Data)}}
	var answers string
	ask := func(action, body string) string {
		t.Helper()
		answer := a.must(a.connections(a.root, action, strings.ReplaceAll(body, "URL", endpoint.URL)))
		answers += answer
		return answer
	}
	a.role("r", statesTrust, everything)
	sent := func(connection, want string) {
		t.Helper()
		endpoint.sent(a, connection, want)
	}
	arn := func(answer string) string { return a.field("ConnectionArn", answer) }

	basic := ask("CreateConnection", `{"Name":"basic","Description":"d","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush-1"},
		"InvocationHttpParameters":{"HeaderParameters":[{"Key":"X-More","Value":"hush-2","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","Value":"shown","IsValueSecret":false}],"BodyParameters":[{"Key":"b","Value":"hush-3","IsValueSecret":true}]}}}`)
	if !regexp.MustCompile(`^\{"ConnectionArn":"arn:aws:events:us-east-1:123456789012:connection/basic/[0-9a-f-]{36}","ConnectionState":"AUTHORIZED","CreationTime":[0-9.]+,"LastModifiedTime":[0-9.]+\}$`).MatchString(basic) {
		t.Errorf("made: %s", basic)
	}
	shown := ask("DescribeConnection", `{"Name":"basic"}`)
	for _, want := range []string{
		`"AuthParameters":{"BasicAuthParameters":{"Username":"u"},"InvocationHttpParameters":{"BodyParameters":[{"IsValueSecret":true,"Key":"b"}],"HeaderParameters":[{"IsValueSecret":true,"Key":"X-More"}],"QueryStringParameters":[{"IsValueSecret":false,"Key":"q","Value":"shown"}]}}`,
		`"AuthorizationType":"BASIC"`, `"Description":"d"`, `"SecretArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:events!connection/basic/`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("described as %s, want %s", shown, want)
		}
	}
	sent(arn(basic), `Basic dTpodXNoLTE=||hush-2|q=shown|{"a":1,"b":"hush-3"}`)
	for _, other := range []string{"arn:aws:events:us-east-1:123456789012:connection/basic", arn(basic) + "0", strings.Replace(arn(basic), "basic", "other", 1), strings.Replace(arn(basic), "us-east-1", "eu-west-1", 1)} {
		sent(other, "Events.ConnectionResource.ResourceNotFound")
	}

	key := ask("CreateConnection", `{"Name":"key","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"hush-4"}}}`)
	sent(arn(key), `|hush-4||`)
	// Part of what authorises is changed.
	if got := ask("UpdateConnection", `{"Name":"key","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyValue":"hush-5"}}}`); arn(got) != arn(key) {
		t.Errorf("updated: %s", got)
	}
	sent(arn(key), `|hush-5||`)
	ask("UpdateConnection", `{"Name":"key","Description":"e"}`)
	sent(arn(key), `|hush-5||`)
	ask("UpdateConnection", `{"Name":"key","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"v","Password":"hush-6"}}}`)
	sent(arn(key), "Basic djpodXNoLTY=|")

	const oauth = `{"Name":"NAME","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"AuthorizationEndpoint":"URL/token","HttpMethod":"POST","ClientParameters":{"ClientID":"id","ClientSecret":"SECRET"},
		"OAuthHttpParameters":{"BodyParameters":[{"Key":"scope","Value":"all","IsValueSecret":false}]}}}}`
	named := func(name, secret string) string {
		return strings.NewReplacer("NAME", name, "SECRET", secret).Replace(oauth)
	}
	becomes := func(name, state string) (shown string) {
		t.Helper()
		waitUntil(t, name+" is "+state, func() bool {
			shown = a.must(a.connections(a.root, "DescribeConnection", `{"Name":"`+name+`"}`))
			return strings.Contains(shown, `"ConnectionState":"`+state+`"`)
		})
		answers += shown
		return shown
	}
	good := ask("CreateConnection", named("oauth", "hush-oauth"))
	if !strings.Contains(good, `"ConnectionState":"AUTHORIZING"`) {
		t.Errorf("made: %s", good)
	}
	if shown := becomes("oauth", "AUTHORIZED"); !strings.Contains(shown, `"LastAuthorizedTime":`) || strings.Contains(shown, "StateReason") ||
		!strings.Contains(shown, `"OAuthParameters":{"AuthorizationEndpoint":"`+endpoint.URL+`/token","ClientParameters":{"ClientID":"id"},"HttpMethod":"POST","OAuthHttpParameters":{"BodyParameters":[{"IsValueSecret":false,"Key":"scope","Value":"all"}]}}`) {
		t.Errorf("described as %s", shown)
	}
	sent(arn(good), "Bearer t1|")
	bad := ask("CreateConnection", named("bad", "hush-wrong"))
	if shown := becomes("bad", "DEAUTHORIZED"); !strings.Contains(shown, `"StateReason":"The authorization endpoint gave no token: it answered 401."`) {
		t.Errorf("described as %s", shown)
	}
	sent(arn(bad), "Events.ConnectionResource.InvalidConnectionState")
	ask("UpdateConnection", `{"Name":"bad","AuthParameters":{"OAuthParameters":{"ClientParameters":{"ClientSecret":"hush-oauth"}}}}`)
	becomes("bad", "AUTHORIZED")
	sent(arn(bad), "Bearer t2|")

	if list := ask("ListConnections", `{"NamePrefix":"b"}`); strings.Count(list, `"ConnectionArn"`) != 2 || !strings.Contains(list, arn(basic)) || !strings.Contains(list, arn(bad)) {
		t.Errorf("listed: %s", list)
	}
	for body, want := range map[string]int{`{}`: 4, `{"ConnectionState":"AUTHORIZED"}`: 4, `{"ConnectionState":"DEAUTHORIZED"}`: 0, `{"ConnectionState":"CREATING"}`: 0, `{"Limit":3}`: 3} {
		if list := ask("ListConnections", body); strings.Count(list, `"ConnectionArn"`) != want {
			t.Errorf("%s: %s", body, list)
		}
	}

	closeServer(t, s)
	s = start(t, cfg)
	a.Server = s
	sent(arn(basic), "Basic dTpodXNoLTE=|")
	sent(arn(good), "Bearer t3|") // another process asks for another token

	if got := ask("DeauthorizeConnection", `{"Name":"basic"}`); !strings.Contains(got, `"ConnectionState":"DEAUTHORIZED"`) {
		t.Errorf("deauthorised: %s", got)
	}
	if shown := ask("DescribeConnection", `{"Name":"basic"}`); strings.Contains(shown, "AuthParameters") || strings.Contains(shown, "SecretArn") {
		t.Errorf("described as %s", shown)
	}
	sent(arn(basic), "Events.ConnectionResource.InvalidConnectionState")
	if got := ask("DeleteConnection", `{"Name":"basic"}`); !strings.Contains(got, `"ConnectionState":"DELETING"`) {
		t.Errorf("deleted: %s", got)
	}
	sent(arn(basic), "Events.ConnectionResource.ResourceNotFound")
	again := ask("CreateConnection", `{"Name":"basic","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush-7"}}}`)
	if arn(again) == arn(basic) {
		t.Error("a new connection has the ARN of one that was deleted")
	}

	for body, want := range map[string]string{
		`CreateConnection {"Name":"key","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush-8"}}}`:                                                                                            "ResourceAlreadyExistsException Connection key already exists.",
		`CreateConnection {"Name":"n","AuthorizationType":"BASIC","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"k","ApiKeyValue":"hush-8"}}}`:                                                                                        "ValidationException AuthParameters may have only",
		`CreateConnection {"Name":"n","AuthorizationType":"BASIC","AuthParameters":{}}`:                                                                                                                                                        "ValidationException The AuthorizationType BASIC wants",
		`CreateConnection {"Name":"n!","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush-8:"}}}`:                                                                                            "ValidationException 2 validation errors detected: Value at 'authParameters.basicAuthParameters.password' failed",
		`CreateConnection {"Name":"n","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush-8"}},"KmsKeyIdentifier":"alias/k"}`:                                                                 "ValidationException KmsKeyIdentifier is not supported here",
		`CreateConnection {"Name":"n","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"AuthorizationEndpoint":"nowhere","HttpMethod":"GET","ClientParameters":{"ClientID":"i","ClientSecret":"hush-8"}}}}`: "ValidationException The AuthorizationEndpoint must be a URL",
		`UpdateConnection {"Name":"key","AuthorizationType":"API_KEY"}`:                                                                                                                                                                        "ValidationException The AuthorizationType API_KEY wants",
		`UpdateConnection {"Name":"none"}`:      "ResourceNotFoundException Failed to update the connection(s). Connection 'none' does not exist.",
		`DescribeConnection {"Name":"none"}`:    "ResourceNotFoundException Failed to describe the connection(s). Connection 'none' does not exist.",
		`DeauthorizeConnection {"Name":"none"}`: "ResourceNotFoundException",
		`DeleteConnection {"Name":"none"}`:      "ResourceNotFoundException",
		`ListConnections {"NextToken":"none"}`:  "ValidationException The NextToken is not one of this list.",
		`PutEvents {"Entries":[]}`:              "UnknownOperationException",
	} {
		action, body, _ := strings.Cut(body, " ")
		got := a.ask(a.connections(a.root, action, body))
		if answers += got.text; !strings.Contains(got.fault+" "+a.message(got.text), want) {
			t.Errorf("%s %s: %s, want %s", action, body, got.text, want)
		}
	}

	closeServer(t, s)
	told := answers
	err := filepath.WalkDir(cfg.Data, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, err := os.ReadFile(path)
			told += string(b)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(told, "hush-") {
		at := strings.Index(told, "hush-")
		t.Errorf("a secret was told: %q", told[max(0, at-200):at+20])
	}
}

// message is that of a fault's body.
func (h *harness) message(body string) string {
	_, after, _ := strings.Cut(body, `"message":"`)
	message, _, _ := strings.Cut(after, `"}`)
	return message
}

// TestWhoMayUseConnections: a policy names a connection, and a machine's role needs permissions
// for the connection and its secret. Records of the trail show no secret.
func TestWhoMayUseConnections(t *testing.T) {
	endpoint := newGuarded(t)
	data := ""
	a := newAuthorityWith(t, func(cfg *Config) {
		integrating(cfg)
		reaching(cfg, "")
		data, cfg.Audit = cfg.Data, Audit{Files: AuditFile, Data: true}
	})
	const named = "arn:aws:events:us-east-1:123456789012:connection/c"
	body := map[string]string{
		"CreateConnection":      `{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush-1"},"InvocationHttpParameters":{"HeaderParameters":[{"Key":"k","Value":"hush-2","IsValueSecret":true}]}}}`,
		"UpdateConnection":      `{"Name":"c","Description":"d","AuthParameters":{"BasicAuthParameters":{"Password":"hush-3"}}}`,
		"DescribeConnection":    `{"Name":"c"}`,
		"ListConnections":       `{}`,
		"DeauthorizeConnection": `{"Name":"c"}`,
		"DeleteConnection":      `{"Name":"c"}`,
	}
	others := a.user("others", allow("events:*", named+"x"), allow("events:CreateEventBus", "*"))
	for _, action := range []string{"CreateConnection", "UpdateConnection", "DescribeConnection", "ListConnections", "DeauthorizeConnection", "DeleteConnection"} {
		a.refused("AccessDeniedException", a.connections(others, action, body[action]))
		about := named
		if action == "ListConnections" {
			about = "*"
		}
		a.must(a.connections(a.user(action, allow("events:"+action, about)), action, body[action]))
	}
	arn := a.field("ConnectionArn", a.must(a.connections(a.root, "CreateConnection", body["CreateConnection"])))
	secret := a.field("SecretArn", a.must(a.connections(a.root, "DescribeConnection", body["DescribeConnection"])))
	invoke, use := allow("states:InvokeHTTPEndpoint", "*"), allow("events:RetrieveConnectionCredentials", arn)
	read := `{"Effect":"Allow","Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"],"Resource":"arn:aws:secretsmanager:*:*:secret:events!connection/*"}`
	for _, c := range []struct{ policies, want string }{
		{invoke + "," + use + "," + read, "SUCCEEDED"},
		{invoke + "," + use, "FAILED Events.ConnectionResource.AccessDenied User: "},
		{invoke + "," + use + "," + allow("secretsmanager:GetSecretValue", secret), "FAILED Events.ConnectionResource.AccessDenied User: "},
		{invoke + "," + use + "," + allow("secretsmanager:DescribeSecret", secret), "FAILED Events.ConnectionResource.AccessDenied User: "},
		{invoke + "," + use + "," + allow("secretsmanager:*", secret), "SUCCEEDED"},
		{invoke + "," + read, "FAILED Events.ConnectionResource.AccessDenied User: "},
		{use + "," + read, "FAILED States.Permissions"},
	} {
		role := a.name("role")
		a.role(role, statesTrust, c.policies)
		got := a.runs(a.machine(role, "arn:aws:states:::http:invoke", `,"Parameters":{"ApiEndpoint":"`+endpoint.URL+`/x","Method":"GET","Authentication":{"ConnectionArn":"`+arn+`"}}`))
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("with %s: %s, want %s", c.policies, got, c.want)
		}
	}
	closeServer(t, a.Server)
	trail := trailOf(t, data)
	if strings.Contains(trail, "hush-") || strings.Count(trail, `"eventName":"UpdateConnection"`) < 2 || !strings.Contains(trail, `"username":"u"`) {
		t.Errorf("the trail has secrets, or no records: %.2000s", trail)
	}
}

// TestConnectionsOfAFile are made at the start, and changed by it when it says something else; in
// between users change them. One without an ID is found by any.
func TestConnectionsOfAFile(t *testing.T) {
	endpoint := newGuarded(t)
	file := filepath.Join(t.TempDir(), "connections.json")
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: 20 * time.Second}
	cfg.Services = Services()
	reaching(&cfg, file)
	const named = "arn:aws:events:us-east-1:123456789012:connection/"
	write := func(password string) {
		text := `{"Connections":[{"ConnectionArn":"` + named + `any","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"` + password + `"}}},
			{"ConnectionArn":"` + named + `one/1","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"k"}}}]}`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var a *authority
	begin := func() {
		s := start(t, cfg)
		if a == nil {
			a = &authority{harness: &harness{t, s, rootKey(t, cfg.Data)}}
			a.role("r", statesTrust, everything)
		}
		a.Server = s
	}
	sent := func(connection, want string) {
		t.Helper()
		endpoint.sent(a, connection, want)
	}
	write("p")
	begin()
	id := a.field("ConnectionArn", a.must(a.connections(a.root, "DescribeConnection", `{"Name":"any"}`)))
	for _, connection := range []string{named + "any", named + "any/81210c42-8af1-456b-9c4a-6ff02fc664ac", id} {
		sent(connection, "Basic dTpw|")
	}
	sent(named+"one/1", "|k|")
	sent(named+"one", "Events.ConnectionResource.ResourceNotFound")
	sent(named+"one/2", "Events.ConnectionResource.ResourceNotFound")
	a.must(a.connections(a.root, "UpdateConnection", `{"Name":"any","AuthParameters":{"BasicAuthParameters":{"Password":"of a user"}}}`))
	closeServer(t, a.Server)
	begin()
	sent(named+"any", "Basic dTpvZiBhIHVzZXI=|")
	a.must(a.connections(a.root, "DeleteConnection", `{"Name":"one"}`))
	closeServer(t, a.Server)
	write("q")
	begin()
	sent(id, "Basic dTpx|")
	sent(named+"one/1", "|k|")
	closeServer(t, a.Server)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg, "--connections", "connections.json")
}
