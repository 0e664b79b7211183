// Package transfer moves the bytes of assets: from users' buckets into blobs, and from
// blobs into buckets. It holds a few MiB of an asset at a time, however large it is, and
// a bucket.Room says how many of all.
package transfer

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"

	"heddle/internal/blob"
	"heddle/internal/bucket"
)

// Blobs are where assets are; blob.Library is one.
type Blobs interface {
	Put(ctx context.Context, r io.Reader) (blob.Ref, error)
	Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error)
}

// Asset is what is known of an asset's bytes.
type Asset struct {
	Blob        blob.Ref
	MD5         [md5.Size]byte // zero: unknown, which it is of imports from buckets
	ContentType string         // empty: unknown
}

// contentTypeMax is far above what types have; it is stored with each asset.
const contentTypeMax = 255

// contentType is a type as it may be kept, and said again to others; empty: it is none.
func contentType(said string) string {
	if len(said) > contentTypeMax {
		return ""
	}
	for _, b := range []byte(said) {
		if b < ' ' || b > '~' {
			return ""
		}
	}
	return said
}

// ErrTooLarge: it has more bytes than an asset may have.
var ErrTooLarge = errors.New("too large for an asset")

// Import keeps an object of a bucket as a blob: as a whole, or not at all. An object of
// more than sizeMax bytes is not read. Arrived, if there is one, is told of bytes as they
// come.
//
// Errors: ErrTooLarge, those of bucket.Store and of Blobs. After bucket.ErrTemporary and
// bucket.ErrChanged another try may succeed; it begins from the first byte.
func Import(ctx context.Context, from bucket.Store, name, key string, room *bucket.Room, to Blobs, sizeMax int64, arrived func(bytes int64)) (_ Asset, err error) {
	o, r, err := bucket.Download(ctx, from, name, key, room)
	if err != nil {
		return Asset{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if o.Size > sizeMax {
		return Asset{}, fmt.Errorf("import %q of %d bytes: %w", key, o.Size, ErrTooLarge)
	}
	// No MD5 is made: it would take as long as all the rest.
	ref, err := to.Put(ctx, told{r, arrived})
	if err != nil {
		return Asset{}, fmt.Errorf("import %q: %w", key, err)
	}
	return Asset{Blob: ref, ContentType: contentType(o.ContentType)}, nil
}

// told tells of what is read.
type told struct {
	io.Reader
	arrived func(int64) // may be nil
}

func (t told) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if t.arrived != nil && n > 0 {
		t.arrived(int64(n))
	}
	return n, err
}

// Receive keeps what comes from elsewhere as a blob, unless its MD5 is another: as a
// whole, or not at all. Said is its content type. Errors: ErrMD5, those of the reader and of Blobs.
func Receive(ctx context.Context, from io.Reader, want [md5.Size]byte, said string, to Blobs) (Asset, error) {
	ref, err := to.Put(ctx, &summed{from: from, sum: md5.New(), want: want})
	if err != nil {
		return Asset{}, err
	}
	return Asset{ref, want, contentType(said)}, nil
}

// ErrMD5: the bytes have another MD5 than was said.
var ErrMD5 = errors.New("the MD5 is not the one that was said")

// summed reads what must have an MD5.
type summed struct {
	from io.Reader
	sum  hash.Hash
	want [md5.Size]byte
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	if err == io.EOF && [md5.Size]byte(s.sum.Sum(nil)) != s.want {
		err = ErrMD5 // so nothing is kept
	}
	return n, err
}

// Destination is where an asset goes.
type Destination struct {
	Bucket, Key string
	Encryption  bucket.Encryption
}

// Progress is how an export goes on after a crash, and who watches it; see bucket.Put.
type Progress struct {
	Saved []byte // what was saved last
	Save  func(ctx context.Context, progress []byte) error
	Sent  func(bytes int64)
}

// Export puts an asset into a bucket: as a whole, or not at all. It may be done twice,
// and goes on from what was saved. Who gives up calls bucket.Store's Abort.
//
// Errors: those of bucket.Store and of Blobs; blob.ErrBroken if the bytes are not the
// asset's, and then nothing was put.
func Export(ctx context.Context, from Blobs, a *Asset, to bucket.Store, d Destination, p Progress) (bucket.Object, error) {
	return to.Put(ctx, &bucket.Put{
		Bucket: d.Bucket, Key: d.Key, Encryption: d.Encryption, ContentType: a.ContentType,
		Source: source{from, a.Blob}, Size: a.Blob.Size, Save: p.Save, Progress: p.Saved, Sent: p.Sent,
	})
}

// source is a blob as the source of an object.
type source struct {
	blobs Blobs
	ref   blob.Ref
}

// hashedMax is how much of a blob is read against its name. What comes behind is checked
// by its seal alone, which tells as much (blob.Seal): each byte of an object is hashed for
// its signature anyway, and another hash would be a third of what an export costs.
const hashedMax = 1 << 20

// Open is part of bucket.Source.
func (s source) Open(ctx context.Context, offset int64) (io.ReadCloser, error) {
	r, err := s.blobs.Open(ctx, s.ref.ID, offset)
	if err != nil || offset > 0 || s.ref.Size <= hashedMax {
		return r, err
	}
	return &sourceReader{source: s, ctx: ctx, r: r, first: hashedMax}, nil
}

// sourceReader reads a blob by two readers.
type sourceReader struct {
	source
	ctx   context.Context // of Open
	r     io.ReadCloser
	first int64 // bytes that are left for the first of them
}

func (s *sourceReader) Read(p []byte) (int, error) {
	if s.first == 0 {
		return s.r.Read(p)
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.first)])
	if s.first -= int64(n); s.first > 0 || err != nil {
		return n, err
	}
	next, err := s.blobs.Open(s.ctx, s.ref.ID, hashedMax)
	if err != nil {
		return n, err
	}
	err = s.r.Close()
	s.r = next
	return n, err
}

func (s *sourceReader) Close() error { return s.r.Close() }
