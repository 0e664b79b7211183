package policy

import "strings"

// condition is one key of a statement's conditions, with what it is compared to.
type condition struct {
	operator
	quantity quantity
	ifExists bool
	key      string
	ofTag    bool // the key is that of a tag
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

// isOfTag tells whether a key is that of a tag, as aws:ResourceTag/team.
func isOfTag(key string) bool { return strings.Contains(strings.ToLower(key), "tag/") }

// holdsOfTag tells whether a request meets the condition on a tag. A tag has one value. If
// the request has several, of tags whose keys differ in case alone, each is tried by
// itself: what allows must hold for all of them, and what denies for one, so that nobody
// passes by a twin of a tag.
func (c *condition) holdsOfTag(q *query, deny bool) bool {
	found := false
	for i := range q.Context {
		v := &q.Context[i]
		if q.steps += stepsOfKeys(v.Key, c.key); !sameKey(v.Key, c.key) {
			continue
		}
		found = true
		if met := c.values.fit(c.operator, v.Value, q) != c.opposite; met == deny {
			return met
		}
	}
	if !found {
		return c.holdsOfNone()
	}
	return !deny
}

// holds tells whether a request meets the condition, of a statement that denies or allows.
func (c *condition) holds(q *query, deny bool) bool {
	if c.ofTag && c.kind != null {
		return c.holdsOfTag(q, deny)
	}
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
	case !found:
		return c.holdsOfNone()
	case c.quantity == simple:
		return c.opposite
	}
	return c.quantity == allOf
}

// holdsOfNone tells whether a request meets the condition that says nothing of its key.
func (c *condition) holdsOfNone() bool {
	if c.ifExists || c.quantity == allOf {
		return true
	}
	return c.quantity == simple && c.opposite
}

func booleanText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
