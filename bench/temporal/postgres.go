package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/tools/sql"
)

// Names of the two databases.
const (
	mainName       = "temporal"
	visibilityName = "temporal_visibility"
)

// role is who owns the databases.
const role = "heddle"

// postgres is a PostgreSQL that the bench has started on the loopback.
type postgres struct{ port int }

func (p postgres) config(name string, connections int) config.SQL {
	return config.SQL{
		PluginName: postgresql.PluginName, DatabaseName: name,
		ConnectProtocol: "tcp", ConnectAddr: fmt.Sprintf("%s:%d", loopback, p.port), User: role, Password: role,
		MaxConns: connections, MaxIdleConns: connections, MaxConnLifetime: time.Hour,
	}
}

// makeSchemas makes both databases by the server's own tool.
func (p postgres) makeSchemas() error {
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
