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
			Engine: s,
			Reopen: func(t *testing.T) store.Engine { return s.Reopen() },
			Crash:  func(t *testing.T) store.Engine { return s.Crash(0) },
		}
	})
}
