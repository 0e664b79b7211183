package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	names "github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/swf/execution"
)

const (
	rulesFile     = "../../deploy/prometheus/heddle.rules.yml"
	dashboardFile = "../../deploy/grafana/heddle.json"
	metricsPage   = "../../docs/METRICS.md"
)

// askStates calls Step Functions.
func askStates(t *testing.T, s *Server, action, format string, args ...any) (out struct{ ExecutionARN, StateMachineARN, StateMachineVersionARN, TaskToken, Status, Input string }) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(fmt.Sprintf(format, args...)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+action)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", action, w.StatusCode, body, err)
	}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// startBusy is a server that has done everything of which there are metrics.
func startBusy(t *testing.T) *Server {
	t.Helper()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `"done"`) }))
	t.Cleanup(endpoint.Close)
	cfg := onDisk(t)
	told := filepath.Join(t.TempDir(), "told")
	cfg.EventsConfig = eventsConfig(t, `{"targets":[{"name":"file","types":"all","file":{"path":%q}}]}`, told)
	cfg.Archive.To = t.TempDir()
	cfg.Lambda.Endpoint = endpoint.URL
	cfg.Throttle, cfg.ThrottleRates = ThrottleAWS, []string{"StartTimer=1/1", "ListDomains=1/1", "states:ListActivities=1/1"}
	cfg.PollHold = 10 * time.Second
	s := start(t, cfg)
	register(t, s)
	mustCall(t, s, "RegisterActivityType", `{"domain":"shop","name":"pack","version":"1"}`)
	begun := mustCall(t, s, "StartWorkflowExecution", `{"domain":"shop","workflowId":"a","workflowType":{"name":"order","version":"1"},"lambdaRole":"arn:aws:iam::123456789012:role/r"}`)
	mustCall(t, s, "PollForDecisionTask", pollDeciders)
	run, _ := execution.ParseRun(begun.RunID)
	// As if the answer had not arrived.
	if _, err := s.node.Do(t.Context(), engine.Command{Run: run, Body: &task.Undelivered{ScheduledEventID: 2, Attempt: 1}}); err != nil {
		t.Fatal(err)
	}
	decision := mustCall(t, s, "PollForDecisionTask", pollDeciders)
	timer := `{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t%d","startToFireTimeout":"0"}}`
	mustCall(t, s, "RespondDecisionTaskCompleted", fmt.Sprintf(`{"taskToken":%q,"decisions":[`+timer+`,`+timer+`,
		{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"p","activityType":{"name":"pack","version":"1"},"taskList":{"name":"packers"},
			"scheduleToCloseTimeout":"NONE","scheduleToStartTimeout":"NONE","startToCloseTimeout":"NONE","heartbeatTimeout":"NONE"}},
		{"decisionType":"ScheduleLambdaFunction","scheduleLambdaFunctionDecisionAttributes":{"id":"l","name":"f"}}]}`, decision.TaskToken, 1, 2))
	activity := mustCall(t, s, "PollForActivityTask", `{"domain":"shop","taskList":{"name":"packers"}}`)
	mustCall(t, s, "RespondActivityTaskCompleted", fmt.Sprintf(`{"taskToken":%q}`, activity.TaskToken))
	for range 2 {
		call(t.Context(), s, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
		spend(s, "swf", "ListDomains")
	}

	askStates(t, s, "CreateActivity", `{"name":"pack"}`)
	definition := func(text string) string {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	}
	const machine, role = "arn:aws:states:us-east-1:123456789012:stateMachine:", "arn:aws:iam::123456789012:role/r"
	askStates(t, s, "CreateStateMachine", `{"name":"small","roleArn":%q,"definition":%s}`, role, definition(`{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`))
	askStates(t, s, "CreateStateMachine", `{"name":"large","roleArn":%q,"definition":%s}`, role, definition(`{"StartAt":"A","States":{
		"A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:pack","Next":"B"},
		"B":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Next":"C"},
		"C":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"StateMachineArn":"`+machine+`small"},"End":true}}}`))
	askStates(t, s, "CreateStateMachine", `{"name":"express","type":"EXPRESS","roleArn":%q,"definition":%s}`, role, definition(`{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`))
	askStates(t, s, "StartSyncExecution", `{"stateMachineArn":%q}`, machine+"express")
	large := askStates(t, s, "StartExecution", `{"stateMachineArn":%q}`, machine+"large")
	got := askStates(t, s, "GetActivityTask", `{"activityArn":"arn:aws:states:us-east-1:123456789012:activity:pack"}`)
	askStates(t, s, "SendTaskSuccess", `{"taskToken":%q,"output":"{}"}`, got.TaskToken)
	eventually(t, "the machine has ended", func() bool {
		return askStates(t, s, "DescribeExecution", `{"executionArn":%q}`, large.ExecutionARN).Status != "RUNNING"
	})
	if status := askStates(t, s, "DescribeExecution", `{"executionArn":%q}`, large.ExecutionARN).Status; status != "SUCCEEDED" {
		t.Errorf("the machine has %s", status)
	}
	askStates(t, s, "StartExecution", `{"stateMachineArn":%q}`, machine+"large") // stays open
	mapRuns(t, s)
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AWSStepFunctions.ListActivities")
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		w.Body.Close()
		spend(s, "states", "ListActivities")
	}
	waitUntil(t, "events are told", func() bool { return len(readTold(t, told)) > 10 })
	return s
}

// selected are what an expression asks for: of each selector its filters, that of the name first.
// The parser is of a language that has all of Prometheus's and more.
func selected(t *testing.T, expression string) (all [][]metricsql.LabelFilter) {
	t.Helper()
	parsed, err := metricsql.Parse(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return nil
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		if selector, ok := e.(*metricsql.MetricExpr); ok {
			all = append(all, selector.LabelFilterss...)
		}
	})
	return all
}

// families are the metrics of a scrape.
type families map[string]*dto.MetricFamily

// of finds a metric by the name of it, or of a part of a histogram; nil: it is not there.
func (f families) of(name string) *dto.MetricFamily {
	if f[name] != nil {
		return f[name]
	}
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, part); cut && f[base].GetType() == dto.MetricType_HISTOGRAM {
			return f[base]
		}
	}
	return nil
}

// has tells whether a metric has the label of a filter, and of one for a value that value.
func has(f *dto.MetricFamily, filter metricsql.LabelFilter) bool {
	return slices.ContainsFunc(f.GetMetric(), func(m *dto.Metric) bool {
		return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
			return l.GetName() == filter.Label && (filter.IsRegexp || filter.IsNegative || l.GetValue() == filter.Value)
		})
	})
}

// ruleExpressions are those of the alerts.
func ruleExpressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	reader := yaml.NewDecoder(bytes.NewReader(text))
	reader.KnownFields(true)
	if err := reader.Decode(&rules); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] || r.Annotations["summary"] == "" || r.Annotations["description"] == "" ||
				!slices.Contains([]string{"info", "warning", "critical"}, r.Labels["severity"]) {
				t.Errorf("alert %q has not all it should, or is there twice", r.Alert)
			}
			seen[r.Alert] = true
			all = append(all, r.Expr)
		}
	}
	return all
}

// dashboardExpressions are those of the panels and variables.
func dashboardExpressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	fill := strings.NewReplacer("$__rate_interval", "5m", "$account", ".*", "$region", ".*", "$domain", ".*")
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || (len(p.Targets) == 0) != (p.Type == "row") {
			t.Errorf("panel %d, %q, is there twice, or empty", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			all = append(all, fill.Replace(target.Expr))
		}
	}
	return all
}

// TestDeployedNamesAreThere: a server that has done everything has each metric that alerts, the
// dashboard and METRICS.md name, and METRICS.md names each of ours that it has.
func TestDeployedNamesAreThere(t *testing.T) {
	s := startBusy(t)
	w, err := http.Get(s.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	reader := expfmt.NewTextParser(names.UTF8Validation)
	all, err := reader.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	there := families(all)
	expressions := slices.Concat(ruleExpressions(t), dashboardExpressions(t))
	if len(expressions) < 80 {
		t.Errorf("only %d expressions", len(expressions))
	}
	for _, e := range expressions {
		found := selected(t, e)
		if len(found) == 0 {
			t.Errorf("%s: it asks for nothing", e)
		}
		for _, filters := range found {
			f := there.of(filters[0].Value)
			if f == nil {
				t.Errorf("%s: there is no %s", e, filters[0].Value)
				continue
			}
			for _, filter := range filters[1:] {
				if !has(f, filter) {
					t.Errorf("%s: there is no %s of %s %q", e, filter.Label, filters[0].Value, filter.Value)
				}
			}
		}
	}
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile(`heddle_[a-z0-9_]+`).FindAllString(string(page), -1) {
		documented[name] = true
		if f := there.of(name); f != nil {
			documented[f.GetName()] = true
		} else if !strings.HasSuffix(name, "_throttled_total") && !strings.HasSuffix(name, "_throttle_taken_total") { // of services of which nothing was refused, or asked
			t.Errorf("METRICS.md has %s, and the server has not", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if strings.HasPrefix(name, "heddle_") && !documented[name] && !strings.Contains(name, "_throttle_") {
			t.Errorf("METRICS.md does not have %s", name)
		}
	}
}

// TestWhatThereIsNot: what METRICS.md says that there is not, its tables don't have.
func TestWhatThereIsNot(t *testing.T) {
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	there, not, found := strings.Cut(string(page), "\n## What there is not\n")
	names := regexp.MustCompile(`\b[A-Z][a-z]+[A-Z][A-Za-z]+\b`).FindAllString(not, -1)
	if !found || len(names) < 5 {
		t.Fatalf("it names only %q", names)
	}
	for _, name := range names {
		if name != "CloudWatch" && regexp.MustCompile(`\b`+name+`\b`).MatchString(there) {
			t.Errorf("%s is there, and is not there", name)
		}
	}
}

// TestRulesByPromtool asks Prometheus's own tool, where there is one.
func TestRulesByPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool")
	}
	if said, err := exec.CommandContext(t.Context(), tool, "check", "rules", rulesFile).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	// promtool finds rules beside the file of their tests alone.
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"near_rate.yml", "cluster_alerts.yml"} {
		tests, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, bytes.ReplaceAll(tests, []byte("RULES"), []byte(strconv.Quote(rules))), 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.CommandContext(t.Context(), tool, "test", "rules", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, said)
		}
	}
}

// TestHAProxy: the configuration is what HAProxy takes, where there is one, and a poll that is held is not cut off by it.
func TestHAProxy(t *testing.T) {
	const file = "../../deploy/haproxy/heddle.cfg"
	const longestHold = time.Minute // of --poll-hold
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"client", "server"} {
		found := regexp.MustCompile(`(?m)^\s+timeout ` + of + `\s+(\S+)$`).FindSubmatch(text)
		if found == nil {
			t.Errorf("it has no timeout of the %s", of)
		} else if lasts, err := time.ParseDuration(string(found[1])); err != nil || lasts <= longestHold {
			t.Errorf("it ends what is quiet for %s, and a poll is held for %v: %v", found[1], longestHold, err)
		}
	}
	if !bytes.Contains(text, []byte("GET /ready")) || !bytes.Contains(text, []byte("on-marked-down shutdown-sessions")) {
		t.Error("it does not ask /ready, or keeps the connections of a node that does not answer")
	}
	tool, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("no haproxy, so its own check is left out")
	}
	if said, err := exec.CommandContext(t.Context(), tool, "-c", "-f", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}
