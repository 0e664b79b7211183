// Package itemreader reads the items of a Map state in distributed mode from a bucket: a part
// at a time, each from where the part before has ended. So who reads needs memory for one
// part, however large the object is. An item that is larger than a part is cut before it goes on; for it there is
// room in memory, which all who read share.
//
// Source: Step Functions Developer Guide, ItemReader (Map).
package itemreader

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/bucket"
	"heddle/internal/sfn/itemreader/parquet"
	"heddle/jsonvalue"
)

// Reader is what is to be read, and from where.
type Reader struct {
	Store bucket.Store
	// Room is the memory for what can't be read in small pieces: pages of Parquet files, and large items.
	// Nil: it is bounded by nothing.
	Room *bucket.Room
	// Streams has what is being decompressed between parts, by Of, who reads. Nil: each part
	// decompresses from the beginning.
	Streams *Streams
	Of      string
	// May asks whether an action of S3 is allowed on an object, or without a key on a bucket.
	// Its error ends reading.
	May func(ctx context.Context, action, bucket, key string) error

	List         bool // the objects of the bucket, with a prefix; with an InputType, what is in them
	Bucket       string
	Key          string // or the prefix
	InputType    string // CSV, JSON, JSONL or PARQUET; MANIFEST: of an inventory
	Athena       bool   // the object names those with the items, of InputType
	Version      string // of the object; "": the one that is current
	Pointer      string // of JSON, to the list or object in it (RFC 6901); "": it is that
	HeadersGiven bool   // else they are the first row of a CSV
	Headers      []string
	Delimiter    string // of a CSV: COMMA, if it is empty
	// Describe makes items of more than their values, which are JSON texts: of the object that
	// they are in, and of the member that they are of an object of JSON, nil if they are none. Nil:
	// members are objects with Key and Value.
	Describe func(bucket, object string, member *string, value string) string
	// Cut makes an item, a JSON text, of one with more than ItemBytes: the index is that in its part. Its
	// error ends reading. Nil: there may be none.
	Cut func(index int, bucket, object string, member *string, value any) (string, error)
}

// Part is some items.
type Part struct {
	Items    []string // JSON texts
	Position []byte   // where the next part begins
	Done     bool     // there is none
	Cut      []int64  // which of the items were cut, in order
}

// Error says what is wrong with what was read, for the user.
type Error struct{ Cause string }

func (e *Error) Error() string { return e.Cause }

// ItemBytes is what an item may have that is not cut.
const ItemBytes = 256 << 10

// Bounds of a part, and of what is read. Step Functions takes rows of 8 MB, and headers of 10 KiB
// (Developer Guide, ItemReader).
const (
	partItems    = 1000
	partBytes    = 192 << 10
	readBytes    = 8 << 20 // of an item
	readValues   = 500_000 // in an item with more than ItemBytes
	valueBytes   = 40      // that a value takes in memory
	largeBytes   = 4*readBytes + readValues*valueBytes
	headersBytes = 10 << 10
	manifestSize = 4 << 20
)

// position is where a part begins.
type position struct {
	inObject
	After    string // the last key of a list that is done with
	File     int    // of a manifest
	Row      int64  // of that file
	Manifest string // its ETag: it must not change
}

// inObject is where a part begins in an object.
type inObject struct {
	Key     string         // if there are several; "": it is not known yet
	Offset  int64          // in bytes, of what is not compressed
	Begun   bool           // behind the headers of a CSV, or the bracket of a JSON list or object
	Members bool           // it is an object
	ETag    string         // of the object, which must not change
	Headers []string       // of a CSV
	Rows    *parquet.Place `json:",omitempty"`
}

// Next reads the part that begins at a position, nil for the first, with so many items at
// most. Errors: *Error, *bucket.Error, and those of May.
func (r *Reader) Next(ctx context.Context, from []byte, most int64) (*Part, error) {
	p := position{}
	if from != nil {
		if err := json.Unmarshal(from, &p); err != nil {
			return nil, fmt.Errorf("read where items go on: %w", err)
		}
	}
	part := &part{most: int(min(most, partItems)), describe: r.Describe, cut: r.Cut, take: r.roomForLarge(ctx)}
	defer part.give()
	var err error
	switch {
	case r.List && r.InputType == "":
		err = r.list(ctx, &p, part)
	case r.List:
		err = r.loaded(ctx, &p, part)
	case r.Athena:
		err = r.athena(ctx, &p, part)
	case r.InputType == "MANIFEST":
		err = r.manifest(ctx, &p, part)
	default:
		err = r.object(ctx, r.Bucket, r.Key, &p.inObject, part)
	}
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(&p)
	return &Part{part.items, b, part.done, part.cuts}, err
}

// roomForLarge takes room for an item that is large, and gives what gives it back.
func (r *Reader) roomForLarge(ctx context.Context) func() (give func(), err error) {
	return func() (func(), error) {
		if r.Room == nil {
			return func() {}, nil
		}
		return func() { r.Room.Give(largeBytes) }, r.Room.Take(ctx, largeBytes)
	}
}

// part is items that are being read, from an object.
type part struct {
	items []string
	bytes int
	most  int
	done  bool

	describe       func(bucket, object string, member *string, value string) string
	cut            func(index int, bucket, object string, member *string, value any) (string, error)
	cuts           []int64
	bucket, object string

	take func() (give func(), err error)
	held func() // gives back the room for the item that is being read; nil: it is small so far
}

func (p *part) full() bool { return len(p.items) >= p.most || p.bytes >= partBytes }

// grows is told how large the item is that is being read.
func (p *part) grows(size int) (err error) {
	switch {
	case size > readBytes:
		return tooLarge(size, readBytes)
	case size > ItemBytes && p.held == nil:
		var give func()
		if give, err = p.take(); err == nil {
			p.held = give
		}
	}
	return err
}

// give gives back the room for an item.
func (p *part) give() {
	if p.held != nil {
		p.held()
		p.held = nil
	}
}

func tooLarge(size, most int) error {
	return &Error{fmt.Sprintf("An item has %d bytes, and may have %d at most.", size, most)}
}

// add adds an item, with the text of it if that is at hand. A member is that of an object that it is, nil: it is none.
func (p *part) add(member *string, item any, text string) error {
	defer p.give()
	size := 0
	if p.held != nil {
		size = jsonvalue.Size(item)
	}
	if text == "" && size <= ItemBytes {
		text = jsonvalue.Text(item)
	}
	switch {
	case size > ItemBytes && p.cut == nil:
		return tooLarge(size, ItemBytes)
	case size > ItemBytes:
		item, err := p.cut(len(p.items), p.bucket, p.object, member, item)
		if err != nil {
			return err
		}
		text, p.cuts = item, append(p.cuts, int64(len(p.items)))
	case p.describe != nil:
		text = p.describe(p.bucket, p.object, member, text)
	case member != nil:
		text = `{"Key":` + jsonvalue.Text(*member) + `,"Value":` + text + "}"
	}
	p.items = append(p.items, text)
	p.bytes += len(text)
	return nil
}

// addJSON adds an item that is a JSON text.
func (p *part) addJSON(member *string, text string) error {
	if err := p.grows(len(text)); err != nil {
		return err
	}
	if p.held != nil && values(text) > readValues {
		return &Error{fmt.Sprintf("An item has more than %d values.", readValues)}
	}
	v, err := jsonvalue.ParseString(text)
	if err != nil {
		return &Error{"An item is no JSON: " + err.Error()}
	}
	return p.add(member, v, "")
}

// values is how many values there are in a JSON text at most.
func values(text string) (n int) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case !quoted && (b == ',' || b == ':' || b == '[' || b == '{'):
			n++
		}
	}
	return n
}

func (r *Reader) list(ctx context.Context, p *position, part *part) error {
	if err := r.May(ctx, "s3:ListBucket", r.Bucket, ""); err != nil {
		return err
	}
	part.done = true
	var failed error
	err := r.Store.List(ctx, r.Bucket, r.Key, p.After, func(o bucket.Object) bool {
		if part.full() {
			part.done = false
			return false
		}
		item := jsonvalue.NewObject(5)
		item.Set("Etag", o.ETag)
		item.Set("Key", o.Key)
		item.Set("LastModified", float64(o.LastModified.Unix()))
		item.Set("Size", float64(o.Size))
		item.Set("StorageClass", o.StorageClass)
		failed = part.add(nil, item, "")
		p.After = o.Key
		return failed == nil
	})
	return errors.Join(err, failed)
}

// open reads an object from an offset on.
func (r *Reader) open(ctx context.Context, in, key string, offset int64, etag string) (bucket.Object, io.ReadCloser, error) {
	if err := r.may(ctx, in, key); err != nil {
		return bucket.Object{}, nil, err
	}
	return r.Store.Get(ctx, in, key, bucket.Range{Offset: offset, IfMatch: etag, Version: r.version(in, key)})
}

// version is that of an object that is to be read; "": the current one.
func (r *Reader) version(in, key string) string {
	if in == r.Bucket && key == r.Key {
		return r.Version
	}
	return ""
}

// may asks whether an object may be read.
func (r *Reader) may(ctx context.Context, in, key string) error {
	action := "s3:GetObject"
	if r.version(in, key) != "" {
		action = "s3:GetObjectVersion"
	}
	return r.May(ctx, action, in, key)
}

// loaded reads the items in all objects of a list, one object after the other.
func (r *Reader) loaded(ctx context.Context, p *position, part *part) error {
	for !part.full() {
		if p.Key == "" {
			key, err := r.nextObject(ctx, p.After)
			if err != nil {
				return err
			}
			if key == "" {
				part.done = true
				return nil
			}
			p.Key = key
		}
		if err := r.object(ctx, r.Bucket, p.Key, &p.inObject, part); err != nil {
			return err
		}
		if part.done {
			p.After, p.inObject, part.done = p.Key, inObject{}, false
		}
	}
	return nil
}

// nextObject is the key of the next object of a list that has something in it; "": there is none.
func (r *Reader) nextObject(ctx context.Context, after string) (key string, err error) {
	if err := r.May(ctx, "s3:ListBucket", r.Bucket, ""); err != nil {
		return "", err
	}
	err = r.Store.List(ctx, r.Bucket, r.Key, after, func(o bucket.Object) bool {
		if o.Size > 0 && !strings.HasSuffix(o.Key, "/") {
			key = o.Key
		}
		return key == ""
	})
	return key, err
}

// athena reads the items in the objects that a manifest of Athena's UNLOAD names: a line for each,
// such as s3://bucket/key.
func (r *Reader) athena(ctx context.Context, p *position, part *part) error {
	text, err := r.small(ctx, p)
	if err != nil {
		return err
	}
	var files []string
	for line := range strings.Lines(string(text)) {
		if line = strings.Trim(strings.TrimSpace(line), `"`); line != "" {
			files = append(files, line)
		}
	}
	for p.File < len(files) && !part.full() {
		in, key, named := strings.Cut(strings.TrimPrefix(files[p.File], "s3://"), "/")
		if !named || !strings.HasPrefix(files[p.File], "s3://") {
			return &Error{"A line of the manifest names no object: " + files[p.File]}
		}
		if err := r.object(ctx, in, key, &p.inObject, part); err != nil {
			return err
		}
		if part.done {
			p.File, p.inObject, part.done = p.File+1, inObject{}, false
		}
	}
	part.done = p.File >= len(files)
	return nil
}

// small reads a manifest as a whole.
func (r *Reader) small(ctx context.Context, p *position) ([]byte, error) {
	o, body, err := r.open(ctx, r.Bucket, r.Key, 0, p.Manifest)
	if err != nil {
		return nil, err
	}
	p.Manifest = o.ETag
	text, err := io.ReadAll(io.LimitReader(body, manifestSize+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if len(text) > manifestSize {
		return nil, &Error{fmt.Sprintf("The manifest has more than %d bytes.", manifestSize)}
	}
	return text, nil
}

// object reads what is in an object. Those whose keys end with .gz or .zst are compressed, and
// can only be read from their beginning.
func (r *Reader) object(ctx context.Context, bucket, key string, p *inObject, part *part) error {
	part.bucket, part.object = bucket, key
	if r.InputType == "PARQUET" {
		return r.parquet(ctx, bucket, key, p, part)
	}
	if decompress := decompressors[path.Ext(key)]; decompress != nil {
		return r.compressed(ctx, decompress, bucket, key, p, part)
	}
	o, body, err := r.open(ctx, bucket, key, p.Offset, p.ETag)
	if err != nil {
		return err
	}
	defer body.Close()
	p.ETag = o.ETag
	return r.values(bufio.NewReaderSize(body, 64<<10), p, part)
}

// values reads items by the type of the input.
func (r *Reader) values(from *bufio.Reader, p *inObject, part *part) (err error) {
	in := &counted{Reader: from, grows: part.grows}
	switch r.InputType {
	case "CSV":
		err = r.csv(in, p, part)
	case "JSONL":
		err = jsonLines(in, part)
	default:
		err = jsonItems(in, r.Pointer, r.Pointer != "" || r.List, p, part)
	}
	p.Offset += in.n
	return err
}

// parquet reads rows of a Parquet file, in ranges.
func (r *Reader) parquet(ctx context.Context, in, key string, p *inObject, part *part) error {
	if err := r.May(ctx, "s3:GetObject", in, key); err != nil {
		return err
	}
	o, err := r.Store.Head(ctx, in, key)
	if err != nil {
		return err
	}
	if p.ETag != "" && p.ETag != o.ETag {
		return &Error{"The object has changed while it was read: " + key}
	}
	p.ETag = o.ETag
	file, err := parquet.Open(ctx, &ranges{r.Store, in, key, o.ETag}, o.Size, r.room())
	if err == nil {
		if p.Rows == nil {
			p.Rows = &parquet.Place{}
		}
		var rows []string
		rows, *p.Rows, err = file.Rows(ctx, *p.Rows, part.most-len(part.items), partBytes-part.bytes, readBytes)
		part.done = len(rows) == 0
		for _, row := range rows {
			if len(row) <= ItemBytes {
				err = part.add(nil, nil, row)
			} else {
				err = part.addJSON(nil, row)
			}
			if err != nil {
				return err
			}
		}
	}
	if flaw, ok := errors.AsType[*parquet.Error](err); ok {
		return &Error{flaw.Cause}
	}
	return err
}

// room is what a Parquet file may have of the memory.
func (r *Reader) room() parquet.Room {
	if r.Room == nil {
		return nil
	}
	return r.Room
}

// ranges is an object as the source of a Parquet file.
type ranges struct {
	store       bucket.Store
	bucket, key string
	etag        string
}

// ReadAt implements parquet.Source.
func (r *ranges) ReadAt(ctx context.Context, b []byte, offset int64) error {
	_, body, err := r.store.Get(ctx, r.bucket, r.key, bucket.Range{Offset: offset, Length: int64(len(b)), IfMatch: r.etag})
	if err != nil {
		return err
	}
	_, err = io.ReadFull(body, b)
	return errors.Join(err, body.Close())
}

// counted counts the bytes that were read.
type counted struct {
	*bufio.Reader
	n     int64
	grows func(size int) error // is told how large the item is that is being read
}

// ReadByte implements io.ByteReader.
func (c *counted) ReadByte() (byte, error) {
	b, err := c.Reader.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// line reads a line, without what ends it; io.EOF: there is none.
func (c *counted) line() (string, error) {
	var line []byte
	for {
		b, err := c.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		case b == '\n':
			return string(line), nil
		}
		line = append(line, b)
		if err := c.grows(len(line)); err != nil {
			return "", err
		}
	}
}

func jsonLines(in *counted, part *part) error {
	for !part.full() {
		line, err := in.line()
		if errors.Is(err, io.EOF) {
			part.done = true
			return nil
		}
		if err != nil {
			return err
		}
		if line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")); line == "" {
			continue
		}
		if err := part.addJSON(nil, line); err != nil {
			return err
		}
	}
	return nil
}

// jsonItems reads a list, or an object where one may be: each value from the end of the one before.
func jsonItems(in *counted, pointer string, objects bool, p *inObject, part *part) error {
	if !p.Begun {
		b, err := in.descend(pointer)
		if err != nil || b != '[' && (b != '{' || !objects) {
			return errors.Join(notEOF(err), &Error{"Attempting to map over non-iterable node."})
		}
		p.Begun, p.Members = true, b == '{'
	}
	end := byte(']')
	if p.Members {
		end = '}'
	}
	for !part.full() {
		b, err := in.beyondSpace()
		switch {
		case errors.Is(err, io.EOF):
			return &Error{"The list of items does not end."}
		case err != nil:
			return err
		case b == end:
			part.done = true
			return nil
		case b == ',':
			if b, err = in.beyondSpace(); err != nil {
				return errors.Join(notEOF(err), &Error{"The list of items does not end."})
			}
		}
		var member *string
		if p.Members {
			name, err := in.name(b)
			if err != nil {
				return err
			}
			if b, err = in.beyondSpace(); err != nil {
				return errors.Join(notEOF(err), &Error{"The object ends too early."})
			}
			member = &name
		}
		text, err := in.value(b)
		if err != nil {
			return err
		}
		if err := part.addJSON(member, text); err != nil {
			return err
		}
	}
	return nil
}

// name reads the name of a member of an object that begins with a byte, and the colon behind it.
func (c *counted) name(first byte) (string, error) {
	text, err := c.value(first)
	if err != nil {
		return "", err
	}
	v, err := jsonvalue.ParseString(text)
	name, ok := v.(string)
	if colon, failed := c.beyondSpace(); err != nil || !ok || failed != nil || colon != ':' {
		return "", errors.Join(notEOF(failed), &Error{"The object is no JSON."})
	}
	return name, nil
}

// descend reads up to what a pointer names, and gives its first byte.
func (c *counted) descend(pointer string) (byte, error) {
	b, err := c.beyondSpace()
	if err != nil || pointer == "" {
		return b, err
	}
	names := strings.Split(pointer, "/")
	if names[0] != "" {
		return 0, &Error{"The ItemsPointer does not begin with a slash: " + pointer}
	}
	for _, name := range names[1:] {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		if b, err = c.member(b, name); err != nil {
			return 0, err
		}
		if b == 0 {
			return 0, &Error{"The ItemsPointer names nothing in the object: " + pointer}
		}
	}
	return b, nil
}

// member reads up to a member of the object, or an element of the list, that begins with a byte,
// and gives its first byte; 0: there is none.
func (c *counted) member(first byte, name string) (byte, error) {
	if first != '{' && first != '[' {
		return 0, nil
	}
	for i := 0; ; i++ {
		b, err := c.beyondSpace()
		if err == nil && b == ',' && i > 0 {
			b, err = c.beyondSpace()
		}
		if err != nil {
			return 0, errors.Join(notEOF(err), &Error{"The object ends too early."})
		}
		if b == '}' || b == ']' {
			return 0, nil
		}
		found := strconv.Itoa(i) == name
		if first == '{' {
			its, err := c.name(b)
			if err != nil {
				return 0, err
			}
			if b, err = c.beyondSpace(); err != nil {
				return 0, errors.Join(notEOF(err), &Error{"The object ends too early."})
			}
			found = its == name
		}
		if found {
			return b, nil
		}
		if err := c.scan(b, func(byte) error { return nil }); err != nil {
			return 0, err
		}
	}
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (c *counted) beyondSpace() (byte, error) {
	for {
		b, err := c.ReadByte()
		if err != nil || b != ' ' && b != '\t' && b != '\n' && b != '\r' && b != 0xef && b != 0xbb && b != 0xbf {
			return b, err
		}
	}
}

// value reads the text of a JSON value that begins with a byte: up to its last bracket or
// quote, or to what can't be part of it. What it is worth is for a parser to say.
func (c *counted) value(first byte) (string, error) {
	text := []byte{first}
	err := c.scan(first, func(b byte) error {
		text = append(text, b)
		return c.grows(len(text))
	})
	return string(text), err
}

// scan reads the value without keeping it.
func (c *counted) scan(first byte, read func(byte) error) error {
	depth, quoted, escaped := 0, first == '"', false
	if first == '{' || first == '[' {
		depth = 1
	}
	scalar := depth == 0 && !quoted
	for {
		if scalar {
			next, err := c.Peek(1)
			if err != nil || strings.IndexByte(",]} \t\r\n", next[0]) >= 0 {
				return notEOF(err)
			}
		}
		b, err := c.ReadByte()
		if errors.Is(err, io.EOF) {
			return &Error{"The list of items does not end."}
		}
		if err == nil {
			err = read(b)
		}
		if err != nil {
			return err
		}
		switch {
		case escaped:
			escaped = false
		case quoted && b == '\\':
			escaped = true
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
		if !scalar && depth == 0 && !quoted {
			return nil
		}
	}
}

var delimiters = map[string]byte{"": ',', "COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

func (r *Reader) csv(in *counted, p *inObject, part *part) error {
	delimiter := delimiters[r.Delimiter]
	if !p.Begun {
		p.Headers = r.Headers
		if !r.HeadersGiven {
			row, err := in.row(delimiter, headersBytes)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if in.n > headersBytes {
				return &Error{fmt.Sprintf("CSV headers have more than %d bytes.", headersBytes)}
			}
			p.Headers = row
		}
		if sorted := slices.Sorted(slices.Values(p.Headers)); len(slices.Compact(sorted)) < len(p.Headers) {
			return &Error{"CSV headers cannot contain duplicates."}
		}
		p.Begun = true
	}
	return rows(in, delimiter, p.Headers, part, func(*jsonvalue.Object) {})
}

// rows reads rows as items, and shows each, which may be changed.
func rows(in *counted, delimiter byte, headers []string, part *part, show func(*jsonvalue.Object)) error {
	for !part.full() {
		row, err := in.row(delimiter, len(headers))
		if errors.Is(err, io.EOF) {
			part.done = true
			return nil
		}
		if err != nil {
			return err
		}
		item := jsonvalue.NewObject(len(headers))
		for i, header := range headers {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			item.Set(header, cell)
		}
		show(item)
		if err := part.add(nil, item, ""); err != nil {
			return err
		}
	}
	return nil
}

// row reads a row (RFC 4180), and gives so many of its cells; a blank line is one of one cell. io.EOF: there is none.
func (c *counted) row(delimiter byte, most int) (cells []string, err error) {
	var cell []byte
	read, quoted, wasQuoted, bytes := false, false, false, 0
	end := func() {
		text := string(cell)
		if len(cells) == 0 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if cell, wasQuoted = cell[:0], false; len(cells) < most {
			cells = append(cells, text)
		}
	}
	for {
		b, err := c.ReadByte()
		if errors.Is(err, io.EOF) {
			if !read {
				return nil, io.EOF
			}
			end()
			return cells, nil
		}
		if err != nil {
			return nil, err
		}
		read = true
		bytes++
		if err := c.grows(bytes); err != nil {
			return nil, err
		}
		switch {
		case quoted && b == '"':
			if next, err := c.Peek(1); err == nil && next[0] == '"' {
				_, _ = c.ReadByte() // what Peek has seen
				cell = append(cell, '"')
			} else {
				quoted = false
			}
		case b == '\\':
			// It escapes itself, a quote and the delimiter; before others it is dropped.
			next, err := c.Peek(1)
			if err == nil && (next[0] == '\\' || next[0] == '"' || next[0] == delimiter) {
				_, _ = c.ReadByte() // what Peek has seen
				cell = append(cell, next[0])
			}
		case quoted:
			cell = append(cell, b)
		case b == '"' && len(cell) == 0 && !wasQuoted:
			quoted, wasQuoted = true, true
		case b == delimiter:
			end()
		case b == '\n':
			if n := len(cell); n > 0 && cell[n-1] == '\r' {
				cell = cell[:n-1]
			}
			end()
			return cells, nil
		default:
			cell = append(cell, b)
		}
	}
}

// inventory is the manifest of an S3 inventory.
type inventory struct {
	DestinationBucket string
	FileFormat        string
	FileSchema        string
	Files             []struct{ Key string }
}

// manifest reads the rows of an inventory's files, which are CSVs, compressed.
func (r *Reader) manifest(ctx context.Context, p *position, part *part) error {
	text, err := r.small(ctx, p)
	if err != nil {
		return err
	}
	var of inventory
	if err := json.Unmarshal(text, &of); err != nil {
		return &Error{"The manifest can't be read."}
	}
	if of.FileFormat != "CSV" {
		return &Error{"The files of the manifest are of the format " + strconv.Quote(of.FileFormat) + "; CSV is what can be read."}
	}
	headers := strings.Split(of.FileSchema, ",")
	for i := range headers {
		headers[i] = strings.TrimSpace(headers[i])
	}
	in := of.DestinationBucket
	if name, err := arn.Parse(in); err == nil {
		in = name.Resource
	}
	for p.File < len(of.Files) && !part.full() {
		if err := r.inventoryFile(ctx, in, of.Files[p.File].Key, headers, p, part); err != nil {
			return err
		}
		if part.done {
			p.File, p.Row = p.File+1, 0
		}
		part.done = false
	}
	part.done = p.File == len(of.Files)
	return nil
}

func (r *Reader) inventoryFile(ctx context.Context, in, key string, headers []string, p *position, part *part) error {
	_, body, err := r.open(ctx, in, key, 0, "")
	if err != nil {
		return err
	}
	defer body.Close()
	plain, err := gzip.NewReader(body)
	if err != nil {
		return &Error{"A file of the manifest is not compressed by gzip: " + key}
	}
	part.bucket, part.object = in, key
	rowsOf := &counted{Reader: bufio.NewReaderSize(plain, 64<<10), grows: part.grows}
	for range p.Row { // what is compressed can only be read from its beginning
		if _, err := rowsOf.row(',', 0); err != nil {
			return err
		}
		part.give()
	}
	return rows(rowsOf, ',', headers, part, func(item *jsonvalue.Object) {
		// Inventories encode keys as URLs do.
		if key, _ := item.Get("Key"); key != nil {
			if plain, err := url.QueryUnescape(key.(string)); err == nil {
				item.Set("Key", plain)
			}
		}
		p.Row++
	})
}
