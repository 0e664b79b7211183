package bucket

import (
	"context"
	"errors"
	"io"
	"sync"
)

const (
	// chunkLen is how much of an object is asked for at a time.
	chunkLen = 4 << 20
	// chunksAhead are asked for beside the one that is being read, and one more waits.
	chunksAhead = 2
	// cutsMax is how often in a row a chunk is cut off before anything of it has come.
	cutsMax = 3
)

var chunks = sync.Pool{New: func() any { return new([chunkLen]byte) }}

// Download reads an object from its first byte to its last. What is larger than a few MiB
// is asked for in ranges, a few at a time, that are held in a room's memory until they are
// read. A range that is cut off is gone on with where it ended. All that is read is of one
// object; if another takes its place, reading fails with ErrChanged. The caller closes the
// reader.
func Download(ctx context.Context, s Store, name, key string, room *Room) (Object, io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &download{store: s, bucket: name, key: key, room: room, ctx: ctx, cancel: cancel}
	o, first, err := s.Get(ctx, name, key, Range{Length: chunkLen})
	if err != nil {
		cancel()
		return Object{}, nil, err
	}
	d.object = o
	d.first = &ranged{download: d, r: first, rest: min(o.Size, chunkLen)}
	d.line = make(chan chan chunk, chunksAhead)
	d.fetching.Go(d.fetchAll)
	return o, d, nil
}

// download is an object that is being read: the first chunk as it comes, then those
// in the line.
type download struct {
	store       Store
	bucket, key string
	object      Object
	room        *Room
	ctx         context.Context
	cancel      context.CancelFunc
	fetching    sync.WaitGroup
	line        chan chan chunk // closed behind the last

	first *ranged // nil: it was read
	now   chunk
	rest  []byte // of now, not yet read
	err   error  // how it ended
}

// chunk is a piece of the object in memory.
type chunk struct {
	room  *[chunkLen]byte // nil: none
	bytes int64
	err   error
}

// fetchAll asks for one chunk after the other, as there is room.
func (d *download) fetchAll() {
	defer close(d.line)
	for offset := int64(chunkLen); offset < d.object.Size; offset += chunkLen {
		if d.room.Take(d.ctx, chunkLen) != nil {
			return
		}
		fetched := make(chan chunk, 1)
		select {
		case d.line <- fetched:
		case <-d.ctx.Done():
			d.room.Give(chunkLen)
			return
		}
		d.fetching.Go(func() {
			c := chunk{room: chunks.Get().(*[chunkLen]byte), bytes: min(chunkLen, d.object.Size-offset)}
			r := &ranged{download: d, offset: offset, rest: c.bytes}
			_, c.err = io.ReadFull(r, c.room[:c.bytes])
			c.err = errors.Join(c.err, r.Close())
			fetched <- c
		})
	}
}

func (d *download) Read(p []byte) (n int, err error) {
	if d.err == nil {
		n, d.err = d.read(p)
	}
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

func (d *download) read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if d.first != nil {
		n, err := d.first.Read(p)
		if err != io.EOF {
			return n, err
		}
		err = d.first.Close()
		if d.first = nil; n > 0 || err != nil {
			return n, err
		}
	}
	if len(d.rest) == 0 {
		d.giveBack(d.now)
		d.now = chunk{}
		fetched, more := <-d.line
		if !more {
			if err := d.ctx.Err(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		if d.now = <-fetched; d.now.err != nil {
			return 0, d.now.err
		}
		d.rest = d.now.room[:d.now.bytes]
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *download) giveBack(c chunk) {
	if c.room != nil {
		chunks.Put(c.room)
		d.room.Give(chunkLen)
	}
}

func (d *download) Close() error {
	d.cancel()
	var err error
	if d.first != nil {
		err = d.first.Close()
	}
	d.giveBack(d.now)
	d.first, d.now, d.rest = nil, chunk{}, nil
	for fetched := range d.line {
		d.giveBack(<-fetched)
	}
	d.fetching.Wait()
	if d.err == nil {
		d.err = io.ErrClosedPipe
	}
	return err
}

// ranged reads a range of the object. What is cut off is asked for again.
type ranged struct {
	download *download
	r        io.ReadCloser // nil: not asked for
	offset   int64         // of what comes
	rest     int64
	cuts     int // since something came
}

func (r *ranged) Read(p []byte) (int, error) {
	d := r.download
	for r.rest > 0 {
		if r.r == nil {
			var err error
			if _, r.r, err = d.store.Get(d.ctx, d.bucket, d.key, Range{Offset: r.offset, Length: r.rest, IfMatch: d.object.ETag}); err != nil {
				return 0, err // the store has tried again by itself
			}
		}
		n, err := r.r.Read(p[:min(int64(len(p)), r.rest)])
		r.offset += int64(n)
		if r.rest -= int64(n); n > 0 {
			r.cuts = 0
			return n, nil // an error comes again
		}
		if err == nil {
			continue
		}
		if r.cuts++; err == io.EOF || !errors.Is(err, ErrTemporary) || r.cuts == cutsMax {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		_ = r.r.Close() // it has failed already
		r.r = nil
	}
	return 0, io.EOF
}

func (r *ranged) Close() error {
	if r.r == nil {
		return nil
	}
	body := r.r
	r.r = nil
	return body.Close()
}
