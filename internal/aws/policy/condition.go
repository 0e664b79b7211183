package policy

import "strings"

// condition is one key of a statement's conditions, with what it is compared to.
type condition struct {
	operator
	quantity quantity
	ifExists bool
	key      string
	values   values
}

// quantity says how many of a request's values must hold.
type quantity uint8

const (
	simple quantity = iota // without a qualifier: any, or none if the operator is an opposite
	allOf
	anyOf
)

// parseOperator reads the name of an operator with its qualifier and suffix.
func parseOperator(name string) (c condition, known bool) {
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		name, c.quantity = rest, allOf
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		name, c.quantity = rest, anyOf
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	o, known := operators[name]
	c.operator = o
	return c, known && (o.kind != null || !c.ifExists && c.quantity == simple)
}

// holds tells whether a request meets the condition.
func (c *condition) holds(q *query) bool {
	found := false
	for i := range q.Context {
		v := &q.Context[i]
		if q.steps += stepsOfKeys(v.Key, c.key); !sameKey(v.Key, c.key) {
			continue
		}
		found = true
		if c.kind == null {
			break
		}
		fits := c.values.fit(c.operator, v.Value, q)
		switch {
		case c.quantity == allOf && fits == c.opposite:
			return false
		case c.quantity == anyOf && fits != c.opposite:
			return true
		case c.quantity == simple && fits:
			return !c.opposite
		}
	}
	switch {
	case c.kind == null:
		return c.values.fit(c.operator, booleanText(!found), q)
	case !found && c.ifExists, c.quantity == allOf:
		return true
	case c.quantity == anyOf:
		return false
	}
	return c.opposite
}

func booleanText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
