package main

import (
	"context"
	"os"

	"heddle/internal/options"
	"heddle/internal/sealing"
	"heddle/internal/server"
)

// storedFlags say which store a command is about, and what opens it.
type storedFlags struct {
	Data     string           `default:"${data}" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store. ${about}"`
	RootKeys sealing.RootKeys `embed:""`
}

// roots are the root keys, with what comes from the environment only.
func (s *storedFlags) roots() sealing.RootKeys {
	options.ReadSecrets(&s.RootKeys, os.Getenv)
	return s.RootKeys
}

// open opens a stopped store for reading.
func (s *storedFlags) open(ctx context.Context) (*server.Offline, error) {
	return server.OpenOffline(ctx, s.Data, s.roots(), plainLog())
}

// databaseFlag says which database has the store, in place of the folder.
type databaseFlag struct {
	Postgres string `env:"HEDDLE_POSTGRES" placeholder:"DSN" help:"The database that has the store, in place of the folder; or @FILE that has its name. For several homes NAME=URL of each. A server may run on it."`
}

// open opens a store for reading: in a database, if one is named.
func (d *databaseFlag) open(ctx context.Context, s *storedFlags) (*server.Offline, error) {
	if d.Postgres == "" {
		return s.open(ctx)
	}
	return server.OpenOfflinePostgres(ctx, s.Data, d.Postgres, s.roots(), plainLog())
}
