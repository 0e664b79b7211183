package flow_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
	"heddle/heddletest"
)

// policyOf is the policy that the guide has.
func policyOf(t *testing.T) string {
	t.Helper()
	guide, err := os.ReadFile("../docs/guide/flow-for-go.md")
	if err != nil {
		t.Fatal(err)
	}
	_, policy, found := strings.Cut(string(guide), "```json policy.json\n")
	policy, _, ended := strings.Cut(policy, "```")
	if !found || !ended {
		t.Fatal("the guide has no policy.json")
	}
	return policy
}

// The guide's policy names every call of API and every decision, and nothing else.
func TestPolicyNamesAllThatIsCalled(t *testing.T) {
	var policy struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal([]byte(policyOf(t)), &policy); err != nil {
		t.Fatal(err)
	}
	if len(policy.Statement) != 2 {
		t.Fatalf("it has %d statements", len(policy.Statement))
	}
	var calls, decisions []string
	for i, api := 0, reflect.TypeFor[flow.API](); i < api.NumMethod(); i++ {
		calls = append(calls, "swf:"+api.Method(i).Name)
	}
	for _, d := range types.DecisionType("").Values() {
		decisions = append(decisions, "swf:"+string(d))
	}
	for i, want := range [][]string{calls, decisions} {
		got := policy.Statement[i].Action
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("statement %d allows\n%q\nwant\n%q", i, got, want)
		}
	}
}

// signedIAM makes a user with a policy in the account of cfg, and gives their key.
func signedIAM(t *testing.T, cfg aws.Config, policy string) aws.CredentialsProvider {
	t.Helper()
	root, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	for _, q := range []url.Values{
		{"Action": {"CreateUser"}, "UserName": {"worker"}},
		{"Action": {"PutUserPolicy"}, "UserName": {"worker"}, "PolicyName": {"flow"}, "PolicyDocument": {policy}},
		{"Action": {"CreateAccessKey"}, "UserName": {"worker"}},
	} {
		q.Set("Version", "2010-05-08")
		body := []byte(q.Encode())
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, aws.ToString(cfg.BaseEndpoint)+"/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		digest := sha256.Sum256(body)
		if err := v4.NewSigner().SignHTTP(t.Context(), root, r, hex.EncodeToString(digest[:]), "iam", cfg.Region, time.Now()); err != nil {
			t.Fatal(err)
		}
		answer, err := cfg.HTTPClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s, %v", q.Get("Action"), answer.Status, text, err)
		}
		if err := xml.Unmarshal(text, &key); err != nil {
			t.Fatal(err)
		}
	}
	return credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
}

// A worker and a starter that have the guide's policy and no other right do all that there is.
func TestPolicySuffices(t *testing.T) {
	withPolicy(t, strings.ReplaceAll(policyOf(t), "domain/shop", "domain/policy"), func(t *testing.T, c *flow.Client, parked <-chan string) {
		if got := runLong(t, c); got != "1101" {
			t.Errorf("got %q", got)
		}
		select {
		case why := <-parked:
			t.Errorf("it was parked: %s", why)
		default:
		}
	})
}

// Without the right to record markers, an effect has no record: the run is parked, and tried again after longer and longer waits,
// though the marker that says why is refused, too: what SWF refuses wakes a decider at once.
func TestPolicyWithoutMarkersParks(t *testing.T) {
	withPolicy(t, strings.ReplaceAll(strings.ReplaceAll(policyOf(t), "domain/shop", "domain/policy"), `"swf:RecordMarker",`, ""), func(t *testing.T, c *flow.Client, parked <-chan string) {
		run, err := Long.Start(t.Context(), c, "long", 0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		if why := <-parked; !strings.Contains(why, "RecordMarker of flow.version failed with OPERATION_NOT_PERMITTED") || !strings.Contains(why, "swf:RecordMarker") {
			t.Errorf("it was parked with %s", why)
		}
		if n := len(events(t, c, run.WorkflowID, run.RunID)); n < 200 || n > 500 { // some 57 times, each five events
			t.Errorf("a day took %d events", n)
		}
	})
}

// withPolicy runs a worker of longCode by a user who has a policy.
func withPolicy(t *testing.T, policy string, f func(t *testing.T, c *flow.Client, parked <-chan string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := heddletest.Config{Auth: "sigv4"}.Start(t)
		cfg := s.AWS()
		cfg.Credentials = signedIAM(t, cfg, policy)
		c := flow.New(cfg, "policy")
		c.AskMost = time.Hour
		parked := make(chan string, 100)
		w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "policy", RetentionDays: 1, BreakPolls: true, Check: true, Log: slog.New(slog.DiscardHandler), Hooks: flow.Hooks{
			Parked: func(_ context.Context, _ flow.RunInfo, why string) { parked <- why },
		}}, longCode()...)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(time.Second) // its types are registered
		f(t, c, parked)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
