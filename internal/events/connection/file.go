package connection

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/secretfile"
)

// fileBytesMax is what secretfile.Read reads at most: a file that has as much may have more.
const fileBytesMax = 64 << 10

// Options say which connections there are from the start, and what requests may reach.
type Options struct {
	File    string   `name:"connections" env:"HEDDLE_CONNECTIONS" type:"path" placeholder:"FILE" help:"Connections of HTTP tasks (http:invoke) that are to be there from the start, each as CreateConnection of EventBridge takes it, with its ConnectionArn: {\"Connections\": [{\"ConnectionArn\": …, \"AuthorizationType\": …, \"AuthParameters\": …}]}. It is read at the start; one that differs from what the file said when it was last read is made, or changed. The file has secrets, and must be readable by its owner alone; it has less than 64 KiB."`
	Private []string `name:"http-private" env:"HEDDLE_HTTP_PRIVATE" placeholder:"CIDR" help:"Networks that HTTP tasks and connections may reach though they are not public, such as 10.1.0.0/16; also without TLS. None is by default."`
}

// Check refuses what can't be.
func (o *Options) Check() error {
	_, unread := o.Given()
	_, wrong := o.networks()
	return errors.Join(unread, wrong)
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

// Given is a connection of the file.
type Given struct {
	ConnectionArn     string
	Name              string `json:",omitempty"`
	Description       string `json:",omitempty"`
	AuthorizationType string
	AuthParameters    Parameters
}

// names are those that EventBridge takes.
var names = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// ParseARN reads the ARN of a connection, which has an ID or none.
func ParseARN(s string) (n arn.ARN, name, id string, ok bool) {
	n, err := arn.Parse(s)
	resource, ofConnection := strings.CutPrefix(n.Resource, "connection/")
	name, id, hasID := strings.Cut(resource, "/")
	ok = err == nil && n.Service == "events" && ofConnection && names.MatchString(name) && hasID == (id != "") && !strings.Contains(id, "/") && len(id) <= idMax
	return n, name, id, ok
}

// idMax bounds an ID that a file or a definition has; those made here are UUIDs.
const idMax = 64

func (g *Given) check() error {
	if _, name, _, ok := ParseARN(g.ConnectionArn); !ok || g.Name != "" && g.Name != name {
		return fmt.Errorf("connection %q: want the ARN of a connection of EventBridge, with an ID or without", g.ConnectionArn)
	}
	if len(g.Description) > 512 {
		return fmt.Errorf("connection %q: the Description has more than 512 bytes", g.ConnectionArn)
	}
	if flaw := g.AuthParameters.Flaw(g.AuthorizationType); flaw != "" {
		return fmt.Errorf("connection %q: %s", g.ConnectionArn, strings.TrimSuffix(flaw, "."))
	}
	return nil
}

// Given reads the file of connections. What is wrong with it never shows a secret.
func (o *Options) Given() ([]*Given, error) {
	if o.File == "" {
		return nil, nil
	}
	text, err := secretfile.Read(o.File)
	if err != nil {
		return nil, fmt.Errorf("--connections %q: %w", o.File, err)
	}
	if len(text) >= fileBytesMax {
		return nil, fmt.Errorf("--connections %q: it has 64 KiB or more", o.File)
	}
	var file struct{ Connections []*Given }
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("--connections %q: want JSON, {\"Connections\": [{\"ConnectionArn\": …}]}", o.File)
	}
	seen := map[string]bool{}
	for _, g := range file.Connections {
		if g == nil {
			return nil, fmt.Errorf("--connections %q: a connection is null", o.File)
		}
		if err := g.check(); err != nil {
			return nil, fmt.Errorf("--connections %q: %w", o.File, err)
		}
		n, name, _, _ := ParseARN(g.ConnectionArn)
		key := n.Region + " " + n.Account + " " + name
		if seen[key] {
			return nil, fmt.Errorf("--connections %q: connection %q stands twice; a name is one connection of its account and region", o.File, g.ConnectionArn)
		}
		seen[key] = true
	}
	return file.Connections, nil
}
