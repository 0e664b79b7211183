// Package outside uses keys of another key management service, of AWS or of anything with
// its API, for the users of this server. The operator's credentials are what it calls
// with, so who may use a key is decided there for the server as a whole.
package outside

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"heddle/internal/kms/datakey"
	"heddle/internal/rootkey"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// Options say where the other service is.
type Options struct {
	Endpoint  string `name:"endpoint" env:"ENDPOINT" placeholder:"URL" help:"Another key management service, whose keys seal what users have sealed under keys of their own (anything with KMS's DescribeKey, GenerateDataKey and Decrypt). Without it this server's own keys do."`
	Region    string `name:"region" env:"REGION" default:"us-east-1" help:"Region that its requests are signed for."`
	AccessKey string `name:"access-key" env:"ACCESS_KEY_ID" placeholder:"KEY" help:"Access key that signs them; its secret comes from the environment variable HEDDLE_KEYS_SECRET_ACCESS_KEY alone."`
	SecretKey string `kong:"-" secret:"SECRET_ACCESS_KEY"`
}

// Check refuses an endpoint that makes no sense.
func (o *Options) Check() error {
	if o.Endpoint == "" {
		return nil
	}
	_, err := New(*o)
	return err
}

// New gives the keys of another service. It calls nobody yet.
func New(o Options) (datakey.Keys, error) {
	client, err := rootkey.Connect(o.Endpoint, o.Region, rootkey.AccessKey{ID: o.AccessKey, Secret: o.SecretKey})
	if err != nil {
		return nil, fmt.Errorf("--keys-endpoint: %w", err)
	}
	return keys{client}, nil
}

type keys struct{ client *kms.Client }

// Describe implements datakey.Keys.
func (k keys) Describe(ctx context.Context, r datakey.Request) (key datakey.Key, err error) {
	out, err := k.client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &r.Key})
	if err != nil {
		return key, wrong("describe key "+r.Key, err)
	}
	m := out.KeyMetadata
	if m == nil || m.Arn == nil {
		return key, fmt.Errorf("describe key %q: the key management service told nothing of it", r.Key)
	}
	return datakey.Key{ARN: *m.Arn, State: stateOf(m.KeyState), Symmetric: m.KeySpec == types.KeySpecSymmetricDefault && m.KeyUsage == types.KeyUsageTypeEncryptDecrypt}, nil
}

// GenerateDataKey implements datakey.Keys.
func (k keys) GenerateDataKey(ctx context.Context, r datakey.Request) (made datakey.DataKey, err error) {
	out, err := k.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &r.Key, KeySpec: types.DataKeySpecAes256, EncryptionContext: r.Context})
	if err != nil {
		return made, wrong("generate a data key of key "+r.Key, err)
	}
	made = datakey.DataKey{Plaintext: out.Plaintext, Blob: out.CiphertextBlob}
	if out.KeyId != nil {
		made.Key = *out.KeyId
	}
	return made, nil
}

// Decrypt implements datakey.Keys.
func (k keys) Decrypt(ctx context.Context, r datakey.Request, blob []byte) ([]byte, error) {
	in := &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: r.Context}
	if r.Key != "" {
		in.KeyId = &r.Key
	}
	out, err := k.client.Decrypt(ctx, in)
	if err != nil {
		return nil, wrong("open a data key of key "+r.Key, err)
	}
	return out.Plaintext, nil
}

// stateOf is a state as package datakey has it.
func stateOf(s types.KeyState) string {
	switch s {
	case types.KeyStateEnabled, types.KeyStateUpdating:
		return "ENABLED"
	case types.KeyStateDisabled:
		return "DISABLED"
	case types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion:
		return "PENDING_DELETION"
	case types.KeyStatePendingImport:
		return "PENDING_IMPORT"
	case types.KeyStateCreating:
		return "CREATING"
	}
	return "UNAVAILABLE"
}

// reasons are what refusals of the other service mean.
var reasons = map[string]datakey.Error{
	"AccessDeniedException":         {Why: datakey.Denied},
	"NotFoundException":             {Why: datakey.Missing},
	"InvalidArnException":           {Why: datakey.Missing},
	"DisabledException":             {Why: datakey.Unusable, State: "DISABLED"},
	"KeyUnavailableException":       {Why: datakey.Unusable, State: "UNAVAILABLE"},
	"KMSInvalidStateException":      {Why: datakey.Unusable},
	"InvalidKeyUsageException":      {Why: datakey.Unsuitable},
	"ValidationException":           {Why: datakey.Unsuitable},
	"UnsupportedOperationException": {Why: datakey.Unsuitable},
	"InvalidCiphertextException":    {Why: datakey.Unreadable},
	"IncorrectKeyException":         {Why: datakey.Unreadable},
	"ThrottlingException":           {Why: datakey.Throttled},
	"LimitExceededException":        {Why: datakey.Throttled},
}

// wrong makes an error for the caller of what the other service refused. What else goes
// wrong is for the operator.
func wrong(doing string, err error) error {
	refusal, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("%s, in the key management service of --keys-endpoint: %w", doing, err)
	}
	e, known := reasons[refusal.ErrorCode()]
	if !known {
		return fmt.Errorf("%s, in the key management service of --keys-endpoint: %w", doing, err)
	}
	if e.Message = refusal.ErrorMessage(); e.Why == datakey.Unusable && e.State == "" {
		e.State = stateIn(e.Message)
	}
	return &e
}

// stateIn finds the state of a key in the words that refuse its use.
func stateIn(message string) string {
	for words, state := range map[string]string{"pending deletion": "PENDING_DELETION", "pending import": "PENDING_IMPORT", "creating": "CREATING"} {
		if strings.Contains(strings.ToLower(message), words) {
			return state
		}
	}
	return "UNAVAILABLE"
}
