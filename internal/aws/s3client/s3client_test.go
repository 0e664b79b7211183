package s3client

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func options(endpoint string) Options {
	return Options{
		Endpoint: endpoint, Region: "eu-west-1", PathStyle: true, BackoffMax: time.Millisecond,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
		}),
	}
}

// TestTalksToItsEndpointAlone: neither the environment nor the answer of a server leads a
// client elsewhere.
func TestTalksToItsEndpointAlone(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	strayed := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed++ }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			if signed := r.Header.Get("Authorization"); !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential=AKID/") {
				t.Errorf("signed %q", signed)
			}
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}))
		client, err := New(options(server.URL))
		if err != nil {
			t.Fatal(err)
		}
		// A name that asks for a session at AWS.
		for _, bucket := range []string{"things", "things--use1-az4--x-s3"} {
			asked = 0
			if _, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")}); err == nil {
				t.Errorf("%d: no error", status)
			}
			if asked != 1 || strayed != 0 {
				t.Errorf("%d: %q was asked for %d times, another host %d", status, bucket, asked, strayed)
			}
		}
		server.Close()
	}
}

func TestOptions(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no region":      func(o *Options) { o.Region = "" },
		"no credentials": func(o *Options) { o.Credentials = nil },
		"no scheme":      func(o *Options) { o.Endpoint = "s3.example" },
		"a user":         func(o *Options) { o.Endpoint = "https://me:secret@s3.example" },
	} {
		o := options("https://s3.example/path")
		if _, err := New(o); err != nil {
			t.Fatal(err)
		}
		spoil(&o)
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(options("")); err != nil { // AWS's own
		t.Error(err)
	}
}
