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
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/sealing"
	"heddle/internal/secretfile"
	"heddle/internal/store"
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

// postgresOptions are what all openings of a store in PostgreSQL have.
func postgresOptions(setting string, log *slog.Logger) (pgstore.Options, error) {
	dsn, err := dsnOf(setting)
	began := time.Now()
	return pgstore.Options{
		DSN: dsn, Logger: log,
		Elapsed: func() time.Duration { return time.Since(began) }, Within: context.WithTimeout,
	}, err
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
	o, err := postgresOptions(cfg.Postgres, cfg.Log)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	o.Node, o.ID, o.Label, o.Lost = own.name, own.store, fmt.Sprintf("%s, process %d", cmp.Or(host, "unknown host"), os.Getpid()), s.lostDatabase
	o.Shared = cfg.Cluster.on()
	s.postgres, err = pgstore.Open(ctx, o)
	if err != nil {
		return err
	}
	s.store, s.shards, s.nodes = s.postgres, s.postgres.Shards(), s.postgres.Members()
	if first {
		own.store = s.postgres.ID()
		if err := own.write(cfg.Data); err != nil {
			return errors.Join(err, s.postgres.Close())
		}
	}
	return nil
}

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

// runMembership renews the membership in the database.
func (s *Server) runMembership(ctx context.Context) {
	ticker := time.NewTicker(pgstore.RenewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.postgres.Renew(ctx)
		case <-ctx.Done():
			return
		}
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
func databaseName(below store.Store) string {
	if s, ok := below.(*pgstore.Store); ok {
		return s.Where()
	}
	return ""
}

// OpenOfflinePostgres opens a store in PostgreSQL for reading, as it is at one moment. A
// server may run on it.
func OpenOfflinePostgres(ctx context.Context, data, database string, roots sealing.RootKeys, log *slog.Logger) (*Offline, error) {
	if err := roots.Check(); err != nil {
		return nil, err
	}
	o, err := postgresOptions(database, log)
	if err != nil {
		return nil, err
	}
	own, err := readNode(data)
	if err != nil {
		return nil, err
	}
	o.ReadOnly, o.ID = true, own.store
	s, err := pgstore.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	above, err := sealing.Unseal(ctx, s, data, &roots, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store in %s: %w", s.Where(), err), s.Close())
	}
	offline := &Offline{data: data, log: log, store: above, postgres: s, shards: s.Shards()}
	if err := offline.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store in %s: %w", s.Where(), err), above.Close())
	}
	return offline, nil
}

// CopyToPostgres copies the stopped store of a folder to a database that has none, and
// compares what it finds there. Until all is done nobody can open the copy; begun again,
// it begins anew. Then the folder belongs to the database. Errors: store.ErrHeld if a
// server runs on the folder.
func CopyToPostgres(ctx context.Context, data, database string, roots sealing.RootKeys, log *slog.Logger) (rows int, err error) {
	o, err := postgresOptions(database, log)
	if err != nil {
		return 0, err
	}
	if err := BelongsToPostgres(data); err != nil {
		return 0, err
	}
	name := random[[16]byte]()
	own := node{name: hex.EncodeToString(name[:4])}
	o.Node, o.Label, o.Copy = own.name, "heddle copy", true
	rows, err = sealing.Copy(ctx, sealing.CopyConfig{Data: data, Keys: roots, Log: log}, func(shards uint16) (store.Store, error) {
		o.Shards = shards
		return pgstore.Open(ctx, o)
	}, func(to store.Store) error {
		s := to.(*pgstore.Store)
		own.store = s.ID()
		return errors.Join(s.Finish(ctx), own.write(data))
	})
	if err != nil {
		return 0, fmt.Errorf("copy store %q to PostgreSQL: %w", sealing.StoreDir(data), err)
	}
	return rows, nil
}
