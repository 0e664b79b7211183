package seed_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"heddle/internal/aws/credentials"
	"heddle/internal/operator/seed"
	"heddle/internal/server"
)

const everything = `
roles:
  - RoleName: machine
    AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: states.amazonaws.com}, Action: "sts:AssumeRole"}]}
users:
  - UserName: ci
    policies:
      all: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "swf:*", Resource: "*"}]}
    attachedPolicies: ["arn:aws:iam::aws:policy/SimpleWorkflowFullAccess"]
    credentialsFile: ci-credentials
domains:
  - name: shop
    workflowExecutionRetentionPeriodInDays: 7
    workflowTypes:
      - {name: Remind, version: "1", defaultTaskList: {name: reminders}, defaultTaskStartToCloseTimeout: 10}
    activityTypes:
      - {name: Charge, version: "1"}
activities:
  - name: approve
stateMachines:
  - name: wait
    roleArn: arn:aws:iam::123456789012:role/machine
    definition: {StartAt: Wait, States: {Wait: {Type: Wait, Seconds: 3, End: true}}}
`

// write writes a file in a folder.
func write(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "init.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// makes starts a server with what a file asks for, and then does something more before it takes
// requests.
func makes(t *testing.T, auth, file string, log *bytes.Buffer, then func(seed.Caller)) error {
	t.Helper()
	plan, err := seed.Read(file)
	if err != nil {
		return err
	}
	cfg := server.Config{
		Listen: "127.0.0.1:0", Store: server.StoreMemory, Auth: auth, Console: server.ConsoleOff, Data: t.TempDir(), Log: slog.New(slog.NewTextHandler(log, nil)),
		Root: server.RootPair{KeyID: "root", Secret: "secret"},
		Prepare: func(ctx context.Context, calls http.Handler, id, secret string) error {
			c := seed.Caller{Handler: calls, Pair: aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, Region: "us-east-1", Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))}
			if err := plan.Make(ctx, c); err != nil {
				return err
			}
			then(c)
			return nil
		},
	}
	s, err := server.Start(t.Context(), cfg)
	if err != nil {
		return err
	}
	return s.Close(t.Context())
}

// TestMake: all that a file lists is there before the first request is answered, and the same file
// changes nothing again; what differs stays as it is.
func TestMake(t *testing.T) {
	for _, auth := range []string{server.AuthSigV4, server.AuthNone} {
		dir := t.TempDir()
		file := write(t, dir, everything)
		var log bytes.Buffer
		err := makes(t, auth, file, &log, func(c seed.Caller) {
			pair, err := credentials.ReadFile(filepath.Join(dir, "ci-credentials"))
			if err != nil {
				t.Fatal(err)
			}
			again, err := seed.Read(file)
			if err == nil {
				err = again.Make(t.Context(), c)
			}
			if err != nil {
				t.Errorf("again: %v", err)
			}
			if now, err := credentials.ReadFile(filepath.Join(dir, "ci-credentials")); err != nil || now != pair {
				t.Errorf("the user's pair was exchanged: %v", err)
			}
			// As the user, who may do everything in SWF and nothing else.
			user := c
			user.Pair = aws.Credentials{AccessKeyID: pair.KeyID, SecretAccessKey: string(pair.Secret)}
			for text, may := range map[string]bool{"domains: [{name: more, workflowExecutionRetentionPeriodInDays: NONE}]": true, "activities: [{name: more}]": auth == server.AuthNone} {
				plan, err := seed.Read(write(t, t.TempDir(), text))
				if err == nil {
					err = plan.Make(t.Context(), user)
				}
				if (err == nil) != may {
					t.Errorf("%s, %s: %v", auth, text, err)
				}
			}
			changed, err := seed.Read(write(t, t.TempDir(), strings.Replace(everything, "Seconds: 3", "Seconds: 4", 1)))
			if err == nil {
				err = changed.Make(t.Context(), c)
			}
			if err != nil || !strings.Contains(log.String(), "differs from the file") {
				t.Errorf("a changed state machine: %v, %s", err, &log)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestBadFiles are refused before anything is made, or with the call that was refused.
func TestBadFiles(t *testing.T) {
	for text, want := range map[string]string{
		"domain: []\n":                         "field domain not found",
		"domains: [{nam: shop}]\n":             "domains[0]: want a text as its name",
		"domains: [{name: a, retention: 7}]\n": `domains[0] (a): RegisterDomain takes no "retention"; it takes name, description`,
		"domains: [{name: a, workflowTypes: [{name: w, versoin: 1}]}]\n": `domains[0].workflowTypes[0] (w): RegisterWorkflowType takes no "versoin"`,
		"domains: [{name: a, workflowTypes: {}}]\n":                      "workflowTypes: want a list",
		"domains: [{name: a}]\n":                                         `make RegisterDomain "a": ValidationException`,
		"stateMachines: [{name: m, roleArn: r, definition: {}}]\n":       `make CreateStateMachine "m": `,
		"users: [{UserName: u, policies: []}]\n":                         "policies: want a mapping",
		"users: [{UserName: u, attachedPolicies: [arn]}]\n":              `make AttachUserPolicy "u": `,
		"roles: [{RoleName: r, credentialsFile: f}]\n":                   `takes no "credentialsFile"`,
		"users: [{UserName: u, credentialsFile: 7}]\n":                   "credentialsFile: want a path, of a user",
		"[": "yaml",
	} {
		err := makes(t, server.AuthSigV4, write(t, t.TempDir(), text), new(bytes.Buffer), func(seed.Caller) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := seed.Read("/nowhere/init.yaml"); err == nil || !strings.Contains(err.Error(), "/nowhere/init.yaml") {
		t.Error(err)
	}
}
