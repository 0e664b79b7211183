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
