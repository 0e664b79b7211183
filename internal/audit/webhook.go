package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Webhook is where batches of records are posted, as the body of a CloudTrail log
// file: {"Records":[…]}. An answer of 200 to 299 takes the batch; a batch may come
// again, with the same event ids, if the answer was lost.
type Webhook struct {
	URL   string
	Token string // sent as a bearer token; empty: none
}

const (
	// sendsMax is how often a batch is posted before it is given up.
	sendsMax = 6
	// answerTimeout is how long an answer may take.
	answerTimeout = 10 * time.Second
	// answerBytesMax is how much of an answer is read, so that its connection can
	// be used again.
	answerBytesMax = 16 << 10
)

type webhook struct {
	Webhook
	client http.Client
	body   []byte
}

// Check refuses what is no URL of a webhook.
func (c Webhook) Check() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("audit webhook: want a URL such as https://host/path") // it may hold a secret
	}
	return nil
}

func newWebhook(c Webhook) (*webhook, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &webhook{Webhook: c, client: http.Client{
		Timeout: answerTimeout,
		Transport: &http.Transport{ // no proxy of the environment
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		},
		// Records go nowhere but where the operator said.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// write implements sink.
func (w *webhook) write(ctx context.Context, lines []byte) (int, error) {
	w.body = append(w.body[:0], `{"Records":[`...)
	w.body = append(w.body, bytes.TrimSuffix(lines, []byte{'\n'})...)
	for i, c := range w.body {
		if c == '\n' { // never in a line
			w.body[i] = ','
		}
	}
	w.body = append(w.body, "]}"...)
	if err := w.post(ctx); err != nil {
		return 0, err
	}
	return len(lines), nil
}

func (w *webhook) post(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(w.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "heddle-audit")
	if w.Token != "" {
		r.Header.Set("Authorization", "Bearer "+w.Token)
	}
	answer, err := w.client.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err // without the URL
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, answerBytesMax))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the webhook answered %s", answer.Status)
	}
	return nil
}

// close implements sink.
func (w *webhook) close() error {
	w.client.CloseIdleConnections()
	return nil
}
