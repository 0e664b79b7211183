package blob

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A sealed blob is a head and chunks:
//
//	head    format u8 = 1 | salt (32) | size be64 | tag (16)
//	chunks  ciphertext of 1 MiB | tag (16), of which the last may be shorter
//
// Size is that of the blob, and says how many chunks there are: at least one, which
// is empty if the blob is. All is AES-256-GCM under a key that is HKDF-SHA-256 of the
// shelf's key and the salt. The salt is random for each draft, so each nonce serves
// one key once:
//
//	nonce   0 0 0 | number of the chunk be64 | 0, of the last chunk 1, of the head 2
//
// The head's tag seals nothing, and authenticates what stands before it and the
// blob's ID. It is written when the ID is known, which is at the end; so nothing but
// ciphertext is ever on a disk.
const (
	sealFormat = 1
	saltLen    = 32
	tagLen     = 16
	headLen    = 1 + saltLen + 8 + tagLen
	chunkLen   = 1 << 20
)

const (
	chunkPart = iota
	lastPart
	headPart
)

// sealUse is what keys that are derived from a shelf's key are for.
const sealUse = "heddle blob"

// opensMax bounds how often an Open begins again, since the blob was put again
// meanwhile.
const opensMax = 4

type sealedShelf struct {
	below Shelf
	key   [32]byte
}

// Seal lays a shelf over another that seals what comes to it under a key. A
// reader of the shelf below without the key learns sizes and IDs and when blobs were put.
// These give ErrBroken, at every Open and from every offset, before a byte is given
// out that is not the blob's: bytes that were changed, chunks in another order, of
// another blob, or of the same blob when it was put another time; a blob that was
// cut off, extended, or put in the place of another. From an offset on, what lies
// before it is not looked at, but for the head.
//
// What can't be noticed: that a blob is gone, or stands as it was put at an earlier
// time; that has the same bytes.
//
// A draft holds a chunk in memory, a reader one as well; small blobs less.
func Seal(below Shelf, key [32]byte) Shelf { return &sealedShelf{below, key} }

// head is what the head of a sealed blob says.
type head struct {
	salt [saltLen]byte
	size int64
}

func (s *sealedShelf) cipher(salt []byte) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, s.key[:], salt, sealUse, len(s.key))
	if err != nil {
		panic(fmt.Sprintf("blob: HKDF: %v", err))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(fmt.Sprintf("blob: AES with a key of %d bytes: %v", len(key), err))
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("blob: GCM: %v", err))
	}
	return gcm
}

func nonce(number int64, part byte) []byte {
	b := make([]byte, 12)
	binary.BigEndian.PutUint64(b[3:], uint64(number))
	b[11] = part
	return b
}

// pack gives the bytes of a head.
func (h head) pack(aead cipher.AEAD, id ID) []byte {
	b := append([]byte{sealFormat}, h.salt[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.size))
	return aead.Seal(b, nonce(0, headPart), nil, slices.Concat(b, id[:]))
}

// readHead reads a head, which must be this blob's.
func (s *sealedShelf) readHead(r io.Reader, id ID) (h head, aead cipher.AEAD, err error) {
	var b [headLen]byte
	if err := readFull(r, b[:]); err != nil {
		return head{}, nil, err
	}
	if b[0] != sealFormat {
		return head{}, nil, fmt.Errorf("it has format %d, and this release reads %d: %w", b[0], sealFormat, ErrBroken)
	}
	h.salt = [saltLen]byte(b[1:])
	h.size = int64(binary.BigEndian.Uint64(b[1+saltLen:]))
	aead = s.cipher(h.salt[:])
	before, tag := b[:headLen-tagLen], b[headLen-tagLen:]
	if _, err := aead.Open(nil, nonce(0, headPart), tag, slices.Concat(before, id[:])); err != nil {
		return head{}, nil, ErrBroken
	}
	return h, aead, nil
}

// readFull fills b. That the bytes end before is ErrBroken, while a connection that
// breaks gives its own error.
func readFull(r io.Reader, b []byte) error {
	for len(b) > 0 {
		n, err := r.Read(b)
		b = b[n:]
		if len(b) == 0 {
			return nil
		}
		if err == io.EOF {
			return ErrBroken
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Begin is part of Shelf.
func (s *sealedShelf) Begin(ctx context.Context) (Draft, error) {
	below, err := s.below.Begin(ctx)
	if err != nil {
		return nil, err
	}
	d := &sealedDraft{below: below}
	rand.Read(d.head.salt[:])
	d.aead = s.cipher(d.head.salt[:])
	if _, err := below.Write(make([]byte, headLen)); err != nil {
		return nil, errors.Join(err, below.Discard())
	}
	return d, nil
}

type sealedDraft struct {
	below Draft
	head  head
	aead  cipher.AEAD
	chunk []byte // plain; sealed when it is known whether it is the last
	next  int64  // number of that chunk
	room  []byte
}

func (d *sealedDraft) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if len(d.chunk) == chunkLen {
			if err := d.seal(chunkPart); err != nil {
				return written, err
			}
		}
		n := min(chunkLen-len(d.chunk), len(p))
		d.chunk = append(d.chunk, p[:n]...)
		d.head.size += int64(n)
		written += n
		p = p[n:]
	}
	return written, nil
}

// seal writes the chunk.
func (d *sealedDraft) seal(part byte) error {
	d.room = d.aead.Seal(d.room[:0], nonce(d.next, part), d.chunk, nil)
	if _, err := d.below.Write(d.room); err != nil {
		return err
	}
	d.chunk = d.chunk[:0]
	d.next++
	return nil
}

// WriteAt is refused: what was written is sealed.
func (d *sealedDraft) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }

func (d *sealedDraft) Keep(ctx context.Context, id ID, at time.Time) error {
	if err := d.seal(lastPart); err != nil {
		return err
	}
	if _, err := d.below.WriteAt(d.head.pack(d.aead, id), 0); err != nil {
		return err
	}
	return d.below.Keep(ctx, id, at)
}

func (d *sealedDraft) Discard() error { return d.below.Discard() }

// Open is part of Shelf.
func (s *sealedShelf) Open(ctx context.Context, id ID, offset int64) (io.ReadCloser, error) {
	var last head
	for range opensMax {
		h, r, err := s.open(ctx, id, offset)
		// The head and the chunk are read one after the other. Were they of two puts,
		// then the head is another one now.
		if !errors.Is(err, ErrBroken) || h == last {
			return r, err
		}
		last = h
	}
	return nil, fmt.Errorf("it was put again at each of %d attempts to read it: %w", opensMax, ErrBroken)
}

// open opens a blob, and its first chunk that is asked for. The head is what it found.
func (s *sealedShelf) open(ctx context.Context, id ID, offset int64) (_ head, _ io.ReadCloser, err error) {
	below, err := s.below.Open(ctx, id, 0)
	if err != nil {
		return head{}, nil, err
	}
	defer func() {
		if err != nil && below != nil {
			err = errors.Join(err, below.Close())
		}
	}()
	h, aead, err := s.readHead(below, id)
	if err != nil {
		return head{}, nil, err
	}
	r := &sealedReader{below: below, aead: aead, size: h.size, next: offset / chunkLen}
	if offset >= h.size && offset > 0 {
		r.ended = true
		return h, r, nil
	}
	if r.next > 0 {
		err, below = below.Close(), nil
		if err != nil {
			return h, nil, err
		}
		if below, err = s.below.Open(ctx, id, headLen+r.next*(chunkLen+tagLen)); err != nil {
			return h, nil, err
		}
		r.below = below
	}
	if err := r.open(); err != nil {
		return h, nil, err
	}
	r.plain = r.plain[offset%chunkLen:]
	return h, r, nil
}

type sealedReader struct {
	below io.ReadCloser
	aead  cipher.AEAD
	size  int64
	next  int64 // number of the chunk that comes
	ended bool  // there is none

	plain []byte // opened and not yet read; in room
	room  []byte
}

func (r *sealedReader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// open reads the next chunk.
func (r *sealedReader) open() error {
	length, part := r.size-r.next*chunkLen, byte(lastPart)
	if length > chunkLen {
		length, part = chunkLen, chunkPart
	}
	if r.room == nil {
		r.room = make([]byte, length+tagLen)
	}
	sealed := r.room[:length+tagLen]
	err := readFull(r.below, sealed)
	if err != nil {
		return err
	}
	if r.plain, err = r.aead.Open(sealed[:0], nonce(r.next, part), sealed, nil); err != nil {
		r.plain = nil
		return ErrBroken
	}
	r.next++
	if part != lastPart {
		return nil
	}
	r.ended = true
	switch err := readFull(r.below, make([]byte, 1)); {
	case err == nil:
		r.plain = nil
		return ErrBroken // bytes behind the end
	case errors.Is(err, ErrBroken):
		return nil // the end
	default:
		r.plain = nil
		return err
	}
}

func (r *sealedReader) Close() error { return r.below.Close() }

// DeleteAsSeen is part of AsSeen.
func (s *sealedShelf) DeleteAsSeen(ctx context.Context, seen Info) error {
	return deleteAsSeen(ctx, s.below, seen)
}

// Stat is part of Shelf.
func (s *sealedShelf) Stat(ctx context.Context, id ID) (Info, error) { return s.below.Stat(ctx, id) }

// List is part of Shelf.
func (s *sealedShelf) List(ctx context.Context, after ID, visit func(Info) bool) error {
	return s.below.List(ctx, after, visit)
}

// Delete is part of Shelf.
func (s *sealedShelf) Delete(ctx context.Context, id ID) error { return s.below.Delete(ctx, id) }
