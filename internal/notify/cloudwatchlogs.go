package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
)

// CloudWatchLogs is CloudWatch Logs, or what speaks its protocol. What is logged goes to the
// log group that its state machine names, which must be there, and a stream for each state
// machine and day, which is made.
//
// Source: CloudWatch Logs API Reference, PutLogEvents and CreateLogStream.
type CloudWatchLogs struct{ Endpoint }

// Bounds of PutLogEvents.
const (
	putLogsBytesMax = 1 << 20 // of messages, with logEventBytes for each
	logEventBytes   = 26
)

// deniedFor is how long after a log group has taken records another one that denies is at fault
// for itself; else the operator's keys may be.
const deniedFor = 10 * time.Minute

type cloudWatchLogs struct {
	*CloudWatchLogs
	client *http.Client
	signer *v4.Signer
	now    func() time.Time
	took   time.Time // when a log group has taken records last
}

func newCloudWatchLogs(c *CloudWatchLogs, now func() time.Time) *cloudWatchLogs {
	return &cloudWatchLogs{CloudWatchLogs: c, client: newClient(), signer: v4.NewSigner(), now: now}
}

func (c *cloudWatchLogs) close() error {
	c.client.CloseIdleConnections()
	return nil
}

// stream is where something is logged.
type stream struct{ group, name string }

// logEvent is a record on its way.
type logEvent struct {
	index   int   // of the event
	at      int64 // milliseconds
	message []byte
}

// send logs the records of each stream together, in the order of their times. What a log group
// does not take, since it is not there, or too old, keeps no other group's records waiting.
func (c *cloudWatchLogs) send(ctx context.Context, events []event) error {
	var (
		streams []stream
		refused []int
		why     string
		denied  []int
		denial  error
	)
	all := map[stream][]logEvent{}
	for i := range events {
		var e enveloped
		var r record
		if sortOf(events[i].body) != typesLogs || json.Unmarshal(events[i].body, &e) != nil || json.Unmarshal(e.Detail, &r) != nil || len(e.Resources) == 0 {
			continue // that some were lost has no group
		}
		at, err := strconv.ParseInt(r.At, 10, 64)
		if err != nil {
			refused, why = append(refused, i), "it has no time"
			continue
		}
		to := stream{groupOf(e.Resources[0]), "states/" + r.machine() + "/" + time.UnixMilli(at).UTC().Format(time.DateOnly)}
		if _, there := all[to]; !there {
			streams = append(streams, to)
		}
		all[to] = append(all[to], logEvent{i, at, eventbridge.Detail(events[i].body)})
	}
	for _, to := range streams {
		of := all[to]
		slices.SortStableFunc(of, func(a, b logEvent) int { return int(a.at - b.at) })
		for len(of) > 0 {
			n, bytes := 0, 0
			for n < len(of) && (n == 0 || bytes+len(of[n].message)+logEventBytes <= putLogsBytesMax) {
				bytes += len(of[n].message) + logEventBytes
				n++
			}
			err := c.put(ctx, to, of[:n])
			partly, some := errors.AsType[*partlyRefusedError](err)
			fault, answered := errors.AsType[*logsFault](err)
			switch {
			case err == nil:
				c.took = c.now()
			case some:
				refused, why = append(refused, partly.refused...), partly.why
			case answered && fault.code == "AccessDeniedException":
				for i := range of[:n] {
					denied = append(denied, of[i].index)
				}
				denial = fmt.Errorf("log group %s: %w", to.group, err)
			default:
				return err
			}
			of = of[n:]
		}
	}
	if denial != nil {
		if c.took.IsZero() || c.now().Sub(c.took) > deniedFor {
			return denial
		}
		refused, why = append(refused, denied...), denial.Error()
	}
	if len(refused) > 0 {
		return &partlyRefusedError{refused, why}
	}
	return nil
}

// groupOf is the name in the ARN of a log group.
func groupOf(group string) string {
	a, _ := arn.Parse(group)
	return strings.TrimSuffix(strings.TrimPrefix(a.Resource, "log-group:"), ":*")
}

// missing is the code of what is not there.
const missing = "ResourceNotFoundException"

// put logs records of a stream. Errors: *partlyRefusedError, *logsFault.
func (c *cloudWatchLogs) put(ctx context.Context, to stream, of []logEvent) error {
	place := func(b []byte) []byte {
		b = append(b, `{"logGroupName":`...)
		b = shape.AppendString(b, to.group)
		b = append(b, `,"logStreamName":`...)
		return shape.AppendString(b, to.name)
	}
	body := append(place(nil), `,"logEvents":[`...)
	for i := range of {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"timestamp":`...)
		body = strconv.AppendInt(body, of[i].at, 10)
		body = append(body, `,"message":`...)
		body = append(shape.AppendString(body, string(of[i].message)), '}')
	}
	body = append(body, `]}`...)
	rejected, err := c.call(ctx, "PutLogEvents", body)
	if fault, ok := errors.AsType[*logsFault](err); ok && fault.code == missing {
		_, err = c.call(ctx, "CreateLogStream", append(place(nil), '}'))
		if fault, ok := errors.AsType[*logsFault](err); err == nil || ok && fault.code == "ResourceAlreadyExistsException" {
			rejected, err = c.call(ctx, "PutLogEvents", body)
		}
	}
	fault, answered := errors.AsType[*logsFault](err)
	var refused []int
	switch {
	case answered && fault.code == "InvalidParameterException" && len(of) > 1: // one of them is at fault
		err = nil
		for i := range of {
			alone := c.put(ctx, to, of[i:i+1])
			if partly, some := errors.AsType[*partlyRefusedError](alone); some {
				refused, err = append(refused, partly.refused...), fault
			} else if alone != nil {
				return alone
			}
		}
	case answered && (fault.code == missing || fault.code == "InvalidParameterException"):
		for i := range of {
			refused = append(refused, of[i].index)
		}
	case err == nil && rejected != nil:
		for i := range of {
			if rejected.has(i) {
				refused = append(refused, of[i].index)
			}
		}
		err = fmt.Errorf("CloudWatch Logs rejects what is too old or too new: %+v", *rejected)
	}
	if len(refused) > 0 {
		return &partlyRefusedError{refused, fmt.Sprintf("log group %s: %v", to.group, err)}
	}
	return err
}

// rejections are which records of a call were not taken, by their places.
type rejections struct {
	TooNewFrom   *int `json:"tooNewLogEventStartIndex"`
	TooOldBefore *int `json:"tooOldLogEventEndIndex"`
	ExpiredTill  *int `json:"expiredLogEventEndIndex"`
}

func (r *rejections) has(i int) bool {
	return r.TooNewFrom != nil && i >= *r.TooNewFrom || r.TooOldBefore != nil && i < *r.TooOldBefore || r.ExpiredTill != nil && i < *r.ExpiredTill
}

// logsFault is an answer that is an error.
type logsFault struct{ status, code, message string }

func (f *logsFault) Error() string {
	return strings.TrimRight("CloudWatch Logs answered "+f.status+" "+f.code+": "+f.message, ": ")
}

// call makes a call, and tells what was rejected of it; nil: nothing. Errors: *logsFault.
func (c *cloudWatchLogs) call(ctx context.Context, action string, body []byte) (*rejections, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328."+action)
	sum := sha256.Sum256(body)
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	keys := aws.Credentials{AccessKeyID: c.pair.KeyID, SecretAccessKey: string(c.pair.Secret)}
	if err := c.signer.SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "logs", c.Region, c.now()); err != nil {
		return nil, err
	}
	answer, err := c.client.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return nil, failed.Err
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax))
	err = errors.Join(err, answer.Body.Close())
	var said struct {
		Type     string      `json:"__type"`
		Message  string      `json:"message"`
		Rejected *rejections `json:"rejectedLogEventsInfo"`
	}
	_ = json.Unmarshal(text, &said) // what is no fault has no code
	if answer.StatusCode == http.StatusOK {
		return said.Rejected, err
	}
	return nil, &logsFault{answer.Status, said.Type[strings.LastIndexByte(said.Type, '#')+1:], said.Message}
}
