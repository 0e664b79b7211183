package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/lambda"
	"heddle/internal/listen"
	"heddle/internal/options"
	"heddle/internal/rootkey"
	"heddle/internal/sealing"
	"heddle/internal/swf"
)

// defaults are the settings of a server of which nobody said anything.
var defaults = options.Defaults[Config]()

// Bounds of settings.
const (
	numberMax   = 1_000_000_000 // more than any machine has; what is reckoned from such numbers does not overflow
	pollHoldMax = time.Minute
	timeoutMax  = 24 * time.Hour
)

// number is a setting that is a number, and the most that its tag allows.
type number struct {
	reflect.Value
	most string
}

// numbersOf are the numbers of a Config by the names of their fields.
func numbersOf(c *Config) map[string]number {
	found := map[string]number{}
	var look func(name, most string, v reflect.Value)
	look = func(name, most string, v reflect.Value) {
		switch {
		case v.CanInt() || v.CanUint() || v.CanFloat():
			found[name] = number{v, most}
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				f := v.Type().Field(i)
				if f.Tag.Get("kong") == "-" && f.Type.Kind() != reflect.Struct {
					continue // no setting: it is made of others
				}
				look(name+"."+f.Name, f.Tag.Get("max"), v.Field(i))
			}
		}
	}
	look("Config", "", reflect.ValueOf(c).Elem())
	if c.Services == nil {
		c.Services = Services()
	}
	for _, s := range c.Services {
		if s.Options == nil {
			continue
		}
		look(s.Name, "", reflect.ValueOf(s.Options).Elem())
	}
	return found
}

// TestNumbers wants one rule for every number that a Config has, or will have.
func TestNumbers(t *testing.T) {
	numbers := numbersOf(new(Config))
	if len(numbers) < 27 {
		t.Fatalf("found %d numbers", len(numbers))
	}
	var zero Config
	if err := zero.fill(); err != nil {
		t.Fatal(err)
	}
	defaults := numbersOf(&zero)
	for name := range numbers {
		none := strings.HasSuffix(name, "RetentionGrace") || strings.HasSuffix(name, "TracePercent") // zero is what it says
		if d := defaults[name]; !d.CanInt() || d.Int() < 0 || d.Int() == 0 && !none {
			t.Errorf("%s: default %v, want one above zero", name, d)
			continue
		}
		for _, bad := range []int64{-1, -1 << 31} {
			var c Config
			numbersOf(&c)[name].SetInt(bad)
			if err := c.fill(); err == nil || !strings.HasPrefix(err.Error(), "config: ") || strings.Count(err.Error(), ": want ") != 1 {
				t.Errorf("%s of %d: %v", name, bad, err)
			}
		}
		var c Config
		v := numbersOf(&c)[name]
		v.SetInt(1<<(v.Type().Bits()-1) - 1)
		if err := c.fill(); err == nil {
			t.Errorf("%s of %d is taken", name, v.Int())
		}
		// Of a group of limits one may be given, and the others keep their defaults.
		c = Config{}
		given := max(0, defaults[name].Int()-1)
		numbersOf(&c)[name].SetInt(given)
		if err := c.fill(); err != nil {
			t.Errorf("%s of %d: %v", name, given, err)
		}
		for other, v := range numbersOf(&c) {
			if want := defaults[other].Int(); other != name && v.Int() != want || other == name && v.Int() != given {
				t.Errorf("%s of %d makes %s %d", name, given, other, v.Int())
			}
		}
	}
}

// TestAllIsSaidAtOnce of what is wrong.
func TestAllIsSaidAtOnce(t *testing.T) {
	c := Config{Store: "paper", Account: "1", Services: Services(), TLS: listen.TLS{Cert: "x"}}
	swf.OptionsOf(c.Services).CountMax = -1
	err := c.fill()
	if err == nil {
		t.Fatal("taken")
	}
	for _, word := range []string{`--store "paper"`, `--account "1"`, "--limit-counted-most -1", "--tls-key"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

// TestLargestNumbers has a server work under the largest numbers that it takes.
func TestLargestNumbers(t *testing.T) {
	cfg := memory()
	for name, v := range numbersOf(&cfg) {
		most := int64(numberMax)
		switch {
		case name == "Config.PollHold":
			most = int64(pollHoldMax)
		case v.Type() == reflect.TypeFor[time.Duration]():
			most = int64(timeoutMax)
		case v.most != "":
			n, err := strconv.ParseInt(v.most, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			most = n
		}
		v.SetInt(most)
	}
	cfg.Audit.Files, cfg.Data = AuditFile, t.TempDir()
	cfg.Lambda.Endpoint = "http://127.0.0.1:1"
	s := start(t, cfg)
	register(t, s)
	closeServer(t, s)
}

// TestRefusedBeforeAnythingIsMade gives what can be refused without a store.
func TestRefusedBeforeAnythingIsMade(t *testing.T) {
	kms := rootkey.KMS{KeyIDs: []string{"k"}, Endpoint: "ftp://x", Region: "r", Access: rootkey.AccessKey{ID: "i", Secret: "s"}}
	half := kms
	half.Endpoint, half.Access.Secret = "https://kms.example", ""
	for want, change := range map[string]func(*Config){
		`lambda endpoint "ftp://x"`:                 func(c *Config) { c.Lambda.Endpoint = "ftp://x" },
		"lambda endpoint: want an access key's id":  func(c *Config) { c.Lambda = lambda.Options{Endpoint: "http://x", AccessKey: "i"} },
		"audit webhook: want a URL":                 func(c *Config) { c.Audit.WebhookURL = "hook.example/x" },
		`kms endpoint "ftp://x"`:                    func(c *Config) { c.RootKeys.KMS = kms },
		"kms endpoint: want an access key's id and": func(c *Config) { c.RootKeys.KMS = half },
		"read root key from the environment":        func(c *Config) { c.RootKeys.Text = "no key" },
		"--throttle-rate: rate":                     func(c *Config) { c.Throttle, c.ThrottleRates = ThrottleAWS, []string{"StartTimer=0/1"} },
		`--console-host "https://x"`:                func(c *Config) { c.ConsoleHosts = []string{"ok.example", "https://x"} },
		"and throttling is off":                     func(c *Config) { c.ThrottleRates = []string{"StartTimer=1/1"} },
	} {
		cfg := onDisk(t)
		cfg.Data = filepath.Join(cfg.Data, "data")
		change(&cfg)
		if s, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
			if err == nil {
				closeServer(t, s)
			}
		}
		if exists(cfg.Data) {
			t.Errorf("%q: it was refused, and the folder was made", want)
		}
		if cfg.RootKeys.Check() == nil {
			continue
		}
		// The commands for a stopped store take the same flags, and look at them first.
		if err := os.MkdirAll(sealing.StoreDir(cfg.Data), 0o700); err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		if _, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, log); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open offline: %q: %v", want, err)
		}
		if _, err := sealing.Rekey(t.Context(), sealing.RekeyConfig{Data: cfg.Data, Keys: cfg.RootKeys, Log: log}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rekey: %q: %v", want, err)
		}
	}
}
