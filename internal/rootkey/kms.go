package rootkey

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// KMS says which root keys are in a key management service, and how it is
// reached.
type KMS struct {
	KeyIDs   []string  `name:"key-id" env:"KEY_ID" placeholder:"ID" help:"Root keys in a key management service, instead of a file: the first seals, the others open what was sealed before."` // ids, ARNs or aliases
	Endpoint string    `name:"endpoint" env:"ENDPOINT" placeholder:"URL" help:"Where the key management service is (anything with KMS's Encrypt and Decrypt)."`
	Region   string    `name:"region" env:"REGION" default:"us-east-1" help:"Region that its requests are signed for."`
	Access   AccessKey `embed:""`
}

// AccessKey signs requests to the service.
type AccessKey struct {
	ID     string `name:"access-key" env:"ACCESS_KEY_ID" placeholder:"KEY" help:"Access key that signs them; its secret comes from the environment variable HEDDLE_KMS_SECRET_ACCESS_KEY alone."`
	Secret string `kong:"-" secret:"SECRET_ACCESS_KEY"`
}

// Bounds of a call. It is made at a start and when root keys change; a server
// without an answer cannot start.
const (
	callTimeout = 10 * time.Second
	sendsMax    = 3
	backoffMax  = time.Second
)

// context is shown in the service's own log, and its policies may ask for it.
var encryptionContext = map[string]string{"purpose": "heddle"}

// NewKMS gives the keys of a key management service. It calls nobody yet.
func NewKMS(cfg KMS) (*Keys, error) {
	client, err := Connect(cfg.Endpoint, cfg.Region, cfg.Access)
	if err != nil {
		return nil, fmt.Errorf("kms %w", err)
	}
	if len(cfg.KeyIDs) == 0 {
		return nil, errors.New("kms endpoint: want the id of a key")
	}
	keys := new(Keys)
	for _, id := range cfg.KeyIDs {
		keys.all = append(keys.all, key{"kms:" + id, remote{client, id}})
	}
	return keys, nil
}

// Connect gives a client of a key management service. It calls nobody yet.
func Connect(endpoint, region string, access AccessKey) (*kms.Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("endpoint %q: want http or https, a host, and perhaps a port and a path", u.Redacted())
	case access.ID == "" || access.Secret == "":
		return nil, errors.New("endpoint: want an access key's id and its secret")
	case region == "":
		return nil, errors.New("endpoint: want the region that requests are signed for")
	}
	// New, unlike NewFromConfig, looks for settings and credentials nowhere.
	return kms.New(kms.Options{
		BaseEndpoint: &endpoint,
		Region:       region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: access.ID, SecretAccessKey: access.Secret}, nil
		}),
		HTTPClient: newHTTPClient(),
		Retryer:    retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = sendsMax, backoffMax }),
	}), nil
}

// newHTTPClient talks to the endpoint and to nobody else: no proxy from the
// environment, no redirects.
func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: callTimeout}).DialContext,
			TLSHandshakeTimeout: callTimeout,
			DisableKeepAlives:   true, // calls are rare
			ForceAttemptHTTP2:   true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callTimeout,
	}
}

// remote is a key that the service keeps to itself. What it is given is the key
// of an envelope, for which Tink has no associated data; the envelope has them.
type remote struct {
	client *kms.Client
	id     string
}

func (r remote) EncryptWithContext(ctx context.Context, plain, _ []byte) ([]byte, error) {
	out, err := r.client.Encrypt(ctx, &kms.EncryptInput{KeyId: &r.id, Plaintext: plain, EncryptionContext: encryptionContext})
	if err != nil {
		return nil, err
	}
	return out.CiphertextBlob, nil
}

// DecryptWithContext names the key, since the service would take any that its
// caller may use, a stranger's too.
func (r remote) DecryptWithContext(ctx context.Context, sealed, _ []byte) ([]byte, error) {
	out, err := r.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &r.id, CiphertextBlob: sealed, EncryptionContext: encryptionContext})
	if err != nil {
		return nil, err
	}
	return out.Plaintext, nil
}
