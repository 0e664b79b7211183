package bucket

import (
	"io"
)

// ReadPart fills b with the next bytes of a Put's source; for stores. After the last of
// them it reads the source's end too, since a source may only then say that its bytes
// are not what they should be.
func ReadPart(r io.Reader, p *Put, b []byte, last bool) error {
	switch _, err := io.ReadFull(r, b); err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		return WrongSize(p.Bucket, p.Key, p.Size)
	default:
		return err
	}
	if !last {
		return nil
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return WrongSize(p.Bucket, p.Key, p.Size)
	case err == io.EOF:
		return nil
	default:
		return err
	}
}
