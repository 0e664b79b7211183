package policy

import "unicode/utf8"

// Price is how many steps evaluating a request has at most. It is told without evaluating,
// in a step for each pattern and condition; beyond most it is not told.
func Price(r *Request, policies *PolicySets, most int) int {
	t := tariff{request: r, most: most, byLength: map[int]ofLength{}}
	for _, v := range r.Context {
		t.key += 1 + len(v.Key)
		t.value = max(t.value, len(v.Value))
		l := t.byLength[len(v.Key)]
		t.byLength[len(v.Key)] = ofLength{l.keys + 1, max(l.value, len(v.Value))}
	}
	t.total = len(r.Resource) + len(r.Alias)
	for l := range Layer(layers) {
		for _, attached := range policies.layer(l) {
			for i := range attached.Policy.statements {
				if t.statement(&attached.Policy.statements[i]); t.total > most {
					return t.total
				}
			}
		}
	}
	return t.total
}

// tariff adds up the price of a request.
type tariff struct {
	request     *Request
	most, total int
	key         int // of looking for a key among all
	value       int // length of the longest value
	byLength    map[int]ofLength
}

// ofLength is what there is of the keys that have one length.
type ofLength struct {
	keys  int
	value int // length of the longest value
}

func (t *tariff) statement(s *statement) {
	t.total++
	for _, p := range s.actions {
		t.pattern(p, len(t.request.Action), 1, true)
	}
	for i := range s.resources {
		t.resource(&s.resources[i], len(t.request.Resource), 1)
		if t.request.Alias != "" {
			t.resource(&s.resources[i], len(t.request.Alias), 1)
		}
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		of := t.byLength[len(c.key)]
		t.total += len(t.request.Context) + of.keys*len(c.key)
		// A condition for a key that is not there looks at its values once, as Null does.
		n, times := max(of.value, len("false")), max(of.keys, 1)
		t.total += times * (n + len(c.values.numbers) + len(c.values.dates) + len(c.values.networks))
		for _, p := range c.values.texts {
			t.pattern(p, n, times, c.fold)
		}
		for j := range c.values.resources {
			t.resource(&c.values.resources[j], n, times)
		}
		if t.total > t.most {
			return
		}
	}
}

func (t *tariff) resource(p *resourcePattern, n, times int) {
	t.total += times
	for _, part := range p.parts {
		t.pattern(part, n, times, false)
	}
}

// pattern adds what trying a pattern so many times costs, each time with a value of n bytes.
func (t *tariff) pattern(p pattern, n, times int, fold bool) {
	cost := 1 + len(p)
	length, elements, hard, stars := 0, 0, fold, 0
	for i := range p {
		elements++
		switch e := &p[i]; e.kind {
		case literal:
			length += len(e.text)
		case one:
			length, hard = length+utf8.UTFMax, true
		case variable:
			if length += t.value; e.fallback != nil {
				length += len(*e.fallback)
			}
			cost += t.key
		case many:
			if stars++; stars > 1 && (hard || elements > 2) { // it is searched for
				words := 1 + min(length, n)/64
				cost += 2*length + letters*words + (length+n)*words
			}
			cost += length
			length, elements, hard = 0, 0, fold
		}
	}
	cost += length
	if fold { // another case may have more bytes
		cost += n
	}
	if stars > 1 {
		cost += n
	}
	t.total += times * cost
}
