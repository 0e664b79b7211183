package runlog

import (
	"encoding/binary"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/store/keys"
)

// messageBytes is about what a message has beside its texts.
const messageBytes = 64

// AppendMessage encodes a message as a row keeps it.
func AppendMessage(b []byte, m *engine.Message) []byte {
	b = slices.Grow(b, messageBytes+len(m.To.Kind)+len(m.To.World.Account)+len(m.To.World.Region)+len(m.To.Key)+len(m.Group)+len(m.Body))
	b = appendName(b, m.To)
	b = append(b, m.Run[:]...)
	b = append(b, byte(m.Begin))
	b = append(b, m.Seed[:]...)
	b = pack.Text(b, m.Group)
	return pack.Text(b, m.Body)
}

// ReadMessage reads a message as the command that it is; its body is the message's
// bytes, a copy.
func ReadMessage(b []byte) (engine.Command, error) {
	r := pack.Read(b)
	cmd := engine.Command{Name: readName(r)}
	r.Fill(cmd.Run[:])
	cmd.Begin = engine.Begin(r.Byte())
	r.Fill(cmd.Seed[:])
	cmd.Group = r.Text()
	cmd.Body = append([]byte(nil), r.Bytes()...)
	return cmd, r.Done()
}

// AppendMark encodes the number of the last message that was sent or handled.
func AppendMark(b []byte, number uint64) []byte { return binary.BigEndian.AppendUint64(b, number) }

// ReadMark reads what AppendMark wrote.
func ReadMark(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("%d bytes, want 8", len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// Route gives the shard of a name.
func Route(hash *keys.Hash, shards uint16, n engine.Name) uint16 {
	return hash.Shard(shards, "route", string(n.Kind), n.World.Account, n.World.Region, n.Key)
}

// InFirst gives a shard of the first of some homes, in place of one of any of them: shard n is in
// home n mod their number.
func InFirst(shard uint16, homes int) uint16 { return shard - shard%uint16(max(1, homes)) }

// NameParts are the parts of a name that its hash is of.
func NameParts(n engine.Name) (kind, account, region, key string) {
	return string(n.Kind), n.World.Account, n.World.Region, n.Key
}

func appendName(b []byte, n engine.Name) []byte {
	b = pack.Text(b, n.Kind)
	b = pack.Text(b, n.World.Account)
	b = pack.Text(b, n.World.Region)
	return pack.Text(b, n.Key)
}

func readName(r *pack.Reader) engine.Name {
	var n engine.Name
	n.Kind = engine.Kind(r.Text())
	n.World.Account = r.Text()
	n.World.Region = r.Text()
	n.Key = r.Text()
	return n
}
