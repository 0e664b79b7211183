package server

import (
	"context"
	"encoding/json"
	"fmt"
	"heddle/internal/swf"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/shape"
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
	"heddle/test/golden"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestSessions plays testdata/sessions/*.txt against a running server, over
// HTTP. A session is blocks with a blank line between. Most are a request, four
// dashes, and the answer:
//
//	Action {json}
//	----
//	200
//	{json as it came; each element of an outer list on a line of its own}
//
// Words that begin with @ stand between action and body: @region= signs the
// request for a region; @target=, @type=, @encoding= and @method= replace what
// the request has otherwise.
//
// What differs from run to run is masked, and put back into later requests:
// RUN1, TOKEN1 and PAGE1 are the first run, task token and page token that the
// session saw; TIME is the moment at which it began, TIME+60s one a minute
// later. Times lose what is less than ten seconds, which is what the requests
// themselves may take.
//
// Other blocks:
//
//	# ...                 a comment
//	server k=v ...        how the server runs; see the function configure
//	shop                  the domain and the types that most sessions use
//	advance 60s           moves the server's clock; what is due then was done
//	as ann {policy}       what follows is asked by a new user; as root goes back
//	role name             makes a role that the service may act in
//	settle                all messages between executions have arrived
//
// With -rewrite the answers are written into the files; read the diff.
func TestSessions(t *testing.T) {
	shown, files := newCoverage(), 0
	t.Run("all", func(t *testing.T) {
		files = golden.Each(t, "testdata/sessions/*.txt", func(t *testing.T, text string) string {
			t.Parallel()
			s := newSession(t, shown)
			text = golden.Blocks(text, s.do)
			shown.played.Add(1)
			return text
		})
	})
	if !t.Failed() && int(shown.played.Load()) == files { // not if -run chose some
		shown.check(t)
	}
}

// session plays one file.
type session struct {
	t      *testing.T
	shown  *coverage
	cfg    Config
	server *Server
	logs   *slog.LevelVar // of lines that fail the session
	began  engine.Time
	user   string // who asks; empty: the root user
	users  map[string]aws.Credentials

	masks  map[string]string // what came over the wire: its placeholder
	values map[string]string // the other way
	counts map[string]int    // placeholders of each sort
}

// deadline bounds all waiting of a session; nothing in it takes that long.
const deadline = time.Minute

func newSession(t *testing.T, shown *coverage) *session {
	logs := new(slog.LevelVar)
	logs.Set(slog.LevelError)
	log := slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: logs}))
	return &session{
		t: t, shown: shown, logs: logs, masks: map[string]string{}, values: map[string]string{}, counts: map[string]int{},
		cfg: Config{
			Listen: "127.0.0.1:0", Store: StoreMemory, Auth: AuthNone, PollHold: 30 * time.Second,
			Services: Services(), Log: log,
		},
	}
}

// do plays one block. Only requests are answered.
func (s *session) do(block string) (answer string, answered bool) {
	verb, rest, _ := strings.Cut(block, " ")
	switch verb {
	case "server":
		s.configure(strings.Fields(rest))
		return "", false
	}
	s.start()
	switch verb {
	case "shop":
		s.openShop()
	case "as":
		s.become(rest)
	case "role":
		s.makeRole(rest)
	case "advance":
		s.advance(rest)
	case "settle":
		waitUntil(s.t, "settled; perhaps a task is held", s.server.isIdle)
	default:
		return s.ask(parseRequest(s.t, block)), true
	}
	return "", false
}

// configure changes the server that the session will start.
func (s *session) configure(options []string) {
	o := swf.OptionsOf(s.cfg.Services)
	numbers := map[string]*int{
		"Domains": &o.Registry.DomainsMax, "Types": &o.Registry.TypesPerDomainMax,
		"Tags": &o.Registry.TagsPerDomainMax, "RetentionDays": &o.Registry.RetentionDaysMax,
		"OpenExecutions": &o.Execution.OpenExecutionsMax, "OpenActivities": &o.Execution.OpenActivitiesMax,
		"OpenTimers": &o.Execution.OpenTimersMax, "OpenChildren": &o.Execution.OpenChildrenMax,
		"Events": &o.Execution.EventsMax, "Counted": &o.CountMax,
	}
	for _, option := range options {
		key, value, _ := strings.Cut(option, "=")
		var err error
		switch {
		case key == "hold":
			s.cfg.PollHold, err = time.ParseDuration(value)
		case key == "auth":
			s.cfg.Auth, s.cfg.Data = value, s.t.TempDir()
		case key == "retention-grace":
			o.RetentionGrace, err = time.ParseDuration(value)
		case key == "time-skip":
			s.cfg.TimeSkip = value
		case numbers[key] != nil:
			*numbers[key], err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("no such option")
		}
		if err != nil {
			s.t.Fatalf("server %s: %v", option, err)
		}
	}
}

// start starts the server, unless it runs.
func (s *session) start() {
	if s.server != nil {
		return
	}
	s.began = engine.Time(time.Now().UnixMilli())
	s.server = start(s.t, s.cfg)
	if s.cfg.TimeSkip == "" { // which warns of itself
		s.logs.Set(slog.LevelInfo) // whether a request succeeds or gets a fault, nothing is logged
	}
}

// start runs a server until the test ends.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Services = crossed(t, cfg.Services)
	server, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return server
}

// openShop registers what most sessions use: a domain, and a workflow and an
// activity type with all defaults.
func (s *session) openShop() {
	for _, request := range []string{
		`RegisterDomain {"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`,
		`RegisterWorkflowType {"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},
			"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`,
		`RegisterActivityType {"domain":"shop","name":"pack","version":"1","defaultTaskList":{"name":"packers"},
			"defaultTaskScheduleToStartTimeout":"100","defaultTaskStartToCloseTimeout":"200",
			"defaultTaskScheduleToCloseTimeout":"NONE","defaultTaskHeartbeatTimeout":"NONE"}`,
	} {
		if answer := s.ask(parseRequest(s.t, request)); answer != "200\n" {
			s.t.Fatalf("%s: %s", request, answer)
		}
	}
}

// advance moves the clock and waits until all that is due was done.
func (s *session) advance(by string) {
	d, err := time.ParseDuration(by)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, to := range []engine.Time{0, engine.Time(d.Milliseconds())} { // what is due already comes first
		to += s.server.clock.Now()
		s.server.clock.skip(to)
		s.server.node.Advance()
		waitUntil(s.t, "what is due was done", func() bool {
			next := s.server.node.NextWake()
			return (next == 0 || next > to) && !s.server.node.Unfinished()
		})
	}
}

// waitUntil gives others the processor until something holds.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("not yet: %s", what)
		}
	}
}

// isIdle tells whether nothing is done, and no task is in a worker's hands.
func (s *Server) isIdle() bool { return s.node.Quiet() && s.node.Working() == 0 }

// request is a block that asks the server something.
type request struct {
	action  string
	options map[string]string
	body    string
}

func parseRequest(t *testing.T, block string) request {
	action, rest, _ := strings.Cut(block, " ")
	q := request{action: action, options: map[string]string{}, body: rest}
	for strings.HasPrefix(q.body, "@") {
		option, rest, _ := strings.Cut(q.body[1:], " ")
		key, value, ok := strings.Cut(option, "=")
		if !ok {
			t.Fatalf("%s: want @key=value, have @%s", action, option)
		}
		q.options[key], q.body = value, rest
	}
	return q
}

func (q *request) option(key, otherwise string) string {
	if v, ok := q.options[key]; ok {
		return v
	}
	return otherwise
}

// ask sends a request and writes down its answer.
func (s *session) ask(q request) string {
	r, err := http.NewRequestWithContext(s.t.Context(), q.option("method", http.MethodPost), s.server.URL(),
		strings.NewReader(s.unmask(q.body)))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", q.option("target", wire.TargetPrefix+"."+q.action))
	r.Header.Set("Content-Type", q.option("type", "application/x-amz-json-1.0"))
	if encoding := q.option("encoding", ""); encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	if region := q.option("region", ""); region != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/"+region+"/swf/aws4_request, SignedHeaders=host, Signature=00")
	}
	if s.cfg.Auth == AuthSigV4 {
		key, known := s.users[s.user]
		if !known {
			key = s.rootKey()
		}
		sign(s.t, r, key, "swf", s.unmask(q.body))
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.check(&q, r, w, body)
	answer := strconv.Itoa(w.StatusCode) + "\n"
	for name := range w.Header {
		if strings.HasPrefix(name, "X-Heddle-") {
			answer += name + ": " + s.mask(w.Header.Get(name)) + "\n"
		}
	}
	if len(body) > 0 {
		answer += s.mask(spread(string(body))) + "\n"
	}
	return answer
}

// check looks at what is the same for all answers, and remembers for coverage
// how the action ended.
func (s *session) check(q *request, r *http.Request, w *http.Response, body []byte) {
	s.t.Helper()
	if len(w.Header.Get("x-amzn-RequestId")) != 36 {
		s.t.Errorf("%s: request id %q", q.action, w.Header.Get("x-amzn-RequestId"))
	}
	if got, want := w.Header.Get("Content-Type"), r.Header.Get("Content-Type"); got != want {
		s.t.Errorf("%s: content type %q for a request of type %q", q.action, got, want)
	}
	if w.ContentLength != int64(len(body)) {
		s.t.Errorf("%s: Content-Length %d with %d bytes", q.action, w.ContentLength, len(body))
	}
	var fault struct {
		Type string `json:"__type"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &fault); err != nil {
			s.t.Errorf("%s: %v in the answer %s", q.action, err, body)
		}
	}
	if r.Method == http.MethodPost && q.options["target"] == "" {
		if flaw := model.Flaw(q.action, w.StatusCode, body); flaw != nil {
			s.t.Errorf("%s: %v", q.action, flaw)
		}
	}
	if w.StatusCode == http.StatusOK {
		s.shown.success(s.t, q.action, body)
		return
	}
	_, name, _ := strings.Cut(fault.Type, "#")
	blame := ";Sender"
	if w.StatusCode >= 500 {
		blame = ";Receiver"
	}
	if got := w.Header.Get("x-amzn-query-error"); got != name+blame {
		s.t.Errorf("%s: x-amzn-query-error %q for %s", q.action, got, fault.Type)
	}
	s.shown.fault(s.t, q.action, fault.Type)
}

// spread puts the elements of an outer list of objects on lines of their own and
// changes nothing else.
func spread(body string) string {
	var b strings.Builder
	depth, inText, inList := 0, false, false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case inText:
			if c == '\\' {
				b.WriteByte(c)
				i++
				c = body[i]
			} else if c == '"' {
				inText = false
			}
			b.WriteByte(c)
			continue
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if inList && c == ']' && depth == 1 {
			inList = false
			b.WriteByte('\n')
		}
		b.WriteByte(c)
		if c == '[' && depth == 2 && strings.HasPrefix(body[i+1:], "{") {
			inList = true
			b.WriteString("\n  ")
		} else if inList && c == ',' && depth == 2 {
			b.WriteString("\n  ")
		}
	}
	return b.String()
}

// What is masked. Times are masked only where the model has them, and only if
// they are written as the service does: seconds, with up to three decimals.
var (
	maskedRun   = regexp.MustCompile(`\b22[A-Za-z0-9+/]{43}=`)
	maskedToken = regexp.MustCompile(`"(taskToken|nextPageToken)":"([^"]+)"`)
	maskedTime  = regexp.MustCompile(`"(eventTimestamp|startTimestamp|closeTimestamp|creationDate|deprecationDate|latestActivityTaskTimestamp)":(\d{10}(?:\.\d{1,3})?)\b`)
	startsPlain = regexp.MustCompile(`^[A-Za-z0-9]`) // shells and old clients stumble over a dash
	placeholder = regexp.MustCompile(`\b(?:RUN|TOKEN|PAGE)\d+|\bTIME\b(?:([+-]\d+)s)?`)
)

func (s *session) mask(answer string) string {
	answer = maskedToken.ReplaceAllStringFunc(answer, func(found string) string {
		m := maskedToken.FindStringSubmatch(found)
		sort, longest := "TOKEN", 1024
		if m[1] == "nextPageToken" {
			sort, longest = "PAGE", 2048
		}
		if len(m[2]) > longest || !startsPlain.MatchString(m[2]) {
			s.t.Errorf("%s of %d characters: %s", m[1], len(m[2]), m[2])
		}
		return `"` + m[1] + `":"` + s.name(sort, m[2]) + `"`
	})
	answer = maskedRun.ReplaceAllStringFunc(answer, func(found string) string { return s.name("RUN", found) })
	return maskedTime.ReplaceAllStringFunc(answer, func(found string) string {
		m := maskedTime.FindStringSubmatch(found)
		seconds, err := strconv.ParseFloat(m[2], 64)
		since := time.Duration(seconds*1000-float64(s.began)) * time.Millisecond
		if err != nil || since < -time.Second { // shown as it is, which differs from every golden file
			return found
		}
		const grain = 10 * time.Second
		at := "TIME"
		if since >= grain {
			at = fmt.Sprintf("TIME+%ds", since.Truncate(grain)/time.Second)
		}
		return `"` + m[1] + `":` + at
	})
}

// name gives the placeholder of a value.
func (s *session) name(sort, value string) string {
	if known, ok := s.masks[value]; ok {
		return known
	}
	s.counts[sort]++
	name := fmt.Sprintf("%s%d", sort, s.counts[sort])
	s.masks[value], s.values[name] = name, value
	return name
}

func (s *session) unmask(body string) string {
	return placeholder.ReplaceAllStringFunc(body, func(found string) string {
		if strings.HasPrefix(found, "TIME") {
			var off int64
			if m := placeholder.FindStringSubmatch(found); m[1] != "" {
				var err error
				if off, err = strconv.ParseInt(m[1], 10, 64); err != nil {
					s.t.Fatal(err)
				}
			}
			return string(shape.AppendTimestamp(nil, shape.Timestamp(s.began+engine.Seconds(off))))
		}
		value, ok := s.values[found]
		if !ok {
			s.t.Fatalf("%s was not seen yet", found)
		}
		return value
	})
}

// TestSpread shows that answers lose nothing but gain line ends.
func TestSpread(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                      `{}`,
		`{"events":[],"x":[1,2]}`: `{"events":[],"x":[1,2]}`,
		`{"events":[{"a":[1,2],"b":"]},{\""},{}]}`: "{\"events\":[\n  {\"a\":[1,2],\"b\":\"]},{\\\"\"},\n  {}\n]}",
		`{"tags":[{"key":"a"}],"o":{"l":[{},{}]}}`: "{\"tags\":[\n  {\"key\":\"a\"}\n],\"o\":{\"l\":[{},{}]}}",
	} {
		if got := spread(body); got != want {
			t.Errorf("spread(%s)\n got %q\nwant %q", body, got, want)
		}
	}
}
