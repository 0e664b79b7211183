package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/credentials"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// become makes the requests that follow those of a user. The first time its policy
// is given, and it is created. Without a name they are the root user's.
func (s *session) become(who string) {
	name, policy, created := strings.Cut(who, " ")
	if name == "root" {
		s.user = ""
		return
	}
	s.user = name
	if !created {
		return
	}
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	for _, q := range []url.Values{
		{"Action": {"CreateUser"}, "UserName": {name}},
		{"Action": {"PutUserPolicy"}, "UserName": {name}, "PolicyName": {"p"}, "PolicyDocument": {policy}},
		{"Action": {"CreateAccessKey"}, "UserName": {name}},
	} {
		if err := xml.Unmarshal([]byte(s.askIAM(q)), &key); err != nil {
			s.t.Fatal(err)
		}
	}
	if s.users == nil {
		s.users = map[string]aws.Credentials{}
	}
	s.users[name] = aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
}

// makeRole makes a role that the service may act in.
func (s *session) makeRole(name string) {
	s.askIAM(url.Values{"Action": {"CreateRole"}, "RoleName": {name}, "AssumeRolePolicyDocument": {
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"swf.amazonaws.com"}}]}`}})
}

// askIAM has the root user do something in IAM.
func (s *session) askIAM(q url.Values) string {
	q.Set("Version", "2010-05-08")
	status, body := send(s.t, s.server, s.rootKey(), "iam", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, q.Encode())
	if status != http.StatusOK {
		s.t.Fatalf("%s: %s", q.Get("Action"), body)
	}
	return body
}

func (s *session) rootKey() aws.Credentials { return rootKey(s.t, s.cfg.Data) }

// rootKey is the root user's key pair.
func rootKey(t *testing.T, data string) aws.Credentials {
	t.Helper()
	pair, err := credentials.ReadFile(CredentialsFile(data))
	if err != nil {
		t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: pair.KeyID, SecretAccessKey: string(pair.Secret)}
}

// sign signs a request with a key.
func sign(t *testing.T, r *http.Request, key aws.Credentials, service, body string) {
	t.Helper()
	digest := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(digest[:]), service, defaults.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// send sends a signed request.
func send(t *testing.T, s *Server, key aws.Credentials, service string, header http.Header, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	sign(t, r, key, service, body)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, string(b)
}
