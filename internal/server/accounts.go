package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/store"
)

// accountsName is a row of the meta space that says which accounts the store has been run with.
const accountsName = "server/accounts"

// noteAccounts warns of accounts that the store was run with and that are not there now: what
// they have is kept, and nobody reaches it.
func noteAccounts(ctx context.Context, meta store.Meta, cfg *Config) error {
	before, err := meta.Get(ctx, accountsName)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read %q: %w", accountsName, err)
	}
	all, now := strings.Fields(string(before)), cfg.accounts()
	if gone := slices.DeleteFunc(slices.Clone(all), func(a string) bool { return slices.Contains(now, a) }); len(gone) > 0 {
		cfg.Log.Warn("the store has been run with accounts that are not there now: what they may have is kept, and nobody reaches it; give them by --account or --accounts",
			"missing", strings.Join(gone, ","), "account", cfg.Account, "data", cfg.Data)
	}
	for _, a := range now {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	after := strings.Join(all, " ")
	if after == string(before) {
		return nil
	}
	err = meta.CompareAndSet(ctx, accountsName, before, []byte(after))
	if errors.Is(err, store.ErrConflict) { // another node notes its own
		return noteAccounts(ctx, meta, cfg)
	}
	return err
}
