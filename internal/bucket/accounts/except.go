package accounts

import (
	"context"
	"io"

	"heddle/internal/bucket"
)

// except is a store without the server's own bucket, whatever its keys may do.
type except struct {
	bucket.Store
	name string
}

// denied is for the calls of a bucket; nil: it is not the server's own.
func (e except) denied(operation, name, key string) error {
	if name == e.name {
		return bucket.Denied(operation, name, key, "Access Denied")
	}
	return nil
}

// Head is part of bucket.Store.
func (e except) Head(ctx context.Context, name, key string) (bucket.Object, error) {
	if err := e.denied("HeadObject", name, key); err != nil {
		return bucket.Object{}, err
	}
	return e.Store.Head(ctx, name, key)
}

// Get is part of bucket.Store.
func (e except) Get(ctx context.Context, name, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	if err := e.denied("GetObject", name, key); err != nil {
		return bucket.Object{}, nil, err
	}
	return e.Store.Get(ctx, name, key, r)
}

// Put is part of bucket.Store.
func (e except) Put(ctx context.Context, p *bucket.Put) (bucket.Object, error) {
	if err := e.denied("PutObject", p.Bucket, p.Key); err != nil {
		return bucket.Object{}, err
	}
	return e.Store.Put(ctx, p)
}

// Abort is part of bucket.Store.
func (e except) Abort(ctx context.Context, name, key string, progress []byte) error {
	if err := e.denied("AbortMultipartUpload", name, key); err != nil {
		return err
	}
	return e.Store.Abort(ctx, name, key, progress)
}

// List is part of bucket.Store.
func (e except) List(ctx context.Context, name, prefix, after string, visit func(bucket.Object) bool) error {
	if err := e.denied("ListObjectsV2", name, ""); err != nil {
		return err
	}
	return e.Store.List(ctx, name, prefix, after, visit)
}

// Delete is part of bucket.Store.
func (e except) Delete(ctx context.Context, name, key string) error {
	if err := e.denied("DeleteObject", name, key); err != nil {
		return err
	}
	return e.Store.Delete(ctx, name, key)
}
