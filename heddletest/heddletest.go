// Package heddletest runs a whole Heddle in the process of a Go test, in memory, with clients
// that reach it without a port:
//
//	s := heddletest.Start(t)
//	client := s.SWF()                // the vendor's own client, configured
//	…                                // register, start, poll, answer
//	s.Advance(30 * 24 * time.Hour)   // every timer and timeout on the way fires, in order
//
// It is the server itself, not a likeness of one: what passes here passes against the binary.
// When the test fails, the histories of its executions are in its log.
//
// # Time
//
// The server's clock stands still, at the moment of Start, but for Advance: no slow machine
// makes a timeout fire. Config.TimeSkip has it jump by itself instead, as heddle serve
// --time-skip does.
//
// Inside a bubble of [testing/synctest] the clock is the bubble's: time passes when all
// goroutines of the test wait, at once and exactly, so a worker may use time.Sleep, tickers and
// deadlines, and a year takes no time. There Advance is time.Sleep and [synctest.Wait].
// Nothing in the server ticks: only what is due wakes it.
//
// Polls wait until they have a task, their context ends, or the test does; then they are
// answered empty, as always.
//
// # What it leaves out
//
// It has no port: programs of other processes reach it by httptest.NewServer(s.Handler()), not
// from inside a bubble. It has no disk, console, TLS or audit trail, and calls no Lambda
// functions.
package heddletest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dataexchange"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/swf"

	"heddle/internal/server"
)

// Config says what server a test has. The zero value is that of [Start].
type Config struct {
	// Region is that of the clients; empty: us-east-1.
	Region string
	// Account has 12 digits; empty: 123456789012.
	Account string
	// TimeSkip lets the clock go on with the real time, and jump when nothing is runnable:
	// "timers" to the next timer that a decider or a state machine has set, "all" to the next
	// timeout too. Empty: it stands still but for Advance. In a bubble there is no need of it.
	TimeSkip string
	// Auth is as with heddle serve --auth, empty: "none": everybody may do everything, and roles are
	// whatever they are said to be. With "sigv4" signatures are verified, policies asked, and roles
	// must be there; the clients are the root user's.
	Auth string
	// Log is where the server's own log goes; nil: warnings and errors to the test's.
	Log *slog.Logger
}

// Server is a Heddle in memory.
type Server struct {
	cfg      Config
	t        testing.TB
	server   *server.Server
	inBubble bool
	client   *http.Client
	pair     aws.Credentials
}

// stopTime is how long a server that stops waits for calls under way.
const stopTime = 10 * time.Second

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	return Config{}.Start(t)
}

// Start starts such a server; it ends with the test.
func (c Config) Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{cfg: c, t: t, inBubble: inBubble()}
	if s.inBubble && c.TimeSkip != "" {
		t.Fatal("heddletest: in a bubble time is skipped as it is: leave Config.TimeSkip empty")
	}
	if s.cfg.Region == "" {
		s.cfg.Region = "us-east-1"
	}
	if s.cfg.Account == "" {
		s.cfg.Account = "123456789012"
	}
	if s.cfg.Auth == "" {
		s.cfg.Auth = server.AuthNone
	}
	if s.cfg.Log == nil {
		s.cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	s.pair = aws.Credentials{AccessKeyID: "heddletest", SecretAccessKey: "secret-of-a-server-in-memory", Source: "heddletest", AccountID: s.cfg.Account}
	started, err := server.Start(t.Context(), server.Config{
		Store: server.StoreMemory, Account: s.cfg.Account, Region: s.cfg.Region, Auth: s.cfg.Auth, Console: server.ConsoleOff, TimeSkip: c.TimeSkip,
		Root:     server.RootPair{KeyID: s.pair.AccessKeyID, Secret: s.pair.SecretAccessKey},
		Embedded: &server.Embedded{Still: !s.inBubble && c.TimeSkip == ""},
		Log:      s.cfg.Log,
	})
	if err != nil {
		t.Fatalf("heddletest: start the server: %v", err)
	}
	s.server = started
	transport := &transport{handler: started.Handler()}
	s.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		if t.Failed() {
			s.printHistories()
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if err := started.Close(ctx); err != nil {
			t.Errorf("heddletest: stop the server: %v", err)
		}
		transport.wait()
	})
	return s
}

// inBubble tells whether this goroutine is in a bubble of testing/synctest.
func inBubble() (in bool) {
	defer func() {
		if why := recover(); why != nil {
			in = !strings.Contains(fmt.Sprint(why), "not in a bubble")
		}
	}()
	synctest.Wait()
	return true
}

// AWS configures any client of the AWS SDK for Go.
func (s *Server) AWS() aws.Config {
	return aws.Config{
		Region: s.cfg.Region, BaseEndpoint: aws.String(s.URL()), HTTPClient: s.client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return s.pair, nil }),
	}
}

// SWF is a client of Amazon SWF, as who may do everything.
func (s *Server) SWF() *swf.Client { return swf.NewFromConfig(s.AWS()) }

// SFN is a client of AWS Step Functions, likewise.
func (s *Server) SFN() *sfn.Client {
	return sfn.NewFromConfig(s.AWS(), func(o *sfn.Options) {
		o.APIOptions = append(o.APIOptions, withoutPrefix)
	})
}

// DataExchange is a client of AWS Data Exchange, likewise.
func (s *Server) DataExchange() *dataexchange.Client { return dataexchange.NewFromConfig(s.AWS()) }

// URL is the address that clients are given. Only Client leads there.
func (s *Server) URL() string { return "http://" + host }

// Client reaches the server, and nothing else.
func (s *Server) Client() *http.Client { return s.client }

// Handler answers requests, for those who want them to come by a port: httptest.NewServer takes it.
func (s *Server) Handler() http.Handler { return s.server.Handler() }

// Now is what the server's clock shows, in milliseconds.
func (s *Server) Now() time.Time { return s.server.Now() }

// Advance lets so much time pass for the server, and stops on the way at each moment at which
// something is due. What then becomes runnable is done before time goes on: by the server, and
// by the workers of this process.
//
// In a bubble that is exact. Outside of one nobody can know whether a worker is about to do
// something: one that has a task and does nothing for a tenth of a second, while the process runs, is left behind,
// and so is a task for which nobody polls.
func (s *Server) Advance(d time.Duration) {
	s.t.Helper()
	switch {
	case s.inBubble:
		time.Sleep(d)
		synctest.Wait()
	case s.cfg.TimeSkip != "":
		s.t.Fatal("heddletest: the clock jumps by itself (Config.TimeSkip): leave that empty to advance it")
	default:
		if err := s.server.Advance(s.t.Context(), d); err != nil {
			s.t.Fatalf("heddletest: advance the clock: %v", err)
		}
	}
}

// Wait returns when nothing is runnable: all calls but polls are answered, and workers of this
// process have done what they had to do, as Advance has it.
func (s *Server) Wait() {
	s.t.Helper()
	if s.inBubble {
		synctest.Wait()
		return
	}
	if err := s.server.Settle(s.t.Context()); err != nil {
		s.t.Fatalf("heddletest: wait: %v", err)
	}
}
