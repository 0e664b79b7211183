package itemreader

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"heddle/internal/bucket"
)

// decompressors are those of what is compressed, by how keys end.
var decompressors = map[string]func(io.Reader) (io.ReadCloser, error){
	".gz":  func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
	".zst": unzstd, ".zstd": unzstd,
}

// windowBytes is how far back what zstd has compressed refers at most.
const windowBytes = 8 << 20

func unzstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytes))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// broken is the error of what can't be decompressed: what it is, if it is neither the store's nor
// one that has been found.
func broken(err error, key string) error {
	_, refused := errors.AsType[*bucket.Error](err)
	_, found := errors.AsType[*Error](err)
	if err == nil || refused || found || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{"An object can't be decompressed: " + key + ": " + err.Error()}
}

// Streams are objects that are being decompressed, each where a part has ended: who reads on need
// not begin anew. There are streamsMax at most; of more those that were left first are closed, and
// who would have read on there decompresses from the beginning.
type Streams struct {
	mu  sync.Mutex
	all []*stream // in the order in which they were left
}

// streamsMax is how many there are at a time. One has up to 9 MiB, and a connection.
const streamsMax = 8

// stream is an object that is being decompressed.
type stream struct {
	of, bucket, key, etag string
	offset                int64 // in what is not compressed
	plain                 *bufio.Reader
	cancel                context.CancelFunc
	close                 func() error
}

func (s *stream) end() {
	s.cancel()
	_ = s.close() // it was read
}

// take gives the stream that is where a part begins; nil: there is none.
func (s *Streams) take(of, bucket, key, etag string, offset int64) *stream {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.all {
		if one.of == of && one.bucket == bucket && one.key == key && one.etag == etag && one.offset == offset {
			s.all = append(s.all[:i:i], s.all[i+1:]...)
			return one
		}
	}
	return nil
}

// leave keeps a stream for who reads on.
func (s *Streams) leave(one *stream) {
	if s == nil {
		one.end()
		return
	}
	s.mu.Lock()
	s.all = append(s.all, one)
	var first *stream
	if len(s.all) > streamsMax {
		first, s.all = s.all[0], s.all[1:]
	}
	s.mu.Unlock()
	if first != nil {
		first.end()
	}
}

// Close closes all.
func (s *Streams) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		one.end()
	}
	s.all = nil
}

// compressed reads what is in a compressed object.
func (r *Reader) compressed(ctx context.Context, decompress func(io.Reader) (io.ReadCloser, error), bucket, key string, p *inObject, part *part) error {
	if one := r.Streams.take(r.Of, bucket, key, p.ETag, p.Offset); one != nil {
		if err := r.may(ctx, bucket, key); err != nil {
			one.end()
			return err
		}
		before, items, bytes := *p, len(part.items), part.bytes
		err := r.decompressed(ctx, one, p, part)
		if _, flaw := errors.AsType[*Error](err); err == nil || flaw || ctx.Err() != nil {
			return err
		}
		*p, part.items, part.bytes = before, part.items[:items], bytes // it was cut off, perhaps since it waited
	}
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	one := &stream{of: r.Of, bucket: bucket, key: key, cancel: cancel}
	o, body, err := r.open(reading, bucket, key, 0, p.ETag)
	if err != nil {
		stop()
		cancel()
		return err
	}
	p.ETag, one.etag, one.close = o.ETag, o.ETag, body.Close
	plain, err := decompress(bufio.NewReaderSize(body, 64<<10))
	if err == nil {
		one.close = func() error { return errors.Join(plain.Close(), body.Close()) }
		one.plain = bufio.NewReaderSize(plain, 64<<10)
		_, err = io.CopyN(io.Discard, one.plain, p.Offset)
	}
	stop()
	if err = broken(err, key); err != nil {
		one.end()
		return err
	}
	return r.decompressed(ctx, one, p, part)
}

// decompressed reads on in a stream, and leaves it where it ends.
func (r *Reader) decompressed(ctx context.Context, one *stream, p *inObject, part *part) error {
	stop := context.AfterFunc(ctx, one.cancel)
	err := broken(r.values(one.plain, p, part), one.key)
	if !stop() || err != nil || part.done {
		one.end()
		return err
	}
	one.offset = p.Offset
	r.Streams.leave(one)
	return nil
}
