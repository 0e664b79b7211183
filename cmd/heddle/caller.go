package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"heddle/internal/console/command"
	"heddle/internal/console/terminal"
	"heddle/internal/server"
)

// thisProcess is what commands that ask a running server have of this one.
func thisProcess() *command.Process {
	style, shown := style()
	return &command.Process{Out: os.Stdout, Err: os.Stderr, Style: style, Terminal: shown, Now: time.Now, Wait: wait, Credentials: server.CredentialsFile}
}

// wait waits so long, or until the context ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// style is how standard output takes text, and whether it is a terminal.
func style() (s terminal.Style, shown bool) {
	info, err := os.Stdout.Stat()
	shown = err == nil && info.Mode()&os.ModeCharDevice != 0
	s = terminal.Style{Width: 100, Colour: shown && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if shown {
		width, height := terminalSize()
		if width >= 60 {
			s.Width = width
		}
		s.Height = height
	}
	var columns int
	if _, err := fmt.Sscan(os.Getenv("COLUMNS"), &columns); err == nil && columns >= 60 {
		s.Width = columns
	}
	return s, shown
}
