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
	Postgres string           `env:"HEDDLE_POSTGRES" placeholder:"DSN" help:"The database that has the store, in place of the folder; or @FILE that has its name."`
	RootKeys sealing.RootKeys `embed:""`
}

// roots are the root keys, with what comes from the environment only.
func (s *storedFlags) roots() sealing.RootKeys {
	options.ReadSecrets(&s.RootKeys, os.Getenv)
	return s.RootKeys
}

// name is how errors call the store.
func (s *storedFlags) name() string {
	if s.Postgres != "" {
		return "in PostgreSQL"
	}
	return s.Data
}

// open opens a store for reading: one in a folder must be stopped.
func (s *storedFlags) open(ctx context.Context) (*server.Offline, error) {
	if s.Postgres != "" {
		return server.OpenOfflinePostgres(ctx, s.Data, s.Postgres, s.roots(), plainLog())
	}
	return server.OpenOffline(ctx, s.Data, s.roots(), plainLog())
}
