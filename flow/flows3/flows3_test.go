package flows3_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"heddle/flow"
	"heddle/flow/flows3"
	"heddle/flow/flowtest"
)

var _ flow.Blobs = flows3.Bucket{}

// direct calls a handler without a connection, so that a test in a bubble may use it.
type direct struct{ http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if r.ContentLength >= 0 {
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10)) // as a server leaves it
	}
	d.ServeHTTP(answer, r)
	return answer.Result(), nil
}

func bucket(t *testing.T) flows3.Bucket {
	t.Helper()
	client := s3.New(s3.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://s3.test"), UsePathStyle: true, HTTPClient: direct{gofakes3.New(s3mem.New()).Server()},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
	if _, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("payloads")}); err != nil {
		t.Fatal(err)
	}
	return flows3.Bucket{Client: client, Name: "payloads", Prefix: "orders/"}
}

func TestBucket(t *testing.T) {
	b := bucket(t)
	text := strings.Repeat("long ä ", 100_000)
	sum := sha256.Sum256([]byte(text))
	key := hex.EncodeToString(sum[:])
	_, err := b.Get(t.Context(), key)
	for _, want := range []string{"orders/" + key, "payloads", "it is not there: was it deleted before"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for range 2 {
		if err := b.Put(t.Context(), key, text); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := b.Get(t.Context(), key); err != nil || got != text {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	b.Name = "another"
	if err := b.Put(t.Context(), key, text); err == nil || !strings.Contains(err.Error(), "in bucket another") {
		t.Errorf("got %v", err)
	}
}

// A payload that is too long for a history goes through the bucket, to the workflow, its activity and back.
func TestPayloads(t *testing.T) {
	echo := flow.Workflow[string, string]{Name: "Echo", Version: "1"}
	repeat := flow.Activity[string, string]{Name: "Repeat", Version: "1", StartToClose: time.Minute}
	flowtest.Config{Client: func(c *flow.Client) { c.Blobs = bucket(t) }}.Test(t, func(t *testing.T, c *flow.Client) {
		long := strings.Repeat("x", 400_000)
		run, err := echo.Start(t.Context(), c, "e", long)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := run.Result(t.Context()); err != nil || got != long+long {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	}, echo.By(func(ctx flow.Context, in string) (string, error) { return repeat.Call(ctx, in) }),
		repeat.By(func(_ context.Context, in string) (string, error) { return in + in, nil }))
}
