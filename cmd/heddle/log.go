package main

import (
	"log/slog"
	"os"
	"strings"
)

// logHandler writes the log to standard error. Of an error it writes the text
// alone: some of the store's have a stack of many lines besides.
func logHandler(format string, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(err.Error())
		}
		return a
	}}
	if format == "json" {
		return slog.NewJSONHandler(os.Stderr, options)
	}
	return slog.NewTextHandler(os.Stderr, options)
}

// plainLog is the log of the commands that do one thing.
func plainLog() *slog.Logger { return slog.New(logHandler("text", slog.LevelInfo)) }

// quoted is a text as a shell takes it for one word.
func quoted(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,="
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
