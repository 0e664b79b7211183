package shard

import (
	"context"

	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// mended are other shards, the counts of whose messages are not as they were read.
type mended struct{ sent, applied []uint16 }

// mend fits a shard that has lost sections to the others, which have not. They handled messages
// that it does not know to have sent, so its next ones have numbers above those; and they
// deleted messages that it does not know to have handled, so it waits for the first one that
// is there. What those messages asked is lost with the rest.
func (m *recovered) mend(ctx context.Context, st store.Store, shard, shards uint16) error {
	var marks []store.Place
	for other := range shards {
		marks = append(marks, store.Place{Shard: other, Key: keys.AppendShard(nil, keys.Applied, shard)}, store.Place{Shard: other, Key: keys.AppendShard(nil, keys.Sent, shard)})
	}
	values, err := st.Get(ctx, marks)
	if err != nil {
		return err
	}
	for other := range shards {
		applied, err := readMarkOr0(values[2*other])
		if err != nil {
			return err
		}
		q := m.out[other]
		if q == nil && applied > 0 {
			q = &outQueue{}
			m.out[other] = q
		}
		if q != nil && applied > q.last {
			q.last = applied
			m.mended.sent = append(m.mended.sent, other)
		}
		sent, err := readMarkOr0(values[2*other+1])
		if err != nil {
			return err
		}
		// After the mark, so that all below it are there, or were handled.
		first := sent + 1
		prefix := keys.AppendShard(nil, keys.Outgoing, shard)
		err = st.Scan(ctx, other, store.Range{Start: prefix, End: keys.End(prefix), Limit: 1}, func(key, _ []byte) bool {
			_, number := keys.OutgoingNumber(key)
			first = min(first, number)
			return false
		})
		if err != nil {
			return err
		}
		if first > m.applied[other]+1 {
			m.applied[other] = first - 1
			m.mended.applied = append(m.mended.applied, other)
		}
	}
	return nil
}

func readMarkOr0(value []byte) (uint64, error) {
	if value == nil {
		return 0, nil
	}
	return runlog.ReadMark(value)
}

// writeMended writes the counts that were mended, with the next acknowledgements.
func (s *Shard) writeMended(b *Batch) {
	for _, to := range s.mended.sent {
		b.put(store.ShardSpace, keys.AppendShard(nil, keys.Sent, to), runlog.AppendMark(nil, s.out[to].last))
	}
	for _, from := range s.mended.applied {
		b.put(store.ShardSpace, keys.AppendShard(nil, keys.Applied, from), runlog.AppendMark(nil, s.applied[from]))
	}
	s.mended = mended{}
}
