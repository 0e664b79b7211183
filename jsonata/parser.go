package jsonata

// ast is a node of the syntax tree. The parser makes it as the source reads; the
// function process then makes paths of it (process.go). Its kinds are jsonata-js's types,
// which error S0217 prints.
type ast struct {
	kind  string
	text  string // a name, variable, operator or string; the pattern of a regex
	value any    // of a number, value; flags of a regex
	pos   int
	depth int // of the tree below

	lhs, rhs *ast
	list     []*ast    // arguments, expressions of a block or array, steps of a path
	pairs    [][2]*ast // members of an object
	proc     *ast      // of a function or partial application
	els      *ast      // of a condition: lhs ? rhs : els; of a transform: |lhs|rhs, els|
	terms    []term
	sig      *signature

	keepArray  bool // [] stood behind it
	keepSingle bool // of a path: one of its steps has keepArray
	constructs bool // an array constructor that is the first or last step of a path
	tuple      bool // the step makes a stream of tuples; the path or block hands one on
	thunk      bool // a tail call
	predicates []stage
	stages     []stage
	group      *ast
	focus      string
	index      string
	ancestor   *ancestor
	seeks      []*ancestor // parents that steps before this must give
	slot       *ancestor   // of a parent
}

// term is one of an order-by clause.
type term struct {
	expr       *ast
	descending bool
}

// stage filters what a step gave, or numbers it (index is not "").
type stage struct {
	filter *ast
	index  string
}

// ancestor is the place where a step keeps the value that it came from, for %.
type ancestor struct {
	label string
	level int
	at    int
}

// nestingMax is how deep an expression may be nested, and its tree be.
const nestingMax = 1000

type parser struct {
	lex   *lexer
	node  token // the next token
	depth int
}

func parse(src string) (*ast, error) {
	p := &parser{lex: newLexer(src)}
	if err := p.advance("", false); err != nil {
		return nil, err
	}
	tree, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.node.kind != "" {
		return nil, p.tokenError("S0201")
	}
	return tree, nil
}

// printed is how messages print a token.
func (t token) printed() any {
	switch t.kind {
	case "":
		return "(end)"
	case "number", "value":
		return t.value
	}
	return t.text
}

func (p *parser) tokenError(code string) *Error {
	e := failAt(code, p.node.pos, p.node.text)
	e.token = p.node.printed()
	if p.node.kind == "" {
		e.Token = "(end)"
	}
	if e.token == nil {
		e.token = jsonNull{}
	}
	return e
}

// advance reads the next token; the present one must be id unless that is "".
func (p *parser) advance(id string, infix bool) error {
	if id != "" && !p.is(id) {
		code := "S0202"
		if p.node.kind == "" {
			code = "S0203"
		}
		e := p.tokenError(code)
		e.Value = id
		return e
	}
	t, err := p.lex.next(infix)
	if err != nil {
		return err
	}
	p.node = t
	if t.kind == "operator" && (t.text == "!" || t.text == "~") {
		return p.tokenError("S0204")
	}
	return nil
}

func (p *parser) is(operator string) bool {
	return p.node.kind == "operator" && p.node.text == operator
}

func (p *parser) power() int {
	if p.node.kind != "operator" {
		return 0
	}
	switch p.node.text {
	case ":", ";", "..", "|", "**": // these begin something, or end what went before
		return 0
	}
	return binding[p.node.text]
}

func (p *parser) expression(power int) (*ast, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > nestingMax {
		return nil, failAt("U1003", p.node.pos, "")
	}
	t := p.node
	if err := p.advance("", true); err != nil {
		return nil, err
	}
	left, err := p.prefix(t)
	if err != nil {
		return nil, err
	}
	for power < p.power() {
		t := p.node
		if err := p.advance("", false); err != nil {
			return nil, err
		}
		depth := left.depth
		if left, err = p.infix(t, left); err != nil {
			return nil, err
		}
		left.depth = max(left.depth, depth+1)
		if left.depth > nestingMax {
			return nil, failAt("U1003", t.pos, "")
		}
	}
	return left, nil
}

// prefix reads what begins with t.
func (p *parser) prefix(t token) (*ast, error) {
	n := &ast{kind: t.kind, text: t.text, value: t.value, pos: t.pos}
	if t.kind != "operator" {
		if t.kind == "" {
			n.kind, n.text = "(end)", "(end)"
		}
		return n, nil
	}
	var err error
	switch t.text {
	case "and", "or", "in", "?":
		return n, nil
	case "*":
		n.kind = "wildcard"
	case "**":
		n.kind = "descendant"
	case "%":
		n.kind = "parent"
	case "-":
		n.kind = "unary"
		if n.lhs, err = p.expression(70); err != nil {
			return nil, err
		}
		n.depth = n.lhs.depth + 1
	case "(":
		n.kind = "block"
		for !p.is(")") {
			e, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			n.add(e)
			if !p.is(";") {
				break
			}
			if err := p.advance(";", false); err != nil {
				return nil, err
			}
		}
		return n, p.advance(")", true)
	case "[":
		n.kind = "unary"
		err := p.commas("]", func() error {
			item, err := p.expression(0)
			if err != nil {
				return err
			}
			if p.is("..") {
				r := &ast{kind: "binary", text: "..", pos: p.node.pos, lhs: item}
				if err := p.advance("..", false); err != nil {
					return err
				}
				if r.rhs, err = p.expression(0); err != nil {
					return err
				}
				r.depth = max(item.depth, r.rhs.depth) + 1
				item = r
			}
			n.add(item)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return n, p.advance("]", true)
	case "{":
		n.kind = "unary"
		return n, p.members(n)
	case "|":
		n.kind = "transform"
		if n.lhs, err = p.expression(0); err != nil {
			return nil, err
		}
		if err := p.advance("|", false); err != nil {
			return nil, err
		}
		if n.rhs, err = p.expression(0); err != nil {
			return nil, err
		}
		n.depth = max(n.lhs.depth, n.rhs.depth) + 1
		if p.is(",") {
			if err := p.advance(",", false); err != nil {
				return nil, err
			}
			if n.els, err = p.expression(0); err != nil {
				return nil, err
			}
			n.depth = max(n.depth, n.els.depth+1)
		}
		return n, p.advance("|", false)
	default:
		return nil, failAt("S0211", t.pos, t.text)
	}
	return n, nil
}

// add appends an expression to the node's list.
func (n *ast) add(e *ast) {
	n.list = append(n.list, e)
	n.depth = max(n.depth, e.depth+1)
}

// commas reads what is separated by commas, up to but not including end.
func (p *parser) commas(end string, read func() error) error {
	if p.is(end) {
		return nil
	}
	for {
		if err := read(); err != nil {
			return err
		}
		if !p.is(",") {
			return nil
		}
		if err := p.advance(",", false); err != nil {
			return err
		}
	}
}

func (p *parser) members(n *ast) error {
	err := p.commas("}", func() error {
		name, err := p.expression(0)
		if err != nil {
			return err
		}
		if err := p.advance(":", false); err != nil {
			return err
		}
		value, err := p.expression(0)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, [2]*ast{name, value})
		n.depth = max(n.depth, name.depth+1, value.depth+1)
		return nil
	})
	if err != nil {
		return err
	}
	return p.advance("}", true)
}

// infix reads what t does with left.
func (p *parser) infix(t token, left *ast) (*ast, error) {
	n := &ast{kind: "binary", text: t.text, pos: t.pos, lhs: left}
	right := func(power int) (err error) {
		if n.rhs, err = p.expression(power); err == nil {
			n.depth = n.rhs.depth + 1
		}
		return err
	}
	switch t.text {
	case "(":
		return p.call(n, left)
	case "[":
		if p.is("]") {
			step := left
			for step.kind == "binary" && step.text == "[" {
				step = step.lhs
			}
			step.keepArray = true
			// As in jsonata-js a / after it begins a regular expression.
			return left, p.advance("]", false)
		}
		if err := right(0); err != nil {
			return nil, err
		}
		return n, p.advance("]", true)
	case "{":
		return n, p.members(n)
	case "^":
		if err := p.advance("(", false); err != nil {
			return nil, err
		}
		for {
			var t term
			if p.is("<") || p.is(">") {
				t.descending = p.is(">")
				if err := p.advance("", false); err != nil {
					return nil, err
				}
			}
			var err error
			if t.expr, err = p.expression(0); err != nil {
				return nil, err
			}
			n.terms = append(n.terms, t)
			n.depth = max(n.depth, t.expr.depth+1)
			if !p.is(",") {
				break
			}
			if err := p.advance(",", false); err != nil {
				return nil, err
			}
		}
		return n, p.advance(")", false)
	case ":=":
		if left.kind != "variable" {
			return nil, failAt("S0212", left.pos, left.text)
		}
		return n, right(binding[":="] - 1)
	case "@", "#":
		if err := right(binding[t.text]); err != nil {
			return nil, err
		}
		if n.rhs.kind != "variable" {
			return nil, failAt("S0214", n.rhs.pos, t.text)
		}
		return n, nil
	case "?":
		n.kind = "condition"
		if err := right(0); err != nil {
			return nil, err
		}
		if p.is(":") {
			if err := p.advance(":", false); err != nil {
				return nil, err
			}
			var err error
			if n.els, err = p.expression(0); err != nil {
				return nil, err
			}
			n.depth = max(n.depth, n.els.depth+1)
		}
		return n, nil
	case "?:", "??":
		n.kind = "condition"
		return n, right(0)
	}
	return n, right(binding[t.text])
}

// call reads the arguments of a function, or a function's definition.
func (p *parser) call(n, left *ast) (*ast, error) {
	n.kind, n.lhs, n.proc = "function", nil, left
	err := p.commas(")", func() error {
		if p.is("?") {
			n.kind = "partial"
			n.add(&ast{kind: "operator", text: "?", pos: p.node.pos})
			return p.advance("?", false)
		}
		e, err := p.expression(0)
		if err == nil {
			n.add(e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := p.advance(")", true); err != nil {
		return nil, err
	}
	if left.kind != "name" || left.text != "function" && left.text != "λ" {
		return n, nil
	}
	for i, a := range n.list {
		if a.kind != "variable" {
			e := failAt("S0208", a.pos, a.text)
			e.Value = float64(i + 1)
			return nil, e
		}
	}
	n.kind, n.proc = "lambda", nil
	if p.is("<") {
		text, depth := "<", 1
		for depth > 0 && p.node.kind != "" && !p.is("{") {
			if err := p.advance("", false); err != nil {
				return nil, err
			}
			switch {
			case p.is(">"):
				depth--
			case p.is("<"):
				depth++
			}
			text += p.node.text
		}
		if err := p.advance(">", false); err != nil {
			return nil, err
		}
		var fault *Error
		if n.sig, fault = parseSignature(text); fault != nil {
			fault.Position += n.pos
			return nil, fault
		}
	}
	if err := p.advance("{", false); err != nil {
		return nil, err
	}
	if n.rhs, err = p.expression(0); err != nil {
		return nil, err
	}
	n.depth = max(n.depth, n.rhs.depth+1)
	return n, p.advance("}", true)
}
