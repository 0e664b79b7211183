package server

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/store/pebblestore"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/lambda"
	"heddle/internal/swf/registry"
)

// Config says how a server runs. The zero value of a field means its default.
type Config struct {
	Listen   string // host:port; default 127.0.0.1:7930
	Data     string // folder of the store
	Store    string // StorePebble or StoreMemory
	Account  string // of every caller
	Auth     string // AuthSigV4 or AuthNone
	Region   string // of callers whose requests name none
	PollHold time.Duration
	TimeSkip string // SkipOff, SkipTimers or SkipAll

	Sealing  string   // SealingOn or SealingOff; a store in memory is never sealed
	RootKeys RootKeys // under which the store is sealed

	// LambdaEndpoint is where Lambda functions are invoked; empty: nowhere.
	LambdaEndpoint   string
	LambdaKey        lambda.Key // zero: requests are not signed
	LambdaConcurrent int

	Registry  registry.Limits
	Execution execution.Limits

	TLSCert, TLSKey string // files in PEM, read anew when they change; empty: no TLS
	TLSSelfSigned   bool   // with a certificate that the server makes itself
	TLSClientCA     string // file of the CAs that clients' certificates must come from; empty: anybody's client may connect
	InsecureListen  bool   // plain HTTP may leave the loopback

	// What there may be at a time, and the part of it that one client may have.
	ConnectionsMax int // zero: as many as leave file descriptors for the store
	RequestsMax    int // but for polls that wait for a task
	PollsMax       int
	ClientPercent  int

	Timeouts Timeouts

	Audit         Audit
	Throttle      string   // ThrottleOff or ThrottleAWS
	ThrottleRates []string // other rates: ACTION=BURST/PERSECOND or ACTION=none

	PollsPerListMax int
	CountMax        int

	ExecutionSecondsMax int64 // longest timeout of an execution

	CachedStates int // executions whose state is kept in memory

	Log *slog.Logger

	machine func(*pebblestore.Options) // for tests: the disk, and how the process ends
}

// Timeouts are how long peers may let the server wait.
type Timeouts struct {
	Header time.Duration // for the head of a request, or the handshake of TLS
	Body   time.Duration // for its body
	Answer time.Duration // for the reading of an answer
	Idle   time.Duration // for another request
	Spare  time.Duration // for any of these, when others wait for a connection
}

// Values of Config.Store.
const (
	StorePebble = "pebble"
	StoreMemory = "memory"
)

// Values of Config.Auth.
const (
	// AuthSigV4 verifies signatures and asks policies; the root key pair is in the
	// data folder.
	AuthSigV4 = "sigv4"
	// AuthNone takes everybody for the root user, on the loopback only. It believes
	// the key and the region in a request's signature.
	AuthNone = "none"
)

// Values of Config.Sealing.
const (
	SealingOn  = "on"
	SealingOff = "off"
)

// Values of Config.TimeSkip.
const (
	SkipOff    = "off"
	SkipTimers = "timers"
	SkipAll    = "all"
)

// Defaults of Config.
const (
	DefaultListen           = "127.0.0.1:7930"
	DefaultData             = "heddle-data"
	DefaultAccount          = "123456789012"
	DefaultRegion           = "us-east-1"
	DefaultPollHold         = 55 * time.Second
	PollHoldMax             = 60 * time.Second
	DefaultRequests         = 5000
	DefaultPolls            = 50_000
	DefaultClientPercent    = 50
	DefaultPollsPerList     = 1000
	DefaultCountMax         = 1000
	DefaultExecutionSeconds = 365 * 24 * 60 * 60
	DefaultCachedStates     = 10_000
	DefaultLambdaConcurrent = 64
)

// DefaultTimeouts are those of a server whose clients have slow lines.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Header: 10 * time.Second, Body: 30 * time.Second, Answer: 30 * time.Second,
		Idle: 10 * time.Minute, Spare: time.Second,
	}
}

func (c *Config) fill() error {
	setDefault(&c.Listen, DefaultListen)
	setDefault(&c.Data, DefaultData)
	setDefault(&c.Store, StorePebble)
	setDefault(&c.Account, DefaultAccount)
	setDefault(&c.Region, DefaultRegion)
	setDefault(&c.Auth, AuthSigV4)
	setDefault(&c.PollHold, DefaultPollHold)
	setDefault(&c.TimeSkip, SkipOff)
	setDefault(&c.Sealing, SealingOn)
	setDefault(&c.Throttle, ThrottleOff)
	setDefault(&c.ConnectionsMax, connectionsRoom())
	setDefault(&c.RequestsMax, DefaultRequests)
	setDefault(&c.PollsMax, DefaultPolls)
	setDefault(&c.ClientPercent, DefaultClientPercent)
	setDefault(&c.Timeouts, DefaultTimeouts())
	setDefault(&c.PollsPerListMax, DefaultPollsPerList)
	setDefault(&c.CountMax, DefaultCountMax)
	setDefault(&c.ExecutionSecondsMax, DefaultExecutionSeconds)
	setDefault(&c.CachedStates, DefaultCachedStates)
	setDefault(&c.LambdaConcurrent, DefaultLambdaConcurrent)
	setDefault(&c.Registry, registry.DefaultLimits())
	setDefault(&c.Execution, execution.DefaultLimits())
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if !isAccount(c.Account) {
		return fmt.Errorf("config: account %q: want 12 digits", c.Account)
	}
	if !operation.IsRegion(c.Region) {
		return fmt.Errorf("config: region %q: want a name such as us-east-1", c.Region)
	}
	if c.Execution.Events < eventsMin {
		return fmt.Errorf("config: %d events per history: want at least %d", c.Execution.Events, eventsMin)
	}
	if err := c.fillTLS(); err != nil {
		return err
	}
	if min(c.ConnectionsMax, c.RequestsMax, c.PollsMax) < 0 {
		return fmt.Errorf("config: %d connections, %d requests, %d polls at a time: want no negative numbers", c.ConnectionsMax, c.RequestsMax, c.PollsMax)
	}
	if c.ClientPercent < 1 || c.ClientPercent > 100 {
		return fmt.Errorf("config: %d percent for one client: want 1 to 100", c.ClientPercent)
	}
	if c.PollHold < 0 || c.PollHold > PollHoldMax {
		return fmt.Errorf("config: poll hold %s: want 0 to %s", c.PollHold, PollHoldMax)
	}
	if c.Store != StorePebble && c.Store != StoreMemory {
		return fmt.Errorf("config: store %q: want %q or %q", c.Store, StorePebble, StoreMemory)
	}
	if c.Auth != AuthSigV4 && c.Auth != AuthNone {
		return fmt.Errorf("config: auth %q: want %q or %q", c.Auth, AuthSigV4, AuthNone)
	}
	if c.Sealing != SealingOn && c.Sealing != SealingOff {
		return fmt.Errorf("config: sealing %q: want %q or %q", c.Sealing, SealingOn, SealingOff)
	}
	if err := c.RootKeys.check(); err != nil {
		return err
	}
	if err := c.Audit.fill(c.Store); err != nil {
		return err
	}
	if c.Throttle != ThrottleOff && c.Throttle != ThrottleAWS {
		return fmt.Errorf("config: throttle %q: want %q or %q", c.Throttle, ThrottleOff, ThrottleAWS)
	}
	if c.TimeSkip != SkipOff && c.TimeSkip != SkipTimers && c.TimeSkip != SkipAll {
		return fmt.Errorf("config: time skip %q: want %q, %q or %q", c.TimeSkip, SkipOff, SkipTimers, SkipAll)
	}
	return nil
}

// shares are places of which one client may have a part.
func (c *Config) shares(what string, max int) *shares {
	return newShares(what, max, c.ClientPercent, c.Log)
}

// eventsMin is the least that a history may hold: a start, a decision, an end.
const eventsMin = 6

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func setDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}
