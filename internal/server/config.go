package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"heddle/internal/archive"
	"heddle/internal/aws/operation"
	"heddle/internal/blob"
	"heddle/internal/blob/dir"
	"heddle/internal/bucket/accounts"
	"heddle/internal/lambda"
	"heddle/internal/listen"
	"heddle/internal/notify"
	"heddle/internal/options"
	"heddle/internal/sealing"
	"heddle/internal/service"
	"heddle/internal/store/memstore"
	"heddle/internal/store/pebblestore"
)

// Config says how a server runs. Its settings are declared here or with the packages that
// use them; the zero value of one means its default, and a number has no other way to
// say none.
type Config struct {
	Listen   string        `name:"listen" default:"127.0.0.1:7930" env:"HEDDLE_LISTEN" help:"Address to listen on, host:port; a port alone is of 127.0.0.1, and port 0 any free one."`
	Data     string        `name:"data" default:"heddle-data" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store; made at first start."`
	Store    string        `name:"store" default:"pebble" enum:"pebble,postgres,memory" env:"HEDDLE_STORE" help:"pebble keeps everything on disk, synced before any answer; postgres keeps it in a PostgreSQL database, and in DATA what belongs to this server; memory forgets everything at exit."`
	Postgres string        `name:"postgres" env:"HEDDLE_POSTGRES" placeholder:"DSN" help:"The database of --store postgres, PostgreSQL 15 or newer: such as postgres://heddle@db.example.com/heddle, or @FILE that has it."`
	Cluster  Cluster       `embed:""`
	Account  string        `name:"account" default:"123456789012" env:"HEDDLE_ACCOUNT" help:"Id of the account that there is in any case."`
	Accounts []string      `name:"accounts" env:"HEDDLE_ACCOUNTS" placeholder:"ID,..." help:"Further accounts, each a world of its own. Its root key pair is the profile of its name in DATA/credentials."`
	Region   string        `name:"region" default:"us-east-1" env:"HEDDLE_REGION" help:"Region of requests that name none. A region in a request's credential scope is a world of its own."`
	Auth     string        `name:"auth" default:"sigv4" enum:"sigv4,none" env:"HEDDLE_AUTH" help:"sigv4 verifies signatures and asks policies; the first start writes the root key pair to DATA/credentials. none lets everybody on this machine do anything: it listens on a loopback address only."`
	Root     RootPair      `embed:""`
	PollHold time.Duration `name:"poll-hold" default:"55s" min:"1ms" max:"60s" env:"HEDDLE_POLL_HOLD" help:"How long a poll waits for a task, at most 60s. Keep it below the clients' read timeout."`
	TimeSkip string        `name:"time-skip" default:"off" oneof:"off,timers,all" type:"skip" env:"HEDDLE_TIME_SKIP" placeholder:"timers|all" help:"For development: when nothing is runnable, jump to the next user timer; with =all also to the next timeout."`

	TLS listen.TLS `embed:""`

	Console      string   `name:"console" default:"on" enum:"on,off" env:"HEDDLE_CONSOLE" help:"on: pages at /console/ by which people see what goes on, and do what their keys may."`
	ConsoleHosts []string `name:"console-host" env:"HEDDLE_CONSOLE_HOST" placeholder:"NAME,..." help:"Further names by which browsers reach the console, as through a proxy. Addresses, localhost and the names in the certificate need not be said."`

	Sealing  string           `name:"sealing" default:"on" enum:"on,off" env:"HEDDLE_SEALING" help:"on: values are encrypted in the store. off: a new store is in the clear; one that is sealed is refused."` // a store in memory never is
	RootKeys sealing.RootKeys `embed:""`

	EventsConfig string `name:"events-config" env:"HEDDLE_EVENTS_CONFIG" placeholder:"FILE" type:"path" help:"File of the targets that events, logs of state machines and traces are sent to: files, webhooks, EventBridge, SQS, SNS, CloudWatch Logs, collectors of OpenTelemetry. Default: there are none."`

	MetricsListen string `name:"metrics-listen" env:"HEDDLE_METRICS_LISTEN" placeholder:"HOST:PORT" help:"Address of this machine, such as 127.0.0.1:9464, where /metrics is answered to everybody on it. Default: only where all else is, to who has the token in DATA/metrics-token."`
	MetricsSeries int    `name:"metrics-series" default:"200" min:"1" max:"10000" env:"HEDDLE_METRICS_SERIES" help:"How many types, and how many task lists, have metrics of their own; what is more is counted as _other."`

	Audit   Audit            `embed:""`
	Archive archive.Options  `embed:""`
	Blobs   Blobs            `embed:""`
	Buckets accounts.Options `embed:""`

	Throttle      string   `name:"throttle" default:"off" enum:"off,aws" env:"HEDDLE_THROTTLE" help:"aws: calls and decisions above the rates that AWS has by default are refused, for each account and region."`
	ThrottleRates []string `name:"throttle-rate" env:"HEDDLE_THROTTLE_RATE" placeholder:"ACTION=BURST/PERSECOND" help:"Another rate of an action or a decision, with --throttle aws; ACTION=none lifts it. Where several services have the action: SERVICE:ACTION."`

	Lambda lambda.Options `embed:"" prefix:"lambda-" envprefix:"HEDDLE_LAMBDA_"`

	// What there may be at a time, and the part of it that one client may have.
	// Services have quotas of their own.
	ConnectionsMax  int `name:"limit-connections" min:"1" max:"1000000000" env:"HEDDLE_LIMIT_CONNECTIONS" placeholder:"N" group:"Limits" help:"Connections; by default as many as the limit of open files leaves room for."`
	RequestsMax     int `name:"limit-requests" default:"5000" min:"1" max:"1000000000" env:"HEDDLE_LIMIT_REQUESTS" group:"Limits" help:"Requests at a time, but for polls that wait."`
	PollsMax        int `name:"limit-polls" default:"50000" min:"1" max:"1000000000" env:"HEDDLE_LIMIT_POLLS" group:"Limits" help:"Polls that wait."`
	ClientPercent   int `name:"limit-client-percent" default:"50" min:"1" max:"100" env:"HEDDLE_LIMIT_CLIENT_PERCENT" group:"Limits" help:"How much of the connections, requests and polls one client address may take. 100 where all come through one proxy."`
	PollsPerListMax int `name:"limit-polls-per-list" default:"1000" min:"1" max:"1000000000" env:"HEDDLE_LIMIT_POLLS_PER_LIST" group:"Limits" help:"Polls that wait on one task list."`

	Timeouts     listen.Timeouts `kong:"-" embed:"" prefix:"Timeouts."`
	CachedStates int             `kong:"-" default:"10000" min:"1" max:"1000000000"` // executions whose state is kept in memory

	// Services have settings of their own; nil: Services().
	Services []*service.Service `kong:"-"`
	Log      *slog.Logger       `kong:"-"`
	// Reset is told that a caller wants the server, whose store is memory, to start anew. It must
	// not wait for that: the caller is answered first.
	Reset func() `kong:"-"`

	Version string `kong:"-"` // of the program; empty: nobody knows

	// Prepare is called before the first request is answered, with what answers them, and a root
	// key pair. Nil: nothing is to be done.
	Prepare func(ctx context.Context, calls http.Handler, id, secret string) error `kong:"-"`

	Embedded *Embedded `kong:"-"` // nil: the server has a port, and the machine's time

	machine   func(*pebblestore.Options) // for tests: the disk, and how the process ends
	blobFiles dir.Files                  // for tests: the disk of the blobs

	buckets service.Buckets // for tests: in place of Buckets

	targets []*notify.Target // of EventsConfig

	exit       func(code int)       // for tests: ends the process; nil: os.Exit
	timepieces timepieces           // for tests: the machine's clocks
	shared     *sharedMemory        // for tests: what several servers of one process share, with StoreMemory
	diskEvery  func() time.Duration // for tests: how often the disk is looked at
}

// sharedMemory is an opening of a store in memory, and blobs, which other servers have too.
type sharedMemory struct {
	store *memstore.Store
	blobs *blob.Memory
}

// Values of Config.Store.
const (
	StorePebble   = "pebble"
	StorePostgres = "postgres"
	StoreMemory   = "memory"
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

// Values of Config.Console.
const (
	ConsoleOn  = "on"
	ConsoleOff = "off"
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

// ReadSecrets takes the settings that are on no command line from the environment.
func (c *Config) ReadSecrets(getenv func(string) string) {
	options.ReadSecrets(c, getenv)
	for _, one := range c.Services {
		options.ReadSecrets(one.Options, getenv)
	}
}

// Filled is a Config with its defaults, if it has nothing that makes no sense.
// Nothing is opened or made to find out.
func (c Config) Filled() (Config, error) {
	if err := c.fill(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) fill() error {
	if c.Services == nil {
		c.Services = Services()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	room, _ := shareDescriptors(listen.Descriptors() - filesPerTrail*len(c.Accounts))
	if c.ConnectionsMax == 0 {
		c.ConnectionsMax = room
	}
	if c.ConnectionsMax > room {
		c.Log.Warn("more connections are allowed than there are descriptors for", "connections", c.ConnectionsMax, "descriptors", listen.Descriptors(), "room_for", room)
	}
	if c.Listen != "" && strings.Trim(c.Listen, "0123456789") == "" {
		c.Listen = "127.0.0.1:" + c.Listen // a port alone
	}
	err := errors.Join(options.Fill(c), c.TLS.Check(), c.fillServices(), c.checkOthers())
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

// checkOthers checks what tags can't say.
func (c *Config) checkOthers() error {
	errs := []error{c.Root.check(), c.Embedded.check(c), c.Blobs.check(c.Store == StoreMemory), c.Lambda.Check(), c.Buckets.Check(), c.Archive.Check(), c.Cluster.check(c)}
	if (c.Store == StorePostgres) != (c.Postgres != "") {
		errs = append(errs, errors.New("--store postgres and --postgres: want both or neither"))
	}
	if !isAccount(c.Account) {
		errs = append(errs, fmt.Errorf("--account %q: want 12 digits", c.Account))
	}
	for _, account := range c.Accounts {
		if !isAccount(account) {
			errs = append(errs, fmt.Errorf("--accounts %q: want 12 digits each, with commas between them", account))
		}
	}
	for _, host := range c.ConsoleHosts {
		if host == "" || strings.ContainsAny(host, "/@ ") {
			errs = append(errs, fmt.Errorf("--console-host %q: want a name such as flow.example.com", host))
		}
	}
	if n := len(c.accounts()); n > accountsMax {
		errs = append(errs, fmt.Errorf("--accounts: %d accounts are more than %d", n, accountsMax))
	}
	if !operation.IsRegion(c.Region) {
		errs = append(errs, fmt.Errorf("--region %q: want a name such as us-east-1", c.Region))
	}
	if c.Audit.WebhookURL != "" {
		errs = append(errs, c.Audit.webhook().Check())
	}
	if c.EventsConfig != "" {
		targets, err := notify.Load(c.EventsConfig)
		c.targets = targets
		errs = append(errs, err)
	}
	_, err := newLimiters(c)
	return errors.Join(append(errs, err)...)
}

// CAFile is where a data folder has the certificate that clients of a self-signed
// server must trust.
func CAFile(data string) string { return listen.CAFile(caDir(data)) }

func caDir(data string) string { return filepath.Join(data, "tls") }

// tls is how the port is protected.
func (c *Config) tls() listen.TLS {
	t := c.TLS
	t.CADir = caDir(c.Data)
	return t
}

// shares are places of which one client may have a part.
func (c *Config) shares(what string, max int) *listen.Shares {
	return listen.NewShares(listen.ShareConfig{What: what, Max: max, ClientPercent: c.ClientPercent, Now: time.Now, Log: c.Log})
}

// What needs descriptors besides connections.
const (
	storeFilesMost  = 1000 // tables that the store keeps open
	descriptorsKept = 256  // its logs, the trail, blobs, Lambda functions
	filesPerTrail   = 3    // of each further account
)

// shareDescriptors says how many of the descriptors connections may have, and how many
// tables of the store.
func shareDescriptors(all int) (connections, storeFiles int) {
	storeFiles = min(storeFilesMost, all/4)
	return max(all/4, all-storeFiles-descriptorsKept), storeFiles
}

// How many bytes there are for each of RequestsMax: what comes and is handled has so many,
// and what waits to be read.
const (
	bytesPerRequest = 64 << 10
	bytesAtLeast    = 8 << 20 // or one client could not send the largest request
)

// room is what there is for requests, or for answers, in bytes and in number.
func (c *Config) room(what string) listen.RoomConfig {
	return listen.RoomConfig{
		What: what, Bytes: max(bytesAtLeast, int64(c.RequestsMax)*bytesPerRequest), Count: c.RequestsMax, ClientPercent: c.ClientPercent,
	}
}

// turnsMax is how many pages are read and made into answers at a time. One has up to 1 MiB,
// and takes four meanwhile: so all take no more than answers that go. More than keep the
// processors and the disk busy would do no good.
func (c *Config) turnsMax() int {
	bytes := c.room("").Bytes
	return int(max(4, min(bytes/(4<<20), 8*int64(runtime.GOMAXPROCS(0)))))
}

// accountsMax bounds the accounts of a server: each has an audit trail with files of its own.
const accountsMax = 100

// accounts are all accounts, the default one first, and the others in order.
func (c *Config) accounts() []string {
	others := slices.DeleteFunc(slices.Sorted(slices.Values(c.Accounts)), func(a string) bool { return a == c.Account })
	return append([]string{c.Account}, slices.Compact(others)...)
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
