package server

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

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
	Auth     string // AuthTrust or AuthSigV4
	Region   string // of callers whose requests name none
	PollHold time.Duration
	TimeSkip string // SkipOff, SkipTimers or SkipAll

	// LambdaEndpoint is where Lambda functions are invoked; empty: nowhere.
	LambdaEndpoint   string
	LambdaKey        lambda.Key // zero: requests are not signed
	LambdaConcurrent int

	Registry  registry.Limits
	Execution execution.Limits

	PollsPerListMax int
	CountMax        int

	ExecutionSecondsMax int64 // longest timeout of an execution

	CachedStates int // executions whose state is kept in memory

	Log *slog.Logger
}

// Values of Config.Store.
const (
	StorePebble = "pebble"
	StoreMemory = "memory"
)

// Values of Config.Auth.
const (
	// AuthTrust believes the key and the region in a request's signature, and
	// verifies nothing.
	AuthTrust = "trust"
	// AuthSigV4 verifies the signature; the root key pair is in the data folder.
	AuthSigV4 = "sigv4"
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
	DefaultPollsPerList     = 1000
	DefaultCountMax         = 1000
	DefaultExecutionSeconds = 365 * 24 * 60 * 60
	DefaultCachedStates     = 10_000
	DefaultLambdaConcurrent = 64
)

func (c *Config) fill() error {
	setDefault(&c.Listen, DefaultListen)
	setDefault(&c.Data, DefaultData)
	setDefault(&c.Store, StorePebble)
	setDefault(&c.Account, DefaultAccount)
	setDefault(&c.Region, DefaultRegion)
	setDefault(&c.Auth, AuthTrust)
	setDefault(&c.PollHold, DefaultPollHold)
	setDefault(&c.TimeSkip, SkipOff)
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
	if !isRegion(c.Region) {
		return fmt.Errorf("config: region %q: want a name such as us-east-1", c.Region)
	}
	if c.Execution.Events < eventsMin {
		return fmt.Errorf("config: %d events per history: want at least %d", c.Execution.Events, eventsMin)
	}
	if c.PollHold < 0 || c.PollHold > PollHoldMax {
		return fmt.Errorf("config: poll hold %s: want 0 to %s", c.PollHold, PollHoldMax)
	}
	if c.Store != StorePebble && c.Store != StoreMemory {
		return fmt.Errorf("config: store %q: want %q or %q", c.Store, StorePebble, StoreMemory)
	}
	if c.Auth != AuthTrust && c.Auth != AuthSigV4 {
		return fmt.Errorf("config: auth %q: want %q or %q", c.Auth, AuthTrust, AuthSigV4)
	}
	if c.TimeSkip != SkipOff && c.TimeSkip != SkipTimers && c.TimeSkip != SkipAll {
		return fmt.Errorf("config: time skip %q: want %q, %q or %q", c.TimeSkip, SkipOff, SkipTimers, SkipAll)
	}
	return nil
}

// eventsMin is the least that a history may hold: a start, a decision, an end.
const eventsMin = 6

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func isRegion(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func setDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}
