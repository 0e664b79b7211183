package kms

import (
	"context"
	"errors"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/policy"
	"heddle/internal/kms/datakey"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
)

// forServices are this server's keys for its other services: the same permission is asked, of the
// caller on whose behalf it is, and the same is done as in a call.
type forServices struct{ *actions }

var _ datakey.Keys = forServices{}

// use makes the call that a service asks for.
func (k forServices) use(ctx context.Context, r *datakey.Request, action string) *call {
	known := r.Known
	if known == nil {
		known = r.Caller.Context
	}
	return &call{actions: k.actions, Context: ctx, action: action, world: r.World, who: r.Caller, known: via(known, r.Via), via: r.Via}
}

// via is what is known of a call that a service makes on somebody's behalf.
func via(known policy.Context, service string) policy.Context {
	if service == "" {
		return known
	}
	all := make(policy.Context, 0, len(known)+4)
	for _, v := range known {
		if v.Key != "aws:ViaAWSService" {
			all = append(all, v)
		}
	}
	return append(all, policy.Value{Key: "aws:ViaAWSService", Value: "true"}, policy.Value{Key: "aws:CalledVia", Value: service},
		policy.Value{Key: "aws:CalledViaFirst", Value: service}, policy.Value{Key: "aws:CalledViaLast", Value: service})
}

// may asks the policies, and then whether it was asked too often.
func (c *call) may() error {
	if c.flaw != nil {
		return c.wrong(c.flaw)
	}
	why, err := c.refused()
	if err != nil {
		return err
	}
	if why != "" {
		return &datakey.Error{Why: datakey.Denied, Message: why}
	}
	if c.Throttle != nil && !c.Throttle(c.world, c.action) {
		return &datakey.Error{Why: datakey.Throttled, Message: "Rate exceeded"}
	}
	return nil
}

// Describe implements datakey.Keys.
func (k forServices) Describe(ctx context.Context, r datakey.Request) (key datakey.Key, err error) {
	c := k.use(ctx, &r, "DescribeKey")
	if err := c.aboutKey(r.Key, anyName, nil); err != nil {
		return key, c.wrong(err)
	}
	if err := c.may(); err != nil {
		return key, err
	}
	if err := c.key.found(); err != nil {
		return key, c.wrong(err)
	}
	return datakey.Key{ARN: c.key.arn, State: stateNames[c.key.State], Symmetric: true}, nil
}

// GenerateDataKey implements datakey.Keys.
func (k forServices) GenerateDataKey(ctx context.Context, r datakey.Request) (made datakey.DataKey, err error) {
	c := k.use(ctx, &r, "GenerateDataKey")
	if err := c.aboutKeyUse(r.Key, "GenerateDataKey", r.Context, nil); err != nil {
		return made, c.wrong(err)
	}
	if err := c.may(); err != nil {
		return made, err
	}
	spec := wire.DataKeySpecAes256
	plaintext, blob, err := c.dataKey(r.Context, &spec, nil, nil)
	if err != nil {
		return made, c.wrong(err)
	}
	return datakey.DataKey{Plaintext: plaintext, Blob: blob, Key: c.key.arn}, nil
}

// Decrypt implements datakey.Keys.
func (k forServices) Decrypt(ctx context.Context, r datakey.Request, blob []byte) ([]byte, error) {
	c := k.use(ctx, &r, "Decrypt")
	in := &wire.DecryptRequest{CiphertextBlob: blob, EncryptionContext: r.Context, KeyID: present(r.Key)}
	if err := aboutDecrypt(c, in); err != nil {
		return nil, c.wrong(err)
	}
	if err := c.may(); err != nil {
		return nil, err
	}
	plaintext, _, err := c.open(c.key, r.Key != "", r.Context)
	if err != nil {
		return nil, c.wrong(err)
	}
	return plaintext, nil
}

// stateNames are states of keys as other services have them.
var stateNames = map[keyring.State]string{keyring.Enabled: "ENABLED", keyring.Disabled: "DISABLED", keyring.PendingDeletion: "PENDING_DELETION"}

// wrong says what a refusal means to a service that uses keys.
func (c *call) wrong(err error) error {
	refused := func(why datakey.Why, message string) error { return &datakey.Error{Why: why, Message: message} }
	if e, ok := errors.AsType[*keyring.Error](err); ok {
		switch e.Code {
		case keyring.NotFound:
			return refused(datakey.Missing, e.Message)
		case keyring.IsDisabled, keyring.InvalidState:
			return &datakey.Error{Why: datakey.Unusable, State: stateNames[c.key.State], Message: e.Message}
		}
		return refused(datakey.Unsuitable, e.Message)
	}
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok {
		return err
	}
	switch {
	case f.Kind == fault.AccessDenied:
		return refused(datakey.Denied, f.Message)
	case f.Code == wire.CodeNotFoundException:
		return refused(datakey.Missing, f.Message)
	case f.Code == wire.CodeInvalidCiphertextException:
		return refused(datakey.Unreadable, "the ciphertext is none of the key's, or was made with another encryption context")
	case f.Code == wire.CodeIncorrectKeyException:
		return refused(datakey.Unreadable, f.Message)
	}
	return refused(datakey.Unsuitable, f.Message)
}
