package pgstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"heddle/internal/store"
)

// Format is the latest one of the tables and of what is in them. A store that is one of several homes
// has it, so that earlier releases, which know of no homes, leave it alone; others have format 1.
const Format = 2

// Rows of the meta space that are the store's own.
const (
	formatKey  = "store/format"
	shardsKey  = "store/shards"
	idKey      = "store/id"
	copyingKey = "store/copying" // there: a copy into the store is not finished
	// HomesKey and HomeKey are package homes' own: the first home has the one, the others have the other.
	HomesKey = "store/homes"
	HomeKey  = "store/home"
)

// ErrUnfinished: what the database holds is a copy that was cut off.
var ErrUnfinished = errors.New("a copy into it was cut off; run 'heddle copy' again")

// tables makes all, and fails if any is there. There is room in each page for the next
// version of a row, so that updates touch no index; values are not compressed, since
// they are sealed.
const tables = `
create table SCHEMA.shards (shard int primary key, epoch bigint not null, seq bigint not null, stamp bigint not null, member text) with (fillfactor = 10);
create table SCHEMA.members (id text primary key, name text not null, address text not null, level int not null, hears text not null, leaving bool not null, expires timestamptz not null);
create table SCHEMA.rows (shard int not null, key bytea not null, value bytea not null, primary key (shard, key)) with (fillfactor = 70);
alter table SCHEMA.rows alter value set storage external;
create table SCHEMA.entries (key bytea primary key, value bytea not null);
create table SCHEMA.meta (key bytea primary key, value bytea not null);
insert into SCHEMA.shards select n, 0, 0, 0, null from generate_series(0, SHARDS - 1) as n;
insert into SCHEMA.meta values ('store/format', 'FORMAT'), ('store/shards', 'SHARDS'), ('store/id', 'ID')MORE;
`

// openSchema checks the server and what the schema holds, and creates it if it is not
// there.
func (s *Store) openSchema(ctx context.Context) error {
	within, cancel := s.options.Within(ctx, readWithin)
	defer cancel()
	// Its statements can't be prepared yet.
	c, err := s.firstConn(within)
	if err != nil {
		return explain(err)
	}
	defer closeConn(s.dial, c)
	if err := s.checkServer(within, c); err != nil {
		return err
	}
	created := false
	for attempt := 0; ; attempt++ {
		copying, err := s.readSchema(within, c)
		if err == nil && copying && s.finished { // the first home's copy was
			copying = false
			if !s.options.ReadOnly {
				err = explain(c.run(within, "delete from "+quoted(s.options.Schema)+".meta where key = convert_to('"+copyingKey+"', 'UTF8')"))
			}
		}
		switch {
		case err == nil && s.options.Copy && !created && !copying:
			return errors.New("it has a store already; copy to a database of its own")
		case err == nil && s.options.Copy && !created:
			err = s.removeCopy(within, c)
		case err == nil && copying && !s.options.Copy:
			return ErrUnfinished
		}
		if errors.Is(err, ErrNoStore) && s.options.ID != "" {
			return fmt.Errorf("%w, and there was one: give the right database, or restore it", err)
		}
		if !errors.Is(err, ErrNoStore) || s.options.ReadOnly {
			return err
		}
		err = s.create(within, c)
		created = err == nil
		if said := (*pgconn.PgError)(nil); errors.As(err, &said) && attempt < createAttempts {
			switch said.Code {
			case "42P06", "42P07", "23505", deadlockDetected, lockNotAvailable: // somebody else creates it
				continue
			}
		}
		if err != nil {
			return explain(err)
		}
	}
}

// createAttempts is how often the creation of a store may meet another one.
const createAttempts = 10

// removeCopy removes a copy that was cut off.
func (s *Store) removeCopy(ctx context.Context, c *conn) error {
	sql := ""
	for _, table := range []string{"shards", "members", "rows", "entries", "meta"} {
		sql += "drop table " + quoted(s.options.Schema) + "." + table + ";"
	}
	for _, table := range []string{"blobs", "blob_drafts", "blob_parts"} { // which may not be there
		sql += "drop table if exists " + quoted(s.options.Schema) + "." + table + ";"
	}
	if err := c.run(ctx, sql); err != nil {
		return explain(err)
	}
	return ErrNoStore
}

func (s *Store) firstConn(ctx context.Context) (*conn, error) {
	p := newPool(s.dial, 1)
	p.prepared = false
	defer p.close()
	return p.get(ctx, false)
}

// explain adds what to do about an error of which that is known.
func explain(err error) error {
	said := (*pgconn.PgError)(nil)
	if !errors.As(err, &said) {
		return err
	}
	switch said.Code {
	case "3D000":
		return fmt.Errorf("%w; create it: createdb, or 'create database'", err)
	case "28P01", "28000":
		return fmt.Errorf("%w; see the user and the password in the DSN, and the server's pg_hba.conf", err)
	case "42501":
		return fmt.Errorf("%w; the user may not create the tables: 'grant create on database ... to ...', or make the user the owner of the database", err)
	}
	return err
}

// checkServer refuses a server that can't keep what is acknowledged, and says what
// commits wait for.
func (s *Store) checkServer(ctx context.Context, c *conn) error {
	if v := version(c.PgConn); v < versionMin {
		return fmt.Errorf("it is PostgreSQL %s; want %d or newer", c.ParameterStatus("server_version"), versionMin/10000)
	}
	row, err := c.row(ctx, `select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_standby_names'),
 (select count(*) from pg_stat_replication where application_name not in ('pg_basebackup', 'pg_receivewal')), current_setting('max_connections')`)
	if err != nil {
		return fmt.Errorf("look at the server's settings: %w", err)
	}
	fsync, standbys, connected := row[0], row[2], row[3]
	if fsync != "on" {
		return errors.New("its setting fsync is off, so a power cut would lose what was acknowledged; set fsync = on")
	}
	if s.options.ReadOnly {
		return nil
	}
	log := s.options.Logger.With("database", s.dial.where(), "version", c.ParameterStatus("server_version"))
	switch {
	case standbys == "" && connected != "0":
		log.Error("PostgreSQL has standbys, and commits wait for none: one that is promoted has lost acknowledged steps; set synchronous_standby_names", "standbys", connected)
	case standbys == "":
		log.Info("commits wait for PostgreSQL's own disk; it has no standby")
	default:
		log.Info("commits wait for PostgreSQL's own disk and its synchronous standbys", "synchronous_standby_names", standbys, "standbys", connected)
	}
	return nil
}

// ErrNoStore: the database has none, and none is made where a certain one should be.
var ErrNoStore = errors.New("there is no store in it")

// OtherStoreError: the database has another store than the one that should be there.
type OtherStoreError struct{ Found, Want string }

func (e *OtherStoreError) Error() string {
	return fmt.Sprintf("it has the store %s, and the data folder belongs to the store %s: it is another Heddle's database; give the right --postgres or --data", e.Found, e.Want)
}

// readSchema reads what the store is, and whether it is a copy that is not finished.
func (s *Store) readSchema(ctx context.Context, c *conn) (copying bool, err error) {
	schema := quoted(s.options.Schema)
	row, err := c.row(ctx, "select to_regclass($1) is null, exists (select from pg_class where relnamespace = to_regnamespace($2) and relkind = 'r')", schema+".meta", schema)
	if err != nil {
		return false, explain(err)
	}
	if row[0] == "t" && row[1] == "t" {
		return false, fmt.Errorf("its schema %s has tables that are not Heddle's; give a database of its own", schema)
	}
	if row[0] == "t" {
		return false, ErrNoStore
	}
	found := map[string]string{}
	for _, key := range []string{formatKey, shardsKey, idKey, copyingKey, HomesKey, HomeKey} {
		row, err := c.row(ctx, "select convert_from(value, 'UTF8') from "+schema+".meta where key = convert_to($1, 'UTF8')", key)
		if err != nil {
			return false, explain(err)
		}
		if row != nil {
			found[key] = row[0]
		}
	}
	format, err := strconv.Atoi(found[formatKey])
	if err != nil {
		return false, fmt.Errorf("its schema %s is not of Heddle: it has format %q", schema, found[formatKey])
	}
	if format > Format {
		return false, fmt.Errorf("it has format %d, and this release reads up to %d; use the newer release", format, Format)
	}
	shards, err := strconv.ParseUint(found[shardsKey], 10, 16)
	if err != nil || shards == 0 {
		return false, fmt.Errorf("shard count %q: want 1 to 65535", found[shardsKey])
	}
	s.shards, s.id = uint16(shards), found[idKey]
	if s.options.ID != "" && s.id != s.options.ID {
		return false, &OtherStoreError{s.id, s.options.ID}
	}
	if of := cmp.Or(found[HomesKey], found[HomeKey]); of != "" && !s.options.Home {
		return false, errors.New("it is one of several homes of a store; give all of them, as --postgres 'NAME=URL NAME=URL', in the order in which the store was created")
	}
	_, copying = found[copyingKey]
	s.finished = found[HomeKey] != "" && s.options.ID != "" && !s.options.Copy
	return copying, nil
}

// create creates the store, whole or not at all.
func (s *Store) create(ctx context.Context, c *conn) error {
	shards := s.options.Shards
	if shards == 0 {
		shards = shardsDefault
	}
	var id [16]byte
	rand.Read(id[:])
	more := ""
	if s.options.Copy {
		more = ", ('" + copyingKey + "', '')"
	}
	schema := quoted(s.options.Schema)
	sql := strings.NewReplacer("SCHEMA", schema, "SHARDS", strconv.Itoa(int(shards)), "FORMAT", "1", "ID", hex.EncodeToString(id[:]), "MORE", more).Replace(tables)
	// The statements of one message are one transaction. That there is a schema, which
	// a user without rights may have been given, is no error.
	return c.run(ctx, "do $$ begin if to_regnamespace('"+strings.ReplaceAll(schema, "'", "''")+"') is null then create schema "+schema+"; end if; end $$;"+sql)
}

// Finish ends a copy: the store is one like any other.
func (s *Store) Finish(ctx context.Context) error {
	return s.Meta().CompareAndSet(ctx, copyingKey, []byte{}, nil)
}

// BecomeHome gives the store the format of a home, which earlier releases refuse.
func (s *Store) BecomeHome(ctx context.Context) error {
	err := s.Meta().CompareAndSet(ctx, formatKey, []byte("1"), []byte(strconv.Itoa(Format)))
	if errors.Is(err, store.ErrConflict) { // it has it
		return nil
	}
	return err
}

// Unreachable tells whether a store could not be opened since no server answered that takes writes.
func Unreachable(err error) bool {
	return errors.Is(err, errNoAnswer) || errors.As(err, new(*pgconn.ConnectError)) && worthAnother(err)
}
