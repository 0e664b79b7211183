package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"

	"heddle/internal/options"
	"heddle/internal/server"
	"heddle/internal/service"
)

// drainTime is how long a stopping server waits for requests in flight.
const drainTime = 20 * time.Second

type serveCommand struct {
	Listen    string        `default:"127.0.0.1:7930" env:"HEDDLE_LISTEN" help:"Address to listen on, host:port."`
	Data      string        `default:"heddle-data" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store; made at first start."`
	Store     string        `default:"pebble" enum:"pebble,memory" env:"HEDDLE_STORE" help:"pebble keeps everything on disk, synced before any answer; memory forgets everything at exit."`
	Account   string        `default:"123456789012" env:"HEDDLE_ACCOUNT" help:"AWS account id of all callers."`
	Region    string        `default:"us-east-1" env:"HEDDLE_REGION" help:"Region of requests that name none. A region in a request's credential scope is a world of its own."`
	Auth      string        `default:"sigv4" enum:"sigv4,none" env:"HEDDLE_AUTH" help:"sigv4 verifies signatures and asks policies; the first start writes the root key pair to DATA/credentials. none lets everybody on this machine do anything: it listens on a loopback address only."`
	PollHold  time.Duration `default:"55s" env:"HEDDLE_POLL_HOLD" help:"How long a poll waits for a task, at most 60s. Keep it below the clients' read timeout."`
	LogLevel  slog.Level    `default:"info" env:"HEDDLE_LOG_LEVEL" help:"debug, info, warn or error."`
	LogFormat string        `default:"text" enum:"text,json" env:"HEDDLE_LOG_FORMAT" help:"text or json."`
	TimeSkip  skipFlag      `env:"HEDDLE_TIME_SKIP" placeholder:"timers|all" help:"For development: when nothing is runnable, jump to the next user timer; with =all also to the next timeout."`

	TLS tlsFlags `embed:""`

	Sealing  string       `default:"on" enum:"on,off" env:"HEDDLE_SEALING" help:"on: values are encrypted in the store. off: a new store is in the clear; one that is sealed is refused."`
	RootKeys rootKeyFlags `embed:""`

	Audit auditFlags `embed:""`
	Blobs blobFlags  `embed:""`

	Throttle     string   `default:"off" enum:"off,aws" env:"HEDDLE_THROTTLE" help:"aws: calls and decisions above the rates that AWS has by default are refused, for each account and region."`
	ThrottleRate []string `env:"HEDDLE_THROTTLE_RATE" placeholder:"ACTION=BURST/PERSECOND" help:"Another rate of an action or a decision, with --throttle aws; ACTION=none lifts it."`

	Limits limitFlags `embed:"" prefix:"limit-" envprefix:"HEDDLE_LIMIT_"`

	Services kong.Plugins `embed:""` // their settings
	services []*service.Service
}

// newServeCommand has the settings of all services.
func newServeCommand() serveCommand {
	c := serveCommand{services: server.Services()}
	for _, s := range c.services {
		if s.Options != nil {
			c.Services = append(c.Services, s.Options)
		}
	}
	return c
}

// limitFlags are the bounds of the server; services have quotas of their own.
type limitFlags struct {
	Connections   int `env:"CONNECTIONS" placeholder:"N" group:"Limits" help:"Connections; by default as many as the limit of open files leaves room for."`
	Requests      int `default:"5000" env:"REQUESTS" group:"Limits" help:"Requests at a time, but for polls that wait."`
	Polls         int `default:"50000" env:"POLLS" group:"Limits" help:"Polls that wait."`
	ClientPercent int `default:"50" env:"CLIENT_PERCENT" group:"Limits" help:"How much of the connections, requests and polls one client address may take. 100 where all come through one proxy."`
	PollsPerList  int `default:"1000" env:"POLLS_PER_LIST" group:"Limits" help:"Polls that wait on one task list."`
}

// skipFlag is given without a value (timers) or with one.
type skipFlag string

// IsBool implements kong.BoolMapperValue: the value may be left out.
func (skipFlag) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (f *skipFlag) Decode(ctx *kong.DecodeContext) error {
	*f = server.SkipTimers
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		*f = skipFlag(fmt.Sprint(ctx.Scan.Pop().Value))
	}
	return nil
}

// config is what the flags ask of the server.
func (c *serveCommand) config() server.Config {
	for _, one := range c.services {
		options.ReadSecrets(one.Options, os.Getenv)
	}
	return server.Config{
		Listen: c.Listen, Data: c.Data, Store: c.Store, Account: c.Account, Region: c.Region, Auth: c.Auth,
		PollHold: c.PollHold, TimeSkip: string(c.TimeSkip),
		TLSCert: c.TLS.TLSCert, TLSKey: c.TLS.TLSKey, TLSSelfSigned: c.TLS.TLSSelfSigned,
		TLSClientCA: c.TLS.TLSClientCA, InsecureListen: c.TLS.InsecureListen,
		ConnectionsMax: c.Limits.Connections, RequestsMax: c.Limits.Requests, PollsMax: c.Limits.Polls,
		ClientPercent: c.Limits.ClientPercent,
		Audit:         c.Audit.config(), Blobs: c.Blobs.config(), Throttle: c.Throttle, ThrottleRates: c.ThrottleRate,
		Sealing: c.Sealing, RootKeys: c.RootKeys.config(),
		Services:        c.services,
		PollsPerListMax: c.Limits.PollsPerList,
		Log:             slog.New(logHandler(c.LogFormat, c.LogLevel)),
	}
}

// credentials is the line that gives a shell its credentials.
func credentials(cfg *server.Config) string {
	if cfg.Auth == server.AuthSigV4 {
		return "export AWS_SHARED_CREDENTIALS_FILE=" + quoted(server.CredentialsFile(cfg.Data))
	}
	return "export AWS_ACCESS_KEY_ID=heddle AWS_SECRET_ACCESS_KEY=heddle"
}

func (c *serveCommand) Run(ctx context.Context) error {
	cfg, err := c.config().Filled()
	if err != nil {
		return err
	}
	began := time.Now()
	server.PaceGarbage()
	s, err := server.Start(ctx, cfg)
	if err != nil {
		return err
	}
	where := cfg.Data
	if cfg.Store == server.StoreMemory {
		where = "memory; everything is forgotten at exit"
	}
	fmt.Printf(`heddle %s listens on %s after %d ms (store: %s)

To point the AWS CLI, boto3 or any AWS SDK at it:

  export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s
  %s%s
  aws swf register-domain --name demo --workflow-execution-retention-period-in-days 7
  aws swf list-domains --registration-status REGISTERED

`, version, s.URL(), time.Since(began).Milliseconds(), where, s.URL(), cfg.Region, cfg.Region, credentials(&cfg), c.TLS.trust(cfg.Data))
	<-ctx.Done()
	signal.Reset() // a second signal ends the process at once
	fmt.Println("draining: polls are answered empty, work in flight is committed")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return s.Close(drain)
}
