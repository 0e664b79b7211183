package server

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// get asks for a path of a server.
func get(t *testing.T, url string, change func(*http.Request)) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, string(b)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// TestMetricsNeedTheToken where requests are signed: it is made once, for its owner alone, and
// outlives a restart. A root user's signature is none.
func TestMetricsNeedTheToken(t *testing.T) {
	cfg := onDisk(t)
	cfg.Auth = AuthSigV4
	s := start(t, cfg)
	file := MetricsTokenFile(cfg.Data)
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) != 2*metricsTokenBytes {
		t.Errorf("a token of %d characters", len(token))
	}
	if status, body := get(t, s.URL()+"/metrics", bearer(token)); status != http.StatusOK || !strings.Contains(body, "heddle_build_info{") {
		t.Errorf("with the token: %d %.200s", status, body)
	}
	for name, change := range map[string]func(*http.Request){
		"nothing": nil, "an empty one": bearer(""), "a part": bearer(token[1:]), "more": bearer(token + "0"), "another": bearer(strings.Repeat("0", len(token))),
		"no bearer": func(r *http.Request) { r.Header.Set("Authorization", "Basic "+token) },
		"signed":    func(r *http.Request) { sign(t, r, rootKey(t, cfg.Data), "swf", "") },
	} {
		if status, body := get(t, s.URL()+"/metrics", change); status != http.StatusUnauthorized || strings.Contains(body, "heddle_") || strings.Contains(body, token) {
			t.Errorf("with %s: %d %.200s", name, status, body)
		}
	}
	closeServer(t, s)
	s = start(t, cfg)
	if status, _ := get(t, s.URL()+"/metrics", bearer(token)); status != http.StatusOK {
		t.Errorf("after a restart: %d", status)
	}
	closeServer(t, s)
	for what, spoil := range map[string]func() error{
		"one that others may read": func() error { return os.Chmod(file, 0o644) },
		"a short one":              func() error { return os.WriteFile(file, []byte("short\n"), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if s, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", what, err)
			if err == nil {
				closeServer(t, s)
			}
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMetricsListen: the port for metrics is on this machine alone, has nothing else, and answers
// no page from elsewhere.
func TestMetricsListen(t *testing.T) {
	cfg := memory()
	cfg.Data, cfg.Auth, cfg.MetricsListen = t.TempDir(), AuthSigV4, "127.0.0.1:0"
	s := start(t, cfg)
	url := s.metricDoor.URL()
	if status, body := get(t, url+"/metrics", nil); status != http.StatusOK || !strings.Contains(body, "heddle_build_info{") {
		t.Errorf("%d %.200s", status, body)
	}
	if status, _ := get(t, url+"/health", nil); status != http.StatusNotFound {
		t.Errorf("it has more: %d", status)
	}
	if status, body := get(t, url+"/metrics", func(r *http.Request) { r.Host = "example.com" }); status != http.StatusForbidden || strings.Contains(body, "heddle_") {
		t.Errorf("for a name from elsewhere: %d", status)
	}
	if status, _ := get(t, s.URL()+"/metrics", nil); status != http.StatusUnauthorized {
		t.Errorf("the other port: %d", status)
	}
	for _, address := range []string{"0.0.0.0:0", ":0"} {
		cfg.MetricsListen = address
		if s, err := Start(t.Context(), cfg); err == nil {
			closeServer(t, s)
			t.Errorf("it listens on %s", address)
		}
	}
	trusting := memory()
	s = start(t, trusting)
	if status, _ := get(t, s.URL()+"/metrics", nil); status != http.StatusOK {
		t.Errorf("without authentication: %d", status)
	}
	if status, _ := get(t, s.URL()+"/metrics", func(r *http.Request) { r.Host = "example.com" }); status != http.StatusForbidden {
		t.Errorf("without authentication, for a name from elsewhere: %d", status)
	}
}

// TestRestartCountsNothingAgain: counters begin at 0 when the server does, and count what happens
// then: not what is recovered, nor a task that was offered before.
func TestRestartCountsNothingAgain(t *testing.T) {
	cfg := onDisk(t)
	cfg.PollHold = 100 * time.Millisecond
	s := start(t, cfg)
	before := newWorkforce(t, s)
	before.register()
	before.start(0, 50)
	before.decideAll()
	before.workAll()
	closeServer(t, s)

	s = start(t, cfg)
	if now := scrape(t, s).ofHistories(); len(now) > 0 {
		t.Errorf("it has counted %v", now)
	}
	open := 0.0
	for name, n := range scrape(t, s).of("heddle_open_executions") {
		if strings.Contains(name, "service=swf") {
			open += n
		}
	}
	c := newWorkforce(t, s)
	known := said(c.histories())
	if closed := known.of("heddle_swf_workflows_closed_total").without("account", "cause", "domain", "region", "status", "type", "version")["heddle_swf_workflows_closed_total{}"]; open+closed != known.of("heddle_swf_workflows_started_total").without("account", "domain", "region", "type", "version")["heddle_swf_workflows_started_total{}"] {
		t.Errorf("%g are open and %g closed", open, closed)
	}
	c.live(50, 90)
	want := said(c.histories())
	for name, n := range known {
		if want[name] -= n; want[name] < 1e-9 {
			delete(want, name)
		}
	}
	got := scrape(t, s).ofHistories()
	for _, d := range got.differences(want) {
		t.Error(d)
	}
}

// TestStateMachinesAreCounted: of executions of state machines that end in every way, counters are
// what their histories say.
func TestStateMachinesAreCounted(t *testing.T) {
	s := start(t, memory())
	c := newWorkforce(t, s)
	const role, arn = "arn:aws:iam::123456789012:role/r", "arn:aws:states:us-east-1:123456789012:"
	askStates(t, s, "CreateActivity", `{"name":"pack"}`)
	askStates(t, s, "CreateStateMachine", `{"name":"m","roleArn":%q,"definition":%q}`, role,
		`{"StartAt":"A","TimeoutSeconds":200,"States":{"A":{"Type":"Task","Resource":"`+arn+`activity:pack","HeartbeatSeconds":30,"End":true}}}`)
	const n = 40
	want := scraped{}
	add := func(name string, labels ...string) { want["heddle_sfn_"+name+"{"+strings.Join(labels, ",")+"}"]++ }
	account, activity, region, machine := "account=123456789012", "activity="+arn+"activity:pack", "region=us-east-1", "state_machine="+arn+"stateMachine:m"
	closed := func(outcome string) { add("activities_total", account, activity, "outcome="+outcome, region) }
	ended := func(status, redriven string) {
		add("executions_closed_total", account, "redriven="+redriven, region, machine, "status="+status)
	}
	var executions []string
	begin := func() {
		executions = append(executions, askStates(t, s, "StartExecution", `{"stateMachineArn":%q,"name":"e%d"}`, arn+"stateMachine:m", len(executions)).ExecutionARN)
		add("executions_started_total", account, region, machine)
		add("state_transitions_total", account, region, machine)
		add("activities_scheduled_total", account, activity, region)
	}
	for range n - 4 {
		begin()
	}
	for i := range n - 4 {
		task := askStates(t, s, "GetActivityTask", `{"activityArn":%q}`, arn+"activity:pack")
		add("activities_started_total", account, activity, region)
		switch i % 4 {
		case 0:
			askStates(t, s, "SendTaskSuccess", `{"taskToken":%q,"output":"{}"}`, task.TaskToken)
			closed("succeeded")
			ended("succeeded", "false")
		case 1:
			askStates(t, s, "SendTaskFailure", `{"taskToken":%q,"error":"E"}`, task.TaskToken)
			closed("failed")
			ended("failed", "false")
		default: // it is silent
			closed("heartbeat")
			ended("failed", "false")
		}
	}
	c.advance(40 * 1000)
	for range 4 {
		begin()
		c.advance(10) // so that the first is the oldest
	}
	for _, e := range executions[n-4 : n-2] {
		askStates(t, s, "StopExecution", `{"executionArn":%q}`, e)
		ended("aborted", "false")
	}
	askStates(t, s, "RedriveExecution", `{"executionArn":%q}`, executions[n-3])
	add("executions_redriven_total", account, region, machine)
	add("state_transitions_total", account, region, machine)
	add("activities_scheduled_total", account, activity, region)
	task := askStates(t, s, "GetActivityTask", `{"activityArn":%q}`, arn+"activity:pack") // of the last but one, which has waited longest
	askStates(t, s, "SendTaskHeartbeat", `{"taskToken":%q}`, task.TaskToken)
	askStates(t, s, "SendTaskSuccess", `{"taskToken":%q,"output":"{}"}`, task.TaskToken)
	add("activities_started_total", account, activity, region)
	closed("succeeded")
	ended("succeeded", "false")
	c.advance(300 * 1000) // what is left is too late for its machine
	ended("timed_out", "false")
	ended("timed_out", "true")
	for _, i := range []int{n - 3, n - 1} {
		if status := askStates(t, s, "DescribeExecution", `{"executionArn":%q}`, executions[i]).Status; status != "TIMED_OUT" {
			t.Errorf("%s is %s", executions[i], status)
		}
	}
	got := scraped{}
	for name, value := range scrape(t, s).of("heddle_sfn_") {
		if strings.Contains(name, "_total{") {
			got[name] = value
		}
	}
	for _, d := range got.differences(want) {
		t.Error(d)
	}
}

// TestVersionsAreCounted: executions that were started by a version, or by an alias, are counted apart.
func TestVersionsAreCounted(t *testing.T) {
	s := start(t, memory())
	const machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
	version := askStates(t, s, "CreateStateMachine", `{"name":"m","publish":true,"roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Succeed\"}}}"}`).StateMachineVersionARN
	askStates(t, s, "CreateStateMachineAlias", `{"name":"live","routingConfiguration":[{"stateMachineVersionArn":%q,"weight":100}]}`, version)
	want := scraped{}
	for of, labels := range map[string]string{machine: "", version: ",version=1", machine + ":live": ",version=1"} {
		before := "account=123456789012,"
		if of == machine+":live" {
			before += "alias=live,"
		}
		askStates(t, s, "StartExecution", `{"stateMachineArn":%q}`, of)
		want["heddle_sfn_executions_started_total{"+before+"region=us-east-1,state_machine="+machine+labels+"}"] = 1
		want["heddle_sfn_executions_closed_total{"+before+"redriven=false,region=us-east-1,state_machine="+machine+",status=succeeded"+labels+"}"] = 1
	}
	for _, d := range scrape(t, s).of("heddle_sfn_executions_").differences(want) {
		t.Error(d)
	}
}

// mapRuns has map runs: one that fails, is redriven, and fails again, and one that succeeds.
func mapRuns(t *testing.T, s *Server) {
	t.Helper()
	const role, machine = "arn:aws:iam::123456789012:role/r", "arn:aws:states:us-east-1:123456789012:stateMachine:items-"
	begin := func(name, state string) (execution string) {
		askStates(t, s, "CreateStateMachine", `{"name":"items-%s","roleArn":%q,"definition":%q}`, name, role,
			`{"StartAt":"All","States":{"All":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"S","States":{"S":{"Type":"`+state+`"}}},"End":true}}}`)
		return askStates(t, s, "StartExecution", `{"stateMachineArn":%q,"input":"[1]"}`, machine+name).ExecutionARN
	}
	is := func(execution, status string) {
		t.Helper()
		eventually(t, "it is "+status, func() bool { // not as often as it can: some servers throttle
			return askStates(t, s, "DescribeExecution", `{"executionArn":%q}`, execution).Status == status
		})
	}
	fails, succeeds := begin("fail", "Fail"), begin("succeed", "Succeed")
	is(succeeds, "SUCCEEDED")
	is(fails, "FAILED")
	askStates(t, s, "RedriveExecution", `{"executionArn":%q}`, fails)
	is(fails, "FAILED")
}

// TestMapRunsAreCounted: those of each machine that were started, redriven, and closed.
func TestMapRunsAreCounted(t *testing.T) {
	s := start(t, memory())
	mapRuns(t, s)
	const labels = "account=123456789012,region=us-east-1,state_machine=arn:aws:states:us-east-1:123456789012:stateMachine:items-"
	want := scraped{
		"heddle_sfn_map_runs_started_total{" + labels + "fail}": 1, "heddle_sfn_map_runs_started_total{" + labels + "succeed}": 1,
		"heddle_sfn_map_runs_redriven_total{" + labels + "fail}":             1,
		"heddle_sfn_map_runs_closed_total{" + labels + "fail,status=failed}": 2, "heddle_sfn_map_runs_closed_total{" + labels + "succeed,status=succeeded}": 1,
	}
	for _, d := range scrape(t, s).of("heddle_sfn_map_runs_").differences(want) {
		t.Error(d)
	}
}
