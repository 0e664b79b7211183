package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/console/past"
	"heddle/internal/console/replay"
)

// Replay has a decider decide anew what was recorded.
type Replay struct {
	History string   `arg:"" optional:"" name:"HISTORY.json" help:"What aws swf get-workflow-execution-history has written; not with --open."`
	Decider []string `arg:"" optional:"" name:"-- decider" help:"The program of the decider, and what it is called with."`

	Domain     string        `env:"HEDDLE_DOMAIN" placeholder:"NAME" help:"Domain of --open."`
	Open       int           `placeholder:"N" help:"Instead of a file: the histories of so many open executions, those that started last."`
	Type       string        `placeholder:"NAME" help:"Of these the ones of this type of workflow."`
	WorkflowID string        `name:"workflow-id" placeholder:"ID" help:"The workflowId that the decider is told, of a file; otherwise the file's name."`
	RunID      string        `name:"run-id" placeholder:"ID" help:"The runId that the decider is told, of a file."`
	Timeout    time.Duration `default:"1m" help:"How long the decider may take for one answer."`

	Caller caller `embed:""`
}

// Validate implements kong.Validatable.
func (c *Replay) Validate() error {
	switch {
	case c.Open > 0 && c.Domain == "":
		return errors.New("--open wants --domain")
	case c.Open > 0 && (c.WorkflowID != "" || c.RunID != ""):
		return errors.New("--workflow-id and --run-id are of a file")
	case c.Open == 0 && c.Type != "":
		return errors.New("--type wants --open")
	case len(c.program()) == 0:
		return errors.New("want HISTORY.json -- DECIDER, or --domain NAME --open N -- DECIDER")
	}
	return nil
}

// program is that of the decider. Without a file it is all that stands there.
func (c *Replay) program() []string {
	if c.Open > 0 && c.History != "" {
		return append([]string{c.History}, c.Decider...)
	}
	return c.Decider
}

// Run does it.
func (c *Replay) Run(ctx context.Context, p *Process) error {
	var histories []*replay.History
	var err error
	if c.Open > 0 {
		histories, err = c.fromServer(ctx, p)
	} else {
		histories, err = c.fromFile(c.History)
	}
	if err != nil {
		return err
	}
	told := replayed{Histories: len(histories)}
	for _, h := range histories {
		told.Tasks += h.Tasks()
		told.Decisions += h.Decisions()
	}
	if told.Tasks == 0 {
		return errors.New("replay: no decision task was answered in what was recorded, so there is nothing to compare")
	}
	err = c.decide(ctx, p, histories, c.program())
	told.Same = err == nil
	if found, is := errors.AsType[*replay.Difference](err); is {
		told.Difference, err = found, &exitError{1, errors.New("the decider decides otherwise than was recorded")}
	}
	if err != nil && told.Difference == nil {
		return err
	}
	return errors.Join(told.write(c, p), err)
}

// replayed is what came of it.
type replayed struct {
	Histories  int                `json:"histories"`
	Tasks      int                `json:"decisionTasks"`
	Decisions  int                `json:"decisions"`
	Same       bool               `json:"same"`
	Difference *replay.Difference `json:"difference,omitempty"`
}

func (r *replayed) write(c *Replay, p *Process) (err error) {
	switch {
	case c.Caller.JSON:
		err = p.writeJSON(r)
	case r.Difference != nil:
		_, err = fmt.Fprintln(p.Out, r.Difference)
	default:
		_, err = fmt.Fprintf(p.Out, "the decider decides as was recorded: %d histories, %d decision tasks, %d decisions\n", r.Histories, r.Tasks, r.Decisions)
	}
	return err
}

func (c *Replay) fromFile(path string) ([]*replay.History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a history: %w", err)
	}
	defer func() { _ = f.Close() }()
	events, err := past.ReadFile(f)
	if err != nil {
		return nil, fmt.Errorf("read a history of %q: %w", path, err)
	}
	name := filepath.Base(path)
	id, run := c.WorkflowID, c.RunID
	if id == "" {
		id = strings.TrimSuffix(name, filepath.Ext(name))
	}
	if run == "" {
		run = "replay"
	}
	h, err := replay.New(name, id, run, events.Raw)
	if err != nil {
		return nil, fmt.Errorf("read a history of %q: %w", path, err)
	}
	return []*replay.History{h}, nil
}

func (c *Replay) fromServer(ctx context.Context, p *Process) (all []*replay.History, err error) {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return nil, err
	}
	runs, err := past.OpenRuns(ctx, caller, c.Domain, c.Type, c.Open)
	if err != nil {
		if isFault(err, "UnknownResourceFault") {
			err = &exitError{notFound, err}
		}
		return nil, err
	}
	for _, r := range runs {
		h, err := historyOf(ctx, caller, c.Domain, r)
		if isFault(err, "UnknownResourceFault") {
			continue // it is gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func historyOf(ctx context.Context, caller *client.Client, domain string, r past.Run) (*replay.History, error) {
	events, err := past.ReadRun(ctx, caller, domain, r.WorkflowID, r.RunID)
	if err != nil {
		return nil, err
	}
	h, err := replay.New(r.WorkflowID, r.WorkflowID, r.RunID, events.Raw)
	if err != nil {
		return nil, fmt.Errorf("read the history of %q: %w", r.WorkflowID, err)
	}
	return h, nil
}

// decide has the decider decide all, by a server of its own.
func (c *Replay) decide(ctx context.Context, p *Process, histories []*replay.History, program []string) error {
	key, secret := rand.Text()[:20], rand.Text()
	s := replay.NewServer(key, p.Wait, histories)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = web.Serve(listener) }()
	defer func() { _ = web.Close() }()

	ctx, stop := context.WithCancel(ctx)
	decider := exec.CommandContext(ctx, program[0], program[1:]...)
	decider.Env = environment(os.Environ(), "http://"+listener.Addr().String(), key, secret)
	decider.Stdout, decider.Stderr = p.Err, p.Err // what is told of the replay is on the other
	decider.Cancel = func() error { return decider.Process.Signal(syscall.SIGTERM) }
	decider.WaitDelay = 5 * time.Second
	if err := decider.Start(); err != nil {
		stop()
		return fmt.Errorf("start the decider: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- decider.Wait() }()
	gone := false
	defer func() {
		if stop(); !gone {
			<-ended
		}
	}()
	for {
		late := make(chan struct{})
		waiting, enough := context.WithCancel(ctx)
		go func() {
			if p.Wait(waiting, c.Timeout) == nil {
				close(late)
			}
		}()
		select {
		case <-s.Done():
			enough()
			return s.Result()
		case err := <-ended:
			enough()
			gone = true
			select {
			case <-s.Done(): // it has gone after its last answer
				return s.Result()
			default:
			}
			if err == nil {
				err = errors.New("exit status 0")
			}
			return fmt.Errorf("the decider has ended before it was done, %v; %s", err, s.Waiting()) // its exit status is not ours
		case <-s.Progress():
		case <-late:
			enough()
			return fmt.Errorf("%s within %s", s.Waiting(), c.Timeout)
		case <-ctx.Done():
			enough()
			return ctx.Err()
		}
		enough()
	}
}

// environment is a decider's: its calls go to the replay alone, by keys that are of no use
// elsewhere.
func environment(all []string, url, key, secret string) []string {
	all = slices.DeleteFunc(slices.Clone(all), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "AWS_ENDPOINT_URL") || slices.Contains([]string{
			"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
		}, name)
	})
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = client.DefaultRegion
	}
	return append(all, "AWS_ENDPOINT_URL="+url, "AWS_ENDPOINT_URL_SWF="+url, "AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_EC2_METADATA_DISABLED=true")
}
