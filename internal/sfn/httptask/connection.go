package httptask

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/secretfile"
)

// fileBytesMax is what secretfile.Read reads at most: a file that has as much may have more.
const fileBytesMax = 64 << 10

// Options say what HTTP tasks may reach, and as whom.
type Options struct {
	Connections string   `name:"connections" env:"HEDDLE_CONNECTIONS" type:"path" placeholder:"FILE" help:"Connections of HTTP tasks (http:invoke), each as CreateConnection of EventBridge takes it, with its ConnectionArn: {\"Connections\": [{\"ConnectionArn\": …, \"AuthorizationType\": …, \"AuthParameters\": …}]}. The file has secrets, and must be readable by its owner alone; it has less than 64 KiB, and is read at each call. Without it HTTP tasks fail."`
	Private     []string `name:"http-private" env:"HEDDLE_HTTP_PRIVATE" placeholder:"CIDR" help:"Networks that HTTP tasks may reach though they are not public, such as 10.1.0.0/16; also without TLS. None is by default."`
}

// Check refuses what can't be.
func (o *Options) Check() error {
	var errs []error
	if o.Connections != "" {
		if _, err := o.read(); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := o.networks(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (o *Options) networks() (all []netip.Prefix, err error) {
	for _, given := range o.Private {
		p, err := netip.ParsePrefix(given)
		if err != nil {
			return nil, fmt.Errorf("--http-private %q: want a network such as 10.1.0.0/16", given)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// Connection is what an HTTP task authorises itself with (EventBridge API Reference, CreateConnection).
type Connection struct {
	ConnectionArn     string
	Name              string `json:",omitempty"`
	Description       string `json:",omitempty"`
	AuthorizationType string // API_KEY, BASIC or OAUTH_CLIENT_CREDENTIALS
	AuthParameters    struct {
		ApiKeyAuthParameters *struct{ ApiKeyName, ApiKeyValue string }
		BasicAuthParameters  *struct{ Username, Password string }
		OAuthParameters      *struct {
			AuthorizationEndpoint string
			HttpMethod            string // GET, POST or PUT
			ClientParameters      struct{ ClientID, ClientSecret string }
			OAuthHttpParameters   Additions
		}
		InvocationHttpParameters Additions
	}
}

// Additions are parts that each request gets.
type Additions struct{ HeaderParameters, QueryStringParameters, BodyParameters []Parameter }

// Parameter is one of them.
type Parameter struct {
	Key, Value    string
	IsValueSecret bool
}

// Kinds of authorization.
const (
	apiKey = "API_KEY"
	basic  = "BASIC"
	oauth  = "OAUTH_CLIENT_CREDENTIALS"
)

func (c *Connection) check() error {
	n, err := arn.Parse(c.ConnectionArn)
	if err != nil || n.Service != "events" || !strings.HasPrefix(n.Resource, "connection/") {
		return fmt.Errorf("connection %q: want the ARN of a connection of EventBridge, with an ID or without", c.ConnectionArn)
	}
	p, wants := &c.AuthParameters, ""
	switch c.AuthorizationType {
	case apiKey:
		if p.ApiKeyAuthParameters == nil || p.ApiKeyAuthParameters.ApiKeyName == "" {
			wants = "ApiKeyAuthParameters with an ApiKeyName"
		}
	case basic:
		if p.BasicAuthParameters == nil {
			wants = "BasicAuthParameters"
		}
	case oauth:
		o := p.OAuthParameters
		if o == nil || o.AuthorizationEndpoint == "" || o.HttpMethod != "GET" && o.HttpMethod != "POST" && o.HttpMethod != "PUT" {
			wants = "OAuthParameters with an AuthorizationEndpoint and the HttpMethod GET, POST or PUT"
		}
	default:
		return fmt.Errorf("connection %q: AuthorizationType %q: want %s, %s or %s", c.ConnectionArn, c.AuthorizationType, apiKey, basic, oauth)
	}
	if wants != "" {
		return fmt.Errorf("connection %q: AuthorizationType %s wants %s in AuthParameters", c.ConnectionArn, c.AuthorizationType, wants)
	}
	return nil
}

// read reads the file of connections. What is wrong with it never shows a secret.
func (o *Options) read() ([]*Connection, error) {
	text, err := secretfile.Read(o.Connections)
	if err != nil {
		return nil, fmt.Errorf("--connections %q: %w", o.Connections, err)
	}
	if len(text) >= fileBytesMax {
		return nil, fmt.Errorf("--connections %q: it has 64 KiB or more", o.Connections)
	}
	var file struct{ Connections []*Connection }
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("--connections %q: want JSON, {\"Connections\": [{\"ConnectionArn\": …}]}", o.Connections)
	}
	seen := map[string]bool{}
	for _, c := range file.Connections {
		if c == nil {
			return nil, fmt.Errorf("--connections %q: a connection is null", o.Connections)
		}
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("--connections %q: %w", o.Connections, err)
		}
		if seen[c.ConnectionArn] {
			return nil, fmt.Errorf("--connections %q: connection %q stands twice", o.Connections, c.ConnectionArn)
		}
		seen[c.ConnectionArn] = true
	}
	return file.Connections, nil
}

// Find finds a connection of an account and region by its ARN: the one that has it, or else
// one whose ARN is the same without its last part, the ID that AWS has given it. Nil: there is
// none. Errors: for the operator.
func (o *Options) Find(account, region, wanted string) (*Connection, error) {
	n, err := arn.Parse(wanted)
	if err != nil || n.Account != account || n.Region != region || o.Connections == "" {
		return nil, nil // those of others are not there
	}
	all, err := o.read()
	if err != nil {
		return nil, err
	}
	var found *Connection
	for _, c := range all {
		rest, starts := strings.CutPrefix(wanted, c.ConnectionArn)
		switch {
		case starts && rest == "":
			return c, nil
		case starts && strings.HasPrefix(rest, "/") && strings.Count(n.Resource, "/") == 2 && strings.Count(rest, "/") == 1:
			found = c
		}
	}
	return found, nil
}
