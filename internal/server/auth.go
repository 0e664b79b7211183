package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"time"
	"unique"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
)

// RootFile is where the root key pairs of a server are, unless one is given.
func (c *Config) RootFile() string { return cmp.Or(c.Root.File, CredentialsFile(c.Data)) }

// CredentialsFile is where a data folder has the root key pairs, as an AWS shared
// credentials file.
func CredentialsFile(data string) string { return filepath.Join(data, "credentials") }

// rootCredentials reads the root key pairs of all accounts, and makes one when an account
// is first there. Where nobody signs they have none.
func rootCredentials(cfg *Config) (roots []credentials.Credential, err error) {
	if cfg.Auth == AuthNone {
		for _, account := range cfg.accounts() {
			roots = append(roots, credentials.Credential{Account: account})
		}
		return roots, nil
	}
	if cfg.Root.File == "" && !cfg.rootGiven() {
		made, err := makeRootPairs(cfg)
		if err != nil {
			return nil, err
		}
		for _, account := range made {
			cfg.Log.Info("made a root key pair", "account", account, "file", cfg.RootFile())
		}
	}
	return readRootPairs(cfg)
}

// rootGiven tells whether no file has a root key pair.
func (c *Config) rootGiven() bool { return c.Root.KeyID != "" && len(c.Accounts) == 0 }

func makeRootPairs(cfg *Config) (made []string, err error) {
	_, made, err = credentials.LoadOrCreate(cfg.RootFile(), cfg.accounts(), rand.Reader)
	if err != nil {
		err = fmt.Errorf("root key pairs: %w", err)
	}
	return made, err
}

// readRootPairs reads the root key pairs that there are.
func readRootPairs(cfg *Config) (roots []credentials.Credential, err error) {
	if !cfg.rootGiven() {
		if roots, err = credentials.Load(cfg.RootFile(), cfg.accounts()); err != nil {
			return nil, fmt.Errorf("root key pairs: %w", err)
		}
	}
	if cfg.Root.KeyID != "" {
		// What the file has for the account is not its key while another is given.
		roots = slices.DeleteFunc(roots, func(r credentials.Credential) bool { return r.Account == cfg.Account || r.KeyID == cfg.Root.KeyID })
		roots = append([]credentials.Credential{cfg.Root.pair(cfg.Account)}, roots...)
	}
	return roots, nil
}

// runRootPairs follows the file of the root key pairs, so that one can be exchanged while the
// server runs: a file that is of no use changes nothing.
func (s *Server) runRootPairs(ctx context.Context) {
	cfg := &s.cfg
	if cfg.Auth == AuthNone || cfg.rootGiven() {
		return
	}
	ticker := time.NewTicker(rootWatchEvery)
	defer ticker.Stop()
	var refused string
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		refused = s.lookAtRootPairs(ctx, refused)
	}
}

// lookAtRootPairs takes up the file if it has changed. Refused is the last complaint, which is
// made once.
func (s *Server) lookAtRootPairs(ctx context.Context, refused string) string {
	cfg := &s.cfg
	err := s.followSharedPairs(ctx)
	if ctx.Err() != nil {
		return refused
	}
	var roots []credentials.Credential
	if err == nil {
		roots, err = readRootPairs(cfg)
	}
	if err != nil {
		if err.Error() != refused {
			cfg.Log.Error("the root key pairs can't be read; those before stay in force", "file", cfg.RootFile(), "cause", err)
		}
		return err.Error()
	}
	if slices.Equal(roots, s.rootPairs) {
		return ""
	}
	s.rootPairs = roots
	s.directory.SetRoots(roots)
	var ids []string
	for _, r := range roots {
		ids = append(ids, r.KeyID)
	}
	cfg.Log.Info("other root key pairs are in force", "file", cfg.RootFile(), "access_keys", ids)
	return ""
}

func newAuthenticator(cfg *Config, d *account.Directory) operation.Authenticator {
	if cfg.Auth == AuthNone {
		t := &trusting{operation.Anyone{Account: cfg.Account, Region: cfg.Region}, map[string]*account.Caller{}}
		for _, account := range cfg.accounts() {
			t.roots[account] = d.Root(account)
		}
		return t
	}
	// Clients sign the real time; time skipping does not move it.
	return &signed{d, authn.New(authn.Config[*account.Caller]{Keys: d, Now: time.Now})}
}

// signed finds out whose requests are by their signatures.
type signed struct {
	directory *account.Directory
	*authn.Authenticator[*account.Caller]
}

// Recognise implements operation.Authenticator.
func (s *signed) Recognise(r *http.Request, services []string) (operation.Sender, error) {
	known, err := s.Authenticator.Recognise(r, services)
	if err != nil {
		return nil, err
	}
	return &signer{s, r, known}, nil
}

// signer is who a signature says a request is from.
type signer struct {
	*signed
	request *http.Request
	known   *authn.Recognised[*account.Caller]
}

// Verify implements operation.Sender.
func (s *signer) Verify(services []string, body operation.Body) (operation.Caller, error) {
	caller, scope, err := s.known.Verify(services, body)
	if err != nil {
		return operation.Caller{}, err
	}
	if !operation.IsRegion(scope.Region) {
		return operation.Caller{}, fault.Of(fault.BadSignature, "Credential should be scoped to a valid region.")
	}
	s.directory.Used(caller.Account, caller.KeyID, account.Use{At: s.Now(), Service: scope.Service, Region: scope.Region})
	return callerOf(caller, scope.Region, s.request), nil
}

// trusting believes every request of a program: its sender is the root user, of the account
// that is its access key's id, or else of the default one. It
// listens on the loopback only, where the browsers of this machine are, too, and
// they send what pages from anywhere tell them to.
type trusting struct {
	operation.Anyone
	roots map[string]*account.Caller // of each account
}

// Recognise implements operation.Authenticator.
func (t *trusting) Recognise(r *http.Request, _ []string) (operation.Sender, error) {
	if authn.CrossSite(r) {
		return nil, &fault.Fault{Kind: fault.AccessDenied, Status: http.StatusForbidden, Message: crossSite}
	}
	c, err := t.Caller(r)
	if err != nil {
		return nil, err
	}
	who := c.Account
	if isAccount(c.AccessKey) {
		who = c.AccessKey
	}
	root := t.roots[who]
	if root == nil {
		return nil, fault.Of(fault.UnknownKey, "The access key "+who+" is the number of no account of this server: see --account and --accounts")
	}
	known := callerOf(root, c.Region, r)
	known.AccessKey = c.AccessKey
	return operation.Believe(known), nil
}

const crossSite = "Without authentication, only programs may call, and pages of this server: no pages from elsewhere"

// callerOf is a caller of a directory, as the operations know callers.
func callerOf(c *account.Caller, region string, r *http.Request) operation.Caller {
	// The region is a part of the request's head, which whoever remembers it must not keep.
	region = unique.Make(region).Value()
	caller := operation.Caller{
		Account: c.Account, Region: region, AccessKey: c.KeyID,
		Principal: c.Principal, Identity: c, Request: r, Ask: conditions,
	}
	if !c.Unlimited() {
		caller.Policies = &c.Policies
	}
	return caller
}

// conditions are what policies may ask of a caller and its request.
func conditions(c *operation.Caller) policy.Context {
	all := append(requestContext(c.Request, time.Now()), c.Identity.(*account.Caller).Context...)
	all = append(all, policy.Value{Key: "aws:RequestedRegion", Value: c.Region})
	return slices.Clip(all)
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
