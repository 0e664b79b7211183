package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"

	"heddle/internal/server"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/lambda"
	"heddle/internal/swf/registry"
)

// drainTime is how long a stopping server waits for requests in flight.
const drainTime = 20 * time.Second

type serveCommand struct {
	Listen    string        `default:"127.0.0.1:7930" env:"HEDDLE_LISTEN" help:"Address to listen on, host:port."`
	Data      string        `default:"heddle-data" env:"HEDDLE_DATA" type:"path" help:"Folder of the store; made at first start."`
	Store     string        `default:"pebble" enum:"pebble,memory" env:"HEDDLE_STORE" help:"pebble keeps everything on disk, synced before any answer; memory forgets everything at exit."`
	Account   string        `default:"123456789012" env:"HEDDLE_ACCOUNT" help:"AWS account id of all callers."`
	Region    string        `default:"us-east-1" env:"HEDDLE_REGION" help:"Region of requests that name none. A region in a request's credential scope is a world of its own."`
	Auth      string        `default:"trust" enum:"trust,sigv4" env:"HEDDLE_AUTH" help:"trust believes the access key and region of a request and verifies nothing; sigv4 verifies signatures by the root key pair that the first start writes to DATA/credentials."`
	PollHold  time.Duration `default:"55s" env:"HEDDLE_POLL_HOLD" help:"How long a poll waits for a task, at most 60s. Keep it below the clients' read timeout."`
	LogLevel  slog.Level    `default:"info" env:"HEDDLE_LOG_LEVEL" help:"debug, info, warn or error."`
	LogFormat string        `default:"text" enum:"text,json" env:"HEDDLE_LOG_FORMAT" help:"text or json."`
	TimeSkip  skipFlag      `env:"HEDDLE_TIME_SKIP" placeholder:"timers|all" help:"For development: when nothing is runnable, jump to the next user timer; with =all also to the next timeout."`

	LambdaEndpoint   string `env:"HEDDLE_LAMBDA_ENDPOINT" placeholder:"URL" help:"Where Lambda functions are invoked (anything with Lambda's Invoke API). Without it, ScheduleLambdaFunction fails with LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION."`
	LambdaAccessKey  string `env:"HEDDLE_LAMBDA_ACCESS_KEY_ID" placeholder:"KEY" help:"Access key that signs invocations; its secret comes from the environment variable HEDDLE_LAMBDA_SECRET_ACCESS_KEY alone. Without it they are not signed."`
	LambdaConcurrent int    `default:"64" env:"HEDDLE_LAMBDA_CONCURRENT" help:"How many Lambda functions are invoked at a time."`

	Limits limitFlags `embed:"" prefix:"limit-" envprefix:"HEDDLE_LIMIT_"`
}

// limitFlags are the quotas; the defaults are Amazon SWF's.
type limitFlags struct {
	Domains         int   `default:"100" env:"DOMAINS" group:"Limits" help:"Domains per account and region."`
	Types           int   `default:"10000" env:"TYPES" group:"Limits" help:"Workflow and activity types per domain."`
	RetentionDays   int   `default:"90" env:"RETENTION_DAYS" group:"Limits" help:"Longest retention of a domain, in days."`
	ExecutionSecs   int64 `default:"31536000" env:"EXECUTION_SECS" group:"Limits" help:"Longest timeout of an execution, in seconds."`
	OpenExecutions  int   `default:"100000" env:"OPEN_EXECUTIONS" group:"Limits" help:"Open executions per domain."`
	OpenActivities  int   `default:"1000" env:"OPEN_ACTIVITIES" group:"Limits" help:"Open activity tasks per execution."`
	OpenTimers      int   `default:"1000" env:"OPEN_TIMERS" group:"Limits" help:"Open timers per execution."`
	OpenChildren    int   `default:"1000" env:"OPEN_CHILDREN" group:"Limits" help:"Open child executions per execution."`
	OpenLambdas     int   `default:"1000" env:"OPEN_LAMBDAS" group:"Limits" help:"Open Lambda functions per execution."`
	Events          int   `default:"25000" env:"EVENTS" group:"Limits" help:"Events per history."`
	PollsPerList    int   `default:"1000" env:"POLLS_PER_LIST" group:"Limits" help:"Polls that wait on one task list."`
	CountedMost     int   `default:"1000" env:"COUNTED_MOST" group:"Limits" help:"Where Count actions stop and say truncated."`
	TagsPerResource int   `default:"50" env:"TAGS_PER_RESOURCE" group:"Limits" help:"Resource tags of a domain."`
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
	options := &slog.HandlerOptions{Level: c.LogLevel}
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, options)
	if c.LogFormat == "json" {
		handler = slog.NewJSONHandler(os.Stderr, options)
	}
	limits := execution.DefaultLimits()
	limits.OpenActivities, limits.OpenTimers = c.Limits.OpenActivities, c.Limits.OpenTimers
	limits.OpenChildren, limits.OpenLambdas = c.Limits.OpenChildren, c.Limits.OpenLambdas
	limits.Events, limits.OpenExecutions = c.Limits.Events, c.Limits.OpenExecutions
	return server.Config{
		Listen: c.Listen, Data: c.Data, Store: c.Store, Account: c.Account, Region: c.Region, Auth: c.Auth,
		PollHold: c.PollHold, TimeSkip: string(c.TimeSkip),
		LambdaKey:      lambda.Key{ID: c.LambdaAccessKey, Secret: os.Getenv("HEDDLE_LAMBDA_SECRET_ACCESS_KEY")},
		LambdaEndpoint: c.LambdaEndpoint, LambdaConcurrent: c.LambdaConcurrent,
		Registry: registry.Limits{
			DomainsMax: c.Limits.Domains, TypesPerDomainMax: c.Limits.Types,
			TagsPerDomainMax: c.Limits.TagsPerResource, RetentionDaysMax: c.Limits.RetentionDays,
		},
		Execution:           limits,
		ExecutionSecondsMax: c.Limits.ExecutionSecs,
		PollsPerListMax:     c.Limits.PollsPerList, CountMax: c.Limits.CountedMost,
		Log: slog.New(handler),
	}
}

// credentials is the line that gives a shell its credentials.
func (c *serveCommand) credentials() string {
	if c.Auth == server.AuthSigV4 {
		return "export AWS_SHARED_CREDENTIALS_FILE=" + server.CredentialsFile(c.Data)
	}
	return "export AWS_ACCESS_KEY_ID=heddle AWS_SECRET_ACCESS_KEY=heddle"
}

func (c *serveCommand) Run(ctx context.Context) error {
	if c.PollHold <= 0 {
		return fmt.Errorf("--poll-hold %s: want more than 0, and at most %s", c.PollHold, server.PollHoldMax)
	}
	began := time.Now()
	s, err := server.Start(ctx, c.config())
	if err != nil {
		return err
	}
	where := c.Data
	if c.Store == server.StoreMemory {
		where = "memory; everything is forgotten at exit"
	}
	fmt.Printf(`heddle %s listens on %s after %d ms (store: %s)

To point the AWS CLI, boto3 or any AWS SDK at it:

  export AWS_ENDPOINT_URL_SWF=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s
  %s
  aws swf register-domain --name demo --workflow-execution-retention-period-in-days 7
  aws swf list-domains --registration-status REGISTERED

`, version, s.URL(), time.Since(began).Milliseconds(), where, s.URL(), c.Region, c.Region, c.credentials())
	<-ctx.Done()
	signal.Reset() // a second signal ends the process at once
	fmt.Println("draining: polls are answered empty, work in flight is committed")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return s.Close(drain)
}
