package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/sfn"
	"heddle/internal/sfn/wire"
	"heddle/test/golden"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// statesARN is how ARNs of Step Functions begin; stories write it A:.
var statesARN = "arn:aws:states:" + defaults.Region + ":" + defaults.Account + ":"

const (
	// passing is a definition that does nothing; stories write it PASS.
	passing = `{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}`
	waiting = `{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":1000000,\"End\":true}}}`
)

// statesStory plays calls of Step Functions. A line has who calls, the action and the
// body; the answer stands beneath. A line that begins with user gives a name to a caller
// with a policy of these statements. Moments, tokens and UUIDs of answers are called by
// the order in which they come, so that a later line can say them.
type statesStory struct {
	*harness
	keys  map[string]aws.Credentials
	named map[string]string // what answers had, by what the story calls it
	shown map[string]bool   // actions with the fault that they gave, or ok
}

func newStatesStory(t *testing.T) *statesStory {
	services := Services()
	for _, s := range services {
		if o, ours := s.Options.(*sfn.Options); ours {
			o.Registry.ActivitiesMax, o.Registry.MachinesMax, o.Registry.VersionsMax, o.Registry.AliasesMax = 3, 3, 3, 2
		}
	}
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second, Services: services}
	cfg.Log = slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := &statesStory{harness: &harness{t, start(t, cfg), rootKey(t, cfg.Data)}, named: map[string]string{}, shown: map[string]bool{}}
	s.keys = map[string]aws.Credentials{"root": s.root}
	s.role("r", statesTrust)
	s.role("second", statesTrust)
	s.role("regional", strings.Replace(statesTrust, "states.", "states."+defaults.Region+".", 1), allow("logs:CreateLogDelivery", "*"))
	s.role("lambdas", strings.Replace(statesTrust, "states.", "lambda.", 1))
	return s
}

var (
	statesTime  = regexp.MustCompile(`(Date|Milliseconds)":[0-9.]+`)
	statesToken = regexp.MustCompile(`nextToken":"([^"]+)"`)
	statesUUID  = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
)

// call is what a text names something of an answer.
func (s *statesStory) call(text, prefix string) string {
	for name, known := range s.named {
		if known == text {
			return name
		}
	}
	n := 1
	for s.named[fmt.Sprint(prefix, n)] != "" {
		n++
	}
	s.named[fmt.Sprint(prefix, n)] = text
	return fmt.Sprint(prefix, n)
}

func (s *statesStory) do(line string) []string {
	who, rest, _ := strings.Cut(line, " ")
	action, body, _ := strings.Cut(rest, " ")
	for _, r := range []struct{ from, to string }{{"A:", statesARN}, {"PASS", passing}, {"WAIT", waiting}, {"ROLE:", "arn:aws:iam::" + defaults.Account + ":role/"}} {
		body = strings.ReplaceAll(body, r.from, r.to)
	}
	if who == "user" {
		var statements []string
		if body != "" {
			statements = strings.Split(body, " + ")
		}
		s.keys[action] = s.user(action, statements...)
		return nil
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.named))) {
		body = strings.ReplaceAll(body, name, s.named[name])
	}
	answer := s.ask(s.states(s.keys[who], action, body))
	s.shown[action+" "+answer.fault] = true
	text := statesTime.ReplaceAllString(answer.text, `$1":T`)
	text = statesToken.ReplaceAllStringFunc(text, func(m string) string {
		return `nextToken":"` + s.call(statesToken.FindStringSubmatch(m)[1], "TOKEN") + `"`
	})
	text = statesUUID.ReplaceAllStringFunc(text, func(m string) string { return s.call(m, "UUID") })
	for _, r := range []struct{ from, to string }{{statesARN, "A:"}, {passing, "PASS"}, {waiting, "WAIT"}, {"arn:aws:iam::" + defaults.Account + ":role/", "ROLE:"}} {
		text = strings.ReplaceAll(text, r.from, r.to)
	}
	if answer.fault != "" {
		var f struct{ Message string }
		if err := json.Unmarshal([]byte(answer.text), &f); err != nil {
			s.t.Fatalf("%s: %v in %s", line, err, answer.text)
		}
		text = fmt.Sprintf("%d %s", answer.status, text)
	}
	return []string{text}
}

// notInStories are faults that the model declares and that nothing gives, of one action or
// of all.
var notInStories = map[string][]string{
	"": {
		"KmsAccessDeniedException", "KmsThrottlingException", "KmsInvalidStateException", // there are no customer managed keys yet
		"InvalidTracingConfiguration", // of tracing anything is taken
	},
	"CreateActivity":          {"ActivityAlreadyExists"}, // two activities differ by their keys alone
	"CreateStateMachine":      {"StateMachineTypeNotSupported", "ConflictException"},
	"CreateStateMachineAlias": {"InvalidArn", "InvalidName"}, // the model and the rules of routing come first
	"UpdateStateMachine":      {"ConflictException"},
	"UpdateStateMachineAlias": {"ConflictException"},
	"DeleteStateMachineAlias": {"ResourceNotFound", "ConflictException"}, // that it is not there is no error
	"StartSyncExecution":      {"InvalidName", "InvalidExecutionInput"},  // nothing is started yet
}

// TestStatesStories plays testdata/states/*.txt. Together they show of each action about
// what is set up its success, and each fault that the model declares.
func TestStatesStories(t *testing.T) {
	shown := map[string]bool{}
	files := golden.Each(t, "testdata/states/*.txt", func(t *testing.T, text string) string {
		s := newStatesStory(t)
		told := golden.Lines(text, s.do)
		maps.Copy(shown, s.shown)
		return told
	})
	if len(shown) == 0 || files == 0 {
		t.Skip("some stories were left out")
	}
	for _, op := range wire.Operations {
		if strings.Contains(op.Name, "Execution") && op.Name != "StartSyncExecution" || strings.Contains(op.Name, "Task") || strings.Contains(op.Name, "MapRun") {
			continue
		}
		if op.Name != "StartSyncExecution" && !shown[op.Name+" "] {
			t.Errorf("no story shows that %s succeeds", op.Name)
		}
		for _, code := range op.Faults {
			f := code[strings.IndexByte(code, '#')+1:]
			if never := slices.Contains(notInStories[""], f) || slices.Contains(notInStories[op.Name], f); never == shown[op.Name+" "+f] {
				t.Errorf("%s of %s: a story shows it: %v, want %v", f, op.Name, never, !never)
			}
		}
	}
}

// TestStatesMachineGoesWithItsExecutions: a state machine that is deleted stays until no
// execution of it runs, and nothing starts meanwhile.
func TestStatesMachineGoesWithItsExecutions(t *testing.T) {
	s := newStatesStory(t)
	machine := `"stateMachineArn":"` + statesARN + `stateMachine:m"`
	s.must(s.states(s.root, "CreateStateMachine", `{"name":"m","definition":"`+waiting+`","roleArn":"`+roleARN("r")+`"}`))
	execution := s.field("executionArn", s.must(s.states(s.root, "StartExecution", `{`+machine+`}`)))
	s.must(s.states(s.root, "DeleteStateMachine", `{`+machine+`}`))
	if got := s.field("status", s.must(s.states(s.root, "DescribeStateMachine", `{`+machine+`}`))); got != wire.StateMachineStatusDeleting {
		t.Errorf("status %s", got)
	}
	for action, body := range map[string]string{
		"StartExecution": machine, "PublishStateMachineVersion": machine, "UpdateStateMachine": machine + `,"roleArn":"` + roleARN("second") + `"`,
		"CreateStateMachine": `"name":"m","definition":"` + waiting + `","roleArn":"` + roleARN("r") + `"`,
	} {
		s.refused("StateMachineDeleting", s.states(s.root, action, `{`+body+`}`))
	}
	s.must(s.states(s.root, "DescribeExecution", `{"executionArn":"`+execution+`"}`))
	s.must(s.states(s.root, "StopExecution", `{"executionArn":"`+execution+`"}`))
	for began := time.Now(); ; { // somebody looks every second
		answer := s.ask(s.states(s.root, "DescribeStateMachine", `{`+machine+`}`))
		if answer.fault == "StateMachineDoesNotExist" {
			break
		}
		if answer.fault != "" || time.Since(began) > deadline {
			t.Fatalf("the machine stays: %s", answer.text)
		}
	}
	if list := s.must(s.states(s.root, "ListStateMachines", `{}`)); strings.Contains(list, `"m"`) {
		t.Errorf("it is still listed: %s", list)
	}
	s.must(s.states(s.root, "DescribeStateMachineForExecution", `{"executionArn":"`+execution+`"}`)) // which keeps its definition
	s.must(s.states(s.root, "CreateStateMachine", `{"name":"m","definition":"`+passing+`","roleArn":"`+roleARN("r")+`"}`))
}

// TestStatesOutliveTheServer: what was set up is there after a restart, and so are its
// definitions.
func TestStatesOutliveTheServer(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second}
	first := start(t, cfg)
	h := &harness{t, first, rootKey(t, cfg.Data)}
	h.role("r", statesTrust)
	calls := []string{
		`DescribeActivity {"activityArn":"` + statesARN + `activity:a"}`, `ListActivities {}`, `ListTagsForResource {"resourceArn":"` + statesARN + `activity:a"}`,
		`DescribeStateMachine {"stateMachineArn":"` + statesARN + `stateMachine:m"}`, `DescribeStateMachine {"stateMachineArn":"` + statesARN + `stateMachine:m:1"}`,
		`DescribeStateMachineAlias {"stateMachineAliasArn":"` + statesARN + `stateMachine:m:PROD"}`, `ListStateMachines {}`,
	}
	h.must(h.states(h.root, "CreateActivity", `{"name":"a","tags":[{"key":"k","value":"v"}]}`))
	h.must(h.states(h.root, "CreateStateMachine", `{"name":"m","definition":"`+waiting+`","roleArn":"`+roleARN("r")+`","publish":true}`))
	h.must(h.states(h.root, "UpdateStateMachine", `{"stateMachineArn":"`+statesARN+`stateMachine:m","definition":"`+passing+`"}`))
	h.must(h.states(h.root, "CreateStateMachineAlias", `{"name":"PROD","routingConfiguration":[{"stateMachineVersionArn":"`+statesARN+`stateMachine:m:1","weight":100}]}`))
	tell := func() (told []string) {
		for _, c := range calls {
			action, body, _ := strings.Cut(c, " ")
			told = append(told, h.must(h.states(h.root, action, body)))
		}
		return told
	}
	want := tell()
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Server = start(t, cfg)
	if got := tell(); !slices.Equal(got, want) {
		t.Errorf("after a restart:\n%s\nbefore:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestStatesHosts: SDKs put sync- before the host for some actions, and sign for that.
func TestStatesHosts(t *testing.T) {
	s := newStatesStory(t)
	k := s.states(s.root, "StartSyncExecution", `{"stateMachineArn":"`+statesARN+`stateMachine:m"}`)
	r := s.request(k)
	r.Host = "sync-" + r.Host
	sum := sha256.Sum256([]byte(k.body))
	if err := v4.NewSigner().SignHTTP(t.Context(), k.key, r, hex.EncodeToString(sum[:]), k.service, k.region, k.at); err != nil {
		t.Fatal(err)
	}
	if answer := s.send(r); answer.fault != "StateMachineDoesNotExist" {
		t.Errorf("%d %s", answer.status, answer.text)
	}
}

// TestStatesTrustAnyRole: where nobody signs, people bring definitions with any role.
func TestStatesTrustAnyRole(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0", Store: StoreMemory, Auth: AuthNone})
	h := &harness{t, s, aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}}
	h.must(h.states(h.root, "CreateStateMachine", `{"name":"m","definition":"`+passing+`","roleArn":"arn:aws:iam::000000000000:role/anything"}`))
	h.refused("InvalidArn", h.states(h.root, "CreateStateMachine", `{"name":"n","definition":"`+passing+`","roleArn":"anything"}`))
}
