package runlog

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/store/keys"
)

// The first bytes of a stored notification, and of what is told of them.
const (
	notifiedFormat = 1
	toldFormat     = 1
)

// AppendNotified encodes a notification as its row keeps it. The number is in the key.
func AppendNotified(b []byte, n *engine.Notified) []byte {
	b = append(b, notifiedFormat)
	b = pack.Uint(b, n.Bytes)
	b = append(b, n.Run[:]...)
	b = pack.Int(b, int64(n.At))
	b = pack.Int(b, n.Event)
	return pack.Text(b, n.Body)
}

// ReadNotified reads a notification's row. The body may point into the value.
func ReadNotified(key, value []byte) (engine.Notified, error) {
	n := engine.Notified{Number: keys.NotificationNumber(key)}
	r := pack.Read(value)
	format := r.Byte()
	n.Bytes = r.Uint()
	r.Fill(n.Run[:])
	n.At = engine.Time(r.Int())
	n.Event = r.Int()
	n.Body = r.Bytes()
	err := r.Done()
	if err == nil && format != notifiedFormat {
		err = fmt.Errorf("format %d, want %d", format, notifiedFormat)
	}
	if err != nil {
		return n, fmt.Errorf("notification %d: %w", n.Number, err)
	}
	return n, nil
}

// Told is which notifications a shard has, and how far those outside have come with them.
type Told struct {
	First   uint64          // number of the first that is kept; one above the last: none is
	Last    engine.Position // of which Number and Bytes are set
	Targets []ToldTarget
}

// ToldTarget is one of those outside.
type ToldTarget struct {
	Name string
	engine.Position
}

func (t *Told) code(c *pack.Coder) {
	c.Format(toldFormat)
	c.Uint(&t.First)
	c.Uint(&t.Last.Number)
	c.Uint(&t.Last.Bytes)
	pack.List(c, &t.Targets, func(t *ToldTarget, c *pack.Coder) {
		c.Text(&t.Name)
		c.Uint(&t.Number)
		c.Uint(&t.Bytes)
		c.Uint(&t.Lost)
		t.LostFrom.Code(c)
		t.LostTo.Code(c)
	})
}

// Append encodes it.
func (t *Told) Append(b []byte) []byte {
	c := pack.Writing(b)
	t.code(c)
	return c.Written()
}

// ReadTold reads what Append wrote; nil is of a shard that never had a notification.
func ReadTold(value []byte) (Told, error) {
	t := Told{First: 1}
	if value == nil {
		return t, nil
	}
	c := pack.Reading(value)
	t.code(c)
	if err := c.Done(); err != nil {
		return t, fmt.Errorf("who was told of notifications: %w", err)
	}
	return t, nil
}

// Least is the number of the last notification that all have had.
func (t *Told) Least() uint64 {
	least := t.Last.Number
	for i := range t.Targets {
		least = min(least, t.Targets[i].Number)
	}
	return least
}
