package iam

import (
	"heddle/internal/iam/account"
)

func keyRows() map[string]row {
	return map[string]row{
		"CreateAccessKey":      {self, createKey},
		"ListAccessKeys":       {self, listKeys},
		"UpdateAccessKey":      {self, updateKey},
		"DeleteAccessKey":      {self, deleteKey},
		"GetAccessKeyLastUsed": {keyOwner, getKeyLastUsed},
	}
}

func createKey(c *call) error {
	of := c.userOrSelf()
	pair, err := account.NewKeyPair(c.caller.Account, c.Random)
	if err != nil {
		return err
	}
	user, err := do[*account.Entity](c, account.CreateKey{User: of.Name, ID: pair.KeyID, Sealed: c.Accounts.Sealer.SealSecret(pair)})
	if err != nil {
		return err
	}
	made := user.Keys[len(user.Keys)-1]
	c.x.Element("AccessKey", func() {
		c.x.Text("UserName", user.Name)
		c.x.Text("AccessKeyId", made.ID)
		c.x.Text("Status", statusOf(made))
		c.x.Text("SecretAccessKey", string(pair.Secret))
		c.x.Time("CreateDate", timeOf(made.CreatedAt))
	})
	return nil
}

func statusOf(k account.Key) string {
	if k.Inactive {
		return "Inactive"
	}
	return "Active"
}

func listKeys(c *call) error {
	var keys []account.Key
	of := c.caller.Of
	if c.Optional("UserName") != nil || of.Type != 0 { // the root user's key is not kept here
		of = c.userOrSelf()
		user, err := getEntity(c, of)
		if err != nil {
			return err
		}
		keys = user.Keys
	}
	return page(c, "AccessKeyMetadata", keys, func(k account.Key) string { return timeOf(k.CreatedAt).UTC().Format("2006-01-02T15:04:05.000") + k.ID },
		func(k account.Key) {
			c.x.Text("UserName", of.Name)
			c.x.Text("AccessKeyId", k.ID)
			c.x.Text("Status", statusOf(k))
			c.x.Time("CreateDate", timeOf(k.CreatedAt))
		})
}

func (c *call) keyID() string { return c.required("AccessKeyId", 16, 128) }

func updateKey(c *call) error {
	if c.Optional("Status") == nil {
		c.fail(missing("Status"))
	}
	status := c.oneOf("Status", "Active", "Inactive")
	return change(c, account.UpdateKey{User: c.userOrSelf().Name, ID: c.keyID(), Inactive: status == "Inactive"})
}

func deleteKey(c *call) error {
	return change(c, account.DeleteKey{User: c.userOrSelf().Name, ID: c.keyID()})
}

// keyOwner is the target of actions about an access key.
func keyOwner(c *call) target {
	id := c.Get("AccessKeyId")
	t := target{resource: "*"}
	if reply, ok := c.look(account.Resolve{Key: id}); ok {
		t = c.entityTarget(reply.(account.Grants).Entity.Ref)
	}
	t.called = "access key " + id
	return t
}

func getKeyLastUsed(c *call) error {
	id := c.keyID()
	g, err := do[account.Grants](c, account.Resolve{Key: id})
	if err != nil {
		return err
	}
	use := c.Accounts.LastUse(id)
	c.x.Text("UserName", g.Entity.Name)
	c.x.Element("AccessKeyLastUsed", func() {
		if use.At.IsZero() {
			c.x.Text("ServiceName", "N/A")
			c.x.Text("Region", "N/A")
			return
		}
		c.x.Time("LastUsedDate", use.At)
		c.x.Text("ServiceName", use.Service)
		c.x.Text("Region", use.Region)
	})
	return nil
}
