package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/testing/freeport"
	"go.temporal.io/server/tools/sql"
)

// Names of the two databases.
const (
	mainName       = "temporal"
	visibilityName = "temporal_visibility"
)

// role is the user of the database and, if we are root, of the system, as which
// the database then has to run.
const role = "postgres"

// postgres is a database of our own, with the settings that it comes with: fsync
// and synced commits are on.
type postgres struct {
	server *exec.Cmd
	port   int
}

func startPostgres(data string) (*postgres, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return nil, errors.New("no PostgreSQL is installed under /usr/lib/postgresql")
	}
	slices.Sort(found)
	bin := found[len(found)-1]
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	folder := filepath.Join(data, "postgres")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		who, err := user.Lookup(role)
		if err != nil {
			return nil, err
		}
		uid, err := strconv.ParseUint(who.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(who.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(folder, int(uid), int(gid)); err != nil {
			return nil, err
		}
	}
	init := exec.Command(filepath.Join(bin, "initdb"), "-D", folder, "-U", role, "-A", "trust", "-E", "UTF8", "--no-sync")
	init.SysProcAttr, init.Dir = attributes, "/"
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	p := &postgres{port: freeport.MustGetFreePort()}
	p.server = exec.Command(filepath.Join(bin, "postgres"), "-D", folder, "-p", strconv.Itoa(p.port), "-k", folder, "-h", loopback, "-c", "log_min_messages=fatal")
	p.server.SysProcAttr, p.server.Dir = attributes, "/"
	if err := p.server.Start(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	for range 200 {
		if exec.Command(filepath.Join(bin, "pg_isready"), "-q", "-h", loopback, "-p", strconv.Itoa(p.port)).Run() == nil {
			return p, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("PostgreSQL does not listen on port %d", p.port)
}

func (p *postgres) stop() {
	// What is left of it is removed with its folder.
	_ = p.server.Process.Signal(syscall.SIGINT)
	_ = p.server.Wait()
}

func (p *postgres) config(name string, connections int) config.SQL {
	return config.SQL{
		PluginName: postgresql.PluginName, DatabaseName: name,
		ConnectProtocol: "tcp", ConnectAddr: fmt.Sprintf("%s:%d", loopback, p.port), User: role, Password: role,
		MaxConns: connections, MaxIdleConns: connections, MaxConnLifetime: time.Hour,
	}
}

// makeSchemas makes both databases by the server's own tool.
func (p *postgres) makeSchemas() error {
	for name, schema := range map[string]string{mainName: "postgresql/v12/temporal", visibilityName: "postgresql/v12/visibility"} {
		base := []string{
			"temporal-sql-tool", "-q", "--plugin", postgresql.PluginName, "--endpoint", loopback, "--port", strconv.Itoa(p.port),
			"--user", role, "--password", role, "--database", name,
		}
		for _, step := range [][]string{
			{"create-database", "--defaultdb", role},
			{"setup-schema", "--version", "0.0"},
			{"update-schema", "--schema-name", schema},
		} {
			if err := sql.RunTool(append(slices.Clone(base), step...)); err != nil {
				return fmt.Errorf("database %q: %s: %w", name, step[0], err)
			}
		}
	}
	return nil
}
