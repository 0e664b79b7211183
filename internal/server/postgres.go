package server

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/blob"
	"heddle/internal/sealing"
	"heddle/internal/secretfile"
	"heddle/internal/service"
	"heddle/internal/store"
	"heddle/internal/store/homes"
	"heddle/internal/store/pgstore"
)

// nodeFile says that a data folder belongs to a server with PostgreSQL: the name of the
// node, and the id of the store, a line each.
func nodeFile(data string) string { return filepath.Join(data, "node") }

// node is what nodeFile says.
type node struct{ name, store string }

// readNode reads it; the zero node: there is none.
func readNode(data string) (n node, err error) {
	text, err := os.ReadFile(nodeFile(data))
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	fields := strings.Fields(string(text))
	if len(fields) != 4 || fields[0] != "node" || fields[2] != "store" {
		return n, fmt.Errorf("file %q: want the lines \"node NAME\" and \"store ID\"", nodeFile(data))
	}
	return node{fields[1], fields[3]}, nil
}

func (n node) write(data string) error {
	return secretfile.Replace(nodeFile(data), []byte("node "+n.name+"\nstore "+n.store+"\n"))
}

// BelongsToPostgres refuses a folder whose store was moved.
func BelongsToPostgres(data string) error {
	n, err := readNode(data)
	if err == nil && n != (node{}) {
		err = fmt.Errorf("data folder %q: its store is in PostgreSQL; give --store postgres and --postgres, or, to begin again with what the folder had before, remove %q", data, nodeFile(data))
	}
	return err
}

// dsnOf reads the database's name from a file, if it is there.
func dsnOf(setting string) (string, error) {
	path, inFile := strings.CutPrefix(setting, "@")
	if !inFile {
		return setting, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--postgres: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// homesOf reads the names of several homes and of their databases, as "NAME=URL" each, with spaces
// or lines between them; none: the setting names one database. A URL may be @FILE that has it.
func homesOf(setting string) (all []homes.Home, dsns []string, err error) {
	for i, field := range strings.Fields(setting) {
		name, where, _ := strings.Cut(field, "=")
		named := false
		for _, prefix := range []string{"postgres://", "postgresql://", "@"} {
			named = named || strings.HasPrefix(where, prefix)
		}
		switch {
		case !named && i == 0:
			return nil, nil, nil
		case !named:
			return nil, nil, fmt.Errorf("--postgres: after home %q there is something that is no home; want NAME=URL for each, such as a=postgres://heddle@db.example.com/heddle", all[i-1].Name)
		}
		dsn, err := dsnOf(where)
		if err != nil {
			return nil, nil, fmt.Errorf("home %q: %w", name, err)
		}
		all, dsns = append(all, homes.Home{Name: name}), append(dsns, dsn)
	}
	if len(all) == 1 {
		return nil, nil, fmt.Errorf("--postgres: one home alone, %q, has no name; give its URL, or the other homes too", all[0].Name)
	}
	return all, dsns, nil
}

// homeOpensWithin is how long a start waits for a home that does not answer. The memberships in the
// others last for longer.
const homeOpensWithin = 2 * time.Second

// database is a store in PostgreSQL, of one home or several.
type database struct {
	store.Store
	first *pgstore.Store
	homes *homes.Store // nil: there is one
}

// openDatabase opens a store. Errors: store.ErrHeld if another member has it.
func openDatabase(ctx context.Context, setting string, o pgstore.Options, whole bool) (*database, error) {
	setting, err := dsnOf(setting)
	if err != nil {
		return nil, err
	}
	all, dsns, err := homesOf(setting)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	o.Elapsed, o.Within = func() time.Duration { return time.Since(began) }, context.WithTimeout
	if len(all) == 0 {
		o.DSN = setting
		s, err := pgstore.Open(ctx, o)
		if err != nil {
			return nil, err
		}
		return &database{s, s, nil}, nil
	}
	for i := range all {
		of := o
		of.DSN, of.Home, of.Logger = dsns[i], true, o.Logger.With("home", all[i].Name)
		all[i].Open = func(ctx context.Context, id string) (homes.Below, error) {
			of := of
			of.ID = id
			if id != "" && !whole {
				within, cancel := context.WithTimeout(ctx, homeOpensWithin)
				defer cancel()
				ctx = within
			}
			s, err := pgstore.Open(ctx, of)
			if err != nil {
				return nil, err
			}
			return s, nil
		}
	}
	s, err := homes.Open(ctx, all, homes.Options{ID: o.ID, ReadOnly: o.ReadOnly, Whole: whole})
	if err != nil {
		return nil, fmt.Errorf("open store in PostgreSQL: %w", err)
	}
	for i, h := range all {
		if below, ok := s.At(i).(*pgstore.Store); ok {
			below.Renew(ctx) // others took their time
		} else {
			o.Logger.Error("PostgreSQL does not answer: calls for its executions fail until it does", "home", h.Name)
		}
	}
	return &database{s, s.At(0).(*pgstore.Store), s}, nil
}

// at is the store of a home; nil: it was away since the start.
func (d *database) at(home int) *pgstore.Store {
	if d.homes == nil {
		return d.first
	}
	s, _ := d.homes.At(home).(*pgstore.Store)
	return s
}

// count is how many homes there are; also of no database.
func (d *database) count() int {
	if d == nil || d.homes == nil {
		return 1
	}
	return d.homes.Count()
}

// name is that of a home; empty: there is one.
func (d *database) name(home int) string {
	if d.count() == 1 {
		return ""
	}
	return d.homes.Names()[home]
}

// away tells why a home is away; nil: it is not, or there is one, which calls wait for.
func (d *database) away(home int) error {
	if d.count() == 1 {
		return nil
	}
	return d.homes.Away(home)
}

// allAway are the homes that are away.
func (d *database) allAway() (all []int) {
	for i := range d.count() {
		if d.away(i) != nil {
			all = append(all, i)
		}
	}
	return all
}

// lacking is how many shards are known to lack acknowledged steps, in the homes that answered at some time.
func (d *database) lacking() (n int) {
	for i := range d.count() {
		if s := d.at(i); s != nil {
			n += s.Lacking()
		}
	}
	return n
}

// where names the databases to people.
func (d *database) where() string {
	if d.homes == nil {
		return d.first.Where()
	}
	return "homes " + strings.Join(d.homes.Names(), ", ")
}

// lastStamp is the latest of all shards that can be reached.
func (d *database) lastStamp(ctx context.Context) (last uint64, err error) {
	for i := range d.count() {
		if d.away(i) != nil {
			continue
		}
		stamp, err := d.at(i).Members().LastStamp(ctx)
		if err != nil {
			return 0, err
		}
		last = max(last, stamp)
	}
	return last, nil
}

// homesShown are the homes, for people; none: there is one.
func (d *database) homesShown() (all []service.Home) {
	for i := range d.count() {
		if d.homes == nil {
			break
		}
		one := service.Home{Name: d.name(i), Shards: (int(d.first.Shards()) - i + d.count() - 1) / d.count(), Away: d.away(i) != nil}
		if s := d.at(i); s != nil {
			one.Database = s.Where()
		}
		all = append(all, one)
	}
	return all
}

// lockFolder keeps other servers out of a data folder without a store.
func lockFolder(data string) (io.Closer, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := vfs.Default.Lock(filepath.Join(data, "node.lock"))
	if err != nil {
		return nil, fmt.Errorf("data folder %q: %w; stop who has it, or give another --data: %w", data, store.ErrHeld, err)
	}
	return lock, nil
}

// openPostgres opens the store, and makes the data folder its own at the first start.
func (s *Server) openPostgres(ctx context.Context) (err error) {
	cfg := &s.cfg
	if s.folderLock, err = lockFolder(cfg.Data); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.unlockFolder())
		}
	}()
	own, err := readNode(cfg.Data)
	if err != nil {
		return err
	}
	first := own == node{}
	if first {
		if _, err := os.Stat(sealing.StoreDir(cfg.Data)); err == nil {
			return fmt.Errorf("data folder %q: it has a store of its own; move that to the database by 'heddle copy', or give another --data", cfg.Data)
		}
		name := random[[16]byte]()
		own.name = hex.EncodeToString(name[:4])
	}
	if cfg.Cluster.on() {
		own.name = cfg.Cluster.Node
	}
	host, _ := os.Hostname()
	s.database, err = openDatabase(ctx, cfg.Postgres, pgstore.Options{
		Node: own.name, ID: own.store, Label: fmt.Sprintf("%s, process %d", cmp.Or(host, "unknown host"), os.Getpid()), Lost: s.lostDatabase,
		Shared: cfg.Cluster.on(), Logger: cfg.Log,
	}, false)
	if err != nil {
		return err
	}
	s.postgres, s.nodes = s.database.first, s.database.first.Members()
	s.shardsOfAll = s.nodes
	if s.database.homes != nil {
		s.shardsOfAll = s.database.homes
	}
	s.store, s.shards = s.database.Store, s.postgres.Shards()
	if first {
		own.store = s.postgres.ID()
		if err := own.write(cfg.Data); err != nil {
			return errors.Join(err, s.store.Close())
		}
	}
	return nil
}

// homeCount is how many homes the store has.
func (s *Server) homeCount() int { return s.database.count() }

func (s *Server) unlockFolder() error {
	if s.folderLock == nil {
		return nil
	}
	return s.folderLock.Close()
}

// lostDatabase ends the process: what it has in memory may be of the past.
func (s *Server) lostDatabase(why error) {
	s.cfg.Log.Error("this server has lost its database to another one, and ends", "cause", why)
	exit := s.cfg.exit
	if exit == nil {
		exit = os.Exit
	}
	exit(1)
}

// runMembership renews the membership in each home, whatever the others do.
func (s *Server) runMembership(ctx context.Context) {
	var all sync.WaitGroup
	for home := range s.homeCount() {
		all.Go(func() { s.renewHome(ctx, home) })
	}
	all.Wait()
}

// renewHome renews the membership in one home, and opens it if it was away since the start.
func (s *Server) renewHome(ctx context.Context, home int) {
	ticker := time.NewTicker(pgstore.RenewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if below := s.database.at(home); below != nil {
			below.Renew(ctx)
		} else {
			s.reopenHome(ctx, home)
		}
	}
}

// reopenHome tries to open a home that was away since the start.
func (s *Server) reopenHome(ctx context.Context, home int) {
	switch err := s.database.homes.Reopen(ctx, home); {
	case err == nil:
		s.cfg.Log.Info("PostgreSQL answers again", "home", s.database.name(home))
	case !pgstore.Unreachable(err) && ctx.Err() == nil:
		s.cfg.Log.Error("a home that was away since the start can't be opened; it is tried again", "home", s.database.name(home), "cause", err)
	}
}

// committers: one makes the largest groups, and a commit costs a round trip.
func (s *Server) committers() int {
	if s.postgres != nil {
		return 1
	}
	return 0
}

// pause has commits to PostgreSQL wait for each other: each is a transaction, whose cost is the same however little it writes.
func (s *Server) pause() func(time.Duration) {
	if s.postgres != nil {
		return time.Sleep
	}
	return nil
}

// databaseName is how errors call a store that is in no folder.
func (s *Server) databaseName() string {
	if s.database == nil {
		return ""
	}
	return s.database.where()
}

// OpenOfflinePostgres opens a store in PostgreSQL for reading, as it is at one moment. A
// server may run on it.
func OpenOfflinePostgres(ctx context.Context, data, database string, roots sealing.RootKeys, log *slog.Logger) (*Offline, error) {
	if err := roots.Check(); err != nil {
		return nil, err
	}
	own, err := readNode(data)
	if err != nil {
		return nil, err
	}
	s, err := openDatabase(ctx, database, pgstore.Options{ReadOnly: true, ID: own.store, Logger: log}, true)
	if err != nil {
		return nil, err
	}
	above, err := sealing.Unseal(ctx, s.Store, data, &roots, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store in %s: %w", s.where(), err), s.Close())
	}
	offline := &Offline{data: data, log: log, store: above, postgres: s.first, shards: s.first.Shards(), several: s.count() > 1}
	if err := offline.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store in %s: %w", s.where(), err), above.Close())
	}
	return offline, nil
}

// CopyToPostgres copies the stopped store of a folder to a database that has none, or to several as
// homes, and compares what it finds there. Until all is done nobody can open the copy; begun again, it
// begins anew. Then the folder belongs to the copy. From is where the store is, if that is in PostgreSQL
// too. Errors: store.ErrHeld if a server runs on it.
func CopyToPostgres(ctx context.Context, data, from, to string, roots sealing.RootKeys, log *slog.Logger) (rows int, err error) {
	name := random[[16]byte]()
	own := node{name: hex.EncodeToString(name[:4])}
	cfg := sealing.CopyConfig{Data: data, Keys: roots, Log: log}
	source, what := (*database)(nil), fmt.Sprintf("%q", sealing.StoreDir(data))
	if from == "" {
		if err := BelongsToPostgres(data); err != nil {
			return 0, fmt.Errorf("%w; to copy it from there, give --from-postgres", err)
		}
	} else {
		what = "in PostgreSQL"
		lock, err := lockFolder(data)
		if err != nil {
			return 0, err
		}
		defer lock.Close()
		was, err := readNode(data)
		if err == nil && was == (node{}) {
			err = fmt.Errorf("data folder %q: it belongs to no database; without --from-postgres its own store is copied", data)
		}
		if err != nil {
			return 0, err
		}
		own.name = was.name
		copying, lose := context.WithCancelCause(ctx)
		defer lose(nil)
		ctx = copying
		cfg.From = func() (store.Store, uint16, error) {
			o := pgstore.Options{Node: own.name, ID: was.store, Label: "heddle copy", Logger: log, Lost: lose}
			if source, err = openDatabase(ctx, from, o, true); err != nil {
				return nil, 0, err
			}
			go source.keep(ctx)
			return source, source.first.Shards(), nil
		}
	}
	rows, err = sealing.Copy(ctx, cfg, func(shards uint16) (store.Store, error) {
		return openDatabase(ctx, to, pgstore.Options{Shards: shards, Node: own.name, Label: "heddle copy", Copy: true, Logger: log}, true)
	}, func(copied store.Store) error {
		d := copied.(*database)
		own.store = d.first.ID()
		if source != nil {
			if err := copyBlobs(ctx, source.first, d.first); err != nil {
				return err
			}
		}
		for home := range d.count() { // the first one decides whether the copy is whole
			if err := d.at(home).Finish(ctx); err != nil {
				return err
			}
		}
		return own.write(data)
	})
	if err != nil {
		return 0, fmt.Errorf("copy store %s to PostgreSQL: %w", what, err)
	}
	return rows, nil
}

// keep renews the memberships, so that no server takes the store meanwhile.
func (d *database) keep(ctx context.Context) {
	ticker := time.NewTicker(pgstore.RenewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for home := range d.count() {
				d.at(home).Renew(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// copyBlobs copies all blobs from a database to another one.
func copyBlobs(ctx context.Context, from, to *pgstore.Store) error {
	source, err := from.OpenShelf(ctx)
	if err != nil {
		return err
	}
	shelf, err := to.OpenShelf(ctx)
	if err != nil {
		return err
	}
	var all []blob.Info
	err = source.List(ctx, blob.ID{}, func(info blob.Info) bool {
		all = append(all, info)
		return true
	})
	for i := 0; i < len(all) && err == nil; i++ {
		if err = moveBlob(ctx, source, shelf, all[i]); err != nil {
			err = fmt.Errorf("copy blob %s: %w", all[i].ID, err)
		}
	}
	return err
}
