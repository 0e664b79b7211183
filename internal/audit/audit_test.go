package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/test/golden"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var quiet = slog.New(slog.DiscardHandler)

// house is a trail with what it needs.
type house struct {
	*Trail
	t   *testing.T
	log bytes.Buffer
	mu  sync.Mutex // of log and now
	now time.Time
	ids atomic.Uint64
}

func newHouse(t *testing.T, c Config) *house {
	t.Helper()
	h := &house{t: t, now: noon}
	if c.Now == nil {
		c.Now = h.clock
	}
	c.Within, c.Random = context.WithTimeout, h.random
	c.Log = slog.New(slog.NewTextHandler(h, nil))
	c.Account, c.Region = "123456789012", "us-east-1"
	if c.Files.Confirmed == nil {
		c.Files.Confirmed = c.Now
	}
	if c.Files.ChangesAge == 0 {
		c.Files.ChangesAge = 24 * time.Hour
	}
	if c.Files.BytesMax == 0 {
		c.Files.BytesMax, c.Files.AgeMax, c.Files.Keep = 1<<30, 24*time.Hour, 10
	}
	var err error
	if h.Trail, err = Start(c); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) random() (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], h.ids.Add(1))
	return id
}

// record records a call, of which the test knows that there is room.
func (h *house) record(c *Call) {
	h.t.Helper()
	if err := h.Record(c); err != nil {
		h.t.Error(err)
	}
}

// Write takes log lines.
func (h *house) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(b)
}

func (h *house) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

func (h *house) stop() {
	h.t.Helper()
	if err := errors.Join(h.Stop(context.Background()), h.Stop(context.Background())); err != nil {
		h.t.Fatal(err)
	}
}

// trailOf reads all files of a folder, in order.
func trailOf(t *testing.T, dir string) (lines []string) {
	t.Helper()
	for _, name := range filesOf(t, dir) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			continue
		}
		if b[len(b)-1] != '\n' {
			t.Errorf("%s ends in the middle of a line", name)
		}
		lines = append(lines, strings.Split(string(b[:len(b)-1]), "\n")...)
	}
	return lines
}

func filesOf(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// record is what a reader sees of a line.
type record struct {
	EventName           string
	EventID             string
	RequestID           string
	RequestParameters   json.RawMessage
	ServiceEventDetails struct{ Records int }
}

func recordOf(t *testing.T, line string) (r record) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return r
}

func TestGolden(t *testing.T) {
	h := newHouse(t, Config{})
	user := Identity{
		Type: "IAMUser", PrincipalID: "AIDAEXAMPLE", ARN: "arn:aws:iam::123456789012:user/ann",
		Account: "123456789012", AccessKey: "AKIAEXAMPLE", UserName: "ann",
	}
	base := Call{
		Time: noon, Service: "swf", Identity: user, Account: "123456789012", Region: "us-east-1",
		SourceIP: "10.0.0.1", UserAgent: `aws-cli/2 "x"` + "\n", RequestID: "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
	}
	call := func(change func(*Call)) *Call {
		c := base
		change(&c)
		return &c
	}
	for _, c := range []struct {
		name string
		call *Call
	}{
		{"start", call(func(c *Call) {
			c.Action, c.DataEvent = "StartWorkflowExecution", true
			c.Request = table.Show([]byte(`{"domain":"orders","workflowId":"o-1","workflowType":{"name":"order","version":"1"},"input":"{\"card\":1}","tagList":["a","b"], "unknown":"x"}`), Calls, false)
			c.Response = table.Show([]byte(`{"runId":"22abc="}`), Calls, false)
			c.Resources = []Resource{{"arn:aws:swf:us-east-1:123456789012:/domain/orders", "123456789012", "AWS::SWF::Domain"}}
		})},
		{"describe", call(func(c *Call) {
			c.Action, c.ReadOnly = "DescribeDomain", true
			c.Request = table.Show([]byte(`{"name":"orders"}`), Calls, false)
		})},
		{"refused", call(func(c *Call) {
			c.Action, c.DataEvent = "SignalWorkflowExecution", true
			c.Identity = Identity{Type: "Unknown", AccessKey: "AKIAWRONG"}
			c.ErrorCode, c.ErrorMessage = "UnrecognizedClientException", "The security token included in the request is invalid."
		})},
		{"invalid", call(func(c *Call) {
			c.Action, c.DataEvent = "RespondActivityTaskFailed", true
			c.Request = table.Show([]byte(`{"taskToken":"AAA","reason":"because"}`), Calls, false)
			c.ErrorCode, c.ErrorMessage = "ValidationException", "1 validation error detected: Value 'because' at 'reason' failed to satisfy constraint: Member must have length less than or equal to 3"
		})},
		{"role", call(func(c *Call) {
			c.Service, c.Action = "iam", "CreateAccessKey"
			c.Identity = Identity{
				Type: "AssumedRole", PrincipalID: "AROAEXAMPLE:s", ARN: "arn:aws:sts::123456789012:assumed-role/admin/s",
				Account: "123456789012", AccessKey: "ASIAEXAMPLE",
				Session: Session{noon.Add(-time.Hour), Issuer{"Role", "AROAEXAMPLE", "arn:aws:iam::123456789012:role/admin", "123456789012", "admin"}},
			}
			c.Request = table.Show([]byte(`{"UserName":"ann"}`), Calls, false)
			c.Response = table.Show([]byte(`{"AccessKey":{"AccessKeyId":"AKIANEW","SecretAccessKey":"sesame","Status":"Active","UserName":"ann"}}`), Calls, false)
			c.TLS = TLS{"TLSv1.3", "TLS_AES_128_GCM_SHA256", "iam.example"}
		})},
		{"node", call(func(c *Call) { c.Action = "DeprecateDomain" })},
	} {
		node := ""
		if c.name == "node" {
			node = "a"
		}
		compare(t, c.name, c.call.append(nil, [16]byte{1, 2, 15: 3}, node, false))
	}
	compare(t, "gap", h.appendGap(nil, 7))
}

// compare compares a line with testdata/name.json.
func compare(t *testing.T, name string, line []byte) {
	t.Helper()
	if n := bytes.IndexByte(line, '\n'); n != len(line)-1 {
		t.Errorf("%s is not one line: %q", name, line)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, line, "", "  "); err != nil {
		t.Fatalf("%s: %v: %s", name, err, line)
	}
	golden.Compare(t, "testdata/"+name+".json", got.String())
}

func TestManyCallersOneTrail(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, Config{Files: Files{Dir: dir, BytesMax: 300 << 10, AgeMax: time.Hour, Keep: 1000}})
	const callers, calls = 8, 500
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range calls {
				h.record(&Call{Time: noon, Service: "swf", Action: "ListDomains", RequestID: fmt.Sprint(caller, "-", i)})
			}
		})
	}
	all.Wait()
	h.stop()
	seen := map[string]bool{}
	last := map[string]int{}
	for _, line := range trailOf(t, dir) {
		r := recordOf(t, line)
		var caller string
		var i int
		if _, err := fmt.Sscanf(strings.Replace(r.RequestID, "-", " ", 1), "%s %d", &caller, &i); err != nil {
			t.Fatal(err)
		}
		if want := last[caller]; i != want {
			t.Fatalf("record %d of caller %s comes where %d should", i, caller, want)
		}
		last[caller] = i + 1
		seen[r.EventID] = true
	}
	if len(seen) != callers*calls {
		t.Errorf("%d records with ids of their own, want %d", len(seen), callers*calls)
	}
	if n := len(filesOf(t, dir)); n < 6 {
		t.Errorf("%d files; they should have been rotated", n)
	}
	if c := h.Counts(); c != (Counts{Recorded: callers * calls}) {
		t.Errorf("counts %+v", c)
	}
}

func BenchmarkRecord(b *testing.B) {
	for name, key := range map[string]*Key{"plain": nil, "sealed": testKey} {
		b.Run(name, func(b *testing.B) { benchmarkRecord(b, key) })
	}
}

func benchmarkRecord(b *testing.B, key *Key) {
	h, err := Start(Config{
		Files: Files{Dir: b.TempDir(), Key: key, BytesMax: 100 << 20, AgeMax: time.Hour, Keep: 2},
		Now:   time.Now, Within: context.WithTimeout, Random: func() [16]byte { return [16]byte{} }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"domain":"orders","workflowId":"order-1234567","workflowType":{"name":"order","version":"1.0"},"taskList":{"name":"deciders"},"input":"` + strings.Repeat("x", 1000) + `","tagList":["a","b"],"childPolicy":"TERMINATE"}`)
	answer := []byte(`{"runId":"22abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP="}`)
	b.ReportAllocs()
	for b.Loop() {
		err = h.Record(&Call{
			Time: noon, Service: "swf", Action: "StartWorkflowExecution", DataEvent: true,
			Identity: Identity{Type: "IAMUser", PrincipalID: "AIDAEXAMPLE", ARN: "arn:aws:iam::123456789012:user/ann", Account: "123456789012", AccessKey: "AKIAEXAMPLE", UserName: "ann"},
			Account:  "123456789012", Region: "us-east-1", SourceIP: "10.0.0.1", UserAgent: "Boto3/1.34 md/Botocore#1.34",
			RequestID: "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
			Request:   table.Show(body, Calls, false), Response: table.Show(answer, Calls, false),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := h.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(h.Counts().FilesLost), "lost")
}
