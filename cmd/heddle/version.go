package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"heddle/internal/server"
)

// version is what a release is called; the release build sets it.
var version = "development"

type versionCommand struct{}

func (versionCommand) Run(k *kong.Kong) error {
	_, err := fmt.Fprint(k.Stdout, versionText())
	return err
}

// versionFlag prints the version, whatever else is asked for.
type versionFlag bool

// BeforeReset implements kong.BeforeReset.
func (versionFlag) BeforeReset(k *kong.Kong) error {
	if _, err := fmt.Fprint(k.Stdout, versionText()); err != nil {
		return err
	}
	k.Exit(0)
	return nil
}

// versionText says what this build is.
func versionText() string {
	commit, changed := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = ", changed since"
			}
		}
	}
	return fmt.Sprintf("heddle %s\ncommit %s%s\n%s %s/%s\nstore format %d\n", version, commit, changed, runtime.Version(), runtime.GOOS, runtime.GOARCH, server.StoreFormat)
}
