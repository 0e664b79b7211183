package bucket

import (
	"context"
	"errors"
	"io"
)

// SourceReader reads the source of a Put part by part, for stores.
type SourceReader struct {
	put *Put
	r   io.ReadCloser // nil: not open
	at  int64
}

// NewSourceReader makes a reader that has opened nothing yet.
func NewSourceReader(p *Put) *SourceReader { return &SourceReader{put: p} }

// ReadAt fills b with the bytes at an offset. Those behind the ones before are read on;
// for others the source is opened anew. After the last bytes it reads the source's end
// too, since a source may only then say that its bytes are not what they should be.
func (s *SourceReader) ReadAt(ctx context.Context, b []byte, offset int64) error {
	if s.r == nil || s.at != offset {
		if err := s.Close(); err != nil {
			return err
		}
		r, err := s.put.Source.Open(ctx, offset)
		if err != nil {
			return err
		}
		s.r = r
	}
	switch _, err := io.ReadFull(s.r, b); {
	case err == io.EOF && len(b) > 0, err == io.ErrUnexpectedEOF:
		return WrongSize(s.put.Bucket, s.put.Key, s.put.Size)
	case err != nil:
		return err
	}
	if s.at = offset + int64(len(b)); s.at < s.put.Size {
		return nil
	}
	switch n, err := io.ReadFull(s.r, make([]byte, 1)); {
	case n > 0:
		return WrongSize(s.put.Bucket, s.put.Key, s.put.Size)
	case err == io.EOF:
		return nil
	default:
		return err
	}
}

// Close closes the source. It may be called more than once.
func (s *SourceReader) Close() error {
	if s.r == nil {
		return nil
	}
	r := s.r
	s.r = nil
	return r.Close()
}

// ReadSource fills b with the bytes of a Put's source that begin at an offset.
func ReadSource(ctx context.Context, p *Put, b []byte, offset int64) error {
	s := NewSourceReader(p)
	err := s.ReadAt(ctx, b, offset)
	return errors.Join(err, s.Close())
}
