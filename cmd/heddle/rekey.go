package main

import (
	"context"
	"fmt"

	"heddle/internal/rootkey"
	"heddle/internal/sealing"
	"heddle/internal/server"
)

type rekeyCommand struct {
	Stored storedFlags `embed:"" set:"about=The server must be stopped, and the disk have room for the store and the audit trail once more."`

	Sealing string `default:"on" enum:"on,off" help:"off writes it in the clear."`

	OldRootKeyFile string   `type:"path" placeholder:"FILE" group:"Sealing" help:"File of the root keys under which the store is sealed now, if they are others."`
	OldKMSKeyID    []string `name:"old-kms-key-id" placeholder:"ID" group:"Sealing" help:"The same in the key management service."`
}

func (c *rekeyCommand) Run(ctx context.Context) error {
	if err := server.BelongsToPostgres(c.Stored.Data); err != nil {
		return fmt.Errorf("rekey: a store in PostgreSQL is not written anew; another root key is taken up while the server runs: %w", err)
	}
	cfg := sealing.RekeyConfig{
		Data: c.Stored.Data, Off: c.Sealing == server.SealingOff, Keys: c.Stored.roots(),
		Log: plainLog(),
	}
	cfg.Old.File = c.OldRootKeyFile
	if len(c.OldKMSKeyID) > 0 {
		cfg.Old.KMS = cfg.Keys.KMS
		cfg.Old.KMS.KeyIDs = c.OldKMSKeyID
		if len(cfg.Keys.KMS.KeyIDs) == 0 {
			cfg.Keys.KMS = rootkey.KMS{} // the service is that of the old keys
		}
	}
	rows, err := sealing.Rekey(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Printf("rekeyed: %d rows\n", rows)
	return nil
}
