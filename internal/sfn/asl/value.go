package asl

import (
	"slices"
	"strings"
	"unicode"

	"heddle/internal/sfn/template"
	"heddle/jsonpath"
	"heddle/jsonvalue"
)

// Names of errors.
const (
	runtimeError          = "States.Runtime"
	referencePathConflict = "States.ReferencePathConflict"
)

// constant is a Value that no environment changes.
type constant struct{ value any }

func (c constant) Evaluate(*Env) (any, error) { return c.value, nil }
func (c constant) Constant() bool             { return true }

// constantNumber gives a constant that is a number.
func constantNumber(v Value) (float64, bool) {
	c, ok := v.(constant)
	if !ok {
		return 0, false
	}
	return jsonvalue.Float(c.value)
}

// What a path field may hold beside a Reference Path of the input or of a variable.
const (
	mayContext      = 1 << iota // a path of the context object
	mayIndefinite               // any path
	mightIndefinite             // any path, in what was stored; see unwritable
	mayIntrinsics               // both, and a call of an intrinsic function
)

// pathField reads the path that a field holds.
func (r *reading) pathField(field, at string, v any, may int) Value {
	if p := r.path(field, at, v, may); p != nil {
		return p
	}
	return nil
}

func (r *reading) path(field, at string, v any, may int) *pathValue {
	text, ok := r.text(at, v)
	if !ok {
		return nil
	}
	r.source(field, text)
	if may&mayIntrinsics != 0 {
		may |= mayContext | mayIndefinite
	}
	e, err := template.ParseExpr(text, may&mayIntrinsics != 0)
	switch {
	case err != nil && may&mayIndefinite != 0:
		r.wrong(at, notPath)
		return nil
	case err != nil,
		may&(mayIndefinite|mightIndefinite) == 0 && !isReference(e),
		may&mayContext == 0 && e.Root() == "$$":
		r.wrong(at, noReference(text))
		return nil
	}
	if may&mightIndefinite != 0 && !isReference(e) {
		r.unwritable(at, noReference(text))
	}
	p := &pathValue{e: e}
	if may&mayIntrinsics != 0 {
		p.field = field
	}
	return r.pathValue(p)
}

// noReference is what is said of a text that is no Reference Path.
func noReference(text string) string {
	if !strings.HasPrefix(text, "$") {
		return notReference + ": Reference path didn't start with '$'"
	}
	return notReference
}

// isReference tells whether a path leads to one value, be it of the context object or of a
// variable.
func isReference(e *template.Expr) bool {
	return e.IsReference() || e.Root() != "$" && e.IsDefinite()
}

// member reads what a member holds whose name ends with ".$".
func (r *reading) member(name, at string, v any) Value {
	o := jsonvalue.NewObject(1)
	o.Set(name, v)
	if !r.templateFits(at, o) {
		return nil
	}
	e, err := template.ParseExpr(v.(string), true)
	if err != nil {
		return nil // it fitted
	}
	return r.pathValue(&pathValue{e: e, field: name})
}

func (r *reading) pathValue(p *pathValue) *pathValue {
	p.context = strings.Contains(p.e.Text(), "$$")
	r.readsVariables(p.e.Variables())
	return p
}

func (r *reading) readsVariables(names []string) {
	for _, name := range names {
		r.reads[name] = true
	}
}

// pathValue is a path, or a call of an intrinsic function.
type pathValue struct {
	e       *template.Expr
	field   string // that is told when the path finds nothing; empty: the path tells enough
	context bool   // it may want the context object
}

func (p *pathValue) Constant() bool { return false }

func (p *pathValue) Evaluate(env *Env) (v any, err error) {
	in := env.template(p.context)
	if p.field != "" {
		v, err = p.e.EvaluateField(in, p.field)
	} else {
		v, err = p.e.Evaluate(in)
	}
	env.spent(in)
	return v, failure(err)
}

// itemsPath is an ItemsPath. That a member is not there on the way of a Reference Path has words of
// its own.
type itemsPath struct{ *pathValue }

func (p itemsPath) Evaluate(env *Env) (any, error) {
	v, err := p.pathValue.Evaluate(env)
	if err != nil {
		if name, lacks := p.e.Lacks(env.Input); lacks {
			err = &Failure{Name: referencePathConflict, Cause: "Unable to apply step \"" + name + "\" to input " + jsonvalue.Text(env.Input), Plain: true}
		}
	}
	return v, err
}

// find is Evaluate, but that a path finds nothing is no error.
func (p *pathValue) find(env *Env) (v any, found bool, err error) {
	in := env.template(p.context)
	v, found, err = p.e.Find(in)
	env.spent(in)
	return v, found, failure(err)
}

// failure makes the failure of a template ours.
func failure(err error) error {
	switch err := err.(type) {
	case nil:
		return nil
	case *template.Failure:
		return &Failure{Name: err.Name, Cause: err.Cause}
	}
	return &Failure{Name: runtimeError, Cause: err.Error()}
}

// template is what paths and templates are evaluated with.
func (env *Env) template(context bool) *template.Env {
	in := &template.Env{
		Input: env.Input, Variables: env.Variable, Random: env.Random,
		Budget: &jsonpath.Budget{Steps: int(env.Steps), Bytes: int(env.Bytes)},
	}
	if context && env.Context != nil {
		in.Context = env.Context()
	}
	return in
}

// spent takes from env what was spent with in.
func (env *Env) spent(in *template.Env) {
	env.Steps, env.Bytes = int64(in.Budget.Steps), int64(in.Budget.Bytes)
}

// template reads a payload template of JSONPath.
func (r *reading) template(at string, v any) Value {
	t, err := template.Compile(v)
	if !r.fits(at, err) {
		return nil
	}
	r.warnTemplate(at, v)
	r.readsVariables(t.Variables())
	return &templateValue{t, wantsContext(v)}
}

func (r *reading) templateFits(at string, v any) bool {
	_, err := template.Compile(v)
	return r.fits(at, err)
}

// fits reports what is wrong with a template.
func (r *reading) fits(at string, err error) bool {
	if problems, ok := err.(template.Problems); ok {
		for _, p := range problems {
			r.wrong(at+p.Location, p.Message)
		}
	}
	return err == nil
}

// wantsContext tells whether "$$" stands anywhere.
func wantsContext(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "$$")
	case []any:
		return slices.ContainsFunc(v, wantsContext)
	case *jsonvalue.Object:
		for _, item := range v.All() {
			if wantsContext(item) {
				return true
			}
		}
	}
	return false
}

type templateValue struct {
	t       *template.Template
	context bool
}

func (t *templateValue) Constant() bool { return false }

func (t *templateValue) Evaluate(env *Env) (any, error) {
	in := env.template(t.context)
	v, err := t.t.Evaluate(in)
	env.spent(in)
	return v, failure(err)
}

// warnTemplate warns of members that look as if ".$" had been forgotten.
func (r *reading) warnTemplate(at string, v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			r.warnTemplate(at, item)
		}
	case *jsonvalue.Object:
		for name, item := range v.All() {
			if text, ok := item.(string); ok && !strings.HasSuffix(name, ".$") && looksDynamic(text) {
				r.warn(NoDollar, at, "The value of the field '"+name+"' looks like a JSONPath or an intrinsic function call, but the field's name does not end with '.$'") // ours
			}
			r.warnTemplate(at, item)
		}
	}
}

// hasDynamic tells whether anything in a value looks as if it were to be evaluated.
func hasDynamic(v any) bool {
	switch v := v.(type) {
	case string:
		return looksDynamic(v)
	case []any:
		return slices.ContainsFunc(v, hasDynamic)
	case *jsonvalue.Object:
		for name, item := range v.All() {
			if strings.HasSuffix(name, ".$") || hasDynamic(item) {
				return true
			}
		}
	}
	return false
}

// looksDynamic tells of a text whether it is a path of more than a dollar, or a call.
func looksDynamic(text string) bool {
	for _, prefix := range []string{"$.", "$[", "$$.", "States."} {
		if strings.HasPrefix(text, prefix) {
			_, err := template.ParseExpr(text, true)
			return err == nil
		}
	}
	return false
}

// assign reads an Assign of either language.
func (r *reading) assign(field, at string, v any) *Assign {
	o, ok := r.object(at, v)
	if !ok {
		return nil
	}
	a := &Assign{}
	for name, v := range o.All() {
		var value Value
		variable, dynamic := name, false
		switch {
		case r.s.Language == JSONata:
			value = r.query(field+"/"+name, at+"/"+name, v)
		default:
			if variable, dynamic = strings.CutSuffix(name, ".$"); dynamic {
				value = r.member(name, at, v)
			} else {
				value = r.template(at+"/"+name, v)
			}
		}
		if !variableName(variable) {
			r.wrong(at, "Variable name '"+variable+"' is invalid") // ours
		}
		r.assigned[variable] = true
		r.flow.assignments = append(r.flow.assignments, assignment{at, variable})
		a.Names = append(a.Names, variable)
		a.Values = append(a.Values, value)
	}
	return a
}

// variableNameMax is in characters (Step Functions Developer Guide, variables).
const variableNameMax = 80

// variableName tells whether a variable may have a name: an identifier of Unicode that is
// not reserved.
func variableName(name string) bool {
	n := 0
	for _, r := range name {
		if r != '_' && !unicode.IsLetter(r) && !unicode.Is(unicode.Nl, r) &&
			(n == 0 || !unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc)) {
			return false
		}
		n++
	}
	return n > 0 && n <= variableNameMax && name != "states"
}

// newResultPath reads a ResultPath; nil: it is no Reference Path.
func newResultPath(text string) *ResultPath {
	p, err := jsonpath.Parse(text)
	if err != nil || !p.IsReference() {
		return nil
	}
	return &ResultPath{Text: text, Set: func(input, result any) (any, error) {
		v, err := p.Set(input, result)
		if err == nil {
			return v, nil
		}
		if wrong, ok := err.(*jsonpath.Error); ok && wrong.Kind == jsonpath.Unfit {
			return nil, &Failure{Name: referencePathConflict, Cause: wrong.Message, Plain: true}
		}
		return nil, &Failure{Name: runtimeError, Cause: err.Error()}
	}}
}
