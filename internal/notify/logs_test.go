package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	awsevents "heddle/internal/aws/eventbridge"
	"heddle/internal/engine"
)

// loggedEvent is what an execution of a state machine logs.
func loggedEvent(machine, kind string, id int, at int64) event {
	return loggedIn("/states/all", machine, kind, id, at)
}

func loggedIn(group, machine, kind string, id int, at int64) event {
	told := awsevents.Event{
		ID: awsevents.ID([16]byte{2}, int64(id)), Type: awsevents.TypeLog, Source: "heddle.states", Account: "1", At: at, Region: "r",
		Resource: "arn:aws:logs:us-east-1:123456789012:log-group:" + group + ":*",
	}
	return event{told.ID, "run", told.Append(nil, func(b []byte) []byte {
		return fmt.Appendf(b, `{"id":"%d","type":%q,"details":{},"previous_event_id":"0","event_timestamp":"%d","execution_arn":"arn:aws:states:us-east-1:1:execution:%s/label:e","redrive_count":"0"}`, id, kind, at, machine)
	})}
}

func spanEvent(service string, n int) event {
	told := awsevents.Event{ID: awsevents.ID([16]byte{3}, int64(n)), Type: awsevents.TypeSpans, Source: "heddle.traces", Account: "1", At: 1_700_000_000_000, Region: "r", Resource: "arn:x"}
	return event{told.ID, "run", told.Append(nil, func(b []byte) []byte {
		return fmt.Appendf(b, `{"service":%q,"spans":[{"name":"span-%d"},{"name":"other-%d"}]}`, service, n, n)
	})}
}

func plainEvent() event {
	told := awsevents.Event{ID: awsevents.ID([16]byte{4}, 1), Type: "Heddle Notifications Lost", Source: "heddle.events", Account: "1", At: 1_700_000_000_000, Region: "r", Resource: "x"}
	return event{told.ID, "run", told.Append(nil, func(b []byte) []byte { return append(b, `{"count":3}`...) })}
}

// logsOfMoto logs to another CloudWatch Logs, and reads what came.
func logsOfMoto(t *testing.T, c *CloudWatchLogs) {
	s := newCloudWatchLogs(c, time.Now)
	ctx := t.Context()
	began := time.Now().Add(-time.Hour).UnixMilli() // CloudWatch takes none that is two weeks old
	events := []event{
		loggedEvent("m", "ExecutionStarted", 1, began+5), loggedEvent("other", "ExecutionStarted", 1, began), plainEvent(), loggedEvent("m", "ExecutionFailed", 2, began+4),
	}
	refused := &partlyRefusedError{}
	if err := s.send(ctx, events); !errors.As(err, &refused) || !slices.Equal(sortedInts(refused.refused), []int{0, 1, 3}) || !strings.Contains(err.Error(), "/states/all") {
		t.Fatalf("a group that is not there: %v", err)
	}
	if _, err := s.call(ctx, "CreateLogGroup", []byte(`{"logGroupName":"/states/all"}`)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the streams are there
		if err := s.send(ctx, events); err != nil {
			t.Fatal(err)
		}
	}
	day := time.UnixMilli(began).UTC().Format(time.DateOnly)
	for machine, want := range map[string]string{"m": "2 1 2 1", "other": "1 1"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(fmt.Sprintf(`{"logGroupName":"/states/all","logStreamName":"states/%s/%s","startFromHead":true}`, machine, day)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "Logs_20140328.GetLogEvents")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=x")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Events []struct {
				Timestamp int64
				Message   string
			}
		}
		err = json.NewDecoder(answer.Body).Decode(&got)
		if answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range got.Events {
			var r struct {
				ID string `json:"id"`
				At string `json:"event_timestamp"`
			}
			if err := json.Unmarshal([]byte(e.Message), &r); err != nil || r.At != fmt.Sprint(e.Timestamp) {
				t.Errorf("%d %s: %v", e.Timestamp, e.Message, err)
			}
			ids = append(ids, r.ID)
		}
		if slices.Sort(ids); strings.Join(ids, " ") != strings.Join(sorted(want), " ") {
			t.Errorf("of %s is logged %v, want %s", machine, ids, want)
		}
	}
}

func sortedInts(all []int) []int {
	slices.Sort(all)
	return all
}

func sorted(words string) []string {
	all := strings.Fields(words)
	slices.Sort(all)
	return all
}

// TestCallsOfCloudWatchLogs: a call has records of one stream, in the order of their times, and no
// more than it may; what is refused for a while is no answer of "never".
func TestCallsOfCloudWatchLogs(t *testing.T) {
	var calls []string
	answer := func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusOK) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			LogGroupName, LogStreamName string
			LogEvents                   []struct{ Timestamp int64 }
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &in); err != nil || !strings.Contains(r.Header.Get("Authorization"), "/us-east-1/logs/aws4_request") {
			t.Errorf("%v, %s", err, r.Header)
		}
		call := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "Logs_20140328.") + " " + in.LogGroupName + " " + in.LogStreamName
		for _, e := range in.LogEvents {
			call += fmt.Sprint(" ", e.Timestamp)
		}
		calls = append(calls, call)
		about := in.LogGroupName
		if about == "/states/all" {
			about = string(body)
		}
		answer(w, about)
	}))
	defer server.Close()
	c := &CloudWatchLogs{Endpoint{URL: server.URL, Region: "us-east-1", Credentials: keysFile(t)}}
	if err := c.fill(); err != nil {
		t.Fatal(err)
	}
	s := newCloudWatchLogs(c, time.Now)
	day := int64(24 * 60 * 60 * 1000)
	if err := s.send(t.Context(), []event{loggedEvent("m", "x", 1, 9), loggedEvent("m", "x", 2, 8), loggedEvent("m", "x", 3, day), loggedEvent("n", "x", 1, 7)}); err != nil {
		t.Fatal(err)
	}
	want(t, "calls", strings.Join(calls, ", "),
		"PutLogEvents /states/all states/m/1970-01-01 8 9, PutLogEvents /states/all states/m/1970-01-02 86400000, PutLogEvents /states/all states/n/1970-01-01 7")
	answer = func(w http.ResponseWriter, _ string) {
		_, _ = io.WriteString(w, `{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1,"tooNewLogEventStartIndex":3}}`)
	}
	three := []event{loggedEvent("m", "x", 1, 9), loggedEvent("m", "x", 2, 7), loggedEvent("m", "x", 3, 10), loggedEvent("m", "x", 4, 8)}
	partly := &partlyRefusedError{}
	if err := s.send(t.Context(), three); !errors.As(err, &partly) || !slices.Equal(sortedInts(partly.refused), []int{1, 2}) {
		t.Errorf("what is too old or too new: %v", err)
	}
	for code, never := range map[string]bool{"ThrottlingException": false, "UnrecognizedClientException": false, "InvalidParameterException": true, "ResourceNotFoundException": true} {
		answer = func(w http.ResponseWriter, _ string) { faulty(w, code) }
		err := s.send(t.Context(), []event{loggedEvent("m", "x", 1, 9), loggedEvent("m", "x", 2, 9)})
		if partly, refused := errors.AsType[*partlyRefusedError](err); err == nil || refused != never || refused && len(partly.refused) != 2 || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	s.took = time.Time{}
	for _, c := range []struct {
		name, why string
		others    bool // take records
		want      []int
	}{
		{"one group is not there", "ResourceNotFoundException", true, []int{1}},
		{"one group denies", "AccessDeniedException", true, []int{1}},
		{"it denies, a little later", "AccessDeniedException", false, []int{0, 1, 2}},
	} {
		answer = func(w http.ResponseWriter, group string) {
			if group == "/states/gone" || !c.others {
				faulty(w, c.why)
			}
		}
		err := s.send(t.Context(), []event{loggedEvent("m", "x", 1, 9), loggedIn("/states/gone", "n", "x", 1, 9), loggedEvent("m", "x", 2, 9)})
		if partly, refused := errors.AsType[*partlyRefusedError](err); !refused || !slices.Equal(sortedInts(partly.refused), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s.took = time.Time{}
	answer = func(w http.ResponseWriter, _ string) { faulty(w, "AccessDeniedException") }
	if err := s.send(t.Context(), three); err == nil || errors.As(err, new(*partlyRefusedError)) {
		t.Errorf("where nothing was ever taken, the keys may be at fault: %v", err)
	}
	answer = func(w http.ResponseWriter, body string) {
		if strings.Count(body, `{"timestamp"`) > 1 || strings.Contains(body, `{"timestamp":10`) {
			faulty(w, "InvalidParameterException")
		}
	}
	if err := s.send(t.Context(), three); !errors.As(err, &partly) || !slices.Equal(partly.refused, []int{2}) {
		t.Errorf("one of several is at fault: %v", err)
	}
}

func faulty(w http.ResponseWriter, code string) {
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"__type":"com.amazonaws.logs#%s","message":"no"}`, code)
}

// TestOTLP: a collector gets what is logged, and spans, as the protocol has them.
func TestOTLP(t *testing.T) {
	var path, body, auth string
	status, answer := http.StatusOK, `{"partialSuccess":{}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		path, body, auth = r.URL.Path, string(b), r.Header.Get("Authorization")
		if r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("it is sent as %s", r.Header.Get("Content-Type"))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	o := &OTLP{URL: server.URL + "/", Headers: secretFile(t, "authorization: Bearer secret\n\nx-scope: me\n")}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	spans, logs := newOTLP(o, typesSpans), newOTLP(o, typesLogs)
	if err := spans.send(t.Context(), []event{spanEvent("a", 1), plainEvent(), spanEvent("b", 2), spanEvent("a", 3)}); err != nil {
		t.Fatal(err)
	}
	want(t, "path", path, "/v1/traces")
	want(t, "header", auth, "Bearer secret")
	type attributes []struct {
		Key   string
		Value struct{ StringValue string }
	}
	var traces struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes attributes }
			ScopeSpans []struct{ Spans []struct{ Name string } }
		}
	}
	if err := json.Unmarshal([]byte(body), &traces); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	got := ""
	for _, r := range traces.ResourceSpans {
		for _, a := range r.Resource.Attributes {
			got += a.Key + "=" + a.Value.StringValue + " "
		}
		for _, s := range r.ScopeSpans[0].Spans {
			got += s.Name + " "
		}
	}
	want(t, "spans", got, "service.name=a cloud.account.id=1 cloud.region=r span-1 other-1 span-3 other-3 service.name=b cloud.account.id=1 cloud.region=r span-2 other-2 ")

	if err := logs.send(t.Context(), []event{loggedEvent("a", "ExecutionStarted", 1, 5), loggedEvent("a", "ExecutionFailed", 2, 6), plainEvent(), loggedEvent("b", "PassStateEntered", 3, 7)}); err != nil {
		t.Fatal(err)
	}
	want(t, "path", path, "/v1/logs")
	var all struct {
		ResourceLogs []struct {
			Resource  struct{ Attributes attributes }
			ScopeLogs []struct {
				LogRecords []struct {
					TimeUnixNano   string
					SeverityNumber int
					Body           struct{ StringValue string }
					Attributes     attributes
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	got = ""
	for _, r := range all.ResourceLogs {
		got += r.Resource.Attributes[0].Value.StringValue + ":"
		for _, l := range r.ScopeLogs[0].LogRecords {
			if !json.Valid([]byte(l.Body.StringValue)) {
				t.Errorf("the body is %s", l.Body.StringValue)
			}
			got += fmt.Sprintf(" %s/%d", l.TimeUnixNano, l.SeverityNumber)
		}
		got += "; "
	}
	want(t, "logs", got, "a: 5000000/9 6000000/17; 1: /17; b: 7000000/9; ")

	for _, c := range []struct {
		status int
		answer string
		never  bool
		says   string
	}{
		{200, `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}`, true, "rejected 2: too old"},
		{400, ``, true, "400"}, {429, ``, false, "429"}, {503, ``, false, "503"}, {404, ``, false, "takes no spans at /v1/traces"}, {301, ``, false, "301"},
	} {
		status, answer = c.status, c.answer
		err := spans.send(t.Context(), []event{spanEvent("a", 1)})
		if _, refused := errors.AsType[*refusedError](err); err == nil || refused != c.never || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d %s: %v", c.status, c.answer, err)
		}
	}
	body = ""
	if err := spans.send(t.Context(), []event{plainEvent()}); err != nil || body != "" {
		t.Errorf("what is no span: %v, %s", err, body)
	}
}

// TestFilesOfLogs: a file has the records as CloudWatch Logs would, and one of spans what a collector
// would be sent.
func TestFilesOfLogs(t *testing.T) {
	for types, c := range map[string]struct {
		events []event
		want   string
	}{
		typesLogs:  {[]event{loggedEvent("m", "ExecutionStarted", 1, 5), plainEvent()}, `{"id":"1","type":"ExecutionStarted"`},
		typesSpans: {[]event{plainEvent(), spanEvent("a", 1)}, `{"resourceSpans":[{"resource":`},
	} {
		path := filepath.Join(t.TempDir(), "lines")
		s := &fileSink{lines: lines{File: File{Path: path, Megabytes: 1, Files: 1}}, types: types}
		if err := s.send(t.Context(), c.events); err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		all := strings.Split(strings.TrimSuffix(textOf(t, path), "\n"), "\n")
		if !strings.HasPrefix(all[0], c.want) || !json.Valid([]byte(all[0])) {
			t.Errorf("%s: %s", types, all[0])
		}
		if types == typesLogs && (len(all) != 2 || !strings.Contains(all[1], `"Heddle Notifications Lost"`)) {
			t.Errorf("what was lost is told as %v", all[1:])
		}
	}
}

// TestSorts: each target hears of its sort alone, and rows are written of what somebody wants.
func TestSorts(t *testing.T) {
	of := func(types string) *Target {
		return &Target{Name: types + "x", Types: types, File: &File{Path: "/" + types}}
	}
	log, span, plain := loggedEvent("m", "x", 1, 5).body, spanEvent("a", 1).body, plainEvent().body
	for _, c := range []struct {
		targets []string
		most    engine.Notify
		wanted  string // log, span, plain
	}{
		{[]string{"logs"}, engine.NotifyLogs, "ynn"},
		{[]string{"spans"}, engine.NotifySpans, "nyn"},
		{[]string{"logs", ""}, engine.NotifyLogs | engine.NotifyPublic, "yny"},
		{[]string{"all"}, engine.NotifyAll, "nny"},
	} {
		var all []*Target
		for _, types := range c.targets {
			all = append(all, of(types))
		}
		d := New(Config{Targets: all, Shards: 1})
		got := ""
		for _, body := range [][]byte{log, span, plain} {
			if d.Wants(&engine.Notification{Body: body}) {
				got += "y"
			} else {
				got += "n"
			}
		}
		if got != c.wanted || d.Notify() != c.most {
			t.Errorf("%v want %s, and hear %d", c.targets, got, d.Notify())
		}
		for i, target := range d.targets {
			if want := c.targets[i] == typesLogs; target.wants(log) != want {
				t.Errorf("%q of %v wants a log: %t", c.targets[i], c.targets, !want)
			}
		}
	}
}

// TestExpressIsBounded: what no shard keeps goes out in its order, and again what failed; of what a
// target does not take only so much waits, the rest is counted, and nobody is held up.
func TestExpressIsBounded(t *testing.T) {
	var mu sync.Mutex
	told := map[string]int{}
	change := func(c *Config) {
		c.Told = func(_, outcome string, n int) {
			mu.Lock()
			told[outcome] += n
			mu.Unlock()
		}
	}
	logs := &Target{Name: "logs", Types: typesLogs, File: &File{Path: "/nowhere"}}
	deliver(t, []*Target{logs, aTarget("other")}, change, func(r *toyRuns, sinks []*toySink) {
		var took []string
		fail := true
		sinks[0].set(func(events []event) error {
			mu.Lock()
			defer mu.Unlock()
			if fail {
				return errors.New("no")
			}
			for _, e := range events {
				took = append(took, e.id)
			}
			return nil
		})
		const large = 1 << 20
		var ids []string
		for i := range 20 {
			e := loggedEvent(strings.Repeat("m", large), "x", i, 5)
			ids = append(ids, e.id)
			r.d.Offer([]engine.Notification{{Event: int64(i), Body: e.body}})
		}
		r.d.Offer([]engine.Notification{{Event: 1, Body: plainEvent().body}})
		synctest.Wait()
		status, _, err := r.d.Status(context.Background(), "logs")
		if err != nil || status.Backlog != 7 || status.Error != "no" {
			t.Errorf("it stands at %+v, %v", status, err)
		}
		mu.Lock()
		fail = false
		mu.Unlock()
		time.Sleep(5 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		want(t, "what came", strings.Join(took, " "), strings.Join(ids[:7], " "))
		if told[Dropped] != 13 || told[Sent] != 8 {
			t.Errorf("%v", told)
		}
		if got := strings.Join(sinks[1].took, " "); got != "Heddle Notifications Lost:3" {
			t.Errorf("the other one got %s", got)
		}
	})
}

// TestExpressGoesOutAtTheEnd: what no shard keeps is sent once more when delivery ends, though it
// has just failed; what is refused then too is counted as dropped.
func TestExpressGoesOutAtTheEnd(t *testing.T) {
	var mu sync.Mutex
	told := map[string]int{}
	change := func(c *Config) {
		c.Told = func(target, outcome string, n int) {
			mu.Lock()
			told[target+" "+outcome] += n
			mu.Unlock()
		}
	}
	file := func(name string) *Target {
		return &Target{Name: name, Types: typesLogs, File: &File{Path: "/nowhere"}}
	}
	var took int
	deliver(t, []*Target{file("heals"), file("stays")}, change, func(r *toyRuns, sinks []*toySink) {
		no := func([]event) error { return errors.New("no") }
		sinks[0].set(no)
		sinks[1].set(no)
		for i := range 2500 {
			r.d.Offer([]engine.Notification{{Event: int64(i), Body: loggedEvent("m", "x", i, 5).body}})
		}
		synctest.Wait()
		sinks[0].set(func(events []event) error {
			took += len(events)
			return nil
		})
	})
	if took != 2500 || told["heals "+Sent] != 2500 || told["heals "+Dropped] != 0 {
		t.Errorf("%d came: %v", took, told)
	}
	if told["stays "+Sent] != 0 || told["stays "+Dropped] != 2500 {
		t.Errorf("of those that can't come: %v", told)
	}
}
