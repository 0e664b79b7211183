package kms

import (
	"regexp"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
)

// askAlias asks about an alias. Only the caller's policies say who may.
func (c *call) askAlias(name string) {
	a := c.question(c.action, nil)
	a.Resource = keyring.ARN(c.world, name)
	c.asks = append(c.asks, a)
}

// aliasNames are those that may be made.
var aliasNames = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]+$`)

func checkAlias(name string) error {
	switch {
	case !strings.HasPrefix(name, aliasPrefix):
		return fault.Invalid(`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case strings.HasPrefix(name, "alias/aws/") || !aliasNames.MatchString(name):
		return refusal(wire.CodeInvalidAliasNameException, name+" is not a valid alias name: aliases that begin with alias/aws/ are reserved, and names have letters, digits, /, _ and - alone.")
	}
	return nil
}

// target finds the key that an alias is to have, which must be named itself.
func (c *call) target(name string) (*named, error) {
	if strings.HasPrefix(name, aliasPrefix) || strings.HasPrefix(name, "arn:") && strings.Contains(name, ":"+aliasPrefix) {
		return nil, fault.Invalid("Aliases must refer to keys. Not aliases")
	}
	return c.find(name, keysOnly)
}

func aboutNewAlias(c *call, in *wire.CreateAliasRequest) (err error) {
	if c.key, err = c.target(in.TargetKeyID); err != nil {
		return err
	}
	c.askAlias(in.AliasName)
	c.asks = append(c.asks, c.question(c.action, c.key))
	return nil
}

// aboutMovedAlias asks about the key that has the alias, and the one that gets it.
func aboutMovedAlias(c *call, in *wire.UpdateAliasRequest) error {
	to, err := c.target(in.TargetKeyID)
	if err != nil {
		return err
	}
	if err := c.aboutAliasNamed(in.AliasName); err != nil {
		return err
	}
	c.asks = append(c.asks, c.question(c.action, to))
	c.key = to
	return nil
}

func aboutAlias(c *call, in *wire.DeleteAliasRequest) error { return c.aboutAliasNamed(in.AliasName) }

func (c *call) aboutAliasNamed(name string) (err error) {
	c.askAlias(name)
	if checkAlias(name) != nil {
		return nil
	}
	has, err := c.find(name, anyName)
	if err == nil && has.Key != nil {
		c.asks = append(c.asks, c.question(c.action, has))
		c.key = has
	}
	return err
}

func createAlias(c *call, in *wire.CreateAliasRequest) error {
	if err := checkAlias(in.AliasName); err != nil {
		return err
	}
	return c.changeKey(keyring.PutAlias{Name: in.AliasName, Key: c.keyID()})
}

func updateAlias(c *call, in *wire.UpdateAliasRequest) error {
	return c.changeKey(keyring.PutAlias{Name: in.AliasName, Key: c.keyID(), Move: true})
}

func deleteAlias(c *call, in *wire.DeleteAliasRequest) error {
	if c.key == nil {
		return keyring.NoAlias(keyring.ARN(c.world, in.AliasName))
	}
	return change(c, keyring.DeleteAlias{Name: in.AliasName})
}

func listAliases(c *call, in *wire.ListAliasesRequest) (*wire.ListAliasesResponse, error) {
	q := keyring.ListAliases{}
	if in.KeyID != nil {
		k, err := c.find(*in.KeyID, keysOnly)
		if err == nil {
			err = k.found()
		}
		if err != nil {
			return nil, err
		}
		q.Key = k.ID
	}
	p, err := c.page("ListAliases "+q.Key, in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	q.After, q.Limit = p.after[0], p.limit
	list, err := look[keyring.Page[*keyring.Alias]](c, c.actions, c.world, q)
	if err != nil {
		return nil, err
	}
	shown, next, err := shown(p, list, func(a *keyring.Alias) (wire.AliasListEntry, [2]string) {
		return wire.AliasListEntry{
			AliasName: &a.Name, AliasARN: new(keyring.ARN(c.world, a.Name)), TargetKeyID: &a.Key,
			CreationDate: at(a.CreatedAt), LastUpdatedDate: at(a.UpdatedAt),
		}, [2]string{a.Name}
	})
	return &wire.ListAliasesResponse{Aliases: shown, NextMarker: next, Truncated: new(next != nil)}, err
}
