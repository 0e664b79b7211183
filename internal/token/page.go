package token

import "heddle/internal/engine"

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
