package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// settingsFile writes a file of settings.
func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "heddle.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSources: the command line wins over the environment, that over the file, and that over what
// --dev means.
func TestSources(t *testing.T) {
	clearEnvironment(t)
	file := settingsFile(t, "region: from-file\nstore: pebble\nlimit-polls: 7\naccounts: [\"111122223333\", \"444455556666\"]\nconsole-host: a,b\ntime-skip: all\ndata: here\n")
	t.Setenv("HEDDLE_REGION", "from-environment")
	t.Setenv("HEDDLE_LIMIT_POLLS", "8")
	c, _, err := parse(t, "serve", "--config", file, "--dev", "--limit-polls", "9")
	if err != nil {
		t.Fatal(err)
	}
	got := c.Serve.Config
	if got.Region != "from-environment" || got.Store != "pebble" || got.PollsMax != 9 || got.Auth != "none" || got.TimeSkip != "all" ||
		!slices.Equal(got.Accounts, []string{"111122223333", "444455556666"}) || !slices.Equal(got.ConsoleHosts, []string{"a", "b"}) ||
		got.Data != filepath.Join(filepath.Dir(file), "here") {
		t.Errorf("%+v", got)
	}
	for _, dev := range []func(){
		func() { t.Setenv("HEDDLE_CONFIG", settingsFile(t, "dev: true")) },
		func() { t.Setenv("HEDDLE_CONFIG", ""); os.Unsetenv("HEDDLE_CONFIG"); t.Setenv("HEDDLE_DEV", "true") },
	} {
		dev()
		if c, _, err := parse(t, "serve"); err != nil || c.Serve.Config.Store != "memory" || c.Serve.Config.Auth != "none" {
			t.Errorf("%+v, %v", c.Serve.Config, err)
		}
	}
}

// TestEverySettingCanBeInTheFile gives each flag of serve its default by a file.
func TestEverySettingCanBeInTheFile(t *testing.T) {
	clearEnvironment(t)
	var text strings.Builder
	found := 0
	for _, f := range flagsOf(t, "serve") {
		if f.Name == "help" || f.Name == configFlag {
			continue
		}
		value := f.Default
		switch {
		case f.IsBool() && value == "":
			value = "false"
		case value == "" && f.Target.CanInt():
			value = "1"
		case value == "":
			value = `"x"`
		}
		found++
		fmt.Fprintf(&text, "%s: %s\n", f.Name, value)
	}
	if _, _, err := parse(t, "serve", "--config", settingsFile(t, text.String())); err != nil || found < 60 {
		t.Errorf("of %d settings: %v", found, err)
	}
}

// TestBadFiles are refused with the line and what is nearest.
func TestBadFiles(t *testing.T) {
	clearEnvironment(t)
	for text, want := range map[string]string{
		"# one\nlisten: 7930\nlisen: 7931\n": `line 3: there is no setting "lisen"; the nearest is "listen"`,
		"region: a\nregion: b\n":             `line 2: "region" stands there twice`,
		"- listen\n":                         "want a mapping",
		"listen: {a: b}\n":                   "line 1: want a single value, or a list of such",
		"limit-polls: zero\n":                "--limit-polls: ",
		"store: disk\n":                      "--store must be one of",
		"config: other.yaml\n":               `there is no setting "config"`,
		"listen: [\n":                        "yaml",
	} {
		if _, _, err := parse(t, "serve", "--config", settingsFile(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, _, err := parse(t, "serve", "--config", "/nowhere/heddle.yaml"); err == nil || !strings.Contains(err.Error(), "/nowhere/heddle.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, _, err := parse(t, "serve", "--config", settingsFile(t, "# nothing\n")); err != nil {
		t.Errorf("a file of remarks: %v", err)
	}
}

// TestUnknownVariables are refused with the nearest name; those that others set are not.
func TestUnknownVariables(t *testing.T) {
	clearEnvironment(t)
	c := newServeCommand()
	check := func() error { return checkVariables(flagsOf(t, "serve"), c.secretsOf()) }
	for _, name := range []string{"HEDDLE_PORT", "HEDDLE_PORT_7930_TCP_ADDR", "HEDDLE_SERVICE_HOST", "HEDDLE_TEST_SEED", "HEDDLE_BACKUP_ENDPOINT", "HEDDLE_ROOT_KEY", "HEDDLE_SECRET_ACCESS_KEY", "HEDDLE_LAMBDA_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "x")
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	for name, near := range map[string]string{"HEDDLE_LISTN": "HEDDLE_LISTEN", "HEDDLE_ROOTKEY": "HEDDLE_ROOT_KEY", "HEDDLE_LOGLEVEL": "HEDDLE_LOG_LEVEL"} {
		t.Setenv(name, "x")
		if err := check(); err == nil || !strings.Contains(err.Error(), name+", which is no setting; the nearest is "+near) {
			t.Errorf("%s: %v", name, err)
		}
		os.Unsetenv(name)
	}
}

// TestConfig: what it prints says where each setting came from, shows no secret, and is a file
// that gives the same settings.
func TestConfig(t *testing.T) {
	clearEnvironment(t)
	file := settingsFile(t, "region: eu-west-1\naudit-webhook: https://user:hush@x.test/?token=hush\n")
	t.Setenv("HEDDLE_STORE", "memory")
	t.Setenv("HEDDLE_SECRET_ACCESS_KEY", "hush")
	t.Setenv("HEDDLE_ACCESS_KEY_ID", "AKIDEXAMPLE")
	printed, code := run(t, "config", "--config", file, "--limit-polls", "9", "--accounts", "111122223333,444455556666")
	if code != 0 || strings.Contains(printed, "hush") {
		t.Fatalf("exit %d: %s", code, printed)
	}
	for setting, origin := range map[string]string{
		"region: eu-west-1": file + ", line 1", "store: memory": "environment, HEDDLE_STORE", "limit-polls: 9": "command line",
		`listen: 127.0.0.1:7930`: "default", "# HEDDLE_SECRET_ACCESS_KEY: set, and not shown": "", "# HEDDLE_ROOT_KEY: not set": "",
		`accounts: ["111122223333", "444455556666"]`: "command line",
	} {
		if !slices.ContainsFunc(strings.Split(printed, "\n"), func(line string) bool {
			return strings.HasPrefix(line, setting) && strings.HasSuffix(line, origin)
		}) {
			t.Errorf("no %q from %q in\n%s", setting, origin, printed)
		}
	}
	var said map[string]any
	if err := yaml.Unmarshal([]byte(printed), &said); err != nil || len(said) < 40 {
		t.Errorf("%d settings, %v", len(said), err)
	}
	again, _, err := parse(t, "serve", "--config", settingsFile(t, printed))
	if err != nil || again.Serve.Config.PollsMax != 9 || again.Serve.Config.Region != "eu-west-1" {
		t.Errorf("%+v, %v", again.Serve.Config, err)
	}
	if printed, code := run(t, "config", "--account", "12"); code == 0 || !strings.Contains(printed, "want 12 digits") {
		t.Errorf("a setting that makes no sense: exit %d, %s", code, printed)
	}
}

// TestConfigHidesPasswordsOfDatabases, in each form in which databases may be named, also one that can't be read.
func TestConfigHidesPasswordsOfDatabases(t *testing.T) {
	clearEnvironment(t)
	for dsn, shown := range map[string]string{
		"postgres://heddle:hush@db/heddle":                              "postgres: postgres://heddle:xxxxx@db/heddle",
		"a=postgres://h:hush@db-a,db-b/x?sslpassword=hush b=@/etc/file": "postgres: a=postgres://h:xxxxx@db-a,db-b/x?hidden b=@/etc/file",
		"a=postgres://h:hush@db/x\nb=postgres://h:hush@db/y":            "postgres: a=postgres://h:xxxxx@db/x b=postgres://h:xxxxx@db/y",
		"@/etc/heddle/dsn":                       `postgres: '@/etc/heddle/dsn'`,
		"host=db user=heddle":                    "postgres: host=db user=heddle",
		"host=db password='hush hush'":           "postgres: hidden",
		"host=db PASSWORD=hush":                  "postgres: hidden",
		"postgres://heddle:hush@db:notaport/x":   "postgres: hidden",
		"postgres://heddle:hush%zz@db/x":         "postgres: hidden",
		"a=postgres://h:hush@db/x postgres:hush": "postgres: hidden",
		"a=postgres://h:hush@db:q/x b=":          "postgres: hidden",
	} {
		printed, _ := run(t, "config", "--store", "postgres", "--postgres", dsn)
		if strings.Contains(printed, "hush") || !strings.Contains(printed, shown) {
			t.Errorf("%q is shown so, want %q:\n%s", dsn, shown, printed)
		}
	}
}
