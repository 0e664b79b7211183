// Package s3client makes clients of S3, or of what speaks its protocol, for whoever
// in the server needs one. A client talks to its endpoint and to nobody else: it looks
// for settings and credentials nowhere, takes no proxy from the environment, and
// follows no redirect.
package s3client

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Bounds of a call. Bodies may take as long as their senders and readers do.
const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 60 * time.Second // from the end of a request to the begin of its answer
	idleTimeout   = 90 * time.Second
	idleConnsMax  = 32
	bufferBytes   = 64 << 10 // of a connection, each way
	backoffMax    = time.Second
)

// SendsMax is how often a call is sent at most, with what fails for a while.
const SendsMax = 3

// Options is how to reach S3.
type Options struct {
	// Endpoint is an URL; empty is AWS's own in the region.
	Endpoint string
	// Region is what requests are signed for.
	Region string
	// PathStyle has the bucket in the path of URLs, not in the host's name.
	PathStyle bool
	// Credentials sign the requests.
	Credentials aws.CredentialsProvider
	// BackoffMax is how long the client waits at most before it sends again; 0 is a
	// second.
	BackoffMax time.Duration
}

// New makes a client. It calls nobody yet.
func New(o Options) (*s3.Client, error) {
	switch {
	case o.Region == "":
		return nil, errors.New("want the region that requests are signed for")
	case o.Credentials == nil:
		return nil, errors.New("want credentials")
	}
	if o.BackoffMax == 0 {
		o.BackoffMax = backoffMax
	}
	options := s3.Options{
		Region:       o.Region,
		UsePathStyle: o.PathStyle,
		Credentials:  o.Credentials,
		HTTPClient:   newHTTPClient(),
		Retryer:      retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = SendsMax, o.BackoffMax }),
		// The signature has the hash of what is sent. Not all that speak S3 know newer
		// checksums.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		// A session would be asked of a bucket for its name alone.
		DisableS3ExpressSessionAuth: aws.Bool(true),
	}
	if o.Endpoint != "" {
		if err := CheckEndpoint(o.Endpoint); err != nil {
			return nil, err
		}
		options.BaseEndpoint = &o.Endpoint
	}
	// New, unlike NewFromConfig, looks for settings and credentials nowhere.
	return s3.New(options), nil
}

// CheckEndpoint refuses an endpoint that no client would take. It calls nobody.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("endpoint %q: want http or https, a host, and perhaps a port and a path", u.Redacted())
	}
	return nil
}

func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: answerTimeout,
			MaxIdleConnsPerHost:   idleConnsMax,
			IdleConnTimeout:       idleTimeout,
			WriteBufferSize:       bufferBytes,
			ReadBufferSize:        bufferBytes,
			DisableCompression:    true, // lengths count
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
