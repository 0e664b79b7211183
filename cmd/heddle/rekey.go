package main

import (
	"context"
	"fmt"
	"os"

	"heddle/internal/rootkey"
	"heddle/internal/sealing"
	"heddle/internal/server"
)

// rootKeyFlags say where the root keys are.
type rootKeyFlags struct {
	RootKeyFile  string   `env:"HEDDLE_ROOT_KEY_FILE" type:"path" placeholder:"FILE" group:"Sealing" help:"File of root keys, under which the store is sealed; the first start makes one. Without it DATA/root.key. Instead of a file, HEDDLE_ROOT_KEY may hold its text."`
	KMSKeyID     []string `name:"kms-key-id" env:"HEDDLE_KMS_KEY_ID" placeholder:"ID" group:"Sealing" help:"Root keys in a key management service, instead of a file: the first seals, the others open what was sealed before."`
	KMSEndpoint  string   `name:"kms-endpoint" env:"HEDDLE_KMS_ENDPOINT" placeholder:"URL" group:"Sealing" help:"Where the key management service is (anything with KMS's Encrypt and Decrypt)."`
	KMSRegion    string   `name:"kms-region" env:"HEDDLE_KMS_REGION" default:"us-east-1" group:"Sealing" help:"Region that its requests are signed for."`
	KMSAccessKey string   `name:"kms-access-key" env:"HEDDLE_KMS_ACCESS_KEY_ID" placeholder:"KEY" group:"Sealing" help:"Access key that signs them; its secret comes from the environment variable HEDDLE_KMS_SECRET_ACCESS_KEY alone."`
}

func (f *rootKeyFlags) config() sealing.RootKeys {
	return sealing.RootKeys{File: f.RootKeyFile, Text: os.Getenv("HEDDLE_ROOT_KEY"), KMS: f.kms(f.KMSKeyID)}
}

// kms is the service with some of its keys.
func (f *rootKeyFlags) kms(ids []string) rootkey.KMS {
	return rootkey.KMS{
		KeyIDs: ids, Endpoint: f.KMSEndpoint, Region: f.KMSRegion,
		Access: rootkey.AccessKey{ID: f.KMSAccessKey, Secret: os.Getenv("HEDDLE_KMS_SECRET_ACCESS_KEY")},
	}
}

type rekeyCommand struct {
	Data    string `default:"heddle-data" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store. The server must be stopped, and the disk have room for the store and the audit trail once more."`
	Sealing string `default:"on" enum:"on,off" help:"off writes it in the clear."`

	RootKeys       rootKeyFlags `embed:""`
	OldRootKeyFile string       `type:"path" placeholder:"FILE" group:"Sealing" help:"File of the root keys under which the store is sealed now, if they are others."`
	OldKMSKeyID    []string     `name:"old-kms-key-id" placeholder:"ID" group:"Sealing" help:"The same in the key management service."`
}

func (c *rekeyCommand) Run(ctx context.Context) error {
	cfg := sealing.RekeyConfig{
		Data: c.Data, Off: c.Sealing == server.SealingOff, Keys: c.RootKeys.config(),
		Log: plainLog(),
	}
	cfg.Old.File = c.OldRootKeyFile
	if len(c.OldKMSKeyID) > 0 {
		cfg.Old.KMS = c.RootKeys.kms(c.OldKMSKeyID)
		if len(c.RootKeys.KMSKeyID) == 0 {
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
