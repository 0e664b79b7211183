package swf

import (
	"math"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/token"
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

// sealTask makes a task token.
func sealTask(s *token.Sealer, family token.Family, world engine.World, t Task) (string, error) {
	b := make([]byte, 0, 64)
	b = append(b, t.Run[:]...)
	b = pack.Uint(b, uint64(t.Domain))
	b = pack.Int(b, t.Scheduled)
	b = pack.Int(b, t.Started)
	b = pack.Uint(b, uint64(t.Attempt))
	return s.Seal(family, world, b)
}

// OpenTask reads a task token. Errors: token.ErrInvalid.
func OpenTask(s *token.Sealer, family token.Family, world engine.World, text string) (Task, error) {
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
		return Task{}, token.ErrInvalid
	}
	t.Domain, t.Attempt = uint32(domain), uint32(attempt)
	return t, nil
}
