package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	buckets "heddle/internal/bucket"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
	"heddle/internal/swf/wire"
)

// fuzzed is a server behind whose front a fuzzer stands.
func fuzzed(t *testing.T, change ...func(*Config)) *Server {
	cfg := memory()
	for _, c := range change {
		c(&cfg)
	}
	cfg.PollHold = time.Millisecond
	cfg.Log = slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s) })
	return s
}

// complaints fails a test on what is written to it.
type complaints struct{ t testing.TB }

func (c complaints) Write(text []byte) (int, error) {
	if strings.Contains(string(text), " known_in=") && strings.Contains(string(text), "level=INFO") {
		return len(text), nil // a hint, and no trouble: TestDomainElsewhere
	}
	c.t.Errorf("logged: %s", text)
	return len(text), nil
}

// serve hands a request to the server and wants an answer that a client can read
// and that is no failure of the server's.
func serve(t *testing.T, s *Server, r *http.Request) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	s.door.ServeHTTP(w, r.WithContext(t.Context()))
	body := w.Body.Bytes()
	if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
		t.Fatalf("%s %s: %d %s", r.Method, r.Header.Get("X-Amz-Target"), w.Code, body)
	}
	if kind := w.Header().Get("Content-Type"); (strings.HasPrefix(kind, "application/x-amz-json") || kind == "application/json") && len(body) > 0 && !json.Valid(body) {
		t.Fatalf("%d with what is not JSON: %q", w.Code, body)
	}
	return body
}

// FuzzFront sends any bytes as one HTTP request.
func FuzzFront(f *testing.F) {
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: SimpleWorkflowService.ListDomains\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 35\r\n\r\n{\"registrationStatus\":\"REGISTERED\"}",
		"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: SimpleWorkflowService.\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"PUT //x?X-Amz-Signature=1 HTTP/1.0\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20260517/b/swf/aws4_request,SignedHeaders=host,Signature=\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nX-Amz-Target: SimpleWorkflowService.RegisterDomain\r\nContent-Length: 99999999999\r\n\r\n{",
		"GET /v1/jobs?maxResults=200&dataSetId=%2F HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST /tags/arn%3Aaws%3Adataexchange%3Aus-east-1%3A123456789012%3Adata-sets%2F0 HTTP/1.1\r\nHost: h\r\nContent-Length: 18\r\n\r\n{\"tags\":{\"k\":\"v\"}}",
		"PUT /_dx/AAAA HTTP/1.1\r\nHost: h\r\nContent-MD5: x\r\nContent-Length: 1\r\n\r\n0",
		"POST /?Action=ListUsers HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 18\r\n\r\nVersion=2010-05-08",
	} {
		f.Add([]byte(request))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		serve(t, fuzzed(t), r)
	})
}

// FuzzSession sends any sequence of calls, one a line: an action, a space, a
// body. RUN1, TOKEN1 and PAGE1 in a body stand for the latest run, task token and
// page token that an answer had. In the end the stored logs fold to what the
// server had in memory.
func FuzzSession(f *testing.F) {
	const prelude = `RegisterDomain {"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}
RegisterWorkflowType {"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}
RegisterActivityType {"domain":"shop","name":"charge","version":"1","defaultTaskList":{"name":"workers"},"defaultTaskHeartbeatTimeout":"NONE","defaultTaskScheduleToStartTimeout":"60","defaultTaskStartToCloseTimeout":"60","defaultTaskScheduleToCloseTimeout":"60"}
StartWorkflowExecution ` + startOrder + "\nPollForDecisionTask " + pollDeciders
	files, err := filepath.Glob("testdata/sessions/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no sessions: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var calls []string
		for block := range strings.SplitSeq(string(text), "\n\n") {
			request, _, asked := strings.Cut(block, "\n----")
			if asked && !strings.Contains(request, " @") {
				calls = append(calls, strings.ReplaceAll(request, "\n", " "))
			}
		}
		for len(calls) > 0 {
			n := min(6, len(calls))
			f.Add(strings.Join(calls[:n], "\n"))
			calls = calls[n:]
		}
	}
	const callsMax = 30
	f.Fuzz(func(t *testing.T, script string) {
		s := fuzzed(t)
		latest := map[string]string{"RUN1": "RUN1", "TOKEN1": "TOKEN1", "PAGE1": "PAGE1"}
		lines := strings.Split(prelude+"\n"+script, "\n")
		for _, line := range lines[:min(callsMax, len(lines))] {
			action, body, _ := strings.Cut(line, " ")
			for placeholder, value := range latest {
				body = strings.ReplaceAll(body, placeholder, value)
			}
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("X-Amz-Target", wire.TargetPrefix+"."+action)
			var out struct{ RunID, TaskToken, NextPageToken string }
			answer := serve(t, s, r)
			if json.Unmarshal(answer, &out) != nil {
				continue // health says "ok"
			}
			for placeholder, value := range map[string]string{"RUN1": out.RunID, "TOKEN1": out.TaskToken, "PAGE1": out.NextPageToken} {
				if value != "" {
					latest[placeholder] = value
				}
			}
		}
		checkMemory(t, s)
	})
}

// FuzzExchange plays calls of Data Exchange, a line each: METHOD PATH BODY, in which ID1 is the id
// of what was made last. No call fails the server, and what it has stored is whole.
func FuzzExchange(f *testing.F) {
	files, err := filepath.Glob("testdata/dataexchange/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no stories: %v", err)
	}
	ids := regexp.MustCompile(`ID\d+`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var calls []string
		for line := range strings.Lines(string(text)) {
			if call, ours := strings.CutPrefix(strings.TrimSpace(line), "root "); ours {
				calls = append(calls, ids.ReplaceAllString(strings.ReplaceAll(call, "ARN:", exchangeARN), "ID1"))
			}
		}
		for some := range slices.Chunk(calls, 6) {
			f.Add(strings.Join(some, "\n"))
		}
	}
	const callsMax = 20
	const prelude = `POST /v1/data-sets {"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}
POST /v1/data-sets/ID1/revisions {}`
	f.Fuzz(func(t *testing.T, script string) {
		memory := &buckets.Memory{}
		memory.Make("source")
		s := fuzzed(t, func(c *Config) { c.buckets = func(string) buckets.Store { return memory } })
		latest := strings.Repeat("0", 32)
		lines := strings.Split(prelude+"\n"+script, "\n")
		for _, line := range lines[:min(callsMax, len(lines))] {
			method, rest, _ := strings.Cut(strings.ReplaceAll(line, "ID1", latest), " ")
			path, body, _ := strings.Cut(rest, " ")
			address, err := url.ParseRequestURI(path)
			if err != nil || address.Path == "" {
				continue
			}
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Method, r.URL, r.RequestURI = method, address, path
			var made struct{ ID string }
			if json.Unmarshal(serve(t, s, r), &made) == nil && made.ID != "" {
				latest = made.ID
			}
		}
		checkMemory(t, s)
	})
}

// checkMemory closes a server and checks what it stored.
func checkMemory(t *testing.T, s *Server) {
	t.Helper()
	closeServer(t, s)
	stopped := s.store.(*memstore.Store).Reopen()
	found, err := inspectStore(t.Context(), stopped, stopped.Shards())
	if err != nil || len(found.Wrong) > 0 {
		t.Fatalf("check: %+v, %v", found, err)
	}
}

// inspectStore is what heddle check does, on any store that nobody writes.
func inspectStore(ctx context.Context, e store.Store, shards uint16) (*runlog.Findings, error) {
	key, err := storeKey(ctx, e.Meta(), hashKeyName)
	if err != nil {
		return nil, err
	}
	var cfg Config
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	hash := keys.Hash(key)
	view, err := e.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	return runlog.Check(ctx, view, runlog.Checking{Shards: shards, Hash: &hash, Rules: rulesOf(cfg.Services)})
}
