package asl

import (
	"fmt"
	"sync"

	"heddle/internal/blob"
)

// Cache has machines at hand that are used again and again, by the blobs that their
// definitions are. It holds so many bytes at most, as Machine.Bytes counts.
type Cache struct {
	bytesMax int

	mu    sync.Mutex
	bytes int
	known map[blob.ID]*Machine
}

// NewCache makes a cache.
func NewCache(bytesMax int) *Cache { return &Cache{bytesMax: bytesMax, known: map[blob.ID]*Machine{}} }

// Find gives the machine of a definition; nil: it is not at hand.
func (c *Cache) Find(id blob.ID) *Machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[id]
}

// Add compiles the definition that a blob is, and keeps the machine at hand. The definition
// was checked before it was stored: an error says that what is stored is damaged.
func (c *Cache) Add(id blob.ID, definition []byte) (*Machine, error) {
	machine, found := Compile(definition, Options{Stored: true})
	if machine == nil {
		return nil, fmt.Errorf("compile the stored definition %s: %s", id, Message(string(definition), found))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.known[id]; known != nil {
		return known, nil
	}
	for other, its := range c.known { // any goes: compiling again is quick
		if c.bytes+machine.Bytes <= c.bytesMax {
			break
		}
		delete(c.known, other)
		c.bytes -= its.Bytes
	}
	if machine.Bytes <= c.bytesMax {
		c.known[id] = machine
		c.bytes += machine.Bytes
	}
	return machine, nil
}
