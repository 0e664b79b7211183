package memstore_test

import (
	"testing"
	"time"

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

func TestShared(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (one, two storetest.Shared, pass func(time.Duration)) {
		now := time.Hour
		clock := func() time.Duration { return now }
		s := memstore.New(storetest.Shards)
		return s.Share(clock), s.Share(clock), func(d time.Duration) { now += d }
	})
}
