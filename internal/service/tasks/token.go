package tasks

import (
	"math"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/token"
)

// Token is what a task token stands for: one delivery of one task. Its text has
// about a hundred characters, whatever its values.
type Token struct {
	Run       engine.RunID
	Owner     uint32 // the number of what the run belongs to, for services that number that
	Scheduled int64  // event id
	Started   int64  // event id
	Attempt   uint32 // which delivery of the started task this is
}

// Seal makes the text of a token.
func (t Token) Seal(s *token.Sealer, family token.Family, world engine.World) (string, error) {
	b := make([]byte, 0, 64)
	b = append(b, t.Run[:]...)
	b = pack.Uint(b, uint64(t.Owner))
	b = pack.Int(b, t.Scheduled)
	b = pack.Int(b, t.Started)
	b = pack.Uint(b, uint64(t.Attempt))
	return s.Seal(family, world, b)
}

// OpenToken reads the text of a token. Errors: token.ErrInvalid.
func OpenToken(s *token.Sealer, family token.Family, world engine.World, text string) (Token, error) {
	b, err := s.Open(family, world, text)
	if err != nil {
		return Token{}, err
	}
	var t Token
	r := pack.Read(b)
	r.Fill(t.Run[:])
	owner := r.Uint()
	t.Scheduled = r.Int()
	t.Started = r.Int()
	attempt := r.Uint()
	if r.Done() != nil || owner > math.MaxUint32 || attempt > math.MaxUint32 {
		return Token{}, token.ErrInvalid
	}
	t.Owner, t.Attempt = uint32(owner), uint32(attempt)
	return t, nil
}
