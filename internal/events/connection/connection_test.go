package connection

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsPublic: no address of a network that is somebody's own.
func TestWhatIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1": true, "10.0.0.1": false, "169.254.169.254": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "::1": false,
		"fd00::1": false, "fe80::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::7f00:1": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %t", address, got)
		}
	}
}

const connectionARN = "arn:aws:events:eu-west-1:123456789012:connection/Stripe"

// TestFile of connections: for its owner alone, and what is wrong with it shows no secret.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connections.json")
	o := &Options{File: path}
	const file = `{"Connections":[{"ConnectionArn":"` + connectionARN + `","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"hush"}}}]}`
	write := func(text string, mode os.FileMode) {
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(file, 0o600)
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	if all, err := o.Given(); err != nil || len(all) != 1 || all[0].AuthParameters.BasicAuthParameters.Password != "hush" {
		t.Errorf("%v %v", all, err)
	}
	for _, text := range []string{file + strings.Repeat(" ", 64<<10), file[:len(file)-2], strings.Replace(file, "BASIC", "API_KEY", 1), strings.Replace(file, ":events:", ":sqs:", 1), `{"Connections":[null]}`,
		strings.Replace(file, "]}", ","+file[len(`{"Connections":[`):], 1), strings.Replace(file, "/Stripe", "/Stripe/a/b", 1)} {
		write(text, 0o600)
		if err := o.Check(); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%.200s: %v", text, err)
		}
	}
	write(file, 0o644)
	if o.Check() == nil {
		t.Error("others may read the file")
	}
	if (&Options{Private: []string{"10.0.0.1"}}).Check() == nil {
		t.Error("an address is no network")
	}
}

// TestARNs: of connections, with an ID or without.
func TestARNs(t *testing.T) {
	for text, want := range map[string]bool{
		connectionARN: true, connectionARN + "/81210c42-8af1-456b-9c4a-6ff02fc664ac": true, connectionARN + "/": false, connectionARN + "/a/b": false,
		"arn:aws:events:eu-west-1:123456789012:connection/": false, "arn:aws:events:eu-west-1:123456789012:rule/a": false, "connection/a": false,
	} {
		if _, name, _, got := ParseARN(text); got != want || got && name != "Stripe" {
			t.Errorf("%s: %t, name %q", text, got, name)
		}
	}
}
