package token

import (
	"math"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Task is what a task token stands for: one delivery of one task. Its text has
// about a hundred characters, whatever its values.
type Task struct {
	Run       engine.RunID
	Domain    uint32 // the domain's number
	Scheduled int64  // event id
	Started   int64  // event id
	Attempt   uint32 // which delivery of the started task this is
}

// SealTask makes a task token.
func (s *Sealer) SealTask(family Family, world engine.World, t Task) (string, error) {
	b := make([]byte, 0, 64)
	b = append(b, t.Run[:]...)
	b = pack.Uint(b, uint64(t.Domain))
	b = pack.Int(b, t.Scheduled)
	b = pack.Int(b, t.Started)
	b = pack.Uint(b, uint64(t.Attempt))
	return s.Seal(family, world, b)
}

// OpenTask reads a task token. Errors: ErrInvalid.
func (s *Sealer) OpenTask(family Family, world engine.World, text string) (Task, error) {
	b, err := s.Open(family, world, text)
	if err != nil {
		return Task{}, err
	}
	var t Task
	r := pack.Read(b)
	r.Fill(t.Run[:])
	domain := r.Uint()
	t.Scheduled = r.Int()
	t.Started = r.Int()
	attempt := r.Uint()
	if r.Done() != nil || domain > math.MaxUint32 || attempt > math.MaxUint32 {
		return Task{}, ErrInvalid
	}
	t.Domain, t.Attempt = uint32(domain), uint32(attempt)
	return t, nil
}

// SealPage makes a page token: the place at which a query goes on. query is a
// hash of all that must stay the same from page to page; position has at most
// PayloadBytesMax - 16 bytes. Errors: ErrTooLarge.
func (s *Sealer) SealPage(family Family, world engine.World, query [16]byte, position []byte) (string, error) {
	b := make([]byte, 0, len(query)+len(position))
	b = append(b, query[:]...)
	b = append(b, position...)
	return s.Seal(family, world, b)
}

// OpenPage gives the position of a page token of the same query. Errors:
// ErrInvalid.
func (s *Sealer) OpenPage(family Family, world engine.World, query [16]byte, text string) ([]byte, error) {
	b, err := s.Open(family, world, text)
	if err != nil {
		return nil, err
	}
	if len(b) < len(query) || [16]byte(b) != query {
		return nil, ErrInvalid
	}
	return b[len(query):], nil
}
