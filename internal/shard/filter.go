package shard

import (
	"context"
	"encoding/binary"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// filter is a Bloom filter of names: of one that it lacks nothing is stored. A run of a kind
// that keeps names begins only if its name is free, which it mostly is, and to see that a row
// is not there costs a store more than to read one that is. The filter is made beside the
// shard, from the rows of names that the store has; until it is there, and of names that it
// has, the store is asked. It may have names that were forgotten; those go when it is full, and
// made anew.
type filter struct {
	blocks [][8]uint64 // each name has its bits in one of them
	names  int
}

// nameHash is what the row of a name has as its key.
type nameHash [keys.HashSize]byte

const (
	filterBlockNames = 48      // of 512 bits: one look in a hundred is in vain when it is full
	filterNamesMin   = 1 << 10 // that it has room for
	filterNamesMax   = 1 << 19 // to make it of; if a shard has more, the store is always asked
)

// newFilter makes a filter that has some names and room for as many more.
func newFilter(names []nameHash) *filter {
	room := max(2*len(names), filterNamesMin)
	f := &filter{blocks: make([][8]uint64, (room+filterBlockNames-1)/filterBlockNames)}
	for _, name := range names {
		f.add(name)
	}
	return f
}

// bits finds the block of a name, and the numbers of its six bits there, of nine bits each.
func (f *filter) bits(name nameHash) (block *[8]uint64, numbers uint64) {
	at := binary.BigEndian.Uint64(name[:8]) % uint64(len(f.blocks))
	return &f.blocks[at], binary.BigEndian.Uint64(name[8:])
}

func (f *filter) add(name nameHash) {
	block, numbers := f.bits(name)
	for range 6 {
		block[numbers>>6&7] |= 1 << (numbers & 63)
		numbers >>= 9
	}
	f.names++
}

func (f *filter) has(name nameHash) bool {
	block, numbers := f.bits(name)
	for range 6 {
		if block[numbers>>6&7]&(1<<(numbers&63)) == 0 {
			return false
		}
		numbers >>= 9
	}
	return true
}

func (f *filter) full() bool { return f.names >= len(f.blocks)*filterBlockNames }

// filtering is a shard's filter, and the one that is to follow it.
type filtering struct {
	filter *filter // nil: there is none
	wanted bool    // it was looked for and was not there, or was full
	making *fetch
	taken  []nameHash // since it is being made
	spoilt bool       // it could not be made, and is not tried again
}

// isFree tells whether it is known without a look that nothing is kept of a name.
func (s *Shard) isFree(name engine.Name) bool {
	x := &s.filtering
	x.wanted = x.wanted || x.filter == nil || x.filter.full()
	return x.filter != nil && !x.filter.has(s.hashOf(name))
}

// makeFilter has the filter made that is wanted. The batch must hold nothing yet: the store
// does not show the names that it takes.
func (s *Shard) makeFilter() {
	x := &s.filtering
	if !x.wanted || x.making != nil || x.spoilt {
		return
	}
	x.wanted = false
	x.making = &fetch{do: (*fetch).readNames, long: true}
	s.fetch(x.making)
}

// readNames makes a filter of all names; none if they are too many.
func (f *fetch) readNames(ctx context.Context) error {
	var names []nameHash
	err := f.shard.Store.Scan(ctx, f.shard.id, store.Range{
		Start: []byte{keys.Name}, End: []byte{keys.Name + 1}, Limit: filterNamesMax + 1,
	}, func(key, _ []byte) bool {
		names = append(names, nameHash(key[1:]))
		return true
	})
	if err == nil && len(names) <= filterNamesMax {
		f.filter = newFilter(names)
	}
	return err
}

// takeFilter takes in the filter that was made.
func (s *Shard) takeFilter(f *fetch) {
	if f.err != nil {
		s.Log.Error("read the names that are kept; each start looks for its own", "shard", s.id, "cause", f.err)
	}
	x := &s.filtering
	if x.filter = f.filter; x.filter != nil {
		for _, name := range x.taken {
			x.filter.add(name)
		}
	}
	x.making, x.taken, x.spoilt = nil, nil, x.filter == nil
}

// takeName puts a name among those that are kept.
func (s *Shard) takeName(b *Batch, r *run) {
	name := s.hashOf(r.Name)
	b.put(store.ShardSpace, b.cut(func(room []byte) []byte { return keys.AppendName(room, name) }), r.Run[:])
	x := &s.filtering
	if x.filter != nil {
		x.filter.add(name)
	}
	if x.making != nil {
		x.taken = append(x.taken, name)
	}
}

func (s *Shard) hashOf(name engine.Name) nameHash { return s.Hash.Name(runlog.NameParts(name)) }
