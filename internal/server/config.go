package server

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/blob/dir"
	"heddle/internal/listen"
	"heddle/internal/options"
	"heddle/internal/sealing"
	"heddle/internal/service"
	"heddle/internal/store/pebblestore"
)

// Config says how a server runs. The zero value of a field means its default; a
// number has no other way to say none.
type Config struct {
	Listen   string // host:port; default 127.0.0.1:7930
	Data     string // folder of the store
	Store    string // StorePebble or StoreMemory
	Account  string // of every caller
	Auth     string // AuthSigV4 or AuthNone
	Region   string // of callers whose requests name none
	PollHold time.Duration
	TimeSkip string // SkipOff, SkipTimers or SkipAll

	Sealing  string           // SealingOn or SealingOff; a store in memory is never sealed
	RootKeys sealing.RootKeys // under which the store is sealed

	Blobs Blobs

	// Services have settings of their own; nil: Services().
	Services []*service.Service

	TLSCert, TLSKey string // files in PEM, read anew when they change; empty: no TLS
	TLSSelfSigned   bool   // with a certificate that the server makes itself
	TLSClientCA     string // file of the CAs that clients' certificates must come from; empty: anybody's client may connect
	InsecureListen  bool   // plain HTTP may leave the loopback

	// What there may be at a time, and the part of it that one client may have.
	ConnectionsMax int // default: as many as leave file descriptors for the store
	RequestsMax    int // but for polls that wait for a task
	PollsMax       int
	ClientPercent  int

	Timeouts listen.Timeouts

	Audit         Audit
	Throttle      string   // ThrottleOff or ThrottleAWS
	ThrottleRates []string // other rates: ACTION=BURST/PERSECOND or ACTION=none

	PollsPerListMax int

	CachedStates int // executions whose state is kept in memory

	Log *slog.Logger

	machine   func(*pebblestore.Options) // for tests: the disk, and how the process ends
	blobFiles dir.Files                  // for tests: the disk of the blobs
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
	DefaultListen        = "127.0.0.1:7930"
	DefaultData          = "heddle-data"
	DefaultAccount       = "123456789012"
	DefaultRegion        = "us-east-1"
	DefaultPollHold      = 55 * time.Second
	DefaultRequests      = 5000
	DefaultPolls         = 50_000
	DefaultClientPercent = 50
	DefaultPollsPerList  = 1000
	DefaultCachedStates  = 10_000
	DefaultAuditFileMB   = 100
	DefaultAuditKeep     = 20
)

// Bounds of numbers.
const (
	numberMax   = 1_000_000_000 // more than any machine has; what is reckoned from such numbers does not overflow
	durationMin = time.Millisecond
	PollHoldMax = time.Minute
	timeoutMax  = 24 * time.Hour
)

// Filled is a Config with its defaults, if it has nothing that makes no sense.
// Nothing is opened or made to find out.
func (c Config) Filled() (Config, error) {
	if err := c.fill(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) fill() error {
	setDefault(&c.Listen, DefaultListen)
	setDefault(&c.Data, DefaultData)
	setDefault(&c.Account, DefaultAccount)
	setDefault(&c.Region, DefaultRegion)
	setDefault(&c.Blobs.Region, DefaultRegion)
	if c.Services == nil {
		c.Services = Services()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	tls := c.tls()
	err := errors.Join(c.fillChoices(), c.fillNumbers(), tls.Check(), c.fillServices(), c.checkOthers())
	if err != nil {
		err = fmt.Errorf("config: %w", err)
	}
	if err = errors.Join(err, c.RootKeys.Check()); err != nil {
		return err
	}
	if c.Audit.Files == AuditAuto {
		c.Audit.Files = AuditFile
		if c.Store == StoreMemory {
			c.Audit.Files = AuditOff
		}
	}
	return nil
}

// fillChoices fills the fields that have one of a few values; the first is the default.
func (c *Config) fillChoices() error {
	return errors.Join(
		choice("--store", &c.Store, StorePebble, StoreMemory),
		choice("--auth", &c.Auth, AuthSigV4, AuthNone),
		choice("--sealing", &c.Sealing, SealingOn, SealingOff),
		choice("--audit", &c.Audit.Files, AuditAuto, AuditFile, AuditOff),
		choice("--audit-events", &c.Audit.Events, AuditAll, AuditManagement),
		choice("--throttle", &c.Throttle, ThrottleOff, ThrottleAWS),
		choice("--time-skip", &c.TimeSkip, SkipOff, SkipTimers, SkipAll),
	)
}

// fillNumbers fills all numbers. Those without a flag go by their field.
func (c *Config) fillNumbers() error {
	t, tDefault := &c.Timeouts, listen.DefaultTimeouts()
	return errors.Join(
		number("--poll-hold", &c.PollHold, DefaultPollHold, durationMin, PollHoldMax),
		number("--audit-file-mb", &c.Audit.FileMB, DefaultAuditFileMB, 1, numberMax),
		number("--audit-keep", &c.Audit.Keep, DefaultAuditKeep, 1, numberMax),
		number("--limit-connections", &c.ConnectionsMax, listen.Room(), 1, numberMax),
		number("--limit-requests", &c.RequestsMax, DefaultRequests, 1, numberMax),
		number("--limit-polls", &c.PollsMax, DefaultPolls, 1, numberMax),
		number("--limit-client-percent", &c.ClientPercent, DefaultClientPercent, 1, 100),
		number("--limit-polls-per-list", &c.PollsPerListMax, DefaultPollsPerList, 1, numberMax),
		number("CachedStates", &c.CachedStates, DefaultCachedStates, 1, numberMax),
		number("Timeouts.Header", &t.Header, tDefault.Header, durationMin, timeoutMax),
		number("Timeouts.Body", &t.Body, tDefault.Body, durationMin, timeoutMax),
		number("Timeouts.Answer", &t.Answer, tDefault.Answer, durationMin, timeoutMax),
		number("Timeouts.Idle", &t.Idle, tDefault.Idle, durationMin, timeoutMax),
		number("Timeouts.Spare", &t.Spare, tDefault.Spare, durationMin, timeoutMax),
	)
}

// fillServices fills the settings of all services.
func (c *Config) fillServices() error {
	var errs []error
	for _, s := range c.Services {
		if s.Options == nil {
			continue
		}
		errs = append(errs, options.Fill(s.Options))
		if s.Check != nil {
			errs = append(errs, s.Check())
		}
	}
	return errors.Join(errs...)
}

// checkOthers checks what has no list of values and is no number.
func (c *Config) checkOthers() error {
	errs := []error{c.Blobs.check(c.Store == StoreMemory)}
	if !isAccount(c.Account) {
		errs = append(errs, fmt.Errorf("--account %q: want 12 digits", c.Account))
	}
	if !operation.IsRegion(c.Region) {
		errs = append(errs, fmt.Errorf("--region %q: want a name such as us-east-1", c.Region))
	}
	if c.Audit.WebhookURL != "" {
		errs = append(errs, c.Audit.webhook().Check())
	}
	_, err := newLimiters(c)
	return errors.Join(append(errs, err)...)
}

func choice(flag string, v *string, values ...string) error {
	setDefault(v, values[0])
	if slices.Contains(values, *v) {
		return nil
	}
	return fmt.Errorf("%s %q: want %s", flag, *v, strings.Join(values, " or "))
}

func number[T int | int64 | time.Duration](flag string, v *T, fallback, least, most T) error {
	setDefault(v, fallback)
	if *v < least || *v > most {
		return fmt.Errorf("%s %v: want %v to %v", flag, *v, least, most)
	}
	return nil
}

// CAFile is where a data folder has the certificate that clients of a self-signed
// server must trust.
func CAFile(data string) string { return listen.CAFile(caDir(data)) }

func caDir(data string) string { return filepath.Join(data, "tls") }

func (c *Config) tls() listen.TLS {
	return listen.TLS{Cert: c.TLSCert, Key: c.TLSKey, SelfSigned: c.TLSSelfSigned, CADir: caDir(c.Data), ClientCA: c.TLSClientCA}
}

// shares are places of which one client may have a part.
func (c *Config) shares(what string, max int) *listen.Shares {
	return listen.NewShares(listen.ShareConfig{What: what, Max: max, ClientPercent: c.ClientPercent, Now: time.Now, Log: c.Log})
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func setDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}
