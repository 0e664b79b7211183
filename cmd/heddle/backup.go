package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"heddle/internal/backup"
	"heddle/internal/bucket/place"
	"heddle/internal/console/command"
	"heddle/internal/options"
	"heddle/internal/server"
)

// placeFlags say how a backup's place is reached.
type placeFlags struct {
	S3 place.Options `embed:"" prefix:"s3-" envprefix:"HEDDLE_BACKUP_" group:"Place"`
}

// open opens a place of backups.
func (f *placeFlags) open(ctx context.Context, location string, writes bool) (*place.Place, error) {
	options.ReadSecrets(f, os.Getenv)
	if err := f.S3.Check("s3-"); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return place.Open(ctx, location, place.Backups, f.S3, server.PlaceClock(), writes)
}

type backupCommand struct {
	To   string `arg:"" name:"place" help:"Where backups are kept: a folder, or s3://BUCKET/PREFIX. What is there already is not sent again."`
	Keys string `default:"" enum:",with,without" placeholder:"with|without" help:"with: the root key, if it is in a file, the callers' root key pairs and the CA are in the backup, so whoever reads it reads everything. without: nobody can read it without the root key, of which you must have another copy."`
	Keep int    `placeholder:"N" help:"Delete all backups there but the last N, this one too, and what no other has."`
	Test string `name:"check" default:"on" enum:"on,off" help:"off: the store is not checked before it is backed up."`

	Stored  storedFlags     `embed:"" set:"about=A server may run on it."`
	Running command.Running `embed:""`
	Place   placeFlags      `embed:""`
	Blobs   server.Blobs    `embed:""`
}

// Validate implements kong.Validatable.
func (c *backupCommand) Validate() error {
	if c.Keys == "" {
		return errors.New("--keys: say whether the backup has the keys: --keys=with, so that it can be put back by itself and whoever reads it reads everything; or --keys=without, so that nobody can put it back without the root key, of which you keep another copy")
	}
	return nil
}

// Run backs the folder up.
func (c *backupCommand) Run(ctx context.Context, p *command.Process) (err error) {
	if err := server.BelongsToPostgres(c.Stored.Data); err != nil {
		return fmt.Errorf("backup: a store in PostgreSQL is backed up by PostgreSQL (pg_dump, pg_basebackup), and the folder copied after it, see docs/CLUSTER.md: %w", err)
	}
	to, err := c.Place.open(ctx, c.To, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return c.Stored.withStore(ctx, p, &c.Running, func(ctx context.Context, o *server.Offline, of storeMoment) error {
		if c.Test == "on" {
			if err := checkAll(ctx, o, checking{of: c.Stored.Data, blobs: c.Blobs}); err != nil {
				return fmt.Errorf("what is broken is not backed up, or --check off says so: %w", err)
			}
		}
		made, sent, err := o.Backup(ctx, to, server.BackupConfig{At: of.at, Version: of.version, Keys: c.Keys == "with", Blobs: c.Blobs})
		if err != nil {
			return err
		}
		fmt.Printf("backup %s in %s: %d files, %d blobs, %d bytes; sent %d files, %d blobs, %d bytes\n",
			made.Name(), c.To, len(made.Files), made.Blobs.Count, made.Bytes(), sent.Files, sent.Blobs, sent.Bytes)
		if !made.Keys {
			fmt.Println("it is without the root key: keep a copy of that elsewhere, nobody can read the backup without it")
		}
		if c.Keep == 0 {
			return nil
		}
		pruned, err := backup.Prune(ctx, to, c.Keep)
		if err == nil {
			fmt.Printf("kept the last %d backups, deleted %d files and blobs that none of them has\n", c.Keep, pruned)
		}
		return err
	})
}

type restoreCommand struct {
	From string `arg:"" name:"place" help:"Where backups are kept: a folder, or s3://BUCKET/PREFIX."`
	List bool   `help:"Show the backups that are there, and put none back."`
	Name string `name:"backup" placeholder:"NAME" help:"Which one; without it the last."`

	Stored storedFlags  `embed:"" set:"about=It must have nothing of what the backup has. A root key may be there."`
	Place  placeFlags   `embed:""`
	Blobs  server.Blobs `embed:""`
}

// Run puts a backup back, and checks what it has put there.
func (c *restoreCommand) Run(ctx context.Context) (err error) {
	from, err := c.Place.open(ctx, c.From, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	names, err := backup.Names(ctx, from)
	if err != nil {
		return err
	}
	if c.List {
		return list(ctx, from, names)
	}
	if len(names) == 0 {
		return fmt.Errorf("no backup in %q", c.From)
	}
	name := names[len(names)-1]
	if c.Name != "" {
		name = c.Name
	}
	b, err := backup.Read(ctx, from, name)
	if err != nil {
		return err
	}
	if b.StoreFormat > server.StoreFormat {
		return fmt.Errorf("backup %s is of a store of format %d, made by release %s, and this release reads up to %d; use that release, or a newer one", name, b.StoreFormat, b.Version, server.StoreFormat)
	}
	to, err := server.RestoreTo(c.Stored.Data, c.Blobs, plainLog())
	if err != nil {
		return err
	}
	if err := b.Restore(ctx, from, to); err != nil {
		return err
	}
	fmt.Printf("put backup %s back into %s: %d files, %d blobs, %d bytes\n", name, c.Stored.Data, len(b.Files), b.Blobs.Count, b.Bytes())
	roots := c.Stored.roots()
	if file := roots.InFile(c.Stored.Data); file != "" && !b.Keys {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			fmt.Printf("it is without the root key: put that to %s, then run heddle check --data %s\n", file, c.Stored.Data)
			return nil
		}
	}
	o, err := c.Stored.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return checkAll(ctx, o, checking{of: c.Stored.Data, blobs: c.Blobs, contents: true})
}

// list shows the backups of a place.
func list(ctx context.Context, from *place.Place, names []string) error {
	for _, name := range names {
		b, err := backup.Read(ctx, from, name)
		if err != nil {
			fmt.Println(err) // the others may be whole
			continue
		}
		keys := "without keys"
		if b.Keys {
			keys = "with keys"
		}
		fmt.Printf("%s  heddle %s, store %s of format %d: %d files, %d blobs, %d bytes, %s\n", name, b.Version, b.Store, b.StoreFormat, len(b.Files), b.Blobs.Count, b.Bytes(), keys)
	}
	return nil
}

// storeMoment is the moment of which a store is seen.
type storeMoment struct {
	at      time.Time
	version string // of the program that has written it; of a stopped one this one
}

// withStore does something with a store as it was at one moment: a stopped one, or a copy that
// the server which runs on it makes.
func (s *storedFlags) withStore(ctx context.Context, p *command.Process, running *command.Running, do func(context.Context, *server.Offline, storeMoment) error) error {
	o, err := s.open(ctx)
	if err == nil {
		return errors.Join(do(ctx, o, storeMoment{p.Now(), version}), o.Close())
	}
	if !server.IsHeld(err) {
		return err
	}
	c, held, err := running.Hold(ctx, p, s.Data)
	if err != nil {
		return err
	}
	o, err = server.OpenCheckpoint(held, s.Data, c.Name, s.roots(), plainLog())
	if err == nil {
		err = errors.Join(do(held, o, storeMoment{c.At, c.Version}), o.Close())
	}
	return c.End(ctx, err)
}
