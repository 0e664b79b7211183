package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// A coder writes fields or reads them back: one function per structure serves
// both ways, so that they can't differ.
type coder struct {
	r *pack.Reader // nil: writing
	b []byte
}

func (c *coder) int(v *int64) {
	if c.r != nil {
		*v = c.r.Int()
	} else {
		c.b = pack.Int(c.b, *v)
	}
}

func (c *coder) time(v *engine.Time) { c.int((*int64)(v)) }

func (c *coder) bool(v *bool) {
	if c.r != nil {
		*v = c.r.Bool()
	} else {
		c.b = pack.Bool(c.b, *v)
	}
}

func (c *coder) text(v *string) {
	if c.r != nil {
		*v = c.r.Text()
	} else {
		c.b = pack.Text(c.b, *v)
	}
}

// optional codes a text that may be absent.
func (c *coder) optional(v **string) {
	has := *v != nil
	c.bool(&has)
	if !has {
		*v = nil
		return
	}
	if c.r != nil {
		*v = new(string)
	}
	c.text(*v)
}

func (c *coder) run(v *engine.RunID) {
	if c.r != nil {
		c.r.Fill(v[:])
	} else {
		c.b = append(c.b, v[:]...)
	}
}

// count codes the length of a list; each element must take a byte or more.
func (c *coder) count(n int) int {
	if c.r != nil {
		return c.r.Count()
	}
	c.b = pack.Uint(c.b, uint64(n))
	return n
}

func codeList[T any](c *coder, list *[]T, element func(*coder, *T)) {
	n := c.count(len(*list))
	if c.r != nil && n > 0 {
		*list = make([]T, n)
	}
	for i := range *list {
		element(c, &(*list)[i])
	}
}

// texts codes a list that keeps nil and empty apart.
func (c *coder) texts(v *[]string) {
	has := *v != nil
	c.bool(&has)
	if !has {
		return
	}
	codeList(c, v, (*coder).text)
	if *v == nil {
		*v = []string{}
	}
}

// version codes a format's number, the first byte of what is stored.
func (c *coder) version(want byte) error {
	if c.r == nil {
		c.b = append(c.b, want)
		return nil
	}
	if got := c.r.Byte(); got != want {
		return fmt.Errorf("format %d, want %d", got, want)
	}
	return nil
}

func reading(b []byte) *coder { return &coder{r: pack.Read(b)} }
