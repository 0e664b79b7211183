package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"heddle/internal/server"
)

// TestNoSecretOnACommandLine: every setting that is a secret is read from its variable,
// and there is no flag for it, whose value others on the machine would see.
func TestNoSecretOnACommandLine(t *testing.T) {
	clearEnvironment(t)
	found := map[string]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, secret := f.Tag.Lookup("secret")
			if !secret {
				if f.Type.Kind() == reflect.Struct && f.IsExported() {
					walk(f.Type)
				}
				continue
			}
			found[name] = true
			if f.Tag.Get("kong") != "-" {
				t.Errorf("%s.%s has a flag", typ, f.Name)
			}
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[commands](), reflect.TypeFor[server.Config]()} {
		walk(typ)
	}
	for _, s := range server.Services() {
		if s.Options != nil {
			walk(reflect.TypeOf(s.Options).Elem())
		}
	}
	if len(found) < 3 {
		t.Errorf("secrets: %v", found)
	}

	// A flag by another name would do as well.
	words := regexp.MustCompile(`secret|token|password|root-key$`)
	for _, command := range []string{"serve", "check", "export", "audit", "rekey", "version"} {
		for _, flag := range flagsOf(t, command) {
			if words.MatchString(flag.Name) {
				t.Errorf("%s has --%s", command, flag.Name)
			}
		}
	}
	for _, guess := range []string{
		"--root-key=x", "--kms-secret-access-key=x", "--lambda-secret-access-key=x", "--audit-webhook-token=x", "--secret=x",
	} {
		if _, _, err := parse(t, "serve", guess); err == nil || !strings.Contains(err.Error(), "unknown flag") {
			t.Errorf("%s: %v", guess, err)
		}
	}

	// And they are read from there.
	const value = "a secret of its own"
	for _, variable := range []string{"HEDDLE_KMS_SECRET_ACCESS_KEY", "HEDDLE_LAMBDA_SECRET_ACCESS_KEY", "HEDDLE_AUDIT_WEBHOOK_TOKEN"} {
		text, err := os.ReadFile("../../docs/OPERATING.md")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), variable) {
			t.Errorf("the tables do not name %s", variable)
		}
		t.Setenv(variable, value)
	}
	c, _, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.Serve.config()
	if got := string(cfg.RootKeys.KMS.Access.Secret); got != value {
		t.Errorf("the secret of the KMS is %q", got)
	}
}
