package bucket

import (
	"context"
	"io"
)

// Refusing is the Store of an account that has no buckets: it denies everything, and
// says why.
type Refusing string

var _ Store = Refusing("")

// Head is part of Store.
func (r Refusing) Head(_ context.Context, bucket, key string) (Object, error) {
	return Object{}, Denied("HeadObject", bucket, key, string(r))
}

// Get is part of Store.
func (r Refusing) Get(_ context.Context, bucket, key string, _ Range) (Object, io.ReadCloser, error) {
	return Object{}, nil, Denied("GetObject", bucket, key, string(r))
}

// Put is part of Store.
func (r Refusing) Put(_ context.Context, p *Put) (Object, error) {
	return Object{}, Denied("PutObject", p.Bucket, p.Key, string(r))
}

// Abort is part of Store.
func (r Refusing) Abort(_ context.Context, bucket, key string, _ []byte) error {
	return Denied("AbortMultipartUpload", bucket, key, string(r))
}

// List is part of Store.
func (r Refusing) List(_ context.Context, bucket, _, _ string, _ func(Object) bool) error {
	return Denied("ListObjectsV2", bucket, "", string(r))
}

// Delete is part of Store.
func (r Refusing) Delete(_ context.Context, bucket, key string) error {
	return Denied("DeleteObject", bucket, key, string(r))
}
