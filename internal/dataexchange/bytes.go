package dataexchange

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/aws/fault"
	"heddle/internal/bucket"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
)

// buckets are those of an account.
func (s *actions) buckets(w engine.World) bucket.Store {
	if s.Buckets == nil {
		return bucket.Refusing("This server has no buckets.")
	}
	return s.Buckets(w.Account)
}

// probeKey is the key of the object that is put when an event action is made, to find out
// whether its exports can be.
//
// Source: Data Exchange User Guide, "Automatically export revisions"; it writes
// _ADX-TEST-ACCOUNTID#.
func probeKey(account string) string { return "_ADX-TEST-" + account }

// probe puts an object where an event action will, in the same way; it stays. Errors:
// ValidationException.
func (s *actions) probe(ctx context.Context, w engine.World, a *catalog.Action) error {
	_, err := s.buckets(w).Put(ctx, &bucket.Put{
		Bucket: a.Bucket, Key: probeKey(w.Account), Encryption: bucket.Encryption{Type: a.Encryption.Type, KeyARN: a.Encryption.Key},
		Source: bucket.Bytes(nil),
	})
	refusal, ok := errors.AsType[*bucket.Error](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return fmt.Errorf("try the bucket of an event action: %w", err)
	case errors.Is(err, bucket.ErrTemporary):
		s.Log.Info("the bucket of an event action is not reached", "account", w.Account, "bucket", a.Bucket, "cause", err)
		return fault.Later()
	}
	return invalidFor(wire.ExceptionCauseS3AccessDenied, "The bucket %s can't be written to: %s", a.Bucket, said(refusal))
}
