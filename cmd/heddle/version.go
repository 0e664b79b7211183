package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the release build; see the Makefile.
var version = "development"

type versionCommand struct{}

func (versionCommand) Run() error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	_, err := fmt.Printf("heddle %s%s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
