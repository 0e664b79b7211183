package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// queues stands in for SQS: it takes messages over HTTP, as the server sends them, and gives
// them to the token workers of cases.
type queues struct {
	url string // of the stand-in

	mu     sync.Mutex
	byName map[string][]string // bodies of messages
}

func newQueues() *queues { return &queues{byName: map[string][]string{}} }

// create makes a queue, and gives its URL.
func (q *queues) create(name string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	address := q.url + "/" + account + "/" + name
	if _, exists := q.byName[address]; !exists {
		q.byName[address] = nil
	}
	return address
}

// receive takes the first message of a queue.
func (q *queues) receive(address string) (body string, some bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.byName[address]
	if len(waiting) == 0 {
		return "", false
	}
	q.byName[address] = waiting[1:]
	return waiting[0], true
}

// ServeHTTP answers SendMessage.
func (q *queues) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("x-amzn-RequestId", uuid())
	var in struct {
		QueueUrl          string
		MessageBody       *string
		MessageAttributes map[string]struct{ DataType, StringValue string }
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	refuse := func(code, compatible, message string) {
		w.Header().Set("x-amzn-query-error", compatible+";Sender")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": message})
	}
	switch {
	case err != nil || r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessage":
		refuse("UnsupportedOperation", "UnsupportedOperation", "only SendMessage is served here")
		return
	case in.MessageBody == nil:
		refuse("MissingRequiredParameterException", "MissingParameter", "The request must contain the parameter MessageBody.")
		return
	}
	q.mu.Lock()
	_, exists := q.byName[in.QueueUrl]
	if exists {
		q.byName[in.QueueUrl] = append(q.byName[in.QueueUrl], *in.MessageBody)
	}
	q.mu.Unlock()
	if !exists {
		refuse("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
		return
	}
	out := map[string]string{"MessageId": uuid(), "MD5OfMessageBody": digest(*in.MessageBody)}
	if len(in.MessageAttributes) > 0 {
		text := ""
		for _, name := range slices.Sorted(maps.Keys(in.MessageAttributes)) {
			text += name + in.MessageAttributes[name].DataType + in.MessageAttributes[name].StringValue
		}
		out["MD5OfMessageAttributes"] = digest(text) // of the stand-in's own making
	}
	_ = json.NewEncoder(w).Encode(out)
}

func digest(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// do does a call of SQS that a case makes, and gives what it answers.
func (q *queues) do(call string, request any) (map[string]any, error) {
	in, _ := request.(map[string]any)
	switch call {
	case "CreateQueue":
		name, _ := in["QueueName"].(string)
		return map[string]any{"QueueUrl": q.create(name)}, nil
	case "ReceiveMessage":
		address, _ := in["QueueUrl"].(string)
		body, some := q.receive(address)
		if !some {
			return nil, fmt.Errorf("the queue %s has no message", address)
		}
		return map[string]any{"Messages": []any{map[string]any{"Body": body}}}, nil
	}
	return nil, fmt.Errorf("it calls %s, for which this command has no stand-in", call)
}

// tokenWorker answers the tokens in the messages of a queue, beside the steps.
type tokenWorker struct {
	QueueURL       string  `json:"queueUrl"`
	Does           string  `json:"does"` // succeed, fail
	Output         string  `json:"output"`
	Error          *string `json:"error"`
	Cause          *string `json:"cause"`
	Heartbeats     int     `json:"heartbeats"`
	HeartbeatAfter float64 `json:"heartbeatAfterSeconds"`
	Messages       int     `json:"messages"` // stop after so many; 0: never
}

// lookPause is how long a token worker waits when its queue is empty.
const lookPause = 20 * time.Millisecond

// startTokenWorker starts a token worker beside the steps.
func (g *game) startTokenWorker(ctx context.Context, i int, w *tokenWorker) error {
	address, err := g.names.fill(w.QueueURL)
	if err != nil {
		return err
	}
	g.workers.Go(func() {
		for n := 0; w.Messages == 0 || n < w.Messages; {
			body, some := g.queues.receive(address)
			if !some {
				if sleep(ctx, lookPause) != nil {
					return
				}
				continue
			}
			n++
			if err := g.answerToken(ctx, w, body); err != nil && ctx.Err() == nil {
				g.note(i, "tokenWorker", difference{path: w.Does, want: "success", got: err.Error()})
			}
		}
	})
	return nil
}

func (g *game) answerToken(ctx context.Context, w *tokenWorker, body string) error {
	v, err := decode([]byte(body))
	message, ok := v.(map[string]any)
	if err != nil || !ok {
		return fmt.Errorf("the message %q is no JSON object", body)
	}
	token := message["TaskToken"]
	for range w.Heartbeats {
		if err := sleep(ctx, time.Duration(w.HeartbeatAfter*float64(time.Second))); err != nil {
			return err
		}
		if _, err := g.must(ctx, "SendTaskHeartbeat", map[string]any{"taskToken": token}); err != nil {
			return err
		}
	}
	in := map[string]any{"taskToken": token}
	switch w.Does {
	case "succeed":
		output := any(body)
		if w.Output != "@body" {
			output = show(message[w.Output])
		}
		in["output"] = output
		_, err = g.must(ctx, "SendTaskSuccess", in)
	case "fail":
		if w.Error != nil {
			in["error"] = *w.Error
		}
		if w.Cause != nil {
			in["cause"] = *w.Cause
		}
		_, err = g.must(ctx, "SendTaskFailure", in)
	default:
		err = fmt.Errorf("nobody told this command how to do that")
	}
	return err
}
