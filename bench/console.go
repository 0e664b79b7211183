package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// consolePages is the result of one page of the console among a number of closed executions.
type consolePages struct {
	Server   string  `json:"server"`
	Workload string  `json:"workload"`
	Repeat   int     `json:"repeat"`
	Closed   int     `json:"closed_executions"`
	Page     string  `json:"page"`
	P50      float64 `json:"page_p50_ms"`
	P99      float64 `json:"page_p99_ms"`
	CPU      float64 `json:"server_cpu_us_per_page"`
	Bytes    int     `json:"page_bytes"`
	machine
}

// livePages is the result of pages that are open and of which nothing changes.
type livePages struct {
	Server   string  `json:"server"`
	Workload string  `json:"workload"`
	Repeat   int     `json:"repeat"`
	Open     int     `json:"open_pages"`
	Asked    int     `json:"asked"`
	Unmoved  int     `json:"answered_without_a_page"`
	CPU      float64 `json:"server_cpu_percent_of_a_core"`
	Before   float64 `json:"server_cpu_percent_without_pages"`
	machine
}

const (
	consoleAsked = 100
	liveOpen     = 100 // pages that are open
)

// measureConsole asks for pages of the console among closed executions, at each number that the
// flag says, as a browser that has signed in does; then it has pages of open executions open.
func (b *bench) measureConsole(ctx context.Context, m *measured, repeat int) error {
	return b.onClosed(ctx, m, "console", func(s *stage, n int, last bool) error {
		v, err := s.signIn()
		if err != nil {
			return err
		}
		for _, page := range []struct{ name, path string }{
			{"domains", ""}, {"domain", "bench"}, {"executions, closed", "bench/executions?status=closed"}, {"executions, of a workflowId", "bench/executions?status=closed&id=" + strconv.Itoa(n/2)},
			{"executions, of a tag", "bench/executions?status=terminated&tag=none"}, {"execution", "bench/executions/" + strconv.Itoa(n/2)},
		} {
			result := consolePages{Server: m.name, Workload: "console", Repeat: repeat, Closed: n, Page: page.name, machine: b.describe(m)}
			if err := s.ask(ctx, v, page.path, &result); err != nil {
				return err
			}
			if err := b.out.Encode(result); err != nil {
				return err
			}
		}
		if !last {
			return nil
		}
		return s.openPages(ctx, m, repeat)
	})
}

// visitor is a browser that has signed in.
type visitor struct {
	http *http.Client
	base string
}

func (s *stage) signIn() (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &visitor{&http.Client{Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: liveOpen}}, "http://" + s.target.addr + "/console/"}
	answer, err := v.http.PostForm(v.base+"sign-in", url.Values{"key": {s.target.credentials.AccessKey}, "secret": {s.target.credentials.SecretKey}})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if at := answer.Request.URL.Path; answer.StatusCode != http.StatusOK || !strings.HasSuffix(at, "/us-east-1/") {
		return nil, fmt.Errorf("sign in: %s at %s", answer.Status, at)
	}
	v.base += "us-east-1/"
	return v, nil
}

// get asks for a page; a part of one that is open, as its script does.
func (v *visitor) get(ctx context.Context, address string, partial bool) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	if partial {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Request-Type", "partial")
	}
	answer, err := v.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("get %s: %s", address, answer.Status)
	}
	return answer.StatusCode, body, err
}

// ask measures a page, again and again on one connection.
func (s *stage) ask(ctx context.Context, v *visitor, path string, result *consolePages) error {
	if _, _, err := v.get(ctx, v.base+path, false); err != nil {
		return err
	}
	before, err := s.read()
	if err != nil {
		return err
	}
	var took []time.Duration
	for range consoleAsked {
		began := time.Now()
		_, body, err := v.get(ctx, v.base+path, false)
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		result.Bytes = len(body)
	}
	after, err := s.read()
	if err != nil {
		return err
	}
	slices.Sort(took)
	result.P50, result.P99 = percentile(took, 0.5), percentile(took, 0.99)
	result.CPU = milliseconds(after.server.CPU-before.server.CPU) * 1000 / consoleAsked
	return nil
}

// follows is where a page asks whether something has happened.
var follows = regexp.MustCompile(`data-follow="([^"]+)"`)

// openPages has pages open of executions in which nothing happens, each of which waits for
// what comes next, and measures what the server spends on them beside what it spends anyhow.
func (s *stage) openPages(ctx context.Context, m *measured, repeat int) error {
	conn := s.target.connect()
	defer conn.Close()
	for i := range liveOpen {
		if _, err := conn.Call("StartWorkflowExecution", appendStart(nil, fmt.Appendf(nil, "open-%d", i), "", "")); err != nil {
			return err
		}
	}
	if err := s.rest(ctx); err != nil {
		return err
	}
	result := livePages{Server: m.name, Workload: "console-live", Repeat: repeat, Open: liveOpen, machine: s.describe(m)}
	quiet, err := s.spent(func() error {
		select {
		case <-time.After(s.duration):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return err
	}
	result.Before = 100 * quiet / max(s.duration, time.Millisecond).Seconds()
	v, err := s.signIn()
	if err != nil {
		return err
	}
	var pages []string
	for i := range liveOpen {
		_, body, err := v.get(ctx, v.base+fmt.Sprintf("bench/executions/open-%d", i), false)
		if err != nil {
			return err
		}
		at := follows.FindSubmatch(body)
		if at == nil {
			return fmt.Errorf("the page of open-%d does not follow its execution", i)
		}
		pages = append(pages, html.UnescapeString(string(at[1])))
	}
	began := time.Now()
	spent, err := s.spent(func() error { return s.profile(func() error { return s.follow(ctx, v, pages, &result) }) })
	if err != nil {
		return err
	}
	result.CPU = 100 * spent / time.Since(began).Seconds()
	return s.out.Encode(result)
}

// spent is the server's CPU time for something, in seconds.
func (s *stage) spent(do func() error) (float64, error) {
	before, err := s.read()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := s.read()
	return (after.server.CPU - before.server.CPU).Seconds(), err
}

// follow asks for each page, from where each began, as its script does: again when it is answered,
// once a second at most.
func (s *stage) follow(ctx context.Context, v *visitor, pages []string, result *livePages) error {
	ctx, cancel := context.WithTimeout(ctx, s.duration)
	defer cancel()
	host := strings.TrimSuffix(v.base, "/console/us-east-1/")
	var group sync.WaitGroup
	var counts sync.Mutex
	failed := make(chan error, len(pages))
	for i, at := range pages {
		group.Go(func() {
			begins := time.NewTimer(time.Duration(i) * time.Second / time.Duration(len(pages)))
			select {
			case <-begins.C:
			case <-ctx.Done():
				return
			}
			second := time.NewTicker(time.Second)
			defer second.Stop()
			for {
				status, body, err := v.get(ctx, host+at, true)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					failed <- err
					return
				}
				if found := follows.FindSubmatch(body); found != nil {
					at = html.UnescapeString(string(found[1]))
				}
				counts.Lock()
				result.Asked++
				if status == http.StatusNoContent {
					result.Unmoved++
				}
				counts.Unlock()
				select {
				case <-second.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	group.Wait()
	close(failed)
	return <-failed // nil: none
}
