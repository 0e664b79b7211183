package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/throttle"
	dxwire "heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/service"
)

// TestThrottledApart uses up what one account may do in one region. Others go on,
// in calls and in decisions.
func TestThrottledApart(t *testing.T) {
	limiters, err := newLimiters(&Config{Services: Services(), Throttle: ThrottleAWS, ThrottleRates: []string{"ListDomains=1/1", "swf:StartTimer=1/1", "GetUser=1/1", "dataexchange:StartJob=1/1"}})
	if err != nil {
		t.Fatal(err)
	}
	l, exchange, global := limiters["swf"], limiters["dataexchange"], limiters["iam"]
	for name, take := range map[string]func(account, region string) bool{
		"call": func(account, region string) bool {
			return l.take(account, region, "ListDomains")
		},
		"decision": func(account, region string) bool {
			return l.inWorld(engine.World{Account: account, Region: region}, "StartTimer")
		},
		"call of Data Exchange": func(account, region string) bool {
			return exchange.take(account, region, "StartJob")
		},
	} {
		for take("111111111111", "us-east-1") {
		}
		if !take("111111111111", "eu-west-1") {
			t.Errorf("%s: another region is throttled", name)
		}
		if !take("222222222222", "us-east-1") {
			t.Errorf("%s: another account is throttled", name)
		}
	}
	// IAM is one for all regions: who names another gains nothing.
	global.Reserve(time.Now(), "111111111111", global.within("us-east-1"), "GetUser", 3600)
	if global.take("111111111111", "eu-west-1", "GetUser") {
		t.Error("a call of IAM has a rate for each region")
	}
	if !global.take("222222222222", "us-east-1", "GetUser") {
		t.Error("IAM: another account is throttled")
	}
}

// spend has the server's account use up what it may do of an action for long, in whatever time the calls before took.
func spend(s *Server, service, action string) {
	l := s.limiters[service]
	l.Reserve(time.Now(), defaults.Account, l.within(defaults.Region), action, 3600)
}

// TestExchangeThrottled: Data Exchange has no rates of its own, and those that an operator sets;
// whoever is above one is told as the model has it, and others go on.
func TestExchangeThrottled(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Throttle: ThrottleAWS, ThrottleRates: []string{"CreateDataSet=2/1"}}
	h := &harness{t, start(t, cfg), rootKey(t, cfg.Data)}
	const body = `{"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}`
	for n, want := range []int{http.StatusCreated, http.StatusCreated, http.StatusTooManyRequests} {
		if n == 2 {
			spend(h.Server, "dataexchange", "CreateDataSet")
		}
		status, fault, text := h.talk(h.exchange(h.root, http.MethodPost, "/v1/data-sets", body))
		if status != want || (fault == dxwire.CodeThrottlingException) != (want == http.StatusTooManyRequests) {
			t.Errorf("call %d: %d %s %s", n+1, status, fault, text)
		}
		if fault != "" && !strings.Contains(text, `"Message":"`) {
			t.Errorf("%s says %s", fault, text)
		}
	}
	for range 50 {
		if status, _, text := h.talk(h.exchange(h.root, http.MethodGet, "/v1/data-sets", "")); status != http.StatusOK {
			t.Fatalf("what has no rate: %d %s", status, text)
		}
	}
}

// TestExpressStartsHaveARate: executions of express state machines and of others are started by
// rates of their own.
func TestExpressStartsHaveARate(t *testing.T) {
	cfg := memory()
	cfg.Throttle = ThrottleAWS
	s := start(t, cfg)
	for kind, starts := range map[string]int{"STANDARD": 2, "EXPRESS": 3} {
		machine := askStates(t, s, "CreateStateMachine", `{"name":%q,"type":%q,"roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Succeed\"}}}"}`, kind, kind).StateMachineARN
		for range starts {
			askStates(t, s, "StartExecution", `{"stateMachineArn":%q}`, machine)
		}
	}
	const labels = "account=123456789012,api=%s,region=us-east-1"
	taken := scrape(t, s).of("heddle_sfn_throttle_taken_total")
	for api, want := range map[string]float64{"StartExecution": 2, "StartExpressExecution": 3} {
		if got := taken["heddle_sfn_throttle_taken_total{"+fmt.Sprintf(labels, api)+"}"]; got != want {
			t.Errorf("%s: %v, want %v of %v", api, got, want, taken)
		}
	}
}

// TestRatesBesideCalls: states of standard executions, and HTTP tasks of all, are taken out of rates of
// their own; what has no room waits, and all ends.
func TestRatesBesideCalls(t *testing.T) {
	cfg := memory()
	cfg.Throttle, cfg.ThrottleRates = ThrottleAWS, []string{"StateTransition=1/1000", "DescribeExecution=1000000/1000000"} // the test asks as often as it can
	s := start(t, cfg)
	const states = `{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"B\"},\"B\":{\"Type\":\"Pass\",\"Next\":\"C\"},` +
		`\"C\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::http:invoke\",\"Parameters\":{\"ApiEndpoint\":\"https://127.0.0.1/x\",\"Method\":\"GET\",\"Authentication\":{\"ConnectionArn\":\"arn:aws:events:us-east-1:123456789012:connection/none/1\"}},\"End\":true}}}`
	machines := map[string]string{}
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		machines[kind] = askStates(t, s, "CreateStateMachine", `{"name":%q,"type":%q,"roleArn":"arn:aws:iam::123456789012:role/r","definition":"`+states+`"}`, kind, kind).StateMachineARN
	}
	const n = 20
	for i := range n {
		askStates(t, s, "StartExecution", `{"stateMachineArn":%q,"name":"e%d"}`, machines["STANDARD"], i)
	}
	for i := range n {
		eventually(t, "it fails for it has no connection", func() bool {
			return askStates(t, s, "DescribeExecution", `{"executionArn":%q}`, fmt.Sprintf("arn:aws:states:us-east-1:123456789012:execution:STANDARD:e%d", i)).Status == "FAILED"
		})
	}
	if status := askStates(t, s, "StartSyncExecution", `{"stateMachineArn":%q}`, machines["EXPRESS"]).Status; status != "FAILED" {
		t.Errorf("an express execution is %s", status)
	}
	all := scrape(t, s).of("heddle_sfn_")
	for name, want := range map[string]float64{
		"throttle_taken_total{account=123456789012,api=StateTransition,region=us-east-1}":                           3 * n,
		"throttle_taken_total{account=123456789012,api=HTTPTask,region=us-east-1}":                                  n + 1,
		"throttle_bucket_size{api=HTTPTask}":                                                                        300,
		"throttle_refill_rate{api=HTTPTask}":                                                                        300,
		"state_transitions_total{account=123456789012,region=us-east-1,state_machine=" + machines["STANDARD"] + "}": 3 * n,
		"state_transitions_total{account=123456789012,region=us-east-1,state_machine=" + machines["EXPRESS"] + "}":  3,
	} {
		if got := all["heddle_sfn_"+name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	// How many had to wait depends on how quick all else is: it is counted both ways alike.
	for name, same := range map[string]string{
		"throttled_total{account=123456789012,api=StateTransition,region=us-east-1,scope=account}":                      "executions_throttled_total{account=123456789012,region=us-east-1,state_machine=" + machines["STANDARD"] + "}",
		"express_billed_seconds_count{account=123456789012,region=us-east-1,state_machine=" + machines["EXPRESS"] + "}": "executions_started_total{account=123456789012,region=us-east-1,state_machine=" + machines["EXPRESS"] + "}",
	} {
		if a, b := all["heddle_sfn_"+name], all["heddle_sfn_"+same]; a != b {
			t.Errorf("%s is %v, and %s %v", name, a, same, b)
		}
	}
}

// TestRatesOfServices sets rates of actions that no service has, or several have.
func TestRatesOfServices(t *testing.T) {
	two := []*service.Service{
		{Name: "a", Rates: throttle.Rates{"Tag": {Bucket: 1, PerSecond: 1}}},
		{Name: "b", Rates: throttle.Rates{"Tag": {Bucket: 1, PerSecond: 1}}, Unlimited: []string{"Free"}},
	}
	for setting, want := range map[string]string{
		"Tag=1/1":    `rate "Tag=1/1": several services have "Tag"; want a:Tag=1/1`,
		"c:Tag=1/1":  `rate "c:Tag=1/1": no such action or decision "c:Tag"; want one of Tag, Tag, Free`,
		"a:Free=1/1": `rate "a:Free=1/1": no such action or decision "a:Free"; want one of Tag, Tag, Free`,
		"b:Tag=0/1":  `rate "b:Tag=0/1": want ACTION=BURST/PERSECOND, each from 1 to 1000000, or ACTION=none`,
		"b:Tag=2/3":  "", "Free=1/1": "", "a:Tag=none": "",
	} {
		_, err := newLimiters(&Config{Services: two, Throttle: ThrottleAWS, ThrottleRates: []string{setting}})
		if text := fmt.Sprint(err); want == "" && err != nil || want != "" && text != "--throttle-rate: "+want {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// TestGivenBack: what was reserved and is not done counts no longer, be the rate of a region or of all together.
func TestGivenBack(t *testing.T) {
	for _, global := range []bool{false, true} {
		l := &limiter{Limiter: throttle.New(throttle.Rates{"Go": {Bucket: 1, PerSecond: 1}}), global: global}
		now, w := time.Unix(1_700_000_000, 0), engine.World{Account: "1", Region: "a"}
		for i := range 3 {
			if wait := l.Reserve(now, w.Account, l.within(w.Region), "Go", 3).Sub(now); wait != 2*time.Second {
				t.Errorf("global %v: three may be done in %v, want 2 s, after %d times three were given back", global, wait, i)
			}
			l.giveBack(w, "Go", 3)
		}
	}
}
