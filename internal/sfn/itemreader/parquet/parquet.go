// Package parquet reads the rows of an Apache Parquet file as JSON objects, some at a time,
// each time from where the time before has ended.
//
// Files are of strangers. So what a file says of itself is compared with what it has before
// any memory is made for it, and what is decoded at a time is one page of one column: who
// reads needs memory for that, and for the rows that it gets, however large the file is.
// Values are copied as they are taken from their page.
//
// Sources: Apache Parquet's format (parquet.thrift, Encodings.md, LogicalTypes.md, "Nested
// encoding"), whose structures and their protocol are those of parquet-go; Step Functions
// Developer Guide, ItemReader (Map): rows are items, a row group has 256 MB at most, a footer
// 5 MB, and what is compressed is so by GZIP, Snappy or ZSTD.
package parquet

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Source is the bytes of a file.
type Source interface {
	// ReadAt fills b with the bytes from an offset on.
	ReadAt(ctx context.Context, b []byte, offset int64) error
}

// Room is memory that is shared with others.
type Room interface {
	// Take waits for so many bytes, Give gives them back.
	Take(ctx context.Context, n int64) error
	Give(n int64)
}

// Error says what is wrong with a file, for who made it.
type Error struct{ Cause string }

func (e *Error) Error() string { return e.Cause }

var errEnds = wrong("The Parquet file ends too early.")

func wrong(format string, args ...any) *Error { return &Error{fmt.Sprintf(format, args...)} }

// Bounds. Those of footer and row group are the service's, the others ours.
const (
	footerMax  = 5 << 20
	groupMax   = 256 << 20 // decompressed
	columnsMax = 1000      // with values
	depthMax   = 24        // of names within names
	pageMax    = 32 << 20  // compressed, and decompressed
	entriesMax = 8 << 20   // of a page: its values, with those that are null
	headerMax  = 64 << 10  // of a page
	pagesMax   = 1000      // of a column, to read some rows
	workMax    = 1 << 30   // bytes that are decompressed, and entries, to read some rows
	footerEnd  = 8         // its length, and the mark
	readLeast  = 5 << 18   // bytes at a time, to have most pages at once
	mark       = "PAR1"
)

// fileMeta, groupMeta, chunkMeta and columnMeta are what is needed of a footer: the others of
// its fields are passed over.
type fileMeta struct {
	Schema []format.SchemaElement `thrift:"2,required"`
	Groups []groupMeta            `thrift:"4,required"`
}

type groupMeta struct {
	Chunks []chunkMeta `thrift:"1,required"`
	Bytes  int64       `thrift:"2,required"`
	Rows   int64       `thrift:"3,required"`
}

type chunkMeta struct {
	File   string     `thrift:"1,optional"`
	Column columnMeta `thrift:"3,optional"`
}

type columnMeta struct {
	Codec        format.CompressionCodec `thrift:"4,required"`
	Values       int64                   `thrift:"5,required"` // with those that are null
	Uncompressed int64                   `thrift:"6,required"`
	Compressed   int64                   `thrift:"7,required"`
	Data         int64                   `thrift:"9,required"` // offset
	Dictionary   int64                   `thrift:"11,optional"`
}

// begins is where a column's pages begin.
func (c *columnMeta) begins() int64 {
	if c.Dictionary > 0 {
		return min(c.Dictionary, c.Data)
	}
	return c.Data
}

// File is a file that is being read.
type File struct {
	source Source
	room   Room
	size   int64
	root   *node
	leaves []*node
	groups []groupMeta

	window []byte // what was read last of the file
	at     int64  // where it begins
}

// Open reads what a file of so many bytes says of itself. Errors: *Error, and the source's.
func Open(ctx context.Context, source Source, size int64, room Room) (*File, error) {
	f := &File{source: source, room: room, size: size}
	if size < int64(len(mark)+footerEnd) {
		return nil, wrong("The object is no Parquet file.")
	}
	end, err := f.read(ctx, size-footerEnd, footerEnd, size)
	if err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(end))
	switch of := string(end[4:]); {
	case of == "PARE":
		return nil, wrong("The Parquet file is encrypted.")
	case of != mark:
		return nil, wrong("The object is no Parquet file.")
	case length > footerMax:
		return nil, wrong("The footer of the Parquet file has %d bytes, and may have %d at most.", length, footerMax)
	case length > size-int64(len(mark)+footerEnd):
		return nil, wrong("The footer of the Parquet file is larger than the file.")
	}
	footer, err := f.read(ctx, size-footerEnd-length, int(length), size)
	if err != nil {
		return nil, err
	}
	if !wellFormed(footer) {
		return nil, wrong("The footer of the Parquet file can't be read.")
	}
	var meta fileMeta
	var protocol thrift.CompactProtocol
	// What is behind the structure is the signature of an encrypted file's, which needs no key.
	if err := thrift.NewDecoder(protocol.NewReaderFromBytes(footer)).Decode(&meta); err != nil {
		return nil, wrong("The footer of the Parquet file can't be read.")
	}
	if f.root, f.leaves, err = readSchema(meta.Schema); err != nil {
		return nil, err
	}
	for i := range meta.Groups {
		if err := f.check(i, &meta.Groups[i]); err != nil {
			return nil, err
		}
	}
	f.groups = meta.Groups
	return f, nil
}

// check looks at what the footer says of a row group.
func (f *File) check(i int, g *groupMeta) error {
	if len(g.Chunks) != len(f.leaves) || g.Rows < 0 {
		return wrong("Row group %d of the Parquet file does not have the columns of its schema.", i)
	}
	var sum int64
	for j := range g.Chunks {
		c, name := &g.Chunks[j], f.leaves[j].name
		at := &c.Column
		switch {
		case c.File != "":
			return wrong("Column %q of the Parquet file is in another file.", name)
		case at.Data == 0:
			return wrong("Column %q of the Parquet file is encrypted.", name)
		case at.begins() < int64(len(mark)), at.Compressed < 0, at.Compressed > f.size, at.begins() > f.size-at.Compressed, at.Uncompressed < 0, at.Values < 0:
			return wrong("Column %q of the Parquet file is not within the file.", name)
		}
		sum = min(sum+min(at.Uncompressed, groupMax), groupMax+1)
	}
	if total := max(g.Bytes, sum); total > groupMax {
		return wrong("Row group %d of the Parquet file has %d bytes, and may have %d at most.", i, total, groupMax)
	}
	return nil
}

// read gives bytes of the file; more is read than is wanted, up to an end.
func (f *File) read(ctx context.Context, offset int64, n int, end int64) ([]byte, error) {
	if offset < 0 || n < 0 || offset > f.size-int64(n) {
		return nil, errEnds
	}
	if offset < f.at || offset+int64(n) > f.at+int64(len(f.window)) {
		length := max(int64(n), min(readLeast, end-offset))
		f.at = offset
		if offset+length >= f.size { // its end: what is before it may be wanted, too
			f.at = max(0, min(offset, f.size-readLeast))
			length = f.size - f.at
		}
		f.window = make([]byte, length)
		if err := f.source.ReadAt(ctx, f.window, f.at); err != nil {
			f.window = nil
			return nil, err
		}
	}
	from := offset - f.at
	return f.window[from : from+int64(n) : from+int64(n)], nil
}

// Bounds of the structures of thrift's compact protocol.
const (
	thriftDepthMax = 24
	thriftListsMax = 1_000_000 // elements
	thriftBigMax   = 300_000   // of them, structures
)

// structure looks at structures of thrift's compact protocol before memory is made for them.
type structure struct {
	rest       []byte
	list, bigs int // elements that were seen
}

// wellFormed tells whether bytes begin with a structure that is what it says.
func wellFormed(b []byte) bool {
	s := structure{rest: b}
	return s.fields(0)
}

// length is how many bytes the structure at the beginning of b has; 0: there is none, or none
// that ends.
func length(b []byte) int {
	s := structure{rest: b}
	if !s.fields(0) {
		return 0
	}
	return len(b) - len(s.rest)
}

func (s *structure) number() (uint64, bool) {
	n, size := binary.Uvarint(s.rest)
	if size <= 0 {
		return 0, false
	}
	s.rest = s.rest[size:]
	return n, true
}

func (s *structure) skip(n uint64) bool {
	if n > uint64(len(s.rest)) {
		return false
	}
	s.rest = s.rest[n:]
	return true
}

func (s *structure) fields(depth int) bool {
	if depth > thriftDepthMax {
		return false
	}
	for {
		if len(s.rest) == 0 {
			return false
		}
		b := s.rest[0]
		s.rest = s.rest[1:]
		if b == 0 {
			return true
		}
		if b>>4 == 0 { // the id follows
			if _, ok := s.number(); !ok {
				return false
			}
		}
		if !s.value(b&15, false, depth) {
			return false
		}
	}
}

// value passes over a value of a type.
func (s *structure) value(of byte, element bool, depth int) bool {
	switch of {
	case 1, 2: // a field's truth is its type
		return !element || s.skip(1)
	case 3:
		return s.skip(1)
	case 4, 5, 6:
		_, ok := s.number()
		return ok
	case 7:
		return s.skip(8)
	case 8:
		n, ok := s.number()
		return ok && s.skip(n)
	case 9, 10:
		if len(s.rest) == 0 {
			return false
		}
		b := s.rest[0]
		s.rest = s.rest[1:]
		n := uint64(b >> 4)
		if n == 15 {
			var ok bool
			if n, ok = s.number(); !ok {
				return false
			}
		}
		return s.elements(n, depth, b&15)
	case 11:
		n, ok := s.number()
		if !ok || n == 0 {
			return ok
		}
		if len(s.rest) == 0 {
			return false
		}
		b := s.rest[0]
		s.rest = s.rest[1:]
		return s.elements(n, depth, b>>4, b&15)
	case 12:
		return s.fields(depth + 1)
	case 13:
		return s.skip(16)
	}
	return false
}

func (s *structure) elements(n uint64, depth int, types ...byte) bool {
	if n > uint64(len(s.rest)) || depth > thriftDepthMax {
		return false
	}
	for _, of := range types {
		if s.list += int(n); of == 12 {
			s.bigs += int(n)
		}
	}
	if s.list > thriftListsMax || s.bigs > thriftBigMax {
		return false
	}
	for range n {
		for _, of := range types {
			if !s.value(of, true, depth+1) {
				return false
			}
		}
	}
	return true
}
