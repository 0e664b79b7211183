package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestAccountsThatAreGone: a store that was run with other accounts says so, for as long as they are
// not there.
func TestAccountsThatAreGone(t *testing.T) {
	const a, b, c = "111111111111", "222222222222", "333333333333"
	data := t.TempDir()
	for _, run := range []struct {
		account string
		others  []string
		missing string // in the warning; empty: there is none
	}{
		{a, nil, ""}, {b, nil, a}, {b, []string{a}, ""}, {c, []string{a}, b}, {a, []string{b, c}, ""},
	} {
		var log bytes.Buffer
		cfg := Config{Listen: "127.0.0.1:0", Data: data, Account: run.account, Accounts: run.others, Auth: AuthNone, Log: slog.New(slog.NewTextHandler(&log, nil))}
		closeServer(t, start(t, cfg))
		if strings.Contains(log.String(), "missing=") != (run.missing != "") || !strings.Contains(log.String(), "missing="+run.missing) && run.missing != "" {
			t.Errorf("%s with %v: want %q missing: %s", run.account, run.others, run.missing, &log)
		}
	}
}
