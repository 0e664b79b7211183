package iam

import (
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

func keyRows(a *actions) []operation.Operation {
	return []operation.Operation{
		row(a, "CreateAccessKey", func(c *call, in *wire.CreateAccessKeyRequest) error { return c.aboutSelf(in.UserName) }, createKey),
		row(a, "ListAccessKeys", func(c *call, in *wire.ListAccessKeysRequest) error { return c.aboutSelf(in.UserName) }, listKeys),
		silent(a, "UpdateAccessKey", func(c *call, in *wire.UpdateAccessKeyRequest) error { return c.aboutSelf(in.UserName) }, updateKey),
		silent(a, "DeleteAccessKey", func(c *call, in *wire.DeleteAccessKeyRequest) error { return c.aboutSelf(in.UserName) }, deleteKey),
		row(a, "GetAccessKeyLastUsed", aboutKeyOwner, getKeyLastUsed),
	}
}

func createKey(c *call, _ *wire.CreateAccessKeyRequest) (*wire.CreateAccessKeyResponse, error) {
	of, err := c.self()
	if err != nil {
		return nil, err
	}
	pair, err := credentials.NewKeyPair(c.caller.Account, c.Random)
	if err != nil {
		return nil, err
	}
	user, err := do[*account.Entity](c, account.CreateKey{User: of.Name, ID: pair.KeyID, Sealed: c.Accounts.Sealer.SealSecret(pair)})
	if err != nil {
		return nil, err
	}
	made := user.Keys[len(user.Keys)-1]
	return &wire.CreateAccessKeyResponse{AccessKey: wire.AccessKey{
		UserName: user.Name, AccessKeyID: made.ID, Status: statusOf(made), SecretAccessKey: string(pair.Secret), CreateDate: new(wire.Timestamp(made.CreatedAt)),
	}}, nil
}

func statusOf(k account.Key) string {
	if k.Inactive {
		return wire.StatusTypeInactive
	}
	return wire.StatusTypeActive
}

func listKeys(c *call, in *wire.ListAccessKeysRequest) (*wire.ListAccessKeysResponse, error) {
	var keys []account.Key
	if in.UserName != nil || c.caller.Of.Type != 0 { // the root user's key is not kept here
		of, err := c.self()
		if err != nil {
			return nil, err
		}
		user, err := getEntity(c, of)
		if err != nil {
			return nil, err
		}
		keys = user.Keys
	}
	byAge := func(k account.Key) string {
		return time.UnixMilli(int64(k.CreatedAt)).UTC().Format("2006-01-02T15:04:05.000") + k.ID
	}
	shown, next, err := paged(page{in.Marker, in.MaxItems}, keys, byAge, func(k account.Key) wire.AccessKeyMetadata {
		return wire.AccessKeyMetadata{UserName: &c.of.Name, AccessKeyID: &k.ID, Status: new(statusOf(k)), CreateDate: new(wire.Timestamp(k.CreatedAt))}
	})
	return &wire.ListAccessKeysResponse{AccessKeyMetadata: shown, IsTruncated: next.truncated, Marker: next.marker}, err
}

func updateKey(c *call, in *wire.UpdateAccessKeyRequest) error {
	if in.Status == wire.StatusTypeExpired {
		return fault.Invalid("Status can be set to Active or Inactive only.")
	}
	of, err := c.self()
	if err != nil {
		return err
	}
	return change(c, account.UpdateKey{User: of.Name, ID: in.AccessKeyID, Inactive: in.Status == wire.StatusTypeInactive})
}

func deleteKey(c *call, in *wire.DeleteAccessKeyRequest) error {
	of, err := c.self()
	if err != nil {
		return err
	}
	return change(c, account.DeleteKey{User: of.Name, ID: in.AccessKeyID})
}

// aboutKeyOwner is for actions about whoever has an access key.
func aboutKeyOwner(c *call, in *wire.GetAccessKeyLastUsedRequest) error {
	c.target = target{resource: "*"}
	reply, err := c.look(account.Resolve{Key: in.AccessKeyID})
	if reply != nil {
		err = c.about(reply.(account.Grants).Entity.Ref)
	}
	c.target.called = "access key " + in.AccessKeyID
	return err
}

func getKeyLastUsed(c *call, in *wire.GetAccessKeyLastUsedRequest) (*wire.GetAccessKeyLastUsedResponse, error) {
	g, err := do[account.Grants](c, account.Resolve{Key: in.AccessKeyID})
	if err != nil {
		return nil, err
	}
	last := &wire.AccessKeyLastUsed{ServiceName: "N/A", Region: "N/A"}
	if use := c.Accounts.LastUse(c.caller.Account, in.AccessKeyID); !use.At.IsZero() {
		last = &wire.AccessKeyLastUsed{LastUsedDate: new(wire.Timestamp(use.At.UnixMilli())), ServiceName: use.Service, Region: use.Region}
	}
	return &wire.GetAccessKeyLastUsedResponse{UserName: &g.Entity.Name, AccessKeyLastUsed: last}, nil
}
