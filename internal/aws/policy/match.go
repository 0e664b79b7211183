package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Meter counts the steps of evaluations: what was looked at, by bytes, or by machine words
// where a whole one is done at once. Its zero value has counted none.
//
// A pattern costs as many as it and the value are long: text between stars is searched for,
// and only the first place where it stands counts. If a ? is in that text, or case does
// not matter, a step takes up to 64 characters of it, so such text costs the value's
// length for each 64 characters.
type Meter struct{ steps int }

// StepsMax is how many steps the evaluations of one call may have together, some half a
// second of a processor. What is asked beyond is not allowed.
const StepsMax = 1 << 27

// Steps is how many there were.
func (m *Meter) Steps() int { return m.steps }

// spent tells whether there were too many.
func (m *Meter) spent() bool { return m.steps > StepsMax }

// match tells whether all of s fits. With fold, case does not matter.
func (p pattern) match(s string, q *query, fold bool) bool {
	q.steps++
	if len(p) == 1 && p[0].kind == literal && !fold { // most patterns
		if len(s) != len(p[0].text) {
			return false
		}
		q.steps += len(s)
		return s == p[0].text
	}
	var buffer [8]element
	p, ok := p.filled(buffer[:0], q)
	if !ok {
		return false
	}
	// What stands before the first star and after the last one has its place.
	star := p.star()
	n, ok := p[:star].start(s, q, fold)
	if !ok || star == len(p) {
		return ok && n == len(s)
	}
	s, p = s[n:], p[star+1:]
	rest := len(p)
	for rest > 0 && p[rest-1].kind != many {
		rest--
	}
	if n, ok = p[rest:].end(s, q, fold); !ok {
		return false
	}
	s, p = s[:len(s)-n], p[:rest]
	// What stands between stars comes where it is first found: later stars can make up for
	// whatever an earlier one takes.
	for len(p) > 0 {
		star = p.star()
		if n, ok = p[:star].search(s, q, fold); !ok {
			return false
		}
		s, p = s[n:], p[star+1:]
	}
	return true
}

// star is the place of the first star, or the length of a pattern that has none.
func (p pattern) star() int {
	for i := range p {
		if p[i].kind == many {
			return i
		}
	}
	return len(p)
}

// filled is the pattern with its variables' values in their places; buffer is for
// it. A pattern with a variable that has no value fits nothing, not even the empty
// string: then ok is false.
func (p pattern) filled(buffer pattern, q *query) (_ pattern, ok bool) {
	q.steps += len(p)
	first := 0
	for first < len(p) && p[first].kind != variable {
		first++
	}
	if first == len(p) {
		return p, true
	}
	buffer = append(buffer, p[:first]...)
	for _, e := range p[first:] {
		if e.kind == variable {
			value, known := q.single(e.text)
			switch {
			case known:
			case e.fallback != nil:
				value = *e.fallback
			default:
				return nil, false
			}
			e = element{kind: literal, text: value}
		}
		buffer = append(buffer, e)
	}
	return buffer, true
}

// start tells whether s begins with what the pattern, which has no stars, takes, and how
// much that is.
func (p pattern) start(s string, q *query, fold bool) (n int, ok bool) {
	for i := range p {
		width := 0
		switch e := &p[i]; {
		case e.kind == one:
			if _, width = utf8.DecodeRuneInString(s[n:]); width == 0 {
				return 0, false
			}
		case fold:
			if width, ok = foldPrefix(s[n:], e.text); !ok {
				return 0, false
			}
		case strings.HasPrefix(s[n:], e.text):
			width = len(e.text)
		default:
			return 0, false
		}
		n += width
		q.steps += width
	}
	return n, true
}

// end is start at the other end.
func (p pattern) end(s string, q *query, fold bool) (n int, ok bool) {
	for i := len(p) - 1; i >= 0; i-- {
		width, before := 0, s[:len(s)-n]
		switch e := &p[i]; {
		case e.kind == one:
			if _, width = utf8.DecodeLastRuneInString(before); width == 0 {
				return 0, false
			}
		case fold:
			if width, ok = foldSuffix(before, e.text); !ok {
				return 0, false
			}
		case strings.HasSuffix(before, e.text):
			width = len(e.text)
		default:
			return 0, false
		}
		n += width
		q.steps += width
	}
	return n, true
}

// search finds the first place in s where the pattern, which has no stars, fits, and gives
// its end.
func (p pattern) search(s string, q *query, fold bool) (end int, ok bool) {
	if len(p) == 1 && p[0].kind == literal && !fold {
		i := strings.Index(s, p[0].text)
		if i < 0 {
			q.steps += len(s)
			return 0, false
		}
		end = i + len(p[0].text)
		q.steps += end
		return end, true
	}
	length := 0
	for i := range p {
		if length++; p[i].kind == literal {
			length += utf8.RuneCountInString(p[i].text) - 1
			q.steps += len(p[i].text)
		}
	}
	switch {
	case length == 0: // variables whose values are empty
		return 0, true
	case length > len(s):
		return 0, false
	}
	var one [letters]uint64
	f := finder{words: (length + 63) / 64, masks: one[:]}
	if f.words > 1 {
		f.masks = make([]uint64, letters*f.words)
	}
	q.steps += len(f.masks) + length*f.words
	f.prepare(p, fold)
	return f.find(s, q, uint(length-1))
}

// letters are the characters that a finder has a place for: those of ASCII, and one for
// all that its pattern does not have.
const letters = utf8.RuneSelf + 1

// finder searches a text for a pattern of characters, some of which may be any, in one pass
// over the text. It keeps a bit for each character of the pattern: whether all up to that
// one fit what was read last.
type finder struct {
	words  int // that have a bit for each character
	masks  []uint64
	others map[rune][]uint64 // as masks, of characters beyond ASCII
}

// mask has the bits of a pattern's characters that a character of the text fits.
func (f *finder) mask(r rune) []uint64 {
	if r >= utf8.RuneSelf {
		if mask := f.others[r]; mask != nil {
			return mask
		}
		r = letters - 1
	}
	return f.masks[int(r)*f.words:][:f.words]
}

func (f *finder) prepare(p pattern, fold bool) {
	var few [1]uint64
	any := few[:]
	if f.words > len(few) {
		any = make([]uint64, f.words)
	}
	at := 0
	for i := range p {
		if p[i].kind == one {
			any[at/64] |= 1 << (at % 64)
			at++
			continue
		}
		for text := p[i].text; text != ""; at++ {
			r, width := character(text)
			text = text[width:]
			f.add(r, at)
			if !fold {
				continue
			}
			for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
				f.add(other, at)
			}
		}
	}
	for i := range f.masks {
		f.masks[i] |= any[i%f.words]
	}
	for _, mask := range f.others {
		for i := range mask {
			mask[i] |= any[i]
		}
	}
}

// add says that a character fits at a place of the pattern.
func (f *finder) add(r rune, at int) {
	if r >= utf8.RuneSelf && f.others[r] == nil {
		if f.others == nil {
			f.others = map[rune][]uint64{}
		}
		f.others[r] = make([]uint64, f.words)
	}
	f.mask(r)[at/64] |= 1 << (at % 64)
}

// find gives the end of the first place where all characters fit, of which last is the
// last one.
func (f *finder) find(s string, q *query, last uint) (end int, ok bool) {
	if f.words == 1 {
		end, ok = f.findShort(s, last)
		q.steps += end
		return end, ok
	}
	fits := make([]uint64, f.words)
	for end < len(s) {
		r, width := character(s[end:])
		end += width
		q.steps += f.words
		mask := f.mask(r)
		carry := uint64(1) // a place may begin anywhere
		for i, word := range fits {
			fits[i] = (word<<1 | carry) & mask[i]
			carry = word >> 63
		}
		if fits[last/64]>>(last%64)&1 == 1 {
			return end, true
		}
	}
	return end, false
}

// findShort is find for a pattern of 64 characters at most.
func (f *finder) findShort(s string, last uint) (end int, ok bool) {
	ascii := f.masks[:letters]
	fits := uint64(0)
	for end < len(s) {
		mask := uint64(0)
		if c := s[end]; c < utf8.RuneSelf {
			mask = ascii[c]
			end++
		} else {
			r, width := character(s[end:])
			mask = f.mask(r)[0]
			end += width
		}
		if fits = (fits<<1 | 1) & mask; fits>>(last&63)&1 == 1 {
			return end, true
		}
	}
	return end, false
}

// character is the first of a text. A byte that is none is told from all others.
func character(s string) (r rune, width int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	if r, width = utf8.DecodeRuneInString(s); width == 1 {
		r = unicode.MaxRune + 1 + rune(s[0])
	}
	return r, width
}

// foldPrefix gives the length of the start of s that equals text but for case.
func foldPrefix(s, text string) (int, bool) {
	if strings.HasPrefix(s, text) {
		return len(text), true
	}
	n := 0
	for i := 0; i < len(text); {
		if n == len(s) {
			return 0, false
		}
		got, gotWidth := character(s[n:])
		want, wantWidth := character(text[i:])
		if !sameFold(got, want) {
			return 0, false
		}
		n += gotWidth
		i += wantWidth
	}
	return n, true
}

// foldSuffix is foldPrefix at the other end.
func foldSuffix(s, text string) (int, bool) {
	n := 0
	for text != "" {
		_, gotWidth := utf8.DecodeLastRuneInString(s[:len(s)-n])
		_, wantWidth := utf8.DecodeLastRuneInString(text)
		if gotWidth == 0 {
			return 0, false
		}
		n += gotWidth
		got, _ := character(s[len(s)-n:])
		want, _ := character(text[len(text)-wantWidth:])
		if !sameFold(got, want) {
			return 0, false
		}
		text = text[:len(text)-wantWidth]
	}
	return n, true
}

// sameFold tells whether two characters differ at most in case.
func sameFold(a, b rune) bool {
	if a == b {
		return true
	}
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return lower(byte(a)) == lower(byte(b))
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}
