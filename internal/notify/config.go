// Package notify delivers notifications to those outside who want them, events, logs and
// traces: files, webhooks, and what speaks the protocols of EventBridge, SQS, SNS, CloudWatch
// Logs and OpenTelemetry.
//
// Shards keep what is to be told, and how far each target has come (engine.Notices). Here
// each target has a loop that reads what it has not had, sends it, and says so. What was sent
// and not yet said comes again after a kill, under the same id; of one run all comes in
// order, since a target has one batch under way. A target that does not answer holds up
// nobody but itself, and keeps its backlog in the store, within bounds.
package notify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/secretfile"
)

// Target is one of those outside, as the file says that Load reads.
type Target struct {
	Name string `json:"name"`
	// Types says what it wants to hear: empty: events that services tell of by themselves; "all":
	// others of their histories, too; "logs": what state machines log; "spans": traces.
	Types   string          `json:"types"`
	Pattern json.RawMessage `json:"pattern"` // absent: all
	File    *File           `json:"file"`
	Webhook *Webhook        `json:"webhook"`

	EventBridge *EventBridge `json:"eventbridge"`
	SQS         *SQS         `json:"sqs"`
	SNS         *SNS         `json:"sns"`

	CloudWatchLogs *CloudWatchLogs `json:"cloudwatchlogs"`
	OTLP           *OTLP           `json:"otlp"`

	pattern *eventbridge.Pattern
}

// File is a file that events are appended to, one a line. When it is full it is renamed, with
// .1 at its end, and what was .1 with .2.
type File struct {
	Path      string `json:"path"`
	Megabytes int    `json:"megabytes"` // of one file
	Files     int    `json:"files"`     // how many there are at most
}

// Webhook is a URL that events are posted to, as a JSON array, with signatures as Standard
// Webhooks has them.
type Webhook struct {
	URL     string   `json:"url"`
	Secrets []string `json:"secrets"` // files, each with a whsec_… ; while secrets change there are two
	Events  int      `json:"events"`  // in one post at most

	secrets [][]byte
}

// Values of Target.Types.
const (
	typesAll   = "all"
	typesLogs  = "logs"
	typesSpans = "spans"
)

// Bounds of a configuration.
const (
	configBytesMax = 1 << 20
	targetsMax     = 20
	secretsMax     = 4
	megabytesMax   = 1 << 20
	filesMax       = 1000
	eventsMax      = 100 // in one batch
)

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Load reads the targets of a configuration file, and whatever it names that is not opened
// later. Nothing is sent or made.
func Load(path string) ([]*Target, error) {
	targets, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("--events-config %s: %w", path, err)
	}
	return targets, nil
}

func load(path string) ([]*Target, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, configBytesMax+1))
	if err == nil && len(text) > configBytesMax {
		err = fmt.Errorf("it is larger than %d bytes", configBytesMax)
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		Targets []*Target `json:"targets"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&config); err != nil {
		return nil, err
	}
	if _, more := d.Token(); more != io.EOF {
		return nil, errors.New("something follows its end")
	}
	if n := len(config.Targets); n == 0 || n > targetsMax {
		return nil, fmt.Errorf("it has %d targets, want 1 to %d", n, targetsMax)
	}
	taken := map[string]string{}
	for i, t := range config.Targets {
		if t == nil {
			return nil, fmt.Errorf("target %d is null", i+1)
		}
		if err := t.fill(); err != nil {
			return nil, fmt.Errorf("target %d, %q: %w", i+1, t.Name, err)
		}
		for _, place := range []string{"the name " + t.Name, t.place()} {
			if other, ok := taken[place]; ok {
				return nil, fmt.Errorf("targets %q and %q both have %s", other, t.Name, place)
			}
			taken[place] = t.Name
		}
	}
	return config.Targets, nil
}

// place is what two targets can't share.
func (t *Target) place() string {
	if t.File != nil {
		return "the file " + filepath.Clean(t.File.Path)
	}
	return "the place of " + t.Name // others may share theirs
}

// fill sets what is absent, and checks what is there.
func (t *Target) fill() (err error) {
	switch {
	case !names.MatchString(t.Name):
		return errors.New("name: want small letters, digits and hyphens, at most 63")
	case t.Types != "" && t.Types != typesAll && t.Types != typesLogs && t.Types != typesSpans:
		return fmt.Errorf("types %q: want all, logs, spans, or nothing", t.Types)
	}
	var kinds []interface{ fill() error }
	if t.File != nil {
		kinds = append(kinds, t.File)
	}
	if t.Webhook != nil {
		kinds = append(kinds, t.Webhook)
	}
	if t.EventBridge != nil {
		kinds = append(kinds, t.EventBridge)
	}
	if t.SQS != nil {
		kinds = append(kinds, t.SQS)
	}
	if t.SNS != nil {
		kinds = append(kinds, t.SNS)
	}
	if t.CloudWatchLogs != nil {
		kinds = append(kinds, t.CloudWatchLogs)
	}
	if t.OTLP != nil {
		kinds = append(kinds, t.OTLP)
	}
	if len(kinds) != 1 {
		return errors.New("want one of file, webhook, eventbridge, sqs, sns, cloudwatchlogs and otlp")
	}
	bus := t.EventBridge != nil || t.SQS != nil || t.SNS != nil
	switch logs, spans := t.Types == typesLogs, t.Types == typesSpans; {
	case t.CloudWatchLogs != nil && !logs:
		return errors.New("cloudwatchlogs: want the types logs")
	case t.OTLP != nil && !logs && !spans:
		return errors.New("otlp: want the types logs, or spans")
	case bus && (logs || spans), spans && t.Webhook != nil:
		return fmt.Errorf("types %s: want a file, otlp, or for logs a webhook or cloudwatchlogs", t.Types)
	}
	if t.Pattern != nil {
		if t.pattern, err = eventbridge.ParsePattern(t.Pattern); err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
	}
	return kinds[0].fill()
}

func (f *File) fill() error {
	if f.Megabytes == 0 {
		f.Megabytes = 100
	}
	if f.Files == 0 {
		f.Files = 10
	}
	switch {
	case !filepath.IsAbs(f.Path) || strings.HasSuffix(f.Path, string(filepath.Separator)):
		return fmt.Errorf("path %q: want the whole path of a file", f.Path)
	case f.Megabytes < 1 || f.Megabytes > megabytesMax:
		return fmt.Errorf("megabytes %d: want 1 to %d", f.Megabytes, megabytesMax)
	case f.Files < 1 || f.Files > filesMax:
		return fmt.Errorf("files %d: want 1 to %d", f.Files, filesMax)
	}
	return nil
}

func (w *Webhook) fill() error {
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" {
		return errors.New("url: want one such as https://host/path") // it may hold a secret
	}
	if w.Events == 0 {
		w.Events = eventsMax
	}
	if w.Events < 1 || w.Events > eventsMax {
		return fmt.Errorf("events %d: want 1 to %d", w.Events, eventsMax)
	}
	if n := len(w.Secrets); n == 0 || n > secretsMax {
		return fmt.Errorf("%d secrets, want 1 to %d", n, secretsMax)
	}
	for _, path := range w.Secrets {
		secret, err := readSecret(path)
		if err != nil {
			return fmt.Errorf("secret %q: %w", path, err)
		}
		w.secrets = append(w.secrets, secret)
	}
	return nil
}

// readSecret reads a secret of 24 to 64 bytes, as Standard Webhooks writes it.
func readSecret(path string) ([]byte, error) {
	text, err := secretfile.Read(path)
	if err != nil {
		return nil, err
	}
	encoded, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "whsec_")
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, errors.New("want whsec_ and 24 to 64 bytes in base64") // without the text
	}
	return secret, nil
}
