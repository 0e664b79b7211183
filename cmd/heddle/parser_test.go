package main

import (
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"heddle/internal/options"
	"heddle/internal/server"
)

// parse parses a command line as main does.
func parse(t testing.TB, args ...string) (*commands, *kong.Context, error) {
	t.Helper()
	c := newCommands()
	parser, err := newParser(t.Context(), c, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	command, err := parser.Parse(args)
	return c, command, err
}

// clearEnvironment takes away what the test's own environment says to heddle.
func clearEnvironment(t testing.TB) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "HEDDLE_") {
			t.Setenv(name, "") // puts it back at the end
		}
	}
	if err := unsetEmpty(); err != nil {
		t.Fatal(err)
	}
}

// flagsOf are the flags of a command.
func flagsOf(t testing.TB, command string) []*kong.Flag {
	t.Helper()
	parser, err := newParser(t.Context(), newCommands())
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range parser.Model.Children {
		if node.Name == command {
			return node.Flags
		}
	}
	t.Fatalf("no command %q", command)
	return nil
}

// TestShardsBeginAtZero: the first shard can be named, as the others can.
func TestShardsBeginAtZero(t *testing.T) {
	clearEnvironment(t)
	c, _, err := parse(t, "accept-loss", "--shard=0", "--shard=63")
	if err != nil || !slices.Equal(c.AcceptLoss.Shard, []uint16{0, 63}) {
		t.Errorf("shards %v, %v", c.AcceptLoss.Shard, err)
	}
	for _, bad := range []string{"-1", "x", "65536"} {
		if _, _, err := parse(t, "accept-loss", "--shard="+bad); err == nil || !strings.Contains(err.Error(), "--shard") {
			t.Errorf("shard %q: %v", bad, err)
		}
	}
}

// TestNumbers gives each number a value that makes no sense, by flag and by
// environment, and wants to hear of which flag and what is wanted.
func TestNumbers(t *testing.T) {
	clearEnvironment(t)
	found := 0
	c := newCommands()
	parser, err := newParser(t.Context(), c, kong.Writers(io.Discard, io.Discard)) // one for all: the flags of all commands take long to put together
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range flagsOf(t, "serve") {
		if !flag.Target.CanInt() || flag.Target.Type() == reflect.TypeFor[slog.Level]() {
			continue
		}
		found++
		for _, bad := range []string{"0", "-1", "-1s", "0s", "x", "", "1e3", "0x10", "99999999999999999999"} {
			if none := bad == "0" || bad == "0s"; none && flag.Default == "0s" {
				continue // zero is what it says
			}
			given := "--" + flag.Name + "=" + bad
			_, err := parser.Parse([]string{"serve", given})
			if err == nil || !strings.Contains(err.Error(), "--"+flag.Name+": ") || !strings.Contains(err.Error(), "want a ") {
				t.Errorf("%s: %v", given, err)
			}
			t.Setenv(flag.Envs[0], bad)
			_, err = parser.Parse([]string{"serve"})
			if err == nil || !strings.Contains(err.Error(), "--"+flag.Name+": ") || !strings.Contains(err.Error(), flag.Envs[0]) {
				t.Errorf("%s=%s: %v", flag.Envs[0], bad, err)
			}
			if err := os.Unsetenv(flag.Envs[0]); err != nil {
				t.Fatal(err)
			}
		}
		// What is too much is for the server to say; it names the flag too.
		most, shown := "2147483647", "2147483647"
		if flag.Target.Type() == reflect.TypeFor[time.Duration]() {
			most, shown = "1000h", "1000h0m0s"
		}
		if _, err := parser.Parse([]string{"serve", "--" + flag.Name, most}); err != nil {
			t.Errorf("--%s %s: %v", flag.Name, most, err)
			continue
		}
		if _, err := c.Serve.config().Filled(); err == nil || !strings.HasPrefix(err.Error(), "config: --"+flag.Name+" "+shown) {
			t.Errorf("--%s %s: %v", flag.Name, most, err)
		}
	}
	if found < 21 {
		t.Errorf("found %d numbers", found)
	}
	for _, none := range []string{"0", "0s"} {
		if _, _, err := parse(t, "serve", "--retention-grace="+none); err != nil {
			t.Errorf("--retention-grace=%s: %v", none, err)
		}
	}
}

// TestDefaults wants those that the help shows to be those of the server.
func TestDefaults(t *testing.T) {
	clearEnvironment(t)
	c, _, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Serve.config().Filled()
	if err != nil {
		t.Fatal(err)
	}
	want, err := server.Config{Log: got.Log}.Filled()
	if err != nil {
		t.Fatal(err)
	}
	folder := want.Data
	want.Data = got.Data // from the working directory
	if !reflect.DeepEqual(settings(&got), settings(&want)) {
		t.Errorf("settings of services by flags %+v, of the server %+v", settings(&got), settings(&want))
	}
	got.Services, want.Services = nil, nil // which hold functions
	if !strings.HasSuffix(got.Data, "/"+folder) || !reflect.DeepEqual(got, want) {
		t.Errorf("by flags\n%+v\nof the server\n%+v", got, want)
	}
}

// settings are those of all services.
func settings(c *server.Config) (all []any) {
	for _, s := range c.Services {
		all = append(all, s.Options)
	}
	return all
}

// TestNothingGiven tells a variable that is empty, which counts as none, from a
// folder that is.
func TestNothingGiven(t *testing.T) {
	clearEnvironment(t)
	for _, name := range []string{"HEDDLE_DATA", "HEDDLE_REGION", "HEDDLE_AUTH", "HEDDLE_LIMIT_POLLS", "HEDDLE_TLS_SELF_SIGNED"} {
		t.Setenv(name, "")
	}
	if err := unsetEmpty(); err != nil {
		t.Fatal(err)
	}
	defaults := options.Defaults[server.Config]()
	c, _, err := parse(t, "serve")
	if err != nil || c.Serve.Config.Region != defaults.Region || c.Serve.Config.PollsMax != defaults.PollsMax {
		t.Errorf("%+v, %v", c, err)
	}
	for _, command := range []string{"serve", "check", "audit", "rekey", "export --domain=d --workflow-id=w"} {
		args := append(strings.Fields(command), "--data=")
		if _, _, err := parse(t, args...); err == nil || !strings.Contains(err.Error(), "--data: want a folder") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestExportTakesEveryID has ids of executions that could be read as something else.
func TestExportTakesEveryID(t *testing.T) {
	clearEnvironment(t)
	for _, id := range []string{"22AB/+CD==:1", "a/b|c:d", "-x", "--help", "@file", "${HOME}", "a b", "a,b", `a=b"\`, "arn:aws:swf:us-east-1:123456789012:/domain/other"} {
		_, command, err := parse(t, "export", "--domain=d", "--workflow-id="+id)
		if err != nil {
			t.Errorf("%q: %v", id, err)
			continue
		}
		var got any
		for _, flag := range command.Flags() {
			if flag.Name == "workflow-id" {
				got = command.FlagValue(flag)
			}
		}
		if got != id {
			t.Errorf("%q is taken for %q", id, got)
		}
	}
}
