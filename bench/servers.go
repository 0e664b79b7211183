package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"heddle/bench/client"
	"heddle/bench/process"
	"heddle/internal/aws/credentials"
	"heddle/internal/server"
	"heddle/internal/store/pgstore/pgtest"
)

// measured is a kind of server that the workloads run on.
type measured struct {
	name      string
	store     string   // what it keeps workflows in; empty: as -store says
	auth      string   // empty: as -auth says
	pkg, dir  string   // what to build, in which folder of this module
	workloads []string // that it can do; empty: all
	noisy     bool     // logs much that means nothing
	heddle    bool     // it is ours, be it another build
	own       bool     // loaded by its own client, not by ours
	guest     bool     // loaded by a user who has policies
	database  bool     // has its store in a PostgreSQL that the bench starts
	args      func(b *bench, data string) []string
}

// servers are all kinds. Those that are built in a folder of their own have a
// module of their own, so that what they need is not needed here.
var servers = []measured{
	{name: "heddle", pkg: "heddle/cmd/heddle", heddle: true, args: heddleArgs},
	{name: "before", heddle: true, args: heddleArgs}, // the binary that -before names
	{name: "postgres", store: server.StorePostgres, database: true, pkg: "heddle/cmd/heddle", heddle: true, args: func(b *bench, data string) []string {
		return append(heddleArgs(b, data), "--store", server.StorePostgres, "--postgres", b.database.DSN())
	}},
	// What each part of access and protection costs: ours with one of them off, and
	// one with policies, which the root user is not asked.
	{name: "unsealed", pkg: "heddle/cmd/heddle", heddle: true, args: heddleWith("--sealing", "off")},
	{name: "unaudited", pkg: "heddle/cmd/heddle", heddle: true, args: heddleWith("--audit", "off")},
	{name: "unsigned", pkg: "heddle/cmd/heddle", heddle: true, auth: server.AuthNone, args: heddleWith("--auth", "none")},
	{name: "guest", pkg: "heddle/cmd/heddle", heddle: true, guest: true, args: heddleArgs},
	{name: "bare", pkg: "heddle/cmd/heddle", heddle: true, auth: server.AuthNone, args: heddleWith("--auth", "none", "--sealing", "off", "--audit", "off")},
	{name: "stub", pkg: "heddle/bench/stub", workloads: []string{"one-activity", "idle"}, args: func(b *bench, data string) []string {
		var args []string
		if b.store != server.StoreMemory {
			args = append(args, "-data", data)
		}
		if b.auth != server.AuthNone {
			args = append(args, "-key", ours.AccessKey, "-secret", ours.SecretKey)
		}
		return args
	}},
	// Its polls search all executions and do not wait for a task but for a second.
	// Its state machines can't be measured: GetActivityTask is answered by status 500, and so is any
	// StartExecution after the first.
	{name: "moto", pkg: "heddle/bench/moto", store: "memory", auth: "none", workloads: slices.Concat(shapes, []string{"flow-one-activity", "flow-sequence"}), noisy: true},
	// A state machine's shape is to it a workflow like any other: one with an activity, or with none.
	{name: "temporal-sqlite", pkg: ".", dir: "bench/temporal", store: "sqlite", auth: "none", workloads: slices.Concat(shapes, machineShapes), own: true, args: func(_ *bench, data string) []string {
		return []string{"serve", "-data", data}
	}},
	{name: "temporal-postgres", store: server.StorePostgres, database: true, pkg: ".", dir: "bench/temporal", auth: "none", workloads: slices.Concat(shapes, machineShapes), own: true, noisy: true, args: func(b *bench, _ string) []string {
		return []string{"serve", "-postgres", strconv.Itoa(b.database.Port())}
	}},
}

// heddleWith adds flags, of which the last of two counts.
func heddleWith(flags ...string) func(*bench, string) []string {
	return func(b *bench, data string) []string { return append(heddleArgs(b, data), flags...) }
}

func heddleArgs(b *bench, data string) []string {
	args := []string{
		"serve", "--listen", "127.0.0.1:0", "--data", data, "--store", b.store, "--auth", b.auth,
		"--limit-open-executions", "100000000",
	}
	if b.buckets != "" {
		args = append(args, "--buckets", b.buckets)
	}
	return args
}

// shapes are the workloads that need no more of a server than activities.
var shapes = []string{"one-activity", "three-in-sequence", "idle"}

// machineShapes are those of state machines.
var machineShapes = []string{"machine-start", "machine-activity"}

// ours are the credentials that we sign with when nobody gives us any.
var ours = client.Credentials{AccessKey: "AKIDBENCHBENCHBENCH0", SecretKey: "bench", Region: "us-east-1"}

func (m *measured) runs(workload string) bool {
	return len(m.workloads) == 0 || slices.Contains(m.workloads, workload)
}

func serverNames() (names []string) {
	for _, m := range servers {
		names = append(names, m.name)
	}
	return names
}

// serversOf finds servers by their names.
func serversOf(names string) (list []*measured, err error) {
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(servers, func(m measured) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("server %q is unknown", name)
		}
		list = append(list, &servers[i])
	}
	return list, nil
}

// build compiles a server, unless another kind has the same program.
func (b *bench) build(ctx context.Context, m *measured) error {
	if m.name == "before" {
		if b.before == "" {
			return errors.New("server before wants -before")
		}
		b.binaries[m.pkg] = b.before
	}
	if b.binaries[m.pkg] != "" {
		return nil
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	binary := filepath.Join(b.scratch, "server-"+m.name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, m.pkg)
	cmd.Dir = filepath.Join(strings.TrimSpace(string(out)), m.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", m.name, err, out)
	}
	b.binaries[m.pkg] = binary
	return nil
}

// newFolder makes the folder of a server's data. PostgreSQL runs as another user,
// who must come through.
func (b *bench) newFolder(name string) (string, error) {
	data, err := os.MkdirTemp(b.scratch, name+"-")
	if err != nil {
		return "", err
	}
	return data, os.Chmod(data, 0o711)
}

// openDatabase starts a PostgreSQL for a server that wants one, with the settings that it comes with:
// fsync and synced commits are on, whosever store it has.
func (b *bench) openDatabase(m *measured) (end func(), err error) {
	if !m.database {
		return func() {}, nil
	}
	if b.database, err = pgtest.Start(pgtest.Options{Folder: b.scratch}); err != nil {
		return nil, err
	}
	return b.database.Remove, nil
}

// openServer starts a server on a store, which may be new.
func (b *bench) openServer(m *measured, data string) (*process.Server, error) {
	var args []string
	if m.args != nil {
		args = m.args(b, data)
	}
	binary := b.binaries[m.pkg]
	if m.name == "heddle" && b.profiled() {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, err
		}
		args = append(args, "--cpuprofile", b.cpu, "--memprofile", b.mem)
	}
	var logged io.Writer = os.Stderr
	if m.noisy {
		logged = io.Discard
	}
	return process.Start(logged, binary, args...)
}

// target is a started server with the credentials that it accepts.
func (b *bench) target(m *measured, s *process.Server, data string) (target, error) {
	t := target{s.Addr, ours}
	if !m.heddle || cmp.Or(m.auth, b.auth) == server.AuthNone {
		return t, nil
	}
	pair, err := credentials.ReadFile(server.CredentialsFile(data))
	t.credentials.AccessKey, t.credentials.SecretKey = pair.KeyID, string(pair.Secret)
	if err == nil && m.guest {
		t.credentials, err = admitGuest(s.Addr, t.credentials)
	}
	return t, err
}

// describe is the machine with what this server does differently.
func (b *bench) describe(m *measured) machine {
	described := b.machine
	if m.store != "" {
		described.Store = m.store
	}
	if m.auth != "" {
		described.Auth = m.auth
	}
	return described
}
