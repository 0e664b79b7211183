package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/coreos/go-systemd/v22/daemon"

	"heddle/internal/server"
)

// drainTime is how long a stopping server waits for requests in flight.
const drainTime = 20 * time.Second

type serveCommand struct {
	Config server.Config `embed:""`

	LogLevel  slog.Level `default:"info" env:"HEDDLE_LOG_LEVEL" help:"debug, info, warn or error."`
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

// credentials is the line that gives a shell its credentials.
func credentials(cfg *server.Config) string {
	if cfg.Auth == server.AuthSigV4 {
		return "export AWS_SHARED_CREDENTIALS_FILE=" + quoted(server.CredentialsFile(cfg.Data))
	}
	return "export AWS_ACCESS_KEY_ID=heddle AWS_SECRET_ACCESS_KEY=heddle"
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

// console is the line that leads to the console. Only a terminal is told a link that signs
// in: what reads standard output otherwise may keep it.
func console(cfg *server.Config, s *server.Server) string {
	if cfg.Console != server.ConsoleOn {
		return ""
	}
	if cfg.Auth == server.AuthNone {
		return "Console: " + s.URL() + "/console/ (everyone on this machine may do anything there)\n\n"
	}
	if link, err := s.ConsoleURL(); err == nil && isTerminal(os.Stdout) {
		return "Console, once within a minute: " + link + "\nLater: heddle console\n\n"
	}
	return "Console: heddle console gives a link that signs in\n\n"
}

func (c *serveCommand) Run(ctx context.Context) error {
	cfg, err := c.config().Filled()
	if err != nil {
		return err
	}
	began := time.Now()
	cfg.Version = version
	server.PaceGarbage()
	s, err := server.Start(ctx, cfg)
	if err != nil {
		return err
	}
	where := cfg.Data
	switch cfg.Store {
	case server.StoreMemory:
		where = "memory; everything is forgotten at exit"
	case server.StorePostgres:
		where = "PostgreSQL, " + s.Database() + "; its own files: " + cfg.Data
	}
	fmt.Printf(`heddle %s listens on %s after %d ms (store: %s)

To point the AWS CLI, boto3 or any AWS SDK at it:

  export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s
  %s%s
  aws swf register-domain --name demo --workflow-execution-retention-period-in-days 7
  aws swf list-domains --registration-status REGISTERED%s

%s`, version, s.URL(), time.Since(began).Milliseconds(), where, s.URL(), cfg.Region, cfg.Region, credentials(&cfg), trust(&cfg), profiles(&cfg), console(&cfg, s))
	tell(cfg.Log, daemon.SdNotifyReady)
	keepAlive(ctx, cfg.Log)
	<-ctx.Done()
	tell(cfg.Log, daemon.SdNotifyStopping)
	signal.Reset() // a second signal ends the process at once
	fmt.Println("draining: polls are answered empty, work in flight is committed")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return s.Close(drain)
}
