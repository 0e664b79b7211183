package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"heddle/internal/aws/eventbridge"
)

// answerBytesMax is how much of an answer is read, so that its connection can be used again.
const answerBytesMax = 16 << 10

// webhook posts events.
//
// Source: the Standard Webhooks specification.
type webhook struct {
	*Webhook
	client *http.Client
	now    func() time.Time
	body   []byte
}

func newWebhook(w *Webhook, now func() time.Time) *webhook {
	return &webhook{Webhook: w, now: now, client: newClient()}
}

// newClient makes a client that goes nowhere but where the operator said.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{ // no proxy of the environment
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (w *webhook) send(ctx context.Context, events []event) error {
	w.body = append(w.body[:0], '[')
	ids := sha256.New()
	for i := range events {
		if i > 0 {
			w.body = append(w.body, ',')
		}
		w.body = append(w.body, events[i].body...)
		_, _ = ids.Write([]byte(events[i].id)) // it never fails
	}
	w.body = append(w.body, ']')
	id := events[0].id
	if len(events) > 1 { // the same events have the same
		id = eventbridge.ID([16]byte(ids.Sum(nil)), int64(len(events)))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(w.body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "heddle-events")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", at)
	r.Header.Set("webhook-signature", sign(w.secrets, id, at, w.body))
	answer, err := w.client.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err // without the URL
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, answerBytesMax))
	err = errors.Join(err, answer.Body.Close())
	switch code := answer.StatusCode; {
	case code >= 200 && code <= 299:
		return err
	case code >= 300 && code <= 399:
		return fmt.Errorf("the webhook answered %s; redirects are not followed, so give the URL that it leads to", answer.Status)
	case code < 400 || code > 499, code == http.StatusRequestTimeout, code == http.StatusConflict, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return fmt.Errorf("the webhook answered %s", answer.Status)
	}
	return &refusedError{"the webhook answered " + answer.Status}
}

// sign gives a signature under each secret.
func sign(secrets [][]byte, id, at string, body []byte) string {
	var all []byte
	for i, secret := range secrets {
		if i > 0 {
			all = append(all, ' ')
		}
		mac := hmac.New(sha256.New, secret)
		_, _ = io.WriteString(mac, id+"."+at+".") // it never fails
		_, _ = mac.Write(body)
		all = append(all, "v1,"...)
		all = base64.StdEncoding.AppendEncode(all, mac.Sum(nil))
	}
	return string(all)
}

func (w *webhook) close() error {
	w.client.CloseIdleConnections()
	return nil
}
