package jsonata

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode"
)

// A regex is a regular expression of ECMAScript: with lookahead, lookbehind, named groups
// and references back. It matches by backtracking as JavaScript does, but takes no
// exponential time: what has failed once at a place is not tried there again, and where
// that cannot be known (references, lookaround), the steps of the evaluation bound it.
// Unlike JavaScript without flag u it sees characters, not UTF-16 code units.
type regex struct {
	source string
	prog   []instruction
	sets   []*runeSet
	groups int
	regs   int // registers: 2 per group, and those of loops
	fold   bool
	multi  bool
	// memo tells that whether a match goes on depends on place and instruction alone.
	memo bool
	// literal is what every match begins with, if that is so.
	literal string
	begin   bool // matches at the begin only
}

type opcode uint8

const (
	opChar opcode = iota
	opSet
	opAny      // any character but those that end a line
	opSplit    // try x, then y
	opJump     // go on at x
	opSave     // note the place in register x
	opBegin    // ^
	opEnd      // $
	opWord     // \b; x=1: \B
	opBack     // the text of group x again
	opReset    // forget the registers from x to y
	opProgress // fail unless the place has moved on from that in register x
	opLook     // look at what follows up to y; x&1: must not match; x&2: looks behind
	opMatch
)

type instruction struct {
	op   opcode
	x, y int
	r    rune
}

// programMax is how many instructions an expression may come to: counted repetitions
// count many times.
const programMax = 20_000

// runeSet is a class of characters.
type runeSet struct {
	ascii  [4]uint32
	ranges []rune // pairs, sorted
	not    bool
}

func (s *runeSet) add(from, to rune) { s.ranges = append(s.ranges, from, to) }

func (s *runeSet) finish(fold bool) {
	if fold {
		for i, n := 0, len(s.ranges); i < n; i += 2 {
			from, to := s.ranges[i], min(s.ranges[i+1], 0x1e943)
			for r := from; r <= to; r++ {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					if canonical(f) == canonical(r) {
						s.add(f, f)
					}
				}
			}
		}
	}
	pairs := make([][2]rune, 0, len(s.ranges)/2)
	for i := 0; i < len(s.ranges); i += 2 {
		pairs = append(pairs, [2]rune{s.ranges[i], s.ranges[i+1]})
	}
	sort.Slice(pairs, func(i, j int) bool { return pairs[i][0] < pairs[j][0] })
	s.ranges = s.ranges[:0]
	for _, p := range pairs {
		if n := len(s.ranges); n > 0 && p[0] <= s.ranges[n-1]+1 {
			s.ranges[n-1] = max(s.ranges[n-1], p[1])
		} else {
			s.ranges = append(s.ranges, p[0], p[1])
		}
	}
	for r := rune(0); r < 128; r++ {
		if s.within(r) != s.not {
			s.ascii[r>>5] |= 1 << (r & 31)
		}
	}
}

func (s *runeSet) within(r rune) bool {
	lo, hi := 0, len(s.ranges)/2
	for lo < hi {
		m := (lo + hi) / 2
		switch {
		case r < s.ranges[2*m]:
			hi = m
		case r > s.ranges[2*m+1]:
			lo = m + 1
		default:
			return true
		}
	}
	return false
}

func (s *runeSet) has(r rune) bool {
	if r < 128 {
		return s.ascii[r>>5]&(1<<(r&31)) != 0
	}
	return s.within(r) != s.not
}

// canonical is what characters have in common that are the same regardless of case.
func canonical(r rune) rune {
	if r < 128 {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}
	if u := unicode.ToUpper(r); u >= 128 {
		return u
	}
	return r
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' || r == 0x2028 || r == 0x2029 }

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// regexNode is a node of a regular expression's tree.
type regexNode struct {
	kind     byte // 'c'har 's'et '.' '^' '$' 'b'oundary '('capture 'r'eference 'l'ook '*' '|' ','sequence
	r        rune
	set      *runeSet
	index    int
	not      bool
	behind   bool
	lazy     bool
	min, max int // max -1: no bound
	name     string
	list     []*regexNode
	groups   [2]int // of what is within
}

type regexParser struct {
	src    string
	at     int
	groups int
	names  map[string]int
	fold   bool
	depth  int
	refs   []*regexNode
	total  int // groups in the whole source
}

type regexError string

func compileRegex(source, flags string) (re *regex, err *Error) {
	p := &regexParser{src: source, names: map[string]int{}, fold: strings.Contains(flags, "i")}
	p.total = countGroups(source)
	defer func() {
		if r := recover(); r != nil {
			problem, is := r.(regexError)
			if !is {
				panic(r)
			}
			re, err = nil, failValue("U1004", "/"+source+"/: "+string(problem))
		}
	}()
	tree := p.alternatives()
	if p.at < len(source) {
		panic(regexError("Unmatched ')'"))
	}
	for _, ref := range p.refs {
		if ref.name != "" {
			i, known := p.names[ref.name]
			if !known {
				panic(regexError("Invalid named capture referenced"))
			}
			ref.index = i
		}
	}
	re = &regex{source: source, groups: p.groups, regs: 2 * (p.groups + 1), fold: p.fold, multi: strings.Contains(flags, "m"), memo: true}
	re.emit(tree, false)
	re.add(instruction{op: opMatch})
	if !re.fold {
		var lit []rune
		for _, in := range re.prog {
			if in.op != opChar {
				if in.op == opBegin && len(lit) == 0 && !re.multi {
					re.begin = true
				}
				break
			}
			lit = append(lit, in.r)
		}
		re.literal = string(lit)
	}
	return re, nil
}

// countGroups counts the groups that capture, for references to those that come later.
func countGroups(s string) int {
	n, class := 0, false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			class = true
		case ']':
			class = false
		case '(':
			if !class && (i+1 >= len(s) || s[i+1] != '?' || i+3 < len(s) && s[i+2] == '<' && s[i+3] != '=' && s[i+3] != '!') {
				n++
			}
		}
	}
	return n
}

func (p *regexParser) more() bool { return p.at < len(p.src) }

func (p *regexParser) take(s string) bool {
	if strings.HasPrefix(p.src[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

func (p *regexParser) alternatives() *regexNode {
	p.depth++
	if p.depth > 200 {
		panic(regexError("nested too deeply"))
	}
	defer func() { p.depth-- }()
	n := p.sequence()
	if !p.more() || p.src[p.at] != '|' {
		return n
	}
	alt := &regexNode{kind: '|', list: []*regexNode{n}}
	for p.take("|") {
		alt.list = append(alt.list, p.sequence())
	}
	return alt
}

func (p *regexParser) sequence() *regexNode {
	seq := &regexNode{kind: ','}
	for p.more() && p.src[p.at] != '|' && p.src[p.at] != ')' {
		first := p.groups
		atom := p.atom()
		seq.list = append(seq.list, p.quantified(atom, first))
	}
	return seq
}

func (p *regexParser) quantified(atom *regexNode, first int) *regexNode {
	if !p.more() {
		return atom
	}
	q := &regexNode{kind: '*', list: []*regexNode{atom}, groups: [2]int{first + 1, p.groups + 1}}
	switch p.src[p.at] {
	case '*':
		q.max = -1
	case '+':
		q.min, q.max = 1, -1
	case '?':
		q.max = 1
	case '{':
		lo, hi, length, ok := counts(p.src[p.at:])
		if !ok {
			return atom
		}
		q.min, q.max = lo, hi
		if hi >= 0 && lo > hi {
			panic(regexError("numbers out of order in {} quantifier"))
		}
		p.at += length - 1
	default:
		return atom
	}
	switch atom.kind {
	case '^', '$', 'b':
		panic(regexError("Nothing to repeat"))
	case 'l':
		if atom.behind {
			panic(regexError("Nothing to repeat"))
		}
	}
	p.at++
	q.lazy = p.take("?")
	return q
}

// counts reads {n}, {n,} or {n,m}; anything else is text.
func counts(s string) (lo, hi, length int, ok bool) {
	end := strings.IndexByte(s, '}')
	if end < 2 {
		return
	}
	a, b, comma := strings.Cut(s[1:end], ",")
	number := func(t string) int {
		n, err := strconv.Atoi(t)
		for _, c := range t {
			if c < '0' || c > '9' {
				return -1
			}
		}
		if err != nil {
			n = programMax
		}
		return min(n, programMax)
	}
	if a == "" {
		return
	}
	if lo = number(a); lo < 0 {
		return
	}
	switch {
	case !comma:
		hi = lo
	case b == "":
		hi = -1
	default:
		if hi = number(b); hi < 0 {
			return
		}
	}
	return lo, hi, end + 1, true
}

func (p *regexParser) atom() *regexNode {
	c, size := decodeCharacter(p.src[p.at:])
	p.at += size
	switch c {
	case '^', '$', '.':
		return &regexNode{kind: byte(c)}
	case '*', '+', '?':
		panic(regexError("Nothing to repeat"))
	case '{':
		if _, _, _, ok := counts(p.src[p.at-1:]); ok {
			panic(regexError("Nothing to repeat"))
		}
	case '[':
		return &regexNode{kind: 's', set: p.class()}
	case '(':
		return p.group()
	case '\\':
		return p.escape()
	}
	return &regexNode{kind: 'c', r: c}
}

func (p *regexParser) group() *regexNode {
	n := &regexNode{kind: '('}
	switch {
	case p.take("?:"):
		n.kind = ','
	case p.take("?="):
		n.kind = 'l'
	case p.take("?!"):
		n.kind, n.not = 'l', true
	case p.take("?<="):
		n.kind, n.behind = 'l', true
	case p.take("?<!"):
		n.kind, n.not, n.behind = 'l', true, true
	case p.take("?<"):
		p.groups++
		n.index = p.groups
		name := p.name()
		if _, twice := p.names[name]; twice {
			panic(regexError("Duplicate capture group name"))
		}
		p.names[name] = n.index
	case p.more() && p.src[p.at] == '?':
		panic(regexError("Invalid group"))
	default:
		p.groups++
		n.index = p.groups
	}
	first := p.groups
	n.list = []*regexNode{p.alternatives()}
	n.groups = [2]int{first + 1, p.groups + 1}
	if !p.take(")") {
		panic(regexError("Unterminated group"))
	}
	return n
}

func (p *regexParser) name() string {
	end := strings.IndexByte(p.src[p.at:], '>')
	if end <= 0 {
		panic(regexError("Invalid capture group name"))
	}
	name := p.src[p.at : p.at+end]
	for i, r := range name {
		if !(r == '_' || r == '$' || unicode.IsLetter(r) || i > 0 && unicode.IsDigit(r)) {
			panic(regexError("Invalid capture group name"))
		}
	}
	p.at += end + 1
	return name
}

var (
	digitRanges = []rune{'0', '9'}
	wordRanges  = []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}
	spaceRanges = []rune{'\t', '\r', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff}
)

// shorthand gives the class of \d, \w, \s and their opposites.
func shorthand(c byte) []rune {
	var r []rune
	switch c | 0x20 {
	case 'd':
		r = digitRanges
	case 'w':
		r = wordRanges
	case 's':
		r = spaceRanges
	default:
		return nil
	}
	if c&0x20 != 0 {
		return r
	}
	var out []rune
	from := rune(0)
	for i := 0; i < len(r); i += 2 {
		if r[i] > from {
			out = append(out, from, r[i]-1)
		}
		from = r[i+1] + 1
	}
	return append(out, from, unicode.MaxRune)
}

func (p *regexParser) escape() *regexNode {
	if !p.more() {
		panic(regexError("\\ at end of pattern"))
	}
	c := p.src[p.at]
	if ranges := shorthand(c); ranges != nil {
		p.at++
		set := &runeSet{ranges: append([]rune(nil), ranges...)}
		set.finish(false)
		return &regexNode{kind: 's', set: set}
	}
	switch {
	case c == 'b' || c == 'B':
		p.at++
		return &regexNode{kind: 'b', not: c == 'B'}
	case c >= '1' && c <= '9':
		end := p.at
		for end < len(p.src) && p.src[end] >= '0' && p.src[end] <= '9' {
			end++
		}
		if n, err := strconv.Atoi(p.src[p.at:end]); err == nil && n <= p.total {
			p.at = end
			ref := &regexNode{kind: 'r', index: n}
			p.refs = append(p.refs, ref)
			return ref
		}
	case c == 'k' && p.at+1 < len(p.src) && p.src[p.at+1] == '<' && strings.Contains(p.src, "(?<"):
		p.at += 2
		ref := &regexNode{kind: 'r', name: p.name()}
		p.refs = append(p.refs, ref)
		return ref
	}
	return &regexNode{kind: 'c', r: p.character(false)}
}

// character reads what stands behind a backslash for one character.
func (p *regexParser) character(class bool) rune {
	c, size := decodeCharacter(p.src[p.at:])
	p.at += size
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	case 'f':
		return '\f'
	case 'b':
		if class {
			return '\b'
		}
	case 'x':
		if r, ok := hex(p.src, p.at, 2); ok {
			p.at += 2
			return r
		}
	case 'u':
		if r, ok := hex(p.src, p.at, 4); ok {
			p.at += 4
			if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(p.src[p.at:], "\\u") {
				if low, ok := hex(p.src, p.at+2, 4); ok && low >= 0xdc00 && low < 0xe000 {
					p.at += 6
					return 0x10000 + (r-0xd800)<<10 + low - 0xdc00
				}
			}
			return r
		}
	case 'c':
		if p.more() {
			if l := p.src[p.at] | 0x20; l >= 'a' && l <= 'z' {
				p.at++
				return rune(l & 31)
			}
		}
		p.at--
		return '\\'
	case '0', '1', '2', '3', '4', '5', '6', '7':
		r := c - '0'
		for r < 32 && p.more() && p.src[p.at] >= '0' && p.src[p.at] <= '7' {
			r = r*8 + rune(p.src[p.at]-'0')
			p.at++
		}
		return r
	}
	return c
}

func (p *regexParser) class() *runeSet {
	s := &runeSet{not: p.take("^")}
	for {
		if !p.more() {
			panic(regexError("Unterminated character class"))
		}
		if p.take("]") {
			break
		}
		from, many := p.member(s)
		if !strings.HasPrefix(p.src[p.at:], "-") || p.at+1 >= len(p.src) || p.src[p.at+1] == ']' {
			if !many {
				s.add(from, from)
			}
			continue
		}
		p.at++
		to, manyTo := p.member(s)
		switch {
		case many || manyTo:
			s.add('-', '-')
			if !many {
				s.add(from, from)
			}
			if !manyTo {
				s.add(to, to)
			}
		case from > to:
			panic(regexError("Range out of order in character class"))
		default:
			s.add(from, to)
		}
	}
	s.finish(p.fold)
	return s
}

// member reads one member of a class; a shorthand is many and added at once.
func (p *regexParser) member(s *runeSet) (r rune, many bool) {
	c, size := decodeCharacter(p.src[p.at:])
	p.at += size
	if c != '\\' {
		return c, false
	}
	if !p.more() {
		panic(regexError("\\ at end of pattern"))
	}
	if ranges := shorthand(p.src[p.at]); ranges != nil {
		p.at++
		s.ranges = append(s.ranges, ranges...)
		return 0, true
	}
	return p.character(true), false
}

func (re *regex) add(in instruction) int {
	if len(re.prog) >= programMax {
		panic(regexError(fmt.Sprintf("it comes to more than %d steps", programMax)))
	}
	re.prog = append(re.prog, in)
	return len(re.prog) - 1
}

// empty tells whether a node can match nothing at all.
func (n *regexNode) empty() bool {
	switch n.kind {
	case 'c', 's', '.':
		return false
	case '|':
		for _, l := range n.list {
			if l.empty() {
				return true
			}
		}
		return false
	case '*':
		return n.min == 0 || n.list[0].empty()
	case ',', '(':
		for _, l := range n.list {
			if !l.empty() {
				return false
			}
		}
	}
	return true
}

// emit appends the instructions of a node; behind, what looks backwards.
func (re *regex) emit(n *regexNode, behind bool) {
	switch n.kind {
	case 'c':
		r := n.r
		if re.fold {
			r = canonical(r)
		}
		re.add(instruction{op: opChar, r: r})
	case 's':
		re.sets = append(re.sets, n.set)
		re.add(instruction{op: opSet, x: len(re.sets) - 1})
	case '.':
		re.add(instruction{op: opAny})
	case '^':
		re.add(instruction{op: opBegin})
	case '$':
		re.add(instruction{op: opEnd})
	case 'b':
		x := 0
		if n.not {
			x = 1
		}
		re.add(instruction{op: opWord, x: x})
	case 'r':
		re.memo = false
		re.add(instruction{op: opBack, x: n.index})
	case ',':
		if behind {
			for i := len(n.list) - 1; i >= 0; i-- {
				re.emit(n.list[i], behind)
			}
			return
		}
		for _, l := range n.list {
			re.emit(l, behind)
		}
	case '(':
		first, second := 2*n.index, 2*n.index+1
		if behind {
			first, second = second, first
		}
		re.add(instruction{op: opSave, x: first})
		re.emit(n.list[0], behind)
		re.add(instruction{op: opSave, x: second})
	case '|':
		var ends []int
		for i, l := range n.list {
			if i == len(n.list)-1 {
				re.emit(l, behind)
				break
			}
			split := re.add(instruction{op: opSplit})
			re.prog[split].x = len(re.prog)
			re.emit(l, behind)
			ends = append(ends, re.add(instruction{op: opJump}))
			re.prog[split].y = len(re.prog)
		}
		for _, end := range ends {
			re.prog[end].x = len(re.prog)
		}
	case 'l':
		re.memo = false
		look := re.add(instruction{op: opLook})
		if n.not {
			re.prog[look].x |= 1
		}
		if n.behind {
			re.prog[look].x |= 2
		}
		re.emit(n.list[0], n.behind)
		re.add(instruction{op: opMatch})
		re.prog[look].y = len(re.prog)
	case '*':
		re.repeat(n, behind)
	}
}

func (re *regex) repeat(n *regexNode, behind bool) {
	body := n.list[0]
	once := func() {
		if n.groups[0] < n.groups[1] {
			re.add(instruction{op: opReset, x: 2 * n.groups[0], y: 2 * n.groups[1]})
		}
		re.emit(body, behind)
	}
	split := func() int {
		return re.add(instruction{op: opSplit})
	}
	aim := func(at, in, out int) {
		re.prog[at].x, re.prog[at].y = in, out
		if n.lazy {
			re.prog[at].x, re.prog[at].y = out, in
		}
	}
	for range n.min {
		once()
	}
	if n.max < 0 {
		loop := split()
		check := body.empty()
		reg := re.regs
		if check {
			re.memo = false
			re.regs++
			re.add(instruction{op: opSave, x: reg})
		}
		once()
		if check {
			re.add(instruction{op: opProgress, x: reg})
		}
		re.add(instruction{op: opJump, x: loop})
		aim(loop, loop+1, len(re.prog))
		return
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, split())
		if body.empty() {
			re.memo = false
			reg := re.regs
			re.regs++
			re.add(instruction{op: opSave, x: reg})
			once()
			re.add(instruction{op: opProgress, x: reg})
		} else {
			once()
		}
	}
	for _, s := range splits {
		aim(s, s+1, len(re.prog))
	}
}

// undo is what matching goes back to: another instruction to try at a place, or (pc < 0)
// a register's former value.
type undo struct{ pc, at int }

type matcher struct {
	re    *regex
	e     *evaluation
	s     string
	regs  []int
	stack []undo
	steps int
	seen  []uint64 // instructions that failed at places
}

// find looks for a match from a byte offset on; the registers are places of groups, -1
// of those that took no part. nil means that there is none.
func (re *regex) find(e *evaluation, s string, from int) ([]int, error) {
	m := &matcher{re: re, e: e, s: s, regs: make([]int, re.regs)}
	for at := from; at <= len(s); {
		if re.literal != "" {
			i := strings.Index(s[at:], re.literal)
			if err := e.spend((max(i, 0) + 15) / 16); err != nil {
				return nil, err
			}
			if i < 0 {
				return nil, nil
			}
			at += i
		}
		for i := range m.regs {
			m.regs[i] = -1
		}
		end, err := m.run(0, at, false)
		if err != nil {
			return nil, err
		}
		if end >= 0 {
			m.regs[0], m.regs[1] = at, end
			return m.regs[:2*(re.groups+1)], e.spend(m.steps & 0xff)
		}
		if at == len(s) || re.begin {
			break
		}
		at += nextCharacter(s[at:])
	}
	return nil, e.spend(m.steps & 0xff)
}

// memoFrom is after how many steps it pays to note what failed, and memoBytes how much
// memory that may take.
const (
	memoFrom  = 2_000
	memoBytes = 4 << 20
)

// before gives the character that ends at a place.
func (m *matcher) before(at int) (rune, int) {
	size := 1
	for size < at && size < 4 && m.s[at-size] >= 0x80 && m.s[at-size] < 0xc0 {
		size++
	}
	r, _ := decodeCharacter(m.s[at-size:])
	return r, size
}

// run tries to match from an instruction on, and gives the end of the match or -1.
func (m *matcher) run(pc, at int, behind bool) (int, error) {
	base := len(m.stack)
	re, s := m.re, m.s
	back := func() bool {
		for len(m.stack) > base {
			u := m.stack[len(m.stack)-1]
			m.stack = m.stack[:len(m.stack)-1]
			if u.pc >= 0 {
				pc, at = u.pc, u.at
				return true
			}
			m.regs[-1-u.pc] = u.at
		}
		return false
	}
	set := func(reg, v int) {
		m.stack = append(m.stack, undo{-1 - reg, m.regs[reg]})
		m.regs[reg] = v
	}
	for {
		m.steps++
		if m.steps&0xff == 0 {
			if err := m.e.spend(0x100); err != nil {
				return -1, err
			}
			if len(m.stack) > 1<<22 {
				return -1, fail("U1002")
			}
			if m.steps > memoFrom && re.memo && m.seen == nil && len(re.prog)*(len(s)+1)/8 <= memoBytes {
				if err := m.e.charge(len(re.prog) * (len(s) + 1) / 8); err != nil {
					return -1, err
				}
				m.seen = make([]uint64, (len(re.prog)*(len(s)+1)+63)/64)
			}
		}
		in := &re.prog[pc]
		ok := true
		switch in.op {
		case opChar, opSet, opAny:
			var r rune
			size := 0
			if behind {
				if at > 0 {
					r, size = m.before(at)
				}
			} else if at < len(s) {
				if c := s[at]; c < 0x80 {
					r, size = rune(c), 1
				} else {
					r, size = decodeCharacter(s[at:])
				}
			}
			switch {
			case size == 0:
				ok = false
			case in.op == opChar:
				ok = r == in.r || re.fold && canonical(r) == in.r
			case in.op == opSet:
				ok = re.sets[in.x].has(r)
			default:
				ok = !isLineEnd(r)
			}
			if behind {
				size = -size
			}
			at += size
			pc++
		case opSplit:
			if m.seen != nil {
				bit := pc*(len(s)+1) + at
				if m.seen[bit>>6]&(1<<(bit&63)) != 0 {
					ok = false
					break
				}
				m.seen[bit>>6] |= 1 << (bit & 63)
			}
			m.stack = append(m.stack, undo{in.y, at})
			pc = in.x
		case opJump:
			pc = in.x
		case opSave:
			set(in.x, at)
			pc++
		case opReset:
			for i := in.x; i < in.y; i++ {
				if m.regs[i] >= 0 {
					set(i, -1)
				}
			}
			pc++
		case opProgress:
			ok = m.regs[in.x] != at
			pc++
		case opBegin:
			ok = at == 0
			if !ok && re.multi {
				r, _ := m.before(at)
				ok = isLineEnd(r)
			}
			pc++
		case opEnd:
			ok = at == len(s)
			if !ok && re.multi {
				r, _ := decodeCharacter(s[at:])
				ok = isLineEnd(r)
			}
			pc++
		case opWord:
			a := at > 0 && isWord(s[at-1])
			b := at < len(s) && isWord(s[at])
			ok = (a != b) == (in.x == 0)
			pc++
		case opBack:
			from, to := m.regs[2*in.x], m.regs[2*in.x+1]
			if from >= 0 && to >= 0 {
				at, ok = m.again(s[min(from, to):max(from, to)], at, behind)
			}
			pc++
		case opLook:
			regs := len(m.stack)
			end, err := m.run(pc+1, at, in.x&2 != 0)
			if err != nil {
				return -1, err
			}
			ok = (end >= 0) == (in.x&1 == 0)
			// The choices within are settled; what it noted stays, to be undone later.
			kept := m.stack[:regs]
			for _, u := range m.stack[regs:] {
				if u.pc < 0 {
					kept = append(kept, u)
				}
			}
			m.stack = kept
			if end >= 0 && in.x&1 != 0 {
				for len(m.stack) > regs {
					u := m.stack[len(m.stack)-1]
					m.stack = m.stack[:len(m.stack)-1]
					m.regs[-1-u.pc] = u.at
				}
			}
			pc = in.y
		case opMatch:
			if base == 0 {
				m.stack = m.stack[:0]
			}
			return at, nil
		}
		if !ok && !back() {
			return -1, nil
		}
	}
}

// again matches a text that was captured.
func (m *matcher) again(text string, at int, behind bool) (int, bool) {
	if behind {
		if at < len(text) || !m.same(m.s[at-len(text):at], text) {
			return at, false
		}
		return at - len(text), true
	}
	if len(m.s)-at < len(text) || !m.same(m.s[at:at+len(text)], text) {
		return at, false
	}
	return at + len(text), true
}

func (m *matcher) same(a, b string) bool {
	if !m.re.fold {
		return a == b
	}
	for a != "" && b != "" {
		x, n := decodeCharacter(a)
		y, k := decodeCharacter(b)
		if canonical(x) != canonical(y) {
			return false
		}
		a, b = a[n:], b[k:]
	}
	return a == b
}
