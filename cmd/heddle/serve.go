package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/coreos/go-systemd/v22/daemon"

	"heddle/internal/operator/seed"
	"heddle/internal/server"
)

// drainTime is how long a stopping server waits for requests in flight.
const drainTime = 20 * time.Second

type serveCommand struct {
	File string `name:"config" type:"path" env:"HEDDLE_CONFIG" placeholder:"FILE" help:"File of settings in YAML: these flags without their dashes, as in listen: 127.0.0.1:7930. The environment wins over it, and the command line over both; heddle config shows what is in force."`
	Dev  bool   `name:"dev" env:"HEDDLE_DEV" help:"For development: all in memory and any credentials do, unless --store or --auth say otherwise."`

	Init string `name:"init" type:"path" env:"HEDDLE_INIT" placeholder:"FILE" help:"File of what is to be there from the start, in YAML or JSON: what calls register and create, users and roles. What is there already stays as it is."`

	Config server.Config `embed:""`

	LogLevel  slog.Level `default:"info" env:"HEDDLE_LOG_LEVEL" help:"debug, info, warn or error. At debug each request has a line."`
	LogFormat string     `default:"text" enum:"text,json" env:"HEDDLE_LOG_FORMAT" help:"text or json."`

	Services kong.Plugins `embed:""` // their settings
}

// newServeCommand has the settings of all services.
func newServeCommand() (c serveCommand) {
	c.Config.Services = server.Services()
	for _, s := range c.Config.Services {
		if s.Options != nil {
			c.Services = append(c.Services, s.Options)
		}
	}
	return c
}

// config is what the flags and the environment ask of the server.
func (c *serveCommand) config() server.Config {
	cfg := c.Config
	cfg.ReadSecrets(os.Getenv)
	cfg.Log = slog.New(logHandler(c.LogFormat, c.LogLevel))
	return cfg
}

// credentials is the part of a line that gives a shell its credentials.
func credentials(cfg *server.Config) string {
	switch {
	case cfg.Auth == server.AuthNone:
		return "AWS_ACCESS_KEY_ID=heddle AWS_SECRET_ACCESS_KEY=heddle"
	case cfg.Root.KeyID != "":
		return "AWS_ACCESS_KEY_ID=" + quoted(cfg.Root.KeyID) + ` AWS_SECRET_ACCESS_KEY="$HEDDLE_SECRET_ACCESS_KEY"`
	}
	return "AWS_SHARED_CREDENTIALS_FILE=" + quoted(cfg.RootFile())
}

// profiles is the line that says how a shell asks for further accounts.
func profiles(cfg *server.Config) string {
	if len(cfg.Accounts) == 0 || cfg.Auth != server.AuthSigV4 {
		return ""
	}
	return "\n\nFurther accounts are profiles there, as in aws --profile " + cfg.Accounts[0] + ": " + strings.Join(cfg.Accounts, ", ")
}

// trust is the line that makes clients of a shell trust the server.
func trust(cfg *server.Config) string {
	if !cfg.TLS.SelfSigned {
		return ""
	}
	return "\n  export AWS_CA_BUNDLE=" + quoted(server.CAFile(cfg.Data))
}

// console is the line that leads to the console.
func console(cfg *server.Config, s *server.Server) string {
	if cfg.Console != server.ConsoleOn {
		return ""
	}
	if cfg.Auth == server.AuthNone {
		return "Console: " + s.URL() + "/console/ (everyone on this machine may do anything there)\n\n"
	}
	if link, err := s.ConsoleURL(); err == nil {
		return "Console, once within a minute: " + link + "\nLater: heddle console\n\n"
	}
	return "Console: heddle console gives a link that signs in\n\n"
}

// where is where a server keeps what it has.
func where(cfg *server.Config) string {
	switch cfg.Store {
	case server.StoreMemory:
		return "memory; everything is forgotten at exit"
	case server.StorePostgres:
		return "PostgreSQL; its own files: " + cfg.Data
	}
	return cfg.Data
}

// listening says where a server is reached.
func listening(s *server.Server) string {
	if s.EveryAddress() {
		return s.URL() + " and every other address of this machine"
	}
	return s.URL()
}

// banner tells a person at a terminal how to go on. Only there is a link shown that signs
// in: what reads standard output otherwise may keep it.
func banner(w io.Writer, cfg *server.Config, s *server.Server, took time.Duration) {
	fmt.Fprintf(w, `heddle %s listens on %s after %d ms (store: %s)

To point the AWS CLI, boto3 or any AWS SDK at it:

  export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s %s%s

  aws swf register-domain --name demo --workflow-execution-retention-period-in-days 7
  aws swf list-domains --registration-status REGISTERED%s

%s`, version, listening(s), took.Milliseconds(), where(cfg), s.URL(), cfg.Region, cfg.Region, credentials(cfg), trust(cfg), profiles(cfg), console(cfg, s))
}

// readyLine tells a program that started the server, in a line of JSON, that it takes requests, and
// how it is reached.
func readyLine(w io.Writer, cfg *server.Config, s *server.Server, took time.Duration) {
	about := []any{
		"url", s.URL(), "region", cfg.Region, "account", cfg.Account, "auth", cfg.Auth, "store", cfg.Store, "pid", os.Getpid(),
	}
	if cfg.Auth == server.AuthSigV4 && cfg.Root.KeyID == "" {
		about = append(about, "credentials_file", cfg.RootFile())
	}
	if cfg.TLS.SelfSigned {
		about = append(about, "ca_file", server.CAFile(cfg.Data))
	}
	if cfg.Console == server.ConsoleOn {
		about = append(about, "console", s.URL()+"/console/")
	}
	slog.New(slog.NewJSONHandler(w, nil)).Info(fmt.Sprintf("heddle %s listens on %s after %d ms", version, listening(s), took.Milliseconds()), about...)
}

func (c *serveCommand) Run(ctx context.Context, k *kong.Kong) error {
	if err := checkVariables(flagsIn(k, "serve"), c.secretsOf()); err != nil {
		return err
	}
	cfg, err := c.config().Filled()
	if err != nil {
		return err
	}
	began := time.Now()
	cfg.Version = version
	cfg.Log.Info("heddle starts", "version", version, "listen", cfg.Listen, "store", where(&cfg), "pid", os.Getpid())
	if c.Init != "" {
		plan, err := seed.Read(c.Init)
		if err != nil {
			return err
		}
		cfg.Prepare = func(ctx context.Context, calls http.Handler, id, secret string) error {
			return plan.Make(ctx, seed.Caller{
				Handler: calls, Pair: aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, Region: cfg.Region, Now: time.Now, Log: cfg.Log,
			})
		}
	}
	server.PaceGarbage()
	again := make(chan struct{}, 1)
	cfg.Reset = func() {
		select {
		case again <- struct{}{}:
		default: // it is known
		}
	}
	s, err := server.Start(ctx, cfg)
	if err != nil {
		return err
	}
	took := time.Since(began)
	cfg.Log.Info("heddle takes requests", "url", s.URL(), "took", took)
	if isTerminal(os.Stdout) {
		banner(os.Stdout, &cfg, s, took)
	} else {
		readyLine(os.Stdout, &cfg, s, took)
	}
	tell(cfg.Log, daemon.SdNotifyReady)
	keepAlive(ctx, cfg.Log)
	for {
		select {
		case <-again:
			if s, err = anew(ctx, s, cfg); err != nil {
				return err
			}
			continue
		case <-ctx.Done():
		}
		break
	}
	tell(cfg.Log, daemon.SdNotifyStopping)
	signal.Reset() // a second signal ends the process at once
	cfg.Log.Info("heddle drains: polls are answered empty, work in flight is committed", "cause", context.Cause(ctx), "within", drainTime)
	stopping := time.Now()
	err = drained(ctx, s)
	cfg.Log.Info("heddle has stopped", "took", time.Since(stopping), "ran", time.Since(began))
	return err
}

// drained closes a server when what is in flight is done.
func drained(ctx context.Context, s *server.Server) error {
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return s.Close(drain)
}

// anew puts a server that has nothing yet in a server's place, at the same address.
func anew(ctx context.Context, s *server.Server, cfg server.Config) (*server.Server, error) {
	began := time.Now()
	cfg.Log.Info("heddle forgets what it has, as a caller wants, and begins anew")
	if err := drained(ctx, s); err != nil {
		return nil, err
	}
	cfg.Listen = s.Addr()
	s, err := server.Start(ctx, cfg)
	if err == nil {
		cfg.Log.Info("heddle takes requests", "url", s.URL(), "took", time.Since(began))
	}
	return s, err
}

// flagsIn are the flags of a command.
func flagsIn(k *kong.Kong, command string) []*kong.Flag {
	for _, node := range k.Model.Children {
		if node.Name == command {
			return node.Flags
		}
	}
	return nil
}
