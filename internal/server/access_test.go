package server

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/iam/account"
	"heddle/internal/swf/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// harness is a server that wants signatures, and the key of its owner.
type harness struct {
	t *testing.T
	*Server
	root aws.Credentials
}

func newHarness(t *testing.T) *harness {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second}
	cfg.Log = slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelWarn})) // of what is refused nothing is logged
	s := start(t, cfg)
	return &harness{t, s, rootKey(t, cfg.Data)}
}

// knock is a request, which is signed and then perhaps changed.
type knock struct {
	key     aws.Credentials
	service string // of the signature's scope, as the region is
	region  string
	at      time.Time
	method  string
	path    string // empty: /
	query   string
	header  http.Header
	body    string
	payload string              // what is signed for the body; empty: its hash
	presign bool                // the signature stands in the query
	change  func(*http.Request) // after it was signed
}

// swf is a call of an action.
func (h *harness) swf(key aws.Credentials, action, body string) *knock {
	return &knock{
		key: key, service: "swf", region: defaults.Region, at: time.Now(), method: http.MethodPost, body: body,
		header: http.Header{"X-Amz-Target": {wire.TargetPrefix + "." + action}, "Content-Type": {"application/x-amz-json-1.0"}},
	}
}

// states is a call of an action of Step Functions.
func (h *harness) states(key aws.Credentials, action, body string) *knock {
	k := h.swf(key, action, body)
	k.service, k.header = "states", http.Header{"X-Amz-Target": {"AWSStepFunctions." + action}, "Content-Type": {"application/x-amz-json-1.0"}}
	return k
}

// kms is a call of an action of KMS.
func (h *harness) kms(key aws.Credentials, action, body string) *knock {
	k := h.swf(key, action, body)
	k.service, k.header = "kms", http.Header{"X-Amz-Target": {"TrentService." + action}, "Content-Type": {"application/x-amz-json-1.1"}}
	return k
}

// connections is a call of an action of EventBridge.
func (h *harness) connections(key aws.Credentials, action, body string) *knock {
	k := h.swf(key, action, body)
	k.service, k.header = "events", http.Header{"X-Amz-Target": {"AWSEvents." + action}, "Content-Type": {"application/x-amz-json-1.1"}}
	return k
}

// iam is a call of an action of IAM or STS, with its parameters as names and values.
func (h *harness) iam(key aws.Credentials, action string, parameters ...string) *knock {
	form, service := url.Values{"Action": {action}, "Version": {"2010-05-08"}}, "iam"
	switch action {
	case "AssumeRole", "GetSessionToken", "GetCallerIdentity", "GetAccessKeyInfo":
		form.Set("Version", "2011-06-15")
		service = "sts"
	}
	for i := 0; i < len(parameters); i += 2 {
		form.Add(parameters[i], parameters[i+1])
	}
	return &knock{
		key: key, service: service, region: defaults.Region, at: time.Now(), method: http.MethodPost, body: form.Encode(),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
}

// request is the knock as it will go over the wire.
func (h *harness) request(k *knock) *http.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), k.method, h.URL()+cmp.Or(k.path, "/")+"?"+k.query, strings.NewReader(k.body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header = k.header.Clone()
	digest := sha256.Sum256([]byte(k.body))
	payload := hex.EncodeToString(digest[:])
	if k.payload != "" {
		payload = k.payload
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true })
	switch {
	case k.key.AccessKeyID == "":
	case k.presign:
		address, signed, err := signer.PresignHTTP(h.t.Context(), k.key, r, payload, k.service, k.region, k.at)
		if err != nil {
			h.t.Fatal(err)
		}
		if r.URL, err = url.Parse(address); err != nil {
			h.t.Fatal(err)
		}
		r.Header = signed
	default:
		if err := signer.SignHTTP(h.t.Context(), k.key, r, payload, k.service, k.region, k.at); err != nil {
			h.t.Fatal(err)
		}
	}
	if k.change != nil {
		k.change(r)
	}
	return r
}

// answered is what came back; fault is empty if it is success.
type answered struct {
	status int
	fault  string
	text   string
}

var (
	jsonFault  = regexp.MustCompile(`"__type":"[^"]*?#?(\w+)"`)
	queryFault = regexp.MustCompile(`<Code>(\w+)</Code>`)
)

func (h *harness) send(r *http.Request) answered {
	h.t.Helper()
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	answer := answered{status: w.StatusCode, text: string(b)}
	if w.StatusCode != http.StatusOK {
		answer.fault = "status " + strconv.Itoa(w.StatusCode)
		for _, fault := range []*regexp.Regexp{jsonFault, queryFault} {
			if found := fault.FindStringSubmatch(answer.text); found != nil {
				answer.fault = found[1]
			}
		}
	}
	return answer
}

func (h *harness) ask(k *knock) answered {
	h.t.Helper()
	return h.send(h.request(k))
}

// must asks for what is granted, and gives the answer.
func (h *harness) must(k *knock) string {
	h.t.Helper()
	answer := h.ask(k)
	if answer.fault != "" {
		h.t.Fatalf("%s %s: %s", k.header.Get("X-Amz-Target"), k.body, answer.text)
	}
	return answer.text
}

// refused asks for what must be refused, and gives the answer.
func (h *harness) refused(fault string, k *knock) string {
	h.t.Helper()
	answer := h.ask(k)
	if answer.fault != fault {
		h.t.Errorf("got in? %s %.200s: %d %.400s, want %s", k.header.Get("X-Amz-Target"), k.body, answer.status, answer.text, fault)
	}
	return answer.text
}

// keyIn reads the credentials in an answer.
func keyIn(t *testing.T, answer string) aws.Credentials {
	t.Helper()
	found := func(name string) string {
		_, rest, _ := strings.Cut(answer, "<"+name+">")
		value, _, _ := strings.Cut(rest, "<")
		return value
	}
	key := aws.Credentials{AccessKeyID: found("AccessKeyId"), SecretAccessKey: found("SecretAccessKey"), SessionToken: found("SessionToken")}
	if key.AccessKeyID == "" {
		t.Fatalf("no credentials in %s", answer)
	}
	return key
}

// user makes a user with a policy of these statements, and gives its key.
func (h *harness) user(name string, statements ...string) aws.Credentials {
	h.t.Helper()
	h.must(h.iam(h.root, "CreateUser", "UserName", name))
	if len(statements) > 0 {
		h.must(h.iam(h.root, "PutUserPolicy", "UserName", name, "PolicyName", "p", "PolicyDocument", policyOf(statements...)))
	}
	return keyIn(h.t, h.must(h.iam(h.root, "CreateAccessKey", "UserName", name)))
}

func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// allow is a statement.
func allow(actions, resource string) string {
	list, _ := json.Marshal(strings.Fields(actions))
	return `{"Effect":"Allow","Action":` + string(list) + `,"Resource":"` + resource + `"}`
}

// session seals a session as the server would.
func (h *harness) session(s *account.Session) aws.Credentials {
	h.t.Helper()
	key, err := storeKey(h.t.Context(), h.store.Meta(), sessionKeyName)
	if err != nil {
		h.t.Fatal(err)
	}
	root := credentials.Root(defaults.Account, credentials.KeyPair{KeyID: h.root.AccessKeyID, Secret: credentials.Secret(h.root.SecretAccessKey)})
	lender, err := account.NewDirectory(account.Config{Roots: []credentials.Credential{root}}).Lookup(h.t.Context(), root.KeyID, "")
	if err != nil {
		h.t.Fatal(err)
	}
	lender.Lend(s)
	if s.KeyPair, err = credentials.NewSessionPair(defaults.Account, rand.Reader); err != nil {
		h.t.Fatal(err)
	}
	s.Account = defaults.Account
	return credentialsOf(s.KeyPair, account.NewSealer(account.SealerKeys{Sessions: key}).SealSession(s))
}

func credentialsOf(pair credentials.KeyPair, token credentials.Secret) aws.Credentials {
	return aws.Credentials{AccessKeyID: pair.KeyID, SecretAccessKey: string(pair.Secret), SessionToken: string(token)}
}

// TestRefusals sends what must not be believed, to a service with JSON and to one
// with the query protocol. Each first comes unchanged, so that what is refused is
// the change.
func TestRefusals(t *testing.T) {
	h := newHarness(t)
	ann := h.user("ann", allow("*", "*"))
	mismatch := [...]string{"InvalidSignatureException", "SignatureDoesNotMatch", "403"}
	unknown := [...]string{"UnrecognizedClientException", "InvalidClientTokenId", "403"}
	incomplete := [...]string{"IncompleteSignatureException", "IncompleteSignature", "400"}
	missing := [...]string{"MissingAuthenticationTokenException", "MissingAuthenticationToken", "403"}
	over := [...]string{"ExpiredTokenException", "ExpiredToken", "403"}
	granted := [...]string{"", "", "200"}
	header := func(name string, values ...string) func(*knock) {
		return func(k *knock) { k.change = func(r *http.Request) { r.Header[name] = values } }
	}
	edit := func(name, old, new string) func(*knock) {
		return func(k *knock) {
			k.change = func(r *http.Request) {
				changed := strings.Replace(r.Header.Get(name), old, new, 1)
				if changed == r.Header.Get(name) {
					t.Fatalf("no %q in %s", old, r.Header.Get(name))
				}
				r.Header.Set(name, changed)
			}
		}
	}
	signedAt := func(ago time.Duration) func(*knock) { return func(k *knock) { k.at = k.at.Add(-ago) } }
	presigned := func(ago time.Duration, query string) func(*knock) {
		return func(k *knock) { k.presign, k.query, k.at = true, query, k.at.Add(-ago) }
	}
	with := func(key func() aws.Credentials) func(*knock) { return func(k *knock) { k.key = key() } }
	session := func(expires time.Duration) aws.Credentials {
		var id string
		if _, rest, ok := strings.Cut(h.must(h.iam(ann, "GetCallerIdentity")), "<UserId>"); ok {
			id, _, _ = strings.Cut(rest, "<")
		}
		return h.session(&account.Session{
			Of: account.Ref{Type: account.User, Name: "ann"}, ID: id,
			Issued: time.Now(), Expires: time.Now().Add(expires),
		})
	}
	number := 0
	made := func(after ...string) func() aws.Credentials {
		return func() aws.Credentials {
			number++
			name := "user" + strconv.Itoa(number)
			key := h.user(name, allow("*", "*"))
			h.must(h.iam(key, "GetCallerIdentity"))
			h.must(h.swf(key, "ListDomains", `{"registrationStatus":"REGISTERED"}`)) // it is remembered
			for _, action := range after {
				h.must(h.iam(h.root, action, "UserName", name, "AccessKeyId", key.AccessKeyID, "Status", "Inactive", "PolicyName", "p"))
			}
			return key
		}
	}
	for _, c := range []struct {
		name   string
		change func(*knock)
		want   [3]string // fault in JSON, fault in queries and its status
	}{
		{"as it is", func(*knock) {}, granted},
		{"no signature", func(k *knock) { k.key = aws.Credentials{} }, missing},
		{"wrong secret", func(k *knock) { k.key.SecretAccessKey += "x" }, mismatch},
		{"no secret", func(k *knock) { k.key.SecretAccessKey = " " }, mismatch},
		{"unknown key", func(k *knock) { k.key.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" }, unknown},
		{"key in lower case", func(k *knock) { k.key.AccessKeyID = strings.ToLower(k.key.AccessKeyID) }, unknown},
		{"key that is no key", func(k *knock) { k.key.AccessKeyID = "../../x" }, incomplete},
		{"key of another account", with(func() aws.Credentials {
			pair, err := credentials.NewKeyPair("999999999999", rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return credentialsOf(pair, "")
		}), unknown},
		{"14 minutes old", signedAt(14 * time.Minute), granted},
		{"replayed after 15 minutes", signedAt(15*time.Minute + 5*time.Second), mismatch},
		{"of yesterday", signedAt(24 * time.Hour), mismatch},
		{"14 minutes ahead", signedAt(-14 * time.Minute), granted},
		{"from the future", signedAt(-15*time.Minute - 5*time.Second), mismatch},
		{"altered body", func(k *knock) {
			k.change = func(r *http.Request) {
				body := k.body + "&UserName=x"
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			}
		}, mismatch},
		{"body cut off", func(k *knock) {
			k.body += "&x=1"
			k.change = func(r *http.Request) {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(k.body[:len(k.body)-4])), int64(len(k.body)-4)
			}
		}, mismatch},
		{"altered header", header("Content-Type", "application/x-www-form-urlencoded;charset=x"), mismatch},
		{"header twice", func(k *knock) {
			k.change = func(r *http.Request) { r.Header.Add("Content-Type", r.Header.Get("Content-Type")) }
		}, mismatch},
		{"altered date", func(k *knock) {
			k.change = func(r *http.Request) {
				r.Header.Set("X-Amz-Date", k.at.Add(time.Second).UTC().Format("20060102T150405Z"))
			}
		}, mismatch},
		{"altered host", func(k *knock) { k.change = func(r *http.Request) { r.Host = "swf.example" } }, mismatch},
		{"altered query", func(k *knock) { k.change = func(r *http.Request) { r.URL.RawQuery = "Action=x" } }, mismatch},
		{"altered path", func(k *knock) { k.change = func(r *http.Request) { r.URL.Path = "/x" } }, mismatch},
		{"header that nobody signed", header("X-Amz-Extra", "1"), mismatch},
		{"token that nobody signed", header("X-Amz-Security-Token", "hAAAA"), mismatch},
		{"altered signature", edit("Authorization", "Signature=", "Signature=0"), mismatch},
		{"no signature in it", edit("Authorization", "Signature=", "Sig="), incomplete},
		{"no signed headers in it", edit("Authorization", "SignedHeaders=", "Headers="), incomplete},
		{"host not signed", edit("Authorization", "host;", ""), mismatch},
		{"another algorithm", edit("Authorization", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), incomplete},
		{"another scheme", header("Authorization", "Basic cm9vdDpyb290"), missing},
		{"two authorizations", func(k *knock) {
			k.change = func(r *http.Request) {
				r.Header["Authorization"] = []string{r.Header.Get("Authorization"), r.Header.Get("Authorization")}
			}
		}, incomplete},
		{"signed in both places", func(k *knock) {
			k.presign = true
			k.change = func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x") }
		}, mismatch},
		{"wrong service", func(k *knock) { k.service = "s3" }, mismatch},
		{"service of the other protocol", func(k *knock) {
			if k.service = "sts"; k.header.Get("X-Amz-Target") == "" {
				k.service = "swf"
			}
		}, mismatch},
		{"another region after signing", edit("Authorization", defaults.Region, "eu-west-1"), mismatch},
		{"another day after signing", edit("Authorization", "/20", "/19"), mismatch},
		{"odd region", func(k *knock) { k.region = "US_EAST_1" }, mismatch},
		{"region like a path", func(k *knock) { k.region = "..%2f" }, mismatch},
		{"long region", func(k *knock) { k.region = strings.Repeat("a", 33) }, mismatch},
		{"no region", func(k *knock) { k.region = "" }, mismatch},
		{"body in pieces", func(k *knock) { k.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" }, mismatch},
		{"body in pieces, unsigned", func(k *knock) { k.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER" }, mismatch},
		{"body not signed, without TLS", func(k *knock) { k.payload = "UNSIGNED-PAYLOAD" }, mismatch},
		{"hash of another body", func(k *knock) { k.payload = strings.Repeat("0", 64) }, mismatch},

		{"presigned", presigned(0, "X-Amz-Expires=60"), granted},
		{"presigned for an hour, half an hour ago", presigned(30*time.Minute, "X-Amz-Expires=3600"), granted},
		{"presigned for a minute, two ago", presigned(2*time.Minute, "X-Amz-Expires=60"), mismatch},
		{"presigned without an end", presigned(16*time.Minute, ""), mismatch},
		{"presigned for too long", presigned(0, "X-Amz-Expires=604801"), incomplete},
		{"presigned for less than nothing", presigned(0, "X-Amz-Expires=-1"), incomplete},
		{"presigned, life made longer", func(k *knock) {
			presigned(2*time.Minute, "X-Amz-Expires=60")(k)
			k.change = func(r *http.Request) {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Expires=60", "Expires=600", 1)
			}
		}, mismatch},
		{"presigned, another life beside", func(k *knock) {
			presigned(2*time.Minute, "X-Amz-Expires=60")(k)
			k.change = func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Expires=600" }
		}, incomplete},
		{"presigned, body not signed", func(k *knock) { k.presign, k.payload = true, "UNSIGNED-PAYLOAD" }, mismatch},
		{"presigned, altered parameters", func(k *knock) {
			k.presign = true
			k.change = func(r *http.Request) { r.URL.RawQuery += "&Action=DeleteUser" }
		}, mismatch},

		{"inactive key", with(made("UpdateAccessKey")), unknown},
		{"deleted key", with(made("DeleteAccessKey")), unknown},
		{"deleted user's key", with(made("DeleteAccessKey", "DeleteUserPolicy", "DeleteUser")), unknown},
		{"session", func(k *knock) { k.key = session(time.Hour); k.own() }, granted},
		{"session that is over", func(k *knock) { k.key = session(-time.Second); k.own() }, over},
		{"session without its token", func(k *knock) { k.key = session(time.Hour); k.key.SessionToken = "" }, unknown},
		{"session with an altered token", func(k *knock) {
			k.key = session(time.Hour)
			k.key.SessionToken = k.key.SessionToken[:len(k.key.SessionToken)-2] + "xx"
		}, unknown},
		{"session with another's token", func(k *knock) { k.key = session(time.Hour); k.key.SessionToken = session(time.Hour).SessionToken }, unknown},
		{"session of a user who is no more", with(func() aws.Credentials {
			return h.session(&account.Session{
				Of: account.Ref{Type: account.User, Name: "ann"}, ID: "AIDAFORMER", Issued: time.Now(), Expires: time.Now().Add(time.Hour)})
		}), unknown},
		{"session that another server made", with(func() aws.Credentials {
			pair, err := credentials.NewSessionPair(defaults.Account, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return credentialsOf(pair, account.NewSealer(account.SealerKeys{}).SealSession(&account.Session{
				KeyPair: pair, Account: defaults.Account, Issued: time.Now(), Expires: time.Now().Add(time.Hour)}))
		}), unknown},
		{"token with a key that needs none", func(k *knock) { k.key.SessionToken = session(time.Hour).SessionToken }, unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, k := range []*knock{h.swf(ann, "ListDomains", `{"registrationStatus":"REGISTERED"}`), h.iam(ann, "ListUsers")} {
				c.change(k)
				status := c.want[2]
				if i == 0 && c.want[0] != "" {
					status = "400" // JSON services answer so whatever it is
				}
				got := h.ask(k)
				if got.fault != c.want[i] || strconv.Itoa(got.status) != status {
					t.Errorf("%s: got %d %.300s, want %s %q", k.service, got.status, got.text, status, c.want[i])
				}
			}
		})
	}
}

// own turns a call of IAM into one that sessions may make.
func (k *knock) own() {
	if k.service == "iam" {
		k.service = "sts"
		k.body = url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}.Encode()
	}
}
