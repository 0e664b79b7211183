package server

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/console/web"
	"heddle/internal/iam/account"
	"heddle/internal/listen"
	"heddle/internal/operator"
	"heddle/internal/token"
)

// openLinks makes room for the links by which people sign in to the console.
func (s *Server) openLinks() {
	if s.cfg.Console == ConsoleOn {
		s.links = web.NewLinks(time.Now)
	}
}

// consoleLink makes links for the callers of services; nil: there is no console.
func (s *Server) consoleLink() func(*operation.Caller) (string, time.Time, error) {
	if s.links == nil {
		return nil
	}
	return func(c *operation.Caller) (string, time.Time, error) {
		path, until, err := s.linkFor(c.Identity.(*account.Caller), c.Region)
		if errors.Is(err, web.ErrLinks) {
			return "", until, &fault.Fault{Kind: fault.Throttling, Message: err.Error()}
		}
		return path, until, err
	}
}

func (s *Server) linkFor(who *account.Caller, region string) (path string, until time.Time, err error) {
	if s.cfg.Auth == AuthNone {
		return web.Prefix, time.Time{}, nil // nobody signs in
	}
	text, until, err := s.links.Make(who, region)
	return web.SignIn + "#" + text, until, err
}

// ConsoleURL is where a browser signs in to the console once, within a minute, as the root
// user; empty: there is no console.
func (s *Server) ConsoleURL() (string, error) {
	if s.console == nil {
		return "", nil
	}
	who := s.directory.RootKey(s.cfg.Account)
	if who == nil {
		return "", nil
	}
	path, _, err := s.linkFor(who, s.cfg.Region)
	return s.URL() + path, err
}

// openConsole makes the console, whose pages call the services as their visitors.
func (s *Server) openConsole() {
	if s.links == nil {
		return
	}
	cfg := &s.cfg
	key, err := hkdf.Key(sha256.New, s.held.session[:], nil, "heddle console: sessions", token.KeyBytes)
	if err != nil {
		panic(fmt.Sprintf("server: derive a key: %v", err))
	}
	c := web.Config{
		Calls: s.actions, Keys: s.directory, Links: s.links, Sealer: token.New([token.KeyBytes]byte(key), rand.Reader),
		CallerOf: func(who *account.Caller, region string, r *http.Request) operation.Caller {
			if cfg.Auth != AuthNone {
				s.directory.Used(who.Account, who.KeyID, account.Use{At: time.Now(), Service: operator.Name, Region: region})
			}
			return callerOf(who, region, r)
		},
		Region: cfg.Region, Hosts: cfg.ConsoleHosts, Named: s.door.Named, Room: listen.Answers, Now: time.Now, Log: cfg.Log,
	}
	if host, _, err := net.SplitHostPort(cfg.Listen); err == nil && host != "" {
		c.Hosts = append(c.Hosts[:len(c.Hosts):len(c.Hosts)], host)
	}
	if cfg.Auth == AuthNone {
		c.Anyone = s.directory.Root(cfg.Account)
		cfg.Log.Warn("nobody signs in to the console: everyone on this machine may do anything there")
	}
	s.console = web.New(c)
}
