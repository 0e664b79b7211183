package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/aws/sigv4"
	"heddle/internal/iam"
	"heddle/internal/iam/account"
)

// CredentialsFile is where a data folder has the root key pair, as an AWS shared
// credentials file.
func CredentialsFile(data string) string { return filepath.Join(data, "credentials") }

// rootCredentials reads the root key pair, and makes it at first start.
func rootCredentials(cfg *Config) (credentials.Credential, error) {
	file := CredentialsFile(cfg.Data)
	pair, created, err := credentials.LoadOrCreate(file, rand.Reader)
	if err != nil {
		return credentials.Credential{}, fmt.Errorf("root key pair: %w", err)
	}
	if created {
		cfg.Log.Info("made a root key pair", "file", file)
	}
	return credentials.Root(cfg.Account, pair), nil
}

// callers finds out whose requests are, for the services of either protocol.
type callers interface {
	operation.Authenticator
	authenticateQuery(r *http.Request, body []byte) (*account.Caller, error)
}

func newCallers(cfg *Config, d *account.Directory) callers {
	if cfg.Auth == AuthNone {
		return &trusting{operation.Anyone{Account: cfg.Account, Region: cfg.Region}, d.Root(cfg.Account)}
	}
	return newSigned(d)
}

// jsonServices are the services with JSON protocols, as the scopes of signatures
// name them.
var jsonServices = []string{"swf"}

// signed finds out whose requests are by their signatures.
type signed struct {
	directory *account.Directory
	json      *authn.Authenticator[*account.Caller]
	query     *authn.Authenticator[*account.Caller]
}

func newSigned(d *account.Directory) *signed {
	keys := func(services []string) *authn.Authenticator[*account.Caller] {
		// Clients sign the real time; time skipping does not move it.
		return authn.New(authn.Config[*account.Caller]{Keys: d, Services: services, Now: time.Now})
	}
	return &signed{d, keys(jsonServices), keys(iam.Services)}
}

// Authenticate implements operation.Authenticator.
func (s *signed) Authenticate(r *http.Request, body []byte) (operation.Caller, error) {
	caller, scope, err := s.identify(s.json, r, body)
	if refusal, ok := errors.AsType[*sigv4.Error](err); ok {
		return operation.Caller{}, authn.JSONFault(refusal)
	}
	if err != nil {
		return operation.Caller{}, err
	}
	return callerOf(caller, scope.Region, r), nil
}

// authenticateQuery is Authenticate for the services with the query protocol.
func (s *signed) authenticateQuery(r *http.Request, body []byte) (*account.Caller, error) {
	caller, _, err := s.identify(s.query, r, body)
	if refusal, ok := errors.AsType[*sigv4.Error](err); ok {
		code, status := authn.QueryFault(refusal)
		return nil, &awsquery.Fault{Code: code, Status: status, Message: refusal.Message}
	}
	return caller, err
}

func (s *signed) identify(a *authn.Authenticator[*account.Caller], r *http.Request, body []byte) (*account.Caller, sigv4.Scope, error) {
	caller, scope, err := a.Identify(r, body)
	if err != nil {
		return nil, scope, err
	}
	if !operation.IsRegion(scope.Region) {
		return nil, scope, &sigv4.Error{Kind: sigv4.Mismatch, Message: "Credential should be scoped to a valid region."}
	}
	s.directory.Used(caller.KeyID, account.Use{At: a.Now(), Service: scope.Service, Region: scope.Region})
	return caller, scope, nil
}

// trusting believes every request of a program: its sender is the root user. It
// listens on the loopback only, where the browsers of this machine are, too, and
// they send what pages from anywhere tell them to.
type trusting struct {
	operation.Anyone
	root *account.Caller
}

// Authenticate implements operation.Authenticator.
func (t *trusting) Authenticate(r *http.Request, body []byte) (operation.Caller, error) {
	if authn.CrossSite(r) {
		return operation.Caller{}, &awsjson.Fault{Code: awsjson.CodeAccessDenied, Status: http.StatusForbidden, Message: crossSite}
	}
	c, err := t.Anyone.Authenticate(r, body)
	c.Principal, c.Identity = t.root.Principal, t.root
	return c, err
}

func (t *trusting) authenticateQuery(r *http.Request, _ []byte) (*account.Caller, error) {
	if authn.CrossSite(r) {
		return nil, &awsquery.Fault{Code: "AccessDenied", Status: http.StatusForbidden, Message: crossSite}
	}
	return t.root, nil
}

const crossSite = "Without authentication, only programs may call, and pages of this server: no pages from elsewhere"

// callerOf is a caller of identity's, as the operations know callers.
func callerOf(c *account.Caller, region string, r *http.Request) operation.Caller {
	caller := operation.Caller{
		Account: c.Account, Region: region, AccessKey: c.KeyID,
		Principal: c.Principal, Identity: c,
	}
	if !c.Unlimited() {
		caller.Policies = &c.Policies
		caller.Context = append(requestContext(r, time.Now()), c.Context...)
		caller.Context = append(caller.Context, policy.Value{Key: "aws:RequestedRegion", Value: region})
		caller.Context = caller.Context[:len(caller.Context):len(caller.Context)]
	}
	return caller
}

// requestContext is what conditions may ask of a request beside its caller.
func requestContext(r *http.Request, now time.Time) policy.Context {
	c := policy.Context{
		{Key: "aws:CurrentTime", Value: now.UTC().Format(time.RFC3339)},
		{Key: "aws:EpochTime", Value: strconv.FormatInt(now.Unix(), 10)},
		{Key: "aws:SecureTransport", Value: strconv.FormatBool(r.TLS != nil)},
		{Key: "aws:ViaAWSService", Value: "false"},
	}
	if ip := sourceIP(r); ip != "" {
		c = append(c, policy.Value{Key: "aws:SourceIp", Value: ip})
	}
	if agent := r.UserAgent(); agent != "" {
		c = append(c, policy.Value{Key: "aws:UserAgent", Value: agent})
	}
	if referer := r.Referer(); referer != "" {
		c = append(c, policy.Value{Key: "aws:Referer", Value: referer})
	}
	return c
}

// sourceIP is the address at the other end of the connection. What proxies say in
// headers anybody can say.
func sourceIP(r *http.Request) string {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return ip
}
