// Package seed makes what an operator wants to be there when a server starts: domains with their
// types, activities, state machines, users and roles, as a file lists them. What is there already
// stays as it is, so the same file is for every start.
package seed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"go.yaml.in/yaml/v3"

	"heddle/internal/aws/credentials"
)

// Plan is what a file asks for.
type Plan struct {
	dir   string // of the file
	calls []call
	users []user
}

// call is a call of an action, in the order of the file.
type call struct {
	service string // of its signature
	target  string // of a service that speaks JSON, before the action's name; empty: it speaks forms
	action  string
	name    string // of what it makes, for people
	input   map[string]any
	exists  string // the fault that says that it is there
}

// user is who gets an access key, if none is there.
type user struct{ name, file string }

// thing is a kind of thing that a file may list.
type thing struct {
	service, target, action, exists string
	members                         string // that the action takes; what is not among them is misspelled
	id                              string // the member that names it
	texts                           bool   // its numbers are texts on the wire
	documents                       string // members that are texts of JSON, and may be written as what they hold
}

var (
	domainThing = thing{
		"swf", "SimpleWorkflowService.", "RegisterDomain", "DomainAlreadyExistsFault",
		"name description workflowExecutionRetentionPeriodInDays tags", "name", true, "",
	}
	workflowTypeThing = thing{
		"swf", "SimpleWorkflowService.", "RegisterWorkflowType", "TypeAlreadyExistsFault",
		"name version description defaultTaskStartToCloseTimeout defaultExecutionStartToCloseTimeout defaultTaskList defaultTaskPriority defaultChildPolicy defaultLambdaRole", "name", true, "",
	}
	activityTypeThing = thing{
		"swf", "SimpleWorkflowService.", "RegisterActivityType", "TypeAlreadyExistsFault",
		"name version description defaultTaskStartToCloseTimeout defaultTaskHeartbeatTimeout defaultTaskList defaultTaskPriority defaultTaskScheduleToStartTimeout defaultTaskScheduleToCloseTimeout", "name", true, "",
	}
	activityThing = thing{"states", "AWSStepFunctions.", "CreateActivity", "ActivityAlreadyExists", "name tags encryptionConfiguration", "name", false, ""}
	machineThing  = thing{
		"states", "AWSStepFunctions.", "CreateStateMachine", "StateMachineAlreadyExists",
		"name definition roleArn type loggingConfiguration tags tracingConfiguration publish versionDescription encryptionConfiguration", "name", false, "definition",
	}
	userThing = thing{"iam", "", "CreateUser", "EntityAlreadyExists", "UserName Path PermissionsBoundary", "UserName", true, ""}
	roleThing = thing{"iam", "", "CreateRole", "EntityAlreadyExists", "RoleName Path Description AssumeRolePolicyDocument MaxSessionDuration PermissionsBoundary", "RoleName", true, "AssumeRolePolicyDocument"}
)

// Read reads a file, in YAML or JSON.
func Read(path string) (*Plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read what is to be made: %w", err)
	}
	p, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("what is to be made, in %q: %w", path, err)
	}
	p.dir = filepath.Dir(path)
	return p, nil
}

// parse reads the text of a file.
func parse(text []byte) (*Plan, error) {
	var all struct {
		Roles         []map[string]any `yaml:"roles"`
		Users         []map[string]any `yaml:"users"`
		Domains       []map[string]any `yaml:"domains"`
		Activities    []map[string]any `yaml:"activities"`
		StateMachines []map[string]any `yaml:"stateMachines"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil {
		return nil, err
	}
	p := &Plan{}
	var errs []error
	add := func(t *thing, what string, in map[string]any) {
		errs = append(errs, p.add(t, what, in))
	}
	for i, in := range all.Roles { // before what needs them
		errs = append(errs, p.addIdentity(&roleThing, fmt.Sprintf("roles[%d]", i), "Role", in))
	}
	for i, in := range all.Users {
		errs = append(errs, p.addIdentity(&userThing, fmt.Sprintf("users[%d]", i), "User", in))
	}
	for i, in := range all.Domains {
		what := fmt.Sprintf("domains[%d]", i)
		of := map[string][]map[string]any{}
		for _, list := range []string{"workflowTypes", "activityTypes"} {
			one, err := mappings(in[list])
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", what, list, err))
			}
			of[list] = one
			delete(in, list)
		}
		add(&domainThing, what, in)
		for _, list := range []struct {
			name string
			*thing
		}{{"workflowTypes", &workflowTypeThing}, {"activityTypes", &activityTypeThing}} {
			for j, one := range of[list.name] {
				one["domain"] = in["name"]
				add(list.thing, fmt.Sprintf("%s.%s[%d]", what, list.name, j), one)
			}
		}
	}
	for i, in := range all.Activities {
		add(&activityThing, fmt.Sprintf("activities[%d]", i), in)
	}
	for i, in := range all.StateMachines {
		add(&machineThing, fmt.Sprintf("stateMachines[%d]", i), in)
	}
	return p, errors.Join(errs...)
}

// mappings is a list of mappings.
func mappings(v any) (all []map[string]any, err error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, errors.New("want a list")
	}
	for _, one := range list {
		m, ok := one.(map[string]any)
		if !ok {
			return nil, errors.New("want a list of mappings")
		}
		all = append(all, m)
	}
	return all, nil
}

// add lists a call that makes a thing.
func (p *Plan) add(t *thing, what string, in map[string]any) error {
	name, ok := in[t.id].(string)
	if !ok || name == "" {
		return fmt.Errorf("%s: want a text as its %s", what, t.id)
	}
	members := strings.Fields(t.members + " domain")
	for _, member := range slices.Sorted(maps.Keys(in)) {
		if !slices.Contains(members, member) {
			return fmt.Errorf("%s (%s): %s takes no %q; it takes %s", what, name, t.action, member, strings.ReplaceAll(t.members, " ", ", "))
		}
	}
	for _, member := range strings.Fields(t.documents) {
		if _, isText := in[member].(string); isText || in[member] == nil {
			continue
		}
		b, err := json.Marshal(in[member])
		if err != nil {
			return fmt.Errorf("%s (%s): %s: %w", what, name, member, err)
		}
		in[member] = string(b)
	}
	if t.texts {
		in, _ = asTexts(in).(map[string]any)
	}
	p.calls = append(p.calls, call{t.service, t.target, t.action, name, in, t.exists})
	return nil
}

// asTexts makes the numbers of a value texts.
func asTexts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, one := range v {
			out[name] = asTexts(one)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = asTexts(one)
		}
		return out
	case int:
		return fmt.Sprint(v)
	}
	return v
}

// addIdentity lists the calls that make a user or a role, with its policies and its key.
func (p *Plan) addIdentity(t *thing, what, kind string, in map[string]any) error {
	inline, attached := in["policies"], in["attachedPolicies"]
	delete(in, "policies")
	delete(in, "attachedPolicies")
	var file any
	if kind == "User" {
		file = in["credentialsFile"]
		delete(in, "credentialsFile")
	}
	if err := p.add(t, what, in); err != nil {
		return err
	}
	name, _ := in[t.id].(string)
	documents, ok := inline.(map[string]any)
	if !ok && inline != nil {
		return fmt.Errorf("%s (%s): policies: want a mapping of names to policies", what, name)
	}
	for _, policy := range slices.Sorted(maps.Keys(documents)) {
		put := thing{"iam", "", "Put" + kind + "Policy", "", t.id + " PolicyName PolicyDocument", t.id, true, "PolicyDocument"}
		if err := p.add(&put, what, map[string]any{t.id: name, "PolicyName": policy, "PolicyDocument": documents[policy]}); err != nil {
			return err
		}
	}
	arns, ok := attached.([]any)
	if !ok && attached != nil {
		return fmt.Errorf("%s (%s): attachedPolicies: want a list of ARNs", what, name)
	}
	for _, arn := range arns {
		attach := thing{"iam", "", "Attach" + kind + "Policy", "", t.id + " PolicyArn", t.id, true, ""}
		if err := p.add(&attach, what, map[string]any{t.id: name, "PolicyArn": arn}); err != nil {
			return err
		}
	}
	if path, ok := file.(string); ok {
		p.users = append(p.users, user{name, path})
	} else if file != nil {
		return fmt.Errorf("%s (%s): credentialsFile: want a path, of a user", what, name)
	}
	return nil
}

// Caller is how a plan is carried out.
type Caller struct {
	Handler http.Handler    // answers calls
	Pair    aws.Credentials // by which they are signed
	Region  string
	Now     func() time.Time
	Log     *slog.Logger
}

// Make makes what is not there. It stops at the first thing that can't be made.
func (p *Plan) Make(ctx context.Context, c Caller) error {
	made := 0
	for i := range p.calls {
		call := &p.calls[i]
		_, fault, err := c.do(ctx, call)
		switch {
		case err != nil:
			return fmt.Errorf("make %s %q: %w", call.action, call.name, err)
		case fault == nil:
			made++
		case fault.code == call.exists && call.action == machineThing.action:
			c.Log.Warn("a state machine is there already, and differs from the file; it stays as it is", "name", call.name)
		case fault.code != call.exists || call.exists == "":
			return fmt.Errorf("make %s %q: %s: %s", call.action, call.name, fault.code, fault.message)
		}
	}
	for _, u := range p.users {
		if err := p.giveKey(ctx, c, u); err != nil {
			return fmt.Errorf("give user %q an access key: %w", u.name, err)
		}
	}
	c.Log.Info("what is to be there from the start is there", "calls", len(p.calls), "answered_anew", made)
	return nil
}

// giveKey writes a new key pair of a user to its file, unless there is one.
func (p *Plan) giveKey(ctx context.Context, c Caller, u user) error {
	file := u.file
	if !filepath.IsAbs(file) {
		file = filepath.Join(p.dir, file)
	}
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	body, fault, err := c.do(ctx, &call{service: "iam", action: "CreateAccessKey", input: map[string]any{"UserName": u.name}})
	if err == nil && fault != nil {
		err = fmt.Errorf("%s: %s", fault.code, fault.message)
	}
	if err != nil {
		return err
	}
	var answer struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return err
	}
	return credentials.WriteFile(file, credentials.KeyPair{KeyID: answer.ID, Secret: credentials.Secret(answer.Secret)})
}

// fault is why a call was refused.
type fault struct{ code, message string }

// do does a call.
func (c *Caller) do(ctx context.Context, one *call) (body []byte, refused *fault, err error) {
	sent, header := []byte(nil), http.Header{}
	if one.target != "" {
		if sent, err = json.Marshal(one.input); err != nil {
			return nil, nil, err
		}
		header.Set("Content-Type", "application/x-amz-json-1.0")
		header.Set("X-Amz-Target", one.target+one.action)
	} else {
		form := url.Values{"Action": {one.action}, "Version": {"2010-05-08"}}
		for name, value := range one.input {
			form.Set(name, fmt.Sprint(value))
		}
		sent = []byte(form.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/", bytes.NewReader(sent))
	if err != nil {
		return nil, nil, err
	}
	r.Host, r.Header, r.RequestURI, r.RemoteAddr = "localhost", header, "/", "127.0.0.1:0"
	r.Header.Set("User-Agent", "heddle-init")
	sum := sha256.Sum256(sent)
	if err := v4.NewSigner().SignHTTP(ctx, c.Pair, r, hex.EncodeToString(sum[:]), one.service, c.Region, c.Now()); err != nil {
		return nil, nil, err
	}
	r.URL = &url.URL{Path: "/"} // as a server has it
	r.Header.Set("Content-Length", strconv.Itoa(len(sent)))
	a := &answer{header: http.Header{}, status: http.StatusOK}
	c.Handler.ServeHTTP(a, r)
	if a.status == http.StatusOK {
		return a.body.Bytes(), nil, nil
	}
	return nil, a.fault(), nil
}

// answer is what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// fault is what the answer says that went wrong, in JSON or XML.
func (a *answer) fault() *fault {
	var said struct {
		Type      string `json:"__type"`
		Message   string `json:"message"` // or Message: package json takes both
		Code      string `json:"-" xml:"Error>Code"`
		InMessage string `json:"-" xml:"Error>Message"`
	}
	if json.Unmarshal(a.body.Bytes(), &said) == nil {
		return &fault{said.Type[strings.LastIndexByte(said.Type, '#')+1:], said.Message}
	}
	if xml.Unmarshal(a.body.Bytes(), &said) == nil {
		return &fault{said.Code, said.InMessage}
	}
	return &fault{fmt.Sprintf("status %d", a.status), a.body.String()}
}
