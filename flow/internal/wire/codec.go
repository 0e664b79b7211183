package wire

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-faster/jx"
)

//go:generate go run ./gen

// object writes the members of a structure; those that are empty are left out.
type object struct {
	e    *jx.Writer
	more bool
}

func (o *object) member(name string) {
	if o.more {
		o.e.Comma()
	} else {
		o.e.ObjStart()
	}
	o.more = true
	o.e.FieldStart(name)
}

func (o *object) end() {
	if !o.more {
		o.e.ObjStart()
	}
	o.e.ObjEnd()
}

func (o *object) text(name string, v *string) {
	if v != nil {
		o.member(name)
		o.e.Str(*v)
	}
}

func (o *object) word(name, v string) {
	if v != "" {
		o.member(name)
		o.e.Str(v)
	}
}

func (o *object) truth(name string, v bool) {
	if v {
		o.member(name)
		o.e.Bool(v)
	}
}

func (o *object) number(name string, v int64) {
	if v != 0 {
		o.member(name)
		o.e.Int64(v)
	}
}

// moment is in seconds since 1970, to the millisecond.
func (o *object) moment(name string, v *time.Time) {
	if v != nil {
		o.member(name)
		o.e.Float64(float64(v.UnixMilli()) / 1e3)
	}
}

func (o *object) words(name string, v []string) {
	if v != nil {
		o.member(name)
		writeList(o.e, v, func(e *jx.Writer, s *string) { e.Str(*s) })
	}
}

func writeList[T any](e *jx.Writer, all []T, one func(e *jx.Writer, v *T)) {
	e.ArrStart()
	for i := range all {
		if i > 0 {
			e.Comma()
		}
		one(e, &all[i])
	}
	e.ArrEnd()
}

// null takes a null, which stands for what is missing.
func null(d *jx.Decoder) (bool, error) {
	if d.Next() != jx.Null {
		return false, nil
	}
	return true, d.Null()
}

func text(d *jx.Decoder, v **string) error {
	if is, err := null(d); is {
		return err
	}
	s, err := d.Str()
	*v = &s
	return err
}

func word[T ~string](d *jx.Decoder, v *T) error {
	if is, err := null(d); is {
		return err
	}
	b, err := d.StrBytes()
	if err != nil {
		return err
	}
	if s, ok := known[string(b)]; ok {
		*v = T(s)
	} else {
		*v = T(b)
	}
	return nil
}

func truth(d *jx.Decoder, v *bool) (err error) {
	if is, err := null(d); is {
		return err
	}
	*v, err = d.Bool()
	return err
}

func number[T ~int32 | ~int64](d *jx.Decoder, v *T) error {
	if is, err := null(d); is {
		return err
	}
	n, err := d.Int64()
	*v = T(n)
	return err
}

// moment reads seconds since 1970, to the millisecond, and as the SDK does where the number falls short of one: flow.Now is the same
// whichever client a worker has.
func moment(d *jx.Decoder, v **time.Time) error {
	if is, err := null(d); is {
		return err
	}
	n, err := d.Float64()
	*v = aws.Time(time.UnixMilli(int64(n * 1e3)).UTC())
	return err
}

func structure[T any](d *jx.Decoder, v **T, read func(d *jx.Decoder, v *T) error) error {
	if is, err := null(d); is {
		return err
	}
	*v = new(T)
	return read(d, *v)
}

// room is how many elements a list has room for at first: as many events as a task of a run at hand brings.
const room = 8

func list[T any](d *jx.Decoder, v *[]T, one func(d *jx.Decoder, v *T) error) error {
	if is, err := null(d); is {
		return err
	}
	*v = make([]T, 0, room)
	return d.Arr(func(d *jx.Decoder) error {
		var next T
		*v = append(*v, next)
		return one(d, &(*v)[len(*v)-1])
	})
}

func words(d *jx.Decoder, v *[]string) error {
	return list(d, v, func(d *jx.Decoder, s *string) (err error) {
		*s, err = d.Str()
		return err
	})
}
