package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// values are those of a page or of a dictionary: each is some bytes.
type values struct {
	data   []byte
	size   int      // of each; 0: they have lengths of their own
	begins []uint32 // then: where each begins; the length is in the four bytes before it, unless
	joined bool     // each ends where the next begins
	n      int
}

func (v *values) at(i int) []byte {
	switch {
	case v.size > 0:
		return v.data[i*v.size : (i+1)*v.size]
	case v.joined:
		return v.data[v.begins[i]:v.begins[i+1]]
	}
	from := v.begins[i]
	return v.data[from : from+binary.LittleEndian.Uint32(v.data[from-4:])]
}

// page is what a data page has: levels of its entries, and the values of those that have one.
type page struct {
	entries    int
	reps, defs []byte   // nil: all are 0, or as high as may be
	places     []uint32 // in the dictionary; nil: there is none
	values     *values
}

// errPage is said of what is not as the format has it.
func errPage(n *node) error {
	return wrong("A page of column %q of the Parquet file can't be read.", n.name)
}

// pages reads a column's pages one after the other.
type pages struct {
	*File
	node       *node
	meta       *columnMeta
	at, end    int64
	dictionary *values
	read       int
	work       *int64 // that may still be done
}

// next gives the header of the next page, and where what is in it begins. io.EOF: there is none.
func (p *pages) next(ctx context.Context) (*format.PageHeader, int64, error) {
	if p.at >= p.end {
		return nil, 0, io.EOF
	}
	if p.read++; p.read > pagesMax {
		return nil, 0, wrong("Column %q of the Parquet file has more than %d pages for a few rows.", p.node.name, pagesMax)
	}
	b, err := p.File.read(ctx, p.at, int(min(headerMax, p.end-p.at)), p.end)
	if err != nil {
		return nil, 0, err
	}
	n := length(b)
	if n == 0 {
		return nil, 0, errPage(p.node)
	}
	header := new(format.PageHeader)
	var protocol thrift.CompactProtocol
	if err := thrift.NewDecoder(protocol.NewReaderFromBytes(b[:n])).Decode(header); err != nil {
		return nil, 0, errPage(p.node)
	}
	from := p.at + int64(n)
	size, plain := header.CompressedPageSize, header.UncompressedPageSize
	switch {
	case size < 0, plain < 0, int64(size) > p.end-from:
		return nil, 0, errPage(p.node)
	case size > pageMax, plain > pageMax:
		return nil, 0, wrong("A page of column %q of the Parquet file has more than %d bytes.", p.node.name, pageMax)
	case int64(plain) > p.meta.Uncompressed:
		return nil, 0, errPage(p.node)
	}
	p.at = from + int64(size)
	return header, from, nil
}

// body gives what is in a page, decompressed, but for its first bytes, which are not compressed.
func (p *pages) body(ctx context.Context, h *format.PageHeader, from int64, plain int, compressed bool) ([]byte, error) {
	b, err := p.File.read(ctx, from, int(h.CompressedPageSize), p.end)
	if err != nil {
		return nil, err
	}
	if plain < 0 || plain > len(b) || plain > int(h.UncompressedPageSize) {
		return nil, errPage(p.node)
	}
	if *p.work -= int64(h.UncompressedPageSize); *p.work < 0 {
		return nil, errWork
	}
	if !compressed || p.meta.Codec == format.Uncompressed || len(b) == plain {
		return b, nil
	}
	out := append(make([]byte, 0, h.UncompressedPageSize), b[:plain]...)
	rest, err := decompress(p.meta.Codec, out, b[plain:], int(h.UncompressedPageSize)-plain)
	if rest == nil && err == nil {
		err = errPage(p.node)
	}
	return rest, err
}

var errWork = wrong("The Parquet file has too much in it for a few rows.")

// decompress appends what is compressed to bytes, exactly so many; nil: it is something else.
func decompress(codec format.CompressionCodec, out, b []byte, n int) ([]byte, error) {
	at := len(out)
	switch codec {
	case format.Snappy:
		if size, err := snappy.DecodedLen(b); err != nil || size != n {
			return nil, nil
		}
		plain, err := snappy.Decode(out[at:at+n], b)
		if err != nil || len(plain) != n {
			return nil, nil
		}
		return out[: at+n : at+n], nil
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, nil
		}
		if _, err := io.ReadFull(r, out[at:at+n]); err != nil {
			return nil, nil
		}
		return out[: at+n : at+n], nil
	case format.Zstd:
		r, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(pageMax))
		if err != nil {
			return nil, nil
		}
		defer r.Close()
		if _, err := io.ReadFull(r, out[at:at+n]); err != nil {
			return nil, nil
		}
		return out[: at+n : at+n], nil
	}
	return nil, wrong("The Parquet file is compressed by %s; GZIP, SNAPPY and ZSTD are what can be read.", codec)
}

func (p *pages) readDictionary(ctx context.Context, h *format.PageHeader, from int64) error {
	d, ok := h.DictionaryPageHeader.Get()
	//lint:ignore SA1019 older writers say it still
	if !ok || d.NumValues < 0 || d.Encoding != format.Plain && d.Encoding != format.PlainDictionary || p.dictionary != nil {
		return errPage(p.node)
	}
	b, err := p.body(ctx, h, from, 0, true)
	if err != nil {
		return err
	}
	p.dictionary = p.node.plain(b, int(d.NumValues))
	if p.dictionary == nil {
		return errPage(p.node)
	}
	return nil
}

// needDictionary reads the dictionary, if that was not yet: it is the column's first page.
func (p *pages) needDictionary(ctx context.Context) error {
	if p.dictionary != nil {
		return nil
	}
	first := *p
	first.at = p.meta.begins()
	h, from, err := first.next(ctx)
	if err == nil && h.Type == format.DictionaryPage {
		err = first.readDictionary(ctx, h, from)
	}
	if p.dictionary = first.dictionary; err == nil && p.dictionary == nil {
		err = errPage(p.node)
	}
	return err
}

// readPage gives what is in a data page. Nil: the page is of another kind.
func (p *pages) readPage(ctx context.Context, h *format.PageHeader, from int64) (*page, error) {
	switch h.Type {
	case format.DictionaryPage:
		return nil, p.readDictionary(ctx, h, from)
	case format.DataPage:
		d, ok := h.DataPageHeader.Get()
		if !ok {
			return nil, errPage(p.node)
		}
		if err := p.mayHave(d.NumValues); err != nil {
			return nil, err
		}
		b, err := p.body(ctx, h, from, 0, true)
		if err != nil {
			return nil, err
		}
		return p.dataPage(ctx, b, int(d.NumValues), d.Encoding, -1, -1, d.RepetitionLevelEncoding, d.DefinitionLevelEncoding)
	case format.DataPageV2:
		d, ok := h.DataPageHeaderV2.Get()
		if !ok || d.RepetitionLevelsByteLength < 0 || d.DefinitionLevelsByteLength < 0 {
			return nil, errPage(p.node)
		}
		if err := p.mayHave(d.NumValues); err != nil {
			return nil, err
		}
		levels := int64(d.RepetitionLevelsByteLength) + int64(d.DefinitionLevelsByteLength)
		if levels > int64(h.CompressedPageSize) {
			return nil, errPage(p.node)
		}
		b, err := p.body(ctx, h, from, int(levels), !d.IsCompressed.Valid || d.IsCompressed.V)
		if err != nil {
			return nil, err
		}
		return p.dataPage(ctx, b, int(d.NumValues), d.Encoding, int(d.RepetitionLevelsByteLength), int(d.DefinitionLevelsByteLength), format.RLE, format.RLE)
	}
	return nil, nil
}

// mayHave looks at how many entries a page says that it has.
func (p *pages) mayHave(entries int32) error {
	switch {
	case entries < 0, int64(entries) > p.meta.Values:
		return errPage(p.node)
	case entries > entriesMax:
		return wrong("A page of column %q of the Parquet file has more than %d values.", p.node.name, entriesMax)
	}
	if *p.work -= int64(entries); *p.work < 0 {
		return errWork
	}
	return nil
}

// dataPage reads levels and values. Of a page of version 1, levels say their length themselves.
func (p *pages) dataPage(ctx context.Context, b []byte, entries int, encoding format.Encoding, reps, defs int, repsBy, defsBy format.Encoding) (*page, error) {
	n := p.node
	read := &page{entries: entries}
	levels := func(length int, most byte, by format.Encoding) (found []byte, ok bool) {
		if length < 0 {
			if most == 0 {
				return nil, true
			}
			if len(b) < 4 || by != format.RLE {
				return nil, false
			}
			said := binary.LittleEndian.Uint32(b)
			if b = b[4:]; int64(said) > int64(len(b)) {
				return nil, false
			}
			length = int(said)
		}
		if length > len(b) {
			return nil, false
		}
		of := b[:length]
		if b = b[length:]; most == 0 {
			return nil, true
		}
		found = make([]byte, entries)
		return found, hybrid(of, bits.Len8(most), entries, func(i int, v uint32) bool {
			found[i] = byte(v)
			return v <= uint32(most)
		})
	}
	var ok bool
	if read.reps, ok = levels(reps, n.rep, repsBy); !ok {
		return nil, errPage(n)
	}
	if read.defs, ok = levels(defs, n.def, defsBy); !ok {
		return nil, errPage(n)
	}
	count := entries
	if read.defs != nil {
		count = bytes.Count(read.defs, []byte{n.def})
	}
	//lint:ignore SA1019 older writers say it still
	if encoding == format.PlainDictionary || encoding == format.RLEDictionary {
		if err := p.needDictionary(ctx); err != nil {
			return nil, err
		}
		if count > 0 && len(b) == 0 {
			return nil, errPage(n)
		}
		read.values, read.places = p.dictionary, make([]uint32, count)
		if count > 0 && !hybrid(b[1:], int(b[0]), count, func(i int, v uint32) bool {
			read.places[i] = v
			return v < uint32(p.dictionary.n)
		}) {
			return nil, errPage(n)
		}
		return read, nil
	}
	if read.values = n.decode(b, count, encoding); read.values == nil {
		return nil, errPage(n)
	}
	return read, nil
}

// hybrid reads n values of the hybrid of run lengths and packed bits. False: there are fewer, or
// one of them is not taken.
func hybrid(b []byte, width, n int, take func(i int, v uint32) bool) bool {
	if width > 32 {
		return false
	}
	size := (width + 7) / 8
	for i := 0; i < n; {
		head, read := binary.Uvarint(b)
		if read <= 0 {
			return false
		}
		b = b[read:]
		count := head >> 1
		if head&1 == 0 {
			if count == 0 || len(b) < size {
				return false
			}
			var raw [4]byte
			copy(raw[:], b[:size])
			b = b[size:]
			v := binary.LittleEndian.Uint32(raw[:])
			for end := i + int(min(count, uint64(n-i))); i < end; i++ {
				if !take(i, v) {
					return false
				}
			}
			continue
		}
		if count == 0 || count > entriesMax {
			return false
		}
		// The last group may be cut short where no value is.
		values := int(min(count*8, uint64(n-i)))
		if need := (values*width + 7) / 8; need > len(b) {
			return false
		}
		for j := range values {
			if !take(i+j, uint32(packed(b, j*width, width))) {
				return false
			}
		}
		i += values
		b = b[min(int(count)*width, len(b)):]
	}
	return true
}

// packed is a value of some bits at a place in bits, the least first.
func packed(b []byte, at, width int) (v uint64) {
	for have := 0; have < width; {
		from := (at + have) & 7
		v |= uint64(b[(at+have)>>3]>>from) << have
		have += 8 - from
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v
}

// plain reads n values that stand one after the other; nil: there are fewer.
func (n *node) plain(b []byte, count int) *values {
	if n.kind == format.Boolean {
		if (count+7)/8 > len(b) {
			return nil
		}
		data := make([]byte, count)
		for i := range data {
			data[i] = b[i>>3] >> (i & 7) & 1
		}
		return &values{data: data, size: 1, n: count}
	}
	if n.length > 0 {
		if int64(count)*int64(n.length) > int64(len(b)) {
			return nil
		}
		return &values{data: b, size: n.length, n: count}
	}
	if count > len(b)/4 {
		return nil
	}
	v := &values{data: b, begins: make([]uint32, count), n: count}
	at := 0
	for i := range count {
		if len(b)-at < 4 {
			return nil
		}
		length := binary.LittleEndian.Uint32(b[at:])
		if at += 4; int64(length) > int64(len(b)-at) {
			return nil
		}
		v.begins[i] = uint32(at)
		at += int(length)
	}
	return v
}

// decode reads n values; nil: they are not what the encoding says.
func (n *node) decode(b []byte, count int, encoding format.Encoding) *values {
	integers := n.kind == format.Int32 || n.kind == format.Int64
	array := n.kind == format.ByteArray || n.kind == format.FixedLenByteArray
	switch {
	case encoding == format.Plain:
		return n.plain(b, count)
	case encoding == format.RLE && n.kind == format.Boolean:
		if len(b) < 4 {
			return nil
		}
		v := &values{data: make([]byte, count), size: 1, n: count}
		if !hybrid(b[4:], 1, count, func(i int, bit uint32) bool { v.data[i] = byte(bit); return true }) {
			return nil
		}
		return v
	case encoding == format.ByteStreamSplit && n.length > 1:
		if int64(count)*int64(n.length) > int64(len(b)) {
			return nil
		}
		v := &values{data: make([]byte, count*n.length), size: n.length, n: count}
		for i := range v.data {
			v.data[i] = b[i%n.length*count+i/n.length]
		}
		return v
	case encoding == format.DeltaBinaryPacked && integers:
		list, _ := deltas(b, count)
		if list == nil {
			return nil
		}
		v := &values{data: make([]byte, 0, count*n.length), size: n.length, n: count}
		for _, of := range list {
			if n.length == 4 {
				v.data = binary.LittleEndian.AppendUint32(v.data, uint32(of))
			} else {
				v.data = binary.LittleEndian.AppendUint64(v.data, uint64(of))
			}
		}
		return v
	case encoding == format.DeltaLengthByteArray && n.kind == format.ByteArray:
		lengths, rest := deltas(b, count)
		return n.joined(make([]int64, len(lengths)), lengths, rest)
	case encoding == format.DeltaByteArray && array:
		prefixes, rest := deltas(b, count)
		if prefixes == nil {
			return nil
		}
		suffixes, rest := deltas(rest, count)
		return n.joined(prefixes, suffixes, rest)
	}
	return nil
}

// joined makes values of how much each has of the one before, and of how much follows. Nil:
// there is less, or it becomes too much.
func (n *node) joined(prefixes, suffixes []int64, rest []byte) *values {
	if suffixes == nil {
		return nil
	}
	total, before := int64(0), int64(0)
	for i, suffix := range suffixes {
		length := prefixes[i] + suffix
		if prefixes[i] < 0 || suffix < 0 || prefixes[i] > before || suffix > pageMax || n.length > 0 && length != int64(n.length) {
			return nil
		}
		if total += length; total > pageMax {
			return nil
		}
		before = length
	}
	v := &values{data: make([]byte, 0, total), begins: make([]uint32, 1, len(suffixes)+1), joined: true, n: len(suffixes)}
	last := 0
	for i, suffix := range suffixes {
		if suffix > int64(len(rest)) {
			return nil
		}
		at := len(v.data)
		v.data = append(v.data, v.data[last:last+int(prefixes[i])]...)
		v.data = append(v.data, rest[:suffix]...)
		rest, last = rest[suffix:], at
		v.begins = append(v.begins, uint32(len(v.data)))
	}
	return v
}

// deltas reads n numbers that are told by their differences, and gives what is behind them. Nil:
// there are not n.
func deltas(b []byte, n int) (list []int64, rest []byte) {
	var head [3]uint64 // values of a block, its parts, values
	for i := range head {
		v, read := binary.Uvarint(b)
		if read <= 0 {
			return nil, nil
		}
		head[i], b = v, b[read:]
	}
	value, read := binary.Varint(b)
	if read <= 0 || head[0] > entriesMax || head[1] == 0 || head[1] > head[0] || head[2] != uint64(n) {
		return nil, nil
	}
	b = b[read:]
	parts := int(head[1])
	of := int(head[0]) / parts // values of a part
	if of%8 != 0 {
		return nil, nil
	}
	list = make([]int64, 0, n)
	if n > 0 {
		list = append(list, value)
	}
	for len(list) < n {
		least, read := binary.Varint(b)
		if read <= 0 || len(b)-read < parts {
			return nil, nil
		}
		widths := b[read : read+parts]
		b = b[read+parts:]
		for _, width := range widths {
			if len(list) == n {
				break // the others are not there
			}
			size, values := of/8*int(width), min(of, n-len(list))
			if width > 64 || (values*int(width)+7)/8 > len(b) {
				return nil, nil
			}
			for i := range values {
				value += least + int64(packed(b, i*int(width), int(width)))
				list = append(list, value)
			}
			b = b[min(size, len(b)):]
		}
	}
	return list, b
}
