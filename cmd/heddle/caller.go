package main

import (
	"fmt"
	"os"
	"time"

	"heddle/internal/console/command"
	"heddle/internal/console/terminal"
	"heddle/internal/server"
)

// thisProcess is what commands that ask a running server have of this one.
func thisProcess() *command.Process {
	return &command.Process{Out: os.Stdout, Style: style(), Now: time.Now, Credentials: server.CredentialsFile}
}

// style is how standard output takes text.
func style() terminal.Style {
	info, err := os.Stdout.Stat()
	shown := err == nil && info.Mode()&os.ModeCharDevice != 0
	s := terminal.Style{Width: 100, Colour: shown && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if shown {
		if width := terminalWidth(); width >= 60 {
			s.Width = width
		}
	}
	var columns int
	if _, err := fmt.Sscan(os.Getenv("COLUMNS"), &columns); err == nil && columns >= 60 {
		s.Width = columns
	}
	return s
}
