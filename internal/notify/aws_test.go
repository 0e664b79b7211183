package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	awsevents "heddle/internal/aws/eventbridge"
)

func named(ids ...string) (events []event) {
	for _, id := range ids {
		events = append(events, event{id: id, run: id[:1], body: []byte(id)})
	}
	return events
}

// TestCallsOfDifferentRuns: a call has one event of a run, ten at most, and no more bytes than
// it may.
func TestCallsOfDifferentRuns(t *testing.T) {
	var calls []string
	s := &putSink{func(_ context.Context, events []event) ([]failure, error) {
		var ids []string
		for _, e := range events {
			ids = append(ids, e.id)
		}
		calls = append(calls, strings.Join(ids, " "))
		return nil, nil
	}}
	if err := s.send(t.Context(), named("a1", "b1", "a2", "a3", "c1", "d1", "e1", "f1", "g1", "h1", "i1", "j1", "k1", "l1")); err != nil {
		t.Fatal(err)
	}
	want(t, "calls", strings.Join(calls, ", "), "a1 b1, a2, a3 c1 d1 e1 f1 g1 h1 i1 j1 k1, l1")
	calls = nil
	large := named("a1", "b1", "c1")
	for i := range large {
		large[i].body = make([]byte, putBytesMax/2)
	}
	if err := s.send(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	want(t, "calls", strings.Join(calls, ", "), "a1 b1, c1")
}

// TestEventsOfACallFail: what is not taken goes once more by itself, and holds up those behind.
func TestEventsOfACallFail(t *testing.T) {
	for _, c := range []struct {
		fails int // how often b1 fails
		never bool
		calls string
		err   string
	}{
		{1, false, "a1 b1 c1, b1, a2", ""},
		{2, false, "a1 b1 c1, b1", "no"},
		{1, true, "a1 b1 c1", "refused: no"},
	} {
		var calls []string
		s := &putSink{func(_ context.Context, events []event) (failed []failure, _ error) {
			var ids []string
			for i, e := range events {
				if ids = append(ids, e.id); e.id == "b1" && c.fails > 0 {
					c.fails--
					failed = append(failed, failure{i, c.never, "no"})
				}
			}
			calls = append(calls, strings.Join(ids, " "))
			return failed, nil
		}}
		got := ""
		if err := s.send(t.Context(), named("a1", "b1", "c1", "a2")); err != nil {
			got = err.Error()
			if _, never := errors.AsType[*refusedError](err); never {
				got = "refused: " + got
			}
		}
		want(t, "error", got, c.err)
		want(t, "calls", strings.Join(calls, ", "), c.calls)
	}
	s := &putSink{func(context.Context, []event) ([]failure, error) { return nil, errors.New("nobody answers") }}
	if err := s.send(t.Context(), named("a1")); err == nil {
		t.Error("sent to nobody")
	}
}

// TestMoto sends to another EventBridge, SQS and SNS, in a process of their own, and reads what
// came: each event once and as it is, in order in a FIFO queue, and twice sent once there.
func TestMoto(t *testing.T) {
	endpoint := moto(t)
	keys := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(keys, []byte("[events]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := Endpoint{URL: endpoint, Region: "us-east-1", Credentials: keys, Profile: "events"}
	if err := at.fill(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	queues := sqs.New(sqs.Options{Region: at.Region, BaseEndpoint: &endpoint, Credentials: &at})
	queue := func(name string) (address, arn string) {
		t.Helper()
		attributes := map[string]string{}
		if strings.HasSuffix(name, ".fifo") {
			attributes["FifoQueue"] = "true"
		}
		made, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		return *made.QueueUrl, "arn:aws:sqs:us-east-1:123456789012:" + name
	}
	received := func(address string, n int) (bodies []string) {
		t.Helper()
		for range 50 {
			out, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &address, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range out.Messages {
				bodies = append(bodies, *m.Body)
				if _, err := queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &address, ReceiptHandle: m.ReceiptHandle}); err != nil {
					t.Fatal(err)
				}
			}
			if len(out.Messages) == 0 && len(bodies) >= n {
				break
			}
		}
		return bodies
	}
	var events []event
	for i := range 12 {
		told := awsevents.Event{ID: awsevents.ID([16]byte{1}, int64(i)), Type: "a type", Source: "aws.swf", Account: "1", At: 1_700_000_000_000, Region: "r", Resource: "arn:x"}
		events = append(events, event{told.ID, "run", told.Append(nil, func(b []byte) []byte { return fmt.Appendf(b, `{"n":%d}`, i) })})
	}
	detail := func(body string) string {
		var e struct{ Detail struct{ N int } }
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return fmt.Sprintf("%02d", e.Detail.N)
	}
	const all = "00 01 02 03 04 05 06 07 08 09 10 11"
	numbers := func(bodies []string, sorted bool) string {
		var got []string
		for _, b := range bodies {
			got = append(got, detail(b))
		}
		if sorted {
			slices.Sort(got)
		}
		return strings.Join(got, " ")
	}

	t.Run("SQS", func(t *testing.T) {
		for _, name := range []string{"plain", "ordered.fifo"} {
			address, _ := queue(name)
			s := newSQS(&SQS{at, address})
			times := 1
			if name != "plain" {
				times = 2 // the second time nothing comes
			}
			for range times {
				if err := s.send(ctx, events); err != nil {
					t.Fatal(err)
				}
			}
			bodies := received(address, len(events))
			want(t, name, numbers(bodies, name == "plain"), all)
			if bodies[0] != string(events[0].body) {
				t.Errorf("the body is %s, want %s", bodies[0], events[0].body)
			}
		}
		if err := newSQS(&SQS{at, endpoint + "/123456789012/none"}).send(ctx, events); err == nil {
			t.Error("a queue that is not there takes events")
		}
	})
	t.Run("SNS", func(t *testing.T) {
		topics := sns.New(sns.Options{Region: at.Region, BaseEndpoint: &endpoint, Credentials: &at})
		topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("told")})
		if err != nil {
			t.Fatal(err)
		}
		address, arn := queue("of-topic")
		if _, err := topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"}}); err != nil {
			t.Fatal(err)
		}
		if err := newSNS(&SNS{at, *topic.TopicArn}).send(ctx, events); err != nil {
			t.Fatal(err)
		}
		want(t, "by the topic", numbers(received(address, len(events)), true), all)
	})
	t.Run("CloudWatch Logs", func(t *testing.T) { logsOfMoto(t, &CloudWatchLogs{at}) })
	t.Run("EventBridge", func(t *testing.T) {
		buses := eventbridge.New(eventbridge.Options{Region: at.Region, BaseEndpoint: &endpoint, Credentials: &at})
		bus, rule := aws.String("told"), aws.String("all")
		if _, err := buses.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: bus}); err != nil {
			t.Fatal(err)
		}
		if _, err := buses.PutRule(ctx, &eventbridge.PutRuleInput{Name: rule, EventBusName: bus, EventPattern: aws.String(`{"source":["my.swf"],"detail-type":["a type"]}`)}); err != nil {
			t.Fatal(err)
		}
		address, arn := queue("of-bus")
		if _, err := buses.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: rule, EventBusName: bus, Targets: []bridgetypes.Target{{Id: aws.String("q"), Arn: &arn}}}); err != nil {
			t.Fatal(err)
		}
		if err := newEventBridge(&EventBridge{at, "told", "my.swf"}).send(ctx, events); err != nil {
			t.Fatal(err)
		}
		bodies := received(address, len(events))
		want(t, "by the bus", numbers(bodies, true), all)
		if !strings.Contains(bodies[0], "arn:x") {
			t.Errorf("without its resource: %s", bodies[0])
		}
	})
}

// moto starts another AWS.
func moto(t *testing.T) (endpoint string) {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts a server that takes seconds")
	}
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed; pip install 'moto[server,events,sqs,sns,logs]'")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, "-H", "127.0.0.1", "-p", port)
	if err := process.Start(); err != nil {
		t.Skipf("moto_server does not start: %v", err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	endpoint = "http://127.0.0.1:" + port
	for tries := 0; ; tries++ {
		if answer, err := http.Get(endpoint); err == nil {
			_ = answer.Body.Close()
			return endpoint
		}
		if tries == 300 {
			t.Skip("moto_server does not answer within 30 seconds")
		}
		time.Sleep(100 * time.Millisecond)
	}
}
