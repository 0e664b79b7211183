// Command swf replays recorded traffic of Amazon SWF against a running
// server and tells where the server differs.
//
//	swf -heddle BINARY -recordings DIR
//
// A recording is a file of JSON, a list of {operation, request, response}. From
// the history at its end the command derives what the clients did (poll, decide,
// respond, signal, cancel), does the same in the same order, and compares the
// histories: events, ids, order, which attributes are present, values, and which
// events share a time. Recordings without a history are replayed call by call.
// It prints one line a recording and exits with 1 if one differs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"heddle/compat/heddle"
	"heddle/compat/recordings"
)

func main() {
	binary := flag.String("heddle", os.Getenv("HEDDLE_BINARY"), "the built server")
	folder := flag.String("recordings", os.Getenv(recordings.Variable), "folder of recordings")
	flag.Parse()
	if *binary == "" || *folder == "" {
		flag.Usage()
		os.Exit(2)
	}
	files, err := recordings.Files(*folder, "swf")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	failed := 0
	for _, file := range files {
		line, ok := report(context.Background(), *binary, file)
		fmt.Println(line)
		if !ok {
			failed++
		}
	}
	fmt.Printf("%d passed, %d failed\n", len(files)-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// report replays one recording and tells how it went, in a line and, if
// something differs, more lines below.
func report(ctx context.Context, binary, file string) (text string, ok bool) {
	name := strings.TrimSuffix(filepath.Base(file), ".json")
	result, err := replayFile(ctx, binary, file)
	if err != nil {
		result.differences = append(result.differences, difference{path: "replay", text: err.Error()})
	}
	explained := map[string]int{}
	var unexplained []string
	for _, d := range result.differences {
		if d.reason == "" {
			unexplained = append(unexplained, d.String())
		} else {
			explained[d.reason]++
		}
	}
	verdict := "ok  "
	if len(unexplained) > 0 {
		verdict = "FAIL"
	}
	text = fmt.Sprintf("%s %-30s %s", verdict, name, result.what)
	for _, k := range knownDifferences {
		if n := explained[k.reason]; n > 0 {
			text += fmt.Sprintf("; known: %s (%d)", k.reason, n)
		}
	}
	for _, u := range unexplained {
		text += "\n       " + u
	}
	return text, len(unexplained) == 0
}

// replayFile replays one recording on a server of its own.
func replayFile(ctx context.Context, binary, file string) (result result, err error) {
	calls, err := readRecording(file)
	if err != nil {
		return result, err
	}
	data, err := os.MkdirTemp("", "heddle-recording-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	server, err := heddle.Start(binary, data, "--poll-hold", "5s")
	if err != nil {
		return result, err
	}
	defer func() {
		err = errors.Join(err, server.Stop())
		for _, c := range server.Complaints() {
			err = errors.Join(err, errors.New("the server logged "+c))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	return replay(ctx, server, calls)
}
