package memstore_test

import (
	"testing"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
	"heddle/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		s := memstore.New(storetest.Shards)
		return storetest.Backend{
			Store:  s,
			Reopen: func(t *testing.T) store.Store { return s.Reopen() },
			Crash:  func(t *testing.T) store.Store { return s.Crash(0) },
		}
	})
}
