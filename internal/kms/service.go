// Package kms serves a part of AWS Key Management Service: symmetric encryption keys with
// aliases, key policies, grants, tags, rotation and deletion, and what is encrypted with
// them. Other services of the server use the same keys for their users (package datakey).
//
// Each action is a row: what it is about, which is authorised before anything is done, and
// what it does. What becomes of keys is decided by the rules in package keyring; key
// material is opened here alone, for as long as a call takes, and is in no answer, record
// or log.
//
// Source of all shapes, limits and faults: AWS KMS API Reference and Developer Guide.
package kms

import (
	"context"
	"errors"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/outside"
	"heddle/internal/kms/wire"
	"heddle/internal/service"
)

// Options are the settings of the service.
type Options struct {
	Outside outside.Options `embed:"" prefix:"keys-" envprefix:"HEDDLE_KEYS_"`
}

// Service is KMS for the server.
func Service() *service.Service {
	o := &Options{}
	return &service.Service{
		Name:     "kms",
		Options:  o,
		Check:    o.Outside.Check,
		Crossing: crossing,
		Rules: func() map[engine.Kind]engine.Rules {
			return map[engine.Kind]engine.Rules{keyring.Kind: keyring.NewRules(keyring.DefaultLimits())}
		},
		Rates:  rates(),
		Begins: []string{"CreateKey", "CreateAlias", "CreateGrant"},
		Audit:  service.Audit{Reads: uses, Members: members},
		Open:   func(k *service.Kernel) (*service.Opened, error) { return open(k, o) },
	}
}

// uses are the actions that use keys: they change nothing.
var uses = []string{"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom"}

// actions handles the actions of KMS.
type actions struct {
	*service.Kernel
	secrets *secrets
}

func open(k *service.Kernel, o *Options) (*service.Opened, error) {
	s := &actions{k, newSecrets(k.Secret, k.Random)}
	opened := &service.Opened{
		Model:      operation.Model{TargetPrefix: wire.TargetPrefix, JSONVersion: wire.JSONVersion, Faults: wire.Faults()},
		Operations: s.operations(),
		Parts:      []service.Part{{Name: "key rotations", Service: newRotations(s)}},
		Keys:       forServices{s},
	}
	if o.Outside.Endpoint != "" {
		var err error
		if opened.Keys, err = outside.New(o.Outside); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// operations are the actions, one row each.
func (s *actions) operations() []operation.Operation {
	policyBody := operation.WithBodyMax(1 << 20) // 131,072 characters, of six bytes each (\u0000)
	return []operation.Operation{
		row(s, "CreateKey", aboutNewKey, createKey, policyBody),
		row(s, "DescribeKey", func(c *call, in *wire.DescribeKeyRequest) error { return c.aboutKey(in.KeyID, anyName, nil) }, describeKey),
		row(s, "ListKeys", nothing[wire.ListKeysRequest], listKeys),
		silent(s, "UpdateKeyDescription", func(c *call, in *wire.UpdateKeyDescriptionRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, updateKeyDescription),
		silent(s, "EnableKey", func(c *call, in *wire.EnableKeyRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, enableKey),
		silent(s, "DisableKey", func(c *call, in *wire.DisableKeyRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, disableKey),
		row(s, "ScheduleKeyDeletion", aboutDeletion, scheduleKeyDeletion),
		row(s, "CancelKeyDeletion", func(c *call, in *wire.CancelKeyDeletionRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, cancelKeyDeletion),

		silent(s, "CreateAlias", aboutNewAlias, createAlias),
		silent(s, "UpdateAlias", aboutMovedAlias, updateAlias),
		silent(s, "DeleteAlias", aboutAlias, deleteAlias),
		row(s, "ListAliases", nothing[wire.ListAliasesRequest], listAliases),

		row(s, "Encrypt", aboutEncrypt, encrypt),
		row(s, "Decrypt", aboutDecrypt, decrypt, recipientBody),
		row(s, "ReEncrypt", aboutReEncrypt, reEncrypt),
		row(s, "GenerateDataKey", aboutDataKey, generateDataKey, recipientBody),
		row(s, "GenerateDataKeyWithoutPlaintext", aboutSealedDataKey, generateDataKeyWithoutPlaintext),
		row(s, "GenerateRandom", aboutRandom, generateRandom, recipientBody),

		row(s, "GetKeyPolicy", func(c *call, in *wire.GetKeyPolicyRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, getKeyPolicy),
		silent(s, "PutKeyPolicy", aboutPolicy, putKeyPolicy, policyBody),
		row(s, "ListKeyPolicies", func(c *call, in *wire.ListKeyPoliciesRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, listKeyPolicies),

		row(s, "CreateGrant", aboutNewGrant, createGrant, grantBody),
		row(s, "ListGrants", aboutGrants, listGrants),
		silent(s, "RevokeGrant", aboutRevoked, revokeGrant),
		silent(s, "RetireGrant", aboutRetired, retireGrant),
		row(s, "ListRetirableGrants", nothing[wire.ListRetirableGrantsRequest], listRetirableGrants),

		silent(s, "TagResource", aboutTags, tagResource),
		silent(s, "UntagResource", aboutUntagged, untagResource),
		row(s, "ListResourceTags", func(c *call, in *wire.ListResourceTagsRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, listResourceTags),

		silent(s, "EnableKeyRotation", aboutRotation, enableKeyRotation),
		silent(s, "DisableKeyRotation", func(c *call, in *wire.DisableKeyRotationRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, disableKeyRotation),
		row(s, "GetKeyRotationStatus", func(c *call, in *wire.GetKeyRotationStatusRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, getKeyRotationStatus),
		row(s, "RotateKeyOnDemand", func(c *call, in *wire.RotateKeyOnDemandRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, rotateKeyOnDemand),
		row(s, "ListKeyRotations", func(c *call, in *wire.ListKeyRotationsRequest) error { return c.aboutKey(in.KeyID, keysOnly, nil) }, listKeyRotations),
	}
}

// grantBody has room for the largest constraints.
var grantBody = operation.WithBodyMax(256 << 10)

// recipientBody has room for an attestation document, so that it is refused for what it is.
var recipientBody = operation.WithBodyMax(512 << 10)

// row is the row of an action with an output. About says what the call is about, and what
// conditions may ask of that.
func row[In, Out any, I awsjson.Input[In], O awsjson.Output[Out]](s *actions, name string, about func(*call, *In) error, do func(*call, *In) (*Out, error), options ...operation.Option) operation.Operation {
	return awsjson.Operation[In, Out, I, O](name,
		func(ctx context.Context, in *In) (*Out, error) {
			c := operation.SubjectOf(ctx).(*call)
			if c.flaw != nil {
				return nil, c.flaw
			}
			out, err := do(c, in)
			return out, faultOf(err)
		}, subject(s, name, about), options...)
}

// silent is the row of an action without one.
func silent[In any, I awsjson.Input[In]](s *actions, name string, about, do func(*call, *In) error, options ...operation.Option) operation.Operation {
	return awsjson.WithoutOutput[In, I](name,
		func(ctx context.Context, in *In) error {
			c := operation.SubjectOf(ctx).(*call)
			if c.flaw != nil {
				return c.flaw
			}
			return faultOf(do(c, in))
		},
		subject(s, name, about), options...)
}

func subject[In any](s *actions, action string, about func(*call, *In) error) func(context.Context, *In) (operation.Subject, error) {
	return func(ctx context.Context, in *In) (operation.Subject, error) {
		caller := operation.CallerOf(ctx)
		c := &call{
			actions: s, Context: ctx, action: action,
			world: engine.World{Account: caller.Account, Region: caller.Region},
			who:   caller.Identity.(*account.Caller), known: caller.Context(),
		}
		if err := about(c, in); err != nil {
			return nil, faultOf(err)
		}
		return c, nil
	}
}

// faultOf makes a fault of what the rules refused.
func faultOf(err error) error {
	if refusal, ok := errors.AsType[*keyring.Error](err); ok {
		return &fault.Fault{Code: string(refusal.Code), Message: refusal.Message}
	}
	return err
}

// do takes a command to the keys of the call's world.
func do[Reply any](c *call, body any) (Reply, error) {
	return doIn[Reply](c, c.actions, c.world, body)
}

func doIn[Reply any](ctx context.Context, s *actions, w engine.World, body any) (reply Reply, err error) {
	v, err := s.Runs.Do(ctx, keyring.Command(w, body))
	if err != nil || v == nil {
		return reply, err
	}
	return v.(Reply), nil
}

// look is do for a question, of a world that may have no keys yet.
func look[Reply any](ctx context.Context, s *actions, w engine.World, body any) (Reply, error) {
	reply, err := doIn[Reply](ctx, s, w, body)
	if _, none := errors.AsType[*engine.UnknownRunError](err); none {
		return reply, nil
	}
	return reply, err
}

// change is do for a command whose reply is not told.
func change(c *call, body any) error {
	_, err := do[any](c, body)
	return err
}

// refusal is a fault of the service's own.
func refusal(code, message string) error { return &fault.Fault{Code: code, Message: message} }

// value is an optional member; the zero value if it is absent.
func value[T any](member *T) (v T) {
	if member != nil {
		v = *member
	}
	return v
}

// present makes an optional member of a text; an empty one is absent.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// at makes a member of a moment; zero is absent.
func at(t engine.Time) *wire.Timestamp {
	if t == 0 {
		return nil
	}
	return new(wire.Timestamp(t))
}
