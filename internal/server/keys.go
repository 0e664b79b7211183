package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

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

// neededInName is the row that says in which shards those are whose kinds others need: those that
// the number divides. Without it they are in any.
const neededInName = "server/needed-in"

// holdNeededIn reads that. The first start of a store of several homes has them in the first one.
func holdNeededIn(ctx context.Context, meta store.Meta, homes int) (int, error) {
	if _, err := readKey(ctx, meta, hashKeyName); errors.Is(err, store.ErrNotFound) && homes > 1 {
		err := meta.CompareAndSet(ctx, neededInName, nil, []byte(strconv.Itoa(homes)))
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return 0, err
		}
	}
	return readNeededIn(ctx, meta)
}

func readNeededIn(ctx context.Context, meta store.Meta) (int, error) {
	kept, err := meta.Get(ctx, neededInName)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(kept))
	if err != nil || n < 2 {
		return 0, fmt.Errorf("read %q: %q, want a number of homes", neededInName, kept)
	}
	return n, nil
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
