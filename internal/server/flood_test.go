package server

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Floods of those who may change nothing, beside a root user who does. What they do must
// leave the trail of changes, and of each other, as it is.

// floodChanges is how many changes there are beside a flood, and floodEach how many calls
// of the flood come between two of them.
var (
	floodChanges = flag.Int("flood-changes", 12, "changes beside a flood of calls")
	floodEach    = flag.Int("flood-each", 300, "calls of a flood between two changes")
)

// flood repeats a request as fast as it is answered, and counts.
type flood struct {
	name  string
	knock *knock
	fault string // of its answers; empty: they are allowed
	sent  atomic.Int64
}

func (f *flood) run(s *Server, signed *http.Request, ended <-chan struct{}, t *testing.T) {
	for i := 0; ; i++ {
		select {
		case <-ended:
			return
		default:
		}
		r := httptest.NewRequest(signed.Method, signed.URL.RequestURI(), strings.NewReader(f.knock.body))
		r.Host, r.Header = signed.URL.Host, signed.Header
		w := httptest.NewRecorder()
		s.door.ServeHTTP(w, r)
		if (w.Code == http.StatusOK) != (f.fault == "") || !strings.Contains(w.Body.String(), f.fault) {
			t.Errorf("%s: %d %s", f.name, w.Code, w.Body)
			return
		}
		f.sent.Add(1)
	}
}

func TestFloodsLeaveTheTrailOfChanges(t *testing.T) {
	for _, flooding := range []string{"stranger", "no permission", "read-only", "stranger, no permission, read-only"} {
		t.Run(flooding, func(t *testing.T) {
			cfg := Config{
				Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second,
				Audit: Audit{Files: AuditFile, FileMB: 1, Keep: 2},
			}
			s := start(t, cfg)
			h := &harness{t, s, rootKey(t, cfg.Data)}
			names := []string{"nobody", "reader"}
			wide := `","description":"` + strings.Repeat("wide ", 200) + `"}`
			bare, reader := h.user("nobody"), h.user("reader", allow("swf:DescribeDomain", "*"))
			h.must(h.swf(h.root, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`))
			stranger := h.root
			stranger.AccessKeyID = "AKIANOBODYKNOWSTHIS0"
			all := map[string]*flood{
				"stranger":      {name: "stranger", knock: h.swf(stranger, "DescribeDomain", `{"name":"shop"}`), fault: "UnrecognizedClientException"},
				"no permission": {name: "no permission", knock: h.swf(bare, "RegisterDomain", `{"name":"mine","workflowExecutionRetentionPeriodInDays":"1`+wide), fault: notPermitted},
				"read-only":     {name: "read-only", knock: h.swf(reader, "DescribeDomain", `{"name":"shop"}`)},
			}
			var floods []*flood
			ended := make(chan struct{})
			var running sync.WaitGroup
			for _, name := range strings.Split(flooding, ", ") {
				f := all[name]
				f.knock.header.Set("User-Agent", "agent"+strings.Repeat(" agent", 199))
				floods = append(floods, f)
				signed := h.request(f.knock)
				signed.Header.Set("Content-Length", strconv.Itoa(len(f.knock.body))) // as a server is given it
				running.Go(func() { f.run(s, signed, ended, t) })
			}
			sent := func() (n int64) {
				for _, f := range floods {
					n += f.sent.Load()
				}
				return n
			}
			waitUntil(t, "it is recorded", func() bool { return inFiles(t, cfg.Data, `"userName":"reader"`) })
			began, firstLost := time.Now(), time.Duration(0)
			for i := range *floodChanges {
				next := sent() + int64(*floodEach)
				waitUntil(t, "the flood goes on", func() bool { return sent() >= next || t.Failed() })
				name := fmt.Sprintf("evidence-%d", i)
				h.must(h.iam(h.root, "CreateUser", "UserName", name))
				names = append(names, name)
				if firstLost == 0 && !inFiles(t, cfg.Data, `"userName":"nobody"`) {
					firstLost = time.Since(began)
				}
			}
			close(ended)
			running.Wait()
			took := time.Since(began)
			closeServer(t, s)

			var trail bytes.Buffer
			if err := ReadAudit(t.Context(), AuditReading{Data: cfg.Data, Wrong: func(err error) { t.Error(err) }, Log: slog.New(slog.DiscardHandler)}, &trail); err != nil {
				t.Fatal(err)
			}
			made := map[string]bool{}
			refused := map[string]int64{}
			for line := range bytes.Lines(trail.Bytes()) {
				var r struct {
					EventName, ErrorCode string
					RequestParameters    struct{ UserName string }
					ServiceEventDetails  struct {
						Calls     int64
						ErrorCode string
					}
				}
				if err := json.Unmarshal(line, &r); err != nil {
					t.Fatal(err)
				}
				switch {
				case r.EventName == "CreateUser":
					made[r.RequestParameters.UserName] = true
				case r.EventName == "CallsRefused":
					refused[r.ServiceEventDetails.ErrorCode] += r.ServiceEventDetails.Calls
				case r.ErrorCode != "":
					refused[r.ErrorCode]++
				}
			}
			lost := 0
			for _, name := range names {
				if !made[name] {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("of %d changes %d have no record; the first went after %s", len(names), lost, firstLost)
			}
			for _, f := range floods {
				if f.fault != "" && refused[f.fault] != f.sent.Load() {
					t.Errorf("%s: the trail tells of %d refused calls, want %d", f.name, refused[f.fault], f.sent.Load())
				}
			}
			t.Logf("%d calls in %s beside %d changes, of which %d have no record (first lost after %s); trail of %d bytes", sent(), took, len(names), lost, firstLost, trail.Len())
		})
	}
}

// inFiles tells whether a text is in the files of a trail.
func inFiles(t *testing.T, data, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(AuditDir(data), "audit-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if b, _ := os.ReadFile(name); bytes.Contains(b, []byte(text)) { // it may have been deleted
			return true
		}
	}
	return false
}
