package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"heddle/internal/sealing"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Names of the keys that a store holds.
const (
	hashKeyName     = "keys/hash"
	tokenKeyName    = "keys/token"
	identityKeyName = "keys/identity"
	secretKeyName   = "keys/services"
	sessionKeyName  = sealing.NotCopied + "session" // sessions end when a store is rekeyed
	blobIDKeyName   = "keys/blob"                   // these two are made
	blobDataKeyName = "keys/blob-data"              // for the first blob
)

// heldKeys are the keys that a store holds.
type heldKeys struct {
	hash     keys.Hash
	token    [32]byte
	identity [32]byte
	session  [32]byte
	secret   [32]byte // of all services
}

// secretOf is a service's own key.
func (h *heldKeys) secretOf(service string) [32]byte {
	key, err := hkdf.Key(sha256.New, h.secret[:], nil, "heddle service: "+service, 32)
	if err != nil {
		panic(fmt.Sprintf("server: derive a key: %v", err))
	}
	return [32]byte(key)
}

// storeName is what a store is called in its backups. It tells nothing of the key.
func storeName(hash *keys.Hash) string {
	name, err := hkdf.Key(sha256.New, hash[:], nil, "heddle backup", 8)
	if err != nil {
		panic(fmt.Sprintf("server: derive a name: %v", err))
	}
	return hex.EncodeToString(name)
}

// holdKeys reads the keys of a store, and makes them at first start.
func holdKeys(ctx context.Context, meta store.Meta) (*heldKeys, error) {
	held := &heldKeys{}
	for name, key := range map[string]*[32]byte{
		hashKeyName: (*[32]byte)(&held.hash), tokenKeyName: &held.token, identityKeyName: &held.identity, sessionKeyName: &held.session,
		secretKeyName: &held.secret,
	} {
		var err error
		if *key, err = storeKey(ctx, meta, name); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// storeKey gives a key that the store holds, and makes it at first use.
func storeKey(ctx context.Context, meta store.Meta, name string) (key [32]byte, err error) {
	key, err = readKey(ctx, meta, name)
	if errors.Is(err, store.ErrNotFound) {
		key = random[[32]byte]()
		err = meta.CompareAndSet(ctx, name, nil, key[:])
		if errors.Is(err, store.ErrConflict) { // another node has made it meanwhile
			return readKey(ctx, meta, name)
		}
	}
	return key, err
}

// readKey reads a key that the store holds. Errors: store.ErrNotFound.
func readKey(ctx context.Context, meta store.Meta, name string) (key [32]byte, err error) {
	value, err := meta.Get(ctx, name)
	if err != nil {
		return key, fmt.Errorf("read %q: %w", name, err)
	}
	if copy(key[:], value) != len(key) || len(value) != len(key) {
		return key, fmt.Errorf("read %q: %d bytes, want %d", name, len(value), len(key))
	}
	return key, nil
}
