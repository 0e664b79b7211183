package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"heddle/internal/console/command"
	"heddle/internal/console/terminal"
	"heddle/internal/server"
)

// thisProcess is what commands that ask a running server have of this one.
func thisProcess() *command.Process {
	style, shown := style()
	return &command.Process{Out: os.Stdout, Err: os.Stderr, Style: style, Terminal: shown, Now: time.Now, Wait: wait, Credentials: server.CredentialsFile, Browse: browse}
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

// browse opens an address in a browser, by what the system has for that. The address is an
// argument that others on the machine may see; it works once.
func browse(ctx context.Context, url string) error {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	return exec.CommandContext(ctx, name, args...).Run()
}

// isTerminal tells whether somebody reads a file at a terminal.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// style is how standard output takes text, and whether it is a terminal.
func style() (s terminal.Style, shown bool) {
	shown = isTerminal(os.Stdout)
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
