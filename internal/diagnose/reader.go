package diagnose

import (
	"fmt"
	"math"
	"time"

	"github.com/go-faster/jx"

	"heddle/internal/engine"
)

// Reader reads events as the wire or a file has them, many of which have the same texts: it keeps
// those once.
type Reader struct {
	texts map[string]string
	json  jx.Decoder
}

const (
	textsMax = 4096 // how many texts a Reader keeps
	keptMax  = 128  // how long they are, in bytes
)

// Members hands each member of an object to a function.
func (r *Reader) Members(object []byte, member func(d *jx.Decoder, name []byte) error) error {
	r.json.ResetBytes(object)
	return r.json.ObjBytes(member)
}

// Text reads a text; null leaves what is there.
func (r *Reader) Text(d *jx.Decoder, to *string) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	b, err := d.StrBytes()
	if err != nil {
		return err
	}
	known, is := r.texts[string(b)]
	if !is {
		known = string(b)
		if len(b) <= keptMax && len(r.texts) < textsMax {
			if r.texts == nil {
				r.texts = map[string]string{}
			}
			r.texts[known] = known
		}
	}
	*to = known
	return nil
}

// Whole reads a whole number; null leaves what is there.
func (*Reader) Whole(d *jx.Decoder, to *int64) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	n, err := d.Int64()
	*to = n
	return err
}

// Moment reads a moment: seconds since the Unix epoch, or, as the AWS CLI writes them into files,
// ISO 8601.
func (*Reader) Moment(d *jx.Decoder, to *engine.Time) error {
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	*to, err = ReadMoment(raw)
	return err
}

// ReadMoment reads what Moment does from a value of its own.
func ReadMoment(raw []byte) (engine.Time, error) {
	d := jx.DecodeBytes(raw)
	switch d.Next() {
	case jx.Number:
		if seconds, err := d.Float64(); err == nil {
			return engine.Time(math.Round(seconds * 1000)), nil
		}
	case jx.String:
		text, err := d.Str()
		if err != nil {
			return 0, err
		}
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return engine.Time(t.UnixMilli()), nil
		}
	}
	return 0, fmt.Errorf("time %s: want seconds since 1970, or as in 2026-03-01T12:00:00Z", raw)
}
