package kms

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
)

// aboutNewKey asks whether the caller may make a key, and tag it.
func aboutNewKey(c *call, in *wire.CreateKeyRequest) error {
	tags, err := c.saysTags(in.Tags)
	if err != nil {
		return err
	}
	facts := slices.Concat(keyFacts, tags, policy.Context{bypasses(in.BypassPolicyLockoutSafetyCheck)})
	c.asks = append(c.asks, c.question("CreateKey", nil, facts...))
	if len(in.Tags) > 0 {
		a := c.question("TagResource", nil, facts...)
		a.Resource = keyring.KeyARN(c.world, "*")
		c.asks = append(c.asks, a)
	}
	return nil
}

func bypasses(safety *bool) policy.Value {
	return policy.Value{Key: "kms:BypassPolicyLockoutSafetyCheck", Value: strconv.FormatBool(value(safety))}
}

func createKey(c *call, in *wire.CreateKeyRequest) (*wire.CreateKeyResponse, error) {
	if err := checkKind(in); err != nil {
		return nil, err
	}
	id, err := newKeyID(c.Random)
	if err != nil {
		return nil, err
	}
	document := defaultPolicy(c.Accounts.Owner(c.world.Account))
	if in.Policy != nil {
		document = *in.Policy
	}
	document, err = c.checkPolicy(document, keyring.KeyARN(c.world, id), value(in.BypassPolicyLockoutSafetyCheck))
	if err != nil {
		return nil, err
	}
	material, err := c.secrets.material(id)
	if err != nil {
		return nil, err
	}
	k, err := do[*keyring.Key](c, keyring.CreateKey{
		New:      keyring.Key{ID: id, Description: value(in.Description), Policy: document, Tags: tagsOf(in.Tags)},
		Material: material,
	})
	if err != nil {
		return nil, err
	}
	return &wire.CreateKeyResponse{KeyMetadata: metadata(c.world, k)}, nil
}

// checkKind refuses keys of kinds that there are not here.
func checkKind(in *wire.CreateKeyRequest) error {
	if in.KeySpec != nil && in.CustomerMasterKeySpec != nil {
		return fault.Invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	}
	spec := value(in.KeySpec) + value(in.CustomerMasterKeySpec)
	usage, origin := value(in.KeyUsage), value(in.Origin)
	switch {
	case spec != "" && spec != wire.KeySpecSymmetricDefault:
		return refusal(wire.CodeUnsupportedOperationException, "KeySpec "+spec+" is not supported here: keys are of "+wire.KeySpecSymmetricDefault+".")
	case usage != "" && usage != wire.KeyUsageTypeEncryptDecrypt:
		return fault.Invalid("KeyUsage " + usage + " is not compatible with KeySpec " + wire.KeySpecSymmetricDefault)
	case origin != "" && origin != wire.OriginTypeAwsKms, in.CustomKeyStoreID != nil, in.XksKeyID != nil:
		return refusal(wire.CodeUnsupportedOperationException, "Key material of another origin than "+wire.OriginTypeAwsKms+" is not supported here.")
	case value(in.MultiRegion):
		return refusal(wire.CodeUnsupportedOperationException, "Multi-Region keys are not supported here.")
	}
	return nil
}

var states = map[keyring.State]string{
	keyring.Enabled: wire.KeyStateEnabled, keyring.Disabled: wire.KeyStateDisabled, keyring.PendingDeletion: wire.KeyStatePendingDeletion,
}

func metadata(w engine.World, k *keyring.Key) *wire.KeyMetadata {
	return &wire.KeyMetadata{
		AWSAccountID: &w.Account, KeyID: k.ID, ARN: new(keyring.KeyARN(w, k.ID)), CreationDate: at(k.CreatedAt),
		CurrentKeyMaterialID: new(materialID(k.Current())), Description: &k.Description,
		Enabled: new(k.State == keyring.Enabled), KeyState: new(states[k.State]), DeletionDate: at(k.Deletion.At),
		KeySpec: new(wire.KeySpecSymmetricDefault), CustomerMasterKeySpec: new(wire.KeySpecSymmetricDefault), KeyUsage: new(wire.KeyUsageTypeEncryptDecrypt),
		EncryptionAlgorithms: []string{wire.EncryptionAlgorithmSpecSymmetricDefault},
		KeyManager:           new(wire.KeyManagerTypeCustomer), MultiRegion: new(false), Origin: new(wire.OriginTypeAwsKms),
	}
}

func materialID(m *keyring.Material) string { return hex.EncodeToString(m.ID[:]) }

func describeKey(c *call, _ *wire.DescribeKeyRequest) (*wire.DescribeKeyResponse, error) {
	if err := c.key.found(); err != nil {
		return nil, err
	}
	return &wire.DescribeKeyResponse{KeyMetadata: metadata(c.key.world, c.key.Key)}, nil
}

func listKeys(c *call, in *wire.ListKeysRequest) (*wire.ListKeysResponse, error) {
	p, err := c.page("ListKeys", in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	list, err := look[keyring.Page[string]](c, c.actions, c.world, keyring.ListKeys{After: p.after[0], Limit: p.limit})
	if err != nil {
		return nil, err
	}
	shown, next, err := shown(p, list, func(id string) (wire.KeyListEntry, [2]string) {
		return wire.KeyListEntry{KeyID: &id, KeyARN: new(keyring.KeyARN(c.world, id))}, [2]string{id}
	})
	return &wire.ListKeysResponse{Keys: shown, NextMarker: next, Truncated: new(next != nil)}, err
}

func updateKeyDescription(c *call, in *wire.UpdateKeyDescriptionRequest) error {
	return c.changeKey(keyring.Update{Key: c.keyID(), Description: &in.Description})
}

func enableKey(c *call, _ *wire.EnableKeyRequest) error {
	return c.changeKey(keyring.SetEnabled{Key: c.keyID(), Enabled: true})
}

func disableKey(c *call, _ *wire.DisableKeyRequest) error {
	return c.changeKey(keyring.SetEnabled{Key: c.keyID()})
}

// keyID is the id of the key that the call is about, if it is there.
func (c *call) keyID() string {
	if c.key.Key == nil {
		return ""
	}
	return c.key.ID
}

// changeKey is change for a command about a key that may not be there.
func (c *call) changeKey(body any) error {
	if err := c.key.found(); err != nil {
		return err
	}
	return change(c, body)
}

const (
	deletionDaysMin, deletionDaysMax = 7, 30
)

// aboutDeletion says the window too. It is the default, if the request has none.
func aboutDeletion(c *call, in *wire.ScheduleKeyDeletionRequest) error {
	if in.PendingWindowInDays == nil {
		in.PendingWindowInDays = new(int64(deletionDaysMax))
	}
	return c.aboutKey(in.KeyID, keysOnly, nil,
		policy.Value{Key: "kms:ScheduleKeyDeletionPendingWindowInDays", Value: strconv.FormatInt(*in.PendingWindowInDays, 10)})
}

func scheduleKeyDeletion(c *call, in *wire.ScheduleKeyDeletionRequest) (*wire.ScheduleKeyDeletionResponse, error) {
	days := *in.PendingWindowInDays
	if bound, word := int64(deletionDaysMin), "greater"; days < bound || days > deletionDaysMax {
		if days > deletionDaysMax {
			bound, word = deletionDaysMax, "less"
		}
		return nil, fault.Invalid(fmt.Sprintf("1 validation error detected: Value '%d' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value %s than or equal to %d", days, word, bound))
	}
	if err := c.key.found(); err != nil {
		return nil, err
	}
	k, err := do[*keyring.Key](c, keyring.ScheduleDeletion{Key: c.key.ID, Days: int(days)})
	if err != nil {
		return nil, err
	}
	return &wire.ScheduleKeyDeletionResponse{KeyID: &c.key.arn, DeletionDate: at(k.Deletion.At), KeyState: new(states[k.State]), PendingWindowInDays: &days}, nil
}

func cancelKeyDeletion(c *call, _ *wire.CancelKeyDeletionRequest) (*wire.CancelKeyDeletionResponse, error) {
	return &wire.CancelKeyDeletionResponse{KeyID: &c.key.arn}, c.changeKey(keyring.CancelDeletion{Key: c.keyID()})
}
