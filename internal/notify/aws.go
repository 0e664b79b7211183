package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"heddle/internal/aws/credentials"
)

// Endpoint is how to reach a service of AWS, or what speaks its protocol. Nothing is looked
// for elsewhere.
type Endpoint struct {
	URL         string `json:"endpoint"`
	Region      string `json:"region"`      // that requests are signed for
	Credentials string `json:"credentials"` // file with the key pair, as AWS's clients have it
	Profile     string `json:"profile"`     // in it; empty: default

	pair credentials.KeyPair
}

// EventBridge is a bus that events are put on. It makes an id of its own for each.
type EventBridge struct {
	Endpoint
	Bus string `json:"bus"` // name or ARN
	// Source stands in place of the events' own, which begin with "aws.": those AWS keeps to
	// itself. Empty: as they are.
	Source string `json:"source"`
}

// SQS is a queue that events are sent to, a message each. In a FIFO queue a run is a group,
// and the id of an event keeps it from being there twice.
type SQS struct {
	Endpoint
	Queue string `json:"queue"` // its URL
}

// SNS is a topic that events are published to, as those of SQS are sent.
type SNS struct {
	Endpoint
	Topic string `json:"topic"` // its ARN
}

const (
	putMax      = 10        // events of a call
	putBytesMax = 200 << 10 // of them; what is around them has room up to 256 KiB
)

func (e *Endpoint) fill() (err error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("endpoint %q: want http or https, a host, and perhaps a port", e.URL)
	}
	if e.Region == "" {
		return errors.New("region: want the region that requests are signed for")
	}
	profile := e.Profile
	if profile == "" {
		profile = "default"
	}
	e.pair, err = credentials.ReadProfile(e.Credentials, profile)
	return err
}

// Retrieve implements aws.CredentialsProvider.
func (e *Endpoint) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: e.pair.KeyID, SecretAccessKey: string(e.pair.Secret)}, nil
}

func (e *EventBridge) fill() error {
	if e.Bus == "" {
		e.Bus = "default"
	}
	return e.Endpoint.fill()
}

func (s *SQS) fill() error {
	if u, err := url.Parse(s.Queue); err != nil || u.Host == "" {
		return fmt.Errorf("queue %q: want the URL of a queue", s.Queue)
	}
	return s.Endpoint.fill()
}

func (s *SNS) fill() error {
	if !strings.HasPrefix(s.Topic, "arn:") {
		return fmt.Errorf("topic %q: want the ARN of a topic", s.Topic)
	}
	return s.Endpoint.fill()
}

// failure is an event of a call that was not taken.
type failure struct {
	index int
	never bool
	why   string
}

// putSink sends events by calls that take some of their events, and others not.
type putSink struct {
	put func(ctx context.Context, events []event) ([]failure, error)
}

// send makes calls in which each run has one event, so that none comes before one that failed.
// What fails in a call is sent once more, by itself.
func (s *putSink) send(ctx context.Context, events []event) error {
	for len(events) > 0 {
		n := distinct(events)
		failed, err := s.put(ctx, events[:n])
		if err != nil {
			return err
		}
		for _, f := range failed {
			if !f.never {
				again, err := s.put(ctx, events[f.index:f.index+1])
				if err != nil {
					return err
				}
				if len(again) == 0 {
					continue
				}
				f = again[0]
			}
			if f.never {
				return &refusedError{f.why}
			}
			return errors.New(f.why)
		}
		events = events[n:]
	}
	return nil
}

func (*putSink) close() error { return nil }

// distinct tells how many events of different runs come first, up to what a call takes.
func distinct(events []event) int {
	runs := map[string]bool{}
	bytes := 0
	for i := range events {
		if bytes += len(events[i].body); i == putMax || i > 0 && bytes > putBytesMax || runs[events[i].run] {
			return i
		}
		runs[events[i].run] = true
	}
	return len(events)
}

func newEventBridge(c *EventBridge) *putSink {
	client := eventbridge.New(eventbridge.Options{
		Region: c.Region, BaseEndpoint: &c.URL, Credentials: c, HTTPClient: newClient(), Retryer: aws.NopRetryer{},
	})
	return &putSink{func(ctx context.Context, events []event) (failed []failure, err error) {
		in := &eventbridge.PutEventsInput{}
		for i := range events {
			entry, err := c.entry(events[i].body)
			if err != nil {
				return nil, &refusedError{err.Error()}
			}
			in.Entries = append(in.Entries, entry)
		}
		out, err := client.PutEvents(ctx, in)
		if err != nil {
			return nil, err
		}
		for i, e := range out.Entries {
			if code := aws.ToString(e.ErrorCode); code != "" {
				passes := strings.HasPrefix(code, "Throttling") || strings.HasPrefix(code, "Internal")
				failed = append(failed, failure{i, !passes, code + ": " + aws.ToString(e.ErrorMessage)})
			}
		}
		return failed, nil
	}}
}

// entry makes an entry of an event.
func (e *EventBridge) entry(body []byte) (entry bridgetypes.PutEventsRequestEntry, err error) {
	var in struct {
		Type      string          `json:"detail-type"`
		Source    string          `json:"source"`
		Time      time.Time       `json:"time"`
		Resources []string        `json:"resources"`
		Detail    json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return entry, err
	}
	if e.Source != "" {
		in.Source = e.Source
	}
	return bridgetypes.PutEventsRequestEntry{
		EventBusName: &e.Bus, Source: &in.Source, DetailType: &in.Type, Detail: aws.String(string(in.Detail)), Resources: in.Resources, Time: &in.Time,
	}, nil
}

func newSQS(c *SQS) *putSink {
	client := sqs.New(sqs.Options{Region: c.Region, BaseEndpoint: &c.URL, Credentials: c, HTTPClient: newClient(), Retryer: aws.NopRetryer{}})
	fifo := strings.HasSuffix(c.Queue, ".fifo")
	return &putSink{func(ctx context.Context, events []event) (failed []failure, err error) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &c.Queue}
		for i := range events {
			e := sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(events[i].body))}
			if fifo {
				e.MessageGroupId, e.MessageDeduplicationId = &events[i].run, &events[i].id
			}
			in.Entries = append(in.Entries, e)
		}
		out, err := client.SendMessageBatch(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, e := range out.Failed {
			i, err := strconv.Atoi(aws.ToString(e.Id))
			if err != nil || i >= len(events) {
				return nil, fmt.Errorf("the queue answers about message %q", aws.ToString(e.Id))
			}
			failed = append(failed, failure{i, e.SenderFault, aws.ToString(e.Code) + ": " + aws.ToString(e.Message)})
		}
		return failed, nil
	}}
}

func newSNS(c *SNS) *putSink {
	client := sns.New(sns.Options{Region: c.Region, BaseEndpoint: &c.URL, Credentials: c, HTTPClient: newClient(), Retryer: aws.NopRetryer{}})
	fifo := strings.HasSuffix(c.Topic, ".fifo")
	return &putSink{func(ctx context.Context, events []event) (failed []failure, err error) {
		in := &sns.PublishBatchInput{TopicArn: &c.Topic}
		for i := range events {
			e := snstypes.PublishBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), Message: aws.String(string(events[i].body))}
			if fifo {
				e.MessageGroupId, e.MessageDeduplicationId = &events[i].run, &events[i].id
			}
			in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries, e)
		}
		out, err := client.PublishBatch(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, e := range out.Failed {
			i, err := strconv.Atoi(aws.ToString(e.Id))
			if err != nil || i >= len(events) {
				return nil, fmt.Errorf("the topic answers about message %q", aws.ToString(e.Id))
			}
			failed = append(failed, failure{i, e.SenderFault, aws.ToString(e.Code) + ": " + aws.ToString(e.Message)})
		}
		return failed, nil
	}}
}
