// Command sfn plays recorded cases of AWS Step Functions against a running server
// and tells where the server differs.
//
//	sfn -heddle BINARY -recordings DIR [-case TEXT]
//
// A recording is a file of JSON, a list of cases of one category: calls with what
// AWS answered, and what went on beside them, a worker of an activity or a Lambda
// function. The command does the same in the same order, many cases at a time, and
// compares each answer: members, values, histories event by event. Cases that need
// Lambda, SQS or S3 reach stand-ins of them here, and those that put objects for the server to
// read a folder of buckets.
//
// It prints one line a category, what is different first in each failed case, and
// exits with 1 if a case failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"heddle/compat/heddle"
	"heddle/compat/recordings"
)

func main() {
	binary := flag.String("heddle", os.Getenv("HEDDLE_BINARY"), "the built server")
	endpoint := flag.String("endpoint", "", "URL of a server that runs already, without authentication, instead of -heddle; its --lambda-endpoint must be -lambda")
	lambda := flag.String("lambda", "127.0.0.1:0", "address where the stand-in of Lambda listens")
	folder := flag.String("recordings", os.Getenv(recordings.Variable), "folder of recordings")
	only := flag.String("case", "", "play only the cases of a category of that name, or whose id contains it, and show all calls and differences")
	parallel := flag.Int("parallel", 16, "cases played at a time")
	flag.Parse()
	if *binary == "" && *endpoint == "" || *folder == "" {
		flag.Usage()
		os.Exit(2)
	}
	files, err := recordings.Files(*folder, "sfn")
	var all []*recording
	if err == nil {
		all, err = readRecordings(files)
	}
	if *only != "" {
		all = slices.DeleteFunc(all, func(r *recording) bool { return r.Category != *only && !strings.Contains(r.ID, *only) })
	}
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no case is called %q", *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	began := time.Now()
	results, err := playAll(context.Background(), config{*binary, *endpoint, *lambda, *parallel, *only != ""}, all)
	failed := report(os.Stdout, results)
	fmt.Printf("%.0f s\n", time.Since(began).Seconds())
	if err != nil {
		fmt.Println(err)
	}
	if failed > 0 || err != nil {
		os.Exit(1)
	}
}

// account of the server, as its flag --account has it by default.
const account = "123456789012"

type config struct {
	binary, endpoint, lambda string
	parallel                 int
	verbose                  bool
}

// playAll plays cases on a server of their own, or on a running one. The error
// tells what was wrong beside the cases.
func playAll(ctx context.Context, c config, all []*recording) (results []*result, err error) {
	listener, err := net.Listen("tcp", c.lambda)
	if err != nil {
		return nil, fmt.Errorf("stand in for Lambda: %w", err)
	}
	services := standIns{newFunctions(account, heddle.Region), newObjects(), newQueues()}
	services.queues.url = "http://" + listener.Addr().String() + "/sqs"
	standIn := &http.Server{Handler: services.handler()}
	go func() { _ = standIn.Serve(listener) }() // until Close
	defer func() { err = errors.Join(err, standIn.Close()) }()

	server, folder := &heddle.Server{URL: c.endpoint}, buckets("")
	if c.endpoint == "" {
		data, err := os.MkdirTemp("", "heddle-recordings-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
		folder = buckets(filepath.Join(data, "of-users"))
		if err := os.Mkdir(string(folder), 0o700); err != nil {
			return nil, err
		}
		server, err = heddle.Start(c.binary, data, "--auth", "none", "--buckets", string(folder), "--account", account, "--region", heddle.Region,
			"--poll-hold", "5s", "--lambda-endpoint", "http://"+listener.Addr().String(),
			"--integration", "sqs="+services.queues.url, "--integration", "s3=http://"+listener.Addr().String()+"/s3")
		if err != nil {
			return nil, err
		}
		defer func() {
			err = errors.Join(err, server.Stop())
			for _, line := range server.Complaints() {
				err = errors.Join(err, errors.New("the server logged "+line))
			}
		}()
	}
	call := func(ctx context.Context, operation string, in any) (*heddle.Answer, error) {
		return server.CallTo(ctx, heddle.StepFunctions, operation, in)
	}
	results = make([]*result, len(all))
	places := make(chan struct{}, max(1, c.parallel))
	var players sync.WaitGroup
	for i, r := range all {
		places <- struct{}{}
		players.Go(func() {
			defer func() { <-places }()
			results[i] = playOne(ctx, call, services, folder, r, c.verbose)
		})
	}
	players.Wait()
	return results, nil
}

// standIns are the services that the server calls.
type standIns struct {
	*functions
	objects *objects
	queues  *queues
}

// handler serves Lambda, and SQS and S3 below paths of their own.
func (s standIns) handler() http.Handler {
	all := http.NewServeMux()
	all.Handle("/", s.functions)
	all.Handle("/sqs/", s.queues)
	all.Handle("/s3/", http.StripPrefix("/s3", s.objects))
	return all
}

// result is how a case went.
type result struct {
	*recording
	notPlayed   bool // it needs another service
	differences []difference
	err         error  // it could not be played to its end
	said        string // calls and answers, if they were asked for
}

// playOne plays a case, if it can be.
func playOne(ctx context.Context, call caller, services standIns, folder buckets, r *recording, verbose bool) *result {
	if folder == "" {
		r.served = []string{"lambda"}
	}
	if r.elsewhere() != "" {
		return &result{recording: r, notPlayed: true}
	}
	var said strings.Builder
	var mu sync.Mutex // a case's worker speaks too
	say := func(format string, arguments ...any) {
		if verbose {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&said, "    "+format+"\n", arguments...)
		}
	}
	p := &player{call: call, functions: services.functions, buckets: folder, objects: services.objects, queues: services.queues, say: say}
	differences, err := p.play(ctx, r, newNames(services.account, services.region, time.Now()))
	mark(r.ID, differences)
	return &result{recording: r, differences: differences, err: err, said: said.String()}
}

// failures are what makes a case fail: differences that we don't mean, and those in
// the table of known ones that did not turn up.
func (r *result) failures() []string {
	if r.notPlayed {
		return nil
	}
	var list []string
	for _, d := range r.differences {
		if d.reason == "" {
			list = append(list, d.String())
		}
	}
	failed := r.err != nil
	for _, k := range knownDifferences {
		if k.id != r.ID {
			continue
		}
		turnedUp := slices.ContainsFunc(r.differences, func(d difference) bool { return k.is(r.ID, d) })
		if k.step == wholeCase {
			turnedUp = turnedUp || failed
			failed = false
		}
		if !turnedUp {
			list = append(list, fmt.Sprintf("the known difference of step %d at %q did not turn up: take it out of the table", k.step, k.path))
		}
	}
	if failed {
		list = append(list, r.err.Error())
	}
	return list
}

// report prints how all cases went, and tells how many failed.
func report(w io.Writer, results []*result) (failed int) {
	type count struct {
		passed, failed int
		needs          map[string]int
	}
	var categories []string
	counts := map[string]*count{}
	passed, known, elsewhere := 0, map[string]int{}, 0
	for _, r := range results {
		if r == nil {
			continue // it was not come to
		}
		c := counts[r.Category]
		if c == nil {
			c = &count{needs: map[string]int{}}
			counts[r.Category] = c
			categories = append(categories, r.Category)
		}
		if r.said != "" {
			fmt.Fprintf(w, "%s %s, recorded %s\n%s", r.Category, r.ID, r.Recorded, r.said)
		}
		failures := r.failures()
		switch {
		case r.notPlayed:
			c.needs[r.elsewhere()]++
			elsewhere++
		case len(failures) == 0:
			c.passed++
			passed++
		default:
			c.failed++
			failed++
			fmt.Fprintf(w, "FAIL %s %s\n\t%s\n", r.Category, r.ID, failures[0])
			if more := len(failures) - 1; more > 0 {
				fmt.Fprintf(w, "\tand %d more\n", more)
			}
		}
		for _, d := range r.differences {
			if d.reason != "" {
				known[d.reason]++
			}
		}
	}
	for _, name := range categories {
		c := counts[name]
		line := fmt.Sprintf("%-24s %4d passed %4d failed", name, c.passed, c.failed)
		for _, service := range slices.Sorted(maps.Keys(c.needs)) {
			line += fmt.Sprintf("  %d need %s", c.needs[service], service)
		}
		fmt.Fprintln(w, line)
	}
	for _, reason := range slices.Sorted(maps.Keys(known)) {
		fmt.Fprintf(w, "known: %s (%d)\n", reason, known[reason])
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d need another service\n", passed, failed, elsewhere)
	return failed
}
