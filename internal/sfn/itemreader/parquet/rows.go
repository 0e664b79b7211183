package parquet

import (
	"context"
	"errors"
	"io"
	"slices"

	"heddle/jsonvalue"
)

// Place is where rows begin: so many of a row group are done with, and where each column's page
// begins that has the next one, with how many rows begin before it. Without pages: they are to be
// found.
type Place struct {
	Group int        `json:",omitempty"`
	Row   int64      `json:",omitempty"`
	Pages [][2]int64 `json:",omitempty"`
}

// entryBytes is what an entry counts beside its value.
const entryBytes = 32

// entry is a value, or none, with its levels.
type entry struct {
	rep, def byte
	value    []byte // nil: none
}

// column is what was read of a column: the entries of some rows.
type column struct {
	entries []entry
	rows    []int // where each row begins
	places  []place
}

// place is a page, and how many rows of the row group begin before it.
type place struct{ offset, before int64 }

// Rows gives the JSON texts of some rows, and where the next begin; no rows: there are no more.
// There are so many at most, and of so many bytes or little more, but for one that is larger,
// which may have rowMax. Errors: *Error, those of the source and of the room.
func (f *File) Rows(ctx context.Context, from Place, most, bytes, rowMax int) (rows []string, next Place, err error) {
	for from.Group < len(f.groups) && from.Row >= f.groups[from.Group].Rows {
		from = Place{Group: from.Group + 1}
	}
	if from.Group >= len(f.groups) || from.Group < 0 || most <= 0 {
		return nil, from, nil
	}
	g := &f.groups[from.Group]
	if from.Row < 0 || len(from.Pages) != 0 && len(from.Pages) != len(f.leaves) {
		return nil, from, wrong("The Parquet file has changed.")
	}
	n, work := int(min(int64(most), g.Rows-from.Row)), int64(workMax)
	if f.room != nil {
		needs := g.needs()
		if err := f.room.Take(ctx, needs); err != nil {
			return nil, from, err
		}
		defer f.room.Give(needs)
	}
	columns := make([]column, len(f.leaves))
	held := make([]int, n) // bytes of each row
	for i := range columns {
		c, at := &columns[i], place{offset: g.Chunks[i].Column.begins()}
		if len(from.Pages) > 0 {
			at = place{from.Pages[i][0], from.Pages[i][1]}
		}
		r := &reading{column: c, held: held[:n], row: from.Row, bytes: bytes, rowMax: rowMax, work: &work}
		if n, err = f.readColumn(ctx, r, i, g, at); err != nil {
			return nil, from, err
		}
		// Rows that would be too much are left for later.
		total := 0
		for row := range n {
			if total += held[row]; total > memoryFactor*bytes && row > 0 {
				n = row
				break
			}
		}
		c.cut(n)
		if len(f.window) > readLeast {
			f.window = nil
		}
	}
	var b []byte
	for row := range n {
		all := make([][]entry, len(columns))
		for i := range columns {
			c := &columns[i]
			end := len(c.entries)
			if row+1 < len(c.rows) {
				end = c.rows[row+1]
			}
			all[i] = c.entries[c.rows[row]:end]
		}
		at := len(b)
		if b, err = f.root.object(b, all, at+rowMax); err != nil {
			return nil, from, err
		}
		rows = append(rows, string(b[at:]))
		if len(b) >= bytes {
			break
		}
	}
	next = Place{Group: from.Group, Row: from.Row + int64(len(rows)), Pages: make([][2]int64, len(columns))}
	for i := range columns {
		places := columns[i].places
		j := len(places) - 1
		for j > 0 && places[j].before > next.Row {
			j--
		}
		next.Pages[i] = [2]int64{places[j].offset, places[j].before}
	}
	if next.Row >= g.Rows {
		next = Place{Group: next.Group + 1}
	}
	return rows, next, nil
}

// needs is how much memory it takes at most to read some rows: that of one page of its largest
// column, and of the dictionary.
func (g *groupMeta) needs() (most int64) {
	for i := range g.Chunks {
		c := &g.Chunks[i].Column
		most = max(most, min(c.Compressed, pageMax)+2*min(c.Uncompressed, 2*pageMax)+10*min(c.Values, entriesMax))
	}
	return most + 2*readLeast
}

// reading is what is wanted of a column.
type reading struct {
	*column
	held          []int // bytes of each row that is wanted, of the columns before
	row           int64 // the first
	bytes, rowMax int
	work          *int64
}

// memoryFactor is how much larger rows may be in memory than their texts are to be.
const memoryFactor = 8

// readColumn reads the entries of some rows, and adds to what each holds. It gives how many rows
// it has read: fewer than were wanted if they hold too much.
func (f *File) readColumn(ctx context.Context, r *reading, i int, g *groupMeta, at place) (rows int, err error) {
	n, meta, row := f.leaves[i], &g.Chunks[i].Column, r.row
	p := &pages{File: f, node: n, meta: meta, at: at.offset, end: meta.begins() + meta.Compressed, work: r.work}
	if at.offset < meta.begins() || at.before < 0 || at.before > row {
		return 0, wrong("The Parquet file has changed.")
	}
	begun, total := at.before, 0 // rows that have begun, bytes
	for {
		offset := p.at
		h, from, err := p.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		read, err := p.readPage(ctx, h, from)
		if err != nil {
			return 0, err
		}
		if read == nil {
			continue
		}
		r.places = append(r.places, place{offset, begun})
		value := 0
		for j := range read.entries {
			e := entry{def: n.def}
			if read.reps != nil {
				e.rep = read.reps[j]
			}
			if read.defs != nil {
				e.def = read.defs[j]
			}
			if e.rep == 0 {
				if begun++; begun > row+int64(len(r.held)) {
					return len(r.held), nil // all are whole
				}
				if begun > row {
					r.rows = append(r.rows, len(r.entries))
				}
			}
			has := e.def == n.def
			if at := len(r.rows) - 1; at >= 0 {
				if has {
					v := read.values.at(read.place(value))
					e.value = append(make([]byte, 0, len(v)), v...)
				}
				r.entries = append(r.entries, e)
				size := entryBytes + len(e.value)
				r.held[at] += size
				total += size
				switch {
				case at == 0 && r.held[at] > memoryFactor*r.rowMax:
					return 0, wrong("A row of the Parquet file has more than %d bytes, or too many values.", r.rowMax)
				case at > 0 && total > memoryFactor*r.bytes: // those before this one are whole
					return at, nil
				}
			}
			if has {
				value++
			}
		}
	}
	if begun < row+int64(len(r.held)) || len(r.places) == 0 {
		return 0, wrong("Column %q of the Parquet file has fewer rows than the file.", n.name)
	}
	return len(r.held), nil
}

// place is where a value is among the page's.
func (p *page) place(i int) int {
	if p.places != nil {
		return int(p.places[i])
	}
	return i
}

// cut drops the entries of rows from one on.
func (c *column) cut(row int) {
	if row < len(c.rows) {
		c.entries, c.rows = slices.Clone(c.entries[:c.rows[row]]), c.rows[:row]
	}
}

// object appends a group's members. The entries are those of all leaves of the file.
func (n *node) object(b []byte, all [][]entry, most int) (_ []byte, err error) {
	b = append(b, '{')
	for i, child := range n.children {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jsonvalue.AppendString(b, child.name), ':')
		if b, err = child.value(b, all, most); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// value appends what the entries say that the node is.
func (n *node) value(b []byte, all [][]entry, most int) ([]byte, error) {
	if n.repeated {
		return n.list(b, n, all, most)
	}
	return n.single(b, all, most)
}

// single appends one value: of a node that is not repeated, or one of those of one that is.
func (n *node) single(b []byte, all [][]entry, most int) ([]byte, error) {
	if len(b) > most {
		return nil, wrong("A row of the Parquet file has more bytes than an item may have.")
	}
	if len(all[n.from]) == 0 {
		return nil, errLevels
	}
	first := &all[n.from][0]
	switch {
	case n.optional && first.def < n.def:
		return append(b, "null"...), nil
	case n.leaf() && first.value == nil:
		return nil, errLevels
	case n.leaf():
		return n.show(b, first.value), nil
	case n.shape == isList:
		return n.element().list(b, n.children[0], all, most)
	case n.shape == isMap:
		return n.children[0].dictionary(b, all, most)
	}
	return n.object(b, all, most)
}

var errLevels = wrong("The columns of the Parquet file don't fit together.")

// list appends what a repeated node has, as a list: of each, the value of a node in it, or itself.
func (n *node) list(b []byte, repeated *node, all [][]entry, most int) ([]byte, error) {
	b = append(b, '[')
	first := true
	err := repeated.each(all, func(each [][]entry) (err error) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b, err = n.single(b, each, most)
		return err
	})
	return append(b, ']'), err
}

// dictionary appends pairs of a key and a value as an object.
func (n *node) dictionary(b []byte, all [][]entry, most int) ([]byte, error) {
	key, value := n.children[0], n.children[1]
	b = append(b, '{')
	seen := map[string]bool{}
	err := n.each(all, func(each [][]entry) error {
		text, err := key.single(nil, each, most)
		if err != nil {
			return err
		}
		if text[0] != '"' {
			text = jsonvalue.AppendString(nil, string(text))
		}
		if seen[string(text)] {
			return wrong("A map of the Parquet file has a key twice.")
		}
		seen[string(text)] = true
		if len(seen) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, text...), ':')
		b, err = value.value(b, each, most)
		return err
	})
	return append(b, '}'), err
}

// each takes the entries of each of what a repeated node has apart.
func (n *node) each(all [][]entry, visit func(each [][]entry) error) error {
	own := all[n.from:n.to]
	rest := slices.Clone(own)
	defer copy(own, slices.Clone(own))
	if len(rest[0]) == 0 {
		return errLevels
	}
	if rest[0][0].def < n.def {
		return nil // there are none
	}
	for len(rest[0]) > 0 {
		for i, entries := range rest {
			if len(entries) == 0 {
				return errLevels
			}
			end := 1
			for end < len(entries) && entries[end].rep > n.rep {
				end++
			}
			own[i], rest[i] = entries[:end], entries[end:]
		}
		if err := visit(all); err != nil {
			return err
		}
	}
	return nil
}
