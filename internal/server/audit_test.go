package server

import (
	"encoding/json"
	"fmt"
	"heddle/internal/swf"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/swf/wire"
)

// trailOf is what is in the trail of a closed server: a file of each kind.
func trailOf(t *testing.T, data string) (trail string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(AuditDir(data), "audit-*.jsonl"))
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		trail += string(b)
	}
	return trail
}

// auditRecord is what the tests look at in a record.
type auditRecord struct {
	EventSource, EventName, EventCategory, AwsRegion, SourceIPAddress, UserAgent, ErrorCode, RecipientAccountID string

	UserIdentity      struct{ Type, ARN, AccessKeyID, AccountID string }
	RequestParameters map[string]any
	ResponseElements  map[string]any
	ReadOnly          bool
	Resources         []struct{ ARN string }
}

func recordsOf(t *testing.T, trail string) (all []auditRecord) {
	t.Helper()
	for line := range strings.Lines(trail) {
		var r auditRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, r)
	}
	return all
}

// query calls an action of IAM or STS.
func query(t *testing.T, s *Server, version, action string, more ...string) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	w, err := http.PostForm(s.URL(), form)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAudit(t *testing.T) {
	for _, data := range []bool{false, true} {
		t.Run(fmt.Sprintf("data %v", data), func(t *testing.T) {
			cfg := memory()
			cfg.Data, cfg.Audit = t.TempDir(), Audit{Files: AuditFile, Data: data}
			s := start(t, cfg)
			register(t, s)
			var secrets []string
			run := mustCall(t, s, "StartWorkflowExecution", strings.Replace(startOrder, "{", `{"input":"open sesame",`, 1)).RunID
			token := mustCall(t, s, "PollForDecisionTask", pollDeciders).TaskToken
			secrets = append(secrets, token)
			mustCall(t, s, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","executionContext":"open sesame","decisions":[{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t","startToFireTimeout":"600","control":"open sesame"}}]}`)
			mustCall(t, s, "DescribeDomain", `{"name":"shop"}`)
			page := mustCall(t, s, "GetWorkflowExecutionHistory", `{"domain":"shop","maximumPageSize":1,"execution":{"workflowId":"a","runId":"`+run+`"}}`).NextPageToken
			secrets = append(secrets, page)
			mustCall(t, s, "GetWorkflowExecutionHistory", `{"domain":"shop","maximumPageSize":1,"nextPageToken":"`+page+`","execution":{"workflowId":"a","runId":"`+run+`"}}`)
			call(t.Context(), s, "SignalWorkflowExecution", `{"domain":"nowhere","workflowId":"a","signalName":"s","input":"open sesame"}`)
			call(t.Context(), s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a","reason":"open sesame `+strings.Repeat("x", 300)+`"}`)
			call(t.Context(), s, "TerminateWorkflowExecution", `{"domain":`)
			call(t.Context(), s, "Unheard", `{}`)

			const iam, sts = "2010-05-08", "2011-06-15"
			query(t, s, iam, "CreateUser", "UserName", "ann", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")
			for _, answer := range []string{query(t, s, iam, "CreateAccessKey", "UserName", "ann"), query(t, s, sts, "GetSessionToken")} {
				for _, found := range regexp.MustCompile(`<(?:SecretAccessKey|SessionToken)>([^<]+)<`).FindAllStringSubmatch(answer, -1) {
					secrets = append(secrets, found[1])
				}
			}
			query(t, s, iam, "DeleteUser", "UserName", "nobody")
			closeServer(t, s)

			trail := trailOf(t, cfg.Data)
			if slices.Contains(secrets, "") || len(secrets) != 5 {
				t.Fatalf("secrets %q", secrets)
			}
			for _, secret := range secrets {
				if strings.Contains(trail, secret) {
					t.Errorf("%q is in the trail", secret)
				}
			}
			if got := strings.Contains(trail, "open sesame"); got != data {
				t.Errorf("data is in the trail: %v", got)
			}
			var got []string
			for _, r := range recordsOf(t, trail) {
				if r.UserIdentity.Type != "Root" || r.UserIdentity.AccountID != defaults.Account || r.SourceIPAddress != "127.0.0.1" || r.AwsRegion != defaults.Region || r.RecipientAccountID != defaults.Account {
					t.Errorf("%+v", r)
				}
				line := strings.TrimSuffix(r.EventSource, ".amazonaws.com") + ":" + r.EventName
				for _, resource := range r.Resources {
					line += " " + resource.ARN[strings.LastIndexByte(resource.ARN, ':')+1:]
				}
				if r.ErrorCode != "" {
					line += " " + r.ErrorCode
				}
				if r.ReadOnly {
					line += " reads"
				}
				if r.EventCategory == "Data" {
					line += " data"
				}
				for _, member := range slices.Sorted(maps.Keys(r.ResponseElements)) {
					line += " " + member
				}
				got = append(got, line)
			}
			want := []string{
				// Each kind is in a file of its own.
				"swf:StartWorkflowExecution /domain/shop data runId",
				"swf:PollForDecisionTask /domain/shop data previousStartedEventId startedEventId taskToken workflowExecution workflowType",
				"swf:RespondDecisionTaskCompleted /domain/shop data",
				"swf:DescribeDomain /domain/shop reads",
				"swf:GetWorkflowExecutionHistory /domain/shop reads data",
				"swf:GetWorkflowExecutionHistory /domain/shop reads data",
				"swf:SignalWorkflowExecution /domain/nowhere UnknownResourceFault data",
				"swf:TerminateWorkflowExecution ValidationException data",
				"swf:TerminateWorkflowExecution SerializationException data",
				"iam:DeleteUser NoSuchEntity", // it changed nothing
				"swf:RegisterDomain /domain/shop",
				"swf:RegisterWorkflowType /domain/shop",
				"iam:CreateUser user",
				"iam:CreateAccessKey accessKey",
				"sts:GetSessionToken credentials",
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// Of senders who are not known, only their claims about themselves are recorded.
func TestAuditOfUnknownSenders(t *testing.T) {
	cfg := memory()
	cfg.Auth, cfg.Data, cfg.Audit = AuthSigV4, t.TempDir(), Audit{Files: AuditFile}
	s := start(t, cfg)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(`{"name":"sesame"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", wire.TargetPrefix+".DescribeDomain")
	now := time.Now().UTC()
	r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIANOBODY/"+now.Format("20060102")+"/eu-north-1/swf/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0", 64))
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Body.Close(); err != nil {
		t.Fatal(err)
	}
	query(t, s, "2010-05-08", "CreateUser", "UserName", "sesame") // whose body nobody reads, so nobody knows the action
	get, err := http.Get(s.URL() + "/?Action=CreateUser&Version=2010-05-08&UserName=sesame")
	if err != nil {
		t.Fatal(err)
	}
	if err := get.Body.Close(); err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	trail := trailOf(t, cfg.Data)
	all := recordsOf(t, trail)
	if len(all) != 2 || strings.Contains(trail, "sesame") {
		t.Fatal(trail)
	}
	for i, want := range []struct{ key, code string }{{"AKIANOBODY", "UnrecognizedClientException"}, {"", "MissingAuthenticationToken"}} {
		r := all[i]
		if r.UserIdentity.Type != "Unknown" || r.UserIdentity.ARN != "" || r.UserIdentity.AccessKeyID != want.key || r.ErrorCode != want.code || r.AwsRegion != defaults.Region || r.RequestParameters != nil {
			t.Errorf("%+v", r)
		}
	}
}

func TestAuditOfManagement(t *testing.T) {
	cfg := memory()
	cfg.Data, cfg.Audit = t.TempDir(), Audit{Files: AuditFile, Events: AuditManagement}
	s := start(t, cfg)
	register(t, s)
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	closeServer(t, s)
	if n := len(recordsOf(t, trailOf(t, cfg.Data))); n != 2 {
		t.Errorf("%d records", n)
	}
}

func TestAuditIsOffInMemory(t *testing.T) {
	cfg := memory()
	cfg.Data = t.TempDir()
	closeServer(t, start(t, cfg))
	if entries, err := os.ReadDir(cfg.Data); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// Of each action it is known whether it reads, and whether it is about
// executions.
func TestAuditClasses(t *testing.T) {
	var reads, manages []string
	aboutExecutions := swf.Service().Audit.DataEvent
	for action := range wire.Faults() {
		if readsOnly(action) {
			reads = append(reads, action)
		}
		if !aboutExecutions(action) {
			manages = append(manages, action)
		}
	}
	slices.Sort(reads)
	slices.Sort(manages)
	if got, want := strings.Join(reads, " "), "CountClosedWorkflowExecutions CountOpenWorkflowExecutions CountPendingActivityTasks CountPendingDecisionTasks DescribeActivityType DescribeDomain DescribeWorkflowExecution DescribeWorkflowType GetWorkflowExecutionHistory ListActivityTypes ListClosedWorkflowExecutions ListDomains ListOpenWorkflowExecutions ListTagsForResource ListWorkflowTypes"; got != want {
		t.Errorf("reads: %s", got)
	}
	if got, want := strings.Join(manages, " "), "DeleteActivityType DeleteWorkflowType DeprecateActivityType DeprecateDomain DeprecateWorkflowType DescribeActivityType DescribeDomain DescribeWorkflowType ListActivityTypes ListDomains ListTagsForResource ListWorkflowTypes RegisterActivityType RegisterDomain RegisterWorkflowType TagResource UndeprecateActivityType UndeprecateDomain UndeprecateWorkflowType UntagResource"; got != want {
		t.Errorf("management: %s", got)
	}
}

func TestThrottle(t *testing.T) {
	cfg := memory()
	cfg.Throttle, cfg.ThrottleRates = ThrottleAWS, []string{"ListDomains=2/1", "StartTimer=1/1"}
	s := start(t, cfg)
	defer closeServer(t, s)
	register(t, s)
	refused := 0
	for i := range 20 {
		if i == 10 {
			spend(s, "swf", "ListDomains")
		}
		a := call(t.Context(), s, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
		if a.status == http.StatusOK {
			continue
		}
		refused++
		if want := `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}`; a.status != http.StatusBadRequest || a.body != want {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if refused == 0 {
		t.Error("nothing was throttled")
	}
	mustCall(t, s, "DescribeDomain", `{"name":"shop"}`)

	mustCall(t, s, "StartWorkflowExecution", startOrder)
	task := mustCall(t, s, "PollForDecisionTask", pollDeciders)
	timer := func(id string) string {
		return `{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"` + id + `","startToFireTimeout":"600"}}`
	}
	mustCall(t, s, "RespondDecisionTaskCompleted", `{"taskToken":"`+task.TaskToken+`","decisions":[`+timer("a")+`,`+timer("b")+`]}`)
	events := fmt.Sprintf("%s", mustCall(t, s, "PollForDecisionTask", pollDeciders).Events)
	if !strings.Contains(events, `"timerStartedEventAttributes"`) || !strings.Contains(events, `"TIMER_CREATION_RATE_EXCEEDED"`) {
		t.Error(events)
	}

	// Both are counted, of the account and the region.
	now := scrape(t, s)
	for name, want := range map[string]int{
		"throttle_taken_total{account=123456789012,api=ListDomains,region=us-east-1}":              20 - refused,
		"throttled_total{account=123456789012,api=ListDomains,region=us-east-1,scope=account}":     refused,
		"throttle_taken_total{account=123456789012,decision=StartTimer,region=us-east-1}":          1,
		"throttled_total{account=123456789012,decision=StartTimer,region=us-east-1,scope=account}": 1,
	} {
		if got := now["heddle_swf_"+name]; int(got) != want {
			t.Errorf("%s is %g, want %d", name, got, want)
		}
	}
}

func TestConfigOfAuditAndThrottle(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`--audit "x"`:                         func(c *Config) { c.Audit.Files = "x" },
		`--audit-events "x"`:                  func(c *Config) { c.Audit.Events = "x" },
		`--audit-keep -1`:                     func(c *Config) { c.Audit.Keep = -1 },
		`--throttle "x"`:                      func(c *Config) { c.Throttle = "x" },
		`--throttle-rate: rate "Nothing=1/1"`: func(c *Config) { c.Throttle, c.ThrottleRates = ThrottleAWS, []string{"Nothing=1/1"} },
		`webhook: want a URL`:                 func(c *Config) { c.Audit.WebhookURL = "ftp://x" },
		`"/dev/null" is no folder`:            func(c *Config) { c.Audit.Files, c.Data = AuditFile, "/dev/null" },
	} {
		cfg := memory()
		change(&cfg)
		if s, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
			if err == nil {
				closeServer(t, s)
			}
		}
	}
}
