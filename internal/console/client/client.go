// Package client calls a server as the AWS CLI does: with the keys, the region and the
// endpoint of the environment or a profile. It has no shapes: what goes in and out is JSON.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// Config says whom to call, and by which keys.
type Config struct {
	Endpoint string // empty: that of the environment or the profile, else Default
	Region   string // empty: likewise, else DefaultRegion
	Profile  string // empty: that of the environment
	// Credentials is a shared credentials file for who has no keys otherwise.
	Credentials string
	Now         func() time.Time
}

// What holds where nobody says anything.
const (
	Default       = "http://127.0.0.1:7930"
	DefaultRegion = "us-east-1"
)

// Client calls a server.
type Client struct {
	endpoint string
	region   string
	keys     aws.Credentials
	http     aws.HTTPClient
	now      func() time.Time
}

// New finds endpoint, region and keys. It calls nobody.
func New(ctx context.Context, c Config) (*Client, error) {
	load := func(more ...func(*config.LoadOptions) error) (aws.Config, aws.Credentials, error) {
		// The metadata service of a machine in EC2 has no keys of this server.
		all := append(more, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
		if c.Profile != "" {
			all = append(all, config.WithSharedConfigProfile(c.Profile))
		}
		cfg, err := config.LoadDefaultConfig(ctx, all...)
		if err != nil {
			return cfg, aws.Credentials{}, err
		}
		keys, err := cfg.Credentials.Retrieve(ctx)
		return cfg, keys, err
	}
	cfg, keys, err := load()
	if err != nil {
		var own error
		if cfg, keys, own = load(config.WithSharedCredentialsFiles([]string{c.Credentials})); own != nil {
			return nil, fmt.Errorf("find keys: there are none in the environment or its profile (%w), nor in %q (%v)", err, c.Credentials, own)
		}
	}
	client := &Client{endpoint: c.Endpoint, region: c.Region, keys: keys, http: cfg.HTTPClient, now: c.Now}
	if client.http == nil { // nobody has asked for another one
		client.http = http.DefaultClient
	}
	if client.endpoint == "" {
		client.endpoint = aws.ToString(cfg.BaseEndpoint)
	}
	if client.endpoint == "" {
		client.endpoint = Default
	}
	if client.region == "" {
		client.region = cfg.Region
	}
	if client.region == "" {
		client.region = DefaultRegion
	}
	return client, nil
}

// Fault is what a server answers to a call that it does not do.
type Fault struct {
	Action  string
	Status  int
	Code    string
	Message string
	Request string // its id, by which the server's log has it
	Ready   string // the URL that tells whether the server serves
}

func (f *Fault) Error() string {
	text := f.Action + ": " + f.Code
	if f.Message != "" {
		text += ": " + f.Message
	}
	if f.Status >= http.StatusInternalServerError {
		text += fmt.Sprintf("; the server's log says why (request %s), and %s whether it serves now", f.Request, f.Ready)
	}
	return text
}

// Service is an API of JSON 1.0.
type Service struct{ Name, Target string }

// The services that are called.
var (
	Operator = Service{"heddle", "HeddleOperator"}
	SWF      = Service{"swf", "SimpleWorkflowService"}
	States   = Service{"states", "AWSStepFunctions"}
)

// answerMax is how large an answer may be.
const answerMax = 16 << 20

// Call calls an action. Errors: *Fault.
func (c *Client) Call(ctx context.Context, s Service, action string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", action, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", action, err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", s.Target+"."+action)
	r.Header.Set("User-Agent", "heddle-cli")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, c.keys, r, hex.EncodeToString(sum[:]), s.Name, c.region, c.now()); err != nil {
		return nil, fmt.Errorf("sign %s: %w", action, err)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("call %s at %s: %w; is the server there? --endpoint says where it is", action, c.endpoint, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s: %w", action, err)
	}
	if resp.StatusCode == http.StatusOK {
		return answer, nil
	}
	f := &Fault{
		Action: action, Status: resp.StatusCode, Code: resp.Status,
		Request: resp.Header.Get("X-Amzn-Requestid"), Ready: strings.TrimSuffix(c.endpoint, "/") + "/ready",
	}
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Large   string `json:"Message"`
	}
	if json.Unmarshal(answer, &said) == nil && said.Type != "" {
		f.Code = said.Type[strings.LastIndexByte(said.Type, '#')+1:]
		if f.Message = said.Message; f.Message == "" {
			f.Message = said.Large
		}
	}
	return nil, f
}
