package pgstore

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/store/pgstore/pgtest"
)

// clocked gives the options of a store whose time stands still, here and in PostgreSQL, but for what is let
// pass: memberships don't end because the machine is slow. In its schema clock_timestamp is
// another function than PostgreSQL's own.
func clocked(t testing.TB, server *pgtest.Server, o Options) (Options, *clock) {
	t.Helper()
	schema := fmt.Sprint("clock_", schemas.Add(1))
	c := &clock{t, server, schema, atomic.Int64{}}
	c.sql(`create schema ` + schema + `; create table ` + schema + `.now (at timestamptz); insert into ` + schema + `.now values (pg_catalog.clock_timestamp());
create function ` + schema + `.clock_timestamp() returns timestamptz stable language sql as 'select at from ` + schema + `.now'`)
	o.DSN += "&search_path=" + schema + ",pg_catalog"
	o.Elapsed = func() time.Duration { return time.Duration(c.passed.Load()) }
	return o, c
}

type clock struct {
	t      testing.TB
	server *pgtest.Server // that takes writes
	schema string
	passed atomic.Int64
}

func (c *clock) sql(text string) {
	c.t.Helper()
	if _, err := c.server.SQL(text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *clock) pass(d time.Duration) {
	c.t.Helper()
	c.passed.Add(int64(d))
	c.sql(`update ` + c.schema + `.now set at = at + interval '` + interval(d) + `'`)
}
